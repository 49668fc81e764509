//! Waiting for a person's decision on a call.

use std::time::Duration;

use forethought_audit::ReviewDecision;
use forethought_schemas::RecordId;
use tokio::time::{Instant, sleep};
use tracing::warn;

use crate::AuditDesk;

/// How often it is looked whether a person has decided.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// Whether a person approves the call within this time. Who decides, and that nobody does in time, is recorded elsewhere.
pub(super) async fn decided(audit: &AuditDesk, admission: &RecordId, call: &RecordId, within: Duration) -> bool {
    let end = Instant::now() + within;
    loop {
        let wanted = (admission.clone(), call.clone());
        match audit.read(move |log| Ok(log.decision_on_call(&wanted.0, &wanted.1))).await {
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
