//! Objects as rows: their keys are the columns.

use std::{borrow::Cow, fmt, io::Read};

use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Error, Value};

use super::{Cell, Headers, Meter, Sink, shelf_error};
use crate::tables::error::TableError;

/// An array of objects.
pub(super) fn array(reader: impl Read, meter: &Meter<'_>, sink: &mut dyn Sink) -> Result<Headers, TableError> {
    let mut rows = Rows { headers: Headers::default(), failed: None, meter, sink };
    let mut deserializer = serde_json::Deserializer::from_reader(reader);
    let read = deserializer.deserialize_seq(&mut rows).and_then(|()| deserializer.end());
    rows.end(read)
}

/// Objects with blanks or line ends between them.
pub(super) fn lines(reader: impl Read, meter: &Meter<'_>, sink: &mut dyn Sink) -> Result<Headers, TableError> {
    let mut rows = Rows { headers: Headers::default(), failed: None, meter, sink };
    let read = serde_json::Deserializer::from_reader(reader).into_iter::<Fields>().try_for_each(|fields| {
        rows.take(fields?.0).map_err(|error| {
            rows.failed = Some(error);
            Error::custom("ended")
        })
    });
    rows.end(read)
}

struct Rows<'a> {
    headers: Headers,
    /// Why it ended before its end, where that was not the text's fault.
    failed: Option<TableError>,
    meter: &'a Meter<'a>,
    sink: &'a mut dyn Sink,
}

impl Rows<'_> {
    fn take(&mut self, fields: Vec<(String, Value)>) -> Result<(), TableError> {
        let mut cells = Vec::new();
        cells.resize(self.headers.0.len(), Cell::Null);
        for (key, value) in fields {
            let place = self.headers.place(&key)?;
            if cells.len() <= place {
                cells.resize(place + 1, Cell::Null);
            }
            if let Some(cell) = cells.get_mut(place) {
                *cell = cell_of(value);
            }
        }
        self.meter.next_row();
        self.sink.row(&cells)
    }

    fn end(self, read: Result<(), Error>) -> Result<Headers, TableError> {
        match (self.failed, read) {
            (Some(failed), _) => Err(failed),
            (None, Err(error)) => Err(cause(error, self.meter)),
            (None, Ok(())) if self.headers.0.is_empty() => {
                Err(TableError::Format("it holds no object with a key".to_owned()))
            }
            (None, Ok(())) => Ok(self.headers),
        }
    }
}

fn cause(error: Error, meter: &Meter<'_>) -> TableError {
    if error.is_io() {
        let error = std::io::Error::from(error);
        return shelf_error(&error).unwrap_or(TableError::Unread);
    }
    TableError::Format(format!("object {} cannot be read: {error}; objects are expected", meter.row.get() + 1))
}

fn cell_of(value: Value) -> Cell<'static> {
    match value {
        Value::Null => Cell::Null,
        Value::Bool(truth) => Cell::Truth(truth),
        Value::String(text) => Cell::Text(Cow::Owned(text)),
        Value::Number(number) => match (number.as_i64(), number.is_u64(), number.as_f64()) {
            (Some(integer), ..) => Cell::Integer(integer),
            (None, false, Some(real)) => Cell::Real(real),
            _ => Cell::Text(Cow::Owned(number.to_string())),
        },
        nested => Cell::Text(Cow::Owned(nested.to_string())),
    }
}

impl<'de> Visitor<'de> for &mut Rows<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of objects")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        while let Some(Fields(fields)) = seq.next_element()? {
            if let Err(error) = self.take(fields) {
                self.failed = Some(error);
                return Err(A::Error::custom("ended"));
            }
        }
        Ok(())
    }
}

/// An object's fields in their order.
struct Fields(Vec<(String, Value)>);

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(FieldsVisitor)
    }
}

struct FieldsVisitor;

impl<'de> Visitor<'de> for FieldsVisitor {
    type Value = Fields;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields, A::Error> {
        let mut fields = Vec::new();
        while let Some(field) = map.next_entry()? {
            fields.push(field);
        }
        Ok(Fields(fields))
    }
}
