//! Numbers, times and names in words.

use jiff::Timestamp;

/// A time to the second, UTC.
pub(super) fn time(time: Timestamp) -> String {
    time.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}

/// A number of things, such as `1 sample` and `2 samples`.
pub(super) fn count(number: u64, what: &str) -> String {
    if number == 1 { format!("1 {what}") } else { format!("{number} {what}s") }
}

/// `1 was` and `2 were`.
pub(super) fn were(number: usize) -> String {
    if number == 1 { "1 was".to_owned() } else { format!("{number} were") }
}

/// A time span as people say it, the two largest parts of it.
pub(super) fn span(millis: u64) -> String {
    let (seconds, rest) = (millis / 1000, millis % 1000);
    if seconds < 60 {
        let text = format!("{seconds}.{:01}", rest / 100);
        let text = text.trim_end_matches(".0");
        return if text == "1" { "1 second".to_owned() } else { format!("{text} seconds") };
    }
    let parts = [
        (seconds / 86400, "day"),
        (seconds / 3600 % 24, "hour"),
        (seconds / 60 % 60, "minute"),
        (seconds % 60, "second"),
    ];
    let told = parts.into_iter().skip_while(|(number, _)| *number == 0).take(2).filter(|(number, _)| *number > 0);
    told.map(|(number, what)| count(number, what)).collect::<Vec<_>>().join(" ")
}

/// From one time to another; none where a clock went back.
pub(super) fn between(from: Timestamp, to: Timestamp) -> Option<String> {
    u64::try_from(to.as_millisecond().checked_sub(from.as_millisecond())?).ok().map(span)
}

/// Thousandths of a cost unit.
pub(super) fn cost(thousandths: u64) -> String {
    let (units, rest) = (thousandths / 1000, thousandths % 1000);
    let text = format!("{units}.{rest:03}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text == "1" { "1 cost unit".to_owned() } else { format!("{text} cost units") }
}

/// A value as its JSON has it.
pub(super) fn name(value: &impl serde::Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(name)) => name,
        other => other.map(|other| other.to_string()).unwrap_or_default(),
    }
}

/// Names, one after another.
pub(super) fn list(names: &[String]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_told_as_people_say_them() {
        let check = |millis, expected: &str| assert_eq!(span(millis), expected, "{millis}");
        check(0, "0 seconds");
        check(900, "0.9 seconds");
        check(1000, "1 second");
        check(1099, "1 second");
        check(59_999, "59.9 seconds");
        check(60_000, "1 minute");
        check(61_000, "1 minute 1 second");
        check(7_500_000, "2 hours 5 minutes");
        check(86_400_000, "1 day");
        check(86_460_000, "1 day");
        check(u64::MAX, "213503982334 days 14 hours");
    }

    #[test]
    fn costs_are_told_in_units() {
        let check = |thousandths, expected: &str| assert_eq!(cost(thousandths), expected);
        check(1000, "1 cost unit");
        check(1500, "1.5 cost units");
        check(7, "0.007 cost units");
        check(0, "0 cost units");
        check(20_000, "20 cost units");
    }
}
