//! What a segment that takes no more entries holds, in outline, in a file beside it: so that opening need not read it all.
//!
//! ```text
//! magic "FTJRNLO\n" | version u32 | first seq u64 | last seq u64 | length u64 | count u32 | count times (seq u64, offset u64) | crc32
//! ```
//!
//! Numbers are little-endian. It is made from the segment alone: one that is missing, damaged or does not fit the segment's length
//! has the segment read through, and is written anew. It is synced only so that the disk need not keep it open.

use std::sync::Arc;

use super::{pending::remove_if_there, segments::Segment};
use crate::Disk;

const MAGIC: &[u8; 8] = b"FTJRNLO\n";
const VERSION: u32 = 1;
const HEAD: usize = 40;
const CRC: usize = 4;
const MARK: usize = 16;
/// An outline of the largest segment with the smallest batches is below this.
const MAX_BYTES: usize = 64 << 20;

fn outline_name(segment: &str) -> String {
    format!("{segment}.outline")
}

/// Writes a segment's outline, whose last entry is `last`. Failing is no fault of the journal's.
pub(super) fn store(disk: &dyn Disk, first: u64, last: u64, segment: &Segment) {
    let name = outline_name(&segment.name);
    let written = remove_if_there(disk, &name)
        .and_then(|()| disk.create(&name))
        .and_then(|()| disk.append(&name, &encode(first, last, segment)))
        .and_then(|()| disk.sync_file(&name));
    if let Err(error) = written {
        tracing::warn!(%error, segment = %segment.name, "cannot write a segment's outline: the next start reads it through");
        if let Err(error) = remove_if_there(disk, &name) {
            tracing::warn!(%error, name, "cannot remove an outline that is not whole");
        }
    }
}

/// Writes the outline of a segment that has none that fits it.
pub(super) fn store_missing(disk: &dyn Disk, first: u64, last: u64, segment: &Segment) {
    if load(disk, Arc::clone(&segment.name), first, last + 1).is_none() {
        store(disk, first, last, segment);
    }
}

/// A closed segment as its outline has it, if that fits the segment's file and the entry that must follow it.
pub(super) fn load(disk: &dyn Disk, name: Arc<str>, first: u64, next: u64) -> Option<Segment> {
    let bytes = disk.read(&outline_name(&name), 0, MAX_BYTES).ok()?;
    let (last, len, marks) = decode(&bytes, first)?;
    (last + 1 == next && disk.size(&name).ok()? == len).then(|| Segment::closed(name, len, marks))
}

fn encode(first: u64, last: u64, segment: &Segment) -> Vec<u8> {
    let marks = segment.marks();
    let mut bytes = Vec::with_capacity(HEAD + marks.len() * MARK + CRC);
    bytes.extend_from_slice(MAGIC);
    bytes.extend_from_slice(&VERSION.to_le_bytes());
    for number in [first, last, segment.len] {
        bytes.extend_from_slice(&number.to_le_bytes());
    }
    bytes.extend_from_slice(&u32::try_from(marks.len()).unwrap_or(u32::MAX).to_le_bytes());
    for (seq, offset) in marks {
        bytes.extend_from_slice(&seq.to_le_bytes());
        bytes.extend_from_slice(&offset.to_le_bytes());
    }
    bytes.extend_from_slice(&crc32fast::hash(&bytes).to_le_bytes());
    bytes
}

/// Beginnings of batches, as (seq, offset).
type Marks = Vec<(u64, u64)>;

/// The last seq, the length and the marks of the segment that begins with `first`.
fn decode(bytes: &[u8], first: u64) -> Option<(u64, u64, Marks)> {
    let (body, crc) = bytes.split_last_chunk::<CRC>()?;
    if crc32fast::hash(body) != u32::from_le_bytes(*crc) {
        return None;
    }
    let (head, marks) = body.split_at_checked(HEAD)?;
    let number = |at: usize| Some(u64::from_le_bytes(*head.get(at..)?.first_chunk()?));
    let known = head.starts_with(MAGIC) && head.get(8..12)? == VERSION.to_le_bytes() && number(12)? == first;
    let count = u32::from_le_bytes(*head.get(36..)?.first_chunk()?);
    if !known || marks.len() != usize::try_from(count).ok()? * MARK {
        return None;
    }
    let pair = |mark: &[u8]| {
        let (seq, offset) = mark.split_first_chunk::<8>()?;
        Some((u64::from_le_bytes(*seq), u64::from_le_bytes(*offset.first_chunk()?)))
    };
    Some((number(20)?, number(28)?, marks.chunks_exact(MARK).map(pair).collect::<Option<_>>()?))
}
