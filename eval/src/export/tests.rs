//! Exports of logs and results that are made up: what is in them, what is not, and what the card says.

use std::{fs, path::Path};

use forethought_audit::{
    Admission, AdmissionDraft, Asked, AuditLog, Draft, LogOptions, OutcomeDraft, OutcomeStatus, PolicyRef, SampleDraft,
    Scope, Spent, VoteDraft,
};
use forethought_policies::Policy;
use forethought_schemas::{Budget, ChatRole, Effort, RecordId, RequestId, StrategyName};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::*;
use crate::{
    EvalError, Results,
    plan::tests::plan,
    results::tests::{results, session},
};

/// Options that let everything through; the folder is none that could be made.
pub(crate) fn options() -> Options {
    Options {
        out: "/nonexistent/data".into(),
        force: false,
        verified_only: false,
        min_agreement: None,
        keep_duplicates: false,
        max_pairs: 3,
        thoughts: false,
    }
}

pub(crate) fn deliberation(samples: Vec<Drawn>, served: Option<usize>) -> Deliberation {
    Deliberation {
        prompt: vec![ChatMessage::new(ChatRole::User, "?")],
        origin: Origin::Audit { request: "req_1".into(), tenant: "a".into(), time: "2026-11-23T10:00:00.000Z".into() },
        model: "m".into(),
        weights: "sha256:0".into(),
        strategy: "self_consistency".into(),
        served,
        samples,
    }
}

/// A data directory with a log, and the policy of its tenants.
struct Room {
    folder: tempfile::TempDir,
    log: AuditLog,
    number: u32,
}

impl Room {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (log, _) = AuditLog::open(folder.path().join("data"), LogOptions::default(), at(0)).unwrap();
        Self { folder, log, number: 0 }
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn out(&self) -> PathBuf {
        self.folder.path().join("out")
    }

    /// A request and its outcome: texts of samples, each with its answer; the first is what the client got.
    fn answered(&mut self, tenant: &str, prompt: Value, samples: &[(&str, &str)]) {
        let drafts = self.drafts(tenant, prompt, samples);
        self.log.append(&drafts).unwrap();
    }

    fn drafts(&mut self, tenant: &str, prompt: Value, samples: &[(&str, &str)]) -> [Draft; 2] {
        let admission = self.number;
        self.number += 2;
        [admitted(admission, tenant, prompt).into(), ended(admission + 1, admission, samples).into()]
    }

    fn export(&self, tenants: &[(&str, bool)], selection: &Selection, options: Options) -> Result<Exported, EvalError> {
        let options = Options { out: self.out(), force: true, ..options };
        from_audit(&self.data(), &policy(tenants), selection, &options, &|_| ControlFlow::Continue(()))
    }

    fn lines(&self, file: &str) -> Vec<Value> {
        let text = fs::read_to_string(self.out().join(file)).unwrap_or_default();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).unwrap()
}

fn id(number: u32) -> RecordId {
    format!("rec_{number:032x}").into()
}

fn asked(question: &str) -> Value {
    json!({ "messages": [{ "role": "user", "content": question }], "answer": "Number" })
}

fn admitted(number: u32, tenant: &str, prompt: Value) -> AdmissionDraft {
    AdmissionDraft {
        record_id: id(number),
        time: at(number.into()),
        admission: Admission {
            request_id: RequestId::from(format!("req_{number}")),
            tenant: tenant.to_owned(),
            key_id: "k_00112233".to_owned(),
            model: "smollm2".to_owned(),
            weights_digest: "sha256:77".to_owned(),
            policy: PolicyRef { version: "1".to_owned(), digest: "sha256:11".to_owned() },
            effort: Effort::Medium,
            strategy: StrategyName::SelfConsistency,
            budget: Budget { max_samples: 3, total_tokens: 300, sample_tokens: 100, deadline_ms: 5000 },
            seed: 7,
            n: 1,
            thinking_tokens: None,
            safeguards: Vec::new(),
            facts: forethought_schemas::Facts::default(),
            laws: Vec::new(),
            retention: forethought_audit::RetentionNote::default(),
        },
        prompt: prompt.to_string().into_bytes(),
        subject: None,
    }
}

