//! A master key of this machine's own: XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha-03), with a random nonce before each
//! ciphertext. 24 bytes are enough for any number of random nonces.

use std::{
    fmt,
    fs::{self, File, OpenOptions},
    io::{self, Read, Write},
    path::{Path, PathBuf},
};

use chacha20poly1305::{
    KeyInit, XChaCha20Poly1305, XNonce,
    aead::{Aead, Payload},
};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use super::{MasterError, MasterKey};

const FORMAT: &str = "forethought-master-1";
const KEY: usize = 32;
const NONCE: usize = 24;
/// A file that is longer is no key.
const MAX_FILE: u64 = 256;

/// A master key whose bytes this process holds. They appear in no debug text, and are overwritten when it is dropped.
pub struct LocalMaster {
    cipher: XChaCha20Poly1305,
    id: String,
}

impl LocalMaster {
    /// The key in a text, such as an environment variable's: `forethought-master-1 <64 hexadecimal digits> <id>`. The id
    /// is a digest of the key, so a key that was mistyped is noticed.
    ///
    /// # Errors
    /// [`MasterError::Text`], without a word of the text.
    pub fn from_text(text: &str) -> Result<Self, MasterError> {
        let wrong = |what| MasterError::Text { what };
        let mut parts = text.trim_end_matches(['\r', '\n']).split(' ');
        let (format, digits, id) = (parts.next(), parts.next(), parts.next());
        if format != Some(FORMAT) {
            return Err(wrong("it does not begin as one does"));
        }
        let (Some(digits), Some(id), None) = (digits, id, parts.next()) else {
            return Err(wrong("it does not have three parts with one blank between them"));
        };
        let mut bytes = Zeroizing::new([0; KEY]);
        hex::decode_to_slice(digits, bytes.as_mut_slice())
            .map_err(|_| wrong("the key has not 64 hexadecimal digits"))?;
        let key = Self::of(&bytes);
        if key.id == id { Ok(key) } else { Err(wrong("the id is not that of this key, so one of them was changed")) }
    }

    /// The key in a file that only its owner can read.
    ///
    /// # Errors
    /// [`MasterError::Exposed`], [`MasterError::File`] and [`MasterError::Text`].
    pub fn from_file(path: impl AsRef<Path>) -> Result<Self, MasterError> {
        let path = path.as_ref();
        let failed = |source| file_error("read", path, source);
        let file = File::open(path).map_err(failed)?;
        check_private(path, &file)?;
        // As large as it can become: growing would leave copies of the key behind.
        let mut bytes = Zeroizing::new(Vec::with_capacity(2 * usize::try_from(MAX_FILE).unwrap_or(KEY)));
        file.take(MAX_FILE).read_to_end(&mut bytes).map_err(failed)?;
        let text = std::str::from_utf8(&bytes).map_err(|_| MasterError::Text { what: "it is not UTF-8" })?;
        Self::from_text(text)
    }

    /// A new random key, durable in a new file that only its owner can read.
    ///
    /// # Errors
    /// [`MasterError::Exists`] where there is such a file, which stays as it is; [`MasterError::File`] and
    /// [`MasterError::Random`].
    pub fn generate_into(path: impl AsRef<Path>) -> Result<Self, MasterError> {
        let path = path.as_ref();
        let (key, text) = Self::generate()?;
        write_new(path, text.as_bytes())?;
        Ok(key)
    }

    /// A new random key, and its text.
    ///
    /// # Errors
    /// [`MasterError::Random`].
    pub fn generate() -> Result<(Self, Zeroizing<String>), MasterError> {
        let mut bytes = Zeroizing::new([0; KEY]);
        getrandom::fill(bytes.as_mut_slice()).map_err(MasterError::Random)?;
        let key = Self::of(&bytes);
        let digits = Zeroizing::new(hex::encode(bytes.as_slice()));
        let text = Zeroizing::new(format!("{FORMAT} {} {}\n", digits.as_str(), key.id));
        Ok((key, text))
    }

    pub(super) fn of(bytes: &[u8; KEY]) -> Self {
        let digest = Sha256::new().chain_update(FORMAT).chain_update(bytes).finalize();
        let id = hex::encode(digest.first_chunk::<8>().copied().unwrap_or_default());
        Self { cipher: XChaCha20Poly1305::new(bytes.into()), id }
    }
}

impl MasterKey for LocalMaster {
    fn id(&self) -> String {
        self.id.clone()
    }

    fn wrap(&self, aad: &[u8], plain: &[u8]) -> Result<Vec<u8>, MasterError> {
        let mut nonce = [0; NONCE];
        getrandom::fill(&mut nonce).map_err(MasterError::Random)?;
        let sealed = self.cipher.encrypt(XNonce::from_slice(&nonce), Payload { msg: plain, aad });
        let sealed = sealed.map_err(|_| MasterError::Unavailable {
            id: self.id.clone(),
            what: format!("{} bytes are too many to wrap", plain.len()),
        })?;
        Ok([nonce.as_slice(), &sealed].concat())
    }

    fn unwrap(&self, aad: &[u8], wrapped: &[u8]) -> Result<Zeroizing<Vec<u8>>, MasterError> {
        let rejected = || MasterError::Rejected { id: self.id.clone() };
        let (nonce, sealed) = wrapped.split_first_chunk::<NONCE>().ok_or_else(rejected)?;
        let plain = self.cipher.decrypt(XNonce::from_slice(nonce), Payload { msg: sealed, aad });
        plain.map(Zeroizing::new).map_err(|_| rejected())
    }
}

impl fmt::Debug for LocalMaster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LocalMaster({})", self.id)
    }
}

/// Writes a file that is either whole or not there, and replaces none.
fn write_new(path: &Path, bytes: &[u8]) -> Result<(), MasterError> {
    let mut new = path.as_os_str().to_owned();
    new.push(".new");
    let new = PathBuf::from(new);
    let written = write_private(&new, bytes).and_then(|()| fs::hard_link(&new, path));
    let removed = fs::remove_file(&new);
    match written.and(removed).and_then(|()| sync_folder(path)) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            Err(MasterError::Exists { path: path.to_owned() })
        }
        Err(source) => Err(file_error("write", path, source)),
    }
}

fn write_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    // What an earlier crash left is no key: it never got its name.
    if path.exists() {
        fs::remove_file(path)?;
    }
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()
}

#[cfg(unix)]
fn check_private(path: &Path, file: &File) -> Result<(), MasterError> {
    use std::os::unix::fs::PermissionsExt;
    let mode = file.metadata().map_err(|source| file_error("read", path, source))?.permissions().mode() & 0o777;
    // Nothing for the group, nothing for others.
    if mode.trailing_zeros() >= 6 { Ok(()) } else { Err(MasterError::Exposed { path: path.to_owned(), mode }) }
}

#[cfg(not(unix))]
fn check_private(_path: &Path, _file: &File) -> Result<(), MasterError> {
    Ok(())
}

fn file_error(action: &'static str, path: &Path, source: io::Error) -> MasterError {
    MasterError::File { action, path: path.to_owned(), source }
}
