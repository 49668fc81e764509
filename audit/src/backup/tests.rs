//! Backups are restored as what was there, whatever happens while they are made.

mod crash;
mod damage;
mod running;

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use forethought_store::{Disk, JournalOptions, RealDisk, SimDisk};
use tempfile::TempDir;

use super::{Backup, BackupError, BackupExtra, BackupReport, check_backup, restore, restoring::restore_from};
use crate::{
    AuditLog, LogSnapshot, OutcomeStatus, Signer,
    store_version::{self, Found, StoreVersionError},
    tests::{admission, at, id, log_of, outcome},
    verify,
};

fn shared(disk: &SimDisk) -> Arc<dyn Disk> {
    Arc::new(disk.clone())
}

fn backed_up(log: &AuditLog, to: &SimDisk) -> Result<BackupReport, BackupError> {
    Backup::of(&log.snapshot().expect("read")).write_on(&shared(to), at(9))
}

fn folder() -> (TempDir, PathBuf) {
    let dir = tempfile::tempdir().expect("a folder");
    let to = dir.path().join("restored");
    (dir, to)
}

fn opened(dir: &Path) -> AuditLog {
    AuditLog::open(dir, JournalOptions::default(), at(2_000_000)).expect("opens").0
}

fn append(log: &mut AuditLog, number: u32) {
    log.append(&[admission(number, "ward"), outcome(number + 1, number, OutcomeStatus::Answered)]).expect("appended");
}

#[test]
fn logs_of_all_sizes_come_back_as_they_were() {
    for size in [0, 1, 255, 256, 257, 600] {
        let (disk, backup) = (SimDisk::new(), SimDisk::new());
        let log = log_of(&disk, size);
        store_version::stamp(&disk).expect("stamped");
        let signer = log.signer(Some("example.com/log")).expect("made");
        log.checkpoint(&signer).expect("signed");
        let report = backed_up(&log, &backup).expect("backed up");
        assert_eq!((report.size, report.root), (size.into(), log.tree_root()));
        assert_eq!(report.bytes, report.copied);
        let (_dir, to) = folder();
        let restored = restore_from(&backup, &to).expect("restored");
        assert_eq!((restored.size, restored.root, restored.files), (report.size, report.root, report.files));
        assert_eq!(restored.verified.under_way, u64::from(size % 2));
        assert_eq!(store_version::check(&RealDisk::read_only(&to).expect("read")).expect("stamped"), Found::Current);
        for key in ["keys", "log.key", "vault", "master.key"] {
            assert!(!to.join(key).exists(), "{key}");
        }
        let mut again = opened(&to);
        assert_eq!(again.tree_size(), u64::from(size + size % 2), "a request without an end has one now");
        if size % 2 == 0 {
            assert_eq!(again.tree_root(), log.tree_root());
        }
        again.checkpoint(&signer).expect("nothing that was signed is contradicted");
        append(&mut again, 1000);
        drop(again);
        assert!(verify(&to).expect("read").passed());
    }
}

#[test]
fn an_offline_backup_is_the_same() {
    let (disk, one, two) = (SimDisk::new(), SimDisk::new(), SimDisk::new());
    let log = log_of(&disk, 101);
    let running = backed_up(&log, &one).expect("backed up");
    let offline = LogSnapshot::open_on(shared(&disk), Vec::new()).expect("read");
    assert_eq!(Backup::of(&offline).write_on(&shared(&two), at(9)).expect("backed up"), running);
}

#[test]
fn a_later_backup_copies_what_is_new() {
    let (disk, backup) = (SimDisk::new(), SimDisk::new());
    let mut log = log_of(&disk, 100);
    let first = backed_up(&log, &backup).expect("backed up");
    assert!(first.files > 10);
    assert_eq!(backed_up(&log, &backup).expect("nothing is new").copied, 0);
    append(&mut log, 200);
    let second = backed_up(&log, &backup).expect("backed up");
    assert!(second.copied > 0 && second.copied <= 2 * 8192, "{second:?}");
    assert_eq!(second.size, 102);
    let kept = backup.list("files").expect("listed");
    assert_eq!(kept.len() as u64, second.files, "what is not needed is gone");
    let (_dir, to) = folder();
    assert_eq!(restore_from(&backup, &to).expect("restored").root, log.tree_root());
    for number in (300..400).step_by(2) {
        append(&mut log, number);
    }
    let third = backed_up(&log, &backup).expect("backed up");
    assert!(third.bytes > second.bytes && third.copied < third.bytes / 2 + 8192, "{third:?}");
    let (_dir, to) = folder();
    assert_eq!(restore_from(&backup, &to).expect("restored").root, log.tree_root());
}

#[test]
fn a_log_that_does_not_go_on_from_the_backup_is_refused() {
    let (disk, backup) = (SimDisk::new(), SimDisk::new());
    let log = log_of(&disk, 100);
    backed_up(&log, &backup).expect("backed up");
    let check = |log: &AuditLog| {
        let error = backed_up(log, &backup).expect_err("another log");
        assert!(matches!(error, BackupError::OtherLog { .. }), "{error}");
        let (_dir, to) = folder();
        assert_eq!(restore_from(&backup, &to).expect("as it was").size, 100);
    };
    check(&log_of(&SimDisk::new(), 100));
    check(&log_of(&SimDisk::new(), 98));
    check(&log_of(&SimDisk::new(), 300));
    check(&log_of(&SimDisk::new(), 0));
    let shorter = SimDisk::new();
    check(&log_of(&shorter, 2));
}

