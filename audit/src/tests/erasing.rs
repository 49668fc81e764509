//! What is forgotten is gone from every byte, what may not be is refused in writing, and every proof still holds.

use std::sync::Arc;

use forethought_store::{Disk, SimDisk};
use forethought_tlog::{leaf_hash, verify_inclusion};

use super::{PROMPT, admission, asked, at, id, open, outcome, verified};
use crate::{
    Act, AuditLog, Body, Digest, Draft, Filter, OutcomeStatus, Owner, Record, RetentionDays, RetentionNote, Scope,
    contents::key_of,
};

/// A name that no digits of a digest are by chance.
const ADA: &str = "ada.lovelace@example.com";

/// A request about somebody, under rules of retention.
fn about(number: u32, subject: Option<&str>, retention: RetentionNote) -> Draft {
    let Draft::Admission(mut draft) = admission(number, "ward") else { panic!("no admission") };
    draft.subject = subject.map(ToOwned::to_owned);
    draft.admission.retention = retention;
    Draft::Admission(draft)
}

fn days(days: u32) -> RetentionDays {
    RetentionDays { days, rule: "pack/rule".to_owned() }
}

fn person(subject: &str) -> Scope {
    Scope::Owner(Owner::subject("ward", subject))
}

/// Ada's request 1, Bob's 3, and one about nobody, 5.
fn filled(disk: &SimDisk) -> AuditLog {
    let (mut log, _) = open(disk).expect("opens");
    for (number, subject) in [(1, Some(ADA)), (3, Some("bob")), (5, None)] {
        let first = about(number, subject, RetentionNote::default());
        log.append(&[first]).expect("appended");
        log.append(&[outcome(number + 1, number, OutcomeStatus::Answered)]).expect("appended");
    }
    log
}

/// Whether the contents of a request can be read: all of them, or none.
fn readable(log: &AuditLog, number: u32) -> bool {
    let contents = log.show(id(number).as_str(), true).expect("read").expect("there").contents;
    let readable = contents.iter().filter(|content| content.content.is_ok()).count();
    assert!(readable == 0 || readable == contents.len());
    readable > 0
}

fn acts(log: &AuditLog) -> Vec<Act> {
    let act = |record: Record| if let Body::Act(act) = record.body { act } else { panic!("no act") };
    log.acts(&Filter::default()).expect("read").into_iter().map(act).collect()
}

/// Every byte of every file.
fn bytes(disk: &SimDisk) -> Vec<u8> {
    let files = ["", "log", "vault"].into_iter().flat_map(|dir| {
        let names = disk.list(dir).unwrap_or_default();
        names.into_iter().map(move |name| if dir.is_empty() { name } else { format!("{dir}/{name}") })
    });
    files.flat_map(|name| disk.read(&name, 0, usize::MAX).expect("read")).collect()
}

fn holds(all: &[u8], part: &[u8]) -> bool {
    all.windows(part.len()).any(|window| window == part)
}

#[test]
fn one_person_is_forgotten_and_nobody_else() {
    let disk = SimDisk::new();
    let mut log = filled(&disk);
    let before = log.prove(id(1).as_str()).expect("proved").remove(0);
    let erased = log.erase(&person(ADA), &asked(), at(9)).expect("erased");
    assert_eq!((erased.keys, erased.refused_count, erased.records.len()), (1, 0, 1));
    assert_eq!([1, 3, 5].map(|number| readable(&log, number)), [false, true, true]);
    let act = acts(&log).remove(0);
    assert_eq!((act.what.as_str(), act.reason.as_deref()), (Act::ERASED, Some("request 17")));
    assert!(!serde_json::to_string(&act).unwrap().contains(ADA), "who it was is forgotten, too");
    let after = log.prove(id(1).as_str()).expect("proved").remove(0);
    assert_eq!(after.entry, before.entry);
    verify_inclusion(after.leaf, after.size, &leaf_hash(&after.entry), &after.root, &after.path).expect("holds");
    drop(log);
    let report = verified(&disk);
    assert!(report.passed(), "{report:?}");
    assert_eq!((report.without_key, report.unsealed), (5, 10));
    let (log, _) = open(&disk).expect("opens again");
    assert_eq!([1, 3, 5].map(|number| readable(&log, number)), [false, true, true]);
}

