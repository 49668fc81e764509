//! Why a model does not load.

use std::{fmt, io, path::PathBuf};

use jiff::civil::Date;

use crate::Digest;

/// Why files are not those of a model that may be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Mismatch {
    /// The registry does not know the model.
    #[error("{}: there is no model `{id}`; register it with `forethought model register`, or use one of {known}", registry.display())]
    Unregistered {
        /// The registry.
        registry: PathBuf,
        /// The id that was asked for.
        id: String,
        /// Ids that are registered, twelve at most.
        known: String,
    },
    /// The model is not to be used any more.
    #[error("the model `{id}` was revoked by {by} on {on}: {why}; use another one")]
    Revoked {
        /// The model.
        id: String,
        /// Who revoked it.
        by: String,
        /// When.
        on: Date,
        /// Why.
        why: String,
    },
    /// Nobody approved the model.
    #[error(
        "nobody approved the model `{id}`; read its card with `forethought model card {id}`, then `forethought model approve {id}`"
    )]
    NotApproved {
        /// The model.
        id: String,
    },
    /// The entry is another than the one that was approved.
    #[error(
        "the model `{id}` is not what {by} approved ({approved}, now {found}); see what was changed, then approve it again with \
             `forethought model approve {id}`"
    )]
    ApprovalEnded {
        /// The model.
        id: String,
        /// Who approved it.
        by: String,
        /// The digest of what was approved.
        approved: Digest,
        /// The digest of what stands there.
        found: Digest,
    },
    /// The files are not those that are registered.
    #[error("the files of the model `{id}` are not those that are registered:{}", list(findings))]
    Files {
        /// The model.
        id: String,
        /// At least one, in the order of the registry, then of the files.
        findings: Vec<Finding>,
    },
}

/// What is wrong with one file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Finding {
    /// Its bytes are others.
    #[error("{}: its digest is {found}, registered is {registered} (`{label}`); restore the file, or register the \
             new one as another model", path.display())]
    Differs {
        /// The path or name in the registry.
        label: String,
        /// The file.
        path: PathBuf,
        /// The digest in the registry.
        registered: Digest,
        /// The digest of the file.
        found: Digest,
    },
    /// It has another length, too long to be worth hashing.
    #[error("{}: it has {found} bytes, registered are {registered} with {digest} (`{label}`); restore the file, or register \
             the new one as another model", path.display())]
    Size {
        /// The path or name in the registry.
        label: String,
        /// The file.
        path: PathBuf,
        /// The length in the registry.
        registered: u64,
        /// The length of the file.
        found: u64,
        /// The digest in the registry.
        digest: Digest,
    },
    /// It is registered and not among the files.
    #[error(
        "`{label}` is registered and is not among the files ({registered}); put it back, or name it in the configuration"
    )]
    Missing {
        /// The path or name in the registry.
        label: String,
        /// The digest in the registry.
        registered: Digest,
    },
    /// It is among the files and not registered.
    #[error("{}: the engine would read it and it is not registered; remove it, or register the model with it", path.display())]
    Extra {
        /// The file.
        path: PathBuf,
    },
    /// Two of the files could be the one that is registered.
    #[error("`{label}` could be {} or {}; register the model with paths instead of names", first.display(), second.display())]
    Ambiguous {
        /// The name in the registry.
        label: String,
        /// One file.
        first: PathBuf,
        /// Another one.
        second: PathBuf,
    },
    /// A link leads out of the registry's folder.
    #[error("`{label}` leads out of the registry's folder, to {}; put the file itself there, or register it by \
             name", target.display())]
    Escapes {
        /// The path in the registry.
        label: String,
        /// Where it leads to.
        target: PathBuf,
    },
    /// It cannot be read, or is no file.
    #[error("{}: cannot read it: {source}; check that it is a file that the service may read", path.display())]
    Unreadable {
        /// The file or folder.
        path: PathBuf,
        /// The reason.
        source: io::Error,
    },
    /// It was written to while it was hashed, or after.
    #[error("{}: it is not the file any more that was hashed; find out who writes to it, make it read-only to the \
             service, and start again", path.display())]
    Changed {
        /// The file.
        path: PathBuf,
    },
}

fn list(findings: &[Finding]) -> String {
    let line = |finding: &Finding| format!("\n{finding}");
    findings.iter().map(line).collect()
}

/// Files that changed after they were hashed.
#[derive(Debug)]
pub struct Changed(pub Vec<Finding>);

impl fmt::Display for Changed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the files of the model changed while it was loaded:{}", list(&self.0))
    }
}

impl std::error::Error for Changed {}
