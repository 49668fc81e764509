//! Tables in SQLite, in memory, and questions to them that end within their limits.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::Read,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use rusqlite::{Connection, ErrorCode, OpenFlags, Statement, config::DbConfig, params_from_iter};

use super::{
    answer::Answer,
    error::TableError,
    functions,
    guard::{Guard, MAX_SQL},
    rows::{self, Cell, Sink},
    schema::{Schema, Type},
};
use crate::{FileId, Kind, stop::Stop};

/// Steps of SQLite's machine between two looks at the time.
const LOOK: u32 = 1000;
/// Rows that are put in between two looks at the memory.
const WEIGH: u64 = 500;
/// Rows behind those that are shown that are counted.
const MAX_COUNTED: u64 = 1_000_000;

/// Tables in memory.
#[derive(Debug)]
pub(super) struct Database {
    connection: Connection,
    /// The names of the files that are loaded.
    tables: BTreeMap<FileId, String>,
}

/// How large an answer may become, and what it may cost.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cost {
    /// Bytes of the answer.
    pub(super) bytes: usize,
    /// Rows of the answer.
    pub(super) rows: usize,
    /// Steps of SQLite's machine.
    pub(super) steps: u64,
}

/// Why a question has no answer.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum AskError {
    /// The SQL is wrong, or asks for what it may not.
    Sql(String),
    /// It was stopped: its time is over, or nobody waits any more.
    Stopped,
    /// It took more steps than it may.
    Steps,
    /// There is no more memory for it.
    Memory,
}

