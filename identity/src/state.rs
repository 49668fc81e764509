//! When keys are looked for, and how long they are used: no I/O, no clock.

use std::{sync::Arc, time::Duration};

use tokio::time::Instant;

use crate::{IssuerConfig, KeySet, config::Wrong};

/// The pause after the first look that failed; it doubles with each further one.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// How often a file is looked at.
const FILE_EVERY: Duration = Duration::from_secs(1);
/// The longest intervals that can be configured, in seconds: an hour, a day, thirty days.
const MOST: (u32, u32, u32) = (3_600, 86_400, 2_592_000);

/// How often keys are looked for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Timing {
    refresh: Duration,
    min_interval: Duration,
    max_age: Duration,
    longest_pause: Duration,
}

impl Timing {
    pub(crate) fn new(config: &IssuerConfig, is_file: bool) -> Result<Self, Wrong> {
        let (min_interval, refresh, max_age) = (config.min_interval_s, config.refresh_s, config.max_age_s);
        Wrong::unless_within("min_interval_s", min_interval, 1, MOST.0)?;
        Wrong::unless_within("refresh_s", refresh, min_interval, MOST.1)?;
        Wrong::unless_within("max_age_s", max_age, refresh, MOST.2)?;
        let seconds = |seconds: u32| Duration::from_secs(seconds.into());
        let max_age = seconds(max_age);
        if is_file {
            return Ok(Self { refresh: FILE_EVERY, min_interval: FILE_EVERY, max_age, longest_pause: FILE_EVERY });
        }
        let (refresh, min_interval) = (seconds(refresh), seconds(min_interval));
        Ok(Self { refresh, min_interval, max_age, longest_pause: LONGEST_PAUSE.min(refresh) })
    }
}

/// An issuer's keys and what is known of their source.
#[derive(Clone, Debug, Default)]
pub(crate) struct State {
    keys: Option<Arc<KeySet>>,
    /// When the look began by which the source was last seen to have these keys.
    confirmed: Option<Instant>,
    /// When the last look began.
    began: Option<Instant>,
    /// Looks that have ended.
    ended: u64,
    looking: bool,
    failures: u32,
    trouble: Option<String>,
}

impl State {
    /// The keys, unless too much time has passed since they were last seen at their source.
    pub(crate) fn keys(&self, now: Instant, timing: Timing) -> Option<&Arc<KeySet>> {
        let age = self.age(now)?;
        self.keys.as_ref().filter(|_| age <= timing.max_age)
    }

    /// Time since the keys were last seen at their source.
    pub(crate) fn age(&self, now: Instant) -> Option<Duration> {
        Some(now.saturating_duration_since(self.confirmed?))
    }

    pub(crate) const fn held(&self) -> Option<&Arc<KeySet>> {
        self.keys.as_ref()
    }

    pub(crate) const fn ended(&self) -> u64 {
        self.ended
    }

    pub(crate) fn trouble(&self) -> Option<&str> {
        self.trouble.as_deref()
    }

    /// Whether keys may be looked for because a token names an unknown one. All who ask between two looks get the same
    /// answer without a new one, so that a flood of invented names does not become a flood of looks.
    pub(crate) fn may_look(&self, now: Instant, timing: Timing) -> bool {
        self.began.is_none_or(|began| now >= began + timing.min_interval)
    }

    /// Whether it is worth waiting for a look: for the one that goes on, or for one that may begin.
    pub(crate) fn worth_waiting(&self, now: Instant, timing: Timing) -> bool {
        self.looking || self.may_look(now, timing)
    }

    /// When keys are looked for next without being asked.
    pub(crate) fn next_look(&self, timing: Timing) -> Option<Instant> {
        let doubled = FIRST_PAUSE.saturating_mul(2_u32.saturating_pow(self.failures.saturating_sub(1)));
        let pause = if self.failures == 0 { timing.refresh } else { doubled.min(timing.longest_pause) };
        Some(self.began? + pause)
    }

    pub(crate) const fn begins(&mut self, now: Instant) {
        self.began = Some(now);
        self.looking = true;
    }

    /// A look ended well; without keys, they are what they were.
    pub(crate) fn found(&mut self, keys: Option<KeySet>) {
        self.keys = keys.map(Arc::new).or_else(|| self.keys.take());
        self.confirmed = self.began;
        self.failures = 0;
        self.trouble = None;
        self.ends();
    }

    /// A look failed; what was found before is kept.
    pub(crate) fn failed(&mut self, why: String) {
        self.failures = self.failures.saturating_add(1);
        self.trouble = Some(why);
        self.ends();
    }

    const fn ends(&mut self) {
        self.looking = false;
        self.ended += 1;
    }
}
