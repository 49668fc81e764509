//! The desk's clock: monotonic in service, set by hand in tests.

use std::{
    fmt,
    sync::Arc,
    time::{Duration, Instant},
};

/// Tells the time since a fixed moment. It never goes backwards.
#[derive(Clone)]
pub struct DeskClock(Arc<dyn Fn() -> Duration + Send + Sync>);

impl DeskClock {
    /// The machine's monotonic clock, from now on.
    #[must_use]
    pub fn monotonic() -> Self {
        let start = Instant::now();
        Self::from_fn(move || start.elapsed())
    }

    /// A clock of the caller's, for tests and for trying a policy on past traffic.
    #[must_use]
    pub fn from_fn(now: impl Fn() -> Duration + Send + Sync + 'static) -> Self {
        Self(Arc::new(now))
    }

    pub(crate) fn now(&self) -> Duration {
        (self.0)()
    }
}

impl Default for DeskClock {
    fn default() -> Self {
        Self::monotonic()
    }
}

impl fmt::Debug for DeskClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("DeskClock").field(&self.now()).finish()
    }
}
