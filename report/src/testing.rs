//! Records for tests, and figures of them.

use forethought_audit::{
    Act, Actor, Admission, Body, Commitment, Digest, Erasure, ErasureCause, Interrupted, KeyTrace, LawNote, LogRecord,
    LostRange, Outcome, OutcomeStatus, PolicyRef, Record, RefusedKey, RetentionNote, Review, ReviewAsked,
    ReviewDecision, Spent, TailCut, ToolCall, ToolDecision, ToolResult,
};
use forethought_schemas::{Budget, Effort, Facts, RecordId, StrategyName};
use forethought_tlog::leaf_hash;
use jiff::{SignedDuration, Timestamp};

use crate::{Figures, Scope, collect::gather, log_state::Tracked};

pub(crate) const TENANT: &str = "acme";

pub(crate) fn start() -> Timestamp {
    "2026-11-01T00:00:00Z".parse().expect("a time")
}

pub(crate) fn at(hours: i64) -> Timestamp {
    start() + SignedDuration::from_hours(hours)
}

/// November 2026 of one tenant.
pub(crate) fn november() -> Scope {
    Scope::new(Some(TENANT.to_owned()), start(), "2026-12-01T00:00:00Z".parse().expect("a time")).expect("a scope")
}

pub(crate) fn id(number: usize) -> RecordId {
    format!("rec_{number:032x}").into()
}

pub(crate) fn policy() -> PolicyRef {
    PolicyRef { version: "7".to_owned(), digest: "sha256:11".to_owned() }
}

/// A log that is made record by record.
#[derive(Default)]
pub(crate) struct Log(pub(crate) Vec<LogRecord>);

impl Log {
    pub(crate) fn push(&mut self, time: Timestamp, body: Body) -> RecordId {
        let leaf = self.0.len();
        let contents = match &body {
            Body::Admission(_) => {
                vec![Commitment { name: "prompt".to_owned(), commitment: Digest::of(b"a"), sealed: Digest::of(b"b") }]
            }
            _ => Vec::new(),
        };
        let record = Record { v: 2, record_id: id(leaf), time, prev: None, body, contents };
        let leaf_hash = leaf_hash(&serde_json::to_vec(&record).expect("JSON"));
        let record_id = record.record_id.clone();
        self.0.push(LogRecord { leaf: leaf as u64, leaf_hash, record });
        record_id
    }

    /// A request, changed by `with`.
    pub(crate) fn admit(&mut self, hours: i64, with: impl FnOnce(&mut Admission)) -> RecordId {
        let mut admission = admission(self.0.len());
        with(&mut admission);
        self.push(at(hours), Body::Admission(admission))
    }

    pub(crate) fn end(&mut self, hours: i64, of: &RecordId, status: OutcomeStatus, with: impl FnOnce(&mut Outcome)) {
        let mut outcome = outcome(of, status);
        with(&mut outcome);
        self.push(at(hours), Body::Outcome(outcome));
    }

    /// An answer that waits for a day.
    pub(crate) fn hold(&mut self, hours: i64, of: &RecordId) {
        let review = ReviewAsked { until: at(hours + 24), because: vec!["a rule".to_owned()] };
        self.end(hours, of, OutcomeStatus::Held, |outcome| outcome.review = Some(review));
    }

    pub(crate) fn review(&mut self, hours: i64, of: &RecordId, decision: ReviewDecision, by: Option<&str>) {
        let by = by.map(|key| actor(TENANT, key, "reviewer"));
        let review = Review {
            admission: of.clone(),
            request_id: format!("req_{of}").into(),
            tenant: TENANT.to_owned(),
            decision,
            by,
            reason: "looked at it".to_owned(),
            call: None,
        };
        self.push(at(hours), Body::Review(review));
    }

    pub(crate) fn call(&mut self, hours: i64, of: &RecordId, tool: &str, decision: ToolDecision) -> RecordId {
        let call = ToolCall {
            admission: of.clone(),
            request_id: format!("req_{of}").into(),
            tenant: TENANT.to_owned(),
            sample: 0,
            round: 0,
            call: 0,
            tool: tool.to_owned(),
            spec: "sha256:22".to_owned(),
            effect: "reads".to_owned(),
            decision,
            because: Vec::new(),
            policy: None,
            safeguards: Vec::new(),
            until: (decision == ToolDecision::Held).then(|| at(hours + 24)),
        };
        self.push(at(hours), Body::ToolCall(call))
    }

