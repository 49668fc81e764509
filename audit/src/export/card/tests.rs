//! The card describes every field that there is, and no other.

use std::collections::BTreeSet;

use forethought_schemas::{Budget, Effort, Facts, RecordId, StrategyName};
use serde_json::Value;

use super::{
    record_fields::RECORD,
    words::{self, In},
};
use crate::{
    Act, Actor, Admission, Body, ClassifierNote, Commitment, Digest, Erasure, ErasureCause, Interrupted, KeyTrace,
    LawNote, LostRange, Outcome, OutcomeStatus, PolicyRef, Record, RefusedKey, RetentionDays, RetentionNote, Review,
    ReviewAsked, ReviewDecision, SafeguardNote, SampleOutcome, Spent, TailCut, ToolCall, ToolDecision, ToolResult,
    ToolsSpent, VoteCount,
    export::{
        csv, lines,
        manifest::{Manifest, VERSION},
        requests::Requests,
        sum::Sum,
        traces,
    },
    tests::{at, id, request},
};

fn text() -> String {
    "x".to_owned()
}

fn texts() -> Vec<String> {
    vec![text()]
}

fn days() -> RetentionDays {
    RetentionDays { days: 1, rule: text() }
}

fn policy() -> PolicyRef {
    PolicyRef { version: text(), digest: text() }
}

fn actor() -> Actor {
    Actor { tenant: text(), key_id: text(), role: text() }
}

fn safeguards() -> Vec<SafeguardNote> {
    vec![SafeguardNote { kind: text(), list: Some(text()), action: text(), count: 1 }]
}

fn admission() -> Admission {
    Admission {
        request_id: request(1),
        tenant: text(),
        key_id: text(),
        model: text(),
        weights_digest: text(),
        policy: policy(),
        effort: Effort::Medium,
        strategy: StrategyName::SelfConsistency,
        budget: Budget { max_samples: 1, total_tokens: 1, sample_tokens: 1, deadline_ms: 1 },
        seed: 1,
        n: 2,
        thinking_tokens: Some(1),
        safeguards: safeguards(),
        facts: Facts {
            purpose: Some(text()),
            sectors: texts(),
            regions: texts(),
            data_classes: texts(),
            interaction: Some(text()),
            decision: Some(text()),
            grounds: texts(),
        },
        laws: vec![LawNote { rule: text(), state: text(), effect: Some(text()), assessment: Some(text()) }],
        retention: RetentionNote {
            records: Some(days()),
            contents: Some(days()),
            limit: Some(days()),
            erase: Some(days()),
            open: texts(),
        },
    }
}

fn sample(index: u32) -> SampleOutcome {
    SampleOutcome {
        index,
        seed: 1,
        finish_reason: Some(text()),
        tokens: 2,
        thinking_tokens: 1,
        check: Some(text()),
        answer: Some(Digest::of(b"x")),
        counted: true,
        cancelled: true,
    }
}

fn classifier() -> ClassifierNote {
    ClassifierNote {
        id: text(),
        stage: text(),
        verdict: text(),
        action: Some(text()),
        categories: texts(),
        calls: 1,
        prompt_tokens: 1,
        generated_tokens: 1,
        wall_ms: 1,
    }
}

fn outcome() -> Outcome {
    Outcome {
        admission: id(1),
        request_id: request(1),
        tenant: text(),
        status: OutcomeStatus::Held,
        error_code: Some(text()),
        finish_reason: Some(text()),
        samples: (0..65).map(sample).collect(),
        votes: vec![VoteCount { answer: Digest::of(b"x"), count: 1 }],
        spent: Spent { prompt_tokens: 1, generated_tokens: 1, samples: 1, wall_ms: 1 },
        since: Some(at(1)),
        cost: 1,
        safeguards: safeguards(),
        classifiers: vec![classifier()],
        review: Some(ReviewAsked { until: at(1), because: texts() }),
        stop: Some(text()),
        chosen: vec![1],
        tools: Some(ToolsSpent { calls: 1, refused: 1, failed: 1, wall_ms: 1, cost: 1 }),
    }
}

fn review() -> Review {
    Review {
        admission: id(1),
        request_id: request(1),
        tenant: text(),
        decision: ReviewDecision::Approved,
        by: Some(actor()),
        reason: text(),
        call: None,
    }
}

fn tool_call() -> ToolCall {
    ToolCall {
        admission: id(1),
        request_id: request(1),
        tenant: text(),
        sample: 1,
        round: 1,
        call: 1,
        tool: text(),
        spec: text(),
        effect: text(),
        decision: ToolDecision::Held,
        because: texts(),
        policy: Some(policy()),
        safeguards: safeguards(),
        until: Some(at(1)),
    }
}

