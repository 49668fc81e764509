//! What is kept in memory of one tenant's tables, and how a question is put to them.

use std::{collections::BTreeMap, fmt::Write as _, sync::Arc};

use forethought_tools::{Reply, ToolError};

use super::{
    TableBounds,
    catalog::{Catalog, Table},
    database::{AskError, Cost, Database},
    error::TableError,
    schema::Schema,
};
use crate::{FileId, shelf::Shelf, stop::Stop};

/// Bytes of what an error says of the tables that there are.
const MAX_HELP: usize = 3000;
/// So many tables are told with their columns, whether or not they were asked about.
const FEW: usize = 4;

/// A tenant's tables, as far as they were read.
#[derive(Debug, Default)]
pub(super) struct Desk {
    schemas: BTreeMap<FileId, Result<Arc<Schema>, TableError>>,
    database: Option<Database>,
}

/// One question.
#[derive(Clone, Debug)]
pub(super) struct Question {
    pub(super) tenant: String,
    pub(super) sql: String,
    /// The only tables that may be read; all where none are named.
    pub(super) files: Vec<String>,
    /// Bytes of the answer.
    pub(super) bytes: usize,
}

/// How a question ended without an answer.
#[derive(Debug)]
pub(super) enum Unanswered {
    /// For good.
    Ended(ToolError),
    /// Others may have used the memory that it needs.
    Memory,
}

impl Desk {
    /// Answers a question.
    pub(super) fn ask(
        &mut self,
        shelf: &Shelf,
        bounds: &TableBounds,
        question: &Question,
        stop: &Stop,
    ) -> Result<Reply, Unanswered> {
        let mut catalog = Catalog::read(shelf, &question.tenant).map_err(|error| unavailable(&error))?;
        self.forget_what_is_not_in(&catalog);
        if let Err(what) = catalog.only(&question.files) {
            self.learn(shelf, &catalog, question, stop);
            return Err(self.wrong(&what, &catalog, question));
        }
        let chosen: Vec<Table> = catalog.mentioned(&question.sql).cloned().collect();
        let stop = &stop.with(chosen.iter().map(|table| table.held.presence.clone()));
        let answer = self.answer(shelf, bounds, question, (&catalog, &chosen), stop);
        // From what was erased in the meantime there is no answer.
        if stop.gone() { Err(Unanswered::Ended(erased())) } else { answer }
    }

    fn answer(
        &mut self,
        shelf: &Shelf,
        bounds: &TableBounds,
        question: &Question,
        (catalog, chosen): (&Catalog, &[Table]),
        stop: &Stop,
    ) -> Result<Reply, Unanswered> {
        let failed = self.load(shelf, bounds, &question.tenant, chosen, stop)?;
        let names = chosen.iter().map(|table| table.name.clone()).collect();
        let database = self.database(bounds).map_err(memory)?;
        let cost = Cost { bytes: question.bytes, rows: bounds.rows, steps: bounds.steps };
        match database.ask(&question.sql, names, cost, stop) {
            Ok((text, left_out)) => Ok(Reply { text, left_out, failed: false }),
            Err(AskError::Memory) => Err(Unanswered::Memory),
            Err(AskError::Stopped) => Err(Unanswered::Ended(ToolError::TimedOut(0))),
            Err(AskError::Steps) => Err(Unanswered::Ended(ToolError::Exhausted(
                "the question takes too many steps; join on equal columns, and filter before joining".to_owned(),
            ))),
            Err(AskError::Sql(what)) => {
                let what = failed.first().map_or(what.clone(), |failed| format!("{what} ({failed})"));
                self.learn(shelf, catalog, question, stop);
                Err(self.wrong(&what, catalog, question))
            }
        }
    }

    /// Reads the columns of the first tables, as far as there is time: whoever asked wrongly needs them next.
    fn learn(&mut self, shelf: &Shelf, catalog: &Catalog, question: &Question, stop: &Stop) {
        let stop = stop.earlier();
        for table in catalog.0.iter().take(FEW) {
            // What cannot be read is named without its columns.
            let _ = self.schema(shelf, &question.tenant, table, &stop);
        }
    }

    /// A table's columns; reads the file where that was not done before.
    pub(super) fn schema(
        &mut self,
        shelf: &Shelf,
        tenant: &str,
        table: &Table,
        stop: &Stop,
    ) -> Result<Arc<Schema>, TableError> {
        let id = &table.held.info.id;
        if let Some(known) = self.schemas.get(id) {
            return known.clone();
        }
        let stop = stop.with([table.held.presence.clone()]);
        let read = shelf.read(tenant, id).map_err(|error| TableError::from(&error));
        let schema = read.and_then(|reading| Schema::scan(table.held.info.kind, reading, &stop)).map(Arc::new);
        if schema.as_ref().err().is_none_or(TableError::is_final) {
            self.schemas.insert(id.clone(), schema.clone());
        }
        schema
    }

    /// About how many bytes of memory this takes.
    pub(super) fn bytes(&self) -> usize {
        let schemas: usize = self.schemas.values().flatten().map(|schema| schema.bytes()).sum();
        schemas + self.database.as_ref().and_then(|database| database.bytes().ok()).unwrap_or_default()
    }

