//! What a batch changes in the set of open admissions, once it is durable.

use std::{collections::BTreeMap, sync::Arc};

use forethought_schemas::RecordId;

use super::{Held, OpenAdmission};
use crate::{ContentKey, OutcomeDraft};

/// What a batch changes in the set of open admissions.
#[derive(Default)]
pub(super) struct OpenChanges {
    pub(super) begun: BTreeMap<RecordId, Arc<OpenAdmission>>,
    pub(super) ended: Vec<RecordId>,
    /// The admission by the outcome that holds its answer.
    pub(super) holding: BTreeMap<RecordId, RecordId>,
    pub(super) held: BTreeMap<RecordId, Held>,
    pub(super) decided: Vec<RecordId>,
}

impl OpenChanges {
    pub(super) fn begin(&mut self, id: RecordId, admission: OpenAdmission) {
        self.begun.insert(id, Arc::new(admission));
    }

    /// Takes an admission that is open, in the log or in this batch, and ends it.
    pub(super) fn end(
        &mut self,
        open: &BTreeMap<RecordId, Arc<OpenAdmission>>,
        id: &RecordId,
    ) -> Option<Arc<OpenAdmission>> {
        if self.ended.contains(id) {
            return None;
        }
        let admission = self.begun.get(id).or_else(|| open.get(id)).cloned()?;
        self.ended.push(id.clone());
        Some(admission)
    }

    /// Has the answer of an outcome wait, where it is to.
    pub(super) fn hold(&mut self, draft: &OutcomeDraft, of: &OpenAdmission, key: Option<&ContentKey>) {
        let Some(review) = draft.review.clone() else { return };
        let (request_id, tenant, key) = (of.request_id.clone(), of.tenant.clone(), key.map(ContentKey::ticket));
        self.holding.insert(draft.record_id.clone(), draft.admission.clone());
        self.held.insert(draft.admission.clone(), Held { request_id, tenant, since: draft.time, review, seq: 0, key });
    }

    /// Takes an answer that waits for a person, in the log or in this batch, and has it wait no more.
    pub(super) fn decide(&mut self, held: &BTreeMap<RecordId, Held>, id: &RecordId) -> Option<Held> {
        if self.decided.contains(id) {
            return None;
        }
        let found = self.held.get(id).or_else(|| held.get(id)).cloned()?;
        self.decided.push(id.clone());
        Some(found)
    }

    /// Says in which entry a record stands.
    pub(super) fn place(&mut self, id: &RecordId, seq: u64) {
        if let Some(admission) = self.begun.get_mut(id) {
            Arc::make_mut(admission).seq = seq;
        }
        let held = self.holding.get(id).and_then(|admission| self.held.get_mut(admission));
        if let Some(held) = held {
            held.seq = seq;
        }
    }

    pub(super) fn apply(self, open: &mut BTreeMap<RecordId, Arc<OpenAdmission>>, held: &mut BTreeMap<RecordId, Held>) {
        open.extend(self.begun);
        held.extend(self.held);
        for id in self.ended {
            open.remove(&id);
        }
        for id in self.decided {
            held.remove(&id);
        }
    }
}