fn ended(number: u32, admission: u32, samples: &[(&str, &str)]) -> OutcomeDraft {
    let sample = |(index, (text, answer)): (usize, &(&str, &str))| SampleDraft {
        index: u32::try_from(index).unwrap(),
        seed: 1,
        finish_reason: Some("stop".to_owned()),
        tokens: 20,
        thinking_tokens: 0,
        check: None,
        text: Some(text.as_bytes().to_vec()),
        answer: Some((*answer).to_owned()),
        counted: true,
        cancelled: false,
    };
    let served = samples[0].0.rsplit("</think>").next().unwrap().trim_start();
    OutcomeDraft {
        record_id: id(number),
        time: at(number.into()),
        admission: id(admission),
        status: OutcomeStatus::Answered,
        error_code: None,
        finish_reason: Some("stop".to_owned()),
        samples: samples.iter().enumerate().map(sample).collect(),
        votes: vec![VoteDraft { answer: samples[0].1.to_owned(), count: 2 }],
        spent: Spent::default(),
        answer: Some(served.as_bytes().to_vec()),
        cost: 0,
        safeguards: Vec::new(),
        classifiers: Vec::new(),
        review: None,
        disclosures: None,
        stop: None,
        chosen: Vec::new(),
        tokens: None,
        tools: None,
    }
}

fn policy<C: serde::Serialize>(tenants: &[(&str, C)]) -> Policy {
    let tenant = |(at, (id, consent)): (usize, &(&str, C))| {
        let key = json!({ "id": key(at), "hash": format!("sha256:{at:064x}"), "role": "user", "created": at_text(0) });
        json!({ "id": id, "name": id, "training_consent": consent, "keys": [key],
                "limits": { "requests_per_minute": 1, "tokens_per_minute": 1, "concurrent_requests": 1 },
                "budget": { "max_samples": 1, "total_tokens": 1, "deadline_ms": 1, "effort": "low" } })
    };
    let tenants: Vec<Value> = tenants.iter().enumerate().map(tenant).collect();
    Policy::parse(Path::new("p.yaml"), json!({ "version": 1, "tenants": tenants }).to_string().as_bytes()).unwrap()
}

#[test]
fn the_best_is_exported_and_set_against_the_rejected() {
    let mut room = Room::new();
    room.answered("acme", asked("6 * 7?"), &[("It is 42.", "42"), ("Forty: 40.", "40"), ("So 42", "42")]);
    let exported = room.export(&[("acme", true)], &Selection::default(), options()).unwrap();
    assert_eq!((exported.considered, exported.sft, exported.preferences), (1, 1, 1));
    let sft = json!({
        "messages": [{ "role": "user", "content": "6 * 7?" }, { "role": "assistant", "content": "It is 42." }],
        "source": "audit", "request": "req_0", "tenant": "acme", "time": "2027-01-15T08:00:00.000Z",
        "model": "smollm2", "weights": "sha256:77", "strategy": "self_consistency", "answer": "42",
        "agreement": 2.0 / 3.0, "samples": 3, "check": null, "tokens": 20,
    });
    assert_eq!(room.lines("sft.jsonl"), [sft]);
    let pair = &room.lines("preferences.jsonl")[0];
    assert_eq!(pair["prompt"], json!([{ "role": "user", "content": "6 * 7?" }]));
    assert_eq!(pair["chosen"], json!([{ "role": "assistant", "content": "It is 42." }]));
    assert_eq!(pair["rejected"], json!([{ "role": "assistant", "content": "Forty: 40." }]));
    assert_eq!((&pair["rejected_answer"], &pair["tenant"]), (&json!("40"), &json!("acme")));
}

