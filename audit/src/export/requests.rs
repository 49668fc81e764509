//! Requests, put together of their records: what `records.csv`, `traces.jsonl` and the counts of the data card are made of.

use std::collections::BTreeMap;

use forethought_schemas::{Facts, RecordId};
use jiff::Timestamp;

use super::{called::Calls, selection::goes_on};
use crate::{
    Admission, Body, Outcome, Record, RetentionNote, ReviewDecision, Spent, Status, index::Keys, query::status_of,
};

/// Samples of a request that are told one by one; the rest are counted.
pub(super) const MAX_SAMPLES: usize = 64;

/// A request, as far as it is known. Of its records there is only what is told, since there may be many that wait.
#[derive(Debug)]
pub(super) struct Request {
    /// The leaf of its admission.
    first: u64,
    pub(super) since: Timestamp,
    /// Without what is told elsewhere, or not at all.
    pub(super) admission: Admission,
    /// Its records with their leaves, in their order.
    pub(super) records: Vec<(RecordId, u64)>,
    pub(super) rules: Vec<String>,
    pub(super) status: Status,
    pub(super) end: Option<End>,
    pub(super) review: Option<Decided>,
    /// Calls of tools.
    pub(super) calls: Calls,
}

/// The record that says what came of a request.
#[derive(Debug)]
pub(super) struct End {
    pub(super) record: RecordId,
    pub(super) time: Timestamp,
    pub(super) outcome: Option<Told>,
}

/// What is told of an outcome.
#[derive(Debug)]
pub(super) struct Told {
    pub(super) error_code: Option<String>,
    pub(super) finish_reason: Option<String>,
    /// The first of them.
    pub(super) samples: Vec<crate::SampleOutcome>,
    /// Samples that are not among these.
    pub(super) left_out: u64,
    /// Tokens of all samples that were thought.
    pub(super) thinking: u64,
    pub(super) votes: Votes,
    pub(super) spent: Spent,
    /// Thousandths of a unit.
    pub(super) cost: u64,
}

/// How samples voted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Votes {
    /// Different answers.
    pub(super) answers: u64,
    /// Votes in all.
    pub(super) all: u64,
    /// Those for the answer that has the most.
    pub(super) most: u64,
}

/// What was decided on an answer that was held, or on a call of a tool.
#[derive(Debug)]
pub(super) struct Decided {
    pub(super) decision: ReviewDecision,
    pub(super) by: Option<String>,
    pub(super) time: Timestamp,
}

/// Makes requests of records, one after another. Holds those that have no end.
#[derive(Debug, Default)]
pub(super) struct Requests {
    open: BTreeMap<RecordId, Request>,
}

impl Requests {
    /// Takes the next record, and gives the request that it completes.
    pub(super) fn take(&mut self, leaf: u64, record: &Record) -> Option<Request> {
        if let Body::Admission(admission) = &record.body {
            self.open.insert(record.record_id.clone(), Request::new(leaf, record, admission));
            return None;
        }
        let admission = record.admission()?;
        self.open.get_mut(admission)?.add(leaf, record);
        if goes_on(record) { None } else { self.open.remove(admission) }
    }

    /// The requests without an end, in the order of their admissions.
    pub(super) fn rest(&mut self) -> Vec<Request> {
        let mut rest: Vec<Request> = std::mem::take(&mut self.open).into_values().collect();
        rest.sort_by_key(|request| request.first);
        rest
    }
}

impl Request {
    fn new(leaf: u64, record: &Record, admission: &Admission) -> Self {
        let mut request = Self {
            first: leaf,
            since: record.time,
            admission: short(admission),
            records: Vec::new(),
            rules: Vec::new(),
            status: Status::Open,
            end: None,
            review: None,
            calls: Calls::default(),
        };
        request.note(leaf, record);
        request
    }

    fn add(&mut self, leaf: u64, record: &Record) {
        self.note(leaf, record);
        if record.is_of_call() {
            self.calls.take(record);
            return;
        }
        let (id, time) = (record.record_id.clone(), record.time);
        if let Body::Review(review) = &record.body {
            self.status = status_of(None, Some(record));
            let by = review.by.as_ref().map(|by| by.key_id.clone());
            self.review = Some(Decided { decision: review.decision, by, time });
            return;
        }
        self.status = status_of(Some(record), None);
        let outcome = if let Body::Outcome(outcome) = &record.body { Some(Told::of(outcome)) } else { None };
        self.end = Some(End { record: id, time, outcome });
    }

    fn note(&mut self, leaf: u64, record: &Record) {
        self.records.push((record.record_id.clone(), leaf));
        for word in Keys::of(record).words {
            let rule = word.as_str().strip_prefix("rule ").map(ToOwned::to_owned);
            self.rules.extend(rule.filter(|rule| !self.rules.contains(rule)));
        }
    }

    /// What is known of its outcome.
    pub(super) fn outcome(&self) -> Option<&Told> {
        self.end.as_ref().and_then(|end| end.outcome.as_ref())
    }
}

/// An admission without its lists.
fn short(admission: &Admission) -> Admission {
    Admission {
        safeguards: Vec::new(),
        facts: Facts::default(),
        laws: Vec::new(),
        retention: RetentionNote::default(),
        request_id: admission.request_id.clone(),
        tenant: admission.tenant.clone(),
        key_id: admission.key_id.clone(),
        model: admission.model.clone(),
        weights_digest: admission.weights_digest.clone(),
        policy: admission.policy.clone(),
        ..*admission
    }
}

impl Told {
    fn of(outcome: &Outcome) -> Self {
        let samples: Vec<_> = outcome.samples.iter().take(MAX_SAMPLES).cloned().collect();
        Self {
            error_code: outcome.error_code.clone(),
            finish_reason: outcome.finish_reason.clone(),
            left_out: (outcome.samples.len() - samples.len()) as u64,
            samples,
            thinking: outcome.samples.iter().map(|sample| u64::from(sample.thinking_tokens)).sum(),
            votes: Votes::of(outcome),
            spent: outcome.spent,
            cost: outcome.cost,
        }
    }
}

impl Votes {
    fn of(outcome: &Outcome) -> Self {
        let counts = || outcome.votes.iter().map(|vote| u64::from(vote.count));
        Self { answers: outcome.votes.len() as u64, all: counts().sum(), most: counts().max().unwrap_or_default() }
    }
}

/// A name as it stands in records.
pub(super) fn name_of(value: &impl serde::Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(name)) => name,
        other => other.map(|other| other.to_string()).unwrap_or_default(),
    }
}
