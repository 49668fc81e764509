//! Roots and tiles of every size up to 5,000 against RFC 6962 word for word, and trees that are taken up again.

use std::{cell::Cell, collections::BTreeMap, convert::Infallible};

use forethought_tlog::{EMPTY_ROOT, Hash, MAX_SIZE, ResumeError, TileReadError, TileSource, Tree, leaf_hash, root_at};
use proptest::prelude::*;

use crate::{
    log::{Log, leaf, leaves},
    rfc::Rfc,
};

const LARGEST: u64 = 5_000;

#[test]
fn every_root_is_that_of_the_rfc() {
    let rfc = Rfc::new(leaves(LARGEST));
    let mut log = Log::default();
    assert_eq!(log.tree.root(), EMPTY_ROOT);
    for size in 1..=LARGEST {
        log.push(leaf(size - 1));
        assert_eq!(log.tree.size(), size);
        assert_eq!(log.tree.root(), rfc.root(size), "{size}");
    }
}

#[test]
fn every_earlier_root_is_in_the_tiles_of_a_later_log() {
    let log = Log::of(LARGEST);
    let mut tree = Tree::new();
    for size in 0..=LARGEST {
        assert_eq!(root_at(size, &log), Ok(tree.root()), "{size}");
        tree.push(leaf(size), &mut |_| {});
    }
}

/// The tiles of a log as c2sp.org/tlog-tiles defines them: `MTH(D[(n * 256 + i) * 256**l : (n * 256 + i + 1) * 256**l])`.
fn tiles(rfc: &Rfc, size: usize) -> BTreeMap<(u8, u64), Vec<Hash>> {
    let mut tiles = BTreeMap::new();
    for level in 0..3 {
        let wide = 256_usize.pow(level);
        let roots: Vec<Hash> = (0..size / wide).map(|at| rfc.mth(at * wide, (at + 1) * wide)).collect();
        let of_level = roots.chunks(256).map(<[Hash]>::to_vec);
        tiles.extend((0..).zip(of_level).map(|(index, tile)| ((level as u8, index), tile)));
    }
    tiles
}

#[test]
fn every_tile_is_that_of_the_definition() {
    let rfc = Rfc::new(leaves(70_000));
    let mut log = Log::default();
    for size in 1..=70_000 {
        log.push(leaf(size - 1));
        if size <= LARGEST || [65_535, 65_536, 65_537, 70_000].contains(&size) {
            check_widths(&log, size);
        }
        if [1, 255, 256, 257, 511, 512, 4_999, 65_535, 65_536, 65_537, 70_000].contains(&size) {
            check_tiles(&log, &tiles(&rfc, size as usize));
        }
    }
}

/// "The partial tile at level l for a tree of size s has floor(s / 256**l) mod 256 entries."
fn check_widths(log: &Log, size: u64) {
    let full: BTreeMap<u8, u64> = (0..8).map(|level| (level, size >> (8 * level) >> 8)).collect();
    for level in 0..8 {
        assert_eq!(log.tree.partial(level).len() as u64, (size >> (8 * level)) % 256, "level {level} of {size}");
    }
    assert_eq!(log.tiles.len() as u64, full.values().sum::<u64>(), "{size}");
    assert!(log.tiles.keys().all(|(level, index)| index < &full[level]), "{size}");
}

fn check_tiles(log: &Log, expected: &BTreeMap<(u8, u64), Vec<Hash>>) {
    for ((level, index), hashes) in expected {
        let got = log.tiles.get(&(*level, *index)).map_or_else(|| log.tree.partial(*level), Vec::as_slice);
        assert_eq!(got, hashes, "tile {index} of level {level}");
    }
}

#[test]
fn the_widths_of_the_specification() {
    // "273 full level 0 tiles, one partial of width 112, one full level 1 tile, one partial of width 17, one of width 1."
    let log = Log::of(70_000);
    assert_eq!(log.tiles.keys().filter(|(level, _)| *level == 0).count(), 273);
    assert_eq!(log.tiles.keys().filter(|(level, _)| *level == 1).count(), 1);
    let widths: Vec<_> = (0..4).map(|level| log.tree.partial(level).len()).collect();
    assert_eq!(widths, [112, 17, 1, 0]);
    assert_eq!(log.tree.partial(8), []);
    assert_eq!(log.tree.partial(u8::MAX), []);
}

