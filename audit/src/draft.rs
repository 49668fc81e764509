//! What the caller knows of a record, contents included, and how it becomes a record and sealed contents.

mod tools;

use std::collections::BTreeSet;

use forethought_schemas::{RecordId, RequestId};
use jiff::Timestamp;

use crate::{
    Act, Actor, Admission, Body, ClassifierNote, Commitment, ContentKey, ContentLabel, Digest, DraftError, Outcome,
    OutcomeStatus, Review, ReviewAsked, ReviewDecision, SafeguardNote, SampleOutcome, Spent, ToolsSpent, VaultError,
    VoteCount, random::Random, vault::seal,
};

pub use tools::{ToolCallDraft, ToolResultDraft};

/// A record to append, with its contents in the clear.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Draft {
    /// A request is let in.
    Admission(Box<AdmissionDraft>),
    /// What came of it.
    Outcome(Box<OutcomeDraft>),
    /// Something is done to the service itself.
    Act(Box<ActDraft>),
    /// Somebody decides on an answer that is held, or on a call of a tool.
    Review(Box<ReviewDraft>),
    /// A model calls a tool.
    ToolCall(Box<ToolCallDraft>),
    /// What comes of that.
    ToolResult(Box<ToolResultDraft>),
}

impl Draft {
    /// The record id that it asks for.
    #[must_use]
    pub fn record_id(&self) -> &RecordId {
        match self {
            Self::Admission(draft) => &draft.record_id,
            Self::Outcome(draft) => &draft.record_id,
            Self::Act(draft) => &draft.record_id,
            Self::Review(draft) => &draft.record_id,
            Self::ToolCall(draft) => &draft.record_id,
            Self::ToolResult(draft) => &draft.record_id,
        }
    }

    /// Bytes of its contents: what it costs to seal them.
    #[must_use]
    pub fn content_bytes(&self) -> usize {
        match self {
            Self::Admission(draft) => draft.prompt.len(),
            Self::Outcome(draft) => {
                let texts = draft.samples.iter().filter_map(|sample| sample.text.as_deref());
                let all = texts.chain(draft.answer.as_deref()).chain(draft.disclosures.as_deref());
                all.map(<[u8]>::len).sum()
            }
            Self::Review(draft) => draft.answer.as_ref().map_or(0, Vec::len),
            Self::ToolCall(draft) => draft.arguments.len(),
            Self::ToolResult(draft) => draft.result.len(),
            Self::Act(_) => 0,
        }
    }
}

impl From<AdmissionDraft> for Draft {
    fn from(draft: AdmissionDraft) -> Self {
        Self::Admission(Box::new(draft))
    }
}

impl From<OutcomeDraft> for Draft {
    fn from(draft: OutcomeDraft) -> Self {
        Self::Outcome(Box::new(draft))
    }
}

impl From<ActDraft> for Draft {
    fn from(draft: ActDraft) -> Self {
        Self::Act(Box::new(draft))
    }
}

impl From<ReviewDraft> for Draft {
    fn from(draft: ReviewDraft) -> Self {
        Self::Review(Box::new(draft))
    }
}

/// A decision on an answer that is held, or on a call of a tool. Its request and tenant are the admission's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReviewDraft {
    /// The new record's id.
    pub record_id: RecordId,
    /// When it is decided.
    pub time: Timestamp,
    /// The admission's record.
    pub admission: RecordId,
    /// What is decided.
    pub decision: ReviewDecision,
    /// Who decides; nobody where the time is over.
    pub by: Option<Actor>,
    /// Why.
    pub reason: String,
    /// The answer that is given in place of the held one. Sealed.
    pub answer: Option<Vec<u8>>,
    /// The record of the call that is decided on; nothing where it is the answer.
    pub call: Option<RecordId>,
}

/// Something that is done to the service itself. It has no contents.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActDraft {
    /// The new record's id.
    pub record_id: RecordId,
    /// When it is done.
    pub time: Timestamp,
    /// What is done.
    pub act: Act,
}

/// A request that is let in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AdmissionDraft {
    /// The new record's id.
    pub record_id: RecordId,
    /// When it was let in.
    pub time: Timestamp,
    /// Everything but the contents.
    pub admission: Admission,
    /// The prompt's messages, in the form in which they are to be read again. Sealed.
    pub prompt: Vec<u8>,
    /// Whom it is about, as the tenant names them: what erases their contents. It stands in the vault alone.
    pub subject: Option<String>,
}

