//! Segment files: their names, and where their entries are.

use std::sync::Arc;

use crate::{Disk, StoreError};

const PREFIX: &str = "journal-";
const SUFFIX: &str = ".seg";
/// A batch is remembered when it begins this many bytes after the last one that is: reading one entry looks at no more
/// than that and the batch that it is in.
const MARK_EVERY: u64 = 64 << 10;

/// One segment file.
#[derive(Clone, Debug)]
pub(super) struct Segment {
    pub(super) name: Arc<str>,
    /// Bytes that are durable, header included.
    pub(super) len: u64,
    /// Beginnings of batches, as (seq, offset), in order.
    marks: Vec<(u64, u64)>,
}

impl Segment {
    pub(super) fn new(first_seq: u64, len: u64) -> Self {
        Self { name: segment_name(first_seq).into(), len, marks: Vec::new() }
    }

    /// A segment that takes no more entries, as its outline has it.
    pub(super) fn closed(name: Arc<str>, len: u64, marks: Vec<(u64, u64)>) -> Self {
        Self { name, len, marks }
    }

    pub(super) fn marks(&self) -> &[(u64, u64)] {
        &self.marks
    }

    /// Notes that the batch beginning with `seq` begins at `offset`.
    pub(super) fn note(&mut self, seq: u64, offset: u64) {
        if self.marks.last().is_none_or(|(_, last)| offset >= last + MARK_EVERY) {
            self.marks.push((seq, offset));
        }
    }

    /// The nearest noted beginning of a batch that is not after `seq`.
    pub(super) fn near(&self, seq: u64) -> Option<(u64, u64)> {
        let after = self.marks.partition_point(|(first, _)| *first <= seq);
        after.checked_sub(1).and_then(|index| self.marks.get(index)).copied()
    }
}

pub(super) fn segment_name(first_seq: u64) -> String {
    format!("{PREFIX}{first_seq:020}{SUFFIX}")
}

/// The first seqs that the names of the segment files give, in order.
pub(super) fn list(disk: &dyn Disk) -> Result<Vec<u64>, StoreError> {
    let names = disk.list("").map_err(|source| StoreError::io("list", disk.location(), source))?;
    let mut firsts: Vec<u64> = names.iter().filter_map(|name| first_seq(name)).collect();
    firsts.sort_unstable();
    Ok(firsts)
}

fn first_seq(name: &str) -> Option<u64> {
    let digits = name.strip_prefix(PREFIX)?.strip_suffix(SUFFIX)?;
    if digits.len() == 20 { digits.parse().ok() } else { None }
}
