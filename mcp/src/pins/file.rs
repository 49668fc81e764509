//! Approved tools in one file: JSON, which is YAML, too.
//!
//! A change is whole or not at all: a new file beside the old one, its bytes, a sync of it, the renaming, and a sync of the
//! folder. Who changes it holds a lock, and reads what stands there first.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    fs::{self, File, OpenOptions},
    io::{self, Read as _, Write as _},
    path::{Path, PathBuf},
    process,
    sync::{PoisonError, RwLock, atomic::AtomicU64, atomic::Ordering},
};

use forethought_tools::{Effect, ToolSpec};
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Approved, Pins};
use crate::visible::is_hidden;

/// The version of the file's format.
const VERSION: u32 = 1;
/// More bytes than the descriptions of a thousand tools.
const MAX_BYTES: u64 = 64 << 20;

/// One approved tool.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Approval {
    /// The tool's name in front of models.
    pub name: String,
    /// The digest of name, description and parameters.
    pub digest: String,
    /// What it says of itself.
    pub description: String,
    /// The schema of its arguments.
    pub parameters: Value,
    /// Who approved it.
    pub by: String,
    /// The date.
    pub on: Date,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Contents {
    version: u32,
    tools: Vec<Approval>,
}

/// A file of approvals that cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PinError {
    /// It cannot be read or written.
    #[error("{}: cannot use the file of approved tools: {source}; check its owner and mode", file.display())]
    Unusable {
        /// The file.
        file: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// It is no such file.
    #[error("{}: this is no file of approved tools: {why}; take it from a backup, or remove it and approve tools anew", file.display())]
    Malformed {
        /// The file.
        file: PathBuf,
        /// What is wrong.
        why: String,
    },
}

/// A file of approvals, and what it says.
#[derive(Debug)]
pub struct PinFile {
    file: PathBuf,
    tools: RwLock<BTreeMap<String, Approval>>,
}

impl Pins for PinFile {
    fn approved(&self, name: &str) -> Option<Approved> {
        let tools = self.tools.read().unwrap_or_else(PoisonError::into_inner);
        let approval = tools.get(name)?;
        Some(Approved {
            digest: approval.digest.clone(),
            description: approval.description.clone(),
            parameters: approval.parameters.clone(),
        })
    }
}

impl PinFile {
    /// Reads a file. One that is not there approves nothing.
    ///
    /// # Errors
    /// [`PinError`]: it cannot be read, is no such file, or says of a tool what does not have its digest. No part of such a
    /// file is used.
    pub fn load(file: &Path) -> Result<Self, PinError> {
        Ok(Self { file: file.to_owned(), tools: RwLock::new(read(file)?) })
    }

    /// Reads the file again, as another program may have changed it. What it says counts once it is [taken up](Self::take_up).
    ///
    /// # Errors
    /// As [`PinFile::load`].
    pub fn read_again(&self) -> Result<Self, PinError> {
        Self::load(&self.file)
    }

    /// What another reading of the file says counts from now on.
    pub fn take_up(&self, read: Self) {
        let read = read.tools.into_inner().unwrap_or_else(PoisonError::into_inner);
        *self.tools.write().unwrap_or_else(PoisonError::into_inner) = read;
    }

