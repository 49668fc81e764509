//! Reading entries in order, changing nothing.

use std::{
    collections::{BTreeMap, VecDeque},
    fmt,
    ops::RangeInclusive,
    sync::Arc,
    thread,
    time::Duration,
};

use super::{
    format::{self, HEAD_BYTES, HEADER_BYTES, Header, MAX_ENTRY_BYTES, VERSION},
    segments::{self, Segment, segment_name},
};
use crate::{Disk, StoreError};

/// Bytes that are asked of the disk at once.
const WINDOW: usize = 256 << 10;
/// How often, and how long, a reader waits for the batch that another process is just writing.
const LIVE_TRIES: u32 = 50;
const LIVE_PAUSE: Duration = Duration::from_millis(20);

/// Where an entry lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Position {
    /// The segment file.
    pub segment: Arc<str>,
    /// Where its head begins, in bytes from the file's start.
    pub offset: u64,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} byte {}", self.segment, self.offset)
    }
}

/// One entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its number; the first one has 1, and none is left out.
    pub seq: u64,
    /// The kind that it was appended with.
    pub kind: u8,
    /// The bytes that it was appended with.
    pub payload: Vec<u8>,
    /// Where it lies.
    pub position: Position,
    /// Whether its batch ends with it.
    pub ends_batch: bool,
}

/// What stands next in a segment.
pub(super) enum Step {
    Entry(Entry),
    End,
    Damage(Damage),
}

/// Bytes that are no entry.
pub(super) struct Damage {
    /// Where they begin.
    pub(super) offset: u64,
    /// Where the batch that they are in begins.
    pub(super) batch: u64,
    pub(super) what: String,
    /// Whether a write that was not finished can look so.
    pub(super) torn: bool,
}

/// Reads one segment's entries.
pub(super) struct SegmentReader<'d> {
    disk: &'d dyn Disk,
    pub(super) name: Arc<str>,
    window: Vec<u8>,
    window_at: u64,
    /// Where the next entry begins.
    pub(super) at: u64,
    /// The seq that the next entry should have.
    pub(super) next_seq: u64,
    /// Where the batch under way begins.
    batch: Option<u64>,
}

impl<'d> SegmentReader<'d> {
    /// Reads from the beginning of a batch on.
    pub(super) fn new(disk: &'d dyn Disk, name: Arc<str>, at: u64, next_seq: u64) -> Self {
        Self { disk, name, window: Vec::new(), window_at: 0, at, next_seq, batch: None }
    }

    pub(super) fn step(&mut self) -> Result<Step, StoreError> {
        let head = match format::decode_head(self.peek(HEAD_BYTES)?) {
            Some(head) => head,
            None if !self.peek(1)?.is_empty() => return Ok(self.damage("its head is incomplete")),
            None if self.batch.is_some() => return Ok(self.damage("its batch is incomplete")),
            None => return Ok(Step::End),
        };
        if head.len > MAX_ENTRY_BYTES {
            return Ok(self.damage("its length is impossible"));
        }
        let size = HEAD_BYTES + head.len;
        let bytes = self.peek(size)?;
        if bytes.len() < size {
            return Ok(self.damage("it is longer than the file"));
        }
        if !head.matches(bytes) {
            return Ok(self.damage("its checksum does not match"));
        }
        let payload = bytes.get(HEAD_BYTES..).unwrap_or_default().to_vec();
        if head.seq != self.next_seq {
            return Ok(self.misplaced(&format!("its number is {}", head.seq)));
        }
        if head.first == self.batch.is_some() {
            return Ok(self.misplaced("its batch does not begin where it should"));
        }
        let offset = self.at;
        self.batch = if head.last { None } else { Some(self.batch.unwrap_or(offset)) };
        self.at += size as u64;
        self.next_seq += 1;
        let position = Position { segment: Arc::clone(&self.name), offset };
        Ok(Step::Entry(Entry { seq: head.seq, kind: head.kind, payload, position, ends_batch: head.last }))
    }

