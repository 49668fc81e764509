//! Calls of tools and their results, with what they hold in the clear.

use forethought_schemas::{RecordId, RequestId};
use jiff::Timestamp;

use super::{Draft, Sealer};
use crate::{
    Body, DraftError, PolicyRef, ReviewAsked, SafeguardNote, ToolCall, ToolDecision, ToolResult, VaultError,
    record::is_state,
};

/// The longest name of a tool, in bytes.
const MAX_NAME: usize = 64;

/// A call of a tool, to be durable before it runs. Its request and tenant are the admission's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToolCallDraft {
    /// The new record's id: what the result, and a decision, name.
    pub record_id: RecordId,
    /// When it is called.
    pub time: Timestamp,
    /// The admission's record.
    pub admission: RecordId,
    /// The sample whose model calls it.
    pub sample: u32,
    /// How often that model has read results before, from 0.
    pub round: u32,
    /// The place of the call in its round, from 0.
    pub call: u32,
    /// The tool's name: 1 to 64 ASCII letters, digits, `_`, `-` and `.`, a letter first. Where the model named none that there is, take
    /// `unknown`: its own words are contents, and go into the arguments.
    pub tool: String,
    /// The digest of what the model was told of the tool; empty where there is no such tool.
    pub spec: String,
    /// What calling it may change: `pure`, `reads` or `changes`.
    pub effect: String,
    /// What is decided before it can run.
    pub decision: ToolDecision,
    /// The rules that decide so, by their ids.
    pub because: Vec<String>,
    /// The policy that decides so; none where no policy was asked.
    pub policy: Option<PolicyRef>,
    /// What safeguards found in its arguments.
    pub safeguards: Vec<SafeguardNote>,
    /// Until when a person may decide on it: where it is held, and only there.
    pub until: Option<Timestamp>,
    /// What it is called with, as it would be handed to the tool. Sealed.
    pub arguments: Vec<u8>,
}

/// What comes of a call of a tool, to be durable before the model reads it. Its request and tenant are the admission's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToolResultDraft {
    /// The new record's id.
    pub record_id: RecordId,
    /// When it ended.
    pub time: Timestamp,
    /// The admission's record.
    pub admission: RecordId,
    /// The record of the call.
    pub call: RecordId,
    /// How it ended: see [`ToolResult::state`].
    pub state: String,
    /// How long it took, in milliseconds.
    pub wall_ms: u64,
    /// Bytes that were cut off what the model reads.
    pub left_out: u64,
    /// What it cost, in thousandths of a unit.
    pub cost: u64,
    /// What safeguards found in it.
    pub safeguards: Vec<SafeguardNote>,
    /// What the model reads, to the byte. Sealed.
    pub result: Vec<u8>,
}

/// Whether this can be a tool's name. Records stay when contents go, so that nobody's words may stand there.
fn is_name(tool: &str) -> bool {
    tool.len() <= MAX_NAME
        && tool.bytes().next().is_some_and(|first| first.is_ascii_alphabetic())
        && tool.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte))
}

impl From<ToolCallDraft> for Draft {
    fn from(draft: ToolCallDraft) -> Self {
        Self::ToolCall(Box::new(draft))
    }
}

impl From<ToolResultDraft> for Draft {
    fn from(draft: ToolResultDraft) -> Self {
        Self::ToolResult(Box::new(draft))
    }
}

impl ToolCallDraft {
    pub(crate) fn check(&self) -> Result<(), DraftError> {
        if !is_name(&self.tool) {
            return Err(DraftError::ToolName(self.record_id.clone()));
        }
        if self.until.is_some() == (self.decision == ToolDecision::Held) {
            return Ok(());
        }
        Err(DraftError::CallUntil { call: self.record_id.clone(), decision: self.decision.as_str() })
    }

    /// What a person is asked, where it is held.
    pub(crate) fn asks(&self) -> Option<ReviewAsked> {
        self.until.map(|until| ReviewAsked { until, because: self.because.clone() })
    }

    /// The record's body; its contents go to the sealer.
    pub(crate) fn body(
        &self,
        request_id: &RequestId,
        tenant: &str,
        sealer: &mut Sealer<'_>,
    ) -> Result<Body, VaultError> {
        sealer.add(ToolCall::ARGUMENTS, &self.arguments)?;
        Ok(Body::ToolCall(ToolCall {
            admission: self.admission.clone(),
            request_id: request_id.clone(),
            tenant: tenant.to_owned(),
            sample: self.sample,
            round: self.round,
            call: self.call,
            tool: self.tool.clone(),
            spec: self.spec.clone(),
            effect: self.effect.clone(),
            decision: self.decision,
            because: self.because.clone(),
            policy: self.policy.clone(),
            safeguards: self.safeguards.clone(),
            until: self.until,
        }))
    }
}

impl ToolResultDraft {
    pub(crate) fn check(&self) -> Result<(), DraftError> {
        if is_state(&self.state) {
            return Ok(());
        }
        Err(DraftError::ResultState { call: self.call.clone(), state: self.state.clone() })
    }

    /// The record's body; its contents go to the sealer.
    pub(crate) fn body(
        &self,
        request_id: &RequestId,
        tenant: &str,
        sealer: &mut Sealer<'_>,
    ) -> Result<Body, VaultError> {
        sealer.add(ToolResult::RESULT, &self.result)?;
        Ok(Body::ToolResult(ToolResult {
            admission: self.admission.clone(),
            request_id: request_id.clone(),
            tenant: tenant.to_owned(),
            call: self.call.clone(),
            state: self.state.clone(),
            wall_ms: self.wall_ms,
            bytes: self.result.len() as u64,
            left_out: self.left_out,
            cost: self.cost,
            safeguards: self.safeguards.clone(),
        }))
    }
}
