//! Changes of the registry on disk: one at a time, each whole or not at all.

use std::{
    io,
    path::{Path, PathBuf},
    time::Duration,
};

use forethought_policies::FileError;

use crate::{
    Approval, Digest, Entry, Evaluation, Fingerprint, Registry, Revocation,
    atomic::{self, Step},
    registry,
};

/// How long another writer is waited for.
const PATIENCE: Duration = Duration::from_secs(10);

/// Why a registry was not changed. Then the file is as it was, but after [`EditError::Write`], which can come when the new
/// file stands already and only its place may not be durable.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EditError {
    /// The file cannot be used as it is, or could not be after the change.
    #[error(transparent)]
    File(#[from] FileError),
    /// There is no such model.
    #[error("{}: there is no model `{id}`; see `forethought model list`", file.display())]
    Unregistered {
        /// The registry.
        file: PathBuf,
        /// The id.
        id: String,
    },
    /// There is one already.
    #[error("{}: the model `{id}` is registered already ({digest}); give that digest to replace it, or another id", file.display())]
    Registered {
        /// The registry.
        file: PathBuf,
        /// The id.
        id: String,
        /// The digest of the entry.
        digest: Digest,
    },
    /// The entry is not the one that was meant.
    #[error("the entry of `{id}` is {found} now, and not {expected}; look at what was changed and try again")]
    Other {
        /// The id.
        id: String,
        /// The digest that was given.
        expected: Digest,
        /// The digest of what stands there.
        found: Digest,
    },
    /// The model was revoked, which stays.
    #[error("the model `{id}` was revoked by {by}; register it under another id if it is to be used again")]
    Revoked {
        /// The id.
        id: String,
        /// Who revoked it.
        by: String,
    },
    /// Somebody who took no lock wrote the file at the same time.
    #[error("{}: the file was changed while this change was made; try again", file.display())]
    Raced {
        /// The registry.
        file: PathBuf,
    },
    /// Another change is under way.
    #[error("{}: another change is under way; try again when it has ended", lock.display())]
    Busy {
        /// The lock file.
        lock: PathBuf,
    },
    /// The file cannot be written.
    #[error("{}: cannot write the registry of models: {source}; check the folder's owner and mode, and the space left", file.display())]
    Write {
        /// The registry.
        file: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
}

/// A registry on disk that is to be changed. Writers of this program wait for each other up to ten seconds; an editor that
/// knows nothing of the lock is noticed, unless it writes in the very moment of the renaming.
#[derive(Clone, Debug)]
pub struct RegistryFile {
    file: PathBuf,
    patience: Duration,
}

impl RegistryFile {
    /// The registry in `file`, which need not be there yet. A link is followed.
    #[must_use]
    pub fn new(file: &Path) -> Self {
        let file = file.canonicalize().unwrap_or_else(|_| file.to_owned());
        Self { file, patience: PATIENCE }
    }

    /// Adds a model, or puts it in the place of the entry with the digest `replaces`. Gives the new entry's digest.
    ///
    /// # Errors
    /// [`EditError::Registered`] when there is one and `replaces` is not given, [`EditError::Other`] when that is another one,
    /// [`EditError::Revoked`] when a revocation would be lost; otherwise as every change: the file is wrong or would be, or it
    /// cannot be written.
    pub fn register(&self, entry: &Entry, replaces: Option<Digest>) -> Result<Digest, EditError> {
        self.change(&mut |registry| {
            match (registry.entries.iter_mut().find(|old| old.id == entry.id), replaces) {
                (None, None) => registry.entries.push(entry.clone()),
                (None, Some(_)) => return Err(unregistered(registry, &entry.id)),
                (Some(old), None) => {
                    let (id, digest) = (old.id.clone(), old.digest());
                    return Err(EditError::Registered { file: registry.file().to_owned(), id, digest });
                }
                (Some(old), Some(expected)) => {
                    same(&old.id, expected, old.digest())?;
                    usable(old)?;
                    old.clone_from(entry);
                }
            }
            Ok(entry.id.clone())
        })
    }

    /// Writes down who approved a model. An approval with a digest is for the [`Entry::subject`] of that digest; without one
    /// it is for what stands there now. Gives the entry's new digest.
    ///
    /// # Errors
    /// [`EditError::Unregistered`], [`EditError::Revoked`], [`EditError::Other`] when the entry is not what was approved; or as
    /// every change.
    pub fn approve(&self, id: &str, approval: &Approval) -> Result<Digest, EditError> {
        self.change_entry(id, &mut |entry| {
            usable(entry)?;
            let subject = entry.subject();
            same(id, approval.digest.unwrap_or(subject), subject)?;
            entry.approved = Some(Approval { digest: Some(subject), ..approval.clone() });
            Ok(())
        })
    }

    /// Writes down that a model is not to be used any more. The first revocation stays. Gives the entry's new digest.
    ///
    /// # Errors
    /// [`EditError::Unregistered`], [`EditError::Revoked`] when it was revoked before; or as every change.
    pub fn revoke(&self, id: &str, revocation: &Revocation) -> Result<Digest, EditError> {
        self.change_entry(id, &mut |entry| {
            usable(entry)?;
            entry.revoked = Some(revocation.clone());
            Ok(())
        })
    }

    /// Adds the results on a set of questions. Gives the entry's new digest.
    ///
    /// # Errors
    /// [`EditError::Unregistered`]; or as every change.
    pub fn evaluated(&self, id: &str, evaluation: &Evaluation) -> Result<Digest, EditError> {
        self.change_entry(id, &mut |entry| {
            entry.evaluations.push(evaluation.clone());
            Ok(())
        })
    }

    /// Adds the digest of an impact assessment, once. Gives the entry's new digest.
    ///
    /// # Errors
    /// As [`evaluated`](Self::evaluated).
    pub fn assessed(&self, id: &str, assessment: Digest) -> Result<Digest, EditError> {
        self.change_entry(id, &mut |entry| {
            if !entry.impact.contains(&assessment) {
                entry.impact.push(assessment);
            }
            Ok(())
        })
    }

    /// Writes down a fingerprint in the place of any earlier one. An approval of what was there before ends with that. Gives the
    /// entry's new digest.
    ///
    /// # Errors
    /// As [`evaluated`](Self::evaluated).
    pub fn fingerprinted(&self, id: &str, fingerprint: &Fingerprint) -> Result<Digest, EditError> {
        self.change_entry(id, &mut |entry| {
            entry.fingerprint = Some(fingerprint.clone());
            Ok(())
        })
    }

    fn change_entry(
        &self,
        id: &str,
        change: &mut dyn FnMut(&mut Entry) -> Result<(), EditError>,
    ) -> Result<Digest, EditError> {
        self.change(&mut |registry| {
            let missing = unregistered(registry, id);
            let entry = registry.entries.iter_mut().find(|entry| entry.id == id).ok_or(missing)?;
            change(entry)?;
            Ok(id.to_owned())
        })
    }

    fn change(&self, change: &mut dyn FnMut(&mut Registry) -> Result<String, EditError>) -> Result<Digest, EditError> {
        self.change_with(change, &mut |_| Ok(()))
    }

    /// One change under the lock. `before` is asked before each step of the writing.
    pub(crate) fn change_with(
        &self,
        change: &mut dyn FnMut(&mut Registry) -> Result<String, EditError>,
        before: &mut dyn FnMut(Step) -> io::Result<()>,
    ) -> Result<Digest, EditError> {
        let _lock = self.lock()?;
        let old = self.bytes()?;
        let mut registry = match &old {
            Some(bytes) => Registry::parse(&self.file, bytes)?,
            None => Registry::empty(&self.file),
        };
        let id = change(&mut registry)?;
        let text = registry.to_yaml();
        // What could not be read again is not written.
        let again = Registry::parse(&self.file, text.as_bytes())?;
        let digest = again.get(&id).map(Entry::digest).ok_or_else(|| unregistered(&registry, &id))?;
        if self.bytes()? != old {
            return Err(EditError::Raced { file: self.file.clone() });
        }
        atomic::replace(&self.file, text.as_bytes(), before).map_err(|source| self.unwritten(source))?;
        Ok(digest)
    }

    fn lock(&self) -> Result<std::fs::File, EditError> {
        let held = atomic::lock(&self.file, self.patience).map_err(|source| self.unwritten(source))?;
        held.ok_or_else(|| EditError::Busy { lock: atomic::lock_path(&self.file) })
    }

    /// The file's bytes, or nothing where there is none.
    fn bytes(&self) -> Result<Option<Vec<u8>>, EditError> {
        match registry::read(&self.file) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(FileError::Missing { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    fn unwritten(&self, source: io::Error) -> EditError {
        EditError::Write { file: self.file.clone(), source }
    }
}

fn unregistered(registry: &Registry, id: &str) -> EditError {
    EditError::Unregistered { file: registry.file().to_owned(), id: id.to_owned() }
}

fn same(id: &str, expected: Digest, found: Digest) -> Result<(), EditError> {
    if expected == found { Ok(()) } else { Err(EditError::Other { id: id.to_owned(), expected, found }) }
}

fn usable(entry: &Entry) -> Result<(), EditError> {
    match &entry.revoked {
        Some(revoked) => Err(EditError::Revoked { id: entry.id.clone(), by: revoked.by.clone() }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests;
