//! Numbers that are exact, or known to lie between two exact ones: what is printed of a root is never wrong.

use std::cmp::Ordering;

use num_bigint::BigInt;
use num_traits::One;

use super::{
    exact::{Exact, ten_to},
    problem::Problem,
    work::{Work, words},
};

/// Bits to which a number is kept that is not exact: 77 decimal digits.
const KEPT_BITS: i64 = 256;
/// The highest root that is drawn.
const MAX_ROOT: u32 = 64;
/// Its first 100 decimals, cut. The test works them out by Machin's formula.
pub(super) const PI: &str =
    "31415926535897932384626433832795028841971693993751058209749445923078164062862089986280348253421170679";
/// Its first 100 decimals, cut. The test works them out by its series.
pub(super) const E: &str =
    "27182818284590452353602874713526624977572470936999595749669676277240766303535475945713821785251664274";

/// Everything from `low` to `high`; a point is exact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Span {
    low: Exact,
    high: Exact,
}

impl From<Exact> for Span {
    fn from(exact: Exact) -> Self {
        Self { low: exact.clone(), high: exact }
    }
}

impl Span {
    /// A constant of which the first digits are known, the first of them before the point.
    pub(super) fn constant(digits: &str, work: &Work) -> Result<Self, Problem> {
        let number = digits.parse::<BigInt>().unwrap_or_default();
        let scale = ten_to(digits.len() as u64 - 1, work)?;
        let low = Exact::ratio(number.clone(), scale.clone(), work)?;
        Ok(Self { low, high: Exact::ratio(number + 1, scale, work)? })
    }

    pub(super) fn low(&self) -> &Exact {
        &self.low
    }

    pub(super) fn high(&self) -> &Exact {
        &self.high
    }

    /// The number, where it is exact.
    pub(super) fn exact(&self) -> Option<&Exact> {
        (self.low == self.high).then_some(&self.low)
    }

    fn has_zero(&self) -> bool {
        self.low.is_zero() || self.high.is_zero() || self.low.is_negative() != self.high.is_negative()
    }

    pub(super) fn negated(&self) -> Self {
        Self { low: self.high.negated(), high: self.low.negated() }
    }

    pub(super) fn plus(&self, other: &Self, work: &Work) -> Result<Self, Problem> {
        if let (Some(left), Some(right)) = (self.exact(), other.exact()) {
            return Ok(left.plus(right, work)?.into());
        }
        Self { low: self.low.plus(&other.low, work)?, high: self.high.plus(&other.high, work)? }.shortened(work)
    }

    pub(super) fn minus(&self, other: &Self, work: &Work) -> Result<Self, Problem> {
        self.plus(&other.negated(), work)
    }

    pub(super) fn times(&self, other: &Self, work: &Work) -> Result<Self, Problem> {
        if let (Some(left), Some(right)) = (self.exact(), other.exact()) {
            return Ok(left.times(right, work)?.into());
        }
        self.corners(other, work, Exact::times)
    }

    pub(super) fn over(&self, other: &Self, work: &Work) -> Result<Self, Problem> {
        if let (Some(left), Some(right)) = (self.exact(), other.exact()) {
            return Ok(left.over(right, work)?.into());
        }
        if other.has_zero() {
            return Err(Problem::meaning("division by a number that may be zero"));
        }
        self.corners(other, work, Exact::over)
    }

    fn corners(
        &self,
        other: &Self,
        work: &Work,
        rule: impl Fn(&Exact, &Exact, &Work) -> Result<Exact, Problem>,
    ) -> Result<Self, Problem> {
        let mut span = Self::from(rule(&self.low, &other.low, work)?);
        for (left, right) in [(&self.low, &other.high), (&self.high, &other.low), (&self.high, &other.high)] {
            span = span.and(rule(left, right, work)?, work)?;
        }
        span.shortened(work)
    }

    /// Wide enough for one more number.
    fn and(self, number: Exact, work: &Work) -> Result<Self, Problem> {
        if number.compare(&self.low, work)? == Ordering::Less {
            return Ok(Self { low: number, ..self });
        }
        if number.compare(&self.high, work)? == Ordering::Greater {
            return Ok(Self { high: number, ..self });
        }
        Ok(self)
    }

    /// What is not exact anyway keeps so many bits, and is rounded outwards.
    fn shortened(self, work: &Work) -> Result<Self, Problem> {
        if self.exact().is_some() {
            return Ok(self);
        }
        let magnitude = self.low.magnitude().max(self.high.magnitude());
        let places = u64::try_from(KEPT_BITS.saturating_sub(magnitude)).unwrap_or(0);
        let low = self.low.shifted(places, work)?.floor(work)?;
        let high = self.high.shifted(places, work)?.ceil(work)?;
        Ok(Self { low: Exact::binary(low, places, work)?, high: Exact::binary(high, places, work)? })
    }

