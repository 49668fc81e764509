//! The policy file on disk: read it, and change it by program without losing what people wrote into it.

use std::{
    fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

use jiff::Timestamp;

use crate::{
    atomic,
    document::{Document, read},
    edit::{self, EMPTY_FILE, NewKey, NewTenant, NotSafe},
    key::{ApiKey, NoRandomness},
    policy::{POLICY_FILE, Policy},
    principal::DeniedReason,
    problem::{FileError, Problem},
    purposes::{ReadAssessment, Reader},
    suggest::nearest,
    tenant::Consent,
    yaml::Node,
};

/// How long an edit waits for another one to end.
const PATIENCE: Duration = Duration::from_secs(5);

/// A policy file, which need not exist yet. Every change keeps comments, order and line ends, is checked as a whole
/// before it is written, and replaces the file atomically; on any error the file is as it was.
#[derive(Clone, Debug)]
pub struct PolicyFile {
    path: PathBuf,
    patience: Duration,
    reader: Reader,
}

/// Why a policy file was not changed.
#[derive(Debug, thiserror::Error)]
pub enum EditError {
    /// The file as it stands is not valid.
    #[error(transparent)]
    Policy(#[from] FileError),
    /// The change would make the file invalid; places are those of the file with the change.
    #[error("the change was refused: {source}")]
    Refused {
        /// What would be wrong.
        source: FileError,
    },
    /// The file is written in a way that cannot be changed safely by program.
    #[error("{}:{problem}", file.display())]
    NotSafe {
        /// The file.
        file: PathBuf,
        /// Where, why and the mend.
        problem: Problem,
    },
    /// There is such a tenant already.
    #[error("{}:{line}: there is a tenant `{id}` already; choose another id, or change that one", file.display())]
    TenantExists {
        /// The file.
        file: PathBuf,
        /// The tenant's line.
        line: usize,
        /// The id.
        id: String,
    },
    /// There is no such tenant.
    #[error("{}: there is no tenant `{id}`; {mend}", file.display())]
    NoTenant {
        /// The file.
        file: PathBuf,
        /// The id.
        id: String,
        /// A near id, or how to add a tenant.
        mend: String,
    },
    /// There is no such key.
    #[error("{}: there is no key `{id}`; give the key's id, which reads `k_` and hexadecimal digits", file.display())]
    NoKey {
        /// The file.
        file: PathBuf,
        /// The id, without the secret part if a whole key was given.
        id: String,
    },
    /// The key was revoked before.
    #[error("{}:{line}: the key `{id}` was revoked before; nothing was changed", file.display())]
    AlreadyRevoked {
        /// The file.
        file: PathBuf,
        /// The line of the revocation.
        line: usize,
        /// The key's id.
        id: String,
    },
    /// The key is refused already.
    #[error("{}: the key `{id}` is no good any more ({reason}); make a new one with `forethought key create`", file.display())]
    NotGood {
        /// The file.
        file: PathBuf,
        /// The key's id.
        id: String,
        /// Why it is refused.
        reason: DeniedReason,
    },
    /// Another edit holds the lock.
    #[error("{}: another edit is under way; try again when it has ended", lock.display())]
    Busy {
        /// The lock file.
        lock: PathBuf,
    },
    /// A policy that is put in the place of another has other keys.
    #[error("the policy changes {what}; leave keys, the tenants that they stand under, and scopes as they are")]
    KeysDiffer {
        /// What, such as "the key `k_…`".
        what: String,
    },
    /// The file is not the one that was to be changed.
    #[error("{}: the file is another one than the one that was to be changed; its digest is {digest}: look at it, and send the change again with that",
        file.display())]
    Stale {
        /// The file.
        file: PathBuf,
        /// Its digest.
        digest: String,
    },
    /// The file was changed by another program meanwhile.
    #[error("{}: the file was changed by another program meanwhile; try again", file.display())]
    ChangedMeanwhile {
        /// The file.
        file: PathBuf,
    },
    /// The file cannot be locked or written.
    #[error("{}: cannot {action}: {source}; check the owner and mode of the directory and the space left", file.display())]
    Io {
        /// What failed.
        action: &'static str,
        /// The file.
        file: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// No key could be made.
    #[error(transparent)]
    NoRandomness(#[from] NoRandomness),
}

impl PolicyFile {
    /// The policy file at this path.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), patience: PATIENCE, reader: Reader::default() }
    }

    /// The same file, of which the assessments that it names are read and checked too; without that none of them is enough for
    /// anything.
    #[must_use]
    pub fn reading(self, assessments: ReadAssessment) -> Self {
        Self { reader: Reader(Some(assessments)), ..self }
    }

    /// The path.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Reads and checks the file.
    ///
    /// # Errors
    /// As [`Policy::load_with`].
    pub fn load(&self) -> Result<Policy, FileError> {
        self.parse(&self.path, &read(&self.path, &POLICY_FILE)?)
    }

    fn parse(&self, file: &Path, bytes: &[u8]) -> Result<Policy, FileError> {
        Policy::parse_for(file, bytes, self.reader)
    }

    /// Adds a tenant without keys at the end of the list; makes the file if there is none.
    ///
    /// # Errors
    /// [`EditError`]; nothing was changed.
    pub fn add_tenant(&self, tenant: &NewTenant) -> Result<(), EditError> {
        self.change(Some(EMPTY_FILE), |file, text, tree| {
            let tenants = tree.get("tenants").map(Node::items).unwrap_or_default();
            let id = |node: &&Node| node.get("id").and_then(Node::as_str) == Some(tenant.id.as_str());
            if let Some(there) = tenants.iter().find(id) {
                let id = tenant.id.clone();
                return Err(EditError::TenantExists { file: file.to_owned(), line: there.place.line, id });
            }
            edit::add_tenant(text, tree, tenant).map_err(|reason| not_safe(file, reason))
        })
    }

    /// Makes a key for a tenant and adds its hash at the end of the tenant's keys. The key is returned to be shown
    /// once; it cannot be had again.
    ///
    /// # Errors
    /// [`EditError`]; nothing was changed and the key does not exist.
    pub fn add_key(&self, tenant: &str, new: &NewKey) -> Result<ApiKey, EditError> {
        let key = ApiKey::generate()?;
        self.change(None, |file, text, tree| {
            let index = tenant_index(file, tree, tenant)?;
            edit::add_key(text, tree, index, &key, new).map_err(|reason| not_safe(file, reason))
        })?;
        Ok(key)
    }

    /// Makes a new key for whom a key is for, with its role, team and note, and has the old one expire at `until`, unless it
    /// does earlier: until then both are good. The new one expires with `expires`. It is returned to be shown once.
    ///
    /// # Errors
    /// [`EditError`]; nothing was changed and the new key does not exist. A key that is refused already is not rotated.
    pub fn rotate_key(
        &self,
        key_id: &str,
        until: Timestamp,
        expires: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<ApiKey, EditError> {
        let whole = ApiKey::parse(key_id);
        let id = whole.as_ref().map_or(key_id, ApiKey::id);
        let key = ApiKey::generate()?;
        self.change(None, |file, text, tree| {
            let policy = self.parse(file, text.as_bytes())?;
            let (place, _) = find_key(tree, id).ok_or_else(|| no_key(file, id))?;
            let (_, old) = policy.key(id).ok_or_else(|| no_key(file, id))?;
            if let Some(reason) = old.refused(now) {
                return Err(EditError::NotGood { file: file.to_owned(), id: id.to_owned(), reason });
            }
            let new = NewKey {
                note: old.note.clone(),
                expires,
                team: old.team.clone(),
                limits: old.limits,
                facts: old.facts.clone(),
                ..NewKey::new(old.role, now)
            };
            let until = old.expires.map_or(until, |before| before.min(until));
            let unsafe_here = |reason| not_safe(file, reason);
            let text = edit::expire_key(text, tree, place, until).map_err(unsafe_here)?;
            let changed = Document::parse(file, text.as_bytes(), &POLICY_FILE)?;
            edit::add_key(&text, &changed.tree, place.0, &key, &new).map_err(unsafe_here)
        })?;
        Ok(key)
    }

    /// Notes whether, and since when, what a tenant asks and is answered may become training data. Gives whether that
    /// changed anything.
    ///
    /// # Errors
    /// [`EditError`]; nothing was changed.
    pub fn set_training_consent(&self, tenant: &str, consent: Consent) -> Result<bool, EditError> {
        if self.load()?.tenant(tenant).is_some_and(|tenant| tenant.training_consent == consent) {
            return Ok(false);
        }
        self.change(None, |file, text, tree| {
            let index = tenant_index(file, tree, tenant)?;
            edit::set_consent(text, tree, index, consent).map_err(|reason| not_safe(file, reason))
        })?;
        Ok(true)
    }

    /// Marks a key as revoked at this time. The key stays in the file, so that records which name it keep their sense.
    ///
    /// # Errors
    /// [`EditError`]; nothing was changed.
    pub fn revoke_key(&self, key_id: &str, at: Timestamp) -> Result<(), EditError> {
        // Whoever pastes a whole key means that key; its secret must not come back in an error.
        let key = ApiKey::parse(key_id);
        let id = key.as_ref().map_or(key_id, ApiKey::id);
        self.change(None, |file, text, tree| {
            let (place, node) = find_key(tree, id).ok_or_else(|| no_key(file, id))?;
            if let Some(revoked) = node.entry("revoked") {
                let line = revoked.place.line;
                return Err(EditError::AlreadyRevoked { file: file.to_owned(), line, id: id.to_owned() });
            }
            edit::revoke_key(text, tree, place, at).map_err(|reason| not_safe(file, reason))
        })
    }

    /// Puts a whole text in the place of the file. It must have the same keys: whoever may change rules may not make keys.
    ///
    /// # Errors
    /// [`EditError`]; nothing was changed. [`EditError::Stale`] when the file's digest is not `known`.
    pub fn put(&self, text: &str, known: &str) -> Result<(), EditError> {
        self.change(None, |file, before, _| {
            let found = self.parse(file, before.as_bytes())?;
            if found.digest() != known {
                return Err(EditError::Stale { file: file.to_owned(), digest: found.digest().to_owned() });
            }
            let put = self.parse(file, text.as_bytes()).map_err(|source| EditError::Refused { source })?;
            if let Some(what) = found.reach_changed_by(&put) {
                return Err(EditError::KeysDiffer { what });
            }
            Ok(text.to_owned())
        })
    }

    /// Puts an older text in the place of the file, but for its keys: those stay as they are, so that no key comes back
    /// that was revoked since.
    ///
    /// # Errors
    /// [`EditError`]; nothing was changed.
    pub fn roll_back(&self, text: &str) -> Result<(), EditError> {
        self.change(None, |file, before, tree| {
            let old = Document::parse(file, text.as_bytes(), &POLICY_FILE)?;
            let new = edit::with_keys_of(text, &old.tree, &tree.to_json()).map_err(|reason| not_safe(file, reason))?;
            // Not even by leaving out their tenant: whoever may change rules may not take keys away.
            let parsed = self.parse(file, new.as_bytes()).map_err(|source| EditError::Refused { source })?;
            match self.parse(file, before.as_bytes())?.reach_changed_by(&parsed) {
                Some(what) => Err(EditError::KeysDiffer { what }),
                None => Ok(new),
            }
        })
    }

    /// Under the lock: reads, checks, changes, checks again, writes.
    fn change(
        &self,
        if_missing: Option<&str>,
        change: impl FnOnce(&Path, &str, &Node) -> Result<String, EditError>,
    ) -> Result<(), EditError> {
        // A link stays a link: what it points to is replaced.
        let file = fs::canonicalize(&self.path).unwrap_or_else(|_| self.path.clone());
        let io = |action| {
            let file = file.clone();
            move |source| EditError::Io { action, file, source }
        };
        let lock = atomic::lock(&file, self.patience).map_err(io("lock the policy file"))?;
        let _lock = lock.ok_or_else(|| EditError::Busy { lock: atomic::lock_path(&file) })?;
        let before = match (read(&file, &POLICY_FILE), if_missing) {
            (Err(FileError::Missing { .. }), Some(_)) => None,
            (outcome, _) => Some(outcome?),
        };
        let bytes = before.as_deref().unwrap_or(if_missing.unwrap_or_default().as_bytes());
        self.parse(&file, bytes)?;
        let document = Document::parse(&file, bytes, &POLICY_FILE)?;
        let changed = change(&file, &String::from_utf8_lossy(bytes), &document.tree)?;
        self.parse(&file, changed.as_bytes()).map_err(|source| EditError::Refused { source })?;
        if read(&file, &POLICY_FILE).ok() != before {
            return Err(EditError::ChangedMeanwhile { file });
        }
        atomic::replace(&file, changed.as_bytes()).map_err(io("write the policy file"))
    }
}

fn no_key(file: &Path, id: &str) -> EditError {
    EditError::NoKey { file: file.to_owned(), id: id.chars().take(40).collect() }
}

fn not_safe(file: &Path, NotSafe(problem): NotSafe) -> EditError {
    EditError::NotSafe { file: file.to_owned(), problem }
}

fn tenant_index(file: &Path, tree: &Node, tenant: &str) -> Result<usize, EditError> {
    let tenants = tree.get("tenants").map(Node::items).unwrap_or_default();
    let ids = || tenants.iter().map(|node| node.get("id").and_then(Node::as_str).unwrap_or_default());
    ids().position(|id| id == tenant).ok_or_else(|| {
        let mend = nearest(tenant, ids()).map_or_else(
            || "add it with `forethought tenant add`".to_owned(),
            |near| format!("did you mean `{near}`?"),
        );
        EditError::NoTenant { file: file.to_owned(), id: tenant.to_owned(), mend }
    })
}

fn find_key<'n>(tree: &'n Node, id: &str) -> Option<((usize, usize), &'n Node)> {
    let tenants = tree.get("tenants")?.items().iter().enumerate();
    let keys = tenants.flat_map(|(tenant, node)| {
        let keys = node.get("keys").map(Node::items).unwrap_or_default().iter().enumerate();
        keys.map(move |(key, node)| ((tenant, key), node))
    });
    keys.into_iter().find(|(_, node)| node.get("id").and_then(Node::as_str) == Some(id))
}

#[cfg(test)]
mod tests;
