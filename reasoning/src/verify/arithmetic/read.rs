//! Finds the runs of a text that may be equations, and cuts them into numbers and signs.

use super::value::Exact;

mod number;

use number::number;

/// What a layout may put between the signs of an equation.
const SPACES: [&str; 7] = ["\\left", "\\right", "\\,", "\\;", "\\:", "\\!", "\\ "];
/// Currencies; they do not change a number.
pub(super) const CURRENCIES: [char; 5] = ['$', '€', '£', '¥', '₹'];
/// Digits of an exponent that stands raised.
const RAISED: &str = "⁰¹²³⁴⁵⁶⁷⁸⁹";

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

/// Numbers and signs with nothing but spaces between them, one of which is an equals sign.
#[derive(Clone, Debug)]
pub(super) struct Run {
    /// Never empty.
    pub(super) pieces: Vec<Piece>,
    /// Where its line begins, or what stands behind the mark of a list on that line, in bytes.
    pub(super) floor: usize,
    /// Where what follows begins, in bytes.
    pub(super) end: usize,
    /// Whether the numbers before it were an equation too.
    pub(super) follows: bool,
}

/// The runs of a text that hold an equals sign. A word, a line's end or a comma ends a run. Takes time linear in the
/// text.
pub(super) fn runs(text: &str) -> Vec<Run> {
    let mut reader = Reader { text, at: 0, floor: 0, open: 0, run: Vec::new(), runs: Vec::new(), follows: false };
    reader.begin_line();
    while let Some(c) = reader.rest().chars().next() {
        reader.step(c);
    }
    reader.close();
    reader.runs
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    floor: usize,
    /// Brackets of the run that are open.
    open: u32,
    run: Vec<Piece>,
    runs: Vec<Run>,
    follows: bool,
}

impl Reader<'_> {
    fn rest(&self) -> &str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn before(&self) -> &str {
        self.text.get(self.floor..self.at).unwrap_or_default()
    }

    fn step(&mut self, c: char) {
        if c == '\n' || self.rest().starts_with("\\\\") {
            self.close();
            self.at += if c == '\n' { 1 } else { 2 };
            self.begin_line();
        } else if let Some(space) = SPACES.iter().find(|space| self.rest().starts_with(**space)) {
            self.at += space.len();
        } else if self.is_emphasis() {
            self.at += c.len_utf8();
        } else if !self.fraction() && !self.exponent() && !self.piece() {
            let spaced = matches!(c, ' ' | '\t' | '*' | '\\') || CURRENCIES.contains(&c);
            if !spaced && !self.rest().starts_with("&=") {
                self.close();
            }
            self.at += c.len_utf8();
        }
    }

    /// Passes over the marks of a list: "- ", "1) ", "(a) ".
    fn begin_line(&mut self) {
        let rest = self.rest();
        let indent = rest.len() - rest.trim_start_matches([' ', '\t', '>', '#']).len();
        let mut mark = indent;
        for bullet in ["- ", "– ", "— ", "* ", "• "] {
            if rest.get(mark..).is_some_and(|rest| rest.starts_with(bullet)) {
                mark += bullet.len();
                break;
            }
        }
        mark += rest.get(mark..).map_or(0, mark_length);
        self.at += mark;
        self.floor = self.at;
    }

    /// The asterisk that opens an emphasis: nothing stands before it that it could multiply.
    fn is_emphasis(&self) -> bool {
        let mut rest = self.rest().chars();
        if !self.run.is_empty() || rest.next() != Some('*') || rest.next().is_none_or(|c| c == ' ') {
            return false;
        }
        let before = tail(self.before(), 8).trim_end_matches([' ', '*']);
        before.is_empty() || before.ends_with([':', ';', ',', '.', '('])
    }

    fn push(&mut self, kind: Kind, length: usize) {
        self.run.push(Piece { kind, start: self.at, end: self.at + length });
        self.at += length;
    }

    fn piece(&mut self) -> bool {
        let Some((kind, length)) = piece(self.text, self.at) else { return false };
        match kind {
            Kind::Sign('(') => self.open += 1,
            Kind::Sign(')') if self.open == 0 => return false,
            Kind::Sign(')') => self.open -= 1,
            _ => {}
        }
        self.push(kind, length);
        true
    }

    /// `\frac{3}{4}` of two plain numbers.
    fn fraction(&mut self) -> bool {
        let rest = self.rest();
        let Some(name) = ["\\frac{", "\\dfrac{", "\\tfrac{"].iter().find(|name| rest.starts_with(**name)) else {
            return false;
        };
        let inside = |from: usize| {
            let (kind, length) = number(rest.get(from..)?)?;
            (rest.as_bytes().get(from + length) == Some(&b'}')).then_some((kind, from + length + 1))
        };
        let Some((over, middle)) = inside(name.len()) else { return false };
        let Some((under, end)) = (rest.as_bytes().get(middle) == Some(&b'{')).then(|| inside(middle + 1)).flatten()
        else {
            return false;
        };
        let start = self.at;
        for kind in [Kind::Sign('('), over, Kind::Sign('/'), under, Kind::Sign(')')] {
            self.run.push(Piece { kind, start, end: start + end });
        }
        self.at += end;
        true
    }

    /// `²`, or `^{10}`.
    fn exponent(&mut self) -> bool {
        let rest = self.rest();
        if self.run.last().is_none_or(|last| last.end != self.at) {
            return false;
        }
        let raised: Vec<usize> = rest.chars().map_while(|c| RAISED.chars().position(|digit| digit == c)).collect();
        let (digits, minus, length) = if raised.is_empty() {
            let Some(inside) = rest.strip_prefix("^{") else { return false };
            let minus = inside.starts_with('-');
            let digits: String = inside.chars().skip(usize::from(minus)).take_while(char::is_ascii_digit).collect();
            let length = "^{}".len() + usize::from(minus) + digits.len();
            if rest.get(..length).is_none_or(|all| !all.ends_with('}')) {
                return false;
            }
            (digits, minus, length)
        } else {
            let length = rest.chars().take(raised.len()).map(char::len_utf8).sum();
            (raised.iter().map(ToString::to_string).collect(), false, length)
        };
        let Some((kind, _)) = number(&digits) else { return false };
        self.push(Kind::Sign('^'), 0);
        if minus {
            self.push(Kind::Sign('-'), 0);
        }
        self.push(kind, length);
        true
    }

    /// Keeps the run if it may be an equation.
    fn close(&mut self) {
        self.open = 0;
        let mut pieces = std::mem::take(&mut self.run);
        if pieces.is_empty() {
            return;
        }
        let follows = std::mem::replace(&mut self.follows, pieces.iter().any(|piece| piece.kind == Kind::Equals));
        if !self.follows {
            return;
        }
        let mut end = pieces.last().map_or(self.at, |piece| piece.end);
        // A bracket that begins a remark, or the end of an emphasis.
        while let [.., before, last] = pieces.as_slice() {
            let remark = last.kind == Kind::Sign('(') && before.end < last.start;
            let emphasis = self.text.get(last.start..last.end) == Some("*");
            if !remark && !emphasis {
                break;
            }
            end = if remark { before.end } else { last.end };
            pieces.pop();
        }
        self.runs.push(Run { pieces, floor: self.floor, end, follows });
    }
}

