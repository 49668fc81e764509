//! Dates, times and zones as they are written. What could be two dates is refused.

use jiff::{
    Timestamp, ToSpan, Zoned,
    civil::{Date, DateTime, ISOWeekDate, Time, Weekday},
    fmt::{
        rfc2822,
        temporal::{Pieces, PiecesOffset},
    },
    tz::{AmbiguousOffset, Offset, TimeZone, TimeZoneDatabase},
};

use crate::ToolError;

/// What a text means.
#[derive(Clone, Debug)]
pub(super) enum When {
    /// A day.
    Date(Date),
    /// A time of a day, nobody said where.
    Civil(DateTime),
    /// An instant, and the calendar of its place.
    Zoned(Zoned),
}

impl When {
    /// Its day where it is.
    pub(super) fn date(&self) -> Date {
        match self {
            Self::Date(date) => *date,
            Self::Civil(time) => time.date(),
            Self::Zoned(zoned) => zoned.date(),
        }
    }

    /// The same in a time zone, where it is an instant or a time that is there exactly once.
    pub(super) fn zoned(&self, zone: &TimeZone) -> Result<Zoned, ToolError> {
        match self {
            Self::Zoned(zoned) => Ok(zoned.clone()),
            Self::Civil(time) => only(*time, zone),
            Self::Date(date) => Err(wrong(format!("a time is missing: write it such as {date}T14:30"))),
        }
    }
}

/// What the arguments say wrong.
pub(super) fn wrong(told: impl Into<String>) -> ToolError {
    ToolError::Arguments(told.into())
}

/// The zone of a name of the IANA database or an offset such as +05:30.
pub(super) fn zone(name: &str) -> Result<TimeZone, ToolError> {
    let name = name.trim();
    if matches!(name, "Z" | "z") {
        return Ok(TimeZone::UTC);
    }
    if let Some(offset) = offset(name) {
        return Ok(TimeZone::fixed(offset));
    }
    TimeZoneDatabase::bundled()
        .get(name)
        .map_err(|_| wrong(format!("there is no time zone `{name}`: write one such as Europe/Berlin, UTC or +02:00")))
}

/// `+02:00`, `-0530`, `UTC+2`, `GMT-3:30`.
fn offset(name: &str) -> Option<Offset> {
    let rest = name.strip_prefix("UTC").or_else(|| name.strip_prefix("GMT")).unwrap_or(name);
    let (sign, rest) = match rest.chars().next()? {
        '+' => (1, rest.strip_prefix('+')?),
        '-' => (-1, rest.strip_prefix('-')?),
        '−' => (-1, rest.strip_prefix('−')?),
        _ => return None,
    };
    let (hours, minutes) = match (rest.split_once(':'), rest.len()) {
        (Some(parts), _) => parts,
        (None, 3..) => rest.split_at_checked(rest.len() - 2)?,
        (None, _) => (rest, "0"),
    };
    let (hours, minutes) = (digits(hours)?, digits(minutes)?);
    let valid = hours <= 23 && minutes <= 59;
    valid.then(|| Offset::from_seconds(sign * i32::from(hours * 60 + minutes) * 60).ok()).flatten()
}

/// `+02:00`, and seconds where there are some, as before 1900.
fn offset_text(offset: Offset) -> String {
    let seconds = offset.seconds();
    let (sign, size) = (if seconds < 0 { '-' } else { '+' }, seconds.unsigned_abs());
    let text = format!("{sign}{:02}:{:02}", size / 3600, size / 60 % 60);
    if size % 60 == 0 { text } else { format!("{text}:{:02}", size % 60) }
}

/// The instant of a time at a place, where there is exactly one.
fn only(time: DateTime, zone: &TimeZone) -> Result<Zoned, ToolError> {
    let found = zone.to_ambiguous_zoned(time);
    match found.offset() {
        AmbiguousOffset::Unambiguous { .. } => found.unambiguous().map_err(|error| wrong(error.to_string())),
        AmbiguousOffset::Gap { .. } => {
            Err(wrong(format!("{time} does not exist there: the clocks go forward over it")))
        }
        AmbiguousOffset::Fold { before, after } => Err(wrong(format!(
            "{time} comes twice there, when the clocks go back: write {time}{} or {time}{}",
            offset_text(before),
            offset_text(after)
        ))),
    }
}

