//! What the log shows of itself to those who check it: its tree, tiles, bundles of entries, and proofs.

use forethought_store::StoreError;
use forethought_tlog::{
    Hash, TilePath, TileSource, inclusion_proof,
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
        let records = match find(self, IdKind::Record, id)? {
            Some(record) => vec![record],
            None => show_records(self, id)?,
        };
        records.iter().map(|found| self.proof(found)).collect()
    }

    /// The inclusion proof of a leaf in the whole log.
    ///
    /// # Errors
    /// [`AuditError::Store`] when the log is not so long, or a tile cannot be read.
    pub fn prove_leaf(&self, leaf: u64) -> Result<Vec<Hash>, AuditError> {
        inclusion_proof(self.tree_size(), leaf, &self.leaves).map_err(|error| {
            let source = std::io::Error::other(error.to_string());
            StoreError::io("prove a record in", "log/", source).into()
        })
    }

    fn proof(&self, found: &Found) -> Result<Proof, AuditError> {
        let (size, path) = (self.tree_size(), self.prove_leaf(found.leaf)?);
        Ok(Proof { leaf: found.leaf, entry: found.leaf_bytes(), size, root: self.tree_root(), path })
    }
}

/// Whether a tile of so many hashes is there among all hashes of its level.
fn is_there(hashes: u64, index: u64, width: u16) -> bool {
    let end = index.checked_mul(WIDTH).and_then(|from| from.checked_add(u64::from(width)));
    end.is_some_and(|end| end <= hashes)
}

fn unreadable(path: &TilePath, source: std::io::Error) -> AuditError {
    StoreError::io("read", path.to_string(), source).into()
}
