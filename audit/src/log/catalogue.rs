//! What finds records, kept up to date: full bundles in the index, and what is behind them in memory.

use std::{borrow::Cow, collections::VecDeque};

use forethought_schemas::RecordId;
use forethought_store::{Index, IndexMark, IndexWrite, StoreError};

use super::AuditLog;
use crate::{
    AuditError,
    index::{Bundle, BundleIds, FACTS, Facts, IDS, IdHash, Keys, leaves_with},
};

/// Bundles that wait for an index that fails: a quarter of a million records.
const MAX_WAITING: usize = 1024;

/// The bundles of all records.
#[derive(Debug)]
pub(crate) struct Catalogue {
    index: Index,
    /// Bundles in the index.
    indexed: u64,
    /// Full ones that the index has not taken yet.
    waiting: VecDeque<Bundle>,
    /// The one that is not full.
    last: Bundle,
    /// Why nothing can be found before the next start, if so.
    broken: Option<String>,
}

impl Catalogue {
    /// Takes up the index where it ends.
    ///
    /// # Errors
    /// [`StoreError::Index`] when bundles are missing in it, with the index.
    pub(crate) fn new(index: Index) -> Result<Self, Box<(StoreError, Index)>> {
        match count(&index) {
            Ok(indexed) => Ok(Self { index, indexed, waiting: VecDeque::new(), last: Bundle::default(), broken: None }),
            Err(error) => Err(Box::new((error, index))),
        }
    }

    /// The index, to be dropped.
    pub(crate) fn into_index(self) -> Index {
        self.index
    }

    /// Why the index was dropped since it was opened, if it was.
    pub(crate) fn dropped(&self) -> Option<&str> {
        self.index.dropped()
    }

    /// Bundles in the index.
    pub(crate) fn indexed(&self) -> u64 {
        self.indexed
    }

    /// Adds the next leaf.
    pub(crate) fn add(&mut self, keys: &Keys) {
        self.last.add(keys);
        if self.last.is_full() {
            self.waiting.push_back(std::mem::take(&mut self.last));
        }
        if self.waiting.len() > MAX_WAITING {
            self.waiting.clear();
            self.broken = Some("the index has failed for too long; restart to build it anew".to_owned());
        }
    }

    /// Brings the index up to date; the mark is behind the journal's last entry. The records are durable whether it can be or not.
    pub(crate) fn store(&mut self, mark: IndexMark) {
        if self.broken.is_some() {
            return;
        }
        if let Err(error) = self.try_store(mark) {
            tracing::error!(%error, seq = mark.seq, "the index lacks the last records; the next append or start tries again");
        }
    }

    /// As [`Catalogue::store`].
    ///
    /// # Errors
    /// [`AuditError::Store`]; what waits goes on waiting.
    pub(crate) fn try_store(&mut self, mark: IndexMark) -> Result<(), AuditError> {
        let mut writes = Vec::with_capacity(2 * self.waiting.len());
        for (bundle, at) in self.waiting.iter().zip(self.indexed..) {
            let (facts, ids) = bundle.encode().map_err(|error| StoreError::Index {
                location: FACTS.to_owned(),
                what: format!("bundle {at} cannot be written: {error}"),
            })?;
            let key = number(at).to_vec();
            writes.push(IndexWrite::Put { tree: IDS, key: key.clone(), value: ids });
            writes.push(IndexWrite::Put { tree: FACTS, key, value: facts });
        }
        self.index.apply(&writes, mark)?;
        self.indexed += self.waiting.len() as u64;
        self.waiting.clear();
        Ok(())
    }

    /// How many bundles there are, with the last one, which may be empty.
    pub(crate) fn bundles(&self) -> u64 {
        self.indexed + self.waiting.len() as u64 + 1
    }

    pub(crate) fn facts(&self, bundle: u64) -> Result<Cow<'_, Facts>, StoreError> {
        if let Some(bundle) = self.in_memory(bundle)? {
            return Ok(Cow::Borrowed(&bundle.facts));
        }
        let bytes = self.value(FACTS, bundle)?;
        let unreadable = |error: serde_json::Error| failed(bundle, &error.to_string());
        Facts::parse(&bytes).map(Cow::Owned).map_err(unreadable)
    }

    /// The leaves of a bundle, counted from its first, that may have this id.
    pub(crate) fn leaves_with(&self, bundle: u64, hash: IdHash) -> Result<Vec<u8>, StoreError> {
        match self.in_memory(bundle)? {
            Some(bundle) => Ok(bundle.leaves_with(hash)),
            None => Ok(leaves_with(&self.value(IDS, bundle)?, hash)),
        }
    }

    /// The hashes of all ids of a bundle.
    pub(crate) fn ids(&self, bundle: u64) -> Result<BundleIds, StoreError> {
        match self.in_memory(bundle)? {
            Some(bundle) => Ok(bundle.ids()),
            None => Ok(BundleIds::parse(&self.value(IDS, bundle)?)),
        }
    }

    fn in_memory(&self, bundle: u64) -> Result<Option<&Bundle>, StoreError> {
        if let Some(why) = &self.broken {
            return Err(failed(bundle, why));
        }
        let Some(at) = bundle.checked_sub(self.indexed) else { return Ok(None) };
        let at = usize::try_from(at).unwrap_or(usize::MAX);
        Ok(Some(self.waiting.get(at).unwrap_or(&self.last)))
    }

    fn value(&self, tree: &'static str, bundle: u64) -> Result<Vec<u8>, StoreError> {
        self.index.get(tree, &number(bundle))?.ok_or_else(|| failed(bundle, "it is missing"))
    }
}

impl AuditLog {
    /// Whether an admission has no end yet.
    pub(crate) fn has_open(&self, admission: &RecordId) -> bool {
        self.open.contains_key(admission)
    }

    /// Whether an answer waits for a person.
    pub(crate) fn has_held(&self, admission: &RecordId) -> bool {
        self.held.contains_key(admission)
    }
}

/// How many bundles there are, of which none may be missing.
fn count(index: &Index) -> Result<u64, StoreError> {
    let mut indexed = 0;
    for pair in index.range(FACTS, &[], &[0xff; 9])? {
        let (key, facts) = pair?;
        if key != number(indexed) || index.get(IDS, &key)?.is_none() {
            return Err(failed(indexed, "it is missing"));
        }
        Facts::parse(&facts).map_err(|error| failed(indexed, &error.to_string()))?;
        indexed += 1;
    }
    Ok(indexed)
}

fn failed(bundle: u64, what: &str) -> StoreError {
    StoreError::Index { location: format!("bundle {bundle}"), what: what.to_owned() }
}

fn number(bundle: u64) -> [u8; 8] {
    bundle.to_be_bytes()
}
