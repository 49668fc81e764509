//! What is known about a supervised actor, shared by its keeper and all its addresses.

use std::sync::Arc;

use tokio::sync::watch;

use super::restarts::{Counters, Reason, RestartLimit, Restarts};

/// Where a supervised actor stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Phase {
    /// Its first value is being built.
    Starting,
    /// It handles messages.
    Running,
    /// It ended, and its next value is waited for or being built.
    Restarting,
    /// It ended for good.
    Dead(Outcome),
}

/// How a supervised actor ended for good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Its kill switch was hit.
    Killed,
    /// It said that it was done, or its last address was dropped and it had nothing left to do.
    Finished,
    /// It ended too often.
    Escalated(Arc<Escalated>),
    /// The arbiter that it lived on stopped.
    ArbiterStopped,
}

/// An actor ended more often than its limit allows: a restart is no mend.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("actor {actor} {reason} ({detail}) after {} restarts within {:?}, which is its limit", limit.max, limit.within)]
pub struct Escalated {
    /// The supervised actor's name.
    pub actor: Arc<str>,
    /// Why it ended the last time.
    pub reason: Reason,
    /// The last error's or panic's text. It may quote data: keep it from clients.
    pub detail: String,
    /// The limit that was reached.
    pub limit: RestartLimit,
    /// All unexpected ends.
    pub restarts: Restarts,
}

#[derive(Debug)]
pub(super) struct Shared {
    pub(super) name: Arc<str>,
    pub(super) capacity: u16,
    phase: watch::Sender<Phase>,
    counters: Counters,
}

impl Shared {
    pub(super) fn new(name: Arc<str>, capacity: u16) -> Self {
        Self { name, capacity, phase: watch::Sender::new(Phase::Starting), counters: Counters::default() }
    }

    pub(super) fn phase(&self) -> Phase {
        self.phase.borrow().clone()
    }

    /// Death is final: a later phase is not taken.
    pub(super) fn enter(&self, phase: Phase) {
        self.phase.send_if_modified(|current| {
            let changes = !matches!(current, Phase::Dead(_)) && *current != phase;
            if changes {
                *current = phase;
            }
            changes
        });
    }

    /// Waits until the phase is one that `wanted` takes.
    pub(super) async fn reach(&self, wanted: impl FnMut(&Phase) -> bool) -> Phase {
        let mut phases = self.phase.subscribe();
        // The sender lives in `self`, so the channel cannot close while this waits.
        let reached = phases.wait_for(wanted).await.map(|phase| phase.clone());
        reached.unwrap_or(Phase::Dead(Outcome::ArbiterStopped))
    }

    pub(super) fn count(&self, reason: Reason) {
        self.counters.count(reason);
    }

    pub(super) fn restarts(&self) -> Restarts {
        self.counters.read()
    }
}
