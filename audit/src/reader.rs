//! The log, open for reading only: beside a server that writes it, or without one.

use std::{
    collections::{BTreeMap, HashMap},
    io,
    ops::Bound,
    path::Path,
    sync::Arc,
};

use forethought_store::{Disk, Entry, IndexWrite, Journal, JournalSnapshot, RealDisk, StoreError};

use crate::{
    AuditError, Filter, KeyStore, Listed, Record, Shown, index,
    query::{self, Source},
};

type Tree = BTreeMap<Vec<u8>, Vec<u8>>;

/// The audit log as it stood when it was opened. Nothing in its directory is changed, and a server may be writing it:
/// a last batch that is not whole yet is not seen.
///
/// Everything is read once when it is opened, and the index is kept in memory: about 2 KB for each request.
#[derive(Debug)]
pub struct AuditReader {
    journal: JournalSnapshot,
    trees: HashMap<&'static str, Tree>,
    keys: KeyStore,
    in_use: bool,
}

impl AuditReader {
    /// Reads the log in a data directory.
    ///
    /// # Errors
    /// [`AuditError::Store`] when there is no log ([`StoreError::NoJournal`]), it cannot be read, it is damaged
    /// anywhere but at its end, or it is of a newer version; [`AuditError::Entry`].
    pub fn open(dir: impl AsRef<Path>) -> Result<Self, AuditError> {
        Self::open_on(read_only(dir.as_ref())?)
    }

    /// Reads the log on any disk. See [`AuditReader::open`].
    ///
    /// # Errors
    /// As [`AuditReader::open`].
    pub fn open_on(disk: Arc<dyn Disk>) -> Result<Self, AuditError> {
        let journal = Journal::snapshot(Arc::clone(&disk))?;
        let mut trees: HashMap<&'static str, Tree> = HashMap::new();
        for entry in journal.scan(1) {
            for write in index::writes_of(&entry?)? {
                match write {
                    IndexWrite::Put { tree, key, value } => drop(trees.entry(tree).or_default().insert(key, value)),
                    IndexWrite::Remove { tree, key } => drop(trees.entry(tree).or_default().remove(&key)),
                }
            }
        }
        let in_use = disk.in_use();
        Ok(Self { journal, trees, keys: KeyStore::new(disk), in_use })
    }

    /// Whether another process was writing the log: an open request may be under way.
    #[must_use]
    pub fn in_use(&self) -> bool {
        self.in_use
    }

    /// As [`AuditLog::list`](crate::AuditLog::list).
    ///
    /// # Errors
    /// As [`AuditLog::list`](crate::AuditLog::list).
    pub fn list(&self, filter: &Filter) -> Result<Vec<Listed>, AuditError> {
        query::list(self, filter)
    }

    /// As [`AuditLog::acts`](crate::AuditLog::acts).
    ///
    /// # Errors
    /// As [`AuditLog::acts`](crate::AuditLog::acts).
    pub fn acts(&self, filter: &Filter) -> Result<Vec<Record>, AuditError> {
        query::acts(self, filter)
    }

    /// As [`AuditLog::show`](crate::AuditLog::show).
    ///
    /// # Errors
    /// As [`AuditLog::show`](crate::AuditLog::show).
    pub fn show(&self, id: &str, with_contents: bool) -> Result<Option<Shown>, AuditError> {
        query::show(self, id, with_contents)
    }
}

impl Source for AuditReader {
    fn get(&self, tree: &'static str, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.trees.get(tree).and_then(|tree| tree.get(key)).cloned())
    }

    fn latest(
        &self,
        tree: &'static str,
        from: &[u8],
        to: &[u8],
    ) -> Result<impl Iterator<Item = Result<u64, StoreError>>, StoreError> {
        // A range that ends before it begins is a panic of the map.
        let bounds = (Bound::Included(from), Bound::Excluded(to.max(from)));
        let found = self.trees.get(tree).filter(|_| from < to).map(|tree| tree.range::<[u8], _>(bounds));
        Ok(found.into_iter().flatten().rev().filter_map(|(_, value)| index::seq_of(value).map(Ok)))
    }

    fn entry(&self, seq: u64) -> Result<Entry, StoreError> {
        self.journal.read(seq)
    }

    fn keys(&self) -> &KeyStore {
        &self.keys
    }
}

/// A data directory, open for reading; one that is not there holds no log.
pub(crate) fn read_only(dir: &Path) -> Result<Arc<dyn Disk>, StoreError> {
    match RealDisk::read_only(dir) {
        Ok(disk) => Ok(Arc::new(disk)),
        Err(StoreError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
            Err(StoreError::NoJournal { location: dir.display().to_string() })
        }
        Err(error) => Err(error),
    }
}
