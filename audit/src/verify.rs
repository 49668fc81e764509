//! Checking a log without changing it: every byte, every link, every end and every commitment.

mod calls;

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    fmt,
    path::Path,
    sync::Arc,
};

use forethought_schemas::{RecordId, RequestId};
use forethought_store::{Disk, Entry, Journal, Position, StoreError};
use forethought_tlog::{Hash, Tree, leaf_hash};

use crate::{
    AuditError, Body, Commitment, Digest, Record, Review,
    contents::{ContentKeys, Label, label_of},
    index::{RECORD, SEALED, parse_record},
    keys::is_tenant,
    leaves::Mark,
    log::{OpenCalls, last_checkpoint},
    reader::read_only,
};

/// Bytes of a damaged entry that are read for its record id.
const SALVAGE: usize = 128;
const ID_PREFIX: &[u8] = b"rec_";
/// Where an entry has its record id: behind its head (17 bytes), in a record behind `{"v":1,"record_id":"`, and in a
/// sealed content behind a version and a length.
const ID_OFFSETS: [usize; 2] = [17 + 20, 17 + 3];

/// What a check of the log found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VerifyReport {
    /// Journal entries that are good.
    pub entries: u64,
    /// Records among them.
    pub records: u64,
    /// Admissions among those.
    pub admissions: u64,
    /// Acts among those.
    pub acts: u64,
    /// Calls of tools among those.
    pub tool_calls: u64,
    /// Admissions that were interrupted by a crash.
    pub interrupted: u64,
    /// Admissions that have no end because the log is in use.
    pub under_way: u64,
    /// Sealed contents whose digest matches.
    pub contents: u64,
    /// Contents that were also unsealed and held against their commitment.
    pub unsealed: u64,
    /// Contents whose key is erased or lost.
    pub without_key: u64,
    /// Contents whose key file is damaged or cannot be read.
    pub key_unreadable: u64,
    /// Ends that a start had to cut back, or found missing.
    pub cuts: u64,
    /// Journal entries that the log itself records as lost after they had been acknowledged.
    pub acknowledged_lost: u64,
    /// The leaves of the Merkle tree.
    pub leaves: u64,
    /// Its root, hexadecimal.
    pub root: String,
    /// The digest of the last record. Note it elsewhere and ask for it with [`verify_containing`] later: a log that was
    /// cut short at a whole record, or written anew from some record on, is good in itself.
    pub head: Option<Digest>,
    /// Whether another process was writing the log.
    pub in_use: bool,
    /// Digests that were asked for and are no good record's.
    pub missing: Vec<Digest>,
    /// The first thing that is wrong.
    pub failure: Option<VerifyFailure>,
}

impl VerifyReport {
    /// Whether nothing is wrong, nothing that was acknowledged is recorded as lost, and no digest is missing.
    #[must_use]
    pub fn passed(&self) -> bool {
        self.failure.is_none() && self.acknowledged_lost == 0 && self.missing.is_empty()
    }
}

/// Something that is wrong with the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifyFailure {
    /// The record, as its id reads; none when it cannot be read.
    pub record_id: Option<String>,
    /// The journal entry.
    pub seq: u64,
    /// The segment file.
    pub segment: String,
    /// Where the entry begins, in bytes from the file's start.
    pub offset: u64,
    /// What is wrong.
    pub what: String,
}

impl fmt::Display for VerifyFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.record_id {
            Some(id) => write!(f, "record {id} (entry {})", self.seq)?,
            None => write!(f, "entry {}", self.seq)?,
        }
        write!(f, " in {} at byte {}: {}", self.segment, self.offset, self.what)
    }
}

/// Checks the log in a data directory. Nothing is changed, and the log may be in use.
///
/// # Errors
/// [`AuditError::Store`] when there is no log, it cannot be read, or it is of a newer version. What is wrong with its
/// contents is in the report.
pub fn verify(dir: impl AsRef<Path>) -> Result<VerifyReport, AuditError> {
    verify_containing(dir, &[])
}

/// As [`verify`], and looks for records with these digests, such as a head that was noted elsewhere before: if it is
/// there, so is everything before it as it was then.
///
/// # Errors
/// As [`verify`].
pub fn verify_containing(dir: impl AsRef<Path>, digests: &[Digest]) -> Result<VerifyReport, AuditError> {
    check(&read_only(dir.as_ref())?, digests)
}

