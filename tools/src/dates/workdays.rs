//! Working days: Monday to Friday. Holidays differ from place to place and are not known here.

use jiff::{
    Error, ToSpan,
    civil::{Date, Weekday},
};

/// Whether it is a day from Monday to Friday.
pub(super) fn is_workday(date: Date) -> bool {
    !matches!(date.weekday(), Weekday::Saturday | Weekday::Sunday)
}

/// The working days from one date to another; the first is counted and the last is not, as between days of the calendar. Less than
/// zero where the second is the earlier one.
pub(super) fn between(from: Date, to: Date) -> Result<i64, Error> {
    if to < from {
        // The days that are walked back over: the last is counted now, and the first is not.
        return Ok(-between(to, from)?);
    }
    let days = i64::from((to - from).get_days());
    let mut workdays = days / 7 * 5;
    let mut day = from;
    for _ in 0..days % 7 {
        workdays += i64::from(is_workday(day));
        day = day.checked_add(1.day())?;
    }
    Ok(workdays)
}

/// The working day that comes so many of them after a date, or before it where `count` is less than zero. From a weekend, the first
/// one after it is the next Monday.
pub(super) fn add(from: Date, count: i64) -> Result<Date, Error> {
    let step = if count < 0 { (-1).day() } else { 1.day() };
    let mut day = from;
    // On from a weekend is as far as on from the Friday before it.
    while count != 0 && !is_workday(day) {
        day = day.checked_sub(step)?;
    }
    day = day.checked_add(jiff::Span::new().try_weeks(count / 5)?)?;
    let mut left = (count % 5).abs();
    while left > 0 {
        day = day.checked_add(step)?;
        left -= i64::from(is_workday(day));
    }
    Ok(day)
}
