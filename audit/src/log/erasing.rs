//! Forgetting: keys of contents are destroyed, and the log says which and why. What may not be forgotten is refused, in writing.

use std::collections::BTreeMap;

use forethought_schemas::RecordId;
use jiff::Timestamp;

use super::{AuditLog, OpenChanges, Prepared};
use crate::{
    Act, Actor, Appended, AuditError, Body, DestroyReason, Erasure, ErasureCause, Hold, HoldId, KeyPlace, KeyTrace,
    PolicyRef, Refusal, RefusedKey, Row, Scope, VaultError, query::latest_acts,
};

/// Keys of one record: it has to have room in an entry.
const KEYS_A_RECORD: usize = 256;

/// Who asks for what, under which policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// Who asks; nobody where time does.
    pub by: Option<Actor>,
    /// Why, in their words. It stands in the log as it is: no word of it may need to be forgotten.
    pub reason: Option<String>,
    /// The policy in force.
    pub policy: PolicyRef,
}

/// What came of an erasure.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Erased {
    /// The records of it.
    pub records: Vec<Appended>,
    /// Keys that were destroyed.
    pub keys: u64,
    /// Keys that stay, and why: some of them.
    pub refused: Vec<RefusedKey>,
    /// How many stay.
    pub refused_count: u64,
}

impl AuditLog {
    /// Destroys the keys of one owner's contents, or of all of a tenant's. Each part is in the log before it is done; what a hold or
    /// a floor forbids is in the log as refused, and so is that there was nothing to destroy.
    ///
    /// # Errors
    /// [`AuditError::Vault`], [`AuditError::Key`] and [`AuditError::Store`]. What was done until then is in the log; asking again
    /// does the rest.
    pub fn erase(&mut self, scope: &Scope, asked: &Asked, now: Timestamp) -> Result<Erased, AuditError> {
        let (tenant, cause) = match scope {
            Scope::Owner(owner) => (owner.tenant.clone(), ErasureCause::Person),
            Scope::Tenant(tenant) => (tenant.clone(), ErasureCause::Tenant),
        };
        let mut erased = Erased::default();
        loop {
            let plan = self.vault.plan_erasure(scope, now)?;
            let refused = (plan.refused.as_slice(), plan.refused_count);
            self.destroy_rows(&tenant, cause, &plan.destroy, refused, asked, now, &mut erased)?;
            if !plan.more {
                break;
            }
        }
        let held = self.vault.holds().iter().any(|hold| hold.tenant == tenant);
        if matches!(scope, Scope::Tenant(_)) && !held {
            self.old_keys.destroy(&tenant)?;
        }
        Ok(erased)
    }

    /// Destroys the keys whose contents have been there as long as they may.
    ///
    /// # Errors
    /// As [`AuditLog::erase`].
    pub fn expire(&mut self, policy: PolicyRef, now: Timestamp) -> Result<Erased, AuditError> {
        let asked = Asked { by: None, reason: None, policy };
        let mut erased = Erased::default();
        loop {
            let plan = self.vault.plan_expiry(now)?;
            let mut tenants: BTreeMap<String, Vec<Row>> = BTreeMap::new();
            for row in plan.destroy {
                if let Some(owner) = row.owner() {
                    tenants.entry(owner.tenant.clone()).or_default().push(row);
                }
            }
            for (tenant, rows) in &tenants {
                self.destroy_rows(tenant, ErasureCause::Expiry, rows, (&[], 0), &asked, now, &mut erased)?;
            }
            if !plan.more || tenants.is_empty() {
                return Ok(erased);
            }
        }
    }

    #[expect(clippy::too_many_arguments, reason = "all of it stands in the record")]
    fn destroy_rows(
        &mut self,
        tenant: &str,
        cause: ErasureCause,
        rows: &[Row],
        (refused, refused_count): (&[(Row, Refusal)], u64),
        asked: &Asked,
        now: Timestamp,
        erased: &mut Erased,
    ) -> Result<(), AuditError> {
        let told: Vec<_> = refused.iter().take(KEYS_A_RECORD).map(|(row, why)| refused_key(row, why)).collect();
        let mut parts: Vec<&[Row]> = rows.chunks(KEYS_A_RECORD).collect();
        if parts.is_empty() {
            parts.push(&[]);
        }
        for (at, part) in parts.into_iter().enumerate() {
            let first = at == 0;
            let erasure = Erasure {
                tenant: tenant.to_owned(),
                cause,
                keys: part
                    .iter()
                    .map(|row| KeyTrace { id: row.id.to_string(), place: row.place.to_string() })
                    .collect(),
                refused: if first { told.clone() } else { Vec::new() },
                refused_count: if first { refused_count } else { 0 },
            };
            let what = if part.is_empty() && refused_count > 0 { Act::ERASURE_REFUSED } else { Act::ERASED };
            erased.records.push(self.append_act(what, None, Some(erasure), asked, now)?);
            let places: Vec<KeyPlace> = part.iter().map(|row| row.place).collect();
            erased.keys += self.vault.destroy(&places, reason_of(cause))?;
        }
        erased.refused = told;
        erased.refused_count = refused_count;
        Ok(())
    }

