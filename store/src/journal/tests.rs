//! The journal's promises, at every point at which the power can go.

mod damage;
mod faults;
mod outlines;
mod properties;
mod snapshot;

use std::sync::Arc;

use super::{Journal, JournalOptions, OpenCheck, RecoveryReport};
use crate::{Disk, SimDisk, StoreError};

/// Small segments, so that a short run has several.
const SMALL: JournalOptions =
    JournalOptions { max_entry_bytes: 64, max_segment_bytes: 160, check: OpenCheck::Everything };

fn open(disk: &SimDisk) -> Result<(Journal, RecoveryReport), StoreError> {
    Journal::open(Arc::new(disk.clone()), SMALL)
}

/// One batch: kinds and payloads.
type Batch = Vec<(u8, Vec<u8>)>;

fn append(journal: &mut Journal, batch: &Batch) -> Result<std::ops::Range<u64>, StoreError> {
    let entries: Vec<(u8, &[u8])> = batch.iter().map(|(kind, payload)| (*kind, payload.as_slice())).collect();
    journal.append_batch(&entries)
}

/// Batches of one to three entries, some of them empty.
fn script() -> Vec<Batch> {
    (0_u8..8)
        .map(|batch| {
            (0..=batch % 3).map(|entry| (entry, vec![b'a' + batch; usize::from(batch * 5 + entry) % 37])).collect()
        })
        .collect()
}

/// Appends until the first failure, and gives back how many batches were acknowledged.
fn run(disk: &SimDisk, script: &[Batch]) -> usize {
    let Ok((mut journal, _)) = open(disk) else { return 0 };
    script.iter().take_while(|batch| append(&mut journal, batch).is_ok()).count()
}

/// Everything that the journal holds, as kinds and payloads; checks that the seqs leave nothing out.
fn contents(journal: &Journal) -> Batch {
    let entries: Vec<_> = journal.scan(1).map(|entry| entry.expect("a good entry")).collect();
    assert!(entries.iter().map(|entry| entry.seq).eq(1..=journal.last_seq()), "seqs are contiguous");
    entries.into_iter().map(|entry| (entry.kind, entry.payload)).collect()
}

/// The first batches of a script that have as many entries as the journal holds; it must hold whole batches only.
fn whole_batches(script: &[Batch], journal: &Journal) -> usize {
    let held = contents(journal);
    let batches = (0..=script.len())
        .find(|count| script.iter().take(*count).flatten().eq(held.iter()))
        .unwrap_or_else(|| panic!("not a prefix of whole batches: {held:?}"));
    let reader = Journal::read_only(Arc::clone(&journal.disk)).expect("readable");
    assert!(reader.entries().all(|entry| entry.is_ok()), "nothing damaged is left");
    batches
}

#[test]
fn appends_are_numbered_and_read_back() {
    let disk = SimDisk::new();
    let (mut journal, report) = open(&disk).expect("opens");
    assert_eq!(report, RecoveryReport { segments: 1, ..RecoveryReport::default() });
    assert_eq!(append(&mut journal, &vec![]).expect("nothing to do"), 1..1);
    let mut next = 1;
    for batch in script() {
        let seqs = append(&mut journal, &batch).expect("appended");
        assert_eq!(seqs, next..next + batch.len() as u64);
        next = seqs.end;
    }
    assert_eq!(contents(&journal), script().concat());
    for (seq, (kind, payload)) in (1..).zip(script().concat()) {
        let entry = journal.read(seq).expect("there");
        assert_eq!((entry.seq, entry.kind, entry.payload), (seq, kind, payload));
    }
    for seq in [0, next, next + 100] {
        assert!(matches!(journal.read(seq), Err(StoreError::NoEntry { .. })), "{seq}");
    }
    assert!(disk.list("").expect("listed").len() > 2, "the script fills several segments");
    drop(journal);
    let (journal, report) = open(&disk).expect("opens again");
    assert_eq!((report.entries, report.last_seq, report.tail), (next - 1, next - 1, None));
    assert_eq!(contents(&journal), script().concat());
    let from_the_middle: Vec<u64> = journal.scan(9).map(|entry| entry.expect("good").seq).collect();
    assert!(from_the_middle.into_iter().eq(9..next));
}

#[test]
fn limits_are_checked_before_anything_is_written() {
    let disk = SimDisk::new();
    let (mut journal, _) = open(&disk).expect("opens");
    let before = disk.operations();
    let check = |journal: &mut Journal, batch: Batch, expect: fn(&StoreError) -> bool| {
        let error = append(journal, &batch).expect_err("refused");
        assert!(expect(&error), "{error}");
    };
    check(&mut journal, vec![(64, vec![])], |error| matches!(error, StoreError::Kind { kind: 64 }));
    check(&mut journal, vec![(1, vec![0; 65])], |error| {
        matches!(error, StoreError::EntryTooLarge { size: 65, max: 64 })
    });
    check(&mut journal, vec![(1, vec![0; 60]); 2], |error| {
        matches!(error, StoreError::BatchTooLarge { size: 154, max: 136 })
    });
    assert_eq!(disk.operations(), before);
    assert_eq!(append(&mut journal, &vec![(63, vec![0; 64])]).expect("within the limits"), 1..2);
}

#[test]
fn acknowledged_entries_survive_a_power_cut() {
    let disk = SimDisk::new();
    assert_eq!(run(&disk, &script()), script().len());
    // Seed 0 keeps what was synced and nothing else: without the fdatasync before the acknowledgement, all are gone.
    let (journal, report) = open(&disk.reopen(0)).expect("opens");
    assert_eq!(contents(&journal), script().concat());
    assert_eq!(report.tail, None);
}

#[test]
fn a_power_cut_at_every_operation_loses_nothing_acknowledged() {
    let whole = SimDisk::new();
    run(&whole, &script());
    for at in 0..=whole.operations() {
        let disk = SimDisk::new();
        disk.power_cut(at);
        let acknowledged = run(&disk, &script());
        for seed in 0..24 {
            let disk = disk.reopen(seed);
            let (mut journal, _) = open(&disk).unwrap_or_else(|error| panic!("cut {at}, seed {seed}: {error}"));
            let held = whole_batches(&script(), &journal);
            // One batch may be there without having been acknowledged: the one under way.
            assert!(
                (acknowledged..=acknowledged + 1).contains(&held),
                "cut {at}, seed {seed}: {held} of {acknowledged}"
            );
            append(&mut journal, &vec![(7, b"after".to_vec())]).expect("goes on");
            let (journal, report) = open(&disk.reopen(0)).expect("opens once more");
            assert_eq!(report.tail, None);
            assert_eq!(journal.read(journal.last_seq()).expect("there").payload, b"after");
        }
    }
}

#[test]
fn a_power_cut_during_recovery_loses_nothing_acknowledged() {
    let whole = SimDisk::new();
    run(&whole, &script());
    // In the middle of the last batch's write.
    whole.power_cut(whole.operations() - 2);
    let disk = SimDisk::new();
    disk.power_cut(whole.operations() - 2);
    let acknowledged = run(&disk, &script());
    for seed in 1..24 {
        for at in 0..8 {
            let disk = disk.reopen(seed);
            disk.power_cut(at);
            drop(open(&disk));
            let (journal, _) = open(&disk.reopen(seed + at)).expect("opens");
            assert!(whole_batches(&script(), &journal) >= acknowledged);
        }
    }
}
