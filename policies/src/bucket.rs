//! A token bucket that takes refunds: governor's GCRA over a state that can also move back.
//!
//! GCRA keeps one number, the *theoretical arrival time* (TAT): the moment at which the bucket will be full again. With
//! `i` nanoseconds a unit and room for `n` units, the bucket holds `n − max(0, TAT − now) / i` units, and taking `k`
//! moves TAT forward by `k·i`. governor only ever moves it forward. [`ArrivalTime`] is a state store that is shared
//! with the bucket, so a refund of `k` units moves it back by `k·i`; a TAT in the past already means "full", so no
//! refund can fill the bucket beyond its rim. That makes it exactly a token bucket, without a second account beside
//! the first; the property test in this module compares the two step by step.

use std::{
    num::NonZeroU32,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use governor::{
    NotUntil, Quota, RateLimiter,
    clock::Clock,
    middleware::NoOpMiddleware,
    nanos::Nanos,
    state::{StateStore, direct::NotKeyed},
};

const MINUTE: Duration = Duration::from_mins(1);

/// Why units could not be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Short {
    /// More than the bucket ever holds.
    Never,
    /// The units will be there after this time, if nobody else takes them.
    Until(Duration),
}

/// A bucket that holds a burst of units and fills at a minute's rate. Its owner tells it the time, which must not go
/// backwards.
#[derive(Debug)]
pub(crate) struct Bucket {
    rate: NonZeroU32,
    /// The units that it holds when full.
    burst: NonZeroU32,
    /// Nanoseconds a unit, rounded up: never faster than the limit.
    interval: u64,
    arrival: ArrivalTime,
    now: ToldTime,
    limiter: RateLimiter<NotKeyed, ArrivalTime, ToldTime, NoOpMiddleware<Nanos>>,
}

impl Bucket {
    /// A full bucket.
    pub(crate) fn per_minute(rate: NonZeroU32, burst: NonZeroU32) -> Self {
        let interval = nanos(MINUTE).div_ceil(u64::from(rate.get()));
        // The interval of a `u32` of units in a minute is at least 14 ns, so `with_period` never answers `None`.
        let quota = Quota::with_period(Duration::from_nanos(interval))
            .unwrap_or_else(|| Quota::per_minute(rate))
            .allow_burst(burst);
        let (arrival, now) = (ArrivalTime::default(), ToldTime::default());
        let limiter = RateLimiter::new(quota, arrival.clone(), now.clone());
        Self { rate, burst, interval, arrival, now, limiter }
    }

    /// Takes all of `units`, or none of them.
    pub(crate) fn take(&mut self, units: u64, now: Duration) -> Result<(), Short> {
        let units = u32::try_from(units).map_err(|_| Short::Never)?;
        // governor multiplies before it compares, which overflows for huge counts: compare first.
        if units > self.burst.get() {
            return Err(Short::Never);
        }
        let Some(units) = NonZeroU32::new(units) else { return Ok(()) };
        self.now.tell(now);
        match self.limiter.check_n(units) {
            Ok(Ok(())) => Ok(()),
            Ok(Err(not_until)) => Err(Short::Until(wait(&not_until, now))),
            Err(_) => Err(Short::Never),
        }
    }

    /// Puts back units that were taken and not used.
    pub(crate) fn give_back(&mut self, units: u64) {
        self.arrival.set(self.arrival.get().saturating_sub(units.saturating_mul(self.interval)));
    }

    /// Takes units that were used already, even if that leaves a debt.
    fn charge(&mut self, units: u64, now: Duration) {
        let from = self.arrival.get().max(nanos(now));
        self.arrival.set(from.saturating_add(units.saturating_mul(self.interval)));
    }

    /// Whole units in the bucket.
    pub(crate) fn remaining(&self, now: Duration) -> u32 {
        let missing = nanos(self.reset(now)).div_ceil(self.interval);
        self.burst.get().saturating_sub(u32::try_from(missing).unwrap_or(u32::MAX))
    }

    /// The time until the bucket is full.
    pub(crate) fn reset(&self, now: Duration) -> Duration {
        Duration::from_nanos(self.arrival.get().saturating_sub(nanos(now)))
    }

    /// The rate and the burst.
    pub(crate) const fn size(&self) -> (NonZeroU32, NonZeroU32) {
        (self.rate, self.burst)
    }

    /// The same bucket with another rate and burst. What is missing stays missing, up to the new burst: a lowered limit is
    /// paid off instead of shutting the tenant out for long.
    pub(crate) fn resized(&self, (rate, burst): (NonZeroU32, NonZeroU32), now: Duration) -> Self {
        let missing = nanos(self.reset(now)).div_ceil(self.interval);
        let mut resized = Self::per_minute(rate, burst);
        resized.charge(missing.min(burst.get().into()), now);
        resized
    }
}

fn wait(not_until: &NotUntil<Nanos>, now: Duration) -> Duration {
    not_until.wait_time_from(Nanos::new(nanos(now)))
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// GCRA's state, in nanoseconds since the bucket's clock began; 0 before the first unit was taken.
#[derive(Clone, Debug, Default)]
struct ArrivalTime(Arc<AtomicU64>);

impl ArrivalTime {
    fn get(&self) -> u64 {
        self.0.load(Ordering::Acquire)
    }

    fn set(&self, nanos: u64) {
        self.0.store(nanos, Ordering::Release);
    }
}

impl StateStore for ArrivalTime {
    type Key = NotKeyed;

    /// A plain read and write: the bucket is only used through `&mut`.
    fn measure_and_replace<T, F, E>(&self, _key: &Self::Key, f: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        let before = Some(self.get()).filter(|nanos| *nanos > 0);
        let (outcome, after) = f(before.map(Nanos::new))?;
        self.set(after.as_u64());
        Ok(outcome)
    }
}

/// The time as the bucket's owner told it last.
#[derive(Clone, Debug, Default)]
struct ToldTime(Arc<AtomicU64>);

impl ToldTime {
    fn tell(&self, now: Duration) {
        self.0.store(nanos(now), Ordering::Release);
    }
}

impl Clock for ToldTime {
    type Instant = Nanos;

    fn now(&self) -> Nanos {
        Nanos::new(self.0.load(Ordering::Acquire))
    }
}

#[cfg(test)]
mod tests;
