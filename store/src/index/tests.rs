//! The index follows the journal, and is built anew when it does not fit.

use std::{fs, path::Path, sync::Arc};

use super::{Index, IndexMark, IndexWrite};
use crate::{Journal, JournalOptions, RecoveryReport, SimDisk};

const LAYOUT: u32 = 3;

fn journal(payloads: &[&[u8]]) -> Journal {
    let (mut journal, _) = Journal::open(Arc::new(SimDisk::new()), JournalOptions::default()).expect("opens");
    for payload in payloads {
        journal.append_batch(&[(1, payload)]).expect("appended");
    }
    journal
}

/// Reconciles, indexes what is missing, and says from where, whether anew, and what was lost.
fn follow(index: Index, journal: &Journal) -> (Index, u64, bool, Option<std::ops::RangeInclusive<u64>>) {
    let mut report = RecoveryReport::default();
    let (index, from) = index.reconcile(journal, LAYOUT, &mut report).expect("reconciled");
    for entry in journal.scan(from) {
        let entry = entry.expect("good");
        let (key, value) = (entry.payload.clone(), entry.seq.to_be_bytes().to_vec());
        index.apply(&[IndexWrite::Put { tree: "t", key, value }], IndexMark::after(&entry, LAYOUT)).expect("applied");
    }
    let anew = index.dropped().is_some();
    (index, from, anew, report.acknowledged_lost)
}

fn keys(index: &Index) -> Vec<Vec<u8>> {
    index.range("t", &[], &[0xff]).expect("ranged").map(|pair| pair.expect("good").0).collect()
}

#[test]
fn an_index_goes_on_where_it_was() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("index");
    let mut journal = journal(&[b"a", b"b"]);
    let (index, from, anew, _) = follow(Index::open(&path).expect("opens"), &journal);
    // Nobody had one before, and the journal is not new.
    assert_eq!((from, anew), (1, true));
    drop(index);
    journal.append_batch(&[(1, b"c")]).expect("appended");
    let (index, from, anew, lost) = follow(Index::open(&path).expect("opens"), &journal);
    assert_eq!((from, anew, lost, keys(&index)), (3, false, None, vec![b"a".to_vec(), b"b".to_vec(), b"c".to_vec()]));
    assert_eq!(index.get("t", b"b").expect("read"), Some(2_u64.to_be_bytes().to_vec()));
    let mark = index.mark().expect("read").expect("there");
    index.apply(&[IndexWrite::Remove { tree: "t", key: b"b".to_vec() }], mark).expect("applied");
    assert_eq!(index.get("t", b"b").expect("read"), None);
    assert_eq!(index.range("t", b"b", b"a").expect("no panic").count(), 0);
}

#[test]
fn an_index_that_does_not_fit_is_built_anew() {
    let check = |spoil: &dyn Fn(&Path), now: &[&[u8]], expect_lost: Option<std::ops::RangeInclusive<u64>>| {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("index");
        drop(follow(Index::open(&path).expect("opens"), &journal(&[b"a", b"b", b"c"])));
        spoil(&path);
        let (index, from, anew, lost) = follow(Index::open(&path).expect("opens"), &journal(now));
        assert_eq!((from, anew, lost), (1, true, expect_lost));
        assert!(keys(&index).iter().map(Vec::as_slice).eq(now.iter().copied()));
    };
    let same: &[&[u8]] = &[b"a", b"b", b"c"];
    // Another journal, one that has lost its last entries, and something that is no folder.
    check(&|_| (), &[b"x", b"y", b"z"], None);
    check(&|_| (), &[b"a"], Some(2..=3));
    check(
        &|path| {
            fs::remove_dir_all(path).expect("removed");
            fs::write(path, b"a file").expect("written");
        },
        same,
        None,
    );
}

#[test]
fn a_damaged_index_is_no_reason_not_to_start() {
    for (file, garbage) in [("conf", 7), ("db", 7), ("db", 5000), ("db", 600_000)] {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("index");
        let journal = journal(&[b"a", b"b", b"c"]);
        drop(follow(Index::open(&path).expect("opens"), &journal));
        fs::write(path.join(file), vec![0xa5; garbage]).expect("written");
        let (index, ..) = follow(Index::open(&path).expect("opens"), &journal);
        assert_eq!(keys(&index), [b"a".to_vec(), b"b".to_vec(), b"c".to_vec()], "{file}, {garbage} bytes");
    }
}

#[test]
fn another_layout_is_built_anew() {
    let journal = journal(&[b"a"]);
    let (index, ..) = follow(Index::temporary().expect("opens"), &journal);
    let (index, from) = index.reconcile(&journal, LAYOUT + 1, &mut RecoveryReport::default()).expect("reconciled");
    assert_eq!((from, keys(&index).len()), (1, 0));
    assert!(index.dropped().is_some_and(|reason| reason.contains("layout")));
}

#[test]
fn an_index_that_is_in_use_is_not_removed() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("index");
    let journal = journal(&[b"a", b"b"]);
    let (index, ..) = follow(Index::open(&path).expect("opens"), &journal);
    let error = Index::open(&path).expect_err("it is locked").to_string();
    assert!(error.contains("lock"), "{error}");
    drop(index);
    let (index, from, anew, _) = follow(Index::open(&path).expect("opens"), &journal);
    assert_eq!((from, anew, keys(&index).len()), (3, false, 2));
}
