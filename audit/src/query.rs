//! Reading the log: lists of requests, and one request with everything about it.

mod calls;
mod cursor;
mod filter;
mod find;
mod near;
mod search;

use std::borrow::Cow;

use forethought_schemas::RecordId;
use forethought_store::{Entry, Scan, StoreError};
use jiff::Timestamp;

use crate::{
    AuditError, AuditLog, Body, ContentError, Digest, ErasureCause, PolicyRef, Record, Usage,
    contents::unseal,
    index::{self, BundleIds, Facts, IdHash},
};

pub use calls::{CallInFull, ShownCall, ShownRecord};
pub use cursor::{Cursor, CursorError};
pub use filter::{ActFilter, Filter, Status};
pub(crate) use find::{find, records_from, show, show_records, status_of};
pub use search::SearchError;
pub(crate) use search::{act_page, acts, latest_acts, list, requests};

/// The most that one list shows.
pub const MAX_LISTED: usize = 1000;

/// A part of a list, and where to go on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T> {
    /// What was found, the latest in the log first.
    pub items: Vec<T>,
    /// Where to go on; none where everything has been looked at.
    pub next: Option<Cursor>,
}

/// One request in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Its admission.
    pub admission: Record,
    /// Its outcome, or that it was interrupted; none while it is under way.
    pub end: Option<Record>,
    /// How it stands.
    pub status: Status,
}

/// One request with everything about it.
#[derive(Debug)]
pub struct Shown {
    /// Its admission.
    pub admission: Record,
    /// The digest of the admission's canonical bytes.
    pub admission_hash: Digest,
    /// Its end; none while it is under way.
    pub end: Option<Record>,
    /// The digest of the end's canonical bytes.
    pub end_hash: Option<Digest>,
    /// The decision on its answer, if that was held and decided.
    pub review: Option<Record>,
    /// The digest of the decision's canonical bytes.
    pub review_hash: Option<Digest>,
    /// How it stands.
    pub status: Status,
    /// The contents of its records, in the order in which these stand in the log; empty unless asked for.
    pub contents: Vec<Content>,
    /// Where its records stand in the log: the leaves of the admission, the end and the decision, from 0.
    pub leaves: ShownLeaves,
    /// The act that erased the first of the contents which are gone, where one names its key; looked for only with contents.
    pub erased: Option<ErasedBy>,
    /// Its calls of tools, by their samples, rounds and places in these; see [`Shown::calls_in_full`].
    pub calls: Vec<ShownCall>,
}

/// The leaves of a request's records, from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShownLeaves {
    /// Of the admission.
    pub admission: u64,
    /// Of its end.
    pub end: Option<u64>,
    /// Of the decision.
    pub review: Option<u64>,
}

/// An erasure, as the act in the log tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ErasedBy {
    /// The act's record.
    pub record_id: RecordId,
    /// When it was done.
    pub time: Timestamp,
    /// Why.
    pub cause: ErasureCause,
}

/// One content.
#[derive(Debug)]
pub struct Content {
    /// The record that commits to it.
    pub record_id: String,
    /// Its name there.
    pub name: String,
    /// What it is, or why it cannot be read: [`ContentError::is_gone`] once its key is erased.
    pub content: Result<Vec<u8>, ContentError>,
}

/// What a query reads: the bundles that say where a record may be, the entries of the journal, and the tenants' keys.
pub(crate) trait Source {
    /// How many bundles there are; the last one may be empty.
    fn bundles(&self) -> u64;

    /// What stands in a bundle.
    fn facts(&self, bundle: u64) -> Result<Cow<'_, Facts>, StoreError>;

    /// The leaves of a bundle, counted from its first, that may have an id with this hash.
    fn leaves_with(&self, bundle: u64, hash: IdHash) -> Result<Vec<u8>, StoreError>;

    /// The hashes of all ids of a bundle.
    fn ids(&self, bundle: u64) -> Result<BundleIds, StoreError>;

    /// How many leaves there are.
    fn leaves(&self) -> u64;

    /// Whether an admission has no end yet.
    fn is_open(&self, admission: &RecordId) -> bool;

    /// Whether an answer waits for a person.
    fn is_held(&self, admission: &RecordId) -> bool;

    /// The entry of a leaf.
    fn seq_of(&self, leaf: u64) -> Result<Option<u64>, StoreError>;

    /// An entry of the journal.
    fn entry(&self, seq: u64) -> Result<Entry, StoreError>;

    /// The entries of the journal from this one on.
    fn entries(&self, seq: u64) -> Scan<'_>;

    /// A sealed content, and the commitment to it.
    fn unseal(&self, sealed: &[u8]) -> Result<(Vec<u8>, Digest), ContentError>;
}

/// A record, where it stands.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    pub(crate) leaf: u64,
    pub(crate) record: Record,
    pub(crate) entry: Entry,
}