/// The last bytes of a text, about `length` of them.
pub(super) fn tail(text: &str, length: usize) -> &str {
    let from = text.len().saturating_sub(length);
    (from..=text.len()).find_map(|at| text.get(at..)).unwrap_or_default()
}

/// The first bytes of a text, about `length` of them.
pub(super) fn head(text: &str, length: usize) -> &str {
    let to = text.len().min(length);
    (0..=to).rev().find_map(|at| text.get(..at)).unwrap_or_default()
}

/// The length of "1. ", "12) ", "(3) " or "a) " at the beginning of a line, if a number or a bracket follows.
fn mark_length(line: &str) -> usize {
    let inside = line.strip_prefix('(').unwrap_or(line);
    let name = inside.bytes().take_while(u8::is_ascii_alphanumeric).take(4).count();
    let figures = inside.get(..name).is_some_and(|name| name.bytes().all(|b| b.is_ascii_digit()));
    let close = inside.as_bytes().get(name);
    let marked = match close {
        Some(b')') => true,
        Some(b'.') => inside.len() == line.len(),
        _ => false,
    };
    let rest = inside.get(name + 1..).unwrap_or_default();
    if (1..=if figures { 3 } else { 1 }).contains(&name) && marked && rest.starts_with(' ') {
        // "(3) + 4 = 7" is a sum.
        let more = rest.trim_start_matches(' ');
        let goes_on = more.starts_with(|c: char| "+/^=×÷·)".contains(c))
            || ["* ", "- ", "− ", "– ", "x ", "X ", "\\times", "\\cdot", "\\div"]
                .iter()
                .any(|sign| more.starts_with(sign))
            || (inside.len() < line.len() && more.starts_with(['-', '−', '–']));
        return if goes_on { 0 } else { line.len() - rest.len() + 1 };
    }
    0
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
    let before = text.get(..at).unwrap_or_default();
    // Two asterisks are emphasis.
    if rest.starts_with("**") || before.ends_with('*') && rest.starts_with('*') {
        return None;
    }
    let c = rest.chars().next()?;
    let kind = match c {
        '=' if before.ends_with(['<', '>', '!']) => Kind::Unknown,
        '=' => Kind::Equals,
        '+' | '*' | '/' | '^' | '(' | ')' => Kind::Sign(c),
        '-' | '−' | '–' => Kind::Sign('-'),
        '×' | '·' | '⋅' | '∙' | '∗' => Kind::Sign('*'),
        '÷' | '∕' | '⁄' => Kind::Sign('/'),
        'x' | 'X' if is_times(before, rest.get(1..).unwrap_or_default()) => Kind::Sign('*'),
        _ => return None,
    };
    Some((kind, c.len_utf8()))
}

/// An "x" between a number and a number, with spaces on both sides or on none. `0x10` is something else.
fn is_times(before: &str, after: &str) -> bool {
    let spaced = before.ends_with(' ') == after.starts_with(' ');
    let left = before.trim_end_matches(' ');
    let hexadecimal =
        before.strip_suffix('0').is_some_and(|rest| !rest.ends_with(|c: char| c.is_ascii_digit() || c == '.'));
    let right = after.trim_start_matches([' ', '\\']).trim_start_matches(CURRENCIES);
    spaced
        && !hexadecimal
        && left.ends_with(|c: char| c.is_ascii_digit() || c == ')')
        && right.starts_with(|c: char| c.is_ascii_digit() || c == '(')
}
