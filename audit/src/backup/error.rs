//! Why a backup cannot be made or restored.

use std::{io, path::PathBuf};

use forethought_store::StoreError;

use crate::{AuditError, store_version::StoreVersionError};

/// A failure of a backup, or of restoring one. No earlier backup is harmed by it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BackupError {
    /// The log cannot be read.
    #[error(transparent)]
    Audit(#[from] AuditError),
    /// The disk failed, or another backup into the same folder is under way.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The data directory in it is of a newer program, or says nothing.
    #[error("in the backup: {0}")]
    Version(#[from] StoreVersionError),
    /// A file outside of the log failed.
    #[error("cannot {action} {}: {source}; check that there is space and who may read and write there", path.display())]
    Io {
        /// What was tried, such as `read`.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// There is no backup.
    #[error("{location} holds no backup that was finished: {what}")]
    NoBackup {
        /// The folder.
        location: String,
        /// What is wrong.
        what: String,
    },
    /// A later program made the backup.
    #[error(
        "the backup in {location} has version {found}, this program knows up to {supported}; use the newer program"
    )]
    Newer {
        /// The folder.
        location: String,
        /// The version in its manifest.
        found: u32,
        /// The newest version that this program reads.
        supported: u32,
    },
    /// The backup is not what was written.
    #[error("{file} of the backup is damaged: {what}; take another copy of the backup, or an earlier one")]
    Damaged {
        /// The file, or what it was a copy of.
        file: String,
        /// What is wrong with it.
        what: String,
    },
    /// The log does not go on from what was backed up before.
    #[error(
        "the log is not the one whose backup is in {location}, or it has lost records since: {what}. The backup was not changed: \
         keep it, and back up into another folder"
    )]
    OtherLog {
        /// The folder.
        location: String,
        /// What does not fit.
        what: String,
    },
    /// What the caller wants in the backup cannot be there.
    #[error("`{name}` cannot be in a backup: {what}")]
    Extra {
        /// Its name.
        name: String,
        /// What is wrong, and the mend.
        what: String,
    },
    /// There is something where it is to be restored.
    #[error("{} is not empty: restore into a new or empty folder; nothing was changed", path.display())]
    NotEmpty {
        /// The folder.
        path: PathBuf,
    },
    /// What was restored is no sound log.
    #[error("the backup is whole, but the log in it is not sound: {what}; take an earlier backup")]
    Unsound {
        /// What is wrong.
        what: String,
    },
}
