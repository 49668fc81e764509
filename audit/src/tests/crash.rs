//! Power cuts and full disks.

use std::{io, sync::Arc};

use forethought_store::{Disk, Index, SimDisk, StoreError};

use super::{SMALL, admission, at, id, open, outcome, run, script, segments, verified};
use crate::{AuditError, AuditLog, Body, Draft, Filter, LostRange, OutcomeStatus, Status, index};

/// Checks that every draft is in the log, with the contents that it had.
fn assert_holds(log: &AuditLog, drafts: &[Draft], context: &str) {
    for draft in drafts {
        let shown = log.show(draft.record_id().as_str(), true).expect("read");
        let shown = shown.unwrap_or_else(|| panic!("{context}: {} is lost", draft.record_id()));
        if let Draft::Outcome(draft) = draft {
            assert_eq!(shown.status, Status::Ended(draft.status), "{context}");
        }
        for content in shown.contents {
            content.content.unwrap_or_else(|error| panic!("{context}: {error}"));
        }
    }
}

#[test]
fn a_power_cut_at_every_operation_loses_nothing_acknowledged_and_leaves_no_request_without_its_end() {
    let whole = SimDisk::new();
    assert_eq!(run(&whole, &script()), script().len());
    for at in 0..=whole.operations() {
        let disk = SimDisk::new();
        disk.power_cut(at);
        let acknowledged = run(&disk, &script());
        for seed in 0..4 {
            let context = format!("cut {at}, seed {seed}");
            let disk = disk.reopen(seed * 1000 + if seed == 0 { 0 } else { at });
            let (mut log, report) = open(&disk).unwrap_or_else(|error| panic!("{context}: {error}"));
            assert_holds(&log, &script()[..acknowledged].concat(), &context);
            assert_eq!(log.open_admissions().count(), 0, "{context}");
            let open_left = Filter { status: Some(Status::Open), ..Filter::default() };
            assert_eq!(log.list(&open_left).expect("listed"), [], "{context}");
            let checked = verified(&disk);
            assert!(checked.passed(), "{context}: {:?}", checked.failure);
            assert_eq!(checked.interrupted, report.interrupted.len() as u64, "{context}");
            assert_eq!(
                (checked.head.unwrap_or(crate::Digest::GENESIS), checked.without_key),
                (log.head(), 0),
                "{context}"
            );
            log.append(&[admission(100, "ward"), outcome(101, 100, OutcomeStatus::Answered)]).expect("goes on");
            drop(log);
            let disk = disk.reopen(0);
            let (log, report) = open(&disk).expect("opens once more");
            assert_eq!(report.interrupted, [], "{context}");
            assert_holds(&log, &script()[..acknowledged].concat(), &context);
            assert!(verified(&disk).passed(), "{context}");
        }
    }
}

#[test]
fn unfinished_requests_are_interrupted_at_the_next_start() {
    let disk = SimDisk::new();
    run(&disk, &script());
    let before = verified(&disk).failure.expect("two requests have no end");
    assert_eq!(before.record_id, Some(id(7).to_string()));
    let (mut log, report) = open(&disk).expect("opens");
    assert_eq!(report.interrupted, [id(7), id(10)]);
    let shown = log.show(id(7).as_str(), false).expect("read").expect("there");
    assert_eq!(shown.status, Status::Interrupted);
    let error = log.append(&[outcome(11, 7, OutcomeStatus::Answered)]).expect_err("it has its end");
    assert!(matches!(error, AuditError::Draft { index: 0, .. }), "{error}");
    let checked = verified(&disk);
    assert!(checked.passed());
    assert_eq!((checked.admissions, checked.interrupted, checked.records), (6, 2, 12));
}

#[test]
fn a_full_disk_loses_nothing_and_goes_on_once_there_is_space() {
    for space in (0..26_000).step_by(149) {
        let disk = SimDisk::new();
        let (mut log, _) = open(&disk).expect("opens");
        disk.limit_space(space);
        let mut failed = 0;
        for batch in script() {
            while let Err(error) = log.append(&batch) {
                assert!(error.is_full(), "{error}");
                assert!(error.to_string().contains("the disk is full"), "{error}");
                failed += 1;
                disk.writes_work();
            }
        }
        let context = format!("space {space}");
        assert!(failed <= 1, "{context}");
        let disk = disk.reopen(0);
        let (log, report) = open(&disk).expect("opens");
        assert_eq!(report.recovery.tail, None, "{context}");
        assert_holds(&log, &script().concat(), &context);
        assert!(verified(&disk).passed(), "{context}");
        if failed == 0 {
            return;
        }
    }
    panic!("the script needs more space");
}

#[test]
fn after_a_failed_sync_nothing_is_taken_until_the_log_is_opened_anew() {
    let disk = SimDisk::new();
    let (mut log, _) = open(&disk).expect("opens");
    log.append(&[admission(1, "ward")]).expect("appended");
    disk.fail_syncs(true);
    log.append(&[outcome(2, 1, OutcomeStatus::Answered)]).expect_err("the sync failed");
    disk.fail_syncs(false);
    let error = log.append(&[outcome(2, 1, OutcomeStatus::Answered)]).expect_err("refused");
    assert!(matches!(error, AuditError::Store(StoreError::NeedsReopen { .. })), "{error}");
    assert!(log.refusing().is_some());
    drop(log);
    let (_, report) = open(&disk).expect("opens");
    assert_eq!(report.interrupted, [id(1)], "the outcome that was not acknowledged is not there");
    assert!(verified(&disk.reopen(0)).passed());
}

