//! The two layers of a simulated disk, and what a power cut leaves of them.

use std::{
    collections::{BTreeMap, BTreeSet},
    io, mem,
    ops::Range,
};

use super::parent;

/// Both layers and the faults that are armed.
#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) operations: u64,
    pub(super) cut_after: Option<u64>,
    pub(super) off: bool,
    pub(super) failing_writes: Option<io::ErrorKind>,
    pub(super) space: Option<usize>,
    pub(super) failing_syncs: Option<io::ErrorKind>,
    pub(super) failing_truncates: bool,
    /// The names that every call sees.
    pub(super) names: BTreeMap<String, u64>,
    dirs: BTreeSet<String>,
    inodes: BTreeMap<u64, Inode>,
    durable_names: BTreeMap<String, u64>,
    durable_dirs: BTreeSet<String>,
    /// Changes of names that no sync of their folder has made durable, oldest first.
    unsynced_names: Vec<DirChange>,
}

/// One file's bytes.
#[derive(Debug, Default)]
pub(super) struct Inode {
    /// What every call sees.
    pub(super) data: Vec<u8>,
    durable: Vec<u8>,
    /// Changes since the last sync, oldest first.
    unsynced: Vec<Change>,
    /// What a failed sync dropped: seen by reads, never written.
    lost: Vec<Range<usize>>,
}

#[derive(Clone, Debug)]
enum Change {
    Write {
        at: usize,
        bytes: Vec<u8>,
    },
    /// What does not arrive leaves the old bytes.
    Overwrite {
        at: usize,
        bytes: Vec<u8>,
    },
    Truncate {
        len: usize,
    },
}

/// One change of a folder.
#[derive(Clone, Debug)]
pub(super) enum DirChange {
    Link { name: String, inode: u64 },
    Unlink { name: String },
    Rename { from: String, to: String, inode: u64 },
    MakeDir { name: String },
}

impl DirChange {
    fn dir(&self) -> &str {
        match self {
            Self::Link { name, .. } | Self::Unlink { name } | Self::MakeDir { name } => parent(name),
            Self::Rename { to, .. } => parent(to),
        }
    }

    fn apply(self, names: &mut BTreeMap<String, u64>, dirs: &mut BTreeSet<String>) {
        match self {
            Self::Link { name, inode } => drop(names.insert(name, inode)),
            Self::Unlink { name } => drop(names.remove(&name)),
            Self::Rename { from, to, inode } => {
                names.remove(&from);
                names.insert(to, inode);
            }
            Self::MakeDir { name } => drop(dirs.insert(name)),
        }
    }
}

impl Inode {
    pub(super) fn make_durable(&mut self) {
        self.durable = self.data.clone();
        for lost in &self.lost {
            if let Some(bytes) = self.durable.get_mut(lost.clone()) {
                bytes.fill(0);
            }
        }
        self.unsynced.clear();
    }

    pub(super) fn lose(&mut self) {
        for change in mem::take(&mut self.unsynced) {
            if let Change::Write { at, bytes } | Change::Overwrite { at, bytes } = change {
                let end = (at + bytes.len()).min(self.data.len());
                self.lost.push(at.min(end)..end);
            }
        }
    }

    pub(super) fn overwrite(&mut self, at: usize, bytes: &[u8]) -> io::Result<()> {
        let end = at + bytes.len();
        let target = self.data.get_mut(at..end).ok_or_else(|| io::Error::from(io::ErrorKind::UnexpectedEof))?;
        target.copy_from_slice(bytes);
        // What is written again is not lost any more.
        let lost = mem::take(&mut self.lost).into_iter();
        self.lost = lost.flat_map(|lost| [lost.start..lost.end.min(at), lost.start.max(end)..lost.end]).collect();
        self.lost.retain(|lost| !lost.is_empty());
        self.unsynced.push(Change::Overwrite { at, bytes: bytes.to_vec() });
        Ok(())
    }

    pub(super) fn truncate(&mut self, len: usize) {
        self.data.truncate(len);
        for lost in &mut self.lost {
            *lost = lost.start.min(len)..lost.end.min(len);
        }
        self.unsynced.push(Change::Truncate { len });
    }

    /// What a power cut leaves of this file.
    fn survivor(&self, lot: &mut Lot) -> Vec<u8> {
        let mut image = self.durable.clone();
        let whole = lot.below(self.unsynced.len() + 1);
        for (index, change) in self.unsynced.iter().take(whole + 1).enumerate() {
            match change {
                Change::Write { at, bytes } => {
                    let bytes = if index < whole { bytes.clone() } else { torn(bytes, lot) };
                    if bytes.is_empty() {
                        continue;
                    }
                    image.resize(image.len().max(at + bytes.len()), 0);
                    if let Some(target) = image.get_mut(*at..at + bytes.len()) {
                        target.copy_from_slice(&bytes);
                    }
                }
                Change::Overwrite { at, bytes } => {
                    let arrived = if index < whole { bytes.len() } else { lot.below(bytes.len() + 1) };
                    if let (Some(target), Some(bytes)) = (image.get_mut(*at..at + arrived), bytes.get(..arrived)) {
                        target.copy_from_slice(bytes);
                    }
                }
                Change::Truncate { len } if index < whole => image.truncate(*len),
                Change::Truncate { .. } => {}
            }
        }
        image
    }
}

