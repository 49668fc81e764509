//! Opening: everything is read and checked, and only then is an unacknowledged end cut back.

use std::{collections::BTreeMap, sync::Arc};

use super::{
    Journal, JournalOptions, RecoveryReport, TailCut,
    format::{self, HEAD_BYTES, HEADER_BYTES, Header, MAX_ENTRY_BYTES},
    reader::{Damage, SegmentReader, Step, check_contiguous, check_header},
    segments::{self, Segment, segment_name},
};
use crate::{Disk, StoreError};

/// What reading found, before anything is changed.
pub(super) struct Found {
    pub(super) segments: BTreeMap<u64, Segment>,
    pub(super) next_seq: u64,
    tail: Option<TailCut>,
}

pub(super) fn open(disk: Arc<dyn Disk>, options: JournalOptions) -> Result<(Journal, RecoveryReport), StoreError> {
    let Found { mut segments, next_seq, tail } = examine(disk.as_ref(), &segments::list(disk.as_ref())?)?;
    let tail = tail.map(|tail| cut(disk.as_ref(), tail)).transpose()?;
    if segments.is_empty() {
        segments.insert(next_seq, create_segment(disk.as_ref(), next_seq)?);
    }
    let last = segments.last_key_value().map(|(_, last)| Arc::clone(&last.name)).unwrap_or_default();
    // What a killed process wrote is readable without being durable.
    disk.sync_file(&last).map_err(|source| StoreError::io("sync", &*last, source))?;
    disk.sync_dir("").map_err(|source| StoreError::io("sync", disk.location(), source))?;
    let report = RecoveryReport {
        segments: segments.len(),
        entries: next_seq - 1,
        last_seq: next_seq - 1,
        tail,
        acknowledged_lost: None,
    };
    if let Some(tail) = &report.tail {
        tracing::warn!(?tail, "the journal's end was not a whole batch and was cut back");
    }
    Ok((Journal { disk, options, segments, next_seq, refusing: None }, report))
}

/// Makes an empty segment, durable with its name.
pub(super) fn create_segment(disk: &dyn Disk, first_seq: u64) -> Result<Segment, StoreError> {
    let segment = Segment::new(first_seq, HEADER_BYTES as u64);
    let name = &*segment.name;
    disk.create(name).map_err(|source| StoreError::io("create", name, source))?;
    let written = disk.append(name, &format::encode_header(first_seq));
    written.map_err(|source| StoreError::io("append to", name, source))?;
    disk.sync_file(name).map_err(|source| StoreError::io("sync", name, source))?;
    disk.sync_dir("").map_err(|source| StoreError::io("sync", disk.location(), source))?;
    Ok(segment)
}

/// Reads everything and changes nothing.
pub(super) fn examine(disk: &dyn Disk, firsts: &[u64]) -> Result<Found, StoreError> {
    refuse_newer(disk, firsts)?;
    let mut found = Found { segments: BTreeMap::new(), next_seq: 1, tail: None };
    for (index, first) in firsts.iter().copied().enumerate() {
        let name = segment_name(first);
        check_contiguous(&name, first, found.next_seq)?;
        examine_segment(disk, first, index + 1 == firsts.len(), &mut found)?;
    }
    Ok(found)
}

/// Looks at every header before anything else, so that a newer store is called newer and not damaged.
fn refuse_newer(disk: &dyn Disk, firsts: &[u64]) -> Result<(), StoreError> {
    for first in firsts {
        let mut reader = SegmentReader::new(disk, segment_name(*first).into(), 0, *first);
        if let Err(error @ StoreError::NewerVersion { .. }) = check_header(&mut reader, *first) {
            return Err(error);
        }
    }
    Ok(())
}

