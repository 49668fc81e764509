//! Dates that are right, wrong or unclear.

use proptest::prelude::*;
use serde_json::Value;

use super::*;
use crate::{Limits, Toolbox};

fn call(tool: Dates, arguments: Value) -> Result<String, String> {
    let mut toolbox = Toolbox::default();
    toolbox.add(Arc::new(tool));
    let invocation = Invocation { tenant: "t".to_owned(), arguments, limits: Limits::default() };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let ended = runtime.block_on(toolbox.call("dates", invocation));
    ended.result.map(|reply| reply.text).map_err(|error| error.to_string())
}

/// Calls it with `operation date [second [zone]]`.
fn ask(operation: &str, date: &str, more: &[(&str, &str)]) -> Result<String, String> {
    let mut arguments = json!({ "operation": operation, "date": date });
    for (name, value) in more {
        arguments[*name] = (*value).into();
    }
    call(Dates::new(), arguments)
}

fn holds(result: Result<String, String>, expected: &str) {
    let result = result.unwrap();
    assert!(result.contains(expected), "`{expected}` is not in {result}");
}

fn refuses(result: Result<String, String>, expected: &str) {
    let told = result.unwrap_err();
    assert!(told.contains(expected), "`{expected}` is not in {told}");
}

#[test]
fn dates_are_read_as_people_write_them() {
    let check = |text: &str, expected: &str| {
        let told = ask("describe", text, &[]).unwrap_or_else(|told| panic!("{text}: {told}"));
        assert!(told.starts_with(expected), "{text}: {told}");
    };
    for text in [
        "2025-03-31",
        "20250331",
        "2025/03/31",
        "2025.03.31",
        "31/03/2025",
        "03/31/2025",
        "31.3.2025",
        "31-03-2025",
        "31 March 2025",
        "March 31, 2025",
        "31st of March 2025",
        "Mar 31st 2025",
        "Monday, 31 March 2025",
        "31 mar. 2025",
        "2025-W14-1",
        "2025-W14",
        " 2025-03-31 ",
    ] {
        check(text, "2025-03-31 (Monday)");
    }
    check("05/05/2025", "2025-05-05 (Monday)");
    check("2025-03-31T14:30", "2025-03-31T14:30:00 (Monday)");
    check("31 March 2025 2:30 pm", "2025-03-31T14:30:00 (Monday)");
    check("31/03/2025 14:30", "2025-03-31T14:30:00 (Monday)");
    check("2025-03-31T14:30:00Z", "2025-03-31T14:30:00+00:00[UTC] (Monday)");
    check("2025-03-31T14:30+02:00", "2025-03-31T14:30:00+02:00[+02:00] (Monday)");
    check("2025-03-31T14:30[Europe/Berlin]", "2025-03-31T14:30:00+02:00[Europe/Berlin] (Monday)");
    check("2025-03-31T12:30Z[Europe/Berlin]", "2025-03-31T14:30:00+02:00[Europe/Berlin] (Monday)");
    check("Mon, 31 Mar 2025 14:30:00 +0200", "2025-03-31T14:30:00+02:00[+02:00] (Monday)");
}

#[test]
fn unclear_and_wrong_dates_are_refused_with_the_mend() {
    let check = |text: &str, expected: &str| refuses(ask("describe", text, &[]), expected);
    check("03/04/2025", "write 2025-03-04 or 2025-04-03");
    check("3.4.2025", "write 2025-03-04 or 2025-04-03");
    check("03/04/25", "the year of `03/04/25` is unclear");
    check("2025-02-29", "is no date that can be read");
    check("31/31/2025", "there is no date");
    check("31/04/2025", "there is no date");
    check("tomorrow", "is not known here: write the date");
    check("NOW", "is not known here");
    check("soon", "write 2025-03-31");
    check("2025-W54-1", "is no date");
    check("2025-03-31T14:30+05:00[Europe/Berlin]", "has the offset +02");
    check("2025-03-31T25:00", "is no date");
    check("31 March 2025 14:30 pm", "is no date");
    check("2025-03-31T14:30[Europe/Nowhere]", "Nowhere");
}

