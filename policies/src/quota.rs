//! What may be spent in a day and in a month.
//!
//! A quota is reserved before anything is spent and settled when it is known what was, like a rate. Its day and month are
//! those of UTC in which a request was let in: what comes back goes to these, also when they are over by then. Accounts
//! stand in memory; what was settled can be summed up from the audit log, which is their journal.

use std::num::NonZeroU64;

use jiff::{Timestamp, civil::Date, tz::TimeZone};
use serde::{Deserialize, Serialize};

/// Tokens, and what they cost, in thousandths of a unit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Amount {
    /// Tokens, prompts included.
    pub tokens: u64,
    /// Thousandths of a cost unit.
    pub cost: u64,
}

impl Amount {
    pub(crate) fn plus(self, more: Self) -> Self {
        Self { tokens: self.tokens.saturating_add(more.tokens), cost: self.cost.saturating_add(more.cost) }
    }

    fn minus(self, less: Self) -> Self {
        Self { tokens: self.tokens.saturating_sub(less.tokens), cost: self.cost.saturating_sub(less.cost) }
    }
}

/// What a model's tokens cost, in units a thousand tokens; the same as thousandths of a unit for each token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Price {
    /// Of a prompt.
    #[serde(default)]
    pub prompt: u32,
    /// Of what is generated.
    #[serde(default)]
    pub generated: u32,
}

impl Price {
    /// What so many tokens are and cost. A model without a price costs nothing.
    #[must_use]
    pub fn of(price: Option<Self>, prompt: u64, generated: u64) -> Amount {
        let Self { prompt: p, generated: g } = price.unwrap_or(Self { prompt: 0, generated: 0 });
        let cost = prompt.saturating_mul(p.into()).saturating_add(generated.saturating_mul(g.into()));
        Amount { tokens: prompt.saturating_add(generated), cost }
    }
}

/// What may be spent in a day and in a month.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Quotas {
    /// In each day of UTC.
    #[serde(default)]
    pub day: Quota,
    /// In each month of UTC.
    #[serde(default)]
    pub month: Quota,
    /// From this share on a client is warned, in percent.
    #[serde(default = "usual_warning")]
    pub warn_percent: Percent,
}

impl Quotas {
    /// Whether there is any.
    pub(crate) fn limit_anything(&self) -> bool {
        [self.day, self.month].iter().any(|quota| *quota != Quota::default())
    }
}

/// 1 to 100.
pub type Percent = u8;

const fn usual_warning() -> Percent {
    80
}

/// What may be spent in one period; without a number, anything.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Quota {
    /// Tokens, prompts included.
    pub tokens: Option<NonZeroU64>,
    /// Cost units.
    pub units: Option<NonZeroU64>,
}

impl Quota {
    const fn limits(self) -> [Option<u64>; 2] {
        let tokens = match self.tokens {
            Some(tokens) => Some(tokens.get()),
            None => None,
        };
        let cost = match self.units {
            Some(units) => Some(units.get().saturating_mul(1000)),
            None => None,
        };
        [tokens, cost]
    }
}

/// A quota of which the share is spent from which on a client is warned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reached {
    /// `day` or `month`.
    pub period: &'static str,
    /// `tokens` or `units`.
    pub of: &'static str,
    /// The first day of the period.
    pub begun: Date,
    /// When a new period begins.
    pub until: Timestamp,
    /// The whole quota, in tokens or cost units.
    pub limit: u64,
    /// What is spent of it, in whole ones.
    pub used: u64,
    /// The share that is spent, in percent.
    pub percent: u64,
}

/// Whether the share of a limit is taken from which on a client is warned.
pub(crate) fn warns(limit: u64, taken: u64, percent: Percent) -> bool {
    u128::from(taken) * 100 >= u128::from(limit) * u128::from(percent)
}

/// The first day of the day and of the month that a time lies in, and of the next ones.
fn periods(now: Timestamp) -> [(&'static str, Date, Date); 2] {
    let day = now.to_zoned(TimeZone::UTC).date();
    let next_month = day.last_of_month().tomorrow().unwrap_or(Date::MAX);
    [("day", day, day.tomorrow().unwrap_or(Date::MAX)), ("month", day.first_of_month(), next_month)]
}

fn begin(day: Date) -> Timestamp {
    day.to_zoned(TimeZone::UTC).map_or(Timestamp::MAX, |zoned| zoned.timestamp())
}

/// Which quota a request does not fit into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Exceeded {
    /// `day` or `month`.
    pub(crate) period: &'static str,
    /// Whether tokens or cost.
    pub(crate) what: &'static str,
    pub(crate) limit: u64,
    /// What is neither spent nor reserved.
    pub(crate) left: u64,
    /// What the request would reserve.
    pub(crate) asked: u64,
    /// When a new period begins.
    pub(crate) until: Timestamp,
}

