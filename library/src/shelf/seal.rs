//! How a file is sealed: XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha-03) under a key of its own, in chunks.
//!
//! The chunks follow the STREAM construction (Hoang, Reyhanitabar, Rogaway and Vizár, 2015): each has its number and whether it
//! is the last one in its nonce, so that none can be left out, doubled, moved or cut off. A nonce is used once, since a key
//! seals one file; what is known of the file is sealed under the same key with a nonce that begins otherwise. Tenant and id are
//! authenticated with each.
//!
//! ```text
//! chunk nonce   1 u8 | number u64 | last u8 | zeros 14
//! other nonce   2 u8 | random 23
//! ```

use chacha20poly1305::{
    KeyInit, XChaCha20Poly1305, XNonce,
    aead::{Aead, AeadInPlace, Payload},
};
use zeroize::Zeroizing;

use super::{FILE_KEY, place::Place};

/// Bytes of a file in one chunk; the last one may have fewer, and has none in an empty file.
pub(super) const CHUNK: usize = 64 * 1024;
/// Bytes that sealing adds to a chunk.
pub(super) const TAG: usize = 16;
const NONCE: usize = 24;
/// Random bytes that [`Sealer::seal_info`] needs.
pub(super) const INFO_RANDOM: usize = NONCE - 1;

/// It is not what was sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NotSealed;

/// Seals and opens one file's parts.
pub(super) struct Sealer {
    cipher: XChaCha20Poly1305,
    label: Vec<u8>,
}

impl Sealer {
    pub(super) fn new(key: &[u8; FILE_KEY], place: &Place) -> Self {
        let label = format!("forethought-library-1\0{}\0{}\0", place.tenant, place.id).into_bytes();
        Self { cipher: XChaCha20Poly1305::new(key.into()), label }
    }

    /// Seals a chunk where it lies.
    pub(super) fn seal_chunk(&self, number: u64, last: bool, chunk: &mut Vec<u8>) -> Result<(), NotSealed> {
        let nonce = chunk_nonce(number, last);
        let known = self.known(number, last);
        self.cipher.encrypt_in_place(XNonce::from_slice(&nonce), &known, chunk).map_err(|_| NotSealed)
    }

    /// Opens a chunk where it lies.
    pub(super) fn open_chunk(&self, number: u64, last: bool, chunk: &mut Vec<u8>) -> Result<(), NotSealed> {
        let nonce = chunk_nonce(number, last);
        let known = self.known(number, last);
        self.cipher.decrypt_in_place(XNonce::from_slice(&nonce), &known, chunk).map_err(|_| NotSealed)
    }

    /// What is known of the file, sealed behind its nonce, which ends with these random bytes.
    pub(super) fn seal_info(&self, random: &[u8; INFO_RANDOM], info: &[u8]) -> Result<Vec<u8>, NotSealed> {
        let nonce = [&[2], random.as_slice()].concat();
        let payload = Payload { msg: info, aad: &self.label };
        let sealed = self.cipher.encrypt(XNonce::from_slice(&nonce), payload).map_err(|_| NotSealed)?;
        Ok([nonce, sealed].concat())
    }

    /// What [`Sealer::seal_info`] sealed.
    pub(super) fn open_info(&self, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, NotSealed> {
        let (nonce, sealed) = sealed.split_first_chunk::<NONCE>().ok_or(NotSealed)?;
        let payload = Payload { msg: sealed, aad: &self.label };
        let opened = self.cipher.decrypt(XNonce::from_slice(nonce), payload);
        opened.map(Zeroizing::new).map_err(|_| NotSealed)
    }

    fn known(&self, number: u64, last: bool) -> Vec<u8> {
        [self.label.as_slice(), &number.to_le_bytes(), &[u8::from(last)]].concat()
    }
}

/// The length of a file when it is sealed.
pub(super) const fn sealed_len(bytes: u64) -> u64 {
    let chunks = bytes.div_ceil(CHUNK as u64);
    bytes.saturating_add((if chunks == 0 { 1 } else { chunks }).saturating_mul(TAG as u64))
}

fn chunk_nonce(number: u64, last: bool) -> [u8; NONCE] {
    let mut nonce = [0; NONCE];
    let parts = [1].into_iter().chain(number.to_le_bytes()).chain([u8::from(last)]);
    nonce.iter_mut().zip(parts).for_each(|(to, from)| *to = from);
    nonce
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::FileId;

    fn place(tenant: &str) -> Place {
        Place { tenant: tenant.to_owned(), id: "file_00112233445566778899aabbccddeeff".parse::<FileId>().unwrap() }
    }

    #[test]
    fn a_chunk_opens_in_its_place_alone() {
        let sealer = Sealer::new(&[1; 32], &place("a"));
        let mut sealed = b"some text".to_vec();
        sealer.seal_chunk(3, false, &mut sealed).unwrap();
        let check = |sealer: &Sealer, number, last, sealed: &[u8], expect: bool| {
            let mut chunk = sealed.to_vec();
            assert_eq!(sealer.open_chunk(number, last, &mut chunk).is_ok(), expect, "{number} {last}");
            assert!(!expect || chunk == b"some text");
        };
        check(&sealer, 3, false, &sealed, true);
        check(&sealer, 4, false, &sealed, false);
        check(&sealer, 3, true, &sealed, false);
        check(&sealer, 3, false, &sealed[1..], false);
        check(&Sealer::new(&[1; 32], &place("b")), 3, false, &sealed, false);
        check(&Sealer::new(&[2; 32], &place("a")), 3, false, &sealed, false);
        let mut changed = sealed.clone();
        changed[0] ^= 1;
        check(&sealer, 3, false, &changed, false);
    }

    #[test]
    fn no_nonce_comes_twice() {
        let sealer = Sealer::new(&[1; 32], &place("a"));
        let chunks = (0..300).flat_map(|number| [chunk_nonce(number, false), chunk_nonce(number, true)]);
        let infos = (0..=255).map(|one| *sealer.seal_info(&[one; 23], b"").unwrap().first_chunk::<24>().unwrap());
        let all: Vec<_> = chunks.chain(infos).collect();
        assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), all.len());
        let sealed = sealer.seal_info(&[0; 23], b"name").unwrap();
        assert_eq!(sealer.open_info(&sealed).unwrap().as_slice(), b"name");
        assert_eq!(Sealer::new(&[1; 32], &place("b")).open_info(&sealed).unwrap_err(), NotSealed);
        assert_eq!(sealer.open_info(&sealed[..10]).unwrap_err(), NotSealed);
    }

    #[test]
    fn lengths_are_those_of_the_chunks() {
        let check = |bytes: u64, expect: u64| assert_eq!(sealed_len(bytes), expect, "{bytes}");
        check(0, 16);
        check(1, 17);
        check(65_536, 65_552);
        check(65_537, 65_537 + 32);
        check(u64::MAX, u64::MAX);
    }
}
