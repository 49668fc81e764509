//! What can go wrong in the store: what failed, on which file, and the mend.

use std::{io, path::PathBuf};

/// A failure of the store. Nothing that was acknowledged is lost by any of them, unless the text says so.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// A call to the disk failed.
    #[error("cannot {action} {name}: {source}; check that the disk is healthy and the directory is ours to write")]
    Io {
        /// What was tried, such as `read`.
        action: &'static str,
        /// The file or directory.
        name: String,
        /// The disk's own words.
        source: io::Error,
    },
    /// The disk is full. The store goes on as soon as there is space.
    #[error("cannot {action} {name}: the disk is full; free some space, then try again: nothing acknowledged is lost")]
    Full {
        /// What was tried, such as `append to`.
        action: &'static str,
        /// The file.
        name: String,
        /// The disk's own words.
        source: io::Error,
    },
    /// Another process has the store open.
    #[error("another process ({}) uses the store in {}; stop it or use another data_dir", pid_text(*.pid), .dir.display())]
    Locked {
        /// The data directory.
        dir: PathBuf,
        /// The other process, when its lock file could be read.
        pid: Option<u32>,
    },
    /// Bytes that were once acknowledged are not what was written.
    #[error(
        "{segment} is damaged at byte {offset}, entry {seq}: {what}; restore the file from a backup, \
         the store was not changed"
    )]
    Damaged {
        /// The segment file.
        segment: String,
        /// Where the damaged entry (or header, at 0) begins, in bytes from the file's start.
        offset: u64,
        /// The sequence number that should stand there.
        seq: u64,
        /// What is wrong with it.
        what: String,
    },
    /// A later version of this program wrote the store.
    #[error(
        "{segment} has format version {found}, this program knows up to {supported}; run the newer program, \
         the store was not changed"
    )]
    NewerVersion {
        /// The segment file.
        segment: String,
        /// The version in its header.
        found: u32,
        /// The newest version that this program reads.
        supported: u32,
    },
    /// There is nothing to read.
    #[error("there is no log in {location}; check the data directory")]
    NoJournal {
        /// The data directory.
        location: String,
    },
    /// One entry is larger than the journal takes.
    #[error("an entry of {size} bytes is above the limit of {max}; make the request smaller or raise the limit")]
    EntryTooLarge {
        /// The entry's payload, in bytes.
        size: usize,
        /// The limit, in bytes.
        max: usize,
    },
    /// A batch does not fit into one segment.
    #[error("a batch of {size} bytes does not fit into a segment of {max}; append it in smaller batches")]
    BatchTooLarge {
        /// The batch as it would be written, in bytes.
        size: u64,
        /// What one segment takes, in bytes.
        max: u64,
    },
    /// A kind that the format has no room for.
    #[error("entry kind {kind} is above {}; use a smaller one", crate::journal::MAX_KIND)]
    Kind {
        /// The kind that was asked for.
        kind: u8,
    },
    /// An earlier failure left it unknown what is on the disk.
    #[error("the journal takes no more entries ({reason}); check the disk, then restart")]
    NeedsReopen {
        /// The earlier failure.
        reason: String,
    },
    /// No entry has this number.
    #[error("there is no entry {seq}; the journal ends at {last}")]
    NoEntry {
        /// The number that was asked for.
        seq: u64,
        /// The last number there is; 0 when the journal is empty.
        last: u64,
    },
    /// The index failed. It holds nothing that the journal does not hold.
    #[error("the index at {location} failed: {what}; restart to have it rebuilt from the journal")]
    Index {
        /// Its folder, or `memory`.
        location: String,
        /// The failure.
        what: String,
    },
}

impl StoreError {
    /// The error for a failed call to the disk, [`StoreError::Full`] when space ran out.
    pub fn io(action: &'static str, name: impl Into<String>, source: io::Error) -> Self {
        let name = name.into();
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::Full { action, name, source },
            _ => Self::Io { action, name, source },
        }
    }
}

fn pid_text(pid: Option<u32>) -> String {
    pid.map_or_else(|| "pid unknown".to_owned(), |pid| format!("pid {pid}"))
}
