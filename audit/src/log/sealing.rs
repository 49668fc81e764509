//! Which key each record's contents are sealed under, all of them durable before anything is.

use std::collections::HashMap;

use forethought_schemas::RecordId;
use jiff::Timestamp;

use super::AuditLog;
use crate::{
    AuditError, ContentKey, Draft, DraftError, Owner, Retention, Ticket, VaultError, contents::key_of, keys::is_tenant,
};

impl AuditLog {
    /// A content key for each draft; none for what has no contents. One sync, and none where all keys are there.
    pub(super) fn content_keys<'d>(
        &mut self,
        drafts: impl Iterator<Item = &'d Draft>,
    ) -> Result<Vec<Option<ContentKey>>, AuditError> {
        let mut tickets = Vec::new();
        let mut begun: HashMap<&RecordId, Ticket> = HashMap::new();
        for (index, draft) in drafts.enumerate() {
            let ticket = match draft {
                Draft::Admission(draft) => {
                    let admission = &draft.admission;
                    if !is_tenant(&admission.tenant) {
                        let source = DraftError::Tenant(admission.tenant.clone());
                        return Err(AuditError::Draft { index, source });
                    }
                    let owner = Owner { tenant: admission.tenant.clone(), subject: draft.subject.clone() };
                    let ticket =
                        self.vault.key_for(&owner, &Retention::of(&admission.retention, draft.time), draft.time)?;
                    begun.insert(&draft.record_id, ticket);
                    Some(ticket)
                }
                Draft::Outcome(draft) => self.ticket_of(&draft.admission, &begun, draft.time)?,
                Draft::ToolCall(draft) => self.ticket_of(&draft.admission, &begun, draft.time)?,
                Draft::ToolResult(draft) => self.ticket_of(&draft.admission, &begun, draft.time)?,
                Draft::Review(draft) if draft.call.is_none() => self.ticket_of(&draft.admission, &begun, draft.time)?,
                Draft::Review(_) | Draft::Act(_) => None,
            };
            tickets.push(ticket);
        }
        let durable = self.vault.flush()?;
        let key = |ticket: Option<Ticket>| {
            ticket.map(|ticket| match durable.key(&ticket) {
                // Nobody may read what comes after an erasure of what it belongs to, either.
                Err(VaultError::Erased { .. }) => ContentKey::unkept(&ticket),
                key => key,
            })
        };
        Ok(tickets.into_iter().map(|ticket| key(ticket).transpose()).collect::<Result<_, _>>()?)
    }

    /// The key of an admission whose request is under way, or whose answer is held; none where there is no such admission.
    fn ticket_of(
        &mut self,
        admission: &RecordId,
        begun: &HashMap<&RecordId, Ticket>,
        now: Timestamp,
    ) -> Result<Option<Ticket>, AuditError> {
        if let Some(ticket) = begun.get(admission) {
            return Ok(Some(*ticket));
        }
        let open = self.open.get(admission).map(|open| (open.key, open.seq, &open.tenant));
        let held = || self.held.get(admission).map(|held| (held.key, held.seq, &held.tenant));
        let Some((key, seq, tenant)) = open.or_else(held) else { return Ok(None) };
        if key.is_some() {
            return Ok(key);
        }
        let tenant = tenant.clone();
        // Its first content is sealed under it. Of one that an earlier program sealed, the rest goes into the vault.
        if let Some((place, id)) = key_of(&self.journal.read(seq + 1)?.payload) {
            return Ok(Some(Ticket::of(place, id)));
        }
        Ok(Some(self.vault.key_for(&Owner::tenant(tenant), &Retention::default(), now)?))
    }
}