/// Checks the log on any disk. See [`verify`].
///
/// # Errors
/// As [`verify`].
pub fn verify_on(disk: &Arc<dyn Disk>) -> Result<VerifyReport, AuditError> {
    check(disk, &[])
}

fn check(disk: &Arc<dyn Disk>, digests: &[Digest]) -> Result<VerifyReport, AuditError> {
    let reader = Journal::read_only(Arc::clone(disk))?;
    let mut check = Check::new(ContentKeys::open(disk, None), digests);
    check.known = known_roots(disk.as_ref())?;
    check.report.in_use = reader.in_use();
    for entry in reader.entries() {
        let failure = match entry {
            Ok(entry) => check.entry(&entry),
            Err(StoreError::Damaged { segment, offset, seq, what }) => {
                let record_id = salvage(disk.as_ref(), &segment, offset);
                Some(VerifyFailure { record_id, seq, segment, offset, what })
            }
            Err(error) => return Err(error.into()),
        };
        if failure.is_some() {
            check.report.failure = failure;
            return Ok(check.conclude());
        }
    }
    Ok(check.finish())
}

/// A place in the journal, as a failure names it.
#[derive(Clone)]
struct Place {
    seq: u64,
    position: Position,
}

impl Place {
    fn of(entry: &Entry) -> Self {
        Self { seq: entry.seq, position: entry.position.clone() }
    }

    fn failure(&self, record_id: Option<&str>, what: impl Into<String>) -> VerifyFailure {
        VerifyFailure {
            record_id: record_id.map(ToOwned::to_owned),
            seq: self.seq,
            segment: self.position.segment.to_string(),
            offset: self.position.offset,
            what: what.into(),
        }
    }
}

/// A content that a record has committed to and that must come next.
struct Expected {
    record_id: RecordId,
    tenant: String,
    commitment: Commitment,
    place: Place,
}

/// An admission, as its end must name it.
struct Admitted {
    request_id: RequestId,
    tenant: String,
    place: Place,
}

struct Check {
    report: VerifyReport,
    keys: ContentKeys,
    head: Digest,
    /// Admissions without an end.
    open: BTreeMap<RecordId, Admitted>,
    /// Answers that are held, by admission: the request and the tenant.
    held: BTreeMap<RecordId, (RequestId, String)>,
    /// Calls of tools without a result, of admissions without an end.
    calls: OpenCalls,
    /// The ids of all admissions.
    admitted: BTreeSet<RecordId>,
    /// Digests that were asked for and have not been found.
    wanted: BTreeSet<Digest>,
    expected: VecDeque<Expected>,
    tree: Tree,
    /// What was noted of the tree before: sizes, the root there in hexadecimal, and where it is noted.
    known: BTreeMap<u64, (String, &'static str)>,
}

/// What was noted of the tree when it was shorter.
fn known_roots(disk: &dyn Disk) -> Result<BTreeMap<u64, (String, &'static str)>, AuditError> {
    const WHENCE: &str = "the mark of its files";
    let mark = Mark::load(disk)?.unwrap_or_default();
    let marks = [(mark.size, (mark.root, WHENCE)), (mark.all, (mark.root_of_all, WHENCE))];
    let signed = last_checkpoint(disk)?.map(|signed| {
        let claim = signed.checkpoint();
        (claim.size(), (claim.root().hex(), "the last signed checkpoint"))
    });
    Ok(marks.into_iter().chain(signed).filter(|(size, _)| *size > 0).collect())
}

impl Check {
    fn new(keys: ContentKeys, digests: &[Digest]) -> Self {
        Self {
            report: VerifyReport::default(),
            keys,
            head: Digest::GENESIS,
            open: BTreeMap::new(),
            held: BTreeMap::new(),
            calls: OpenCalls::default(),
            admitted: BTreeSet::new(),
            wanted: digests.iter().copied().collect(),
            expected: VecDeque::new(),
            tree: Tree::new(),
            known: BTreeMap::new(),
        }
    }

    fn entry(&mut self, entry: &Entry) -> Option<VerifyFailure> {
        let failure = match entry.kind {
            RECORD => self.record(entry),
            SEALED => self.content(entry),
            kind => Some(Place::of(entry).failure(None, format!("entry kind {kind} is unknown to this program"))),
        };
        if failure.is_none() {
            self.report.entries += 1;
        }
        failure
    }