    /// Lets go of what was erased, all at once: what SQLite drops it does not overwrite.
    pub(super) fn forget_what_is_not_in(&mut self, catalog: &Catalog) {
        self.schemas.retain(|id, _| catalog.name(id).is_some());
        let fits = |database: &Database| database.tables().all(|(id, name)| catalog.name(id) == Some(name));
        if !self.database.as_ref().is_some_and(fits) {
            self.database = None;
        }
    }

    fn database(&mut self, bounds: &TableBounds) -> rusqlite::Result<&mut Database> {
        let database = match self.database.take() {
            Some(database) => database,
            None => Database::new(bounds.heap())?,
        };
        Ok(self.database.insert(database))
    }

    /// Loads the tables of a question, and says which cannot be. Tables of earlier ones go where there is no room.
    fn load(
        &mut self,
        shelf: &Shelf,
        bounds: &TableBounds,
        tenant: &str,
        chosen: &[Table],
        stop: &Stop,
    ) -> Result<Vec<String>, Unanswered> {
        match self.try_load(shelf, bounds, tenant, chosen, stop) {
            Err(TableError::TooLarge(_)) => self.database = None,
            loaded => return loaded.map_err(ended),
        }
        self.try_load(shelf, bounds, tenant, chosen, stop).map_err(|error| match error {
            TableError::TooLarge(_) => Unanswered::Memory,
            error => ended(error),
        })
    }

    fn try_load(
        &mut self,
        shelf: &Shelf,
        bounds: &TableBounds,
        tenant: &str,
        chosen: &[Table],
        stop: &Stop,
    ) -> Result<Vec<String>, TableError> {
        let mut failed = Vec::new();
        for table in chosen {
            match self.load_one(shelf, bounds, tenant, table, stop) {
                Ok(()) => {}
                Err(error @ (TableError::TooLarge(_) | TableError::Stopped)) => return Err(error),
                Err(error) => failed.push(format!("table `{}` cannot be used: {error}", table.name)),
            }
        }
        Ok(failed)
    }

    fn load_one(
        &mut self,
        shelf: &Shelf,
        bounds: &TableBounds,
        tenant: &str,
        table: &Table,
        stop: &Stop,
    ) -> Result<(), TableError> {
        let info = &table.held.info;
        if self.database.as_ref().is_some_and(|database| database.has(&info.id, &table.name)) {
            return Ok(());
        }
        let schema = self.schema(shelf, tenant, table, stop)?;
        let reading = shelf.read(tenant, &info.id).map_err(|error| TableError::from(&error))?;
        let database = self.database(bounds).map_err(|_| TableError::TooLarge(bounds.tenant_bytes))?;
        let file = (&info.id, table.name.as_str(), info.kind);
        database.load(file, &schema, reading, (bounds.tenant_bytes, stop))
    }

    /// An error with what there is, so that the SQL can be mended.
    fn wrong(&self, what: &str, catalog: &Catalog, question: &Question) -> Unanswered {
        let mut text = format!("{what}\n");
        let (mut mentioned, mut others) = (Vec::new(), Vec::new());
        let ids: Vec<&FileId> = catalog.mentioned(&question.sql).map(|table| &table.held.info.id).collect();
        for table in &catalog.0 {
            match self.schemas.get(&table.held.info.id) {
                Some(Ok(schema)) if ids.contains(&&table.held.info.id) || catalog.0.len() <= FEW => {
                    mentioned.push(format!("{} ({})", table.name, columns(schema)));
                }
                _ => others.push(table.name.as_str()),
            }
        }
        if catalog.0.is_empty() {
            text.push_str("there are no tables: no file that is a table was uploaded");
        }
        for table in mentioned {
            let _ = writeln!(text, "there is the table {table}");
        }
        if !others.is_empty() {
            let _ = write!(text, "there are the tables {}; list_tables tells their columns", others.join(", "));
        }
        text.truncate(super::answer::floor(&text, MAX_HELP));
        Unanswered::Ended(ToolError::Arguments(text.trim_end().to_owned()))
    }
}

/// Columns as they are told to a model.
pub(super) fn columns(schema: &Schema) -> String {
    let column = |column: &super::schema::Column| format!("{} {}", column.name, column.kind.sql());
    schema.columns.iter().map(column).collect::<Vec<_>>().join(", ")
}

fn memory(_: rusqlite::Error) -> Unanswered {
    Unanswered::Memory
}

fn ended(error: TableError) -> Unanswered {
    match error {
        TableError::Stopped => Unanswered::Ended(ToolError::TimedOut(0)),
        TableError::TooLarge(_) => Unanswered::Memory,
        error => Unanswered::Ended(ToolError::Failed(error.to_string())),
    }
}

pub(super) fn erased() -> ToolError {
    ToolError::Failed("a file was erased in the meantime; list the tables and ask again".to_owned())
}

/// The model is told nothing of the disk or the keys.
pub(super) fn unavailable(error: &crate::ShelfError) -> Unanswered {
    tracing::warn!(%error, "a tenant's files cannot be read");
    Unanswered::Ended(ToolError::Unavailable("the files cannot be read now".to_owned()))
}
