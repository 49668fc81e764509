//! Keeps an outbox on a disk: a journal of its changes, written anew in another folder when most of it is of no use any more.
//!
//! There are two folders, and one of them is in use. The first entry of each tells its generation; the other one is emptied and
//! gets a whole outbox in one batch, which is there entirely or not at all. The later generation is the one that counts.

#[cfg(test)]
mod tests;

use std::sync::Arc;

use forethought_store::{Disk, Journal, JournalOptions, StoreError};

use crate::{Change, Outbox, folder::Folder};

/// The folders.
const FOLDERS: [&str; 2] = ["a", "b"];
/// An entry that tells a generation.
const GENERATION: u8 = 1;
/// An entry that is a [`Change`].
const CHANGE: u8 = 2;
/// Bytes that a journal may have whatever is still to be delivered.
const SMALL: u64 = 256 << 10;

/// An outbox's journal, open for writing.
#[derive(Debug)]
pub struct Book {
    disk: Arc<dyn Disk>,
    /// Which of the folders is in use.
    at: usize,
    journal: Journal,
    generation: u64,
    /// Bytes in the journal, and those of them with which it began.
    written: u64,
    begun_with: u64,
}

/// What a folder holds.
struct Found {
    journal: Journal,
    generation: u64,
    changes: Vec<Change>,
    bytes: u64,
}

impl Book {
    /// Opens the book on a disk, and gives the outbox that it holds; an empty one if there is none.
    ///
    /// # Errors
    /// [`StoreError`] when it cannot be read or written, or is damaged.
    pub fn open(disk: Arc<dyn Disk>) -> Result<(Self, Outbox), StoreError> {
        let [first, second] = FOLDERS.map(|name| find(&disk, name));
        let (at, Found { journal, generation, changes, bytes }) = match (first?, second?) {
            (first, second) if first.generation >= second.generation => (0, first),
            (_, second) => (1, second),
        };
        let mut outbox = Outbox::default();
        for change in changes {
            outbox.apply(change);
        }
        let mut book = Self { disk, at, journal, generation, written: bytes, begun_with: bytes };
        if generation == 0 {
            book.write_anew(&outbox.snapshot())?;
        }
        Ok((book, outbox))
    }

    /// Makes changes durable, all of them or none.
    ///
    /// # Errors
    /// [`StoreError`]; after [`StoreError::NeedsReopen`] the book takes no more until it is opened again.
    pub fn write(&mut self, changes: &[Change]) -> Result<(), StoreError> {
        let entries = encoded(changes)?;
        self.append(&entries)
    }

    /// Whether most of what is written is of no use any more.
    #[must_use]
    pub const fn is_long(&self) -> bool {
        self.written > SMALL + 2 * self.begun_with
    }

    /// Writes an outbox, as its [snapshot](Outbox::snapshot) tells it, into the other folder, which is then the one in use.
    ///
    /// # Errors
    /// [`StoreError`]; what was written before counts still.
    pub fn write_anew(&mut self, snapshot: &[Change]) -> Result<(), StoreError> {
        let other = (self.at + 1) % FOLDERS.len();
        let name = FOLDERS.get(other).copied().unwrap_or_default();
        let folder = folder(&self.disk, name)?;
        folder.clear().map_err(|source| StoreError::io("empty", name, source))?;
        let (journal, _) = Journal::open(Arc::new(folder), options())?;
        let generation = self.generation + 1;
        let mut entries = vec![(GENERATION, generation.to_string().into_bytes())];
        entries.extend(encoded(snapshot)?);
        let mut next = Self { disk: Arc::clone(&self.disk), at: other, journal, generation, written: 0, begun_with: 0 };
        next.append(&entries)?;
        next.begun_with = next.written;
        *self = next;
        Ok(())
    }

    fn append(&mut self, entries: &[(u8, Vec<u8>)]) -> Result<(), StoreError> {
        let borrowed: Vec<(u8, &[u8])> = entries.iter().map(|(kind, bytes)| (*kind, bytes.as_slice())).collect();
        self.journal.append_batch(&borrowed)?;
        self.written += entries.iter().map(|(_, bytes)| bytes.len() as u64).sum::<u64>();
        Ok(())
    }
}

fn options() -> JournalOptions {
    JournalOptions { max_segment_bytes: 256 << 20, ..JournalOptions::default() }
}

fn folder(disk: &Arc<dyn Disk>, name: &'static str) -> Result<Folder, StoreError> {
    Folder::open(Arc::clone(disk), name).map_err(|source| StoreError::io("open the folder", name, source))
}

fn find(disk: &Arc<dyn Disk>, name: &'static str) -> Result<Found, StoreError> {
    let (journal, _) = Journal::open(Arc::new(folder(disk, name)?), options())?;
    // What a crash left half-written is told to nobody: it was never acknowledged.
    journal.recovery_recorded()?;
    let (mut generation, mut changes, mut bytes) = (0, Vec::new(), 0);
    for entry in journal.scan(1) {
        let entry = entry?;
        bytes += entry.payload.len() as u64;
        let read = match entry.kind {
            GENERATION => serde_json::from_slice(&entry.payload).map(|read| generation = read),
            _ => serde_json::from_slice(&entry.payload).map(|change| changes.push(change)),
        };
        read.map_err(|error| StoreError::Damaged {
            segment: format!("{name}/{}", entry.position.segment),
            offset: entry.position.offset,
            seq: entry.seq,
            what: format!("it is no entry of an outbox: {error}"),
        })?;
    }
    Ok(Found { journal, generation, changes, bytes })
}

fn encoded(changes: &[Change]) -> Result<Vec<(u8, Vec<u8>)>, StoreError> {
    let one = |change| {
        let bytes =
            serde_json::to_vec(change).map_err(|error| StoreError::io("write to", "the outbox", error.into()))?;
        Ok((CHANGE, bytes))
    };
    changes.iter().map(one).collect()
}
