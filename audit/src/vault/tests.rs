//! The vault's promises, at every point at which the power can go and for every byte that can be wrong.

mod backup;
mod basics;
mod crash;
mod faults;
mod holds;
mod masters;
mod model;
mod raw;
mod retention;
mod sealing;
mod spy;
mod tamper;

use std::sync::Arc;

use forethought_store::{Disk, SimDisk};
use jiff::Timestamp;

use super::{
    ContentKey, LocalMaster, Masters, Owner, Retention, Row, RowFilter, RowState, Vault, VaultError, VaultOptions,
    VaultReport, slot::SLOT,
};

/// Small files, so that a short run has several.
const SMALL: VaultOptions = VaultOptions { slots_per_file: 4, remembered: 8 };
const KEYS: &str = "vault/keys-000001.tbl";

/// Noon of a day, UTC; day 0 is 2026-11-26.
fn on(day: i64) -> Timestamp {
    let start: Timestamp = "2026-11-26T12:00:00Z".parse().expect("a time");
    Timestamp::from_second(start.as_second() + day * 86_400).expect("a time")
}

fn date(day: i64) -> jiff::civil::Date {
    super::retention::day_of(on(day))
}

fn master(number: u8) -> Arc<LocalMaster> {
    Arc::new(LocalMaster::of(&[number; 32]))
}

fn open_as(disk: &SimDisk, masters: impl Into<Masters>) -> Result<(Vault, VaultReport), VaultError> {
    Vault::open_with(Arc::new(disk.clone()), masters, SMALL)
}

fn open(disk: &SimDisk) -> Vault {
    open_as(disk, master(1)).expect("opens").0
}

fn owner(number: usize) -> Owner {
    match number {
        0 => Owner::tenant("acme"),
        _ => Owner::subject("acme", format!("patient {number}")),
    }
}

/// A key that is durable, for an owner on a day.
fn give(vault: &mut Vault, owner: &Owner, day: i64) -> ContentKey {
    give_for(vault, owner, &Retention::default(), day).expect("given")
}

fn give_for(vault: &mut Vault, owner: &Owner, retention: &Retention, day: i64) -> Result<ContentKey, VaultError> {
    let ticket = vault.key_for(owner, retention, on(day))?;
    vault.flush()?.key(&ticket)
}

fn rows(vault: &Vault) -> Vec<Row> {
    vault.rows(RowFilter::default()).expect("read").collect::<Result<_, _>>().expect("read")
}

/// Whether a key is there as it was given.
fn is_there(vault: &Vault, key: &ContentKey) -> bool {
    vault.find(key.place(), key.id()).is_ok_and(|found| found.bytes() == key.bytes())
}

fn is_erased(vault: &Vault, key: &ContentKey) -> bool {
    matches!(vault.find(key.place(), key.id()), Err(VaultError::Erased { id, .. }) if id == key.id())
}

/// Every file of the vault, by name.
fn files(disk: &dyn Disk) -> Vec<(String, Vec<u8>)> {
    let names = disk.list("vault").unwrap_or_default().into_iter().map(|name| format!("vault/{name}"));
    let read = |name: String| {
        let bytes = disk.read(&name, 0, usize::MAX).expect("read");
        (name, bytes)
    };
    names.map(read).collect()
}

fn live(vault: &Vault) -> usize {
    rows(vault).iter().filter(|row| matches!(row.state, RowState::Live { .. })).count()
}
