//! Opening the log: recover, build what is derived from the journal, and give every admission its end.

use std::{collections::BTreeMap, ops::RangeInclusive, sync::Arc};

use forethought_schemas::RecordId;
use forethought_store::{Disk, Entry, Index, IndexMark, Journal, RecoveryReport, StoreError};
use jiff::Timestamp;

use super::{
    AuditLog, Held, HeldCall, LogOptions, OpenAdmission, OpenChanges, OpenReport, Prepared, Turn,
    calls::{OpenCall, OpenCalls},
    catalogue::Catalogue,
    checkpoints::Checkpoints,
    early::KnownOnes,
};
use crate::{
    AuditError, Body, Digest, Interrupted, KeyStore, LostRange, Outcome, Record, Review, ReviewAsked, ReviewDecision,
    TailCut, Vault,
    contents::load_or_create_master,
    index::{self, Keys, LAYOUT, RECORD, WIDTH},
    leaves::{Leaves, Mark},
    store_version,
};

/// Records that are written at once.
const BATCH: usize = 128;
/// Acts that are looked through for erasures that a crash has cut short. An act is durable before what it tells is done, so only the last
/// ones can be.
const LAST_ACTS: usize = 256;
/// Records that are taken up at once.
const TAKEN_AT_ONCE: usize = 512;

/// Whose requests the admissions without an end are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Open {
    /// An earlier process's: nobody will give them an end any more.
    Orphaned,
    /// This process's: each gets its outcome from whoever works on it.
    UnderWay,
}

pub(super) fn open(
    disk: Arc<dyn Disk>,
    index: impl FnOnce() -> Result<Index, StoreError>,
    options: LogOptions,
    now: Timestamp,
    left_open: Open,
) -> Result<(AuditLog, OpenReport), AuditError> {
    let found = store_version::check(disk.as_ref())?;
    // The journal comes first: a store that it refuses must stay as it is, index included.
    let LogOptions { journal, masters } = options;
    let (journal, mut recovery) = Journal::open(Arc::clone(&disk), journal)?;
    let (leaves, mark, tree_rebuilt) = open_tree(&disk, &journal, &mut recovery)?;
    let (index, _) = index()?.reconcile(&journal, LAYOUT, &mut recovery)?;
    let derived = match derive(&journal, leaves, &mark, index) {
        Ok(derived) => derived,
        // sled opens some damaged files: nothing that it says may keep the log from opening.
        Err(failed) if may_be_the_index(&failed.0) => {
            let index = failed.1.drop_all(failed.0.to_string())?;
            let (leaves, mark, _) = Leaves::open(Arc::clone(&disk))?;
            derive(&journal, leaves, &mark, index).map_err(|failed| failed.0)?
        }
        Err(failed) => return Err(failed.0),
    };
    let Derived { leaves, catalogue, head, open, held, calls } = derived;
    let checkpoints = Checkpoints::load(disk.as_ref(), &leaves)?;
    let masters = masters.map_or_else(|| load_or_create_master(disk.as_ref()), Ok)?;
    let (vault, vault_report) = Vault::open(Arc::clone(&disk), masters)?;
    let old_keys = KeyStore::new(disk);
    let (known, unsettled) = (KnownOnes::default(), None);
    let mut log = AuditLog {
        journal,
        leaves,
        catalogue,
        checkpoints,
        vault,
        old_keys,
        head,
        open,
        held,
        calls,
        known,
        unsettled,
    };
    log.note_recovery(&recovery, now)?;
    log.finish_erasures(LAST_ACTS)?;
    if found != store_version::Found::Current {
        store_version::stamp(log.leaves.disk())?;
    }
    let interrupted = match left_open {
        Open::Orphaned => log.interrupt_open(now)?,
        Open::UnderWay => Vec::new(),
    };
    let index_rebuilt = log.catalogue.dropped().map(ToOwned::to_owned);
    Ok((log, OpenReport { recovery, index_rebuilt, vault: vault_report, tree_rebuilt, interrupted }))
}

