//! What a policy file says of tools, as types.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::ToolPattern;

/// What a policy file says of tools, for everybody or for one tenant.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ToolRules {
    /// Those that may be called. Without the list, what the other `tools` allows; without either, none.
    pub allow: Option<Vec<ToolPattern>>,
    /// Those that a model is offered although its request names none. Without the list of a tenant, that of everybody.
    pub offer: Option<Vec<ToolPattern>>,
    /// Those whose calls wait for a person.
    pub hold: Vec<ToolPattern>,
    /// Those whose calls are not made, but only told.
    pub dry_run: Vec<ToolPattern>,
    /// How much one sample may do.
    pub limits: ToolBounds,
    /// What a call costs, in thousandths of a cost unit; of several entries that stand for a tool, the longest counts.
    pub costs: BTreeMap<ToolPattern, u32>,
}

impl ToolRules {
    /// What a call costs, in thousandths of a cost unit.
    pub(crate) fn cost(&self, tool: &str) -> u32 {
        let all = self.costs.iter().filter(|(pattern, _)| pattern.matches(tool));
        all.max_by_key(|(pattern, _)| pattern.weight()).map_or(0, |(_, cost)| *cost)
    }
}

/// How much one sample may do with tools, as far as it is said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ToolBounds {
    /// How often it may turn to tools, 1 to 1,000.
    pub rounds: Option<u32>,
    /// Calls in all, 1 to 10,000.
    pub calls: Option<u32>,
    /// Bytes of one result that the model is told, 64 to 1,048,576.
    pub result_bytes: Option<usize>,
    /// Bytes of all results, 64 to 16,777,216.
    pub total_bytes: Option<usize>,
    /// Wall-clock time of one call, in milliseconds, 1 to 3,600,000.
    pub time_ms: Option<u64>,
}

/// How much one sample of a deliberation may do with tools.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct ToolLimits {
    /// How often it may turn to tools.
    pub rounds: u32,
    /// Calls in all.
    pub calls: u32,
    /// Bytes of one result that the model is told; no more than of all.
    pub result_bytes: usize,
    /// Bytes of all results.
    pub total_bytes: usize,
    /// Wall-clock time of one call, in milliseconds.
    pub time_ms: u64,
}

impl Default for ToolLimits {
    fn default() -> Self {
        Self { rounds: 4, calls: 16, result_bytes: 16 * 1024, total_bytes: 64 * 1024, time_ms: 30_000 }
    }
}

impl ToolLimits {
    /// The smaller of what two say, and what is usual where neither says anything.
    pub(crate) fn of(one: ToolBounds, other: ToolBounds) -> Self {
        let usual = Self::default();
        let total_bytes = least(one.total_bytes, other.total_bytes, usual.total_bytes);
        Self {
            rounds: least(one.rounds, other.rounds, usual.rounds),
            calls: least(one.calls, other.calls, usual.calls),
            result_bytes: least(one.result_bytes, other.result_bytes, usual.result_bytes).min(total_bytes),
            total_bytes,
            time_ms: least(one.time_ms, other.time_ms, usual.time_ms),
        }
    }
}

fn least<T: Ord>(one: Option<T>, other: Option<T>, usual: T) -> T {
    one.into_iter().chain(other).min().unwrap_or(usual)
}