#[test]
fn neither_the_key_nor_a_salt_is_left_in_any_byte() {
    let disk = SimDisk::new();
    let mut log = filled(&disk);
    let sealed = log.journal.read(2).expect("the first prompt").payload;
    let (place, key) = key_of(&sealed).expect("of the vault");
    let offset = 1024 * (u64::from(place.slot) + 1);
    let row = disk.read("vault/keys-000001.tbl", offset, 1024).expect("read");
    // What is wrapped has no part that is not random.
    let parts: Vec<&[u8]> = row.chunks(16).filter(|part| !holds(part, &[0; 3])).collect();
    assert!(parts.len() > 5 && parts.iter().all(|part| holds(&bytes(&disk), part)), "the search finds what is there");
    log.erase(&person(ADA), &asked(), at(9)).expect("erased");
    let all = bytes(&disk);
    for part in parts.into_iter().filter(|part| !holds(key.as_bytes(), &part[..4])) {
        let id_only = key.as_bytes().windows(4).any(|id| holds(part, id));
        assert!(id_only || !holds(&all, part), "{part:02x?} is left");
    }
    assert!(!holds(&all, ADA.as_bytes()));
    let record = log.show(id(1).as_str(), false).expect("read").expect("there").admission;
    let salt =
        all.windows(32).find(|window| Digest::salted(window, PROMPT.as_bytes()) == record.contents[0].commitment);
    assert_eq!(salt, None, "with its salt a content could be guessed");
}

#[test]
fn what_comes_after_an_erasure_is_forgotten_with_it() {
    let disk = SimDisk::new();
    let (mut log, _) = open(&disk).expect("opens");
    log.append(&[about(1, Some(ADA), RetentionNote::default())]).expect("appended");
    log.erase(&person(ADA), &asked(), at(2)).expect("erased");
    log.append(&[outcome(2, 1, OutcomeStatus::Answered)]).expect("the request ends all the same");
    assert!(!readable(&log, 1));
    log.append(&[about(3, Some(ADA), RetentionNote::default())]).expect("appended");
    assert!(readable(&log, 3), "a later request has a key of its own");
    drop(log);
    assert!(verified(&disk).failure.is_some_and(|failure| failure.what.contains("no end")), "3 is open");
}

#[test]
fn an_outcome_is_sealed_under_the_key_of_its_admission_also_after_a_reopening() {
    let disk = SimDisk::new();
    let (mut log, _) = open(&disk).expect("opens");
    log.append(&[about(1, Some(ADA), RetentionNote::default())]).expect("appended");
    drop(log);
    let index = forethought_store::Index::temporary().expect("an index");
    let (mut log, _) = AuditLog::reopen_on(Arc::new(disk.clone()), index, super::SMALL, at(3)).expect("opens again");
    log.append(&[outcome(2, 1, OutcomeStatus::Answered)]).expect("appended");
    assert!(readable(&log, 1));
    assert_eq!(log.erase(&person(ADA), &asked(), at(4)).expect("erased").keys, 1);
    assert!(!readable(&log, 1));
}

#[test]
fn a_hold_is_stronger_than_everybody_until_it_is_released() {
    let disk = SimDisk::new();
    let mut log = filled(&disk);
    let (hold, _) = log.place_hold("ward", Some(ADA), &asked(), at(7)).expect("placed");
    for scope in [person(ADA), Scope::Tenant("ward".to_owned())] {
        let erased = log.erase(&scope, &asked(), at(8)).expect("answered");
        assert_eq!((erased.refused_count, erased.refused[0].why.as_str()), (1, "hold"));
        assert_eq!(erased.refused[0].rule, Some(hold.to_string()));
        assert!(readable(&log, 1));
    }
    assert_eq!(acts(&log).iter().filter(|act| act.what == Act::ERASURE_REFUSED).count(), 1);
    drop(log);
    let (mut log, _) = open(&disk).expect("opens again");
    assert_eq!(log.holds().len(), 1);
    log.release_hold(hold, &asked(), at(9)).expect("released");
    assert!(log.release_hold(hold, &asked(), at(9)).is_err(), "once");
    assert_eq!(log.erase(&person(ADA), &asked(), at(9)).expect("erased").keys, 1);
    let told: Vec<_> = acts(&log).iter().rev().map(|act| act.what.clone()).collect();
    let expect = [Act::HOLD_PLACED, Act::ERASURE_REFUSED, Act::ERASED, Act::HOLD_RELEASED, Act::ERASED];
    assert_eq!(told, expect);
}

