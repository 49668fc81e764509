//! The master key: its text and file, a wrong one, and another one in its place.

use std::{fs, sync::Arc};

use forethought_store::SimDisk;
use zeroize::Zeroizing;

use super::{date, give, give_for, is_there, live, master, on, open, open_as, owner, rows};
use crate::vault::{Bound, LocalMaster, MAX_WRAPPED, MasterError, MasterKey, Masters, Retention, RowState, VaultError};

#[test]
fn a_key_s_text_is_read_and_a_changed_one_is_refused() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("master");
    let made = LocalMaster::generate_into(&path).expect("made");
    let text = fs::read_to_string(&path).expect("read");
    let wrapped = made.wrap(b"here", b"plain").expect("wrapped");
    let check = |text: &str, good: bool| {
        let key = LocalMaster::from_text(text);
        assert_eq!(key.is_ok(), good, "{text:?}");
        if let Ok(key) = key {
            assert_eq!(
                (key.id(), &**key.unwrap(b"here", &wrapped).expect("unwrapped")),
                (made.id(), b"plain".as_slice())
            );
        }
    };
    check(&text, true);
    check(text.trim_end(), true);
    check(&format!("{text}\n"), true);
    for wrong in ["", "forethought-master-1", "forethought-key-1 00 00", "forethought-master-1 zz yy", "\n"] {
        check(wrong, false);
    }
    check(&format!("{text} more"), false);
    check(&text.replace(' ', "  "), false);
    for at in 0..text.trim_end().len() {
        let mut bytes = text.clone().into_bytes();
        // A digit becomes another one.
        bytes[at] = if bytes[at] == b'1' { b'2' } else { b'1' };
        check(std::str::from_utf8(&bytes).expect("text"), false);
        check(&text[..at], false);
    }
}

#[cfg(unix)]
#[test]
fn a_file_that_others_can_read_is_refused_and_none_is_replaced() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("master");
    fs::write(dir.path().join("master.new"), "a crash left it").expect("written");
    let made = LocalMaster::generate_into(&path).expect("made");
    assert_eq!(fs::metadata(&path).expect("there").permissions().mode() & 0o777, 0o600);
    assert_eq!(fs::read_dir(dir.path()).expect("listed").count(), 1);
    assert_eq!(LocalMaster::from_file(&path).expect("read").id(), made.id());
    let error = LocalMaster::generate_into(&path).expect_err("refused");
    assert!(matches!(error, MasterError::Exists { .. }), "{error}");
    assert_eq!(LocalMaster::from_file(&path).expect("as it was").id(), made.id());
    for mode in [0o640, 0o604, 0o660] {
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("changed");
        let error = LocalMaster::from_file(&path).expect_err("refused");
        assert!(matches!(error, MasterError::Exposed { mode: found, .. } if found == mode), "{error}");
    }
    let error = LocalMaster::from_file(dir.path().join("none")).expect_err("refused");
    assert!(matches!(error, MasterError::File { .. }), "{error}");
}

#[test]
fn a_wrong_master_key_is_noticed_at_the_start() {
    let disk = SimDisk::new();
    let mut vault = open(&disk);
    let key = give(&mut vault, &owner(1), 0);
    drop(vault);
    for wrong in [Masters::new(master(2)), Masters::new(Arc::new(Named(master(2))))] {
        let error = open_as(&disk, wrong).expect_err("refused");
        assert!(matches!(error, VaultError::OtherMaster { .. }), "{error}");
    }
    let both = Masters::new(master(2)).and_older(master(1));
    assert!(is_there(&open_as(&disk, both).expect("opens").0, &key));
}

/// A key with another key's name.
#[derive(Debug)]
struct Named(Arc<LocalMaster>);

impl MasterKey for Named {
    fn id(&self) -> String {
        master(1).id()
    }

    fn wrap(&self, aad: &[u8], plain: &[u8]) -> Result<Vec<u8>, MasterError> {
        self.0.wrap(aad, plain)
    }

    fn unwrap(&self, aad: &[u8], wrapped: &[u8]) -> Result<Zeroizing<Vec<u8>>, MasterError> {
        self.0.unwrap(aad, wrapped)
    }
}

#[test]
fn everything_is_wrapped_anew_and_stays_what_it_was() {
    let disk = SimDisk::new();
    let mut vault = open(&disk);
    let retention = Retention { keep_until: Some(Bound::new("t/keep", date(30))), ..Retention::default() };
    let keys: Vec<_> =
        (0..9).map(|number| give_for(&mut vault, &owner(number), &retention, 0).expect("given")).collect();
    let hold = vault.place_hold("acme", None, "case", on(0)).expect("placed");
    let before = (rows(&vault), vault.holds().to_vec());
    assert_eq!(vault.rewrap(master(2)).expect("rewrapped").rewrapped, 10);
    assert_eq!((rows(&vault), vault.holds().to_vec()), before);
    assert_eq!(vault.rewrap(master(2)).expect("once more").rewrapped, 0);
    let next = give(&mut vault, &owner(10), 0);
    drop(vault);
    open_as(&disk, master(1)).expect_err("the old key opens nothing");
    let (mut vault, _) = open_as(&disk.reopen(0), master(2)).expect("opens");
    assert!(keys.iter().chain([&next]).all(|key| is_there(&vault, key)));
    vault.release_hold(hold).expect("released");
}

