//! What a taking takes and refuses.

use super::*;
use crate::testing::{day, fingerprint};

fn ids(ids: &[u32]) -> Observed {
    Observed { tokens: Tokens::Ids(ids.to_vec()), text: String::new() }
}

fn probe(kind: ProbeKind, place: usize) -> &'static Probe {
    Plan::current().probes().iter().find(|probe| (probe.kind, probe.place) == (kind, place)).unwrap()
}

#[test]
fn what_cannot_have_come_of_a_probe_is_refused_and_not_kept() {
    let check = |probe: &Probe, observed: Observed, expected: &str| {
        let mut taking = Taking::new(Plan::current());
        let error = taking.observe(probe, observed).unwrap_err().to_string();
        assert!(error.contains(expected), "`{expected}` is not in {error}");
        assert!(taking.observed.is_empty());
    };
    let greedy = probe(ProbeKind::Greedy, 3);
    let foreign = Probe { text: "Another question".to_owned(), ..greedy.clone() };
    check(&foreign, ids(&[]), "the probe Greedy 3 is not of this set");
    check(&Probe { place: 99, ..greedy.clone() }, ids(&[]), "is not of this set");
    check(greedy, ids(&[1; 17]), "has 17 tokens, at most 16 can be");
    check(greedy, Observed { tokens: Tokens::Count(17), text: String::new() }, "has 17 tokens");
    check(probe(ProbeKind::Benign, 0), ids(&[1; 25]), "at most 24 can be");
    let untold = Observed { tokens: Tokens::Unknown, text: String::new() };
    check(probe(ProbeKind::Tokenization, 0), untold, "does not tell how many tokens");
    let many = Observed { tokens: Tokens::Count(70_000), text: String::new() };
    check(probe(ProbeKind::Tokenization, 0), many, "at most 65535 can be");
}

#[test]
fn each_probe_is_observed_once_and_none_is_left_out() {
    let mut taking = Taking::new(Plan::current());
    let mut backwards = Plan::current().probes().iter().rev();
    let first = backwards.next().unwrap();
    taking.observe(first, ids(&[1])).unwrap();
    assert!(matches!(taking.observe(first, ids(&[1])), Err(TakingError::Twice { .. })));
    let error = taking.clone().finish(day(), "x").unwrap_err();
    assert_eq!(error, TakingError::Missing { missing: 71, kind: ProbeKind::Tokenization, place: 0 });
    backwards.for_each(|probe| taking.observe(probe, ids(&[1])).unwrap());
    assert_eq!(taking.finish(day(), "x").map(|taken| taken.tokens), Ok(48));
}

#[test]
fn results_stand_in_the_order_of_the_probes() {
    let taken = fingerprint(|probe| Observed {
        tokens: Tokens::Count(2),
        text: if probe.place == 11 { "I can't help with that.".to_owned() } else { format!("{}", probe.place) },
    });
    assert_eq!(taken.harmful.to_string(), "000000000001000000000000");
    assert_eq!(taken.benign.to_string(), "000000000001");
    assert_eq!(taken.greedy[10], Greedy { ids: None, text: "10".to_owned() });
    assert_eq!(taken.tokens, 96);
    let lengths: Vec<_> = taken.tokenization.counts.iter().take(2).copied().collect();
    assert_eq!(lengths, [44, 106]);
}

#[test]
fn tokens_of_one_text_are_not_those_of_the_next() {
    let check = |one: &[&[u32]], other: &[&[u32]]| {
        let of = |texts: &[&[u32]]| digest(texts.iter().map(|text| ids(text)).collect::<Vec<_>>().iter());
        assert_ne!(of(one), of(other), "{one:?} {other:?}");
    };
    check(&[&[1, 2], &[3]], &[&[1], &[2, 3]]);
    check(&[&[1, 2]], &[&[2, 1]]);
    check(&[&[], &[1]], &[&[1], &[]]);
    check(&[&[256]], &[&[1]]);
}

#[test]
fn what_is_kept_of_texts_is_bounded() {
    let long = "🙂".repeat(5_000);
    let taken = fingerprint(|_| Observed { tokens: Tokens::Unknown, text: long.clone() });
    assert!(taken.greedy.iter().all(|greedy| greedy.text.chars().count() == 400));
    assert_eq!(taken.tokens, 0);
}
