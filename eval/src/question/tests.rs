//! Lines that are questions, and lines that are none.

use serde_json::json;

use super::*;

fn one(line: &str) -> Question {
    parse(line, "set", &Asking::default()).unwrap().remove(0)
}

fn with_answer(answer: &Value) -> Question {
    one(&json!({ "id": "a", "question": "Which? A) x B) y", "answer": answer }).to_string())
}

#[test]
fn the_kind_comes_from_the_right_answer() {
    let check = |answer: Value, kind, right: &str| {
        let question = with_answer(&answer);
        assert_eq!((question.answer, question.right.as_str()), (kind, right), "{answer}");
    };
    check(json!(20.0), Kind::Number, "20");
    check(json!(7.26), Kind::Number, "7.26");
    check(json!(-3), Kind::Number, "-3");
    check(json!(1e21), Kind::Number, "1000000000000000000000");
    check(json!(u64::MAX), Kind::Number, "18446744073709551615");
    check(json!("1,200.50"), Kind::Number, "1200.5");
    check(json!("2/3"), Kind::Number, "2/3");
    check(json!("B"), Kind::Choice, "B");
    check(json!("b"), Kind::Text, "b");
    check(json!("The Answer is: Paris."), Kind::Text, "paris");
    check(json!({ "b": 1.0, "a": " x " }), Kind::Json, r#"{"a":"x","b":1}"#);
    check(json!([{ "a": 1 }]), Kind::Json, r#"[{"a":1}]"#);
}

#[test]
fn a_declared_kind_is_obeyed() {
    let line = |more: Value| {
        let mut line = json!({ "id": "a", "question": "?", "answer": "x" });
        for (key, value) in more.as_object().unwrap() {
            line[key] = value.clone();
        }
        one(&line.to_string())
    };
    assert_eq!(line(json!({ "answer": "42", "kind": "text" })).right, "42");
    assert_eq!(line(json!({ "answer": 0.5, "kind": "boxed" })).right, "0.5");
    assert_eq!(line(json!({ "answer": "\\frac{1}{2}", "kind": "boxed" })).right, "0.5");
    // Both say the same: the whole value, and the part of it that is compared.
    let part = line(json!({ "answer": "Ann ", "pointer": "/name" }));
    let whole = line(json!({ "answer": { "name": "Ann", "age": 4 }, "pointer": "/name" }));
    assert_eq!((part.right.as_str(), whole.right.as_str()), ("\"Ann\"", "\"Ann\""));
    assert_eq!(part.answer, Kind::Json);
    let asking = Asking { answer: Some(Kind::Text), ..Asking::default() };
    let asked = parse(r#"{"id": "a", "question": "?", "answer": "B"}"#, "set", &asking).unwrap();
    assert_eq!(asked[0].right, "b");
}

#[test]
fn answers_are_compared_exactly() {
    let check = |right: Value, sample: &str, expect: bool| {
        let question = with_answer(&right);
        let found = forethought_reasoning::extract(&question.answer_kind(), sample);
        let is_right = found.is_some_and(|answer| question.is_right(&answer.canonical));
        assert_eq!(is_right, expect, "{right} {sample}");
    };
    check(json!(20.0), "So the answer is 20.", true);
    check(json!(20), "The answer is \\frac{40}{2}", true);
    check(json!(20), "The answer is 20.000001", false);
    check(json!(0.1), "0.1", true);
    check(json!({ "age": 42, "name": "Ann" }), "Here: {\"name\": \"Ann \", \"age\": 42.0}", true);
    check(json!({ "age": 42, "name": "Ann" }), "{\"name\": \"Ann\", \"age\": \"42\"}", false);
    check(json!({ "age": 42 }), "{\"age\": 42, \"name\": \"Ann\"}", false);
    check(json!("B"), "I think it is (b).", true);
    check(json!("Paris"), "**Paris**", true);
}

#[test]
fn what_is_asked_stands_in_the_lines_or_for_all() {
    let asking =
        Asking { system: Some("Be brief.".into()), template: Some("Q: {question} A:".into()), ..Asking::default() };
    let text = "{\"id\":\"a\",\"question\":\"1+1?\",\"answer\":2}\n\n\
                {\"id\":\"b\",\"question\":\"2+2?\",\"answer\":4,\"system\":\"Own.\",\"template\":\"{question}!\",\"more\":1}\n";
    let said: Vec<Vec<String>> = parse(text, "s", &asking)
        .unwrap()
        .into_iter()
        .map(|question| question.messages.into_iter().map(|message| message.content).collect())
        .collect();
    assert_eq!(said, [["Be brief.", "Q: 1+1? A:"], ["Own.", "2+2?!"]]);
    let two = parse(text, "s", &Asking { limit: Some(1), ..Asking::default() }).unwrap();
    assert_eq!((two.len(), two[0].messages.len(), two[0].text()), (1, 1, "1+1?"));
}

#[test]
fn a_wrong_line_is_named_with_the_mend() {
    let check = |text: &str, line: usize, expect: &str| {
        let (at, why) = parse(text, "set", &Asking::default()).unwrap_err();
        assert!(at == line && why.contains(expect), "{text:?}: {at}: {why}");
    };
    let good = r#"{"id": "a", "question": "?", "answer": 1}"#;
    check("", 1, "there is no question");
    check(&format!("{good}\nnot json\n"), 2, "this is no question");
    check(&format!("{good}\n\n{good}\n"), 3, "`a` stands on line 1");
    check(r#"{"question": "?", "answer": 1}"#, 1, "missing field `id`");
    check(r#"{"id": "a", "question": " ", "answer": 1}"#, 1, "is empty");
    check(r#"{"id": "a", "question": "?", "answer": null}"#, 1, "`answer` is none");
    check(r#"{"id": "a", "question": "?", "answer": "x", "kind": "number"}"#, 1, "no answer of the kind `number`");
    check(r#"{"id": "a", "question": "?", "answer": 1, "kind": "json"}"#, 1, "no answer of the kind `json`");
    check(r#"{"id": "a", "question": "?", "answer": "x", "kind": "prose"}"#, 1, "unknown variant `prose`");
    check(r#"{"id": "a", "question": "?", "answer": 1, "kind": "number", "pointer": "/x"}"#, 1, "leave it out");
    check(r#"{"id": "a", "question": "?", "answer": 1, "pointer": "x"}"#, 1, "begin it with `/`");
    check(r#"{"id": "a", "question": "?", "answer": 1, "template": "no place"}"#, 1, "has no `{question}`");
}

#[test]
fn two_files_of_one_name_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (a, b) = (folder.path().join("x.jsonl"), folder.path().join("y/x.jsonl"));
    std::fs::create_dir(folder.path().join("y")).unwrap();
    for file in [&a, &b] {
        std::fs::write(file, r#"{"id": "a", "question": "?", "answer": 1}"#).unwrap();
    }
    let wrong = read(&[a.clone(), b], &Asking::default()).unwrap_err();
    assert!(wrong.is_usage() && wrong.to_string().contains("both be the set `x`"), "{wrong}");
    assert_eq!(read(&[a], &Asking::default()).unwrap()[0].set, "x");
    let missing = read(&[folder.path().join("none.jsonl")], &Asking::default()).unwrap_err();
    assert!(missing.to_string().contains("cannot read"), "{missing}");
}
