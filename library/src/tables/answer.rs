//! Rows as text for a model: values with commas between them, and a line that says how many there are.

use std::fmt::Write as _;

use rusqlite::types::ValueRef;

/// Room that is left for the last line, in bytes.
const LAST_LINE: usize = 200;
/// Characters of one value that are shown.
const MAX_VALUE: usize = 2000;
/// Bytes of a value without a text that are shown.
const MAX_BLOB: usize = 32;

/// Rows, as far as there is room for them.
#[derive(Debug)]
pub(super) struct Answer {
    text: String,
    /// Bytes that there is room for, without the last line.
    room: usize,
    max_rows: usize,
    shown: usize,
    more: u64,
    more_bytes: u64,
    /// Whether nobody knows how many more there are.
    open: bool,
}

impl Answer {
    /// An answer of so many bytes and rows at most, whose columns have these names.
    pub(super) fn new<'a>(names: impl Iterator<Item = &'a str>, bytes: usize, max_rows: usize) -> Self {
        let mut text = String::new();
        line(&mut text, names, quoted);
        let room = bytes.saturating_sub(LAST_LINE);
        text.truncate(floor(&text, room));
        Self { text, room, max_rows, shown: 0, more: 0, more_bytes: 0, open: false }
    }

    /// Takes a row, or only counts it where there is no room.
    pub(super) fn row<'a>(&mut self, values: impl Iterator<Item = ValueRef<'a>>) {
        let before = self.text.len();
        line(&mut self.text, values, value);
        if self.more == 0 && self.shown < self.max_rows && self.text.len() <= self.room {
            self.shown += 1;
            return;
        }
        self.more += 1;
        self.more_bytes += (self.text.len() - before) as u64;
        self.text.truncate(before);
    }

    /// How many rows were only counted.
    pub(super) const fn more(&self) -> u64 {
        self.more
    }

    /// The rows were not counted to their end.
    pub(super) fn leave_open(&mut self) {
        self.open = true;
    }

    /// Its text, and how many bytes of rows were left out as far as they were counted.
    pub(super) fn end(mut self) -> (String, u64) {
        let rows = if self.shown == 1 { "row" } else { "rows" };
        let left = (self.more > 0 || self.open).then(|| {
            let least = if self.open { "at least " } else { "" };
            format!(
                " shown; {least}{} more left out: ask for less, aggregate, or use LIMIT and OFFSET",
                self.more.max(1)
            )
        });
        // Writing into a text does not fail.
        let _ = write!(self.text, "({} {rows}{})", self.shown, left.unwrap_or_default());
        (self.text, self.more_bytes)
    }
}

fn line<T>(text: &mut String, values: impl Iterator<Item = T>, write: impl Fn(&mut String, T)) {
    for (place, value) in values.enumerate() {
        if place > 0 {
            text.push(',');
        }
        write(text, value);
    }
    text.push('\n');
}

/// NULL is nothing, and an empty text is `""`.
fn value(text: &mut String, value: ValueRef<'_>) {
    let _ = match value {
        ValueRef::Null => Ok(()),
        ValueRef::Integer(integer) => write!(text, "{integer}"),
        ValueRef::Real(real) if real != 0.0 && !(1e-6..1e15).contains(&real.abs()) => write!(text, "{real:e}"),
        ValueRef::Real(real) => write!(text, "{real:?}"),
        ValueRef::Blob(bytes) => {
            let shown = bytes.get(..MAX_BLOB).map_or_else(|| hex::encode(bytes), |begin| hex::encode(begin) + "…");
            write!(text, "x'{shown}'")
        }
        ValueRef::Text(bytes) => {
            let whole = String::from_utf8_lossy(bytes);
            match whole.char_indices().nth(MAX_VALUE) {
                None => quoted(text, &whole),
                Some((at, _)) => {
                    let left = whole.chars().count() - MAX_VALUE;
                    let begin = whole.get(..at).unwrap_or_default();
                    quoted(text, &format!("{begin}… ({left} more characters)"));
                }
            }
            Ok(())
        }
    };
}

/// As RFC 4180 has it: in quotes where it has to be.
fn quoted(text: &mut String, value: &str) {
    let plain = !value.is_empty() && !value.contains([',', '"', '\n', '\r']) && value.trim() == value;
    if plain {
        text.push_str(value);
    } else {
        text.push('"');
        text.push_str(&value.replace('"', "\"\""));
        text.push('"');
    }
}

/// The end of the last character that ends within so many bytes.
pub(super) fn floor(text: &str, bytes: usize) -> usize {
    (0..=bytes.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_written_so_that_they_can_be_told_apart() {
        let check = |value: ValueRef<'_>, expect: &str| {
            let mut text = String::new();
            super::value(&mut text, value);
            assert_eq!(text, expect);
        };
        check(ValueRef::Null, "");
        check(ValueRef::Text(b""), "\"\"");
        check(ValueRef::Text(b"plain text"), "plain text");
        check(ValueRef::Text(b"a,b"), "\"a,b\"");
        check(ValueRef::Text(b"say \"x\"\n"), "\"say \"\"x\"\"\n\"");
        check(ValueRef::Integer(-5), "-5");
        check(ValueRef::Real(1.0), "1.0");
        check(ValueRef::Real(0.1 + 0.2), "0.30000000000000004");
        check(ValueRef::Real(1e300), "1e300");
        check(ValueRef::Real(-2.5e-9), "-2.5e-9");
        check(ValueRef::Real(0.0), "0.0");
        check(ValueRef::Real(f64::INFINITY), "inf");
        check(ValueRef::Blob(&[1, 255]), "x'01ff'");
        let long = "é".repeat(MAX_VALUE + 3);
        check(ValueRef::Text(long.as_bytes()), &format!("{}… (3 more characters)", "é".repeat(MAX_VALUE)));
    }

    #[test]
    fn what_has_no_room_is_counted() {
        let row = || [ValueRef::Integer(12), ValueRef::Text(b"ab")].into_iter();
        let check = |bytes: usize, max_rows: usize, rows: usize, expect: &str, left: u64| {
            let mut answer = Answer::new(["n", "t"].into_iter(), bytes, max_rows);
            (0..rows).for_each(|_| answer.row(row()));
            let (text, left_out) = answer.end();
            assert_eq!((text.as_str(), left_out), (expect, left));
            assert!(text.len() <= bytes.max(LAST_LINE));
        };
        check(1000, 10, 0, "n,t\n(0 rows)", 0);
        check(1000, 10, 1, "n,t\n12,ab\n(1 row)", 0);
        let more = |n| {
            format!("n,t\n12,ab\n(1 row shown; {n} more left out: ask for less, aggregate, or use LIMIT and OFFSET)")
        };
        check(1000, 1, 3, &more(2), 12);
        check(LAST_LINE + 10, 10, 3, &more(2), 12);
        let wide = Answer::new(std::iter::repeat_n("column", 500), 300, 10).end().0;
        assert!(wide.len() <= 300, "{}", wide.len());
    }
}
