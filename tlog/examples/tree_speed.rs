//! How long a leaf, a root and a proof take: `cargo run --release -p forethought-tlog --example tree_speed`.

use std::{collections::BTreeMap, convert::Infallible, time::Instant};

use forethought_tlog::{
    FullTile, Hash, TileSource, Tree, consistency_proof, inclusion_proof, leaf_hash, verify_inclusion,
};

const LEAVES: u64 = 1_000_000;
const PROOFS: u64 = 1_000;

#[derive(Default)]
struct Log {
    tree: Tree,
    tiles: BTreeMap<(u8, u64), Vec<Hash>>,
}

impl TileSource for Log {
    type Error = Infallible;

    fn tile(&self, level: u8, index: u64, width: u16) -> Result<Vec<Hash>, Infallible> {
        let hashes = self.tiles.get(&(level, index)).map_or_else(|| self.tree.partial(level), Vec::as_slice);
        Ok(hashes.iter().take(width.into()).copied().collect())
    }
}

impl Log {
    fn push(&mut self, leaf: Hash) {
        self.tree.push(leaf, &mut |FullTile { level, index, hashes }| {
            self.tiles.insert((level, index), hashes);
        });
    }
}

/// The mean time of one of `count` calls, in nanoseconds.
#[expect(clippy::cast_precision_loss, reason = "a mean needs no more digits")]
fn nanoseconds(count: u64, mut call: impl FnMut(u64)) -> f64 {
    let start = Instant::now();
    (0..count).for_each(&mut call);
    start.elapsed().as_nanos() as f64 / count as f64
}

/// Leaves all over the tree, the same in every run.
fn spread(call: u64) -> u64 {
    call.wrapping_mul(0x9E37_79B9_7F4A_7C15) % LEAVES
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let leaves: Vec<Hash> = (0..LEAVES).map(|index| leaf_hash(&index.to_be_bytes())).collect();
    let mut log = Log::default();
    let mut rest = leaves.iter();
    let push = nanoseconds(LEAVES, |_| rest.by_ref().take(1).for_each(|leaf| log.push(*leaf)));
    let root = log.tree.root();
    let roots = nanoseconds(PROOFS, |_| assert_eq!(log.tree.root(), root));
    let inclusion = nanoseconds(PROOFS, |call| assert!(inclusion_proof(LEAVES, spread(call), &log).is_ok()));
    let consistency = nanoseconds(PROOFS, |call| assert!(consistency_proof(spread(call), LEAVES, &log).is_ok()));
    let proof = inclusion_proof(LEAVES, 0, &log)?;
    let leaf = leaf_hash(&0_u64.to_be_bytes());
    let verify = nanoseconds(PROOFS, |_| assert!(verify_inclusion(0, LEAVES, &leaf, &root, &proof).is_ok()));
    println!("a tree of {LEAVES} leaves in memory:");
    println!("  {push:.0} ns to push a leaf, {:.1} µs a root", roots / 1e3);
    println!("  {:.1} µs to make an inclusion proof, {:.1} µs a consistency proof", inclusion / 1e3, consistency / 1e3);
    println!("  {:.1} µs to verify an inclusion proof of {} hashes", verify / 1e3, proof.len());
    Ok(())
}
