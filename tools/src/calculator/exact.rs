//! Exact numbers: fractions of whole numbers of any length up to the limit.

use std::cmp::Ordering;

use num_bigint::{BigInt, Sign};
use num_integer::Integer;
use num_traits::{One, Signed, ToPrimitive, Zero};

use super::{
    problem::Problem,
    work::{MAX_BITS, Work, fits, too_long, words},
};

/// A fraction in lowest terms; the denominator is positive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Exact {
    numer: BigInt,
    denom: BigInt,
}

impl From<BigInt> for Exact {
    fn from(numer: BigInt) -> Self {
        Self { numer, denom: BigInt::one() }
    }
}

impl From<i64> for Exact {
    fn from(number: i64) -> Self {
        Self::from(BigInt::from(number))
    }
}

impl Exact {
    pub(super) fn zero() -> Self {
        Self::from(0)
    }

    pub(super) fn one() -> Self {
        Self::from(1)
    }

    /// A quotient in lowest terms.
    pub(super) fn ratio(numer: BigInt, denom: BigInt, work: &Work) -> Result<Self, Problem> {
        if denom.is_zero() {
            return Err(Problem::meaning("division by zero"));
        }
        let (numer, denom) = if denom.is_negative() { (-numer, -denom) } else { (numer, denom) };
        let common = gcd(&numer, &denom, work)?;
        let reduced = if common.is_one() {
            Self { numer, denom }
        } else {
            work.take_product(&numer, &common)?;
            work.take_product(&denom, &common)?;
            Self { numer: numer / &common, denom: denom / &common }
        };
        reduced.fitting()
    }

    /// `number` times two to the power of `-places`: never rounded.
    pub(super) fn binary(number: BigInt, places: u64, work: &Work) -> Result<Self, Problem> {
        if places > 2 * MAX_BITS {
            return Err(too_long());
        }
        // Twos are all that the two can have in common.
        let common = number.trailing_zeros().unwrap_or(places).min(places);
        work.take(words(&number) + places / 64)?;
        Self { numer: number >> common, denom: BigInt::one() << (places - common) }.fitting()
    }

    /// The number times two to a power, in lowest terms. It is for what is cut at once, and may be twice as long as others.
    pub(super) fn shifted(&self, places: u64, work: &Work) -> Result<Self, Problem> {
        if places > 2 * MAX_BITS {
            return Err(Problem::size("a number here is too close to zero: use larger numbers"));
        }
        work.take(words(&self.numer) + words(&self.denom) + places / 64)?;
        let common = self.denom.trailing_zeros().unwrap_or(0).min(places);
        Ok(Self { numer: &self.numer << (places - common), denom: &self.denom >> common })
    }

    fn fitting(self) -> Result<Self, Problem> {
        fits(&self.numer).and_then(|()| fits(&self.denom)).map(|()| self)
    }

    pub(super) fn numer(&self) -> &BigInt {
        &self.numer
    }

    pub(super) fn denom(&self) -> &BigInt {
        &self.denom
    }

    pub(super) fn is_integer(&self) -> bool {
        self.denom.is_one()
    }

    pub(super) fn is_zero(&self) -> bool {
        self.numer.is_zero()
    }

    pub(super) fn is_negative(&self) -> bool {
        self.numer.is_negative()
    }

    /// The whole number that it is, where it is a small one.
    pub(super) fn small(&self) -> Option<i64> {
        if self.is_integer() { self.numer.to_i64() } else { None }
    }

    /// The power of two nearest to its size, give or take one.
    pub(super) fn magnitude(&self) -> i64 {
        let bits = |number: &BigInt| i64::try_from(number.bits()).unwrap_or(i64::MAX / 4);
        bits(&self.numer) - bits(&self.denom)
    }

    pub(super) fn negated(&self) -> Self {
        Self { numer: -&self.numer, denom: self.denom.clone() }
    }

    pub(super) fn plus(&self, other: &Self, work: &Work) -> Result<Self, Problem> {
        work.take(words(&self.numer) + words(&other.numer))?;
        if self.denom == other.denom {
            let numer = &self.numer + &other.numer;
            return if self.is_integer() {
                Self::from(numer).fitting()
            } else {
                Self::ratio(numer, self.denom.clone(), work)
            };
        }
        work.take_product(&self.numer, &other.denom)?;
        work.take_product(&other.numer, &self.denom)?;
        work.take_product(&self.denom, &other.denom)?;
        let numer = &self.numer * &other.denom + &other.numer * &self.denom;
        Self::ratio(numer, &self.denom * &other.denom, work)
    }

