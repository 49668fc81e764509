//! Deliberations out of the audit log, of tenants that consent.
//!
//! Nothing of other tenants is looked for, unsealed or counted. Consent is what the policy file says when the export runs.

mod record;

use std::{collections::BTreeSet, path::Path};

use forethought_audit::{AuditReader, Filter, Listed, OutcomeStatus, Status};
use forethought_policies::Policy;
use forethought_schemas::RecordId;
use jiff::{SignedDuration, Timestamp};

use super::{Exported, Options, Why, writer::Writer};
use crate::EvalError;

/// What the card says of such data.
const SOURCE: &str = "The texts come from the audit log of a service: what its tenants asked, and what it answered. Only \
                      tenants are in it that consent to training. Nobody knows the right answers: a sample was kept \
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

/// Exports what the log in a data directory holds of tenants that consent by this policy. `told` hears how many requests
/// there are, once, and then of each that was looked at.
///
/// # Errors
/// [`EvalError::Input`] when no tenant consents, the folder is taken, or nothing can be exported;
/// [`EvalError::Audit`] when the log cannot be read, and [`EvalError::Io`].
pub fn from_audit(
    dir: &Path,
    policy: &Policy,
    selection: &Selection,
    options: &Options,
    told: &dyn Fn(Option<usize>),
) -> Result<Exported, EvalError> {
    let tenants = consenting(policy, selection)?;
    let mut writer = Writer::begin(options)?;
    let reader = AuditReader::open(dir)?;
    let mut requests = Vec::new();
    for tenant in &tenants {
        requests.extend(answered(&reader, tenant, selection)?);
    }
    requests.sort();
    told(Some(requests.len()));
    for (_, id) in requests {
        match reader.show(id.as_str(), true)?.as_ref().map(record::read) {
            Some(Ok(deliberation)) => writer.take(&deliberation)?,
            Some(Err(why)) => writer.leave(why),
            None => writer.leave(Why::Unreadable),
        }
        told(None);
    }
    writer.finish(SOURCE)
}

/// The tenants that are asked for and consent.
fn consenting(policy: &Policy, selection: &Selection) -> Result<Vec<String>, EvalError> {
    let mend = |id: &str| format!("once it consents, note it with `forethought tenant consent {id} yes`");
    if let Some(id) = &selection.tenant {
        return match policy.tenant(id) {
            Some(tenant) if tenant.training_consent => Ok(vec![id.clone()]),
            Some(_) => Err(EvalError::Input(format!("tenant `{id}` does not consent to training; {}", mend(id)))),
            None => {
                Err(EvalError::Input(format!("there is no tenant `{id}` in the policy; see `forethought tenant list`")))
            }
        };
    }
    let tenants = policy.tenants().into_iter().filter(|tenant| tenant.training_consent);
    let tenants: Vec<String> = tenants.map(|tenant| tenant.id.clone()).collect();
    if tenants.is_empty() {
        return Err(EvalError::Input(format!("no tenant consents to training; {}", mend("<id>"))));
    }
    Ok(tenants)
}

/// A tenant's answered requests, each with its time.
fn answered(
    reader: &AuditReader,
    tenant: &str,
    selection: &Selection,
) -> Result<Vec<(Timestamp, RecordId)>, EvalError> {
    let mut filter = Filter {
        tenant: Some(tenant.to_owned()),
        since: selection.since,
        until: selection.until,
        status: Some(Status::Ended(OutcomeStatus::Answered)),
        limit: None,
    };
    let mut found = BTreeSet::new();
    loop {
        let listed = reader.list(&filter)?;
        let before = found.len();
        found.extend(listed.iter().map(|Listed { admission, .. }| (admission.time, admission.record_id.clone())));
        // A list has an end: the next one begins where this one ends, and may repeat what has the same time.
        let oldest = listed.last().map(|oldest| oldest.admission.time);
        match oldest.and_then(|time| time.checked_add(SignedDuration::from_micros(1)).ok()) {
            Some(until) if found.len() > before => filter.until = Some(until),
            _ => return Ok(found.into_iter().collect()),
        }
    }
}
