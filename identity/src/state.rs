//! When keys are looked for, and how long they are used: no I/O, no clock.

use std::{sync::Arc, time::Duration};

use tokio::time::Instant;

use crate::{IssuerConfig, KeySet, config::Wrong};

/// The pause after the first look that failed; it doubles with each further one.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_mins(1);
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
    /// Looks in a row that failed, and when the last of them ended.
    failures: u32,
    failed: Option<Instant>,
    trouble: Option<String>,
}

impl State {
    /// The same keys, before the first look of a new task.
    pub(crate) fn inherited(&self) -> Self {
        Self { keys: self.keys.clone(), confirmed: self.confirmed, ..Self::default() }
    }

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

    pub(crate) const fn looking(&self) -> bool {
        self.looking
    }

    /// Whether it is worth waiting for a look: for the one that goes on, or for one that may begin.
    pub(crate) fn worth_waiting(&self, now: Instant, timing: Timing) -> bool {
        self.looking || self.may_look(now, timing)
    }

    /// When keys are looked for next without being asked. A look that failed may have taken long, so the pause is
    /// counted from its end.
    pub(crate) fn next_look(&self, timing: Timing) -> Option<Instant> {
        if self.failures == 0 {
            return Some(self.began? + timing.refresh);
        }
        let doubled = FIRST_PAUSE.saturating_mul(2_u32.saturating_pow(self.failures - 1));
        Some(self.failed? + doubled.min(timing.longest_pause))
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
    pub(crate) fn failed(&mut self, now: Instant, why: String) {
        self.failures = self.failures.saturating_add(1);
        self.failed = Some(now);
        self.trouble = Some(why);
        self.ends();
    }

    const fn ends(&mut self) {
        self.looking = false;
        self.ended += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn timing(is_file: bool) -> Timing {
        Timing::new(&IssuerConfig::new("https://id.example", "forethought"), is_file).unwrap()
    }

    fn keys() -> KeySet {
        let key = r#"{"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;
        KeySet::parse(format!("{{\"keys\": [{key}]}}").as_bytes()).unwrap()
    }

    fn after(start: Instant, seconds: u64) -> Instant {
        start + Duration::from_secs(seconds)
    }

    /// A state whose one look began at `start` and found keys.
    fn found(start: Instant) -> State {
        let mut state = State::default();
        state.begins(start);
        state.found(Some(keys()));
        state
    }

    #[test]
    fn keys_are_too_old_a_day_after_the_look_began_that_saw_them() {
        let (start, timing) = (Instant::now(), timing(false));
        let mut state = found(start);
        state.begins(after(start, 600));
        state.failed(after(start, 601), "away".to_owned());
        assert!(state.keys(after(start, 86_400), timing).is_some());
        assert!(state.keys(after(start, 86_400) + Duration::from_millis(1), timing).is_none());
        state.begins(after(start, 86_500));
        state.found(None);
        assert!(state.keys(after(start, 86_500 + 86_400), timing).is_some(), "that they are the same makes them fresh");
        assert!(State::default().keys(start, timing).is_none());
    }

    #[test]
    fn pauses_after_failures_grow_to_a_minute() {
        let (start, timing) = (Instant::now(), timing(false));
        let mut state = State::default();
        let mut pauses = Vec::new();
        for _ in 0..9 {
            state.begins(start);
            state.failed(after(start, 5), "away".to_owned());
            pauses.push(state.next_look(timing).unwrap().duration_since(after(start, 5)).as_secs());
        }
        assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 60, 60, 60]);
        state.failures = u32::MAX;
        assert_eq!(state.next_look(timing), Some(after(start, 65)));
        state.begins(start);
        state.found(Some(keys()));
        assert_eq!(state.next_look(timing), Some(after(start, 600)));
    }

    #[test]
    fn a_file_is_looked_at_each_second_whatever_happens() {
        let (start, timing) = (Instant::now(), timing(true));
        let mut state = found(start);
        assert_eq!(state.next_look(timing), Some(after(start, 1)));
        for _ in 0..5 {
            state.failed(start, "gone".to_owned());
            assert_eq!(state.next_look(timing), Some(after(start, 1)));
        }
        assert!(!state.may_look(start, timing) && state.may_look(after(start, 1), timing));
    }

    #[test]
    fn who_asks_gets_one_look_an_interval() {
        let (start, timing) = (Instant::now(), timing(false));
        let mut state = State::default();
        assert!(state.may_look(start, timing) && state.worth_waiting(start, timing));
        state.begins(start);
        assert!(!state.may_look(after(start, 9), timing) && state.worth_waiting(after(start, 9), timing));
        assert!(state.looking());
        state.failed(after(start, 1), "away".to_owned());
        assert!(!state.looking());
        assert!(!state.worth_waiting(after(start, 9), timing));
        assert!(state.may_look(after(start, 10), timing));
        assert_eq!(state.ended(), 1);
    }
}
