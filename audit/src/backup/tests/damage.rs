//! Backups that are damaged, or no backups.

use super::*;

fn sample(dir: &TempDir) -> PathBuf {
    let to = dir.path().join("backup");
    let log = log_of(&SimDisk::new(), 20);
    log.checkpoint(&log.signer(None).expect("made")).expect("signed");
    Backup::of(&log.snapshot().expect("read")).write(&to, at(9)).expect("backed up");
    to
}

#[test]
fn every_file_that_is_changed_or_removed_is_named() {
    let dir = tempfile::tempdir().expect("a folder");
    let backup = sample(&dir);
    let mut files: Vec<String> = fs::read_dir(backup.join("files"))
        .expect("read")
        .map(|entry| format!("files/{}", entry.expect("read").file_name().to_string_lossy()))
        .collect();
    files.push("MANIFEST".to_owned());
    assert!(files.len() > 4);
    for file in files {
        let path = backup.join(&file);
        let good = fs::read(&path).expect("read");
        let changes: [&dyn Fn(); 4] = [
            &|| fs::write(&path, &good[..good.len() - 1]).expect("written"),
            &|| fs::write(&path, [&good[..], b"x"].concat()).expect("written"),
            &|| {
                let mut bytes = good.clone();
                bytes[good.len() / 2] ^= 1;
                fs::write(&path, bytes).expect("written");
            },
            &|| fs::remove_file(&path).expect("removed"),
        ];
        for (number, change) in changes.iter().enumerate() {
            change();
            let to = dir.path().join("restored");
            for error in [check_backup(&backup).expect_err("damaged"), restore(&backup, &to).expect_err("damaged")] {
                assert!(error.to_string().contains(&file), "{file} {number}: {error}");
            }
            assert!(!to.exists() || fs::read_dir(&to).expect("read").next().is_none(), "{file} {number}");
            fs::write(&path, &good).expect("restored");
        }
    }
    check_backup(&backup).expect("as it was");
}

#[test]
fn nothing_is_restored_over_something() {
    let dir = tempfile::tempdir().expect("a folder");
    let (backup, to) = (sample(&dir), dir.path().join("restored"));
    fs::create_dir(&to).expect("made");
    fs::write(to.join("x"), "x").expect("written");
    assert!(matches!(restore(&backup, &to), Err(BackupError::NotEmpty { .. })));
    assert_eq!(fs::read_dir(&to).expect("read").count(), 1);
    fs::remove_file(to.join("x")).expect("removed");
    restore(&backup, &to).expect("an empty one will do");
    assert!(matches!(restore(&backup, &to), Err(BackupError::NotEmpty { .. })));
}

#[test]
fn a_folder_that_is_no_backup_is_told() {
    let dir = tempfile::tempdir().expect("a folder");
    let (data, to) = (dir.path().join("data"), dir.path().join("to"));
    let mut log = opened(&data);
    append(&mut log, 2);
    let check = |error: BackupError| assert!(matches!(error, BackupError::NoBackup { .. }), "{error}");
    check(restore(&data, &to).expect_err("no backup"));
    check(check_backup(&data).expect_err("no backup"));
    check_backup(&dir.path().join("none")).expect_err("not there");
    let snapshot = log.snapshot().expect("read");
    assert!(
        matches!(Backup::of(&snapshot).write(&data, at(9)), Err(BackupError::Store(_))),
        "the log itself has it locked"
    );
    let other = dir.path().join("other");
    drop(opened(&other));
    check(Backup::of(&snapshot).write(&other, at(9)).expect_err("a log is there"));
    assert!(!other.join("files").exists());
}

#[test]
fn a_manifest_of_a_newer_program_or_with_bad_names_is_refused() {
    let dir = tempfile::tempdir().expect("a folder");
    let (backup, to) = (sample(&dir), dir.path().join("restored"));
    let text = fs::read_to_string(backup.join("MANIFEST")).expect("read");
    let json = text.lines().next().expect("a line").to_owned();
    let check = |from: &str, with: &str, expect: &str| {
        let changed = json.replacen(from, with, 1);
        assert_ne!(changed, json);
        let signed = format!("{changed}\n{}\n", crate::Digest::of(changed.as_bytes()));
        fs::write(backup.join("MANIFEST"), signed).expect("written");
        let error = restore(&backup, &to).expect_err("refused").to_string();
        assert!(error.contains(expect), "{error}");
        assert!(!to.exists() || fs::read_dir(&to).expect("read").next().is_none());
    };
    check("\"version\":1", "\"version\":2", "use the newer program");
    check("forethought-backup", "something", "of version 1");
    check("log/checkpoint", "../checkpoint", "within the data directory");
    check("log/checkpoint", "log.key", "the log's own files");
    check("\"size\":20", "\"size\":19", "not sound");
    check("\"root\":\"", "\"root\":\"x", "not a SHA-256");
    check("journal-00000000000000000001.seg", "journal-00000000000000000002.seg", "");
    fs::write(backup.join("MANIFEST"), text).expect("restored");
    restore(&backup, &to).expect("as it was");
}

#[test]
fn a_restore_that_did_not_end_is_told_at_the_next_start() {
    let dir = tempfile::tempdir().expect("a folder");
    let disk = RealDisk::open(dir.path()).expect("opened");
    store_version::stamp_restoring(&disk).expect("stamped");
    assert!(matches!(store_version::check(&disk), Err(StoreVersionError::Unfinished { .. })));
}