    /// The header; the next step reads the first entry.
    pub(super) fn header(&mut self) -> Result<Header, StoreError> {
        self.at = 0;
        let header = format::decode_header(self.peek(HEADER_BYTES)?);
        self.at = HEADER_BYTES as u64;
        Ok(header)
    }

    /// Forgets what was read from the disk, so that the next step sees what has been written since.
    pub(super) fn refresh(&mut self) {
        self.window.clear();
    }

    fn damage(&self, what: &str) -> Step {
        Step::Damage(self.damage_here(what, true))
    }

    /// A whole entry, its checksum right, that does not belong here: no crash explains it.
    fn misplaced(&self, what: &str) -> Step {
        Step::Damage(self.damage_here(what, false))
    }

    fn damage_here(&self, what: &str, torn: bool) -> Damage {
        Damage { offset: self.at, batch: self.batch.unwrap_or(self.at), what: what.to_owned(), torn }
    }

    /// Up to `len` bytes from `at` on; fewer only where the file ends.
    fn peek(&mut self, len: usize) -> Result<&[u8], StoreError> {
        let start = usize::try_from(self.at.wrapping_sub(self.window_at)).unwrap_or(usize::MAX);
        let there = self.window.get(start..).is_some_and(|bytes| bytes.len() >= len);
        let start = if there {
            start
        } else {
            self.window = self
                .disk
                .read(&self.name, self.at, len.max(WINDOW))
                .map_err(|source| StoreError::io("read", &*self.name, source))?;
            self.window_at = self.at;
            0
        };
        let bytes = self.window.get(start..).unwrap_or_default();
        Ok(bytes.get(..len).unwrap_or(bytes))
    }
}

/// A journal, open for reading.
#[derive(Debug)]
pub struct JournalReader {
    disk: Arc<dyn Disk>,
    firsts: Vec<u64>,
}

impl JournalReader {
    pub(super) fn open(disk: Arc<dyn Disk>) -> Result<Self, StoreError> {
        let firsts = segments::list(disk.as_ref())?;
        if firsts.is_empty() {
            return Err(StoreError::NoJournal { location: disk.location() });
        }
        Ok(Self { disk, firsts })
    }

    /// Every entry, in order. The first error ends it, and every damaged byte is one. While another process writes the
    /// journal, a batch at the end that is not whole yet is waited for, about a second in all.
    #[must_use]
    pub fn entries(&self) -> Scan<'_> {
        let segments = self.firsts.iter().copied().collect();
        let tries = if self.in_use() { LIVE_TRIES } else { 0 };
        Scan { disk: self.disk.as_ref(), segments, wanted: 1..=u64::MAX, next_seq: 1, now: None, tries, done: false }
    }

    /// Whether another process was writing the journal when its disk was opened.
    #[must_use]
    pub fn in_use(&self) -> bool {
        self.disk.in_use()
    }
}

/// Entries in order. The first error ends it.
pub struct Scan<'d> {
    disk: &'d dyn Disk,
    segments: VecDeque<u64>,
    wanted: RangeInclusive<u64>,
    next_seq: u64,
    now: Option<SegmentReader<'d>>,
    /// How often the end may be read again because it may be just under way.
    tries: u32,
    done: bool,
}

impl<'d> Scan<'d> {
    /// The entries that are wanted, of segments that are known to be good so far.
    pub(super) fn from(disk: &'d dyn Disk, segments: &BTreeMap<u64, Segment>, wanted: RangeInclusive<u64>) -> Self {
        let from = *wanted.start();
        let start = segments.range(..=from).next_back().or_else(|| segments.iter().next());
        let now = start.map(|(first, segment)| {
            let (seq, at) = segment.near(from).unwrap_or((*first, HEADER_BYTES as u64));
            SegmentReader::new(disk, Arc::clone(&segment.name), at, seq)
        });
        let first = start.map_or(1, |(first, _)| *first);
        let next_seq = now.as_ref().map_or(1, |reader| reader.next_seq);
        let segments = segments.range(first + 1..).map(|(first, _)| *first).collect();
        Self { disk, segments, wanted, next_seq, now, tries: 0, done: false }
    }

