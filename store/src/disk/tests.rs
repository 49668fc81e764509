//! Both disks keep the same promises; the simulated one breaks those that no disk makes.

use std::{fs, io};

use super::{Disk, RealDisk, SimDisk};
use crate::StoreError;

/// Runs a check on both disks.
fn on_both(check: impl Fn(&dyn Disk)) {
    check(&SimDisk::new());
    let dir = tempfile::tempdir().expect("a folder");
    check(&RealDisk::open(dir.path().join("data")).expect("opens"));
}

fn kind<T: std::fmt::Debug>(result: io::Result<T>) -> io::ErrorKind {
    result.expect_err("an error").kind()
}

#[test]
fn both_disks_do_the_same() {
    on_both(|disk| {
        disk.create("a").expect("created");
        assert_eq!(kind(disk.create("a")), io::ErrorKind::AlreadyExists);
        disk.append("a", b"hello ").expect("written");
        disk.append("a", b"world").expect("written");
        assert_eq!(disk.read("a", 6, 100).expect("read"), b"world");
        assert_eq!(disk.read("a", 1, 3).expect("read"), b"ell");
        assert_eq!(disk.read("a", 100, 3).expect("read"), b"");
        disk.truncate("a", 5).expect("cut");
        disk.append("a", b"!").expect("written");
        assert_eq!((disk.size("a").expect("known"), disk.read("a", 0, 100).expect("read")), (6, b"hello!".to_vec()));
        disk.create_dir("keys").expect("made");
        disk.create_dir("keys").expect("there already");
        disk.create("keys/b.new").expect("created");
        disk.append("keys/b.new", b"key").expect("written");
        disk.rename("keys/b.new", "keys/b").expect("renamed");
        disk.append("keys/b", b"!").expect("written under the new name");
        disk.sync_file("keys/b").expect("synced");
        disk.sync_dir("keys").expect("synced");
        disk.sync_dir("").expect("synced");
        assert_eq!(disk.read("keys/b", 0, 9).expect("read"), b"key!");
        assert_eq!(disk.list("keys").expect("listed"), ["b"]);
        assert!(disk.list("").expect("listed").contains(&"a".to_owned()));
        disk.remove("a").expect("removed");
        for result in [disk.remove("a"), disk.append("a", b""), disk.sync_file("a"), disk.truncate("a", 0)] {
            assert_eq!(kind(result), io::ErrorKind::NotFound);
        }
        assert_eq!(kind(disk.read("a", 0, 1)), io::ErrorKind::NotFound);
        assert_eq!(kind(disk.create("nowhere/a")), io::ErrorKind::NotFound);
    });
}

#[test]
fn names_stay_inside_the_directory() {
    on_both(|disk| {
        for name in ["", "..", "../a", "/a", "a/../b", "a/b/c", ".a", "a b", "a\0", "ä"] {
            assert_eq!(kind(disk.create(name)), io::ErrorKind::InvalidInput, "{name:?}");
        }
    });
}

#[test]
fn a_second_process_is_refused_and_told_why() {
    let dir = tempfile::tempdir().expect("a folder");
    let first = RealDisk::open(dir.path()).expect("opens");
    let error = RealDisk::open(dir.path()).expect_err("refused");
    let text = error.to_string();
    assert!(matches!(error, StoreError::Locked { pid, .. } if pid == Some(std::process::id())));
    assert!(text.contains(&dir.path().display().to_string()) && text.contains("use another data_dir"), "{text}");
    assert!(RealDisk::read_only(dir.path()).expect("opens").in_use());
    drop(first);
    assert!(!RealDisk::read_only(dir.path()).expect("opens").in_use());
    RealDisk::open(dir.path()).expect("opens once the first is gone");
}

#[test]
fn reading_only_changes_nothing() {
    let dir = tempfile::tempdir().expect("a folder");
    let disk = RealDisk::read_only(dir.path()).expect("opens");
    for result in
        [disk.create("a"), disk.create_dir("a"), disk.append("a", b""), disk.remove("a"), disk.rename("a", "b")]
    {
        assert_eq!(kind(result), io::ErrorKind::PermissionDenied);
    }
    assert_eq!(fs::read_dir(dir.path()).expect("listed").count(), 0);
    assert!(RealDisk::read_only(dir.path().join("missing")).is_err());
}

#[cfg(unix)]
#[test]
fn only_the_owner_can_read() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().expect("a folder");
    let root = dir.path().join("data");
    let disk = RealDisk::open(&root).expect("opens");
    disk.create_dir("keys").expect("made");
    disk.create("keys/a").expect("created");
    let mode = |path| fs::metadata(path).expect("there").permissions().mode() & 0o777;
    assert_eq!((mode(root.clone()), mode(root.join("keys")), mode(root.join("keys/a"))), (0o700, 0o700, 0o600));
}

#[test]
fn a_power_cut_leaves_what_was_synced() {
    let disk = SimDisk::new();
    disk.create("synced").expect("created");
    disk.append("synced", b"kept").expect("written");
    disk.sync_file("synced").expect("synced");
    disk.sync_dir("").expect("synced");
    disk.append("synced", b" and lost").expect("written");
    disk.create("unsynced").expect("created");
    let operations = disk.operations();
    disk.power_cut(operations);
    disk.append("synced", b"!").expect_err("no power");
    disk.read("synced", 0, 1).expect_err("no power");
    let after = disk.reopen(0);
    assert_eq!(after.list("").expect("listed"), ["synced"]);
    assert_eq!(after.read("synced", 0, 99).expect("read"), b"kept");
    let images: std::collections::BTreeSet<_> =
        (1..200).map(|seed| disk.reopen(seed).read("synced", 0, 99).expect("read")).collect();
    assert!(images.iter().all(|image| image.starts_with(b"kept")));
    assert!(images.len() > 10, "torn in many ways");
    assert!(images.contains(b"kept and lost!".as_slice()), "what is not synced may be there");
}

#[test]
fn a_failed_sync_loses_its_bytes_for_good() {
    let disk = SimDisk::new();
    disk.create("a").expect("created");
    disk.sync_dir("").expect("synced");
    disk.append("a", b"lost").expect("written");
    disk.fail_syncs(true);
    disk.sync_file("a").expect_err("fails");
    disk.fail_syncs(false);
    disk.append("a", b"kept").expect("written");
    disk.sync_file("a").expect("succeeds and says nothing about the first bytes");
    assert_eq!(disk.read("a", 0, 9).expect("read"), b"lostkept");
    assert_eq!(disk.reopen(0).read("a", 0, 9).expect("read"), b"\0\0\0\0kept");
}
