//! Waiting for a person's decision on a call.

use std::time::Duration;

use forethought_audit::ReviewDecision;
use forethought_schemas::RecordId;
use tokio::time::{Instant, sleep};
use tracing::warn;

use crate::{AuditDesk, ReadError};

/// How often it is looked whether a person has decided.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// Whether a person approves the call within this time. Who decides, and that nobody does in time, is recorded elsewhere.
pub(super) async fn decided(audit: &AuditDesk, admission: &RecordId, call: &RecordId, within: Duration) -> bool {
    let end = Instant::now() + within;
    loop {
        match look(audit, admission, call).await {
            Ok(Some(decision)) => return decision == ReviewDecision::Approved,
            Ok(None) => {}
            Err(error) => warn!(%error, "it cannot be seen whether a person has decided on a call"),
        }
        if Instant::now() >= end {
            return false;
        }
        sleep(LOOK_EVERY).await;
    }
}

/// What was decided, once that is durable.
async fn look(audit: &AuditDesk, admission: &RecordId, call: &RecordId) -> Result<Option<ReviewDecision>, ReadError> {
    let wanted = call.clone();
    if audit.read(move |log| Ok(log.held().any(|(id, _)| *id == wanted))).await? {
        return Ok(None);
    }
    let (wanted, call) = (admission.to_string(), call.clone());
    audit
        .read(move |log| {
            let shown = log.show(&wanted, false)?;
            let calls = shown.iter().flat_map(|shown| &shown.calls);
            let mut decisions = calls.filter(|made| made.call.record.record_id == call);
            Ok(decisions.find_map(|made| made.decision()).map(|review| review.decision))
        })
        .await
}
