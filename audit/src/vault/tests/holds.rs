//! Legal holds stand until they are released, and nothing that they cover goes.

use forethought_store::SimDisk;

use super::{give, is_there, master, on, open, open_as, owner};
use crate::vault::{DestroyReason, Owner, Scope, VaultError};

const HOLDS: &str = "vault/holds-000001.tbl";

#[test]
fn a_hold_covers_a_subject_or_all_of_a_tenant() {
    let disk = SimDisk::new();
    let mut vault = open(&disk);
    let one = vault.place_hold("acme", Some("patient 1"), "case 1", on(0)).expect("placed");
    let all = vault.place_hold("ward", None, "case 2", on(1)).expect("placed");
    let vault = open(&disk.reopen(0));
    let covered = |owner: Owner| vault.held.covering(&owner).map(|hold| hold.id);
    assert_eq!(covered(owner(1)), Some(one));
    assert_eq!((covered(owner(2)), covered(owner(0))), (None, None));
    assert_eq!(covered(Owner::tenant("ward")), Some(all));
    assert_eq!(covered(Owner::subject("ward", "patient 1")), Some(all));
    let told: Vec<_> = vault.holds().iter().map(|hold| (hold.since, hold.reason.as_str())).collect();
    assert_eq!(told, [(super::date(0), "case 1"), (super::date(1), "case 2")]);
}

#[test]
fn a_released_hold_forbids_nothing_and_does_not_come_back() {
    let disk = SimDisk::new();
    let mut vault = open(&disk);
    let key = give(&mut vault, &owner(1), 0);
    let holds: Vec<_> = (0..9).map(|_| vault.place_hold("acme", None, "case", on(0)).expect("placed")).collect();
    for hold in &holds {
        vault.destroy(&[key.place()], DestroyReason::Decision).expect_err("held");
        vault.release_hold(*hold).expect("released");
        let error = vault.release_hold(*hold).expect_err("no more");
        assert!(matches!(error, VaultError::NoHold { .. }), "{error}");
    }
    assert!(is_there(&vault, &key));
    drop(vault);
    let mut vault = open(&disk.reopen(0));
    assert_eq!(vault.holds(), []);
    assert_eq!(vault.destroy(&[key.place()], DestroyReason::Decision).expect("destroyed"), 1);
}

#[test]
fn while_a_hold_cannot_be_read_nothing_is_destroyed() {
    let disk = SimDisk::new();
    let mut vault = open(&disk);
    let key = give(&mut vault, &owner(1), 0);
    vault.place_hold("acme", None, "case", on(0)).expect("placed");
    drop(vault);
    disk.flip(HOLDS, 1024 + 500, 4).expect("flipped");
    let (mut vault, report) = open_as(&disk, master(1)).expect("opens");
    assert_eq!((report.holds, report.damaged_holds), (0, 1));
    let refused = |result: Result<(), VaultError>| matches!(result, Err(VaultError::HoldsDamaged { count: 1 }));
    assert!(refused(vault.destroy(&[key.place()], DestroyReason::Erasure).map(drop)));
    assert!(refused(vault.plan_erasure(&Scope::Owner(owner(1)), on(0)).map(drop)));
    assert!(refused(vault.plan_expiry(on(0)).map(drop)));
    assert!(is_there(&vault, &key));
    assert_eq!(vault.drop_damaged_holds().expect("dropped"), 1);
    vault.destroy(&[key.place()], DestroyReason::Erasure).expect("destroyed");
    assert_eq!(open_as(&disk.reopen(0), master(1)).expect("opens").1.damaged_holds, 0);
}

#[test]
fn a_row_that_cannot_be_read_stays_while_there_is_a_hold() {
    let disk = SimDisk::new();
    let mut vault = open(&disk);
    let key = give(&mut vault, &owner(1), 0);
    let hold = vault.place_hold("ward", None, "case", on(0)).expect("placed");
    disk.flip(super::KEYS, 1024 + 500, 4).expect("flipped");
    let error = vault.destroy(&[key.place()], DestroyReason::Erasure).expect_err("refused");
    assert!(matches!(error, VaultError::Unreadable { .. }), "{error}");
    let plan = vault.plan_erasure(&Scope::Owner(owner(1)), on(0)).expect("planned");
    assert_eq!((plan.destroy.len(), plan.unreadable), (0, vec![key.place()]));
    vault.release_hold(hold).expect("released");
    assert_eq!(vault.destroy(&[key.place()], DestroyReason::Erasure).expect("destroyed"), 1);
}

#[test]
fn holds_without_room_are_refused() {
    let mut vault = open(&SimDisk::new());
    let long = "x".repeat(401);
    for (tenant, subject, reason) in [
        ("No", None, "case"),
        ("acme", Some(""), "case"),
        ("acme", Some(long.as_str()), "case"),
        ("acme", None, ""),
        ("acme", None, long.as_str()),
    ] {
        assert!(vault.place_hold(tenant, subject, reason, on(0)).is_err(), "{tenant} {subject:?} {reason}");
    }
    let (tenant, subject) = ("a".repeat(63), "s".repeat(256));
    vault.place_hold(&tenant, Some(&subject), &"r".repeat(400), on(0)).expect("placed");
}
