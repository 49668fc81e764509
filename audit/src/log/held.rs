//! What waits for a person.

use forethought_schemas::{RecordId, RequestId};
use jiff::Timestamp;

use super::AuditLog;
use crate::{ReviewAsked, ReviewDecision, SafeguardNote, Ticket, ToolCall, ToolCallDraft};

/// An answer, or a call of a tool, that waits for a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// The request.
    pub request_id: RequestId,
    /// Whose it is.
    pub tenant: String,
    /// When it was held.
    pub since: Timestamp,
    /// Until when somebody may decide, and why.
    pub review: ReviewAsked,
    /// The admission's record.
    pub admission: RecordId,
    /// The call that waits; nothing where it is the answer.
    pub call: Option<HeldCall>,
    /// The entry of its outcome, or of its call.
    pub(crate) seq: u64,
    /// What its contents are sealed under, if this process knows.
    pub(crate) key: Option<Ticket>,
}

/// A call of a tool that waits for a person, as its record has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldCall {
    /// The call's record.
    pub record_id: RecordId,
    /// The tool's name.
    pub tool: String,
    /// The digest of what the model was told of the tool.
    pub spec: String,
    /// What calling it may change: `pure`, `reads` or `changes`.
    pub effect: String,
    /// The sample whose model called it, how often that model had read results before, and the place of the call in its round; from 0.
    pub place: (u32, u32, u32),
    /// What safeguards found in its arguments.
    pub safeguards: Vec<SafeguardNote>,
}

impl HeldCall {
    pub(super) fn of(draft: &ToolCallDraft) -> Self {
        Self {
            record_id: draft.record_id.clone(),
            tool: draft.tool.clone(),
            spec: draft.spec.clone(),
            effect: draft.effect.clone(),
            place: (draft.sample, draft.round, draft.call),
            safeguards: draft.safeguards.clone(),
        }
    }

    pub(super) fn of_record(record_id: RecordId, call: &ToolCall) -> Self {
        Self {
            record_id,
            tool: call.tool.clone(),
            spec: call.spec.clone(),
            effect: call.effect.clone(),
            place: call.place(),
            safeguards: call.safeguards.clone(),
        }
    }
}

impl AuditLog {
    /// What waits for a person: answers by the records of their admissions, and calls of tools by their own. A decision names the
    /// admission ([`Held::admission`]), and the call where it is one.
    pub fn held(&self) -> impl Iterator<Item = (&RecordId, &Held)> {
        self.held.iter()
    }

    /// What was decided on a call of a tool that was held, as long as it has no result and its request no end. Nothing while it waits:
    /// then it is in [`AuditLog::held`].
    #[must_use]
    pub fn decision_on_call(&self, admission: &RecordId, call: &RecordId) -> Option<ReviewDecision> {
        self.calls.get(admission, call)?.decided
    }
}
