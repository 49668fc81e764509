//! One wrong byte, one record moved: verifying fails and names the place.

use std::sync::Arc;

use forethought_store::{Disk, Index, Journal, JournalOptions, SimDisk};

use super::{SMALL, admission, entries, id, open, outcome, segments, verified};
use crate::{
    AuditError, AuditLog, Body, Digest, KeyStore, OutcomeStatus, Record,
    index::{RECORD, SEALED},
    seal, verify, verify_containing,
};

/// A log of one request and the beginning of another segment.
fn small_log() -> SimDisk {
    let disk = SimDisk::new();
    let (mut log, _) = open(&disk).expect("opens");
    log.append(&[admission(1, "ward")]).expect("appended");
    log.append(&[outcome(2, 1, OutcomeStatus::Answered)]).expect("appended");
    disk
}

/// The record that the entry at this place is, or belongs to.
fn record_at(segment: &[u8], offset: usize) -> Option<String> {
    let mut last = None;
    for entry in entries(segment) {
        if segment[entry.start + 4] & 63 == RECORD {
            let record: Record = serde_json::from_slice(&segment[entry.start + 17..entry.end]).expect("a record");
            last = Some(record.record_id.to_string());
        }
        if entry.contains(&offset) {
            return last;
        }
    }
    None
}

#[test]
fn one_flipped_byte_anywhere_fails_and_is_named() {
    let whole = small_log();
    assert!(verified(&whole).passed());
    let mut named = 0;
    let mut total = 0;
    for (name, bytes) in segments(&whole) {
        for offset in 0..bytes.len() {
            total += 1;
            let disk = whole.reopen(0);
            disk.flip(&name, offset as u64, 1 << (offset % 8)).expect("flipped");
            let context = format!("{name} byte {offset}");
            let report = verified(&disk);
            let failure = report.failure.unwrap_or_else(|| panic!("{context}: overlooked"));
            assert_eq!(failure.segment, name, "{context}");
            let entry = entries(&bytes).into_iter().position(|entry| entry.contains(&offset));
            let start = entry.map_or(0, |entry| entries(&bytes)[entry].start);
            assert_eq!(failure.offset, start as u64, "{context}: {failure}");
            assert_eq!(failure.seq, 1 + entry.unwrap_or(0) as u64, "{context}: {failure}");
            let id_at = start + 17 + 3..start + 17 + 20 + 36;
            if entry.is_some() && !id_at.contains(&offset) {
                assert_eq!(failure.record_id, record_at(&bytes, offset), "{context}: {failure}");
                named += 1;
            }
        }
    }
    assert!(total > 3000 && named * 10 > total * 7, "{named} of {total}");
}

/// Kinds and payloads.
type Entries = Vec<(u8, Vec<u8>)>;

/// Writes the entries of a log anew, changed, with checksums that match.
fn forge(whole: &SimDisk, change: impl FnOnce(&mut Entries)) -> SimDisk {
    let forged = forge_v1(whole, change);
    forged.create_dir("log").expect("made");
    forged.create("log/mark").expect("created");
    forged.append("log/mark", &whole.read("log/mark", 0, 9999).expect("read")).expect("written");
    forged
}

/// As [`forge`], with nothing that notes a root.
fn forge_v1(whole: &SimDisk, change: impl FnOnce(&mut Entries)) -> SimDisk {
    let reader = Journal::read_only(Arc::new(whole.clone())).expect("readable");
    let mut all: Entries =
        reader.entries().map(|entry| entry.map(|entry| (entry.kind, entry.payload)).expect("good")).collect();
    change(&mut all);
    let forged = SimDisk::new();
    forged.create_dir("vault").expect("made");
    let tables = whole.list("vault").expect("listed").into_iter().map(|name| format!("vault/{name}"));
    for name in tables.chain(["master.key".to_owned()]) {
        forged.create(&name).expect("created");
        forged.append(&name, &whole.read(&name, 0, usize::MAX).expect("read")).expect("written");
    }
    let options = JournalOptions { max_segment_bytes: 1 << 20, ..SMALL };
    let (mut journal, _) = Journal::open(Arc::new(forged.clone()), options).expect("opens");
    for (kind, payload) in &all {
        journal.append_batch(&[(*kind, payload)]).expect("appended");
    }
    forged
}

