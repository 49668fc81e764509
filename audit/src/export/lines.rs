//! The lines of `records.jsonl`.
//!
//! ```text
//! {"leaf":7,"leaf_hash":"<64 hexadecimal digits>","record":<canonical bytes>}
//! {"leaf":8,"leaf_hash":"<64 hexadecimal digits>","stub":<what stands in the tree>,"record":<canonical bytes>}
//! ```
//!
//! A line has one spelling, so that it can be made again of what is in the tree.

use std::io::{self, BufRead, Read};

use forethought_store::MAX_ENTRY_BYTES;
use forethought_tlog::leaf_hash;

use crate::{Record, index::parse_record};

/// The longest line, in bytes: the largest record, and what stands around it.
const MAX_LINE: u64 = MAX_ENTRY_BYTES as u64 + 4096;
const RECORD: &[u8] = br#""record":"#;

/// The line of a record, with its newline; none for one that does not stand on one line.
pub(super) fn line(leaf: u64, entry: &[u8], record: &[u8]) -> Option<Vec<u8>> {
    let stub = if entry == record { None } else { Some(entry) };
    if record.contains(&b'\n') {
        return None;
    }
    let mut line = format!(r#"{{"leaf":{leaf},"leaf_hash":"{}","#, leaf_hash(entry).hex()).into_bytes();
    if let Some(stub) = stub {
        line.extend_from_slice(br#""stub":"#);
        line.extend_from_slice(stub);
        line.push(b',');
    }
    line.extend_from_slice(RECORD);
    line.extend_from_slice(record);
    line.extend_from_slice(b"}\n");
    Some(line)
}

/// The record in the line of the leaf with this entry, or what is wrong with the line.
pub(super) fn parse(line: &[u8], leaf: u64, entry: &[u8]) -> Result<Record, String> {
    let other = || "the line is not that of the entry in the tree".to_owned();
    // Where the entry is the record itself, it stands in the line once.
    let bytes = if self::line(leaf, entry, entry).as_deref() == Some(line) {
        entry
    } else {
        large(line, leaf, entry).ok_or_else(other)?
    };
    let record = parse_record(bytes).map_err(|what| format!("it is not a record: {what}"))?;
    if *record.leaf(bytes) == *entry { Ok(record) } else { Err(other()) }
}

/// The bytes of a record that is too long for an entry.
fn large<'l>(line: &'l [u8], leaf: u64, entry: &[u8]) -> Option<&'l [u8]> {
    let empty = self::line(leaf, entry, b"")?;
    let head = empty.strip_suffix(b"}\n")?;
    line.strip_prefix(head)?.strip_suffix(b"}\n")
}

/// The leaf that a line says it is of.
pub(super) fn leaf_of(line: &[u8]) -> Option<u64> {
    let rest = line.strip_prefix(br#"{"leaf":"#)?;
    let digits = rest.split(|byte| *byte == b',').next()?;
    std::str::from_utf8(digits).ok()?.parse().ok()
}

/// The next line, with its newline; empty at the end.
pub(super) fn next(reader: &mut impl BufRead) -> io::Result<Vec<u8>> {
    let mut line = Vec::new();
    reader.by_ref().take(MAX_LINE).read_until(b'\n', &mut line)?;
    Ok(line)
}

/// The id of the record in a line, as it reads; what it is held against is the entry of that id.
pub(super) fn record_id(line: &[u8]) -> Option<String> {
    #[derive(serde::Deserialize)]
    struct Line {
        record: Id,
    }
    #[derive(serde::Deserialize)]
    struct Id {
        record_id: String,
    }
    serde_json::from_slice(line).ok().map(|line: Line| line.record.record_id)
}
