//! Floors, ceilings and rights of erasure, as tables and over random ones.

use proptest::prelude::*;

use super::*;
use crate::packs::pack::Cited;

fn cite(id: &str) -> Cite {
    let text = id.to_owned();
    let (title, citation, source) = (text.clone(), text.clone(), text.clone());
    Cite::new(Cited { id: text, title, citation, source, confidence: crate::packs::Confidence::Statute })
}

fn bounds(list: &[(&str, u32)]) -> Vec<Bound> {
    list.iter().map(|(id, days)| Bound { days: *days, rule: cite(id) }).collect()
}

fn order(first: &str, then: &str) -> Order {
    Order { first: vec![first.into()], then: vec![then.into()], citation: "c".into(), why: "w".into() }
}

type Days<'d> = &'d [(&'d str, u32)];

/// Floors, ceilings, erasures, orders; then the floor, the ceiling, how long erasure waits, and what is open.
#[track_caller]
fn check(
    (keeps, limits, erasures): (Days, Days, &[&str]),
    orders: &[(&str, &str)],
    (floor, ceiling, wait, open): (Option<u32>, Option<u32>, Option<u32>, usize),
) {
    let erasures = erasures.iter().map(|id| (None, cite(id))).collect();
    let claims = Claims { contents: bounds(keeps), limits: bounds(limits), erasures, ..Claims::default() };
    let orders: Vec<Order> = orders.iter().map(|(first, then)| order(first, then)).collect();
    let found = Retention::settle(&claims, &orders.iter().collect::<Vec<_>>());
    assert_eq!(found.contents.as_ref().map(|bound| bound.days), floor, "{found:?}");
    assert_eq!(found.limit.as_ref().map(|bound| bound.days), ceiling, "{found:?}");
    assert_eq!(found.erase.as_ref().map(|erase| erase.not_before_days), wait, "{found:?}");
    assert_eq!(found.conflicts.iter().filter(|one| one.outcome == Outcome::Open).count(), open, "{found:?}");
}

#[test]
fn what_does_not_meet_does_not_clash() {
    check((&[], &[], &[]), &[], (None, None, None, 0));
    check((&[("a/k", 10), ("b/k", 20)], &[], &[]), &[], (Some(20), None, None, 0));
    check((&[], &[("a/l", 10), ("b/l", 20)], &[]), &[], (None, Some(10), None, 0));
    check((&[("a/k", 10)], &[("b/l", 10)], &[]), &[], (Some(10), Some(10), None, 0));
    check((&[], &[], &["a/e"]), &[], (None, None, Some(0), 0));
}

#[test]
fn what_meets_without_a_word_waits_for_a_person() {
    check((&[("a/k", 11)], &[("b/l", 10)], &[]), &[], (Some(11), None, None, 1));
    check((&[("a/k", 11)], &[], &["b/e"]), &[], (Some(11), None, None, 1));
    check((&[("a/k", 11)], &[("b/l", 10)], &[]), &[("a/*", "b/*"), ("b/l", "a/k")], (Some(11), None, None, 1));
    // A second ceiling that has its answer still holds.
    check((&[("a/k", 30)], &[("b/l", 10), ("c/l", 20)], &[]), &[("c/l", "a/k")], (Some(20), Some(20), None, 1));
}

#[test]
fn what_is_written_decides() {
    check((&[("a/k", 30)], &[("b/l", 10)], &[]), &[("b/l", "a/k")], (Some(10), Some(10), None, 0));
    check((&[("a/k", 30)], &[("b/l", 10)], &[]), &[("a/k", "b/l")], (Some(30), Some(30), None, 0));
    // Erasure that goes first does not end the floor for those who do not ask.
    check((&[("a/k", 30)], &[], &["b/e"]), &[("b/e", "a/k")], (Some(30), None, Some(0), 0));
    check((&[("a/k", 30)], &[], &["b/e"]), &[("a/k", "b/e")], (Some(30), None, Some(30), 0));
    check(
        (&[("a/k", 30), ("c/k", 90)], &[], &["b/e"]),
        &[("a/k", "b/e"), ("b/*", "c/*")],
        (Some(90), None, Some(30), 0),
    );
    // Of two rights the one that need not wait counts.
    check((&[("a/k", 30)], &[], &["b/e", "c/e"]), &[("a/k", "b/e"), ("c/e", "a/k")], (Some(30), None, Some(0), 0));
}

#[test]
fn a_rule_that_meets_a_floor_twice_is_told_once() {
    let claims = Claims {
        contents: bounds(&[("a/k", 30)]),
        limits: bounds(&[("b/r", 10)]),
        erasures: vec![(Some(5), cite("b/r"))],
        ..Claims::default()
    };
    assert_eq!(Retention::settle(&claims, &[]).conflicts.len(), 1);
}

fn claims() -> impl Strategy<Value = Claims> {
    let list = |kind: &'static str| {
        prop::collection::btree_map(0..4u8, 1..6u32, 0..4).prop_map(move |all| {
            let bound = |(id, days)| Bound { days, rule: cite(&format!("{kind}/{id}")) };
            all.into_iter().map(bound).collect::<Vec<_>>()
        })
    };
    (list("k"), list("l"), list("e")).prop_map(|(contents, limits, erasures)| {
        let erasures = erasures.into_iter().map(|bound| (Some(bound.days), bound.rule)).collect();
        Claims { records: contents.clone(), contents, limits, erasures }
    })
}

fn orders() -> impl Strategy<Value = Vec<Order>> {
    let pair = (0..4u8, prop::sample::select(vec!["l", "e"]), 0..4u8, any::<bool>());
    let one = pair.prop_map(|(keep, kind, against, first)| {
        let (keep, against) = (format!("k/{keep}"), format!("{kind}/{against}"));
        if first { order(&keep, &against) } else { order(&against, &keep) }
    });
    prop::collection::vec(one, 0..12)
}

proptest! {
    #[test]
    fn a_ceiling_never_lies_below_the_floor_and_nothing_gets_lost(claims in claims(), orders in orders()) {
        let orders: Vec<&Order> = orders.iter().collect();
        let found = Retention::settle(&claims, &orders);
        let floor = found.contents.as_ref().map_or(0, |bound| bound.days);
        prop_assert!(found.limit.as_ref().is_none_or(|limit| limit.days >= floor), "{:?}", found);
        let met = |keep: &Bound| claims.limits.iter().filter(|limit| limit.days < keep.days).count() + claims.erasures.len();
        prop_assert_eq!(found.conflicts.len(), claims.contents.iter().map(met).sum::<usize>());
        prop_assert_eq!(found.contents.is_some(), !claims.contents.is_empty());
        // A floor is only ever cut by a ceiling that is written to go first.
        let cut = |keep: &&Bound| {
            found.conflicts.iter().any(|one| one.keep == keep.rule && matches!(one.outcome, Outcome::AgainstFirst(_)))
        };
        let whole = claims.contents.iter().filter(|keep| !cut(keep)).map(|keep| keep.days).max().unwrap_or(0);
        prop_assert!(floor >= whole);
    }

    #[test]
    fn the_order_of_rules_and_packs_is_nothing(claims in claims(), orders in orders()) {
        let forth: Vec<&Order> = orders.iter().collect();
        let back: Vec<&Order> = orders.iter().rev().collect();
        let mut turned = claims.clone();
        turned.contents.reverse();
        turned.limits.reverse();
        turned.erasures.reverse();
        turned.records.reverse();
        prop_assert_eq!(Retention::settle(&turned, &back), Retention::settle(&claims, &forth));
    }
}
