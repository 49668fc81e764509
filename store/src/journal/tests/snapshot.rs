//! Snapshots: whole batches, nothing changed, whatever another process does meanwhile.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    thread,
    time::Duration,
};

use super::{Batch, SMALL, append, open, run, script};
use crate::journal::format;
use crate::{Disk, Journal, JournalOptions, JournalSnapshot, RealDisk, SimDisk, StoreError};

fn snapshot(disk: &SimDisk) -> Result<JournalSnapshot, StoreError> {
    Journal::snapshot(Arc::new(disk.clone()))
}

fn contents(snapshot: &JournalSnapshot) -> Batch {
    snapshot.scan(1).map(|entry| entry.expect("good")).map(|entry| (entry.kind, entry.payload)).collect()
}

#[test]
fn a_frozen_journal_is_whole_batches_to_the_byte_whatever_comes_after() {
    let disk = SimDisk::new();
    let (mut journal, _) = open(&disk).expect("opens");
    for batch in script() {
        append(&mut journal, &batch).expect("appended");
    }
    let frozen = journal.freeze();
    disk.fail_writes_with(io::ErrorKind::StorageFull);
    append(&mut journal, &vec![(1, b"torn".to_vec())]).expect_err("no space");
    disk.writes_work();
    append(&mut journal, &vec![(1, b"later".to_vec())]).expect("appended");
    assert_eq!(contents(&frozen), script().concat());
    assert!(frozen.segments().count() > 1);
    let copy = SimDisk::new();
    for (name, len) in frozen.segments() {
        copy.create(name).expect("created");
        let bytes = frozen.disk().read(name, 0, usize::try_from(len).expect("small")).expect("read");
        assert_eq!(bytes.len() as u64, len);
        copy.append(name, &bytes).expect("written");
    }
    let (_, report) = open(&copy).expect("opens");
    assert_eq!((report.last_seq, report.tail), (frozen.last_seq(), None));
    let again = snapshot(&copy).expect("readable");
    assert_eq!(again.segments().collect::<Vec<_>>(), frozen.segments().collect::<Vec<_>>());
}

#[test]
fn a_snapshot_holds_what_was_there_and_no_more() {
    let disk = SimDisk::new();
    assert!(matches!(snapshot(&disk), Err(StoreError::NoJournal { .. })));
    let (mut journal, _) = open(&disk).expect("opens");
    let empty = snapshot(&disk).expect("readable");
    assert_eq!((empty.last_seq(), contents(&empty).len()), (0, 0));
    for batch in script() {
        append(&mut journal, &batch).expect("appended");
    }
    let full = snapshot(&disk).expect("readable");
    append(&mut journal, &vec![(1, b"later".to_vec())]).expect("appended");
    assert_eq!(contents(&full), script().concat());
    assert!(empty.scan(1).next().is_none());
    for (seq, (kind, payload)) in (1..).zip(script().concat()) {
        let entry = full.read(seq).expect("there");
        assert_eq!((entry.seq, entry.kind, entry.payload), (seq, kind, payload));
    }
    for seq in [0, full.last_seq() + 1, full.last_seq() + 2] {
        assert!(matches!(full.read(seq), Err(StoreError::NoEntry { .. })), "{seq}");
    }
    assert_eq!(full.scan(9).map(|entry| entry.expect("good").seq).collect::<Vec<_>>().first(), Some(&9));
}

#[test]
fn a_snapshot_leaves_out_what_opening_would_cut_back_and_changes_nothing() {
    let whole = SimDisk::new();
    run(&whole, &script());
    let name = whole.list("").expect("listed").pop().expect("a segment");
    let size = whole.size(&name).expect("there");
    for len in 0..=size {
        let disk = whole.reopen(0);
        disk.truncate(&name, len).expect("truncated");
        let before = disk.operations();
        let seen = snapshot(&disk).expect("readable");
        assert_eq!(disk.operations(), before, "nothing is written");
        let seen = contents(&seen);
        let (journal, _) = open(&disk).expect("opens");
        assert_eq!(seen, super::contents(&journal), "cut at byte {len} of {size}");
    }
}

#[test]
fn a_snapshot_tells_damage_as_opening_does() {
    let whole = SimDisk::new();
    run(&whole, &script());
    for name in whole.list("").expect("listed").into_iter().filter(|name| !name.contains("outline")) {
        for offset in 0..whole.size(&name).expect("there") {
            let disk = whole.reopen(0);
            disk.flip(&name, offset, 1 << (offset % 8)).expect("flipped");
            let seen = snapshot(&disk).map(|seen| seen.last_seq()).map_err(|error| error.to_string());
            let opened = open(&disk).map(|(journal, _)| journal.last_seq()).map_err(|error| error.to_string());
            assert_eq!(seen, opened, "{name} byte {offset}");
        }
    }
}

/// A disk on which a file is only so long until its size is asked for, which is when an end is looked at closely.
#[derive(Debug)]
struct Growing {
    whole: SimDisk,
    first_len: usize,
    grown: AtomicBool,
}