#[test]
fn a_rewrapping_that_was_cut_short_is_taken_up() {
    let disk = SimDisk::new();
    let mut vault = open(&disk);
    let keys: Vec<_> = (0..9).map(|number| give(&mut vault, &owner(number), 0)).collect();
    let failing: Arc<dyn MasterKey> = Arc::new(Failing { key: master(2), left: std::sync::Mutex::new(6) });
    let error = vault.rewrap(failing).expect_err("it cannot be used");
    assert!(matches!(error, VaultError::Master(MasterError::Unavailable { .. })), "{error}");
    assert!(keys.iter().all(|key| is_there(&vault, key)), "both keys open");
    drop(vault);
    for alone in [master(1), master(2)] {
        open_as(&disk, alone).expect_err("both are needed");
    }
    let (mut vault, _) = open_as(&disk, Masters::new(master(2)).and_older(master(1))).expect("opens");
    assert_eq!(vault.rewrap(master(2)).expect("rewrapped").rewrapped, 5);
    drop(vault);
    let (vault, _) = open_as(&disk, master(2)).expect("opens");
    assert!(keys.iter().all(|key| is_there(&vault, key)));
}

/// A key that can be used a few times.
#[derive(Debug)]
struct Failing {
    key: Arc<LocalMaster>,
    left: std::sync::Mutex<u32>,
}

impl MasterKey for Failing {
    fn id(&self) -> String {
        self.key.id()
    }

    fn wrap(&self, aad: &[u8], plain: &[u8]) -> Result<Vec<u8>, MasterError> {
        let mut left = self.left.lock().expect("a number");
        let unavailable = || MasterError::Unavailable { id: self.id(), what: "it is asleep".to_owned() };
        *left = left.checked_sub(1).ok_or_else(unavailable)?;
        self.key.wrap(aad, plain)
    }

    fn unwrap(&self, aad: &[u8], wrapped: &[u8]) -> Result<Zeroizing<Vec<u8>>, MasterError> {
        self.key.unwrap(aad, wrapped)
    }
}

#[test]
fn a_key_that_cannot_be_used_now_is_no_damage() {
    let disk = SimDisk::new();
    let mut vault = open(&disk);
    let key = give(&mut vault, &owner(1), 0);
    vault.table.masters = Masters::new(Arc::new(Asleep));
    for error in [
        vault.find(key.place(), key.id()).map(drop),
        vault.rows(crate::RowFilter::default()).expect("begun").try_for_each(|row| row.map(drop)),
        vault.key_for(&owner(2), &Retention::default(), on(0)).map(drop),
    ] {
        let error = error.expect_err("it cannot be used");
        assert!(matches!(error, VaultError::Master(MasterError::Unavailable { .. })), "{error}");
    }
    vault.table.masters = Masters::new(master(1));
    assert!(is_there(&vault, &key));
    give(&mut vault, &owner(2), 0);
}

/// Has the first key's name, and cannot be used.
#[derive(Debug)]
struct Asleep;

impl MasterKey for Asleep {
    fn id(&self) -> String {
        master(1).id()
    }

    fn wrap(&self, _: &[u8], _: &[u8]) -> Result<Vec<u8>, MasterError> {
        Err(MasterError::Unavailable { id: self.id(), what: "it is asleep".to_owned() })
    }

    fn unwrap(&self, _: &[u8], _: &[u8]) -> Result<Zeroizing<Vec<u8>>, MasterError> {
        Err(MasterError::Unavailable { id: self.id(), what: "it is asleep".to_owned() })
    }
}

#[test]
fn what_a_service_adds_has_room_in_a_slot_up_to_a_bound() {
    let check = |more: usize, good: bool| {
        let disk = SimDisk::new();
        let key: Arc<dyn MasterKey> = Arc::new(Padding { key: master(1), more });
        let (mut vault, _) = open_as(&disk, Masters::new(key)).expect("opens");
        let given = give_for(&mut vault, &owner(1), &Retention::default(), 0);
        match given {
            Ok(key) => assert!(good && is_there(&vault, &key), "{more}"),
            Err(error) => assert!(!good && matches!(error, VaultError::WrappedTooLarge { .. }), "{more}: {error}"),
        }
    };
    let room = MAX_WRAPPED - 768 - 40;
    assert!(room >= 150, "what key services add");
    check(room, true);
    check(room + 1, false);
}

/// Adds bytes, as a service's envelope does.
#[derive(Debug)]
struct Padding {
    key: Arc<LocalMaster>,
    more: usize,
}

impl MasterKey for Padding {
    fn id(&self) -> String {
        "service".to_owned()
    }

    fn wrap(&self, aad: &[u8], plain: &[u8]) -> Result<Vec<u8>, MasterError> {
        Ok([vec![9; self.more], self.key.wrap(aad, plain)?].concat())
    }

    fn unwrap(&self, aad: &[u8], wrapped: &[u8]) -> Result<Zeroizing<Vec<u8>>, MasterError> {
        self.key.unwrap(aad, wrapped.get(self.more..).unwrap_or_default())
    }
}

#[test]
fn a_damaged_row_does_not_stop_a_rewrapping() {
    let disk = SimDisk::new();
    let mut vault = open(&disk);
    let keys: Vec<_> = (0..3).map(|number| give(&mut vault, &owner(number), 0)).collect();
    disk.flip(super::KEYS, 2 * 1024 + 300, 1).expect("flipped");
    let report = vault.rewrap(master(2)).expect("rewrapped");
    assert_eq!((report.rewrapped, report.unreadable), (2, vec![keys[1].place()]));
    assert_eq!((live(&vault), &rows(&vault)[1].state), (2, &RowState::Damaged));
}
