//! Sealed contents: XChaCha20-Poly1305 under the tenant's key.
//!
//! ```text
//! 1 u8 | record id | content name | tenant, each u16 length and bytes | key id 8 | nonce 24 | ciphertext
//! ```
//!
//! Lengths are little-endian. What precedes the nonce is authenticated with the content, so that a content cannot be
//! moved to another record, name or tenant. What is encrypted is a salt of 32 bytes followed by the content.

use chacha20poly1305::{
    KeyInit, XChaCha20Poly1305, XNonce,
    aead::{Aead, Payload},
};
#[cfg(test)]
use forethought_schemas::RecordId;

#[cfg(test)]
use crate::Commitment;
use crate::{Digest, KeyError, TenantKey, contents::Label, keys::file_of};

const VERSION: u8 = 1;
const SALT: usize = 32;
const NONCE: usize = 24;

/// A sealed content, taken apart.
#[derive(Debug)]
pub(crate) struct Sealed<'a> {
    pub(crate) label: Label<'a>,
    key_id: [u8; 8],
    aad: &'a [u8],
    nonce: [u8; NONCE],
    ciphertext: &'a [u8],
}

/// Seals a content, and gives the commitment to it with the sealed bytes, as earlier programs did.
#[cfg(test)]
pub(crate) fn seal(
    key: &TenantKey,
    record_id: &RecordId,
    tenant: &str,
    name: &str,
    content: &[u8],
) -> Result<(Commitment, Vec<u8>), KeyError> {
    let failed = || KeyError::Sealing { record_id: record_id.to_string(), name: name.to_owned() };
    let mut random = [0; SALT + NONCE];
    getrandom::fill(&mut random).map_err(KeyError::Random)?;
    let (salt, nonce) = random.split_at(SALT);
    let mut bytes = vec![VERSION];
    for part in [record_id.as_str(), name, tenant] {
        bytes.extend_from_slice(&u16::try_from(part.len()).map_err(|_| failed())?.to_le_bytes());
        bytes.extend_from_slice(part.as_bytes());
    }
    bytes.extend_from_slice(&key.id());
    let salted = [salt, content].concat();
    let ciphertext =
        cipher(key).encrypt(XNonce::from_slice(nonce), Payload { msg: &salted, aad: &bytes }).map_err(|_| failed())?;
    bytes.extend_from_slice(nonce);
    bytes.extend_from_slice(&ciphertext);
    let commitment = Digest::salted(salt, content);
    Ok((Commitment { name: name.to_owned(), commitment, sealed: Digest::of(&bytes) }, bytes))
}

impl<'a> Sealed<'a> {
    /// Takes sealed bytes apart; none when they are not in the format.
    pub(crate) fn parse(bytes: &'a [u8]) -> Option<Self> {
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
        let label = Label { record_id: text()?, name: text()?, tenant: text()? };
        let (key_id, rest) = rest.split_first_chunk()?;
        let aad = bytes.get(..bytes.len() - rest.len())?;
        let (nonce, ciphertext) = rest.split_first_chunk()?;
        Some(Self { label, key_id: *key_id, aad, nonce: *nonce, ciphertext })
    }

    /// The content and the commitment to it.
    pub(crate) fn open(&self, key: &TenantKey) -> Result<(Vec<u8>, Digest), KeyError> {
        let Label { record_id, name, tenant } = self.label;
        if key.id() != self.key_id {
            return Err(KeyError::OtherKey {
                tenant: tenant.to_owned(),
                sealed_under: hex::encode(self.key_id),
                file: file_of(tenant)?,
            });
        }
        let failed = || KeyError::Unsealing { record_id: record_id.to_owned(), name: name.to_owned() };
        let mut salted = cipher(key)
            .decrypt(XNonce::from_slice(&self.nonce), Payload { msg: self.ciphertext, aad: self.aad })
            .map_err(|_| failed())?;
        if salted.len() < SALT {
            return Err(failed());
        }
        let content = salted.split_off(SALT);
        let commitment = Digest::salted(&salted, &content);
        Ok((content, commitment))
    }
}

fn cipher(key: &TenantKey) -> XChaCha20Poly1305 {
    XChaCha20Poly1305::new(key.bytes().into())
}
