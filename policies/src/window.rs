//! Tokens a minute, exactly: what is granted within any 60 seconds never sums up to more than the limit.
//!
//! A token bucket of a minute's size lets nearly two minutes' worth through within one minute: the full bucket, and what
//! flows in meanwhile. Where the limit protects something, that is twice too much. So each grant is kept for 60 seconds with
//! what it took; settling makes it as large as what was spent, and what comes back can be granted again at once.

use std::{collections::VecDeque, num::NonZeroU32, time::Duration};

const MINUTE: Duration = Duration::from_mins(1);
/// Grants that are kept apart. Where there are more, those of one [`SLOT`] become one that counts from the last of them:
/// stricter by a slot's length, and never looser. So there are never more than twice as many.
const MOST_GRANTS: usize = 2048;
/// 60 seconds have 2,000 of them.
const SLOT: Duration = Duration::from_millis(30);

/// Which grant is to be settled.
pub(crate) type GrantId = u64;

/// The grants of the last minute. Its owner tells it the time, which must not go backwards.
#[derive(Debug)]
pub(crate) struct Window {
    limit: NonZeroU32,
    grants: VecDeque<Grant>,
    /// The sum of all grants that are kept.
    taken: u64,
    next: GrantId,
}

#[derive(Clone, Copy, Debug)]
struct Grant {
    /// The id of the first of the grants that it stands for; ids ascend.
    first: GrantId,
    /// The time of the first of them.
    begun: Duration,
    /// The time of the last of them.
    at: Duration,
    tokens: u64,
}

impl Window {
    pub(crate) fn new(limit: NonZeroU32) -> Self {
        Self { limit, grants: VecDeque::new(), taken: 0, next: 0 }
    }

    /// Grants so many tokens, or says how long to wait until they fit if nothing comes back before.
    pub(crate) fn grant(&mut self, tokens: u64, now: Duration) -> Result<GrantId, Duration> {
        self.forget(now);
        // What was spent beyond a grant may have taken more than there is.
        match self.taken.saturating_add(tokens).checked_sub(u64::from(self.limit.get())) {
            None | Some(0) => Ok(self.add(tokens, now)),
            Some(missing) => Err(self.wait_for(missing, now)),
        }
    }

    /// Makes a grant as large as what was spent. What was spent beyond it counts from now.
    pub(crate) fn settle(&mut self, id: GrantId, granted: u64, spent: u64, now: Duration) {
        let unspent = granted.saturating_sub(spent);
        if let Some(grant) = self.grant_of(id) {
            let back = grant.tokens.min(unspent);
            grant.tokens -= back;
            self.taken -= back;
        }
        if spent > granted {
            self.add(spent - granted, now);
        }
        self.forget(now);
    }

    /// Takes a grant back as if it had never been.
    pub(crate) fn undo(&mut self, id: GrantId, granted: u64, now: Duration) {
        self.settle(id, granted, 0, now);
        if self.grants.back().is_some_and(|last| last.first == id && last.tokens == 0) {
            self.grants.pop_back();
        }
    }

    pub(crate) fn remaining(&self, now: Duration) -> u32 {
        let gone: u64 = self.grants.iter().take_while(|grant| is_over(grant, now)).map(|grant| grant.tokens).sum();
        let left = u64::from(self.limit.get()).saturating_sub(self.taken - gone);
        u32::try_from(left).unwrap_or(u32::MAX)
    }

    /// The time until nothing of it is taken, if nothing comes back before.
    pub(crate) fn reset(&self, now: Duration) -> Duration {
        let last = self.grants.iter().rev().find(|grant| grant.tokens > 0);
        last.map_or(Duration::ZERO, |grant| (grant.at + MINUTE).saturating_sub(now))
    }

    pub(crate) const fn set_limit(&mut self, limit: NonZeroU32) {
        self.limit = limit;
    }

    fn add(&mut self, tokens: u64, now: Duration) -> GrantId {
        let id = self.next;
        self.next += 1;
        self.taken += tokens;
        let crowded = self.grants.len() >= MOST_GRANTS;
        match self.grants.back_mut() {
            Some(last) if crowded && last.begun + SLOT > now => {
                last.tokens += tokens;
                last.at = now;
            }
            _ => self.grants.push_back(Grant { first: id, begun: now, at: now, tokens }),
        }
        id
    }

    /// The grant that an id is part of, if it is still kept.
    fn grant_of(&mut self, id: GrantId) -> Option<&mut Grant> {
        let after = self.grants.partition_point(|grant| grant.first <= id);
        self.grants.get_mut(after.checked_sub(1)?)
    }

    fn forget(&mut self, now: Duration) {
        while let Some(grant) = self.grants.front().filter(|grant| is_over(grant, now)) {
            self.taken -= grant.tokens;
            self.grants.pop_front();
        }
    }

    /// How long until so many tokens have left the window; for ever if there are not so many.
    fn wait_for(&self, missing: u64, now: Duration) -> Duration {
        let mut leaving = 0;
        let enough = self.grants.iter().find(|grant| {
            leaving += grant.tokens;
            leaving >= missing
        });
        enough.map_or(Duration::MAX, |grant| (grant.at + MINUTE).saturating_sub(now))
    }
}

