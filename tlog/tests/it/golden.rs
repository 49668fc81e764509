//! What Go's `golang.org/x/mod/sumdb` makes is what is made here, byte for byte. `tests/golden/golden.go` wrote it.

use std::collections::BTreeSet;

use forethought_tlog::{
    Checkpoint, CosigningKey, Hash, Receipt, SignedCheckpoint, SignedNote, SigningKey, TilePath, TileSource as _,
    VerifierKey, consistency_proof, inclusion_proof, receipt::Trust, root_at, tile::encode_tile, verify_consistency,
    verify_inclusion, witness::AddCheckpoint,
};
use sha2::{Digest as _, Sha256};

use crate::log::{Log, leaf};

const LEAVES: u64 = 66_000;
const ORIGIN: &str = "example.com/log";

fn number(text: &str) -> u64 {
    text.parse().unwrap()
}

fn hashes(texts: &[&str]) -> Vec<Hash> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

fn signer() -> SigningKey {
    SigningKey::from_seed(ORIGIN, &[1; 32]).unwrap()
}

fn other() -> SigningKey {
    SigningKey::from_seed("例え.example/ключ", &[2; 32]).unwrap()
}

fn witnesses() -> [CosigningKey; 2] {
    let witness = |name, seed| CosigningKey::from_seed(name, &[seed; 32]).unwrap();
    [witness("witness.example/w1", 3), witness("witness.example/w2", 4)]
}

fn witness_keys() -> Vec<VerifierKey> {
    witnesses().iter().map(|witness| witness.verifier().clone()).collect()
}

#[test]
fn roots_are_those_of_go() {
    let log = Log::of(LEAVES);
    for line in include_str!("../golden/roots.txt").lines() {
        let (size, root) = line.split_once(' ').unwrap();
        assert_eq!(root_at(number(size), &log).unwrap().to_string(), root, "{size}");
    }
}

#[test]
fn proofs_are_those_of_go() {
    let log = Log::of(LEAVES);
    for line in include_str!("../golden/proofs.txt").lines() {
        let words: Vec<&str> = line.split(' ').collect();
        let (size, at, proof) = (number(words[1]), number(words[2]), hashes(&words[3..]));
        let root = |size| root_at(size, &log).unwrap();
        if words[0] == "inclusion" {
            assert_eq!(inclusion_proof(size, at, &log).as_ref(), Ok(&proof), "{at} of {size}");
            assert_eq!(verify_inclusion(at, size, &leaf(at), &root(size), &proof), Ok(()), "{at} of {size}");
        } else {
            assert_eq!(consistency_proof(at, size, &log).as_ref(), Ok(&proof), "{at} to {size}");
            assert_eq!(verify_consistency(at, &root(at), size, &root(size), &proof), Ok(()), "{at} to {size}");
        }
    }
}

#[test]
fn tiles_and_their_paths_are_those_of_go() {
    let log = Log::of(LEAVES);
    let mut checked = BTreeSet::new();
    for line in include_str!("../golden/tiles.txt").lines() {
        let (path, digest) = line.split_once(' ').unwrap();
        let parsed: TilePath = path.parse().unwrap();
        assert_eq!(parsed.to_string(), path);
        let TilePath::Tile { level, index, width } = parsed else { panic!("{path}") };
        if digest != "-" {
            let bytes = encode_tile(&log.tile(level, index, width).unwrap());
            assert_eq!(hex::encode(Sha256::digest(bytes)), digest, "{path}");
            checked.insert((level, index));
        }
    }
    let partial = (0..8).filter(|level| !log.tree.partial(*level).is_empty()).count();
    assert_eq!(checked.len(), log.tiles.len() + partial);
}

