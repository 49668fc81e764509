//! What a client is told of its limits: the `x-ratelimit-*` headers.

use std::{num::NonZeroU64, time::Duration};

use crate::quota::{self, Amount, Quotas};

/// A tenant's limits at one moment, for the headers of an answer, be it a success or a 429.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RateHeaders {
    /// Requests a minute.
    pub limit_requests: u32,
    /// Requests that may still come now.
    pub remaining_requests: u32,
    /// The time until all of them may come again.
    pub reset_requests: Duration,
    /// Tokens a minute.
    pub limit_tokens: u32,
    /// Tokens that can still be reserved now.
    pub remaining_tokens: u32,
    /// The time until all of them can be reserved again, if what is running spends all that it reserved.
    pub reset_tokens: Duration,
    /// What is left of the quotas, where there are some.
    pub quota: QuotaHeaders,
}

/// What is left of a day's and a month's quota: neither spent nor reserved.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct QuotaHeaders {
    /// Tokens of the day.
    pub day_tokens: Option<u64>,
    /// Tokens of the month.
    pub month_tokens: Option<u64>,
    /// Whole cost units of the day.
    pub day_units: Option<u64>,
    /// Whole cost units of the month.
    pub month_units: Option<u64>,
    /// Whether any of them has come to the share from which on a client is warned.
    pub warn: bool,
}

impl QuotaHeaders {
    pub(crate) fn new(quotas: &Quotas, taken: &[(Amount, Amount); 2]) -> Self {
        let [day, month] = taken.map(|(spent, reserved)| spent.plus(reserved));
        let left = |limit: Option<NonZeroU64>, scale: u64, taken: u64| {
            limit.map(|limit| limit.get().saturating_mul(scale).saturating_sub(taken) / scale)
        };
        let warns = |limit: Option<NonZeroU64>, scale: u64, taken: u64| {
            limit.is_some_and(|limit| quota::warns(limit.get().saturating_mul(scale), taken, quotas.warn_percent))
        };
        let (today, this_month) = (quotas.day, quotas.month);
        Self {
            day_tokens: left(today.tokens, 1, day.tokens),
            month_tokens: left(this_month.tokens, 1, month.tokens),
            day_units: left(today.units, 1000, day.cost),
            month_units: left(this_month.units, 1000, month.cost),
            warn: warns(today.tokens, 1, day.tokens)
                || warns(this_month.tokens, 1, month.tokens)
                || warns(today.units, 1000, day.cost)
                || warns(this_month.units, 1000, month.cost),
        }
    }

    /// What is left of each quota that there is: of which period, in what, and how much.
    pub fn numbers(&self) -> impl Iterator<Item = (&'static str, &'static str, u64)> {
        let all = [
            ("day", "tokens", self.day_tokens),
            ("month", "tokens", self.month_tokens),
            ("day", "units", self.day_units),
            ("month", "units", self.month_units),
        ];
        all.into_iter().filter_map(|(period, what, number)| Some((period, what, number?)))
    }

    fn pairs(&self) -> impl Iterator<Item = (&'static str, String)> {
        let numbers = [
            ("x-quota-remaining-tokens-day", self.day_tokens),
            ("x-quota-remaining-tokens-month", self.month_tokens),
            ("x-quota-remaining-units-day", self.day_units),
            ("x-quota-remaining-units-month", self.month_units),
        ];
        let warning = self.warn.then(|| ("x-quota-warning", "a quota is nearly used up".to_owned()));
        numbers.into_iter().filter_map(|(name, number)| Some((name, number?.to_string()))).chain(warning)
    }
}

impl RateHeaders {
    /// Of several limits that all hold, those that leave least. Only tenants have quotas.
    pub(crate) fn least(self, other: Self) -> Self {
        let requests = if other.remaining_requests < self.remaining_requests { other } else { self };
        let tokens = if other.remaining_tokens < self.remaining_tokens { other } else { self };
        Self {
            limit_requests: requests.limit_requests,
            remaining_requests: requests.remaining_requests,
            reset_requests: requests.reset_requests,
            limit_tokens: tokens.limit_tokens,
            remaining_tokens: tokens.remaining_tokens,
            reset_tokens: tokens.reset_tokens,
            quota: self.quota,
        }
    }

    /// Header names and values, in the form that clients of this API know: times read `120ms`, `7.5s` or `6m0s`.
    #[must_use]
    pub fn pairs(&self) -> Vec<(&'static str, String)> {
        let mut pairs = vec![
            ("x-ratelimit-limit-requests", self.limit_requests.to_string()),
            ("x-ratelimit-remaining-requests", self.remaining_requests.to_string()),
            ("x-ratelimit-reset-requests", time(self.reset_requests)),
            ("x-ratelimit-limit-tokens", self.limit_tokens.to_string()),
            ("x-ratelimit-remaining-tokens", self.remaining_tokens.to_string()),
            ("x-ratelimit-reset-tokens", time(self.reset_tokens)),
        ];
        pairs.extend(self.quota.pairs());
        pairs
    }
}

/// A time as clients of this API read it, in whole milliseconds, rounded up.
fn time(duration: Duration) -> String {
    let millis = duration.as_nanos().div_ceil(1_000_000);
    let (seconds, millis) = (millis / 1_000, millis % 1_000);
    let fraction = format!(".{millis:03}");
    let fraction = fraction.trim_end_matches('0').trim_end_matches('.');
    match (seconds / 3_600, seconds / 60 % 60, seconds % 60) {
        (0, 0, 0) => format!("{millis}ms"),
        (0, 0, s) => format!("{s}{fraction}s"),
        (0, m, s) => format!("{m}m{s}{fraction}s"),
        (h, m, s) => format!("{h}h{m}m{s}{fraction}s"),
    }
}

/// Whole seconds to wait, rounded up, at least 1, for `Retry-After`.
pub(crate) fn retry_after(wait: Duration) -> u64 {
    wait.as_secs().saturating_add(u64::from(wait.subsec_nanos() > 0)).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_read_as_openai_writes_them() {
        let check = |nanos, expect: &str| assert_eq!(time(Duration::from_nanos(nanos)), expect);
        check(0, "0ms");
        check(1, "1ms");
        check(120_000_000, "120ms");
        check(999_000_001, "1s");
        check(7_500_000_000, "7.5s");
        check(7_050_000_000, "7.05s");
        check(360_000_000_000, "6m0s");
        check(3_600_000_000_000, "1h0m0s");
    }

    #[test]
    fn a_wait_is_rounded_up_and_never_zero() {
        let check = |millis, expect| assert_eq!(retry_after(Duration::from_millis(millis)), expect);
        check(0, 1);
        check(1, 1);
        check(1_000, 1);
        check(1_001, 2);
        assert_eq!(retry_after(Duration::MAX), u64::MAX);
    }
}
