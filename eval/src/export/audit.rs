//! Deliberations out of the audit log, of tenants that consent.
//!
//! Nothing of other tenants, and nothing that was asked before a tenant consented, is looked for, unsealed or counted.
//! Consent is what the policy file says when the export runs.

mod record;

use std::{collections::BTreeSet, path::Path};

use forethought_audit::{AuditReader, Filter, Listed, OutcomeStatus, Status};
use forethought_policies::{Consent, Policy};
use forethought_schemas::RecordId;
use jiff::{SignedDuration, Timestamp};

use super::{Exported, Options, Told, Why, go_on, writer::Writer};
use crate::EvalError;

/// What the card says of such data.
const SOURCE: &str = "The texts come from the audit log of a service: what its tenants asked, and what it answered. Only \
                      tenants are in it that consent to training, with what they asked since they consented. Nobody knows the right answers: a sample was kept \
                      because it was the answer (chosen by vote, score or verifier), and rejected because its answer is \
                      another one.";

/// Which requests are looked at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    /// Only this tenant's.
    pub tenant: Option<String>,
    /// Only those at this time or later.
    pub since: Option<Timestamp>,
    /// Only those before this time.
    pub until: Option<Timestamp>,
}

/// Exports what the log in a data directory holds of tenants that consent by this policy.
///
/// # Errors
/// [`EvalError::Input`] when no tenant consents, the folder is taken, or nothing can be exported;
/// [`EvalError::Audit`] when the log cannot be read, [`EvalError::Io`], and [`EvalError::Stopped`].
pub fn from_audit(
    dir: &Path,
    policy: &Policy,
    selection: &Selection,
    options: &Options,
    told: Told<'_>,
) -> Result<Exported, EvalError> {
    let tenants = consenting(policy, selection)?;
    let mut writer = Writer::begin(options)?;
    let reader = AuditReader::open(dir)?;
    let mut requests = Vec::new();
    for (tenant, consent) in &tenants {
        requests.extend(answered(&reader, tenant, *consent, selection)?);
    }
    requests.sort();
    go_on(told(Some(requests.len())))?;
    for (_, id) in requests {
        match reader.show(id.as_str(), true)?.as_ref().map(record::read) {
            Some(Ok(deliberation)) => writer.take(&deliberation)?,
            Some(Err(why)) => writer.leave(why),
            None => writer.leave(Why::Unreadable),
        }
        go_on(told(None))?;
    }
    writer.finish(SOURCE)
}

/// The tenants that are asked for and consent.
fn consenting(policy: &Policy, selection: &Selection) -> Result<Vec<(String, Consent)>, EvalError> {
    if let Some(id) = &selection.tenant {
        return match policy.tenant(id) {
            Some(tenant) if tenant.training_consent.is_given() => Ok(vec![(id.clone(), tenant.training_consent)]),
            Some(_) => Err(EvalError::Input(format!("tenant `{id}` does not consent to training; {}", mend(id)))),
            None => {
                Err(EvalError::Input(format!("there is no tenant `{id}` in the policy; see `forethought tenant list`")))
            }
        };
    }
    let tenants = policy.tenants().into_iter().filter(|tenant| tenant.training_consent.is_given());
    let tenants: Vec<(String, Consent)> = tenants.map(|tenant| (tenant.id.clone(), tenant.training_consent)).collect();
    if tenants.is_empty() {
        return Err(EvalError::Input(format!("no tenant consents to training; {}", mend("<id>"))));
    }
    Ok(tenants)
}

/// The mend where a tenant does not consent.
pub(super) fn mend(tenant: &str) -> String {
    format!("once it consents, note it with `forethought tenant consent {tenant} yes`")
}

/// A tenant's answered requests that its consent covers, each with its time.
fn answered(
    reader: &AuditReader,
    tenant: &str,
    consent: Consent,
    selection: &Selection,
) -> Result<Vec<(Timestamp, RecordId)>, EvalError> {
    let consented = match consent {
        Consent::Since(time) => Some(time),
        Consent::No | Consent::Always => None,
    };
    let mut filter = Filter {
        tenant: Some(tenant.to_owned()),
        since: selection.since.max(consented),
        until: selection.until,
        status: Some(Status::Ended(OutcomeStatus::Answered)),
        limit: None,
        ..Filter::default()
    };
    let mut found = BTreeSet::new();
    loop {
        let listed = reader.list(&filter)?;
        let before = found.len();
        let covered = listed.iter().filter(|listed| consent.covers(listed.admission.time));
        found.extend(covered.map(|Listed { admission, .. }| (admission.time, admission.record_id.clone())));
        // A list has an end: the next one begins where this one ends, and may repeat what has the same time.
        let oldest = listed.last().map(|oldest| oldest.admission.time);
        match oldest.and_then(|time| time.checked_add(SignedDuration::from_micros(1)).ok()) {
            Some(until) if found.len() > before => filter.until = Some(until),
            _ => return Ok(found.into_iter().collect()),
        }
    }
}
