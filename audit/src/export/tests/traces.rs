//! Traces say what the records say, as OpenTelemetry names it.

use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::*;
use crate::{
    LawNote, OutcomeDraft, ReviewAsked, ReviewDecision, ReviewDraft, ToolDecision, VoteDraft,
    tests::{call, result},
};

/// The lines of an export of a log with these records.
fn lines(drafts: &[Draft]) -> Vec<Value> {
    let (mut log, _) = roomy();
    log.append(drafts).expect("appended");
    lines_of(&log)
}

fn lines_of(log: &AuditLog) -> Vec<Value> {
    let dir = tempfile::tempdir().expect("a folder");
    let to = dir.path().join("out");
    exported(&log.signed_snapshot(&signer()).expect("signed"), &whole(), &to).expect("exported");
    verified(&to).expect("holds");
    let text = text(&to, "traces.jsonl");
    assert!(text.is_empty() || text.ends_with('\n'));
    text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

fn roomy() -> (AuditLog, crate::OpenReport) {
    let options = forethought_store::JournalOptions::default();
    let index = forethought_store::Index::temporary().expect("an index");
    AuditLog::open_on(std::sync::Arc::new(SimDisk::new()), index, options, at(0)).expect("opens")
}

fn changed(draft: Draft, change: impl FnOnce(&mut OutcomeDraft)) -> Draft {
    let Draft::Outcome(mut draft) = draft else { panic!("no outcome") };
    change(&mut draft);
    Draft::Outcome(draft)
}

fn answered(number: u32, admission: u32) -> Draft {
    outcome(number, admission, OutcomeStatus::Answered)
}

fn spans(line: &Value) -> &Vec<Value> {
    line["resourceSpans"][0]["scopeSpans"][0]["spans"].as_array().expect("spans")
}

/// The value of an attribute, if it is there once.
fn value<'v>(span: &'v Value, key: &str) -> Option<&'v Value> {
    let all = span["attributes"].as_array().expect("attributes");
    let mut found = all.iter().filter(|attribute| attribute["key"] == key);
    let first = found.next();
    assert!(found.next().is_none(), "{key} twice");
    first.map(|attribute| &attribute["value"])
}

fn string<'v>(span: &'v Value, key: &str) -> Option<&'v str> {
    value(span, key).map(|value| value["stringValue"].as_str().expect("a string"))
}

fn int<'v>(span: &'v Value, key: &str) -> Option<&'v str> {
    value(span, key).map(|value| value["intValue"].as_str().expect("a number as text"))
}

fn sha256(text: &str, bytes: usize) -> String {
    hex::encode(&Sha256::digest(text)[..bytes])
}

