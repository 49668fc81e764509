//! What a receiver's answer means, and when it is tried again.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp, fmt::rfc2822::DateTimeParser};

/// How long an event is tried again; after that, a receiver that is away is told of it no more.
pub const MAX_AGE: SignedDuration = SignedDuration::from_hours(72);
/// How often one event may be refused.
pub const MAX_REFUSALS: u32 = 16;
/// The first delay, which doubles each time.
const FIRST: Duration = Duration::from_secs(2);
/// The longest delay.
const LONGEST: Duration = Duration::from_hours(1);
/// The longest time that a receiver may ask for.
const LONGEST_ASKED: Duration = Duration::from_hours(6);

/// What a receiver made of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It has it.
    Accepted,
    /// It does not want it, now or later: 410.
    Gone,
    /// It refused this one.
    Refused,
    /// It takes none for now, or is not there: for how long, where it says so.
    Away(Option<Duration>),
}

impl Answer {
    /// What a status says; `after` is what its `Retry-After` says.
    #[must_use]
    pub fn of(status: u16, after: Option<Duration>) -> Self {
        match status {
            200..=299 => Self::Accepted,
            410 => Self::Gone,
            // Of these, RFC 9110 and its companions say that the same request may do better later.
            408 | 425 | 429 | 502..=504 => Self::Away(after.map(|after| after.min(LONGEST_ASKED))),
            _ => Self::Refused,
        }
    }
}

/// The time before the next try after so many that failed in a row, at least 1: 2 s, doubled each time, at most an hour, of
/// which a random share of up to a half is taken off (M. Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog,
/// 2015). `random` is any number.
#[must_use]
pub fn delay(failures: u32, random: u32) -> Duration {
    let doublings = failures.saturating_sub(1).min(31);
    let full = FIRST.saturating_mul(1 << doublings).min(LONGEST);
    full.mul_f64(1.0 - 0.5 * f64::from(random) / f64::from(u32::MAX))
}

/// What a `Retry-After` header asks for: seconds, or a date (RFC 9110, section 10.2.3).
#[must_use]
pub fn retry_after(text: &str, now: Timestamp) -> Option<Duration> {
    let text = text.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = DateTimeParser::new().parse_timestamp(text).ok()?;
    Some(Duration::try_from(date.duration_since(now)).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_status_says_whether_and_to_whom_it_is_said_again() {
        let (wait, day) = (Duration::from_secs(7), Duration::from_hours(24));
        let check = |status, after, expected| assert_eq!(Answer::of(status, after), expected, "{status}");
        check(200, None, Answer::Accepted);
        check(204, Some(wait), Answer::Accepted);
        check(301, None, Answer::Refused);
        check(302, Some(wait), Answer::Refused);
        check(404, None, Answer::Refused);
        check(410, Some(wait), Answer::Gone);
        check(429, Some(wait), Answer::Away(Some(wait)));
        check(503, None, Answer::Away(None));
        check(503, Some(day), Answer::Away(Some(LONGEST_ASKED)));
        check(500, None, Answer::Refused);
        check(199, None, Answer::Refused);
    }

    #[test]
    fn a_wait_is_asked_for_in_seconds_or_as_a_date() {
        let now = "2026-11-26T08:00:00Z".parse().unwrap();
        let check = |text, expected: Option<u64>| {
            assert_eq!(retry_after(text, now), expected.map(Duration::from_secs), "{text}");
        };
        check("120", Some(120));
        check(" 0 ", Some(0));
        check("Thu, 26 Nov 2026 08:00:30 GMT", Some(30));
        check("Thu, 26 Nov 2026 07:00:00 GMT", Some(0));
        check("18446744073709551615", Some(u64::MAX));
        check("18446744073709551616", None);
        check("-5", None);
        check("soon", None);
        check("", None);
    }

    proptest! {
        #[test]
        fn a_delay_grows_and_stays_within_its_bounds(failures in 0_u32.., random: u32) {
            let delay = delay(failures, random);
            let full = FIRST.saturating_mul(2_u32.pow(failures.saturating_sub(1).min(20))).min(LONGEST);
            prop_assert!(delay <= full && delay >= full.mul_f64(0.49), "{delay:?} of {full:?}");
        }
    }
}
