//! The desk's clock: monotonic in service, set by hand in tests.

use std::{
    fmt,
    sync::Arc,
    time::{Duration, Instant},
};

use jiff::Timestamp;

/// Tells the time since a fixed moment, which never goes backwards, and the time of the calendar, which may.
#[derive(Clone)]
pub struct DeskClock {
    elapsed: Arc<dyn Fn() -> Duration + Send + Sync>,
    calendar: Arc<dyn Fn() -> Timestamp + Send + Sync>,
}

impl DeskClock {
    /// The machine's monotonic clock, from now on.
    #[must_use]
    pub fn monotonic() -> Self {
        let start = Instant::now();
        Self { elapsed: Arc::new(move || start.elapsed()), calendar: Arc::new(Timestamp::now) }
    }

    /// A clock of the caller's, for tests and for trying a policy on past traffic. Its calendar begins with 1970.
    #[must_use]
    pub fn from_fn(now: impl Fn() -> Duration + Send + Sync + 'static) -> Self {
        let elapsed: Arc<dyn Fn() -> Duration + Send + Sync> = Arc::new(now);
        let told = Arc::clone(&elapsed);
        let calendar = move || Timestamp::UNIX_EPOCH.saturating_add(told()).unwrap_or(Timestamp::MAX);
        Self { elapsed, calendar: Arc::new(calendar) }
    }

    pub(crate) fn now(&self) -> Duration {
        (self.elapsed)()
    }

    pub(crate) fn calendar(&self) -> Timestamp {
        (self.calendar)()
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
