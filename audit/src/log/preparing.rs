//! From a draft to all that the log writes of it: canonical bytes, sealed contents, and their hashes.

use std::{ops::Deref, sync::Arc};

use forethought_schemas::RecordId;
use forethought_tlog::{Hash, leaf_hash};
use jiff::Timestamp;

use super::{AuditLog, Held, OpenAdmission, changes::OpenChanges, early::Early};
use crate::{
    AdmissionDraft, AuditError, Body, ContentKey, Digest, Draft, DraftError, OutcomeDraft, Record, ReviewDraft,
    ToolCallDraft, ToolResultDraft, draft::Sealer, index::Keys,
};

/// A record that is ready to be written, with its sealed contents.
pub(super) struct Prepared {
    pub(super) record_id: RecordId,
    pub(super) bytes: Vec<u8>,
    pub(super) hash: Digest,
    pub(super) leaf: Hash,
    pub(super) keys: Keys,
    pub(super) payloads: Vec<Vec<u8>>,
}

/// A record whose turn it is.
pub(super) enum Turn<'e> {
    Early(&'e Prepared),
    Now(Box<Prepared>),
}

impl Deref for Turn<'_> {
    type Target = Prepared;

    fn deref(&self) -> &Prepared {
        match self {
            Self::Early(prepared) => prepared,
            Self::Now(prepared) => prepared,
        }
    }
}

impl Prepared {
    pub(super) fn new(record: &Record, payloads: Vec<Vec<u8>>) -> Result<Self, AuditError> {
        let bytes = serde_json::to_vec(record)
            .map_err(|source| AuditError::Encode { record_id: record.record_id.clone(), source })?;
        let (hash, leaf, keys) = (Digest::of(&bytes), leaf_hash(&record.leaf(&bytes)), Keys::of(record));
        Ok(Self { record_id: record.record_id.clone(), bytes, hash, leaf, keys, payloads })
    }

    /// A record without contents.
    pub(super) fn bare(record_id: RecordId, time: Timestamp, body: Body) -> Result<Self, AuditError> {
        let record = Record { v: body.version(), record_id, time, prev: None, body, contents: Vec::new() };
        Self::new(&record, Vec::new())
    }

    pub(super) fn admission(draft: &AdmissionDraft, key: Option<ContentKey>) -> Result<Self, AuditError> {
        let mut sealer = Sealer::new(key, &draft.record_id, &draft.admission.tenant);
        let body = draft.body(&mut sealer)?;
        seal_record(&draft.record_id, draft.time, body, sealer)
    }

    pub(super) fn outcome(
        draft: &OutcomeDraft,
        of: &OpenAdmission,
        key: Option<ContentKey>,
    ) -> Result<Self, AuditError> {
        let mut sealer = Sealer::new(key, &draft.record_id, &of.tenant);
        let body = draft.body(&of.request_id, &of.tenant, of.time, &mut sealer)?;
        seal_record(&draft.record_id, draft.time, body, sealer)
    }

    pub(super) fn tool_call(
        draft: &ToolCallDraft,
        of: &OpenAdmission,
        key: Option<ContentKey>,
    ) -> Result<Self, AuditError> {
        let mut sealer = Sealer::new(key, &draft.record_id, &of.tenant);
        let body = draft.body(&of.request_id, &of.tenant, &mut sealer)?;
        seal_record(&draft.record_id, draft.time, body, sealer)
    }

    pub(super) fn tool_result(
        draft: &ToolResultDraft,
        of: &OpenAdmission,
        key: Option<ContentKey>,
    ) -> Result<Self, AuditError> {
        let mut sealer = Sealer::new(key, &draft.record_id, &of.tenant);
        let body = draft.body(&of.request_id, &of.tenant, &mut sealer)?;
        seal_record(&draft.record_id, draft.time, body, sealer)
    }

    fn review(draft: &ReviewDraft, of: &Held, key: Option<ContentKey>) -> Result<Self, AuditError> {
        let mut sealer = Sealer::new(key, &draft.record_id, &of.tenant);
        let body = draft.body(&of.request_id, &of.tenant, &mut sealer)?;
        seal_record(&draft.record_id, draft.time, body, sealer)
    }

    pub(super) fn check_size(&self, max: usize) -> Result<(), DraftError> {
        let size = self.payloads.iter().map(Vec::len).chain([self.bytes.len()]).max().unwrap_or(0);
        if size <= max {
            return Ok(());
        }
        Err(DraftError::TooLarge { record_id: self.record_id.clone(), size, max })
    }
}

