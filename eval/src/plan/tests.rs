//! Seeds, requests, and what makes two plans different.

use super::*;
use crate::{Asking, question};

/// Questions whose right answers are their numbers.
pub(crate) fn questions(count: usize) -> Vec<Question> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("sums.jsonl");
    let line = |n| json!({ "id": format!("q{n}"), "question": format!("What is {n} + 0?"), "answer": n }).to_string();
    std::fs::write(&file, (0..count).map(line).collect::<Vec<_>>().join("\n")).unwrap();
    question::read(&[file], &Asking::default()).unwrap()
}

/// A plan for so many questions, in these ways.
pub(crate) fn plan(count: usize, ways: &[&str], repeats: u32) -> Plan {
    let ways: Vec<String> = ways.iter().map(|way| (*way).to_owned()).collect();
    let model = Model { id: "m".into(), weights: "sha256:0".into(), repeatable: true };
    Plan::new(model, questions(count), Way::from_texts(&ways).unwrap(), 1, repeats)
}

#[test]
fn every_question_is_asked_in_every_way_before_the_next() {
    let plan = plan(2, &["a=single", "b=single"], 2);
    let tasks: Vec<(usize, u32, usize)> =
        plan.tasks().into_iter().map(|task| (task.question, task.repeat, task.way)).collect();
    let expect = [(0, 0, 0), (0, 0, 1), (0, 1, 0), (0, 1, 1), (1, 0, 0), (1, 0, 1), (1, 1, 0), (1, 1, 1)];
    assert_eq!(tasks, expect);
    assert_eq!(plan.header.answers(), 8);
}

#[test]
fn seeds_are_repeatable_and_differ() {
    let questions = questions(2);
    let mut moved = questions[0].clone();
    moved.set = "other".into();
    let seeds = [
        seed(1, &questions[0], 0),
        seed(1, &questions[1], 0),
        seed(1, &questions[0], 1),
        seed(2, &questions[0], 0),
        seed(1, &moved, 0),
    ];
    let distinct: std::collections::BTreeSet<u64> = seeds.into_iter().collect();
    assert_eq!(distinct.len(), seeds.len());
    assert!(seeds.iter().all(|seed| *seed < 1 << 53));
    assert_eq!(seeds[0], seed(1, &questions[0], 0));
    // Whoever changes how seeds are made makes all earlier results unrepeatable.
    assert_eq!(seeds[0], 2_417_999_898_759_249);
}

#[test]
fn a_request_holds_the_way_the_question_and_the_seed() {
    let plan = plan(1, &["a=self_consistency,max_samples=3,temperature=0.5,verifiers=arithmetic,schema=verify"], 1);
    let mut question = plan.questions[0].clone();
    let way = &plan.header.ways[0];
    let expect = json!({
        "model": "m", "messages": [{ "role": "user", "content": "What is 0 + 0?" }], "seed": 7, "temperature": 0.5,
        "deliberation": { "strategy": "self_consistency", "max_samples": 3, "verifiers": ["arithmetic"],
                          "answer": "number", "include_samples": true },
    });
    assert_eq!(body("m", &question, way, 7), expect);
    question.schema = Some(json!({ "type": "object" }));
    question.pointer = Some("/a".into());
    let asked = body("m", &question, way, 7);
    let verifiers = json!(["arithmetic", { "type": "json_schema", "schema": { "type": "object" } }]);
    assert_eq!(asked.pointer("/deliberation/verifiers"), Some(&verifiers));
    assert_eq!(asked.pointer("/deliberation/answer_pointer"), Some(&json!("/a")));
    let require = &Way::from_texts(&["a=single,schema=require".into()]).unwrap()[0];
    let asked = body("m", &question, require, 7);
    assert_eq!(asked.pointer("/response_format/json_schema/schema/type"), Some(&json!("object")));
    let ignore = &Way::from_texts(&["a=single".into()]).unwrap()[0];
    let asked = body("m", &question, ignore, 7);
    assert!(asked.get("response_format").is_none() && asked.pointer("/deliberation/verifiers").is_none());
}

#[test]
fn whatever_decides_what_is_asked_makes_another_plan() {
    let base = plan(2, &["a=single"], 1);
    assert_eq!(base.header.differences(&plan(2, &["a=single"], 1).header), [] as [String; 0]);
    let check = |other: Plan, expect: &str| {
        let told = base.header.differences(&other.header);
        assert!(told.len() == 1 && told[0].starts_with(expect), "{told:?}");
        assert_ne!(base.header.digest, other.header.digest);
    };
    check(plan(3, &["a=single"], 1), "questions: 2 × sums");
    check(plan(2, &["a=single,max_samples=1"], 1), "ways: a (single) in the file, a (single, max_samples 1) now");
    check(plan(2, &["a=single"], 2), "repeats: 1 in the file, 2 now");
    let with = |change: fn(&mut Model)| {
        let mut model = base.header.model.clone();
        change(&mut model);
        Plan::new(model, base.questions.clone(), base.header.ways.clone(), 1, 1)
    };
    check(with(|model| model.id = "n".into()), "model: m in the file, n now");
    check(with(|model| model.weights = "sha256:1".into()), "weights: ");
    let seeded = Plan::new(base.header.model.clone(), base.questions.clone(), base.header.ways.clone(), 2, 1);
    check(seeded, "seed: 1 in the file, 2 now");
    let mut changed = base.questions.clone();
    changed[0].right = "1".into();
    check(Plan::new(base.header.model.clone(), changed, base.header.ways.clone(), 1, 1), "questions: 2 × sums");
}

#[test]
fn twins_share_their_seeds_and_no_one_elses() {
    let mut questions = plan(4, &["a=single"], 1).questions;
    let alone: Vec<u64> = questions.iter().map(|question| seed(1, question, 0)).collect();
    for (question, twins) in questions.iter_mut().zip(["q0", "q0", "other"]) {
        question.twins = Some(twins.to_owned());
    }
    let twins: Vec<u64> = questions.iter().map(|question| seed(1, question, 0)).collect();
    assert_eq!((twins[0], twins[3]), (twins[1], alone[3]));
    let all: std::collections::BTreeSet<u64> = alone.iter().chain(&twins).copied().collect();
    assert_eq!(all.len(), 6);
    assert_ne!(seed(1, &questions[0], 0), seed(1, &questions[0], 1));
}
