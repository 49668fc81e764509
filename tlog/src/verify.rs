//! Checking proofs: RFC 9162, sections 2.1.3.2 and 2.1.4.2.

use crate::{
    Hash,
    hash::{EMPTY_ROOT, node_hash},
};

/// Why a proof does not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VerifyError {
    /// There is no such leaf.
    #[error("leaf {index} is not in a tree of {size} leaves")]
    Index {
        /// The leaf.
        index: u64,
        /// The tree's size.
        size: u64,
    },
    /// The old tree is the larger one.
    #[error("a tree of {old} leaves is no beginning of one of {new}")]
    Order {
        /// The old tree's size.
        old: u64,
        /// The new tree's size.
        new: u64,
    },
    /// The proof has too few hashes or too many.
    #[error("the proof has {got} hashes, which is too few or too many for trees of these sizes")]
    Length {
        /// The hashes it has.
        got: usize,
    },
    /// The hashes lead to another root than the tree's.
    #[error("the proof leads to another root: the entry, the proof or the checkpoint is not of this log")]
    Root,
    /// The hashes lead to another root than the old tree's.
    #[error("the proof leads to another root of the old tree: the log has another history")]
    OldRoot,
}

/// A position on each level from the leaves up, with the last position of that level.
struct Climb {
    at: u64,
    last: u64,
}

impl Climb {
    fn is_right_child(&self) -> bool {
        self.at & 1 == 1
    }

    fn up(&mut self) {
        self.at >>= 1;
        self.last >>= 1;
    }

    /// Whether the next hash of the proof stands left; when the right edge has no sibling there, goes up to where it has.
    fn sibling_is_left(&mut self) -> bool {
        if !self.is_right_child() && self.at != self.last {
            return false;
        }
        while !self.is_right_child() && self.at != 0 {
            self.up();
        }
        true
    }
}

/// Checks that a leaf is in the tree of `size` leaves with this root. `proof` begins with the leaf's sibling.
///
/// # Errors
/// A [`VerifyError`] that says what does not hold.
pub fn verify_inclusion(index: u64, size: u64, leaf: &Hash, root: &Hash, proof: &[Hash]) -> Result<(), VerifyError> {
    if index >= size {
        return Err(VerifyError::Index { index, size });
    }
    let wrong_length = VerifyError::Length { got: proof.len() };
    let mut climb = Climb { at: index, last: size - 1 };
    let mut hash = *leaf;
    for sibling in proof {
        if climb.last == 0 {
            return Err(wrong_length);
        }
        hash = if climb.sibling_is_left() { node_hash(sibling, &hash) } else { node_hash(&hash, sibling) };
        climb.up();
    }
    if climb.last != 0 {
        return Err(wrong_length);
    }
    if hash == *root { Ok(()) } else { Err(VerifyError::Root) }
}

/// Checks that the tree of `new` leaves with one root begins with that of `old` leaves with another. Every tree begins with
/// the empty one; then, and when the sizes are the same, the proof is empty.
///
/// # Errors
/// A [`VerifyError`] that says what does not hold.
pub fn verify_consistency(
    old: u64,
    old_root: &Hash,
    new: u64,
    new_root: &Hash,
    proof: &[Hash],
) -> Result<(), VerifyError> {
    if old > new {
        return Err(VerifyError::Order { old, new });
    }
    if old == 0 && *old_root != EMPTY_ROOT {
        return Err(VerifyError::OldRoot);
    }
    if old == 0 || old == new {
        return without_proof(old == new, old_root, new_root, proof);
    }
    let (was, is) = climb_both(old, old_root, new, proof)?;
    if was != *old_root {
        return Err(VerifyError::OldRoot);
    }
    if is == *new_root { Ok(()) } else { Err(VerifyError::Root) }
}

fn without_proof(same: bool, old_root: &Hash, new_root: &Hash, proof: &[Hash]) -> Result<(), VerifyError> {
    if !proof.is_empty() {
        return Err(VerifyError::Length { got: proof.len() });
    }
    if same && old_root != new_root { Err(VerifyError::Root) } else { Ok(()) }
}

/// The roots of the old and the new tree that a proof leads to. 0 < old < new.
fn climb_both(old: u64, old_root: &Hash, new: u64, proof: &[Hash]) -> Result<(Hash, Hash), VerifyError> {
    let wrong_length = VerifyError::Length { got: proof.len() };
    // A full old tree is a node of the new one, and the proof leaves it out.
    let (start, rest) = match (old.is_power_of_two(), proof) {
        (_, []) => return Err(wrong_length),
        (true, proof) => (old_root, proof),
        (false, [first, rest @ ..]) => (first, rest),
    };
    let mut climb = Climb { at: old - 1, last: new - 1 };
    while climb.is_right_child() {
        climb.up();
    }
    let (mut was, mut is) = (*start, *start);
    for hash in rest {
        if climb.last == 0 {
            return Err(wrong_length);
        }
        if climb.sibling_is_left() {
            (was, is) = (node_hash(hash, &was), node_hash(hash, &is));
        } else {
            is = node_hash(&is, hash);
        }
        climb.up();
    }
    if climb.last == 0 { Ok((was, is)) } else { Err(wrong_length) }
}
