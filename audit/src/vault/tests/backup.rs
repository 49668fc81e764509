//! A backup brings back what was lost, and nothing that was destroyed.

use std::io::Cursor;

use forethought_store::{Disk, SimDisk};

use super::{KEYS, SLOT, files, give, is_erased, is_there, live, master, on, open, open_as, owner};
use crate::{
    Digest,
    vault::{ContentKey, DestroyReason, ImportReport, Masters, Vault, VaultError},
};

/// Nine keys, of which one is destroyed, and a hold; and a copy of them.
fn copied() -> (SimDisk, Vault, Vec<ContentKey>, Vec<u8>) {
    let disk = SimDisk::new();
    let mut vault = open(&disk);
    let keys: Vec<_> = (0..9).map(|number| give(&mut vault, &owner(number), 0)).collect();
    vault.destroy(&[keys[1].place()], DestroyReason::Erasure).expect("destroyed");
    vault.place_hold("ward", None, "case", on(0)).expect("placed");
    let mut copy = Vec::new();
    let note = vault.export(&mut copy).expect("copied");
    assert_eq!((note.files, note.slots), (4, 10));
    assert_eq!(note.digest, Digest::of(&copy[..copy.len() - 32]));
    (disk, vault, keys, copy)
}

fn import(vault: &mut Vault, copy: &[u8]) -> Result<ImportReport, VaultError> {
    vault.import(&mut Cursor::new(copy), None)
}

#[test]
fn a_lost_table_comes_back_whole() {
    let (_, vault, keys, copy) = copied();
    let disk = SimDisk::new();
    let mut restored = open(&disk);
    let report = import(&mut restored, &copy).expect("imported");
    assert_eq!(report, ImportReport { restored: 9, ..ImportReport::default() });
    assert_eq!(restored.holds(), vault.holds());
    let check = |vault: &Vault| {
        for (number, key) in keys.iter().enumerate() {
            assert!(if number == 1 { is_erased(vault, key) } else { is_there(vault, key) }, "{key:?}");
        }
    };
    check(&restored);
    assert_eq!(import(&mut restored, &copy).expect("once more"), ImportReport::default());
    let next = give(&mut restored, &owner(10), 0);
    assert_eq!((next.place().file, next.place().slot), (3, 1), "behind what came");
    let restored = open(&disk.reopen(0));
    check(&restored);
    assert!(is_there(&restored, &next));
}

#[test]
fn what_was_destroyed_since_stays_destroyed() {
    let (disk, mut vault, keys, copy) = copied();
    vault.destroy(&[keys[2].place(), keys[8].place()], DestroyReason::Erasure).expect("destroyed");
    let hold = vault.holds()[0].id;
    vault.release_hold(hold).expect("released");
    let report = import(&mut vault, &copy).expect("imported");
    assert_eq!(report, ImportReport { refused: 3, ..ImportReport::default() });
    let vault = open(&disk.reopen(0));
    assert!(is_erased(&vault, &keys[2]) && is_erased(&vault, &keys[8]) && vault.holds().is_empty());
}

#[test]
fn damaged_and_missing_rows_come_back_and_nothing_else_changes() {
    let (disk, mut vault, keys, copy) = copied();
    vault.destroy(&[keys[3].place()], DestroyReason::Erasure).expect("destroyed");
    drop(vault);
    disk.flip(KEYS, SLOT as u64 + 300, 1).expect("flipped");
    disk.flip(KEYS, 2 * SLOT as u64 + 5, 1).expect("the mark of the first destroyed one");
    disk.flip(KEYS, 4 * SLOT as u64 + 500, 1).expect("the mark of the second one");
    disk.truncate("vault/keys-000002.tbl", 2 * SLOT as u64 + 77).expect("cut");
    disk.remove("vault/keys-000003.tbl").expect("removed");
    let mut vault = open(&disk);
    let report = import(&mut vault, &copy).expect("imported");
    assert_eq!((report.restored, report.refused), (1 + 3 + 1, 0));
    assert_eq!(report.uncertain, [keys[3].place()], "what may have been destroyed is not brought back");
    let vault = open(&disk.reopen(0));
    for (number, key) in keys.iter().enumerate() {
        let right = match number {
            1 => is_erased(&vault, key),
            3 => !is_there(&vault, key),
            _ => is_there(&vault, key),
        };
        assert!(right, "{number}");
    }
}

