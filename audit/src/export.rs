//! Evidence bundles: the log, or a part of it, in a folder that can be checked offline with nothing but the log's public keys.
//!
//! | file | what it holds |
//! |---|---|
//! | `checkpoint` | the signed note: name, size and root of the log |
//! | `tile/…`, `tile/entries/…` | hashes and entries, as c2sp.org/tlog-tiles lays them; only where the log is exported whole |
//! | `keys.txt` | the keys that the checkpoint verifies with. **Who checks takes them from elsewhere.** |
//! | `records.jsonl` | a record a line: its leaf, its leaf's hash, and its canonical bytes; where it is too long for an entry, also the stub that stands in the tree |
//! | `records.csv` | a request a line, for spreadsheets |
//! | `traces.jsonl` | a finished request a line, as a trace in OTLP/JSON |
//! | `receipts/<record id>.txt`, `.json` | that one record is in the log, as c2sp.org/tlog-proof has it, and what is hashed as its leaf |
//! | `annex/…` | what whoever makes the export puts beside the log, which attests none of it but what it names |
//! | `data-card.json`, `data-card.md` | what is in the folder, in figures and words |
//! | `manifest.json` | what this is, and the SHA-256 of every other file; written last: without it, the export was not finished |
//!
//! A part has nothing of the records that were not asked for but hashes in its receipts. **It proves what is in it, not that nothing is
//! missing in it**: only the whole log does.

mod annex;
mod called;
mod card;
mod csv;
mod folder;
mod lines;
mod manifest;
mod requests;
mod selection;
mod sum;
#[cfg(test)]
mod tests;
mod tiles;
mod traces;
mod verify;
mod writing;

use std::{io, ops::ControlFlow, path::PathBuf};

use forethought_tlog::checkpoint::CheckpointError;

use crate::{AuditError, Digest};

pub use annex::{Annex, AnnexReport, AnnexSource, AnnexStanding};
pub use selection::Selection;
pub use verify::{ExportReport, VerifyExportError, verify_export};
pub use writing::{export, export_with_annex};

/// What is exported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExportScope {
    /// Every record up to the checkpoint, with receipts of those that are asked for, if any are.
    Whole {
        /// Of which records there are receipts.
        receipts: Option<Selection>,
    },
    /// Only these records, each with its receipt.
    Part(Selection),
}

/// How far an export is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExportProgress {
    /// Records that were read, or receipts that were written.
    pub done: u64,
    /// Of how many.
    pub total: u64,
    /// Which of the two it is.
    pub stage: ExportStage,
}

/// What an export is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExportStage {
    /// It reads the log.
    Records,
    /// It makes receipts.
    Receipts,
}

/// Is told how far an export is, once every 256 records; breaking ends the export, which is then removed.
pub type OnProgress<'p> = &'p mut dyn FnMut(ExportProgress) -> ControlFlow<()>;

/// What was exported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExportNote {
    /// Leaves of the log, as the checkpoint has it.
    pub size: u64,
    /// Records in the export.
    pub records: u64,
    /// Requests among them: rows of `records.csv`.
    pub requests: u64,
    /// Receipts.
    pub receipts: u64,
    /// Files, `manifest.json` included.
    pub files: u64,
    /// The digest of `manifest.json`. Noted elsewhere, it shows that nothing was taken out of a part later.
    pub manifest: Digest,
}

/// Why nothing was exported. What had been written is removed, unless the error says otherwise.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExportError {
    /// The log cannot be read, or does not have what was signed.
    #[error(transparent)]
    Audit(#[from] AuditError),
    /// A file or a folder failed.
    #[error("cannot {action} {}: {source}; check that there is space and the folder is ours to write", path.display())]
    Io {
        /// What was tried, such as `write`.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// Something has the name.
    #[error("{} is there already: name a folder that is not, an export never goes over another", path.display())]
    Exists {
        /// What was named.
        path: PathBuf,
    },
    /// Nothing was ever signed.
    #[error("the log has no signed checkpoint that can be read: run the server, which signs one, then export again")]
    NoCheckpoint,
    /// Nobody could check it.
    #[error(
        "the last checkpoint of the log `{origin}` does not verify with the given keys: {source}; give the log's own"
    )]
    Keys {
        /// The log's name.
        origin: String,
        /// What is wrong.
        source: CheckpointError,
    },
    /// A record's id cannot name a file, or two have the same.
    #[error(
        "record `{id}` (leaf {leaf}) can have no receipt: its id is no file name, or another record has it; leave it out"
    )]
    RecordId {
        /// The id.
        id: String,
        /// The leaf.
        leaf: u64,
    },
    /// A file cannot be in an annex, or says that a record names it and none does.
    #[error("`{}` cannot be in the annex: {what}", name.escape_debug())]
    Annex {
        /// Its name.
        name: String,
        /// What is wrong, and the mend.
        what: String,
    },
    /// A record has a line break.
    #[error("the record of leaf {leaf} does not stand on one line: no program of ours has written it; run `verify`")]
    Line {
        /// The leaf.
        leaf: u64,
    },
    /// The progress callback ended it.
    #[error("the export was stopped")]
    Stopped,
    /// It failed, and what it left could not be removed.
    #[error("{source}. What was written could not be removed ({why}): remove {} by hand, it is no export", path.display())]
    LeftOver {
        /// The folder.
        path: PathBuf,
        /// Why the export failed.
        source: Box<ExportError>,
        /// Why the folder could not be removed.
        why: io::Error,
    },
}
