//! Works out again every equation that a trace writes down.
//!
//! Only what can be read with certainty is judged: numbers, `+ - * / ^`, brackets and their other spellings, with
//! currency signs and thousands separators. "3 apples + 4 = 7" and "2x + 3 = 7" are left alone. A false alarm costs a
//! sound sample its vote, so what does not hold is looked at twice: where it can be read as something that does, or the
//! trace itself doubts it, nothing is said.

mod context;
mod read;
mod value;
mod words;

use std::collections::{HashMap, HashSet};

use num_traits::{CheckedDiv, CheckedSub, Zero};

use context::Trust;
use read::{CURRENCIES, Kind, Piece, Run, runs};
use value::{Exact, Side, Span, agree, alone, evaluate, evaluate_as, is_computed, stands_for};

/// The most of a text that is read, in bytes.
const MAX_BYTES: usize = 64 * 1024;
/// The most items of a list with numbers.
const LIST: Exact = Exact::new_raw(20, 1);
/// The largest number whose factorial is worked out.
const MAX_FACTORIAL: i128 = 20;

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

/// Every equation of a text that has something to work out on at least one side, in order. A chain `a = b = c` is two.
/// A wrong one that is put right later is left out. Takes time linear in the text, of which the first 64 KiB are read.
#[must_use]
pub fn equations(text: &str) -> Vec<Equation> {
    equations_of(&[text])
}

/// The equations of a trace in several parts: one that is wrong in a thought may be put right in the answer.
pub(crate) fn equations_of(parts: &[&str]) -> Vec<Equation> {
    let mut found = Vec::new();
    let mut rounded = HashSet::new();
    for text in parts {
        let end = (0..=text.len().min(MAX_BYTES)).rev().find(|at| text.is_char_boundary(*at)).unwrap_or_default();
        let text = text.get(..end).unwrap_or_default();
        for run in runs(text) {
            Judge { text, run: &run, rounded: &mut rounded }.judge(&mut found);
        }
    }
    without_corrected(found)
}

/// An equation, and what it is the value of.
struct Found {
    equation: Equation,
    /// The side that was worked out, the left one of two, spelt in one way.
    key: String,
}

fn without_corrected(found: Vec<Found>) -> Vec<Equation> {
    let mut right: HashMap<&str, usize> = HashMap::new();
    right.extend(
        found.iter().enumerate().filter(|(_, item)| item.equation.holds).map(|(at, item)| (item.key.as_str(), at)),
    );
    let later = |at: usize, item: &Found| right.get(item.key.as_str()).is_some_and(|to| *to > at);
    let keep: Vec<bool> = found.iter().enumerate().map(|(at, item)| item.equation.holds || !later(at, item)).collect();
    found.into_iter().zip(keep).filter(|(_, keep)| *keep).map(|(item, _)| item.equation).collect()
}

/// Judges the equations of one run.
struct Judge<'a> {
    text: &'a str,
    run: &'a Run,
    /// Results that were rounded before; sums with them are only near.
    rounded: &'a mut HashSet<Exact>,
}

