//! The log, open for appending: one batch of drafts, one durable write, and as many leaves more.

mod catalogue;
mod checkpoints;
mod erasing;
mod keeping;
mod opening;
mod publishing;
mod sealing;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    sync::Arc,
};

use forethought_schemas::{RecordId, RequestId};
use forethought_store::{Disk, Index, Journal, JournalOptions, RecoveryReport};
use jiff::Timestamp;

use crate::{
    AuditError, Body, ContentKey, Digest, Draft, DraftError, KeyStore, Masters, Record, ReviewAsked, Ticket, Vault,
    VaultReport,
    draft::Sealer,
    index::{Keys, RECORD, SEALED},
    leaves::{Leaves, Mark},
    record::VERSION,
};
use catalogue::Catalogue;
use checkpoints::Checkpoints;
use opening::Open;

pub(crate) use checkpoints::{FILE as CHECKPOINT_FILE, last_checkpoint};
pub use erasing::{Asked, Erased};
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
    open: BTreeMap<RecordId, OpenAdmission>,
    /// Answers that wait for a person, by admission.
    held: BTreeMap<RecordId, Held>,
}

/// An answer that waits for a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// The request.
    pub request_id: RequestId,
    /// Whose it is.
    pub tenant: String,
    /// When it was held.
    pub since: Timestamp,
    /// Until when somebody may decide, and why.
    pub review: ReviewAsked,
    /// The entry of its outcome.
    pub(crate) seq: u64,
    /// What its contents are sealed under, if this process knows.
    pub(crate) key: Option<Ticket>,
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

/// A record that is ready to be written, with its sealed contents.
struct Prepared {
    record: Record,
    bytes: Vec<u8>,
    hash: Digest,
    payloads: Vec<Vec<u8>>,
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
    /// [`AuditError::Draft`] when a draft does not fit the log: an id twice, or an outcome whose admission is unknown or
    /// has its end. [`AuditError::Key`] and [`AuditError::Store`]; [`AuditError::is_full`] tells a full disk, after
    /// which the same drafts can be appended again. Whatever the error, none of the batch is acknowledged; while
    /// [`AuditLog::refusing`] says nothing, none of it is in the log either. Otherwise the log tells once it is opened
    /// anew: all of the batch is there then, or nothing of it.
    pub fn append(&mut self, drafts: &[Draft]) -> Result<Vec<Appended>, AuditError> {
        let mut open = OpenChanges::default();
        let mut prepared: Vec<Prepared> = Vec::with_capacity(drafts.len());
        let mut ids = BTreeSet::new();
        let keys = self.content_keys(drafts)?;
        for (index, (draft, key)) in drafts.iter().zip(keys).enumerate() {
            let of_draft = |source| AuditError::Draft { index, source };
            let id = draft.record_id();
            if !ids.insert(id) || self.open.contains_key(id) {
                return Err(of_draft(DraftError::Duplicate(id.clone())));
            }
            let record = self.prepare(draft, key, &mut open, of_draft)?;
            record.check_size(self.journal.options().max_entry_bytes).map_err(of_draft)?;
            prepared.push(record);
        }
        self.write(&prepared, open)
    }

    /// The admissions that have no end yet.
    pub fn open_admissions(&self) -> impl Iterator<Item = &RecordId> {
        self.open.keys()
    }