    fn record(&mut self, entry: &Entry) -> Option<VerifyFailure> {
        let place = Place::of(entry);
        if let Some(missing) = self.missing_content() {
            return Some(missing);
        }
        let record = match parse_record(&entry.payload) {
            Ok(record) => record,
            Err(what) => return Some(place.failure(None, format!("it is not a record: {what}"))),
        };
        let id = record.record_id.as_str();
        let leaf = leaf_hash(&record.leaf(&entry.payload));
        let follows = self.chained(&record).and_then(|()| self.follow(&record, &place)).and_then(|()| self.grow(leaf));
        if let Err(what) = follows {
            return Some(place.failure(Some(id), what));
        }
        let tenant = record.tenant().unwrap_or_default().to_owned();
        for commitment in record.contents {
            let (record_id, tenant) = (record.record_id.clone(), tenant.clone());
            self.expected.push_back(Expected { record_id, tenant, commitment, place: place.clone() });
        }
        self.head = Digest::of(&entry.payload);
        self.wanted.remove(&self.head);
        self.report.records += 1;
        None
    }

    /// Holds a record of version 1 against the one before it.
    fn chained(&self, record: &Record) -> Result<(), String> {
        match record.prev {
            None if record.v == 1 => Err("it has version 1 and does not say which record is before it".to_owned()),
            Some(prev) if prev != self.head => Err(format!("it follows {prev}, the record before it is {}", self.head)),
            _ => Ok(()),
        }
    }

    /// Adds a leaf to the tree, and holds its root against what was noted of it.
    fn grow(&mut self, leaf: Hash) -> Result<(), String> {
        self.tree.push(leaf, &mut |_| {});
        let Some((noted, whence)) = self.known.remove(&self.tree.size()) else { return Ok(()) };
        let root = self.tree.root().hex();
        if root == noted {
            return Ok(());
        }
        let size = self.tree.size();
        Err(format!(
            "a record up to here was changed: the root over {size} records is {root}, and {whence} has {noted}"
        ))
    }

    /// Follows admissions to their ends.
    fn follow(&mut self, record: &Record, place: &Place) -> Result<(), String> {
        match &record.body {
            Body::Admission(admission) => {
                self.report.admissions += 1;
                if !self.admitted.insert(record.record_id.clone()) {
                    return Err("there is an admission with this id already".to_owned());
                }
                let (request_id, tenant) = (admission.request_id.clone(), admission.tenant.clone());
                self.open.insert(record.record_id.clone(), Admitted { request_id, tenant, place: place.clone() });
                Ok(())
            }
            Body::Outcome(outcome) => {
                if outcome.review.is_some() {
                    let asked = (outcome.request_id.clone(), outcome.tenant.clone());
                    self.held.insert(outcome.admission.clone(), asked);
                }
                self.end(&outcome.admission, &outcome.request_id, &outcome.tenant)
            }
            Body::Interrupted(interrupted) => {
                self.report.interrupted += 1;
                self.end(&interrupted.admission, &interrupted.request_id, &interrupted.tenant)
            }
            Body::Review(review) => match &review.call {
                Some(call) => self.call_decided(review, call),
                None => self.decided(review),
            },
            Body::ToolCall(call) => self.called(&record.record_id, call, place.seq),
            Body::ToolResult(result) => self.resulted(result),
            Body::Act(_) => {
                self.report.acts += 1;
                Ok(())
            }
            Body::TailCut(cut) => {
                self.report.cuts += 1;
                let lost = cut.acknowledged_lost.map_or(0, |lost| lost.entries());
                self.report.acknowledged_lost = self.report.acknowledged_lost.saturating_add(lost);
                Ok(())
            }
        }
    }

    /// Gives an admission its end, which must be of the same request and tenant.
    fn end(&mut self, admission: &RecordId, request_id: &RequestId, tenant: &str) -> Result<(), String> {
        let Some(admitted) = self.open.remove(admission) else {
            return Err(format!("it ends admission {admission}, which is unknown or has its end already"));
        };
        drop(self.calls.end(admission));
        if (&admitted.request_id, admitted.tenant.as_str()) == (request_id, tenant) {
            return Ok(());
        }
        let Admitted { request_id: asked, tenant: whose, .. } = admitted;
        Err(format!(
            "it ends admission {admission} of request {asked} and tenant `{whose}`, and names request {request_id} and \
             tenant `{tenant}`"
        ))
    }