    pub(super) fn times(&self, other: &Self, work: &Work) -> Result<Self, Problem> {
        work.take_product(&self.numer, &other.numer)?;
        work.take_product(&self.denom, &other.denom)?;
        let numer = &self.numer * &other.numer;
        if self.is_integer() && other.is_integer() {
            return Self::from(numer).fitting();
        }
        Self::ratio(numer, &self.denom * &other.denom, work)
    }

    pub(super) fn over(&self, other: &Self, work: &Work) -> Result<Self, Problem> {
        work.take_product(&self.numer, &other.denom)?;
        work.take_product(&self.denom, &other.numer)?;
        Self::ratio(&self.numer * &other.denom, &self.denom * &other.numer, work)
    }

    /// To a whole power. Zero to the power of zero is one.
    pub(super) fn power(&self, exponent: &BigInt, work: &Work) -> Result<Self, Problem> {
        if exponent.is_negative() {
            return Self::one().over(&self.power(&-exponent, work)?, work);
        }
        // Powers of 0, 1 and -1 stay short, whatever the exponent is.
        if self.is_integer() && self.numer.bits() <= 1 {
            return Ok(self.unit_power(exponent));
        }
        let exponent = exponent.to_u32().ok_or_else(too_long)?;
        Self { numer: integer_power(&self.numer, exponent, work)?, denom: integer_power(&self.denom, exponent, work)? }
            .fitting()
    }

    fn unit_power(&self, exponent: &BigInt) -> Self {
        if exponent.is_zero() || (self.is_negative() && exponent.is_even()) {
            return Self::one();
        }
        self.clone()
    }

    /// The largest whole number that is not above it.
    pub(super) fn floor(&self, work: &Work) -> Result<BigInt, Problem> {
        work.take_product(&self.numer, &self.denom)?;
        Ok(self.numer.div_floor(&self.denom))
    }

    /// The smallest whole number that is not below it.
    pub(super) fn ceil(&self, work: &Work) -> Result<BigInt, Problem> {
        Ok(-self.negated().floor(work)?)
    }

    /// The nearest whole number; halves go away from zero, as people round sums of money.
    pub(super) fn round(&self, work: &Work) -> Result<BigInt, Problem> {
        work.take_product(&self.numer, &self.denom)?;
        let twice: BigInt = self.numer.abs() * 2 + &self.denom;
        let magnitude = twice.div_floor(&(&self.denom * 2));
        Ok(if self.is_negative() { -magnitude } else { magnitude })
    }

    pub(super) fn compare(&self, other: &Self, work: &Work) -> Result<Ordering, Problem> {
        work.take_product(&self.numer, &other.denom)?;
        work.take_product(&other.numer, &self.denom)?;
        Ok((&self.numer * &other.denom).cmp(&(&other.numer * &self.denom)))
    }
}

fn integer_power(base: &BigInt, exponent: u32, work: &Work) -> Result<BigInt, Problem> {
    if base.bits() <= 1 {
        return Ok(if exponent.is_multiple_of(2) { base.abs() } else { base.clone() });
    }
    // A number of n bits is at least two to the power of n - 1.
    let least = (base.bits().saturating_sub(1)).saturating_mul(u64::from(exponent));
    if least > MAX_BITS {
        return Err(too_long());
    }
    work.take_square(base.bits().saturating_mul(u64::from(exponent)))?;
    Ok(base.pow(exponent))
}

/// Ten to a power.
pub(super) fn ten_to(exponent: u64, work: &Work) -> Result<BigInt, Problem> {
    let exponent = u32::try_from(exponent).map_err(|_| too_long())?;
    if u64::from(exponent) > 2 * MAX_BITS {
        return Err(too_long());
    }
    work.take_square(u64::from(exponent) * 10 / 3)?;
    Ok(BigInt::from(10).pow(exponent))
}

/// The greatest common divisor, positive. The steps are those of Stein's rule, which shifts and subtracts over the whole length once
/// or twice a bit; a long number is brought to the length of a short one first.
pub(super) fn gcd(left: &BigInt, right: &BigInt, work: &Work) -> Result<BigInt, Problem> {
    let (long, short) = if left.bits() >= right.bits() { (left, right) } else { (right, left) };
    if short.sign() == Sign::NoSign {
        return Ok(long.abs());
    }
    if short.bits() == 1 {
        return Ok(BigInt::one());
    }
    work.take_product(long, short)?;
    let rest = long.mod_floor(short);
    work.take(rest.bits().max(1).saturating_mul(words(short)).saturating_mul(3))?;
    Ok(short.gcd(&rest))
}
