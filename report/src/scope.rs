//! Whose requests, and of which time.

use jiff::{Timestamp, tz::TimeZone};
use serde::Serialize;

use crate::ReportError;

/// Entries that a report may be made of, unless said otherwise: about a gigabyte of memory.
pub const MAX_ENTRIES: usize = 4_000_000;

/// What a report is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Scope {
    /// Whose requests; those of every tenant unless set.
    pub tenant: Option<String>,
    /// Requests that were let in, and acts that were done, at this time or later.
    pub from: Timestamp,
    /// Only those before this time.
    pub to: Timestamp,
    /// Entries of the log that are kept at most, in number. The memory that a report needs grows with them.
    #[serde(skip)]
    pub max_entries: usize,
}

impl Scope {
    /// All tenants, or one, from a time until another, which is left out.
    ///
    /// # Errors
    /// [`ReportError::Period`] when there is nothing between the two.
    pub fn new(tenant: Option<String>, from: Timestamp, to: Timestamp) -> Result<Self, ReportError> {
        if from >= to {
            return Err(ReportError::Period { from, to });
        }
        Ok(Self { tenant, from, to, max_entries: MAX_ENTRIES })
    }

    /// Whether a time is in it.
    #[must_use]
    pub fn has(&self, time: Timestamp) -> bool {
        (self.from..self.to).contains(&time)
    }

    /// Whether a tenant's requests are in it.
    #[must_use]
    pub fn is_of(&self, tenant: &str) -> bool {
        self.tenant.as_deref().is_none_or(|own| own == tenant)
    }

    /// The period for people: days where it begins and ends at midnight UTC, else moments.
    #[must_use]
    pub fn period(&self) -> String {
        let (from, to) = (self.from.to_zoned(TimeZone::UTC), self.to.to_zoned(TimeZone::UTC));
        let is_midnight = |at: &jiff::Zoned| at.time() == jiff::civil::Time::midnight();
        match to.date().yesterday() {
            Ok(last) if is_midnight(&from) && is_midnight(&to) => {
                format!("{} to {} (whole days, UTC)", spoken(from.date()), spoken(last))
            }
            _ => format!("{} until {}", moment(self.from), moment(self.to)),
        }
    }

    /// Whose it is, for people.
    #[must_use]
    pub fn whose(&self) -> &str {
        self.tenant.as_deref().unwrap_or("all tenants")
    }
}

/// A day that nobody takes for another, such as `1 November 2026`.
pub(crate) fn spoken(day: jiff::civil::Date) -> String {
    day.strftime("%-d %B %Y").to_string()
}

/// A moment to the second, such as `2026-11-01 10:00:00 UTC`.
pub(crate) fn moment(at: Timestamp) -> String {
    at.to_zoned(TimeZone::UTC).strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}

/// The day of a moment, UTC.
pub(crate) fn day_of(at: Timestamp) -> jiff::civil::Date {
    at.to_zoned(TimeZone::UTC).date()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scope(from: &str, to: &str) -> Result<Scope, ReportError> {
        Scope::new(None, from.parse().expect("a time"), to.parse().expect("a time"))
    }

    #[test]
    fn periods_read_like_days() {
        let check = |from: &str, to: &str, expected: &str| {
            assert_eq!(scope(from, to).expect("a scope").period(), expected);
        };
        check("2026-11-01T00:00:00Z", "2026-12-01T00:00:00Z", "1 November 2026 to 30 November 2026 (whole days, UTC)");
        check("2026-11-01T06:30:00Z", "2026-12-01T00:00:00Z", "2026-11-01 06:30:00 UTC until 2026-12-01 00:00:00 UTC");
    }

    #[test]
    fn a_period_has_a_length() {
        let error = scope("2026-12-01T00:00:00Z", "2026-12-01T00:00:00Z").expect_err("empty");
        assert!(error.to_string().contains("swap them"), "{error}");
    }
}
