//! Works out again every equation that a trace writes down.
//!
//! Only what can be read with certainty is judged: numbers, `+ - * / ^`, brackets and their other spellings, with
//! currency signs and thousands separators. "3 apples + 4 = 7" and "2x + 3 = 7" are left alone.

mod read;

use num_rational::Ratio;
use num_traits::{CheckedAdd, CheckedDiv, CheckedMul, CheckedSub, Zero};

use read::{Kind, Piece, runs};

/// The most of a text that is read, in bytes.
const MAX_BYTES: usize = 64 * 1024;
/// The largest exponent that is worked out.
const MAX_POWER: i128 = 64;
/// Brackets inside of each other.
const MAX_DEPTH: u32 = 32;

type Exact = Ratio<i128>;

/// A number, and what its last decimal stands for: `None` for a number without decimals.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Value {
    exact: Exact,
    unit: Option<Exact>,
}

/// An equation found in a text, judged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Equation {
    /// As it is written, one equals sign and its two sides.
    pub text: String,
    /// Whether both sides have the same value. Decimals may be rounded or cut at their last place.
    pub holds: bool,
    /// What the left side comes to, for whoever must mend it: `20`, or `10/3`.
    pub value: String,
}

/// Every equation of a text that has an operator on at least one side, in order. A chain `a = b = c` is two. Takes time
/// linear in the text, of which the first 64 KiB are read.
#[must_use]
pub fn equations(text: &str) -> Vec<Equation> {
    let end = (0..=text.len().min(MAX_BYTES)).rev().find(|at| text.is_char_boundary(*at)).unwrap_or_default();
    let text = text.get(..end).unwrap_or_default();
    runs(text).iter().flat_map(|run| judge(text, run)).collect()
}

/// A side of an equation: its pieces and where it stands.
type Side<'a> = &'a [Piece];

fn judge(text: &str, run: &[Piece]) -> Vec<Equation> {
    let sides: Vec<Side<'_>> = run.split(|piece| piece.kind == Kind::Equals).collect();
    sides
        .windows(2)
        .filter_map(|pair| if let [left, right] = pair { equation(text, left, right) } else { None })
        .collect()
}

fn equation(text: &str, left: Side<'_>, right: Side<'_>) -> Option<Equation> {
    let computed = |side: Side<'_>| side.iter().any(|piece| matches!(piece.kind, Kind::Sign(_)));
    if !computed(left) && !computed(right) {
        return None;
    }
    let (a, b) = (evaluate(left)?, evaluate(right)?);
    let (from, to) = (left.first()?.start, right.last()?.end);
    let text = text.get(from..to)?.trim().to_owned();
    Some(Equation { text, holds: agree(a, b), value: a.exact.to_string() })
}

/// Equal, or nearer than the last decimal of a side that has decimals.
fn agree(a: Value, b: Value) -> bool {
    let Some(apart) = a.exact.checked_sub(&b.exact) else { return false };
    let apart = if apart < Exact::zero() { -apart } else { apart };
    apart.is_zero() || [a.unit, b.unit].into_iter().flatten().any(|unit| apart < unit)
}

/// The value of a side; `None` when it is no expression, divides by zero or is too large.
fn evaluate(side: Side<'_>) -> Option<Value> {
    let mut parser = Parser { side, at: 0, depth: 0 };
    let exact = parser.sum()?;
    let alone = if let [Piece { kind: Kind::Number(_, unit), .. }] = side { *unit } else { None };
    (parser.at == side.len()).then_some(Value { exact, unit: alone })
}

/// Recursive descent over the pieces of one side.
struct Parser<'a> {
    side: Side<'a>,
    at: usize,
    depth: u32,
}

impl Parser<'_> {
    fn sign(&self) -> Option<char> {
        if let Kind::Sign(sign) = self.side.get(self.at)?.kind { Some(sign) } else { None }
    }

    fn sum(&mut self) -> Option<Exact> {
        let mut total = self.product()?;
        while let Some(sign @ ('+' | '-')) = self.sign() {
            self.at += 1;
            let next = self.product()?;
            total = if sign == '+' { total.checked_add(&next)? } else { total.checked_sub(&next)? };
        }
        Some(total)
    }

    fn product(&mut self) -> Option<Exact> {
        let mut total = self.power()?;
        while let Some(sign @ ('*' | '/')) = self.sign() {
            self.at += 1;
            let next = self.power()?;
            total = if sign == '*' {
                total.checked_mul(&next)?
            } else if next.is_zero() {
                return None;
            } else {
                total.checked_div(&next)?
            };
        }
        Some(total)
    }

    fn power(&mut self) -> Option<Exact> {
        if self.sign() == Some('-') {
            self.at += 1;
            return Exact::zero().checked_sub(&self.power()?);
        }
        let base = self.atom()?;
        if self.sign() != Some('^') {
            return Some(base);
        }
        self.at += 1;
        let exponent = self.power()?;
        if !exponent.is_integer() || !(0..=MAX_POWER).contains(exponent.numer()) {
            return None;
        }
        (0..*exponent.numer()).try_fold(Exact::from_integer(1), |value, _| value.checked_mul(&base))
    }

    fn atom(&mut self) -> Option<Exact> {
        let piece = self.side.get(self.at)?;
        self.at += 1;
        match piece.kind {
            Kind::Number(exact, _) => Some(exact),
            Kind::Sign('(') if self.depth < MAX_DEPTH => {
                self.depth += 1;
                let inside = self.sum()?;
                self.depth -= 1;
                let closed = self.sign() == Some(')');
                self.at += 1;
                closed.then_some(inside)
            }
            _ => None,
        }
    }
}
