//! What can be done with dates, and how it is told.

use jiff::{
    Error, Span, Timestamp, Unit, Zoned,
    civil::{Date, DateTime, Weekday},
    tz::TimeZone,
};

use super::{
    Arguments, Operation,
    read::{When, when, wrong, zone},
    workdays,
};
use crate::ToolError;

/// What business days are called.
const WORKDAYS: &[&str] =
    &["business days", "business day", "working days", "working day", "workdays", "workday", "weekdays"];

type Answer = Result<String, ToolError>;

/// Does it.
pub(super) fn perform(arguments: &Arguments, now: &dyn Fn() -> Option<Timestamp>) -> Answer {
    let given = arguments.zone.as_deref().map(zone).transpose()?;
    let home = given.clone().unwrap_or(TimeZone::UTC);
    let date = when(&arguments.date, &home, now)?;
    // A time whose zone is given is an instant.
    let placed = |when: When| match (&given, when) {
        (Some(zone), When::Civil(time)) => When::Civil(time).zoned(zone).map(When::Zoned),
        (_, when) => Ok(when),
    };
    let date = placed(date)?;
    match arguments.operation {
        Operation::Add => moved(&date, needed(arguments.duration.as_ref(), "duration", "3 months 2 days")?, 1),
        Operation::Subtract => moved(&date, needed(arguments.duration.as_ref(), "duration", "3 months 2 days")?, -1),
        Operation::Difference => {
            let to = needed(arguments.to.as_ref(), "to", "2025-03-31")?;
            difference(&date, &placed(when(to, &home, now)?)?)
        }
        Operation::Describe => Ok(described(&date)),
        Operation::Convert => {
            let to = zone(needed(arguments.to_zone.as_ref(), "to_zone", "America/New_York")?)?;
            converted(&date, to)
        }
    }
}

fn needed<'a>(argument: Option<&'a String>, name: &str, example: &str) -> Result<&'a str, ToolError> {
    argument.map(String::as_str).ok_or_else(|| wrong(format!("this operation needs `{name}`, such as {example}")))
}

/// A date with the name of its day, which models like to get wrong.
fn told(when: &When) -> String {
    let text = match when {
        When::Date(date) => date.to_string(),
        When::Civil(time) => time.to_string(),
        When::Zoned(zoned) => zoned.to_string(),
    };
    format!("{text} ({})", day_name(when.date()))
}

fn day_name(date: Date) -> &'static str {
    match date.weekday() {
        Weekday::Monday => "Monday",
        Weekday::Tuesday => "Tuesday",
        Weekday::Wednesday => "Wednesday",
        Weekday::Thursday => "Thursday",
        Weekday::Friday => "Friday",
        Weekday::Saturday => "Saturday",
        Weekday::Sunday => "Sunday",
    }
}

fn out_of_range(_: Error) -> ToolError {
    ToolError::Failed("the result is out of range: years go from -9999 to 9999".to_owned())
}

fn moved(date: &When, duration: &str, sign: i64) -> Answer {
    if let Some(count) = workdays_of(duration)? {
        return by_workdays(date, count * sign);
    }
    let span = span(duration)?;
    let span = if sign < 0 { span.negate() } else { span };
    let result = match date {
        When::Date(date) if has_time(&span) => {
            date.to_datetime(jiff::civil::Time::midnight()).checked_add(span).map(When::Civil)
        }
        When::Date(date) => date.checked_add(span).map(When::Date),
        When::Civil(time) => time.checked_add(span).map(When::Civil),
        When::Zoned(zoned) => zoned.checked_add(span).map(When::Zoned),
    };
    let result = result.map_err(out_of_range)?;
    let clamped = is_clamped(date.date(), &span, result.date());
    Ok(told(&result) + if clamped { "; that month is shorter, so it is its last day" } else { "" })
}

/// A number of working days.
fn workdays_of(duration: &str) -> Result<Option<i64>, ToolError> {
    let lower = duration.trim().to_ascii_lowercase();
    let Some(count) = WORKDAYS.iter().find_map(|name| lower.strip_suffix(name)) else { return Ok(None) };
    let count: Option<i32> = count.trim().parse().ok();
    count
        .map(|count| Some(i64::from(count)))
        .ok_or_else(|| wrong(format!("`{duration}` cannot be read: write a whole number such as `10 business days`")))
}

