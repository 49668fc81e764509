//! Parts: only what was asked for, and all of it.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::{Act, ActDraft, Actor, PolicyRef, ReviewAsked, ReviewDecision, ReviewDraft};

fn part(selection: &Selection) -> (TempDir, PathBuf) {
    sample(600, &ExportScope::Part(selection.clone()))
}

fn ids(of: &[String]) -> Selection {
    Selection { ids: of.iter().cloned().collect(), ..Selection::default() }
}

/// The ids of the records of a part, in its order.
fn records(dir: &Path) -> Vec<String> {
    let id = |line: &str| {
        let line: serde_json::Value = serde_json::from_str(line).expect("JSON");
        line["record"]["record_id"].as_str().expect("an id").to_owned()
    };
    text(dir, "records.jsonl").lines().map(id).collect()
}

fn all_bytes(dir: &Path) -> String {
    files(dir).iter().chain(["manifest.json".to_owned()].iter()).map(|file| text(dir, file)).collect()
}

#[test]
fn a_part_of_one_tenant_shows_nothing_of_another() {
    let (_dir, to) = part(&tenant("bank"));
    let report = verified(&to).expect("holds");
    assert_eq!((report.records, report.requests, report.receipts, report.whole), (200, 100, 200, false));
    let bytes = all_bytes(&to);
    assert!(bytes.contains("\"bank\"") && !bytes.contains("ward"));
    for number in 0..600 {
        let is_bank = number / 2 % 3 == 0;
        assert_eq!(bytes.contains(id(number).as_str()), is_bank, "{number}");
        assert_eq!(bytes.contains(request(number).as_str()), is_bank && number % 2 == 0, "{number}");
    }
    assert!(files(&to).iter().all(|file| !file.starts_with("tile")));
    assert!(!to.join("tiles.tmp").exists());
    assert!(text(&to, "manifest.json").contains("A part of the log"));
}

#[test]
fn what_is_asked_for_is_there() {
    let check = |selection: Selection, expected: &[u32]| {
        let (_dir, to) = part(&selection);
        let report = verified(&to).expect("holds");
        let expected: Vec<String> = expected.iter().map(|number| id(*number).to_string()).collect();
        assert_eq!(records(&to), expected, "{selection:?}");
        assert_eq!((report.records, report.receipts), (expected.len() as u64, expected.len() as u64));
    };
    check(ids(&[request(4).to_string()]), &[4, 5]);
    check(ids(&[id(4).to_string()]), &[4, 5]);
    check(ids(&[id(5).to_string()]), &[5]);
    check(ids(&[id(599).to_string(), id(0).to_string()]), &[0, 1, 599]);
    check(ids(&["rec_none".to_owned()]), &[]);
    let (since, until) = (Some(at(10)), Some(at(14)));
    check(Selection { since, until, ..Selection::default() }, &[10, 11, 12, 13]);
    check(Selection { since, until, ..tenant("bank") }, &[12, 13]);
    check(Selection { tenant: Some("bank".to_owned()), ..ids(&[request(4).to_string()]) }, &[]);
    check(Selection { tenant: Some("nobody".to_owned()), ..Selection::default() }, &[]);
}

#[test]
fn a_part_cannot_be_passed_off_as_another() {
    let (_dir, to) = part(&tenant("bank"));
    rewrite_manifest(&to, |manifest| manifest.selection = Some(tenant("ward")));
    let error = verified(&to).expect_err("another tenant's").to_string();
    assert!(error.contains("none of those"), "{error}");
    rewrite_manifest(&to, |manifest| manifest.selection = None);
    verified(&to).expect_err("a part of nothing");
    rewrite_manifest(&to, |manifest| manifest.selection = Some(tenant("bank")));
    verified(&to).expect("as it was");
    let earlier = log_of(&SimDisk::new(), 100).checkpoint(&signer()).expect("signed");
    let error = verify_export(&to, &keys(), Some(&earlier)).expect_err("cannot be shown").to_string();
    assert!(error.contains("get it whole"), "{error}");
    let same = log_of(&SimDisk::new(), 600).checkpoint(&signer()).expect("signed");
    verify_export(&to, &keys(), Some(&same)).expect_err("another log of the same size");
}

