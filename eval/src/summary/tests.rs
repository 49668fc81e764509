//! Figures, the frontier and the presets of results that are made up so that each is known.

use forethought_policies::{Document, FileKind};
use forethought_schemas::CONFIG_SCHEMA;
use serde_json::Value;

use super::*;
use crate::{
    Task,
    outcome::Fault,
    plan::tests::plan,
    results::tests::{outcome, results},
};

static CONFIGURATION: FileKind = FileKind { name: "configuration", create: "", version: 1, schema: &CONFIG_SCHEMA };

/// Results of ways that are right on so many of the first questions, each for so many tokens.
fn made(questions: usize, ways: &[(&str, usize, u64)]) -> Results {
    let texts: Vec<String> = ways.iter().map(|(name, ..)| format!("{name}=self_consistency,max_samples=4")).collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    results(plan(questions, &texts, 1), |task| {
        let (_, right, tokens) = ways[task.way];
        (task.question < right, tokens)
    })
}

fn compared(results: &Results) -> Comparison {
    Comparison::new(results, &Summary::new(results))
}

#[test]
fn figures_count_what_is_complete() {
    let mut results = made(10, &[("a", 5, 10), ("b", 8, 30)]);
    results.outcomes[0].wall_ms = 900;
    let whole = Summary::new(&results);
    assert_eq!((whole.questions, whole.complete), (10, 10));
    let a = &whole.ways[0];
    assert_eq!((a.answers, a.right, a.without_answer, a.failed, a.by_deadline), (10, 5, 0, 0, 0));
    assert_eq!((a.p50_ms, a.p95_ms), (100, 900));
    assert!((a.tokens - 10.0).abs() < 1e-9 && (a.samples - 1.0).abs() < 1e-9);
    assert_eq!(a.says, "self_consistency, max_samples 4");
    // Broken off in the middle of a question: what only one way has answered would favour nobody knows whom.
    results.outcomes.truncate(9);
    let part = Summary::new(&results);
    assert_eq!((part.questions, part.complete, part.ways[0].answers, part.ways[1].answers), (10, 4, 4, 4));
}

#[test]
fn failures_are_wrong_answers_whose_cost_may_be_unknown() {
    let mut results = made(4, &[("a", 4, 10)]);
    let fail = |at, spent| {
        let fault = Fault { code: "no_answer".into(), spent };
        Outcome::failed(&results.plan, Task { question: at, repeat: 0, way: 0 }, fault, 5).unwrap()
    };
    let known = fail(0, Some(40));
    (results.outcomes[0], results.outcomes[1]) = (fail(0, None), fail(1, None));
    if let Some(reply) = &mut results.outcomes[2].reply {
        (reply.answer, reply.stop) = (None, "deadline".to_owned());
    }
    results.outcomes[2].right = false;
    let figures = &Summary::new(&results).ways[0];
    assert_eq!((figures.answers, figures.right, figures.failed), (4, 1, 2));
    assert_eq!((figures.without_answer, figures.by_deadline, figures.unknown_cost), (1, 1, 2));
    assert!((figures.tokens - 10.0).abs() < 1e-9);
    // The service may tell what an error cost.
    results.outcomes[0] = known;
    let figures = &Summary::new(&results).ways[0];
    assert!(figures.unknown_cost == 1 && (figures.tokens - 20.0).abs() < 1e-9, "{figures:?}");
}

/// Results in which this way's first so many requests failed.
fn failing(mut results: Results, way: usize, failures: usize) -> Results {
    let name = results.plan.header.ways[way].name.clone();
    let tasks = results.plan.tasks().into_iter().filter(|task| task.way == way).take(failures);
    let failed: Vec<Outcome> =
        tasks.map(|task| Outcome::failed(&results.plan, task, Fault::default(), 5).unwrap()).collect();
    let (of_way, others): (Vec<Outcome>, Vec<Outcome>) =
        results.outcomes.into_iter().partition(|outcome| outcome.way == name);
    let kept = of_way.into_iter().skip(failures);
    results.outcomes = others.into_iter().chain(failed).chain(kept).collect();
    results
}