/// What came of an admission. Its request and tenant are the admission's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutcomeDraft {
    /// The new record's id.
    pub record_id: RecordId,
    /// When it ended.
    pub time: Timestamp,
    /// The admission's record.
    pub admission: RecordId,
    /// How it ended.
    pub status: OutcomeStatus,
    /// The code of the error that the client gets.
    pub error_code: Option<String>,
    /// Why the answer ends where it does.
    pub finish_reason: Option<String>,
    /// Every sample that was started.
    pub samples: Vec<SampleDraft>,
    /// How many samples gave which answer.
    pub votes: Vec<VoteDraft>,
    /// What was spent.
    pub spent: Spent,
    /// The answer as the client gets it. Sealed.
    pub answer: Option<Vec<u8>>,
    /// What it cost, in thousandths of a unit.
    pub cost: u64,
    /// What safeguards found in it.
    pub safeguards: Vec<SafeguardNote>,
    /// What classifier models said of what was asked and answered.
    pub classifiers: Vec<ClassifierNote>,
    /// That the answer waits for a person.
    pub review: Option<ReviewAsked>,
    /// What is to go with an answer that waits, when it is given. Sealed.
    pub disclosures: Option<Vec<u8>>,
    /// Why no more samples were drawn.
    pub stop: Option<String>,
    /// The samples whose answers were chosen, best first.
    pub chosen: Vec<u32>,
    /// The ids of the tokens of each sample, as JSON: an object with the places of samples for names. Sealed.
    pub tokens: Option<Vec<u8>>,
    /// What calls of tools came to, where there were any.
    pub tools: Option<ToolsSpent>,
}

/// What came of one sample.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SampleDraft {
    /// Its place in the deliberation, from 0.
    pub index: u32,
    /// Its own seed.
    pub seed: u64,
    /// Why it ended.
    pub finish_reason: Option<String>,
    /// Tokens that it generated.
    pub tokens: u32,
    /// Those of them that were thought.
    pub thinking_tokens: u32,
    /// What verifiers said of it.
    pub check: Option<String>,
    /// Everything that it said, as far as it came. Sealed.
    pub text: Option<Vec<u8>>,
    /// Its canonical answer, as it was compared with the others. Sealed.
    pub answer: Option<String>,
    /// Whether its answer was counted in the vote.
    pub counted: bool,
    /// Whether it was stopped from outside.
    pub cancelled: bool,
}

/// How many samples gave one answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VoteDraft {
    /// The canonical answer. Sealed.
    pub answer: String,
    /// Samples that gave it.
    pub count: u32,
}

/// Seals a record's contents one after the other.
pub(crate) struct Sealer<'a> {
    key: Option<ContentKey>,
    record_id: &'a RecordId,
    tenant: &'a str,
    pub(crate) commitments: Vec<Commitment>,
    pub(crate) payloads: Vec<Vec<u8>>,
    random: Random,
}

impl<'a> Sealer<'a> {
    pub(crate) fn new(key: Option<ContentKey>, record_id: &'a RecordId, tenant: &'a str) -> Self {
        Self { key, record_id, tenant, commitments: Vec::new(), payloads: Vec::new(), random: Random::default() }
    }

    pub(crate) fn add(&mut self, name: &str, content: &[u8]) -> Result<Digest, VaultError> {
        let label = ContentLabel { record_id: self.record_id.as_str(), name, tenant: self.tenant };
        let unsealed = || VaultError::Sealing { record_id: label.record_id.to_owned(), name: name.to_owned() };
        let key = self.key.as_ref().ok_or_else(unsealed)?;
        let (commitment, payload) = seal(key, label, content, &mut self.random)?;
        let digest = commitment.commitment;
        self.commitments.push(commitment);
        self.payloads.push(payload);
        Ok(digest)
    }
}

/// Canonical answers, each sealed once: equal answers have one commitment.
#[derive(Default)]
struct Answers<'d> {
    known: Vec<(&'d str, Digest)>,
}

