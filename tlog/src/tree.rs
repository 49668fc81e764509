//! A tree that grows: only its right edge is held, and full tiles leave it.

mod resume;

use std::fmt;

use crate::{
    Hash,
    hash::{EMPTY_ROOT, node_hash},
    tile::TILE_WIDTH,
};

pub use resume::ResumeError;

/// The largest size that a tree is resumed at: 2^63 - 1 leaves, the largest that other implementations count to.
pub const MAX_SIZE: u64 = u64::MAX >> 1;

/// Levels of tiles: 8 levels of 8 bits are all sizes of 64 bits.
pub(crate) const LEVELS: u8 = 8;

/// A tile that has become full and will never change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FullTile {
    /// Its level, 0 to 7.
    pub level: u8,
    /// Its index in the level.
    pub index: u64,
    /// Its 256 hashes.
    pub hashes: Vec<Hash>,
}

/// A Merkle tree of RFC 6962 to which leaves are added.
///
/// It holds the hashes that are in no full tile yet, at most 255 a level, and the roots of the full subtrees that its size is
/// the sum of, at most 64. So a leaf costs one node hash in the mean, and a root at most 63.
#[derive(Clone, PartialEq, Eq)]
pub struct Tree {
    size: u64,
    /// The roots of the full subtrees, the largest first: one for each bit that is set in the size.
    peaks: Vec<Hash>,
    /// The last, partial tile of each level.
    partial: [Vec<Hash>; LEVELS as usize],
}

impl Default for Tree {
    fn default() -> Self {
        Self::new()
    }
}

impl Tree {
    /// The tree without leaves.
    #[must_use]
    pub fn new() -> Self {
        Self { size: 0, peaks: vec![], partial: Default::default() }
    }

    /// Adds a leaf: [`crate::leaf_hash`] of an entry. Tiles that it makes full are handed over, the lowest level first.
    ///
    /// A caller that may fail to keep them adds to a clone, and takes it once they are kept.
    pub fn push(&mut self, leaf: Hash, full: &mut impl FnMut(FullTile)) {
        let mut node = leaf;
        self.note(0, node);
        // Each bit that is set at the size's low end is a full subtree that the new one pairs with.
        for height in 1..=self.size.trailing_ones() {
            let Some(left) = self.peaks.pop() else { break };
            node = node_hash(&left, &node);
            if height % 8 == 0 {
                self.finish(height / 8 - 1, full);
                self.note(height / 8, node);
            }
        }
        self.peaks.push(node);
        self.size += 1;
    }

    fn note(&mut self, level: u32, hash: Hash) {
        if let Some(tile) = self.partial.get_mut(level as usize) {
            tile.push(hash);
        }
    }

    /// Hands over the tile of this level, which the leaf that is being added makes full.
    fn finish(&mut self, level: u32, full: &mut impl FnMut(FullTile)) {
        let Some(tile) = self.partial.get_mut(level as usize) else { return };
        let hashes = std::mem::replace(tile, Vec::with_capacity(usize::from(TILE_WIDTH)));
        let index = self.size >> (8 * (level + 1));
        full(FullTile { level: u8::try_from(level).unwrap_or(u8::MAX), index, hashes });
    }

    /// The number of leaves.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The root: `MTH(D[n])` of RFC 6962, section 2.1.
    #[must_use]
    pub fn root(&self) -> Hash {
        let mut peaks = self.peaks.iter().rev();
        let Some(smallest) = peaks.next() else { return EMPTY_ROOT };
        peaks.fold(*smallest, |right, left| node_hash(left, &right))
    }

    /// The hashes of the level's last tile when it is not full, 0 to 255 of them. Its index is `size >> (8 * (level + 1))`.
    #[must_use]
    pub fn partial(&self, level: u8) -> &[Hash] {
        self.partial.get(usize::from(level)).map_or(&[], Vec::as_slice)
    }
}

impl fmt::Debug for Tree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tree").field("size", &self.size).field("root", &self.root()).finish_non_exhaustive()
    }
}
