//! Tests of what becomes of a model's calls of tools.

use forethought_schemas::Facts;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::{Decision, Made};
use crate::{Caller, Policy, ToolAsk, ToolOutcome, ToolVerdict};

/// A call that a test has a model ask for.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ToolCall {
    name: String,
    #[serde(default)]
    arguments: Map<String, Value>,
    #[serde(default = "changes")]
    effect: String,
    #[serde(default)]
    spec: String,
    #[serde(default = "built_in")]
    server: String,
    #[serde(default)]
    sample_calls: u32,
    calls: Option<u32>,
    #[serde(default)]
    round: u32,
    #[serde(default)]
    approved: bool,
}

fn changes() -> String {
    "changes".to_owned()
}

fn built_in() -> String {
    "built-in".to_owned()
}

impl ToolCall {
    pub(super) fn made(&self, policy: &Policy, caller: &Caller, facts: &Facts, at: Timestamp) -> Made {
        let ask = ToolAsk {
            name: &self.name,
            effect: &self.effect,
            spec: &self.spec,
            server: &self.server,
            arguments: &Value::Object(self.arguments.clone()),
            facts,
            sample_calls: self.sample_calls,
            calls: self.calls.unwrap_or(self.sample_calls),
            round: self.round,
            approved: self.approved,
        };
        match policy.tool_opinion(caller, &ask, at) {
            Ok(ToolVerdict { outcome, rules, refusal, .. }) => {
                let rules = rules.into_iter().map(|rule| rule.id).collect();
                Made::of(outcome.into(), refusal.map(|refusal| refusal.code), rules)
            }
            Err(refusal) => Made::of(Decision::Refused, Some(refusal.code), Vec::new()),
        }
    }
}

impl From<ToolOutcome> for Decision {
    fn from(outcome: ToolOutcome) -> Self {
        match outcome {
            ToolOutcome::Allow => Self::Allowed,
            ToolOutcome::Hold => Self::Held,
            ToolOutcome::DryRun => Self::DryRun,
            ToolOutcome::Refuse => Self::Refused,
        }
    }
}
