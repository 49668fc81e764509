//! RFC 8259 with exact numbers and bounds, from any place in a text.
//!
//! `serde_json` reads numbers as floats, and whether it does is a feature that any crate of the build may flip.

use std::collections::BTreeMap;

use super::{super::number::Number, Value};

/// Objects and arrays within each other.
const MAX_DEPTH: u32 = 32;
/// Values in all.
const MAX_VALUES: u32 = 4096;

/// The value that starts at `at`, and where it ends.
pub(super) fn parse(text: &str, at: usize) -> Option<(Value, usize)> {
    let mut parser = Parser { text, at, left: MAX_VALUES };
    let value = parser.value(MAX_DEPTH)?;
    Some((value, parser.at))
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
    left: u32,
}

impl Parser<'_> {
    fn peek(&mut self) -> Option<u8> {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.byte() {
            self.at += 1;
        }
        self.byte()
    }

    fn byte(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn take(&mut self, expect: u8) -> Option<()> {
        (self.peek()? == expect).then(|| self.at += 1)
    }

    fn value(&mut self, depth: u32) -> Option<Value> {
        self.left = self.left.checked_sub(1)?;
        match self.peek()? {
            b'{' => self.map(depth.checked_sub(1)?),
            b'[' => self.list(depth.checked_sub(1)?),
            b'"' => self.string().map(Value::Text),
            b'-' | b'0'..=b'9' => self.number(),
            b't' => self.word("true", Value::Bool(true)),
            b'f' => self.word("false", Value::Bool(false)),
            b'n' => self.word("null", Value::Null),
            _ => None,
        }
    }

    fn word(&mut self, word: &str, value: Value) -> Option<Value> {
        self.text.get(self.at..)?.starts_with(word).then(|| self.at += word.len())?;
        Some(value)
    }

    fn list(&mut self, depth: u32) -> Option<Value> {
        self.take(b'[')?;
        let mut items = Vec::new();
        if self.peek()? == b']' {
            self.at += 1;
            return Some(Value::List(items));
        }
        loop {
            items.push(self.value(depth)?);
            if self.peek()? == b',' {
                self.at += 1;
                continue;
            }
            self.take(b']')?;
            return Some(Value::List(items));
        }
    }

    /// The last of two equal keys counts, as in most parsers.
    fn map(&mut self, depth: u32) -> Option<Value> {
        self.take(b'{')?;
        let mut map = BTreeMap::new();
        if self.peek()? == b'}' {
            self.at += 1;
            return Some(Value::Map(map));
        }
        loop {
            self.peek()?;
            let key = self.string()?;
            self.take(b':')?;
            map.insert(key, self.value(depth)?);
            if self.peek()? == b',' {
                self.at += 1;
                continue;
            }
            self.take(b'}')?;
            return Some(Value::Map(map));
        }
    }

    fn string(&mut self) -> Option<String> {
        let start = self.at;
        self.take(b'"')?;
        loop {
            match self.byte()? {
                b'"' => break,
                b'\\' => self.at += 2,
                _ => self.at += 1,
            }
        }
        self.at += 1;
        serde_json::from_str(self.text.get(start..self.at)?).ok()
    }

    fn number(&mut self) -> Option<Value> {
        let start = self.at;
        while let Some(b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E') = self.byte() {
            self.at += 1;
        }
        let text = self.text.get(start..self.at)?;
        let digits = text.strip_prefix('-').unwrap_or(text);
        let padded = digits.len() > 1 && digits.starts_with('0') && digits.as_bytes().get(1)?.is_ascii_digit();
        let dangling =
            digits.starts_with('.') || digits.ends_with('.') || digits.contains(".e") || digits.contains(".E");
        let number = if padded || dangling { None } else { Number::parse(text) };
        number.map(|number| Value::Number(number.canonical()))
    }
}