#[test]
fn a_batch_with_one_bad_draft_changes_nothing() {
    let disk = SimDisk::new();
    let (mut log, _) = open(&disk).expect("opens");
    log.append(&[admission(1, "ward")]).expect("appended");
    let check = |log: &mut AuditLog, bad: Draft, expect: &str| {
        let (head, operations) = (log.head(), disk.operations());
        let error = log.append(&[outcome(90, 1, OutcomeStatus::Answered), bad]).expect_err("refused");
        assert!(matches!(error, AuditError::Draft { index: 1, .. }), "{error}");
        assert!(error.to_string().contains(expect), "{error}");
        assert_eq!(log.head(), head);
        assert!(disk.operations() <= operations + 3, "at most a key was synced");
    };
    check(&mut log, admission(1, "ward"), "is there already");
    check(&mut log, admission(90, "ward"), "is there already");
    check(&mut log, outcome(91, 1, OutcomeStatus::Failed), "has its end");
    check(&mut log, outcome(91, 55, OutcomeStatus::Failed), "unknown");
    check(&mut log, admission(91, "../ward"), "not a tenant id");
    let mut large = admission(91, "ward");
    if let Draft::Admission(draft) = &mut large {
        draft.prompt = vec![b'x'; 5000];
    }
    check(&mut log, large, "above the limit of 4096");
    log.append(&[outcome(90, 1, OutcomeStatus::Answered)]).expect("the good one alone");
    disk.fail_writes_with(io::ErrorKind::Other);
    assert!(!log.append(&[admission(2, "ward")]).expect_err("failed").is_full());
}

#[test]
fn a_power_cut_while_the_log_is_opened_loses_nothing() {
    let whole = SimDisk::new();
    run(&whole, &script());
    // Two requests are open and the last batch is torn: opening has everything to do.
    let (last, _) = segments(&whole).pop().expect("a segment");
    whole.power_cut(whole.operations());
    whole.append(&last, b"arrives in part").expect_err("no power");
    for seed in 0..6 {
        for at in 0..16 {
            let disk = whole.reopen(seed);
            disk.power_cut(at);
            drop(open(&disk));
            let disk = disk.reopen(seed + at);
            let (log, _) = open(&disk).expect("opens");
            assert_holds(&log, &script().concat(), &format!("cut {at}, seed {seed}"));
            let checked = verified(&disk);
            assert!(checked.passed(), "cut {at}, seed {seed}: {:?}", checked.failure);
            assert_eq!(checked.interrupted, 2);
        }
    }
}

#[test]
fn a_shortened_journal_is_reported_and_recorded() {
    let dir = tempfile::tempdir().expect("a folder");
    let disk = SimDisk::new();
    let open = |disk: &SimDisk| {
        let index = Index::open(dir.path().join("index")).expect("an index");
        AuditLog::open_on(Arc::new(disk.clone()), index, SMALL, at(0)).expect("opens")
    };
    let (mut log, _) = open(&disk);
    log.append(&[admission(1, "ward")]).expect("appended");
    log.append(&[outcome(2, 1, OutcomeStatus::Answered)]).expect("appended");
    drop(log);
    let (name, bytes) = segments(&disk).remove(0);
    disk.truncate(&name, bytes.len() as u64 - 1).expect("cut");
    let (log, report) = open(&disk);
    let lost = report.recovery.acknowledged_lost.expect("the index knew more");
    assert_eq!((*lost.start(), *lost.end()), (3, 7));
    assert_eq!((report.interrupted, report.index_rebuilt.is_some()), (vec![id(1)], true));
    let entry = log.journal.read(3).expect("there");
    let Body::TailCut(cut) = index::record_of(&entry).expect("a record").body else { panic!("no record of it") };
    assert_eq!((cut.segment, cut.acknowledged_lost), (Some(name), Some(LostRange { first: 3, last: 7 })));
    assert!(cut.kept_as.is_some_and(|kept| disk.size(&kept).expect("kept") == cut.bytes));
    let report = verified(&disk);
    assert_eq!((report.failure.as_ref(), report.cuts, report.acknowledged_lost), (None, 1, 5));
    assert!(!report.passed(), "what was acknowledged is gone");
}

#[test]
fn a_cut_and_a_loss_are_recorded_although_opening_failed_after_them() {
    let dir = tempfile::tempdir().expect("a folder");
    let (whole, path) = (SimDisk::new(), dir.path().join("index"));
    let open = |disk: &SimDisk| {
        let index = Index::open(&path).expect("an index");
        AuditLog::open_on(Arc::new(disk.clone()), index, SMALL, at(0))
    };
    let (mut log, _) = open(&whole).expect("opens");
    log.append(&[admission(1, "ward"), outcome(2, 1, OutcomeStatus::Answered)]).expect("appended");
    drop(log);
    for (failed, space) in (0..12_000).step_by(149).enumerate() {
        // The index knows all of the log each time.
        drop(open(&whole).expect("opens"));
        let disk = whole.reopen(0);
        let (name, bytes) = segments(&disk).remove(0);
        disk.truncate(&name, bytes.len() as u64 - 1).expect("cut");
        disk.sync_file(&name).expect("synced");
        disk.limit_space(space);
        let opened = open(&disk).is_ok();
        let disk = disk.reopen(0);
        drop(open(&disk).expect("opens"));
        let report = verified(&disk);
        assert_eq!((report.failure, report.cuts, report.acknowledged_lost), (None, 1, 7), "space {space}");
        let kept = disk.list("").expect("listed").into_iter().filter(|name| name.ends_with(".damaged")).count();
        assert_eq!(kept, 1, "space {space}: what was cut is kept once");
        if opened {
            assert!(failed > 10, "{failed}");
            return;
        }
    }
    panic!("opening needs more space");
}