    /// The first entry, if it is the one with this number.
    pub(super) fn single(mut self, seq: u64, last: u64) -> Result<Entry, StoreError> {
        match self.next() {
            Some(Ok(entry)) if entry.seq == seq => Ok(entry),
            Some(Err(error)) => Err(error),
            _ => Err(StoreError::NoEntry { seq, last }),
        }
    }

    fn step(&mut self) -> Result<Option<Entry>, StoreError> {
        loop {
            if self.next_seq > *self.wanted.end() {
                return Ok(None);
            }
            let Some(reader) = &mut self.now else {
                let Some(first) = self.segments.pop_front() else { return Ok(None) };
                match self.enter(first) {
                    Ok(reader) => self.now = Some(reader),
                    // The header may be just under way.
                    Err(StoreError::Damaged { .. }) if self.tries > 0 && self.segments.is_empty() => {
                        self.segments.push_front(first);
                        self.tries -= 1;
                        thread::sleep(LIVE_PAUSE);
                    }
                    Err(error) => return Err(error),
                }
                continue;
            };
            match reader.step()? {
                Step::Entry(entry) => {
                    self.next_seq = entry.seq + 1;
                    if self.wanted.contains(&entry.seq) {
                        return Ok(Some(entry));
                    }
                }
                Step::End => self.now = None,
                Step::Damage(_) if self.tries > 0 && self.segments.is_empty() => {
                    self.tries -= 1;
                    thread::sleep(LIVE_PAUSE);
                    reader.refresh();
                }
                Step::Damage(damage) => {
                    let (segment, seq) = (reader.name.to_string(), reader.next_seq);
                    return Err(StoreError::Damaged { segment, offset: damage.offset, seq, what: damage.what });
                }
            }
        }
    }

    /// The next segment, its header checked.
    fn enter(&self, first: u64) -> Result<SegmentReader<'d>, StoreError> {
        let mut reader = SegmentReader::new(self.disk, segment_name(first).into(), 0, first);
        check_header(&mut reader, first)?;
        check_contiguous(&reader.name, first, self.next_seq)?;
        Ok(reader)
    }
}

impl fmt::Debug for Scan<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scan").field("next_seq", &self.next_seq).finish_non_exhaustive()
    }
}

impl Iterator for Scan<'_> {
    type Item = Result<Entry, StoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.done {
            return None;
        }
        let step = self.step().transpose();
        self.done = !matches!(step, Some(Ok(_)));
        step
    }
}

/// Refuses a header that is not the one of the segment beginning with `first`.
pub(super) fn check_header(reader: &mut SegmentReader<'_>, first: u64) -> Result<(), StoreError> {
    let damaged = |what: String| StoreError::Damaged { segment: segment_name(first), offset: 0, seq: first, what };
    match reader.header()? {
        Header::Good(seq) if seq == first => Ok(()),
        Header::Good(seq) => Err(damaged(format!("the header says that the first entry is {seq}"))),
        Header::Newer(found) => {
            Err(StoreError::NewerVersion { segment: segment_name(first), found, supported: VERSION })
        }
        Header::Damaged(what) => Err(damaged(what)),
    }
}

/// Refuses a segment that does not begin where the one before it ends.
pub(super) fn check_contiguous(name: &str, first: u64, expected: u64) -> Result<(), StoreError> {
    if first == expected {
        return Ok(());
    }
    let what = format!("the segment before it should end at entry {}, and ends at {}", first - 1, expected - 1);
    Err(StoreError::Damaged { segment: name.to_owned(), offset: 0, seq: expected, what })
}
