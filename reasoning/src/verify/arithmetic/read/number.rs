//! Numbers as they are written, and what only looks like one.

use super::{super::value::Exact, Kind};

/// Digits of a number that is worked with; one with more makes its side unknown.
const MAX_DIGITS: usize = 15;

/// `12`, `1,200`, `1{,}200`, `3.50` or `.5` at the start of a text, and its length in bytes. Dates, times, versions and decimal
/// commas are unknown.
pub(super) fn number(text: &str) -> Option<(Kind, usize)> {
    let digits = |from: usize| text.bytes().skip(from).take_while(u8::is_ascii_digit).count();
    let first = digits(0);
    if first == 0 && !(text.starts_with('.') && digits(1) > 0) {
        return None;
    }
    if let Some(length) = date(text) {
        return Some((Kind::Unknown, length));
    }
    let mut length = first;
    while (1..=3).contains(&first)
        && let Some(comma) = comma(text, length)
        && digits(length + comma) == 3
    {
        length += comma + 3;
    }
    let decimals = if text.as_bytes().get(length) == Some(&b'.') { digits(length + 1) } else { 0 };
    length += if decimals > 0 { decimals + 1 } else { 0 };
    if let Some(length) = longer(text, length) {
        return Some((Kind::Unknown, length));
    }
    let figures: String = text.get(..length)?.chars().filter(char::is_ascii_digit).collect();
    if figures.len() > MAX_DIGITS {
        return Some((Kind::Unknown, length));
    }
    let unit = Exact::new(1, 10_i128.checked_pow(u32::try_from(decimals).ok()?)?);
    let exact = Exact::from_integer(figures.parse().ok()?) * unit;
    Some((Kind::Number(exact, (decimals > 0).then_some(unit)), length))
}

/// The length of a comma, if one stands at a place.
fn comma(text: &str, at: usize) -> Option<usize> {
    let rest = text.get(at..)?;
    [",", "{,}"].into_iter().find(|comma| rest.starts_with(comma)).map(str::len)
}

/// Where a number ends that goes on as none of ours does: `3,5`, `8:30`, `1.2.3`.
fn longer(text: &str, at: usize) -> Option<usize> {
    let mut rest = text.bytes().skip(at);
    let joined = matches!(rest.next(), Some(b',' | b':' | b'.')) && rest.next().is_some_and(|b| b.is_ascii_digit());
    let inside = |b: &u8| b.is_ascii_digit() || matches!(b, b',' | b':' | b'.');
    joined.then(|| {
        let more = text.bytes().skip(at).take_while(inside).count();
        let end = text.bytes().skip(at).take(more).collect::<Vec<_>>();
        // The comma or point behind it belongs to the sentence.
        at + end.iter().rposition(u8::is_ascii_digit).map_or(more, |last| last + 1)
    })
}

/// The length of a date: `2024-01-05`, `5/1/2024`, `5/1/24`.
fn date(text: &str) -> Option<usize> {
    let digits = |from: usize| text.bytes().skip(from).take_while(u8::is_ascii_digit).count();
    let first = digits(0);
    let sign = text.as_bytes().get(first).filter(|b| matches!(b, b'-' | b'/'))?;
    let second = digits(first + 1);
    let middle = first + 1 + second;
    let third = (text.as_bytes().get(middle) == Some(sign)).then(|| digits(middle + 1))?;
    let end = middle + 1 + third;
    let fits = |length: usize| length == 4 || (1..=2).contains(&length);
    let year = first == 4 || third == 4;
    let padded = text.get(first + 1..).is_some_and(|rest| rest.starts_with('0') && second == 2);
    let short = *sign == b'/' && third == 2 && first <= 2;
    let sound = fits(first) && (1..=2).contains(&second) && fits(third) && (year || padded || short);
    (sound && text.as_bytes().get(end) != Some(sign)).then_some(end)
}
