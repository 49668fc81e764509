//! Whole texts, what is found in them, and rules that are wrong.

use serde_json::{Value, json};

use super::*;
use crate::classifier::Target;

const GERMAN: &str = "Wie beende ich einen hängenden Prozess unter Windows?";

fn rules(of: Value) -> Rules {
    serde_json::from_value(of).unwrap()
}

fn told(verdicts: &[Verdict]) -> Vec<(&'static str, Option<&str>, &'static str, Option<usize>)> {
    verdicts.iter().map(|v| (v.kind.as_str(), v.list.as_deref(), v.action.as_str(), v.message)).collect()
}

#[test]
fn requests_are_read_turn_by_turn() {
    use Speaker::{Assistant, System, User};
    let whole = Whole::new(&[&rules(json!({
        "languages": { "allow": ["en"], "action": "block" },
        "lengths": { "messages": 3, "message_characters": 60, "action": "flag" },
        "topics": [{ "id": "law", "words": { "lawsuit*": 60, "sue": 60 }, "threshold": 100, "action": "hold" }],
    }))]);
    let check = |messages: &[(Speaker, &str)], expected: &[(&str, Option<&str>, &str, Option<usize>)]| {
        assert_eq!(told(&whole.asked(messages)), expected, "{messages:?}");
    };
    check(&[], &[]);
    check(&[(User, "How are you today, my dear friend?")], &[]);
    check(&[(User, GERMAN)], &[("language", None, "block", Some(0))]);
    // The application speaks as it likes.
    check(&[(System, GERMAN), (User, "ok")], &[]);
    check(&[(User, "ok"), (Assistant, GERMAN)], &[("language", None, "block", Some(1))]);
    // What one side says in a row is one text, and what the other says between is another.
    check(&[(User, "a lawsuit"), (User, "I sue")], &[("topic", Some("law"), "hold", Some(0))]);
    check(&[(User, "a lawsuit"), (System, "x"), (User, "I sue")], &[("topic", Some("law"), "hold", Some(0))]);
    check(&[(User, "a lawsuit"), (Assistant, "I sue")], &[]);
    check(&[(User, &"1".repeat(61))], &[("length", None, "flag", None)]);
    check(&[(User, "a"), (Assistant, "b"), (User, "c"), (System, "d")], &[("length", None, "flag", None)]);
}

#[test]
fn answers_are_read_with_their_thoughts() {
    let whole = Whole::new(&[&rules(json!({
        "languages": { "allow": ["en"], "action": "flag" },
        "lengths": { "message_bytes": 12, "action": "hold" },
        "contract": { "schema": { "type": "array" }, "action": "block" },
    }))]);
    let check = |thoughts: &str, text: &str, expected: &[(&str, Option<&str>, &str, Option<usize>)]| {
        assert_eq!(told(&whole.answered(thoughts, text)), expected, "{thoughts:?} {text:?}");
    };
    check("", "[1, 2]", &[]);
    check(GERMAN, "[1, 2]", &[("language", None, "flag", None)]);
    check("", "no", &[("contract", None, "block", None)]);
    check("a thought of any length whatever it may be", "[1, 2, 3, 4, 5]", &[("length", None, "hold", None)]);
}

#[test]
fn several_rules_hold_side_by_side() {
    let floor = rules(json!({ "languages": { "allow": ["en"], "action": "block" } }));
    let tenant = rules(json!({ "languages": { "allow": ["en", "de"], "action": "flag" } }));
    let whole = Whole::new(&[&floor, &tenant]);
    assert_eq!(told(&whole.asked(&[(Speaker::User, GERMAN)])), [("language", None, "block", Some(0))]);
    let counted = Verdict::counted(&Whole::new(&[&floor, &floor]).asked(&[(Speaker::User, GERMAN)]));
    assert_eq!((counted.len(), counted[0].count), (1, 2));
}

#[test]
fn what_cannot_be_made_ready_lets_nothing_through() {
    let broken = rules(json!({
        "languages": { "allow": ["klingon"], "action": "block" },
        "topics": [{ "id": "none", "words": {}, "threshold": 1, "action": "block" }],
        "contract": { "schema": { "type": 7 }, "action": "block" },
    }));
    let found = Whole::new(&[&broken]).answered("", "[]");
    assert_eq!(found.len(), 5, "{found:?}");
    let unread = rules(json!({ "contract": { "file": "never-read.json", "action": "block" } }));
    assert_eq!(Whole::new(&[&unread]).answered("", "{}").len(), 1);
}

#[test]
fn what_a_person_releases_is_noted() {
    let held = Whole::new(&[&rules(json!({
        "topics": [{ "id": "law", "words": { "sue": 100 }, "threshold": 100, "action": "hold" }],
        "contract": { "schema": true, "action": "block" },
        "classifiers": [{ "id": "g", "model": "m", "protocol": "llama_guard_3", "action": "flag", "on_failure": "hold" }],
    }))]);
    assert!(held.holds() && held.stops() && !held.is_empty());
    let released = held.released();
    assert!(!released.holds() && released.stops());
    assert_eq!(told(&released.answered("", "sue")).len(), 2);
    assert_eq!(released.classifiers()[0].on_failure, Action::Flag);
    assert!(Whole::default().is_empty() && !Whole::default().stops());
}

