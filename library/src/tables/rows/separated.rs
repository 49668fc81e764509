//! Values with a character between them: RFC 4180, with tabs or semicolons in the place of commas where those stand there.

use std::io::BufRead;

use csv::{ErrorKind, ReaderBuilder, StringRecord};

use super::{Cell, Headers, MAX_COLUMNS, Meter, Sink, shelf_error};
use crate::tables::error::TableError;

pub(super) fn read(
    mut reader: impl BufRead,
    separator: Option<u8>,
    meter: &Meter<'_>,
    sink: &mut dyn Sink,
) -> Result<Headers, TableError> {
    let separator = match separator {
        Some(separator) => separator,
        None => guess(reader.fill_buf().map_err(|error| TableError::from(&error))?),
    };
    // Rows of other lengths are judged here: programs leave out empty cells at a row's end.
    let mut reader = ReaderBuilder::new().has_headers(false).flexible(true).delimiter(separator).from_reader(reader);
    let mut record = StringRecord::new();
    if !next(&mut reader, &mut record, meter)? {
        return Err(TableError::Empty);
    }
    let headers = headers(&record)?;
    while next(&mut reader, &mut record, meter)? {
        if record.len() > headers.0.len() && record.iter().skip(headers.0.len()).any(|cell| !cell.is_empty()) {
            let (row, columns) = (meter.row.get(), headers.0.len());
            return Err(TableError::MoreCells { row, cells: record.len(), columns });
        }
        let cells: Vec<Cell<'_>> = record.iter().take(headers.0.len()).map(cell).collect();
        sink.row(&cells)?;
    }
    Ok(headers)
}

fn cell(text: &str) -> Cell<'_> {
    if text.is_empty() { Cell::Null } else { Cell::Plain(text) }
}

fn headers(record: &StringRecord) -> Result<Headers, TableError> {
    if record.len() > MAX_COLUMNS {
        return Err(TableError::TooManyColumns);
    }
    if record.iter().all(|header| header.trim().is_empty()) {
        return Err(TableError::Empty);
    }
    Ok(Headers(record.iter().map(|header| header.trim().to_owned()).collect()))
}

fn next(
    reader: &mut csv::Reader<impl BufRead>,
    record: &mut StringRecord,
    meter: &Meter<'_>,
) -> Result<bool, TableError> {
    let read = reader.read_record(record).map_err(|error| match error.kind() {
        ErrorKind::Io(error) => shelf_error(error).unwrap_or(TableError::Unread),
        _ => TableError::Format(format!("row {} cannot be read: {error}", meter.row.get() + 1)),
    })?;
    meter.next_row();
    Ok(read)
}

/// The separator that stands most often in the first line, outside of quotes; a comma where none does.
fn guess(begin: &[u8]) -> u8 {
    let mut quoted = false;
    let mut counts = [(b',', 0), (b';', 0), (b'\t', 0), (b'|', 0)];
    for byte in begin {
        match byte {
            b'"' => quoted = !quoted,
            b'\n' | b'\r' if !quoted => break,
            _ if quoted => {}
            _ => counts.iter_mut().filter(|(separator, _)| separator == byte).for_each(|(_, count)| *count += 1),
        }
    }
    // Of several with the same count, the first one.
    counts.iter().rev().max_by_key(|(_, count)| *count).map_or(b',', |(separator, _)| *separator)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_tells_the_separator() {
        let check = |text: &str, expect: char| assert_eq!(char::from(guess(text.as_bytes())), expect, "{text}");
        check("", ',');
        check("a", ',');
        check("a,b;c\n;;;;", ',');
        check("a;b;c,d", ';');
        check("\"a;b;c\",d", ',');
        check("a\tb", '\t');
        check("a|b|c", '|');
    }
}
