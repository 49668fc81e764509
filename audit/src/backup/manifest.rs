//! What a backup holds: a line of JSON, and a line with its SHA-256.

use std::io;

use forethought_store::{Disk, StoreError};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::BackupError;
use crate::Digest;

pub(super) const FILE: &str = "MANIFEST";
const NEW: &str = "MANIFEST.new";
/// The folder of the bytes.
pub(super) const FILES: &str = "files";
const FORMAT: &str = "forethought-backup";
const VERSION: u32 = 1;
/// A manifest is never longer, in bytes: some millions of files.
const MAX_BYTES: usize = 1 << 30;

/// What a backup holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Manifest {
    pub(super) format: String,
    pub(super) version: u32,
    pub(super) made: Timestamp,
    /// Records of the log.
    pub(super) size: u64,
    /// The root over them, hexadecimal.
    pub(super) root: String,
    pub(super) last_seq: u64,
    /// The journal's segments in their order, then the others.
    pub(super) files: Vec<FileNote>,
    /// What was named and holds keys.
    pub(super) left_out: Vec<String>,
}

/// A file in a backup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct FileNote {
    /// Its path in the data directory.
    pub(super) name: String,
    pub(super) bytes: u64,
    pub(super) sha256: Digest,
}

impl FileNote {
    /// Where its bytes are.
    pub(super) fn stored(&self) -> String {
        format!("{FILES}/{}", self.sha256)
    }

    pub(super) fn is_segment(&self) -> bool {
        is_segment(&self.name)
    }
}

/// Whether a file of this name is a segment of the journal.
pub(super) fn is_segment(name: &str) -> bool {
    let number = name.strip_prefix("journal-").and_then(|rest| rest.strip_suffix(".seg"));
    number.is_some_and(|number| number.bytes().all(|byte| byte.is_ascii_digit()))
}

impl Manifest {
    pub(super) fn new(made: Timestamp, (size, root): (u64, String), last_seq: u64) -> Self {
        let (format, version) = (FORMAT.to_owned(), VERSION);
        Self { format, version, made, size, root, last_seq, files: Vec::new(), left_out: Vec::new() }
    }

    /// The manifest in a folder; none where no backup was finished.
    pub(super) fn load(disk: &dyn Disk) -> Result<Option<Self>, BackupError> {
        match disk.read(FILE, 0, MAX_BYTES) {
            Ok(bytes) => Self::parse(&bytes, disk).map(Some),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(StoreError::io("read", FILE, source).into()),
        }
    }

    fn parse(bytes: &[u8], disk: &dyn Disk) -> Result<Self, BackupError> {
        #[derive(Deserialize)]
        struct Head {
            format: String,
            version: u32,
        }
        let damaged = |what: String| BackupError::Damaged { file: FILE.to_owned(), what };
        let (json, digest) = split(bytes).ok_or_else(|| damaged("it does not end with its digest".to_owned()))?;
        if Digest::of(json).to_string() != digest {
            return Err(damaged("its digest does not match".to_owned()));
        }
        let unreadable = |error: serde_json::Error| damaged(error.to_string());
        let Head { format, version } = serde_json::from_slice(json).map_err(unreadable)?;
        match (format.as_str(), version) {
            (FORMAT, VERSION) => serde_json::from_slice(json).map_err(unreadable),
            (FORMAT, found) if found > VERSION => {
                Err(BackupError::Newer { location: disk.location(), found, supported: VERSION })
            }
            _ => Err(damaged(format!("it is a `{format}` of version {version}"))),
        }
    }

    /// Makes it durable in place of the one before it, and gives the digest of its file.
    pub(super) fn store(&self, disk: &dyn Disk) -> Result<Digest, BackupError> {
        let failed = |source| StoreError::io("write", FILE, source);
        let mut text = serde_json::to_vec(self).map_err(|error| failed(error.into()))?;
        let digest = Digest::of(&text);
        text.extend_from_slice(format!("\n{digest}\n").as_bytes());
        let written = remove_if_there(disk, NEW).and_then(|()| {
            disk.create(NEW)?;
            disk.append(NEW, &text)?;
            disk.sync_file(NEW)?;
            disk.rename(NEW, FILE)?;
            disk.sync_dir("")
        });
        written.map_err(failed)?;
        Ok(Digest::of(&text))
    }
}

/// The line of JSON, and the digest behind it.
fn split(bytes: &[u8]) -> Option<(&[u8], &str)> {
    let at = bytes.strip_suffix(b"\n")?.iter().rposition(|byte| *byte == b'\n')?;
    let digest = std::str::from_utf8(bytes.get(at + 1..bytes.len() - 1)?).ok()?;
    Some((bytes.get(..at)?, digest))
}

pub(super) fn remove_if_there(disk: &dyn Disk, name: &str) -> io::Result<()> {
    match disk.remove(name) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
