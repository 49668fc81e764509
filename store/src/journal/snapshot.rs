//! A journal as it stood at one instant, read without changing it, also while it is written: here or by another process.

use std::{collections::BTreeMap, fmt, sync::Arc};

use super::{
    OpenCheck,
    reader::{Entry, Scan},
    recovery::{self, Found},
    segments::{self, Segment},
};
use crate::{Disk, StoreError};

/// A journal as it stood when it was opened: the whole batches that were there. What opening it for writing would cut
/// back, and what another process has written since, is not seen.
pub struct JournalSnapshot {
    disk: Arc<dyn Disk>,
    segments: BTreeMap<u64, Segment>,
    last_seq: u64,
}

impl JournalSnapshot {
    pub(super) fn open(disk: Arc<dyn Disk>) -> Result<Self, StoreError> {
        let firsts = segments::list(disk.as_ref())?;
        if firsts.is_empty() {
            return Err(StoreError::NoJournal { location: disk.location() });
        }
        let Found { segments, next_seq, .. } = recovery::examine(disk.as_ref(), &firsts, OpenCheck::Everything)?;
        Ok(Self { disk, segments, last_seq: next_seq - 1 })
    }

    pub(super) fn of(disk: Arc<dyn Disk>, segments: BTreeMap<u64, Segment>, last_seq: u64) -> Self {
        Self { disk, segments, last_seq }
    }

    /// The disk that it is on.
    #[must_use]
    pub fn disk(&self) -> &Arc<dyn Disk> {
        &self.disk
    }

    /// The segment files in their order, each with how many of its bytes are whole batches: its header and what was durable. No
    /// later batch changes these bytes; behind them anything may stand.
    pub fn segments(&self) -> impl Iterator<Item = (&str, u64)> {
        self.segments.values().map(|segment| (&*segment.name, segment.len))
    }

    /// The number of the last entry; 0 when there is none.
    #[must_use]
    pub fn last_seq(&self) -> u64 {
        self.last_seq
    }

    /// The entries from `from_seq` on, in order.
    #[must_use]
    pub fn scan(&self, from_seq: u64) -> Scan<'_> {
        Scan::from(self.disk.as_ref(), &self.segments, from_seq..=self.last_seq)
    }

    /// One entry.
    ///
    /// # Errors
    /// As [`Journal::read`](super::Journal::read).
    pub fn read(&self, seq: u64) -> Result<Entry, StoreError> {
        self.scan(seq).single(seq, self.last_seq)
    }
}

impl fmt::Debug for JournalSnapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JournalSnapshot").field("last_seq", &self.last_seq).finish_non_exhaustive()
    }
}