#[test]
fn nothing_is_there_of_a_tenant_that_does_not_consent() {
    let mut room = Room::new();
    room.answered("acme", asked("open?"), &[("yes 1", "1"), ("no 2", "2")]);
    room.answered("secretive", asked("hidden-question?"), &[("hidden-answer 1", "1"), ("hidden-other 2", "2")]);
    let tenants = [("acme", true), ("secretive", false)];
    let exported = room.export(&tenants, &Selection::default(), options()).unwrap();
    assert_eq!((exported.considered, exported.sft, exported.left_out.len()), (1, 1, 0));
    for entry in fs::read_dir(room.out()).unwrap() {
        let text = fs::read_to_string(entry.unwrap().path()).unwrap();
        assert!(!text.contains("hidden") && !text.contains("secretive"), "{text}");
    }
    // One that the policy does not name any more has not consented either.
    let exported = room.export(&[("acme", true)], &Selection::default(), options()).unwrap();
    assert_eq!(exported.considered, 1);
    let refuse = |tenants: &[(&str, bool)], tenant: Option<&str>, expect: &str| {
        let selection = Selection { tenant: tenant.map(ToOwned::to_owned), ..Selection::default() };
        let wrong = room.export(tenants, &selection, options()).unwrap_err();
        assert!(wrong.is_usage() && wrong.to_string().contains(expect), "{wrong}");
    };
    refuse(&tenants, Some("secretive"), "`secretive` does not consent to training; once it consents");
    refuse(&tenants, Some("nobody"), "there is no tenant `nobody` in the policy");
    refuse(&[("acme", false)], None, "no tenant consents to training");
}