    /// Gives an answer that is held its decision, which must be of the same request and tenant.
    fn decided(&mut self, review: &Review) -> Result<(), String> {
        let Review { admission, request_id, tenant, .. } = review;
        match self.held.remove(admission) {
            Some((asked, whose)) if (&asked, &whose) == (request_id, tenant) => Ok(()),
            Some(_) => Err(format!("it decides on the answer of admission {admission}, of another request or tenant")),
            None => Err(format!("it decides on the answer of admission {admission}, which is not held")),
        }
    }

    fn content(&mut self, entry: &Entry) -> Option<VerifyFailure> {
        let place = Place::of(entry);
        let label = label_of(&entry.payload);
        let Some(expected) = self.expected.pop_front() else {
            return Some(place.failure(label.map(|label| label.record_id), "no record commits to this content"));
        };
        let Expected { record_id, tenant, commitment, .. } = &expected;
        let failure = |what: &str| Some(place.failure(Some(record_id.as_str()), what));
        let name = &commitment.name;
        if Digest::of(&entry.payload) != commitment.sealed {
            return failure(&format!("content `{name}` is not the one that the record commits to"));
        }
        if label != Some(Label { record_id: record_id.as_str(), name, tenant }) {
            return failure(&format!("content `{name}` is labelled as another"));
        }
        if !is_tenant(tenant) {
            return failure(&format!("`{tenant}` is not a tenant id"));
        }
        match self.keys.unseal(&entry.payload) {
            Ok((_, found)) if found == commitment.commitment => self.report.unsealed += 1,
            Ok(_) => return failure(&format!("content `{name}` does not match its commitment")),
            Err(error) if error.is_gone() => self.report.without_key += 1,
            Err(error) if error.is_changed() => return failure(&format!("content `{name}` is not what was sealed")),
            // One key that cannot be read must not keep the rest from being checked.
            Err(_) => self.report.key_unreadable += 1,
        }
        self.report.contents += 1;
        None
    }

    /// That the log was longer.
    fn missing_leaves(&self) -> Option<VerifyFailure> {
        let (size, (_, whence)) = self.known.last_key_value()?;
        let what =
            format!("records are missing at the end: there are {}, and {whence} tells of {size}", self.tree.size());
        let (record_id, segment) = (None, "log/".to_owned());
        Some(VerifyFailure { record_id, seq: self.report.entries, segment, offset: 0, what })
    }

    fn missing_content(&self) -> Option<VerifyFailure> {
        let missing = self.expected.front()?;
        let what = format!("content `{}`, which the record commits to, is not there", missing.commitment.name);
        Some(missing.place.failure(Some(missing.record_id.as_str()), what))
    }

    fn finish(mut self) -> VerifyReport {
        self.report.head = (self.report.records > 0).then_some(self.head);
        self.report.failure = self.missing_content();
        if self.report.in_use {
            self.report.under_way = self.open.len() as u64;
        } else if self.report.failure.is_none() {
            // The first one in the journal, not in the alphabet.
            let first = self.open.iter().min_by_key(|(_, admitted)| admitted.place.seq);
            self.report.failure =
                first.map(|(id, admitted)| admitted.place.failure(Some(id.as_str()), "this admission has no end"));
        }
        self.report.failure = self.report.failure.take().or_else(|| self.missing_leaves());
        self.conclude()
    }

    fn conclude(mut self) -> VerifyReport {
        (self.report.leaves, self.report.root) = (self.tree.size(), self.tree.root().hex());
        self.report.missing = self.wanted.into_iter().collect();
        self.report
    }
}

/// The id of the record that a damaged entry is, or belongs to, as it reads.
fn salvage(disk: &dyn Disk, segment: &str, offset: u64) -> Option<String> {
    const DIGITS: usize = 32;
    let bytes = disk.read(segment, offset, SALVAGE).ok()?;
    // Only where the two kinds of entries have it: the ids of other records follow.
    ID_OFFSETS.into_iter().find_map(|at| {
        let id = bytes.get(at..)?.get(..ID_PREFIX.len() + DIGITS)?;
        let digits = id.strip_prefix(ID_PREFIX)?;
        let good = digits.iter().all(|digit| digit.is_ascii_digit() || (b'a'..=b'f').contains(digit));
        if good { String::from_utf8(id.to_vec()).ok() } else { None }
    })
}
