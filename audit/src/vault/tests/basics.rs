//! Keys are given, found, destroyed and told apart.

use std::{collections::BTreeSet, sync::Arc};

use forethought_store::SimDisk;

use super::{date, files, give, give_for, is_erased, is_there, live, master, on, open, open_as, owner, rows};
use crate::vault::{
    Bound, DestroyReason, KeyId, KeyPlace, Owner, Retention, RowFilter, RowState, Scope, Vault, VaultError,
    VaultReader, VaultReport,
    cache::{Cache, Wanted},
    key::ContentKey,
};

#[test]
fn an_owner_has_one_key_a_day_and_retention() {
    let disk = SimDisk::new();
    let mut vault = open(&disk);
    let strict = Retention { keep_until: Some(Bound::new("t/keep", date(30))), ..Retention::default() };
    let first = give(&mut vault, &owner(1), 0);
    assert_eq!(give(&mut vault, &owner(1), 0).id(), first.id());
    let others = [
        give(&mut vault, &owner(2), 0),
        give(&mut vault, &owner(0), 0),
        give(&mut vault, &Owner::subject("ward", "patient 1"), 0),
        give_for(&mut vault, &owner(1), &strict, 0).expect("given"),
        give(&mut vault, &owner(1), 1),
    ];
    let ids: BTreeSet<_> = others.iter().chain([&first]).map(ContentKey::id).collect();
    let keys: BTreeSet<_> = others.iter().chain([&first]).map(|key| *key.bytes()).collect();
    assert_eq!((ids.len(), keys.len()), (6, 6));
    let places: Vec<_> = rows(&vault).iter().map(|row| row.place.to_string()).collect();
    assert_eq!(places, ["1/0", "1/1", "1/2", "1/3", "2/0", "2/1"]);
    drop(vault);
    let (vault, report) = open_as(&disk, master(1)).expect("opens");
    assert_eq!(report, VaultReport { files: 2, slots: 6, ..VaultReport::default() });
    assert!(others.iter().chain([&first]).all(|key| is_there(&vault, key)));
    let kept = &rows(&vault)[4];
    assert_eq!(kept.state, RowState::Live { owner: owner(1), day: date(0), retention: strict },);
    assert_eq!(kept.id, others[3].id());
}

#[test]
fn days_are_those_of_utc() {
    let mut vault = open(&SimDisk::new());
    let mut at = |time: &str| {
        let now = time.parse().expect("a time");
        vault.key_for(&owner(1), &Retention::default(), now).expect("staged").id()
    };
    let evening = at("2026-11-26T23:59:59.999Z");
    assert_eq!(at("2026-11-26T00:00:00Z"), evening);
    assert_eq!(at("2026-11-27T01:00:00+01:00"), at("2026-11-27T00:00:00Z"));
    assert_ne!(at("2026-11-27T00:00:00Z"), evening);
    for extreme in [jiff::Timestamp::MIN, jiff::Timestamp::MAX] {
        let ticket = vault.key_for(&owner(1), &Retention::default(), extreme).expect("staged");
        vault.flush().expect("flushed").key(&ticket).expect("there");
    }
}

#[test]
fn many_rows_are_one_sync_and_known_keys_are_none() {
    let disk = SimDisk::new();
    let options = crate::VaultOptions { slots_per_file: 5000, remembered: 4096 };
    let (mut vault, _) = Vault::open_with(Arc::new(disk.clone()), master(1), options).expect("opens");
    give(&mut vault, &owner(0), 0);
    let before = disk.operations();
    let tickets: Vec<_> =
        (1..=1000).map(|number| vault.key_for(&owner(number), &Retention::default(), on(0)).expect("staged")).collect();
    assert_eq!(disk.operations(), before, "nothing is written before the flush");
    let durable = vault.flush().expect("flushed");
    let keys: Vec<_> = tickets.iter().map(|ticket| durable.key(ticket).expect("there")).collect();
    assert_eq!(disk.operations(), before + 2, "one write and one sync");
    for number in 1..=1000 {
        let _ = vault.key_for(&owner(number), &Retention::default(), on(0)).expect("known");
    }
    vault.flush().expect("flushed");
    assert_eq!(disk.operations(), before + 2);
    let vault = open(&disk.reopen(0));
    assert!(keys.iter().all(|key| is_there(&vault, key)));
}

#[test]
fn what_waits_is_not_found_and_is_bounded() {
    let disk = SimDisk::new();
    let options = crate::VaultOptions { slots_per_file: 100_000, remembered: 16 };
    let (mut vault, _) = Vault::open_with(Arc::new(disk.clone()), master(1), options).expect("opens");
    let ticket = vault.key_for(&owner(1), &Retention::default(), on(0)).expect("staged");
    let error = vault.find(ticket.place(), ticket.id()).expect_err("not there yet");
    assert!(matches!(error, VaultError::Missing { .. }), "{error}");
    assert_eq!(rows(&vault), []);
    for number in 2..3000 {
        let _ = vault.key_for(&owner(number), &Retention::default(), on(0)).expect("staged");
    }
    assert!(vault.staged.len() <= 1024 && vault.cache.lock().len() == 16);
    let key = vault.flush().expect("flushed").key(&ticket).expect("also where the memory has it no more");
    assert!(is_there(&vault, &key));
    assert_eq!(live(&vault), 2999);
}

