//! The Merkle tree over the records, and what it is kept in: files that are made from the journal and never believed without it.
//!
//! A record is a leaf; its number in the log begins with 0, and sealed contents have none. In the folder `log/`:
//!
//! | file | what it holds |
//! |---|---|
//! | `hashes-<level>` | the hashes of this level of tiles, 32 bytes each, as far as tiles of the level below are full |
//! | `seqs` | the journal entry of each leaf, 8 bytes little-endian each, as far as tiles are full |
//! | `mark` | how far the others were durable, the root there, and which requests had no end |
//!
//! Only full tiles are written, when they become full; what is not in one is in memory. Every [`MARK_EVERY`] leaves the files are
//! synced and the mark is moved on: a start reads the right edge there, holds it against the root, and adds the records behind it.

mod mark;
#[cfg(test)]
mod tests;

use std::{io, sync::Arc};

use forethought_store::{Disk, StoreError};
use forethought_tlog::{
    FullTile, Hash, TileSource, Tree,
    tile::{TILE_WIDTH, decode_tile, encode_tile},
};

pub(crate) use mark::Mark;

const DIR: &str = "log";
const SEQS: &str = "log/seqs";
/// Leaves from one mark to the next, at least.
const MARK_EVERY: u64 = 4096;
const WIDTH: u64 = TILE_WIDTH as u64;
const SEQ_BYTES: u64 = 8;
const HASH_BYTES: u64 = Hash::SIZE as u64;

/// The tree over all records.
#[derive(Debug)]
pub(crate) struct Leaves {
    disk: Arc<dyn Disk>,
    tree: Tree,
    /// The journal entries of the leaves behind the last full tile.
    seqs: Vec<u64>,
    /// Full tiles that could not be written yet.
    unwritten: Vec<FullTile>,
    /// Where the mark is.
    marked: u64,
}

impl Leaves {
    /// The tree as far as its files are good, and why they are not, if so: then it has no leaves.
    pub(crate) fn open(disk: Arc<dyn Disk>) -> Result<(Self, Mark, Option<String>), StoreError> {
        let mark = match Mark::load(disk.as_ref())? {
            Ok(mark) => mark,
            Err(why) => return Self::anew(disk, why),
        };
        let leaves = Self { disk, tree: Tree::new(), seqs: Vec::new(), unwritten: Vec::new(), marked: mark.size };
        match Tree::resume(mark.size, &leaves.files()) {
            Ok(tree) if tree.root().hex() == mark.root => {
                let leaves = Self { tree, ..leaves };
                match leaves.cut_to(mark.size) {
                    Ok(()) => Ok((leaves, mark, None)),
                    Err(error) => Self::anew(leaves.disk, Some(error.to_string())),
                }
            }
            Ok(_) => Self::anew(leaves.disk, Some("its hashes have another root than was noted".to_owned())),
            Err(error) => Self::anew(leaves.disk, Some(error.to_string())),
        }
    }

    /// Drops everything, so that all records can be added anew.
    pub(crate) fn drop_all(self, why: &str) -> Result<(Self, Mark, Option<String>), StoreError> {
        Self::anew(self.disk, Some(why.to_owned()))
    }

    fn anew(disk: Arc<dyn Disk>, why: Option<String>) -> Result<(Self, Mark, Option<String>), StoreError> {
        let failed = |source| StoreError::io("make anew", DIR, source);
        disk.create_dir(DIR).map_err(failed)?;
        Mark::remove(disk.as_ref()).map_err(failed)?;
        for name in disk.list(DIR).map_err(failed)? {
            if name == "seqs" || name.starts_with("hashes-") {
                disk.remove(&format!("{DIR}/{name}")).map_err(failed)?;
            }
        }
        disk.sync_dir("").map_err(failed)?;
        let leaves = Self { disk, tree: Tree::new(), seqs: Vec::new(), unwritten: Vec::new(), marked: 0 };
        Ok((leaves, Mark::default(), why))
    }

