//! The bucket against a plain token bucket, and against the limit itself.

use governor::clock::FakeRelativeClock;
use proptest::prelude::*;

use super::*;

/// A token bucket as textbooks have it, counting in nanoseconds' worth of a unit.
struct Plain {
    level: u128,
    full: u128,
    interval: u128,
    at: u128,
}

impl Plain {
    fn new(rate: u32, burst: u32) -> Self {
        let interval = u128::from(60_000_000_000u64.div_ceil(u64::from(rate)));
        let full = interval * u128::from(burst);
        Self { level: full, full, interval, at: 0 }
    }

    fn pass(&mut self, now: Duration) {
        self.level = self.full.min(self.level + (now.as_nanos() - self.at));
        self.at = now.as_nanos();
    }

    fn take(&mut self, units: u64, now: Duration) -> bool {
        self.pass(now);
        let cost = u128::from(units) * self.interval;
        let enough = self.level >= cost;
        if enough {
            self.level -= cost;
        }
        enough
    }

    fn give_back(&mut self, units: u64, now: Duration) {
        self.pass(now);
        self.level = self.full.min(self.level + u128::from(units) * self.interval);
    }
}

#[derive(Clone, Debug)]
enum Event {
    Pass(u64),
    Reserve(u64),
    /// Settle the reservation at this place, with this percentage spent.
    Settle(usize, u64),
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        (0..30_000_000_000u64).prop_map(Event::Pass),
        (0..1_000_000u64).prop_map(Event::Pass),
        (1..120u64).prop_map(Event::Reserve),
        (0..8usize, 0..=100u64).prop_map(|(which, spent)| Event::Settle(which, spent)),
    ]
}

fn told(clock: &FakeRelativeClock) -> Duration {
    Duration::from_nanos(clock.now().as_u64())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn it_is_a_token_bucket_under_reservations_and_refunds(
        rate in 1..100u32,
        burst in 1..100u32,
        events in prop::collection::vec(event(), 1..200),
    ) {
        let clock = FakeRelativeClock::default();
        let mut bucket = Bucket::per_minute(units(rate), units(burst));
        let mut plain = Plain::new(rate, burst);
        let mut open: Vec<u64> = Vec::new();
        let mut spent_in_all = 0;
        for event in events {
            match event {
                Event::Pass(nanos) => clock.advance(Duration::from_nanos(nanos)),
                Event::Reserve(units) => {
                    let taken = bucket.take(units, told(&clock));
                    prop_assert_eq!(taken.is_ok(), plain.take(units, told(&clock)), "reserve {}", units);
                    match taken {
                        Ok(()) => open.push(units),
                        Err(Short::Never) => prop_assert!(units > u64::from(burst)),
                        Err(Short::Until(wait)) => {
                            let short = u128::from(units) * plain.interval - plain.level;
                            prop_assert_eq!(wait.as_nanos(), short);
                        }
                    }
                }
                Event::Settle(which, _) if open.is_empty() => { let _ = which; }
                Event::Settle(which, percent) => {
                    let reserved = open.swap_remove(which % open.len());
                    let spent = reserved * percent / 100;
                    spent_in_all += spent;
                    bucket.give_back(reserved - spent);
                    plain.give_back(reserved - spent, told(&clock));
                }
            }
            plain.pass(told(&clock));
            let whole = u32::try_from(plain.level / plain.interval).unwrap();
            prop_assert_eq!(bucket.remaining(told(&clock)), whole);
            let minutes = told(&clock).as_secs_f64() / 60.0;
            let open_units: u64 = open.iter().sum();
            let used = f64::from(u32::try_from(spent_in_all + open_units).unwrap());
            let most = f64::from(burst) + f64::from(rate) * minutes + 1e-6;
            prop_assert!(used <= most, "used {} of {}", used, most);
        }
    }

    #[test]
    fn huge_counts_neither_overflow_nor_pass(limit in 1..10u32, many in 10..u64::MAX) {
        let mut bucket = bucket(limit);
        prop_assert_eq!(bucket.take(many, Duration::ZERO), Err(Short::Never));
        bucket.charge(many, Duration::from_secs(1));
        bucket.give_back(many);
        prop_assert!(bucket.remaining(Duration::from_secs(1)) <= limit);
    }
}

fn units(units: u32) -> NonZeroU32 {
    NonZeroU32::new(units).unwrap()
}

fn bucket(limit: u32) -> Bucket {
    Bucket::per_minute(units(limit), units(limit))
}

#[test]
fn a_burst_is_what_comes_at_once_and_the_rate_what_comes_after() {
    let mut bucket = Bucket::per_minute(units(60), units(3));
    assert_eq!(bucket.remaining(Duration::ZERO), 3);
    for _ in 0..3 {
        assert_eq!(bucket.take(1, Duration::ZERO), Ok(()));
    }
    assert_eq!(bucket.take(1, Duration::ZERO), Err(Short::Until(Duration::from_secs(1))));
    assert_eq!(bucket.take(1, Duration::from_secs(1)), Ok(()));
    assert_eq!(bucket.take(4, Duration::from_mins(1)), Err(Short::Never));
}

#[test]
fn a_debt_is_paid_off_before_anything_is_taken() {
    let mut bucket = bucket(60);
    bucket.charge(90, Duration::ZERO);
    assert_eq!(bucket.remaining(Duration::ZERO), 0);
    assert_eq!(bucket.take(1, Duration::ZERO), Err(Short::Until(Duration::from_secs(31))));
    assert_eq!(bucket.take(1, Duration::from_secs(31)), Ok(()));
}

#[test]
fn a_lowered_limit_keeps_what_was_used_but_not_longer_than_a_burst() {
    let mut bucket = bucket(6_000);
    bucket.take(6_000, Duration::ZERO).unwrap();
    let mut lowered = bucket.resized((units(60), units(60)), Duration::ZERO);
    assert_eq!(lowered.remaining(Duration::ZERO), 0);
    assert_eq!(lowered.reset(Duration::ZERO), Duration::from_mins(1));
    assert_eq!(lowered.take(60, Duration::from_mins(1)), Ok(()));
}

#[test]
fn a_raised_limit_does_not_forget_what_was_used() {
    let mut bucket = bucket(60);
    bucket.take(60, Duration::ZERO).unwrap();
    let raised = bucket.resized((units(6_000), units(6_000)), Duration::ZERO);
    assert_eq!(raised.remaining(Duration::ZERO), 5_940);
}
