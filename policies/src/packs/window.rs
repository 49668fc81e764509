//! From when until when a rule has effect: days of the law's own place, turned into moments once.

use jiff::{Timestamp, civil::Date, tz::TimeZone};
use serde::Deserialize;

/// Days as a pack writes them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Effective {
    /// The first day.
    pub(super) from: Date,
    /// The last day, with it.
    #[serde(default)]
    pub(super) until: Option<Date>,
}

/// The same as moments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Window {
    pub(super) days: Effective,
    starts: Timestamp,
    /// The first moment after it.
    ends: Option<Timestamp>,
}

/// Where a moment stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Position {
    Before,
    Within,
    After,
}

impl Window {
    /// Days begin at midnight of the zone.
    ///
    /// # Errors
    /// A day at the very end of the calendar.
    pub(super) fn new(days: Effective, zone: &TimeZone) -> Result<Self, jiff::Error> {
        let midnight = |day: Date| day.to_zoned(zone.clone()).map(|zoned| zoned.timestamp());
        let ends = days.until.map(|day| day.tomorrow().and_then(midnight)).transpose()?;
        Ok(Self { days, starts: midnight(days.from)?, ends })
    }

    pub(super) fn position(&self, at: Timestamp) -> Position {
        match self.ends {
            _ if at < self.starts => Position::Before,
            Some(ends) if at >= ends => Position::After,
            _ => Position::Within,
        }
    }
}
