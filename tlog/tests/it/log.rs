//! Logs in memory.

use std::{cell::RefCell, collections::BTreeMap, convert::Infallible};

use forethought_tlog::{FullTile, Hash, TileSource, Tree, leaf_hash};

/// The entry that tests log at an index.
pub fn entry(index: u64) -> Vec<u8> {
    format!("entry {index}").into_bytes()
}

pub fn leaf(index: u64) -> Hash {
    leaf_hash(&entry(index))
}

pub fn leaves(size: u64) -> Vec<Hash> {
    (0..size).map(leaf).collect()
}

/// A log's tiles in memory. It has full tiles only; the rest is asked of the tree, as a server would keep it.
#[derive(Clone, Default)]
pub struct Log {
    pub tree: Tree,
    pub tiles: BTreeMap<(u8, u64), Vec<Hash>>,
    /// The tiles that were read, with their widths.
    pub read: RefCell<Vec<(u8, u64, u16)>>,
}

impl Log {
    pub fn of(size: u64) -> Self {
        let mut log = Self::default();
        (0..size).for_each(|index| log.push(leaf(index)));
        log
    }

    pub fn push(&mut self, leaf: Hash) {
        let tiles = &mut self.tiles;
        self.tree.push(leaf, &mut |FullTile { level, index, hashes }| {
            assert_eq!(hashes.len(), 256, "tile {index} of level {level}");
            assert!(tiles.insert((level, index), hashes).is_none(), "tile {index} of level {level} came twice");
        });
    }

    /// What was read since the last call.
    pub fn take_read(&self) -> Vec<(u8, u64, u16)> {
        self.read.take()
    }

    fn hashes(&self, level: u8, index: u64) -> &[Hash] {
        self.tiles.get(&(level, index)).map_or_else(|| self.tree.partial(level), Vec::as_slice)
    }
}

impl TileSource for Log {
    type Error = Infallible;

    fn tile(&self, level: u8, index: u64, width: u16) -> Result<Vec<Hash>, Infallible> {
        assert!((1..=256).contains(&width) && level < 8, "tile {index} of level {level} with {width} hashes");
        self.read.borrow_mut().push((level, index, width));
        let hashes = self.hashes(level, index);
        Ok(hashes[..usize::from(width).min(hashes.len())].to_vec())
    }
}
