//! The numbers of a text: signs, currencies, thousands, fractions and powers of ten.

use super::super::{number::Number, scan::Scan};

/// Digits of an exponent; more are no number.
const MAX_EXPONENT_DIGITS: usize = 9;

/// A number where it stands, sign and units included.
pub(super) struct Token {
    pub(super) start: usize,
    pub(super) end: usize,
    /// `None` for what looks like a number and is none, or none that is worth keeping: a version, an ordinal, `1/0`.
    pub(super) number: Option<Number>,
    /// Whether it is a part of a larger value that is not understood: `2^{10}`, `3\sqrt{2}`, `3:30`.
    pub(super) odd: bool,
}

/// Every number of a text, in order, without overlaps. Takes time linear in the text.
pub(super) fn tokens(scan: &Scan) -> Vec<Token> {
    let mut tokens: Vec<Token> = Vec::new();
    let mut at = 0;
    while at < scan.len() {
        let c = scan.at(at);
        let starts = c.is_ascii_digit() || (c == '.' && scan.at(at + 1).is_ascii_digit());
        let (number, end) = if starts && (scan.before(at).is_alphabetic() || is_script(scan, at)) {
            // A name such as `Q3` or `x2`, or the exponent of one.
            at = scan.skip_digits(at + 1);
            continue;
        } else if starts {
            plain(scan, at)
        } else if let Some(found) = latex_fraction(scan, at) {
            found
        } else {
            at += 1;
            continue;
        };
        let floor = tokens.last().map_or(0, |token| token.end);
        let odd = starts.then(|| odd(scan, at, end)).flatten();
        let number = if odd.is_some() { None } else { number };
        let end = odd.unwrap_or(end);
        let token = signed(scan, at, floor, number, end);
        push(&mut tokens, scan, Token { odd: odd.is_some(), ..token });
        at = end;
    }
    tokens
}

/// Whether a number at a place is an index or an exponent: `x_2`, `m^2`, `x^{10}`.
fn is_script(scan: &Scan, at: usize) -> bool {
    let at = if scan.before(at) == '{' { at - 1 } else { at };
    let base = scan.before(at.saturating_sub(1));
    match scan.before(at) {
        '_' => true,
        // Of a number it is an operand.
        '^' => base.is_alphabetic() || matches!(base, ')' | '}' | ']'),
        _ => false,
    }
}

/// Where a number ends that is a part of a larger value: a power in braces, a root, a multiple of π, a time or a ratio.
fn odd(scan: &Scan, from: usize, end: usize) -> Option<usize> {
    if ["\\sqrt{", "\\sqrt[", "√"].iter().any(|root| from >= root.chars().count() && is_before(scan, from, root)) {
        return Some(end);
    }
    if scan.at(end) == ':' && scan.at(end + 1).is_ascii_digit() {
        return Some(scan.skip(end, |c| c.is_ascii_digit() || c == ':'));
    }
    if scan.is(end, "^{") {
        return Some(scan.skip(end + 2, |c| c.is_ascii_digit() || "-+./".contains(c)));
    }
    let more = if scan.at(end) == ' ' { end + 1 } else { end };
    if let Some(name) = ["\\sqrt", "\\pi", "√", "π"].iter().find(|name| scan.is(more, name)) {
        return Some(scan.skip(more + name.chars().count(), |c| c.is_ascii_digit() || "{}[] ".contains(c)));
    }
    None
}

fn is_before(scan: &Scan, at: usize, word: &str) -> bool {
    let length = word.chars().count();
    at.checked_sub(length).is_some_and(|from| scan.is(from, word))
}

/// Adds a token, or makes it one with the whole number before it: `1 1/2`, `1\frac{1}{2}`.
fn push(tokens: &mut Vec<Token>, scan: &Scan, token: Token) {
    if let Some(whole) = tokens.last_mut() {
        let latex = scan.at(token.start) == '\\' && whole.end == token.start;
        let slashed = whole.end + 1 == token.start && scan.at(whole.end) == ' ';
        let slashed = slashed && scan.slice(token.start, token.end).contains(&'/');
        let proper = token.number.as_ref().filter(|part| !part.is_whole() && is_proper(part));
        if let (true, Some(part), Some(number)) = (latex || slashed, proper, whole.number.as_ref())
            && number.is_whole()
            && let Some(mixed) = Number::mixed(number, part)
        {
            whole.number = Some(mixed);
            whole.end = token.end;
            return;
        }
    }
    tokens.push(token);
}

/// Whether a positive number is below 1.
fn is_proper(number: &Number) -> bool {
    match number {
        Number::Ratio { negative, p, q } => !negative && p < q,
        Number::Decimal { .. } => number.canonical().starts_with("0."),
    }
}

/// The token with the sign and the currency before it. A minus after a number or a word is an operator or a hyphen.
fn signed(scan: &Scan, at: usize, floor: usize, number: Option<Number>, end: usize) -> Token {
    let mut start = at;
    if start > floor && "$€£¥".contains(scan.before(start)) && start > 0 {
        start -= 1;
        if scan.before(start) == '\\' {
            start = start.saturating_sub(1);
        }
    }
    if start > floor && matches!(scan.before(start), '-' | '−' | '–') {
        let sign = start - 1;
        // A few characters are enough to see what the minus belongs to.
        let left = (sign.saturating_sub(4)..sign).rev().map(|at| scan.at(at)).find(|c| *c != ' ').unwrap_or('\0');
        let touches = scan.before(sign).is_alphanumeric();
        if !touches && !left.is_ascii_digit() && !")}%".contains(left) {
            let number = number.map(Number::negated);
            return Token { start: sign, end, number, odd: false };
        }
    }
    Token { start, end, number, odd: false }
}

