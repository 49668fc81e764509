//! Strings and numbers in queries (RFC 9535, sections 2.3.1.1 and 2.3.5.1).

use serde_json::{Number, Value};

use super::{Parsed, Parser};

impl Parser {
    /// A string in single or double quotes.
    pub(super) fn string(&mut self) -> Parsed<String> {
        let Some(quote @ ('\'' | '"')) = self.peek(0) else { return self.wrong("a string is missing here") };
        self.at += 1;
        let mut text = String::new();
        loop {
            let Some(next) = self.peek(0) else { return self.wrong("a quote is missing at the end") };
            match next {
                next if next == quote => {
                    self.at += 1;
                    return Ok(text);
                }
                '\\' => text.push(self.escape(quote)?),
                '\0'..='\u{1f}' => {
                    return self.wrong("a control character cannot stand in a string: write it as `\\n`");
                }
                _ => {
                    text.push(next);
                    self.at += 1;
                }
            }
        }
    }

    fn escape(&mut self, quote: char) -> Parsed<char> {
        let meant = match self.peek(1) {
            Some('b') => '\u{8}',
            Some('f') => '\u{c}',
            Some('n') => '\n',
            Some('r') => '\r',
            Some('t') => '\t',
            Some(next @ ('/' | '\\')) => next,
            Some(next) if next == quote => next,
            Some('u') => return self.unicode(),
            _ => return self.wrong("this escape is not known: write `\\\\` for a backslash"),
        };
        self.at += 2;
        Ok(meant)
    }

    fn unicode(&mut self) -> Parsed<char> {
        let Some(first) = self.hex(2) else { return self.wrong("four hexadecimal digits are missing behind `\\u`") };
        let pair = (0xd800..0xdc00).contains(&first) && self.peek(6) == Some('\\') && self.peek(7) == Some('u');
        let second = if pair { self.hex(8).filter(|second| (0xdc00..0xe000).contains(second)) } else { None };
        let code = second.map_or(first, |second| 0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00));
        let Some(meant) = char::from_u32(code) else { return self.wrong("this is half of a character") };
        self.at += if second.is_some() { 12 } else { 6 };
        Ok(meant)
    }

    fn hex(&self, ahead: usize) -> Option<u32> {
        (0..4).try_fold(0, |code, place| Some(code * 16 + self.peek(ahead + place)?.to_digit(16)?))
    }

    /// A number as in JSON.
    pub(super) fn number(&mut self) -> Parsed<Value> {
        let begin = self.at;
        while self.peek(0).is_some_and(|next| next.is_ascii_digit() || matches!(next, '-' | '+' | '.' | 'e' | 'E')) {
            self.at += 1;
        }
        let text: String = self.text.get(begin..self.at).unwrap_or_default().iter().collect();
        if let Ok(number) = serde_json::from_str::<Number>(&text) {
            return Ok(Value::Number(number));
        }
        self.at = begin;
        self.wrong("this is no number")
    }
}
