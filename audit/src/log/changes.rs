//! What a batch changes in the set of open admissions, once it is durable.

use std::{collections::BTreeMap, sync::Arc};

use forethought_schemas::RecordId;

use super::{
    Held, HeldCall, OpenAdmission,
    calls::{OpenCall, OpenCalls},
};
use crate::{ContentKey, DraftError, OutcomeDraft, ReviewDraft, ToolCallDraft, ToolResultDraft};

/// What a batch changes in the set of open admissions.
#[derive(Default)]
pub(super) struct OpenChanges {
    pub(super) begun: BTreeMap<RecordId, Arc<OpenAdmission>>,
    pub(super) ended: Vec<RecordId>,
    /// What waits, as in [`OpenChanges::held`], by the record that has it wait.
    pub(super) holding: BTreeMap<RecordId, RecordId>,
    /// What waits for a person: answers by their admission, calls by their own record.
    pub(super) held: BTreeMap<RecordId, Held>,
    /// What waits no more.
    pub(super) decided: Vec<RecordId>,
    /// Calls of tools, each with its admission; without a state where it has its result.
    pub(super) calls: BTreeMap<RecordId, (RecordId, Option<OpenCall>)>,
}

impl OpenChanges {
    pub(super) fn begin(&mut self, id: RecordId, admission: OpenAdmission) {
        self.begun.insert(id, Arc::new(admission));
    }

    /// An admission that is open, in the log or in this batch.
    pub(super) fn open_one(
        &self,
        open: &BTreeMap<RecordId, Arc<OpenAdmission>>,
        id: &RecordId,
    ) -> Option<Arc<OpenAdmission>> {
        if self.ended.contains(id) {
            return None;
        }
        self.begun.get(id).or_else(|| open.get(id)).cloned()
    }

    /// Takes an admission that is open, in the log or in this batch, and ends it.
    pub(super) fn end(
        &mut self,
        open: &BTreeMap<RecordId, Arc<OpenAdmission>>,
        id: &RecordId,
    ) -> Option<Arc<OpenAdmission>> {
        let admission = self.open_one(open, id)?;
        self.ended.push(id.clone());
        Some(admission)
    }

    /// Has the answer of an outcome wait, where it is to.
    pub(super) fn hold(&mut self, draft: &OutcomeDraft, of: &OpenAdmission, key: Option<&ContentKey>) {
        let Some(review) = draft.review.clone() else { return };
        let (request_id, tenant, key) = (of.request_id.clone(), of.tenant.clone(), key.map(ContentKey::ticket));
        let admission = draft.admission.clone();
        let held = Held { request_id, tenant, since: draft.time, review, admission, call: None, seq: 0, key };
        self.holding.insert(draft.record_id.clone(), draft.admission.clone());
        self.held.insert(draft.admission.clone(), held);
    }

    /// Takes an answer that waits for a person, in the log or in this batch, and has it wait no more.
    pub(super) fn decide(&mut self, held: &BTreeMap<RecordId, Held>, id: &RecordId) -> Option<Held> {
        self.decide_if(held, id, |held| held.call.is_none())
    }

    fn decide_if(
        &mut self,
        held: &BTreeMap<RecordId, Held>,
        id: &RecordId,
        is: impl Fn(&Held) -> bool,
    ) -> Option<Held> {
        if self.decided.contains(id) {
            return None;
        }
        let found = self.held.get(id).or_else(|| held.get(id)).filter(|held| is(held)).cloned()?;
        self.decided.push(id.clone());
        Some(found)
    }

    /// Takes note of a call of a tool, of an admission that is open, and has it wait for a person where it is held.
    pub(super) fn call(
        &mut self,
        calls: &OpenCalls,
        draft: &ToolCallDraft,
        of: &OpenAdmission,
        key: Option<&ContentKey>,
    ) -> Result<(), DraftError> {
        let (id, admission) = (&draft.record_id, &draft.admission);
        if calls.get(admission, id).is_some() {
            return Err(DraftError::Duplicate(id.clone()));
        }
        let state = OpenCall { seq: 0, decision: draft.decision, decided: None };
        self.calls.insert(id.clone(), (admission.clone(), Some(state)));
        if let Some(review) = draft.asks() {
            let held = Held {
                request_id: of.request_id.clone(),
                tenant: of.tenant.clone(),
                since: draft.time,
                review,
                admission: admission.clone(),
                call: Some(HeldCall::of(draft)),
                seq: 0,
                key: key.map(ContentKey::ticket),
            };
            self.holding.insert(id.clone(), id.clone());
            self.held.insert(id.clone(), held);
        }
        Ok(())
    }

    /// Takes a call that waits for a person, of an admission that is open, and has it wait no more.
    pub(super) fn decide_call(
        &mut self,
        calls: &OpenCalls,
        held: &BTreeMap<RecordId, Held>,
        draft: &ReviewDraft,
        id: &RecordId,
    ) -> Option<Held> {
        let state = self.open_call(calls, &draft.admission, id)?;
        let found = self.decide_if(held, id, |held| held.admission == draft.admission && held.call.is_some())?;
        let decided = OpenCall { decided: Some(draft.decision), ..state };
        self.calls.insert(id.clone(), (draft.admission.clone(), Some(decided)));
        Some(found)
    }

    /// Takes note of the result of a call of an admission that is open.
    pub(super) fn result(&mut self, calls: &OpenCalls, draft: &ToolResultDraft) -> Result<(), DraftError> {
        let state = self
            .open_call(calls, &draft.admission, &draft.call)
            .ok_or_else(|| DraftError::NoSuchCall(draft.call.clone()))?;
        let unfit = |why| DraftError::ResultUnfit { call: draft.call.clone(), state: draft.state.clone(), why };
        state.can_be(&draft.state).map_err(unfit)?;
        if state.waits() {
            self.decided.push(draft.call.clone());
        }
        self.calls.insert(draft.call.clone(), (draft.admission.clone(), None));
        Ok(())
    }

    /// A call without a result, in the log or in this batch.
    fn open_call(&self, calls: &OpenCalls, admission: &RecordId, call: &RecordId) -> Option<OpenCall> {
        match self.calls.get(call) {
            Some((of, state)) => state.clone().filter(|_| of == admission),
            None => calls.get(admission, call).cloned(),
        }
    }

    /// Says in which entry a record stands.
    pub(super) fn place(&mut self, id: &RecordId, seq: u64) {
        if let Some(admission) = self.begun.get_mut(id) {
            Arc::make_mut(admission).seq = seq;
        }
        if let Some((_, Some(call))) = self.calls.get_mut(id) {
            call.seq = seq;
        }
        let held = self.holding.get(id).and_then(|of| self.held.get_mut(of));
        if let Some(held) = held {
            held.seq = seq;
        }
    }

    pub(super) fn apply(
        self,
        open: &mut BTreeMap<RecordId, Arc<OpenAdmission>>,
        held: &mut BTreeMap<RecordId, Held>,
        calls: &mut OpenCalls,
    ) {
        open.extend(self.begun);
        held.extend(self.held);
        for (id, (admission, state)) in self.calls {
            match state {
                Some(state) => calls.insert(admission, id, state),
                None => calls.remove(&admission, &id),
            }
        }
        for id in self.decided {
            held.remove(&id);
        }
        for id in self.ended {
            open.remove(&id);
            for call in calls.end(&id) {
                held.remove(&call);
            }
        }
    }
}
