//! Every byte that can be wrong is told as damage, or leaves everything right; so is a table that is cut anywhere.

use forethought_store::{Disk, SimDisk};

use super::{KEYS, SLOT, give, is_erased, is_there, live, master, on, open, open_as, owner, rows};
use crate::vault::{ContentKey, DestroyReason, RowState, Vault, VaultError};

/// A file with a key, a destroyed one, and another key.
fn table() -> (SimDisk, [ContentKey; 3]) {
    let disk = SimDisk::new();
    let mut vault = open(&disk);
    let keys = [0, 1, 2].map(|number| give(&mut vault, &owner(number), 0));
    vault.destroy(&[keys[1].place()], DestroyReason::Erasure).expect("destroyed");
    (disk, keys)
}

fn is_damaged<T>(result: &Result<T, VaultError>) -> bool {
    matches!(result, Err(VaultError::Damaged { .. }))
}

/// No key is wrong, and none that was destroyed is back.
fn nothing_wrong(vault: &Vault, keys: &[ContentKey; 3], context: &str) {
    for (key, erased) in keys.iter().zip([false, true, false]) {
        let found = vault.find(key.place(), key.id());
        let right = if erased { is_erased(vault, key) } else { is_there(vault, key) };
        assert!(right || is_damaged(&found), "{context}: {key:?}");
    }
}

#[test]
fn every_flipped_byte_of_a_table_is_told() {
    let (disk, keys) = table();
    for at in 0..disk.size(KEYS).expect("there") {
        for mask in [1, 0x80, 0xff] {
            let disk = disk.reopen(0);
            disk.flip(KEYS, at, mask).expect("flipped");
            let context = format!("byte {at}, mask {mask}");
            if at < SLOT as u64 {
                assert!(is_damaged(&open_as(&disk, master(1))), "{context}");
                continue;
            }
            let (mut vault, _) = open_as(&disk, master(1)).expect("opens");
            nothing_wrong(&vault, &keys, &context);
            let slot = usize::try_from(at).expect("small") / SLOT - 1;
            assert!(is_damaged(&vault.find(keys[slot].place(), keys[slot].id())), "{context}");
            assert_eq!(rows(&vault)[slot].state, RowState::Damaged, "{context}");
            let next = give(&mut vault, &owner(9), 0);
            assert_eq!((next.place().slot, live(&vault)), (3, if slot == 1 { 3 } else { 2 }), "{context}");
        }
    }
}

#[test]
fn every_flipped_byte_beside_the_keys_is_told_or_does_no_harm() {
    let (disk, keys) = table();
    let mut vault = open(&disk);
    let hold = vault.place_hold("ward", None, "case", on(0)).expect("placed");
    drop(vault);
    for name in ["vault/redo", "vault/holds-000001.tbl"] {
        for at in 0..disk.size(name).expect("there") {
            let disk = disk.reopen(0);
            disk.flip(name, at, 0x10).expect("flipped");
            match open_as(&disk, master(1)) {
                Err(error) => assert!(name.contains("holds") && at < SLOT as u64, "{name}, byte {at}: {error}"),
                Ok((vault, report)) => {
                    nothing_wrong(&vault, &keys, name);
                    let stands = vault.holds().iter().any(|one| one.id == hold);
                    assert!(stands != (report.damaged_holds == 1), "{name}, byte {at}");
                    assert_eq!(stands, name.contains("redo"), "{name}, byte {at}");
                }
            }
        }
    }
}

#[test]
fn a_table_that_is_cut_anywhere_gives_no_wrong_key() {
    let (disk, keys) = table();
    let size = disk.size(KEYS).expect("there");
    for len in 0..size {
        let disk = disk.reopen(0);
        disk.truncate(KEYS, len).expect("cut");
        if len < SLOT as u64 {
            assert!(is_damaged(&open_as(&disk, master(1))), "cut at {len}");
            continue;
        }
        let (mut vault, report) = open_as(&disk, master(1)).expect("opens");
        let whole = usize::try_from(len).expect("small") / SLOT - 1;
        assert_eq!(report.torn, usize::from(len % SLOT as u64 != 0), "cut at {len}");
        for (slot, key) in keys.iter().enumerate() {
            let right = if slot == 1 { is_erased(&vault, key) } else { is_there(&vault, key) };
            assert_eq!(right, slot < whole, "cut at {len}: {key:?}");
            if slot >= whole {
                let error = vault.find(key.place(), key.id()).expect_err("lost");
                let told = matches!(error, VaultError::Missing { .. } | VaultError::Damaged { .. });
                assert!(told, "cut at {len}: {error}");
            }
        }
        let next = give(&mut vault, &owner(9), 0);
        assert!(is_there(&open(&disk.reopen(0)), &next), "cut at {len}");
    }
}

#[test]
fn a_row_opens_in_its_own_place_only() {
    let (disk, keys) = table();
    let read = |slot: u64| disk.read(KEYS, (slot + 1) * SLOT as u64, SLOT).expect("read");
    let (first, third) = (read(0), read(2));
    disk.overwrite(KEYS, SLOT as u64, &third).expect("swapped");
    disk.overwrite(KEYS, 3 * SLOT as u64, &first).expect("swapped");
    let vault = open(&disk);
    for (key, place) in [(&keys[0], keys[2].place()), (&keys[2], keys[0].place())] {
        assert!(is_damaged(&vault.find(place, key.id())), "moved");
        assert!(matches!(vault.find(key.place(), key.id()), Err(VaultError::Missing { .. })));
    }
    // A destroyed row's old bytes under a mark's checksum: what a forger can make of an older copy is still refused elsewhere.
    let other = SimDisk::new();
    give(&mut open(&other), &owner(0), 0);
    let foreign = other.read(KEYS, SLOT as u64, SLOT).expect("read");
    disk.overwrite(KEYS, SLOT as u64, &foreign).expect("written");
    assert_eq!(rows(&vault)[0].state, RowState::Damaged, "of another table");
}

#[test]
fn a_header_of_another_file_or_version_is_told() {
    let (disk, _) = table();
    let header = disk.read(KEYS, 0, SLOT).expect("read");
    disk.create("vault/keys-000002.tbl").expect("created");
    disk.append("vault/keys-000002.tbl", &header).expect("written");
    assert!(is_damaged(&open_as(&disk, master(1))));
    disk.remove("vault/keys-000002.tbl").expect("removed");
    let mut newer = header[..SLOT - 4].to_vec();
    newer[8] = 2;
    disk.overwrite(KEYS, 0, &crate::vault::slot::sealed(&newer)).expect("written");
    let error = open_as(&disk, master(1)).expect_err("refused");
    assert!(matches!(error, VaultError::NewerVersion { found: 2, supported: 1, .. }), "{error}");
}
