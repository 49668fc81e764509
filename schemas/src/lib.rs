//! What crosses a boundary: wire types, identifiers, budgets and error codes, with the JSON Schemas that check them.
//!
//! This crate knows nothing of engines, clocks or files; every other crate may use it.

mod budget;
mod chat;
mod error;
mod facts;
mod ids;
mod json_schema;
mod tools;

pub use budget::{Budget, BudgetCap, Effort, Preset, Presets, StrategyName};
pub use chat::{
    CalledTool, ChatMessage, ChatRequest, ChatRole, DeliberationAsk, MAX_CHOICES, MAX_MESSAGES, MAX_STOPS, MAX_TOOLS,
    ResponseFormat, ToolsAsk, unknown_choice,
};
pub use error::{ApiError, ErrorKind};
pub use facts::Facts;
pub use ids::{RecordId, RequestId};
pub use json_schema::{
    ASSESSMENT_SCHEMA, CONFIG_SCHEMA, DUTIES_SCHEMA, IMPACT_SCHEMA, JsonSchema, MODELS_SCHEMA, PACK_SCHEMA,
    POLICY_SCHEMA, POLICY_TESTS_SCHEMA, WAYS_SCHEMA, WEBHOOK_SCHEMA,
};
pub use tools::{Runs, ToolCard, ToolChoice};

/// The HTTP API as an OpenAPI 3.1 document, in JSON.
pub const OPENAPI: &str = include_str!("../json/openapi.json");
