//! Taking up a tree where it was left, from the tiles of its right edge.

use crate::{
    Hash, MAX_SIZE, TILE_WIDTH, TileReadError, TileSource, Tree,
    hash::root_over,
    source::{read, width_at},
    tree::LEVELS,
};

/// Why a tree cannot be taken up.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ResumeError<E> {
    /// The size is above [`MAX_SIZE`].
    #[error("a tree of {size} leaves is larger than any log: read its size anew")]
    Size {
        /// The size that was asked for.
        size: u64,
    },
    /// A tile does not hash to what its parent says.
    #[error(
        "tile {index} of level {level} does not hash to what the level above says: one of them is damaged, restore both"
    )]
    Damaged {
        /// The lower tile's level.
        level: u8,
        /// The lower tile's index.
        index: u64,
    },
    /// A tile is missing.
    #[error(transparent)]
    Tile(#[from] TileReadError<E>),
}

impl Tree {
    /// The tree of the first `size` leaves of a log, ready for the next one. Reads the last tile of each level and the full
    /// tile before it, and checks that each full one hashes to its parent's last entry.
    ///
    /// **No parent speaks for the partial tiles.** Only the root does: compare [`Tree::root`] with that of a checkpoint of
    /// this size before adding anything.
    ///
    /// # Errors
    /// [`ResumeError::Damaged`] when tiles contradict each other, [`ResumeError::Tile`] when one cannot be read, and
    /// [`ResumeError::Size`].
    pub fn resume<S: TileSource>(size: u64, source: &S) -> Result<Self, ResumeError<S::Error>> {
        if size > MAX_SIZE {
            return Err(ResumeError::Size { size });
        }
        let mut tree = Self { size, ..Self::new() };
        // What the level above says of the last full tile.
        let mut said = None;
        for level in (0..LEVELS).rev().filter(|level| size >> (8 * level) > 0) {
            said = tree.resume_level(level, said, source)?;
        }
        Ok(tree)
    }

    /// Takes up one level. Returns its last hash, which speaks for a tile of the level below.
    fn resume_level<S: TileSource>(
        &mut self,
        level: u8,
        said: Option<Hash>,
        source: &S,
    ) -> Result<Option<Hash>, ResumeError<S::Error>> {
        let index = self.size >> (8 * level) >> 8;
        let mut last = None;
        if let (Some(said), Some(before)) = (said, index.checked_sub(1)) {
            let hashes = read(source, level, before, TILE_WIDTH)?;
            if root_over(&hashes) != said {
                return Err(ResumeError::Damaged { level, index: before });
            }
            last = hashes.last().copied();
        }
        let width = width_at(self.size, level, index);
        if width > 0 {
            let hashes = read(source, level, index, width)?;
            last = hashes.last().copied();
            self.resume_peaks(&hashes);
            if let Some(tile) = self.partial.get_mut(usize::from(level)) {
                *tile = hashes;
            }
        }
        Ok(last)
    }

    /// The full subtrees within a partial tile, the largest first, as the bits of its width say.
    fn resume_peaks(&mut self, mut hashes: &[Hash]) {
        while let Some(height) = hashes.len().checked_ilog2() {
            let (full, rest) = hashes.split_at(1 << height);
            self.peaks.push(root_over(full));
            hashes = rest;
        }
    }
}
