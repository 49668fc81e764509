//! What an export has, summed up as its records go by: the same when it is written and when it is checked.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::{
    annex::Named,
    requests::{Request, Requests},
};
use crate::{Act, Body, Record, ToolDecision};

/// Sums up records. Needs memory for requests without an end, and for each tenant, model, policy and tool that there is.
#[derive(Debug, Default)]
pub(super) struct Sum {
    requests: Requests,
    pub(super) counts: Counts,
    pub(super) named: Named,
}

/// How much there is of what.
#[derive(Debug, Default)]
pub(super) struct Counts {
    pub(super) records: u64,
    pub(super) requests: u64,
    /// The earliest and the latest time of a record.
    pub(super) period: Option<(Timestamp, Timestamp)>,
    pub(super) by_type: BTreeMap<&'static str, u64>,
    pub(super) by_status: BTreeMap<&'static str, u64>,
    pub(super) tenants: BTreeMap<String, OfTenant>,
    /// Requests by the model's name and the digest of its weights.
    pub(super) models: BTreeMap<(String, String), u64>,
    /// Requests by the policy's version and digest.
    pub(super) policies: BTreeMap<(String, String), u64>,
    pub(super) erasures: Erasures,
    /// Commitments to contents.
    pub(super) commitments: u64,
    /// Calls of tools, by the tool's name.
    pub(super) tools: BTreeMap<String, OfTool>,
}

/// What there is of one tool.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct OfTool {
    pub(super) calls: u64,
    /// Those that were refused.
    pub(super) refused: u64,
    /// Those that were held for a person.
    pub(super) held: u64,
}

/// What there is of one tenant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct OfTenant {
    pub(super) records: u64,
    pub(super) requests: u64,
}

/// What acts say of erasures.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Erasures {
    /// Acts that destroyed keys.
    pub(super) done: u64,
    /// Keys that they destroyed.
    pub(super) keys: u64,
    /// Acts that destroyed none.
    pub(super) refused: u64,
}

impl Sum {
    /// One that looks for digests as well.
    pub(super) fn looking_for(named: Named) -> Self {
        Self { named, ..Self::default() }
    }

    /// Takes the next record, and gives the request that it completes.
    pub(super) fn take(&mut self, leaf: u64, record: &Record) -> Option<Request> {
        self.counts.record(record);
        self.named.note(record);
        let request = self.requests.take(leaf, record)?;
        self.counts.request(&request);
        Some(request)
    }

    /// The requests without an end.
    pub(super) fn rest(&mut self) -> Vec<Request> {
        let rest = self.requests.rest();
        for request in &rest {
            self.counts.request(request);
        }
        rest
    }
}

impl Counts {
    fn record(&mut self, record: &Record) {
        self.records += 1;
        self.commitments += record.contents.len() as u64;
        let (first, last) = self.period.unwrap_or((record.time, record.time));
        self.period = Some((first.min(record.time), last.max(record.time)));
        *self.by_type.entry(record.body.kind()).or_default() += 1;
        if let Some(tenant) = record.tenant() {
            self.tenant(tenant).records += 1;
        }
        match &record.body {
            Body::Act(act) => self.erasures.add(act),
            Body::ToolCall(call) => self.tools.entry(call.tool.clone()).or_default().add(call.decision),
            _ => {}
        }
    }

    fn request(&mut self, request: &Request) {
        let admission = &request.admission;
        self.requests += 1;
        self.tenant(&admission.tenant).requests += 1;
        *self.by_status.entry(request.status.as_str()).or_default() += 1;
        let model = (admission.model.clone(), admission.weights_digest.clone());
        let policy = (admission.policy.version.clone(), admission.policy.digest.clone());
        *self.models.entry(model).or_default() += 1;
        *self.policies.entry(policy).or_default() += 1;
    }

    fn tenant(&mut self, name: &str) -> &mut OfTenant {
        self.tenants.entry(name.to_owned()).or_default()
    }
}

impl OfTool {
    fn add(&mut self, decision: ToolDecision) {
        self.calls += 1;
        self.refused += u64::from(decision == ToolDecision::Refused);
        self.held += u64::from(decision == ToolDecision::Held);
    }
}

impl Erasures {
    fn add(&mut self, act: &Act) {
        let Some(erasure) = &act.erasure else { return };
        self.keys += erasure.keys.len() as u64;
        if act.what == Act::ERASURE_REFUSED {
            self.refused += 1;
        } else {
            self.done += 1;
        }
    }
}
