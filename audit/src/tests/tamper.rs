//! One wrong byte, one record moved: verifying fails and names the place.

use std::sync::Arc;

use forethought_store::{Disk, Journal, JournalOptions, SimDisk};

use super::{SMALL, admission, entries, id, open, outcome, segments, verified};
use crate::{AuditError, OutcomeStatus, Record, index::RECORD, verify};

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
    let reader = Journal::read_only(Arc::new(whole.clone())).expect("readable");
    let mut all: Entries =
        reader.entries().map(|entry| entry.map(|entry| (entry.kind, entry.payload)).expect("good")).collect();
    change(&mut all);
    let forged = SimDisk::new();
    forged.create_dir("keys").expect("made");
    for name in whole.list("keys").expect("listed") {
        let name = format!("keys/{name}");
        forged.create(&name).expect("created");
        forged.append(&name, &whole.read(&name, 0, 999).expect("read")).expect("written");
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
    check(&|all, _| rewrite(&mut all[0], "qwen", "gwen"), 2, "it follows");
    check(&|all, _| rewrite(&mut all[0], "\"prev\":\"00", "\"prev\":\"01"), 1, "it follows");
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
    check(
        &|all, records| {
            let second = records[1];
            all.drain(..second);
        },
        2,
        "it follows",
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
        record.prev = crate::Digest::of(&outcome);
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
