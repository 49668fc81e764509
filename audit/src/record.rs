//! The records. The order of the fields is the order in the canonical bytes: add at the end, and move nothing.

mod act;
mod review;
mod tools;

use std::borrow::Cow;

use forethought_schemas::{Budget, Effort, Facts, RecordId, RequestId, StrategyName};
use forethought_tlog::tile::MAX_ENTRY;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::Digest;

pub use act::{Act, Actor, Erasure, ErasureCause, KeyTrace, RefusedKey};
pub use review::{Review, ReviewAsked, ReviewDecision};
pub(crate) use tools::is_state;
pub use tools::{ToolCall, ToolDecision, ToolResult, ToolsSpent};

/// The newest version of records that this program knows.
pub(crate) const VERSION: u32 = 3;
/// The version of those that programs before it know as well.
const BEFORE: u32 = 2;
/// The version of what stands in the tree for a record that is too long for it.
const STUB: u32 = 2;

/// One record. Its canonical bytes are its compact JSON, fields in this order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// The version of the record's fields, 1 to 3. Version 3 is of calls of tools alone: programs that do not know them say so instead
    /// of taking the decision on a call for one on an answer.
    pub v: u32,
    /// The record's own id.
    pub record_id: RecordId,
    /// When it was made, UTC.
    pub time: Timestamp,
    /// In version 1 the digest of the canonical bytes of the record before it, [`Digest::GENESIS`] in the first one. Later ones have
    /// none: the Merkle tree says what stands before a record.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prev: Option<Digest>,
    /// What it is about.
    pub body: Body,
    /// Commitments to the contents that are sealed beside it, in the order of their entries.
    pub contents: Vec<Commitment>,
}

impl Record {
    /// The tenant, of a record that is about a request.
    #[must_use]
    pub fn tenant(&self) -> Option<&str> {
        match &self.body {
            Body::Admission(admission) => Some(&admission.tenant),
            Body::Outcome(outcome) => Some(&outcome.tenant),
            Body::Interrupted(interrupted) => Some(&interrupted.tenant),
            Body::Review(review) => Some(&review.tenant),
            Body::Act(act) => act.by.as_ref().map(|by| by.tenant.as_str()),
            Body::ToolCall(call) => Some(&call.tenant),
            Body::ToolResult(result) => Some(&result.tenant),
            Body::TailCut(_) => None,
        }
    }

    /// The request, of a record that is about one.
    #[must_use]
    pub fn request_id(&self) -> Option<&RequestId> {
        match &self.body {
            Body::Admission(admission) => Some(&admission.request_id),
            Body::Outcome(outcome) => Some(&outcome.request_id),
            Body::Interrupted(interrupted) => Some(&interrupted.request_id),
            Body::Review(review) => Some(&review.request_id),
            Body::ToolCall(call) => Some(&call.request_id),
            Body::ToolResult(result) => Some(&result.request_id),
            Body::Act(_) | Body::TailCut(_) => None,
        }
    }

    /// What is hashed as the leaf of a record with these canonical bytes: themselves or, where they are more than an entry of a
    /// transparency log may have, a short JSON object with their length and SHA-256.
    #[must_use]
    pub fn leaf<'b>(&self, bytes: &'b [u8]) -> Cow<'b, [u8]> {
        if bytes.len() <= MAX_ENTRY {
            return Cow::Borrowed(bytes);
        }
        let (id, sha256, len) = (&self.record_id, Digest::of(bytes), bytes.len());
        let leaf = format!(r#"{{"v":{STUB},"record_id":"{id}","large":{{"bytes":{len},"sha256":"{sha256}"}}}}"#);
        Cow::Owned(leaf.into_bytes())
    }

    /// The admission that this record ends.
    #[must_use]
    pub fn ends(&self) -> Option<&RecordId> {
        match &self.body {
            Body::Outcome(outcome) => Some(&outcome.admission),
            Body::Interrupted(interrupted) => Some(&interrupted.admission),
            _ => None,
        }
    }

    /// The admission of the request that this record is a later one of.
    #[must_use]
    pub fn admission(&self) -> Option<&RecordId> {
        match &self.body {
            Body::Review(review) => Some(&review.admission),
            Body::ToolCall(call) => Some(&call.admission),
            Body::ToolResult(result) => Some(&result.admission),
            _ => self.ends(),
        }
    }

    /// Whether it is about a call of a tool: such a record stands between the admission and the end of its request.
    #[must_use]
    pub fn is_of_call(&self) -> bool {
        self.body.is_of_call()
    }
}

/// What a record is about. Later versions may know more types.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Body {
    /// A request was let in.
    Admission(Admission),
    /// What came of it.
    Outcome(Outcome),
    /// Nothing came of it: the process ended before.
    Interrupted(Interrupted),
    /// A crash left an end that was not whole, and it was cut back.
    TailCut(TailCut),
    /// Something was done to the service itself: to its policy, its keys, or its records.
    Act(Act),
    /// A person, or time, decided on an answer that was held, or on a call of a tool.
    Review(Review),
    /// A model called a tool.
    ToolCall(ToolCall),
    /// What came of that.
    ToolResult(ToolResult),
}