    /// The answers that wait for a person, by the records of their admissions.
    pub fn held(&self) -> impl Iterator<Item = (&RecordId, &Held)> {
        self.held.iter()
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

    fn prepare(
        &mut self,
        draft: &Draft,
        key: Option<ContentKey>,
        open: &mut OpenChanges,
        of_draft: impl Fn(DraftError) -> AuditError,
    ) -> Result<Prepared, AuditError> {
        match draft {
            Draft::Admission(draft) => {
                let tenant = &draft.admission.tenant;
                let ticket = key.as_ref().map(|key| Ticket::of(key.place(), key.id()));
                let mut sealer = Sealer::new(key, &draft.record_id, tenant);
                let body = draft.body(&mut sealer)?;
                let request_id = draft.admission.request_id.clone();
                open.begin(
                    draft.record_id.clone(),
                    OpenAdmission { request_id, tenant: tenant.clone(), time: draft.time, seq: 0, key: ticket },
                );
                seal_record(&draft.record_id, draft.time, body, sealer)
            }
            Draft::Outcome(draft) => {
                draft.check().map_err(&of_draft)?;
                let admission = open
                    .end(&self.open, &draft.admission)
                    .ok_or_else(|| of_draft(DraftError::NotOpen(draft.admission.clone())))?;
                let ticket = key.as_ref().map(|key| Ticket::of(key.place(), key.id()));
                let mut sealer = Sealer::new(key, &draft.record_id, &admission.tenant);
                let body = draft.body(&admission.request_id, &admission.tenant, admission.time, &mut sealer)?;
                if let Some(review) = draft.review.clone() {
                    let (request_id, tenant) = (admission.request_id.clone(), admission.tenant.clone());
                    let held = Held { request_id, tenant, since: draft.time, review, seq: 0, key: ticket };
                    open.holding.insert(draft.record_id.clone(), draft.admission.clone());
                    open.held.insert(draft.admission.clone(), held);
                }
                seal_record(&draft.record_id, draft.time, body, sealer)
            }
            Draft::Review(draft) => {
                let held = open
                    .decide(&self.held, &draft.admission)
                    .ok_or_else(|| of_draft(DraftError::NotHeld(draft.admission.clone())))?;
                let mut sealer = Sealer::new(key, &draft.record_id, &held.tenant);
                let body = draft.body(&held.request_id, &held.tenant, &mut sealer)?;
                seal_record(&draft.record_id, draft.time, body, sealer)
            }
            Draft::Act(draft) => {
                let (record_id, body) = (draft.record_id.clone(), Body::Act(draft.act.clone()));
                let record = Record { v: VERSION, record_id, time: draft.time, prev: None, body, contents: Vec::new() };
                Prepared::new(record, Vec::new())
            }
        }
    }

    /// Makes the records durable, and only then takes note of them.
    fn write(&mut self, prepared: &[Prepared], mut open: OpenChanges) -> Result<Vec<Appended>, AuditError> {
        let mut entries: Vec<(u8, &[u8])> = Vec::new();
        for record in prepared {
            entries.push((RECORD, &record.bytes));
            entries.extend(record.payloads.iter().map(|payload| (SEALED, payload.as_slice())));
        }
        let seqs = self.journal.append_batch(&entries)?;
        let first = self.leaves.size();
        let appended = appended(prepared, seqs.start, first);
        let leaves: Vec<_> = prepared.iter().map(|record| record.record.leaf(&record.bytes)).collect();
        let grown = self.leaves.grown(appended.iter().map(|one| one.seq).zip(leaves.iter().map(AsRef::as_ref)));
        if let Err(error) = self.leaves.take(grown) {
            tracing::error!(%error, "the log's tiles lack the last records; the next append tries again");
        }
        for (record, at) in prepared.iter().zip(&appended) {
            open.place(&at.record_id, at.seq);
            self.catalogue.add(&Keys::of(&record.record));
        }
        if let Some(last) = appended.last() {
            self.head = last.hash;
        }
        open.apply(&mut self.open, &mut self.held);
        if let Some((_, payload)) = entries.last() {
            self.catalogue.store(seqs.end - 1, payload);
        }
        if self.leaves.wants_mark() {
            self.mark(seqs.end);
        }
        Ok(appended)
    }

    /// Notes how far the tree's files are durable.
    fn mark(&mut self, end_seq: u64) {
        let open = self.open.values().map(|admission| admission.seq).collect();
        let held = self.held.values().map(|held| held.seq).collect();
        if let Err(error) = self.leaves.mark(Mark { end_seq, open, held, ..Mark::default() }) {
            tracing::warn!(%error, "the next start reads more of the journal");
        }
    }
}

impl Drop for AuditLog {
    /// Has the next start find everything in place, and a check find what was changed meanwhile.
    fn drop(&mut self) {
        if self.refusing().is_none() {
            self.mark(self.journal.last_seq() + 1);
        }
    }
}

/// Where the records stand, of which the first is this entry and this leaf.
fn appended(prepared: &[Prepared], seq: u64, leaf: u64) -> Vec<Appended> {
    let mut seq = seq;
    let one = |(record, leaf): (&Prepared, u64)| {
        let at = seq;
        seq += 1 + record.payloads.len() as u64;
        Appended { record_id: record.record.record_id.clone(), seq: at, leaf, hash: record.hash }
    };
    prepared.iter().zip(leaf..).map(one).collect()
}

/// What a batch changes in the set of open admissions.
#[derive(Default)]
struct OpenChanges {
    begun: BTreeMap<RecordId, OpenAdmission>,
    ended: Vec<RecordId>,
    /// The admission by the outcome that holds its answer.
    holding: BTreeMap<RecordId, RecordId>,
    held: BTreeMap<RecordId, Held>,
    decided: Vec<RecordId>,
}

impl OpenChanges {
    fn begin(&mut self, id: RecordId, admission: OpenAdmission) {
        self.begun.insert(id, admission);
    }