#[test]
fn a_way_that_fails_often_is_held_against_no_other() {
    // It fails always, spends nothing that anybody knows of, and would be the cheapest.
    let dead = failing(made(100, &[("dead", 0, 5), ("a", 50, 10), ("b", 70, 20)]), 0, 100);
    let comparison = compared(&dead);
    assert_eq!(
        (comparison.standings[0].place, comparison.frontier.as_slice()),
        (Place::FailsOften, &["a".into(), "b".into()][..])
    );
    let presets = comparison.presets.unwrap();
    assert!(!presets.contains("dead"), "{presets}");
    assert_eq!(comparison.differences[0].tokens, None);
    assert_eq!(comparison.differences[2].tokens, Some(2.0));
    // It is better than another one, where it did not fail: that does not put the other one off the frontier.
    let often = failing(made(100, &[("often", 100, 5), ("a", 90, 10)]), 0, 2);
    let comparison = compared(&often);
    assert_eq!((comparison.standings[0].place, comparison.standings[1].place), (Place::FailsOften, Place::On));
    assert_eq!(comparison.standings[1].as_good_for_less, None);
    // One of a hundred is no more than 1 %.
    let seldom = failing(made(100, &[("seldom", 100, 5), ("a", 90, 10)]), 0, 1);
    assert_eq!(compared(&seldom).frontier, ["seldom"]);
}

#[test]
fn few_questions_give_no_verdict() {
    let few = compared(&made(9, &[("a", 0, 10), ("b", 9, 20)]));
    assert_eq!((few.frontier.len(), few.presets.as_ref()), (0, None));
    assert!(few.standings.iter().all(|standing| standing.place == Place::TooFewQuestions));
    assert_eq!(few.differences[0].verdict, Verdict::TooFewQuestions);
    let enough = compared(&made(10, &[("a", 0, 10), ("b", 10, 20)]));
    assert_eq!((enough.frontier.len(), enough.differences[0].verdict), (2, Verdict::MoreOften));
    let back = compared(&made(10, &[("a", 10, 20), ("b", 0, 10)]));
    assert_eq!(back.differences[0].verdict, Verdict::LessOften);
    assert_eq!(compared(&made(10, &[("a", 5, 10), ("b", 6, 20)])).differences[0].verdict, Verdict::NotToldApart);
}

#[test]
fn the_order_of_the_answers_does_not_matter() {
    let mut results = made(12, &[("a", 5, 10), ("b", 8, 30)]);
    let (summary, comparison) = (Summary::new(&results), compared(&results));
    results.outcomes.reverse();
    assert_eq!((Summary::new(&results), compared(&results)), (summary, comparison));
}

#[test]
fn a_way_is_on_the_frontier_when_no_other_beats_it() {
    let check = |ways: &[(&str, usize, u64)], frontier: &[&str]| {
        assert_eq!(compared(&made(100, ways)).frontier, frontier, "{ways:?}");
    };
    check(&[("a", 50, 10), ("b", 60, 20)], &["a", "b"]);
    check(&[("a", 50, 20), ("b", 60, 10)], &["b"]);
    check(&[("a", 60, 20), ("b", 50, 10), ("c", 55, 30)], &["b", "a"]);
    check(&[("a", 50, 10), ("b", 50, 20)], &["a"]);
    check(&[("a", 50, 10), ("b", 50, 10)], &["a"]);
    check(&[("a", 60, 10), ("b", 50, 10)], &["a"]);
}

#[test]
fn what_cannot_be_told_apart_is_marked() {
    let places = |ways: &[(&str, usize, u64)]| -> Vec<(Place, Option<String>)> {
        let standings = compared(&made(100, ways)).standings;
        standings.into_iter().map(|standing| (standing.place, standing.as_good_for_less)).collect()
    };
    let text = |name: &str| Some(name.to_owned());
    // One question more is no difference; forty are.
    assert_eq!(places(&[("a", 50, 10), ("b", 51, 20)]), [(Place::On, None), (Place::On, text("a"))]);
    assert_eq!(places(&[("a", 50, 10), ("b", 90, 20)]), [(Place::On, None), (Place::On, None)]);
    assert_eq!(places(&[("a", 51, 10), ("b", 50, 20)]), [(Place::On, None), (Place::Near, text("a"))]);
    assert_eq!(places(&[("a", 90, 10), ("b", 50, 20)]), [(Place::On, None), (Place::Off, None)]);
}

