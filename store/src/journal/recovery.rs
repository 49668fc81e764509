//! Opening: everything is read and checked, and only then is an unacknowledged end cut back.

use std::{collections::BTreeMap, sync::Arc};

use super::{
    Journal, JournalOptions, OpenCheck, RecoveryReport, TailCut,
    format::{self, HEAD_BYTES, HEADER_BYTES, Header, MAX_ENTRY_BYTES},
    outline,
    pending::{Pending, remove_if_there},
    reader::{Damage, SegmentReader, Step, check_contiguous, check_header},
    segments::{self, Segment, segment_name},
};
use crate::{Disk, StoreError};

/// What reading found, before anything is changed.
pub(super) struct Found {
    pub(super) segments: BTreeMap<u64, Segment>,
    pub(super) next_seq: u64,
    tail: Option<TailCut>,
    /// Where the last whole batch begins in the last segment; 0 when it has none.
    last_batch: u64,
}

pub(super) fn open(disk: Arc<dyn Disk>, options: JournalOptions) -> Result<(Journal, RecoveryReport), StoreError> {
    let Found { mut segments, next_seq, tail, last_batch } =
        examine(disk.as_ref(), &segments::list(disk.as_ref())?, options.check)?;
    for ((first, segment), next) in segments.iter().zip(segments.keys().skip(1)) {
        outline::store_missing(disk.as_ref(), *first, next - 1, segment);
    }
    let mut pending = Pending::load(disk.as_ref())?;
    let tail = tail.map(|tail| cut(disk.as_ref(), tail, &mut pending)).transpose()?;
    let earlier = pending.cuts.len() - usize::from(tail.is_some());
    pending.cuts.truncate(earlier);
    if segments.is_empty() {
        segments.insert(next_seq, create_segment(disk.as_ref(), next_seq)?);
    }
    if let Some((_, last)) = segments.last_key_value() {
        write_again(disk.as_ref(), last, last_batch)?;
    }
    disk.sync_dir("").map_err(|source| StoreError::io("sync", disk.location(), source))?;
    let report = RecoveryReport {
        segments: segments.len(),
        entries: next_seq - 1,
        last_seq: next_seq - 1,
        tail,
        earlier: pending.cuts,
        acknowledged_lost: pending.acknowledged_lost,
    };
    if let Some(tail) = &report.tail {
        tracing::warn!(?tail, "the journal's end was not a whole batch and was cut back");
    }
    Ok((Journal { disk, options, segments, next_seq, refusing: None }, report))
}