fn tool_result() -> ToolResult {
    ToolResult {
        admission: id(1),
        request_id: request(1),
        tenant: text(),
        call: id(100),
        state: ToolResult::error("timed_out"),
        wall_ms: 1,
        bytes: 1,
        left_out: 1,
        cost: 1,
        safeguards: safeguards(),
    }
}

fn act() -> Act {
    let keys = vec![KeyTrace { id: text(), place: text() }];
    let refused = vec![RefusedKey { id: text(), why: text(), rule: Some(text()), until: Some(text()) }];
    let erasure = Erasure { tenant: text(), cause: ErasureCause::Person, keys, refused, refused_count: 1 };
    Act {
        what: text(),
        by: Some(actor()),
        object: Some(text()),
        policy: policy(),
        changes: texts(),
        reason: Some(text()),
        erasure: Some(erasure),
    }
}

fn tail_cut() -> TailCut {
    TailCut {
        segment: Some(text()),
        offset: 1,
        bytes: 1,
        kept_as: Some(text()),
        what: text(),
        acknowledged_lost: Some(LostRange { first: 1, last: 2 }),
    }
}

/// A record of each type that there is since this, with everything that it can have.
fn records(since: In) -> Vec<Record> {
    let interrupted = Interrupted { admission: id(1), request_id: request(1), tenant: text(), reason: text() };
    let old = Outcome { tools: None, ..outcome() };
    let first = (id(1), Body::Admission(admission()));
    let before = [
        (id(2), Body::Outcome(if since == In::New { outcome() } else { old })),
        (id(3), Body::Review(review())),
        (id(4), Body::Interrupted(interrupted)),
        (id(5), Body::Act(act())),
        (id(6), Body::TailCut(tail_cut())),
    ];
    let calls = if since == In::New { calls() } else { Vec::new() };
    let commitment = Commitment { name: text(), commitment: Digest::of(b"x"), sealed: Digest::of(b"x") };
    let record = |(record_id, body)| Record {
        v: 1,
        record_id,
        time: at(1),
        prev: Some(Digest::GENESIS),
        body,
        contents: vec![commitment.clone()],
    };
    std::iter::once(first).chain(calls).chain(before).map(record).collect()
}

/// One that was held, approved and done, and more than have a span.
fn calls() -> Vec<(RecordId, Body)> {
    let more = |number| (id(number), Body::ToolCall(ToolCall { until: None, ..tool_call() }));
    let approved = Review { call: Some(id(100)), ..review() };
    let one = [
        (id(100), Body::ToolCall(tool_call())),
        (id(101), Body::Review(approved)),
        (id(102), Body::ToolResult(tool_result())),
    ];
    one.into_iter().chain((200..265).map(more)).collect()
}

/// The paths of all values that are neither objects nor arrays of them; of arrays, their own as well.
fn paths(value: &Value, path: &str, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                paths(value, &path, found);
            }
        }
        Value::Array(values) => {
            found.insert(path.to_owned());
            for value in values.iter().filter(|value| value.is_object()) {
                paths(value, &format!("{path}[]"), found);
            }
        }
        _ => {
            found.insert(path.to_owned());
        }
    }
}

fn described(fields: &[words::Field]) -> BTreeSet<String> {
    let fields: Vec<_> = fields.iter().filter(|field| field.versions.has(VERSION)).collect();
    let all: BTreeSet<String> = fields.iter().map(|field| field.path.to_owned()).collect();
    assert_eq!(all.len(), fields.len(), "one stands there twice");
    all
}

/// The fields of a file, as they are described now.
fn fields_of(path: &str) -> Vec<words::Field> {
    let file = words::FILES.iter().find(|file| file.path == path && file.versions() != In::Old).expect("there");
    file.fields(VERSION)
}

#[test]
fn every_field_of_a_record_is_described() {
    let mut found = BTreeSet::new();
    for (leaf, record) in records(In::New).iter().enumerate() {
        let bytes = serde_json::to_vec(record).expect("JSON");
        let stub = br#"{"v":2,"record_id":"x","large":{"bytes":1,"sha256":"x"}}"#;
        let line = lines::line(leaf as u64, stub, &bytes).expect("one line");
        let line: Value = serde_json::from_slice(&line).expect("JSON");
        let mut own = BTreeSet::new();
        paths(&line, "", &mut own);
        let body = format!("<{}>.", record.body.kind());
        found.extend(own.into_iter().map(|path| match path.strip_prefix("record.body.") {
            Some(rest) if rest != "type" => format!("{body}{rest}"),
            _ => path,
        }));
    }
    // What only has others in it, and is described as well.
    found.extend(["stub", "record", "<admission>.retention"].map(ToOwned::to_owned));
    assert_eq!(described(RECORD), found);
}