#[test]
fn differences_are_of_each_pair_over_the_same_questions() {
    let comparison = compared(&made(100, &[("a", 50, 10), ("b", 70, 20), ("c", 70, 40)]));
    let pairs: Vec<(&str, &str)> =
        comparison.differences.iter().map(|d| (d.way.as_str(), d.against.as_str())).collect();
    assert_eq!(pairs, [("b", "a"), ("c", "a"), ("c", "b")]);
    let first = &comparison.differences[0];
    assert!((first.accuracy.value - 0.2).abs() < 1e-9 && !first.accuracy.holds(0.0), "{first:?}");
    assert_eq!(first.tokens, Some(2.0));
    assert!(comparison.differences[2].accuracy.holds(0.0));
}

#[test]
fn the_suggested_presets_are_a_configuration() {
    let results = made(100, &[("a", 30, 10), ("b", 50, 20), ("c", 51, 40), ("bad", 20, 90)]);
    let presets = compared(&results).presets.unwrap();
    let whole = presets.replace("    presets:", "    path: m.gguf\n    presets:");
    let whole = format!("version: 1\npolicy: p.yaml\n{whole}");
    let document = Document::parse(std::path::Path::new("c.yaml"), whole.as_bytes(), &CONFIGURATION).unwrap();
    let value: Value = document.read(Vec::new()).unwrap();
    let efforts = value.pointer("/models/0/presets").and_then(Value::as_object).unwrap();
    assert_eq!(efforts.len(), 5, "{presets}");
    assert_eq!(value.pointer("/models/0/presets/low/max_samples"), Some(&Value::from(4)));
    assert!(presets.contains("xhigh: { max_samples: 4, strategy: \"self_consistency\" }  # c: 51.0 % right, 40 tokens; not told apart from b\n"), "{presets}");
    assert!(!presets.contains("bad"), "{presets}");
}

#[test]
fn what_a_preset_cannot_say_is_named_and_left_out() {
    let plan = plan(50, &["plain=single", "warm=single,temperature=0.9"], 1);
    let results = results(plan, |task| (task.way == 1 || task.question < 10, 10 + task.way as u64));
    let presets = compared(&results).presets.unwrap();
    assert!(presets.contains("xhigh: { strategy: \"single\" }  # plain: 20.0 % right, 10 tokens\n"), "{presets}");
    assert!(presets.ends_with("# `warm` is on the frontier too, but a preset cannot say: temperature\n"), "{presets}");
    let nothing = crate::plan::tests::plan(3, &["a=single"], 1);
    assert_eq!(compared(&Results { plan: nothing, sessions: Vec::new(), outcomes: Vec::new() }).presets, None);
}

#[test]
fn repeats_and_sets_are_figured_by_themselves() {
    let mut plan = plan(4, &["a=single"], 2);
    for question in &mut plan.questions[2..] {
        question.set = "other".into();
    }
    let plan = crate::Plan::new(plan.header.model, plan.questions, plan.header.ways, 1, 2);
    let outcomes = plan.tasks().into_iter().map(|task| outcome(&plan, task, task.question < 2 && task.repeat == 0, 5));
    let results = Results { outcomes: outcomes.collect(), sessions: Vec::new(), plan };
    let summary = Summary::new(&results);
    assert_eq!((summary.ways[0].answers, summary.ways[0].right, summary.complete), (8, 2, 4));
    let sets: Vec<(&str, usize, usize)> =
        summary.sets.iter().map(|set| (set.name.as_str(), set.ways[0].answers, set.ways[0].right)).collect();
    assert_eq!(sets, [("sums", 4, 2), ("other", 4, 0)]);
}
