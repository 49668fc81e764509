//! Finds values in JSON by `JSONPath` (RFC 9535).
//!
//! The crates that do this (`serde_json_path`, jsonpath-rust) count no steps: `$[0,0][0,0]…` finds two to the power of its length
//! values, and `match()` compiles its expression again for every value. So it is done here, in bounded steps.

mod budget;
mod evaluate;
mod parse;
mod path;
mod pattern;

#[cfg(test)]
mod tests;

use async_trait::async_trait;
use serde_json::{Value, json};

use crate::{
    Effect, Invocation, Reply, Tool, ToolError, ToolSpec,
    blocking::{Abandoned, blocking},
    built_in::specification,
};
use budget::Budget;

/// Bytes of JSON that is given as text.
const MAX_TEXT: usize = 1024 * 1024;

/// The tool `json_query`. It answers with a JSON list of what it finds; values that do not fit into the limits are left out at the
/// end.
#[derive(Clone, Debug)]
pub struct JsonQuery {
    spec: ToolSpec,
}

impl JsonQuery {
    /// The tool.
    #[must_use]
    pub fn new() -> Self {
        let parameters = json!({
            "type": "object",
            "properties": {
                "json": { "description": "where to look: any JSON, or a text that is JSON" },
                "query": {
                    "type": "string",
                    "description": "JSONPath, such as `$.store.book[?@.price < 10].title` or `$..author`",
                    "minLength": 1,
                    "maxLength": parse::MAX_BYTES,
                },
            },
            "required": ["json", "query"],
            "additionalProperties": false,
        });
        let told = "Finds values in JSON by JSONPath (RFC 9535) and gives them as a list.";
        Self { spec: specification("json_query", told, parameters, Effect::Pure) }
    }
}

impl Default for JsonQuery {
    fn default() -> Self {
        Self::new()
    }
}

#[async_trait]
impl Tool for JsonQuery {
    fn spec(&self) -> &ToolSpec {
        &self.spec
    }

    async fn call(&self, invocation: Invocation) -> Result<Reply, ToolError> {
        blocking(move |abandoned| answer(&invocation, abandoned)).await
    }
}

fn answer(invocation: &Invocation, abandoned: &Abandoned) -> Result<Reply, ToolError> {
    let argument = |name: &str| {
        let found = invocation.arguments.get(name);
        found.ok_or_else(|| ToolError::Arguments(format!("`{name}` is missing")))
    };
    let query = argument("query")?.as_str().unwrap_or_default();
    let query = parse::parse(query).map_err(|error| ToolError::Arguments(error.to_string()))?;
    let read;
    let document = match argument("json")? {
        Value::String(text) => {
            read = document(text)?;
            &read
        }
        other => other,
    };
    let found = evaluate::evaluate(&query, document, &Budget::new(abandoned))?;
    let (text, left_out) = evaluate::written(&found, invocation.limits.bytes)?;
    // Every value has one byte at least, and a comma before it.
    Ok(Reply { text, left_out: 2 * left_out as u64, failed: false })
}

fn document(text: &str) -> Result<Value, ToolError> {
    if text.len() > MAX_TEXT {
        return Err(ToolError::Arguments(format!("the json has {} bytes; {MAX_TEXT} are the most", text.len())));
    }
    serde_json::from_str(text).map_err(|error| ToolError::Arguments(format!("the json cannot be read: {error}")))
}
