//! The book on a disk that can lose power at every write, is full, or is damaged.

use std::io;

use forethought_store::SimDisk;
use jiff::Timestamp;

use super::*;
use crate::{Event, EventKind, HookId, Read};

fn open(disk: &SimDisk) -> Result<(Book, Outbox), StoreError> {
    Book::open(Arc::new(disk.clone()))
}

fn hook() -> HookId {
    HookId { tenant: Some("acme".to_owned()), id: "desk".to_owned() }
}

fn queued(at: u64) -> Change {
    let event = Event { id: at.to_string(), kind: EventKind::ReviewDecided, body: "x".repeat(100) };
    Change::Queued { at, since: Timestamp::UNIX_EPOCH, event, to: vec![hook()] }
}

fn ended(at: u64) -> Change {
    Change::Ended { at, to: hook() }
}

fn read(cursor: u64) -> Change {
    Change::Read(Read { cursor: Some(cursor), policy: 1 })
}

/// Batches of changes; after each second one the book is written anew.
fn script() -> Vec<Vec<Change>> {
    vec![
        vec![read(1), queued(0), queued(1)],
        vec![ended(0)],
        vec![read(2), queued(2)],
        vec![ended(1), Change::Told { id: "q".to_owned(), until: Timestamp::MAX }],
        vec![ended(2), read(9)],
    ]
}

/// The outbox after so many batches.
fn after(batches: usize) -> Vec<Change> {
    let mut outbox = Outbox::default();
    for change in script().into_iter().take(batches).flatten() {
        outbox.apply(change);
    }
    outbox.snapshot()
}

/// Runs the script until it fails; gives how many batches were acknowledged.
fn run(disk: &SimDisk) -> Result<usize, usize> {
    let (mut book, mut outbox) = open(disk).map_err(|_| 0_usize)?;
    let mut done = 0;
    for batch in script() {
        book.write(&batch).map_err(|_| done)?;
        for change in batch {
            outbox.apply(change);
        }
        done += 1;
        if done % 2 == 0 {
            book.write_anew(&outbox.snapshot()).map_err(|_| done)?;
        }
    }
    Ok(done)
}

#[test]
fn everything_is_there_again() {
    let disk = SimDisk::new();
    assert_eq!(run(&disk), Ok(script().len()));
    let (_, outbox) = open(&disk).unwrap();
    assert_eq!(outbox.snapshot(), after(script().len()));
    assert!(outbox.has_told("q"));
}

#[test]
fn a_power_cut_at_any_write_loses_nothing_that_was_acknowledged() {
    let whole = SimDisk::new();
    run(&whole).unwrap();
    for cut in 0..=whole.operations() {
        let disk = SimDisk::new();
        disk.power_cut(cut);
        let done = run(&disk).unwrap_or_else(|done| done);
        for seed in 0..12 {
            let (_, outbox) =
                open(&disk.reopen(seed)).unwrap_or_else(|error| panic!("cut {cut}, seed {seed}: {error}"));
            let found = outbox.snapshot();
            let possible = [after(done), after((done + 1).min(script().len()))];
            assert!(possible.contains(&found), "cut {cut}, seed {seed}, {done} done: {found:?}");
        }
    }
}

#[test]
fn a_full_disk_loses_nothing_and_goes_on_once_there_is_space() {
    let disk = SimDisk::new();
    let (mut book, mut outbox) = open(&disk).unwrap();
    book.write(&[queued(0)]).unwrap();
    outbox.apply(queued(0));
    disk.fail_writes_with(io::ErrorKind::StorageFull);
    assert!(matches!(book.write(&[queued(1)]).unwrap_err(), StoreError::Full { .. }));
    assert!(book.write_anew(&outbox.snapshot()).is_err());
    disk.writes_work();
    book.write(&[queued(1)]).unwrap();
    outbox.apply(queued(1));
    let (mut book, found) = open(&disk.reopen(0)).unwrap();
    assert_eq!(found.snapshot(), outbox.snapshot());
    book.write_anew(&outbox.snapshot()).unwrap();
    assert_eq!(open(&disk.reopen(0)).unwrap().1.snapshot(), outbox.snapshot());
}

#[test]
fn it_stays_short_however_much_goes_through() {
    let disk = SimDisk::new();
    let (mut book, mut outbox) = open(&disk).unwrap();
    let mut times = 0;
    for at in 0..20_000 {
        for change in [queued(at), ended(at)] {
            book.write(std::slice::from_ref(&change)).unwrap();
            outbox.apply(change);
        }
        if book.is_long() {
            book.write_anew(&outbox.snapshot()).unwrap();
            times += 1;
        }
        assert!(book.written <= SMALL + 1000);
    }
    assert!(times > 2, "{times}");
}

#[test]
fn damage_is_told_and_nothing_is_changed() {
    let disk = SimDisk::new();
    let (mut book, _) = open(&disk).unwrap();
    for at in 0..3 {
        book.write(&[queued(at)]).unwrap();
    }
    drop(book);
    // In the folder that is in use, behind the header, within the first entry.
    disk.flip("b/journal-00000000000000000001.seg", 30, 0xff).unwrap();
    let error = open(&disk).unwrap_err();
    assert!(matches!(error, StoreError::Damaged { .. }), "{error}");
    assert!(matches!(open(&disk).unwrap_err(), StoreError::Damaged { .. }));
}
