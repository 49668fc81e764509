//! Exports say what was signed, and whatever is changed in them is found and named.

mod annex;
mod card;
mod parts;
mod tamper;
mod traces;

use std::{
    fs,
    ops::ControlFlow,
    path::{Path, PathBuf},
};

use forethought_store::{Disk, SimDisk};
use forethought_tlog::{SignedCheckpoint, VerifierKey, tile::decode_bundle};
use tempfile::TempDir;

use super::{
    ExportError, ExportNote, ExportReport, ExportScope, ExportStage, Selection, VerifyExportError, export,
    manifest::{FileNote, Manifest},
    verify_export,
};
use crate::{
    AuditError, AuditLog, Digest, Draft, LogSnapshot, OutcomeStatus, Signer,
    tests::{admission, at, id, log_of, open, outcome, request},
};

const SIZES: [u32; 6] = [0, 1, 255, 256, 257, 600];

fn signer() -> Signer {
    let key = forethought_tlog::SigningKey::from_seed("example.com/log", &[7; 32]).expect("a key");
    Signer::read(&key.private_text().expect("a text")).expect("a signer")
}

fn keys() -> Vec<VerifierKey> {
    signer().verifiers().cloned().collect()
}

fn whole() -> ExportScope {
    ExportScope::Whole { receipts: None }
}

fn tenant(name: &str) -> Selection {
    Selection { tenant: Some(name.to_owned()), ..Selection::default() }
}

fn with_receipts(name: &str) -> ExportScope {
    ExportScope::Whole { receipts: Some(tenant(name)) }
}

fn exported(snapshot: &LogSnapshot, scope: &ExportScope, to: &Path) -> Result<ExportNote, ExportError> {
    export(snapshot, scope, to, at(5), &mut |_| ControlFlow::Continue(()))
}

/// An export of a log of so many records, in a folder of its own.
fn sample(records: u32, scope: &ExportScope) -> (TempDir, PathBuf) {
    let dir = tempfile::tempdir().expect("a folder");
    let to = dir.path().join("out");
    let snapshot = log_of(&SimDisk::new(), records).signed_snapshot(&signer()).expect("signed");
    exported(&snapshot, scope, &to).expect("exported");
    (dir, to)
}

fn verified(dir: &Path) -> Result<ExportReport, VerifyExportError> {
    verify_export(dir, &keys(), None)
}

