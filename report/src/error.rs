//! What can go wrong: what failed, on what, and the mend.

use std::{io, path::Path};

use forethought_audit::AuditError;
use forethought_policies::FileError;
use jiff::Timestamp;

/// A report that cannot be made or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReportError {
    /// The log cannot be read.
    #[error(transparent)]
    Log(#[from] AuditError),
    /// A file of duties is wrong.
    #[error(transparent)]
    File(#[from] FileError),
    /// Nothing lies between the two times.
    #[error(
        "the period from {from} until {to} is empty: the second time must be later than the first; swap them, or take a later end"
    )]
    Period {
        /// The first one.
        from: Timestamp,
        /// The second one.
        to: Timestamp,
    },
    /// No duties of this name ship with the program.
    #[error("there are no duties `{name}`; those that ship are {known}; a file of your own is named by its path")]
    UnknownDuties {
        /// The name.
        name: String,
        /// Those that there are.
        known: String,
    },
    /// Two files of duties have the same id.
    #[error("the duties `{id}` are named twice; name them once, or give the other file an id of its own")]
    Twice {
        /// The id.
        id: String,
    },
    /// More entries than memory was set aside for.
    #[error(
        "the report would be made of more than {max} entries of the log; take a shorter period or one tenant, or allow more entries"
    )]
    TooMany {
        /// The most.
        max: usize,
    },
    /// The folder is there, and not empty.
    #[error("{folder} is there and is not empty; name a new folder")]
    NotEmpty {
        /// The folder.
        folder: String,
    },
    /// A file or folder cannot be written.
    #[error("cannot {action} {file}: {source}; check whose it is, and the space left")]
    Io {
        /// What was tried.
        action: &'static str,
        /// On what.
        file: String,
        /// The system's reason.
        source: io::Error,
    },
    /// The report could not be put into words of JSON.
    #[error("the report cannot be written as JSON: {0}; report this as a bug")]
    Encode(#[from] serde_json::Error),
}

impl ReportError {
    /// Whether the caller must give something else; otherwise the same may succeed later.
    #[must_use]
    pub const fn is_usage(&self) -> bool {
        !matches!(self, Self::Log(_) | Self::Io { .. } | Self::Encode(_))
    }

    pub(crate) fn io(action: &'static str, file: &Path, source: io::Error) -> Self {
        Self::Io { action, file: file.display().to_string(), source }
    }
}
