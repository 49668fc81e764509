//! All rows, one after the other, in the order of their places.

use std::{collections::VecDeque, vec};

use jiff::civil::Date;

use super::{
    DestroyReason, KeyId, KeyPlace, Owner, Retention, Scope, VaultError,
    header::Header,
    plain::Plain,
    slot::{Kind, Slot, SlotBytes},
    table::Table,
};

/// Slots that are read at once.
const CHUNK: usize = 64;

/// One row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Where it stands.
    pub place: KeyPlace,
    /// The key's name; of a damaged row, what stands where its name should.
    pub id: KeyId,
    /// What is there.
    pub state: RowState,
}

/// What is there of a row.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RowState {
    /// The key.
    Live {
        /// Whose contents it seals.
        owner: Owner,
        /// On which day it did, UTC.
        day: Date,
        /// How long they must and may stay.
        retention: Retention,
    },
    /// A mark that there was one.
    Destroyed(DestroyReason),
    /// Bytes that are not what was written. A crash may leave such a row too, which nothing was sealed under.
    Damaged,
    /// A row under a master key that was not given.
    OtherMaster,
}

impl Row {
    /// Whose contents it seals; none where that cannot be read.
    #[must_use]
    pub const fn owner(&self) -> Option<&Owner> {
        match &self.state {
            RowState::Live { owner, .. } => Some(owner),
            _ => None,
        }
    }

    /// Whether nobody can tell whose it is, though it is not destroyed.
    #[must_use]
    pub const fn is_unreadable(&self) -> bool {
        matches!(self.state, RowState::Damaged | RowState::OtherMaster)
    }
}

/// Which rows to give. By default all of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RowFilter {
    /// Only live ones of these owners.
    pub scope: Option<Scope>,
    /// Only live ones of this day or later.
    pub from: Option<Date>,
    /// Only live ones of this day or earlier.
    pub to: Option<Date>,
}

impl RowFilter {
    fn takes(&self, row: &Row) -> bool {
        let RowState::Live { owner, day, .. } = &row.state else { return *self == Self::default() };
        self.scope.as_ref().is_none_or(|scope| scope.covers(owner))
            && self.from.is_none_or(|from| from <= *day)
            && self.to.is_none_or(|to| *day <= to)
    }
}

/// The rows of a table. After an error there are no more.
#[derive(Debug)]
pub struct Rows<'t> {
    table: &'t Table,
    filter: RowFilter,
    files: vec::IntoIter<u32>,
    /// The file that is being read, and its next slot.
    at: Option<(Header, u32)>,
    chunk: VecDeque<(KeyPlace, SlotBytes)>,
}

impl<'t> Rows<'t> {
    pub(super) fn new(table: &'t Table, filter: RowFilter) -> Result<Self, VaultError> {
        let files = table.files(Kind::Keys)?.into_iter();
        Ok(Self { table, filter, files, at: None, chunk: VecDeque::new() })
    }

    /// The next row that the filter takes.
    fn step(&mut self) -> Result<Option<Row>, VaultError> {
        loop {
            let Some((place, bytes)) = self.chunk.pop_front() else {
                if self.fill()? {
                    continue;
                }
                return Ok(None);
            };
            let row = self.row(place, &bytes)?;
            if let Some(row) = row.filter(|row| self.filter.takes(row)) {
                return Ok(Some(row));
            }
        }
    }

    /// Reads some more slots; false where there are none.
    fn fill(&mut self) -> Result<bool, VaultError> {
        loop {
            let Some((header, first)) = self.at else {
                let Some(file) = self.files.next() else { return Ok(false) };
                self.at = self.table.header(Kind::Keys, file)?.map(|header| (header, 0));
                continue;
            };
            let chunk = self.table.chunk(Kind::Keys, header.file, first, CHUNK)?;
            let places = (first..).map(|slot| KeyPlace { file: header.file, slot });
            self.chunk = places.zip(chunk).collect();
            let read = u32::try_from(self.chunk.len()).unwrap_or(u32::MAX);
            self.at = (read > 0).then(|| (header, first.saturating_add(read)));
            if read > 0 {
                return Ok(true);
            }
        }
    }

    fn row(&self, place: KeyPlace, bytes: &SlotBytes) -> Result<Option<Row>, VaultError> {
        let (id, state) = match Slot::parse(bytes) {
            Slot::Empty => return Ok(None),
            Slot::Destroyed { id, reason } => (id, RowState::Destroyed(reason)),
            Slot::Damaged { id } => (id, RowState::Damaged),
            Slot::Live(live) => {
                let Some((header, _)) = self.at else { return Ok(None) };
                let opened = self.table.open(&header.spot(place.slot), &live);
                (live.id, state_of(opened)?)
            }
        };
        Ok(Some(Row { place, id, state }))
    }
}

/// What a row's opening says of it; an error only where it may say something else the next time.
fn state_of(opened: Result<Plain, VaultError>) -> Result<RowState, VaultError> {
    match opened {
        Ok(Plain::Key(row)) => {
            Ok(RowState::Live { owner: row.owner.clone(), day: row.day, retention: row.retention.clone() })
        }
        Ok(Plain::Hold(_)) | Err(VaultError::Damaged { .. }) => Ok(RowState::Damaged),
        Err(VaultError::OtherMaster { .. }) => Ok(RowState::OtherMaster),
        Err(error) => Err(error),
    }
}

impl Iterator for Rows<'_> {
    type Item = Result<Row, VaultError>;

    fn next(&mut self) -> Option<Self::Item> {
        let step = self.step();
        if step.is_err() {
            self.chunk.clear();
            self.at = None;
            self.files = Vec::new().into_iter();
        }
        step.transpose()
    }
}
