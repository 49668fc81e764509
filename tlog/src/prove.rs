//! Making proofs out of tiles: RFC 6962, sections 2.1.1 and 2.1.2.
//!
//! A proof reads at most two tiles a level, each once: that of the leaf or of the old edge, and that of the new edge.
//! Tiles are not checked here. Who does not trust their source verifies the proof.

use crate::{
    Hash, TileReadError, TileSource,
    reader::{Reader, split},
};

/// Why there is no proof.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProofError<E> {
    /// There is no such leaf.
    #[error("leaf {index} is not in a tree of {size} leaves: ask for a lower index or a later tree")]
    Index {
        /// The leaf.
        index: u64,
        /// The tree's size.
        size: u64,
    },
    /// The old tree is the larger one.
    #[error("a tree of {old} leaves is no beginning of one of {new}: ask for a later tree")]
    Order {
        /// The old tree's size.
        old: u64,
        /// The new tree's size.
        new: u64,
    },
    /// A tile is missing.
    #[error(transparent)]
    Tile(#[from] TileReadError<E>),
}

/// The root of the tree of the first `size` leaves.
///
/// # Errors
/// When a tile cannot be read.
pub fn root_at<S: TileSource>(size: u64, source: &S) -> Result<Hash, TileReadError<S::Error>> {
    Reader::new(size, source).range(0, size)
}

/// The proof that a leaf is in the tree of the first `size` leaves: `PATH(m, D[n])` of RFC 6962, section 2.1.1, from the
/// leaf's sibling up.
///
/// # Errors
/// [`ProofError::Index`] when the tree has no such leaf, [`ProofError::Tile`] when a tile cannot be read.
pub fn inclusion_proof<S: TileSource>(size: u64, index: u64, source: &S) -> Result<Vec<Hash>, ProofError<S::Error>> {
    if index >= size {
        return Err(ProofError::Index { index, size });
    }
    let mut reader = Reader::new(size, source);
    let mut proof = vec![];
    let (mut begin, mut end) = (0, size);
    while end - begin > 1 {
        let middle = begin + split(end - begin);
        if index < middle {
            proof.push(reader.range(middle, end)?);
            end = middle;
        } else {
            proof.push(reader.range(begin, middle)?);
            begin = middle;
        }
    }
    proof.reverse();
    Ok(proof)
}

/// The proof that the tree of `new` leaves begins with that of `old` leaves: `PROOF(m, D[n])` of RFC 6962, section 2.1.2.
/// It is empty when the trees are the same, and when the old one is empty, which every tree begins with.
///
/// # Errors
/// [`ProofError::Order`] when the old tree is the larger one, [`ProofError::Tile`] when a tile cannot be read.
pub fn consistency_proof<S: TileSource>(old: u64, new: u64, source: &S) -> Result<Vec<Hash>, ProofError<S::Error>> {
    if old > new {
        return Err(ProofError::Order { old, new });
    }
    if old == 0 || old == new {
        return Ok(vec![]);
    }
    let mut reader = Reader::new(new, source);
    let mut proof = vec![];
    let (mut begin, mut end) = (0, new);
    while end != old {
        let middle = begin + split(end - begin);
        if old <= middle {
            proof.push(reader.range(middle, end)?);
            end = middle;
        } else {
            proof.push(reader.range(begin, middle)?);
            begin = middle;
        }
    }
    // A subtree that begins with the log is the old tree itself, whose root the verifier has.
    if begin != 0 {
        proof.push(reader.range(begin, end)?);
    }
    proof.reverse();
    Ok(proof)
}
