//! Where tiles come from.

use crate::{Hash, tile::TILE_WIDTH};

/// Something that has the tiles of a log: a folder, a server, a map.
pub trait TileSource {
    /// Why a tile cannot be read.
    type Error;

    /// The first `width` hashes (1 to 256) of the tile with this index at this level (0 to 7). A source that has a wider
    /// tile gives the first of its hashes.
    ///
    /// # Errors
    /// When the tile is not there or cannot be read.
    fn tile(&self, level: u8, index: u64, width: u16) -> Result<Vec<Hash>, Self::Error>;
}

impl<S: TileSource + ?Sized> TileSource for &S {
    type Error = S::Error;

    fn tile(&self, level: u8, index: u64, width: u16) -> Result<Vec<Hash>, Self::Error> {
        (**self).tile(level, index, width)
    }
}

/// A tile that was needed and could not be had.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TileReadError<E> {
    /// The source failed.
    #[error("tile {index} of level {level} cannot be read to a width of {width}: {source}")]
    Source {
        /// The tile's level.
        level: u8,
        /// The tile's index in its level.
        index: u64,
        /// The hashes that were asked for.
        width: u16,
        /// The cause.
        source: E,
    },
    /// The source gave another number of hashes than it was asked for.
    #[error("tile {index} of level {level} came with {got} hashes instead of {width}: mend the source of tiles")]
    Width {
        /// The tile's level.
        level: u8,
        /// The tile's index in its level.
        index: u64,
        /// The hashes that were asked for.
        width: u16,
        /// The hashes that came.
        got: usize,
    },
}

/// How many hashes the tile has in a log of `size` leaves; 0 when there is no such tile.
pub(crate) fn width_at(size: u64, level: u8, index: u64) -> u16 {
    let shift = u32::from(level) * 8;
    let hashes = size.checked_shr(shift).unwrap_or(0);
    let before = index.saturating_mul(u64::from(TILE_WIDTH));
    let width = hashes.saturating_sub(before).min(u64::from(TILE_WIDTH));
    u16::try_from(width).unwrap_or(TILE_WIDTH)
}

/// Reads a tile and holds the source to the width.
pub(crate) fn read<S: TileSource>(
    source: &S,
    level: u8,
    index: u64,
    width: u16,
) -> Result<Vec<Hash>, TileReadError<S::Error>> {
    let hashes =
        source.tile(level, index, width).map_err(|source| TileReadError::Source { level, index, width, source })?;
    match hashes.len() {
        got if got == usize::from(width) => Ok(hashes),
        got => Err(TileReadError::Width { level, index, width, got }),
    }
}
