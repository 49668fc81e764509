//! The tree of an export: written as records come, and read again for proofs.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use forethought_tlog::{
    FullTile, Hash, TilePath, TileSource, Tree, leaf_hash,
    tile::{TILE_WIDTH, decode_tile, encode_bundle, encode_tile},
};

use super::{ExportError, folder::Folder};
use crate::AuditError;

/// Where the tiles of a part are while its receipts are made: they are no part of it.
pub(super) const SCRATCH: &str = "tiles.tmp";
/// Levels that a tree can have.
pub(super) const LEVELS: u8 = 8;

/// Writes tiles and bundles.
#[derive(Debug)]
pub(super) struct TileWriter {
    tree: Tree,
    bundle: Vec<Vec<u8>>,
    whole: bool,
}

impl TileWriter {
    /// Of the whole log, or only the tiles, and not to stay.
    pub(super) fn new(whole: bool) -> Self {
        Self { tree: Tree::new(), bundle: Vec::new(), whole }
    }

    pub(super) fn tree(&self) -> &Tree {
        &self.tree
    }

    /// Adds the next leaf, out of the journal's entry `seq`.
    pub(super) fn push(&mut self, folder: &mut Folder, entry: &[u8], seq: u64) -> Result<(), ExportError> {
        let mut full: Vec<FullTile> = Vec::new();
        self.tree.push(leaf_hash(entry), &mut |tile| full.push(tile));
        if self.whole {
            self.bundle.push(entry.to_vec());
        }
        for FullTile { level, index, hashes } in full {
            self.put(folder, TilePath::Tile { level, index, width: TILE_WIDTH }, &encode_tile(&hashes))?;
        }
        if self.bundle.len() == usize::from(TILE_WIDTH) { self.put_bundle(folder, seq) } else { Ok(()) }
    }

    /// Writes what is not full.
    pub(super) fn finish(&mut self, folder: &mut Folder) -> Result<(), ExportError> {
        for (level, index, width) in partial(&self.tree) {
            let bytes = encode_tile(self.tree.partial(level));
            self.put(folder, TilePath::Tile { level, index, width }, &bytes)?;
        }
        if self.bundle.is_empty() { Ok(()) } else { self.put_bundle(folder, 0) }
    }

    fn put_bundle(&mut self, folder: &mut Folder, seq: u64) -> Result<(), ExportError> {
        let bundle = std::mem::take(&mut self.bundle);
        let wrong = |error: forethought_tlog::tile::BundleError| AuditError::Entry { seq, what: error.to_string() };
        let bytes = encode_bundle(&bundle).map_err(wrong)?;
        let index = (self.tree.size() - 1) / u64::from(TILE_WIDTH);
        let width = u16::try_from(bundle.len()).unwrap_or(TILE_WIDTH);
        self.put(folder, TilePath::Entries { index, width }, &bytes)
    }

    fn put(&self, folder: &mut Folder, path: TilePath, bytes: &[u8]) -> Result<(), ExportError> {
        if self.whole {
            return folder.put(&path.to_string(), bytes);
        }
        folder.put_unlisted(&format!("{SCRATCH}/{path}"), bytes)
    }
}

/// The tiles of a tree that are not full: level, index and width.
pub(super) fn partial(tree: &Tree) -> impl Iterator<Item = (u8, u64, u16)> {
    (0..LEVELS).filter_map(|level| {
        let width = u16::try_from(tree.partial(level).len()).ok().filter(|width| *width > 0)?;
        let index = tree.size().checked_shr(8 * (u32::from(level) + 1)).unwrap_or(0);
        Some((level, index, width))
    })
}

/// The tiles below a folder.
#[derive(Debug)]
pub(super) struct FolderTiles(PathBuf);

impl FolderTiles {
    /// Those of an export.
    pub(super) fn of_export(root: &Path) -> Self {
        Self(root.to_owned())
    }

    /// Those that a part's receipts are made of.
    pub(super) fn scratch(root: &Path) -> Self {
        Self(root.join(SCRATCH))
    }
}

impl TileSource for FolderTiles {
    type Error = io::Error;

    fn tile(&self, level: u8, index: u64, width: u16) -> Result<Vec<Hash>, io::Error> {
        let bytes = fs::read(self.0.join(TilePath::Tile { level, index, width }.to_string()))?;
        decode_tile(&bytes).map_err(io::Error::other)
    }
}
