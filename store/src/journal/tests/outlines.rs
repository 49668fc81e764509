//! Opening reads the last segment only, and is told the same as if it had read all.

use std::sync::Arc;

use super::{SMALL, append, contents, open, run, script, whole_batches};
use crate::{Disk, Journal, JournalOptions, OpenCheck, RecoveryReport, SimDisk, StoreError};

fn open_fast(disk: &SimDisk) -> (Journal, RecoveryReport) {
    let options = JournalOptions { check: OpenCheck::LastSegment, ..SMALL };
    Journal::open(Arc::new(disk.clone()), options).expect("opens")
}

fn files(disk: &SimDisk, end: &str) -> Vec<String> {
    disk.list("").unwrap().into_iter().filter(|name| name.ends_with(end)).collect()
}

fn written() -> SimDisk {
    let disk = SimDisk::new();
    assert_eq!(run(&disk, &script()), script().len());
    disk
}

#[test]
fn every_closed_segment_has_an_outline_and_nothing_else_is_needed() {
    let disk = written();
    let (segments, outlines) = (files(&disk, ".seg"), files(&disk, ".outline"));
    assert!(segments.len() > 3);
    let closed = segments.iter().take(segments.len() - 1);
    assert_eq!(outlines, closed.map(|name| format!("{name}.outline")).collect::<Vec<_>>());
    let (fast, report) = open_fast(&disk);
    assert_eq!((contents(&fast), report), (script().concat(), open(&disk).unwrap().1));
    for seq in 1..=fast.last_seq() {
        assert_eq!(fast.read(seq).unwrap(), open(&disk).unwrap().0.read(seq).unwrap());
    }
}

#[test]
fn an_outline_that_is_lost_or_changed_is_made_anew() {
    let whole = script().concat();
    let check = |disk: &SimDisk, outline: &str, good: &[u8], case: &str| {
        let (journal, report) = open_fast(disk);
        assert_eq!((contents(&journal), report.tail), (whole.clone(), None), "{outline} {case}");
        assert_eq!(disk.read(outline, 0, 1 << 20).unwrap(), good, "{outline} {case}");
    };
    for outline in files(&written(), ".outline") {
        let good = written().read(&outline, 0, 1 << 20).unwrap();
        let disk = written();
        disk.remove(&outline).unwrap();
        check(&disk, &outline, &good, "removed");
        for at in 0..good.len() as u64 {
            let disk = written();
            disk.flip(&outline, at, 0x10).unwrap();
            check(&disk, &outline, &good, &format!("flipped at {at}"));
            let disk = written();
            disk.truncate(&outline, at).unwrap();
            check(&disk, &outline, &good, &format!("cut at {at}"));
        }
    }
}

#[test]
fn a_closed_segment_that_is_missing_or_shorter_is_told() {
    let segments = files(&written(), ".seg");
    for (index, segment) in segments.iter().enumerate().take(segments.len() - 1) {
        let disk = written();
        let size = disk.size(segment).unwrap();
        disk.truncate(segment, size - 1).unwrap();
        let options = JournalOptions { check: OpenCheck::LastSegment, ..SMALL };
        let opened = Journal::open(Arc::new(disk.clone()), options);
        assert!(matches!(opened, Err(StoreError::Damaged { .. })), "{segment} is shorter: {opened:?}");
        let disk = written();
        disk.remove(segment).unwrap();
        let opened = Journal::open(Arc::new(disk.clone()), options);
        assert!(matches!(opened, Err(StoreError::Damaged { .. })), "{segment} is missing: {opened:?} ({index})");
    }
}

#[test]
fn a_changed_byte_of_a_closed_segment_shows_when_it_is_read() {
    let first = files(&written(), ".seg").remove(0);
    let disk = written();
    disk.flip(&first, disk.size(&first).unwrap() - 1, 1).unwrap();
    let (journal, _) = open_fast(&disk);
    assert!(journal.scan(1).any(|entry| matches!(entry, Err(StoreError::Damaged { .. }))));
    assert!(matches!(open(&disk), Err(StoreError::Damaged { .. })));
}

#[test]
fn wherever_the_power_goes_both_ways_of_opening_find_the_same() {
    let script = script();
    let mut at = 0;
    loop {
        let disk = SimDisk::new();
        disk.power_cut(at);
        let acknowledged = run(&disk, &script);
        for seed in 0..6 {
            let (journal, report) = open_fast(&disk.reopen(seed));
            let (other, expected) = open(&disk.reopen(seed)).expect("opens");
            assert_eq!((contents(&journal), report), (contents(&other), expected), "cut at {at}, seed {seed}");
            let mut journal = journal;
            assert!(whole_batches(&script, &journal) >= acknowledged, "cut at {at}, seed {seed}");
            append(&mut journal, &vec![(1, b"more".to_vec())]).expect("goes on");
        }
        if acknowledged == script.len() {
            return;
        }
        at += 1;
    }
}

/// Files below a folder that this process has open.
#[cfg(target_os = "linux")]
fn open_files(dir: &std::path::Path) -> usize {
    let links =
        std::fs::read_dir("/proc/self/fd").unwrap().filter_map(|entry| std::fs::read_link(entry.ok()?.path()).ok());
    links.filter(|target| target.starts_with(dir)).count()
}

#[cfg(target_os = "linux")]
#[test]
fn segments_that_take_no_more_are_not_kept_open_nor_are_their_outlines() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().canonicalize().unwrap().join("data");
    let options = JournalOptions { max_segment_bytes: 512, ..JournalOptions::default() };
    let open = || {
        let disk: Arc<dyn Disk> = Arc::new(crate::RealDisk::open(&root).unwrap());
        (Arc::clone(&disk), Journal::open(disk, options).unwrap().0)
    };
    let (disk, mut journal) = open();
    for _ in 0..60 {
        journal.append_batch(&[(1, &[7; 400])]).unwrap();
    }
    let names = disk.list("").unwrap();
    let outlines: Vec<&String> = names.iter().filter(|name| name.ends_with(".outline")).collect();
    assert_eq!(outlines.len(), 59);
    assert!(open_files(&root) < 12, "{} files are open", open_files(&root));
    for outline in outlines {
        disk.remove(outline).unwrap();
    }
    drop((disk, journal));
    let (_disk, journal) = open();
    assert_eq!(journal.last_seq(), 60);
    assert!(open_files(&root) < 12, "{} files are open", open_files(&root));
}
