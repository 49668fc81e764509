//! When work has to end: its time is over, nobody waits for it any more, or what it reads was erased.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use crate::shelf::Presence;

/// When work has to end. Clones end together.
#[derive(Clone, Debug)]
pub(crate) struct Stop {
    called_off: Arc<AtomicBool>,
    deadline: Instant,
    /// What it reads.
    of: Vec<Presence>,
}

/// Ends the work when it is dropped: with the future of a call, all of the call ends.
#[derive(Debug)]
pub(crate) struct CallOff(Arc<AtomicBool>);

impl Drop for CallOff {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

impl Stop {
    /// Work that has so much time, and what calls it off before.
    pub(crate) fn after(time: Duration) -> (Self, CallOff) {
        let called_off = Arc::<AtomicBool>::default();
        let now = Instant::now();
        let deadline = now.checked_add(time).unwrap_or(now);
        (Self { called_off: Arc::clone(&called_off), deadline, of: Vec::new() }, CallOff(called_off))
    }

    /// The same, that ends with the erasure of these, too.
    pub(crate) fn with(&self, of: impl IntoIterator<Item = Presence>) -> Self {
        Self { of: of.into_iter().collect(), ..self.clone() }
    }

    /// The same, with a quarter less of the time that is left: so that there is time to say how far it came.
    pub(crate) fn earlier(&self) -> Self {
        let deadline = self.deadline.checked_sub(self.left() / 4).unwrap_or(self.deadline);
        Self { deadline, ..self.clone() }
    }

    /// Whether it has to end.
    pub(crate) fn reached(&self) -> bool {
        self.called_off.load(Ordering::Acquire) || self.gone() || Instant::now() >= self.deadline
    }

    /// Whether something that it reads was erased.
    pub(crate) fn gone(&self) -> bool {
        self.of.iter().any(Presence::gone)
    }

    /// Time that is left.
    pub(crate) fn left(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now())
    }
}
