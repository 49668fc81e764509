//! Calls of tools that have no result yet, of requests that are under way: what a result, or a decision, is held against.

use std::collections::BTreeMap;

use forethought_schemas::RecordId;

use crate::{ReviewDecision, ToolDecision, ToolResult};

/// A call that has no result yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OpenCall {
    /// Its entry.
    pub(crate) seq: u64,
    /// What was decided before it could run.
    pub(crate) decision: ToolDecision,
    /// What a person, or time, has decided, where it is held.
    pub(crate) decided: Option<ReviewDecision>,
}

impl OpenCall {
    /// Whether it waits for a person.
    pub(crate) fn waits(&self) -> bool {
        self.decision == ToolDecision::Held && self.decided.is_none()
    }

    /// Whether a result can say this of it, or why not: what nobody has allowed does not run.
    pub(crate) fn can_be(&self, state: &str) -> Result<(), &'static str> {
        let is_approved = self.decided.is_some_and(ReviewDecision::releases);
        let is_held = self.decision == ToolDecision::Held;
        let (fits, why) = match state {
            ToolResult::DONE | ToolResult::FAILED => {
                let may_run = self.decision == ToolDecision::Allowed || is_held && is_approved;
                (may_run, "it may not run, since nobody has allowed it")
            }
            ToolResult::DECLINED => (is_held && !is_approved, "only what is held and not approved is declined"),
            ToolResult::DRY_RUN => (self.decision == ToolDecision::DryRun, "it is no dry run"),
            _ => (true, ""),
        };
        if fits { Ok(()) } else { Err(why) }
    }
}

/// Calls without a result, by their admissions.
#[derive(Debug, Default)]
pub(crate) struct OpenCalls(BTreeMap<RecordId, BTreeMap<RecordId, OpenCall>>);

impl OpenCalls {
    pub(crate) fn get(&self, admission: &RecordId, call: &RecordId) -> Option<&OpenCall> {
        self.0.get(admission)?.get(call)
    }

    pub(crate) fn insert(&mut self, admission: RecordId, call: RecordId, state: OpenCall) {
        self.0.entry(admission).or_default().insert(call, state);
    }

    pub(crate) fn remove(&mut self, admission: &RecordId, call: &RecordId) {
        let Some(calls) = self.0.get_mut(admission) else { return };
        calls.remove(call);
        if calls.is_empty() {
            self.0.remove(admission);
        }
    }

    pub(crate) fn decide(&mut self, admission: &RecordId, call: &RecordId, decision: ReviewDecision) {
        if let Some(state) = self.0.get_mut(admission).and_then(|calls| calls.get_mut(call)) {
            state.decided = Some(decision);
        }
    }

    /// Forgets the calls of a request that has ended, and gives those that waited for a person.
    pub(crate) fn end(&mut self, admission: &RecordId) -> impl Iterator<Item = RecordId> + use<> {
        let calls = self.0.remove(admission).unwrap_or_default();
        calls.into_iter().filter(|(_, state)| state.waits()).map(|(call, _)| call)
    }

    /// What a start needs to know of them: entries, and what was decided.
    pub(crate) fn marks(&self) -> Vec<(u64, Option<ReviewDecision>)> {
        let mut marks: Vec<_> = self.0.values().flat_map(BTreeMap::values).map(|c| (c.seq, c.decided)).collect();
        marks.sort_unstable_by_key(|(seq, _)| *seq);
        marks
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_runs_that_nobody_allowed() {
        use ReviewDecision::{Approved, Rejected, TimedOut};
        use ToolDecision::{Allowed, DryRun, Held, Refused};
        let check = |decision, decided, states: &[&str]| {
            let call = OpenCall { seq: 1, decision, decided };
            let all = ["done", "failed", "declined", "dry_run"];
            let found: Vec<&str> = all.into_iter().filter(|state| call.can_be(state).is_ok()).collect();
            assert_eq!(found, states, "{decision:?} {decided:?}");
            for state in ["cancelled", "error/timed_out", "error/refused"] {
                assert_eq!(call.can_be(state), Ok(()), "{decision:?} {decided:?}");
            }
        };
        check(Allowed, None, &["done", "failed"]);
        check(Refused, None, &[]);
        check(DryRun, None, &["dry_run"]);
        check(Held, None, &["declined"]);
        check(Held, Some(Approved), &["done", "failed"]);
        check(Held, Some(Rejected), &["declined"]);
        check(Held, Some(TimedOut), &["declined"]);
    }
}
