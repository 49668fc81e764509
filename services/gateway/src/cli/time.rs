//! Times as people give them on the command line, and as tables show them.

use jiff::{SignedDuration, Span, SpanRelativeTo, Timestamp, civil::Date, tz::TimeZone};

/// A time: RFC 3339, a date (its first instant, UTC), or how long ago, such as `2h` or `7d`.
pub fn parse(text: &str) -> Result<Timestamp, String> {
    parse_at(text, Timestamp::now())
}

fn parse_at(text: &str, now: Timestamp) -> Result<Timestamp, String> {
    if let Ok(time) = text.parse::<Timestamp>() {
        return Ok(time);
    }
    if let Some(day) = text.parse::<Date>().ok().and_then(|date| date.to_zoned(TimeZone::UTC).ok()) {
        return Ok(day.timestamp());
    }
    let ago = text.parse::<Span>().ok().filter(|span| !span.is_negative());
    ago.and_then(|span| now.to_zoned(TimeZone::UTC).checked_sub(span).ok()).map(|then| then.timestamp()).ok_or_else(
        || {
            "write a time such as 2026-11-23T10:00:00Z, a date such as 2026-11-23, or how long ago, such as 2h or 7d"
                .to_owned()
        },
    )
}

/// A time to come: RFC 3339, a date (its first instant, UTC), or in how long, such as `12h` or `90d`.
pub fn later(text: &str) -> Result<Timestamp, String> {
    later_than(text, Timestamp::now())
}

fn later_than(text: &str, now: Timestamp) -> Result<Timestamp, String> {
    let time = match duration(text) {
        Ok(wait) => now.checked_add(wait).map_err(|_| "that is too far away; give an earlier time".to_owned())?,
        Err(_) => parse_at(text, now).map_err(|_| {
            "write a time such as 2027-11-23T10:00:00Z, a date such as 2027-11-23, or in how long, such as 12h or 90d"
        })?,
    };
    if time > now { Ok(time) } else { Err("that time is over; give a later one".to_owned()) }
}

/// How long something lasts, such as `30m`, `24h` or `7d`; a day has 24 hours.
pub fn duration(text: &str) -> Result<SignedDuration, String> {
    let span = text.parse::<Span>().ok().filter(|span| !span.is_negative());
    let exact = span.and_then(|span| span.to_duration(SpanRelativeTo::days_are_24_hours()).ok());
    exact.ok_or_else(|| "write how long, such as 30m, 24h or 7d".to_owned())
}

/// A time to the millisecond, UTC.
pub fn show(time: Timestamp) -> String {
    time.strftime("%Y-%m-%d %H:%M:%S%.3f").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_to_come_lie_in_the_future() {
        let now: Timestamp = "2026-11-23T10:00:00Z".parse().unwrap();
        let check = |text: &str, expect: Option<&str>| {
            let got = later_than(text, now).ok().map(|time| time.to_string());
            assert_eq!(got.as_deref(), expect, "{text}");
        };
        check("90d", Some("2027-02-21T10:00:00Z"));
        check("12h", Some("2026-11-23T22:00:00Z"));
        check("2026-11-24", Some("2026-11-24T00:00:00Z"));
        check("2027-01-01T00:00:00Z", Some("2027-01-01T00:00:00Z"));
        for wrong in ["2026-11-23", "2026-11-23T10:00:00Z", "0s", "-2h", "soon", "1mo", ""] {
            check(wrong, None);
        }
    }

    #[test]
    fn times_are_read_in_three_forms() {
        let now: Timestamp = "2026-11-23T10:00:00Z".parse().unwrap();
        let check = |text: &str, expect: Option<&str>| {
            let got = parse_at(text, now).ok().map(|time| time.to_string());
            assert_eq!(got.as_deref(), expect, "{text}");
        };
        check("2026-11-22T01:02:03Z", Some("2026-11-22T01:02:03Z"));
        check("2026-11-22T01:02:03+01:00", Some("2026-11-22T00:02:03Z"));
        check("2026-11-22", Some("2026-11-22T00:00:00Z"));
        check("2h", Some("2026-11-23T08:00:00Z"));
        check("7d", Some("2026-11-16T10:00:00Z"));
        check("1d 30m", Some("2026-11-22T09:30:00Z"));
        for wrong in ["", "yesterday", "-2h", "2026-13-01", "2h ago from", "12"] {
            check(wrong, None);
        }
    }
}
