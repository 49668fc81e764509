//! Approvals of tools count once they are recorded, as policies do.

use forethought_actors::AuditDesk;
use forethought_audit::{Act, ActFilter, Body, Record};
use forethought_mcp::{PinFile, pins::Approval};
use sha2::{Digest, Sha256};
use tracing::{info, warn};

use crate::keeper::{Deed, PolicyKeeper, TakeUpError};

/// Records what is approved, unless that is what the log says last.
///
/// # Errors
/// [`TakeUpError::Audit`]: then it must not count.
pub async fn record(keeper: &PolicyKeeper, audit: &AuditDesk, approved: &PinFile) -> Result<(), TakeUpError> {
    let approvals = approved.approvals();
    let digest = digest(&approvals);
    let last = ActFilter { what: Some(Act::TOOLS_APPROVED.to_owned()), limit: Some(1), ..ActFilter::default() };
    let last = audit.read(move |log| log.search_acts(&last, None)).await;
    let last = last.map_err(|error| TakeUpError::Audit(error.to_string()))?.items.into_iter().next();
    let is_said = last.map_or(approvals.is_empty(), |last| object(&last) == Some(&digest));
    if is_said {
        return Ok(());
    }
    let deed = Deed { what: Act::TOOLS_APPROVED, by: None, object: Some(digest), reason: None };
    keeper.record_with(deed, approvals.iter().map(line).collect()).await
}

/// Reads the file again, and has what it says count once it is recorded. A file that is wrong changes nothing.
pub async fn read_again(keeper: &PolicyKeeper, audit: &AuditDesk, approvals: &PinFile) {
    let read = match approvals.read_again() {
        Ok(read) => read,
        Err(wrong) => {
            warn!(%wrong, "the file of approved tools could not be taken up; what was approved before still is");
            return;
        }
    };
    match record(keeper, audit, &read).await {
        Ok(()) => {
            approvals.take_up(read);
            info!("the file of approved tools was read again");
        }
        Err(failure) => {
            warn!(%failure, "what is approved now could not be recorded; what was approved before still is");
        }
    }
}

fn line(approval: &Approval) -> String {
    let Approval { name, digest, by, on, .. } = approval;
    format!("{name} {digest}, approved by {by} on {on}")
}

/// Over a line for each, in the order of their names.
fn digest(approvals: &[Approval]) -> String {
    let lines: Vec<String> = approvals.iter().map(|approval| line(approval) + "\n").collect();
    format!("sha256:{}", hex::encode(Sha256::digest(lines.concat())))
}

fn object(record: &Record) -> Option<&String> {
    match &record.body {
        Body::Act(act) => act.object.as_ref(),
        _ => None,
    }
}