#[test]
fn a_receipt_of_another_record_or_log_is_named() {
    let (_dir, to) = part(&tenant("bank"));
    let (one, two) = (format!("receipts/{}.txt", id(0)), format!("receipts/{}.txt", id(1)));
    let good = text(&to, &one);
    fs::write(to.join(&one), text(&to, &two)).expect("written");
    rewrite_manifest(&to, |_| {});
    let error = verified(&to).expect_err("another record's").to_string();
    assert!(error.starts_with(&one) && error.contains("it is of leaf 1"), "{error}");
    let (_other, other) = sample(600, &ExportScope::Part(tenant("bank")));
    fs::write(to.join(&one), text(&other, &one)).expect("written");
    rewrite_manifest(&to, |_| {});
    let error = verified(&to).expect_err("another log's").to_string();
    assert!(error.starts_with(&one) && error.contains("not the export's"), "{error}");
    fs::write(to.join(&one), good).expect("restored");
    rewrite_manifest(&to, |_| {});
    verified(&to).expect("as it was");
}

#[test]
fn ids_that_name_no_file_have_no_receipt() {
    let disk = SimDisk::new();
    let (mut log, _) = open(&disk).expect("opens");
    let mut evil = admission(1, "ward");
    if let Draft::Admission(draft) = &mut evil {
        draft.record_id = "../../evil".to_owned().into();
    }
    log.append(&[evil]).expect("appended");
    let snapshot = log.signed_snapshot(&signer()).expect("signed");
    let dir = tempfile::tempdir().expect("a folder");
    let to = dir.path().join("out");
    let error = exported(&snapshot, &ExportScope::Part(tenant("ward")), &to).expect_err("no file name");
    assert!(matches!(error, ExportError::RecordId { leaf: 0, .. }), "{error}");
    assert!(!to.exists());
    exported(&snapshot, &whole(), &to).expect("without receipts");
    verified(&to).expect("holds");
}

/// An outcome whose answer waits for a person.
fn held(number: u32, admission: u32) -> Draft {
    let mut draft = outcome(number, admission, OutcomeStatus::Held);
    if let Draft::Outcome(draft) = &mut draft {
        draft.review = Some(ReviewAsked { until: at(900), because: vec!["rule/1".to_owned()] });
    }
    draft
}

fn decided(number: u32, admission: u32, decision: ReviewDecision) -> Draft {
    let (record_id, time, admission, reason) = (id(number), at(number.into()), id(admission), "so".to_owned());
    ReviewDraft { record_id, time, admission, decision, by: None, reason, answer: None, call: None }.into()
}

/// Something that a person of `ward` did, or that nobody did.
fn act(number: u32, by: Option<&str>) -> Draft {
    let actor =
        |tenant: &str| Actor { tenant: tenant.to_owned(), key_id: "key_9".to_owned(), role: "admin".to_owned() };
    let act = Act {
        what: "policy.in_force".to_owned(),
        by: by.map(actor),
        object: None,
        policy: PolicyRef { version: "8".to_owned(), digest: "sha256:22".to_owned() },
        changes: vec!["bank: budget".to_owned()],
        reason: None,
        erasure: None,
    };
    ActDraft { record_id: id(number), time: at(number.into()), act }.into()
}