fn text(dir: &Path, file: &str) -> String {
    fs::read_to_string(dir.join(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

/// Every file of an export but its manifest, sorted.
fn files(dir: &Path) -> Vec<String> {
    let mut files: Vec<String> = manifest(dir).files.into_iter().map(|file| file.path).collect();
    files.sort();
    files
}

fn manifest(dir: &Path) -> Manifest {
    Manifest::parse(text(dir, "manifest.json").as_bytes()).expect("a manifest")
}

/// Writes the manifest anew, with the digests of what is there.
fn rewrite_manifest(dir: &Path, change: impl FnOnce(&mut Manifest)) {
    let mut new = manifest(dir);
    new.files.retain(|file| dir.join(&file.path).exists());
    for file in &mut new.files {
        let bytes = fs::read(dir.join(&file.path)).expect("read");
        (file.bytes, file.sha256) = (bytes.len() as u64, Digest::of(&bytes));
    }
    change(&mut new);
    fs::write(dir.join("manifest.json"), serde_json::to_vec(&new).expect("JSON")).expect("written");
}

#[test]
fn whole_exports_of_all_sizes_hold() {
    for size in SIZES {
        let (_dir, to) = sample(size, &with_receipts("bank"));
        let report = verified(&to).unwrap_or_else(|error| panic!("{size}: {error}"));
        assert_eq!((report.size, report.records, report.whole), (size.into(), size.into(), true));
        assert_eq!(report.requests, u64::from(size.div_ceil(2)));
        assert_eq!(report.origin, "example.com/log");
        assert_eq!(text(&to, "records.jsonl").lines().count(), size as usize);
        assert_eq!(text(&to, "records.csv").lines().count(), 1 + size.div_ceil(2) as usize);
        assert_eq!(report.files, files(&to).len() as u64 + 1);
        assert!((report.receipts > 0) == (size > 0) && report.receipts <= u64::from(size), "{report:?}");
        let tiles: Vec<String> = files(&to).into_iter().filter(|file| file.starts_with("tile/")).collect();
        let expected: &[&str] = match size {
            0 => &[],
            1 => &["tile/0/000.p/1", "tile/entries/000.p/1"],
            255 => &["tile/0/000.p/255", "tile/entries/000.p/255"],
            256 => &["tile/0/000", "tile/1/000.p/1", "tile/entries/000"],
            257 => &["tile/0/000", "tile/0/001.p/1", "tile/1/000.p/1", "tile/entries/000", "tile/entries/001.p/1"],
            _ => &[
                "tile/0/000",
                "tile/0/001",
                "tile/0/002.p/88",
                "tile/1/000.p/2",
                "tile/entries/000",
                "tile/entries/001",
                "tile/entries/002.p/88",
            ],
        };
        assert_eq!(tiles, expected);
    }
}

#[test]
fn an_export_is_what_the_log_serves() {
    let disk = SimDisk::new();
    let log = log_of(&disk, 600);
    let dir = tempfile::tempdir().expect("a folder");
    let to = dir.path().join("out");
    exported(&log.signed_snapshot(&signer()).expect("signed"), &with_receipts("ward"), &to).expect("exported");
    for file in files(&to) {
        let bytes = fs::read(to.join(&file)).expect("read");
        if let Ok(path) = file.parse() {
            assert_eq!(Some(bytes), log.tile(&path).expect("read"), "{file}");
        } else if let Some(id) = file.strip_prefix("receipts/").and_then(|file| file.strip_suffix(".txt")) {
            let proof = log.prove(id).expect("read").remove(0);
            let entry = fs::read(to.join(format!("receipts/{id}.json"))).expect("read");
            assert_eq!(entry, proof.entry);
            assert_eq!(forethought_tlog::Receipt::parse(bytes).expect("a receipt").proof(), proof.path);
        }
    }
    let receipts = log.receipts(id(2).as_str(), &signer()).expect("made");
    assert_eq!(text(&to, &format!("receipts/{}.txt", id(2))), receipts[0].0.to_string());
    assert_eq!(text(&to, "checkpoint"), log.checkpoint(&signer()).expect("signed").to_string());
}

#[test]
fn a_log_that_goes_on_and_one_that_is_only_read_give_the_same() {
    let dir = tempfile::tempdir().expect("a folder");
    let disk = SimDisk::new();
    let mut log = log_of(&disk, 300);
    let snapshot = log.signed_snapshot(&signer()).expect("signed");
    log.append(&[admission(300, "ward"), outcome(301, 300, OutcomeStatus::Answered)]).expect("goes on");
    let offline = LogSnapshot::open_on(std::sync::Arc::new(disk.clone()), keys()).expect("read");
    assert_eq!(offline.tree().expect("read"), (302, log.tree_root()));
    let (one, two) = (dir.path().join("one"), dir.path().join("two"));
    let notes = (
        exported(&snapshot, &with_receipts("bank"), &one).expect("exported"),
        exported(&offline, &with_receipts("bank"), &two).expect("exported"),
    );
    assert_eq!(notes.0, notes.1);
    assert_eq!(notes.0.size, 300);
    assert_eq!(notes.0.manifest, Digest::of(text(&one, "manifest.json").as_bytes()));
    verified(&two).expect("holds");
    let later = log.snapshot().expect("read");
    assert_eq!(later.checkpoint().expect("kept").checkpoint().size(), 300, "the last one that was signed");
}

#[test]
fn growth_since_an_earlier_checkpoint_is_shown_or_denied() {
    let dir = tempfile::tempdir().expect("a folder");
    let disk = SimDisk::new();
    let mut log = open(&disk).expect("opens").0;
    let mut known: Vec<SignedCheckpoint> = vec![log.checkpoint(&signer()).expect("signed")];
    for number in 0..300 {
        log.append(&[admission(2 * number, "ward")]).expect("appended");
        if [0, 100, 255, 256, 299].contains(&number) {
            known.push(log.checkpoint(&signer()).expect("signed"));
        }
    }
    let to = dir.path().join("out");
    exported(&log.signed_snapshot(&signer()).expect("signed"), &whole(), &to).expect("exported");
    for known in &known {
        let report = verify_export(&to, &keys(), Some(known)).expect("grown");
        assert_eq!(report.known, Some(known.checkpoint().size()));
    }
    let forked = log_of(&SimDisk::new(), 200).checkpoint(&signer()).expect("signed");
    let denied = |known: &SignedCheckpoint, expect: &str| {
        let error = verify_export(&to, &keys(), Some(known)).expect_err("denied").to_string();
        assert!(error.contains(expect), "{error}");
    };
    denied(&forked, "another history");
    denied(&log_of(&SimDisk::new(), 300).checkpoint(&signer()).expect("signed"), "against the earlier checkpoint");
    denied(&log_of(&SimDisk::new(), 301).checkpoint(&signer()).expect("signed"), "no beginning");
    let other = Signer::generate(Some("example.com/log")).expect("a key").0;
    denied(&log_of(&SimDisk::new(), 2).checkpoint(&other).expect("signed"), "earlier checkpoint is not good");
}

#[test]
fn keys_that_are_not_the_logs_verify_nothing() {
    let (_dir, to) = sample(10, &whole());
    let check = |keys: &[VerifierKey], expect: &str| {
        let error = verify_export(&to, keys, None).expect_err("unknown").to_string();
        assert!(error.starts_with("checkpoint: ") && error.contains(expect), "{error}");
    };
    check(&[], "no key of that name is known");
    let named = |name| Signer::generate(Some(name)).expect("a key").0.verifiers().cloned().collect::<Vec<_>>();
    check(&named("example.com/other"), "no key of that name is known");
    check(&named("example.com/log"), "no known key has signed");
    let both = [named("example.com/other"), keys()].concat();
    verify_export(&to, &both, None).expect("one of them is the log's");
    assert_eq!(verified(&to).expect("holds").unknown_keys, []);
}

#[test]
fn nothing_is_exported_over_something_or_left_behind() {
    let dir = tempfile::tempdir().expect("a folder");
    let to = dir.path().join("out");
    let log = log_of(&SimDisk::new(), 600);
    let unsigned = log.snapshot().expect("read");
    assert!(matches!(exported(&unsigned, &whole(), &to), Err(ExportError::NoCheckpoint)));
    let snapshot = log.signed_snapshot(&signer()).expect("signed");
    assert!(matches!(exported(&log.snapshot().expect("read"), &whole(), &to), Err(ExportError::Keys { .. })));
    for (stage, at) in [(ExportStage::Records, 256), (ExportStage::Records, 600), (ExportStage::Receipts, 200)] {
        let mut seen = Vec::new();
        let mut stop = |progress: super::ExportProgress| {
            seen.push(progress.done);
            let now = (progress.stage, progress.done) == (stage, at);
            if now { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        let stopped = export(&snapshot, &with_receipts("bank"), &to, crate::tests::at(5), &mut stop);
        assert!(matches!(stopped, Err(ExportError::Stopped)), "{stage:?} {at} {seen:?}");
        assert!(!to.exists());
    }
    fs::create_dir(&to).expect("made");
    assert!(matches!(exported(&snapshot, &whole(), &to), Err(ExportError::Exists { .. })));
    assert!(fs::read_dir(&to).expect("there").next().is_none());
    let nowhere = dir.path().join("none/out");
    assert!(matches!(exported(&snapshot, &whole(), &nowhere), Err(ExportError::Io { .. })));
}

#[test]
fn a_journal_that_is_not_what_was_signed_is_not_exported() {
    let dir = tempfile::tempdir().expect("a folder");
    let to = dir.path().join("out");
    let (disk, other) = (SimDisk::new(), SimDisk::new());
    log_of(&disk, 40).checkpoint(&signer()).expect("signed");
    drop(log_of(&other, 50));
    other.create("log/checkpoint").expect("created");
    let signed = disk.read("log/checkpoint", 0, 9999).expect("kept");
    other.append("log/checkpoint", &signed).expect("written");
    let snapshot = LogSnapshot::open_on(std::sync::Arc::new(other), keys()).expect("read");
    let error = exported(&snapshot, &whole(), &to).expect_err("another log");
    assert!(matches!(error, ExportError::Audit(AuditError::Contradicted { claimed: 40, .. })), "{error}");
    assert!(!to.exists());
}

#[test]
fn a_record_that_is_too_long_for_an_entry_is_there_whole_and_as_its_stub() {
    let dir = tempfile::tempdir().expect("a folder");
    let (log, to) = (large_log(), dir.path().join("out"));
    let scope = ExportScope::Whole { receipts: Some(Selection::default()) };
    exported(&log.signed_snapshot(&signer()).expect("signed"), &scope, &to).expect("exported");
    verified(&to).expect("holds");
    let lines = text(&to, "records.jsonl");
    let line: serde_json::Value = serde_json::from_str(lines.lines().nth(1).expect("a line")).expect("JSON");
    assert_eq!(line["record"]["body"]["samples"].as_array().expect("whole").len(), 400);
    assert_eq!(line["stub"]["large"]["sha256"], Digest::of(record_of(lines.lines().nth(1).unwrap())).to_string());
    let bundle = fs::read(to.join("tile/entries/000.p/2")).expect("read");
    assert_eq!(decode_bundle(&bundle).expect("a bundle")[1], text(&to, &format!("receipts/{}.json", id(3))).as_bytes());
    // One sample's seed, in the record alone: the tree has only its digest.
    let changed = lines.replacen("\"seed\":399", "\"seed\":398", 1);
    assert_ne!(changed, lines);
    fs::write(to.join("records.jsonl"), changed).expect("written");
    rewrite_manifest(&to, |_| {});
    let error = verified(&to).expect_err("changed").to_string();
    assert!(error.starts_with("records.jsonl, leaf 1: "), "{error}");
}

/// The canonical bytes in a line.
fn record_of(line: &str) -> &[u8] {
    line.split_once("\"record\":").expect("a record").1.strip_suffix('}').expect("an end").as_bytes()
}

/// Two records, the second of which is long.
fn large_log() -> AuditLog {
    let options = forethought_store::JournalOptions::default();
    let index = forethought_store::Index::temporary().expect("an index");
    let (mut log, _) = AuditLog::open_on(std::sync::Arc::new(SimDisk::new()), index, options, at(0)).expect("opens");
    let mut large = outcome(3, 1, OutcomeStatus::Answered);
    if let Draft::Outcome(draft) = &mut large {
        draft.samples = (0..400).map(crate::tests::sample).collect();
    }
    log.append(&[admission(1, "ward"), large]).expect("appended");
    log
}
