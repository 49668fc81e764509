//! Finds the runs of a text that may be equations, and cuts them into numbers and signs.

use super::Exact;

/// Digits of a number that is worked with; one with more makes its side unknown.
const MAX_DIGITS: usize = 15;
/// Words behind a number that make it another number.
const CHANGE: [&str; 6] = ["remainder", "hundred", "thousand", "million", "billion", "dozen"];

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Kind {
    /// A number, and what its last decimal stands for; `None` for a number without decimals.
    Number(Exact, Option<Exact>),
    /// One of `+ - * / ^ ( )`.
    Sign(char),
    Equals,
    /// Something that is no number to us; a side with it is not judged.
    Unknown,
}

/// A number or a sign, and where it stands, in bytes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Piece {
    pub(super) kind: Kind,
    pub(super) start: usize,
    pub(super) end: usize,
}

/// The runs of numbers, signs and spaces of a text that hold an equals sign. A word, a line's end or a comma ends a run.
pub(super) fn runs(text: &str) -> Vec<Vec<Piece>> {
    let (mut runs, mut run) = (Vec::new(), Vec::new());
    let mut at = 0;
    while let Some(c) = text.get(at..).and_then(|rest| rest.chars().next()) {
        if let Some((kind, length)) = piece(text, at) {
            if run.is_empty() && is_attached(text, at, kind) {
                run.push(Piece { kind: Kind::Unknown, start: at, end: at });
            }
            run.push(Piece { kind, start: at, end: at + length });
            at += length;
            continue;
        }
        if !is_ignored(c) {
            end(text, at, &mut run, &mut runs);
        }
        at += c.len_utf8();
    }
    end(text, at, &mut run, &mut runs);
    runs
}

/// Spaces, currencies, and the asterisks and backslashes of a layout.
fn is_ignored(c: char) -> bool {
    matches!(c, ' ' | '$' | '€' | '£' | '*' | '\\')
}

/// Keeps a run that may be an equation.
fn end(text: &str, at: usize, run: &mut Vec<Piece>, runs: &mut Vec<Vec<Piece>>) {
    let mut run = std::mem::take(run);
    if !run.iter().any(|piece| piece.kind == Kind::Equals) {
        return;
    }
    if let Some(last) = run.last_mut()
        && is_changed(text.get(last.end..at).unwrap_or_default(), text.get(at..).unwrap_or_default())
    {
        last.kind = Kind::Unknown;
    }
    runs.push(run);
}

/// Whether what follows a number makes it another one: "4x", "50 %", "3 remainder 1", "3 R1".
fn is_changed(gap: &str, rest: &str) -> bool {
    let touches = gap.is_empty() && rest.starts_with(char::is_alphabetic);
    let mut letters = rest.chars();
    let short =
        matches!(letters.next(), Some('r' | 'R')) && letters.next().is_some_and(|c| c == ' ' || c.is_ascii_digit());
    touches || short || rest.starts_with('%') || CHANGE.iter().any(|word| rest.starts_with(word))
}

/// Whether the first piece of a run goes on from what stands before: "x2", "apples - 3".
fn is_attached(text: &str, at: usize, kind: Kind) -> bool {
    let before = text.get(..at).unwrap_or_default();
    match kind {
        Kind::Number(..) => before.ends_with(|c: char| c.is_alphanumeric() || "_.%".contains(c)),
        Kind::Sign('(') => before.ends_with(|c: char| c.is_alphanumeric() || ")]}".contains(c)),
        // "get -5" is a negative number; "apples - 3" is not.
        Kind::Sign('-') => {
            let sign =
                before.ends_with(' ') && text.get(at + 1..).is_some_and(|rest| rest.starts_with(|c: char| c != ' '));
            !sign && before.trim_end_matches(' ').ends_with(|c: char| c.is_alphanumeric() || ")]}%".contains(c))
        }
        _ => false,
    }
}

/// The number or sign at a place, and its length in bytes.
fn piece(text: &str, at: usize) -> Option<(Kind, usize)> {
    let rest = text.get(at..)?;
    if let Some(number) = number(rest) {
        return Some(number);
    }
    for (command, sign) in [("\\times", '*'), ("\\cdot", '*'), ("\\div", '/')] {
        if rest.starts_with(command) {
            return Some((Kind::Sign(sign), command.len()));
        }
    }
    // Two asterisks are emphasis.
    if rest.starts_with("**") || text.get(..at).is_some_and(|before| before.ends_with('*')) && rest.starts_with('*') {
        return None;
    }
    let c = rest.chars().next()?;
    let kind = match c {
        '=' if text.get(..at).is_some_and(|before| before.ends_with(['<', '>', '!'])) => Kind::Unknown,
        '=' => Kind::Equals,
        '+' | '*' | '/' | '^' | '(' | ')' => Kind::Sign(c),
        '-' | '−' | '–' => Kind::Sign('-'),
        '×' | '·' => Kind::Sign('*'),
        '÷' => Kind::Sign('/'),
        'x' | 'X' if is_times(text, at) => Kind::Sign('*'),
        _ => return None,
    };
    Some((kind, c.len_utf8()))
}

/// An "x" between a number and a number, with spaces on both sides or on none.
fn is_times(text: &str, at: usize) -> bool {
    let (Some(before), Some(after)) = (text.get(..at), text.get(at + 1..)) else { return false };
    let spaced = before.ends_with(' ') == after.starts_with(' ');
    let left = before.trim_end_matches(' ').ends_with(|c: char| c.is_ascii_digit() || c == ')');
    let right = after.trim_start_matches([' ', '$']).starts_with(|c: char| c.is_ascii_digit() || c == '(');
    spaced && left && right
}

/// `12`, `1,200` or `3.50` at the start of a text.
fn number(text: &str) -> Option<(Kind, usize)> {
    let digits = |from: usize| text.bytes().skip(from).take_while(u8::is_ascii_digit).count();
    let mut length = digits(0);
    if length == 0 {
        return None;
    }
    if length <= 3 {
        while text.as_bytes().get(length) == Some(&b',') && digits(length + 1) == 3 {
            length += 4;
        }
    }
    let whole = length;
    let decimals = if text.as_bytes().get(length) == Some(&b'.') { digits(length + 1) } else { 0 };
    length += if decimals > 0 { decimals + 1 } else { 0 };
    let figures: String = text.get(..length)?.chars().filter(char::is_ascii_digit).collect();
    if figures.len() > MAX_DIGITS
        || (decimals > 0 && text.as_bytes().get(length) == Some(&b'.') && digits(length + 1) > 0)
    {
        return Some((Kind::Unknown, length.max(whole)));
    }
    let unit = Exact::new(1, 10_i128.checked_pow(u32::try_from(decimals).ok()?)?);
    let exact = Exact::from_integer(figures.parse().ok()?) * unit;
    Some((Kind::Number(exact, (decimals > 0).then_some(unit)), length))
}
