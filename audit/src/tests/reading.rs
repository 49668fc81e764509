//! Reading beside a writer: the same answers as the log gives, and nothing changed.

use std::{fs, path::Path, sync::Arc};

use forethought_store::{Disk, JournalOptions, SimDisk, StoreError};

use super::{admission, at, id, open, outcome, request, run, script};
use crate::{AuditError, AuditLog, AuditReader, Filter, OutcomeStatus, Status};

fn disk_of(disk: &SimDisk) -> Arc<dyn Disk> {
    Arc::new(disk.clone())
}

fn reader(disk: &SimDisk) -> AuditReader {
    AuditReader::open_on(&disk_of(disk)).expect("readable")
}

#[test]
fn a_reader_answers_as_the_log_does() {
    let disk = SimDisk::new();
    run(&disk, &script());
    let (log, _) = open(&disk).expect("opens");
    let reader = reader(&disk);
    let any = Filter::default;
    for filter in [
        any(),
        Filter { tenant: Some("ward".to_owned()), ..any() },
        Filter { tenant: Some("nobody".to_owned()), ..any() },
        Filter { since: Some(at(4)), until: Some(at(8)), ..any() },
        Filter { since: Some(at(8)), until: Some(at(4)), ..any() },
        Filter { status: Some(Status::Interrupted), ..any() },
        Filter { limit: Some(2), ..any() },
    ] {
        assert_eq!(reader.list(&filter).expect("listed"), log.list(&filter).expect("listed"), "{filter:?}");
    }
    for text in [id(1).to_string(), id(3).to_string(), request(8).to_string(), "nothing".to_owned()] {
        let read = format!("{:?}", reader.show(&text, true).expect("read"));
        assert_eq!(read, format!("{:?}", log.show(&text, true).expect("read")), "{text}");
    }
}

#[test]
fn a_batch_that_is_half_written_is_not_seen() {
    let disk = SimDisk::new();
    let (mut log, _) = open(&disk).expect("opens");
    log.append(&[admission(1, "ward")]).expect("appended");
    let name = disk.list("").expect("listed").pop().expect("a segment");
    let before = disk.size(&name).expect("there");
    log.append(&[outcome(2, 1, OutcomeStatus::Answered)]).expect("appended");
    let after = disk.size(&name).expect("there");
    for len in before..=after {
        let disk = disk.reopen(0);
        disk.truncate(&name, len).expect("truncated");
        let shown = reader(&disk).show(id(1).as_str(), true).expect("read").expect("there");
        let expect = if len < after { Status::Open } else { Status::Ended(OutcomeStatus::Answered) };
        assert_eq!(shown.status, expect, "{len} of {before} to {after}");
        assert!(shown.contents.iter().all(|content| content.content.is_ok()));
    }
}

#[test]
fn a_reader_works_while_the_log_is_locked_and_written() {
    let folder = tempfile::tempdir().expect("a folder");
    let (mut log, _) = AuditLog::open(folder.path(), JournalOptions::default(), at(0)).expect("opens");
    log.append(&[admission(1, "ward")]).expect("appended");
    let early = AuditReader::open(folder.path()).expect("readable");
    log.append(&[outcome(2, 1, OutcomeStatus::Answered), admission(3, "bank")]).expect("appended");
    let late = AuditReader::open(folder.path()).expect("readable");
    let statuses = |reader: &AuditReader| -> Vec<Status> {
        reader.list(&Filter::default()).expect("listed").into_iter().map(|listed| listed.status).collect()
    };
    assert_eq!(statuses(&early), [Status::Open]);
    assert_eq!(statuses(&late), [Status::Open, Status::Ended(OutcomeStatus::Answered)]);
    assert!(late.in_use());
    drop(log);
    let idle = AuditReader::open(folder.path()).expect("readable");
    assert!(!idle.in_use());
    assert_eq!(statuses(&idle), statuses(&late), "reading gives no request its end");
}

#[test]
fn a_folder_without_a_log_is_told() {
    let folder = tempfile::tempdir().expect("a folder");
    let check = |dir: &Path| {
        let error = AuditReader::open(dir).expect_err("nothing there");
        assert!(matches!(error, AuditError::Store(StoreError::NoJournal { .. })), "{error}");
        assert!(error.to_string().contains(&dir.display().to_string()), "{error}");
    };
    check(folder.path());
    check(&folder.path().join("nowhere"));
    assert_eq!(fs::read_dir(folder.path()).expect("listed").count(), 0, "nothing was made");
}

#[test]
fn damage_before_the_last_batch_is_an_error() {
    let disk = SimDisk::new();
    run(&disk, &script());
    let mut names = disk.list("").expect("listed").into_iter();
    let first = names.find(|name| name.starts_with("journal-")).expect("a segment");
    disk.flip(&first, 60, 1).expect("flipped");
    let error = AuditReader::open_on(&disk_of(&disk)).expect_err("damaged");
    assert!(matches!(error, AuditError::Store(StoreError::Damaged { .. })), "{error}");
}
