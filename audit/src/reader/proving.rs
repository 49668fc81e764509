//! Receipts of records, made beside a server that writes the log, or without one.

use std::cell::Cell;

use forethought_store::JournalSnapshot;
use forethought_tlog::{
    Hash, Receipt, SignedCheckpoint, TILE_WIDTH, TileSource, inclusion_proof, leaf_hash, node_hash, verify_inclusion,
};

use super::AuditReader;
use crate::{
    AuditError,
    index::IdKind,
    leaves::Files,
    query::{Found, find, records_from, show_records},
};

const WIDTH: u64 = TILE_WIDTH as u64;

/// Why there is no receipt.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProveError {
    /// The log cannot be read, or does not have what was signed.
    #[error(transparent)]
    Audit(#[from] AuditError),
    /// There is no such record.
    #[error("there is no request or record `{0}` in the log: look for it with a list")]
    Unknown(String),
    /// Nothing was ever signed.
    #[error("the log has no signed checkpoint that can be read: run the server, which signs one, then ask again")]
    NoCheckpoint,
    /// The record came after the last checkpoint.
    #[error(
        "record {record_id} (leaf {leaf}) is newer than the last signed checkpoint, which has {size} records: a running server signs \
         another when it is asked for one, and in its usual time; ask again then"
    )]
    NotSigned {
        /// The record.
        record_id: String,
        /// Its leaf.
        leaf: u64,
        /// Leaves of the checkpoint.
        size: u64,
    },
}

impl AuditReader {
    /// The last checkpoint that was signed before this log was read; none where nothing was ever signed. **Nobody has looked at its
    /// signature.**
    #[must_use]
    pub fn checkpoint(&self) -> Option<&SignedCheckpoint> {
        self.checkpoint.as_ref()
    }

    /// Receipts of the record with this id, or of all records of the request with this id, in their order: that they are in the log as
    /// the last signed checkpoint has it, as c2sp.org/tlog-proof has them, each with what is hashed as its leaf.
    ///
    /// The tiles in the data directory are used where they fit: every proof is held against the checkpoint's root, and made anew of the
    /// journal where it does not lead there. Whether the checkpoint's signature is the log's is left to who checks the receipt.
    ///
    /// # Errors
    /// [`ProveError`]. Where one record of a request is newer than the checkpoint, there is none of the others either: ask for
    /// them by their own ids.
    pub fn prove(&self, id: &str) -> Result<Vec<(Receipt, Vec<u8>)>, ProveError> {
        let found = match find(self, IdKind::Record, id)? {
            Some(record) => vec![record],
            None => show_records(self, id)?,
        };
        if found.is_empty() {
            return Err(ProveError::Unknown(id.to_owned()));
        }
        let signed = self.checkpoint.as_ref().ok_or(ProveError::NoCheckpoint)?;
        found.iter().map(|found| self.receipt(found, signed)).collect()
    }

    fn receipt(&self, found: &Found, signed: &SignedCheckpoint) -> Result<(Receipt, Vec<u8>), ProveError> {
        let (size, leaf) = (signed.checkpoint().size(), found.leaf);
        if leaf >= size {
            let record_id = found.record.record_id.to_string();
            return Err(ProveError::NotSigned { record_id, leaf, size });
        }
        let entry = found.leaf_bytes();
        let hash = leaf_hash(&entry);
        let proof = self.proof(leaf, &hash, signed)?;
        let receipt = Receipt::new(Vec::new(), leaf, proof, signed.clone());
        Ok((receipt.map_err(|error| AuditError::Signing(error.to_string()))?, entry))
    }

    /// The proof that leads to what was signed: with the tiles' files or, where these are wrong, without them.
    fn proof(&self, leaf: u64, hash: &Hash, signed: &SignedCheckpoint) -> Result<Vec<Hash>, AuditError> {
        let checkpoint = signed.checkpoint();
        let leads =
            |proof: &Vec<Hash>| verify_inclusion(leaf, checkpoint.size(), hash, checkpoint.root(), proof).is_ok();
        for use_files in [true, false] {
            let tiles = Tiles { reader: self, use_files, failed: Cell::new(None) };
            match inclusion_proof(checkpoint.size(), leaf, &tiles) {
                Ok(proof) if leads(&proof) => return Ok(proof),
                Ok(_) => {}
                Err(_) => tiles.failed.take().map_or(Ok(()), Err)?,
            }
        }
        let (origin, claimed, size) = (checkpoint.origin().to_owned(), checkpoint.size(), self.seqs.len() as u64);
        Err(AuditError::Contradicted { origin, claimed, size })
    }

    fn journal(&self) -> &JournalSnapshot {
        &self.journal
    }
}

/// The tiles of the log: out of their files, and made of the journal where these do not reach.
struct Tiles<'r> {
    reader: &'r AuditReader,
    use_files: bool,
    /// Why the journal could not be read.
    failed: Cell<Option<AuditError>>,
}

/// A tile cannot be made.
#[derive(Debug, thiserror::Error)]
#[error("the log is not so long, or cannot be read")]
struct NoTile;

impl TileSource for Tiles<'_> {
    type Error = NoTile;

    fn tile(&self, level: u8, index: u64, width: u16) -> Result<Vec<Hash>, NoTile> {
        if self.use_files
            && let Ok(hashes) = Files(self.reader.journal().disk().as_ref()).tile(level, index, width)
            && hashes.len() == usize::from(width)
        {
            return Ok(hashes);
        }
        match level.checked_sub(1) {
            None => self.leaves(index * WIDTH, width),
            Some(below) => (index * WIDTH..).take(width.into()).map(|tile| self.node(below, tile)).collect(),
        }
    }
}

impl Tiles<'_> {
    /// The root of a full tile.
    fn node(&self, level: u8, index: u64) -> Result<Hash, NoTile> {
        let mut hashes = self.tile(level, index, TILE_WIDTH)?;
        while hashes.len() > 1 {
            hashes = hashes.as_chunks().0.iter().map(|[left, right]| node_hash(left, right)).collect();
        }
        hashes.pop().ok_or(NoTile)
    }

    fn leaves(&self, first: u64, width: u16) -> Result<Vec<Hash>, NoTile> {
        let seq = usize::try_from(first).ok().and_then(|first| self.reader.seqs.get(first));
        let records = records_from(self.reader, *seq.ok_or(NoTile)?, first).take(width.into());
        let hashes: Result<Vec<Hash>, AuditError> =
            records.map(|found| found.map(|found| leaf_hash(&found.leaf_bytes()))).collect();
        match hashes {
            Ok(hashes) if hashes.len() == usize::from(width) => Ok(hashes),
            Ok(_) => Err(NoTile),
            Err(error) => {
                self.failed.set(Some(error));
                Err(NoTile)
            }
        }
    }
}