/// The day and month that a request is charged to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Charged {
    day: Date,
}

impl Charged {
    /// The time that a record is to tell, so that it belongs to this day: that of the clock, unless it lags behind.
    pub(crate) fn time(self, now: Timestamp) -> Timestamp {
        self.day.to_zoned(TimeZone::UTC).map_or(now, |begun| begun.timestamp().max(now))
    }
}

/// What was spent and reserved.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ledger {
    day: Option<Page>,
    month: Option<Page>,
}

#[derive(Clone, Copy, Debug)]
struct Page {
    /// The first day of the period.
    first: Date,
    spent: Amount,
    reserved: Amount,
}

impl Page {
    /// The page of a period: this one, or a new one, unless this one is of a later one.
    fn of(page: &mut Option<Self>, first: Date) -> Option<&mut Self> {
        match page {
            Some(there) if there.first > first => None,
            Some(there) if there.first == first => page.as_mut(),
            _ => Some(page.insert(Self { first, spent: Amount::default(), reserved: Amount::default() })),
        }
    }
}

impl Ledger {
    /// Reserves an amount in the day and month of a time, or says what it does not fit into.
    pub(crate) fn reserve(&mut self, quotas: &Quotas, amount: Amount, now: Timestamp) -> Result<Charged, Exceeded> {
        let day = now.to_zoned(TimeZone::UTC).date();
        // A clock that is set back by a little opens no day again; one that was wrong by more is not believed any more.
        let day = self.day.map(|page| page.first).filter(|ahead| Some(*ahead) == day.tomorrow().ok()).unwrap_or(day);
        self.close_after(day);
        let (today, month) =
            (Page::of(&mut self.day, day).copied(), Page::of(&mut self.month, day.first_of_month()).copied());
        let tomorrow = day.tomorrow().unwrap_or(Date::MAX);
        let next_month = day.last_of_month().tomorrow().unwrap_or(Date::MAX);
        for (period, page, quota, until) in
            [("day", today, quotas.day, tomorrow), ("month", month, quotas.month, next_month)]
        {
            let taken = page.map_or_else(Amount::default, |page| page.spent.plus(page.reserved));
            let sides = [("tokens", taken.tokens, amount.tokens), ("units", taken.cost, amount.cost)];
            for ((what, taken, asked), limit) in sides.into_iter().zip(quota.limits()) {
                let Some(limit) = limit else { continue };
                let left = limit.saturating_sub(taken);
                if asked > left {
                    let until = until.to_zoned(TimeZone::UTC).map_or(Timestamp::MAX, |zoned| zoned.timestamp());
                    return Err(Exceeded { period, what, limit, left, asked, until });
                }
            }
        }
        let charged = Charged { day };
        self.each(charged, |page| page.reserved = page.reserved.plus(amount));
        Ok(charged)
    }

    /// Closes pages that lie behind a day: they were opened by a clock that was wrong.
    fn close_after(&mut self, day: Date) {
        self.day = self.day.filter(|page| page.first <= day);
        self.month = self.month.filter(|page| page.first <= day);
    }

    /// Gives back what was reserved, and takes what was spent.
    pub(crate) fn settle(&mut self, charged: Charged, reserved: Amount, spent: Amount) {
        self.each(charged, |page| {
            page.reserved = page.reserved.minus(reserved);
            page.spent = page.spent.plus(spent);
        });
    }

    /// Takes what was spent by a request that was let in at this time, in an earlier run of the service.
    pub(crate) fn spent_before(&mut self, spent: Amount, at: Timestamp) {
        let day = at.to_zoned(TimeZone::UTC).date();
        Page::of(&mut self.day, day);
        Page::of(&mut self.month, day.first_of_month());
        self.each(Charged { day }, |page| page.spent = page.spent.plus(spent));
    }

    /// What was spent and is reserved in the day and the month of a time.
    pub(crate) fn taken(&self, now: Timestamp) -> [(Amount, Amount); 2] {
        let day = now.to_zoned(TimeZone::UTC).date();
        let of = |page: Option<Page>, first| {
            page.filter(|page| page.first == first).map_or_else(Default::default, |page| (page.spent, page.reserved))
        };
        [of(self.day, day), of(self.month, day.first_of_month())]
    }

