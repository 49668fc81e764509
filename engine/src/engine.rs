//! The trait that every engine implements.

use async_trait::async_trait;
use serde::Serialize;

use crate::{EngineError, SampleRequest, SampleStream};

/// What an engine is and can do; shown in `/v1/models` and recorded in the audit log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct EngineInfo {
    /// The kind of engine, such as `mistral`.
    pub backend: &'static str,
    /// SHA-256 of the weights as `sha256:<hex>`, or a name for the script.
    pub weights: String,
    /// Tokens that prompt and answer together may hold.
    pub context_tokens: u32,
    /// Samples that make progress at the same moment; more wait their turn.
    pub parallel: u32,
    /// Whether the same seed gives the same sample whatever runs beside it.
    pub repeatable: bool,
}

/// Draws samples from one model.
#[async_trait]
pub trait Engine: Send + Sync {
    /// What this engine is.
    fn info(&self) -> &EngineInfo;

    /// Starts one sample. Dropping the stream cancels the work at the next token.
    ///
    /// # Errors
    /// [`EngineError::Request`] when the request can never succeed, [`EngineError::Template`] when the model's chat
    /// template fails, [`EngineError::Overloaded`] when too much waits, [`EngineError::Dead`] when the engine must be
    /// rebuilt first.
    async fn sample(&self, request: SampleRequest) -> Result<SampleStream, EngineError>;

    /// Prompt tokens that a request would use.
    ///
    /// # Errors
    /// [`EngineError::Request`] when the prompt is refused or too long, [`EngineError::Template`] when the model's chat
    /// template fails.
    fn count_prompt(&self, request: &SampleRequest) -> Result<u32, EngineError>;

    /// False once the engine must be rebuilt; it then answers every call with [`EngineError::Dead`].
    fn alive(&self) -> bool;
}