#[test]
fn what_else_is_asked_for_comes_back_and_keys_do_not() {
    let dir = tempfile::tempdir().expect("a folder");
    let source = dir.path().join("etc");
    let put = |name: &str, text: &str| {
        let path = source.join(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        fs::write(path, text).expect("written");
    };
    put("policy.yaml", "version: 7\n");
    put("packs/eu/one.yaml", "id: one\n");
    put("empty", "");
    put("packs/master.key", "secret");
    put("packs/odd-name", "# comment\n  forethought-master-1 0011 22\n");
    put("packs/other", &Signer::generate(Some("example.com/log")).expect("a key").1);
    put("table", "FTVAULT\n0000");
    let extras = [BackupExtra { name: "policies".to_owned(), path: source.clone() }];
    let log = log_of(&SimDisk::new(), 4);
    let to = dir.path().join("backup");
    let backup = Backup::of(&log.snapshot().expect("read")).with(&extras).write(&to, at(9)).expect("backed up");
    let mut left_out = backup.left_out.clone();
    left_out.sort();
    assert_eq!(
        left_out,
        ["policies/packs/master.key", "policies/packs/odd-name", "policies/packs/other", "policies/table"]
    );
    assert_eq!(check_backup(&to).expect("good"), backup.files);
    let restored = dir.path().join("restored");
    restore(&to, &restored).expect("restored");
    let text = |name: &str| fs::read_to_string(restored.join("policies").join(name)).expect(name);
    assert_eq!(
        (text("policy.yaml"), text("packs/eu/one.yaml"), text("empty")),
        ("version: 7\n".into(), "id: one\n".into(), String::new())
    );
    assert!(!restored.join("policies/packs/master.key").exists() && !restored.join("policies/table").exists());
}

#[test]
fn names_that_are_the_logs_or_lead_elsewhere_are_refused() {
    let dir = tempfile::tempdir().expect("a folder");
    fs::write(dir.path().join("x"), "x").expect("written");
    let log = log_of(&SimDisk::new(), 2);
    let check = |names: &[&str], file: &str| {
        let extra = |name: &&str| BackupExtra { name: (*name).to_owned(), path: dir.path().join(file) };
        let extras: Vec<BackupExtra> = names.iter().map(extra).collect();
        let to = SimDisk::new();
        let result = Backup::of(&log.snapshot().expect("read")).with(&extras).write_on(&shared(&to), at(9));
        assert!(to.read("MANIFEST", 0, 1).is_err());
        result.expect_err("refused").to_string()
    };
    for name in [
        "",
        "/x",
        "../x",
        "a/../b",
        "a//b",
        "a\\b",
        ".",
        "log/checkpoint",
        "vault",
        "keys/x",
        "STORE",
        "journal-x",
        "LOCK",
    ] {
        let error = check(&[name], "x");
        assert!(error.contains("cannot be in a backup"), "{name}: {error}");
    }
    assert!(check(&["a", "a"], "x").contains("two files"));
    assert!(check(&["a"], "none").contains("cannot read"));
}

#[cfg(unix)]
#[test]
fn a_link_that_leads_back_ends() {
    let dir = tempfile::tempdir().expect("a folder");
    std::os::unix::fs::symlink(dir.path(), dir.path().join("loop")).expect("linked");
    let extras = [BackupExtra { name: "x".to_owned(), path: dir.path().to_owned() }];
    let log = log_of(&SimDisk::new(), 2);
    let error = Backup::of(&log.snapshot().expect("read")).with(&extras).write_on(&shared(&SimDisk::new()), at(9));
    assert!(matches!(error, Err(BackupError::Extra { .. })));
}

#[test]
fn a_newer_data_directory_is_not_restored() {
    let (disk, backup) = (SimDisk::new(), SimDisk::new());
    let log = log_of(&disk, 4);
    disk.truncate("STORE", 0).expect("emptied");
    disk.append("STORE", b"{\"version\":3}").expect("written");
    backed_up(&log, &backup).expect("backed up");
    let (_dir, to) = folder();
    let error = restore_from(&backup, &to).expect_err("newer");
    assert!(matches!(error, BackupError::Version(StoreVersionError::Newer { found: 3, .. })), "{error}");
    assert!(!to.exists());
}

#[test]
fn a_log_of_version_1_comes_back_as_one() {
    let (disk, backup) = (SimDisk::new(), SimDisk::new());
    let log = log_of(&disk, 4);
    disk.remove("STORE").expect("removed");
    backed_up(&log, &backup).expect("backed up");
    let (_dir, to) = folder();
    restore_from(&backup, &to).expect("restored");
    assert_eq!(store_version::check(&RealDisk::read_only(&to).expect("read")).expect("read"), Found::Older(1));
}
