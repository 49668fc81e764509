//! What an answer must be: OpenAI's `response_format`.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::{ChatRequest, fields};
use crate::ApiError;

/// The largest schema, in bytes of JSON.
const MAX_SCHEMA_BYTES: usize = 64 * 1024;

/// What an answer must be.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum ResponseFormat {
    /// Any text.
    #[default]
    Text,
    /// A JSON object.
    JsonObject,
    /// JSON that fits a JSON Schema, draft 2020-12 unless it says otherwise.
    JsonSchema(Arc<Value>),
}

impl ResponseFormat {
    /// The schema that an answer must fit, if it must fit one.
    #[must_use]
    pub fn schema(&self) -> Option<Arc<Value>> {
        match self {
            Self::Text => None,
            Self::JsonObject => Some(Arc::new(serde_json::json!({ "type": "object" }))),
            Self::JsonSchema(schema) => Some(Arc::clone(schema)),
        }
    }
}

pub(super) fn parse(value: Option<&Value>) -> Result<ResponseFormat, ApiError> {
    let format = match value {
        None | Some(Value::Null) => return Ok(ResponseFormat::Text),
        Some(Value::Object(format)) => format,
        Some(other) => return Err(fields::wrong_type("response_format", "an object", other)),
    };
    match format.get("type").and_then(Value::as_str) {
        Some("text") => Ok(ResponseFormat::Text),
        Some("json_object") => Ok(ResponseFormat::JsonObject),
        Some("json_schema") => schema(format),
        _ => Err(ApiError::invalid(
            "response_format.type",
            "invalid_value",
            "`response_format.type` is none of `text`, `json_object` and `json_schema`; use one of them",
        )),
    }
}

fn schema(format: &Map<String, Value>) -> Result<ResponseFormat, ApiError> {
    let at = "response_format.json_schema.schema";
    let invalid = |message: String| Err(ApiError::invalid(at, "invalid_schema", message));
    let schema = match format.get("json_schema").and_then(|named| named.get("schema")) {
        Some(schema @ Value::Object(_)) => schema,
        Some(other) => return Err(fields::wrong_type(at, "an object", other)),
        None => {
            let message = format!("`{at}` is missing; add a JSON Schema");
            return Err(ApiError::invalid(at, "missing_required_parameter", message));
        }
    };
    let bytes = schema.to_string().len();
    if bytes > MAX_SCHEMA_BYTES {
        return invalid(format!("the schema has {bytes} bytes; send at most {MAX_SCHEMA_BYTES}"));
    }
    match jsonschema::validator_for(schema) {
        Ok(_) => Ok(ResponseFormat::JsonSchema(Arc::new(schema.clone()))),
        Err(error) => invalid(format!(
            "`{at}` is no JSON Schema that can be used: {}; mend it at `{}`",
            error.masked(),
            error.instance_path()
        )),
    }
}

impl ChatRequest {
    /// A schema says that the answer is JSON, so nothing else may be looked for in it.
    pub(super) fn check_format(&self) -> Result<(), ApiError> {
        match (self.format.schema(), self.deliberation.answer.as_deref()) {
            (Some(_), Some(kind)) if kind != "json" => Err(ApiError::invalid(
                "deliberation.answer",
                "invalid_value",
                format!(
                    "`response_format` asks for JSON and `deliberation.answer` is `{kind}`; set that to `json`, or leave it \
                     out"
                ),
            )),
            _ => Ok(()),
        }
    }
}
