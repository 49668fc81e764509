//! What every tool implements.

use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::ToolSpec;

/// What one call may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Wall-clock time, in milliseconds, from 1 to 3,600,000.
    pub time_ms: u64,
    /// Bytes of its result that are kept. A tool stops reading or making more, so that nobody can fill the memory with it.
    pub bytes: usize,
    /// Bytes of memory that it may use where it runs apart, in a sandbox or a process of its own.
    pub memory: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { time_ms: 10_000, bytes: 64 * 1024, memory: 256 * 1024 * 1024 }
    }
}

impl Limits {
    /// Its time.
    #[must_use]
    pub const fn time(&self) -> Duration {
        Duration::from_millis(self.time_ms)
    }
}

/// One call of a tool.
#[derive(Clone, Debug, PartialEq)]
pub struct Invocation {
    /// For whom: a tool shows nobody what is another's.
    pub tenant: String,
    /// What it is called with: an object that fits its [parameters](ToolSpec::parameters).
    pub arguments: Value,
    /// What it may use.
    pub limits: Limits,
}

/// What a tool says: text for a model, never to be trusted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// At most [`Limits::bytes`].
    pub text: String,
    /// Bytes that were left out behind the text, as far as they were counted; 0 for a whole one.
    pub left_out: u64,
    /// Whether the tool itself calls it an error.
    pub failed: bool,
}

impl Reply {
    /// A whole result, cut to `bytes` at a character's boundary.
    #[must_use]
    pub fn new(mut text: String, bytes: usize) -> Self {
        let end = (0..=bytes.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
        let left_out = (text.len() - end) as u64;
        text.truncate(end);
        Self { text, left_out, failed: false }
    }
}

/// Why a tool gave no result. The texts are for the model: they say how it can call better, and nothing of this machine.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ToolError {
    /// The arguments fit the schema but make no sense.
    #[error("{0}")]
    Arguments(String),
    /// It could not do what was asked.
    #[error("{0}")]
    Failed(String),
    /// It took longer than it may.
    #[error("the tool took longer than {0} ms")]
    TimedOut(u64),
    /// It used more memory, steps or bytes than it may.
    #[error("the tool used more than it may: {0}")]
    Exhausted(String),
    /// It would have gone where nobody may.
    #[error("the tool may not do that: {0}")]
    Refused(String),
    /// It is not there now.
    #[error("the tool cannot be used now: {0}")]
    Unavailable(String),
}

impl ToolError {
    /// Its name in records: no word of the error itself.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Arguments(_) => "arguments",
            Self::Failed(_) => "failed",
            Self::TimedOut(_) => "timed_out",
            Self::Exhausted(_) => "exhausted",
            Self::Refused(_) => "refused",
            Self::Unavailable(_) => "unavailable",
        }
    }
}

/// What a model can act with.
///
/// A call may be dropped at any await: then nothing of it goes on. Work that does not await runs on threads of its own and stops at
/// its limits by itself.
#[async_trait]
pub trait Tool: Send + Sync {
    /// What a model is told of it.
    fn spec(&self) -> &ToolSpec;

    /// Calls it. The arguments fit its parameters.
    ///
    /// # Errors
    /// [`ToolError`], whose text the model is told in place of a result.
    async fn call(&self, invocation: Invocation) -> Result<Reply, ToolError>;
}