fn rewrite(entry: &mut (u8, Vec<u8>), from: &str, to: &str) {
    let text = String::from_utf8(entry.1.clone()).expect("text");
    assert!(text.contains(from), "{from} is in {text}");
    entry.1 = text.replace(from, to).into_bytes();
}

#[test]
fn a_forgery_with_good_checksums_fails_and_is_named() {
    let whole = small_log();
    let records = |all: &[(u8, Vec<u8>)]| -> Vec<usize> {
        all.iter().enumerate().filter(|(_, entry)| entry.0 == RECORD).map(|(index, _)| index).collect()
    };
    let check = |change: &dyn Fn(&mut Entries, &[usize]), record: u32, expect: &str| {
        let forged = forge(&whole, |all| {
            let records = records(all);
            change(all, &records);
        });
        let failure = verified(&forged).failure.unwrap_or_else(|| panic!("{expect}: overlooked"));
        assert!(failure.what.contains(expect), "{failure}");
        assert_eq!(failure.record_id, Some(id(record).to_string()), "{failure}");
    };
    check(&|all, _| rewrite(&mut all[0], "qwen", "gwen"), 2, "a record up to here was changed");
    check(
        &|all, _| {
            all.remove(1);
        },
        1,
        "is not there",
    );
    check(
        &|all, _| {
            all.pop();
        },
        2,
        "is not there",
    );
    check(
        &|all, _| {
            all.push(all[1].clone());
        },
        1,
        "no record commits to this content",
    );
    check(&|all, records| all.truncate(records[1]), 1, "has no end");
    let (mine, other) = (super::request(1).to_string(), super::request(9).to_string());
    check(&|all, records| rewrite(&mut all[records[1]], &mine, &other), 2, &format!("names request {other}"));
    check(&|all, records| rewrite(&mut all[records[1]], "ward", "bank"), 2, "tenant `bank`");
    check(
        &|all, records| {
            let second = records[1];
            all.drain(..second);
        },
        2,
        "which is unknown",
    );
    check(
        &|all, _| {
            all.swap(2 + 1, 2 + 2);
        },
        2,
        "is not the one",
    );
    check(
        &|all, _| {
            let last = all[1].1.len() - 1;
            all[1].1[last] ^= 1;
        },
        1,
        "is not the one",
    );
    let untouched = forge(&whole, |_| ());
    assert!(verified(&untouched).passed());
}

#[test]
fn a_second_end_fails() {
    let whole = small_log();
    let forged = forge(&whole, |all| {
        let outcome = all.iter().skip(1).find(|entry| entry.0 == RECORD).expect("the outcome").1.clone();
        let mut record: Record = serde_json::from_slice(&outcome).expect("a record");
        record.record_id = id(3);
        record.contents.clear();
        all.push((RECORD, serde_json::to_vec(&record).expect("JSON")));
    });
    let failure = verified(&forged).failure.expect("a failure");
    assert!(failure.to_string().contains(&format!("record {}", id(3))), "{failure}");
    assert!(failure.what.contains("has its end already"), "{failure}");
}

