//! Appending: one batch, one fdatasync, and no pretending afterwards.

use std::{ops::Range, sync::Arc};

use super::{
    Journal,
    format::{self, HEADER_BYTES},
    outline,
    recovery::create_segment,
    segments::{Segment, segment_name},
};
use crate::StoreError;

impl Journal {
    /// Appends entries, each a kind (0 to 63) and a payload, and makes them durable with one fdatasync. On success they
    /// have the seqs of the range; after a crash either all of them are there or none.
    ///
    /// # Errors
    /// [`StoreError::Kind`], [`StoreError::EntryTooLarge`] and [`StoreError::BatchTooLarge`] before anything is written.
    /// [`StoreError::Full`] and [`StoreError::Io`] when a write fails: what it left is cut back, and the journal takes
    /// the next batch. [`StoreError::NeedsReopen`] after a failed sync, or when cutting back fails, and from then on for
    /// every later call. A batch that failed may still be found when the journal is opened anew: when
    /// cutting it back failed too, or the power went before that was durable.
    pub fn append_batch(&mut self, entries: &[(u8, &[u8])]) -> Result<Range<u64>, StoreError> {
        if let Some(reason) = &self.refusing {
            return Err(StoreError::NeedsReopen { reason: reason.clone() });
        }
        let seqs = self.next_seq..self.next_seq + entries.len() as u64;
        if entries.is_empty() {
            return Ok(seqs);
        }
        let bytes = format::encode_batch(entries, seqs.start, self.options.max_entry_bytes)?;
        let room = self.options.max_segment_bytes.saturating_sub(HEADER_BYTES as u64);
        if bytes.len() as u64 > room {
            return Err(StoreError::BatchTooLarge { size: bytes.len() as u64, max: room });
        }
        let (name, end) = self.segment_for(bytes.len() as u64)?;
        if let Err(source) = self.disk.append(&name, &bytes) {
            let error = StoreError::io("append to", &*name, source);
            return Err(self.cut_back(&name, end, error));
        }
        if let Err(source) = self.disk.sync_file(&name) {
            return Err(self.sync_failed(&name, end, &source));
        }
        if let Some(mut last) = self.segments.last_entry() {
            last.get_mut().note(seqs.start, end);
            last.get_mut().len = end + bytes.len() as u64;
        }
        self.next_seq = seqs.end;
        Ok(seqs)
    }

    /// The segment that takes this many bytes more, and where its durable bytes end.
    fn segment_for(&mut self, bytes: u64) -> Result<(Arc<str>, u64), StoreError> {
        let full = match self.segments.last_key_value() {
            Some((_, Segment { name, len, .. })) => {
                if *len == HEADER_BYTES as u64 || len + bytes <= self.options.max_segment_bytes {
                    return Ok((Arc::clone(name), *len));
                }
                Some((Arc::clone(name), *len))
            }
            None => None,
        };
        // Bytes that were cut back must not come back behind the last entry of a segment that is no longer the last.
        if let Some((name, end)) = full
            && let Err(source) = self.disk.sync_file(&name)
        {
            return Err(self.sync_failed(&name, end, &source));
        }
        if let Some((first, segment)) = self.segments.last_key_value() {
            outline::store(self.disk.as_ref(), *first, self.last_seq(), segment);
        }
        let segment = create_segment(self.disk.as_ref(), self.next_seq).map_err(|error| self.not_created(error))?;
        let place = (Arc::clone(&segment.name), segment.len);
        self.segments.insert(self.next_seq, segment);
        Ok(place)
    }

    /// Removes what a failed write left behind the durable bytes.
    fn cut_back(&mut self, name: &str, end: u64, error: StoreError) -> StoreError {
        if let Err(source) = self.disk.truncate(name, end) {
            return self.refuse(format!(
                "{name} could not be cut back to byte {end} after a failed write ({error}): {source}"
            ));
        }
        error
    }

    /// After a failed sync nobody knows what is on the disk, and a second sync that succeeds does not tell.
    fn sync_failed(&mut self, name: &str, end: u64, source: &std::io::Error) -> StoreError {
        let cut = match self.disk.truncate(name, end) {
            Ok(()) => "its unacknowledged bytes are cut back".to_owned(),
            Err(error) => format!("its unacknowledged bytes could not be cut back: {error}"),
        };
        self.refuse(format!("{name} could not be synced: {source}; {cut}"))
    }

    /// Removes a new segment that did not come to be.
    fn not_created(&mut self, error: StoreError) -> StoreError {
        let name = segment_name(self.next_seq);
        let removed = match self.disk.size(&name) {
            Ok(_) => self.disk.remove(&name).and_then(|()| self.disk.sync_dir("")),
            Err(source) if source.kind() == std::io::ErrorKind::NotFound => Ok(()),
            Err(source) => Err(source),
        };
        match (removed, &error) {
            (Err(source), _) => {
                self.refuse(format!("the new segment {name} could not be removed: {source}; before that: {error}"))
            }
            (Ok(()), StoreError::Io { action: "sync", .. } | StoreError::Full { action: "sync", .. }) => {
                self.refuse(format!("the new segment {name} could not be synced: {error}"))
            }
            (Ok(()), _) => error,
        }
    }

    /// Takes nothing more. The error is never one after which trying again helps, such as that of a full disk.
    fn refuse(&mut self, reason: String) -> StoreError {
        tracing::error!(%reason, "the journal takes no more entries until it is opened anew");
        self.refusing = Some(reason.clone());
        StoreError::NeedsReopen { reason }
    }
}
