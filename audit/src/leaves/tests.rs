//! The files of the tree, at every size and every damage.

use std::sync::Arc;

use forethought_store::{Disk, SimDisk};
use forethought_tlog::{leaf_hash, root_at};

use super::{Leaves, Mark};

/// What is hashed as this leaf.
fn leaf(number: u64) -> Vec<u8> {
    format!("record {number}").into_bytes()
}

/// The journal entry of this leaf: every third record has two contents.
fn seq(number: u64) -> u64 {
    1 + number + 2 * number.div_ceil(3)
}

fn open(disk: &SimDisk) -> (Leaves, Mark, Option<String>) {
    Leaves::open(Arc::new(disk.clone())).expect("opens")
}

/// Adds leaves in batches until there are so many.
fn fill(leaves: &mut Leaves, to: u64) {
    while leaves.size() < to {
        let next = leaves.size();
        let batch: Vec<_> = (next..to.min(next + 1 + next % 37)).map(|number| (seq(number), leaf(number))).collect();
        leaves.add(batch.iter().map(|(seq, leaf)| (*seq, leaf_hash(leaf))));
        leaves.write_full().expect("written");
        if leaves.wants_mark() {
            leaves.mark(Mark { end_seq: seq(leaves.size()), ..Mark::default() }).expect("marked");
        }
    }
}

/// The root over so many leaves, from nothing but the leaves.
fn naive(from: u64, to: u64) -> [u8; 32] {
    if to - from == 1 {
        return *leaf_hash(&leaf(from)).as_bytes();
    }
    let half = (to - from).next_power_of_two() / 2;
    let (left, right) = (naive(from, from + half).into(), naive(from + half, to).into());
    *forethought_tlog::node_hash(&left, &right).as_bytes()
}

#[test]
fn what_is_read_back_is_what_was_added() {
    let disk = SimDisk::new();
    let (mut leaves, _, why) = open(&disk);
    assert_eq!(why, None);
    fill(&mut leaves, 9_000);
    for size in [1, 2, 255, 256, 257, 4096, 8191, 9_000] {
        assert_eq!(root_at(size, &leaves).unwrap().as_bytes(), &naive(0, size), "{size}");
    }
    for number in (0..9_000).step_by(7) {
        assert_eq!(leaves.seq_of(number).unwrap(), Some(seq(number)));
        assert_eq!(leaves.hash_of(number).unwrap(), leaf_hash(&leaf(number)));
    }
    assert_eq!(leaves.seq_of(9_000).unwrap(), None);
}

#[test]
fn a_start_takes_up_where_the_mark_is() {
    for size in [0, 1, 4095, 4096, 4097, 5_000, 8_192, 13_000] {
        let disk = SimDisk::new();
        fill(&mut open(&disk).0, size);
        let (mut leaves, mark, why) = open(&disk);
        assert_eq!((why, mark.size, leaves.size()), (None, mark.size, mark.size), "{size}");
        assert!(mark.size % 256 == 0 && mark.size <= size && size < mark.size + 4096 + 300, "{size}: {}", mark.size);
        assert_eq!(mark.next_seq, if mark.size == 0 { 1 } else { seq(mark.size) });
        fill(&mut leaves, size + 700);
        assert_eq!(leaves.root().as_bytes(), &naive(0, size + 700));
        assert_eq!(leaves.seq_of(size + 650).unwrap(), Some(seq(size + 650)));
    }
}

#[test]
fn every_damaged_file_has_the_tree_made_anew() {
    let whole = SimDisk::new();
    fill(&mut open(&whole).0, 5_000);
    let size = open(&whole).1.size;
    let check = |name: &str, disk: &SimDisk, harmless: bool| {
        let (mut leaves, mark, why) = open(disk);
        assert!(why.is_some() || harmless, "{name}");
        assert_eq!(leaves.size(), mark.size);
        fill(&mut leaves, size);
        assert_eq!(leaves.root().as_bytes(), &naive(0, size), "{name}");
    };
    for name in ["log/hashes-1", "log/seqs", "log/hashes-0"] {
        let disk = whole.reopen(0);
        disk.remove(name).unwrap();
        check(&format!("{name} is missing"), &disk, false);
        let disk = whole.reopen(0);
        disk.truncate(name, 33).unwrap();
        check(&format!("{name} is short"), &disk, false);
    }
    for at in 0..whole.size("log/mark").unwrap() {
        let disk = whole.reopen(0);
        disk.flip("log/mark", at, 1).unwrap();
        check(&format!("byte {at} of the mark"), &disk, true);
    }
    let disk = whole.reopen(0);
    disk.flip("log/hashes-1", 5, 1).unwrap();
    check("a node of the right edge", &disk, false);
}
