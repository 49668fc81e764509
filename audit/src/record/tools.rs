//! What models do with tools while they think: a record before each call, and one of what came of it.

use forethought_schemas::{RecordId, RequestId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{PolicyRef, SafeguardNote, is_nothing, is_zero};

/// A model called a tool. It is durable before the tool runs, and before a person is asked whether it may. What the tool was called
/// with is its content [`ToolCall::ARGUMENTS`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToolCall {
    /// The admission's record.
    pub admission: RecordId,
    /// The request.
    pub request_id: RequestId,
    /// Whose it is.
    pub tenant: String,
    /// The sample whose model called it, as [`super::SampleOutcome::index`].
    pub sample: u32,
    /// How often that model had read results before, from 0.
    pub round: u32,
    /// The place of the call in its round, from 0.
    pub call: u32,
    /// The tool's name; `unknown` where the model named none that there is, since its own words are contents.
    pub tool: String,
    /// The digest of what the model was told of the tool, `sha256:` and 64 hexadecimal digits; empty where there is no such tool.
    pub spec: String,
    /// What calling it may change: `pure` for nothing, `reads` for nothing but that what it reads may change, or `changes`.
    pub effect: String,
    /// What was decided before it could run.
    pub decision: ToolDecision,
    /// The rules that decided so, by their ids.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub because: Vec<String>,
    /// The policy that decided so: that in force when it was called, and not that of the admission. Left out where no policy was asked,
    /// since the call could not be made at all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<PolicyRef>,
    /// What safeguards found in its arguments.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub safeguards: Vec<SafeguardNote>,
    /// Until when a person may decide on it, where it is held; then it is not carried out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
}

impl ToolCall {
    /// The content that has what the tool was called with.
    pub const ARGUMENTS: &'static str = "arguments";

    /// Where it stands among the calls of its request: its sample, its round, its place there.
    #[must_use]
    pub const fn place(&self) -> (u32, u32, u32) {
        (self.sample, self.round, self.call)
    }
}

/// What was decided on a call of a tool before it could run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ToolDecision {
    /// It runs.
    Allowed,
    /// It does not run, and the model is told so.
    Refused,
    /// It waits for a person.
    Held,
    /// It does not run, and the model is told what would have been done.
    DryRun,
}

impl ToolDecision {
    /// Every decision.
    pub const ALL: [Self; 4] = [Self::Allowed, Self::Refused, Self::Held, Self::DryRun];

    /// Its name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Allowed => "allowed",
            Self::Refused => "refused",
            Self::Held => "held",
            Self::DryRun => "dry_run",
        }
    }
}

/// What came of a call of a tool. It is durable before the model reads it. What the model reads is its content [`ToolResult::RESULT`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToolResult {
    /// The admission's record.
    pub admission: RecordId,
    /// The request.
    pub request_id: RequestId,
    /// Whose it is.
    pub tenant: String,
    /// The record of the call.
    pub call: RecordId,
    /// How it ended: [`ToolResult::DONE`], [`ToolResult::FAILED`], [`ToolResult::CANCELLED`], [`ToolResult::DECLINED`],
    /// [`ToolResult::DRY_RUN`], or [`ToolResult::ERROR`] and a code such as `timed_out`.
    pub state: String,
    /// How long it took, in milliseconds; without the time that a person took to decide.
    pub wall_ms: u64,
    /// Bytes that the model reads of it.
    pub bytes: u64,
    /// Bytes that were cut off before.
    #[serde(default, skip_serializing_if = "is_nothing")]
    pub left_out: u64,
    /// What it cost, in thousandths of a unit.
    #[serde(default, skip_serializing_if = "is_nothing")]
    pub cost: u64,
    /// What safeguards found in it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub safeguards: Vec<SafeguardNote>,
}

impl ToolResult {
    /// The content that has what the model reads.
    pub const RESULT: &'static str = "result";
    /// The tool did what it was asked.
    pub const DONE: &'static str = "done";
    /// The tool itself says that it failed.
    pub const FAILED: &'static str = "failed";
    /// It was stopped, or the request was, before it ended.
    pub const CANCELLED: &'static str = "cancelled";
    /// A person declined it, or nobody decided in time.
    pub const DECLINED: &'static str = "declined";
    /// It was not carried out, and the model was told what would have been.
    pub const DRY_RUN: &'static str = "dry_run";
    /// Before the code of an error: there is no result of the tool.
    pub const ERROR: &'static str = "error/";
    /// The longest code of an error, in bytes.
    pub const MAX_CODE: usize = 32;

    /// The state of a call that ended in an error with this code.
    #[must_use]
    pub fn error(code: &str) -> String {
        format!("{}{code}", Self::ERROR)
    }

    /// The code of the error that it ended in, if it did.
    #[must_use]
    pub fn error_code(&self) -> Option<&str> {
        self.state.strip_prefix(Self::ERROR)
    }
}

/// Whether this is a state that results have.
pub(crate) fn is_state(state: &str) -> bool {
    let is_code = |code: &str| {
        (1..=ToolResult::MAX_CODE).contains(&code.len())
            && code.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
    };
    match state {
        ToolResult::DONE | ToolResult::FAILED | ToolResult::CANCELLED | ToolResult::DECLINED | ToolResult::DRY_RUN => {
            true
        }
        other => other.strip_prefix(ToolResult::ERROR).is_some_and(is_code),
    }
}

/// What the calls of tools of one request came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToolsSpent {
    /// Calls that models made.
    pub calls: u32,
    /// Those of them that were refused, or that a person declined.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub refused: u32,
    /// Those that ran and failed, or ended in an error.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub failed: u32,
    /// How long tools ran, added up, in milliseconds; calls that ran at the same time each count.
    pub wall_ms: u64,
    /// What they cost, in thousandths of a unit: a part of [`super::Outcome::cost`].
    #[serde(default, skip_serializing_if = "is_nothing")]
    pub cost: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_are_known_words_or_errors_with_a_code() {
        let check = |state: &str, expected| assert_eq!(is_state(state), expected, "{state:?}");
        for state in ["done", "failed", "cancelled", "declined", "dry_run", "error/timed_out", "error/x"] {
            check(state, true);
        }
        for state in ["", "Done", "done ", "error", "error/", "error/TimedOut", "error/a/b", "error/a b", "held"] {
            check(state, false);
        }
        check(&ToolResult::error(&"x".repeat(32)), true);
        check(&ToolResult::error(&"x".repeat(33)), false);
    }

    #[test]
    fn names_are_those_in_json() {
        for decision in ToolDecision::ALL {
            let json = serde_json::to_string(&decision).expect("JSON");
            assert_eq!(json, format!("\"{}\"", decision.as_str()));
        }
    }
}
