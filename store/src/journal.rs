//! The append-only journal: entries with contiguous numbers, acknowledged only once they are durable.
//!
//! # Format
//! A segment file `journal-<first seq, 20 digits>.seg` begins with a header of 24 bytes and goes on with entries:
//!
//! ```text
//! header   magic "FTJRNL\r\n" | version u32 | first seq u64 | crc32 of what precedes it
//! entry    len u32 | kind u8  | seq u64     | crc32 of len, kind, seq and payload | payload
//! ```
//!
//! Numbers are little-endian; the first entry has seq 1. `kind` holds the caller's kind (0 to 63) in its lower six bits;
//! bit 7 marks the first entry of a batch and bit 6 the last. A batch lies in one segment.
//!
//! # Why the batch marks
//! A batch is written only after the one before it is durable. So a damaged entry with the beginning of a later batch
//! behind it was once acknowledged: that is an error. A damaged entry without one is what a power cut leaves of a write
//! that nobody was told of: it is cut back, the whole batch with it, so that a batch is there entirely or not at all.

mod append;
mod format;
mod outline;
mod pending;
mod reader;
mod recovery;
mod segments;
mod snapshot;
#[cfg(test)]
mod tests;

use std::{collections::BTreeMap, ops::RangeInclusive, sync::Arc};

use serde::{Deserialize, Serialize};

use crate::{Disk, StoreError};
use pending::Pending;
use segments::Segment;

pub use format::{MAX_ENTRY_BYTES, MAX_KIND};
pub use reader::{Entry, JournalReader, Position, Scan};
pub use snapshot::JournalSnapshot;

/// What a journal takes. Limits on writing only: an older, larger entry stays readable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JournalOptions {
    /// The largest payload of one entry, in bytes; at most [`MAX_ENTRY_BYTES`]. 16 MiB unless set.
    pub max_entry_bytes: usize,
    /// The largest segment file, in bytes, and with it the largest batch. 64 MiB unless set.
    pub max_segment_bytes: u64,
    /// How much is checked when the journal is opened. Everything unless set.
    pub check: OpenCheck,
}

/// How much of a journal is checked when it is opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OpenCheck {
    /// Every byte.
    #[default]
    Everything,
    /// Every byte of the last segment; of those before it their headers and lengths, and that none is missing. A byte of theirs that
    /// was changed shows when it is read. Takes time for one segment only, however long the journal is.
    LastSegment,
}

impl Default for JournalOptions {
    fn default() -> Self {
        Self { max_entry_bytes: 16 << 20, max_segment_bytes: 64 << 20, check: OpenCheck::Everything }
    }
}

/// What was found when a journal was opened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RecoveryReport {
    /// Segment files, after recovery.
    pub segments: usize,
    /// Entries that are there.
    pub entries: u64,
    /// The number of the last entry; 0 when there is none.
    pub last_seq: u64,
    /// The unacknowledged end that a crash left, and that was cut back.
    pub tail: Option<TailCut>,
    /// What earlier openings have cut back without [`Journal::recovery_recorded`], the oldest first.
    pub earlier: Vec<TailCut>,
    /// Entries that an index knew as durable and that are gone: **acknowledged records are lost**. Set by
    /// [`crate::Index::reconcile`], here or in an earlier opening without [`Journal::recovery_recorded`].
    pub acknowledged_lost: Option<RangeInclusive<u64>>,
}

/// The end of the last segment that was not a whole batch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TailCut {
    /// The segment file.
    pub segment: String,
    /// Where it was cut, in bytes from the file's start; 0 when the whole file was set aside.
    pub offset: u64,
    /// Bytes that were cut.
    pub bytes: u64,
    /// The side file that keeps them; none when there were no bytes.
    pub kept_as: Option<String>,
    /// What was wrong.
    pub what: String,
}

