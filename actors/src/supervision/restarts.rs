//! Why actors end, how often, and how often is too often.

use std::collections::VecDeque;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::Instant;

/// Why an actor ended when it should not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reason {
    /// It, or its factory, panicked.
    Panicked,
    /// Its factory gave an error or took too long, or it said that it failed ([`Life::fail`](super::Life::fail)).
    Failed,
    /// It stopped without saying why.
    Stopped,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Panicked => "panicked",
            Self::Failed => "failed",
            Self::Stopped => "stopped",
        })
    }
}

/// Unexpected ends by reason since the start, with the one that escalated. Never falls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Restarts {
    /// Ends by a panic of the actor or of its factory.
    pub panicked: u64,
    /// Ends by an error of the factory or of the actor.
    pub failed: u64,
    /// Ends without a reason.
    pub stopped: u64,
}

impl Restarts {
    /// The sum over all reasons.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.panicked + self.failed + self.stopped
    }
}

/// At most `max` restarts within any span of `within`; one more escalates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RestartLimit {
    /// Restarts that are allowed within the span, 0 to 65,535. Zero: the first unexpected end escalates.
    pub max: u16,
    /// The span.
    pub within: Duration,
}

impl Default for RestartLimit {
    /// Five within a minute.
    fn default() -> Self {
        Self { max: 5, within: Duration::from_mins(1) }
    }
}

#[derive(Debug, Default)]
pub(super) struct Counters {
    panicked: AtomicU64,
    failed: AtomicU64,
    stopped: AtomicU64,
}

impl Counters {
    pub(super) fn count(&self, reason: Reason) {
        let counter = match reason {
            Reason::Panicked => &self.panicked,
            Reason::Failed => &self.failed,
            Reason::Stopped => &self.stopped,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn read(&self) -> Restarts {
        Restarts {
            panicked: self.panicked.load(Ordering::Relaxed),
            failed: self.failed.load(Ordering::Relaxed),
            stopped: self.stopped.load(Ordering::Relaxed),
        }
    }
}

/// The restarts within the last span; holds at most `limit.max` instants.
#[derive(Debug)]
pub(super) struct RestartWindow {
    limit: RestartLimit,
    recent: VecDeque<Instant>,
}

impl RestartWindow {
    pub(super) fn new(limit: RestartLimit) -> Self {
        Self { limit, recent: VecDeque::new() }
    }

    pub(super) fn limit(&self) -> RestartLimit {
        self.limit
    }

    /// Whether one more restart is allowed at `now`; if so it is counted.
    pub(super) fn admit(&mut self, now: Instant) -> bool {
        while self.recent.front().is_some_and(|at| now.duration_since(*at) >= self.limit.within) {
            self.recent.pop_front();
        }
        let admitted = self.recent.len() < usize::from(self.limit.max);
        if admitted {
            self.recent.push_back(now);
        }
        admitted
    }
}
