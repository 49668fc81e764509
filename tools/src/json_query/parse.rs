//! Reads a query (RFC 9535, appendix A) by recursive descent of bounded depth.

mod filter;
mod text;

use super::path::{Query, Segment, Selector};

/// Bytes of a query.
pub(super) const MAX_BYTES: usize = 1024;
/// Parentheses, filters and functions within each other.
const MAX_DEPTH: usize = 32;
/// The largest index, 2^53 - 1 (RFC 9535, section 2.1, which takes it from I-JSON).
const MAX_INDEX: i64 = 9_007_199_254_740_991;

/// What is wrong with a query, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("at character {} of the query: {what}", .at + 1)]
pub(super) struct ParseError {
    /// The character at which it is wrong, from 0.
    at: usize,
    what: String,
}

type Parsed<T> = Result<T, ParseError>;

/// Reads a whole query.
pub(super) fn parse(text: &str) -> Parsed<Query> {
    let mut parser = Parser { text: text.chars().collect(), at: 0, depth: 0 };
    if text.len() > MAX_BYTES {
        return parser.wrong(format!("it has {} bytes; {MAX_BYTES} are the most", text.len()));
    }
    if !parser.takes('$') {
        return parser.wrong("it must begin with `$`, such as `$.items[0].name`");
    }
    let segments = parser.segments()?;
    if parser.at < parser.text.len() {
        return parser.unexpected();
    }
    Ok(Query { from_root: true, segments })
}

struct Parser {
    text: Vec<char>,
    at: usize,
    depth: usize,
}

impl Parser {
    fn peek(&self, ahead: usize) -> Option<char> {
        self.text.get(self.at + ahead).copied()
    }

    fn takes(&mut self, wanted: char) -> bool {
        let found = self.peek(0) == Some(wanted);
        self.at += usize::from(found);
        found
    }

    fn takes_all(&mut self, wanted: &str) -> bool {
        let found = wanted.chars().enumerate().all(|(ahead, wanted)| self.peek(ahead) == Some(wanted));
        if found {
            self.at += wanted.chars().count();
        }
        found
    }

    fn needs(&mut self, wanted: char) -> Parsed<()> {
        if self.takes(wanted) { Ok(()) } else { self.wrong(format!("`{wanted}` is missing here")) }
    }

    fn wrong<T>(&self, what: impl Into<String>) -> Parsed<T> {
        Err(ParseError { at: self.at, what: what.into() })
    }

    fn unexpected<T>(&self) -> Parsed<T> {
        match self.peek(0) {
            None => self.wrong("something is missing at the end"),
            Some(next) => self.wrong(format!("`{}` cannot stand here", next.escape_debug())),
        }
    }

    fn spaces(&mut self) {
        while matches!(self.peek(0), Some(' ' | '\t' | '\n' | '\r')) {
            self.at += 1;
        }
    }

    fn deeper<T>(&mut self, rule: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        if self.depth >= MAX_DEPTH {
            return self.wrong("too many parentheses or filters within each other");
        }
        self.depth += 1;
        let result = rule(self);
        self.depth -= 1;
        result
    }

    fn segments(&mut self) -> Parsed<Vec<Segment>> {
        let mut segments = Vec::new();
        loop {
            let before = self.at;
            self.spaces();
            if !matches!(self.peek(0), Some('.' | '[')) {
                // Spaces belong to a query only before a segment.
                self.at = before;
                return Ok(segments);
            }
            segments.push(self.segment()?);
        }
    }

    fn segment(&mut self) -> Parsed<Segment> {
        let descendant = self.takes_all("..");
        if self.peek(0) == Some('[') {
            return Ok(Segment { descendant, selectors: self.bracketed()? });
        }
        if !descendant {
            self.at += 1;
        }
        let selector = if self.takes('*') { Selector::Wildcard } else { Selector::Name(self.shorthand()?) };
        Ok(Segment { descendant, selectors: vec![selector] })
    }

    fn shorthand(&mut self) -> Parsed<String> {
        let begin = self.at;
        let first = |next: char| next.is_ascii_alphabetic() || next == '_' || !next.is_ascii();
        if !self.peek(0).is_some_and(first) {
            return self.wrong("a name is missing here: write `.name`, `['any name']` or `[0]`");
        }
        while self.peek(0).is_some_and(|next| first(next) || next.is_ascii_digit()) {
            self.at += 1;
        }
        Ok(self.text.get(begin..self.at).unwrap_or_default().iter().collect())
    }

    fn bracketed(&mut self) -> Parsed<Vec<Selector>> {
        self.needs('[')?;
        let mut selectors = Vec::new();
        loop {
            self.spaces();
            selectors.push(self.selector()?);
            self.spaces();
            if self.takes(']') {
                return Ok(selectors);
            }
            if !self.takes(',') {
                return self.wrong("`]` is missing here");
            }
        }
    }

    fn selector(&mut self) -> Parsed<Selector> {
        match self.peek(0) {
            Some('\'' | '"') => Ok(Selector::Name(self.string()?)),
            Some('*') => {
                self.at += 1;
                Ok(Selector::Wildcard)
            }
            Some('?') => {
                self.at += 1;
                self.spaces();
                Ok(Selector::Filter(self.deeper(Self::condition)?))
            }
            Some('0'..='9' | '-' | ':') => self.place(),
            _ => self.wrong("an index, a name in quotes, `*`, a slice `0:2` or a filter `?` is missing here"),
        }
    }

    /// An index or a slice.
    fn place(&mut self) -> Parsed<Selector> {
        let start = self.optional_integer()?;
        let after = self.at;
        self.spaces();
        if !self.takes(':') {
            self.at = after;
            return start.map_or_else(|| self.unexpected(), |start| Ok(Selector::Index(start)));
        }
        self.spaces();
        let end = self.optional_integer()?;
        let after = self.at;
        self.spaces();
        if !self.takes(':') {
            self.at = after;
            return Ok(Selector::Slice { start, end, step: 1 });
        }
        self.spaces();
        let step = self.optional_integer()?.unwrap_or(1);
        Ok(Selector::Slice { start, end, step })
    }

    fn optional_integer(&mut self) -> Parsed<Option<i64>> {
        match self.peek(0) {
            Some('0'..='9' | '-') => self.integer().map(Some),
            _ => Ok(None),
        }
    }

    /// Without a leading zero, and not `-0`.
    fn integer(&mut self) -> Parsed<i64> {
        let begin = self.at;
        self.takes('-');
        let digits = self.at;
        while self.peek(0).is_some_and(|next| next.is_ascii_digit()) {
            self.at += 1;
        }
        let text: String = self.text.get(begin..self.at).unwrap_or_default().iter().collect();
        let zero_first = self.text.get(digits) == Some(&'0') && text != "0";
        let number = text.parse::<i64>().ok().filter(|number| number.abs() <= MAX_INDEX && !zero_first);
        if number.is_none() {
            self.at = begin;
        }
        number.map_or_else(|| self.wrong("this is no whole number that can be an index"), Ok)
    }
}