/// Writes the last batch again, or the header when there is none, and makes it durable.
///
/// What a killed process wrote is readable without being durable, and after a failed sync it stays so: the kernel takes
/// it for written. All before the last batch was durable when that was written. Writing the same bytes in their place
/// risks no more than an append, which also writes the block before it again.
fn write_again(disk: &dyn Disk, last: &Segment, from: u64) -> Result<(), StoreError> {
    let name = &*last.name;
    let len = usize::try_from(last.len - from).unwrap_or(usize::MAX);
    let bytes = disk.read(name, from, len).map_err(|source| StoreError::io("read", name, source))?;
    disk.overwrite(name, from, &bytes).map_err(|source| StoreError::io("write again", name, source))?;
    disk.sync_file(name).map_err(|source| StoreError::io("sync", name, source))
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
pub(super) fn examine(disk: &dyn Disk, firsts: &[u64], check: OpenCheck) -> Result<Found, StoreError> {
    refuse_newer(disk, firsts)?;
    let mut found = Found { segments: BTreeMap::new(), next_seq: 1, tail: None, last_batch: 0 };
    for (index, first) in firsts.iter().copied().enumerate() {
        let name = segment_name(first);
        check_contiguous(&name, first, found.next_seq)?;
        if let (OpenCheck::LastSegment, Some(next)) = (check, firsts.get(index + 1))
            && let Some(segment) = outline::load(disk, name.into(), first, *next)
        {
            let mut reader = SegmentReader::new(disk, Arc::clone(&segment.name), 0, first);
            check_header(&mut reader, first)?;
            found.segments.insert(first, segment);
            found.next_seq = *next;
            continue;
        }
        examine_segment(disk, first, index + 1 == firsts.len(), &mut found)?;
    }
    examine_new_last(disk, firsts, check, &mut found)?;
    Ok(found)
}

/// Reads the last segment that is left where the last file of all never came to be one.
fn examine_new_last(disk: &dyn Disk, firsts: &[u64], check: OpenCheck, found: &mut Found) -> Result<(), StoreError> {
    let last = found.segments.last_key_value().map(|(first, _)| *first);
    match last {
        Some(last) if check == OpenCheck::LastSegment && firsts.last() != Some(&last) => {
            examine_segment(disk, last, false, found)
        }
        _ => Ok(()),
    }
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
        let damage = Damage { offset: 0, batch: 0, what, torn: true };
        match as_tail(disk, &reader, damage, first) {
            Ok(tail) => {
                found.tail = Some(tail);
                return Ok(());
            }
            // Another process may have finished the header, and begun the first batch, since it was read.
            Err(error) => {
                reader.refresh();
                if matches!(reader.header()?, Header::Damaged(_)) {
                    return Err(error);
                }
            }
        }
    }
    check_header(&mut reader, first)?;
    found.last_batch = 0;
    let mut segment = Segment::new(first, reader.at);
    let (mut batch, mut batch_seq) = (reader.at, first);
    let mut looked_again_at = None;
    loop {
        match reader.step()? {
            Step::Entry(entry) if entry.ends_batch => {
                segment.note(batch_seq, batch);
                found.last_batch = batch;
                (batch, batch_seq) = (reader.at, reader.next_seq);
                segment.len = reader.at;
            }
            Step::Entry(_) => {}
            Step::End => break,
            Step::Damage(damage) if is_last && damage.torn => match as_tail(disk, &reader, damage, reader.next_seq + 1)
            {
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

/// Cuts an end back after its bytes are safe in a side file and the cut is noted.
fn cut(disk: &dyn Disk, mut tail: TailCut, pending: &mut Pending) -> Result<TailCut, StoreError> {
    let name = tail.segment.clone();
    let failed = |action| {
        let name = name.clone();
        move |source| StoreError::io(action, name, source)
    };
    if tail.bytes > 0 {
        let len = usize::try_from(tail.bytes).unwrap_or(usize::MAX);
        let bytes = disk.read(&name, tail.offset, len).map_err(failed("read"))?;
        // The power may have gone after this very cut was noted.
        if let Some(noted) = pending.cuts.pop_if(|noted| is_same(disk, noted, &tail, &bytes)) {
            tail = noted;
        } else {
            tail.kept_as = Some(keep(disk, &name, tail.offset, &bytes)?);
        }
    }
    pending.cuts.push(tail.clone());
    if let Err(error) = pending.store(disk) {
        let noted = Pending::load(disk).is_ok_and(|noted| noted.cuts.contains(&tail));
        if let Some(side) = tail.kept_as.filter(|_| !noted) {
            discard(disk, &side);
        }
        return Err(error);
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

/// Whether the cut that is noted is this one, of these bytes.
fn is_same(disk: &dyn Disk, noted: &TailCut, tail: &TailCut, bytes: &[u8]) -> bool {
    let kept = noted.kept_as.as_deref().and_then(|kept| disk.read(kept, 0, bytes.len() + 1).ok());
    (&noted.segment, noted.offset, noted.bytes) == (&tail.segment, tail.offset, tail.bytes)
        && kept.is_some_and(|kept| kept == bytes)
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
    let kept =
        disk.append(&side, bytes).and_then(|()| disk.sync_file(&side)).and_then(|()| disk.sync_dir("")).map_err(failed);
    if kept.is_err() {
        discard(disk, &side);
    }
    kept.map(|()| side)
}

/// Removes a side file that nothing refers to.
fn discard(disk: &dyn Disk, side: &str) {
    if let Err(error) = remove_if_there(disk, side).and_then(|()| disk.sync_dir("")) {
        tracing::warn!(%error, side, "cannot remove a side file that is not needed");
    }
}
