//! What a model may act with while it thinks: what a tool is, how it is called, and the tools that need nothing from outside.
//!
//! - [`Tool`] is what every tool implements, whether it is built in, runs in a sandbox or stands behind a server of the Model
//!   Context Protocol.
//! - [`ToolSpec`] is what a model is told of it; its [digest](ToolSpec::digest) is what a policy pins and the audit log keeps.
//! - [`Toolbox`] holds tools by name, checks arguments, and calls them within their limits, whatever they do.
//! - [`built_in`] gives the tools that need nothing from outside: [`Calculator`], [`Dates`] and [`JsonQuery`].

mod blocking;
mod built_in;
mod calculator;
mod dates;
mod json_query;
mod spec;
mod tool;
mod toolbox;

pub use built_in::built_in;
pub use calculator::Calculator;
pub use dates::Dates;
pub use json_query::JsonQuery;
pub use spec::{Effect, MAX_DESCRIPTION, MAX_NAME, MAX_PARAMETERS, MAX_PATTERNS, SpecError, ToolSpec};
pub use tool::{Invocation, Limits, Reply, Tool, ToolError};
pub use toolbox::{Ended, Toolbox};
