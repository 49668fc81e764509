//! The tree: every entry makes its leaf, every tile its parent, and all of them the root that was signed.

use forethought_tlog::{
    Checkpoint, FullTile, Hash, TilePath, Tree, leaf_hash,
    tile::{MAX_ENTRY, TILE_WIDTH, decode_bundle, decode_tile},
};

use super::{Files, VerifyExportError, wrong, wrong_at};
use crate::export::tiles::partial;

const WIDTH: u64 = TILE_WIDTH as u64;
/// A full bundle of the longest entries, in bytes.
const MAX_BUNDLE: u64 = WIDTH * (MAX_ENTRY as u64 + 2);
const MAX_TILE: u64 = WIDTH * Hash::SIZE as u64;

/// Checks all tiles and bundles of the tree.
pub(super) fn check(files: &mut Files, claim: &Checkpoint) -> Result<(), VerifyExportError> {
    let mut tree = Tree::new();
    while tree.size() < claim.size() {
        let index = tree.size() / WIDTH;
        let width = u16::try_from((claim.size() - tree.size()).min(WIDTH)).unwrap_or(TILE_WIDTH);
        for full in add_bundle(files, &mut tree, index, width)? {
            let path = TilePath::Tile { level: full.level, index: full.index, width: TILE_WIDTH };
            check_tile(files, path, &full.hashes)?;
        }
    }
    for (level, index, width) in partial(&tree) {
        check_tile(files, TilePath::Tile { level, index, width }, tree.partial(level))?;
    }
    if tree.root() == *claim.root() {
        return Ok(());
    }
    Err(wrong(
        "checkpoint",
        format!("its root is not that of the {} entries that are here: it is of others", tree.size()),
    ))
}

/// Adds the entries of a bundle, each held against the hash in its tile, and gives the tiles that become full above them.
fn add_bundle(files: &mut Files, tree: &mut Tree, index: u64, width: u16) -> Result<Vec<FullTile>, VerifyExportError> {
    let entries = bundle(files, index, width)?;
    let tile = TilePath::Tile { level: 0, index, width };
    let hashes = hashes(files, tile)?;
    let mut full = Vec::new();
    for (at, entry) in entries.iter().enumerate() {
        let leaf = leaf_hash(entry);
        if hashes.get(at) != Some(&leaf) {
            let what = format!("the entry does not hash to what {tile} has: one of them was changed");
            return Err(wrong_at(TilePath::Entries { index, width }.to_string(), tree.size(), what));
        }
        tree.push(leaf, &mut |tile| full.push(tile));
    }
    Ok(full)
}

/// The entries of a bundle.
pub(super) fn bundle(files: &mut Files, index: u64, width: u16) -> Result<Vec<Vec<u8>>, VerifyExportError> {
    let path = TilePath::Entries { index, width }.to_string();
    let bytes = files.read(&path, MAX_BUNDLE)?;
    let entries = decode_bundle(&bytes).map_err(|error| wrong(&path, error.to_string()))?;
    if entries.len() != usize::from(width) {
        return Err(wrong(&path, format!("it has {} entries, not {width}", entries.len())));
    }
    Ok(entries.into_iter().map(<[u8]>::to_vec).collect())
}

fn hashes(files: &mut Files, path: TilePath) -> Result<Vec<Hash>, VerifyExportError> {
    let name = path.to_string();
    let hashes = decode_tile(&files.read(&name, MAX_TILE)?).map_err(|error| wrong(&name, error.to_string()))?;
    if hashes.len() == usize::from(path.width()) {
        return Ok(hashes);
    }
    Err(wrong(name, format!("it has {} hashes, not {}", hashes.len(), path.width())))
}

fn check_tile(files: &mut Files, path: TilePath, expected: &[Hash]) -> Result<(), VerifyExportError> {
    let found = hashes(files, path)?;
    match found.iter().zip(expected).position(|(found, expected)| found != expected) {
        Some(at) => Err(wrong(path.to_string(), format!("hash {at} is not that of what is below it: it was changed"))),
        None => Ok(()),
    }
}
