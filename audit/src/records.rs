//! The records of a log as it stood at one instant, one after another: what reports and statistics are made of.

use forethought_tlog::Hash;

use crate::{AuditError, LogSnapshot, Record, snapshot::Leaf};

/// A record, where it stands in the log.
#[derive(Clone, Debug)]
pub struct LogRecord {
    /// Its leaf in the Merkle tree, from 0.
    pub leaf: u64,
    /// The hash of that leaf (RFC 6962, section 2.1): a reader who adds them up has the root that was signed.
    pub leaf_hash: Hash,
    /// The record.
    pub record: Record,
}

impl LogSnapshot {
    /// All records in the order of the log, each read when it is asked for. Memory is needed for one at a time.
    ///
    /// # Errors
    /// Of each: [`AuditError::Store`] where the journal cannot be read, [`AuditError::Entry`] where what stands there is no record.
    pub fn records(&self) -> impl Iterator<Item = Result<LogRecord, AuditError>> {
        self.leaves().map(|leaf| leaf.map(LogRecord::from))
    }
}

impl From<Leaf> for LogRecord {
    fn from(leaf: Leaf) -> Self {
        let leaf_hash = forethought_tlog::leaf_hash(&leaf.entry());
        Self { leaf: leaf.index, leaf_hash, record: leaf.record }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use forethought_store::{Disk, SimDisk};
    use forethought_tlog::Tree;

    use super::*;
    use crate::tests::log_of;

    #[test]
    fn records_come_in_the_order_of_their_leaves_and_add_up_to_the_root() {
        for records in [0, 1, 7] {
            let disk = SimDisk::new();
            let log = log_of(&disk, records);
            let disk: Arc<dyn Disk> = Arc::new(disk);
            let snapshot = LogSnapshot::open_on(disk, Vec::new()).expect("opens");
            let mut tree = Tree::new();
            for (at, one) in (0..).zip(snapshot.records()) {
                let one = one.expect("a record");
                assert_eq!(one.leaf, at);
                tree.push(one.leaf_hash, &mut |_| {});
            }
            assert_eq!((tree.size(), tree.root()), (u64::from(records), log.tree_root()));
        }
    }
}
