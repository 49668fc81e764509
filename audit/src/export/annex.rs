//! The annex: files that whoever makes an export puts beside the log, such as the texts of policies, model cards and reports.
//!
//! The log attests none of them, but for one whose SHA-256 stands in a record that is exported: that one is what was in force. A file
//! that only says that it belongs to such a digest is told as that.

mod names;
mod naming;

use std::{
    fmt,
    fs::{self, File},
    io::Read,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use super::{ExportError, folder::Folder};
use crate::{Digest, backup::holds_key};

pub(super) use names::{MAX_FILES, check_all, check_note};
pub(super) use naming::{Named, is_digest_of};

/// The folder of the annex.
pub(super) const FOLDER: &str = "annex/";
const CHUNK: usize = 256 << 10;

/// A file to put into an export.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Annex {
    /// Its path within `annex/`, with slashes: ASCII letters, digits, `.`, `_` and `-`, no part of it beginning or ending with a dot.
    pub name: String,
    /// What it is, in one line of at most 200 characters.
    pub title: String,
    /// Its media type, such as `text/markdown`.
    pub media_type: String,
    /// Where it is taken from.
    pub source: AnnexSource,
    /// The digest that it goes with, as records have it: `sha256:` and 64 hexadecimal digits, or the digits alone. At least one record
    /// that is exported must have it as the digest of a policy or of weights, or in the object or the changes of an act. Where it is
    /// the file's own SHA-256, the log names the file.
    pub named: Option<String>,
}

/// Where a file of an annex is taken from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AnnexSource {
    /// A regular file, or a link to one.
    Path(PathBuf),
    /// These bytes.
    Bytes(Vec<u8>),
}

/// Who attests a file of an annex.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "by", content = "digest")]
pub enum AnnexStanding {
    /// Whoever made the export alone.
    Maker,
    /// Whoever made the export says that it belongs to this digest, which the log names. It is not its SHA-256: nothing shows it.
    BelongsTo(String),
    /// The log: a record has its SHA-256, spelled like this.
    Log(String),
}

impl fmt::Display for AnnexStanding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Maker => f.write_str("attested by whoever made the export, not by the log"),
            Self::BelongsTo(digest) => write!(
                f,
                "attested by whoever made the export, not by the log; they say that it belongs to {digest}, which the log names"
            ),
            Self::Log(digest) => write!(f, "named by the log as {digest}"),
        }
    }
}

/// A file of the annex of an export that holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnnexReport {
    /// Its path within `annex/`.
    pub name: String,
    /// What it is, as whoever made the export says.
    pub title: String,
    /// Its media type, as they say.
    pub media_type: String,
    /// Its length in bytes.
    pub bytes: u64,
    /// Its SHA-256.
    pub sha256: Digest,
    /// Who attests it.
    pub standing: AnnexStanding,
}

/// A file of the annex, as the manifest has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct AnnexNote {
    pub(super) name: String,
    pub(super) title: String,
    pub(super) media_type: String,
    pub(super) standing: AnnexStanding,
}

impl AnnexNote {
    /// Its path below the folder.
    pub(super) fn path(&self) -> String {
        format!("{FOLDER}{}", self.name)
    }

    /// The digest that the log must name.
    pub(super) fn digest(&self) -> Option<&str> {
        match &self.standing {
            AnnexStanding::Maker => None,
            AnnexStanding::BelongsTo(digest) | AnnexStanding::Log(digest) => Some(digest),
        }
    }
}

/// How a file with this SHA-256 stands, that goes with a digest.
fn standing(sha256: &Digest, named: Option<&String>) -> AnnexStanding {
    match named {
        None => AnnexStanding::Maker,
        Some(digest) if is_digest_of(digest, sha256) => AnnexStanding::Log(digest.clone()),
        Some(digest) => AnnexStanding::BelongsTo(digest.clone()),
    }
}

/// Writes the annex, whose names were checked. Whether the log names what it is said to, is not known yet.
pub(super) fn write(folder: &mut Folder, annex: &[Annex]) -> Result<Vec<AnnexNote>, ExportError> {
    annex.iter().map(|annex| write_one(folder, annex)).collect()
}

fn write_one(folder: &mut Folder, annex: &Annex) -> Result<AnnexNote, ExportError> {
    let path = format!("{FOLDER}{}", annex.name);
    match &annex.source {
        AnnexSource::Bytes(bytes) => put(folder, annex, &path, bytes.as_slice())?,
        AnnexSource::Path(source) => put(folder, annex, &path, open(annex, source)?)?,
    }
    let standing =
        folder.files.last().map_or(AnnexStanding::Maker, |note| standing(&note.sha256, annex.named.as_ref()));
    let (name, title, media_type) = (annex.name.clone(), annex.title.clone(), annex.media_type.clone());
    Ok(AnnexNote { name, title, media_type, standing })
}

/// Opens a regular file: a pipe would be waited for without end.
fn open(annex: &Annex, source: &Path) -> Result<File, ExportError> {
    let failed = |error| ExportError::Io { action: "read", path: source.to_owned(), source: error };
    if fs::metadata(source).map_err(failed)?.is_file() {
        return File::open(source).map_err(failed);
    }
    Err(refused(&annex.name, format!("{} is no file: name one by one what is in a folder", source.display())))
}

/// Copies a file piece by piece; one that holds a key is refused.
fn put(folder: &mut Folder, annex: &Annex, path: &str, mut source: impl Read) -> Result<(), ExportError> {
    let mut stream = folder.begin(path)?;
    let mut buffer = Vec::with_capacity(CHUNK);
    let mut first = true;
    loop {
        buffer.clear();
        let read = source.by_ref().take(CHUNK as u64).read_to_end(&mut buffer);
        read.map_err(|source| ExportError::Io { action: "read what becomes", path: path.into(), source })?;
        if first && holds_key(&annex.name, &buffer) {
            return Err(refused(&annex.name, "it holds a private key: an export is given away, leave it out"));
        }
        if buffer.is_empty() {
            return folder.end(stream);
        }
        stream.write(&buffer)?;
        first = false;
    }
}

pub(super) fn refused(name: &str, what: impl Into<String>) -> ExportError {
    ExportError::Annex { name: name.to_owned(), what: what.into() }
}