#[test]
fn a_destroyed_key_is_told_as_such_and_replaced() {
    let disk = SimDisk::new();
    let mut vault = open(&disk);
    let key = give(&mut vault, &owner(1), 0);
    let ticket = vault.key_for(&owner(1), &Retention::default(), on(0)).expect("known");
    assert_eq!(vault.destroy(&[key.place(), key.place()], DestroyReason::Erasure).expect("destroyed"), 1);
    assert_eq!(vault.destroy(&[key.place()], DestroyReason::Expiry).expect("once more"), 0);
    let erased = |result: Result<ContentKey, VaultError>| matches!(result, Err(VaultError::Erased { id, reason: DestroyReason::Erasure }) if id == key.id());
    assert!(erased(vault.find(key.place(), key.id())));
    assert!(erased(vault.flush().expect("flushed").key(&ticket)), "a ticket from before is no way around it");
    let next = give(&mut vault, &owner(1), 0);
    assert!(next.id() != key.id() && next.bytes() != key.bytes() && next.place() != key.place());
    assert_eq!(rows(&vault)[0].state, RowState::Destroyed(DestroyReason::Erasure));
    let vault = open(&disk.reopen(0));
    assert!(is_erased(&vault, &key) && is_there(&vault, &next));
}

#[test]
fn a_list_with_a_wrong_place_destroys_nothing() {
    let disk = SimDisk::new();
    let mut vault = open(&disk);
    let key = give(&mut vault, &owner(1), 0);
    for place in [KeyPlace { file: 1, slot: 1 }, KeyPlace { file: 9, slot: 0 }, KeyPlace { file: 1, slot: u32::MAX }] {
        let error = vault.destroy(&[key.place(), place], DestroyReason::Erasure).expect_err("refused");
        assert!(matches!(error, VaultError::NoSlot { place: found } if found == place), "{error}");
        assert!(is_there(&vault, &key));
    }
}

#[test]
fn what_is_not_there_is_missing() {
    let disk = SimDisk::new();
    let mut vault = open(&disk);
    let key = give(&mut vault, &owner(1), 0);
    let other = KeyId::from_bytes([7; 16]);
    let nowhere = |file, slot| KeyPlace { file, slot };
    for (place, id) in [
        (key.place(), other),
        (nowhere(1, 1), key.id()),
        (nowhere(1, u32::MAX), key.id()),
        (nowhere(0, 0), key.id()),
        (nowhere(u32::MAX, 0), key.id()),
    ] {
        let error = vault.find(place, id).expect_err("missing");
        assert!(matches!(error, VaultError::Missing { .. }), "{place}: {error}");
    }
    vault.destroy(&[key.place()], DestroyReason::Erasure).expect("destroyed");
    let error = vault.find(key.place(), other).expect_err("missing");
    assert!(matches!(error, VaultError::Missing { .. }), "{error}");
}

#[test]
fn owners_without_room_are_refused() {
    let mut vault = open(&SimDisk::new());
    let mut check = |owner: Owner, good: bool| {
        let given = give_for(&mut vault, &owner, &Retention::default(), 0);
        assert_eq!(given.is_ok(), good, "{owner:?}: {given:?}");
    };
    check(Owner::subject("a".repeat(63), "ß".repeat(128)), true);
    check(Owner::subject("a", "\0"), true);
    check(Owner::subject("a", ""), false);
    check(Owner::subject("a", "x".repeat(257)), false);
    for tenant in ["", "A", "../a", "-a", "ä", "a b"] {
        check(Owner::tenant(tenant), false);
    }
    check(Owner::tenant("a".repeat(64)), false);
}

#[test]
fn the_longest_row_comes_back_as_it_was() {
    let disk = SimDisk::new();
    let mut vault = open(&disk);
    let bound = |rule: &str| Some(Bound::new(rule.repeat(40), date(9)));
    let (keep_until, gone_after, erase_from) = (bound("long/"), bound("länger/"), bound("longest/"));
    assert!(gone_after.as_ref().is_some_and(|bound| bound.rule().ends_with('…') && bound.rule().len() <= 120));
    let retention = Retention { keep_until, gone_after, erase_from, open: true };
    let owner = Owner::subject("a".repeat(63), "s".repeat(256));
    give_for(&mut vault, &owner, &retention, 0).expect("given");
    assert_eq!(rows(&vault)[0].state, RowState::Live { owner, day: date(0), retention });
}