#[test]
fn durations_are_added_by_the_calendar() {
    let add = |date: &str, duration: &str, expected: &str| holds(ask("add", date, &[("duration", duration)]), expected);
    add("2025-01-31", "1 month", "2025-02-28 (Friday); that month is shorter");
    add("2024-02-29", "1 year", "2025-02-28 (Friday)");
    add("2025-01-31", "3 months 2 days", "2025-05-02 (Friday)");
    add("2025-01-31", "P1M", "2025-02-28");
    add("2025-01-31", "90 minutes", "2025-01-31T01:30:00 (Friday)");
    add("2025-01-31T23:00", "2 hours", "2025-02-01T01:00:00 (Saturday)");
    add("2025-03-28", "1 business day", "2025-03-31 (Monday)");
    add("2025-03-29", "1 business day", "2025-03-31 (Monday)");
    add("2025-03-29", "5 working days", "2025-04-04 (Friday)");
    add("2025-03-28", "10 weekdays", "2025-04-11 (Friday)");
    let subtract = |date: &str, duration: &str, expected: &str| {
        holds(ask("subtract", date, &[("duration", duration)]), expected);
    };
    subtract("2025-03-31", "1 month", "2025-02-28");
    subtract("2025-03-31", "1 business day", "2025-03-28 (Friday)");
    subtract("2025-03-30", "1 business day", "2025-03-28 (Friday)");
    subtract("2025-03-30", "6 business days", "2025-03-21 (Friday)");
    // A day of the calendar is not always 24 hours.
    add("2025-03-29T12:00[Europe/Berlin]", "1 day", "2025-03-30T12:00:00+02:00[Europe/Berlin]");
    add("2025-03-29T12:00[Europe/Berlin]", "24 hours", "2025-03-30T13:00:00+02:00[Europe/Berlin]");
    refuses(ask("add", "2025-01-31", &[("duration", "soon")]), "cannot be read");
    refuses(ask("add", "2025-01-31", &[("duration", "1.5 business days")]), "whole number");
    refuses(ask("add", "2025-01-31", &[]), "needs `duration`");
    refuses(ask("add", "9999-12-31", &[("duration", "1 day")]), "out of range");
    refuses(ask("add", "2025-01-31", &[("duration", "2000000000 business days")]), "out of range");
    refuses(ask("subtract", "2025-01-31", &[("duration", "-2000000000 business days")]), "out of range");
}

#[test]
fn differences_are_told_in_every_usual_way() {
    let check = |from: &str, to: &str, expected: &str| holds(ask("difference", from, &[("to", to)]), expected);
    check("2025-01-01", "2025-12-31", "364 days\n0 years 11 months 30 days\n260 business days");
    check("1990-06-15", "2025-03-31", "34 years 9 months 16 days");
    check("2024-02-29", "2025-02-28", "365 days\n0 years 11 months 30 days");
    check("2025-03-31", "2025-03-31", "0 days\n0 years 0 months 0 days\n0 business days");
    check("2025-03-31", "2025-03-30", "-1 day\n0 years 0 months -1 day\n0 business days");
    check("2025-03-28", "2025-03-31", "3 days\n0 years 0 months 3 days\n1 business day");
    check(
        "2025-03-30T00:00[Europe/Berlin]",
        "2025-03-31T00:00[Europe/Berlin]",
        "elapsed: 23 h 0 min 0 s (82800 seconds)",
    );
    check("2025-03-30T08:00", "2025-03-30T07:59:30", "elapsed: -0 h 0 min 30 s (-30 seconds)");
    refuses(ask("difference", "2025-03-30T08:00Z", &[("to", "2025-03-30T07:00")]), "give `zone`");
    refuses(ask("difference", "2025-03-30", &[]), "needs `to`");
}

#[test]
fn a_day_is_described() {
    let check = |date: &str, expected: &str| holds(ask("describe", date, &[]), expected);
    check("2024-12-30", "ISO week 2025-W01");
    check("2024-12-30", "day 365 of 366 in the year\n2024 is a leap year\nthe month has 31 days");
    check("1900-01-01", "1900 is not a leap year");
    check("2000-01-01T00:00Z", "946684800 seconds after 1970");
}

#[test]
fn times_are_converted_between_zones() {
    let check = |date: &str, zone: &[(&str, &str)], to: &str, expected: &str| {
        holds(ask("convert", date, &[zone, &[("to_zone", to)]].concat()), expected);
    };
    let berlin = [("zone", "Europe/Berlin")];
    check("2025-07-01T12:00", &berlin, "America/New_York", "2025-07-01T06:00:00-04:00[America/New_York] (Tuesday)");
    check("2025-07-01T12:00Z", &[], "Asia/Kolkata", "2025-07-01T17:30:00+05:30[Asia/Kolkata]");
    check("2025-07-01T12:00", &[("zone", "UTC+2")], "UTC", "2025-07-01T10:00:00+00:00[UTC]");
    check("2025-07-01T12:00", &[("zone", "-0330")], "Z", "2025-07-01T15:30:00+00:00[UTC]");
    check("2025-07-01T20:00Z", &[], "Pacific/Auckland", "2025-07-02T08:00:00+12:00[Pacific/Auckland] (Wednesday)");
    let refuse = |date: &str, zone: &[(&str, &str)], to: &str, expected: &str| {
        refuses(ask("convert", date, &[zone, &[("to_zone", to)]].concat()), expected);
    };
    refuse("2025-03-30T02:30", &berlin, "UTC", "does not exist there");
    refuse("2025-10-26T02:30", &berlin, "UTC", "write 2025-10-26T02:30:00+02:00 or 2025-10-26T02:30:00+01:00");
    refuse("2025-07-01T12:00", &[], "UTC", "give `zone`");
    refuse("2025-07-01", &[], "UTC", "a time is missing");
    refuse("2025-07-01T12:00Z", &[], "Nowhere", "there is no time zone `Nowhere`");
    refuses(ask("convert", "2025-07-01T12:00Z", &[]), "needs `to_zone`");
}

