//! Who signs what the log claims: its name, and its keys.

use std::{fmt, fs, io, path::Path};

use forethought_store::{Disk, StoreError};
use forethought_tlog::{
    Checkpoint, Hash, SignedCheckpoint, SigningKey, VerifierKey,
    checkpoint::CheckpointError,
    note::{SigningKeyError, check_name},
};

use crate::{SecretError, secret::secret};

/// The file of the keys in a data directory, where [`LOG_KEY_VARIABLE`] is not set.
pub const LOG_KEY_FILE: &str = "log.key";
/// The variable that has the keys; with `_FILE` behind it, the one that names their file.
pub const LOG_KEY_VARIABLE: &str = "FORETHOUGHT_LOG_KEY";
/// A file of keys is never longer.
const MAX_FILE: usize = 64 << 10;

/// Why there is nobody to sign.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SignerError {
    /// There is no key.
    #[error("the keys of the audit log hold none: write one on each line, as `PRIVATE+KEY+<name>+<id>+<base64>`")]
    NoKey,
    /// A line is no key.
    #[error("line {line} of the audit log's keys: {source}")]
    Line {
        /// The line, from 1.
        line: usize,
        /// What is wrong.
        source: SigningKeyError,
    },
    /// Two keys have other names.
    #[error(
        "line {line} of the audit log's keys is of `{other}`, the first is of `{name}`: a log has one name, give the new key the same"
    )]
    OtherName {
        /// The line, from 1.
        line: usize,
        /// The name of the first.
        name: String,
        /// The name on this line.
        other: String,
    },
    /// No key can have the name.
    #[error("`{name}` cannot be the name of a log: {source}")]
    Name {
        /// What was given.
        name: String,
        /// What is wrong.
        source: forethought_tlog::note::NameError,
    },
    /// The operating system gave no random bytes.
    #[error("the operating system gives no random bytes: {0}; no key is made without them")]
    Random(getrandom::Error),
    /// A key cannot be made.
    #[error("no key can be made: {0}")]
    Make(SigningKeyError),
    /// A variable names a file that cannot be read.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// The disk failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A log's name and the keys that sign for it. In a rotation there are two, and both sign, until everybody knows the new one.
pub struct Signer {
    origin: String,
    keys: Vec<SigningKey>,
}

impl Signer {
    /// Reads keys, one on each line; empty lines and those with `#` are left out. All have the log's name.
    ///
    /// # Errors
    /// A [`SignerError`] that says which line is wrong.
    pub fn read(text: &str) -> Result<Self, SignerError> {
        let mut keys: Vec<SigningKey> = Vec::new();
        for (at, line) in text.lines().enumerate() {
            let line_text = line.trim();
            if line_text.is_empty() || line_text.starts_with('#') {
                continue;
            }
            let line = at + 1;
            let key: SigningKey = line_text.parse().map_err(|source| SignerError::Line { line, source })?;
            let (name, other) = (keys.first().map(|first| first.verifier().name()), key.verifier().name());
            if let Some(name) = name.filter(|name| *name != other) {
                return Err(SignerError::OtherName { line, name: name.to_owned(), other: other.to_owned() });
            }
            keys.push(key);
        }
        let origin = keys.first().ok_or(SignerError::NoKey)?.verifier().name().to_owned();
        Ok(Self { origin, keys })
    }

    /// A new key for a log with this name, or one that no other has, and its text.
    ///
    /// # Errors
    /// [`SignerError::Name`], [`SignerError::Random`] and [`SignerError::Make`].
    pub fn generate(origin: Option<&str>) -> Result<(Self, String), SignerError> {
        let mut random = [0; 36];
        getrandom::fill(&mut random).map_err(SignerError::Random)?;
        let (seed, id) = random.split_first_chunk::<32>().unwrap_or((&[0; 32], &[]));
        let origin = origin.map_or_else(|| format!("forethought/{}", hex::encode(id)), ToOwned::to_owned);
        check_name(&origin).map_err(|source| SignerError::Name { name: origin.clone(), source })?;
        let key = SigningKey::from_seed(origin.clone(), seed).map_err(SignerError::Make)?;
        let text = key.private_text().map_err(SignerError::Make)?;
        Ok((Self { origin, keys: vec![key] }, format!("{text}\n")))
    }

    /// The keys in [`LOG_KEY_VARIABLE`] or in [`LOG_KEY_FILE`], made there when there are none.
    ///
    /// # Errors
    /// [`SignerError`].
    pub fn load_or_create(disk: &dyn Disk, origin: Option<&str>) -> Result<Self, SignerError> {
        if let Some(text) = secret(LOG_KEY_VARIABLE)? {
            return Self::read(&text);
        }
        match disk.read(LOG_KEY_FILE, 0, MAX_FILE) {
            Ok(bytes) => Self::read(&String::from_utf8_lossy(&bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let (signer, text) = Self::generate(origin)?;
                create(disk, &text).map_err(|source| StoreError::io("create", LOG_KEY_FILE, source))?;
                tracing::info!(origin = signer.origin, "made a key that signs the audit log's checkpoints");
                Ok(signer)
            }
            Err(source) => Err(StoreError::io("read", LOG_KEY_FILE, source).into()),
        }
    }

    /// The keys of the log in a data directory, made nowhere; none where there are none.
    ///
    /// # Errors
    /// [`SignerError`].
    pub fn find(dir: &Path) -> Result<Option<Self>, SignerError> {
        if let Some(text) = secret(LOG_KEY_VARIABLE)? {
            return Self::read(&text).map(Some);
        }
        match fs::read_to_string(dir.join(LOG_KEY_FILE)) {
            Ok(text) => Self::read(&text).map(Some),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(StoreError::io("read", LOG_KEY_FILE, source).into()),
        }
    }

    /// The log's name.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// The keys that others verify with.
    pub fn verifiers(&self) -> impl Iterator<Item = &VerifierKey> {
        self.keys.iter().map(SigningKey::verifier)
    }

    /// A checkpoint, signed by every key. **Who calls this sees to it that no earlier one says otherwise.**
    pub(crate) fn sign(&self, size: u64, root: Hash) -> Result<SignedCheckpoint, CheckpointError> {
        let mut keys = self.keys.iter();
        let first = keys.next().ok_or(CheckpointError::Origin)?;
        let mut signed = Checkpoint::new(self.origin.clone(), size, root)?.sign(first)?;
        let text = signed.note().text().to_owned();
        for key in keys {
            signed.add(key.signature(&text)?)?;
        }
        Ok(signed)
    }
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signer").field("keys", &self.keys).finish_non_exhaustive()
    }
}

/// Makes the file, durable before anything is signed with what is in it.
fn create(disk: &dyn Disk, text: &str) -> io::Result<()> {
    let new = format!("{LOG_KEY_FILE}.new");
    match disk.remove(&new) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    disk.create(&new)?;
    disk.append(&new, text.as_bytes())?;
    disk.sync_file(&new)?;
    disk.rename(&new, LOG_KEY_FILE)?;
    disk.sync_dir("")
}