#[test]
fn every_column_is_described_in_its_place() {
    let header = csv::header(VERSION);
    let columns: Vec<&str> = header.trim_end().split(',').collect();
    assert_eq!(fields_of("records.csv").iter().map(|field| field.path).collect::<Vec<_>>(), columns);
}

#[test]
fn every_attribute_of_a_trace_is_described() {
    let mut requests = Requests::default();
    let mut all = records(In::New);
    all.retain(|record| !matches!(record.body, Body::Interrupted(_)));
    let request = all.iter().zip(0..).find_map(|(record, leaf)| requests.take(leaf, record)).expect("finished");
    let line: Value = serde_json::from_str(&traces::line(&request, "log").expect("a line")).expect("JSON");
    let mut found = BTreeSet::new();
    keys(&line, &mut found);
    let own = ["traceId", "spanId", "parentSpanId", "startTimeUnixNano", "endTimeUnixNano", "status.code"];
    found.extend(own.map(ToOwned::to_owned));
    assert_eq!(described(&fields_of("traces.jsonl")), found);
}

/// The keys of all attributes.
fn keys(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => {
            found.extend(fields.get("key").and_then(Value::as_str).map(ToOwned::to_owned));
            for value in fields.values() {
                keys(value, found);
            }
        }
        Value::Array(values) => {
            for value in values {
                keys(value, found);
            }
        }
        _ => {}
    }
}

#[test]
fn the_versions_that_are_told_are_those_that_are_written() {
    let version = |name: &str| {
        let formats = words::formats(VERSION);
        let names: BTreeSet<&str> = formats.iter().map(|format| format.name).collect();
        assert_eq!(names.len(), formats.len(), "one stands there twice");
        let format = formats.iter().find(|format| format.name.starts_with(name)).expect("there");
        format.version
    };
    assert_eq!(version("manifest.json"), VERSION.to_string());
    assert!(version("records").starts_with(&format!("1 to {}", crate::record::VERSION)));
    let conventions = traces::SCHEMA.rsplit('/').next().expect("a version");
    assert!(version("traces.jsonl").ends_with(&format!("conventions {conventions}")));
}

/// A manifest that has everything.
const ALL: &str = r#"{
    "format": "forethought-export", "version": 2, "made": "2026-01-02T03:04:05Z", "kind": "whole", "note": "x",
    "selection": {"tenant": "x"}, "origin": "example.com/log", "size": 6, "root": "x", "records": 6, "requests": 1, "receipts": 6,
    "annex": [
        {"name": "a", "title": "x", "media_type": "text/plain", "standing": {"by": "maker"}},
        {"name": "b", "title": "x", "media_type": "text/plain", "standing": {"by": "belongs_to", "digest": "sha256:x"}},
        {"name": "c", "title": "x", "media_type": "text/plain", "standing": {"by": "log", "digest": "sha256:x"}}
    ],
    "files": []
}"#;

/// Who changes a word, or how a line is made, has exports that were made before not hold any more.
#[test]
fn the_bytes_are_those_of_their_versions() {
    let check = |version: u32, records: &[Record]| {
        let mut sum = Sum::default();
        let requests: Vec<_> = records.iter().zip(0..).filter_map(|(record, leaf)| sum.take(leaf, record)).collect();
        let [request] = requests.as_slice() else { panic!("{requests:?}") };
        let manifest = ALL.replace("\"version\": 2", &format!("\"version\": {version}"));
        let manifest = Manifest::parse(manifest.as_bytes()).expect("a manifest");
        let [(_, json), (_, markdown)] = super::make(&manifest, &sum.counts).expect("made");
        let line = traces::line(request, "log").expect("a line");
        let found = [
            ("data-card.json", json),
            ("data-card.md", markdown),
            ("traces.jsonl", line.into_bytes()),
            ("records.csv", csv::row(request, version).into_bytes()),
        ];
        let digests = found.iter().map(|(file, bytes)| format!("{}  {file}\n", Digest::of(bytes)));
        let noted = format!("{}/src/export/card/version-{version}.sha256", env!("CARGO_MANIFEST_DIR"));
        assert_eq!(
            digests.collect::<String>(),
            std::fs::read_to_string(noted).expect("read"),
            "count up the manifest's version, and have what is of version {version} stay"
        );
    };
    check(2, &records(In::Old));
    check(3, &records(In::New));
    assert_eq!(VERSION, 3, "the last one is checked");
}