/// The tree as far as its files have it. One that knows more than the journal tells of entries that are lost.
fn open_tree(
    disk: &Arc<dyn Disk>,
    journal: &Journal,
    recovery: &mut RecoveryReport,
) -> Result<(Leaves, Mark, Option<String>), AuditError> {
    let (leaves, mark, rebuilt) = Leaves::open(Arc::clone(disk))?;
    if mark.end_seq <= journal.last_seq() + 1 {
        return if is_tree_of(&leaves, journal)? {
            Ok((leaves, mark, rebuilt))
        } else {
            Ok(leaves.drop_all("it belongs to another journal")?)
        };
    }
    let lost: RangeInclusive<u64> = journal.last_seq() + 1..=mark.end_seq - 1;
    tracing::error!(?lost, "acknowledged records are lost: the journal is shorter than its tree");
    recovery.acknowledged_lost = journal.note_lost(&lost)?;
    Ok(leaves.drop_all("the journal has become shorter")?)
}

/// Whether the tree's last leaf is what the journal has in its place.
fn is_tree_of(leaves: &Leaves, journal: &Journal) -> Result<bool, AuditError> {
    let Some(last) = leaves.size().checked_sub(1) else { return Ok(true) };
    let Some(seq) = leaves.seq_of(last)? else { return Ok(false) };
    let Ok(entry) = journal.read(seq) else { return Ok(false) };
    let Ok(record) = index::record_of(&entry) else { return Ok(false) };
    Ok(leaves.hash_of(last).is_ok_and(|hash| hash == forethought_tlog::leaf_hash(&record.leaf(&entry.payload))))
}

/// What waits for a person.
type HeldOnes = BTreeMap<RecordId, Held>;

/// Admissions without an end.
type OpenOnes = BTreeMap<RecordId, Arc<OpenAdmission>>;

/// Everything that is made from the journal.
struct Derived {
    leaves: Leaves,
    catalogue: Catalogue,
    head: Digest,
    open: OpenOnes,
    held: HeldOnes,
    calls: OpenCalls,
}

/// An error that may be the index's, with the index.
type Failed = Box<(AuditError, Index)>;

/// Takes up the journal where what is derived from it ends.
fn derive(journal: &Journal, leaves: Leaves, mark: &Mark, index: Index) -> Result<Derived, Failed> {
    let catalogue = match Catalogue::new(index) {
        Ok(catalogue) => catalogue,
        Err(failed) => return Err(Box::new((failed.0.into(), failed.1))),
    };
    let (open, held, calls) = (OpenOnes::new(), HeldOnes::new(), OpenCalls::default());
    let mut derived = Derived { leaves, catalogue, head: Digest::GENESIS, open, held, calls };
    match derived.follow(journal, mark) {
        Ok(()) => Ok(derived),
        Err(error) => Err(Box::new((error, derived.catalogue.into_index()))),
    }
}

fn may_be_the_index(error: &AuditError) -> bool {
    matches!(error, AuditError::Store(StoreError::Index { .. } | StoreError::NoEntry { .. }) | AuditError::Entry { .. })
}

impl Derived {
    fn follow(&mut self, journal: &Journal, mark: &Mark) -> Result<(), AuditError> {
        for seq in &mark.open {
            self.begin(&index::record_of(&journal.read(*seq)?)?, *seq);
        }
        for seq in &mark.held {
            self.hold(index::record_of(&journal.read(*seq)?)?, *seq);
        }
        for (seq, decided) in &mark.calls {
            self.call(&index::record_of(&journal.read(*seq)?)?, *seq, *decided);
        }
        let leaf = self.leaves.size().min(self.catalogue.indexed() * WIDTH);
        let from = self.leaves.seq_of(leaf)?.unwrap_or(mark.next_seq);
        self.take_all(journal, from, leaf, mark.next_seq)?;
        if self.catalogue.indexed() * WIDTH > self.leaves.size() {
            let what = "it knows of more records than there are".to_owned();
            return Err(StoreError::Index { location: "bundles".to_owned(), what }.into());
        }
        let last = self.leaves.size().checked_sub(1).map(|leaf| self.leaves.seq_of(leaf)).transpose()?.flatten();
        if let Some(seq) = last {
            self.head = Digest::of(&journal.read(seq)?.payload);
        }
        Ok(())
    }

