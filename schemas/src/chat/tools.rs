//! The tools of a request: those that whoever asks runs, and those of the service.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::fields::{Fields, wrong_type};
use crate::{ApiError, Runs, ToolCard, ToolChoice};

/// Tools that one request may bring.
pub const MAX_TOOLS: usize = 128;
/// Bytes of all that a request says of its tools.
const MAX_BYTES: usize = 256 * 1024;
/// The longest name of a tool.
const MAX_NAME: usize = 64;

/// What a request says of tools.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ToolsAsk {
    /// Those that whoever asks runs: `tools`.
    pub own: Vec<ToolCard>,
    /// Whether the model calls them, and those of the service: `tool_choice`; `None` where it is not said.
    pub choice: Option<ToolChoice>,
    /// Whether it may call several at once: `parallel_tool_calls`; `None` where it is not said.
    pub parallel: Option<bool>,
}

pub(super) fn parse(fields: &mut Fields<'_>) -> Result<ToolsAsk, ApiError> {
    let own = own(fields.take("tools"))?;
    Ok(ToolsAsk { own, choice: choice(fields.take("tool_choice"))?, parallel: fields.flag("parallel_tool_calls")? })
}

impl ToolsAsk {
    /// A choice is one of something.
    pub(super) fn check(&self, of_service: bool) -> Result<(), ApiError> {
        if self.choice.is_some() && self.own.is_empty() && !of_service {
            let message =
                "`tool_choice` is only for requests with tools; add `tools` or `deliberation.tools`, or leave it out";
            return Err(ApiError::invalid("tool_choice", "invalid_value", message));
        }
        match &self.choice {
            Some(ToolChoice::Named(name)) if !of_service && !self.own.iter().any(|tool| tool.name == *name) => {
                Err(unknown_choice(name, self.own.iter().map(|tool| tool.name.as_str())))
            }
            _ => Ok(()),
        }
    }
}

/// That a request names a tool that it may not call.
#[must_use]
pub fn unknown_choice<'n>(name: &str, known: impl Iterator<Item = &'n str>) -> ApiError {
    let known: Vec<&str> = known.collect();
    let message = format!("`tool_choice` names `{name}`, which is none of the tools; use one of: {}", known.join(", "));
    ApiError::invalid("tool_choice", "invalid_value", message)
}

fn own(value: Option<&Value>) -> Result<Vec<ToolCard>, ApiError> {
    let list = match value {
        None | Some(Value::Null) => return Ok(Vec::new()),
        Some(Value::Array(list)) => list,
        Some(other) => return Err(wrong_type("tools", "a list of tools", other)),
    };
    if list.len() > MAX_TOOLS {
        return Err(invalid("tools", format!("`tools` has {} entries; give at most {MAX_TOOLS}", list.len())));
    }
    let bytes: usize = list.iter().map(|tool| tool.to_string().len()).sum();
    if bytes > MAX_BYTES {
        return Err(invalid("tools", format!("`tools` has {bytes} bytes; give at most {MAX_BYTES}")));
    }
    let cards = list.iter().enumerate().map(|(at, tool)| card(at, tool)).collect::<Result<Vec<_>, ApiError>>()?;
    for (at, card) in cards.iter().enumerate() {
        if cards.iter().take(at).any(|other| other.name == card.name) {
            let path = format!("tools[{at}].function.name");
            return Err(invalid(
                &path,
                format!("`{path}` is `{}` a second time; give each tool a name of its own", card.name),
            ));
        }
    }
    Ok(cards)
}

fn card(at: usize, tool: &Value) -> Result<ToolCard, ApiError> {
    let path = format!("tools[{at}]");
    let Value::Object(fields) = tool else {
        return Err(wrong_type(&path, "an object with `type` and `function`", tool));
    };
    match fields.get("type").and_then(Value::as_str) {
        Some("function") => {}
        Some(other) => {
            let message = format!("`{path}.type` is `{other}`; only `function` is supported");
            return Err(ApiError::invalid(format!("{path}.type"), "unsupported_parameter", message));
        }
        None => return Err(missing(&format!("{path}.type"), "set it to `function`")),
    }
    let path = format!("{path}.function");
    let function = match fields.get("function") {
        Some(Value::Object(function)) => function,
        Some(other) => return Err(wrong_type(&path, "an object with `name` and `parameters`", other)),
        None => return Err(missing(&path, "add it, with `name` and `parameters`")),
    };
    let text = |key: &str| match function.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(other) => Err(wrong_type(&format!("{path}.{key}"), "a text", other)),
    };
    let name = text("name")?.ok_or_else(|| missing(&format!("{path}.name"), "add it"))?;
    check_name(&format!("{path}.name"), &name)?;
    let parameters = Arc::new(parameters(&format!("{path}.parameters"), function)?);
    Ok(ToolCard { name, description: text("description")?.unwrap_or_default(), parameters, runs: Runs::Client })
}

/// Whether a text can be the name of a tool.
pub(super) fn check_name(path: &str, name: &str) -> Result<(), ApiError> {
    let fits =
        (1..=MAX_NAME).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-.".contains(&b));
    let message = || format!("`{path}` is not a name; use 1 to {MAX_NAME} letters, digits, `_`, `-` and `.`");
    if fits { Ok(()) } else { Err(invalid(path, message())) }
}

/// A schema of objects. Without one, a function takes no arguments.
fn parameters(path: &str, function: &Map<String, Value>) -> Result<Value, ApiError> {
    let mut schema = match function.get("parameters") {
        None | Some(Value::Null) => return Ok(json!({ "type": "object", "properties": {} })),
        Some(Value::Object(schema)) => schema.clone(),
        Some(other) => return Err(wrong_type(path, "a JSON Schema", other)),
    };
    match schema.get("type") {
        None => drop(schema.insert("type".to_owned(), json!("object"))),
        Some(Value::String(kind)) if kind == "object" => {}
        Some(_) => {
            return Err(invalid(path, format!("`{path}` is not a schema of an object; set its `type` to `object`")));
        }
    }
    let schema = Value::Object(schema);
    match jsonschema::validator_for(&schema) {
        Ok(_) => Ok(schema),
        Err(error) => Err(invalid(path, format!("`{path}` is no JSON Schema: {error}"))),
    }
}

fn choice(value: Option<&Value>) -> Result<Option<ToolChoice>, ApiError> {
    let wanted = "`none`, `auto`, `required`, or {\"type\": \"function\", \"function\": {\"name\": …}}";
    match value {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(word)) => match word.as_str() {
            "auto" => Ok(Some(ToolChoice::Auto)),
            "none" => Ok(Some(ToolChoice::None)),
            "required" => Ok(Some(ToolChoice::Required)),
            other => Err(invalid("tool_choice", format!("`tool_choice` is `{other}`; use {wanted}"))),
        },
        Some(named @ Value::Object(_)) => match named.pointer("/function/name").and_then(Value::as_str) {
            Some(name) if named.get("type").and_then(Value::as_str) == Some("function") => {
                Ok(Some(ToolChoice::Named(name.to_owned())))
            }
            _ => {
                Err(invalid("tool_choice", format!("`tool_choice` is an object that names no function; use {wanted}")))
            }
        },
        Some(other) => Err(wrong_type("tool_choice", wanted, other)),
    }
}

fn invalid(path: &str, message: String) -> ApiError {
    ApiError::invalid(path, "invalid_value", message)
}

fn missing(path: &str, mend: &str) -> ApiError {
    ApiError::invalid(path, "missing_required_parameter", format!("`{path}` is missing; {mend}"))
}