impl Body {
    /// What it is: the `type` in its JSON.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Admission(_) => "admission",
            Self::Outcome(_) => "outcome",
            Self::Interrupted(_) => "interrupted",
            Self::TailCut(_) => "tail_cut",
            Self::Act(_) => "act",
            Self::Review(_) => "review",
            Self::ToolCall(_) => "tool_call",
            Self::ToolResult(_) => "tool_result",
        }
    }

    fn is_of_call(&self) -> bool {
        match self {
            Self::ToolCall(_) | Self::ToolResult(_) => true,
            Self::Review(review) => review.call.is_some(),
            _ => false,
        }
    }

    /// The version of a record of it.
    pub(crate) fn version(&self) -> u32 {
        if self.is_of_call() { VERSION } else { BEFORE }
    }
}

/// A request was let in, and nothing has been generated yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Admission {
    /// The request.
    pub request_id: RequestId,
    /// Whose it is.
    pub tenant: String,
    /// The id of the key that asked: the principal.
    pub key_id: String,
    /// The model's name.
    pub model: String,
    /// The digest of the model's weights, as its engine gives it.
    pub weights_digest: String,
    /// The policy that let it in.
    pub policy: PolicyRef,
    /// The budget's name.
    pub effort: Effort,
    /// How the budget is to be spent.
    pub strategy: StrategyName,
    /// What may be spent.
    pub budget: Budget,
    /// What every random draw of the deliberation comes from.
    pub seed: u64,
    /// Answers that were asked for.
    pub n: u32,
    /// Tokens that a sample may think; left out for a model that marks no thoughts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thinking_tokens: Option<u32>,
    /// What safeguards found in what was asked.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub safeguards: Vec<SafeguardNote>,
    /// What it is about, as far as it is known.
    #[serde(default, skip_serializing_if = "Facts::is_empty")]
    pub facts: Facts,
    /// Rules of law that had a say.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub laws: Vec<LawNote>,
    /// How long rules of law have its records and contents stay.
    #[serde(default, skip_serializing_if = "RetentionNote::is_empty")]
    pub retention: RetentionNote,
}

/// How long rules of law have the records and the sealed contents of a request stay. Days count from the admission; a rule is
/// named by its id.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RetentionNote {
    /// Records stay at least so long.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub records: Option<RetentionDays>,
    /// Contents stay at least so long, but for an erasure that goes before it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contents: Option<RetentionDays>,
    /// Contents are gone after so long.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<RetentionDays>,
    /// Contents go when their person asks, but not before so many days.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub erase: Option<RetentionDays>,
    /// Rules of which no pack says which goes first: contents stay until a person has decided.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub open: Vec<String>,
}

impl RetentionNote {
    /// Whether no rule says anything.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// A number of days, and the rule that names it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RetentionDays {
    /// Days from the admission.
    pub days: u32,
    /// The rule's id.
    pub rule: String,
}

/// A rule of law, or of the policy for a purpose, that had a say in a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LawNote {
    /// The rule's id, such as `eu-ai-act/5-1-f`, or `purposes/employment`.
    pub rule: String,
    /// `enforced`, `shadow` where it was only told, or `undetermined` where nobody can say whether it applies.
    pub state: String,
    /// What it asks for: `forbid`, `review`, `disclose` and so on, or `assessed` where an assessment met it; nothing where that is
    /// not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effect: Option<String>,
    /// The digest of the impact assessment that let the request pass.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assessment: Option<String>,
}

/// What a classifier model said of one side of a request, without a word of it or of the model's own reasons.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClassifierNote {
    /// The classifier's name in the policy.
    pub id: String,
    /// What it judged: `input` or `output`.
    pub stage: String,
    /// What came of it: `passed`, `violated`, or `classifier_failed` where it said nothing that counts.
    pub verdict: String,
    /// What was done: `flag`, `hold` or `block`; left out where it passed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action: Option<String>,
    /// In which respects it violates, by the names that the model was asked about.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub categories: Vec<String>,
    /// Questions that its engine was asked; none where all were asked and passed before.
    pub calls: u32,
    /// Tokens of these questions; they are charged to nobody.
    pub prompt_tokens: u64,
    /// Tokens of the answers; they are charged to nobody.
    pub generated_tokens: u64,
    /// How long it took, in milliseconds.
    pub wall_ms: u64,
}

/// What safeguards found of one kind, without a word of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SafeguardNote {
    /// What was found, such as `email`.
    pub kind: String,
    /// The deny list that it stands on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub list: Option<String>,
    /// What was done: `flag`, `redact`, `hold` or `block`.
    pub action: String,
    /// How often.
    pub count: u32,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
