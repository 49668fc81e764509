//! What can be rebuilt from the journal: sled trees, and how far they have come.
//!
//! sled's flush does not survive a power cut, so nothing here is ever believed without the journal: an index that does
//! not fit it is dropped and built anew.

#[cfg(test)]
mod tests;

use std::{
    fs, io,
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use serde::{Deserialize, Serialize};

use crate::{Entry, Journal, RecoveryReport, StoreError};

const META: &str = "meta";
const MARK: &[u8] = b"mark";
const CACHE_BYTES: u64 = 32 << 20;
/// How sled says that its lock is taken.
const LOCKED: &str = "could not acquire lock";
const LOCK_TRIES: u32 = 50;
const LOCK_PAUSE: Duration = Duration::from_millis(20);

/// A key and its value.
pub type KeyValue = (Vec<u8>, Vec<u8>);

/// How far the index has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IndexMark {
    /// The highest seq that is indexed, which the journal had made durable by then.
    pub seq: u64,
    /// The CRC-32 of that entry's payload, so that another journal is noticed.
    pub crc: u32,
    /// The caller's version of its trees; an index of another version is built anew.
    pub layout: u32,
}

impl IndexMark {
    /// The mark behind an entry.
    #[must_use]
    pub fn after(entry: &Entry, layout: u32) -> Self {
        Self::at(entry.seq, &entry.payload, layout)
    }

    /// The mark behind the entry with this seq and payload.
    #[must_use]
    pub fn at(seq: u64, payload: &[u8], layout: u32) -> Self {
        Self { seq, crc: crc32fast::hash(payload), layout }
    }
}

/// One change of a tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IndexWrite {
    /// Sets a key.
    Put {
        /// The tree's name.
        tree: &'static str,
        /// The key.
        key: Vec<u8>,
        /// The value.
        value: Vec<u8>,
    },
    /// Removes a key; one that is not there is no error.
    Remove {
        /// The tree's name.
        tree: &'static str,
        /// The key.
        key: Vec<u8>,
    },
}

/// Named trees of keys and values, in a folder or in memory.
#[derive(Debug)]
pub struct Index {
    db: sled::Db,
    path: Option<PathBuf>,
    /// Why it had to be dropped when it was opened.
    dropped: Option<String>,
}

impl Index {
    /// Opens the index in a folder. One whose files sled cannot understand is dropped: [`Index::reconcile`] then starts
    /// over.
    ///
    /// # Errors
    /// [`StoreError::Index`] when the folder is locked or cannot be read, or the index cannot be made anew.
    pub fn open(path: impl Into<PathBuf>) -> Result<Self, StoreError> {
        let path = path.into();
        let found = path.exists();
        match open_unlocked(&path) {
            Ok(db) => Ok(Self { db, path: Some(path), dropped: None }),
            Err(Unopened { what, damaged: true }) if found => {
                Self::anew(path, format!("it could not be opened: {what}"))
            }
            Err(Unopened { what, .. }) => Err(StoreError::Index { location: path.display().to_string(), what }),
        }
    }

    /// An index that is gone when it is dropped.
    ///
    /// # Errors
    /// [`StoreError::Index`] when there is no room for it in the folder for temporary files.
    pub fn temporary() -> Result<Self, StoreError> {
        let db = sled::Config::new().temporary(true).cache_capacity(CACHE_BYTES).open();
        let db = db.map_err(|error| StoreError::Index { location: "memory".to_owned(), what: error.to_string() })?;
        Ok(Self { db, path: None, dropped: None })
    }

    /// Compares the index with the journal, and gives it back, built anew if it does not fit, with the first seq that
    /// it lacks. Entries that the index knew as durable and the journal does not have are noted in the report.
    ///
    /// # Errors
    /// [`StoreError::Index`] when it cannot be built anew, the errors of [`Journal::read`], and those of the disk.
    pub fn reconcile(
        self,
        journal: &Journal,
        layout: u32,
        report: &mut RecoveryReport,
    ) -> Result<(Self, u64), StoreError> {
        let mark = match self.mark() {
            Ok(Some(mark)) => mark,
            Ok(None) if journal.last_seq() > 0 => return Ok((self.drop_all("it was not there".to_owned())?, 1)),
            Ok(None) => return Ok((self, 1)),
            Err(error) => return Ok((self.drop_all(error.to_string())?, 1)),
        };
        let end = journal.last_seq();
        if mark.seq > end {
            let lost = end + 1..=mark.seq;
            tracing::error!(?lost, "acknowledged records are lost: the journal is shorter than the index has seen it");
            report.acknowledged_lost = journal.note_lost(&lost)?;
            return Ok((self.drop_all("the journal has become shorter".to_owned())?, 1));
        }
        if mark.layout != layout {
            return Ok((self.drop_all(format!("it has layout {}, not {layout}", mark.layout))?, 1));
        }
        let entry = journal.read(mark.seq)?;
        if IndexMark::after(&entry, layout) != mark {
            return Ok((self.drop_all("it belongs to another journal".to_owned())?, 1));
        }
        Ok((self, mark.seq + 1))
    }

    /// Why the index was dropped since it was opened, if it was.
    #[must_use]
    pub fn dropped(&self) -> Option<&str> {
        self.dropped.as_deref()
    }

