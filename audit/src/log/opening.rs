//! Opening the log: recover, index, and give every admission its end.

use std::{collections::BTreeMap, sync::Arc};

use forethought_schemas::RecordId;
use forethought_store::{Disk, Index, IndexMark, Journal, JournalOptions, RecoveryReport, StoreError};
use jiff::Timestamp;

use super::{AuditLog, Held, OpenAdmission, OpenChanges, OpenReport, Prepared};
use crate::{
    AuditError, Body, Digest, Interrupted, KeyStore, LostRange, Outcome, Record, TailCut,
    index::{self, CHAIN, HELD, LAST, LAYOUT, OPEN, USAGE, seq_at, seq_of},
    record::VERSION,
};

/// Records that are written at once.
const BATCH: usize = 128;
/// Entries that are indexed at once.
const INDEX_BATCH: usize = 512;

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
    options: JournalOptions,
    now: Timestamp,
    left_open: Open,
) -> Result<(AuditLog, OpenReport), AuditError> {
    // The journal comes first: a store that it refuses must stay as it is, index included.
    let (journal, mut recovery) = Journal::open(Arc::clone(&disk), options)?;
    let (mut index, from) = index()?.reconcile(&journal, LAYOUT, &mut recovery)?;
    let (last, open, waiting) = match derive(&journal, &index, from) {
        // sled opens some damaged files: nothing that it says may keep the log from opening.
        Err(error) if may_be_the_index(&error) => {
            index = index.drop_all(error.to_string())?;
            derive(&journal, &index, 1)
        }
        derived => derived,
    }?;
    let mut log =
        AuditLog { journal, index, keys: KeyStore::new(disk), head: last, open, held: waiting, index_behind: false };
    log.note_recovery(&recovery, now)?;
    let interrupted = match left_open {
        Open::Orphaned => log.interrupt_open(now)?,
        Open::UnderWay => Vec::new(),
    };
    let index_rebuilt = log.index.dropped().map(ToOwned::to_owned);
    Ok((log, OpenReport { recovery, index_rebuilt, interrupted }))
}

/// Answers that wait for a person.
type HeldOnes = BTreeMap<RecordId, Held>;

/// Admissions without an end.
type OpenOnes = BTreeMap<RecordId, OpenAdmission>;

/// Indexes the entries from `from` on, and gives the head and the open admissions.
fn derive(journal: &Journal, index: &Index, from: u64) -> Result<(Digest, OpenOnes, HeldOnes), AuditError> {
    catch_up(journal, index, from)?;
    let head = match seq_at(index, CHAIN, LAST)? {
        Some(seq) => Digest::of(&journal.read(seq)?.payload),
        None => Digest::GENESIS,
    };
    // What cannot be read is built anew with the rest.
    for found in index.range(USAGE, &[], &[0xff; 17])? {
        index::usage_of(&found?)?;
    }
    Ok((head, find_open(journal, index)?, find_held(journal, index)?))
}

fn may_be_the_index(error: &AuditError) -> bool {
    matches!(error, AuditError::Store(StoreError::Index { .. } | StoreError::NoEntry { .. }) | AuditError::Entry { .. })
}

/// The admissions that have no end.
fn find_open(journal: &Journal, index: &Index) -> Result<OpenOnes, AuditError> {
    let mut open = BTreeMap::new();
    // Ids are text: none begins with this byte.
    for found in index.range(OPEN, &[], &[0xff])? {
        let (_, value) = found?;
        let Some(seq) = seq_of(&value) else { continue };
        let entry = journal.read(seq)?;
        let record = index::record_of(&entry)?;
        let Body::Admission(admission) = record.body else {
            let what = "the index takes it for an admission".to_owned();
            return Err(StoreError::Index { location: format!("entry {seq}"), what }.into());
        };
        let value = OpenAdmission { request_id: admission.request_id, tenant: admission.tenant, time: record.time };
        open.insert(record.record_id, value);
    }
    Ok(open)
}

/// The answers that wait for a person.
fn find_held(journal: &Journal, index: &Index) -> Result<HeldOnes, AuditError> {
    let mut held = BTreeMap::new();
    for found in index.range(HELD, &[], &[0xff])? {
        let (_, value) = found?;
        let Some(seq) = seq_of(&value) else { continue };
        let record = index::record_of(&journal.read(seq)?)?;
        let (Body::Outcome(outcome), since) = (record.body, record.time) else {
            let what = "the index takes it for an answer that is held".to_owned();
            return Err(StoreError::Index { location: format!("entry {seq}"), what }.into());
        };
        let Outcome { admission, request_id, tenant, review: Some(review), .. } = outcome else { continue };
        held.insert(admission, Held { request_id, tenant, since, review });
    }
    Ok(held)
}

/// Indexes the entries that the index lacks.
pub(super) fn follow(journal: &Journal, index: &Index) -> Result<(), AuditError> {
    let from = index.mark()?.map_or(1, |mark| mark.seq + 1);
    catch_up(journal, index, from)
}

/// Indexes the entries from `from` on.
fn catch_up(journal: &Journal, index: &Index, from: u64) -> Result<(), AuditError> {
    let mut writes = Vec::new();
    let mut mark = None;
    for (count, entry) in journal.scan(from).enumerate() {
        let entry = entry?;
        writes.extend(index::writes_of(&entry)?);
        mark = Some(IndexMark::after(&entry, LAYOUT));
        if (count + 1) % INDEX_BATCH == 0
            && let Some(mark) = mark.take()
        {
            index.apply(&writes, mark)?;
            writes.clear();
        }
    }
    if let Some(mark) = mark {
        index.apply(&writes, mark)?;
    }
    Ok(())
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
        let all: Vec<(RecordId, OpenAdmission)> =
            self.open.iter().map(|(id, admission)| (id.clone(), admission.clone())).collect();
        for batch in all.chunks(BATCH) {
            let body = |(id, admission): &(RecordId, OpenAdmission)| {
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
        let mut prev = self.head;
        let mut prepared = Vec::with_capacity(bodies.len());
        for body in bodies {
            let record_id = RecordId::generate();
            let record = Record { v: VERSION, record_id, time, prev, body, contents: Vec::new() };
            let next = Prepared::new(record, Vec::new())?;
            prev = next.hash;
            prepared.push(next);
        }
        self.write(prepared, open)?;
        Ok(())
    }
}