    /// Removes what stands in the files behind the mark. The files are as long as the mark says, or longer.
    fn cut_to(&self, size: u64) -> io::Result<()> {
        if size == 0 {
            return Ok(());
        }
        cut(self.disk.as_ref(), SEQS, size * SEQ_BYTES)?;
        let levels = (0..8).map(|level: u8| (level, size >> (8 * u32::from(level))));
        for (level, hashes) in levels.take_while(|(_, hashes)| *hashes > 0) {
            cut(self.disk.as_ref(), &hashes_name(level), hashes * HASH_BYTES)?;
        }
        Ok(())
    }

    pub(crate) fn disk(&self) -> &dyn Disk {
        self.disk.as_ref()
    }

    pub(crate) fn size(&self) -> u64 {
        self.tree.size()
    }

    pub(crate) fn root(&self) -> Hash {
        self.tree.root()
    }

    /// Adds the leaves of durable records, as (journal entry, hash). They are in memory only.
    pub(crate) fn add(&mut self, leaves: impl Iterator<Item = (u64, Hash)>) {
        for (seq, leaf) in leaves {
            self.tree.push(leaf, &mut |tile| self.unwritten.push(tile));
            self.seqs.push(seq);
        }
    }

    /// Writes the tiles that have become full.
    ///
    /// # Errors
    /// When they cannot be written: they wait, and the next call tries again.
    pub(crate) fn write_full(&mut self) -> Result<(), StoreError> {
        if self.unwritten.is_empty() {
            return Ok(());
        }
        self.write().map_err(|source| StoreError::io("write tiles in", DIR, source))
    }

    fn write(&mut self) -> io::Result<()> {
        let disk = self.disk.as_ref();
        for tile in self.unwritten.iter().filter(|tile| tile.level == 0) {
            put(disk, &hashes_name(0), tile.index * WIDTH * HASH_BYTES, &encode_tile(&tile.hashes))?;
        }
        for tile in &self.unwritten {
            let node = self.node(tile).ok_or_else(|| io::Error::other("a full tile has no root"))?;
            put(disk, &hashes_name(tile.level + 1), tile.index * HASH_BYTES, node.as_bytes())?;
        }
        let whole = self.seqs.len() - self.seqs.len() % usize::from(TILE_WIDTH);
        let bytes: Vec<u8> = self.seqs.iter().take(whole).flat_map(|seq| seq.to_le_bytes()).collect();
        put(disk, SEQS, self.kept() * SEQ_BYTES, &bytes)?;
        self.seqs.drain(..whole);
        self.unwritten.clear();
        Ok(())
    }

    /// The root of a tile that has just become full, as it stands in the level above.
    fn node(&self, tile: &FullTile) -> Option<Hash> {
        let (level, above, at) = (tile.level + 1, tile.index / WIDTH, usize::try_from(tile.index % WIDTH).ok()?);
        let hashes = self.unwritten_tile(level, above).unwrap_or_else(|| self.tree.partial(level));
        hashes.get(at).copied()
    }

    fn unwritten_tile(&self, level: u8, index: u64) -> Option<&[Hash]> {
        let tile = self.unwritten.iter().find(|tile| (tile.level, tile.index) == (level, index));
        tile.map(|tile| tile.hashes.as_slice())
    }

    /// Leaves whose journal entry is in the file.
    fn kept(&self) -> u64 {
        self.size() - self.seqs.len() as u64
    }

    /// Whether it is time for another mark.
    pub(crate) fn wants_mark(&self) -> bool {
        self.unwritten.is_empty() && self.full() >= self.marked + MARK_EVERY
    }

    /// Leaves in full tiles.
    fn full(&self) -> u64 {
        self.size() - self.size() % WIDTH
    }