#[test]
fn a_tree_is_taken_up_at_every_size() {
    let mut log = Log::default();
    for size in 0..=LARGEST {
        let resumed = Tree::resume(size, &log).unwrap();
        assert!(resumed == log.tree, "{size}: {resumed:?} is not {:?}", log.tree);
        assert!(log.take_read().len() <= 4, "{size}");
        log.push(leaf(size));
    }
}

#[test]
fn a_tree_is_taken_up_around_full_tiles_of_level_1() {
    let mut log = Log::of(65_530);
    for size in 65_530..65_545 {
        assert!(Tree::resume(size, &log).unwrap() == log.tree, "{size}");
        log.push(leaf(size));
    }
}

/// A log with one hash changed in one tile.
struct Damaged<'l> {
    log: &'l Log,
    tile: (u8, u64),
    at: usize,
}

impl TileSource for Damaged<'_> {
    type Error = Infallible;

    fn tile(&self, level: u8, index: u64, width: u16) -> Result<Vec<Hash>, Infallible> {
        let mut hashes = self.log.tile(level, index, width)?;
        if self.tile == (level, index) && self.at < hashes.len() {
            hashes[self.at] = leaf_hash(b"another");
        }
        Ok(hashes)
    }
}

/// Every hash that is read counts: a full tile's by its parent, a partial one's by the root.
fn check_damage(size: u64) {
    let log = Log::of(size);
    Tree::resume(size, &log).unwrap();
    for (level, index, width) in log.take_read() {
        let is_full = log.tiles.contains_key(&(level, index));
        for at in 0..usize::from(width) {
            match Tree::resume(size, &Damaged { log: &log, tile: (level, index), at }) {
                Ok(tree) => assert!(!is_full && tree.root() != log.tree.root(), "{size}: {level}/{index} at {at}"),
                Err(ResumeError::Damaged { level: named, .. }) => assert!(named == level || named + 1 == level),
                Err(other) => panic!("{other}"),
            }
        }
    }
}

#[test]
fn a_damaged_tile_is_noticed() {
    [1, 255, 256, 257, 600, 1_024, 65_536, 66_000].into_iter().for_each(check_damage);
}

#[test]
fn a_source_that_fails_is_named() {
    struct Fails(Cell<usize>, Result<usize, &'static str>);
    impl TileSource for Fails {
        type Error = &'static str;
        fn tile(&self, _: u8, _: u64, _: u16) -> Result<Vec<Hash>, Self::Error> {
            self.0.set(self.0.get() + 1);
            Ok(vec![EMPTY_ROOT; self.1?])
        }
    }
    let fails = Fails(Cell::new(0), Err("gone"));
    let source = TileReadError::Source { level: 1, index: 0, width: 1, source: "gone" };
    assert_eq!(Tree::resume(300, &fails).unwrap_err(), ResumeError::Tile(source.clone()));
    assert_eq!(root_at(300, &fails), Err(source));
    let short = Fails(Cell::new(0), Ok(43));
    let width = TileReadError::Width { level: 0, index: 1, width: 44, got: 43 };
    assert!(matches!(Tree::resume(300, &short), Err(ResumeError::Tile(TileReadError::Width { got: 43, .. }))));
    assert_eq!(root_at(44, &short), Err(TileReadError::Width { level: 0, index: 0, width: 44, got: 43 }));
    assert_ne!(root_at(300, &short), Err(width));
    assert_eq!(Tree::resume(MAX_SIZE + 1, &short).unwrap_err(), ResumeError::Size { size: MAX_SIZE + 1 });
    assert_eq!(Tree::resume(u64::MAX, &short).unwrap_err(), ResumeError::Size { size: u64::MAX });
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Wherever a tree is left and taken up, the tiles and the root are the same.
    #[test]
    fn stops_leave_no_trace(stops in prop::collection::vec(1_u64..900, 1..6)) {
        let mut log = Log::default();
        for stop in stops {
            (0..stop).for_each(|_| log.push(leaf(log.tree.size())));
            log.tree = Tree::resume(log.tree.size(), &log).unwrap();
        }
        let whole = Log::of(log.tree.size());
        prop_assert!(log.tree == whole.tree && log.tiles == whole.tiles);
    }
}