#[test]
fn with_a_clock_it_knows_what_day_it_is_and_is_not_pure() {
    let dates = || Dates::with_clock(|| "2025-03-31T23:00:00Z".parse().unwrap());
    assert_eq!((Dates::new().spec().effect(), dates().spec().effect()), (Effect::Pure, Effect::Reads));
    assert_ne!(Dates::new().spec().digest(), dates().spec().digest());
    let check = |arguments: Value, expected: &str| holds(call(dates(), arguments), expected);
    check(json!({ "operation": "describe", "date": "today" }), "2025-03-31 (Monday)");
    check(json!({ "operation": "describe", "date": "today", "zone": "Europe/Berlin" }), "2025-04-01 (Tuesday)");
    check(json!({ "operation": "describe", "date": "Yesterday" }), "2025-03-30 (Sunday)");
    check(json!({ "operation": "difference", "date": "2025-01-01", "to": "tomorrow" }), "90 days");
    check(
        json!({ "operation": "convert", "date": "now", "to_zone": "Asia/Tokyo" }),
        "2025-04-01T08:00:00+09:00[Asia/Tokyo]",
    );
}

proptest! {
    #[test]
    fn workdays_are_what_counting_one_by_one_gives(start in -20_000_i32..20_000, days in 0_i32..400) {
        let from = jiff::civil::date(2000, 1, 1).checked_add(jiff::Span::new().days(start)).unwrap();
        let to = from.checked_add(jiff::Span::new().days(days)).unwrap();
        let counted = from.series(jiff::Span::new().days(1)).take_while(|day| *day < to).filter(|day| workdays::is_workday(*day));
        let counted = i64::try_from(counted.count()).unwrap();
        prop_assert_eq!(workdays::between(from, to).unwrap(), counted);
        prop_assert_eq!(workdays::between(to, from).unwrap(), -counted);
    }

    #[test]
    fn workdays_are_added_as_if_walked(start in -20_000_i32..20_000, count in -300_i64..300) {
        let from = jiff::civil::date(2000, 1, 1).checked_add(jiff::Span::new().days(start)).unwrap();
        let step = jiff::Span::new().days(count.signum());
        let (mut walked, mut left) = (from, count.abs());
        while left > 0 {
            walked = walked.checked_add(step).unwrap();
            left -= i64::from(workdays::is_workday(walked));
        }
        prop_assert_eq!(workdays::add(from, count).unwrap(), walked);
    }

    #[test]
    fn no_text_breaks_it(
        operation in prop::sample::select(vec!["add", "subtract", "difference", "describe", "convert"]),
        date in "(\\PC|[0-9TZ:/.+-]){0,30}",
        other in "(\\PC|[0-9a-zPTZ:/. +-]){0,30}",
    ) {
        for date in [date.as_str(), "2025-03-31", "2025-03-31T14:30Z", "-9999-01-02T00:30"] {
            for name in ["to", "duration", "zone", "to_zone"] {
                let mut arguments = json!({ "operation": operation, "date": date });
                arguments[name] = other.as_str().into();
                let arguments: Arguments = serde_json::from_value(arguments).unwrap();
                let _: Result<_, ToolError> = operation::perform(&arguments, &|| None);
            }
        }
    }

    #[test]
    fn days_that_are_added_are_the_difference(start in -700_000_i32..2_000_000, days in -100_000_i32..100_000) {
        let from = jiff::civil::date(2000, 1, 1).checked_add(jiff::Span::new().days(start)).unwrap();
        let to = ask("add", &from.to_string(), &[("duration", &format!("{days} days"))]).unwrap();
        let to = to.split(' ').next().unwrap();
        let told = ask("difference", &from.to_string(), &[("to", to)]).unwrap();
        prop_assert!(told.starts_with(&format!("{days} day")), "{from} {to}: {told}");
    }
}