#[test]
fn a_floor_is_refused_in_writing_and_a_right_of_erasure_goes_before_it() {
    let day = 24 * 60 * 60;
    let check = |retention: RetentionNote, after_days: i64, keys: u64, why: Option<&str>| {
        let (mut log, _) = open(&SimDisk::new()).expect("opens");
        log.append(&[about(1, Some(ADA), retention.clone())]).expect("appended");
        let erased = log.erase(&person(ADA), &asked(), at(day * after_days)).expect("answered");
        let told = erased.refused.first().map(|refused| refused.why.as_str());
        assert_eq!((erased.keys, told), (keys, why), "{retention:?} after {after_days}");
        let act = acts(&log).remove(0);
        assert_eq!(act.erasure.expect("told").refused_count, u64::from(why.is_some()));
    };
    let floor = RetentionNote { contents: Some(days(30)), ..RetentionNote::default() };
    check(floor.clone(), 3, 0, Some("floor"));
    check(floor.clone(), 40, 1, None);
    check(RetentionNote { erase: Some(days(0)), ..floor }, 3, 1, None);
    check(RetentionNote { open: vec!["a/b".to_owned()], ..RetentionNote::default() }, 3, 0, Some("open"));
    check(RetentionNote::default(), 3, 1, None);
}

#[test]
fn time_forgets_what_may_not_stay() {
    let disk = SimDisk::new();
    let day = 24 * 60 * 60;
    let (mut log, _) = open(&disk).expect("opens");
    let limited = |days_| RetentionNote { limit: Some(days(days_)), ..RetentionNote::default() };
    log.append(&[about(1, Some(ADA), limited(10)), about(3, None, limited(90))]).expect("appended");
    let policy = asked().policy;
    assert_eq!(log.expire(policy.clone(), at(day * 5)).expect("looked").keys, 0);
    assert!(acts(&log).is_empty(), "nothing is told of nothing");
    assert_eq!(log.expire(policy.clone(), at(day * 12)).expect("looked").keys, 1);
    assert_eq!([1, 3].map(|number| readable(&log, number)), [false, true]);
    let act = acts(&log).remove(0);
    assert_eq!((act.by, act.erasure.map(|erasure| erasure.tenant)), (None, Some("ward".to_owned())));
    assert_eq!(log.expire(policy, at(day * 100)).expect("looked").keys, 1);
}

#[test]
fn wherever_the_power_goes_what_the_log_says_is_erased_is() {
    let mut at_operation = 0;
    loop {
        let disk = SimDisk::new();
        let mut log = filled(&disk);
        disk.power_cut(disk.operations() + at_operation);
        let erased = log.erase(&person(ADA), &asked(), at(9));
        drop(log);
        for seed in 0..4 {
            let disk = disk.reopen(seed);
            let (log, _) = open(&disk).expect("opens");
            let told = acts(&log).iter().any(|act| act.what == Act::ERASED);
            assert_eq!(readable(&log, 1), !told, "cut at {at_operation}, seed {seed}");
            assert!(erased.is_err() || told, "cut at {at_operation}, seed {seed}: what was answered holds");
            assert!(readable(&log, 3));
        }
        if erased.is_ok() {
            return;
        }
        at_operation += 1;
    }
}

#[test]
fn a_backup_from_before_has_no_contents_once_the_key_table_is_applied_last() {
    let disk = SimDisk::new();
    let mut log = filled(&disk);
    // The backup has the log and not the keys.
    let backup = SimDisk::new();
    for name in disk.list("").expect("listed").into_iter().filter(|name| name.starts_with("journal-")) {
        backup.create(&name).expect("created");
        backup.append(&name, &disk.read(&name, 0, usize::MAX).expect("read")).expect("written");
    }
    log.erase(&person(ADA), &asked(), at(9)).expect("erased");
    drop(log);
    let copy = |name: &str| {
        backup.create(name).expect("created");
        backup.append(name, &disk.read(name, 0, usize::MAX).expect("read")).expect("written");
    };
    copy("master.key");
    backup.create_dir("vault").expect("made");
    for name in disk.list("vault").expect("listed") {
        copy(&format!("vault/{name}"));
    }
    let (log, _) = open(&backup).expect("the backup opens");
    assert_eq!([1, 3, 5].map(|number| readable(&log, number)), [false, true, true]);
}
