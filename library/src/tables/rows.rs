//! Rows of a file, one after the other, whatever it is written in. No row needs more memory than it may have.

mod json;
mod separated;

use std::{
    borrow::Cow,
    cell::{Cell as Counter, RefCell},
    io::{self, BufReader, Read},
};

use crate::{Kind, ShelfError, stop::Stop};

use super::error::TableError;

/// The most columns that a table may have.
pub(super) const MAX_COLUMNS: usize = 200;
/// The largest row, in bytes as it stands in the file.
pub(super) const MAX_ROW: usize = 128 * 1024;
const BUFFER: usize = 16 * 1024;

/// A value in a row.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Cell<'a> {
    Null,
    /// Text that may be meant as a number.
    Plain(&'a str),
    Text(Cow<'a, str>),
    Integer(i64),
    Real(f64),
    Truth(bool),
}

/// What stands over the columns, in their order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Headers(pub(super) Vec<String>);

impl Headers {
    /// The place of a column, which is added where there is none.
    fn place(&mut self, header: &str) -> Result<usize, TableError> {
        if let Some(place) = self.0.iter().position(|one| one == header) {
            return Ok(place);
        }
        if self.0.len() >= MAX_COLUMNS {
            return Err(TableError::TooManyColumns);
        }
        self.0.push(header.to_owned());
        Ok(self.0.len() - 1)
    }
}

/// Who takes the rows. A row has at most as many cells as there are headers so far.
pub(super) trait Sink {
    fn row(&mut self, cells: &[Cell<'_>]) -> Result<(), TableError>;
}

/// Gives each row to `sink`, and all headers back.
pub(super) fn read(kind: Kind, reader: impl Read, stop: &Stop, sink: &mut dyn Sink) -> Result<Headers, TableError> {
    let meter = Meter { since: Counter::new(0), row: Counter::new(0), why: RefCell::new(None), stop };
    let mut reader = BufReader::with_capacity(BUFFER, Metered { inner: reader, meter: &meter });
    let read = skip_mark(&mut reader).and_then(|()| match kind {
        Kind::Json => json::array(reader, &meter, sink),
        Kind::JsonLines => json::lines(reader, &meter, sink),
        Kind::Tsv => separated::read(reader, Some(b'\t'), &meter, sink),
        _ => separated::read(reader, None, &meter, sink),
    });
    // What ended the reading goes before what the reader made of it.
    meter.why.take().map_or(read, Err)
}

/// Skips the mark with which some programs begin text in UTF-8.
fn skip_mark(reader: &mut impl io::BufRead) -> Result<(), TableError> {
    let begin = reader.fill_buf().map_err(|error| TableError::from(&error))?;
    let mark = if begin.starts_with("\u{feff}".as_bytes()) { 3 } else { 0 };
    reader.consume(mark);
    Ok(())
}

/// How much was read for the row that is being read.
struct Meter<'a> {
    since: Counter<usize>,
    /// The number of the row that is being read, from 0.
    row: Counter<u64>,
    why: RefCell<Option<TableError>>,
    stop: &'a Stop,
}

impl Meter<'_> {
    /// A row is read.
    fn next_row(&self) {
        self.since.set(0);
        self.row.set(self.row.get() + 1);
    }

    fn fail(&self, why: TableError) -> io::Error {
        self.why.replace(Some(why));
        io::Error::other("ended")
    }
}

struct Metered<'a, R> {
    inner: R,
    meter: &'a Meter<'a>,
}

impl<R: Read> Read for Metered<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.meter.stop.reached() {
            return Err(self.meter.fail(TableError::Stopped));
        }
        let read = self.inner.read(buffer)?;
        let since = self.meter.since.get().saturating_add(read);
        // What was read ahead belongs to rows that come.
        if since > MAX_ROW + BUFFER {
            return Err(self.meter.fail(TableError::RowTooLarge { row: self.meter.row.get() + 1 }));
        }
        self.meter.since.set(since);
        Ok(read)
    }
}

/// The shelf's error inside of one of reading, if that is what it is.
fn shelf_error(error: &io::Error) -> Option<TableError> {
    error.get_ref().and_then(|inner| inner.downcast_ref::<ShelfError>()).map(TableError::from)
}

#[cfg(test)]
mod tests;
