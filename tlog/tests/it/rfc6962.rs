//! The roots and proofs that the implementations of Certificate Transparency test each other with.
//!
//! Inputs, roots and proofs: `MerkleTreeTest` of google/certificate-transparency, also in `testonly` of
//! transparency-dev/merkle.

use forethought_tlog::{
    EMPTY_ROOT, Hash, consistency_proof, inclusion_proof, leaf_hash, root_at, verify_consistency, verify_inclusion,
};

use crate::log::Log;

const INPUTS: [&str; 8] =
    ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"];

const ROOTS: [&str; 8] = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
];

fn log(size: usize) -> Log {
    let mut log = Log::default();
    INPUTS.iter().take(size).for_each(|input| log.push(leaf_hash(&hex::decode(input).unwrap())));
    log
}

fn hash(text: &str) -> Hash {
    <[u8; 32]>::try_from(hex::decode(text).unwrap()).unwrap().into()
}

fn hashes(texts: &[&str]) -> Vec<Hash> {
    texts.iter().map(|text| hash(text)).collect()
}

#[test]
fn the_roots_are_known() {
    assert_eq!(log(0).tree.root(), EMPTY_ROOT);
    for (size, root) in (1..).zip(ROOTS) {
        assert_eq!(log(size).tree.root().hex(), root, "{size}");
        assert_eq!(root_at(size as u64, &log(8)), Ok(hash(root)), "{size}");
    }
}

fn check_inclusion(index: u64, size: u64, expected: &[&str]) {
    let proof = inclusion_proof(size, index, &log(8)).unwrap();
    assert_eq!(proof, hashes(expected), "leaf {index} of {size}");
    let leaf = leaf_hash(&hex::decode(INPUTS[index as usize]).unwrap());
    let root = hash(ROOTS[size as usize - 1]);
    assert_eq!(verify_inclusion(index, size, &leaf, &root, &proof), Ok(()), "leaf {index} of {size}");
}

#[test]
fn the_inclusion_proofs_are_known() {
    check_inclusion(0, 1, &[]);
    check_inclusion(
        0,
        8,
        &[
            "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
        ],
    );
    check_inclusion(
        5,
        8,
        &[
            "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
            "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        ],
    );
    check_inclusion(2, 3, &["fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"]);
    check_inclusion(
        1,
        5,
        &[
            "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        ],
    );
}

fn check_consistency(old: u64, new: u64, expected: &[&str]) {
    let proof = consistency_proof(old, new, &log(8)).unwrap();
    assert_eq!(proof, hashes(expected), "{old} to {new}");
    let root = |size: u64| size.checked_sub(1).map_or(EMPTY_ROOT, |at| hash(ROOTS[at as usize]));
    assert_eq!(verify_consistency(old, &root(old), new, &root(new), &proof), Ok(()), "{old} to {new}");
}

#[test]
fn the_consistency_proofs_are_known() {
    check_consistency(0, 0, &[]);
    check_consistency(0, 8, &[]);
    check_consistency(1, 1, &[]);
    check_consistency(
        1,
        8,
        &[
            "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
        ],
    );
    check_consistency(
        6,
        8,
        &[
            "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
            "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        ],
    );
    check_consistency(
        2,
        5,
        &[
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        ],
    );
}
