//! How far the files of the tree were durable.

use std::io;

use forethought_store::{Disk, StoreError};
use serde::{Deserialize, Serialize};

use crate::ReviewDecision;

const FILE: &str = "log/mark";
const NEW: &str = "log/mark.new";
const MAX_BYTES: usize = 64 << 20;
const VERSION: u32 = 1;

/// How far the files of the tree were durable, and what a start needs to know of the journal before that.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Mark {
    pub(crate) v: u32,
    /// Leaves in full tiles.
    pub(crate) size: u64,
    /// The root over them, hexadecimal.
    pub(crate) root: String,
    /// All leaves when the mark was made.
    pub(crate) all: u64,
    /// The root over them, hexadecimal.
    pub(crate) root_of_all: String,
    /// The journal entry from which on it is to be read.
    pub(crate) next_seq: u64,
    /// The journal entry behind the last of all.
    pub(crate) end_seq: u64,
    /// The entries of admissions that had no end when the mark was made.
    pub(crate) open: Vec<u64>,
    /// The entries of outcomes whose answers waited for a person then.
    pub(crate) held: Vec<u64>,
    /// The entries of calls of tools that had no result then, of these admissions, with what was decided on those that were held.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) calls: Vec<(u64, Option<ReviewDecision>)>,
}

impl Default for Mark {
    fn default() -> Self {
        let root = forethought_tlog::EMPTY_ROOT.hex();
        let root_of_all = root.clone();
        Self {
            v: VERSION,
            size: 0,
            root,
            all: 0,
            root_of_all,
            next_seq: 1,
            end_seq: 1,
            open: Vec::new(),
            held: Vec::new(),
            calls: Vec::new(),
        }
    }
}

impl Mark {
    /// The mark, or what is wrong with it; that is nothing where there never was one.
    pub(crate) fn load(disk: &dyn Disk) -> Result<Result<Self, Option<String>>, StoreError> {
        let bytes = match disk.read(FILE, 0, MAX_BYTES) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Err(None)),
            Err(source) => return Err(StoreError::io("read", FILE, source)),
        };
        let mark: Self = match serde_json::from_slice(&bytes) {
            Ok(mark) => mark,
            Err(error) => return Ok(Err(Some(format!("{FILE} cannot be read: {error}")))),
        };
        match mark.v {
            VERSION => Ok(Ok(mark)),
            other => Ok(Err(Some(format!("{FILE} has version {other}, not {VERSION}")))),
        }
    }

    /// Makes it durable, in place of what was there.
    pub(super) fn store(&self, disk: &dyn Disk) -> io::Result<()> {
        let text = serde_json::to_vec(self).map_err(io::Error::other)?;
        remove_if_there(disk, NEW)?;
        disk.create(NEW)?;
        disk.append(NEW, &text)?;
        disk.sync_file(NEW)?;
        disk.rename(NEW, FILE)?;
        disk.sync_dir("log")
    }

    pub(super) fn remove(disk: &dyn Disk) -> io::Result<()> {
        remove_if_there(disk, FILE)
    }
}

fn remove_if_there(disk: &dyn Disk, name: &str) -> io::Result<()> {
    match disk.remove(name) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
