//! Leaves a member alone that fails, for longer each time, and then tries it with one sample: the circuit breaker of
//! Nygard, "Release It!" (2007).

use std::time::Duration;

use tokio::time::Instant;

const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

#[derive(Debug)]
pub(super) struct Breaker {
    /// Failures in a row that open it.
    limit: u32,
    failures: u32,
    open_until: Option<Instant>,
    /// One sample finds out whether it may close.
    trial: bool,
    pause: Duration,
}

impl Breaker {
    pub(super) fn new(limit: u32) -> Self {
        Self { limit: limit.max(1), failures: 0, open_until: None, trial: false, pause: FIRST_PAUSE }
    }

    /// Whether a sample may be sent.
    pub(super) fn admits(&self, now: Instant) -> bool {
        self.open_until.is_none_or(|until| until <= now && !self.trial)
    }

    /// A sample is sent.
    pub(super) fn sent(&mut self) {
        self.trial = self.open_until.is_some();
    }

    pub(super) fn succeeded(&mut self) {
        *self = Self::new(self.limit);
    }

    pub(super) fn failed(&mut self, now: Instant) {
        self.failures += 1;
        // Samples that were sent before it opened tell nothing new.
        let open = self.open_until.is_some() && !self.trial;
        if !open && (self.trial || self.failures >= self.limit) {
            self.open_until = Some(now + self.pause);
            self.pause = (self.pause * 2).min(LONGEST_PAUSE);
            self.trial = false;
        }
    }

    /// A sample ended before anything could be learnt from it.
    pub(super) fn unknown(&mut self) {
        self.trial = false;
    }

    /// Failures in a row.
    pub(super) const fn failures(&self) -> u32 {
        self.failures
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(start: Instant, ms: u64) -> Instant {
        start + Duration::from_millis(ms)
    }

    #[test]
    fn it_opens_after_failures_in_a_row_and_tries_one_sample() {
        let (start, mut breaker) = (Instant::now(), Breaker::new(3));
        breaker.failed(start);
        breaker.failed(start);
        breaker.succeeded();
        breaker.failed(start);
        breaker.failed(start);
        assert!(breaker.admits(start));
        breaker.failed(start);
        assert!(!breaker.admits(start) && !breaker.admits(after(start, 999)));
        assert!(breaker.admits(after(start, 1000)));
        breaker.sent();
        assert!(!breaker.admits(after(start, 5000)), "one trial at a time");
        breaker.succeeded();
        assert!(breaker.admits(start));
    }

    #[test]
    fn pauses_grow_to_half_a_minute() {
        let (mut now, mut breaker) = (Instant::now(), Breaker::new(1));
        for seconds in [1, 2, 4, 8, 16, 30, 30] {
            breaker.failed(now);
            breaker.failed(now);
            assert!(!breaker.admits(after(now, 1000 * seconds - 1)), "{seconds}");
            now = after(now, 1000 * seconds);
            assert!(breaker.admits(now), "{seconds}");
            breaker.sent();
        }
        breaker.unknown();
        assert!(breaker.admits(now), "a trial that was broken off leaves it to the next");
    }
}
