//! How long to wait before the next restart.

use std::time::Duration;

/// Below this, tokio's timer could answer at once, and a restart loop would never let its siblings run.
const SHORTEST: Duration = Duration::from_millis(1);

/// Exponential backoff with jitter: the n-th delay is `min(max, initial · factorⁿ)`, of which a random share is taken off.
///
/// The jitter keeps actors that failed together from coming back together (M. Brooker, "Exponential Backoff And Jitter",
/// AWS Architecture Blog, 2015). It is drawn from the supervision's seed, so that a run can be repeated.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Backoff {
    initial: Duration,
    factor: f64,
    max: Duration,
    jitter: f64,
}

/// A backoff that cannot be.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum InvalidBackoff {
    /// A restart without a pause starves the actor's siblings.
    #[error("initial delay {0:?} is below 1 ms: a restart must let others run")]
    TooShort(Duration),
    /// The longest delay is shorter than the first.
    #[error("longest delay {max:?} is below the initial delay {initial:?}")]
    MaxBelowInitial {
        /// The first delay.
        initial: Duration,
        /// The longest delay.
        max: Duration,
    },
    /// Delays would shrink, or are not numbers.
    #[error("factor {0} is not a finite number of at least 1")]
    Factor(f64),
    /// The share is not one.
    #[error("jitter {0} is not within 0 ..= 1")]
    Jitter(f64),
}

impl Backoff {
    /// A backoff from `initial` (at least 1 ms), each delay `factor` (at least 1) times the last, never above `max`.
    ///
    /// `jitter` (0 to 1) is the largest share of a delay that is taken off at random; 0.5 is usual.
    ///
    /// # Errors
    /// [`InvalidBackoff`] names the value that is out of its range.
    pub fn new(initial: Duration, factor: f64, max: Duration, jitter: f64) -> Result<Self, InvalidBackoff> {
        if initial < SHORTEST {
            return Err(InvalidBackoff::TooShort(initial));
        }
        if max < initial {
            return Err(InvalidBackoff::MaxBelowInitial { initial, max });
        }
        if !(factor.is_finite() && factor >= 1.0) {
            return Err(InvalidBackoff::Factor(factor));
        }
        if !(0.0..=1.0).contains(&jitter) {
            return Err(InvalidBackoff::Jitter(jitter));
        }
        Ok(Self { initial, factor, max, jitter })
    }
}

impl Default for Backoff {
    /// 100 ms, doubling, at most 10 s, up to half of it taken off.
    fn default() -> Self {
        Self { initial: Duration::from_millis(100), factor: 2.0, max: Duration::from_secs(10), jitter: 0.5 }
    }
}

/// The delays of one supervised actor, in order.
#[derive(Debug)]
pub(super) struct Delays {
    backoff: Backoff,
    base: Duration,
    random: SplitMix64,
}

impl Delays {
    pub(super) fn new(backoff: Backoff, seed: u64) -> Self {
        Self { backoff, base: backoff.initial, random: SplitMix64(seed) }
    }

    /// The next delay, at least 1 ms and at most the backoff's `max`.
    pub(super) fn next(&mut self) -> Duration {
        let base = self.base;
        let grown = Duration::try_from_secs_f64(base.as_secs_f64() * self.backoff.factor);
        self.base = grown.unwrap_or(self.backoff.max).min(self.backoff.max);
        let kept = 1.0 - self.backoff.jitter * self.random.unit();
        Duration::try_from_secs_f64(base.as_secs_f64() * kept).unwrap_or(base).max(SHORTEST)
    }

    /// Starts over from the initial delay; the random draws go on.
    pub(super) fn reset(&mut self) {
        self.base = self.backoff.initial;
    }
}

/// `SplitMix64` (Steele, Lea and Flood, "Fast Splittable Pseudorandom Number Generators", OOPSLA 2014). Not for secrets.
#[derive(Debug)]
struct SplitMix64(u64);

impl SplitMix64 {
    /// Uniform in `0.0 .. 1.0`.
    fn unit(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^= z >> 31;
        // 32 bits are plenty for jitter, and convert to a float without loss.
        let high = u32::try_from(z >> 32).unwrap_or(u32::MAX);
        f64::from(high) / (f64::from(u32::MAX) + 1.0)
    }
}
