//! What the log has signed: never something that an earlier checkpoint contradicts.

use std::{
    io,
    sync::{Mutex, MutexGuard, PoisonError},
};

use forethought_store::{Disk, StoreError};
use forethought_tlog::{Receipt, SignedCheckpoint, root_at};

use super::AuditLog;
use crate::{AuditError, Signer, leaves::Leaves, query::Found};

pub(crate) const FILE: &str = "log/checkpoint";
const NEW: &str = "log/checkpoint.new";
const MAX_FILE: usize = 1 << 20;

/// The last checkpoint that was signed, in a file.
#[derive(Debug)]
pub(crate) struct Checkpoints {
    last: Mutex<Option<SignedCheckpoint>>,
    /// The last one that witnesses have cosigned.
    cosigned: Mutex<Option<SignedCheckpoint>>,
    /// The last one of an earlier process, if the log does not have what it claims.
    contradicted: Option<SignedCheckpoint>,
}

impl Checkpoints {
    /// Reads the last one and holds it against the tree.
    pub(crate) fn load(disk: &dyn Disk, leaves: &Leaves) -> Result<Self, StoreError> {
        let last = last_checkpoint(disk)?;
        let holds = last.as_ref().is_none_or(|last| {
            let checkpoint = last.checkpoint();
            checkpoint.size() <= leaves.size()
                && root_at(checkpoint.size(), leaves).is_ok_and(|root| root == *checkpoint.root())
        });
        if holds {
            return Ok(Self { last: Mutex::new(last), cosigned: Mutex::default(), contradicted: None });
        }
        tracing::error!("the audit log does not have what its last checkpoint claims: no other is signed in its name");
        Ok(Self { last: Mutex::new(None), cosigned: Mutex::default(), contradicted: last })
    }

    fn last(&self) -> MutexGuard<'_, Option<SignedCheckpoint>> {
        // What is there was whole before it was put there.
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The last checkpoint that was signed, if any was; a file that is no checkpoint says nothing.
pub(crate) fn last_checkpoint(disk: &dyn Disk) -> Result<Option<SignedCheckpoint>, StoreError> {
    match disk.read(FILE, 0, MAX_FILE) {
        Ok(bytes) => Ok(SignedCheckpoint::parse(bytes)
            .inspect_err(|error| tracing::error!(%error, "{FILE} cannot be read"))
            .ok()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(StoreError::io("read", FILE, source)),
    }
}

fn store(disk: &dyn Disk, checkpoint: &SignedCheckpoint) -> io::Result<()> {
    match disk.remove(NEW) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    disk.create(NEW)?;
    disk.append(NEW, checkpoint.to_string().as_bytes())?;
    disk.sync_file(NEW)?;
    disk.rename(NEW, FILE)
}

impl AuditLog {
    /// Who signs for this log: the keys in [`crate::LOG_KEY_FILE`]. One for a log of this name, or of a name that no other has, is
    /// made where there is none.
    ///
    /// # Errors
    /// [`AuditError::Signer`].
    pub fn signer(&self, name: Option<&str>) -> Result<Signer, AuditError> {
        Ok(Signer::load_or_create(self.leaves.disk(), name)?)
    }

    /// A signed checkpoint of the whole log, as c2sp.org/tlog-checkpoint has it. It is kept before it is given away.
    ///
    /// # Errors
    /// [`AuditError::Contradicted`] when the log does not have what its last checkpoint claims; [`AuditError::Signing`] and
    /// [`AuditError::Store`].
    pub fn checkpoint(&self, signer: &Signer) -> Result<SignedCheckpoint, AuditError> {
        if let Some(claimed) = &self.checkpoints.contradicted
            && claimed.checkpoint().origin() == signer.origin()
        {
            let (origin, size) = (signer.origin().to_owned(), claimed.checkpoint().size());
            return Err(AuditError::Contradicted { origin, claimed: size, size: self.tree_size() });
        }
        let mut last = self.checkpoints.last();
        let same = |last: &&SignedCheckpoint| {
            last.checkpoint().size() == self.tree_size()
                && last.checkpoint().origin() == signer.origin()
                && signer.verifiers().all(|key| last.verify(signer.origin(), std::slice::from_ref(key)).is_ok())
        };
        if let Some(last) = last.as_ref().filter(same) {
            return Ok(last.clone());
        }
        let checkpoint = signer.sign(self.tree_size(), self.tree_root())?;
        store(self.leaves.disk(), &checkpoint).map_err(|source| StoreError::io("write", FILE, source))?;
        *last = Some(checkpoint.clone());
        Ok(checkpoint)
    }

    /// Keeps a checkpoint that witnesses have cosigned, until the next one and the end of this process.
    pub fn keep_cosigned(&self, checkpoint: SignedCheckpoint) {
        *self.checkpoints.cosigned.lock().unwrap_or_else(PoisonError::into_inner) = Some(checkpoint);
    }

    /// The last checkpoint that witnesses have cosigned, if it is of the log with this name and has more than so many leaves.
    #[must_use]
    pub fn cosigned(&self, origin: &str, leaves: u64) -> Option<SignedCheckpoint> {
        let cosigned = self.checkpoints.cosigned.lock().unwrap_or_else(PoisonError::into_inner).clone();
        cosigned.filter(|signed| signed.checkpoint().origin() == origin && signed.checkpoint().size() > leaves)
    }

    /// Receipts of the record with this id, or of all records of the request with this id: that they are in the log, for whoever
    /// has its key, as c2sp.org/tlog-proof has them, each with what is hashed as the leaf.
    ///
    /// # Errors
    /// As [`AuditLog::checkpoint`] and [`AuditLog::prove`].
    pub fn receipts(&self, id: &str, signer: &Signer) -> Result<Vec<(Receipt, Vec<u8>)>, AuditError> {
        let receipt = |found: &Found| {
            // One that witnesses have cosigned says more, if the record is in it.
            let checkpoint = self.cosigned(signer.origin(), found.leaf).map_or_else(|| self.checkpoint(signer), Ok)?;
            let path = self.prove_leaf_in(found.leaf, checkpoint.checkpoint().size())?;
            let receipt = Receipt::new(Vec::new(), found.leaf, path, checkpoint);
            let receipt = receipt.map_err(|error| AuditError::Signing(error.to_string()))?;
            Ok((receipt, found.leaf_bytes()))
        };
        self.found(id)?.iter().map(receipt).collect()
    }
}
