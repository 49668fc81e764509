//! What one call may work: steps are counted, so that the bound does not depend on the clock.

use std::cell::Cell;

use num_bigint::BigInt;

use super::problem::Problem;

/// Decimal digits that a numerator or denominator may have.
pub(super) const MAX_DIGITS: u32 = 10_000;
/// The same in bits: `MAX_DIGITS / log10(2)`, rounded up.
pub(super) const MAX_BITS: u64 = 33_220;
/// Steps of a call: enough for one fraction of the longest numbers in lowest terms. Of all hostile
/// expressions that were tried, none took more than 40 ms of one core.
pub(super) const MAX_STEPS: u64 = 64_000_000;

/// How much a call has left.
#[derive(Debug)]
pub(super) struct Work {
    left: Cell<u64>,
}

impl Work {
    pub(super) fn new() -> Self {
        Self { left: Cell::new(MAX_STEPS) }
    }

    /// Steps that were taken so far.
    #[cfg(test)]
    pub(super) fn taken(&self) -> u64 {
        MAX_STEPS - self.left.get()
    }

    /// Takes steps before they are gone.
    pub(super) fn take(&self, steps: u64) -> Result<(), Problem> {
        let left = self.left.get().checked_sub(steps);
        let left = left.ok_or_else(|| Problem::size("this is too much work: use smaller numbers or fewer of them"))?;
        self.left.set(left);
        Ok(())
    }

    /// Takes the steps of a product or a quotient, by the schoolbook's rule. Unlike the libraries' better rules it never says too
    /// little.
    pub(super) fn take_product(&self, left: &BigInt, right: &BigInt) -> Result<(), Problem> {
        self.take(4 + words(left).saturating_mul(words(right)))
    }

    /// Takes the steps of a result of so many bits that is made by squaring, or written in decimals.
    pub(super) fn take_square(&self, bits: u64) -> Result<(), Problem> {
        let words = bits / 64 + 1;
        self.take(4 + words.saturating_mul(words))
    }
}

/// Machine words of a number, at least 1.
pub(super) fn words(number: &BigInt) -> u64 {
    number.bits() / 64 + 1
}

/// A number that is not too long.
pub(super) fn fits(number: &BigInt) -> Result<(), Problem> {
    if number.bits() <= MAX_BITS { Ok(()) } else { Err(too_long()) }
}

pub(super) fn too_long() -> Problem {
    Problem::size(format!("a number here would have more than {MAX_DIGITS} digits: use smaller numbers"))
}
