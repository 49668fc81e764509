//! The log, open for appending: one batch of drafts, one durable write, and as many leaves more.

mod calls;
mod catalogue;
mod changes;
mod checkpoints;
mod early;
mod erasing;
mod held;
mod keeping;
mod opening;
mod preparing;
mod publishing;
mod sealing;

use std::{
    collections::{BTreeMap, HashSet},
    ops::Deref,
    path::Path,
    sync::Arc,
};

use forethought_schemas::{RecordId, RequestId};
use forethought_store::{Disk, Index, IndexMark, Journal, JournalOptions, RecoveryReport};
use jiff::Timestamp;

use crate::{
    AuditError, Digest, Draft, DraftError, KeyStore, Masters, Ticket, Vault, VaultReport,
    index::{LAYOUT, RECORD, SEALED},
    leaves::{Leaves, Mark},
};
use catalogue::Catalogue;
use changes::OpenChanges;
use checkpoints::Checkpoints;
use early::{Early, KnownOnes};
use opening::Open;
use preparing::{Prepared, Turn};

pub(crate) use calls::{OpenCall, OpenCalls};
pub(crate) use checkpoints::{FILE as CHECKPOINT_FILE, last_checkpoint};
pub use early::{EarlyRecord, Preparer};
pub use erasing::{Asked, Erased};
pub use held::{Held, HeldCall};
pub use publishing::Proof;

/// The audit log. Synchronous; one owner appends.
#[derive(Debug)]
pub struct AuditLog {
    pub(crate) journal: Journal,
    /// The tree over the records.
    pub(crate) leaves: Leaves,
    /// What finds records.
    pub(crate) catalogue: Catalogue,
    /// What was signed of it.
    checkpoints: Checkpoints,
    pub(crate) vault: Vault,
    /// Keys of contents that earlier programs have sealed.
    pub(crate) old_keys: KeyStore,
    /// The digest of the last record.
    head: Digest,
    /// Admissions without an end: as many as there are requests under way.
    open: BTreeMap<RecordId, Arc<OpenAdmission>>,
    /// What waits for a person: answers by their admission, calls of tools by their own record.
    held: BTreeMap<RecordId, Held>,
    /// Calls of tools without a result, of open admissions.
    calls: OpenCalls,
    /// Those of the open admissions that outcomes can be prepared for.
    known: KnownOnes,
    /// The last entry, where the index was not told yet.
    unsettled: Option<IndexMark>,
}

#[derive(Clone, Debug)]
struct OpenAdmission {
    request_id: RequestId,
    tenant: String,
    time: Timestamp,
    /// Its entry.
    seq: u64,
    /// What its contents are sealed under, if this process knows.
    key: Option<Ticket>,
}

/// What the log takes, and who opens its contents.
#[derive(Clone, Debug, Default)]
pub struct LogOptions {
    /// Of the journal.
    pub journal: JournalOptions,
    /// The master keys of the vault; that in [`crate::MASTER_KEY_FILE`], made when there is none, unless set.
    pub masters: Option<Masters>,
}

impl From<JournalOptions> for LogOptions {
    fn from(journal: JournalOptions) -> Self {
        Self { journal, masters: None }
    }
}

/// What was found and done when the log was opened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OpenReport {
    /// What the journal found.
    pub recovery: RecoveryReport,
    /// Why the index was dropped and built anew, if it was.
    pub index_rebuilt: Option<String>,
    /// What the vault of content keys found.
    pub vault: VaultReport,
    /// Why the tree was dropped and built anew, if it was.
    pub tree_rebuilt: Option<String>,
    /// Admissions without an end, each of which now has an interrupted record; none after [`AuditLog::reopen`].
    pub interrupted: Vec<RecordId>,
}

/// One record that is durable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Appended {
    /// Its id.
    pub record_id: RecordId,
    /// Its entry in the journal.
    pub seq: u64,
    /// Its leaf in the Merkle tree, from 0.
    pub leaf: u64,
    /// The digest of its canonical bytes.
    pub hash: Digest,
}