#[test]
fn a_log_of_many_pages_is_exported_whole_and_in_order() {
    let mut room = Room::new();
    let request = |number| {
        let tenant = if number % 12 == 0 { "b" } else { "a" };
        room.drafts(tenant, asked(&format!("question {number}")), &[("1", "1")])
    };
    let drafts: Vec<Draft> = (0..1200).flat_map(request).collect();
    room.log.append(&drafts).unwrap();
    let exported = room.export(&[("a", true), ("b", true)], &Selection::default(), options()).unwrap();
    assert_eq!((exported.considered, exported.sft, exported.preferences), (1200, 1200, 0));
    let questions: Vec<String> = room
        .lines("sft.jsonl")
        .iter()
        .map(|line| line["messages"][0]["content"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(questions, (0..1200).map(|number| format!("question {number}")).collect::<Vec<_>>());
    assert!(!room.out().join("preferences.jsonl").exists());
    let only = Selection { tenant: Some("b".into()), since: Some(at(240)), until: Some(at(480)) };
    assert_eq!(room.export(&[("b", true)], &only, options()).unwrap().considered, 10);
}

#[test]
fn thoughts_are_kept_apart_and_come_only_when_asked_for() {
    let mut room = Room::new();
    let mut prompt = asked("6 * 7?");
    prompt["thinking"] =
        json!({ "tokens": null, "style": { "open": ["<think>"], "close": ["</think>"], "begin": "" } });
    let thought = "<think>\nsix sevens\n</think>\n\nIt is 42.";
    let samples = [(thought, "42"), ("<think>\nguess\n</think>\n\n40", "40"), ("So 42", "42")];
    room.answered("acme", prompt.clone(), &samples);
    // The same text after another thought is no duplicate where the thoughts are kept.
    let other = "<think>\nseven sixes\n</think>\n\nIt is 42.";
    room.answered("acme", prompt, &[(other, "42")]);
    room.export(&[("acme", true)], &Selection::default(), options()).unwrap();
    let said = room.lines("sft.jsonl");
    assert_eq!((said.len(), &said[0]["messages"][1]), (1, &json!({ "role": "assistant", "content": "It is 42." })));
    room.export(&[("acme", true)], &Selection::default(), Options { thoughts: true, ..options() }).unwrap();
    let with = json!({ "role": "assistant", "content": "It is 42.", "reasoning_content": "six sevens" });
    assert_eq!((room.lines("sft.jsonl").len(), &room.lines("sft.jsonl")[0]["messages"][1]), (2, &with));
    assert_eq!(room.lines("preferences.jsonl")[0]["rejected"][0]["reasoning_content"], json!("guess"));
}

#[test]
fn what_verifiers_said_is_in_the_records() {
    let mut room = Room::new();
    let mut request = |question: &str, checks: [Option<&str>; 2]| {
        let mut drafts = room.drafts("a", asked(question), &[("6 * 7 = 42", "42"), ("6 * 7 = 40", "40")]);
        if let Draft::Outcome(outcome) = &mut drafts[1] {
            for (sample, check) in outcome.samples.iter_mut().zip(checks) {
                sample.check = check.map(ToOwned::to_owned);
            }
        }
        room.log.append(&drafts).unwrap();
    };
    request("good", [Some("passed"), Some("refuted")]);
    request("bad", [Some("refuted"), Some("passed")]);
    request("unsure", [Some("unchecked"), Some("refuted")]);
    request("none", [None, None]);
    let verified = Options { verified_only: true, ..options() };
    let exported = room.export(&[("a", true)], &Selection::default(), verified).unwrap();
    assert_eq!((exported.sft, exported.preferences), (1, 1));
    assert_eq!(exported.left_out, BTreeMap::from([(Why::Refuted, 1), (Why::NotVerified, 2)]));
    let line = &room.lines("sft.jsonl")[0];
    assert_eq!((&line["messages"][0]["content"], &line["check"]), (&json!("good"), &json!("passed")));
}

#[test]
fn filters_and_duplicates_leave_out_and_are_told() {
    let mut room = Room::new();
    let ones = [("1", "1"), ("1.", "1"), ("1!", "1")];
    room.answered("a", asked("q"), &[ones[0], ones[1], ("2", "2")]);
    room.answered("a", asked("q"), &[ones[0], ones[1], ("2", "2")]);
    let more = [("2", "2"), ("3", "3"), ("2 ", "2"), ("3 ", "3")];
    room.answered("a", asked("other"), &[ones.as_slice(), more.as_slice()].concat());
    let all = |more: Options| room.export(&[("a", true)], &Selection::default(), more);
    let exported = all(options()).unwrap();
    assert_eq!((exported.sft, exported.preferences), (2, 3));
    assert_eq!(exported.left_out, BTreeMap::from([(Why::Duplicate, 1)]));
    let exported = all(Options { keep_duplicates: true, max_pairs: 1, ..options() }).unwrap();
    assert_eq!((exported.sft, exported.preferences, exported.left_out.len()), (3, 3, 0));
    let exported = all(Options { min_agreement: Some(0.5), ..options() }).unwrap();
    assert_eq!((exported.sft, exported.left_out[&Why::LowAgreement]), (1, 1));
    let wrong = all(Options { verified_only: true, ..options() }).unwrap_err();
    let told = wrong.to_string();
    assert!(wrong.is_usage() && told.starts_with("none of 3 deliberations can be exported (3 not passed by"), "{told}");
    // The export before it stays as it was.
    assert_eq!(room.lines("sft.jsonl").len(), 1);
}

#[test]
fn contents_whose_key_is_gone_are_left_out() {
    let mut room = Room::new();
    room.answered("gone", asked("q"), &[("1", "1")]);
    room.answered("here", asked("q"), &[("1", "1")]);
    let policy = PolicyRef { version: "1".to_owned(), digest: "sha256:11".to_owned() };
    let asked_for = Asked { by: None, reason: None, policy };
    room.log.erase(&Scope::Tenant("gone".to_owned()), &asked_for, at(99)).unwrap();
    let exported = room.export(&[("gone", true), ("here", true)], &Selection::default(), options()).unwrap();
    assert_eq!((exported.sft, exported.left_out[&Why::Unreadable]), (1, 1));
}

#[test]
fn the_card_says_what_the_data_are() {
    let mut room = Room::new();
    room.answered("acme", asked("q"), &[("1", "1"), ("2", "2"), ("1.", "1")]);
    let more = Options { min_agreement: Some(0.5), ..options() };
    room.export(&[("acme", true)], &Selection::default(), more).unwrap();
    let card = fs::read_to_string(room.out().join("README.md")).unwrap();
    let parts = [
        "---\npretty_name: ",
        "- config_name: sft\n  data_files:\n  - split: train\n    path: sft.jsonl\n  default: true\n",
        "- config_name: preferences\n",
        "dataset_info:\n- config_name: sft\n  features:\n",
        "  - name: messages\n    list:\n    - name: role\n      dtype: string\n",
        "- config_name: preferences\n  features:\n",
        "  - name: check\n    dtype: string\n",
        "| `sft.jsonl` | 1 | ",
        "- smollm2, weights sha256:77: 1\n",
        "- self_consistency: 1\n",
        "- acme: 1\n",
        "Requests from 2027-01-15T08:00:00.000Z to 2027-01-15T08:00:00.000Z.",
        "- agreement of the samples: at least 0.5\n",
        "Only tenants are in it that consent to training, with what they asked since they consented.",
        "both are dropped: 0 were.",
    ];
    for part in parts {
        assert!(card.contains(part), "no `{part}` in {card}");
    }
}

#[test]
fn evaluated_samples_are_chosen_by_the_known_answers() {
    let folder = tempfile::tempdir().unwrap();
    let mut results = results(plan(3, &["a=single", "b=single"], 1), |task| (task.question < 2, 10));
    // The served answer is wrong, and another sample is right.
    let reply = results.outcomes[0].reply.as_mut().unwrap();
    reply.samples.push(crate::Sample { text: "Well, 9.".into(), answer: Some("9".into()), ..reply.samples[0].clone() });
    reply.samples.swap(0, 1);
    reply.text = "Well, 9.".into();
    results.outcomes[1].reply = None;
    results.outcomes.reverse();
    let options = Options { out: folder.path().join("out"), ..options() };
    asked_by(&mut results, &[0]);
    let exported = from_results(&results, &policy(&[("acme", true)]), &options, &on).unwrap();
    assert_eq!((exported.considered, exported.sft, exported.preferences), (6, 2, 1));
    let left_out = BTreeMap::from([(Why::NoAnswer, 1), (Why::NoneRight, 2), (Why::Duplicate, 1)]);
    assert_eq!(exported.left_out, left_out);
    let text = fs::read_to_string(options.out.join("sft.jsonl")).unwrap();
    let first: Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
    assert_eq!(first["messages"][1]["content"], json!("0"));
    let origin = [&first["source"], &first["set"], &first["question"], &first["way"], &first["repeat"]];
    assert_eq!(origin, [&json!("evaluation"), &json!("sums"), &json!("q0"), &json!("a"), &json!(0)]);
    let pairs = fs::read_to_string(options.out.join("preferences.jsonl")).unwrap();
    assert!(pairs.contains("\"rejected\":[{\"content\":\"Well, 9.\"") || pairs.contains("Well, 9."), "{pairs}");
    let card = fs::read_to_string(options.out.join("README.md")).unwrap();
    assert!(card.contains("must not evaluate on these questions again") && card.contains("- sums: 2\n"), "{card}");
    assert!(card.contains("They were asked with keys of: acme; all of them consent to training."), "{card}");
}

fn on(_: Option<usize>) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

fn key(tenant: usize) -> String {
    format!("k_{tenant:08x}")
}

fn at_text(second: i64) -> String {
    at(second).to_string()
}

/// Has the answers, in turn, asked with the keys of these tenants, by their places in the policy, at the second 10.
fn asked_by(results: &mut Results, tenants: &[usize]) {
    let weights = results.plan.header.model.weights.clone();
    results.sessions = tenants.iter().map(|tenant| session(10, &weights, &key(*tenant))).collect();
    for (at, outcome) in results.outcomes.iter_mut().enumerate() {
        outcome.session = Some(at % tenants.len());
    }
}

#[test]
fn evaluated_answers_are_those_of_the_tenant_that_asked() {
    let folder = tempfile::tempdir().unwrap();
    let options = Options { out: folder.path().join("out"), force: true, ..options() };
    let mut results = results(plan(4, &["a=single"], 1), |_| (true, 10));
    let export = |results: &Results, tenants: &[(&str, Value)]| from_results(results, &policy(tenants), &options, &on);
    let refuse = |results: &Results, tenants: &[(&str, Value)], expect: &str| {
        let wrong = export(results, tenants).unwrap_err();
        assert!(wrong.is_usage() && wrong.to_string().contains(expect), "{wrong}");
        assert!(!options.out.exists());
    };
    refuse(&results, &[("acme", json!(true))], "do not say whose key asked");
    asked_by(&mut results, &[0, 1]);
    refuse(
        &results,
        &[("acme", json!(true)), ("secretive", json!(false))],
        "tenant `secretive`, whose key asked, does not consent",
    );
    refuse(&results, &[("acme", json!(true))], "the key k_00000001 that asked is not in the policy");
    let late = [("acme", json!(true)), ("late", json!(at_text(11)))];
    refuse(
        &results,
        &late,
        "tenant `late` consents to training since 2027-01-15T08:00:11.000Z, and was asked with before",
    );
    let mut mixed = results.clone();
    mixed.sessions.push(session(20, "sha256:other", &key(0)));
    refuse(&mixed, &[("acme", json!(true)), ("b", json!(true))], "weights were exchanged meanwhile");
    assert_eq!(export(&results, &[("acme", json!(true)), ("early", json!(at_text(10)))]).unwrap().sft, 4);
    let stopped = from_results(&results, &policy(&[("a", true), ("b", true)]), &options, &|_| ControlFlow::Break(()));
    assert!(matches!(stopped, Err(EvalError::Stopped)));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "what is half made is removed");
}

#[test]
fn what_was_asked_before_the_consent_is_left_alone() {
    let mut room = Room::new();
    for question in ["before", "before too", "after"] {
        room.answered("late", asked(question), &[("1", "1")]);
    }
    // Admissions are at the seconds 0, 2 and 4.
    let selection = |since| Selection { since, ..Selection::default() };
    for since in [None, Some(at(0)), Some(at(1))] {
        let options = Options { out: room.out(), force: true, ..options() };
        let policy = policy(&[("late", at_text(4))]);
        let exported = from_audit(&room.data(), &policy, &selection(since), &options, &on).unwrap();
        assert_eq!((exported.considered, exported.sft), (1, 1));
        assert_eq!(room.lines("sft.jsonl")[0]["messages"][0]["content"], json!("after"));
    }
}

#[test]
fn pairs_that_contradict_each_other_are_dropped() {
    let mut room = Room::new();
    room.answered("a", asked("q"), &[("1", "1"), ("so 1", "1"), ("2", "2"), ("3", "3")]);
    room.answered("a", asked("q"), &[("it is 2", "2"), ("so 2", "2"), ("hence 1", "1")]);
    room.answered("a", asked("other"), &[("2", "2"), ("so 2", "2"), ("1", "1")]);
    let exported = room.export(&[("a", true)], &Selection::default(), options()).unwrap();
    assert_eq!((exported.sft, exported.preferences, exported.contradictory), (3, 2, 2));
    let pairs: Vec<[Value; 3]> = room
        .lines("preferences.jsonl")
        .into_iter()
        .map(|line| [line["prompt"][0]["content"].clone(), line["answer"].clone(), line["rejected_answer"].clone()])
        .collect();
    assert_eq!(pairs, [[json!("q"), json!("1"), json!("3")], [json!("other"), json!("2"), json!("1")]]);
    assert!(fs::read_to_string(room.out().join("README.md")).unwrap().contains("both are dropped: 2 were."));
}

#[test]
fn an_answer_that_is_no_sample_has_its_own_reason() {
    let mut room = Room::new();
    room.answered("a", asked("q"), &[("1", "1")]);
    let mut drafts = room.drafts("a", asked("other"), &[("1", "1")]);
    if let Draft::Outcome(outcome) = &mut drafts[1] {
        outcome.answer = Some(b"something else".to_vec());
    }
    room.log.append(&drafts).unwrap();
    let exported = room.export(&[("a", true)], &Selection::default(), options()).unwrap();
    assert_eq!(exported.left_out, BTreeMap::from([(Why::NotASample, 1)]));
    assert!(
        fs::read_to_string(room.out().join("README.md"))
            .unwrap()
            .contains("- the answer is the text of no sample: 1\n")
    );
}