#[test]
fn an_older_table_is_told_what_was_destroyed_since() {
    let (disk, vault, keys, older) = copied();
    let mut vault = vault;
    vault.destroy(&[keys[4].place()], DestroyReason::Erasure).expect("destroyed");
    let mut newer = Vec::new();
    vault.export(&mut newer).expect("copied");
    drop(vault);
    let fresh = SimDisk::new();
    let mut vault = open(&fresh);
    import(&mut vault, &older).expect("imported");
    assert!(is_there(&vault, &keys[4]));
    let report = import(&mut vault, &newer).expect("imported");
    assert_eq!(report, ImportReport { to_destroy: vec![keys[4].place()], ..ImportReport::default() });
    vault.destroy(&report.to_destroy, DestroyReason::Erasure).expect("destroyed");
    assert_eq!(import(&mut vault, &newer).expect("imported"), ImportReport::default());
    assert!(is_erased(&vault, &keys[4]));
    drop(disk);
}

#[test]
fn rows_that_took_the_place_of_lost_ones_are_told() {
    let (disk, vault, keys, copy) = copied();
    drop(vault);
    disk.truncate("vault/keys-000003.tbl", SLOT as u64).expect("cut");
    let mut vault = open(&disk);
    let next = give(&mut vault, &owner(20), 0);
    assert_eq!(next.place(), keys[8].place());
    let report = import(&mut vault, &copy).expect("imported");
    assert_eq!((report.restored, report.conflicts), (0, vec![next.place()]));
    assert!(is_there(&vault, &next));
}

#[test]
fn a_copy_that_is_not_whole_changes_nothing() {
    let (_, _, _, copy) = copied();
    let disk = SimDisk::new();
    let mut vault = open(&disk);
    let before = files(&disk);
    let mut check = |copy: &[u8], what: &str| {
        assert!(import(&mut vault, copy).is_err(), "{what}");
        assert_eq!(files(&disk), before, "{what}");
    };
    for len in (0..copy.len()).step_by(61) {
        check(&copy[..len], "cut");
    }
    for at in (0..copy.len()).step_by(53) {
        let mut changed = copy.clone();
        changed[at] ^= 4;
        check(&changed, &format!("byte {at}"));
    }
    check(&[copy.as_slice(), b"!"].concat(), "longer");
    let error = vault.import(&mut Cursor::new(&copy), Some(Digest::GENESIS)).expect_err("another digest");
    assert!(matches!(error, VaultError::Backup { .. }) && files(&disk) == before, "{error}");
    let digest = Digest::of(&copy[..copy.len() - 32]);
    vault.import(&mut Cursor::new(&copy), Some(digest)).expect("the right one");
}

#[test]
fn another_table_and_another_master_key_are_refused() {
    let (_, _, _, copy) = copied();
    let mut other = open(&SimDisk::new());
    let key = give(&mut other, &owner(1), 0);
    let error = import(&mut other, &copy).expect_err("refused");
    assert!(matches!(error, VaultError::OtherTable { .. }), "{error}");
    assert!(is_there(&other, &key) && live(&other) == 1);
    let (mut other, _) = open_as(&SimDisk::new(), master(2)).expect("opens");
    let error = import(&mut other, &copy).expect_err("refused");
    assert!(matches!(error, VaultError::OtherMaster { .. }), "{error}");
    let disk = SimDisk::new();
    let (mut both, _) = open_as(&disk, Masters::new(master(2)).and_older(master(1))).expect("opens");
    assert_eq!(import(&mut both, &copy).expect("imported").older_master, 9);
    assert_eq!(both.rewrap(master(2)).expect("rewrapped").rewrapped, 9);
    open_as(&disk, master(2)).expect("opens with the new one alone");
}

#[test]
fn a_power_cut_while_importing_brings_nothing_back_and_is_taken_up() {
    let (lost, mut vault, keys, copy) = copied();
    vault.destroy(&[keys[2].place()], DestroyReason::Erasure).expect("destroyed");
    drop(vault);
    lost.flip(KEYS, SLOT as u64 + 300, 1).expect("flipped");
    lost.truncate("vault/keys-000002.tbl", 2 * SLOT as u64).expect("cut");
    lost.remove("vault/keys-000003.tbl").expect("removed");
    lost.sync_dir("vault").expect("synced");
    lost.sync_file("vault/keys-000002.tbl").expect("synced");
    let whole = lost.reopen(0);
    import(&mut open(&whole), &copy).expect("imported");
    for at in 0..=whole.operations() {
        for seed in [0, at + 1, at + 5000] {
            let disk = lost.reopen(0);
            disk.power_cut(at);
            if let Ok((mut vault, _)) = open_as(&disk, master(1)) {
                let _ = import(&mut vault, &copy);
            }
            let mut vault = open(&disk.reopen(seed));
            import(&mut vault, &copy).unwrap_or_else(|error| panic!("cut {at}, seed {seed}: {error}"));
            for (number, key) in keys.iter().enumerate() {
                let right = if [1, 2].contains(&number) { is_erased(&vault, key) } else { is_there(&vault, key) };
                assert!(right, "cut {at}, seed {seed}: {number}");
            }
        }
    }
}
