//! Which columns a table has and what stands in them, found by reading it once.

use std::io::Read;

use rusqlite::types::Value;

use super::{
    error::TableError,
    names::Names,
    rows::{self, Cell, Sink},
};
use crate::{Kind, stop::Stop};

/// Digits beyond which a number with a point is kept as text: what is computed with 64 bits has no more.
const MAX_DIGITS: usize = 17;

/// What stands in a column.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Type {
    /// Nothing.
    #[default]
    Empty,
    /// Only `true` and `false` of JSON; 1 and 0 here.
    Truth,
    Integer,
    Real,
    Text,
}

/// A column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Column {
    /// As SQL names it.
    pub(super) name: String,
    pub(super) kind: Type,
}

/// A table's columns, and how many rows it has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Schema {
    pub(super) columns: Vec<Column>,
    pub(super) rows: u64,
}

impl Type {
    /// Its name in SQL.
    pub(super) const fn sql(self) -> &'static str {
        match self {
            Self::Truth | Self::Integer => "INTEGER",
            Self::Real => "REAL",
            Self::Empty | Self::Text => "TEXT",
        }
    }

    fn of(cell: &Cell<'_>) -> Self {
        match cell {
            Cell::Null => Self::Empty,
            Cell::Plain(text) => looks_like(text.trim()),
            Cell::Text(_) => Self::Text,
            Cell::Integer(_) => Self::Integer,
            Cell::Real(_) => Self::Real,
            Cell::Truth(_) => Self::Truth,
        }
    }

    fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Empty, kind) | (kind, Self::Empty) => kind,
            (one, other) if one == other => one,
            (Self::Integer, Self::Real) | (Self::Real, Self::Integer) => Self::Real,
            _ => Self::Text,
        }
    }

    /// A cell of such a column as SQLite keeps it.
    pub(super) fn value(self, cell: &Cell<'_>) -> Value {
        match (self, cell) {
            (_, Cell::Null) => Value::Null,
            (Self::Integer, Cell::Plain(text)) => text.trim().parse().map_or_else(|_| word(text), Value::Integer),
            (Self::Real, Cell::Plain(text)) => text.trim().parse().map_or_else(|_| word(text), Value::Real),
            (_, Cell::Plain(text)) => word(text),
            (_, Cell::Text(text)) => word(text),
            (Self::Text, Cell::Integer(integer)) => word(&integer.to_string()),
            (_, Cell::Integer(integer)) => Value::Integer(*integer),
            (Self::Text, Cell::Real(real)) => word(&real.to_string()),
            (_, Cell::Real(real)) => Value::Real(*real),
            (Self::Text, Cell::Truth(truth)) => word(&truth.to_string()),
            (_, Cell::Truth(truth)) => Value::Integer(i64::from(*truth)),
        }
    }
}

fn word(text: &str) -> Value {
    Value::Text(text.to_owned())
}

/// What a text is meant as. What a number would not give back as it was is text: `007`, `+1`, an account's twenty digits.
fn looks_like(text: &str) -> Type {
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    let (mantissa, exponent) = unsigned.split_once(['e', 'E']).map_or((unsigned, None), |(m, e)| (m, Some(e)));
    let (whole, fraction) = mantissa.split_once('.').map_or((mantissa, None), |(w, f)| (w, Some(f)));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(whole) || (whole.len() > 1 && whole.starts_with('0')) {
        return Type::Text;
    }
    if fraction.is_none() && exponent.is_none() {
        return if text != "-0" && text.parse::<i64>().is_ok() { Type::Integer } else { Type::Text };
    }
    let exact = fraction.is_none_or(digits)
        && exponent.is_none_or(|exponent| digits(exponent.strip_prefix(['-', '+']).unwrap_or(exponent)))
        && whole.len() + fraction.map_or(0, str::len) <= MAX_DIGITS;
    if exact && text.parse::<f64>().is_ok_and(f64::is_finite) { Type::Real } else { Type::Text }
}

impl Schema {
    /// Reads a table from its beginning to its end.
    pub(super) fn scan(kind: Kind, reader: impl Read, stop: &Stop) -> Result<Self, TableError> {
        let mut seen = Seen::default();
        let headers = rows::read(kind, reader, stop, &mut seen)?;
        let mut names = Names::default();
        let types = seen.types.into_iter().chain(std::iter::repeat(Type::Empty));
        let columns = (1..)
            .zip(headers.0)
            .zip(types)
            .map(|((number, header), kind)| Column { name: names.column(&header, number), kind });
        Ok(Self { columns: columns.collect(), rows: seen.rows })
    }

    /// About how many bytes of memory this takes.
    pub(super) fn bytes(&self) -> usize {
        self.columns.iter().map(|column| size_of::<Column>() + column.name.len()).sum()
    }
}

#[derive(Default)]
struct Seen {
    types: Vec<Type>,
    rows: u64,
}

impl Sink for Seen {
    fn row(&mut self, cells: &[Cell<'_>]) -> Result<(), TableError> {
        self.rows += 1;
        if self.types.len() < cells.len() {
            self.types.resize(cells.len(), Type::Empty);
        }
        for (kind, cell) in self.types.iter_mut().zip(cells) {
            *kind = kind.and(Type::of(cell));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn texts_are_numbers_only_where_nothing_is_lost() {
        let check = |text: &str, expect: Type| assert_eq!(looks_like(text), expect, "{text}");
        for text in ["0", "-1", "42", "9223372036854775807", "-9223372036854775808"] {
            check(text, Type::Integer);
        }
        for text in ["0.5", "-1.50", "1e3", "1E-5", "2.5e+10", "123456789.12345678"] {
            check(text, Type::Real);
        }
        for text in [
            "",
            "-",
            "007",
            "+1",
            "-0",
            "1.",
            ".5",
            "1e",
            "e5",
            "1e999",
            "0x10",
            "1_000",
            "1,5",
            "NaN",
            "inf",
            "9223372036854775808",
            "12345678901234567890",
            "0.123456789012345678",
            "00.5",
            "1 2",
            "١",
        ] {
            check(text, Type::Text);
        }
    }

    #[test]
    fn a_column_is_what_all_of_its_values_are() {
        use Type::{Empty, Integer, Real, Text, Truth};
        let check = |types: &[Type], expect: Type| {
            assert_eq!(types.iter().fold(Empty, |one, other| one.and(*other)), expect, "{types:?}");
        };
        check(&[], Empty);
        check(&[Integer, Empty, Integer], Integer);
        check(&[Integer, Real], Real);
        check(&[Real, Text, Integer], Text);
        check(&[Truth, Empty], Truth);
        check(&[Truth, Integer], Text);
    }

    proptest! {
        #[test]
        fn numbers_are_given_back_as_they_were(number: i64, real in -1e9f64..1e9) {
            let integer = number.to_string();
            prop_assert_eq!(Type::Integer.value(&Cell::Plain(&integer)), Value::Integer(number));
            prop_assert_eq!(looks_like(&integer), Type::Integer);
            let text = format!("{real:.3}");
            prop_assert!(matches!(looks_like(&text), Type::Real), "{}", text);
        }
    }
}