impl Found {
    /// What is hashed as its leaf.
    pub(crate) fn leaf_bytes(&self) -> Vec<u8> {
        self.record.leaf(&self.entry.payload).into_owned()
    }
}

impl Source for AuditLog {
    fn bundles(&self) -> u64 {
        self.catalogue.bundles()
    }

    fn facts(&self, bundle: u64) -> Result<Cow<'_, Facts>, StoreError> {
        self.catalogue.facts(bundle)
    }

    fn leaves_with(&self, bundle: u64, hash: IdHash) -> Result<Vec<u8>, StoreError> {
        self.catalogue.leaves_with(bundle, hash)
    }

    fn ids(&self, bundle: u64) -> Result<BundleIds, StoreError> {
        self.catalogue.ids(bundle)
    }

    fn leaves(&self) -> u64 {
        self.leaves.size()
    }

    fn is_open(&self, admission: &RecordId) -> bool {
        self.has_open(admission)
    }

    fn is_held(&self, admission: &RecordId) -> bool {
        self.has_held(admission)
    }

    fn seq_of(&self, leaf: u64) -> Result<Option<u64>, StoreError> {
        self.leaves.seq_of(leaf)
    }

    fn entry(&self, seq: u64) -> Result<Entry, StoreError> {
        self.journal.read(seq)
    }

    fn entries(&self, seq: u64) -> Scan<'_> {
        self.journal.scan(seq)
    }

    fn unseal(&self, sealed: &[u8]) -> Result<(Vec<u8>, Digest), ContentError> {
        unseal(sealed, |place, id| Ok(self.vault.find(place, id)?), &self.old_keys)
    }
}

impl AuditLog {
    /// What was done to the service itself, the latest first: of a filter, the times, the tenant of who did it, and the
    /// limit count. The whole log is looked through for it: see [`AuditLog::search_acts`].
    ///
    /// # Errors
    /// [`AuditError::Store`] and [`AuditError::Entry`].
    pub fn acts(&self, filter: &Filter) -> Result<Vec<Record>, AuditError> {
        search::acts(self, filter)
    }

    /// A page of the requests that a filter asks for, by the places of their admissions in the log, the latest first. The first page
    /// where there is no cursor.
    ///
    /// A page takes a bounded time whatever is asked for: **it may have fewer requests than the limit, or none, and still tell where to
    /// go on**. There are no more once [`Page::next`] is `None`. Requests that come while pages are read are in none of them, and none is
    /// shown twice; one that ends meanwhile stands as it does when its page is read.
    ///
    /// # Errors
    /// [`AuditError::Search`] when the limit is out of range, or the cursor is of another search or another log; [`AuditError::Store`]
    /// and [`AuditError::Entry`].
    pub fn search(&self, filter: &Filter, cursor: Option<&Cursor>) -> Result<Page<Listed>, AuditError> {
        search::requests(self, filter, cursor)
    }

    /// A page of the acts that a filter asks for, the latest in the log first. As [`AuditLog::search`].
    ///
    /// # Errors
    /// As [`AuditLog::search`].
    pub fn search_acts(&self, filter: &ActFilter, cursor: Option<&Cursor>) -> Result<Page<Record>, AuditError> {
        search::act_page(self, filter, cursor)
    }

    /// The policy that was in force last.
    ///
    /// # Errors
    /// As [`AuditLog::acts`].
    pub fn last_policy(&self) -> Result<Option<PolicyRef>, AuditError> {
        // By its place in the log and not by its time: clocks can go back.
        let last = latest_acts(self).next().transpose()?;
        Ok(last.and_then(|last| if let Body::Act(act) = last.record.body { Some(act.policy) } else { None }))
    }

    /// What requests spent that were let in at this time or later, summed up by their tenants and days (UTC), in the order of these
    /// days. Of the day of `since` it is all.
    ///
    /// # Errors
    /// [`AuditError::Store`].
    pub fn usage(&self, since: Timestamp) -> Result<Vec<Usage>, AuditError> {
        let mut found = Vec::new();
        for bundle in 0..self.bundles() {
            let facts = self.facts(bundle)?;
            found.extend(facts.usage(since));
        }
        Ok(index::sum(found.into_iter()))
    }

    /// Requests, the latest first. The whole log is looked through where few are found: see [`AuditLog::search`].
    ///
    /// # Errors
    /// [`AuditError::Store`] and [`AuditError::Entry`].
    pub fn list(&self, filter: &Filter) -> Result<Vec<Listed>, AuditError> {
        search::list(self, filter)
    }

    /// The request with this id, or to which the record with this id belongs; of requests with the same id, the latest.
    ///
    /// # Errors
    /// [`AuditError::Store`] and [`AuditError::Entry`]. A content that cannot be read is no error of the whole.
    pub fn show(&self, id: &str, with_contents: bool) -> Result<Option<Shown>, AuditError> {
        show(self, id, with_contents)
    }
}
