//! Contents of version 2 open under their own key and label, and nowhere else.

use forethought_schemas::RecordId;
use forethought_store::SimDisk;
use proptest::prelude::*;

use super::{give, open, owner};
use crate::{
    Digest, KeyStore, seal,
    vault::{ContentLabel, DestroyReason, SealedContent, VaultError, seal_content},
};

const LABEL: ContentLabel<'_> = ContentLabel { record_id: "rec_1", name: "prompt", tenant: "acme" };

#[test]
fn a_content_opens_with_its_commitment_until_its_key_is_destroyed() {
    let disk = SimDisk::new();
    let mut vault = open(&disk);
    let key = give(&mut vault, &owner(1), 0);
    let (commitment, bytes) = seal_content(&key, LABEL, b"penicillin").expect("sealed");
    assert_eq!((commitment.name.as_str(), commitment.sealed), ("prompt", Digest::of(&bytes)));
    let sealed = SealedContent::parse(&bytes).expect("parsed");
    assert_eq!((sealed.label(), sealed.place(), sealed.key_id()), (LABEL, key.place(), key.id()));
    let found = vault.find(sealed.place(), sealed.key_id()).expect("found");
    assert_eq!(sealed.open(&found).expect("opened"), (b"penicillin".to_vec(), commitment.commitment));
    let (again, other) = seal_content(&key, LABEL, b"penicillin").expect("sealed");
    assert!(again.commitment != commitment.commitment && other != bytes, "salted");
    vault.destroy(&[sealed.place()], DestroyReason::Erasure).expect("destroyed");
    assert!(matches!(vault.find(sealed.place(), sealed.key_id()), Err(VaultError::Erased { .. })));
}

#[test]
fn the_versions_are_told_apart_and_commit_alike() {
    let disk = SimDisk::new();
    let mut vault = open(&disk);
    let key = give(&mut vault, &owner(0), 0);
    let (_, second) = seal_content(&key, LABEL, b"x").expect("sealed");
    let mut keys = KeyStore::new(std::sync::Arc::new(disk));
    let tenant = keys.get_or_create("acme").expect("made");
    let record: RecordId = "rec_1".to_owned().into();
    let (_, first) = seal::seal(&tenant, &record, "acme", "prompt", b"x").expect("sealed");
    assert!(seal::Sealed::parse(&second).is_none() && SealedContent::parse(&first).is_none());
    let (content, _) = seal::Sealed::parse(&first).expect("parsed").open(&tenant).expect("opened");
    assert_eq!(content, b"x", "what was sealed before can still be read");
}

#[test]
fn every_flipped_byte_and_every_cut_is_refused() {
    let disk = SimDisk::new();
    let mut vault = open(&disk);
    let (key, other) = (give(&mut vault, &owner(1), 0), give(&mut vault, &owner(2), 0));
    let (_, bytes) = seal_content(&key, LABEL, b"penicillin").expect("sealed");
    let opens = |bytes: &[u8]| SealedContent::parse(bytes).is_some_and(|sealed| sealed.open(&key).is_ok());
    assert!(opens(&bytes));
    for at in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[at] ^= 1;
        assert!(!opens(&changed) && !opens(&bytes[..at]), "byte {at}");
    }
    let error = SealedContent::parse(&bytes).expect("parsed").open(&other).expect_err("another key");
    assert!(matches!(error, VaultError::Unsealing { .. }), "{error}");
    let long = "x".repeat(65_536);
    let error = seal_content(&key, ContentLabel { name: &long, ..LABEL }, b"").expect_err("too long");
    assert!(matches!(error, VaultError::Sealing { .. }), "{error}");
}

proptest! {
    #[test]
    fn any_content_comes_back_and_any_bytes_are_parsed_without_a_panic(
        content in proptest::collection::vec(any::<u8>(), 0..2000),
        noise in proptest::collection::vec(any::<u8>(), 0..200),
    ) {
        let mut vault = open(&SimDisk::new());
        let key = give(&mut vault, &owner(1), 0);
        let (commitment, bytes) = seal_content(&key, LABEL, &content).expect("sealed");
        let (opened, digest) = SealedContent::parse(&bytes).expect("parsed").open(&key).expect("opened");
        prop_assert_eq!((opened, digest), (content, commitment.commitment));
        let second = [&[2], noise.as_slice()].concat();
        if let Some(sealed) = SealedContent::parse(&second) {
            prop_assert!(sealed.open(&key).is_err());
        }
    }
}