impl AuditLog {
    /// Opens the log in a data directory, which is locked until the log is dropped, with the index in `index/`.
    ///
    /// Recovers the journal, brings the index up to date, and ends with an interrupted record, durable and with the
    /// time `now`, every admission that has no end.
    ///
    /// # Errors
    /// [`AuditError::Store`] when the directory is in use, the journal damaged, newer or not writable.
    pub fn open(
        dir: impl AsRef<Path>,
        options: impl Into<LogOptions>,
        now: Timestamp,
    ) -> Result<(Self, OpenReport), AuditError> {
        Self::open_dir(dir.as_ref(), options.into(), now, Open::Orphaned)
    }

    /// Opens the log again in the process that has had it open since its start, such as after a failed sync: as
    /// [`AuditLog::open`], but admissions without an end stay open, because their requests may still be under way.
    ///
    /// # Errors
    /// As [`AuditLog::open`].
    pub fn reopen(
        dir: impl AsRef<Path>,
        options: impl Into<LogOptions>,
        now: Timestamp,
    ) -> Result<(Self, OpenReport), AuditError> {
        Self::open_dir(dir.as_ref(), options.into(), now, Open::UnderWay)
    }

    fn open_dir(
        dir: &Path,
        options: LogOptions,
        now: Timestamp,
        left_open: Open,
    ) -> Result<(Self, OpenReport), AuditError> {
        let disk = Arc::new(forethought_store::RealDisk::open(dir)?);
        opening::open(disk, || Index::open(dir.join("index")), options, now, left_open)
    }

    /// Opens the log on any disk, with an index of any kind. See [`AuditLog::open`].
    ///
    /// # Errors
    /// As [`AuditLog::open`].
    pub fn open_on(
        disk: Arc<dyn Disk>,
        index: Index,
        options: impl Into<LogOptions>,
        now: Timestamp,
    ) -> Result<(Self, OpenReport), AuditError> {
        opening::open(disk, || Ok(index), options.into(), now, Open::Orphaned)
    }

    /// Opens the log again on any disk, with an index of any kind. See [`AuditLog::reopen`].
    ///
    /// # Errors
    /// As [`AuditLog::open`].
    pub fn reopen_on(
        disk: Arc<dyn Disk>,
        index: Index,
        options: impl Into<LogOptions>,
        now: Timestamp,
    ) -> Result<(Self, OpenReport), AuditError> {
        opening::open(disk, || Ok(index), options.into(), now, Open::UnderWay)
    }

    /// Appends records with their contents, and gives them back once all of them are durable: one fdatasync, however
    /// many requests they belong to. After a crash all of them are there or none.
    ///
    /// # Errors
    /// [`AuditError::Draft`] when a draft does not fit the log: an id twice, an outcome or a call of a tool whose admission is unknown or
    /// has its end, a result without its call, or a decision on what does not wait. [`AuditError::Key`] and [`AuditError::Store`]; [`AuditError::is_full`] tells a full disk, after
    /// which the same drafts can be appended again. Whatever the error, none of the batch is acknowledged; while
    /// [`AuditLog::refusing`] says nothing, none of it is in the log either. Otherwise the log tells once it is opened
    /// anew: all of the batch is there then, or nothing of it.
    pub fn append(&mut self, drafts: &[Draft]) -> Result<Vec<Appended>, AuditError> {
        let appended = self.append_all(drafts.iter().map(|draft| (draft, None)).collect())?;
        self.settle();
        Ok(appended)
    }

    /// As [`AuditLog::append`], of records that were prepared before, as far as that is of use now. What need not be done before
    /// they are answered for is left to [`AuditLog::settle`].
    ///
    /// # Errors
    /// As [`AuditLog::append`].
    pub fn append_early(&mut self, records: &[EarlyRecord]) -> Result<Vec<Appended>, AuditError> {
        self.append_all(records.iter().map(EarlyRecord::parts).collect())
    }