impl Database {
    /// An empty one. `heap` is the most that SQLite may use in the whole process, in bytes; a lower one that was set before stays.
    pub(super) fn new(heap: u64) -> rusqlite::Result<Self> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut connection = Connection::open_in_memory_with_flags(flags)?;
        connection.pragma_update(None, "hard_heap_limit", i64::try_from(heap).unwrap_or(i64::MAX))?;
        for (config, on) in CONFIG {
            connection.set_db_config(*config, *on)?;
        }
        // What does not fit stays in memory and fails there: nothing of a tenant's is written to a disk in the clear.
        connection.pragma_update(None, "temp_store", "MEMORY")?;
        Guard::leave(&mut connection)?;
        Ok(Self { connection, tables: BTreeMap::new() })
    }

    /// Whether this file is loaded, under this name.
    pub(super) fn has(&self, id: &FileId, name: &str) -> bool {
        self.tables.get(id).is_some_and(|loaded| loaded == name)
    }

    /// The files that are loaded, and their names.
    pub(super) fn tables(&self) -> impl Iterator<Item = (&FileId, &str)> {
        self.tables.iter().map(|(id, name)| (id, name.as_str()))
    }

    /// Bytes of memory that the tables take.
    pub(super) fn bytes(&self) -> rusqlite::Result<usize> {
        let number = |name: &str| self.connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
        let bytes = number("page_count")?.saturating_mul(number("page_size")?);
        Ok(usize::try_from(bytes).unwrap_or(usize::MAX))
    }

    /// Loads a file. With it, the tables take at most `most` bytes; when it fails, none of it is there.
    pub(super) fn load(
        &mut self,
        (id, name, kind): (&FileId, &str, Kind),
        schema: &Schema,
        reader: impl Read,
        (most, stop): (usize, &Stop),
    ) -> Result<(), TableError> {
        let run = |sql: &str| self.connection.execute_batch(sql).map_err(|error| unloaded(&error, most));
        let filled = run("BEGIN")
            .and_then(|()| run(&create(name, schema)))
            .and_then(|()| self.fill((name, kind), schema, reader, (most, stop)))
            .and_then(|()| run("COMMIT"));
        if let Err(error) = filled {
            // Where memory is out, SQLite may have done so by itself.
            let _ = run("ROLLBACK");
            return Err(error);
        }
        self.tables.insert(id.clone(), name.to_owned());
        Ok(())
    }

    fn fill(
        &self,
        (name, kind): (&str, Kind),
        schema: &Schema,
        reader: impl Read,
        (most, stop): (usize, &Stop),
    ) -> Result<(), TableError> {
        let insert = insert(name, schema);
        let insert = self.connection.prepare(&insert).map_err(|error| unloaded(&error, most))?;
        let types = schema.columns.iter().map(|column| column.kind).collect();
        let mut filler = Filler { database: self, insert, types, rows: 0, most };
        rows::read(kind, reader, stop, &mut filler)?;
        filler.weigh()
    }

    /// Asks about the tables of these names.
    pub(super) fn ask(
        &mut self,
        sql: &str,
        tables: BTreeSet<String>,
        cost: Cost,
        stop: &Stop,
    ) -> Result<(String, u64), AskError> {
        if sql.len() > MAX_SQL {
            return Err(AskError::Sql(format!("the SQL has {} bytes; {MAX_SQL} are the most", sql.len())));
        }
        if sql.contains('\0') {
            return Err(AskError::Sql("the SQL has a zero byte".to_owned()));
        }
        let guard = Guard::new(tables, self.tables.values().cloned().collect());
        let too_many = Arc::<AtomicBool>::default();
        guard.enter(&mut self.connection).map_err(|error| wrong(&error, &guard, false))?;
        let answer = functions::add(&self.connection, stop)
            .and_then(|()| self.limit(cost.steps, stop.clone(), Arc::clone(&too_many)))
            .and_then(|()| self.answer(sql, cost));
        let left =
            self.connection.progress_handler(0, None::<fn() -> bool>).and_then(|()| Guard::leave(&mut self.connection));
        let answer = answer.map_err(|error| match wrong(&error, &guard, too_many.load(Ordering::Relaxed)) {
            // A function that was stopped has an error of its own.
            AskError::Sql(_) if stop.reached() => AskError::Stopped,
            error => error,
        });
        left.map_err(|error| wrong(&error, &guard, false)).and(answer)
    }

    /// From now on looks again and again whether to go on.
    fn limit(&mut self, steps: u64, stop: Stop, too_many: Arc<AtomicBool>) -> rusqlite::Result<()> {
        let mut looks = steps / u64::from(LOOK);
        let every = i32::try_from(LOOK).unwrap_or(1);
        self.connection.progress_handler(
            every,
            Some(move || {
                looks = looks.saturating_sub(1);
                too_many.fetch_or(looks == 0, Ordering::Relaxed);
                looks == 0 || stop.reached()
            }),
        )
    }

    fn answer(&self, sql: &str, cost: Cost) -> rusqlite::Result<(String, u64)> {
        let mut statement = self.connection.prepare(sql)?;
        check(&statement)?;
        let columns = statement.column_count();
        let names: Vec<String> = statement.column_names().map(str::to_owned).collect();
        let mut answer = Answer::new(names.iter().map(String::as_str), cost.bytes, cost.rows);
        let mut rows = statement.raw_query();
        loop {
            match rows.next() {
                Ok(None) => break,
                Ok(Some(row)) => answer.row((0..columns).filter_map(|column| row.get_ref(column).ok())),
                // What is shown is right, and only how many more there are is not known.
                Err(error) if answer.more() > 0 && is_interrupted(&error) => {
                    answer.leave_open();
                    break;
                }
                Err(error) => return Err(error),
            }
            if answer.more() >= MAX_COUNTED {
                answer.leave_open();
                break;
            }
        }
        Ok(answer.end())
    }
}

/// Only questions can be asked, without anything left open in them.
fn check(statement: &Statement<'_>) -> rusqlite::Result<()> {
    let refuse = |what: &str| Err(rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(1), Some(what.to_owned())));
    if !statement.readonly() || statement.column_count() == 0 || statement.is_explain() != 0 {
        return refuse("only SELECT can be used");
    }
    if statement.parameter_count() > 0 {
        return refuse("the SQL has a parameter such as ? or :name; write the value itself");
    }
    Ok(())
}

