//! Sealed contents, version 2: XChaCha20-Poly1305 under a key of the vault.
//!
//! ```text
//! 2 u8 | record id | content name | tenant, each u16 length and bytes | file u32 | slot u32 | key id 16 | nonce 24 | ciphertext
//! ```
//!
//! Numbers are little-endian. What precedes the nonce is authenticated with the content, so that a content cannot be moved to
//! another record, name, tenant or key. What is encrypted is a salt of 32 bytes followed by the content, and the commitment is
//! the same as in version 1: SHA-256 of both.

use chacha20poly1305::{
    KeyInit, XChaCha20Poly1305, XNonce,
    aead::{Aead, AeadInPlace, Payload},
};
use zeroize::Zeroizing;

use super::{ContentKey, KeyId, KeyPlace, VaultError};
use crate::{Commitment, Digest, random::Random};

const VERSION: u8 = 2;
const SALT: usize = 32;
const NONCE: usize = 24;
const TAG: usize = 16;
/// Bytes of what is authenticated, without the names.
const FIXED: usize = 1 + 3 * 2 + 4 + 4 + 16;

/// Which content this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ContentLabel<'a> {
    /// The record's id.
    pub record_id: &'a str,
    /// The content's name, such as `prompt`.
    pub name: &'a str,
    /// Whose it is.
    pub tenant: &'a str,
}

/// A sealed content of version 2, taken apart.
#[derive(Debug)]
pub struct SealedContent<'a> {
    label: ContentLabel<'a>,
    place: KeyPlace,
    key_id: KeyId,
    aad: &'a [u8],
    nonce: [u8; NONCE],
    ciphertext: &'a [u8],
}

/// Seals a content, and gives the commitment to it with the sealed bytes.
///
/// # Errors
/// [`VaultError::Sealing`] where a name or the content is too long, and [`VaultError::Random`].
pub fn seal_content(
    key: &ContentKey,
    label: ContentLabel<'_>,
    content: &[u8],
) -> Result<(Commitment, Vec<u8>), VaultError> {
    seal(key, label, content, &mut Random::default())
}

/// As [`seal_content`], with random bytes that may have been drawn before.
pub(crate) fn seal(
    key: &ContentKey,
    label: ContentLabel<'_>,
    content: &[u8],
    random: &mut Random,
) -> Result<(Commitment, Vec<u8>), VaultError> {
    let failed = || VaultError::Sealing { record_id: label.record_id.to_owned(), name: label.name.to_owned() };
    let random = random.take::<{ SALT + NONCE }>().map_err(VaultError::Random)?;
    let (salt, nonce) = random.split_first_chunk::<SALT>().ok_or_else(failed)?;
    let mut bytes = head(key, label, SALT + content.len()).ok_or_else(failed)?;
    let head = bytes.len();
    for part in [nonce, salt, content] {
        bytes.extend_from_slice(part);
    }
    // Sealed where it lies: what is sealed is copied once, and its copy is written over.
    let (known, text) = bytes.split_at_mut_checked(head).ok_or_else(failed)?;
    let (nonce, text) = text.split_first_chunk_mut::<NONCE>().ok_or_else(failed)?;
    let tag = cipher(key).encrypt_in_place_detached(XNonce::from_slice(nonce), known, text).map_err(|_| failed())?;
    bytes.extend_from_slice(&tag);
    let commitment = Digest::salted(salt, content);
    Ok((Commitment { name: label.name.to_owned(), commitment, sealed: Digest::of(&bytes) }, bytes))
}

/// What is authenticated, with room for so many bytes to be sealed behind it; none when a name is too long.
fn head(key: &ContentKey, label: ContentLabel<'_>, sealed: usize) -> Option<Vec<u8>> {
    let names = label.record_id.len() + label.name.len() + label.tenant.len();
    let mut bytes = Vec::with_capacity(FIXED + names + NONCE + sealed + TAG);
    bytes.push(VERSION);
    for part in [label.record_id, label.name, label.tenant] {
        bytes.extend_from_slice(&u16::try_from(part.len()).ok()?.to_le_bytes());
        bytes.extend_from_slice(part.as_bytes());
    }
    bytes.extend_from_slice(&key.place().file.to_le_bytes());
    bytes.extend_from_slice(&key.place().slot.to_le_bytes());
    bytes.extend_from_slice(key.id().as_bytes());
    Some(bytes)
}

impl<'a> SealedContent<'a> {
    /// Takes sealed bytes apart; none when they are not of version 2, such as those of version 1 under a tenant's key.
    #[must_use]
    pub fn parse(bytes: &'a [u8]) -> Option<Self> {
        let (version, mut rest) = bytes.split_first()?;
        if *version != VERSION {
            return None;
        }
        let mut text = || {
            let (len, after) = rest.split_first_chunk()?;
            let (text, after) = after.split_at_checked(usize::from(u16::from_le_bytes(*len)))?;
            rest = after;
            std::str::from_utf8(text).ok()
        };
        let label = ContentLabel { record_id: text()?, name: text()?, tenant: text()? };
        let (file, rest) = rest.split_first_chunk()?;
        let (slot, rest) = rest.split_first_chunk()?;
        let (key_id, rest) = rest.split_first_chunk()?;
        let aad = bytes.get(..bytes.len() - rest.len())?;
        let (nonce, ciphertext) = rest.split_first_chunk()?;
        let place = KeyPlace { file: u32::from_le_bytes(*file), slot: u32::from_le_bytes(*slot) };
        Some(Self { label, place, key_id: KeyId::from_bytes(*key_id), aad, nonce: *nonce, ciphertext })
    }

    /// Which content it says it is; [`SealedContent::open`] shows whether that is so.
    #[must_use]
    pub const fn label(&self) -> ContentLabel<'a> {
        self.label
    }

    /// Where its key's row stands.
    #[must_use]
    pub const fn place(&self) -> KeyPlace {
        self.place
    }

    /// The name of its key.
    #[must_use]
    pub const fn key_id(&self) -> KeyId {
        self.key_id
    }

    /// The content and the commitment to it.
    ///
    /// # Errors
    /// [`VaultError::Unsealing`] where it is not what was sealed under this key.
    pub fn open(&self, key: &ContentKey) -> Result<(Vec<u8>, Digest), VaultError> {
        let ContentLabel { record_id, name, .. } = self.label;
        let failed = || VaultError::Unsealing { record_id: record_id.to_owned(), name: name.to_owned() };
        let nonce = XNonce::from_slice(&self.nonce);
        let salted = cipher(key).decrypt(nonce, Payload { msg: self.ciphertext, aad: self.aad });
        let salted = Zeroizing::new(salted.map_err(|_| failed())?);
        let (salt, content) = salted.split_at_checked(SALT).ok_or_else(failed)?;
        Ok((content.to_vec(), Digest::salted(salt, content)))
    }
}

fn cipher(key: &ContentKey) -> XChaCha20Poly1305 {
    XChaCha20Poly1305::new(key.bytes().into())
}