    pub(crate) fn call_result(&mut self, hours: i64, of: &RecordId, call: &RecordId, state: &str) {
        let result = ToolResult {
            admission: of.clone(),
            request_id: format!("req_{of}").into(),
            tenant: TENANT.to_owned(),
            call: call.clone(),
            state: state.to_owned(),
            wall_ms: 5,
            bytes: 7,
            left_out: 0,
            cost: 0,
            safeguards: Vec::new(),
        };
        self.push(at(hours), Body::ToolResult(result));
    }

    pub(crate) fn decide_call(&mut self, hours: i64, of: &RecordId, call: &RecordId, decision: ReviewDecision) {
        self.review(hours, of, decision, Some("k_r"));
        if let Some(Body::Review(review)) = self.0.last_mut().map(|last| &mut last.record.body) {
            review.call = Some(call.clone());
        }
    }

    pub(crate) fn interrupt(&mut self, hours: i64, of: &RecordId) {
        let (admission, request_id) = (of.clone(), format!("req_{of}").into());
        let body = Interrupted { admission, request_id, tenant: TENANT.to_owned(), reason: "a crash".to_owned() };
        self.push(at(hours), Body::Interrupted(body));
    }

    pub(crate) fn act(&mut self, hours: i64, what: &str, by: Option<Actor>, erasure: Option<Erasure>) {
        let act = Act {
            what: what.to_owned(),
            by,
            object: None,
            policy: policy(),
            changes: Vec::new(),
            reason: None,
            erasure,
        };
        self.push(at(hours), Body::Act(act));
    }

    pub(crate) fn cut(&mut self, hours: i64, lost: Option<LostRange>) {
        let cut = TailCut {
            segment: None,
            offset: 0,
            bytes: 41,
            kept_as: None,
            what: "torn".to_owned(),
            acknowledged_lost: lost,
        };
        self.push(at(hours), Body::TailCut(cut));
    }

    pub(crate) fn figures(&self, scope: &Scope) -> Figures {
        let records = self.0.iter().cloned().map(Ok);
        let (found, log) = gather(records, scope, Tracked::new(None, &[])).expect("collected");
        Figures::new(scope.clone(), log, found)
    }
}

pub(crate) fn actor(tenant: &str, key: &str, role: &str) -> Actor {
    Actor { tenant: tenant.to_owned(), key_id: key.to_owned(), role: role.to_owned() }
}

pub(crate) fn erasure(cause: ErasureCause, keys: usize, why: &[&str]) -> Erasure {
    let refused = |why: &&str| RefusedKey { id: "k".to_owned(), why: (*why).to_owned(), rule: None, until: None };
    Erasure {
        tenant: TENANT.to_owned(),
        cause,
        keys: (0..keys).map(|at| KeyTrace { id: at.to_string(), place: at.to_string() }).collect(),
        refused: why.iter().map(refused).collect(),
        refused_count: why.len() as u64,
    }
}

pub(crate) fn law(rule: &str, state: &str, effect: Option<&str>) -> LawNote {
    LawNote { rule: rule.to_owned(), state: state.to_owned(), effect: effect.map(str::to_owned), assessment: None }
}

fn admission(number: usize) -> Admission {
    Admission {
        request_id: format!("req_{number:032x}").into(),
        tenant: TENANT.to_owned(),
        key_id: "k_1".to_owned(),
        model: "qwen".to_owned(),
        weights_digest: format!("sha256:{}", "0".repeat(64)),
        policy: policy(),
        effort: Effort::Medium,
        strategy: StrategyName::SelfConsistency,
        budget: Budget { max_samples: 3, total_tokens: 300, sample_tokens: 100, deadline_ms: 5000 },
        seed: 1,
        n: 1,
        thinking_tokens: None,
        safeguards: Vec::new(),
        facts: Facts { regions: vec!["DE".to_owned()], ..Facts::default() },
        laws: Vec::new(),
        retention: RetentionNote::default(),
    }
}

fn outcome(of: &RecordId, status: OutcomeStatus) -> Outcome {
    Outcome {
        admission: of.clone(),
        request_id: format!("req_{of}").into(),
        tenant: TENANT.to_owned(),
        status,
        error_code: None,
        finish_reason: None,
        samples: Vec::new(),
        votes: Vec::new(),
        spent: Spent { prompt_tokens: 12, generated_tokens: 40, samples: 2, wall_ms: 900 },
        since: None,
        cost: 3,
        safeguards: Vec::new(),
        classifiers: Vec::new(),
        review: None,
        stop: None,
        chosen: Vec::new(),
        tools: None,
    }
}
