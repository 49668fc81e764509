//! The log at one instant: what exports and backups are made of, while the log goes on.

use std::{path::Path, sync::Arc};

use forethought_store::{Disk, Entry, Journal, JournalSnapshot};
use forethought_tlog::{Hash, SignedCheckpoint, Tree, VerifierKey, leaf_hash};

use crate::{
    AuditError, AuditLog, Record, Signer,
    index::{self, RECORD},
    log::last_checkpoint,
    reader::read_only,
};

/// The log as it stood at one instant, with a checkpoint that was signed then or before. It is a value of its own: it can be sent to
/// another thread and be read there while the log takes more.
///
/// It needs neither the index nor the files of the tree: everything is told by the journal, which is read from its beginning.
#[derive(Debug)]
pub struct LogSnapshot {
    journal: JournalSnapshot,
    checkpoint: Option<SignedCheckpoint>,
    keys: Vec<VerifierKey>,
    /// Leaves and root, where they are known without reading.
    tree: Option<(u64, Hash)>,
}

/// A record, with its leaf.
#[derive(Clone, Debug)]
pub(crate) struct Leaf {
    /// Its number, from 0.
    pub(crate) index: u64,
    pub(crate) record: Record,
    /// Its canonical bytes.
    pub(crate) bytes: Vec<u8>,
    /// Its entry in the journal.
    pub(crate) seq: u64,
}

impl Leaf {
    /// What is hashed as the leaf.
    pub(crate) fn entry(&self) -> std::borrow::Cow<'_, [u8]> {
        self.record.leaf(&self.bytes)
    }
}

impl AuditLog {
    /// The log as it stands now, with the last checkpoint that was signed. Reads only that: appends hardly wait.
    ///
    /// # Errors
    /// [`AuditError::Store`].
    pub fn snapshot(&self) -> Result<LogSnapshot, AuditError> {
        let (checkpoint, tree) = (last_checkpoint(self.leaves.disk())?, Some((self.tree_size(), self.tree_root())));
        Ok(LogSnapshot { journal: self.journal.freeze(), checkpoint, keys: Vec::new(), tree })
    }

    /// As [`AuditLog::snapshot`], with a checkpoint of the whole log, and the keys that it verifies with.
    ///
    /// # Errors
    /// As [`AuditLog::checkpoint`].
    pub fn signed_snapshot(&self, signer: &Signer) -> Result<LogSnapshot, AuditError> {
        let (checkpoint, tree) = (Some(self.checkpoint(signer)?), Some((self.tree_size(), self.tree_root())));
        let keys = signer.verifiers().cloned().collect();
        Ok(LogSnapshot { journal: self.journal.freeze(), checkpoint, keys, tree })
    }
}

impl LogSnapshot {
    /// The log in a data directory as it stands now, with the last checkpoint that was signed, and keys that this is believed to verify
    /// with. Nothing in the directory is changed, and a server may be writing it. Reads the whole journal once, and checks every byte.
    ///
    /// # Errors
    /// As [`crate::AuditReader::open`].
    pub fn open(dir: impl AsRef<Path>, keys: Vec<VerifierKey>) -> Result<Self, AuditError> {
        Self::open_on(read_only(dir.as_ref())?, keys)
    }

    /// As [`LogSnapshot::open`], on any disk.
    ///
    /// # Errors
    /// As [`LogSnapshot::open`].
    pub fn open_on(disk: Arc<dyn Disk>, keys: Vec<VerifierKey>) -> Result<Self, AuditError> {
        // The checkpoint first: the journal that is read after it has what it claims.
        let checkpoint = last_checkpoint(disk.as_ref())?;
        Ok(Self { journal: Journal::snapshot(disk)?, checkpoint, keys, tree: None })
    }

    /// The checkpoint that goes with it; none where nothing was ever signed.
    #[must_use]
    pub fn checkpoint(&self) -> Option<&SignedCheckpoint> {
        self.checkpoint.as_ref()
    }

    /// The keys that the checkpoint verifies with, as far as they are known.
    #[must_use]
    pub fn keys(&self) -> &[VerifierKey] {
        &self.keys
    }

    /// The number of the last journal entry; 0 when there is none.
    #[must_use]
    pub fn last_seq(&self) -> u64 {
        self.journal.last_seq()
    }

    /// The leaves of the tree over all records, and its root. Reads the whole journal where they are not known.
    ///
    /// # Errors
    /// [`AuditError::Store`] and [`AuditError::Entry`].
    pub fn tree(&self) -> Result<(u64, Hash), AuditError> {
        if let Some(known) = self.tree {
            return Ok(known);
        }
        let mut tree = Tree::new();
        for leaf in self.leaves() {
            tree.push(leaf_hash(&leaf?.entry()), &mut |_| {});
        }
        Ok((tree.size(), tree.root()))
    }

    pub(crate) fn journal(&self) -> &JournalSnapshot {
        &self.journal
    }

    /// All records in their order, read as they are asked for.
    pub(crate) fn leaves(&self) -> impl Iterator<Item = Result<Leaf, AuditError>> {
        let is_record = |entry: &Result<Entry, _>| entry.as_ref().map_or(true, |entry: &Entry| entry.kind == RECORD);
        self.journal.scan(1).filter(is_record).zip(0..).map(|(entry, index)| {
            let entry = entry?;
            Ok(Leaf { index, record: index::record_of(&entry)?, seq: entry.seq, bytes: entry.payload })
        })
    }
}
