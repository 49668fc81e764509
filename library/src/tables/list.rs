//! The tool `list_tables`.

use std::{fmt::Write as _, sync::Arc};

use async_trait::async_trait;
use forethought_tools::{Effect, Invocation, Reply, SpecError, Tool, ToolError, ToolSpec};
use serde_json::{Value, json};

use super::{
    Tables,
    catalog::{Catalog, Table},
    desk::{Desk, Unanswered, columns, erased, unavailable},
    error::TableError,
};
use crate::{shelf::Shelf, stop::Stop};

const DESCRIPTION: &str = "Lists the tables that were uploaded and that table_query can be asked about: each one's name, file, number \
    of rows, and columns with their types.";
/// Room that is left for the last line, in bytes.
const LAST_LINE: usize = 100;

/// The tool by which a model learns which tables there are.
#[derive(Debug)]
pub struct ListTables {
    spec: ToolSpec,
    tables: Arc<Tables>,
}

impl ListTables {
    /// Its name.
    pub const NAME: &str = "list_tables";

    /// The tool `list_tables`.
    ///
    /// # Errors
    /// [`SpecError`], which would be a mistake in this program.
    pub fn new(tables: Arc<Tables>) -> Result<Self, SpecError> {
        let parameters = json!({ "type": "object", "properties": {}, "additionalProperties": false });
        Ok(Self { spec: ToolSpec::new(Self::NAME, DESCRIPTION, parameters, Effect::Reads)?, tables })
    }
}

#[async_trait]
impl Tool for ListTables {
    fn spec(&self) -> &ToolSpec {
        &self.spec
    }

    async fn call(&self, invocation: Invocation) -> Result<Reply, ToolError> {
        let Invocation { tenant, limits, .. } = invocation;
        let (stop, _call_off) = Stop::after(limits.time());
        let owner = tenant.clone();
        let listed = self.tables.at_desk(&tenant, false, &stop, move |tables, desk, stop| {
            list(desk, &tables.shelf, &owner, limits.bytes, stop)
        });
        match listed.await {
            Ok(Ok(reply)) => Ok(reply),
            Ok(Err(Unanswered::Memory)) => Err(ToolError::Exhausted("memory".to_owned())),
            Err(ToolError::TimedOut(_)) => Err(ToolError::TimedOut(limits.time_ms)),
            Ok(Err(Unanswered::Ended(error))) | Err(error) => Err(error),
        }
    }
}

/// A line for each table. What there is no time to read is named all the same.
fn list(desk: &mut Desk, shelf: &Shelf, tenant: &str, bytes: usize, stop: &Stop) -> Result<Reply, Unanswered> {
    let catalog = Catalog::read(shelf, tenant).map_err(|error| unavailable(&error))?;
    desk.forget_what_is_not_in(&catalog);
    if catalog.0.is_empty() {
        return Ok(Reply::new("there are no tables: no file that is a table was uploaded".to_owned(), bytes));
    }
    let (mut text, room) = (String::new(), bytes.saturating_sub(LAST_LINE));
    let early = stop.earlier();
    for (place, table) in catalog.0.iter().enumerate() {
        let line = line(desk, shelf, tenant, table, &early);
        if text.len() + line.len() > room {
            let left = catalog.0.len() - place;
            // Writing into a text does not fail.
            let _ = write!(text, "({left} more tables left out)");
            break;
        }
        text.push_str(&line);
    }
    if catalog.0.iter().any(|table| table.held.presence.gone()) {
        return Err(Unanswered::Ended(erased()));
    }
    Ok(Reply::new(text, bytes))
}

fn line(desk: &mut Desk, shelf: &Shelf, tenant: &str, table: &Table, stop: &Stop) -> String {
    let info = &table.held.info;
    let what = match desk.schema(shelf, tenant, table, stop) {
        Ok(schema) => format!("{} rows: {}", schema.rows, columns(&schema)),
        Err(TableError::Stopped) => "its columns were not read, there was no time; list the tables again".to_owned(),
        Err(error) => format!("cannot be used: {error}"),
    };
    format!("{} (file {}, {}) {what}\n", table.name, Value::from(info.name.as_str()), info.id)
}
