//! After a destruction, neither the key nor what wrapped it is anywhere on the disk.

use std::{fs, path::Path, sync::Arc};

use forethought_store::{Disk, RealDisk, SimDisk};

use super::{SLOT, SMALL, files, give, master, on, owner};
use crate::vault::{ContentKey, DestroyReason, Vault};

/// Pieces of what must be gone: of the key, and of the slot that wrapped it, but for its id.
fn pieces(disk: &dyn Disk, key: &ContentKey) -> Vec<Vec<u8>> {
    let name = format!("vault/keys-{:06}.tbl", key.place().file);
    let slot = disk.read(&name, (u64::from(key.place().slot) + 1) * SLOT as u64, SLOT).expect("read");
    let wrapped = slot[28..836].chunks(8).map(<[u8]>::to_vec);
    wrapped.chain(key.bytes().chunks(8).map(<[u8]>::to_vec)).chain([key.bytes().to_vec()]).collect()
}

fn holds(bytes: &[u8], pieces: &[Vec<u8>]) -> bool {
    pieces.iter().any(|piece| bytes.windows(piece.len()).any(|window| window == piece))
}

/// Gives keys, has one of them destroyed and everything rewrapped, and says what must not be found after it.
fn script(disk: &Arc<dyn Disk>, mut check: impl FnMut(&str, &[Vec<u8>], bool)) {
    let (mut vault, _) = Vault::open_with(disk.clone(), master(1), SMALL).expect("opens");
    let keys: Vec<_> = (0..6).map(|number| give(&mut vault, &owner(number), 0)).collect();
    let doomed = pieces(&**disk, &keys[1]);
    check("as long as it is there", &doomed, true);
    vault.destroy(&[keys[1].place()], DestroyReason::Erasure).expect("destroyed");
    check("after it was destroyed", &doomed, false);
    let older: Vec<_> = [0, 2, 3, 4, 5].iter().flat_map(|key| pieces(&**disk, &keys[*key])).collect();
    check("under the old master key", &older, true);
    vault.rewrap(master(2)).expect("rewrapped");
    check("once all is under the new one", &older, false);
    let newer = pieces(&**disk, &keys[2]);
    check("under the new master key", &newer, true);
    vault.destroy(&[keys[2].place()], DestroyReason::Expiry).expect("destroyed");
    check("after it was destroyed, too", &newer, false);
    let hold = vault.place_hold("acme", Some("patient 3"), "a case", on(0)).expect("placed");
    let names = [b"patient 3".to_vec(), b"a case".to_vec(), b"patient 1".to_vec(), b"acme".to_vec()];
    check("names of tenants and persons", &names, false);
    vault.release_hold(hold).expect("released");
}

#[test]
fn nothing_is_left_on_a_simulated_disk() {
    let sim = SimDisk::new();
    let disk: Arc<dyn Disk> = Arc::new(sim.clone());
    script(&disk, |when, pieces, there| {
        // What is read, and what is durable.
        for disk in [&sim, &sim.reopen(0)] {
            let found = files(disk).iter().any(|(_, bytes)| holds(bytes, pieces));
            assert_eq!(found, there, "{when}");
        }
    });
}

#[test]
fn nothing_is_left_in_the_files_of_a_real_disk() {
    let dir = tempfile::tempdir().expect("a folder");
    let disk: Arc<dyn Disk> = Arc::new(RealDisk::open(dir.path()).expect("opens"));
    let all = |root: &Path| -> Vec<Vec<u8>> {
        let entries = fs::read_dir(root.join("vault")).expect("listed");
        entries.map(|entry| fs::read(entry.expect("listed").path()).expect("read")).collect()
    };
    script(&disk, |when, pieces, there| {
        assert_eq!(all(dir.path()).iter().any(|bytes| holds(bytes, pieces)), there, "{when}");
    });
}
