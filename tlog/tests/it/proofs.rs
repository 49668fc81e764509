//! Proofs against RFC 6962 word for word, and that nothing but the right proof is taken.

use std::collections::BTreeSet;

use forethought_tlog::{
    EMPTY_ROOT, Hash, ProofError, VerifyError, consistency_proof, inclusion_proof, leaf_hash, verify_consistency,
    verify_inclusion,
};
use proptest::prelude::*;

use crate::{
    log::{Log, leaf, leaves},
    rfc::Rfc,
};

/// Sizes of which every pair is tried.
const ALL_PAIRS: u64 = 200;
/// Sizes of which every mutation is tried.
const MUTATED: u64 = 32;
const LARGEST: u64 = 5_000;

/// A proof reads each tile once, and no more than two a level.
fn check_read(log: &Log) {
    let read = log.take_read();
    assert_eq!(read.iter().collect::<BTreeSet<_>>().len(), read.len(), "{read:?}");
    for level in 0..8 {
        assert!(read.iter().filter(|tile| tile.0 == level).count() <= 2, "{read:?}");
    }
}

fn check_inclusion(log: &Log, rfc: &Rfc, index: u64, size: u64) {
    let proof = inclusion_proof(size, index, log).unwrap();
    assert_eq!(proof, rfc.path(index, size), "leaf {index} of {size}");
    check_read(log);
    let verified = verify_inclusion(index, size, &leaf(index), &rfc.root(size), &proof);
    assert_eq!(verified, Ok(()), "leaf {index} of {size}");
}

fn check_consistency(log: &Log, rfc: &Rfc, old: u64, new: u64) {
    let proof = consistency_proof(old, new, log).unwrap();
    assert_eq!(proof, rfc.proof(old, new), "{old} to {new}");
    check_read(log);
    let verified = verify_consistency(old, &rfc.root(old), new, &rfc.root(new), &proof);
    assert_eq!(verified, Ok(()), "{old} to {new}");
}

#[test]
fn every_proof_of_small_trees_is_that_of_the_rfc() {
    let (log, rfc) = (Log::of(ALL_PAIRS), Rfc::new(leaves(ALL_PAIRS)));
    for size in 0..=ALL_PAIRS {
        (0..size).for_each(|index| check_inclusion(&log, &rfc, index, size));
        (0..=size).for_each(|old| check_consistency(&log, &rfc, old, size));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1))]

    #[test]
    fn proofs_of_larger_trees_are_those_of_the_rfc(
        pairs in prop::collection::vec((1..=LARGEST, any::<prop::sample::Index>()), 10_000),
    ) {
        let (log, rfc) = (Log::of(LARGEST), Rfc::new(leaves(LARGEST)));
        for (size, other) in pairs {
            check_inclusion(&log, &rfc, other.index(size as usize) as u64, size);
            check_consistency(&log, &rfc, other.index(size as usize + 1) as u64, size);
        }
    }
}

#[test]
fn proofs_over_tiles_of_level_2_are_those_of_the_rfc() {
    let (log, rfc) = (Log::of(66_000), Rfc::new(leaves(66_000)));
    for size in [65_535_u64, 65_536, 65_537, 65_792, 65_793, 66_000] {
        for other in [0, 1, 255, 256, 257, 32_767, 32_768, 65_279, 65_280, 65_534, size - 1] {
            check_inclusion(&log, &rfc, other, size);
            check_consistency(&log, &rfc, other + 1, size);
        }
    }
}

#[test]
fn what_is_outside_of_the_tree_has_no_proof() {
    let log = Log::of(5);
    let index = |index, size| Err(ProofError::Index { index, size });
    assert_eq!(inclusion_proof(5, 5, &log), index(5, 5));
    assert_eq!(inclusion_proof(0, 0, &log), index(0, 0));
    assert_eq!(inclusion_proof(5, u64::MAX, &log), index(u64::MAX, 5));
    assert_eq!(consistency_proof(5, 4, &log), Err(ProofError::Order { old: 5, new: 4 }));
    let hash = leaf(0);
    assert_eq!(verify_inclusion(5, 5, &hash, &hash, &[]), Err(VerifyError::Index { index: 5, size: 5 }));
    assert_eq!(verify_inclusion(0, 0, &hash, &EMPTY_ROOT, &[]), Err(VerifyError::Index { index: 0, size: 0 }));
    assert_eq!(verify_consistency(5, &hash, 4, &hash, &[]), Err(VerifyError::Order { old: 5, new: 4 }));
}

#[test]
fn the_largest_sizes_end_in_an_answer() {
    let (hash, many) = (leaf(0), vec![leaf(1); 70]);
    for (at, size) in [(0, u64::MAX), (u64::MAX - 1, u64::MAX), (1 << 63, u64::MAX), ((1 << 63) - 1, 1 << 63)] {
        for count in 0..=70 {
            assert!(verify_inclusion(at, size, &hash, &hash, &many[..count]).is_err(), "{at} of {size}");
            assert!(verify_consistency(at + 1, &hash, size, &leaf(2), &many[..count]).is_err(), "{at} to {size}");
        }
    }
    let too_long = VerifyError::Length { got: 65 };
    assert_eq!(verify_inclusion(0, u64::MAX, &hash, &hash, &many[..65]), Err(too_long));
    assert_eq!(verify_inclusion(0, u64::MAX, &hash, &hash, &many[..64]), Err(VerifyError::Root));
}