/// What arrives of a write that the power cut: a prefix, one padded with zeros, or the whole with a hole of zeros.
fn torn(bytes: &[u8], lot: &mut Lot) -> Vec<u8> {
    let arrived = lot.below(bytes.len() + 1);
    let mut left = bytes.to_vec();
    match lot.below(4) {
        1 => {
            left.iter_mut().skip(arrived).for_each(|byte| *byte = 0);
        }
        2 => {
            let hole = lot.below(bytes.len() + 1);
            left.iter_mut().skip(arrived).take(hole).for_each(|byte| *byte = 0);
        }
        _ => left.truncate(arrived),
    }
    left
}

impl State {
    pub(super) fn no_power() -> io::Error {
        io::Error::other("the power is cut")
    }

    pub(super) fn check_power(&self) -> io::Result<()> {
        if self.off || self.cut_after.is_some_and(|at| self.operations > at) { Err(Self::no_power()) } else { Ok(()) }
    }

    /// Whether the operation under way is the one that the power cut interrupts.
    pub(super) fn in_flight(&self) -> bool {
        self.cut_after.is_some_and(|at| self.operations > at)
    }

    pub(super) fn check_writes(&self) -> io::Result<()> {
        if let Some(kind) = self.failing_writes {
            return Err(kind.into());
        }
        if self.space == Some(0) { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
    }

    pub(super) fn check_dir(&self, dir: &str) -> io::Result<()> {
        if dir.is_empty() || self.dirs.contains(dir) { Ok(()) } else { Err(io::ErrorKind::NotFound.into()) }
    }

    pub(super) fn inode(&self, name: &str) -> io::Result<u64> {
        self.names.get(name).copied().ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    pub(super) fn file(&self, name: &str) -> io::Result<&Inode> {
        self.inodes.get(&self.inode(name)?).ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    pub(super) fn file_mut(&mut self, name: &str) -> io::Result<&mut Inode> {
        let inode = self.inode(name)?;
        self.inodes.get_mut(&inode).ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    pub(super) fn new_inode(&mut self) -> u64 {
        let inode = self.inodes.last_key_value().map_or(1, |(last, _)| last + 1);
        self.inodes.insert(inode, Inode::default());
        inode
    }

    pub(super) fn append(&mut self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let (taken, failure) = match (self.failing_writes, self.space) {
            (Some(kind), _) => (bytes.len() / 2, Some(kind)),
            (None, Some(space)) if space < bytes.len() => (space, Some(io::ErrorKind::StorageFull)),
            _ => (bytes.len(), None),
        };
        let inode = self.file_mut(name)?;
        let bytes = bytes.get(..taken).unwrap_or_default();
        inode.unsynced.push(Change::Write { at: inode.data.len(), bytes: bytes.to_vec() });
        inode.data.extend_from_slice(bytes);
        self.space = self.space.map(|space| space - taken.min(space));
        failure.map_or(Ok(()), |kind| Err(kind.into()))
    }

    pub(super) fn change_names(&mut self, change: DirChange) {
        change.clone().apply(&mut self.names, &mut self.dirs);
        self.unsynced_names.push(change);
    }

    pub(super) fn make_names_durable(&mut self, dir: &str) {
        let (synced, left) = mem::take(&mut self.unsynced_names).into_iter().partition(|change| change.dir() == dir);
        self.unsynced_names = left;
        let synced: Vec<DirChange> = synced;
        for change in synced {
            change.apply(&mut self.durable_names, &mut self.durable_dirs);
        }
    }

    /// The disk when the power is back.
    pub(super) fn after_power_loss(&self, seed: u64) -> Self {
        let mut lot = Lot::new(seed);
        let (mut names, mut dirs) = (self.durable_names.clone(), self.durable_dirs.clone());
        for change in &self.unsynced_names {
            if lot.below(2) == 1 {
                change.clone().apply(&mut names, &mut dirs);
            }
        }
        names.retain(|name, _| parent(name).is_empty() || dirs.contains(parent(name)));
        let mut inodes = BTreeMap::new();
        for inode in names.values() {
            if let Some(file) = self.inodes.get(inode) {
                let image = file.survivor(&mut lot);
                inodes.insert(*inode, Inode { data: image.clone(), durable: image, ..Inode::default() });
            }
        }
        Self { durable_names: names.clone(), names, durable_dirs: dirs.clone(), dirs, inodes, ..Self::default() }
    }
}

/// Lots drawn from a seed (`SplitMix64`, Steele et al. 2014); seed 0 always draws 0.
struct Lot {
    seed: u64,
    state: u64,
}

impl Lot {
    fn new(seed: u64) -> Self {
        Self { seed, state: seed }
    }

    /// A number in `0..bound`.
    fn below(&mut self, bound: usize) -> usize {
        if self.seed == 0 {
            return 0;
        }
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^= mixed >> 31;
        usize::try_from(mixed % (bound as u64).max(1)).unwrap_or(0)
    }
}
