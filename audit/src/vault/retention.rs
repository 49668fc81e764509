//! How long contents must stay and may stay, as dates, and which goes first.
//!
//! The packs of rules settle most of it: where one orders two rules, a [`RetentionNote`] has a floor that ends where the
//! ceiling begins, or a ceiling that waits for the floor. What is left to decide here:
//!
//! - **A floor goes before a ceiling** that ends earlier. Destroying cannot be undone, and staying can be ended any day.
//! - **A person's right of erasure goes before a floor**, from its own first day on, which the packs have settled against
//!   the floors that go before it. It is a person's: it does not help whoever has a whole tenant erased, or time.
//! - **What is open stays** while the floor runs: rules disagree and no pack says which goes first. Once the floor is over, nothing
//!   disagrees any more.
//!
//! Days count from the admission's day, all of it UTC. A floor of n days is over when n whole days have passed since any
//! instant of that day; a ceiling of n days is over before n days have passed since its first instant.

use jiff::{Span, Timestamp, civil::Date, tz::TimeZone};

use super::HoldId;
use crate::{RetentionDays, RetentionNote};

/// The longest name of a rule that a row keeps, in bytes. The record has it whole.
pub(super) const MAX_RULE: usize = 120;
const CUT: &str = "…";

/// A date, and the rule that names it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Bound {
    rule: String,
    date: Date,
}

impl Bound {
    /// A date of a rule. A name of more than 120 bytes is cut, and ends in `…`.
    #[must_use]
    pub fn new(rule: impl Into<String>, date: Date) -> Self {
        let mut rule = rule.into();
        if rule.len() > MAX_RULE {
            let fits = (0..=MAX_RULE - CUT.len()).rev().find(|at| rule.is_char_boundary(*at));
            rule.truncate(fits.unwrap_or(0));
            rule.push_str(CUT);
        }
        Self { rule, date }
    }

    /// The rule's id.
    #[must_use]
    pub fn rule(&self) -> &str {
        &self.rule
    }

    /// The date, UTC.
    #[must_use]
    pub const fn date(&self) -> Date {
        self.date
    }
}

/// How long contents must and may stay.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Retention {
    /// The last day on which they must be there.
    pub keep_until: Option<Bound>,
    /// The last day on which they may be there.
    pub gone_after: Option<Bound>,
    /// The first day on which their person's asking goes before [`Retention::keep_until`].
    pub erase_from: Option<Bound>,
    /// Whether rules disagree and no pack says which goes first.
    pub open: bool,
}

/// Why a row stays.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refusal {
    /// A legal hold forbids it.
    Hold {
        /// The hold.
        id: HoldId,
    },
    /// It must stay for some time.
    Floor {
        /// The rule.
        rule: String,
        /// The last day.
        until: Date,
    },
    /// Rules disagree, and a person has to decide.
    Open {
        /// The last day on which they do; none where that is not known.
        until: Option<Date>,
    },
}

impl Retention {
    /// The dates of a record's note.
    #[must_use]
    pub fn of(note: &RetentionNote, admitted: Timestamp) -> Self {
        let day = day_of(admitted);
        let bound = |days: &Option<RetentionDays>, count: fn(u32) -> u32| {
            days.as_ref().map(|days| Bound::new(days.rule.as_str(), plus(day, count(days.days))))
        };
        Self {
            keep_until: bound(&note.contents, |days| days),
            gone_after: bound(&note.limit, |days| days.saturating_sub(1)),
            erase_from: bound(&note.erase, |days| if days == 0 { 0 } else { days.saturating_add(1) }),
            open: !note.open.is_empty(),
        }
    }

    /// Whether they may be destroyed because somebody asks; `by_person` where it is the person whom they are about.
    pub(super) fn may_erase(&self, by_person: bool, today: Date) -> Result<(), Refusal> {
        self.settled(today)?;
        match (&self.erase_from, self.floor(today)) {
            (Some(erase), floor) if by_person && today < erase.date => {
                let rule = floor.unwrap_or(erase).rule.clone();
                Err(Refusal::Floor { rule, until: erase.date.yesterday().unwrap_or(erase.date) })
            }
            (Some(_), _) if by_person => Ok(()),
            (_, floor) => floor.map_or(Ok(()), forbidden),
        }
    }

    /// Whether their time is over.
    pub(super) fn is_due(&self, today: Date) -> bool {
        self.gone_after.as_ref().is_some_and(|limit| limit.date < today)
    }

    /// Whether they may be destroyed once their time is over.
    pub(super) fn may_expire(&self, today: Date) -> Result<(), Refusal> {
        self.settled(today)?;
        self.floor(today).map_or(Ok(()), forbidden)
    }

    fn settled(&self, today: Date) -> Result<(), Refusal> {
        match &self.keep_until {
            None if self.open => Err(Refusal::Open { until: None }),
            Some(floor) if self.open && today <= floor.date => Err(Refusal::Open { until: Some(floor.date) }),
            _ => Ok(()),
        }
    }

    fn floor(&self, today: Date) -> Option<&Bound> {
        self.keep_until.as_ref().filter(|floor| today <= floor.date)
    }
}

fn forbidden(floor: &Bound) -> Result<(), Refusal> {
    Err(Refusal::Floor { rule: floor.rule.clone(), until: floor.date })
}

/// The day of an instant, UTC.
pub(super) fn day_of(instant: Timestamp) -> Date {
    instant.to_zoned(TimeZone::UTC).date()
}

/// A date some days later, or the last one there is.
fn plus(day: Date, days: u32) -> Date {
    Span::new().try_days(days).and_then(|span| day.checked_add(span)).unwrap_or(Date::MAX)
}