    /// How far the index has come; none when it is empty.
    ///
    /// # Errors
    /// [`StoreError::Index`].
    pub fn mark(&self) -> Result<Option<IndexMark>, StoreError> {
        let Some(bytes) = self.get(META, MARK)? else { return Ok(None) };
        serde_json::from_slice(&bytes).map(Some).map_err(|error| self.failed(&error))
    }

    /// Makes the changes, and then notes how far the index has come. Doing so twice is the same as once.
    ///
    /// # Errors
    /// [`StoreError::Index`]; some of the changes may be made then, the mark is not.
    pub fn apply(&self, writes: &[IndexWrite], mark: IndexMark) -> Result<(), StoreError> {
        for write in writes {
            match write {
                IndexWrite::Put { tree, key, value } => {
                    self.tree(tree)?.insert(key, value.as_slice()).map_err(|error| self.failed(&error))?;
                }
                IndexWrite::Remove { tree, key } => {
                    self.tree(tree)?.remove(key).map_err(|error| self.failed(&error))?;
                }
            }
        }
        let mark = serde_json::to_vec(&mark).map_err(|error| self.failed(&error))?;
        self.tree(META)?.insert(MARK, mark).map_err(|error| self.failed(&error))?;
        Ok(())
    }

    /// A key's value.
    ///
    /// # Errors
    /// [`StoreError::Index`].
    pub fn get(&self, tree: &str, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        let value = self.tree(tree)?.get(key).map_err(|error| self.failed(&error))?;
        Ok(value.map(|value| value.to_vec()))
    }

    /// The keys and values from `from` (included) to `to` (not included), in the order of the keys.
    ///
    /// # Errors
    /// [`StoreError::Index`], also from the iterator.
    pub fn range(
        &self,
        tree: &str,
        from: &[u8],
        to: &[u8],
    ) -> Result<impl DoubleEndedIterator<Item = Result<KeyValue, StoreError>>, StoreError> {
        let to = to.max(from);
        let found = self.tree(tree)?.range(from.to_vec()..to.to_vec());
        Ok(found.map(|pair| match pair {
            Ok((key, value)) => Ok((key.to_vec(), value.to_vec())),
            Err(error) => Err(self.failed(&error)),
        }))
    }

    fn tree(&self, name: &str) -> Result<sled::Tree, StoreError> {
        self.db.open_tree(name).map_err(|error| self.failed(&error))
    }

    fn failed(&self, error: &impl ToString) -> StoreError {
        let location = self.path.as_ref().map_or_else(|| "memory".to_owned(), |path| path.display().to_string());
        StoreError::Index { location, what: error.to_string() }
    }

    /// Drops everything, so that the caller can index the journal from its first entry on.
    ///
    /// # Errors
    /// [`StoreError::Index`] when it cannot be made anew.
    pub fn drop_all(self, reason: String) -> Result<Self, StoreError> {
        let Self { db, path, .. } = self;
        drop(db);
        match path {
            Some(path) => Self::anew(path, reason),
            None => Ok(Self { dropped: Some(reason), ..Self::temporary()? }),
        }
    }

    fn anew(path: PathBuf, reason: String) -> Result<Self, StoreError> {
        tracing::warn!(path = %path.display(), %reason, "the index is dropped and built anew from the journal");
        let failed = |what: String| StoreError::Index { location: path.display().to_string(), what };
        if path.is_dir() {
            fs::remove_dir_all(&path).map_err(|error| failed(error.to_string()))?;
        } else {
            fs::remove_file(&path).map_err(|error| failed(error.to_string()))?;
        }
        let db = open_db(&path).map_err(|unopened| failed(unopened.what))?;
        Ok(Self { db, path: Some(path), dropped: Some(reason) })
    }
}

/// Opens sled once its lock is free: a database that was dropped keeps it until its threads have ended.
fn open_unlocked(path: &Path) -> Result<sled::Db, Unopened> {
    for _ in 0..LOCK_TRIES {
        match open_db(path) {
            Err(unopened) if unopened.what.contains(LOCKED) => thread::sleep(LOCK_PAUSE),
            opened => return opened,
        }
    }
    open_db(path)
}

/// Opens sled, which panics on some damage.
fn open_db(path: &Path) -> Result<sled::Db, Unopened> {
    let config = sled::Config::new().path(path).cache_capacity(CACHE_BYTES).flush_every_ms(Some(1000));
    match catch_unwind(AssertUnwindSafe(|| config.open())) {
        Ok(opened) => opened.map_err(|error| Unopened { damaged: is_damage(&error), what: error.to_string() }),
        Err(_) => Err(Unopened { what: "its files are damaged".to_owned(), damaged: true }),
    }
}

/// Why sled did not open.
struct Unopened {
    what: String,
    /// Whether its files are the fault, and not the system: a lock, a right, too many open files.
    damaged: bool,
}

fn is_damage(error: &sled::Error) -> bool {
    let sled::Error::Io(error) = error else { return true };
    match error.kind() {
        io::ErrorKind::NotADirectory | io::ErrorKind::IsADirectory | io::ErrorKind::AlreadyExists => true,
        // sled's own errors about contents have no number of the system's; that about its lock has none either.
        _ => error.raw_os_error().is_none() && !error.to_string().contains(LOCKED),
    }
}