fn by_workdays(date: &When, count: i64) -> Answer {
    let day = workdays::add(date.date(), count).map_err(out_of_range)?;
    let result = match date {
        When::Date(_) => Ok(When::Date(day)),
        When::Civil(time) => Ok(When::Civil(day.to_datetime(time.time()))),
        When::Zoned(zoned) => When::Civil(day.to_datetime(zoned.time())).zoned(zoned.time_zone()).map(When::Zoned),
    };
    Ok(format!("{}; Saturdays and Sundays are left out, holidays are not", told(&result?)))
}

/// `3 months 2 days` or ISO 8601's `P3M2D`.
fn span(duration: &str) -> Result<Span, ToolError> {
    duration.trim().parse().map_err(|_| {
        wrong(format!(
            "the duration `{duration}` cannot be read: write it such as `1 year 3 months`, `90 minutes` or `P1M`"
        ))
    })
}

fn has_time(span: &Span) -> bool {
    span.get_hours() != 0
        || [
            span.get_minutes(),
            span.get_seconds(),
            span.get_milliseconds(),
            span.get_microseconds(),
            span.get_nanoseconds(),
        ]
        .iter()
        .any(|part| *part != 0)
}

/// Whether the day of the month was brought back to the last one of a shorter month.
fn is_clamped(from: Date, span: &Span, to: Date) -> bool {
    let only_months = span.get_weeks() == 0 && span.get_days() == 0 && !has_time(span);
    only_months && from.day() != to.day()
}

fn difference(from: &When, to: &When) -> Answer {
    let (days_from, days_to) = (from.date(), to.date());
    let days = days_from.until((Unit::Day, days_to)).map_err(out_of_range)?.get_days();
    let calendar = days_from.until((Unit::Year, days_to)).map_err(out_of_range)?;
    let workdays = workdays::between(days_from, days_to).map_err(out_of_range)?;
    let mut lines = vec![
        counted(i64::from(days), "day"),
        calendar_words(&calendar),
        format!("{} (Monday to Friday, the first day counted and the last one not)", counted(workdays, "business day")),
    ];
    if let Some(elapsed) = elapsed(from, to)? {
        lines.push(elapsed);
    }
    Ok(lines.join("\n"))
}

/// `elapsed: 1 day 2 hours 30 minutes (95400 seconds)`, where both have a time.
fn elapsed(from: &When, to: &When) -> Result<Option<String>, ToolError> {
    let duration = match (from, to) {
        (When::Zoned(from), When::Zoned(to)) => to.timestamp().duration_since(from.timestamp()),
        (When::Civil(from), When::Civil(to)) => to.duration_since(*from),
        (When::Date(_), _) | (_, When::Date(_)) => return Ok(None),
        _ => return Err(wrong("one time has a zone and the other has none: give `zone`")),
    };
    let seconds = duration.as_secs();
    let (sign, size) = (if seconds < 0 { "-" } else { "" }, seconds.unsigned_abs());
    let (hours, minutes, rest) = (size / 3600, size / 60 % 60, size % 60);
    Ok(Some(format!("elapsed: {sign}{hours} h {minutes} min {rest} s ({seconds} seconds)")))
}

fn counted(count: i64, noun: &str) -> String {
    format!("{count} {noun}{}", if count.abs() == 1 { "" } else { "s" })
}

fn calendar_words(span: &Span) -> String {
    let parts = [
        (i64::from(span.get_years()), "year"),
        (i64::from(span.get_months()), "month"),
        (i64::from(span.get_days()), "day"),
    ];
    let words: Vec<_> = parts.iter().map(|(count, noun)| counted(*count, noun)).collect();
    words.join(" ")
}

fn described(when: &When) -> String {
    let date = when.date();
    let week = date.iso_week_date();
    let mut lines = vec![
        told(when),
        format!("ISO week {:04}-W{:02}", week.year(), week.week()),
        format!("day {} of {} in the year", date.day_of_year(), date.days_in_year()),
        format!("{} is {}a leap year", date.year(), if date.in_leap_year() { "" } else { "not " }),
        format!("the month has {} days", date.days_in_month()),
    ];
    if let When::Zoned(zoned) = when {
        lines.push(format!("{} in UTC, {} seconds after 1970", zoned.timestamp(), zoned.timestamp().as_second()));
    }
    lines.join("\n")
}

fn converted(when: &When, to: TimeZone) -> Answer {
    let zoned: Zoned = match when {
        When::Zoned(zoned) => zoned.with_time_zone(to),
        When::Civil(time) => return Err(no_zone(*time)),
        When::Date(date) => return Err(wrong(format!("a time is missing: write it such as {date}T14:30"))),
    };
    Ok(told(&When::Zoned(zoned)))
}

fn no_zone(time: DateTime) -> ToolError {
    wrong(format!("nobody said where it is {time}: give `zone`, such as Europe/Berlin"))
}