    /// Takes up the entries from `from` on, the first of which is this leaf. Those before `known` change no request's state.
    fn take_all(&mut self, journal: &Journal, from: u64, leaf: u64, known: u64) -> Result<(), AuditError> {
        let mut leaf = leaf;
        let mut records: Vec<(u64, Record, Vec<u8>)> = Vec::new();
        let mut last: Option<Entry> = None;
        for entry in journal.scan(from) {
            let entry = entry?;
            if entry.kind == RECORD {
                records.push((entry.seq, index::record_of(&entry)?, entry.payload.clone()));
            }
            let enough = records.len() >= TAKEN_AT_ONCE;
            last = Some(entry);
            if enough {
                leaf = self.take(std::mem::take(&mut records), leaf, known)?;
                self.store(last.as_ref())?;
            }
        }
        self.take(records, leaf, known)?;
        self.store(last.as_ref())
    }

    fn take(&mut self, records: Vec<(u64, Record, Vec<u8>)>, first: u64, known: u64) -> Result<u64, AuditError> {
        let next = first + records.len() as u64;
        let have = usize::try_from(self.leaves.size().saturating_sub(first)).unwrap_or(usize::MAX);
        let new = records.iter().skip(have);
        self.leaves.add(new.map(|(seq, record, bytes)| (*seq, forethought_tlog::leaf_hash(&record.leaf(bytes)))));
        self.leaves.write_full()?;
        for ((seq, record, _), leaf) in records.into_iter().zip(first..) {
            if leaf >= self.catalogue.indexed() * WIDTH {
                self.catalogue.add(&Keys::of(&record));
            }
            if seq >= known {
                self.change(record, seq);
            }
        }
        Ok(next)
    }

    fn store(&mut self, last: Option<&Entry>) -> Result<(), AuditError> {
        last.map_or(Ok(()), |last| self.catalogue.try_store(IndexMark::after(last, LAYOUT)))
    }

    /// Follows requests from their beginning to their end.
    fn change(&mut self, record: Record, seq: u64) {
        if let Some(admission) = record.ends() {
            self.open.remove(admission);
            for call in self.calls.end(admission) {
                self.held.remove(&call);
            }
        }
        match &record.body {
            Body::Admission(_) => self.begin(&record, seq),
            Body::Review(review) => self.decide(review),
            Body::Outcome(_) => self.hold(record, seq),
            Body::ToolCall(_) => self.call(&record, seq, None),
            Body::ToolResult(result) => {
                self.calls.remove(&result.admission, &result.call);
                self.held.remove(&result.call);
            }
            _ => {}
        }
    }

    fn decide(&mut self, review: &Review) {
        self.held.remove(review.call.as_ref().unwrap_or(&review.admission));
        if let Some(call) = &review.call {
            self.calls.decide(&review.admission, call, review.decision);
        }
    }

    /// A call of a tool, of a request that is under way, and what was decided on it since.
    fn call(&mut self, record: &Record, seq: u64, decided: Option<ReviewDecision>) {
        let Body::ToolCall(call) = &record.body else { return };
        if !self.open.contains_key(&call.admission) {
            return;
        }
        let (id, state) = (record.record_id.clone(), OpenCall { seq, decision: call.decision, decided });
        if let Some(until) = call.until.filter(|_| state.waits()) {
            let held = Held {
                request_id: call.request_id.clone(),
                tenant: call.tenant.clone(),
                since: record.time,
                review: ReviewAsked { until, because: call.because.clone() },
                admission: call.admission.clone(),
                call: Some(HeldCall::of_record(id.clone(), call)),
                seq,
                key: None,
            };
            self.held.insert(id.clone(), held);
        }
        self.calls.insert(call.admission.clone(), id, state);
    }

