//! Which of two rules goes first where strictness is not the question, as packs have written it.

use serde::{Deserialize, Serialize};

/// Rules that go before others.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Order {
    /// Ids such as `eu-ai-act/hr-19`, or `eu-ai-act/*` for all of a pack: these go first.
    pub first: Vec<String>,
    /// Before these.
    pub then: Vec<String>,
    /// Where the law says so.
    pub citation: String,
    /// What it says, in words of our own.
    pub why: String,
}

/// What the orders say of two rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rank<'o> {
    /// The one that was named first goes first.
    First(&'o Order),
    /// The other one does.
    Second(&'o Order),
    /// Nothing is written, or one order says so and another the contrary.
    Open,
}

/// What is written of two rules.
pub(super) fn rank<'o>(orders: &[&'o Order], one: &str, other: &str) -> Rank<'o> {
    let says = |first, then| orders.iter().copied().find(|order| order.says(first, then));
    match (says(one, other), says(other, one)) {
        (Some(order), None) => Rank::First(order),
        (None, Some(order)) => Rank::Second(order),
        _ => Rank::Open,
    }
}

impl Order {
    fn says(&self, first: &str, then: &str) -> bool {
        self.first.iter().any(|name| names(name, first)) && self.then.iter().any(|name| names(name, then))
    }
}

/// Whether a name in an order is that of a rule.
fn names(name: &str, rule: &str) -> bool {
    match name.strip_suffix("/*") {
        Some(pack) => rule.split_once('/').is_some_and(|(of, _)| of == pack),
        None => name == rule,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(first: &str, then: &str) -> Order {
        let list = |text: &str| text.split(' ').map(str::to_owned).collect();
        Order { first: list(first), then: list(then), citation: "c".into(), why: "w".into() }
    }

    #[test]
    fn what_is_written_counts_and_contradictions_leave_it_open() {
        let check = |orders: &[Order], expected: &str| {
            let orders: Vec<&Order> = orders.iter().collect();
            let found = match rank(&orders, "a/1", "b/1") {
                Rank::First(_) => "a",
                Rank::Second(_) => "b",
                Rank::Open => "open",
            };
            assert_eq!(found, expected, "{orders:?}");
        };
        check(&[], "open");
        check(&[order("a/1", "b/1")], "a");
        check(&[order("b/1", "a/1")], "b");
        check(&[order("a/*", "b/2 b/1")], "a");
        check(&[order("a/2", "b/1")], "open");
        check(&[order("ab/*", "b/1")], "open");
        check(&[order("a/1", "b/1"), order("b/*", "a/*")], "open");
    }
}