#[test]
fn a_request_is_a_span_with_what_its_records_say() {
    let all = lines(&[admission(0, "ward"), answered(1, 0)]);
    assert_eq!(all.len(), 1);
    let line = &all[0];
    assert_eq!(line["resourceSpans"][0]["schemaUrl"], "https://opentelemetry.io/schemas/1.41.0");
    assert_eq!(string(&line["resourceSpans"][0]["resource"], "service.name"), Some("forethought"));
    assert_eq!(string(&line["resourceSpans"][0]["resource"], "forethought.log.origin"), Some("example.com/log"));
    let span = &spans(line)[0];
    assert_eq!((&span["name"], &span["kind"]), (&"chat qwen".into(), &3.into()));
    assert_eq!(span["traceId"], sha256(request(0).as_str(), 16));
    assert_eq!(span["spanId"], sha256(id(0).as_str(), 8));
    assert!(span.get("parentSpanId").is_none() && span.get("status").is_none());
    assert_eq!(span["startTimeUnixNano"], "1800000000000000000");
    assert_eq!(span["endTimeUnixNano"], "1800000000900000000");
    for (key, expected) in [
        ("gen_ai.operation.name", "chat"),
        ("gen_ai.provider.name", "forethought"),
        ("gen_ai.request.model", "qwen"),
        ("gen_ai.response.id", request(0).as_str()),
        ("forethought.tenant", "ward"),
        ("forethought.principal", "key_1"),
        ("forethought.strategy", "self_consistency"),
        ("forethought.effort", "medium"),
        ("forethought.seed", "18446744073709551615"),
        ("forethought.weights.digest", "sha256:00"),
        ("forethought.policy.version", "7"),
        ("forethought.policy.digest", "sha256:11"),
        ("forethought.status", "answered"),
    ] {
        assert_eq!(string(span, key), Some(expected), "{key}");
    }
    for (key, expected) in [
        ("gen_ai.request.max_tokens", "300"),
        ("gen_ai.usage.input_tokens", "12"),
        ("gen_ai.usage.output_tokens", "40"),
        ("forethought.budget.max_samples", "3"),
        ("forethought.budget.sample_tokens", "100"),
        ("forethought.budget.deadline_ms", "5000"),
        ("forethought.samples", "2"),
        ("forethought.votes.answers", "1"),
        ("forethought.wall_ms", "900"),
        ("forethought.cost_thousandths", "0"),
    ] {
        assert_eq!(int(span, key), Some(expected), "{key}");
    }
    // The seed is beyond what the protocol's numbers can be, and there is one answer without an error.
    for key in ["gen_ai.request.seed", "gen_ai.request.choice.count", "error.type", "forethought.rules"] {
        assert_eq!(value(span, key), None, "{key}");
    }
    assert_eq!(
        value(span, "gen_ai.response.finish_reasons").expect("there")["arrayValue"]["values"][0]["stringValue"],
        "stop"
    );
    assert_eq!(value(span, "forethought.votes.agreement").expect("there")["doubleValue"], 1.0);
    let leaves = &value(span, "forethought.record.leaves").expect("there")["arrayValue"]["values"];
    assert_eq!(leaves.to_string(), r#"[{"intValue":"0"},{"intValue":"1"}]"#);
}

#[test]
fn samples_are_spans_below_it() {
    let all = lines(&[admission(0, "ward"), answered(1, 0)]);
    let spans = spans(&all[0]);
    assert_eq!(spans.len(), 3);
    for (index, span) in spans[1..].iter().enumerate() {
        assert_eq!((&span["name"], &span["kind"]), (&"sample".into(), &1.into()));
        assert_eq!(span["parentSpanId"], spans[0]["spanId"]);
        assert_eq!(span["traceId"], spans[0]["traceId"]);
        assert_eq!(span["spanId"], sha256(&format!("{}/{index}", id(1)), 8));
        assert_eq!(span["endTimeUnixNano"], spans[0]["endTimeUnixNano"]);
        let index = index.to_string();
        assert_eq!(int(span, "forethought.sample.index"), Some(index.as_str()));
        assert_eq!(string(span, "forethought.sample.seed"), Some(index.as_str()));
        assert_eq!(int(span, "forethought.sample.tokens"), Some("20"));
        assert_eq!(value(span, "forethought.sample.counted").expect("there")["boolValue"], true);
        let conventional = |key: &str| key.starts_with("gen_ai.");
        let keys = span["attributes"].as_array().expect("attributes").iter();
        assert!(!keys.into_iter().any(|attribute| conventional(attribute["key"].as_str().expect("a key"))));
    }
}

#[test]
fn samples_beyond_some_are_counted() {
    let check = |count: u32, spans_expected: usize, without: Option<&str>| {
        let many = |draft: &mut OutcomeDraft| draft.samples = (0..count).map(crate::tests::sample).collect();
        let all = lines(&[admission(0, "ward"), changed(answered(1, 0), many)]);
        let found = spans(&all[0]);
        assert_eq!(found.len(), 1 + spans_expected, "{count}");
        assert_eq!(int(&found[0], "forethought.samples.without_span"), without, "{count}");
    };
    check(0, 0, None);
    check(64, 64, None);
    check(65, 64, Some("1"));
    check(200, 64, Some("136"));
}

#[test]
fn requests_that_failed_are_errors() {
    let check = |status: OutcomeStatus, code: Option<&str>, expected: Option<&str>| {
        let draft = changed(outcome(1, 0, status), |draft| draft.error_code = code.map(ToOwned::to_owned));
        let all = lines(&[admission(0, "ward"), draft]);
        let span = &spans(&all[0])[0];
        assert_eq!(string(span, "error.type"), expected, "{status:?}");
        assert_eq!(span.get("status").map(|status| status["code"].clone()), expected.map(|_| 2.into()), "{status:?}");
        assert_eq!(string(span, "forethought.status"), Some(status.as_str()));
    };
    check(OutcomeStatus::Answered, None, None);
    check(OutcomeStatus::Failed, Some("engine_down"), Some("engine_down"));
    check(OutcomeStatus::Failed, None, Some("failed"));
    check(OutcomeStatus::Deadline, None, Some("deadline"));
    check(OutcomeStatus::Deadline, Some("deadline_exceeded"), Some("deadline_exceeded"));
    check(OutcomeStatus::Cancelled, None, None);
    check(OutcomeStatus::Refused, None, None);
}

#[test]
fn what_has_no_end_has_no_trace() {
    let disk = SimDisk::new();
    drop(log_of(&disk, 3));
    let (log, _) = open(&disk).expect("opens");
    // The open one was found to be interrupted.
    let all = lines_of(&log);
    assert_eq!(all.len(), 2);
    let span = &spans(&all[1])[0];
    assert_eq!(string(span, "error.type"), Some("interrupted"));
    assert_eq!(span["startTimeUnixNano"], "1800000002000000000");
    assert_eq!(span["endTimeUnixNano"], "1801000000000000000");
    assert_eq!(value(span, "gen_ai.usage.input_tokens"), None);
    assert_eq!(lines(&[admission(0, "ward")]).len(), 0);
}

fn held(number: u32, admission: u32) -> Draft {
    changed(outcome(number, admission, OutcomeStatus::Held), |draft| {
        draft.review = Some(ReviewAsked { until: at(900), because: vec!["rule/1".to_owned()] });
    })
}

#[test]
fn what_waits_for_a_person_has_its_trace_once_that_has_decided() {
    let waiting = [admission(0, "ward"), held(1, 0)];
    assert_eq!(lines(&waiting).len(), 0);
    let by = crate::Actor { tenant: "ward".to_owned(), key_id: "key_7".to_owned(), role: "reviewer".to_owned() };
    let decided = ReviewDraft {
        record_id: id(2),
        time: at(700),
        admission: id(0),
        decision: ReviewDecision::Rejected,
        by: Some(by),
        reason: "the patient's secret".to_owned(),
        answer: None,
        call: None,
    };
    let all = lines(&[&waiting[..], &[decided.into()]].concat());
    let span = &spans(&all[0])[0];
    assert_eq!(string(span, "forethought.status"), Some("refused"));
    assert_eq!(string(span, "forethought.review.decision"), Some("rejected"));
    assert_eq!(string(span, "forethought.review.principal"), Some("key_7"));
    assert_eq!(string(span, "forethought.review.time"), Some("2027-01-15T08:11:40Z"));
    // The time that the person took is not the request's.
    assert_eq!(span["endTimeUnixNano"], "1800000000900000000");
    assert_eq!(spans(&all[0]).len(), 3);
    assert!(!all[0].to_string().contains("secret"));
}

/// A request with a call that was done, one that was refused, and one to which nothing came.
fn with_calls() -> Vec<Draft> {
    vec![
        admission(0, "ward"),
        call(10, 0, ToolDecision::Allowed),
        call(11, 0, ToolDecision::Refused),
        call(12, 0, ToolDecision::Held),
        result(20, 0, 10, "done"),
        result(21, 0, 11, "error/refused"),
        answered(30, 0),
    ]
}

#[test]
fn calls_of_tools_are_spans_below_their_samples() {
    let all = lines(&with_calls());
    let spans = spans(&all[0]);
    assert_eq!(spans.len(), 6, "the request, two samples, three calls");
    assert_eq!(int(&spans[0], "forethought.tools.calls"), Some("3"));
    assert_eq!(value(&spans[0], "forethought.tools.calls.without_span"), None);
    let leaves = &value(&spans[0], "forethought.record.leaves").expect("there")["arrayValue"]["values"];
    assert_eq!(leaves.as_array().expect("a list").len(), 7);
    let check = |span: &Value, number: u32, until: i64, error: Option<&str>| {
        assert_eq!((&span["name"], &span["kind"]), (&"execute_tool chart.read".into(), &1.into()));
        assert_eq!(span["parentSpanId"], spans[1]["spanId"], "sample 0");
        assert_eq!(span["spanId"], sha256(id(number).as_str(), 8));
        assert_eq!(span["startTimeUnixNano"], (i128::from(number) + 1_800_000_000).to_string() + "000000000");
        assert_eq!(span["endTimeUnixNano"], (until + 1_800_000_000).to_string() + "000000000");
        assert_eq!(string(span, "gen_ai.operation.name"), Some("execute_tool"));
        assert_eq!(string(span, "gen_ai.tool.name"), Some("chart.read"));
        assert_eq!(string(span, "gen_ai.tool.call.id"), Some(id(number).as_str()));
        assert_eq!(string(span, "error.type"), error, "{number}");
        assert_eq!(span.get("status").is_some(), error.is_some());
    };
    check(&spans[3], 10, 20, None);
    check(&spans[4], 11, 21, Some("refused"));
    check(&spans[5], 12, 30, Some("no_result"));
    assert_eq!(int(&spans[3], "forethought.tool.bytes"), Some("25"));
    assert_eq!(string(&spans[3], "forethought.tool.decision"), Some("allowed"));
    assert_eq!(string(&spans[3], "forethought.tool.state"), Some("done"));
    assert!(!all[0].to_string().contains("penicillin"), "no contents");
}

#[test]
fn calls_beyond_some_are_counted_in_traces() {
    let calls = (100..170).map(|number| call(number, 0, ToolDecision::Allowed));
    let all: Vec<Draft> = std::iter::once(admission(0, "ward")).chain(calls).chain([answered(300, 0)]).collect();
    let all = lines(&all);
    assert_eq!(spans(&all[0]).len(), 1 + 2 + 64);
    assert_eq!(int(&spans(&all[0])[0], "forethought.tools.calls.without_span"), Some("6"));
}

#[test]
fn exports_with_calls_tell_them_in_every_file() {
    let (mut log, _) = roomy();
    log.append(&with_calls()).expect("appended");
    let dir = tempfile::tempdir().expect("a folder");
    let scope = ExportScope::Part(Selection { ids: [request(0).to_string()].into(), ..Selection::default() });
    for (scope, to) in [(whole(), dir.path().join("whole")), (scope, dir.path().join("part"))] {
        exported(&log.signed_snapshot(&signer()).expect("signed"), &scope, &to).expect("exported");
        assert_eq!(verified(&to).expect("holds").records, 7);
        assert!(text(&to, "records.csv").contains(",\"3\",\"chart.read\"\r\n"), "{}", text(&to, "records.csv"));
        assert!(text(&to, "data-card.md").contains("| chart.read | 3 | 1 | 1 |"));
        let card: Value = serde_json::from_str(&text(&to, "data-card.json")).expect("JSON");
        let told = serde_json::json!({ "calls": 3, "held": 1, "refused": 1, "tool": "chart.read" });
        assert_eq!(card["figures"]["tools"][0], told);
        let old = text(&to, "records.csv");
        fs::write(to.join("records.csv"), old.replace("\"3\"", "\"2\"")).expect("written");
        rewrite_manifest(&to, |_| {});
        assert!(verified(&to).expect_err("found").to_string().starts_with("records.csv: "));
    }
}

#[test]
fn what_is_rare_is_there_too() {
    let mut one = admission(0, "ward");
    if let Draft::Admission(draft) = &mut one {
        draft.admission.n = 3;
        draft.admission.seed = 77;
        draft.admission.model = "a \"model\"\n\u{2028}<b>".to_owned();
        draft.admission.laws =
            vec![LawNote { rule: "eu/5".to_owned(), state: "enforced".to_owned(), effect: None, assessment: None }];
    }
    let draft = changed(answered(1, 0), |draft| {
        draft.samples[0].thinking_tokens = 5;
        draft.samples[1].check = Some("refuted".to_owned());
        draft.samples[1].counted = false;
        draft.samples[1].finish_reason = None;
        draft.votes.push(VoteDraft { answer: "another".to_owned(), count: 1 });
        draft.cost = u64::MAX;
        draft.spent.wall_ms = u64::MAX;
    });
    let all = lines(&[one, draft]);
    let span = &spans(&all[0])[0];
    assert_eq!(span["name"], "chat a \"model\"\n\u{2028}<b>");
    assert_eq!(int(span, "gen_ai.request.choice.count"), Some("3"));
    assert_eq!(int(span, "gen_ai.request.seed"), Some("77"));
    assert_eq!(int(span, "gen_ai.usage.reasoning.output_tokens"), Some("5"));
    assert_eq!(int(span, "forethought.votes.answers"), Some("2"));
    let agreement =
        value(span, "forethought.votes.agreement").expect("there")["doubleValue"].as_f64().expect("a number");
    assert!((agreement - 2.0 / 3.0).abs() < 1e-12, "{agreement}");
    assert_eq!(value(span, "forethought.cost_thousandths"), None);
    assert_eq!(span["endTimeUnixNano"], u64::MAX.to_string());
    assert_eq!(value(span, "forethought.rules").expect("there")["arrayValue"]["values"][0]["stringValue"], "eu/5");
    let sample = &spans(&all[0])[2];
    assert_eq!(string(sample, "forethought.sample.check"), Some("refuted"));
    assert_eq!(string(sample, "forethought.sample.finish_reason"), None);
    assert_eq!(value(sample, "forethought.sample.counted").expect("there")["boolValue"], false);
}

#[test]
fn every_span_has_an_id_of_its_own() {
    let all = lines_of(&log_of(&SimDisk::new(), 600));
    assert_eq!(all.len(), 300);
    let ids: std::collections::BTreeSet<&str> =
        all.iter().flat_map(spans).map(|span| span["spanId"].as_str().expect("an id")).collect();
    assert_eq!(ids.len(), 900);
}

#[test]
fn lines_that_are_moved_changed_or_doubled_are_named() {
    let (_dir, to) = sample(20, &whole());
    let good: Vec<String> = text(&to, "traces.jsonl").split_inclusive('\n').map(ToOwned::to_owned).collect();
    let check = |change: &dyn Fn(&mut Vec<String>), expected: &str| {
        let mut lines = good.clone();
        change(&mut lines);
        fs::write(to.join("traces.jsonl"), lines.concat()).expect("written");
        rewrite_manifest(&to, |_| {});
        let error = verified(&to).expect_err("found").to_string();
        assert_eq!(error, format!("traces.jsonl: {expected}"));
    };
    check(&|lines| lines.swap(3, 4), "line 4 is not what the records say");
    check(&|lines| drop(lines.remove(7)), "line 8 is not what the records say");
    check(&|lines| drop(lines.pop()), "line 10 is not what the records say");
    check(&|lines| lines.insert(5, lines[5].clone()), "line 7 is not what the records say");
    check(&|lines| lines.push(lines[9].clone()), "it has more than the records say");
    check(&|lines| lines.push("\n".to_owned()), "it has more than the records say");
    check(&|lines| lines[2] = lines[2].replace("\"12\"", "\"13\""), "line 3 is not what the records say");
    check(&|lines| lines.clear(), "line 1 is not what the records say");
}
