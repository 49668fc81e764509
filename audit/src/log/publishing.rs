//! What the log shows of itself to those who check it: its tree, tiles, bundles of entries, and proofs.

use forethought_store::StoreError;
use forethought_tlog::{
    Hash, TilePath, TileSource, consistency_proof, inclusion_proof,
    tile::{encode_bundle, encode_tile},
};

use super::AuditLog;
use crate::{
    AuditError,
    index::{IdKind, WIDTH},
    query::{Found, find, records_from, show_records},
};

/// That one record is in the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proof {
    /// The record's leaf, from 0.
    pub leaf: u64,
    /// What is hashed as the leaf: the record's canonical bytes, or what stands for them where they are too long.
    pub entry: Vec<u8>,
    /// The leaves of the tree that it is proved in.
    pub size: u64,
    /// The root of that tree.
    pub root: Hash,
    /// The inclusion proof, RFC 6962, section 2.1.1.
    pub path: Vec<Hash>,
}

impl AuditLog {
    /// The leaves of the Merkle tree: one for each record.
    #[must_use]
    pub fn tree_size(&self) -> u64 {
        self.leaves.size()
    }

    /// The root of the Merkle tree.
    #[must_use]
    pub fn tree_root(&self) -> Hash {
        self.leaves.root()
    }

    /// The bytes of a tile or of a bundle of entries, as c2sp.org/tlog-tiles has them; `None` when the log is not so long.
    ///
    /// # Errors
    /// [`AuditError::Store`] and [`AuditError::Entry`].
    pub fn tile(&self, path: &TilePath) -> Result<Option<Vec<u8>>, AuditError> {
        match *path {
            TilePath::Tile { level, index, width } => {
                let hashes = self.tree_size().checked_shr(8 * u32::from(level)).unwrap_or(0);
                if !is_there(hashes, index, width) {
                    return Ok(None);
                }
                let hashes = self.leaves.tile(level, index, width).map_err(|source| unreadable(path, source))?;
                Ok(Some(encode_tile(&hashes)))
            }
            TilePath::Entries { index, width } if is_there(self.tree_size(), index, width) => {
                self.bundle(index, width).map(Some)
            }
            TilePath::Entries { .. } => Ok(None),
        }
    }

    fn bundle(&self, index: u64, width: u16) -> Result<Vec<u8>, AuditError> {
        let first = index * WIDTH;
        let Some(seq) = self.leaves.seq_of(first)? else { return Ok(Vec::new()) };
        let records = records_from(self, seq, first).take(usize::from(width));
        let leaves = records.map(|found| found.map(|found| found.leaf_bytes())).collect::<Result<Vec<_>, _>>()?;
        encode_bundle(&leaves).map_err(|error| AuditError::Entry { seq, what: error.to_string() })
    }

    /// The proofs of the record with this id, or of all records of the request with this id, in their order; none when there is none.
    ///
    /// # Errors
    /// [`AuditError::Store`] and [`AuditError::Entry`].
    pub fn prove(&self, id: &str) -> Result<Vec<Proof>, AuditError> {
        self.found(id)?.iter().map(|found| self.proof(found)).collect()
    }

    /// The record with this id, or all records of the request with this id.
    pub(super) fn found(&self, id: &str) -> Result<Vec<Found>, AuditError> {
        match find(self, IdKind::Record, id)? {
            Some(record) => Ok(vec![record]),
            None => show_records(self, id),
        }
    }

    /// The inclusion proof of a leaf in the whole log.
    ///
    /// # Errors
    /// [`AuditError::Store`] when the log is not so long, or a tile cannot be read.
    pub fn prove_leaf(&self, leaf: u64) -> Result<Vec<Hash>, AuditError> {
        self.prove_leaf_in(leaf, self.tree_size())
    }

    /// The inclusion proof of a leaf in the first so many leaves.
    pub(super) fn prove_leaf_in(&self, leaf: u64, size: u64) -> Result<Vec<Hash>, AuditError> {
        inclusion_proof(size, leaf, &self.leaves).map_err(|error| unproved(&error))
    }

    /// That the first `new` leaves begin with the first `old`: RFC 6962, section 2.1.2.
    ///
    /// # Errors
    /// [`AuditError::Store`] when the log is not so long, or a tile cannot be read.
    pub fn prove_consistency(&self, old: u64, new: u64) -> Result<Vec<Hash>, AuditError> {
        // Nothing is to be shown of an empty log, or of one that did not grow.
        if old == 0 || old == new {
            return Ok(Vec::new());
        }
        consistency_proof(old, new, &self.leaves).map_err(|error| unproved(&error))
    }

    fn proof(&self, found: &Found) -> Result<Proof, AuditError> {
        let (size, path) = (self.tree_size(), self.prove_leaf(found.leaf)?);
        Ok(Proof { leaf: found.leaf, entry: found.leaf_bytes(), size, root: self.tree_root(), path })
    }
}

fn unproved(error: &impl ToString) -> AuditError {
    StoreError::io("make a proof from", "log/", std::io::Error::other(error.to_string())).into()
}

/// Whether a tile of so many hashes is there among all hashes of its level.
fn is_there(hashes: u64, index: u64, width: u16) -> bool {
    let end = index.checked_mul(WIDTH).and_then(|from| from.checked_add(u64::from(width)));
    end.is_some_and(|end| end <= hashes)
}

fn unreadable(path: &TilePath, source: std::io::Error) -> AuditError {
    StoreError::io("read", path.to_string(), source).into()
}
