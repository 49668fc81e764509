//! Backups of a running log, and restoring them.
//!
//! A backup is a folder:
//!
//! | file | what it holds |
//! |---|---|
//! | `MANIFEST` | what this is, and every file's name, length and SHA-256; on its last line, its own. Made durable last, by a rename |
//! | `files/<SHA-256>` | the bytes of one file |
//!
//! The journal is copied up to one instant, to the end of a whole batch, with the last signed checkpoint, `STORE`, what recovery has noted,
//! and what the caller names. The tree's files and the index are made of the journal again. **No key is copied**: the key table, the
//! master key and the log's key go apart, and the key table is applied last (see docs/vault.md).
//!
//! No file that a manifest names is ever written over, so that a backup that was cut short leaves the one before it. A later backup into
//! the same folder copies new segments and the one that has grown. It refuses a log that does not go on from what the folder has: records
//! that only the backup has left are not thrown away.

mod copying;
mod error;
mod extras;
mod manifest;
mod restoring;
#[cfg(test)]
mod tests;

use std::{path::Path, sync::Arc};

use forethought_store::{Disk, RealDisk};
use forethought_tlog::Hash;
use jiff::Timestamp;

use crate::{Digest, LogSnapshot, VerifyReport};

pub use error::BackupError;
pub use extras::BackupExtra;
pub(crate) use extras::holds_key;
pub use restoring::{check_backup, restore};

/// A backup that is to be made.
#[derive(Clone, Copy, Debug)]
pub struct Backup<'b> {
    snapshot: &'b LogSnapshot,
    extras: &'b [BackupExtra],
}

/// What was copied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackupReport {
    /// Records in the backup.
    pub size: u64,
    /// The root over them.
    pub root: Hash,
    /// The last journal entry in it.
    pub last_seq: u64,
    /// Files in it, whenever they were copied.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Bytes that were copied this time.
    pub copied: u64,
    /// Files that the caller named and that are not in it, since they hold keys.
    pub left_out: Vec<String>,
    /// The digest of the manifest. Note it where whoever changes the backup cannot write.
    pub manifest: Digest,
}

/// What was restored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RestoreReport {
    /// Records that were restored.
    pub size: u64,
    /// The root over them.
    pub root: Hash,
    /// Files that were restored.
    pub files: u64,
    /// What a check of the whole log found. Requests that had no end when the backup was made are `under_way`; the next start ends them.
    pub verified: VerifyReport,
}

impl<'b> Backup<'b> {
    /// A backup of the log as it stood at an instant.
    #[must_use]
    pub fn of(snapshot: &'b LogSnapshot) -> Self {
        Self { snapshot, extras: &[] }
    }

    /// With other files and folders.
    #[must_use]
    pub fn with(self, extras: &'b [BackupExtra]) -> Self {
        Self { extras, ..self }
    }

    /// Writes the backup into a folder: a new or empty one, or one that has an earlier backup of the same log.
    ///
    /// # Errors
    /// [`BackupError`]. The earlier backup, if there was one, is as good as before.
    pub fn write(self, to: &Path, now: Timestamp) -> Result<BackupReport, BackupError> {
        self.write_on(&(Arc::new(RealDisk::open(to)?) as Arc<dyn Disk>), now)
    }

    /// As [`Backup::write`], on any disk.
    ///
    /// # Errors
    /// As [`Backup::write`].
    pub fn write_on(self, to: &Arc<dyn Disk>, now: Timestamp) -> Result<BackupReport, BackupError> {
        copying::write(self.snapshot, self.extras, to.as_ref(), now)
    }
}
