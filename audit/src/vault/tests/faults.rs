//! Disks that are full, whose syncs fail, that cannot be written, or that lost a file.

use std::{io, sync::Arc};

use forethought_store::{Disk, SimDisk, StoreError};

use super::{SMALL, give, give_for, is_erased, is_there, live, master, on, open, open_as, owner};
use crate::vault::{DestroyReason, Retention, Vault, VaultError};

#[test]
fn a_full_disk_keeps_what_waits_and_goes_on_once_there_is_space() {
    for space in (0..9000).step_by(333) {
        let disk = SimDisk::new();
        let mut vault = open(&disk);
        disk.limit_space(space);
        let mut given = Vec::new();
        for number in 0..7 {
            let key = give_for(&mut vault, &owner(number), &Retention::default(), 0).or_else(|error| {
                assert!(error.is_full(), "{error}");
                disk.writes_work();
                give_for(&mut vault, &owner(number), &Retention::default(), 0)
            });
            given.push(key.expect("given once there is space"));
        }
        let (vault, report) = open_as(&disk.reopen(0), master(1)).expect("opens");
        assert_eq!((report.torn, live(&vault)), (0, 7), "space {space}");
        assert!(given.iter().all(|key| is_there(&vault, key)));
    }
}

#[test]
fn after_a_failed_sync_nothing_is_taken_until_it_is_opened_anew() {
    let disk = SimDisk::new();
    let mut vault = open(&disk);
    let kept = give(&mut vault, &owner(1), 0);
    let ticket = vault.key_for(&owner(2), &Retention::default(), on(0)).expect("staged");
    disk.fail_syncs(true);
    vault.flush().expect_err("the sync failed");
    disk.fail_syncs(false);
    let error = vault.flush().expect_err("refused");
    assert!(matches!(error, VaultError::NeedsReopen { .. }) && vault.refusing().is_some(), "{error}");
    vault.key_for(&owner(1), &Retention::default(), on(0)).expect_err("refused");
    vault.destroy(&[kept.place()], DestroyReason::Erasure).expect_err("refused");
    drop(vault);
    let mut vault = open(&disk);
    let next = give(&mut vault, &owner(2), 0);
    assert!(next.id() != ticket.id() && next.place() != ticket.place());
    let vault = open(&disk.reopen(0));
    assert!(is_there(&vault, &next) && is_there(&vault, &kept));
}

#[test]
fn a_destruction_whose_sync_failed_is_finished_by_the_next_start() {
    let disk = SimDisk::new();
    let mut vault = open(&disk);
    let first = give(&mut vault, &owner(1), 0);
    vault.destroy(&[first.place()], DestroyReason::Erasure).expect("makes the room for what is to be written");
    let key = give(&mut vault, &owner(2), 0);
    // The first sync is that of what is to be written, the second one the table's, the third one of the zeros after it.
    for failing in 1..=3 {
        for cut in [u64::MAX].into_iter().chain(0..12) {
            let disk = disk.reopen(0);
            let mut vault = open(&disk);
            vault.table.disk = Arc::new(FailingSync { disk: disk.clone(), at: std::sync::Mutex::new(failing) });
            vault.destroy(&[key.place()], DestroyReason::Erasure).expect_err("a sync failed");
            drop(vault);
            // Opened anew in the same machine, which may lose its power meanwhile.
            disk.power_cut(cut.saturating_add(disk.operations()));
            let opened = open_as(&disk, master(1));
            if cut == u64::MAX {
                assert!(is_erased(&opened.expect("opens").0, &key), "sync {failing}");
            }
            let vault = open(&disk.reopen(cut));
            let state = (is_erased(&vault, &key), is_there(&vault, &key));
            assert!(state.0 != state.1, "sync {failing}, cut {cut}");
            assert!(state.0 || (failing == 1 && cut < 12), "sync {failing}, cut {cut}");
        }
    }
}

/// Fails one sync of a file, counted from where it is set.
#[derive(Debug)]
struct FailingSync {
    disk: SimDisk,
    at: std::sync::Mutex<u32>,
}

impl Disk for FailingSync {
    fn create(&self, name: &str) -> io::Result<()> {
        self.disk.create(name)
    }
    fn create_dir(&self, name: &str) -> io::Result<()> {
        self.disk.create_dir(name)
    }
    fn append(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        self.disk.append(name, bytes)
    }
    fn overwrite(&self, name: &str, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.disk.overwrite(name, offset, bytes)
    }
    fn read(&self, name: &str, offset: u64, len: usize) -> io::Result<Vec<u8>> {
        self.disk.read(name, offset, len)
    }
    fn size(&self, name: &str) -> io::Result<u64> {
        self.disk.size(name)
    }
    fn truncate(&self, name: &str, len: u64) -> io::Result<()> {
        self.disk.truncate(name, len)
    }
    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.disk.rename(from, to)
    }
    fn list(&self, dir: &str) -> io::Result<Vec<String>> {
        self.disk.list(dir)
    }
    fn remove(&self, name: &str) -> io::Result<()> {
        self.disk.remove(name)
    }
    fn sync_file(&self, name: &str) -> io::Result<()> {
        let mut at = self.at.lock().expect("a number");
        *at = at.saturating_sub(1);
        self.disk.fail_syncs(*at == 0);
        let done = self.disk.sync_file(name);
        self.disk.fail_syncs(false);
        if *at == 0 {
            *at = u32::MAX;
        }
        done
    }
    fn sync_dir(&self, dir: &str) -> io::Result<()> {
        self.disk.sync_dir(dir)
    }
    fn location(&self) -> String {
        self.disk.location()
    }
}

#[test]
fn a_missing_file_is_reported_and_its_keys_are_missing() {
    let disk = SimDisk::new();
    let mut vault = open(&disk);
    let keys: Vec<_> = (0..9).map(|number| give(&mut vault, &owner(number), 0)).collect();
    drop(vault);
    disk.remove("vault/keys-000002.tbl").expect("removed");
    let (mut vault, report) = open_as(&disk, master(1)).expect("opens");
    assert_eq!((report.files, report.missing), (2, vec![2]));
    assert!(matches!(vault.find(keys[4].place(), keys[4].id()), Err(VaultError::Missing { .. })));
    assert!(is_there(&vault, &keys[0]) && is_there(&vault, &keys[8]));
    assert_eq!(give(&mut vault, &owner(9), 0).place().file, 3, "no number is given twice");
}

#[test]
fn a_vault_needs_its_folder_to_be_writable() {
    let dir = tempfile::tempdir().expect("a folder");
    let disk = forethought_store::RealDisk::read_only(dir.path()).expect("opens");
    let error = Vault::open_with(Arc::new(disk), master(1), SMALL).expect_err("refused");
    assert!(matches!(error, VaultError::Store(StoreError::Io { .. })), "{error}");
}
