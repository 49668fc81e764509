//! The log that a report was made of, held against what was signed.

use forethought_tlog::{Hash, SignedCheckpoint, Tree, VerifierKey};
use jiff::Timestamp;
use serde::Serialize;

/// The log as it was read, and its last signed checkpoint.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct LogState {
    /// Records that were read: the whole log.
    pub records: u64,
    /// The root over all of them, in hexadecimal digits.
    pub root: String,
    /// When the first record was made.
    pub first: Option<Timestamp>,
    /// When the last record was made.
    pub last: Option<Timestamp>,
    /// What was signed; nothing where the log was never signed.
    pub checkpoint: Option<Signed>,
}

/// A signed checkpoint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Signed {
    /// The log's name.
    pub origin: String,
    /// Records that it is over: the first so many.
    pub size: u64,
    /// The root over them, in hexadecimal digits.
    pub root: String,
    /// Whether the records that were read have this root.
    pub is_met: bool,
    /// Whether the signature was checked; it is not where no key was given.
    pub is_verified: Option<bool>,
}

/// Adds up the leaves as they are read.
pub(crate) struct Tracked<'c> {
    tree: Tree,
    checkpoint: Option<&'c SignedCheckpoint>,
    keys: &'c [VerifierKey],
    /// The root at the checkpoint's size.
    root_there: Option<Hash>,
    first: Option<Timestamp>,
    last: Option<Timestamp>,
}

impl<'c> Tracked<'c> {
    pub(crate) fn new(checkpoint: Option<&'c SignedCheckpoint>, keys: &'c [VerifierKey]) -> Self {
        let mut tracked = Self { tree: Tree::new(), checkpoint, keys, root_there: None, first: None, last: None };
        tracked.note_root();
        tracked
    }

    pub(crate) fn add(&mut self, leaf: Hash, time: Timestamp) {
        self.tree.push(leaf, &mut |_| {});
        self.first.get_or_insert(time);
        self.last = Some(time);
        self.note_root();
    }

    fn note_root(&mut self) {
        if self.checkpoint.is_some_and(|signed| signed.checkpoint().size() == self.tree.size()) {
            self.root_there = Some(self.tree.root());
        }
    }

    pub(crate) fn finish(self) -> LogState {
        let checkpoint = self.checkpoint.map(|signed| {
            let claim = signed.checkpoint();
            Signed {
                origin: claim.origin().to_owned(),
                size: claim.size(),
                root: claim.root().hex(),
                is_met: self.root_there.as_ref() == Some(claim.root()),
                is_verified: (!self.keys.is_empty()).then(|| signed.verify(claim.origin(), self.keys).is_ok()),
            }
        });
        let (records, root) = (self.tree.size(), self.tree.root().hex());
        LogState { records, root, first: self.first, last: self.last, checkpoint }
    }
}
