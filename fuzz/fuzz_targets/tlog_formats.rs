//! Whatever is read of a transparency log is written again as it was, and nothing that is read ends in a panic.
//!
//! The first byte of an input chooses what the rest is read as. What was read is also used: proofs are verified, requests
//! decided and receipts checked.

#![no_main]

use std::{fmt::Display, sync::LazyLock};

use forethought_tlog::{
    Checkpoint, CosigningKey, EMPTY_ROOT, Hash, Receipt, SignedCheckpoint, SignedNote, SigningKey, TilePath, Tree,
    VerifierKey, consistency_proof, inclusion_proof, leaf_hash,
    receipt::Trust,
    tile::{decode_bundle, decode_tile, encode_bundle, encode_tile},
    verify_consistency, verify_inclusion,
    witness::{AddCheckpoint, Decision, TreeHead, cosignatures_in, decide, size_in},
};
use libfuzzer_sys::fuzz_target;

static KEYS: LazyLock<Vec<VerifierKey>> = LazyLock::new(|| {
    let signer = SigningKey::from_seed("log", &[1; 32]).unwrap();
    let witness = CosigningKey::from_seed("witness", &[2; 32]).unwrap();
    vec![signer.verifier().clone(), witness.verifier().clone()]
});

fuzz_target!(|input: &[u8]| {
    let Some((which, bytes)) = input.split_first() else { return };
    let text = std::str::from_utf8(bytes);
    match which % 12 {
        0 => note(bytes),
        1 => text.iter().for_each(|text| same(text, Checkpoint::parse(text))),
        2 => checkpoint(bytes),
        3 => text.iter().for_each(|text| same(text, text.parse::<VerifierKey>())),
        4 => text.iter().for_each(|text| signing_key(text)),
        5 => text.iter().for_each(|text| same(text, text.parse::<TilePath>())),
        6 => tile(bytes),
        7 => bundle(bytes),
        8 => request(bytes),
        9 => receipt(bytes),
        10 => _ = size_in(bytes).map(|size| assert_eq!(format!("{size}\n").as_bytes(), bytes)),
        _ => proofs(bytes),
    }
});

/// What was read is written as it was read.
fn same<T: Display, E>(text: &str, read: Result<T, E>) {
    if let Ok(read) = read {
        assert_eq!(read.to_string(), text);
    }
}

fn note(bytes: &[u8]) {
    let Ok(note) = SignedNote::parse(bytes) else { return };
    assert_eq!(note.to_string().as_bytes(), bytes);
    if let Ok(verified) = note.verify(&KEYS) {
        assert!(!verified.is_empty() && verified.len() <= note.signatures().len());
    }
    let signatures = note.signatures().to_vec();
    assert_eq!(SignedNote::new(note.text(), signatures), Ok(note));
}

fn checkpoint(bytes: &[u8]) {
    let Ok(checkpoint) = SignedCheckpoint::parse(bytes) else { return };
    assert_eq!(checkpoint.to_string().as_bytes(), bytes);
    assert_eq!(checkpoint.checkpoint().to_string(), checkpoint.note().text());
    let lines: String = checkpoint.note().signatures().iter().map(ToString::to_string).collect();
    _ = cosignatures_in(lines, &checkpoint, &KEYS);
}

fn signing_key(text: &str) {
    if let Ok(key) = text.parse::<SigningKey>() {
        assert_eq!(key.private_text().unwrap(), text);
        assert!(!format!("{key:?}").contains(text));
    }
}

fn tile(bytes: &[u8]) {
    if let Ok(hashes) = decode_tile(bytes) {
        assert!((1..=256).contains(&hashes.len()));
        assert_eq!(encode_tile(&hashes), bytes);
    }
}

fn bundle(bytes: &[u8]) {
    if let Ok(entries) = decode_bundle(bytes) {
        assert!((1..=256).contains(&entries.len()));
        assert_eq!(encode_bundle(&entries).unwrap(), bytes);
    }
}

fn request(bytes: &[u8]) {
    let Ok(request) = AddCheckpoint::parse(bytes) else { return };
    assert_eq!(request.to_string().as_bytes(), bytes);
    let head = TreeHead { size: request.old(), root: leaf_hash(b"another") };
    for known in [None, Some(&head)] {
        let decision = decide(known, &KEYS, &request);
        // No proof leads to a root that was made up, but every log begins empty.
        let begins_empty = known.is_none_or(|head| head.size == 0);
        assert!(begins_empty || !matches!(decision, Decision::Cosign(_)), "{decision:?}");
    }
}

fn receipt(bytes: &[u8]) {
    let Ok(receipt) = Receipt::parse(bytes) else { return };
    assert_eq!(receipt.to_string().as_bytes(), bytes);
    let origin = receipt.checkpoint().checkpoint().origin();
    let trust = Trust { origin, log_keys: &KEYS, witnesses: &KEYS, quorum: 1 };
    let leaf = leaf_hash(b"another");
    assert!(receipt.verify(&leaf, &trust).is_err() || *receipt.checkpoint().checkpoint().root() == leaf);
}

/// Sizes and a proof as they come: they hold only where they are those of the tree.
fn proofs(bytes: &[u8]) {
    let Some((sizes, rest)) = bytes.split_first_chunk::<16>() else { return };
    let [one, two] = [&sizes[..8], &sizes[8..]].map(|size| u64::from_be_bytes(size.try_into().unwrap()));
    let proof: Vec<Hash> = rest.as_chunks().0.iter().map(|hash| Hash::from(*hash)).collect();
    let leaf = leaf_hash(b"leaf");
    assert!(verify_inclusion(one, two, &leaf, &EMPTY_ROOT, &proof).is_err());
    let consistent = verify_consistency(one, &leaf, two, &EMPTY_ROOT, &proof).is_ok();
    assert!(!consistent, "{one} to {two}");
    proofs_of_any_size(one, two);
}

/// A log of equal leaves has equal nodes on each level, so that a log of any size is at hand.
fn proofs_of_any_size(one: u64, two: u64) {
    let log = Equal(leaf_hash(b"leaf"));
    let root = |size| forethought_tlog::root_at(size, &log).unwrap();
    let (old, new) = (one.min(two), one.max(two));
    let proof = consistency_proof(old, new, &log).unwrap();
    assert_eq!(verify_consistency(old, &root(old), new, &root(new), &proof), Ok(()), "{old} to {new}");
    if old < new {
        let proof = inclusion_proof(new, old, &log).unwrap();
        assert_eq!(verify_inclusion(old, new, &log.0, &root(new), &proof), Ok(()), "{old} of {new}");
    }
    if let Ok(mut tree) = Tree::resume(new, &log) {
        assert_eq!(tree.root(), root(new));
        tree.push(log.0, &mut |_| {});
        assert_eq!(tree.root(), root(new + 1));
    }
}

struct Equal(Hash);

impl forethought_tlog::TileSource for Equal {
    type Error = std::convert::Infallible;

    fn tile(&self, level: u8, _: u64, width: u16) -> Result<Vec<Hash>, Self::Error> {
        let node = (0..u32::from(level) * 8).fold(self.0, |node, _| forethought_tlog::node_hash(&node, &node));
        Ok(vec![node; width.into()])
    }
}