/// The journal, open for appending. One at a time: the [`Disk`] sees to that.
#[derive(Debug)]
pub struct Journal {
    disk: Arc<dyn Disk>,
    options: JournalOptions,
    /// By first seq, never empty; the last one takes appends.
    segments: BTreeMap<u64, Segment>,
    next_seq: u64,
    /// Why nothing more is taken, once a failure has left it unknown what is on the disk.
    refusing: Option<String>,
}

impl Journal {
    /// Opens the journal, makes it when there is none, and cuts back what a crash left at its end. What it cut is in
    /// every report from then on until [`Journal::recovery_recorded`].
    ///
    /// Everything is read and checked first, and nothing is changed when the answer is an error about its contents.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] for damage that no crash explains, [`StoreError::NewerVersion`], [`StoreError::Io`] and
    /// [`StoreError::Full`].
    pub fn open(disk: Arc<dyn Disk>, options: JournalOptions) -> Result<(Self, RecoveryReport), StoreError> {
        recovery::open(disk, options)
    }

    /// Opens a journal for reading: nothing is changed, and damage at its end is reported as any other.
    ///
    /// # Errors
    /// [`StoreError::NoJournal`] and [`StoreError::Io`].
    pub fn read_only(disk: Arc<dyn Disk>) -> Result<JournalReader, StoreError> {
        JournalReader::open(disk)
    }

    /// Reads a journal as it stands now: nothing is changed, and an end that is not a whole batch is left out.
    ///
    /// # Errors
    /// [`StoreError::NoJournal`] and those of [`Journal::open`] that are about the contents.
    pub fn snapshot(disk: Arc<dyn Disk>) -> Result<JournalSnapshot, StoreError> {
        JournalSnapshot::open(disk)
    }

    /// The journal as it stands now, to be read while this one takes more. Reads nothing, so that appends wait for no longer than
    /// a copy of the segments' outlines takes.
    #[must_use]
    pub fn freeze(&self) -> JournalSnapshot {
        JournalSnapshot::of(Arc::clone(&self.disk), self.segments.clone(), self.last_seq())
    }

    /// The number of the last durable entry; 0 when there is none.
    #[must_use]
    pub fn last_seq(&self) -> u64 {
        self.next_seq - 1
    }

    /// Forgets what recovery found: the caller has recorded the report, durably.
    ///
    /// # Errors
    /// [`StoreError::Io`]; the next report then says it once more.
    pub fn recovery_recorded(&self) -> Result<(), StoreError> {
        Pending::forget(self.disk.as_ref())
    }

    /// Notes durably that acknowledged entries are gone, before the index that knew of them is dropped, and gives back
    /// everything that is noted as such.
    ///
    /// # Errors
    /// [`StoreError::Io`] and [`StoreError::Full`].
    pub fn note_lost(&self, lost: &RangeInclusive<u64>) -> Result<Option<RangeInclusive<u64>>, StoreError> {
        let mut pending = Pending::load(self.disk.as_ref())?;
        pending.add_lost(lost);
        pending.store(self.disk.as_ref())?;
        Ok(pending.acknowledged_lost)
    }

    /// What the journal takes.
    #[must_use]
    pub fn options(&self) -> JournalOptions {
        JournalOptions { max_entry_bytes: self.options.max_entry_bytes.min(MAX_ENTRY_BYTES), ..self.options }
    }

    /// Why the journal takes no more entries until it is opened anew, if so.
    #[must_use]
    pub fn refusing(&self) -> Option<&str> {
        self.refusing.as_deref()
    }

    /// The entries from `from_seq` on, in order.
    #[must_use]
    pub fn scan(&self, from_seq: u64) -> Scan<'_> {
        Scan::from(self.disk.as_ref(), &self.segments, from_seq..=self.last_seq())
    }

    /// One entry.
    ///
    /// # Errors
    /// [`StoreError::NoEntry`], [`StoreError::Damaged`] and [`StoreError::Io`].
    pub fn read(&self, seq: u64) -> Result<Entry, StoreError> {
        self.scan(seq).single(seq, self.last_seq())
    }
}