    fn begin(&mut self, record: &Record, seq: u64) {
        if let Body::Admission(admission) = &record.body {
            let (request_id, tenant) = (admission.request_id.clone(), admission.tenant.clone());
            let open = OpenAdmission { request_id, tenant, time: record.time, seq, key: None };
            self.open.insert(record.record_id.clone(), Arc::new(open));
        }
    }

    fn hold(&mut self, record: Record, seq: u64) {
        let (Body::Outcome(outcome), since) = (record.body, record.time) else { return };
        let Outcome { admission, request_id, tenant, review: Some(review), .. } = outcome else { return };
        let held = Held { request_id, tenant, since, review, admission: admission.clone(), call: None, seq, key: None };
        self.held.insert(admission, held);
    }
}

fn cut_of(tail: &forethought_store::TailCut) -> TailCut {
    TailCut {
        segment: Some(tail.segment.clone()),
        offset: tail.offset,
        bytes: tail.bytes,
        kept_as: tail.kept_as.clone(),
        what: tail.what.clone(),
        acknowledged_lost: None,
    }
}

impl AuditLog {
    /// Appends a record of everything that recovery had to do, here or in an opening that failed, if anything.
    fn note_recovery(&mut self, recovery: &RecoveryReport, now: Timestamp) -> Result<(), AuditError> {
        let lost =
            recovery.acknowledged_lost.as_ref().map(|lost| LostRange { first: *lost.start(), last: *lost.end() });
        let mut found: Vec<TailCut> = recovery.earlier.iter().chain(&recovery.tail).map(cut_of).collect();
        match found.last_mut() {
            Some(newest) => newest.acknowledged_lost = lost,
            None if lost.is_some() => found.push(TailCut {
                segment: None,
                offset: 0,
                bytes: 0,
                kept_as: None,
                what: "the journal is shorter than it was".to_owned(),
                acknowledged_lost: lost,
            }),
            None => return Ok(()),
        }
        self.write_bodies(found.into_iter().map(Body::TailCut).collect(), OpenChanges::default(), now)?;
        if let Err(error) = self.journal.recovery_recorded() {
            tracing::warn!(%error, "the next start records once more what recovery has done");
        }
        Ok(())
    }

    /// Gives every open admission its end.
    fn interrupt_open(&mut self, now: Timestamp) -> Result<Vec<RecordId>, AuditError> {
        let all: Vec<(RecordId, Arc<OpenAdmission>)> =
            self.open.iter().map(|(id, admission)| (id.clone(), Arc::clone(admission))).collect();
        for batch in all.chunks(BATCH) {
            let body = |(id, admission): &(RecordId, Arc<OpenAdmission>)| {
                Body::Interrupted(Interrupted {
                    admission: id.clone(),
                    request_id: admission.request_id.clone(),
                    tenant: admission.tenant.clone(),
                    reason: "the process ended before the outcome was durable".to_owned(),
                })
            };
            let ended = batch.iter().map(|(id, _)| id.clone()).collect();
            let changes = OpenChanges { ended, ..OpenChanges::default() };
            self.write_bodies(batch.iter().map(body).collect(), changes, now)?;
        }
        if !all.is_empty() {
            tracing::warn!(count = all.len(), "admissions without an outcome were closed as interrupted");
        }
        Ok(all.into_iter().map(|(id, _)| id).collect())
    }

    /// Appends records of the log's own, which have no contents.
    fn write_bodies(&mut self, bodies: Vec<Body>, open: OpenChanges, time: Timestamp) -> Result<(), AuditError> {
        let prepare = |body| Prepared::bare(RecordId::generate(), time, body).map(|one| Turn::Now(Box::new(one)));
        self.write(&bodies.into_iter().map(prepare).collect::<Result<Vec<_>, AuditError>>()?, open)?;
        self.settle();
        Ok(())
    }
}