    /// Takes an admission that is open, in the log or in this batch, and ends it.
    fn end(&mut self, open: &BTreeMap<RecordId, OpenAdmission>, id: &RecordId) -> Option<OpenAdmission> {
        if self.ended.contains(id) {
            return None;
        }
        let admission = self.begun.get(id).or_else(|| open.get(id)).cloned()?;
        self.ended.push(id.clone());
        Some(admission)
    }

    /// Takes an answer that waits for a person, in the log or in this batch, and has it wait no more.
    fn decide(&mut self, held: &BTreeMap<RecordId, Held>, id: &RecordId) -> Option<Held> {
        if self.decided.contains(id) {
            return None;
        }
        let found = self.held.get(id).or_else(|| held.get(id)).cloned()?;
        self.decided.push(id.clone());
        Some(found)
    }

    /// Says in which entry a record stands.
    fn place(&mut self, id: &RecordId, seq: u64) {
        if let Some(admission) = self.begun.get_mut(id) {
            admission.seq = seq;
        }
        let held = self.holding.get(id).and_then(|admission| self.held.get_mut(admission));
        if let Some(held) = held {
            held.seq = seq;
        }
    }

    fn apply(self, open: &mut BTreeMap<RecordId, OpenAdmission>, held: &mut BTreeMap<RecordId, Held>) {
        open.extend(self.begun);
        held.extend(self.held);
        for id in self.ended {
            open.remove(&id);
        }
        for id in self.decided {
            held.remove(&id);
        }
    }
}

fn seal_record(record_id: &RecordId, time: Timestamp, body: Body, sealer: Sealer<'_>) -> Result<Prepared, AuditError> {
    let Sealer { commitments, payloads, .. } = sealer;
    let record = Record { v: VERSION, record_id: record_id.clone(), time, prev: None, body, contents: commitments };
    Prepared::new(record, payloads)
}

impl Prepared {
    fn new(record: Record, payloads: Vec<Vec<u8>>) -> Result<Self, AuditError> {
        let bytes = serde_json::to_vec(&record)
            .map_err(|source| AuditError::Encode { record_id: record.record_id.clone(), source })?;
        let hash = Digest::of(&bytes);
        Ok(Self { record, bytes, hash, payloads })
    }

    fn check_size(&self, max: usize) -> Result<(), DraftError> {
        let size = self.payloads.iter().map(Vec::len).chain([self.bytes.len()]).max().unwrap_or(0);
        if size <= max {
            return Ok(());
        }
        Err(DraftError::TooLarge { record_id: self.record.record_id.clone(), size, max })
    }
}
