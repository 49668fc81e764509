//! Full disks and failing calls.

use std::io;

use super::{append, contents, open, run, script, whole_batches};
use crate::{SimDisk, StoreError};

#[test]
fn a_full_disk_loses_nothing_and_goes_on_once_there_is_space() {
    let script = script();
    let size: usize = 2000;
    for space in 0..size {
        let disk = SimDisk::new();
        let (mut journal, _) = open(&disk).expect("opens");
        disk.limit_space(space);
        let mut failed = 0;
        for batch in &script {
            while let Err(error) = append(&mut journal, batch) {
                assert!(matches!(error, StoreError::Full { .. }), "{error}");
                failed += 1;
                disk.writes_work();
            }
        }
        assert!(failed <= 1);
        assert_eq!(contents(&journal), script.concat(), "space {space}");
        let (journal, report) = open(&disk.reopen(0)).expect("opens");
        assert_eq!((contents(&journal), report.tail), (script.concat(), None), "space {space}");
        if failed == 0 {
            return;
        }
    }
    panic!("the script needs more than {size} bytes");
}

#[test]
fn a_power_cut_after_a_failed_write_loses_nothing_acknowledged() {
    let script = script();
    for fail_at in 0..script.len() {
        for more in 0..30 {
            let disk = SimDisk::new();
            let (mut journal, _) = open(&disk).expect("opens");
            let mut acknowledged = 0;
            for (index, batch) in script.iter().enumerate() {
                if index == fail_at {
                    disk.fail_writes_with(io::ErrorKind::StorageFull);
                    append(&mut journal, batch).expect_err("full");
                    disk.writes_work();
                    disk.power_cut(disk.operations() + more);
                }
                if append(&mut journal, batch).is_err() {
                    break;
                }
                acknowledged += 1;
            }
            for seed in 0..12 {
                let (journal, _) = open(&disk.reopen(seed)).expect("opens");
                assert!(
                    whole_batches(&script, &journal) >= acknowledged,
                    "failed at {fail_at}, cut {more}, seed {seed}"
                );
            }
        }
    }
}

#[test]
fn the_full_error_says_the_mend() {
    let disk = SimDisk::new();
    let (mut journal, _) = open(&disk).expect("opens");
    disk.fail_writes_with(io::ErrorKind::StorageFull);
    let error = append(&mut journal, &vec![(1, vec![1])]).expect_err("full");
    assert!(error.to_string().contains("the disk is full; free some space"), "{error}");
    disk.fail_writes_with(io::ErrorKind::PermissionDenied);
    let error = append(&mut journal, &vec![(1, vec![1])]).expect_err("failed");
    assert!(matches!(error, StoreError::Io { .. }), "{error}");
}

#[test]
fn a_failed_sync_is_never_pretended_away() {
    for fail_at in 0..script().len() {
        let disk = SimDisk::new();
        let (mut journal, _) = open(&disk).expect("opens");
        let script = script();
        for batch in &script[..fail_at] {
            append(&mut journal, batch).expect("appended");
        }
        disk.fail_syncs(true);
        append(&mut journal, &script[fail_at]).expect_err("the sync failed");
        disk.fail_syncs(false);
        let error = append(&mut journal, &script[fail_at]).expect_err("refused");
        assert!(matches!(error, StoreError::NeedsReopen { .. }), "{error}");
        assert!(journal.refusing().is_some());
        assert_eq!(contents(&journal), script[..fail_at].concat());
        drop(journal);
        assert_eq!(run(&disk, &script[fail_at..]), script.len() - fail_at, "works again once reopened");
        let (journal, _) = open(&disk.reopen(0)).expect("opens");
        assert_eq!(contents(&journal), script.concat(), "failed at {fail_at}");
    }
}

#[test]
fn a_write_that_cannot_be_cut_back_needs_a_reopening() {
    let disk = SimDisk::new();
    let (mut journal, _) = open(&disk).expect("opens");
    append(&mut journal, &vec![(1, b"acknowledged".to_vec())]).expect("appended");
    disk.fail_writes_with(io::ErrorKind::StorageFull);
    disk.fail_truncates(true);
    append(&mut journal, &vec![(1, b"not".to_vec())]).expect_err("full");
    disk.writes_work();
    disk.fail_truncates(false);
    let error = append(&mut journal, &vec![(1, b"refused".to_vec())]).expect_err("refused");
    assert!(matches!(error, StoreError::NeedsReopen { .. }), "{error}");
    let (mut journal, report) = open(&disk).expect("opens");
    assert!(report.tail.is_some_and(|tail| tail.bytes > 0 && tail.kept_as.is_some()));
    assert_eq!(append(&mut journal, &vec![(1, b"next".to_vec())]).expect("appended"), 2..3);
}

#[test]
fn a_failed_sync_that_cannot_be_cut_back_is_written_again_when_reopened() {
    // The batch that was not synced may be the first of a segment, or any other.
    for fail_at in 0..script().len() {
        let (disk, script) = (SimDisk::new(), script());
        let (mut journal, _) = open(&disk).expect("opens");
        for batch in &script[..fail_at] {
            append(&mut journal, batch).expect("appended");
        }
        disk.fail_syncs(true);
        disk.fail_truncates(true);
        append(&mut journal, &script[fail_at]).expect_err("the sync failed");
        disk.fail_syncs(false);
        disk.fail_truncates(false);
        let (mut journal, _) = open(&disk).expect("opens");
        append(&mut journal, &vec![(7, b"next".to_vec())]).expect("acknowledged");
        let last = journal.last_seq();
        let (journal, _) = open(&disk.reopen(0)).unwrap_or_else(|error| panic!("failed at {fail_at}: {error}"));
        assert_eq!(journal.read(last).expect("there").payload, b"next", "failed at {fail_at}");
        assert!(contents(&journal).starts_with(&script[..fail_at].concat()));
    }
}

#[test]
fn a_sync_without_space_is_not_called_a_full_disk() {
    for kind in [io::ErrorKind::StorageFull, io::ErrorKind::QuotaExceeded, io::ErrorKind::Other] {
        for fail_at in 0..script().len() {
            let disk = SimDisk::new();
            let (mut journal, _) = open(&disk).expect("opens");
            for batch in &script()[..fail_at] {
                append(&mut journal, batch).expect("appended");
            }
            disk.fail_syncs_with(Some(kind));
            let error = append(&mut journal, &script()[fail_at]).expect_err("the sync failed");
            assert!(matches!(error, StoreError::NeedsReopen { .. }), "{kind:?}, batch {fail_at}: {error}");
            assert!(journal.refusing().is_some());
        }
    }
}
