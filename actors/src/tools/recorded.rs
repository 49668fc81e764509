//! Answers calls from what is recorded of them, without touching a tool: for deliberations that are carried out again.

use async_trait::async_trait;
use forethought_audit::{ToolCall, ToolResult};
use forethought_reasoning::Told;
use serde_json::Value;

use super::{CallAsked, CallOutcome, Caller};

/// A call as it was made.
#[derive(Clone, Debug, PartialEq)]
pub struct RecordedCall {
    /// Sample, turn of it, and place within the turn, each from 0.
    pub place: (u32, u32, u32),
    /// The tool.
    pub tool: String,
    /// What it was called with.
    pub arguments: Value,
    /// What the model was told.
    pub told: Told,
    /// What came of it.
    pub state: String,
}

/// What the model was told of a call, by its records.
#[must_use]
pub fn tool_told(text: String, call: &ToolCall, result: &ToolResult) -> Told {
    let untrusted = super::results::is_untrusted(&call.effect, &result.state);
    Told { text, left_out: result.left_out, error: result.state != ToolResult::DONE, untrusted }
}

/// Calls that were made, in the order of the log.
#[derive(Clone, Debug, Default)]
pub struct RecordedCalls(Vec<RecordedCall>);

impl RecordedCalls {
    /// The calls of one deliberation.
    #[must_use]
    pub const fn new(calls: Vec<RecordedCall>) -> Self {
        Self(calls)
    }

    /// The call at the same place: where several tries of a sample were there, the one with the same arguments, or else the last. A try
    /// that had what came of a call of an earlier one may have had it elsewhere.
    fn find(&self, asked: &CallAsked) -> Option<&RecordedCall> {
        let place = (asked.sample, asked.round, asked.place);
        let is_tool = |made: &&RecordedCall| made.tool == asked.call.tool || made.tool == "unknown";
        let same = |made: &&RecordedCall| made.arguments == asked.call.arguments;
        let here = || self.0.iter().filter(|made| made.place == place).filter(is_tool);
        let elsewhere = || self.0.iter().filter(|made| made.place.0 == asked.sample).filter(is_tool);
        here().find(same).or_else(|| here().next_back()).or_else(|| elsewhere().find(same))
    }
}

#[async_trait]
impl Caller for RecordedCalls {
    async fn call(&self, asked: CallAsked) -> CallOutcome {
        match self.find(&asked) {
            Some(made) => {
                CallOutcome { told: made.told.clone(), record: None, state: made.state.clone(), wall_ms: 0, cost: 0 }
            }
            None => CallOutcome::not_made("error/unavailable", "no such call is recorded".to_owned()),
        }
    }
}
