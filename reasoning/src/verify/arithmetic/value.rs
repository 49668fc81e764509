//! Exact values of expressions, and of what rounding leaves open.

use num_rational::Ratio;
use num_traits::{CheckedAdd, CheckedDiv, CheckedMul, CheckedSub, Zero};

use super::read::{Kind, Piece};

/// The largest exponent that is worked out.
const MAX_POWER: i128 = 64;
/// Brackets, signs and exponents inside of each other.
const MAX_DEPTH: u32 = 32;

pub(super) type Exact = Ratio<i128>;

/// A side of an equation.
pub(super) type Side<'a> = &'a [Piece];

/// Everything from `low` to `high`; a point for what is exact.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Span {
    pub(super) low: Exact,
    pub(super) high: Exact,
}

impl Span {
    pub(super) const fn point(value: Exact) -> Self {
        Self { low: value, high: value }
    }

    pub(super) fn width(self) -> Option<Exact> {
        self.high.checked_sub(&self.low)
    }

    fn meets(self, other: Self) -> bool {
        self.low <= other.high && other.low <= self.high
    }

    fn negated(self) -> Option<Self> {
        Some(Self { low: Exact::zero().checked_sub(&self.high)?, high: Exact::zero().checked_sub(&self.low)? })
    }

    fn plus(self, other: Self) -> Option<Self> {
        Some(Self { low: self.low.checked_add(&other.low)?, high: self.high.checked_add(&other.high)? })
    }

    fn times(self, other: Self) -> Option<Self> {
        self.corners(other, |a, b| a.checked_mul(&b))
    }

    fn over(self, other: Self) -> Option<Self> {
        if other.low <= Exact::zero() && other.high >= Exact::zero() {
            return None;
        }
        self.corners(other, |a, b| a.checked_div(&b))
    }

    fn corners(self, other: Self, rule: impl Fn(Exact, Exact) -> Option<Exact>) -> Option<Self> {
        let first = rule(self.low, other.low)?;
        if self.low == self.high && other.low == other.high {
            return Some(Self::point(first));
        }
        let rest = [rule(self.low, other.high)?, rule(self.high, other.low)?, rule(self.high, other.high)?];
        let start = Self::point(first);
        Some(rest.into_iter().fold(start, |span, at| Self { low: span.low.min(at), high: span.high.max(at) }))
    }
}

/// A number that stands alone on its side, and what its last decimal stands for.
pub(super) fn alone(side: Side<'_>) -> Option<(Exact, Option<Exact>)> {
    match side {
        [Piece { kind: Kind::Number(exact, unit), .. }] => Some((*exact, *unit)),
        [Piece { kind: Kind::Sign('-'), .. }, Piece { kind: Kind::Number(exact, unit), .. }] => Some((-*exact, *unit)),
        _ => None,
    }
}

/// Whether a side has something to work out.
pub(super) fn is_computed(side: Side<'_>) -> bool {
    alone(side).is_none() && side.iter().any(|piece| matches!(piece.kind, Kind::Sign(_)))
}

/// The value of a side; `None` when it is no expression, divides by zero or is too large.
pub(super) fn evaluate(side: Side<'_>) -> Option<Exact> {
    evaluate_as(side, &|exact, _| Span::point(exact)).map(|span| span.low)
}

/// The same for numbers that stand for more than themselves.
pub(super) fn evaluate_as(side: Side<'_>, number: &dyn Fn(Exact, Option<Exact>) -> Span) -> Option<Span> {
    let mut parser = Parser { side, at: 0, depth: 0, number };
    let span = parser.sum()?;
    (parser.at == side.len()).then_some(span)
}

/// Whether two sides can have the same value. Decimals that stand alone may be rounded or cut at their last place.
pub(super) fn agree(left: (Side<'_>, Span), right: (Side<'_>, Span)) -> bool {
    let shown = |(side, _): (Side<'_>, Span), (_, other): (Side<'_>, Span)| {
        alone(side).is_some_and(|(exact, unit)| unit.is_some_and(|unit| stands_for(exact, unit, other)))
    };
    left.1.meets(right.1) || shown(left, right) || shown(right, left)
}

/// Whether something within a span, rounded or cut at the place of `unit`, is written as `shown`.
pub(super) fn stands_for(shown: Exact, unit: Exact, span: Span) -> bool {
    let zero = Exact::zero();
    let half = unit / 2;
    let above = |shown: Exact, span: Span| {
        let (Some(low), Some(high)) = (shown.checked_sub(&half), shown.checked_add(&unit)) else { return false };
        span.high >= low && span.low < high
    };
    if shown.is_zero() {
        return span.low < unit && span.high > zero - unit;
    }
    if shown > zero {
        return above(shown, span);
    }
    span.negated().is_some_and(|span| above(-shown, span))
}

/// Recursive descent over the pieces of one side.
struct Parser<'a> {
    side: Side<'a>,
    at: usize,
    depth: u32,
    number: &'a dyn Fn(Exact, Option<Exact>) -> Span,
}

impl Parser<'_> {
    fn sign(&self) -> Option<char> {
        if let Kind::Sign(sign) = self.side.get(self.at)?.kind { Some(sign) } else { None }
    }

    fn sum(&mut self) -> Option<Span> {
        let mut total = self.product()?;
        while let Some(sign @ ('+' | '-')) = self.sign() {
            self.at += 1;
            let next = self.product()?;
            total = total.plus(if sign == '+' { next } else { next.negated()? })?;
        }
        Some(total)
    }

    fn product(&mut self) -> Option<Span> {
        let mut total = self.power()?;
        while let Some(sign @ ('*' | '/')) = self.sign() {
            self.at += 1;
            let next = self.power()?;
            total = if sign == '*' { total.times(next)? } else { total.over(next)? };
        }
        Some(total)
    }

    fn power(&mut self) -> Option<Span> {
        self.depth = self.depth.checked_add(1).filter(|depth| *depth <= MAX_DEPTH)?;
        let span = self.signed();
        self.depth -= 1;
        span
    }

    fn signed(&mut self) -> Option<Span> {
        if self.sign() == Some('-') {
            self.at += 1;
            return self.power()?.negated();
        }
        let base = self.atom()?;
        if self.sign() != Some('^') {
            return Some(base);
        }
        self.at += 1;
        let exponent = self.power()?.low;
        if !exponent.is_integer() || !(-MAX_POWER..=MAX_POWER).contains(exponent.numer()) {
            return None;
        }
        let one = Span::point(Exact::from_integer(1));
        let power = (0..exponent.numer().abs()).try_fold(one, |value, _| value.times(base))?;
        if exponent < Exact::zero() { one.over(power) } else { Some(power) }
    }

    fn atom(&mut self) -> Option<Span> {
        let piece = self.side.get(self.at)?;
        self.at += 1;
        match piece.kind {
            Kind::Number(exact, unit) => Some((self.number)(exact, unit)),
            Kind::Sign('(') => {
                let inside = self.sum()?;
                let closed = self.sign() == Some(')');
                self.at += 1;
                closed.then_some(inside)
            }
            _ => None,
        }
    }
}