/// Reads a date, or a date with a time. `now` says the time, where it is known; `home` is where `today` is meant.
pub(super) fn when(text: &str, home: &TimeZone, now: &dyn Fn() -> Option<Timestamp>) -> Result<When, ToolError> {
    let text = text.trim();
    if let Some(when) = relative(text, home, now)? {
        return Ok(when);
    }
    let found = match week_date(text).or_else(|| written_out(text)) {
        Some(when) => Some(when),
        None => match numbers(text)? {
            None => standard(text)?,
            found => found,
        },
    };
    found.ok_or_else(|| wrong(format!("`{text}` is no date that can be read: write 2025-03-31 or 2025-03-31T14:30")))
}

fn relative(text: &str, home: &TimeZone, now: &dyn Fn() -> Option<Timestamp>) -> Result<Option<When>, ToolError> {
    let days = match text.to_ascii_lowercase().as_str() {
        "now" | "today" => 0,
        "tomorrow" => 1,
        "yesterday" => -1,
        _ => return Ok(None),
    };
    let now = now().ok_or_else(|| wrong(format!("`{text}` is not known here: write the date, such as 2025-03-31")))?;
    let now = now.to_zoned(home.clone());
    if text.eq_ignore_ascii_case("now") {
        return Ok(Some(When::Zoned(now)));
    }
    let date = now.date().checked_add(days.days()).map_err(|error| wrong(error.to_string()))?;
    Ok(Some(When::Date(date)))
}

/// RFC 3339, RFC 9557 and RFC 2822.
fn standard(text: &str) -> Result<Option<When>, ToolError> {
    let Ok(pieces) = Pieces::parse(text) else {
        let mail = rfc2822::DateTimeParser::new().parse_zoned(text);
        return Ok(mail.ok().map(When::Zoned));
    };
    let date = pieces.date();
    let Some(time) = pieces.time() else { return Ok(Some(When::Date(date))) };
    let at = date.to_datetime(time);
    let named = pieces.to_time_zone_with(&TimeZoneDatabase::bundled()).map_err(|error| wrong(error.to_string()))?;
    let offset = match pieces.offset() {
        // An instant, whatever the clocks show there (RFC 9557, section 2).
        Some(PiecesOffset::Zulu) => {
            return Ok(Some(When::Zoned(only(at, &TimeZone::UTC)?.with_time_zone(named.unwrap_or(TimeZone::UTC)))));
        }
        _ => pieces.to_numeric_offset(),
    };
    Ok(Some(match (named, offset) {
        (None, None) => When::Civil(at),
        (None, Some(offset)) => When::Zoned(only(at, &TimeZone::fixed(offset))?),
        (Some(zone), None) => When::Zoned(only(at, &zone)?),
        (Some(zone), Some(offset)) => When::Zoned(in_zone(at, &zone, offset)?),
    }))
}

/// An offset and a zone must fit together, so that neither is wrong unseen.
fn in_zone(at: DateTime, zone: &TimeZone, offset: Offset) -> Result<Zoned, ToolError> {
    let zoned = only(at, &TimeZone::fixed(offset))?.with_time_zone(zone.clone());
    if zoned.offset() == offset {
        return Ok(zoned);
    }
    let (there, given) = (offset_text(zoned.offset()), offset_text(offset));
    Err(wrong(format!("{at} has the offset {there} there, not {given}: leave one of the two out")))
}

/// `2025-W10-2` and `2025-W10`, whose Monday is meant.
fn week_date(text: &str) -> Option<When> {
    let (year, week) = text.split_once("-W")?;
    let (week, day) = week.split_once('-').unwrap_or((week, "1"));
    let weekday = Weekday::from_monday_one_offset(i8::try_from(digits(day)?).ok()?).ok()?;
    let date = ISOWeekDate::new(year.parse().ok()?, i8::try_from(digits(week)?).ok()?, weekday).ok()?;
    Some(When::Date(date.date()))
}