    /// The quotas of which, in the day and the month of a time, so much is spent that a client is warned. What is only reserved
    /// does not count: it may come back.
    pub(crate) fn reached(&self, quotas: &Quotas, now: Timestamp) -> Vec<Reached> {
        let taken = self.taken(now).map(|(spent, _)| [(spent.tokens, "tokens", 1), (spent.cost, "units", 1000)]);
        let limits = [quotas.day, quotas.month].map(Quota::limits);
        let mut reached = Vec::new();
        for (((period, begun, next), limits), taken) in periods(now).into_iter().zip(limits).zip(taken) {
            for (limit, (spent, of, scale)) in limits.into_iter().zip(taken) {
                let Some(limit) = limit.filter(|limit| warns(*limit, spent, quotas.warn_percent)) else { continue };
                let percent = u64::try_from(u128::from(spent) * 100 / u128::from(limit)).unwrap_or(u64::MAX);
                let (limit, used, until) = (limit / scale, spent / scale, begin(next));
                reached.push(Reached { period, of, begun, until, limit, used, percent });
            }
        }
        reached
    }

    /// Changes the pages of a day and of its month, where they are open: what belongs to a period that is over changes
    /// nothing any more.
    fn each(&mut self, Charged { day }: Charged, change: impl Fn(&mut Page)) {
        let open = |page: &mut Option<Page>, first| {
            if let Some(page) = page.as_mut().filter(|page| page.first == first) {
                change(page);
            }
        };
        open(&mut self.day, day);
        open(&mut self.month, day.first_of_month());
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn tokens(tokens: u64) -> Amount {
        Amount { tokens, cost: 0 }
    }

    fn quotas(day: u64, month: u64) -> Quotas {
        let of = |tokens| Quota { tokens: NonZeroU64::new(tokens), units: None };
        Quotas { day: of(day), month: of(month), warn_percent: 80 }
    }

    #[test]
    fn what_is_not_spent_comes_back_to_its_own_day() {
        let (mut ledger, quotas) = (Ledger::default(), quotas(100, 150));
        let evening = ledger.reserve(&quotas, tokens(90), at("2026-11-30T23:59:59Z")).unwrap();
        let full = ledger.reserve(&quotas, tokens(11), at("2026-11-30T23:59:59Z")).unwrap_err();
        assert_eq!((full.period, full.what, full.left, full.until), ("day", "tokens", 10, at("2026-12-01T00:00:00Z")));
        let morning = ledger.reserve(&quotas, tokens(100), at("2026-12-01T00:00:00Z")).unwrap();
        ledger.settle(evening, tokens(90), tokens(40));
        assert_eq!(
            ledger.taken(at("2026-12-01T01:00:00Z"))[0],
            (tokens(0), tokens(100)),
            "the new day has no part in it"
        );
        ledger.settle(morning, tokens(100), tokens(70));
        let full = ledger.reserve(&quotas, tokens(81), at("2026-12-02T00:00:00Z")).unwrap_err();
        assert_eq!((full.period, full.left, full.until), ("month", 80, at("2027-01-01T00:00:00Z")));
    }

    #[test]
    fn a_clock_that_is_wrong_opens_no_day_twice_and_none_for_ever() {
        let (mut ledger, quotas) = (Ledger::default(), quotas(100, 1000));
        ledger.reserve(&quotas, tokens(90), at("2026-12-02T00:00:10Z")).unwrap();
        let back = at("2026-12-01T23:59:50Z");
        assert_eq!(ledger.reserve(&quotas, tokens(20), back).unwrap_err().left, 10, "it is still the second");
        let charged = ledger.reserve(&quotas, tokens(10), back).unwrap();
        assert_eq!(charged.time(back), at("2026-12-02T00:00:00Z"));
        let far = ledger.reserve(&quotas, tokens(100), at("2036-01-01T00:00:00Z")).unwrap();
        let today = at("2026-12-03T00:00:00Z");
        ledger.reserve(&quotas, tokens(60), today).unwrap();
        ledger.settle(far, tokens(100), tokens(100));
        assert_eq!(ledger.reserve(&quotas, tokens(41), today).unwrap_err().left, 40);
    }

    #[test]
    fn a_quota_is_reached_when_its_share_is_spent_and_not_when_it_is_reserved() {
        let quotas =
            Quotas { day: Quota { tokens: NonZeroU64::new(100), units: NonZeroU64::new(2) }, ..quotas(1, 1000) };
        let now = at("2026-11-30T12:00:00Z");
        let check = |spent: Amount, at: Timestamp, expected: &[(&str, &str, u64, u64, u64)]| {
            let mut ledger = Ledger::default();
            ledger.spent_before(spent, now);
            ledger.reserve(&Quotas::default(), tokens(1000), now).unwrap();
            let reached = ledger.reached(&quotas, at);
            let told: Vec<_> = reached.iter().map(|r| (r.period, r.of, r.limit, r.used, r.percent)).collect();
            assert_eq!(told, expected, "{spent:?}");
            reached
        };
        check(tokens(79), now, &[]);
        let day = check(tokens(80), now, &[("day", "tokens", 100, 80, 80)]);
        assert_eq!((day[0].begun.to_string(), day[0].until), ("2026-11-30".to_owned(), at("2026-12-01T00:00:00Z")));
        let spent = Amount { tokens: 1700, cost: 1999 };
        let all = check(
            spent,
            now,
            &[("day", "tokens", 100, 1700, 1700), ("day", "units", 2, 1, 99), ("month", "tokens", 1000, 1700, 170)],
        );
        assert_eq!((all[2].begun.to_string(), all[2].until), ("2026-11-01".to_owned(), at("2026-12-01T00:00:00Z")));
        check(spent, at("2026-12-01T00:00:00Z"), &[]);
        check(Amount { tokens: u64::MAX, cost: u64::MAX }, at("2026-12-01T00:00:00Z"), &[]);
    }

    #[test]
    fn units_are_counted_by_price() {
        let price = Some(Price { prompt: 1, generated: 4 });
        assert_eq!(Price::of(price, 500, 250), Amount { tokens: 750, cost: 1500 });
        assert_eq!(Price::of(None, 500, 250), Amount { tokens: 750, cost: 0 });
        let quotas = Quotas { day: Quota { tokens: None, units: NonZeroU64::new(2) }, ..quotas(1, 1) };
        let quotas = Quotas { month: Quota::default(), ..quotas };
        let mut ledger = Ledger::default();
        let now = at("2026-11-30T12:00:00Z");
        ledger.reserve(&quotas, Price::of(price, 500, 250), now).unwrap();
        let full = ledger.reserve(&quotas, Price::of(price, 0, 126), now).unwrap_err();
        assert_eq!((full.what, full.left, full.asked), ("units", 500, 504));
    }

    proptest! {
        /// Requests that are let in, settled and forgotten in any order, over several days: never more than the quota,
        /// and nothing is refused that would have fitted.
        #[test]
        fn a_quota_is_kept_and_nothing_is_lost(steps in prop::collection::vec((0..4_u8, 1..60_u64, 0..60_u64), 1..200)) {
            let quotas = quotas(100, 250);
            let (mut ledger, mut open, mut hour) = (Ledger::default(), Vec::new(), 0_i64);
            let start = at("2026-11-28T00:00:00Z");
            // By day: what was spent, and what is open.
            let mut days = std::collections::BTreeMap::<Date, (u64, u64)>::new();
            for (what, amount, spent) in steps {
                let now = start + jiff::Span::new().hours(hour);
                let day = now.to_zoned(TimeZone::UTC).date();
                match what {
                    0 | 1 => {
                        let taken = |day: Date| days.get(&day).map_or(0, |(spent, open)| spent + open);
                        let month: u64 = days.keys().filter(|d| d.first_of_month() == day.first_of_month()).map(|d| taken(*d)).sum();
                        let fits = taken(day) + amount <= 100 && month + amount <= 250;
                        let reserved = ledger.reserve(&quotas, tokens(amount), now);
                        prop_assert_eq!(reserved.is_ok(), fits);
                        if let Ok(charged) = reserved {
                            days.entry(day).or_default().1 += amount;
                            open.push((charged, amount, day));
                        }
                    }
                    2 if !open.is_empty() => {
                        let (charged, amount, day) = open.swap_remove(usize::try_from(spent).unwrap() % open.len());
                        let spent = spent.min(amount);
                        ledger.settle(charged, tokens(amount), tokens(spent));
                        let page = days.entry(day).or_default();
                        *page = (page.0 + spent, page.1 - amount);
                    }
                    _ => hour += 5,
                }
            }
        }
    }
}
