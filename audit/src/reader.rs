//! The log, open for reading only: beside a server that writes it, or without one.

mod proving;

use std::{borrow::Cow, collections::BTreeSet, io, path::Path, sync::Arc};

use forethought_schemas::RecordId;
use forethought_store::{Disk, Entry, Journal, JournalSnapshot, RealDisk, Scan, StoreError};
use forethought_tlog::SignedCheckpoint;

use crate::{
    ActFilter, AuditError, Body, ContentError, Cursor, Digest, Filter, Listed, Masters, Page, Record, Shown,
    contents::ContentKeys,
    index::{self, Bundle, BundleIds, Facts, IdHash, Keys, RECORD},
    log::last_checkpoint,
    query::{self, Source},
};

pub use proving::ProveError;

/// The audit log as it stood when it was opened. Nothing in its directory is changed, and a server may be writing it:
/// a last batch that is not whole yet is not seen.
///
/// Everything is read when it is opened, and the index is kept in memory: about 200 bytes for each record.
#[derive(Debug)]
pub struct AuditReader {
    journal: JournalSnapshot,
    /// The last one may be empty.
    bundles: Vec<Bundle>,
    /// The entry of each leaf.
    seqs: Vec<u64>,
    waiting: Waiting,
    keys: ContentKeys,
    /// The last one that was signed before everything was read.
    checkpoint: Option<SignedCheckpoint>,
    in_use: bool,
}

/// The requests that wait for something, by their admissions.
#[derive(Debug, Default)]
struct Waiting {
    /// For their end.
    open: BTreeSet<RecordId>,
    /// For a decision on their answer.
    held: BTreeSet<RecordId>,
}

impl Waiting {
    fn take(&mut self, record: &Record) {
        if let Some(admission) = record.ends() {
            self.open.remove(admission);
        }
        match &record.body {
            Body::Admission(_) => drop(self.open.insert(record.record_id.clone())),
            Body::Outcome(outcome) if outcome.review.is_some() => drop(self.held.insert(outcome.admission.clone())),
            Body::Review(review) if review.call.is_none() => drop(self.held.remove(&review.admission)),
            _ => {}
        }
    }
}

impl AuditReader {
    /// Reads the log in a data directory.
    ///
    /// # Errors
    /// [`AuditError::Store`] when there is no log ([`StoreError::NoJournal`]), it cannot be read, it is damaged
    /// anywhere but at its end, or it is of a newer version; [`AuditError::Entry`].
    pub fn open(dir: impl AsRef<Path>) -> Result<Self, AuditError> {
        Self::open_under(dir, None)
    }

    /// As [`AuditReader::open`], with these master keys for contents instead of that in [`crate::MASTER_KEY_FILE`].
    ///
    /// # Errors
    /// As [`AuditReader::open`]. Without a master key, and with another one, contents cannot be read and all the rest can.
    pub fn open_under(dir: impl AsRef<Path>, masters: Option<Masters>) -> Result<Self, AuditError> {
        Self::open_with(&read_only(dir.as_ref())?, masters)
    }

    /// Reads the log on any disk. See [`AuditReader::open`].
    ///
    /// # Errors
    /// As [`AuditReader::open`].
    pub fn open_on(disk: &Arc<dyn Disk>) -> Result<Self, AuditError> {
        Self::open_with(disk, None)
    }

    fn open_with(disk: &Arc<dyn Disk>, masters: Option<Masters>) -> Result<Self, AuditError> {
        // The checkpoint first: the journal that is read after it has what it claims.
        let checkpoint = last_checkpoint(disk.as_ref())?;
        let journal = Journal::snapshot(Arc::clone(disk))?;
        let (mut bundles, mut last, mut seqs) = (Vec::new(), Bundle::default(), Vec::new());
        let mut waiting = Waiting::default();
        for entry in journal.scan(1) {
            let entry = entry?;
            if entry.kind != RECORD {
                continue;
            }
            let record = index::record_of(&entry)?;
            last.add(&Keys::of(&record));
            waiting.take(&record);
            seqs.push(entry.seq);
            if last.is_full() {
                bundles.push(std::mem::take(&mut last));
            }
        }
        bundles.push(last);
        let (in_use, keys) = (disk.in_use(), ContentKeys::open(disk, masters));
        Ok(Self { journal, bundles, seqs, waiting, keys, checkpoint, in_use })
    }

    fn bundle(&self, bundle: u64) -> Result<&Bundle, StoreError> {
        let found = usize::try_from(bundle).ok().and_then(|bundle| self.bundles.get(bundle));
        found.ok_or(StoreError::NoEntry { seq: bundle, last: self.seqs.len() as u64 })
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

    /// As [`AuditLog::search`](crate::AuditLog::search). A cursor is also good for the log itself, and for a later reader of it.
    ///
    /// # Errors
    /// As [`AuditLog::search`](crate::AuditLog::search).
    pub fn search(&self, filter: &Filter, cursor: Option<&Cursor>) -> Result<Page<Listed>, AuditError> {
        query::requests(self, filter, cursor)
    }

    /// As [`AuditLog::search_acts`](crate::AuditLog::search_acts).
    ///
    /// # Errors
    /// As [`AuditLog::search`](crate::AuditLog::search).
    pub fn search_acts(&self, filter: &ActFilter, cursor: Option<&Cursor>) -> Result<Page<Record>, AuditError> {
        query::act_page(self, filter, cursor)
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
    fn bundles(&self) -> u64 {
        self.bundles.len() as u64
    }

    fn facts(&self, bundle: u64) -> Result<Cow<'_, Facts>, StoreError> {
        self.bundle(bundle).map(|bundle| Cow::Borrowed(&bundle.facts))
    }

    fn leaves_with(&self, bundle: u64, hash: IdHash) -> Result<Vec<u8>, StoreError> {
        self.bundle(bundle).map(|bundle| bundle.leaves_with(hash))
    }

    fn ids(&self, bundle: u64) -> Result<BundleIds, StoreError> {
        self.bundle(bundle).map(Bundle::ids)
    }

    fn leaves(&self) -> u64 {
        self.seqs.len() as u64
    }

    fn is_open(&self, admission: &RecordId) -> bool {
        self.waiting.open.contains(admission)
    }

    fn is_held(&self, admission: &RecordId) -> bool {
        self.waiting.held.contains(admission)
    }

    fn seq_of(&self, leaf: u64) -> Result<Option<u64>, StoreError> {
        Ok(usize::try_from(leaf).ok().and_then(|leaf| self.seqs.get(leaf)).copied())
    }

    fn entry(&self, seq: u64) -> Result<Entry, StoreError> {
        self.journal.read(seq)
    }

    fn entries(&self, seq: u64) -> Scan<'_> {
        self.journal.scan(seq)
    }

    fn unseal(&self, sealed: &[u8]) -> Result<(Vec<u8>, Digest), ContentError> {
        self.keys.unseal(sealed)
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