#[test]
fn flaws_are_told_at_their_places() {
    use Target::{Input, Output};
    let check = |of: Value, side: Target, expected: &[(&str, &str)]| {
        let found = rules(of.clone()).whole().flaws(side);
        let found: Vec<_> = found.iter().map(|flaw| (flaw.pointer.as_str(), flaw.told.as_str())).collect();
        assert_eq!(found, expected, "{of}");
    };
    let guard = |more: Value| {
        let mut rule = json!({ "id": "g", "model": "m", "protocol": "llama_guard_3", "action": "block" });
        rule.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!({ "classifiers": [rule] })
    };
    check(guard(json!({})), Input, &[]);
    check(guard(json!({ "categories": ["S1", { "id": "own", "text": "Nothing." }], "threshold": 50 })), Output, &[]);
    check(
        guard(json!({ "action": "redact" })),
        Input,
        &[("/classifiers/0/action", "a verdict on a whole text has no place to redact")],
    );
    check(
        guard(json!({ "on_failure": "allow" })),
        Input,
        &[("/classifiers/0/on_failure", "a check that lets everything through is none")],
    );
    check(
        guard(json!({ "risks": ["harm"] })),
        Input,
        &[("/classifiers/0/risks", "this protocol is not asked by `risks`")],
    );
    check(
        guard(json!({ "categories": ["S99"] })),
        Input,
        &[("/classifiers/0/categories", "`S99` is no category of this protocol")],
    );
    check(
        guard(json!({ "protocol": "granite_guardian_4_1", "threshold": 50 })),
        Input,
        &[("/classifiers/0/threshold", "this protocol tells no odds, so there is no score for a threshold")],
    );
    check(
        guard(json!({ "protocol": "gpt_oss_safeguard" })),
        Input,
        &[("/classifiers/0", "this protocol judges by a policy of yours")],
    );
    check(guard(json!({ "protocol": "gpt_oss_safeguard", "policy": "Say nothing." })), Output, &[]);
    check(
        json!({ "languages": { "allow": ["en", "klingon"], "action": "flag" } }),
        Input,
        &[("/languages/allow/1", "`klingon` is no language that can be told")],
    );
    check(
        json!({ "languages": { "allow": [], "action": "flag" } }),
        Input,
        &[("/languages/allow", "no language is allowed")],
    );
    check(json!({ "lengths": { "messages": 1, "action": "flag" } }), Input, &[]);
    check(
        json!({ "lengths": { "request_bytes": 1, "action": "flag" } }),
        Output,
        &[("/lengths/request_bytes", "an answer is one message and no request")],
    );
    check(
        json!({ "contract": { "schema": true, "action": "flag" } }),
        Input,
        &[("/contract", "a contract is of what is answered")],
    );
    check(json!({ "contract": { "action": "flag" } }), Output, &[("/contract", "a contract has a schema")]);
    let topic = |id: &str| json!({ "id": id, "words": { "a": 1 }, "threshold": 1, "action": "flag" });
    check(
        json!({ "topics": [topic("a"), topic("b"), topic("a")] }),
        Input,
        &[("/topics/2/id", "the id `a` stands twice")],
    );
}

fn guard(threshold: Option<u8>) -> ClassifierRule {
    let rule = json!({
        "id": "g", "model": "m", "protocol": "llama_guard_3", "action": "block", "threshold": threshold,
        "categories": ["S1", "S9"],
    });
    serde_json::from_value(rule).unwrap()
}

#[test]
fn an_answer_is_read_by_word_or_by_threshold() {
    let question = |rule: &ClassifierRule| {
        let messages = [(Speaker::User, "a")];
        rule.questions(&Conversation { messages: &messages, target: Target::Input }).unwrap().remove(0)
    };
    let odds = |score: f32| Some(Odds { violates: score.ln(), passes: (1.0 - score).ln() });
    let check = |threshold, answer: &str, odds, expected: Result<&[&str], Unjudged>| {
        let rule = guard(threshold);
        let read = rule.read(&question(&rule), answer, odds);
        let read = read.as_ref().map(|said| said.categories.iter().map(String::as_str).collect::<Vec<_>>());
        assert_eq!(read, expected.as_ref().map(|names| names.to_vec()), "{threshold:?} {answer:?} {odds:?}");
    };
    check(None, "safe", None, Ok(&[]));
    check(None, "unsafe\nS9", None, Ok(&["S9"]));
    check(None, "unsafe\nS9", odds(0.6), Ok(&["S9"]));
    check(Some(80), "unsafe\nS9", odds(0.6), Ok(&[]));
    check(Some(30), "safe", odds(0.4), Ok(&["S1", "S9"]));
    check(Some(30), "safe", odds(0.2), Ok(&[]));
    check(Some(30), "safe", None, Err(Unjudged::NoOdds));
    check(None, "unsafe\nS9", odds(0.1), Err(Unreadable::Contradiction.into()));
    check(None, "unsafe\nS2", None, Err(Unreadable::Category.into()));
}

#[test]
fn a_models_own_words_are_named_nowhere() {
    let rule: ClassifierRule = serde_json::from_value(json!({
        "id": "house", "model": "m", "protocol": "gpt_oss_safeguard", "policy": "Say nothing.", "action": "block",
    }))
    .unwrap();
    let messages = [(Speaker::User, "a")];
    let question = rule.questions(&Conversation { messages: &messages, target: Target::Input }).unwrap().remove(0);
    let said =
        rule.read(&question, r#"{"violation": 1, "policy_category": "jane@example.org", "rationale": "Jane"}"#, None);
    assert_eq!(said.map(|said| (said.categories, said.reason)), Ok((vec!["house".to_owned()], None)));
}
