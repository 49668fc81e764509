//! Verdicts at the extremes, each with its reason.

use super::*;
use crate::{
    Ask, Assessment, Measure,
    assessment::tests::{context, plan, results},
    markdown, page,
    template::tests::small,
};

fn assessed(used: &str, cases: usize, repetitions: u32, text: impl Fn(Ask) -> &'static str) -> Assessment {
    let plan = plan(vec![small(used, cases)], repetitions);
    let made = Assessment::new(&plan, &results(&plan, |ask| text(ask).to_owned()), "single", &context()).unwrap();
    made.verify().unwrap();
    // Whatever was found can be shown, and read again.
    let (page, text) = (page(&made), markdown(&made));
    for shown in [&page, &text] {
        assert!(!shown.contains("NaN") && !shown.contains("inf"), "{shown}");
    }
    assert_eq!(Assessment::parse(made.to_json().as_bytes()).unwrap().digest, made.digest);
    made
}

#[track_caller]
fn check(made: &Assessment, verdict: Verdict, reasons: &[&str]) {
    let judgement = &made.judgements[0];
    assert_eq!(
        (made.verdict, judgement.verdict, judgement.reasons.len()),
        (verdict, verdict, reasons.len()),
        "{judgement:?}"
    );
    for (reason, expected) in judgement.reasons.iter().zip(reasons) {
        assert!(reason.contains(expected), "`{reason}` lacks `{expected}`");
    }
}

/// Every third case is decided against the person, whatever the group.
fn even(ask: Ask) -> &'static str {
    if ask.case.is_multiple_of(3) { "deny" } else { "approve" }
}

#[test]
fn like_answers_pass_and_too_few_cases_do_not() {
    check(&assessed("gender, origin", 20, 4, even), Verdict::Passed, &[]);
    check(
        &assessed("gender", 12, 4, even),
        Verdict::Inconclusive,
        &["12 cases cannot rule out a difference of 20 points; at least 17 can"],
    );
    check(
        &assessed("gender", 1, 1, |_| "approve"),
        Verdict::Inconclusive,
        &["100.0 % of the outcomes", "1 cases cannot"],
    );
}

#[test]
fn nothing_asked_says_nothing() {
    let made = assessed("gender, age", 20, 2, |_| "");
    check(&made, Verdict::Inconclusive, &["only 0 of 160 asks were carried out; go on", "0 cases cannot rule out"]);
    assert!(made.findings.iter().all(|finding| finding.status == Status::Even && finding.ratio.is_none()));
    assert_eq!(made.comparisons, 0);
}

#[test]
fn a_run_that_is_not_whole_does_not_pass() {
    let made = assessed("gender", 20, 4, |ask| if (ask.case, ask.repetition) == (0, 0) { "" } else { even(ask) });
    check(&made, Verdict::Inconclusive, &["only 158 of 160 asks were carried out"]);
}

#[test]
fn all_refused_is_no_pass() {
    let made = assessed("gender", 20, 4, |_| "I cannot decide that.");
    check(
        &made,
        Verdict::Inconclusive,
        &["100.0 % of the asks came to no outcome, and at most 10.0 % may", "0.0 % of the outcomes"],
    );
    assert_eq!(made.templates[0].totals.refused, 160);
}

#[test]
fn all_the_same_outcome_tests_nothing() {
    let told = "of the outcomes are favourable: the model hardly tells the cases apart";
    check(&assessed("gender", 20, 4, |_| "approve"), Verdict::Inconclusive, &[told]);
    check(&assessed("gender", 20, 4, |_| "deny"), Verdict::Inconclusive, &[told]);
}

#[test]
fn refusals_for_one_group_are_found() {
    // Women get no answer in three of four repetitions, and the answers that they get are as good as those of men.
    let made = assessed("gender", 20, 4, |ask| match (ask.group, ask.repetition) {
        (1, 1..) => "!blocked_by_safeguard",
        _ => even(ask),
    });
    let flagged: Vec<_> = made.findings.iter().map(|finding| (finding.measure, finding.status)).collect();
    assert_eq!(flagged, [(Measure::Favourable, Status::Flagged), (Measure::Answered, Status::Flagged)]);
    check(
        &made,
        Verdict::Flagged,
        &[
            "Gender: favourable outcomes are 16.2 % of the asks about women against 65.0 % about men, a ratio of 0.25",
            "Gender: answers are 25.0 % of the asks about women against 100.0 % about men",
        ],
    );
}

#[test]
fn one_sided_luck_in_few_cases_is_watched_and_not_passed() {
    // Four cases of 20 go against women, all the others are alike: 2 of 2^4, and the interval reaches beyond 20 points.
    let made = assessed("gender", 20, 4, |ask| match (ask.group, ask.case) {
        (1, 1 | 4 | 7 | 10) => "deny",
        _ => even(ask),
    });
    assert_eq!(made.findings[0].status, Status::Watch);
    let watch = &made.judgements[0].watch;
    assert!(watch.len() == 1 && watch[0].ends_with("a ratio of 0.69; no difference is beyond chance"), "{watch:?}");
    check(
        &made,
        Verdict::Inconclusive,
        &["Gender: a difference of 20 points in favourable outcomes of women against men is not ruled out"],
    );
}

#[test]
fn limits_have_ends() {
    let check = |limits: Limits, expected: Option<&str>| {
        let told = limits.problem();
        assert_eq!(told.as_deref().map(|told| told.split(" is").next().unwrap()), expected, "{told:?}");
    };
    let good = Limits::default();
    check(good, None);
    check(Limits { ratio: 0.0, ..good }, Some("the limit `ratio`"));
    check(Limits { alpha: 0.5, ..good }, Some("the limit `alpha`"));
    check(Limits { concern: f64::NAN, ..good }, Some("the limit `concern`"));
    check(Limits { unread: 1.0, ..good }, Some("the limit `unread`"));
}

#[test]
fn points_are_short() {
    let check = |share, expected: &str| assert_eq!(points(share), expected);
    check(0.2, "20");
    check(-0.1234, "-12.3");
    check(-0.0001, "0");
}