/// Three numbers with one kind of sign between them, such as 31/03/2025. Where the first two could be day and month or month and
/// day, it is refused.
fn numbers(text: &str) -> Result<Option<When>, ToolError> {
    let (day, time) = text.split_once([' ', 'T']).unwrap_or((text, ""));
    let Some(sign) = day.chars().find(|sign| matches!(sign, '/' | '.' | '-')) else { return Ok(None) };
    let parts: Option<Vec<u16>> = day.split(sign).map(digits).collect();
    let Some(&[first, second, third]) = parts.as_deref() else { return Ok(None) };
    let year_first = day.find(sign) == Some(4);
    if year_first && sign == '-' {
        return Ok(None);
    }
    if !year_first && third < 1000 {
        return Err(wrong(format!("the year of `{text}` is unclear: write it such as 2025-03-31")));
    }
    let (year, month, day) = match (year_first, first > 12, second > 12) {
        (true, ..) => (first, second, third),
        (false, true, _) => (third, second, first),
        (false, false, true) => (third, first, second),
        (false, false, false) if first == second => (third, first, second),
        (false, false, false) => return Err(unclear(text, third, first, second)),
    };
    with_time(year, month, day, time).map(Some).ok_or_else(|| wrong(format!("there is no date `{text}`")))
}

fn unclear(text: &str, year: u16, first: u16, second: u16) -> ToolError {
    wrong(format!(
        "`{text}` is unclear: write {year:04}-{first:02}-{second:02} or {year:04}-{second:02}-{first:02}, whichever is meant"
    ))
}

/// `31 March 2025`, `March 31st, 2025`, `Mon, 31 Mar 2025 14:30`.
fn written_out(text: &str) -> Option<When> {
    let words: Vec<&str> = text.split([' ', ',']).filter(|word| !matches!(*word, "" | "of")).collect();
    let words = match words.as_slice() {
        [day, rest @ ..] if is_weekday(day) => rest,
        all => all,
    };
    let (day, month, year, time) = match words {
        [month, day, year, time @ ..] if is_month(month) => (day, month, year, time),
        [day, month, year, time @ ..] => (day, month, year, time),
        _ => return None,
    };
    let day = day.trim_end_matches(|c: char| c.is_ascii_alphabetic() || c == '.');
    let year = Some(*year).filter(|year| year.len() == 4).and_then(digits)?;
    with_time(year, month_of(month)?, digits(day)?, &time.join(" "))
}

fn is_month(word: &str) -> bool {
    month_of(word).is_some()
}

fn month_of(word: &str) -> Option<u16> {
    const MONTHS: [&str; 12] = [
        "january",
        "february",
        "march",
        "april",
        "may",
        "june",
        "july",
        "august",
        "september",
        "october",
        "november",
        "december",
    ];
    named(word, &MONTHS)
}

fn is_weekday(word: &str) -> bool {
    const DAYS: [&str; 7] = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
    named(word, &DAYS).is_some()
}

/// The place of a name, from 1, of which at least three letters are written.
fn named(word: &str, names: &[&str]) -> Option<u16> {
    let word = word.trim_end_matches('.').to_ascii_lowercase();
    let place = names.iter().position(|name| word.len() >= 3 && name.starts_with(word.as_str()))?;
    u16::try_from(place + 1).ok()
}

fn digits(text: &str) -> Option<u16> {
    let valid = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    valid.then(|| text.parse().ok()).flatten()
}

fn with_time(year: u16, month: u16, day: u16, time: &str) -> Option<When> {
    let small = |number: u16| i8::try_from(number).ok();
    let date = Date::new(i16::try_from(year).ok()?, small(month)?, small(day)?).ok()?;
    if time.trim().is_empty() {
        return Some(When::Date(date));
    }
    Some(When::Civil(date.to_datetime(clock_time(time.trim())?)))
}

/// `14:30`, `14:30:05`, `2:30 pm`.
fn clock_time(text: &str) -> Option<Time> {
    let lower = text.to_ascii_lowercase();
    let (half, rest) = match (lower.strip_suffix("am"), lower.strip_suffix("pm")) {
        (Some(rest), _) => (Some(0), rest),
        (_, Some(rest)) => (Some(12), rest),
        _ => (None, lower.as_str()),
    };
    let parts: Vec<u16> = rest.trim().split(':').map(digits).collect::<Option<_>>()?;
    let (hour, minute, second) = match parts.as_slice() {
        [hour] if half.is_some() => (*hour, 0, 0),
        [hour, minute] => (*hour, *minute, 0),
        [hour, minute, second] => (*hour, *minute, *second),
        _ => return None,
    };
    let hour = match half {
        None => hour,
        Some(half) if (1..=12).contains(&hour) => hour % 12 + half,
        Some(_) => return None,
    };
    let small = |number: u16| i8::try_from(number).ok();
    Time::new(small(hour)?, small(minute)?, small(second)?, 0).ok()
}
