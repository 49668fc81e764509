//! The registry: which weights may be used, read from one file.

use std::{
    fs, io,
    io::Read as _,
    path::{Path, PathBuf},
};

use forethought_policies::{Document, FileError, FileKind};
use forethought_schemas::MODELS_SCHEMA;
use serde::Deserialize;
use serde_json::json;

use crate::{Digest, Entry, Matched, Mismatch, Progress, atomic, check, rules, yaml::append};

/// The registry file, in the version that this build reads.
static MODELS_FILE: FileKind = FileKind {
    name: "registry of models",
    create: "register a model with `forethought model register`",
    version: VERSION,
    schema: &MODELS_SCHEMA,
};

/// The version of the file's format.
const VERSION: i64 = 1;
/// More bytes than a file of 4,096 models with fingerprints needs.
const MAX_BYTES: u64 = 32 << 20;
/// Keep this digest apart from every other use of SHA-256.
const DOMAIN: &str = "forethought models 1";

const HEADER: &str = "\
# Which weights may be used, checked against models.schema.json. `forethought model` writes this file as a whole: what is
# edited by hand stays, but comments do not. Write them as `note`.
";

/// A valid registry.
#[derive(Clone, Debug, PartialEq)]
pub struct Registry {
    file: PathBuf,
    pub(crate) entries: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Contents {
    #[serde(rename = "version")]
    _version: i64,
    models: Vec<Entry>,
}

impl Registry {
    /// A registry without models, that would stand in `file`.
    #[must_use]
    pub fn empty(file: &Path) -> Self {
        Self { file: file.to_owned(), entries: Vec::new() }
    }

    /// Reads a registry.
    ///
    /// # Errors
    /// [`FileError`]: the file is missing, cannot be read, is larger than 32 MiB, is no YAML, has unknown keys, or says what
    /// cannot be. No part of such a file is used.
    pub fn load(file: &Path) -> Result<Self, FileError> {
        Self::parse(file, &read(file)?)
    }

    /// Reads the bytes of a registry; paths are relative to the folder of `file`, which is not read.
    ///
    /// # Errors
    /// As [`Registry::load`].
    pub fn parse(file: &Path, bytes: &[u8]) -> Result<Self, FileError> {
        let document = Document::parse(file, bytes, &MODELS_FILE)?;
        let problems = match serde_json::from_value::<Contents>(document.value()) {
            Ok(contents) => rules::problems(&document, &contents.models),
            // The schema says what is wrong, and where.
            Err(_) => Vec::new(),
        };
        let contents: Contents = document.read(problems)?;
        Ok(Self { file: file.to_owned(), entries: contents.models })
    }

    /// Every entry, in the order of the file.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The entry of a model.
    #[must_use]
    pub fn get(&self, id: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.id == id)
    }

    /// The entry of a model and those that it was made from, the nearest first.
    #[must_use]
    pub fn lineage(&self, id: &str) -> Vec<&Entry> {
        let next = |entry: &&Entry| entry.base.as_deref().and_then(|base| self.get(base));
        std::iter::successors(self.get(id), next).take(self.entries.len()).collect()
    }

    /// The nearest of those that a model was made from that was revoked. The model itself still loads: whoever revokes a
    /// model decides about each that was made from it.
    #[must_use]
    pub fn revoked_base(&self, id: &str) -> Option<&Entry> {
        self.lineage(id).into_iter().skip(1).find(|entry| entry.revoked.is_some())
    }

    /// The file that it was read from.
    #[must_use]
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// The folder that paths are relative to.
    #[must_use]
    pub fn folder(&self) -> &Path {
        atomic::folder(&self.file)
    }

    /// The digest of all entries in their order.
    #[must_use]
    pub fn digest(&self) -> Digest {
        let entries: Vec<_> = self.entries.iter().map(|entry| entry.digest().to_string()).collect();
        Digest::of_value(DOMAIN, &json!(entries))
    }

    /// The text of the file.
    #[must_use]
    pub fn to_yaml(&self) -> String {
        let mut text = format!("{HEADER}version: {VERSION}\nmodels:");
        if self.entries.is_empty() {
            text.push_str(" []");
        }
        for entry in &self.entries {
            text.push_str("\n  - ");
            // Strings, lists and finite numbers always become JSON.
            append(&serde_json::to_value(entry).unwrap_or_default(), 4, &mut text);
        }
        text.push('\n');
        text
    }

    /// Whether these files are those of a registered, approved and not revoked model: hashes every one of them.
    ///
    /// `files` is all that the engine is going to read. A folder stands for every file in it, at any depth. `progress` is
    /// told after each mebibyte.
    ///
    /// What was hashed can be changed before the engine reads it, and an engine that maps a file sees changes for as long as it
    /// runs. So the files should be read-only to the service and owned by somebody else. [`Matched::unchanged`] after loading
    /// finds what was changed in between by the usual means; who can set clocks or write to the disk under the file system
    /// is not found.
    ///
    /// # Errors
    /// [`Mismatch`]: which of these it is, for every file that is not as registered.
    pub fn check(
        &self,
        id: &str,
        files: &[PathBuf],
        progress: &mut dyn FnMut(Progress<'_>),
    ) -> Result<Matched, Mismatch> {
        check::check(self, id, files, progress)
    }
}

/// The file's bytes, up to [`MAX_BYTES`].
pub(crate) fn read(file: &Path) -> Result<Vec<u8>, FileError> {
    let (what, file) = (MODELS_FILE.name, file.to_owned());
    let mut bytes = Vec::new();
    match fs::File::open(&file).and_then(|opened| opened.take(MAX_BYTES + 1).read_to_end(&mut bytes)) {
        Ok(_) if u64::try_from(bytes.len()).is_ok_and(|length| length <= MAX_BYTES) => Ok(bytes),
        Ok(_) => Err(FileError::TooLarge { file, what, limit: MAX_BYTES }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            Err(FileError::Missing { file, what, create: MODELS_FILE.create })
        }
        Err(source) => Err(FileError::Unreadable { file, what, source }),
    }
}

#[cfg(test)]
mod tests;