    /// Every approval, by name.
    #[must_use]
    pub fn approvals(&self) -> Vec<Approval> {
        self.tools.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    /// Approves a tool as it is, in the place of what was approved under its name.
    ///
    /// # Errors
    /// [`PinError`]: the file cannot be used as it is, or cannot be written. Then nothing is approved.
    pub fn approve(&self, spec: &ToolSpec, by: &str, on: Date) -> Result<(), PinError> {
        let approval = Approval {
            name: spec.name().to_owned(),
            digest: spec.digest().to_owned(),
            description: spec.description().to_owned(),
            parameters: spec.parameters().as_ref().clone(),
            by: by.to_owned(),
            on,
        };
        self.change(|tools| drop(tools.insert(approval.name.clone(), approval)))
    }

    /// Takes back what was approved under a name.
    ///
    /// # Errors
    /// As [`PinFile::approve`].
    pub fn withdraw(&self, name: &str) -> Result<(), PinError> {
        self.change(|tools| drop(tools.remove(name)))
    }

    fn change(&self, edit: impl FnOnce(&mut BTreeMap<String, Approval>)) -> Result<(), PinError> {
        let unusable = |source| PinError::Unusable { file: self.file.clone(), source };
        let _lock = lock(&self.file).map_err(unusable)?;
        let mut tools = read(&self.file)?;
        edit(&mut tools);
        replace(&self.file, text(&tools).as_bytes()).map_err(unusable)?;
        *self.tools.write().unwrap_or_else(PoisonError::into_inner) = tools;
        Ok(())
    }
}

fn read(file: &Path) -> Result<BTreeMap<String, Approval>, PinError> {
    let unusable = |source| PinError::Unusable { file: file.to_owned(), source };
    let malformed = |why: String| PinError::Malformed { file: file.to_owned(), why };
    let mut bytes = Vec::new();
    match File::open(file) {
        Ok(opened) => opened.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(unusable)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(BTreeMap::new()),
        Err(error) => return Err(unusable(error)),
    };
    if u64::try_from(bytes.len()).is_ok_and(|length| length > MAX_BYTES) {
        return Err(malformed(format!("it has more than {MAX_BYTES} bytes")));
    }
    let contents: Contents = serde_json::from_slice(&bytes).map_err(|error| malformed(error.to_string()))?;
    if contents.version != VERSION {
        return Err(malformed(format!("it has version {}, and this program reads {VERSION}", contents.version)));
    }
    let mut tools = BTreeMap::new();
    for approval in contents.tools {
        fits(&approval).map_err(malformed)?;
        if let Some(twice) = tools.insert(approval.name.clone(), approval) {
            return Err(malformed(format!("`{}` stands there twice", twice.name)));
        }
    }
    Ok(tools)
}

/// Whether the digest is that of what was approved: a person who edits one would have approved the other.
fn fits(approval: &Approval) -> Result<(), String> {
    let Approval { name, description, parameters, digest, .. } = approval;
    let spec =
        ToolSpec::new(name, description, parameters.clone(), Effect::Changes).map_err(|error| error.to_string())?;
    if spec.digest() == digest {
        Ok(())
    } else {
        Err(format!("the digest of `{name}` is not that of what is said of it"))
    }
}

fn text(tools: &BTreeMap<String, Approval>) -> String {
    let contents = Contents { version: VERSION, tools: tools.values().cloned().collect() };
    // Texts, numbers and dates always become JSON.
    let text = serde_json::to_string_pretty(&contents).unwrap_or_default();
    let mut shown = String::with_capacity(text.len() + 1);
    for letter in text.chars() {
        if is_hidden(letter) {
            letter.encode_utf16(&mut [0; 2]).iter().for_each(|unit| _ = write!(shown, "\\u{unit:04x}"));
        } else {
            shown.push(letter);
        }
    }
    shown + "\n"
}

/// The lock file stays behind: removing it would let two writers hold two locks.
fn lock(file: &Path) -> io::Result<File> {
    let mut name = file.as_os_str().to_owned();
    name.push(".lock");
    let lock = OpenOptions::new().create(true).truncate(false).write(true).open(name)?;
    lock.lock()?;
    Ok(lock)
}

fn replace(file: &Path, bytes: &[u8]) -> io::Result<()> {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let mut name = file.as_os_str().to_owned();
    name.push(format!(".{}-{}.tmp", process::id(), COUNT.fetch_add(1, Ordering::Relaxed)));
    let temporary = PathBuf::from(name);
    let written = OpenOptions::new().write(true).create_new(true).open(&temporary).and_then(|mut new| {
        new.write_all(bytes)?;
        new.sync_all()?;
        if let Ok(before) = fs::metadata(file) {
            new.set_permissions(before.permissions())?;
        }
        fs::rename(&temporary, file)
    });
    if let Err(error) = written {
        // The first failure is what is told; a temporary file left behind does no harm.
        _ = fs::remove_file(&temporary);
        return Err(error);
    }
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests;
