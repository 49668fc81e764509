//! Hashes of a tree's nodes, out of tiles.

use crate::{
    Hash, TileReadError, TileSource,
    hash::{EMPTY_ROOT, node_hash, root_over},
    source::{read, width_at},
};

/// The largest power of two below `n`, which is 2 or more.
pub(crate) fn split(n: u64) -> u64 {
    1 << (n - 1).ilog2()
}

struct Tile {
    level: u8,
    index: u64,
    hashes: Vec<Hash>,
}

/// Reads the nodes of a tree of one size. Every tile is asked for once, in the width that it has at this size.
pub(crate) struct Reader<'s, S> {
    source: &'s S,
    size: u64,
    /// A proof needs two tiles a level at most, so that looking through them is quick.
    tiles: Vec<Tile>,
}

impl<'s, S: TileSource> Reader<'s, S> {
    pub(crate) fn new(size: u64, source: &'s S) -> Self {
        Self { source, size, tiles: vec![] }
    }

    /// `MTH(D[begin:end])` of RFC 6962. `begin` is a multiple of the least power of two that is not below the length,
    /// as it is for every subtree that the RFC speaks of.
    pub(crate) fn range(&mut self, begin: u64, end: u64) -> Result<Hash, TileReadError<S::Error>> {
        let length = end.saturating_sub(begin);
        if length == 0 {
            return Ok(EMPTY_ROOT);
        }
        if length.is_power_of_two() {
            return self.node(length.trailing_zeros(), begin);
        }
        let middle = begin + split(length);
        let left = self.range(begin, middle)?;
        Ok(node_hash(&left, &self.range(middle, end)?))
    }

    /// The root of the full subtree of this height (0 to 63) that begins at a leaf.
    fn node(&mut self, height: u32, begin: u64) -> Result<Hash, TileReadError<S::Error>> {
        let (levels, within) = (height / 8, height % 8);
        let level = u8::try_from(levels).unwrap_or(u8::MAX);
        let first = begin >> (levels * 8);
        let (index, [.., offset]) = (first >> 8, first.to_be_bytes());
        let hashes = self.tile(level, index)?;
        let offset = usize::from(offset);
        match hashes.get(offset..offset + (1 << within)) {
            Some(hashes) => Ok(root_over(hashes)),
            // Only a source that changes its mind gets here: the tile has the width that the size asks for.
            None => Err(TileReadError::Width { level, index, width: 256, got: hashes.len() }),
        }
    }

    fn tile(&mut self, level: u8, index: u64) -> Result<&[Hash], TileReadError<S::Error>> {
        let at = match self.tiles.iter().position(|tile| (tile.level, tile.index) == (level, index)) {
            Some(at) => at,
            None => self.load(level, index)?,
        };
        Ok(self.tiles.get(at).map_or(&[], |tile| &tile.hashes))
    }

    fn load(&mut self, level: u8, index: u64) -> Result<usize, TileReadError<S::Error>> {
        let hashes = read(self.source, level, index, width_at(self.size, level, index))?;
        self.tiles.push(Tile { level, index, hashes });
        Ok(self.tiles.len() - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(n: u64, expected: u64) {
        assert_eq!(split(n), expected, "{n}");
    }

    #[test]
    fn a_tree_is_split_at_the_largest_power_of_two_below_its_size() {
        check(2, 1);
        check(3, 2);
        check(4, 2);
        check(5, 4);
        check(256, 128);
        check(257, 256);
        check(1 << 63, 1 << 62);
        check(u64::MAX, 1 << 63);
    }
}