#[test]
fn keys_are_those_of_go() {
    for line in include_str!("../golden/keys.txt").lines() {
        let [seed, private, public] = line.split(' ').collect::<Vec<_>>().try_into().unwrap();
        let key: VerifierKey = public.parse().unwrap();
        assert_eq!(key.to_string(), public);
        let seed = [number(seed) as u8; 32];
        if private == "-" {
            assert_eq!(CosigningKey::from_seed(key.name(), &seed).unwrap().verifier(), &key);
            continue;
        }
        let signer: SigningKey = private.parse().unwrap();
        assert_eq!(signer.verifier(), &key);
        assert_eq!(signer.private_text().unwrap(), private);
        assert_eq!(SigningKey::from_seed(key.name(), &seed).unwrap().verifier(), &key);
    }
}

#[test]
fn a_note_is_that_of_go() {
    let text = "A text.\n\nAnother line: 日本語, +, —.\n";
    let signatures = [signer(), other()].map(|key| key.signature(text).unwrap());
    let note = SignedNote::new(text, signatures.to_vec()).unwrap();
    assert_eq!(note.to_string(), include_str!("../golden/plain.note"));
    assert_eq!(SignedNote::parse(include_bytes!("../golden/plain.note")), Ok(note));
}

/// The checkpoint of the whole log, signed and cosigned by all.
fn cosigned() -> SignedCheckpoint {
    let checkpoint = Checkpoint::new(ORIGIN, LEAVES, Log::of(LEAVES).tree.root()).unwrap();
    let mut signed = checkpoint.clone().sign(&signer()).unwrap();
    signed.add(other().signature(&checkpoint.to_string()).unwrap()).unwrap();
    for (witness, time) in witnesses().iter().zip([1_679_315_147, (1 << 63) - 1]) {
        signed.add(witness.cosign(&checkpoint, time).unwrap()).unwrap();
    }
    signed
}

#[test]
fn checkpoints_and_cosignatures_are_those_of_go() {
    let log = Log::of(600);
    let checkpoint = Checkpoint::new(ORIGIN, 600, log.tree.root()).unwrap();
    let signed = checkpoint.clone().sign(&signer()).unwrap();
    assert_eq!(signed.to_string(), include_str!("../golden/checkpoint.note"));
    assert_eq!(signed.verify(ORIGIN, &[signer().verifier().clone()]), Ok(&checkpoint));
    let cosigned = cosigned();
    assert_eq!(cosigned.to_string(), include_str!("../golden/cosigned.note"));
    let keys = witness_keys();
    let times: Vec<_> = cosigned.cosignatures(&keys).unwrap().iter().map(|one| one.time).collect();
    assert_eq!(times, [Some(1_679_315_147), Some((1 << 63) - 1)]);
}

#[test]
fn a_request_is_that_of_go() {
    let log = Log::of(LEAVES);
    let checkpoint = Checkpoint::new(ORIGIN, LEAVES, log.tree.root()).unwrap().sign(&signer()).unwrap();
    let request = AddCheckpoint::new(600, consistency_proof(600, LEAVES, &log).unwrap(), checkpoint).unwrap();
    assert_eq!(request.to_string(), include_str!("../golden/add-checkpoint.txt"));
    assert_eq!(AddCheckpoint::parse(include_bytes!("../golden/add-checkpoint.txt")), Ok(request));
}

#[test]
fn a_receipt_is_that_of_go() {
    let proof = inclusion_proof(LEAVES, 4_242, &Log::of(LEAVES)).unwrap();
    let receipt = Receipt::new(b"extra data".to_vec(), 4_242, proof, cosigned()).unwrap();
    assert_eq!(receipt.to_string(), include_str!("../golden/entry-4242.tlog-proof"));
    assert_eq!(Receipt::parse(include_bytes!("../golden/entry-4242.tlog-proof")), Ok(receipt.clone()));
    let (log_keys, witnesses) = ([signer().verifier().clone()], witness_keys());
    let trust = Trust { origin: ORIGIN, log_keys: &log_keys, witnesses: &witnesses, quorum: 2 };
    assert_eq!(receipt.verify(&leaf(4_242), &trust).unwrap().checkpoint.size(), LEAVES);
}