const fn is_zero(number: &u32) -> bool {
    *number == 0
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
const fn is_nothing(number: &u64) -> bool {
    *number == 0
}

/// A policy as it was when it decided.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyRef {
    /// Its version.
    pub version: String,
    /// The digest of its files.
    pub digest: String,
}

/// How a deliberation ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OutcomeStatus {
    /// With an answer.
    Answered,
    /// With a fault.
    Failed,
    /// The client left, or someone stopped it.
    Cancelled,
    /// The deadline passed before any answer.
    Deadline,
    /// A safeguard withheld the answer.
    Refused,
    /// The answer waits for a person.
    Held,
}

impl OutcomeStatus {
    /// Its name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::Deadline => "deadline",
            Self::Refused => "refused",
            Self::Held => "held",
        }
    }
}

/// What came of an admission.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    /// The admission's record.
    pub admission: RecordId,
    /// The request.
    pub request_id: RequestId,
    /// Whose it is.
    pub tenant: String,
    /// How it ended.
    pub status: OutcomeStatus,
    /// The code of the error that the client got.
    pub error_code: Option<String>,
    /// Why the answer ends where it does.
    pub finish_reason: Option<String>,
    /// Every sample that was started.
    pub samples: Vec<SampleOutcome>,
    /// How many samples gave which answer.
    pub votes: Vec<VoteCount>,
    /// What was spent.
    pub spent: Spent,
    /// When its request was let in: the day and the month that it is charged to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
    /// What it cost, in thousandths of a unit.
    #[serde(default, skip_serializing_if = "is_nothing")]
    pub cost: u64,
    /// What safeguards found in what the client got, or would have got.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub safeguards: Vec<SafeguardNote>,
    /// What classifier models said of what was asked and answered.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub classifiers: Vec<ClassifierNote>,
    /// That the answer waits for a person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub review: Option<ReviewAsked>,
    /// Why no more samples were drawn, such as `decided` or `all_done`; left out where none were.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stop: Option<String>,
    /// The samples whose answers were chosen, best first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub chosen: Vec<u32>,
    /// What calls of tools came to; left out where there were none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tools: Option<ToolsSpent>,
}

/// What came of one sample.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SampleOutcome {
    /// Its place in the deliberation, from 0.
    pub index: u32,
    /// Its own seed.
    pub seed: u64,
    /// Why it ended.
    pub finish_reason: Option<String>,
    /// Tokens that it generated.
    pub tokens: u32,
    /// Those of them that were thought; left out where there are none.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub thinking_tokens: u32,
    /// What verifiers said of it, `passed`, `refuted`, `unchecked` or `broken`; left out where there were none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub check: Option<String>,
    /// The commitment to its canonical answer: equal to that of every sample of this record with the same answer.
    pub answer: Option<Digest>,
    /// Whether its answer was counted in the vote.
    pub counted: bool,
    /// Whether it was stopped from outside.
    pub cancelled: bool,
}

/// How many samples gave one answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VoteCount {
    /// The commitment to the canonical answer.
    pub answer: Digest,
    /// Samples that gave it.
    pub count: u32,
}

/// What a deliberation spent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spent {
    /// Tokens of the prompt.
    pub prompt_tokens: u64,
    /// Tokens that all samples together generated.
    pub generated_tokens: u64,
    /// Samples that were started.
    pub samples: u32,
    /// Time from admission to the end, in milliseconds.
    pub wall_ms: u64,
}

/// An admission that never got its outcome.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Interrupted {
    /// The admission's record.
    pub admission: RecordId,
    /// The request.
    pub request_id: RequestId,
    /// Whose it is.
    pub tenant: String,
    /// Why there is no outcome.
    pub reason: String,
}

/// What recovery found at the journal's end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TailCut {
    /// The segment file that was cut back; none when only whole entries are missing.
    pub segment: Option<String>,
    /// Where it was cut, in bytes from the file's start.
    pub offset: u64,
    /// Bytes that were cut.
    pub bytes: u64,
    /// The side file that keeps them.
    pub kept_as: Option<String>,
    /// What was wrong.
    pub what: String,
    /// Journal entries that were once acknowledged and are gone.
    pub acknowledged_lost: Option<LostRange>,
}

/// Numbers of journal entries, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LostRange {
    /// The first one.
    pub first: u64,
    /// The last one.
    pub last: u64,
}

impl LostRange {
    /// How many entries there are.
    #[must_use]
    pub fn entries(&self) -> u64 {
        self.last.checked_sub(self.first).map_or(0, |more| more.saturating_add(1))
    }
}

/// A commitment to one content.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Commitment {
    /// `prompt`, `answer`, `disclosures`, `sample/<index>`, `tokens`, `vote/<place>` for a canonical answer, or of a call of a tool
    /// `arguments` and `result`.
    pub name: String,
    /// SHA-256 of a salt of 32 bytes followed by the content. The salt is sealed with the content, so that a short
    /// content cannot be guessed, and goes with it.
    pub commitment: Digest,
    /// SHA-256 of the sealed entry: it can be checked without the key.
    pub sealed: Digest,
}
