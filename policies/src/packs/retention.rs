//! How long records and contents stay: the longest floor, the shortest ceiling, and what is done where they cannot both be kept.
//!
//! Erasure cannot be undone, and which of two laws goes first is no question of which is stricter. So a pack writes the order
//! down, with its citation; where none has, contents stay and a person decides.

use serde::Serialize;

use super::{
    order::{Order, Rank, rank},
    pack::Cite,
};

/// What the rules say of retention, all of them together. Days count from the record.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Retention {
    /// Records stay at least so long. They hold no contents, so nothing asks for less.
    pub records: Option<Bound>,
    /// Contents stay at least so long, unless their person may have them erased earlier.
    pub contents: Option<Bound>,
    /// Contents are gone after so long; never less than [`Retention::contents`].
    pub limit: Option<Bound>,
    /// Contents go when their person asks for it.
    pub erase: Option<Erasure>,
    /// Each floor with each rule that wants contents gone earlier.
    pub conflicts: Vec<Conflict>,
}

/// A number of days, and whose it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Bound {
    /// Days from the record.
    pub days: u32,
    /// The rule.
    pub rule: Cite,
}

/// A right of erasure that has effect.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Erasure {
    /// Days from the record in which a floor that goes first forbids it; 0 for none.
    pub not_before_days: u32,
    /// Days from the request; none where the law names no number.
    pub within_days: Option<u32>,
    /// The rule.
    pub rule: Cite,
}

/// A floor, and a rule that wants contents gone earlier.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Conflict {
    /// The rule with the floor.
    pub keep: Cite,
    /// The rule with a ceiling or a right of erasure.
    pub against: Cite,
    /// Which goes first.
    pub outcome: Outcome,
}

/// Which of two rules goes first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The floor, by what a pack says.
    KeepFirst(Reason),
    /// The other one, by what a pack says.
    AgainstFirst(Reason),
    /// No pack says, or packs say both: contents stay until a person has decided.
    Open,
}

/// Why one goes first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Reason {
    /// Where the law says so.
    pub citation: String,
    /// What it says, in words of our own.
    pub why: String,
}

/// What rules that have effect ask for.
#[derive(Clone, Debug, Default)]
pub(super) struct Claims {
    pub(super) records: Vec<Bound>,
    pub(super) contents: Vec<Bound>,
    pub(super) limits: Vec<Bound>,
    /// Days from the request.
    pub(super) erasures: Vec<(Option<u32>, Cite)>,
}

impl Retention {
    /// Settles what rules ask for. The order of the claims does not matter.
    pub(super) fn settle(claims: &Claims, orders: &[&Order]) -> Self {
        let limited = claims.contents.iter().flat_map(|keep| {
            let shorter = claims.limits.iter().filter(|limit| limit.days < keep.days);
            shorter.map(|limit| Conflict::new(&keep.rule, &limit.rule, orders))
        });
        let erased = claims
            .contents
            .iter()
            .flat_map(|keep| claims.erasures.iter().map(|(_, rule)| Conflict::new(&keep.rule, rule, orders)));
        let mut conflicts: Vec<Conflict> = limited.chain(erased).collect();
        conflicts.sort_by(|a, b| (&a.keep, &a.against).cmp(&(&b.keep, &b.against)));
        // A rule with a ceiling and a right of erasure meets the same floor twice, and the same answer.
        conflicts.dedup();
        let settling = Settling { claims, conflicts: &conflicts };
        let keeps = claims.contents.iter().map(|keep| settling.keep(keep));
        let limits = claims.limits.iter().filter_map(|limit| settling.limit(limit));
        let erasures = claims.erasures.iter().filter_map(|(within, rule)| settling.erasure(*within, rule));
        Self {
            records: longest(claims.records.iter().cloned()),
            contents: longest(keeps),
            limit: limits.min_by(|a, b| (a.days, &a.rule).cmp(&(b.days, &b.rule))),
            erase: erasures.min_by_key(|erasure| {
                (erasure.not_before_days, erasure.within_days.unwrap_or(u32::MAX), erasure.rule.clone())
            }),
            conflicts,
        }
    }

    /// Whether a person has to decide between two rules before contents may go.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.conflicts.iter().any(|conflict| conflict.outcome == Outcome::Open)
    }
}

/// The longest; of equals the first by id.
fn longest(bounds: impl Iterator<Item = Bound>) -> Option<Bound> {
    bounds.min_by(|a, b| (b.days, &a.rule).cmp(&(a.days, &b.rule)))
}

impl Conflict {
    fn new(keep: &Cite, against: &Cite, orders: &[&Order]) -> Self {
        let reason = |order: &Order| Reason { citation: order.citation.clone(), why: order.why.clone() };
        let outcome = match rank(orders, &keep.id, &against.id) {
            Rank::First(order) => Outcome::KeepFirst(reason(order)),
            Rank::Second(order) => Outcome::AgainstFirst(reason(order)),
            Rank::Open => Outcome::Open,
        };
        Self { keep: keep.clone(), against: against.clone(), outcome }
    }
}

struct Settling<'c> {
    claims: &'c Claims,
    conflicts: &'c [Conflict],
}

impl Settling<'_> {
    /// A floor reaches no further than a ceiling that goes before it.
    fn keep(&self, keep: &Bound) -> Bound {
        let cut = |limit: &&Bound| {
            let before = |conflict: &Conflict| matches!(conflict.outcome, Outcome::AgainstFirst(_));
            limit.days < keep.days && self.of(&keep.rule, &limit.rule).is_some_and(before)
        };
        let days = self.claims.limits.iter().filter(cut).map(|limit| limit.days).min();
        Bound { days: days.unwrap_or(keep.days), rule: keep.rule.clone() }
    }

    /// A ceiling waits for the floors that go before it; none, while that is open.
    fn limit(&self, limit: &Bound) -> Option<Bound> {
        let longer: Vec<&Bound> = self.claims.contents.iter().filter(|keep| keep.days > limit.days).collect();
        let days = self.waits(&longer, &limit.rule)?;
        Some(Bound { days: days.max(limit.days), rule: limit.rule.clone() })
    }

    /// Erasure waits for the floors that go before it; none, while that is open.
    fn erasure(&self, within_days: Option<u32>, rule: &Cite) -> Option<Erasure> {
        let keeps: Vec<&Bound> = self.claims.contents.iter().collect();
        let not_before_days = self.waits(&keeps, rule)?;
        Some(Erasure { not_before_days, within_days, rule: rule.clone() })
    }

    /// The longest of these floors that goes before a rule, or 0.
    fn waits(&self, keeps: &[&Bound], against: &Cite) -> Option<u32> {
        let mut days = 0;
        for keep in keeps {
            match self.of(&keep.rule, against).map(|conflict| &conflict.outcome) {
                Some(Outcome::Open) => return None,
                Some(Outcome::KeepFirst(_)) => days = days.max(keep.days),
                _ => {}
            }
        }
        Some(days)
    }

    fn of(&self, keep: &Cite, against: &Cite) -> Option<&Conflict> {
        self.conflicts.iter().find(|conflict| conflict.keep == *keep && conflict.against == *against)
    }
}

#[cfg(test)]
mod tests;
