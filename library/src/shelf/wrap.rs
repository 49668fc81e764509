//! The key that wraps the keys of files, wherever it stands.

use std::fmt;

use chacha20poly1305::{
    KeyInit, XChaCha20Poly1305, XNonce,
    aead::{Aead, Payload},
};
use zeroize::Zeroizing;

use super::FileId;

/// Bytes of a file's key.
pub const FILE_KEY: usize = 32;
/// The longest wrapped key, in bytes.
pub const MAX_WRAPPED: usize = 1024;
const NONCE: usize = 24;

/// A key that was not wrapped, or not unwrapped.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WrapError {
    /// It may work later.
    #[error("the key that wraps the keys of files cannot be used now: {0}; try again")]
    Unavailable(String),
    /// It is not what was wrapped, or was wrapped by another key or for another file.
    #[error("the key of file {0} was not wrapped by the key that is in use; start with the key that was in use then")]
    Rejected(FileId),
}

/// A key that wraps others. It may stand in another process: then each call may take long, and fail for a while.
///
/// What is wrapped is bound to the tenant and the file: it unwraps for no other.
pub trait KeyWrap: Send + Sync + fmt::Debug {
    /// A wrapped key of at most [`MAX_WRAPPED`] bytes.
    ///
    /// # Errors
    /// [`WrapError::Unavailable`].
    fn wrap(&self, tenant: &str, id: &FileId, key: &[u8; FILE_KEY]) -> Result<Vec<u8>, WrapError>;

    /// The key in it.
    ///
    /// # Errors
    /// [`WrapError`].
    fn unwrap(&self, tenant: &str, id: &FileId, wrapped: &[u8]) -> Result<Zeroizing<[u8; FILE_KEY]>, WrapError>;
}

/// A wrapping key whose bytes this process holds: XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha-03), with a random nonce before
/// each ciphertext. The bytes appear in no debug text, and are overwritten when it is dropped.
pub struct LocalWrap(XChaCha20Poly1305);

impl LocalWrap {
    /// A wrapping key of 32 secret bytes.
    #[must_use]
    pub fn new(key: &[u8; 32]) -> Self {
        Self(XChaCha20Poly1305::new(key.into()))
    }
}

impl fmt::Debug for LocalWrap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LocalWrap")
    }
}

impl KeyWrap for LocalWrap {
    fn wrap(&self, tenant: &str, id: &FileId, key: &[u8; FILE_KEY]) -> Result<Vec<u8>, WrapError> {
        let mut nonce = [0; NONCE];
        getrandom::fill(&mut nonce).map_err(|error| WrapError::Unavailable(error.to_string()))?;
        let sealed = self.0.encrypt(XNonce::from_slice(&nonce), Payload { msg: key, aad: &label(tenant, id) });
        let sealed = sealed.map_err(|error| WrapError::Unavailable(error.to_string()))?;
        Ok([nonce.as_slice(), &sealed].concat())
    }

    fn unwrap(&self, tenant: &str, id: &FileId, wrapped: &[u8]) -> Result<Zeroizing<[u8; FILE_KEY]>, WrapError> {
        let rejected = || WrapError::Rejected(id.clone());
        let (nonce, sealed) = wrapped.split_first_chunk::<NONCE>().ok_or_else(rejected)?;
        let payload = Payload { msg: sealed, aad: &label(tenant, id) };
        let key = Zeroizing::new(self.0.decrypt(XNonce::from_slice(nonce), payload).map_err(|_| rejected())?);
        let mut bytes = Zeroizing::new([0; FILE_KEY]);
        if key.len() != FILE_KEY {
            return Err(rejected());
        }
        bytes.copy_from_slice(&key);
        Ok(bytes)
    }
}

fn label(tenant: &str, id: &FileId) -> Vec<u8> {
    format!("forethought-library-key-1\0{tenant}\0{id}").into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_unwraps_for_its_file_alone() {
        let (wrap, id, key) = (LocalWrap::new(&[7; 32]), FileId::generate().unwrap(), [9; FILE_KEY]);
        let wrapped = wrap.wrap("a", &id, &key).unwrap();
        assert_eq!(*wrap.unwrap("a", &id, &wrapped).unwrap(), key);
        let other = FileId::generate().unwrap();
        let check = |wrap: &LocalWrap, tenant: &str, id: &FileId, wrapped: &[u8]| {
            assert_eq!(wrap.unwrap(tenant, id, wrapped), Err(WrapError::Rejected(id.clone())));
        };
        check(&wrap, "b", &id, &wrapped);
        check(&wrap, "a", &other, &wrapped);
        check(&LocalWrap::new(&[8; 32]), "a", &id, &wrapped);
        check(&wrap, "a", &id, &wrapped[..wrapped.len() - 1]);
        check(&wrap, "a", &id, &[]);
        assert_eq!(format!("{wrap:?}"), "LocalWrap");
    }
}