    fn append_all(&mut self, drafts: Vec<(&Draft, Option<&Early>)>) -> Result<Vec<Appended>, AuditError> {
        let mut open = OpenChanges::default();
        let mut prepared: Vec<Turn<'_>> = Vec::with_capacity(drafts.len());
        let mut ids = HashSet::with_capacity(drafts.len());
        let keys = self.content_keys(drafts.iter().map(|(draft, _)| *draft))?;
        for (index, ((draft, early), key)) in drafts.into_iter().zip(keys).enumerate() {
            let of_draft = |source| AuditError::Draft { index, source };
            let id = draft.record_id();
            if !ids.insert(id) || self.open.contains_key(id) || self.held.contains_key(id) {
                return Err(of_draft(DraftError::Duplicate(id.clone())));
            }
            let record = self.prepare(draft, early, key, &mut open, of_draft)?;
            record.check_size(self.journal.options().max_entry_bytes).map_err(of_draft)?;
            prepared.push(record);
        }
        self.write(&prepared, open)
    }

    /// Writes what is made from the last records: full tiles, full bundles of the index, and how far they have come. Only how much a
    /// start has to read depends on it.
    pub fn settle(&mut self) {
        if let Err(error) = self.leaves.write_full() {
            tracing::error!(%error, "the log's tiles lack the last records; the next append tries again");
        }
        let Some(mark) = self.unsettled.take() else { return };
        let seq = mark.seq;
        self.catalogue.store(mark);
        if self.leaves.wants_mark() {
            self.mark(seq + 1);
        }
    }

    /// The admissions that have no end yet.
    pub fn open_admissions(&self) -> impl Iterator<Item = &RecordId> {
        self.open.keys()
    }

    /// The digest of the last record: with it, a copy of the log can be held against this one.
    #[must_use]
    pub fn head(&self) -> Digest {
        self.head
    }

    /// Why the log takes no more records until it is opened anew, if so.
    #[must_use]
    pub fn refusing(&self) -> Option<&str> {
        self.journal.refusing().or_else(|| self.vault.refusing())
    }

    /// Makes the records durable, and only then takes note of them.
    fn write(
        &mut self,
        prepared: &[impl Deref<Target = Prepared>],
        mut open: OpenChanges,
    ) -> Result<Vec<Appended>, AuditError> {
        let mut entries: Vec<(u8, &[u8])> = Vec::new();
        for record in prepared {
            entries.push((RECORD, &record.bytes));
            entries.extend(record.payloads.iter().map(|payload| (SEALED, payload.as_slice())));
        }
        let seqs = self.journal.append_batch(&entries)?;
        let appended = appended(prepared, seqs.start, self.leaves.size());
        self.leaves.add(prepared.iter().zip(&appended).map(|(record, at)| (at.seq, record.leaf)));
        for (record, at) in prepared.iter().zip(&appended) {
            open.place(&at.record_id, at.seq);
            self.catalogue.add(&record.keys);
        }
        if let Some(last) = appended.last() {
            self.head = last.hash;
        }
        self.known.follow(&open);
        open.apply(&mut self.open, &mut self.held, &mut self.calls);
        if let Some((_, payload)) = entries.last() {
            self.unsettled = Some(IndexMark::at(seqs.end - 1, payload, LAYOUT));
        }
        Ok(appended)
    }

    /// Notes how far the tree's files are durable.
    fn mark(&mut self, end_seq: u64) {
        let open = self.open.values().map(|admission| admission.seq).collect();
        let held = self.held.values().filter(|held| held.call.is_none()).map(|held| held.seq).collect();
        let calls = self.calls.marks();
        if let Err(error) = self.leaves.mark(Mark { end_seq, open, held, calls, ..Mark::default() }) {
            tracing::warn!(%error, "the next start reads more of the journal");
        }
    }
}

impl Drop for AuditLog {
    /// Has the next start find everything in place, and a check find what was changed meanwhile.
    fn drop(&mut self) {
        self.settle();
        if self.refusing().is_none() {
            self.mark(self.journal.last_seq() + 1);
        }
    }
}

/// Where the records stand, of which the first is this entry and this leaf.
fn appended(prepared: &[impl Deref<Target = Prepared>], seq: u64, leaf: u64) -> Vec<Appended> {
    let mut seq = seq;
    let one = |(record, leaf): (&Prepared, u64)| {
        let at = seq;
        seq += 1 + record.payloads.len() as u64;
        Appended { record_id: record.record_id.clone(), seq: at, leaf, hash: record.hash }
    };
    prepared.iter().map(Deref::deref).zip(leaf..).map(one).collect()
}