    /// Makes the files durable, and notes so: what is behind the last full tile is told by the journal, from this entry on.
    pub(crate) fn mark(&mut self, mark: Mark) -> Result<(), StoreError> {
        let full = self.full();
        let root = forethought_tlog::root_at(full, self).map_err(|error| {
            let source = io::Error::other(error.to_string());
            StoreError::io("read tiles in", DIR, source)
        })?;
        let next = self.seqs.first().copied().unwrap_or(mark.end_seq);
        let (all, root_of_all) = (self.size(), self.root().hex());
        let mark = Mark { size: full, root: root.hex(), all, root_of_all, next_seq: next, ..mark };
        let synced = (|| {
            if full > 0 {
                self.disk.sync_file(SEQS)?;
            }
            for level in (0..8).take_while(|level| full >> (8 * u32::from(*level)) > 0) {
                self.disk.sync_file(&hashes_name(level))?;
            }
            self.disk.sync_dir(DIR)?;
            mark.store(self.disk.as_ref())
        })();
        synced.map_err(|source| StoreError::io("note tiles in", DIR, source))?;
        self.marked = full;
        Ok(())
    }

    /// The journal entry of a leaf.
    pub(crate) fn seq_of(&self, leaf: u64) -> Result<Option<u64>, StoreError> {
        let kept = self.kept();
        if leaf >= kept {
            let at = usize::try_from(leaf - kept).unwrap_or(usize::MAX);
            return Ok(self.seqs.get(at).copied());
        }
        let bytes = self.disk.read(SEQS, leaf * SEQ_BYTES, size_of::<u64>());
        let bytes = bytes.map_err(|source| StoreError::io("read", SEQS, source))?;
        Ok(bytes.first_chunk().map(|bytes| u64::from_le_bytes(*bytes)))
    }

    /// A leaf's hash.
    pub(crate) fn hash_of(&self, leaf: u64) -> io::Result<Hash> {
        let (tile, at) = (leaf / WIDTH, usize::try_from(leaf % WIDTH).unwrap_or(0));
        let hashes = self.tile(0, tile, u16::try_from(at + 1).unwrap_or(TILE_WIDTH))?;
        hashes.get(at).copied().ok_or_else(|| io::Error::other("the log is not so long"))
    }

    fn files(&self) -> Files<'_> {
        Files(self.disk.as_ref())
    }
}

impl TileSource for Leaves {
    type Error = io::Error;

    fn tile(&self, level: u8, index: u64, width: u16) -> Result<Vec<Hash>, io::Error> {
        let last = self.size().checked_shr(8 * (u32::from(level) + 1)).unwrap_or(0);
        if index == last {
            let hashes = self.tree.partial(level).get(..usize::from(width));
            return hashes.map(<[Hash]>::to_vec).ok_or_else(|| io::Error::other("the log is not so long"));
        }
        match self.unwritten_tile(level, index) {
            Some(hashes) => Ok(hashes.iter().take(usize::from(width)).copied().collect()),
            None => self.files().tile(level, index, width),
        }
    }
}

/// The tiles that are in files, as far as they are written. Nobody has looked whether they are right.
pub(crate) struct Files<'d>(pub(crate) &'d dyn Disk);

impl TileSource for Files<'_> {
    type Error = io::Error;

    fn tile(&self, level: u8, index: u64, width: u16) -> Result<Vec<Hash>, io::Error> {
        let bytes = self.0.read(&hashes_name(level), index * WIDTH * HASH_BYTES, usize::from(width) * Hash::SIZE)?;
        decode_tile(&bytes).map_err(io::Error::other)
    }
}

fn hashes_name(level: u8) -> String {
    format!("{DIR}/hashes-{level}")
}

/// Cuts a file that must be so long at least.
fn cut(disk: &dyn Disk, name: &str, len: u64) -> io::Result<()> {
    if disk.size(name)? < len {
        return Err(io::Error::other(format!("{name} is shorter than was noted")));
    }
    disk.truncate(name, len)
}

/// Writes bytes at a place of a file that is as long as that, or longer after a write that failed.
fn put(disk: &dyn Disk, name: &str, at: u64, bytes: &[u8]) -> io::Result<()> {
    if at == 0 {
        match disk.create(name) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            _ => {}
        }
    }
    let size = disk.size(name)?;
    if size < at {
        return Err(io::Error::other(format!("{name} lacks what should stand before byte {at}")));
    }
    if size > at {
        disk.truncate(name, at)?;
    }
    disk.append(name, bytes)
}
