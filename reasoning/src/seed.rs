//! Seeds of samples, derived from the deliberation's seed and nothing else.

use sha2::{Digest, Sha256};

/// Keeps these hashes apart from every other use of SHA-256; a change of the derivation changes the number.
const DOMAIN: &[u8] = b"forethought sample seed 1";

/// The seed of one sample: the first 8 bytes, little-endian, of SHA-256 over a domain, the deliberation's seed and the
/// sample's index. The same pair gives the same seed for ever; no state is shared between requests.
#[must_use]
pub fn sample_seed(deliberation: u64, index: u32) -> u64 {
    let hash = Sha256::new().chain_update(DOMAIN).chain_update(deliberation.to_le_bytes());
    let hash = hash.chain_update(index.to_le_bytes()).finalize();
    hash.iter().take(8).rev().fold(0, |seed, byte| (seed << 8) | u64::from(*byte))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_derivation_is_fixed_for_ever() {
        let check = |seed, index, expect: u64| assert_eq!(sample_seed(seed, index), expect, "{seed} {index}");
        check(0, 0, 3_401_931_191_247_889_259);
        check(0, 1, 2_660_785_252_557_671_429);
        check(u64::MAX, 7, 3_893_622_868_837_993_424);
    }

    #[test]
    fn neighbours_do_not_share_a_seed() {
        let seeds: BTreeSet<u64> = (0..50).flat_map(|s| (0..50).map(move |i| sample_seed(s, i))).collect();
        assert_eq!(seeds.len(), 2500);
    }
}