/// A number that starts with a digit or a point.
fn plain(scan: &Scan, at: usize) -> (Option<Number>, usize) {
    let (whole, mut end) = whole_part(scan, at);
    let mut fraction = String::new();
    if scan.at(end) == '.' && scan.at(end + 1).is_ascii_digit() {
        let to = scan.skip_digits(end + 1);
        fraction = scan.text(end + 1, to);
        end = to;
        if scan.at(end) == '.' && scan.at(end + 1).is_ascii_digit() {
            return (None, scan.skip(end, |c| c.is_ascii_digit() || c == '.'));
        }
    }
    if let Some((exponent, to)) = power(scan, end) {
        let number = exponent.and_then(|exponent| Number::decimal(false, &whole, &fraction, exponent));
        return (number, to);
    }
    let number = Number::decimal(false, &whole, &fraction, 0);
    if let Some((under, to)) = denominator(scan, end) {
        let ratio = number.as_ref().zip(under).and_then(|(over, under)| Number::ratio(over, &under));
        return (ratio, to);
    }
    if ["st", "nd", "rd", "th"].iter().any(|suffix| scan.is(end, suffix)) && !scan.at(end + 2).is_alphanumeric() {
        return (None, end + 2);
    }
    let end = if scan.at(end) == '%' { end + 1 } else { end };
    (number, end)
}

/// Digits with or without thousands separators: `1,200` is one number, `1,2` is two.
fn whole_part(scan: &Scan, at: usize) -> (String, usize) {
    let mut end = scan.skip_digits(at);
    let mut digits = scan.text(at, end);
    let group = |at: usize| scan.at(at) == ',' && scan.skip_digits(at + 1) == at + 4;
    if (1..=3).contains(&digits.len()) {
        while group(end) {
            digits.push_str(&scan.text(end + 1, end + 4));
            end += 4;
        }
    }
    (digits, end)
}

/// `e3`, `E-3`, `× 10^3`, `\times 10^{3}`: the exponent, `None` inside when it is absurd, and where it ends.
fn power(scan: &Scan, at: usize) -> Option<(Option<i64>, usize)> {
    if scan.is(at, "e") {
        let (exponent, end) = exponent(scan, at + 1)?;
        return (!scan.at(end).is_alphabetic()).then_some((exponent, end));
    }
    let spaces = |at: usize| if scan.at(at) == ' ' { at + 1 } else { at };
    let sign = spaces(at);
    let after = match scan.at(sign) {
        '×' | '*' | 'x' => sign + 1,
        '\\' if scan.is(sign, "\\times") => sign + "\\times".len(),
        _ => return None,
    };
    let ten = spaces(after);
    if !scan.is(ten, "10^") {
        return None;
    }
    let braced = scan.at(ten + 3) == '{';
    let (exponent, end) = exponent(scan, ten + 3 + usize::from(braced))?;
    match (braced, scan.at(end)) {
        (true, '}') => Some((exponent, end + 1)),
        (true, _) => None,
        (false, _) => Some((exponent, end)),
    }
}

fn exponent(scan: &Scan, at: usize) -> Option<(Option<i64>, usize)> {
    let negative = matches!(scan.at(at), '-' | '−');
    let from = at + usize::from(negative || scan.at(at) == '+');
    let end = scan.skip_digits(from);
    if end == from {
        return None;
    }
    let size = if end - from > MAX_EXPONENT_DIGITS { None } else { scan.text(from, end).parse::<i64>().ok() };
    Some((size.map(|size| if negative { -size } else { size }), end))
}

/// `/2` right after a number, unless it is a date such as `1/2/2024`.
fn denominator(scan: &Scan, at: usize) -> Option<(Option<Number>, usize)> {
    if scan.at(at) != '/' || !scan.at(at + 1).is_ascii_digit() {
        return None;
    }
    let (whole, mut end) = whole_part(scan, at + 1);
    let mut fraction = String::new();
    if scan.at(end) == '.' && scan.at(end + 1).is_ascii_digit() {
        let to = scan.skip_digits(end + 1);
        fraction = scan.text(end + 1, to);
        end = to;
    }
    let date = scan.at(end) == '/' && scan.at(end + 1).is_ascii_digit();
    (!date).then(|| (Number::decimal(false, &whole, &fraction, 0), end))
}

/// `\frac{1}{2}`, `\dfrac{1}{2}`, `\tfrac{1}{2}` or `\frac12`.
fn latex_fraction(scan: &Scan, at: usize) -> Option<(Option<Number>, usize)> {
    if scan.at(at) != '\\' {
        return None;
    }
    let name = ["\\frac", "\\dfrac", "\\tfrac"].into_iter().find(|name| scan.is(at, name))?;
    let (over, at) = argument(scan, at + name.len())?;
    let (under, end) = argument(scan, at)?;
    Some((Number::ratio(&over, &under), end))
}

fn argument(scan: &Scan, at: usize) -> Option<(Number, usize)> {
    if scan.at(at) != '{' {
        let digit = scan.at(at).is_ascii_digit().then(|| scan.text(at, at + 1))?;
        return Some((Number::parse(&digit)?, at + 1));
    }
    // Bounded, so that a text full of open braces stays linear.
    let end = (at + 1..at + 64).find(|at| !matches!(scan.at(*at), '0'..='9' | '.' | ',' | '-' | ' '))?;
    let inside: String = scan.slice(at + 1, end).iter().filter(|c| !matches!(c, ',' | ' ')).collect();
    (scan.at(end) == '}').then(|| Number::parse(&inside)).flatten().map(|number| (number, end + 1))
}