impl<'d> Answers<'d> {
    fn digest(&mut self, answer: &'d str, sealer: &mut Sealer<'_>) -> Result<Digest, VaultError> {
        if let Some((_, digest)) = self.known.iter().find(|(known, _)| *known == answer) {
            return Ok(*digest);
        }
        let digest = sealer.add(&format!("vote/{}", self.known.len()), answer.as_bytes())?;
        self.known.push((answer, digest));
        Ok(digest)
    }
}

impl AdmissionDraft {
    /// The record's body; its contents go to the sealer.
    pub(crate) fn body(&self, sealer: &mut Sealer<'_>) -> Result<Body, VaultError> {
        sealer.add("prompt", &self.prompt)?;
        Ok(Body::Admission(self.admission.clone()))
    }
}

impl ReviewDraft {
    /// The record's body; its contents go to the sealer.
    pub(crate) fn body(
        &self,
        request_id: &RequestId,
        tenant: &str,
        sealer: &mut Sealer<'_>,
    ) -> Result<Body, VaultError> {
        if let Some(answer) = &self.answer {
            sealer.add("answer", answer)?;
        }
        Ok(Body::Review(Review {
            admission: self.admission.clone(),
            request_id: request_id.clone(),
            tenant: tenant.to_owned(),
            decision: self.decision,
            by: self.by.clone(),
            reason: self.reason.clone(),
            call: self.call.clone(),
        }))
    }

    /// Whether a call of a tool can be decided so.
    pub(crate) fn check(&self) -> Result<(), DraftError> {
        let is_edited = self.decision == ReviewDecision::Edited || self.answer.is_some();
        match &self.call {
            Some(call) if is_edited => Err(DraftError::CallEdited(call.clone())),
            _ => Ok(()),
        }
    }
}

impl OutcomeDraft {
    pub(crate) fn check(&self) -> Result<(), DraftError> {
        let mut seen = BTreeSet::new();
        match self.samples.iter().find(|sample| !seen.insert(sample.index)) {
            Some(twice) => Err(DraftError::SampleTwice(twice.index)),
            None => Ok(()),
        }
    }

    /// The record's body; its contents go to the sealer.
    pub(crate) fn body(
        &self,
        request_id: &RequestId,
        tenant: &str,
        since: Timestamp,
        sealer: &mut Sealer<'_>,
    ) -> Result<Body, VaultError> {
        if let Some(answer) = &self.answer {
            sealer.add("answer", answer)?;
        }
        if let Some(disclosures) = &self.disclosures {
            sealer.add("disclosures", disclosures)?;
        }
        let mut answers = Answers::default();
        let samples =
            self.samples.iter().map(|sample| sample.seal(&mut answers, sealer)).collect::<Result<_, VaultError>>()?;
        let votes = self
            .votes
            .iter()
            .map(|vote| Ok(VoteCount { answer: answers.digest(&vote.answer, sealer)?, count: vote.count }))
            .collect::<Result<_, VaultError>>()?;
        if let Some(tokens) = &self.tokens {
            sealer.add("tokens", tokens)?;
        }
        Ok(Body::Outcome(Outcome {
            admission: self.admission.clone(),
            request_id: request_id.clone(),
            tenant: tenant.to_owned(),
            status: self.status,
            error_code: self.error_code.clone(),
            finish_reason: self.finish_reason.clone(),
            samples,
            votes,
            spent: self.spent,
            since: Some(since),
            cost: self.cost,
            safeguards: self.safeguards.clone(),
            classifiers: self.classifiers.clone(),
            review: self.review.clone(),
            stop: self.stop.clone(),
            chosen: self.chosen.clone(),
            tools: self.tools,
        }))
    }
}

impl SampleDraft {
    fn seal<'d>(&'d self, answers: &mut Answers<'d>, sealer: &mut Sealer<'_>) -> Result<SampleOutcome, VaultError> {
        if let Some(text) = &self.text {
            sealer.add(&format!("sample/{}", self.index), text)?;
        }
        let answer = self.answer.as_ref().map(|answer| answers.digest(answer, sealer)).transpose()?;
        Ok(SampleOutcome {
            index: self.index,
            seed: self.seed,
            finish_reason: self.finish_reason.clone(),
            tokens: self.tokens,
            thinking_tokens: self.thinking_tokens,
            check: self.check.clone(),
            answer,
            counted: self.counted,
            cancelled: self.cancelled,
        })
    }
}
