//! Records that are prepared before it is their turn, beside the log instead of in it: sealing is most of what a record costs.
//!
//! What is prepared is a guess: that the log will give the record the key that it would give it now, and that its admission is still
//! open. The log does not trust it. When it is the record's turn the log finds key and admission as it would without the guess, and
//! takes what was prepared only if it was made of just these. So a key that was destroyed meanwhile is not in use again, whatever was
//! sealed under it, and whether anything was prepared changes no answer.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use forethought_schemas::RecordId;

use super::{AuditLog, OpenAdmission, changes::OpenChanges, preparing::Prepared};
use crate::{AdmissionDraft, AuditError, ContentKey, Draft, Owner, Retention, Ticket, vault::DayKeys};

/// Prepares records for the log that it is of, in any thread. After that log was opened again it only prepares for nothing.
#[derive(Clone, Debug)]
pub struct Preparer {
    keys: DayKeys,
    known: KnownOnes,
}

/// A draft, with what was prepared of it, if anything was. It may be appended again after a batch that failed.
pub struct EarlyRecord {
    draft: Draft,
    early: Option<Early>,
}

/// What was prepared of a draft, and what for.
pub(crate) struct Early {
    prepared: Prepared,
    key: Ticket,
    /// The admission of its request, of a later record.
    of: Option<Arc<OpenAdmission>>,
}

impl From<Draft> for EarlyRecord {
    fn from(draft: Draft) -> Self {
        Self { draft, early: None }
    }
}

impl EarlyRecord {
    /// Whether anything was prepared.
    #[must_use]
    pub const fn is_prepared(&self) -> bool {
        self.early.is_some()
    }

    pub(crate) fn parts(&self) -> (&Draft, Option<&Early>) {
        (&self.draft, self.early.as_ref())
    }
}

impl fmt::Debug for EarlyRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (record_id, prepared) = (self.draft.record_id(), self.is_prepared());
        f.debug_struct("EarlyRecord").field("record_id", record_id).field("prepared", &prepared).finish_non_exhaustive()
    }
}

impl AuditLog {
    /// What prepares records for this log.
    #[must_use]
    pub fn preparer(&self) -> Preparer {
        Preparer { keys: self.vault.day_keys(), known: self.known.clone() }
    }
}

impl Preparer {
    /// Prepares what it can. What it cannot is prepared when it is the record's turn, which also tells what is wrong with it.
    #[must_use]
    pub fn prepare(&self, draft: impl Into<Draft>) -> EarlyRecord {
        let draft = draft.into();
        let early = match &draft {
            Draft::Admission(draft) => self.admission(draft),
            Draft::Outcome(draft) => self.later(&draft.admission, |of, key| Prepared::outcome(draft, of, key)),
            Draft::ToolCall(draft) => self.later(&draft.admission, |of, key| Prepared::tool_call(draft, of, key)),
            Draft::ToolResult(draft) => self.later(&draft.admission, |of, key| Prepared::tool_result(draft, of, key)),
            Draft::Act(_) | Draft::Review(_) => None,
        };
        EarlyRecord { draft, early }
    }

    fn admission(&self, draft: &AdmissionDraft) -> Option<Early> {
        let owner = Owner { tenant: draft.admission.tenant.clone(), subject: draft.subject.clone() };
        let retention = Retention::of(&draft.admission.retention, draft.time);
        let key = self.keys.of_owner(owner, retention, draft.time)?;
        let ticket = key.ticket();
        Some(Early { prepared: Prepared::admission(draft, Some(key)).ok()?, key: ticket, of: None })
    }

    /// A later record of a request.
    fn later(
        &self,
        admission: &RecordId,
        prepare: impl FnOnce(&OpenAdmission, Option<ContentKey>) -> Result<Prepared, AuditError>,
    ) -> Option<Early> {
        let of = self.known.get(admission)?;
        let ticket = of.key?;
        let key = self.keys.of_ticket(ticket)?;
        Some(Early { prepared: prepare(&of, Some(key)).ok()?, key: ticket, of: Some(of) })
    }
}

impl Early {
    #[cfg(test)]
    pub(crate) const fn prepared_hash(&self) -> crate::Digest {
        self.prepared.hash
    }

    /// What was prepared, if it was for an admission under this key.
    pub(super) fn of_admission(&self, key: Option<&ContentKey>) -> Option<&Prepared> {
        self.under(key).filter(|_| self.of.is_none())
    }

    /// What was prepared, if it was for a later record of this admission's request, under this key.
    pub(super) fn of_later(&self, key: Option<&ContentKey>, admission: &OpenAdmission) -> Option<&Prepared> {
        self.under(key).filter(|_| self.of.as_ref().is_some_and(|of| of.is_like(admission)))
    }

    fn under(&self, key: Option<&ContentKey>) -> Option<&Prepared> {
        key.is_some_and(|key| key.is_of(self.key)).then_some(&self.prepared)
    }
}

impl OpenAdmission {
    /// Whether the same would stand in the later records of its request.
    fn is_like(&self, other: &Self) -> bool {
        (&self.request_id, &self.tenant, self.time) == (&other.request_id, &other.tenant, other.time)
    }
}

/// The open admissions whose key is known, for whoever prepares their later records.
#[derive(Clone, Debug, Default)]
pub(super) struct KnownOnes(Arc<Mutex<HashMap<RecordId, Arc<OpenAdmission>>>>);

impl KnownOnes {
    /// A panic elsewhere leaves one too few or too many in it at worst.
    fn lock(&self) -> MutexGuard<'_, HashMap<RecordId, Arc<OpenAdmission>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn get(&self, admission: &RecordId) -> Option<Arc<OpenAdmission>> {
        self.lock().get(admission).cloned()
    }

    /// Follows what a durable batch changes.
    pub(super) fn follow(&self, changes: &OpenChanges) {
        let mut known = self.lock();
        let begun = changes.begun.iter().filter(|(_, admission)| admission.key.is_some());
        known.extend(begun.map(|(id, admission)| (id.clone(), Arc::clone(admission))));
        for id in &changes.ended {
            known.remove(id);
        }
    }
}
