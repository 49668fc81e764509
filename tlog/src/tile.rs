//! Tiles and entry bundles, and what they are called: c2sp.org/tlog-tiles.

mod bundle;
mod path;

use crate::Hash;

pub use bundle::{BundleError, MAX_ENTRY, decode_bundle, encode_bundle};
pub use path::{MAX_LEVEL, PathError, TilePath};

/// Hashes of a full tile, and entries of a full bundle.
pub const TILE_WIDTH: u16 = 256;

/// Bytes that are no tile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a tile is 1 to 256 hashes of 32 bytes, not {len} bytes: fetch it again")]
pub struct TileError {
    /// The bytes there are.
    pub len: usize,
}

/// The bytes of a tile: its hashes, one after another. There is no tile of no hashes or of more than 256.
#[must_use]
pub fn encode_tile(hashes: &[Hash]) -> Vec<u8> {
    hashes.iter().flat_map(|hash| *hash.as_bytes()).collect()
}

/// The hashes of a tile, 1 to 256.
///
/// # Errors
/// When the bytes are no such number of hashes.
pub fn decode_tile(bytes: &[u8]) -> Result<Vec<Hash>, TileError> {
    let (hashes, rest) = bytes.as_chunks::<{ Hash::SIZE }>();
    if !rest.is_empty() || hashes.is_empty() || hashes.len() > usize::from(TILE_WIDTH) {
        return Err(TileError { len: bytes.len() });
    }
    Ok(hashes.iter().map(|bytes| Hash::from(*bytes)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(len: usize, valid: bool) {
        let bytes: Vec<u8> = (0..=u8::MAX).cycle().take(len).collect();
        let decoded = decode_tile(&bytes);
        assert_eq!(decoded.is_ok(), valid, "{len}");
        assert!(decoded.is_err() || encode_tile(&decoded.unwrap()) == bytes, "{len}");
    }

    #[test]
    fn a_tile_is_whole_hashes() {
        check(0, false);
        check(31, false);
        check(32, true);
        check(33, false);
        check(96, true);
        check(8_192, true);
        check(8_193, false);
        check(8_224, false);
    }
}
