//! What was prepared before its turn is taken only where it is what would come of the draft now.

use std::sync::Arc;

use forethought_schemas::RecordId;
use forethought_store::{Index, SimDisk};

use super::{ANSWER, PROMPT, admission, asked, at, id, log_of, open, outcome, script, verified};
use crate::{Appended, AuditError, AuditLog, Draft, EarlyRecord, OutcomeStatus, Owner, Scope, contents::key_of};

fn about(number: u32, subject: &str) -> Draft {
    let Draft::Admission(mut draft) = admission(number, "ward") else { panic!("no admission") };
    draft.subject = Some(subject.to_owned());
    Draft::Admission(draft)
}

fn end(number: u32, admission: u32) -> Draft {
    outcome(number, admission, OutcomeStatus::Answered)
}

/// A log in which request 0 of `ada` has begun.
fn begun(disk: &SimDisk) -> AuditLog {
    let (mut log, _) = open(disk).expect("opens");
    log.append(&[about(0, "ada")]).expect("appended");
    log
}

fn append(log: &mut AuditLog, early: EarlyRecord) -> Appended {
    log.append_early(&[early]).expect("appended").remove(0)
}

/// Whether what was prepared is what is in the log.
fn is_taken(early: &EarlyRecord, log: &mut AuditLog) -> bool {
    let prepared = early.parts().1.expect("prepared").prepared_hash();
    let appended = log.append_early(std::slice::from_ref(early)).expect("appended");
    appended[0].hash == prepared
}

fn contents(log: &AuditLog, record: &RecordId) -> Vec<Option<Vec<u8>>> {
    let contents = log.show(record.as_str(), true).expect("read").expect("there").contents;
    contents.into_iter().map(|content| content.content.ok()).collect()
}

fn erase(log: &mut AuditLog, subject: &str) {
    let erased = log.erase(&Scope::Owner(Owner::subject("ward", subject)), &asked(), at(9)).expect("erased");
    assert_eq!(erased.keys, 1);
}

#[test]
fn what_is_prepared_is_what_is_written() {
    let disk = SimDisk::new();
    let mut log = begun(&disk);
    let preparer = log.preparer();
    assert!(is_taken(&preparer.prepare(end(1, 0)), &mut log));
    assert!(is_taken(&preparer.prepare(about(2, "ada")), &mut log));
    assert!(is_taken(&preparer.prepare(end(3, 2)), &mut log), "of an admission that was prepared");
    let all = contents(&log, &id(0));
    assert_eq!(all[0].as_deref(), Some(PROMPT.as_bytes()));
    assert!(all.iter().all(Option::is_some) && all.contains(&Some(ANSWER.into())));
    drop(log);
    let report = verified(&disk);
    assert!(report.passed() && report.unsealed == 10, "{report:?}");
}

#[test]
fn nothing_is_prepared_under_a_key_that_is_not_there() {
    let disk = SimDisk::new();
    let mut log = begun(&disk);
    let preparer = log.preparer();
    let tomorrow = {
        let Draft::Admission(mut draft) = about(5, "ada") else { panic!("no admission") };
        draft.time = at(86_400);
        Draft::Admission(draft)
    };
    for draft in [about(5, "bob"), admission(5, "ward"), admission(5, "no tenant"), tomorrow, end(5, 4)] {
        assert!(!preparer.prepare(draft.clone()).is_prepared(), "{draft:?}");
    }
    drop(append(&mut log, preparer.prepare(about(5, "bob"))));
    assert_eq!(contents(&log, &id(5)), [Some(PROMPT.into())], "it is prepared when it is its turn");
    let (log, _) = {
        drop(log);
        AuditLog::reopen_on(Arc::new(disk), index(), super::SMALL, at(10)).expect("opens")
    };
    assert!(!log.preparer().prepare(end(6, 5)).is_prepared(), "whose key this process does not know");
}

fn index() -> Index {
    Index::temporary().expect("an index")
}

#[test]
fn an_erasure_between_makes_an_admission_anew_under_another_key() {
    let disk = SimDisk::new();
    let mut log = begun(&disk);
    let early = log.preparer().prepare(about(2, "ada"));
    let sealed_under = key_of(&log.journal.read(2).expect("the prompt of 0").payload);
    erase(&mut log, "ada");
    assert!(!log.preparer().prepare(about(2, "ada")).is_prepared(), "the key is forgotten here, too");
    assert!(!is_taken(&early, &mut log));
    assert_eq!((contents(&log, &id(0)), contents(&log, &id(2))), (vec![None], vec![Some(PROMPT.into())]));
    let entry = log.journal.read(log.journal.last_seq()).expect("the prompt of 2");
    assert!(sealed_under.is_some() && key_of(&entry.payload) != sealed_under);
}

#[test]
fn an_erasure_between_leaves_nothing_of_an_outcome() {
    let disk = SimDisk::new();
    let mut log = begun(&disk);
    let early = log.preparer().prepare(end(1, 0));
    erase(&mut log, "ada");
    assert!(!log.preparer().prepare(end(1, 0)).is_prepared());
    assert!(!is_taken(&early, &mut log), "what was sealed under the key stays out of the log");
    assert!(contents(&log, &id(0)).iter().all(Option::is_none));
    drop(log);
    assert!(verified(&disk).passed());
}