impl Judge<'_> {
    fn judge(&mut self, found: &mut Vec<Found>) {
        let run = self.run;
        let mut sides: Vec<Side<'_>> = run.pieces.split(|piece| piece.kind == Kind::Equals).collect();
        if let Some(first) = sides.first_mut() {
            *first = opened(first);
        }
        if let Some(last) = sides.last_mut() {
            *last = closed(last);
        }
        let (begins, ends) = (context::begins(self.text, run), context::ends(self.text, run));
        let last = sides.len().saturating_sub(2);
        for (at, pair) in sides.windows(2).enumerate() {
            let [left, right] = pair else { continue };
            let begins = if at == 0 { begins } else { Trust::Sure };
            let ends = if at == last { ends } else { Trust::Sure };
            let pair = Pair { left, right, first: at == 0, last: at == last };
            let trust = begins.max(ends);
            if trust != Trust::Unknown {
                found.extend(self.pair(pair, trust));
            }
        }
    }

    fn pair(&mut self, pair: Pair<'_>, trust: Trust) -> Option<Found> {
        let Pair { left, right, .. } = pair;
        if !is_computed(left) && !is_computed(right) {
            return None;
        }
        let (a, b) = (evaluate(left)?, evaluate(right)?);
        let holds = pair.agrees(Span::point(a), Span::point(b)) || self.is_near(pair);
        if !holds && (trust == Trust::Doubtful || self.is_excused(pair, a, b)) {
            return None;
        }
        if holds && a != b {
            let shown = [left, right].into_iter().filter_map(alone).filter(|(_, unit)| unit.is_some());
            self.rounded.extend(shown.map(|(exact, _)| exact));
        }
        let (from, to) = (left.first()?.start, right.last()?.end);
        let text = self.text.get(from..to)?.trim().to_owned();
        let key = spelt(if is_computed(left) { left } else { right });
        Some(Found { equation: Equation { text, holds, value: a.to_string() }, key })
    }

    /// Whether both sides may be equal when some operands are the rounded results of something else.
    fn is_near(&self, pair: Pair<'_>) -> bool {
        let known = |exact: Exact, unit: Option<Exact>| match unit {
            Some(unit) if self.rounded.contains(&exact) || is_part_of_six(exact, unit) || is_constant(exact, unit) => {
                around(exact, unit)
            }
            _ => Span::point(exact),
        };
        if pair.agrees_as(&known).is_some_and(|(agrees, _)| agrees) {
            return true;
        }
        // "33.33 * 3 = 100": a result with fewer decimals than the operands is rounded too.
        let Some((_, place)) = alone(pair.right).or_else(|| alone(pair.left)) else { return false };
        let coarse = |exact: Exact, unit: Option<Exact>| match unit {
            Some(unit) if place.is_none_or(|place| unit < place) && is_uneven(exact, unit) => around(exact, unit),
            _ => Span::point(exact),
        };
        let place = place.unwrap_or_else(|| Exact::from_integer(1));
        pair.agrees_as(&coarse).is_some_and(|(agrees, width)| agrees && width < place)
    }

    /// Whether what does not hold holds in another reading, or is not meant as an equation.
    fn is_excused(&self, pair: Pair<'_>, a: Exact, b: Exact) -> bool {
        pair.is_running_total(a)
            || pair.has_thousands_points()
            || is_range(pair.left, pair.first && context::follows_name(self.text, self.run))
            || is_range(pair.right, false)
            || (pair.first && (self.begins_with_mark(pair) || self.is_name(pair)))
            || (pair.last && (self.is_factorial(pair) || self.changes_unit(a, b)))
            || (pair.lacks_brackets() && context::is_mean(self.text, self.run))
            || (pair.divides() && context::is_whole_part(self.text, self.run))
            || context::is_denied(self.text, self.run)
    }

    /// "Day 1 = 3 + 2".
    fn is_name(&self, pair: Pair<'_>) -> bool {
        alone(pair.left).is_some() && context::follows_word(self.text, self.run)
    }

    /// "-5 + 4 = 9" or "1 - 5 + 4 = 9", where the dash and what stands before it are the mark of a list.
    fn begins_with_mark(&self, pair: Pair<'_>) -> bool {
        let before = context::before(self.text, self.run).trim_matches([' ', '*']);
        if before.contains(' ') {
            return false;
        }
        let numbered = matches!(pair.left, [Piece { kind: Kind::Number(exact, None), .. }, ..] if *exact <= LIST);
        let (([Piece { kind: Kind::Sign('-'), .. }, rest @ ..], _)
        | ([_, Piece { kind: Kind::Sign('-'), .. }, rest @ ..], true)) = (pair.left, numbered)
        else {
            return false;
        };
        if !is_computed(rest) {
            return false;
        }
        let (Some(a), Some(b)) = (evaluate(rest), evaluate(pair.right)) else { return false };
        Pair { left: rest, ..pair }.agrees(Span::point(a), Span::point(b))
    }

    /// "10 = 4 + 3!", though most of such signs are joy.
    fn is_factorial(&self, pair: Pair<'_>) -> bool {
        if !context::behind(self.text, self.run).starts_with('!') {
            return false;
        }
        let mut right = pair.right.to_vec();
        let Some(Piece { kind: Kind::Number(exact, None), .. }) = right.last_mut() else { return false };
        if !(0..=MAX_FACTORIAL).contains(exact.numer()) {
            return false;
        }
        *exact = Exact::from_integer((1..=*exact.numer()).product());
        evaluate(&right).is_some_and(|value| evaluate(pair.left) == Some(value))
    }

    /// "60 + 60 = 2 hours", "4 * 25 = $1".
    fn changes_unit(&self, a: Exact, b: Exact) -> bool {
        let (Some(over), Some(under)) = (a.checked_div(&non_zero(b)), b.checked_div(&non_zero(a))) else {
            return false;
        };
        let mut factors = context::factors(self.text, self.run);
        let from = self.run.pieces.first().map_or(0, |first| first.start.saturating_sub(1));
        if self.text.get(from..self.run.end).is_some_and(|text| text.contains(CURRENCIES)) {
            factors.push(100);
        }
        factors.into_iter().map(Exact::from_integer).any(|factor| over == factor || under == factor)
    }
}

/// Two sides with an equals sign between them.
#[derive(Clone, Copy)]
struct Pair<'a> {
    left: Side<'a>,
    right: Side<'a>,
    /// Whether the run begins with it.
    first: bool,
    /// Whether the run ends with it.
    last: bool,
}