fn seal_record(record_id: &RecordId, time: Timestamp, body: Body, sealer: Sealer<'_>) -> Result<Prepared, AuditError> {
    let Sealer { commitments, payloads, .. } = sealer;
    let (v, record_id, contents) = (body.version(), record_id.clone(), commitments);
    let record = Record { v, record_id, time, prev: None, body, contents };
    Prepared::new(&record, payloads)
}

impl AuditLog {
    /// The record of a draft whose turn it is, with what it changes. What was prepared early is taken where it is what would come of
    /// the draft now.
    pub(super) fn prepare<'e>(
        &self,
        draft: &Draft,
        early: Option<&'e Early>,
        key: Option<ContentKey>,
        open: &mut OpenChanges,
        of_draft: impl Fn(DraftError) -> AuditError,
    ) -> Result<Turn<'e>, AuditError> {
        let now = |prepared: Prepared| Turn::Now(Box::new(prepared));
        match draft {
            Draft::Admission(draft) => {
                let admission = OpenAdmission::of(draft, key.as_ref());
                open.begin(draft.record_id.clone(), admission);
                match early.and_then(|early| early.of_admission(key.as_ref())) {
                    Some(early) => Ok(Turn::Early(early)),
                    None => Prepared::admission(draft, key).map(now),
                }
            }
            Draft::Outcome(draft) => {
                draft.check().map_err(&of_draft)?;
                let admission = open
                    .end(&self.open, &draft.admission)
                    .ok_or_else(|| of_draft(DraftError::NotOpen(draft.admission.clone())))?;
                open.hold(draft, &admission, key.as_ref());
                match early.and_then(|early| early.of_later(key.as_ref(), &admission)) {
                    Some(early) => Ok(Turn::Early(early)),
                    None => Prepared::outcome(draft, &admission, key).map(now),
                }
            }
            Draft::ToolCall(draft) => {
                draft.check().map_err(&of_draft)?;
                let admission = self.still_open(open, &draft.admission).map_err(&of_draft)?;
                open.call(&self.calls, draft, &admission, key.as_ref()).map_err(&of_draft)?;
                match early.and_then(|early| early.of_later(key.as_ref(), &admission)) {
                    Some(early) => Ok(Turn::Early(early)),
                    None => Prepared::tool_call(draft, &admission, key).map(now),
                }
            }
            Draft::ToolResult(draft) => {
                draft.check().map_err(&of_draft)?;
                let admission = self.still_open(open, &draft.admission).map_err(&of_draft)?;
                open.result(&self.calls, draft).map_err(&of_draft)?;
                match early.and_then(|early| early.of_later(key.as_ref(), &admission)) {
                    Some(early) => Ok(Turn::Early(early)),
                    None => Prepared::tool_result(draft, &admission, key).map(now),
                }
            }
            Draft::Review(draft) => {
                draft.check().map_err(&of_draft)?;
                let held = self.decide(open, draft).map_err(of_draft)?;
                Prepared::review(draft, &held, key).map(now)
            }
            Draft::Act(draft) => {
                Prepared::bare(draft.record_id.clone(), draft.time, Body::Act(draft.act.clone())).map(now)
            }
        }
    }

    /// An admission that has no end, in the log or in this batch.
    fn still_open(&self, open: &OpenChanges, id: &RecordId) -> Result<Arc<OpenAdmission>, DraftError> {
        open.open_one(&self.open, id).ok_or_else(|| DraftError::NotOpen(id.clone()))
    }

    /// What is decided on, which waits no more. A call of a tool waits for as long as its request is under way.
    fn decide(&self, open: &mut OpenChanges, draft: &ReviewDraft) -> Result<Held, DraftError> {
        let Some(call) = &draft.call else {
            let held = open.decide(&self.held, &draft.admission);
            return held.ok_or_else(|| DraftError::NotHeld(draft.admission.clone()));
        };
        let not_held = || DraftError::CallNotHeld(call.clone());
        self.still_open(open, &draft.admission).map_err(|_| not_held())?;
        open.decide_call(&self.calls, &self.held, draft, call).ok_or_else(not_held)
    }
}

impl OpenAdmission {
    fn of(draft: &AdmissionDraft, key: Option<&ContentKey>) -> Self {
        let (request_id, tenant) = (draft.admission.request_id.clone(), draft.admission.tenant.clone());
        Self { request_id, tenant, time: draft.time, seq: 0, key: key.map(ContentKey::ticket) }
    }
}