    /// To a power that is a whole number, or a fraction whose denominator is a root that can be drawn.
    pub(super) fn power(&self, exponent: &Self, work: &Work) -> Result<Self, Problem> {
        let exponent = exponent.exact().ok_or_else(|| Problem::meaning("an exponent must be an exact number"))?;
        let root = u32::try_from(exponent.denom()).ok().filter(|root| *root <= MAX_ROOT);
        let root = root.ok_or_else(|| {
            Problem::meaning(format!(
                "this exponent cannot be used: use a whole number or a fraction with a denominator of at most {MAX_ROOT}"
            ))
        })?;
        self.whole_power(exponent.numer(), work)?.root(root, work)
    }

    fn whole_power(&self, exponent: &BigInt, work: &Work) -> Result<Self, Problem> {
        if let Some(base) = self.exact() {
            return Ok(base.power(exponent, work)?.into());
        }
        if exponent.sign() == num_bigint::Sign::Minus {
            return Self::from(Exact::one()).over(&self.whole_power(&-exponent, work)?, work);
        }
        let ends = Self::from(self.low.power(exponent, work)?).and(self.high.power(exponent, work)?, work)?;
        // An even power of something around zero goes down to zero.
        let ends = if self.has_zero() { ends.and(Exact::zero(), work)? } else { ends };
        ends.shortened(work)
    }

    /// The root: exact where it is a fraction.
    pub(super) fn root(&self, root: u32, work: &Work) -> Result<Self, Problem> {
        if root <= 1 {
            return Ok(self.clone());
        }
        if self.low.is_negative() {
            if root.is_multiple_of(2) {
                return Err(Problem::meaning("the root of a negative number"));
            }
            if !self.high.is_negative() && !self.high.is_zero() {
                return Err(Problem::meaning("the root of a number that may be negative"));
            }
            return Ok(self.negated().root(root, work)?.negated());
        }
        let low = root_of(&self.low, root, work)?;
        if self.exact().is_some() {
            return Ok(low);
        }
        Ok(Self { low: low.low, high: root_of(&self.high, root, work)?.high })
    }

    /// What a rule makes of it that never turns back, such as rounding.
    pub(super) fn step(&self, rule: impl Fn(&Exact) -> Result<Exact, Problem>) -> Result<Self, Problem> {
        let (low, high) = (rule(&self.low)?, rule(&self.high)?);
        if low == high {
            return Ok(low.into());
        }
        Err(Problem::meaning("this number is not known closely enough to be rounded"))
    }

    pub(super) fn abs(&self) -> Result<Self, Problem> {
        match (self.low.is_negative(), self.high.is_negative()) {
            (false, _) => Ok(self.clone()),
            (true, true) => Ok(self.negated()),
            (true, false) => Err(Problem::meaning("this number is not known closely enough to have a sign")),
        }
    }

    /// Which of two is larger.
    pub(super) fn compare(&self, other: &Self, work: &Work) -> Result<Ordering, Problem> {
        if self == other {
            return Ok(Ordering::Equal);
        }
        if self.high.compare(&other.low, work)? == Ordering::Less {
            return Ok(Ordering::Less);
        }
        if self.low.compare(&other.high, work)? == Ordering::Greater {
            return Ok(Ordering::Greater);
        }
        Err(Problem::meaning("these numbers are too close to each other to be compared"))
    }
}

/// Newton's rule starts at most a factor of two above, so that the first steps are about as many as the root is high.
fn integer_root(number: &BigInt, root: u32, work: &Work) -> Result<BigInt, Problem> {
    let words = words(number);
    work.take(words.saturating_mul(words).saturating_mul(u64::from(root) + 12))?;
    Ok(number.nth_root(root))
}

fn root_of(number: &Exact, root: u32, work: &Work) -> Result<Span, Problem> {
    if number.is_zero() {
        return Ok(Exact::zero().into());
    }
    let (over, under) = (integer_root(number.numer(), root, work)?, integer_root(number.denom(), root, work)?);
    if over.pow(root) == *number.numer() && under.pow(root) == *number.denom() {
        return Ok(Exact::ratio(over, under, work)?.into());
    }
    let magnitude = number.magnitude() / i64::from(root);
    let places = u64::try_from(KEPT_BITS.saturating_sub(magnitude)).unwrap_or(0);
    let radicand = number.shifted(places * u64::from(root), work)?.floor(work)?;
    let low = integer_root(&radicand, root, work)?;
    let high = Exact::binary(&low + BigInt::one(), places, work)?;
    Ok(Span { low: Exact::binary(low, places, work)?, high })
}
