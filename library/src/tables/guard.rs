//! What a question may do: read the tables that it may see, with functions whose cost is bounded. Everything else is refused
//! while the SQL is compiled, by SQLite's authorizer.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, PoisonError},
};

use rusqlite::{
    Connection,
    hooks::{AuthAction, AuthContext, Authorization},
    limits::Limit,
};

/// The longest SQL, in bytes.
pub(super) const MAX_SQL: usize = 10_000;
/// The longest text that SQL may make, in bytes: nobody can interrupt one function, so that it is low.
pub(super) const MAX_TEXT: i32 = 256 * 1024;

/// Functions that neither reach outside nor take time or memory beyond their arguments; those that are random are not among
/// them, so that the same question has the same answer.
const FUNCTIONS: &[&str] = &[
    "->",
    "->>",
    "abs",
    "avg",
    "ceil",
    "ceiling",
    "char",
    "coalesce",
    "concat",
    "concat_ws",
    "count",
    "cume_dist",
    "current_date",
    "current_time",
    "current_timestamp",
    "date",
    "datetime",
    "dense_rank",
    "exp",
    "first_value",
    "floor",
    "format",
    "glob",
    "group_concat",
    "hex",
    "if",
    "ifnull",
    "iif",
    "instr",
    "json",
    "json_array",
    "json_array_length",
    "json_each",
    "json_extract",
    "json_group_array",
    "json_group_object",
    "json_object",
    "json_quote",
    "json_tree",
    "json_type",
    "json_valid",
    "julianday",
    "lag",
    "last_value",
    "lead",
    "length",
    "like",
    "likelihood",
    "likely",
    "ln",
    "log",
    "log10",
    "lower",
    "ltrim",
    "max",
    "min",
    "mod",
    "nth_value",
    "ntile",
    "nullif",
    "octet_length",
    "percent_rank",
    "pow",
    "power",
    "printf",
    "quote",
    "rank",
    "replace",
    "round",
    "row_number",
    "rtrim",
    "sign",
    "sqrt",
    "strftime",
    "string_agg",
    "substr",
    "substring",
    "sum",
    "time",
    "timediff",
    "total",
    "trim",
    "typeof",
    "unicode",
    "unixepoch",
    "unlikely",
    "upper",
];

/// What SQLite calls tables and are functions of JSON.
const TABLE_FUNCTIONS: [&str; 2] = ["json_each", "json_tree"];

/// How names of what SQLite itself shows as tables begin.
const OWN_NAMES: [&str; 5] = ["sqlite_", "pragma_", "dbstat", "fts", "rtree"];

/// What may be read, and what was refused.
#[derive(Clone, Debug, Default)]
pub(super) struct Guard {
    tables: Arc<BTreeSet<String>>,
    /// Tables that are there and may not be read.
    hidden: Arc<BTreeSet<String>>,
    refused: Arc<Mutex<Option<String>>>,
}

impl Guard {
    /// Of all tables that are there, lets these be read.
    pub(super) fn new(tables: BTreeSet<String>, mut all: BTreeSet<String>) -> Self {
        all.retain(|table| !tables.contains(table));
        Self { tables: Arc::new(tables), hidden: Arc::new(all), refused: Arc::default() }
    }

    /// Stands before a connection until [`Guard::leave`].
    pub(super) fn enter(&self, connection: &mut Connection) -> rusqlite::Result<()> {
        for (limit, value) in LIMITS {
            connection.set_limit(*limit, *value)?;
        }
        connection.pragma_update(None, "query_only", true)?;
        let guard = self.clone();
        connection.authorizer(Some(move |context: AuthContext<'_>| guard.judge(&context)))
    }

    /// Lets everything pass again: our own statements.
    pub(super) fn leave(connection: &mut Connection) -> rusqlite::Result<()> {
        connection.authorizer(None::<fn(AuthContext<'_>) -> Authorization>)?;
        for (limit, value) in OWN_LIMITS {
            connection.set_limit(*limit, *value)?;
        }
        connection.pragma_update(None, "query_only", false)
    }

    /// What was refused, if something was.
    pub(super) fn refused(&self) -> Option<String> {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn judge(&self, context: &AuthContext<'_>) -> Authorization {
        let what = match context.action {
            AuthAction::Select | AuthAction::Recursive => return Authorization::Allow,
            AuthAction::Read { table_name, column_name }
                if self.may_read(context, table_name) || self.may_be_named(table_name, column_name) =>
            {
                return Authorization::Allow;
            }
            AuthAction::Read { table_name, .. } => format!("there is no table `{table_name}`"),
            AuthAction::Function { function_name } if is_known(function_name) => return Authorization::Allow,
            AuthAction::Function { function_name } => format!("the function `{function_name}` cannot be used"),
            _ => "only SELECT can be used; nothing can be changed, attached or set".to_owned(),
        };
        self.refused.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(what);
        Authorization::Deny
    }

    fn may_read(&self, context: &AuthContext<'_>, table: &str) -> bool {
        let own = context.database_name.is_none_or(|name| name == "main") && self.tables.contains(table);
        own || TABLE_FUNCTIONS.iter().any(|function| function.eq_ignore_ascii_case(table))
    }

    /// Whether this may be a subquery with a name, of which no column is read: SQLite asks about it as about a table.
    fn may_be_named(&self, table: &str, column: &str) -> bool {
        let table = table.to_ascii_lowercase();
        column.is_empty() && !self.hidden.contains(&table) && !OWN_NAMES.iter().any(|own| table.starts_with(own))
    }
}

fn is_known(function: &str) -> bool {
    FUNCTIONS.contains(&&*function.to_ascii_lowercase())
}

/// What questions are held to.
const LIMITS: &[(Limit, i32)] = &[
    (Limit::SQLITE_LIMIT_LENGTH, MAX_TEXT),
    (Limit::SQLITE_LIMIT_SQL_LENGTH, 64 * 1024),
    (Limit::SQLITE_LIMIT_COLUMN, 500),
    (Limit::SQLITE_LIMIT_EXPR_DEPTH, 100),
    (Limit::SQLITE_LIMIT_COMPOUND_SELECT, 30),
    (Limit::SQLITE_LIMIT_VDBE_OP, 100_000),
    (Limit::SQLITE_LIMIT_FUNCTION_ARG, 32),
    (Limit::SQLITE_LIMIT_ATTACHED, 0),
    (Limit::SQLITE_LIMIT_VARIABLE_NUMBER, 1),
    (Limit::SQLITE_LIMIT_TRIGGER_DEPTH, 1),
    (Limit::SQLITE_LIMIT_WORKER_THREADS, 0),
];

/// What our own statements need: a row for each of many columns.
const OWN_LIMITS: &[(Limit, i32)] = &[
    (Limit::SQLITE_LIMIT_LENGTH, 4 << 20),
    (Limit::SQLITE_LIMIT_SQL_LENGTH, 1 << 20),
    (Limit::SQLITE_LIMIT_COLUMN, 500),
    (Limit::SQLITE_LIMIT_VARIABLE_NUMBER, 500),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_reaches_outside_is_no_known_function() {
        for function in [
            "load_extension",
            "writefile",
            "readfile",
            "edit",
            "fts3_tokenizer",
            "randomblob",
            "random",
            "zeroblob",
            "unhex",
            "json_patch",
            "sqlite_compileoption_get",
            "sqlite_log",
            "soundex",
            "regexp",
            "eval",
        ] {
            assert!(!is_known(function), "{function}");
        }
        assert!(is_known("COUNT") && FUNCTIONS.is_sorted());
    }
}
