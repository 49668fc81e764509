//! What can go wrong with a tenant's files: what failed, and the mend.

use std::io;

use forethought_store::StoreError;

use super::{FileId, MAX_FILE_NAME, MAX_SUBJECT, WrapError};

/// A failure of the shelf. No text holds a word of a file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ShelfError {
    /// No file can stand under this tenant.
    #[error("`{tenant}` is not a tenant id: use 1 to 63 of a-z, 0-9, `_` and `-`, beginning with a letter or digit")]
    Tenant {
        /// The beginning of what was given.
        tenant: String,
    },
    /// The name would say one thing to people and another to models, or nothing.
    #[error("the file's name cannot be used: {what}; take up to {MAX_FILE_NAME} bytes of visible characters")]
    Name {
        /// What is wrong with it.
        what: &'static str,
    },
    /// The name of a subject has no room.
    #[error("a subject's name has 1 to {MAX_SUBJECT} bytes, not {bytes}")]
    Subject {
        /// Its length, in bytes.
        bytes: usize,
    },
    /// Nothing here reads such files.
    #[error(
        "files of type {} cannot be read; send CSV, TSV, JSON, JSON Lines, plain text or Markdown in UTF-8, with its media \
         type or with a name that ends as such files do", .media_type.as_deref().unwrap_or("unknown")
    )]
    Kind {
        /// The beginning of what was given.
        media_type: Option<String>,
    },
    /// It is not what it says it is.
    #[error("the file is no text in UTF-8: byte {at} cannot stand there; save it as UTF-8 and send it again")]
    NotText {
        /// Which byte, from 0.
        at: u64,
    },
    /// It is larger than a file may be.
    #[error("the file has more than {max} bytes, the most that a file may have; send it in parts")]
    FileTooLarge {
        /// The limit, in bytes.
        max: u64,
    },
    /// All of the tenant's files together would be too large.
    #[error("the tenant's files would have more than {max} bytes in all; delete some that are not needed any more")]
    Full {
        /// The limit, in bytes.
        max: u64,
    },
    /// The tenant has as many files as it may.
    #[error("the tenant has {max} files, the most that it may have; delete some that are not needed any more")]
    TooMany {
        /// The limit.
        max: usize,
    },
    /// The tenant has no such file.
    #[error("there is no file {id}")]
    NotFound {
        /// Which.
        id: FileId,
    },
    /// It was erased while it was read.
    #[error("file {id} was erased")]
    Erased {
        /// Which.
        id: FileId,
    },
    /// It is not what was put there.
    #[error("file {id} is damaged: {what}; delete it and send it again, or restore it from a backup")]
    Damaged {
        /// Which.
        id: FileId,
        /// What is wrong with it.
        what: &'static str,
    },
    /// Its erasure is decided and not done; nothing reads it any more.
    #[error("the erasure of file {id} is not finished: {source}; delete it once more, or restart")]
    Unfinished {
        /// Which.
        id: FileId,
        /// The cause.
        source: StoreError,
    },
    /// The key that wraps all others gave no answer, or no good one.
    #[error(transparent)]
    Wrap(#[from] WrapError),
    /// The operating system gave no random bytes.
    #[error("the operating system gives no random bytes: {0}; nothing is sealed without them")]
    Random(getrandom::Error),
    /// The disk failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Whoever sends the file broke off.
    #[error("the file did not come whole: {0}; send it again")]
    Sender(io::Error),
}
