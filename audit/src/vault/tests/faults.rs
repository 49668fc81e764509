//! Disks that are full, whose syncs fail, that cannot be written, or that lost a file.

use std::sync::Arc;

use forethought_store::{Disk, SimDisk, StoreError};

use super::{SLOT, SMALL, give, give_for, is_erased, is_there, live, master, on, open, open_as, owner, spy::Spy};
use crate::vault::{DestroyReason, Masters, Retention, Vault, VaultError, slot::Kind, table::name_of};

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
            vault.table.disk = Arc::new(Spy::failing(&disk, failing));
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

#[test]
fn a_start_leaves_nothing_of_what_was_to_be_written() {
    const REDO: &str = "vault/redo";
    let disk = SimDisk::new();
    let mut vault = open(&disk);
    let first = give(&mut vault, &owner(1), 0);
    vault.destroy(&[first.place()], DestroyReason::Erasure).expect("makes the room for what is to be written");
    let key = give(&mut vault, &owner(2), 0);
    drop(vault);
    let both = || Masters::new(master(2)).and_older(master(1));
    let clean = |disk: &SimDisk| disk.read(REDO, 0, usize::MAX).expect("read").iter().all(|byte| *byte == 0);
    for failing in 1..=3 {
        let disk = disk.reopen(0);
        let mut vault = open(&disk);
        vault.table.disk = Arc::new(Spy::failing(&disk, failing));
        vault.rewrap(master(2)).expect_err("a sync failed");
        drop(vault);
        let (vault, _) = open_as(&disk, both()).expect("opens");
        assert!(is_there(&vault, &key), "sync {failing}");
        assert!(clean(&disk) && clean(&disk.reopen(0)), "sync {failing}: also where only the disk has it still");
    }
    disk.overwrite(REDO, 0, b"FTREDO\n\0 and half of a key").expect("torn");
    open(&disk);
    assert!(clean(&disk) && clean(&disk.reopen(0)), "what is not whole");
}

#[test]
fn what_was_to_be_written_long_ago_brings_nothing_back() {
    const REDO: &str = "vault/redo";
    let disk = SimDisk::new();
    let mut vault = open(&disk);
    let keys = [1, 2].map(|number| give(&mut vault, &owner(number), 0));
    vault.rewrap(master(2)).expect("makes the room for what is to be written");
    vault.table.disk = Arc::new(Spy::failing(&disk, 3));
    vault.rewrap(master(1)).expect_err("the sync of the zeros failed");
    drop(vault);
    let stale = disk.reopen(0).read(REDO, 0, usize::MAX).expect("read");
    assert!(stale.starts_with(b"FTREDO"), "the disk has it still");
    let both = || Masters::new(master(1)).and_older(master(2));
    let (mut vault, _) = open_as(&disk, both()).expect("opens");
    vault.destroy(&[keys[0].place()], DestroyReason::Erasure).expect("destroyed");
    drop(vault);
    disk.overwrite(REDO, 0, &stale).expect("an older copy of the file");
    let (vault, report) = open_as(&disk, both()).expect("opens");
    assert!(is_erased(&vault, &keys[0]) && is_there(&vault, &keys[1]));
    assert_eq!(report.finished, 1, "the row that is not destroyed");
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

#[test]
fn a_start_reads_headers_and_no_keys() {
    let dir = tempfile::tempdir().expect("a folder");
    let disk: Arc<dyn Disk> = Arc::new(forethought_store::RealDisk::open(dir.path()).expect("opens"));
    let (mut vault, _) = Vault::open(disk.clone(), master(1)).expect("opens");
    for _ in 0..16 {
        let tail = vault.begin_file(Kind::Keys).expect("begun");
        // Holes on the disk: what stands there makes no difference to a start.
        let path = dir.path().join(name_of(Kind::Keys, tail.header.file));
        let file = std::fs::OpenOptions::new().write(true).open(path).expect("opens");
        file.set_len((65_536 + 1) * SLOT as u64).expect("made longer");
    }
    drop(vault);
    let spy = Arc::new(Spy::counting(disk));
    let begin = std::time::Instant::now();
    let (mut vault, report) = Vault::open(spy.clone(), master(1)).expect("opens");
    println!("{} slots in {} files opened in {:?}", report.slots, report.files, begin.elapsed());
    assert_eq!((report.slots, report.files), (1_048_576, 16));
    assert!(spy.bytes_read() <= 16 * 4 * SLOT, "{} bytes", spy.bytes_read());
    assert_eq!(give(&mut vault, &owner(1), 0).place().file, 17, "all are full");
}