fn examine_segment(disk: &dyn Disk, first: u64, is_last: bool, found: &mut Found) -> Result<(), StoreError> {
    let mut reader = SegmentReader::new(disk, segment_name(first).into(), 0, first);
    if is_last && let Header::Damaged(what) = reader.header()? {
        // The header is durable before the first entry is written: with an entry behind it, it was whole once.
        let damage = Damage { offset: 0, batch: 0, what };
        found.tail = Some(as_tail(disk, &reader, damage, first)?);
        return Ok(());
    }
    check_header(&mut reader, first)?;
    let mut segment = Segment::new(first, reader.at);
    let (mut batch, mut batch_seq) = (reader.at, first);
    let mut looked_again_at = None;
    loop {
        match reader.step()? {
            Step::Entry(entry) if entry.ends_batch => {
                segment.note(batch_seq, batch);
                (batch, batch_seq) = (reader.at, reader.next_seq);
                segment.len = reader.at;
            }
            Step::Entry(_) => {}
            Step::End => break,
            Step::Damage(damage) if is_last => match as_tail(disk, &reader, damage, reader.next_seq + 1) {
                Ok(tail) => {
                    found.tail = Some(tail);
                    break;
                }
                // Another process may have finished this batch, and begun the next, since its bytes were read.
                Err(StoreError::Damaged { .. }) if looked_again_at != Some(reader.at) => {
                    looked_again_at = Some(reader.at);
                    reader.refresh();
                }
                Err(error) => return Err(error),
            },
            Step::Damage(damage) => return Err(damaged(&reader, damage)),
        }
    }
    found.next_seq = batch_seq;
    found.segments.insert(first, segment);
    Ok(())
}

/// The damage as an end to cut back, unless a batch with a seq from `later` on begins behind it.
fn as_tail(disk: &dyn Disk, reader: &SegmentReader<'_>, damage: Damage, later: u64) -> Result<TailCut, StoreError> {
    let name = &*reader.name;
    let read_failed = |source| StoreError::io("read", name, source);
    let size = disk.size(name).map_err(read_failed)?;
    let rest = usize::try_from(size.saturating_sub(damage.offset)).unwrap_or(usize::MAX);
    let rest = disk.read(name, damage.offset, rest).map_err(read_failed)?;
    if later_batch_begins(&rest, later) {
        return Err(damaged(reader, damage));
    }
    let bytes = size.saturating_sub(damage.batch);
    Ok(TailCut { segment: name.to_owned(), offset: damage.batch, bytes, kept_as: None, what: damage.what })
}

/// Whether a whole entry that begins a batch, with a seq from `later` on, stands anywhere in `bytes`.
fn later_batch_begins(bytes: &[u8], later: u64) -> bool {
    // No more entries than bytes can lie between.
    let until = later.saturating_add(bytes.len() as u64);
    (1..bytes.len()).any(|at| {
        let candidate = bytes.get(at..).unwrap_or_default();
        format::decode_head(candidate).is_some_and(|head| {
            head.first
                && (later..until).contains(&head.seq)
                && head.len <= MAX_ENTRY_BYTES
                && candidate.get(..HEAD_BYTES + head.len).is_some_and(|entry| head.matches(entry))
        })
    })
}

fn damaged(reader: &SegmentReader<'_>, damage: Damage) -> StoreError {
    let segment = reader.name.to_string();
    StoreError::Damaged { segment, offset: damage.offset, seq: reader.next_seq, what: damage.what }
}

/// Cuts an end back after its bytes are safe in a side file.
fn cut(disk: &dyn Disk, mut tail: TailCut) -> Result<TailCut, StoreError> {
    let name = tail.segment.clone();
    let failed = |action| {
        let name = name.clone();
        move |source| StoreError::io(action, name, source)
    };
    if tail.bytes > 0 {
        let len = usize::try_from(tail.bytes).unwrap_or(usize::MAX);
        let bytes = disk.read(&name, tail.offset, len).map_err(failed("read"))?;
        tail.kept_as = Some(keep(disk, &name, tail.offset, &bytes)?);
    }
    if tail.offset == 0 {
        disk.remove(&name).map_err(failed("remove"))?;
        disk.sync_dir("").map_err(failed("remove"))?;
    } else {
        disk.truncate(&name, tail.offset).map_err(failed("cut back"))?;
        disk.sync_file(&name).map_err(failed("sync"))?;
    }
    Ok(tail)
}

/// Writes the bytes to a new side file, durably, and says its name.
fn keep(disk: &dyn Disk, segment: &str, offset: u64, bytes: &[u8]) -> Result<String, StoreError> {
    let names = disk.list("").map_err(|source| StoreError::io("list", disk.location(), source))?;
    // A power cut while this was done before may have left such a file.
    let turns = names.len();
    let side = (0..=turns)
        .map(|turn| format!("{segment}.{offset}.{turn}.damaged"))
        .find(|name| !names.contains(name))
        .unwrap_or_default();
    let failed = |source| StoreError::io("keep damaged bytes in", &side, source);
    disk.create(&side).map_err(failed)?;
    disk.append(&side, bytes).map_err(failed)?;
    disk.sync_file(&side).map_err(failed)?;
    disk.sync_dir("").map_err(failed)?;
    Ok(side)
}