fn is_over(grant: &Grant, now: Duration) -> bool {
    grant.at + MINUTE <= now
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn a_full_minute_opens_as_its_grants_leave_it() {
        let mut window = Window::new(NonZeroU32::new(100).unwrap());
        let first = window.grant(60, seconds(0)).unwrap();
        window.grant(40, seconds(20)).unwrap();
        assert_eq!(window.grant(1, seconds(30)), Err(seconds(30)));
        assert_eq!(window.grant(61, seconds(30)), Err(seconds(50)), "it waits for both");
        assert_eq!(window.grant(101, seconds(30)), Err(Duration::MAX));
        window.settle(first, 60, 10, seconds(31));
        assert_eq!((window.remaining(seconds(31)), window.reset(seconds(31))), (50, seconds(49)));
        assert!(window.grant(50, seconds(31)).is_ok());
        assert_eq!(window.remaining(seconds(60)), 10, "what the first spent has left");
    }

    #[test]
    fn what_was_spent_beyond_a_grant_counts_from_then_on() {
        let mut window = Window::new(NonZeroU32::new(100).unwrap());
        let id = window.grant(50, seconds(0)).unwrap();
        window.settle(id, 50, 130, seconds(10));
        assert_eq!(window.remaining(seconds(10)), 0);
        assert_eq!(window.remaining(seconds(60)), 20);
        assert_eq!(window.grant(21, seconds(60)), Err(seconds(10)));
    }

    #[test]
    fn many_grants_are_kept_in_little_room_and_never_looser() {
        let mut window = Window::new(NonZeroU32::new(1_000_000).unwrap());
        let ids: Vec<_> = (0..10_000_u64).map(|at| window.grant(1, Duration::from_millis(at)).unwrap()).collect();
        assert!(window.grants.len() <= 2 * MOST_GRANTS);
        assert_eq!(window.remaining(seconds(10)), 990_000);
        for id in ids {
            window.settle(id, 1, 0, seconds(10));
        }
        assert_eq!(window.remaining(seconds(10)), 1_000_000, "each comes back");
    }

    #[test]
    fn a_crowded_window_still_empties() {
        let mut window = Window::new(NonZeroU32::new(1_000).unwrap());
        // 500 a second, each taken back: they leave nothing behind.
        for at in 0..60_000_u64 {
            let now = Duration::from_millis(2 * at);
            let id = window.grant(1, now).unwrap();
            window.undo(id, 1, now);
        }
        assert_eq!((window.grants.len(), window.remaining(seconds(120))), (0, 1_000));
        // 500 a second, of one token each, for two minutes: two seconds' worth is all that is granted of each minute.
        let mut granted = 0_u64;
        for at in 0..60_000_u64 {
            granted += u64::from(window.grant(1, seconds(200) + Duration::from_millis(2 * at)).is_ok());
        }
        assert!((1_990..=2_000).contains(&granted), "{granted}");
        assert!(window.grants.len() <= 2 * MOST_GRANTS);
        assert_eq!(window.remaining(seconds(400)), 1_000);
    }

    #[derive(Clone, Debug)]
    enum Step {
        Pass(u64),
        Grant(u64),
        Settle(usize, u64),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            (0..30_000_u64).prop_map(Step::Pass),
            (1..120_u64).prop_map(Step::Grant),
            (0..8_usize, 0..130_u64).prop_map(|(which, spent)| Step::Settle(which, spent)),
        ]
    }

    proptest! {
        /// Against a list of all grants that there ever were: what is granted fits every window of 60 seconds, and nothing
        /// is refused that would have fitted.
        #[test]
        fn no_minute_grants_more_than_the_limit(steps in prop::collection::vec(step(), 1..300)) {
            const LIMIT: u64 = 200;
            let mut window = Window::new(NonZeroU32::new(200).unwrap());
            let mut now = Duration::ZERO;
            // When, how much of it counts, and its id while it is open.
            let mut all: Vec<(Duration, u64)> = Vec::new();
            let mut open: Vec<(usize, GrantId, u64)> = Vec::new();
            for step in steps {
                match step {
                    Step::Pass(millis) => now += Duration::from_millis(millis),
                    Step::Grant(tokens) => {
                        let taken: u64 = all.iter().filter(|(at, _)| *at + MINUTE > now).map(|(_, tokens)| tokens).sum();
                        let granted = window.grant(tokens, now);
                        prop_assert_eq!(granted.is_ok(), taken + tokens <= LIMIT, "taken {}", taken);
                        match granted {
                            Ok(id) => {
                                open.push((all.len(), id, tokens));
                                all.push((now, tokens));
                            }
                            Err(wait) if wait < Duration::MAX => {
                                let then = now + wait;
                                let taken: u64 = all.iter().filter(|(at, _)| *at + MINUTE > then).map(|(_, tokens)| tokens).sum();
                                prop_assert!(taken + tokens <= LIMIT, "the wait is long enough");
                            }
                            Err(_) => {}
                        }
                    }
                    Step::Settle(which, spent) if !open.is_empty() => {
                        let (at, id, granted) = open.swap_remove(which % open.len());
                        window.settle(id, granted, spent, now);
                        all[at].1 = granted.min(spent);
                        if spent > granted {
                            all.push((now, spent - granted));
                        }
                    }
                    Step::Settle(..) => {}
                }
                let taken: u64 = all.iter().filter(|(at, _)| *at + MINUTE > now).map(|(_, tokens)| tokens).sum();
                prop_assert_eq!(u64::from(window.remaining(now)), LIMIT.saturating_sub(taken));
            }
        }
    }
}