#[test]
fn a_real_log_is_verified_while_it_is_in_use_and_unchanged() {
    let dir = tempfile::tempdir().expect("a folder");
    let (mut log, _) = crate::AuditLog::open(dir.path(), JournalOptions::default(), super::at(0)).expect("opens");
    log.append(&[admission(1, "ward")]).expect("appended");
    let report = verify(dir.path()).expect("verified");
    assert!(report.passed() && report.in_use, "{report:?}");
    assert_eq!((report.under_way, report.unsealed), (1, 1));
    log.append(&[outcome(2, 1, OutcomeStatus::Answered)]).expect("appended");
    let head = log.head();
    drop(log);
    let report = verify(dir.path()).expect("verified");
    assert!(report.passed() && !report.in_use, "{report:?}");
    assert_eq!(report.head, Some(head));
    let (log, opened) =
        crate::AuditLog::open(dir.path(), JournalOptions::default(), super::at(0)).expect("opens again");
    assert_eq!((opened.index_rebuilt, opened.interrupted, log.head()), (None, vec![], head));
    let empty = tempfile::tempdir().expect("a folder");
    let error = verify(empty.path()).expect_err("no log");
    assert!(matches!(error, AuditError::Store(forethought_store::StoreError::NoJournal { .. })), "{error}");
}

#[test]
fn a_second_admission_with_the_same_id_fails() {
    let whole = small_log();
    let forged = forge(&whole, |all| {
        let mut record: Record = serde_json::from_slice(&all[0].1).expect("a record");
        record.contents.clear();
        all.push((RECORD, serde_json::to_vec(&record).expect("JSON")));
    });
    let failure = verified(&forged).failure.expect("a failure");
    assert!(failure.what.contains("an admission with this id already"), "{failure}");
}

#[test]
fn a_damaged_key_file_is_counted_and_the_rest_is_checked() {
    let disk = SimDisk::new();
    let (mut log, _) = open(&disk).expect("opens");
    log.append(&[admission(1, "ward"), outcome(2, 1, OutcomeStatus::Answered)]).expect("appended");
    log.append(&[admission(3, "bank"), outcome(4, 3, OutcomeStatus::Answered)]).expect("appended");
    // The row behind the header.
    disk.flip("vault/keys-000001.tbl", 1024 + 300, 1).expect("flipped");
    let report = verified(&disk);
    assert_eq!((report.failure, report.key_unreadable, report.unsealed, report.contents), (None, 5, 5, 10));
}

#[test]
fn a_record_of_an_impossible_tenant_fails_and_is_named() {
    let whole = small_log();
    let key = KeyStore::new(Arc::new(SimDisk::new())).get_or_create("ward").expect("a key");
    let forged = forge(&whole, |all| {
        let mut record: Record = serde_json::from_slice(&all[0].1).expect("a record");
        let Body::Admission(admission) = &mut record.body else { panic!("no admission") };
        admission.tenant = "../ward".to_owned();
        let (commitment, sealed) = seal::seal(&key, &record.record_id, "../ward", "prompt", b"x").expect("sealed");
        record.contents = vec![commitment];
        *all = vec![(RECORD, serde_json::to_vec(&record).expect("JSON")), (SEALED, sealed)];
    });
    let failure = verified(&forged).failure.expect("a failure");
    assert_eq!(failure.record_id, Some(id(1).to_string()), "{failure}");
    assert!(failure.what.contains("`../ward` is not a tenant id"), "{failure}");
}

#[test]
fn a_digest_that_was_noted_is_looked_for() {
    let dir = tempfile::tempdir().expect("a folder");
    let (mut log, _) = AuditLog::open(dir.path(), JournalOptions::default(), super::at(0)).expect("opens");
    let appended = log.append(&[admission(1, "ward"), outcome(2, 1, OutcomeStatus::Answered)]).expect("appended");
    drop(log);
    let noted = [appended[0].hash, appended[1].hash];
    let report = verify_containing(dir.path(), &noted).expect("verified");
    assert!(report.passed() && report.missing.is_empty(), "{report:?}");
    let other = Digest::of(b"other");
    let report = verify_containing(dir.path(), &[noted[0], other]).expect("verified");
    assert_eq!((report.passed(), report.failure, report.missing), (false, None, vec![other]));
}