/// The proof with a hash changed in one bit, for each bit; with one taken out, put in or doubled, at each place; reversed;
/// and with two hashes exchanged.
fn mutations(proof: &[Hash]) -> Vec<Vec<Hash>> {
    let mut all = vec![];
    for at in 0..proof.len() {
        all.extend((0..256).map(|bit| with_bit_flipped(proof, at, bit)));
        all.push([&proof[..at], &proof[at + 1..]].concat());
        all.push([&proof[..=at], &proof[at..]].concat());
        for other in at + 1..proof.len() {
            let mut exchanged = proof.to_vec();
            exchanged.swap(at, other);
            all.push(exchanged);
        }
    }
    all.extend((0..=proof.len()).map(|at| [&proof[..at], &[leaf_hash(b"more")], &proof[at..]].concat()));
    all.extend((0..proof.len()).map(|length| proof[..length].to_vec()));
    // Two of the hashes may be the same, so that exchanging them changes nothing.
    all.retain(|mutated| mutated != proof);
    all
}

fn with_bit_flipped(proof: &[Hash], at: usize, bit: usize) -> Vec<Hash> {
    let mut mutated = proof.to_vec();
    mutated[at] = flipped(&proof[at], bit);
    mutated
}

fn flipped(hash: &Hash, bit: usize) -> Hash {
    let mut bytes = *hash.as_bytes();
    bytes[bit / 8] ^= 1 << (bit % 8);
    bytes.into()
}

#[test]
fn every_changed_inclusion_proof_is_refused() {
    let rfc = Rfc::new(leaves(MUTATED));
    for size in 1..=MUTATED {
        (0..size).for_each(|index| check_changed_inclusion(&rfc, index, size));
    }
}

fn check_changed_inclusion(rfc: &Rfc, index: u64, size: u64) {
    let (root, right) = (rfc.root(size), rfc.path(index, size));
    let refused = |index, leaf: &Hash, root: &Hash, proof: &[Hash]| {
        assert!(verify_inclusion(index, size, leaf, root, proof).is_err(), "{index} of {size}: {proof:?}");
    };
    for wrong in mutations(&right) {
        refused(index, &leaf(index), &root, &wrong);
    }
    refused(index, &leaf(index + 1), &root, &right);
    refused(index, &leaf(index), &flipped(&root, 7), &right);
    (0..size).filter(|other| *other != index).for_each(|other| refused(other, &leaf(index), &root, &right));
}

#[test]
fn every_changed_consistency_proof_is_refused() {
    let rfc = Rfc::new(leaves(MUTATED));
    for new in 1..=MUTATED {
        (0..=new).for_each(|old| check_changed_consistency(&rfc, old, new));
    }
}

fn check_changed_consistency(rfc: &Rfc, old: u64, new: u64) {
    let (old_root, new_root, right) = (rfc.root(old), rfc.root(new), rfc.proof(old, new));
    let taken = |old_root: &Hash, new_root: &Hash, proof: &[Hash]| {
        verify_consistency(old, old_root, new, new_root, proof).is_ok()
    };
    for wrong in mutations(&right) {
        assert!(!taken(&old_root, &new_root, &wrong), "{old} to {new}: {wrong:?}");
    }
    assert!(!taken(&flipped(&old_root, 9), &new_root, &right), "{old} to {new}");
    // Whatever the root is, an empty log is its beginning.
    assert_eq!(taken(&old_root, &flipped(&new_root, 9), &right), old == 0, "{old} to {new}");
}

#[test]
fn what_is_wrong_is_said() {
    let rfc = Rfc::new(leaves(7));
    let (root, right) = (rfc.root(7), rfc.path(3, 7));
    let inclusion = |proof: &[Hash]| verify_inclusion(3, 7, &leaf(3), &root, proof);
    assert_eq!(inclusion(&right[1..]), Err(VerifyError::Length { got: 2 }));
    assert_eq!(inclusion(&[&right[..], &right[..1]].concat()), Err(VerifyError::Length { got: 4 }));
    assert_eq!(inclusion(&with_bit_flipped(&right, 1, 0)), Err(VerifyError::Root));
    let (old_root, right) = (rfc.root(3), rfc.proof(3, 7));
    let consistency = |old_root, proof: &[Hash]| verify_consistency(3, old_root, 7, &root, proof);
    assert_eq!(consistency(&old_root, &[]), Err(VerifyError::Length { got: 0 }));
    assert_eq!(consistency(&old_root, &right[..3]), Err(VerifyError::Length { got: 3 }));
    assert_eq!(consistency(&root, &right), Err(VerifyError::OldRoot));
    assert_eq!(consistency(&old_root, &with_bit_flipped(&right, 3, 0)), Err(VerifyError::Root));
    assert_eq!(verify_consistency(0, &root, 7, &root, &[]), Err(VerifyError::OldRoot));
    assert_eq!(verify_consistency(0, &EMPTY_ROOT, 7, &root, &right), Err(VerifyError::Length { got: right.len() }));
    assert_eq!(verify_consistency(7, &root, 7, &old_root, &[]), Err(VerifyError::Root));
    assert_eq!(verify_consistency(7, &root, 7, &root, &right), Err(VerifyError::Length { got: right.len() }));
}