#[test]
fn rows_are_filtered() {
    let mut vault = open(&SimDisk::new());
    for day in 0..3 {
        for number in 0..3 {
            give(&mut vault, &owner(number), day);
        }
    }
    give(&mut vault, &Owner::tenant("ward"), 1);
    vault.destroy(&[KeyPlace { file: 1, slot: 0 }], DestroyReason::Erasure).expect("destroyed");
    let count = |filter: RowFilter| vault.rows(filter).expect("read").flatten().count();
    let scope = |scope| RowFilter { scope: Some(scope), ..RowFilter::default() };
    assert_eq!(count(RowFilter::default()), 10);
    assert_eq!(count(scope(Scope::Tenant("acme".to_owned()))), 8);
    assert_eq!(count(scope(Scope::Owner(owner(0)))), 2);
    assert_eq!(count(scope(Scope::Owner(owner(1)))), 3);
    assert_eq!(count(RowFilter { from: Some(date(1)), to: Some(date(1)), ..RowFilter::default() }), 4);
    assert_eq!(count(RowFilter { from: Some(date(3)), ..RowFilter::default() }), 0);
}

#[test]
fn a_reader_reads_beside_the_writer_and_changes_nothing() {
    let disk = SimDisk::new();
    let reader = |disk: &SimDisk| VaultReader::open(Arc::new(disk.clone()), master(1)).expect("opens");
    assert_eq!(reader(&disk).rows(RowFilter::default()).expect("read").count(), 0);
    let mut vault = open(&disk);
    let reading = reader(&disk);
    let key = give(&mut vault, &owner(1), 0);
    vault.place_hold("ward", None, "case 7", on(0)).expect("placed");
    let before = (files(&disk), disk.operations());
    assert_eq!(reading.find(key.place(), key.id()).expect("found").bytes(), key.bytes());
    assert_eq!(reading.holds().expect("read"), vault.holds());
    assert_eq!(reading.rows(RowFilter::default()).expect("read").count(), 1);
    assert_eq!((files(&disk), disk.operations()), before);
    vault.destroy(&[key.place()], DestroyReason::Erasure).expect("destroyed");
    assert!(matches!(reading.find(key.place(), key.id()), Err(VaultError::Erased { .. })));
}

#[test]
fn memory_holds_so_many_keys_and_only_those_of_the_latest_day() {
    let mut cache = Cache::new(3);
    let wanted = |number, day| Wanted { owner: owner(number), day: date(day), retention: Retention::default() };
    let key = |slot| {
        ContentKey::new(KeyPlace { file: 1, slot }, KeyId::from_bytes([0; 16]), zeroize::Zeroizing::new([0; 32]))
    };
    for number in 0..3 {
        cache.insert(wanted(number, 0), key(u32::try_from(number).expect("small")));
    }
    assert!(cache.get(&wanted(0, 0)).is_some(), "used last");
    cache.insert(wanted(3, 0), key(3));
    assert!(cache.get(&wanted(1, 0)).is_none() && cache.get(&wanted(0, 0)).is_some());
    assert_eq!((cache.len(), cache.at(KeyPlace { file: 1, slot: 1 }).is_none()), (3, true));
    cache.insert(wanted(4, 1), key(4));
    assert_eq!(cache.len(), 1);
    cache.insert(wanted(5, 0), key(5));
    assert_eq!(cache.len(), 2, "a clock that goes back does not drop today's keys");
    cache.forget(KeyPlace { file: 1, slot: 4 });
    assert_eq!((cache.len(), cache.get(&wanted(4, 1)).is_none()), (1, true));
}

#[test]
fn no_debug_text_and_no_error_shows_a_key() {
    let disk = SimDisk::new();
    let mut vault = open(&disk);
    let key = give(&mut vault, &owner(1), 0);
    let secrets = [key.bytes().to_vec(), vec![1; 32]];
    let told = format!("{vault:?} {key:?} {:?}", master(1)) + &format!("{:?}", vault.flush());
    for secret in secrets {
        assert!(!told.contains(&hex::encode(&secret)) && !told.contains(&format!("{secret:?}")), "{told}");
    }
}

#[test]
fn keys_are_known_beside_the_vault_from_their_sync_to_their_destruction() {
    let disk = SimDisk::new();
    let mut vault = open(&disk);
    let keys = vault.day_keys();
    let known = |ticket| {
        let by_ticket = keys.of_ticket(ticket).map(|key| key.id());
        assert_eq!(by_ticket, keys.of_owner(owner(1), Retention::default(), on(0)).map(|key| key.id()));
        by_ticket
    };
    let ticket = vault.key_for(&owner(1), &Retention::default(), on(0)).expect("staged");
    assert_eq!(known(ticket), None, "its row is not durable");
    disk.limit_space(0);
    assert!(vault.flush().expect_err("no room").is_full());
    assert_eq!(known(ticket), None, "it is not durable yet");
    disk.writes_work();
    vault.flush().map(|_| ()).expect("durable");
    assert_eq!(known(ticket), Some(ticket.id()));
    assert!(keys.of_owner(owner(2), Retention::default(), on(0)).is_none());
    assert!(keys.of_owner(owner(1), Retention::default(), on(1)).is_none());
    vault.destroy(&[ticket.place()], DestroyReason::Erasure).expect("destroyed");
    assert_eq!(known(ticket), None, "it is forgotten");
}
