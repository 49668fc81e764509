//! Backups of a log that goes on meanwhile.

use std::{
    collections::BTreeSet,
    sync::mpsc::{self, Receiver, Sender},
    thread,
};

use forethought_schemas::RecordId;

use super::*;
use crate::{AuditReader, Filter};

/// What the thread that writes is asked for: what was acknowledged until now, and the log as it is.
type Ask = Sender<(BTreeSet<RecordId>, LogSnapshot)>;

/// Appends as fast as the disk goes, until nobody asks any more.
fn write(mut log: AuditLog, asked: &Receiver<Ask>) -> AuditLog {
    let mut acknowledged = BTreeSet::new();
    for number in (0..).step_by(2) {
        log.append(&[admission(number, "ward"), outcome(number + 1, number, OutcomeStatus::Answered)])
            .expect("appended");
        log.append(&[admission(1_000_000 + number, "bank")]).expect("appended");
        acknowledged.extend([id(number), id(number + 1), id(1_000_000 + number)]);
        match asked.try_recv() {
            Ok(answer) => answer.send((acknowledged.clone(), log.snapshot().expect("read"))).expect("asked"),
            Err(mpsc::TryRecvError::Empty) => {}
            Err(mpsc::TryRecvError::Disconnected) => return log,
        }
    }
    log
}

#[test]
fn a_backup_in_the_middle_of_appends_has_every_record_that_was_acknowledged() {
    let dir = tempfile::tempdir().expect("a folder");
    let options = JournalOptions { max_segment_bytes: 64 << 10, ..JournalOptions::default() };
    let (log, _) = AuditLog::open(dir.path().join("data"), options, at(0)).expect("opens");
    let (ask, asked) = mpsc::channel();
    let writer = thread::spawn(move || write(log, &asked));
    let mut sizes = Vec::new();
    for round in 0..4 {
        let (answer, answered) = mpsc::channel();
        ask.send(answer).expect("writing");
        let (acknowledged, snapshot) = answered.recv().expect("answered");
        let report = Backup::of(&snapshot).write(&dir.path().join("backup"), at(round)).expect("backed up");
        let to = dir.path().join(format!("restored-{round}"));
        let restored = restore(&dir.path().join("backup"), &to).expect("restored");
        assert_eq!((restored.root, restored.size), (report.root, acknowledged.len() as u64));
        assert_eq!(restored.verified.under_way, restored.size / 3);
        let found = AuditReader::open(&to).expect("read");
        for id in &acknowledged {
            assert!(found.show(id.as_str(), false).expect("read").is_some(), "{id}");
        }
        assert!(found.list(&Filter::default()).expect("read").len() as u64 <= restored.size);
        drop(opened(&to));
        assert!(verify(&to).expect("read").passed());
        sizes.push(restored.size);
    }
    drop(ask);
    let log = writer.join().expect("written");
    assert!(sizes.is_sorted() && sizes[3] > sizes[0], "{sizes:?}");
    assert!(log.tree_size() > sizes[3]);
    assert!(log.refusing().is_none());
}
