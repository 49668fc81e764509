//! Functions that SQLite lacks, and those of two texts whose own take too long.
//!
//! To search, replace or trim by another text takes SQLite the product of both lengths, in one step that nobody can interrupt: a minute
//! for two texts that are allowed, and a question may say it hundreds of times. Ours take the sum, and patterns look at the
//! time while they match.

use std::{borrow::Cow, collections::BTreeSet};

use rusqlite::{
    Connection, Error, Result,
    functions::{Context, FunctionFlags},
    types::{Value, ValueRef},
};

use super::{guard::MAX_TEXT, pattern::Pattern};
use crate::stop::Stop;

/// Gives a connection the functions of a question that ends with `stop`.
pub(super) fn add(connection: &Connection, stop: &Stop) -> Result<()> {
    add_numbers(connection)?;
    for (name, start, end) in [("trim", true, true), ("ltrim", true, false), ("rtrim", false, true)] {
        for arguments in [1, 2] {
            connection
                .create_scalar_function(name, arguments, flags(), move |context| Ok(trim(context, start, end)))?;
        }
    }
    connection.create_scalar_function("instr", 2, flags(), |context| Ok(find(context)))?;
    connection.create_scalar_function("replace", 3, flags(), |context| replace(context))?;
    for arguments in [2, 3] {
        let stop = stop.clone();
        connection.create_scalar_function("like", arguments, flags(), move |context| like(context, &stop))?;
    }
    let stop = stop.clone();
    connection.create_scalar_function("glob", 2, flags(), move |context| {
        matches(context, |pattern| Ok(Pattern::glob(pattern)), &stop)
    })
}

fn add_numbers(connection: &Connection) -> Result<()> {
    type OfOne = (&'static str, fn(f64) -> f64);
    type OfTwo = (&'static str, fn(f64, f64) -> f64);
    let of_one: [OfOne; 8] = [
        ("sqrt", f64::sqrt),
        ("exp", f64::exp),
        ("ln", f64::ln),
        ("log", f64::log10),
        ("log10", f64::log10),
        ("floor", f64::floor),
        ("ceil", f64::ceil),
        ("ceiling", f64::ceil),
    ];
    for (name, function) in of_one {
        let whole = matches!(name, "floor" | "ceil" | "ceiling");
        connection.create_scalar_function(name, 1, flags(), move |context| {
            Ok(number(context, 0).and_then(|x| finite(function(x), whole)))
        })?;
    }
    let of_two: [OfTwo; 3] = [("pow", f64::powf), ("power", f64::powf), ("mod", |x, y| x % y)];
    for (name, function) in of_two {
        connection.create_scalar_function(name, 2, flags(), move |context| {
            let both = number(context, 0).zip(number(context, 1));
            Ok(both.and_then(|(x, y)| finite(function(x, y), false)))
        })?;
    }
    Ok(())
}

fn flags() -> FunctionFlags {
    FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC | FunctionFlags::SQLITE_INNOCUOUS
}

/// A result that is a number, as a whole one where whole ones are asked for. SQLite gives NULL where there is none.
fn finite(result: f64, whole: bool) -> Option<Value> {
    // Within these bounds every whole number is exact.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    if !result.is_finite() {
        return None;
    }
    if whole && result.abs() <= EXACT {
        #[expect(clippy::cast_possible_truncation, reason = "it is whole and within the bounds of exact ones")]
        return Some(Value::Integer(result as i64));
    }
    Some(Value::Real(result))
}

fn number(context: &Context<'_>, place: usize) -> Option<f64> {
    match context.get_raw(place) {
        #[expect(clippy::cast_precision_loss, reason = "as SQLite's own mathematical functions do")]
        ValueRef::Integer(integer) => Some(integer as f64),
        ValueRef::Real(real) => Some(real),
        ValueRef::Text(text) => std::str::from_utf8(text).ok()?.trim().parse().ok(),
        ValueRef::Null | ValueRef::Blob(_) => None,
    }
}

/// The text without the characters of the second argument, or blanks, at its ends (`lang_corefunc.html#trim`).
fn trim(context: &Context<'_>, start: bool, end: bool) -> Option<String> {
    let text = text(context, 0)?;
    let set: BTreeSet<char> =
        if context.len() < 2 { BTreeSet::from([' ']) } else { self::text(context, 1)?.chars().collect() };
    let mut rest = &*text;
    if start {
        rest = rest.trim_start_matches(|character| set.contains(&character));
    }
    if end {
        rest = rest.trim_end_matches(|character| set.contains(&character));
    }
    Some(rest.to_owned())
}

/// Where the second text first stands in the first one, in characters from 1; 0 where it does not (`lang_corefunc.html#instr`).
fn find(context: &Context<'_>) -> Option<i64> {
    let (text, part) = (text(context, 0)?, text(context, 1)?);
    let Some(at) = text.find(&*part) else { return Some(0) };
    let before = text.get(..at).unwrap_or_default().chars().count();
    i64::try_from(before).ok().map(|before| before + 1)
}

/// The first text with the third in every place of the second (`lang_corefunc.html#replace`).
fn replace(context: &Context<'_>) -> Result<Option<String>> {
    let texts = (text(context, 0), text(context, 1), text(context, 2));
    let (Some(text), Some(old), Some(new)) = texts else { return Ok(None) };
    if old.is_empty() {
        return Ok(Some(text.into_owned()));
    }
    let count = text.matches(&*old).count();
    let longer = count.saturating_mul(new.len()).saturating_add(text.len());
    if longer.saturating_sub(count * old.len()) > usize::try_from(MAX_TEXT).unwrap_or(usize::MAX) {
        return Err(wrong("a text would become too long; ask for shorter ones"));
    }
    Ok(Some(text.replace(&*old, &new)))
}

/// `X LIKE Y ESCAPE Z` is `like(Y, X, Z)`.
fn like(context: &Context<'_>, stop: &Stop) -> Result<Option<bool>> {
    let escape = if context.len() < 3 { Some(None) } else { text(context, 2).map(Some) };
    let Some(escape) = escape else { return Ok(None) };
    let escape = match escape.as_deref().map(|escape| (escape.chars().next(), escape.chars().count())) {
        None => None,
        Some((Some(escape), 1)) => Some(escape),
        Some(_) => return Err(wrong("ESCAPE must be one character")),
    };
    matches(context, |pattern| Ok(Pattern::like(pattern, escape)), stop)
}

fn matches(context: &Context<'_>, pattern: impl FnOnce(&str) -> Result<Pattern>, stop: &Stop) -> Result<Option<bool>> {
    let (Some(written), Some(text)) = (text(context, 0), text(context, 1)) else { return Ok(None) };
    if written.len() > Pattern::MOST {
        return Err(wrong("a pattern of LIKE or GLOB is too long"));
    }
    let matched = pattern(&written)?.matches(&text, || stop.reached());
    matched.map(Some).ok_or_else(|| wrong("there was no time"))
}

fn wrong(what: &str) -> Error {
    Error::UserFunctionError(what.into())
}

fn text<'a>(context: &'a Context<'_>, place: usize) -> Option<Cow<'a, str>> {
    match context.get_raw(place) {
        ValueRef::Null => None,
        ValueRef::Integer(integer) => Some(Cow::Owned(integer.to_string())),
        ValueRef::Real(real) => Some(Cow::Owned(format!("{real:?}"))),
        ValueRef::Text(text) | ValueRef::Blob(text) => Some(String::from_utf8_lossy(text)),
    }
}
