//! What can go wrong: what failed, on what, and the mend.

use std::{io, path::Path};

use forethought_audit::AuditError;
use forethought_policies::FileError;
use forethought_store::StoreError;

/// An evaluation or an export that cannot be begun, or cannot go on. What was written before it stays.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EvalError {
    /// What was given cannot be: what, and the mend.
    #[error("{0}")]
    Input(String),
    /// A policy file or a file of ways is wrong.
    #[error(transparent)]
    File(#[from] FileError),
    /// A file cannot be read or written.
    #[error("cannot {action} {file}: {source}; check that it is there, whose it is, and the space left")]
    Io {
        /// What was tried.
        action: &'static str,
        /// The file or folder.
        file: String,
        /// The system's reason.
        source: io::Error,
    },
    /// The service refuses, cannot be reached, or answers what makes no sense.
    #[error("{0}")]
    Service(String),
    /// The service came back with another model under the same name. What is kept is all of the earlier one.
    #[error(
        "the weights of {model} changed while it was evaluated, from {was} to {is}; bring the earlier ones back to go on, or \
         begin anew with another file of results"
    )]
    Exchanged {
        /// The model's name.
        model: String,
        /// The digest of its weights before.
        was: String,
        /// The digest of its weights now.
        is: String,
    },
    /// It was told to stop.
    #[error("stopped; nothing was written")]
    Stopped,
    /// The audit log cannot be read.
    #[error(transparent)]
    Audit(#[from] AuditError),
}

impl EvalError {
    /// Whether the caller must give something else; otherwise the same may succeed later.
    #[must_use]
    pub fn is_usage(&self) -> bool {
        match self {
            Self::Input(_) | Self::File(_) => true,
            Self::Audit(AuditError::Store(error)) => matches!(error, StoreError::NoJournal { .. }),
            Self::Io { .. } | Self::Service(_) | Self::Exchanged { .. } | Self::Stopped | Self::Audit(_) => false,
        }
    }

    pub(crate) fn io(action: &'static str, file: &Path, source: io::Error) -> Self {
        Self::Io { action, file: file.display().to_string(), source }
    }
}
