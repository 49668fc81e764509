//! `manifest.json`: what an export is, and the digest of every other file.

use forethought_tlog::Checkpoint;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{ExportScope, Selection, annex::AnnexNote};
use crate::Digest;

/// The file.
pub(super) const FILE: &str = "manifest.json";
pub(super) const NEW: &str = "manifest.json.new";
pub(super) const FORMAT: &str = "forethought-export";
/// The version that is written. The first one has neither `traces.jsonl`, nor a data card, nor an annex; the second tells nothing of
/// calls of tools. Both are read as well.
pub(super) const VERSION: u32 = 3;
const FIRST: u32 = 1;
/// The first version that tells of calls of tools.
pub(super) const WITH_TOOLS: u32 = 3;

/// Whether exports of this version tell of calls of tools.
pub(super) const fn has_tools(version: u32) -> bool {
    version >= WITH_TOOLS
}

const WHOLE: &str = "Every record of the log up to the checkpoint. Check the checkpoint against the log's key, from a source that \
                     you trust, and everything else against the checkpoint.";
const PART: &str = "A part of the log: only the records that were asked for, each with a receipt that it is in the log. There are \
                    no bundles of entries and no tiles, since these would show other records. A part proves what is in it; that \
                    nothing of it is missing only the whole log proves.";

/// What an export is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Manifest {
    pub(super) format: String,
    pub(super) version: u32,
    pub(super) made: Timestamp,
    pub(super) kind: Kind,
    /// In words what it is, and what it is not.
    pub(super) note: String,
    /// What was asked for: the records of a part, or those of the whole log that have receipts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) selection: Option<Selection>,
    /// The log's name.
    pub(super) origin: String,
    /// Its leaves.
    pub(super) size: u64,
    /// Its root, in base64 as in the checkpoint.
    pub(super) root: String,
    pub(super) records: u64,
    pub(super) requests: u64,
    pub(super) receipts: u64,
    /// What stands in `annex/`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) annex: Vec<AnnexNote>,
    /// Every other file, in the order in which they were written.
    pub(super) files: Vec<FileNote>,
}

/// Whether an export has the whole log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Kind {
    Whole,
    Part,
}

/// A file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct FileNote {
    /// Its path below the folder, with slashes.
    pub(super) path: String,
    pub(super) bytes: u64,
    pub(super) sha256: Digest,
}

impl Manifest {
    pub(super) fn new(scope: &ExportScope, claim: &Checkpoint, made: Timestamp) -> Self {
        let (kind, note, selection) = match scope {
            ExportScope::Whole { receipts } => (Kind::Whole, WHOLE, receipts.clone()),
            ExportScope::Part(selection) => (Kind::Part, PART, Some(selection.clone())),
        };
        Self {
            format: FORMAT.to_owned(),
            version: VERSION,
            made,
            kind,
            note: note.to_owned(),
            selection,
            origin: claim.origin().to_owned(),
            size: claim.size(),
            root: claim.root().to_string(),
            records: 0,
            requests: 0,
            receipts: 0,
            annex: Vec::new(),
            files: Vec::new(),
        }
    }

    /// Whether it is of an export that has `traces.jsonl`, a data card, and perhaps an annex.
    pub(super) const fn has_card(&self) -> bool {
        self.version > FIRST
    }

    /// Reads one, the version first: a newer one may have other fields.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, String> {
        #[derive(Deserialize)]
        struct Head {
            format: String,
            version: u32,
        }
        let Head { format, version } = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
        match (format.as_str(), version) {
            (FORMAT, FIRST..=VERSION) => serde_json::from_slice(bytes).map_err(|error| error.to_string()),
            (FORMAT, 0) => Err("there is no version 0".to_owned()),
            (FORMAT, newer) => Err(format!("it has version {newer}, this program knows {VERSION}; use a newer one")),
            _ => Err(format!("its format is `{format}`, not `{FORMAT}`")),
        }
    }
}
