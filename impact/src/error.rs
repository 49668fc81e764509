//! What can go wrong: what failed, on what, and the mend.

use std::{io, path::Path};

use forethought_eval::EvalError;
use forethought_policies::FileError;

/// An assessment that cannot be begun, read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImpactError {
    /// What was given cannot be: what, and the mend.
    #[error("{0}")]
    Input(String),
    /// A template is wrong.
    #[error(transparent)]
    File(#[from] FileError),
    /// The asking failed, or what it kept cannot be read.
    #[error(transparent)]
    Eval(#[from] EvalError),
    /// A file cannot be read or written.
    #[error("cannot {action} {file}: {source}; check that it is there, whose it is, and the space left")]
    Io {
        /// What was tried.
        action: &'static str,
        /// The file.
        file: String,
        /// The system's reason.
        source: io::Error,
    },
}

impl ImpactError {
    /// Whether the caller must give something else; otherwise the same may succeed later.
    #[must_use]
    pub fn is_usage(&self) -> bool {
        match self {
            Self::Input(_) | Self::File(_) => true,
            Self::Eval(error) => error.is_usage(),
            Self::Io { .. } => false,
        }
    }

    pub(crate) fn io(action: &'static str, file: &Path, source: io::Error) -> Self {
        Self::Io { action, file: file.display().to_string(), source }
    }
}