#[test]
fn what_was_prepared_for_another_log_is_made_anew() {
    let (one, two) = (SimDisk::new(), SimDisk::new());
    let (log, mut other) = (begun(&one), begun(&two));
    // The same drafts, under the same ids; the keys are others.
    for draft in [about(2, "ada"), end(1, 0)] {
        assert!(!is_taken(&log.preparer().prepare(draft), &mut other));
    }
}

#[test]
fn what_was_prepared_for_another_admission_of_the_same_id_is_made_anew() {
    let mut log = begun(&SimDisk::new());
    let early = log.preparer().prepare(end(1, 0));
    log.append(&[end(2, 0)]).expect("ended");
    let Draft::Admission(mut again) = about(0, "ada") else { panic!("no admission") };
    again.admission.request_id = super::request(77);
    log.append(&[Draft::Admission(again)]).expect("nobody has this id now");
    assert!(!is_taken(&early, &mut log), "it would name the request of the first one");
}

#[test]
fn one_bad_draft_costs_what_was_prepared_of_the_others_nothing() {
    let disk = SimDisk::new();
    let mut log = begun(&disk);
    let preparer = log.preparer();
    let mut batch: Vec<_> = [end(1, 0), end(2, 0), about(3, "ada")].map(|draft| preparer.prepare(draft)).into();
    let error = log.append_early(&batch).expect_err("0 has two ends");
    assert!(matches!(error, AuditError::Draft { index: 1, .. }), "{error}");
    drop(batch.remove(1));
    disk.limit_space(100);
    assert!(log.append_early(&batch).expect_err("no room").is_full());
    disk.writes_work();
    let hashes: Vec<_> = batch.iter().map(|early| early.parts().1.expect("prepared").prepared_hash()).collect();
    let appended = log.append_early(&batch).expect("appended");
    assert_eq!(appended.iter().map(|one| one.hash).collect::<Vec<_>>(), hashes);
    let again = log.append_early(&batch).expect_err("both are there");
    assert!(matches!(again, AuditError::Draft { index: 0, .. }), "{again}");
    log.settle();
    drop(log);
    assert!(
        verified(&disk).failure.is_some_and(|failure| failure.record_id == Some(id(3).to_string())),
        "3 has no end"
    );
}

/// As [`super::run`], prepared in time, and settled after every other batch.
fn run_early(disk: &SimDisk, script: &[Vec<Draft>]) -> usize {
    let Ok((mut log, _)) = open(disk) else { return 0 };
    let batch = |(at, drafts): (usize, &Vec<Draft>)| {
        let preparer = log.preparer();
        let early: Vec<_> = drafts.iter().map(|draft| preparer.prepare(draft.clone())).collect();
        log.append_early(&early).ok()?;
        if at % 2 == 1 {
            log.settle();
        }
        Some(early.iter().filter(|early| early.is_prepared()).count())
    };
    let taken: Vec<_> = script.iter().enumerate().map_while(batch).collect();
    assert!(taken.len() < script.len() || taken.iter().sum::<usize>() > script.len() / 2, "most were prepared");
    taken.len()
}

#[test]
fn a_power_cut_at_every_operation_loses_nothing_that_was_prepared() {
    let whole = SimDisk::new();
    assert_eq!(run_early(&whole, &script()), script().len());
    for cut in 0..=whole.operations() {
        let disk = SimDisk::new();
        disk.power_cut(cut);
        let acknowledged = script()[..run_early(&disk, &script())].concat();
        let disk = disk.reopen(cut);
        let (log, _) = open(&disk).unwrap_or_else(|error| panic!("cut {cut}: {error}"));
        for draft in &acknowledged {
            let shown = log.show(draft.record_id().as_str(), true).expect("read");
            let contents = shown.unwrap_or_else(|| panic!("cut {cut}: {} is lost", draft.record_id())).contents;
            assert!(contents.iter().all(|content| content.content.is_ok()), "cut {cut}");
        }
        drop(log);
        let report = verified(&disk);
        assert!(report.passed() && report.without_key == 0, "cut {cut}: {:?}", report.failure);
    }
}

#[test]
fn what_is_not_settled_is_integrated_all_the_same() {
    let (disk, plain) = (SimDisk::new(), SimDisk::new());
    let (mut log, _) = open(&disk).expect("opens");
    for number in (0..600).step_by(2) {
        for draft in [admission(number, "ward"), end(number + 1, number)] {
            let early = log.preparer().prepare(draft);
            let appended = append(&mut log, early);
            assert_eq!(appended.leaf, log.tree_size() - 1);
            assert_eq!(log.prove(appended.record_id.as_str()).expect("proved").len(), 1);
        }
    }
    drop(log);
    let (log, report) = open(&disk).expect("opens");
    assert_eq!((log.tree_size(), report.tree_rebuilt), (600, None));
    assert_eq!(log_of(&plain, 600).tree_size(), 600);
    assert!(verified(&disk).passed());
}
