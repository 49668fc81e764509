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

/// What a sample was sent as. Only its trial moves an open breaker: samples from before it opened tell nothing new.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sent {
    Usual,
    Trial,
}

/// How a sample failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// It never began; it is begun elsewhere without a loss.
    Beginning,
    /// It broke off, and what was drawn of it is lost: one is enough.
    Middle,
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
    pub(super) fn sent(&mut self) -> Sent {
        self.trial = self.open_until.is_some();
        if self.trial { Sent::Trial } else { Sent::Usual }
    }

    pub(super) fn succeeded(&mut self, sent: Sent) {
        if self.learns_from(sent) {
            *self = Self::new(self.limit);
        }
    }

    pub(super) fn failed(&mut self, now: Instant, sent: Sent, failure: Failure) {
        self.failures += 1;
        let enough = sent == Sent::Trial || failure == Failure::Middle || self.failures >= self.limit;
        if enough && self.learns_from(sent) {
            self.open_until = Some(now + self.pause);
            self.pause = (self.pause * 2).min(LONGEST_PAUSE);
            self.trial = false;
        }
    }

    /// A sample ended before anything could be learnt from it.
    pub(super) fn unknown(&mut self, sent: Sent) {
        if sent == Sent::Trial {
            self.trial = false;
        }
    }

    /// Failures in a row.
    pub(super) const fn failures(&self) -> u32 {
        self.failures
    }

    fn learns_from(&self, sent: Sent) -> bool {
        self.open_until.is_none() || sent == Sent::Trial
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(start: Instant, ms: u64) -> Instant {
        start + Duration::from_millis(ms)
    }

    fn fails(breaker: &mut Breaker, now: Instant, sent: Sent) {
        breaker.failed(now, sent, Failure::Beginning);
    }

    #[test]
    fn it_opens_after_failures_in_a_row_and_tries_one_sample() {
        let (start, mut breaker) = (Instant::now(), Breaker::new(3));
        fails(&mut breaker, start, Sent::Usual);
        fails(&mut breaker, start, Sent::Usual);
        breaker.succeeded(Sent::Usual);
        fails(&mut breaker, start, Sent::Usual);
        fails(&mut breaker, start, Sent::Usual);
        assert!(breaker.admits(start));
        fails(&mut breaker, start, Sent::Usual);
        assert!(!breaker.admits(start) && !breaker.admits(after(start, 999)));
        assert!(breaker.admits(after(start, 1000)));
        assert_eq!(breaker.sent(), Sent::Trial);
        assert!(!breaker.admits(after(start, 5000)), "one trial at a time");
        breaker.succeeded(Sent::Trial);
        assert!(breaker.admits(start));
        assert_eq!(breaker.sent(), Sent::Usual);
    }

    #[test]
    fn pauses_grow_to_half_a_minute() {
        let (mut now, mut breaker, mut sent) = (Instant::now(), Breaker::new(1), Sent::Usual);
        for seconds in [1, 2, 4, 8, 16, 30, 30] {
            fails(&mut breaker, now, sent);
            fails(&mut breaker, now, Sent::Usual);
            assert!(!breaker.admits(after(now, 1000 * seconds - 1)), "{seconds}");
            now = after(now, 1000 * seconds);
            assert!(breaker.admits(now), "{seconds}");
            sent = breaker.sent();
        }
        breaker.unknown(sent);
        assert!(breaker.admits(now), "a trial that was broken off leaves it to the next");
    }

    #[test]
    fn a_sample_that_breaks_off_is_enough() {
        let (start, mut breaker) = (Instant::now(), Breaker::new(3));
        breaker.failed(start, Sent::Usual, Failure::Middle);
        assert!(!breaker.admits(start) && breaker.admits(after(start, 1000)));
    }

    #[test]
    fn samples_from_before_it_opened_do_not_move_it() {
        let (start, mut breaker) = (Instant::now(), Breaker::new(1));
        fails(&mut breaker, start, Sent::Usual);
        breaker.succeeded(Sent::Usual);
        assert!(!breaker.admits(start), "an old success closes nothing");
        let trial = breaker.sent();
        breaker.unknown(Sent::Usual);
        assert!(!breaker.admits(after(start, 1000)), "an old sample that is dropped is not the trial");
        fails(&mut breaker, after(start, 1000), Sent::Usual);
        assert!(!breaker.admits(after(start, 1000)), "nor is one that fails");
        breaker.succeeded(trial);
        assert!(breaker.admits(after(start, 1000)));
    }
}
