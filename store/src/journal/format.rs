//! The bytes of headers and entries.

use crate::StoreError;

/// The newest format version that is written and read.
pub(super) const VERSION: u32 = 1;
pub(super) const HEADER_BYTES: usize = 24;
/// Bytes of an entry before its payload.
pub(super) const HEAD_BYTES: usize = 17;
/// The largest payload that the format allows, in bytes.
pub const MAX_ENTRY_BYTES: usize = 64 << 20;
/// The largest entry kind.
pub const MAX_KIND: u8 = 0b0011_1111;

const MAGIC: &[u8; 8] = b"FTJRNL\r\n";
const FIRST: u8 = 0b1000_0000;
const LAST: u8 = 0b0100_0000;

/// What a header says.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Header {
    /// The segment's first seq.
    Good(u64),
    /// A version that only a later program knows.
    Newer(u32),
    /// What is wrong with it.
    Damaged(String),
}

/// An entry's bytes before its payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) len: usize,
    pub(super) kind: u8,
    /// Whether it begins a batch.
    pub(super) first: bool,
    /// Whether it ends a batch.
    pub(super) last: bool,
    pub(super) seq: u64,
    crc: u32,
}

pub(super) fn encode_header(first_seq: u64) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(HEADER_BYTES);
    bytes.extend_from_slice(MAGIC);
    bytes.extend_from_slice(&VERSION.to_le_bytes());
    bytes.extend_from_slice(&first_seq.to_le_bytes());
    bytes.extend_from_slice(&crc32fast::hash(&bytes).to_le_bytes());
    bytes
}

pub(super) fn decode_header(bytes: &[u8]) -> Header {
    let damaged = |what: &str| Header::Damaged(what.to_owned());
    let Some((header, _)) = bytes.split_first_chunk::<HEADER_BYTES>() else {
        return damaged("the header is incomplete");
    };
    if !header.starts_with(MAGIC) {
        return damaged("the file does not begin as a journal segment does");
    }
    let (Some(version), Some(first_seq), Some(crc)) = (u32_at(header, 8), u64_at(header, 12), u32_at(header, 20))
    else {
        return damaged("the header is incomplete");
    };
    if header.get(..20).map(crc32fast::hash) != Some(crc) {
        return damaged("the header's checksum does not match");
    }
    match version {
        VERSION => Header::Good(first_seq),
        0 => damaged("there is no format version 0"),
        newer => Header::Newer(newer),
    }
}

/// A batch as it is written, its first entry numbered `first_seq`.
pub(super) fn encode_batch(
    entries: &[(u8, &[u8])],
    first_seq: u64,
    max_entry_bytes: usize,
) -> Result<Vec<u8>, StoreError> {
    let max = max_entry_bytes.min(MAX_ENTRY_BYTES);
    let mut bytes = Vec::with_capacity(entries.iter().map(|(_, payload)| HEAD_BYTES + payload.len()).sum());
    for ((index, (kind, payload)), seq) in entries.iter().enumerate().zip(first_seq..) {
        if *kind > MAX_KIND {
            return Err(StoreError::Kind { kind: *kind });
        }
        let too_large = || StoreError::EntryTooLarge { size: payload.len(), max };
        if payload.len() > max {
            return Err(too_large());
        }
        let len = u32::try_from(payload.len()).map_err(|_| too_large())?;
        let first = if index == 0 { FIRST } else { 0 };
        let last = if index + 1 == entries.len() { LAST } else { 0 };
        let mut head = Vec::with_capacity(HEAD_BYTES);
        head.extend_from_slice(&len.to_le_bytes());
        head.push(kind | first | last);
        head.extend_from_slice(&seq.to_le_bytes());
        head.extend_from_slice(&checksum(&head, payload).to_le_bytes());
        bytes.extend_from_slice(&head);
        bytes.extend_from_slice(payload);
    }
    Ok(bytes)
}

/// The head at the beginning of `bytes`; none when there are too few.
pub(super) fn decode_head(bytes: &[u8]) -> Option<Head> {
    let len = usize::try_from(u32_at(bytes, 0)?).ok()?;
    let kind = *bytes.get(4)?;
    let (seq, crc) = (u64_at(bytes, 5)?, u32_at(bytes, 13)?);
    Some(Head { len, kind: kind & MAX_KIND, first: kind & FIRST != 0, last: kind & LAST != 0, seq, crc })
}

impl Head {
    /// Whether the checksum matches `entry`, which begins with this head and ends with its payload.
    pub(super) fn matches(&self, entry: &[u8]) -> bool {
        let (Some(head), Some(payload)) = (entry.get(..13), entry.get(HEAD_BYTES..)) else { return false };
        payload.len() == self.len && checksum(head, payload) == self.crc
    }
}

fn checksum(head: &[u8], payload: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(head);
    hasher.update(payload);
    hasher.finalize()
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}
