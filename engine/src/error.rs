//! What can go wrong in an engine, sorted by what the caller can do about it.

/// A failed sample, or an engine that could not be built.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EngineError {
    /// The request can never succeed on this engine.
    #[error("{message}")]
    Request {
        /// The field at fault, as in the API.
        param: &'static str,
        /// What is wrong with it, as in the API: `context_length_exceeded` or `invalid_value`.
        code: &'static str,
        /// What failed, and the mend.
        message: String,
    },
    /// The model's own chat template fails; no request of this kind can succeed before the operator mends it.
    #[error("{0}")]
    Template(String),
    /// Too many samples wait already.
    #[error("{waiting} samples wait already; try again later, or start more engines")]
    Overloaded {
        /// Samples in the queue.
        waiting: usize,
    },
    /// This sample failed; another try may succeed.
    #[error("the sample failed: {0}")]
    Sample(String),
    /// The engine is gone and must be rebuilt; another try after that may succeed.
    #[error("the engine stopped: {0}")]
    Dead(String),
    /// The engine cannot be built from its configuration.
    #[error("cannot load the model {path}: {message}")]
    Load {
        /// The model's file.
        path: String,
        /// What failed, and the mend.
        message: String,
    },
}

impl EngineError {
    /// Whether the same request may succeed on a second try.
    #[must_use]
    pub const fn retryable(&self) -> bool {
        matches!(self, Self::Sample(_) | Self::Dead(_))
    }
}
