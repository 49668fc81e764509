//! The tool `table_query`.

use std::sync::Arc;

use async_trait::async_trait;
use forethought_tools::{Effect, Invocation, Reply, SpecError, Tool, ToolError, ToolSpec};
use serde::Deserialize;
use serde_json::json;

use super::{
    Tables,
    desk::{Question, Unanswered},
    guard::MAX_SQL,
};
use crate::stop::Stop;

const DESCRIPTION: &str = "Answers one SQL SELECT (SQLite dialect) over the tables that were uploaded. Nothing can be changed. \
    list_tables tells tables, columns and types. Empty cells are NULL. The answer is CSV with a header line; long answers are cut, \
    so aggregate, filter and use LIMIT. Dates are text: use date(), strftime() and comparisons of ISO dates. There are no random \
    functions and no regular expressions.";

/// The tool by which a model asks tables with SQL.
#[derive(Debug)]
pub struct TableQuery {
    spec: ToolSpec,
    tables: Arc<Tables>,
}

#[derive(Deserialize)]
struct Arguments {
    sql: String,
    #[serde(default)]
    files: Vec<String>,
}

impl TableQuery {
    /// Its name.
    pub const NAME: &str = "table_query";

    /// The tool `table_query`.
    ///
    /// # Errors
    /// [`SpecError`], which would be a mistake in this program.
    pub fn new(tables: Arc<Tables>) -> Result<Self, SpecError> {
        let parameters = json!({
            "type": "object",
            "properties": {
                "sql": { "type": "string", "minLength": 1, "maxLength": MAX_SQL, "description": "one SELECT statement" },
                "files": {
                    "type": "array", "maxItems": 32, "items": { "type": "string", "maxLength": 300 },
                    "description": "only these tables may be read: names of tables or files, or ids of files; all by default",
                },
            },
            "required": ["sql"],
            "additionalProperties": false,
        });
        Ok(Self { spec: ToolSpec::new(Self::NAME, DESCRIPTION, parameters, Effect::Reads)?, tables })
    }
}

#[async_trait]
impl Tool for TableQuery {
    fn spec(&self) -> &ToolSpec {
        &self.spec
    }

    async fn call(&self, invocation: Invocation) -> Result<Reply, ToolError> {
        let Invocation { tenant, arguments, limits } = invocation;
        let Arguments { sql, files } =
            serde_json::from_value(arguments).map_err(|error| ToolError::Arguments(error.to_string()))?;
        let question = Question { tenant, sql, files, bytes: limits.bytes };
        // With this future, all that it began ends.
        let (stop, _call_off) = Stop::after(limits.time());
        let answer = match ask(&self.tables, question.clone(), false, &stop).await {
            Err(Unanswered::Memory) => ask(&self.tables, question, true, &stop).await,
            answer => answer,
        };
        answer.map_err(|unanswered| match unanswered {
            Unanswered::Ended(ToolError::TimedOut(_)) => ToolError::TimedOut(limits.time_ms),
            Unanswered::Ended(error) => error,
            Unanswered::Memory => ToolError::Exhausted(
                "the tables, or what the question makes of them, need too much memory; ask about fewer or smaller ones"
                    .to_owned(),
            ),
        })
    }
}

async fn ask(tables: &Arc<Tables>, question: Question, alone: bool, stop: &Stop) -> Result<Reply, Unanswered> {
    let tenant = question.tenant.clone();
    let asked = tables.at_desk(&tenant, alone, stop, move |tables, desk, stop| {
        desk.ask(&tables.shelf, &tables.bounds, &question, stop)
    });
    asked.await.map_err(Unanswered::Ended)?
}