#[rustfmt::skip]
impl Disk for Growing {
    fn read(&self, name: &str, offset: u64, len: usize) -> io::Result<Vec<u8>> {
        let there = if self.grown.load(Ordering::Acquire) { usize::MAX } else { self.first_len };
        let left = there.saturating_sub(usize::try_from(offset).unwrap_or(usize::MAX));
        self.whole.read(name, offset, len.min(left))
    }

    fn create(&self, name: &str) -> io::Result<()> { self.whole.create(name) }
    fn create_dir(&self, name: &str) -> io::Result<()> { self.whole.create_dir(name) }
    fn append(&self, name: &str, bytes: &[u8]) -> io::Result<()> { self.whole.append(name, bytes) }
    fn overwrite(&self, name: &str, at: u64, bytes: &[u8]) -> io::Result<()> { self.whole.overwrite(name, at, bytes) }
    fn size(&self, name: &str) -> io::Result<u64> { self.grown.store(true, Ordering::Release); self.whole.size(name) }
    fn truncate(&self, name: &str, len: u64) -> io::Result<()> { self.whole.truncate(name, len) }
    fn rename(&self, from: &str, to: &str) -> io::Result<()> { self.whole.rename(from, to) }
    fn list(&self, dir: &str) -> io::Result<Vec<String>> { self.whole.list(dir) }
    fn remove(&self, name: &str) -> io::Result<()> { self.whole.remove(name) }
    fn sync_file(&self, name: &str) -> io::Result<()> { self.whole.sync_file(name) }
    fn sync_dir(&self, dir: &str) -> io::Result<()> { self.whole.sync_dir(dir) }
    fn location(&self) -> String { self.whole.location() }
}

#[test]
fn a_batch_that_was_finished_while_it_was_read_is_no_damage() {
    let whole = SimDisk::new();
    let (mut journal, _) = open(&whole).expect("opens");
    for number in 0..3 {
        append(&mut journal, &vec![(number, vec![number; 10])]).expect("appended");
    }
    let size = whole.list("").expect("listed").iter().map(|name| whole.size(name).expect("there")).sum::<u64>();
    for first_len in 0..usize::try_from(size).expect("small") {
        let disk = Growing { whole: whole.reopen(0), first_len, grown: AtomicBool::new(false) };
        let seen = Journal::snapshot(Arc::new(disk)).unwrap_or_else(|error| panic!("{first_len}: {error}"));
        assert!(seen.last_seq() >= (first_len as u64).saturating_sub(24) / 27, "{first_len}: {}", seen.last_seq());
    }
}

#[test]
fn snapshots_beside_a_writer_hold_whole_batches_only() {
    let folder = tempfile::tempdir().expect("a folder");
    let options = JournalOptions { max_segment_bytes: 64 << 10, ..SMALL };
    let disk = RealDisk::open(folder.path()).expect("opens");
    let (mut journal, _) = Journal::open(Arc::new(disk), options).expect("opens");
    let (done, snapshots) = (AtomicBool::new(false), AtomicU32::new(0));
    thread::scope(|scope| {
        scope.spawn(|| {
            // At least until some were read beside it, and not for ever when reading fails.
            for number in 0..100_000_u32 {
                if number >= 400 && snapshots.load(Ordering::Acquire) >= 3 {
                    break;
                }
                let payload = number.to_le_bytes().repeat(10);
                append(&mut journal, &vec![(1, payload); 3]).expect("appended");
            }
            done.store(true, Ordering::Release);
        });
        let mut last = 0;
        while !done.load(Ordering::Acquire) {
            let disk = RealDisk::read_only(folder.path()).expect("readable");
            let seen = Journal::snapshot(Arc::new(disk)).expect("no damage is seen");
            assert!(seen.last_seq().is_multiple_of(3) && seen.last_seq() >= last);
            last = seen.last_seq();
            assert_eq!(contents(&seen).len() as u64, last);
            snapshots.fetch_add(1, Ordering::AcqRel);
        }
    });
    assert!(snapshots.load(Ordering::Acquire) >= 3);
}

#[test]
fn a_header_that_is_just_written_is_no_damage() {
    let folder = tempfile::tempdir().expect("a folder");
    let disk = RealDisk::open(folder.path()).expect("opens");
    let disk: Arc<dyn Disk> = Arc::new(disk);
    let (mut journal, _) = Journal::open(Arc::clone(&disk), SMALL).expect("opens");
    append(&mut journal, &vec![(1, b"first".to_vec())]).expect("appended");
    drop(journal);
    let name = "journal-00000000000000000002.seg";
    let header = format::encode_header(2);
    let batch = format::encode_batch(&[(1, b"second")], 2, 64).expect("encoded");
    disk.create(name).expect("created");
    disk.append(name, &header[..10]).expect("written");
    let reader = Journal::read_only(Arc::new(RealDisk::read_only(folder.path()).expect("readable"))).expect("readable");
    assert!(reader.in_use());
    thread::scope(|scope| {
        scope.spawn(|| {
            thread::sleep(Duration::from_millis(100));
            disk.append(name, &[&header[10..], &batch].concat()).expect("written");
        });
        let read: Vec<_> = reader.entries().map(|entry| entry.expect("no damage").payload).collect();
        assert_eq!(read, [b"first".to_vec(), b"second".to_vec()]);
    });
}
