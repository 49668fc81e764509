//! Calls of tools: each within its request, each with one result at most, and none run that nobody allowed.

use forethought_schemas::{RecordId, RequestId};

use super::Check;
use crate::{Review, ReviewDecision, ToolCall, ToolDecision, ToolResult, log::OpenCall};

impl Check {
    pub(super) fn called(&mut self, id: &RecordId, call: &ToolCall, seq: u64) -> Result<(), String> {
        self.report.tool_calls += 1;
        self.is_under_way(&call.admission, &call.request_id, &call.tenant)?;
        if self.calls.get(&call.admission, id).is_some() {
            return Err("there is a call with this id already".to_owned());
        }
        if call.until.is_some() != (call.decision == ToolDecision::Held) {
            return Err("only a call that is held says until when a person may decide on it".to_owned());
        }
        let state = OpenCall { seq, decision: call.decision, decided: None };
        self.calls.insert(call.admission.clone(), id.clone(), state);
        Ok(())
    }

    /// Gives a call that is held its decision.
    pub(super) fn call_decided(&mut self, review: &Review, call: &RecordId) -> Result<(), String> {
        let Review { admission, request_id, tenant, decision, .. } = review;
        self.is_under_way(admission, request_id, tenant)?;
        if *decision == ReviewDecision::Edited {
            return Err(format!("it edits call {call}, which only an answer can be"));
        }
        if !self.calls.get(admission, call).is_some_and(OpenCall::waits) {
            return Err(format!("it decides on call {call}, which does not wait for a person"));
        }
        self.calls.decide(admission, call, *decision);
        Ok(())
    }

    /// Gives a call its result.
    pub(super) fn resulted(&mut self, result: &ToolResult) -> Result<(), String> {
        let ToolResult { admission, request_id, tenant, call, state, .. } = result;
        self.is_under_way(admission, request_id, tenant)?;
        let Some(open) = self.calls.get(admission, call) else {
            return Err(format!("it is the result of call {call}, which is unknown or has its result already"));
        };
        open.can_be(state).map_err(|why| format!("it says that call {call} is `{state}`: {why}"))?;
        self.calls.remove(admission, call);
        Ok(())
    }

    /// That an admission has no end, and is of this request and tenant.
    fn is_under_way(&self, admission: &RecordId, request_id: &RequestId, tenant: &str) -> Result<(), String> {
        match self.open.get(admission) {
            Some(open) if (&open.request_id, open.tenant.as_str()) == (request_id, tenant) => Ok(()),
            Some(_) => Err(format!("it belongs to admission {admission}, which is of another request or tenant")),
            None => Err(format!("it belongs to admission {admission}, which is unknown or has its end already")),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use forethought_store::{Disk, Position, SimDisk};

    use super::*;
    use crate::{
        Admission, Body, Draft, Record,
        contents::ContentKeys,
        tests::{admission, at, id, request},
        verify::Place,
    };

    fn begun() -> Admission {
        let Draft::Admission(draft) = admission(1, "ward") else { unreachable!() };
        draft.admission
    }

    fn call(decision: ToolDecision) -> ToolCall {
        ToolCall {
            admission: id(1),
            request_id: request(1),
            tenant: "ward".to_owned(),
            sample: 0,
            round: 0,
            call: 0,
            tool: "calc".to_owned(),
            spec: String::new(),
            effect: "pure".to_owned(),
            decision,
            because: Vec::new(),
            policy: None,
            safeguards: Vec::new(),
            until: (decision == ToolDecision::Held).then(|| at(9)),
        }
    }

    fn result(state: &str) -> Body {
        Body::ToolResult(ToolResult {
            admission: id(1),
            request_id: request(1),
            tenant: "ward".to_owned(),
            call: id(2),
            state: state.to_owned(),
            wall_ms: 1,
            bytes: 1,
            left_out: 0,
            cost: 0,
            safeguards: Vec::new(),
        })
    }

    fn decided(decision: ReviewDecision) -> Body {
        Body::Review(Review {
            admission: id(1),
            request_id: request(1),
            tenant: "ward".to_owned(),
            decision,
            by: None,
            reason: String::new(),
            call: Some(id(2)),
        })
    }

    fn ended() -> Body {
        Body::Interrupted(crate::Interrupted {
            admission: id(1),
            request_id: request(1),
            tenant: "ward".to_owned(),
            reason: String::new(),
        })
    }

    /// Checks what is wrong with the last of these records behind an admission; nothing where it is empty.
    fn check(bodies: Vec<Body>, expected: &str) {
        let disk: Arc<dyn Disk> = Arc::new(SimDisk::new());
        let mut check = Check::new(ContentKeys::open(&disk, None), &[]);
        let last = bodies.len();
        let all = std::iter::once(Body::Admission(begun())).chain(bodies);
        for (at_, body) in all.enumerate() {
            let number = u32::try_from(at_ + 1).expect("few");
            let record = Record { v: 3, record_id: id(number), time: at(1), prev: None, body, contents: Vec::new() };
            let position = Position { segment: "journal-1.seg".into(), offset: 0 };
            let found = check.follow(&record, &Place { seq: number.into(), position });
            match found {
                Err(what) if at_ == last => return assert!(!expected.is_empty() && what.contains(expected), "{what}"),
                found => assert_eq!(found, Ok(()), "{number}"),
            }
        }
        assert!(expected.is_empty(), "nothing was wrong");
    }

    #[test]
    fn calls_that_do_not_fit_are_named() {
        use ReviewDecision::{Approved, Edited, Rejected};
        use ToolDecision::{Allowed, Held, Refused};
        let made = |decision| Body::ToolCall(call(decision));
        check(vec![made(Allowed), result("done")], "");
        check(vec![made(Held), decided(Approved), result("done"), ended()], "");
        check(vec![made(Held), ended()], "");
        check(vec![made(Allowed), result("done"), result("done")], "has its result already");
        check(vec![result("done")], "unknown");
        check(vec![made(Refused), result("done")], "nobody has allowed it");
        check(vec![made(Held), result("failed")], "nobody has allowed it");
        check(vec![made(Held), decided(Rejected), result("done")], "nobody has allowed it");
        check(vec![made(Held), decided(Rejected), decided(Approved)], "does not wait");
        check(vec![made(Allowed), decided(Approved)], "does not wait");
        check(vec![made(Held), decided(Edited)], "only an answer");
        check(vec![ended(), made(Allowed)], "has its end already");
        check(vec![made(Allowed), ended(), result("done")], "has its end already");
        check(vec![made(Held), ended(), decided(Approved)], "has its end already");
        check(
            vec![Body::ToolCall(ToolCall { tenant: "bank".to_owned(), ..call(Allowed) })],
            "another request or tenant",
        );
        check(vec![Body::ToolCall(ToolCall { until: None, ..call(Held) })], "until when");
        check(vec![Body::ToolCall(ToolCall { until: Some(at(1)), ..call(Allowed) })], "until when");
    }
}