#[test]
fn decisions_follow_their_requests_and_acts_whoever_did_them() {
    let (mut log, _) = open(&SimDisk::new()).expect("opens");
    log.append(&[admission(0, "bank"), admission(1, "bank"), admission(2, "ward"), act(3, Some("ward"))])
        .expect("appended");
    log.append(&[held(4, 0), held(5, 1), held(6, 2), act(7, None)]).expect("appended");
    log.append(&[decided(8, 0, ReviewDecision::Rejected), decided(9, 2, ReviewDecision::Edited)]).expect("appended");
    let snapshot = log.signed_snapshot(&signer()).expect("signed");
    let dir = tempfile::tempdir().expect("a folder");
    let check = |name: &str, scope: &ExportScope, expected: &[u32], statuses: &[&str]| {
        let to = dir.path().join(name);
        exported(&snapshot, scope, &to).expect("exported");
        verified(&to).expect("holds");
        assert_eq!(records(&to), expected.iter().map(|number| id(*number).to_string()).collect::<Vec<_>>(), "{name}");
        let csv = text(&to, "records.csv");
        let found: Vec<&str> = csv.lines().skip(1).map(|line| line.split("\",\"").nth(6).expect("a status")).collect();
        assert_eq!(found, statuses, "{csv}");
    };
    check("bank", &ExportScope::Part(tenant("bank")), &[0, 1, 4, 5, 8], &["refused", "held"]);
    check("ward", &ExportScope::Part(tenant("ward")), &[2, 3, 6, 9], &["answered"]);
    check("one", &ExportScope::Part(ids(&[request(2).to_string()])), &[2, 6, 9], &["answered"]);
    check("act", &ExportScope::Part(ids(&[id(7).to_string()])), &[7], &[]);
    check("all", &whole(), &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9], &["refused", "answered", "held"]);
}

#[test]
fn rows_have_what_records_say_and_no_formula() {
    let disk = SimDisk::new();
    let (mut log, _) = open(&disk).expect("opens");
    let mut one = admission(1, "ward");
    if let Draft::Admission(draft) = &mut one {
        draft.admission.model = "=HYPERLINK(\"http://x\";\"y\")".to_owned();
        draft.admission.key_id = "a,\"b\"\r\nc".to_owned();
    }
    log.append(&[one, admission(2, "bank"), admission(4, "ward")]).expect("appended");
    log.append(&[outcome(3, 2, OutcomeStatus::Failed), outcome(5, 1, OutcomeStatus::Answered)]).expect("appended");
    let dir = tempfile::tempdir().expect("a folder");
    let to = dir.path().join("out");
    exported(&log.signed_snapshot(&signer()).expect("signed"), &whole(), &to).expect("exported");
    verified(&to).expect("holds");
    let csv = text(&to, "records.csv");
    let lines: Vec<&str> = csv.split("\r\n").collect();
    assert_eq!(lines.len(), 5, "{csv}");
    assert!(
        lines[1].contains("\"bank\",\"key_1\",\"qwen\",\"self_consistency\",\"medium\",\"failed\",\"12\",\"40\",\"0\""),
        "{csv}"
    );
    assert!(lines[1].ends_with("\"1; 3\",\"0\",\"\""), "{csv}");
    assert!(lines[2].contains("\"a,\"\"b\"\"  c\",\"'=HYPERLINK(\"\"http://x\"\";\"\"y\"\")\""), "{csv}");
    assert!(lines[3].contains("\"open\",\"\",\"\",\"\""), "{csv}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    #[test]
    fn any_part_of_any_log_holds_and_is_what_was_asked_for(
        size in 0..300_u32,
        from in 0..300_i64,
        length in 0..300_i64,
        bank in any::<Option<bool>>(),
    ) {
        let tenant = bank.map(|bank| if bank { "bank".to_owned() } else { "ward".to_owned() });
        let (since, until) = (Some(at(from)), Some(at(from + length)));
        let selection = Selection { tenant, since, until, ids: BTreeSet::new() };
        let (_dir, to) = sample(size, &ExportScope::Part(selection.clone()));
        verified(&to).expect("holds");
        let expected: Vec<String> = (0..size)
            .filter(|number| (from..from + length).contains(&i64::from(number - number % 2)))
            .filter(|number| bank.is_none_or(|bank| bank == (number / 2 % 3 == 0)))
            .map(|number| id(number).to_string())
            .collect();
        prop_assert_eq!(records(&to), expected);
    }
}