fn is_interrupted(error: &rusqlite::Error) -> bool {
    error.sqlite_error_code() == Some(ErrorCode::OperationInterrupted)
}

fn wrong(error: &rusqlite::Error, guard: &Guard, too_many: bool) -> AskError {
    match error.sqlite_error_code() {
        Some(ErrorCode::OperationInterrupted) if too_many => AskError::Steps,
        Some(ErrorCode::OperationInterrupted) => AskError::Stopped,
        Some(ErrorCode::OutOfMemory) => AskError::Memory,
        Some(ErrorCode::TooBig) => AskError::Sql("a text would become too long; ask for shorter ones".to_owned()),
        _ => AskError::Sql(guard.refused().unwrap_or_else(|| said(error))),
    }
}

/// SQLite's own words, without what the library adds.
fn said(error: &rusqlite::Error) -> String {
    match error {
        rusqlite::Error::SqlInputError { msg, .. } | rusqlite::Error::SqliteFailure(_, Some(msg)) => msg.clone(),
        rusqlite::Error::MultipleStatement => "only one statement can be used at a time".to_owned(),
        rusqlite::Error::Empty => "there is no SQL".to_owned(),
        other => other.to_string(),
    }
}

/// Puts rows into a table.
struct Filler<'a> {
    database: &'a Database,
    insert: Statement<'a>,
    types: Vec<Type>,
    rows: u64,
    most: usize,
}

impl Filler<'_> {
    fn weigh(&self) -> Result<(), TableError> {
        match self.database.bytes() {
            Ok(bytes) if bytes <= self.most => Ok(()),
            Ok(_) => Err(TableError::TooLarge(self.most)),
            Err(error) => Err(unloaded(&error, self.most)),
        }
    }
}

impl Sink for Filler<'_> {
    fn row(&mut self, cells: &[Cell<'_>]) -> Result<(), TableError> {
        let missing = self.types.len().saturating_sub(cells.len());
        let cells = cells.iter().chain(std::iter::repeat_n(&Cell::Null, missing));
        let values = self.types.iter().zip(cells).map(|(kind, cell)| kind.value(cell));
        self.insert.execute(params_from_iter(values)).map_err(|error| unloaded(&error, self.most))?;
        self.rows += 1;
        if self.rows.is_multiple_of(WEIGH) { self.weigh() } else { Ok(()) }
    }
}

fn unloaded(error: &rusqlite::Error, most: usize) -> TableError {
    match error.sqlite_error_code() {
        Some(ErrorCode::OutOfMemory) => TableError::TooLarge(most),
        _ => TableError::Format(format!("it cannot be taken as a table: {}", said(error))),
    }
}

/// Names are letters, digits and `_`, so they can stand in quotes as they are.
fn create(name: &str, schema: &Schema) -> String {
    let columns: Vec<_> =
        schema.columns.iter().map(|column| format!("\"{}\" {}", column.name, column.kind.sql())).collect();
    format!("CREATE TABLE \"{name}\" ({})", columns.join(", "))
}

fn insert(name: &str, schema: &Schema) -> String {
    let places = vec!["?"; schema.columns.len()].join(", ");
    format!("INSERT INTO \"{name}\" VALUES ({places})")
}

/// What is on and what is off. Quotes mean names, so that a column that is not there is an error and not a text.
const CONFIG: &[(DbConfig, bool)] = &[
    (DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true),
    (DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false),
    (DbConfig::SQLITE_DBCONFIG_DQS_DML, false),
    (DbConfig::SQLITE_DBCONFIG_DQS_DDL, false),
    (DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, false),
    (DbConfig::SQLITE_DBCONFIG_ENABLE_VIEW, false),
    (DbConfig::SQLITE_DBCONFIG_ENABLE_FTS3_TOKENIZER, false),
    (DbConfig::SQLITE_DBCONFIG_ENABLE_ATTACH_CREATE, false),
    (DbConfig::SQLITE_DBCONFIG_ENABLE_ATTACH_WRITE, false),
];