    pub(super) fn append_act(
        &mut self,
        what: &str,
        object: Option<String>,
        erasure: Option<Erasure>,
        asked: &Asked,
        time: Timestamp,
    ) -> Result<Appended, AuditError> {
        let Asked { by, reason, policy } = asked.clone();
        let act = Act { what: what.to_owned(), by, object, policy, changes: Vec::new(), reason, erasure };
        let record = Prepared::bare(RecordId::generate(), time, Body::Act(act))?;
        let appended = self.write(&[&record], OpenChanges::default())?;
        self.settle();
        appended.into_iter().next().ok_or_else(|| AuditError::Signing("nothing was appended".to_owned()))
    }

    /// Forbids that a tenant's contents, or those about one person, are destroyed.
    ///
    /// # Errors
    /// [`AuditError::Vault`] and [`AuditError::Store`]: a hold that stands without a record is listed all the same.
    pub fn place_hold(
        &mut self,
        tenant: &str,
        subject: Option<&str>,
        asked: &Asked,
        now: Timestamp,
    ) -> Result<(HoldId, Appended), AuditError> {
        // In force before it is told: what is told must hold.
        let reason = asked.reason.as_deref().unwrap_or_default();
        let id = self.vault.place_hold(tenant, subject, reason, now)?;
        let appended = self.append_act(Act::HOLD_PLACED, Some(id.to_string()), None, asked, now)?;
        Ok((id, appended))
    }

    /// Ends a hold.
    ///
    /// # Errors
    /// [`AuditError::Vault`], such as [`VaultError::NoHold`], and [`AuditError::Store`].
    pub fn release_hold(&mut self, id: HoldId, asked: &Asked, now: Timestamp) -> Result<Appended, AuditError> {
        if !self.vault.holds().iter().any(|hold| hold.id == id) {
            return Err(VaultError::NoHold { id }.into());
        }
        let appended = self.append_act(Act::HOLD_RELEASED, Some(id.to_string()), None, asked, now)?;
        self.vault.release_hold(id)?;
        Ok(appended)
    }

    /// The holds that stand.
    #[must_use]
    pub fn holds(&self) -> &[Hold] {
        self.vault.holds()
    }

    /// Destroys once more what the last acts say was destroyed: a crash may have come between, or an older table.
    pub(super) fn finish_erasures(&mut self, acts: usize) -> Result<u64, AuditError> {
        let mut places: BTreeMap<u8, Vec<KeyPlace>> = BTreeMap::new();
        for found in latest_acts(self).take(acts) {
            let Body::Act(Act { erasure: Some(erasure), .. }) = found?.record.body else { continue };
            for trace in &erasure.keys {
                let (Ok(place), Ok(id)) = (trace.place.parse::<KeyPlace>(), trace.id.parse()) else { continue };
                // By its id, too: a table that has begun anew has other keys in these places.
                if self.vault.find(place, id).is_ok() {
                    places.entry(reason_of(erasure.cause).code()).or_default().push(place);
                }
            }
        }
        let mut destroyed = 0;
        for (reason, places) in places {
            destroyed += self.vault.destroy(&places, DestroyReason::of(reason))?;
        }
        Ok(destroyed)
    }
}

const fn reason_of(cause: ErasureCause) -> DestroyReason {
    match cause {
        ErasureCause::Person => DestroyReason::Erasure,
        ErasureCause::Tenant => DestroyReason::TenantErasure,
        ErasureCause::Expiry => DestroyReason::Expiry,
    }
}

fn refused_key(row: &Row, why: &Refusal) -> RefusedKey {
    let (why, rule, until) = match why {
        Refusal::Hold { id } => ("hold", Some(id.to_string()), None),
        Refusal::Floor { rule, until } => ("floor", Some(rule.clone()), Some(until.to_string())),
        Refusal::Open { until } => ("open", None, until.map(|until| until.to_string())),
    };
    RefusedKey { id: row.id.to_string(), why: why.to_owned(), rule, until }
}