#[test]
fn an_index_that_opens_and_is_wrong_is_built_anew() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("index");
    let disk = SimDisk::new();
    let open = || {
        let index = Index::open(&path).expect("an index");
        AuditLog::open_on(Arc::new(disk.clone()), index, SMALL, super::at(0))
    };
    let (mut log, _) = open().expect("opens");
    log.append(&[admission(1, "ward"), outcome(2, 1, OutcomeStatus::Answered)]).expect("appended");
    drop(log);
    let put = |tree: &'static str, bundle: u64, value: &[u8]| {
        let index = Index::open(&path).expect("an index");
        let (key, value) = (bundle.to_be_bytes().to_vec(), value.to_vec());
        let mark = index.mark().expect("read").expect("there");
        index.apply(&[forethought_store::IndexWrite::Put { tree, key, value }], mark).expect("applied");
    };
    let check = |case: &str, writes: &[(&'static str, u64, &[u8])]| {
        for (tree, bundle, value) in writes {
            put(tree, *bundle, value);
        }
        let (log, report) = open().unwrap_or_else(|error| panic!("{case}: {error}"));
        assert!(report.index_rebuilt.is_some(), "{case}");
        assert_eq!(report.interrupted, [], "{case}");
        assert_eq!(Some(log.head()), verified(&disk).head);
        assert_eq!(log.show(id(1).as_str(), true).expect("read").expect("there").contents.len(), 5, "{case}");
    };
    let facts = br#"{"span":null,"words":[],"usage":[]}"#;
    check("no ids", &[(crate::index::FACTS, 0, facts)]);
    check("not the next one", &[(crate::index::IDS, 3, b""), (crate::index::FACTS, 3, facts)]);
    check("unreadable", &[(crate::index::IDS, 0, b""), (crate::index::FACTS, 0, b"{")]);
    check("of records that are not there", &[(crate::index::IDS, 0, b""), (crate::index::FACTS, 0, facts)]);
}

/// A log as programs before the Merkle tree wrote it: every record of version 1 with the digest of the one before it.
fn of_version_1(whole: &SimDisk) -> SimDisk {
    let old = forge(whole, |all| {
        let mut prev = Digest::GENESIS;
        for (_, payload) in all.iter_mut().filter(|(kind, _)| *kind == RECORD) {
            let mut record: Record = serde_json::from_slice(payload).expect("a record");
            (record.v, record.prev) = (1, Some(prev));
            *payload = serde_json::to_vec(&record).expect("JSON");
            prev = Digest::of(payload);
        }
    });
    old.remove("log/mark").expect("removed");
    old
}

#[test]
fn a_log_of_version_1_goes_on_as_one_of_version_2() {
    let old = of_version_1(&small_log());
    assert!(verified(&old).passed());
    let head = verified(&old).head;
    let (mut log, report) = open(&old).expect("opens");
    assert_eq!((report.tree_rebuilt, Some(log.head()), log.tree_size()), (None, head, 2));
    log.append(&[admission(3, "ward"), outcome(4, 3, OutcomeStatus::Answered)]).expect("appended");
    drop(log);
    let report = verified(&old);
    assert!(report.passed(), "{report:?}");
    assert_eq!((report.leaves, report.unsealed), (4, 10));
}

#[test]
fn the_chain_of_version_1_is_still_checked() {
    let old = of_version_1(&small_log());
    let check = |from: &str, to: &str, record: u32, expect: &str| {
        let forged = forge_v1(&old, |all| rewrite(&mut all[0], from, to));
        let failure = verified(&forged).failure.unwrap_or_else(|| panic!("{from}: overlooked"));
        assert!(failure.what.contains(expect), "{failure}");
        assert_eq!(failure.record_id, Some(id(record).to_string()), "{failure}");
    };
    check("qwen", "gwen", 2, "it follows");
    check("\"prev\":\"00", "\"prev\":\"01", 1, "it follows");
    let none = format!("\"prev\":\"{}\",", Digest::GENESIS);
    check(&none, "", 1, "does not say which record is before it");
}