impl Pair<'_> {
    fn agrees(self, left: Span, right: Span) -> bool {
        agree((self.left, left), (self.right, right))
    }

    /// Whether both sides can be equal when each number of a sum stands for a span, and the width of the sums.
    fn agrees_as(self, number: &dyn Fn(Exact, Option<Exact>) -> Span) -> Option<(bool, Exact)> {
        let span = |side: Side<'_>| match evaluate(side) {
            Some(value) if !is_computed(side) => Some(Span::point(value)),
            _ => evaluate_as(side, number),
        };
        let (left, right) = (span(self.left)?, span(self.right)?);
        Some((self.agrees(left, right), left.width()?.max(right.width()?)))
    }

    /// "5 + 4 = 9 * 2 = 18": what was got goes on. It is bad style and no fault of reckoning.
    fn is_running_total(self, left: Exact) -> bool {
        let [Piece { kind: Kind::Number(exact, unit), .. }, _, _, ..] = self.right else { return false };
        let begins = *exact == left || unit.is_some_and(|unit| stands_for(*exact, unit, Span::point(left)));
        begins && !self.last
    }

    /// "1.000 + 200 = 1.200", where a point separates thousands.
    fn has_thousands_points(self) -> bool {
        let thousand = Exact::from_integer(1000);
        let whole = |exact: Exact, unit: Option<Exact>| {
            Span::point(if unit == Some(Exact::from_integer(1) / thousand) { exact * thousand } else { exact })
        };
        let (left, right) = (evaluate_as(self.left, &whole), evaluate_as(self.right, &whole));
        left.is_some() && left == right
    }

    /// "10 + 20 + 30 / 3 = 20".
    fn lacks_brackets(self) -> bool {
        let has = |sign: char| self.left.iter().any(|piece| piece.kind == Kind::Sign(sign));
        has('/') && has('+') && !has('(')
    }

    fn divides(self) -> bool {
        let division = |side: Side<'_>| side.iter().any(|piece| piece.kind == Kind::Sign('/'));
        let whole = |side: Side<'_>| alone(side).is_some_and(|(_, unit)| unit.is_none());
        (division(self.left) && whole(self.right)) || (division(self.right) && whole(self.left))
    }
}

/// "10-20" and nothing else: from 10 to 20. Behind a name it may have spaces.
fn is_range(side: Side<'_>, named: bool) -> bool {
    match side {
        [from, sign, to]
            if sign.kind == Kind::Sign('-') && (named || from.end == sign.start && sign.end == to.start) =>
        {
            matches!((from.kind, to.kind), (Kind::Number(from, _), Kind::Number(to, _)) if from < to)
        }
        _ => false,
    }
}

/// Without brackets at its beginning that it does not close: "(5 + 4 = 9)".
fn opened(mut side: Side<'_>) -> Side<'_> {
    let mut open = balance(side);
    while let [Piece { kind: Kind::Sign('('), .. }, rest @ ..] = side
        && open > 0
    {
        (side, open) = (rest, open - 1);
    }
    side
}

/// Without brackets at its end that it does not open.
fn closed(mut side: Side<'_>) -> Side<'_> {
    let mut open = balance(side);
    while let [rest @ .., Piece { kind: Kind::Sign(')'), .. }] = side
        && open < 0
    {
        (side, open) = (rest, open + 1);
    }
    side
}

fn balance(side: Side<'_>) -> i64 {
    side.iter().fold(0, |open, piece| match piece.kind {
        Kind::Sign('(') => open + 1,
        Kind::Sign(')') => open - 1,
        _ => open,
    })
}

/// A side without its spaces, the same for every spelling of its signs and numbers.
fn spelt(side: Side<'_>) -> String {
    let piece = |piece: &Piece| match piece.kind {
        Kind::Number(exact, _) => format!(" {exact}"),
        Kind::Sign(sign) => format!(" {sign}"),
        Kind::Equals | Kind::Unknown => " ?".to_owned(),
    };
    side.iter().map(piece).collect()
}

fn non_zero(value: Exact) -> Exact {
    if value.is_zero() { Exact::from_integer(1) } else { value }
}

/// What is rounded or cut to a decimal.
fn around(exact: Exact, unit: Exact) -> Span {
    let half = unit / 2;
    let (below, above) = if exact < Exact::zero() { (unit, half) } else { (half, unit) };
    Span { low: exact.checked_sub(&below).unwrap_or(exact), high: exact + above }
}

/// Whether a decimal is a third or a sixth, rounded or cut: 33.33, 0.667, 8.17.
fn is_part_of_six(exact: Exact, unit: Exact) -> bool {
    let part = (exact * 6).round() / 6;
    unit <= Exact::new(1, 100) && part != exact && stands_for(exact, unit, Span::point(part))
}

/// Whether a decimal is π, e or a root of 2 or 3, rounded or cut.
fn is_constant(exact: Exact, unit: Exact) -> bool {
    let near = [
        Exact::new(355, 113),
        Exact::new(2_718_282, 1_000_000),
        Exact::new(1_414_214, 1_000_000),
        Exact::new(1_732_051, 1_000_000),
    ];
    unit <= Exact::new(1, 100) && near.iter().any(|value| stands_for(exact, unit, Span::point(*value)))
}

/// Whether a decimal may be the rounded form of another: hundredths or finer that are no multiple of five of them.
fn is_uneven(exact: Exact, unit: Exact) -> bool {
    unit <= Exact::new(1, 100) && !(exact / unit / 5).is_integer()
}
