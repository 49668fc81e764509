//! The one error object that leaves the service: OpenAI's shape, with the field at fault and the mend.

use serde::{Deserialize, Serialize};

/// What went wrong, in the terms that decide the HTTP status.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorKind {
    /// The request is wrong (400).
    InvalidRequest,
    /// No key, or a wrong one (401).
    Authentication,
    /// The key may not do this (403).
    Permission,
    /// There is no such thing (404).
    NotFound,
    /// The request comes too slowly (408).
    TooSlow,
    /// The body is too large (413).
    TooLarge,
    /// The model did not come to what was asked for (422).
    Unmet,
    /// A limit is reached (429).
    RateLimit,
    /// The service is full, draining, or cannot write its audit log (503).
    Unavailable,
    /// The deadline passed before any answer (504).
    Deadline,
    /// A fault of ours (500).
    Internal,
}

impl ErrorKind {
    /// The HTTP status code.
    #[must_use]
    pub const fn status(self) -> u16 {
        match self {
            Self::InvalidRequest => 400,
            Self::Authentication => 401,
            Self::Permission => 403,
            Self::NotFound => 404,
            Self::TooSlow => 408,
            Self::TooLarge => 413,
            Self::Unmet => 422,
            Self::RateLimit => 429,
            Self::Internal => 500,
            Self::Unavailable => 503,
            Self::Deadline => 504,
        }
    }

    /// OpenAI's `error.type`.
    #[must_use]
    pub const fn wire_type(self) -> &'static str {
        match self {
            Self::InvalidRequest | Self::NotFound | Self::TooSlow | Self::TooLarge => "invalid_request_error",
            Self::Authentication => "authentication_error",
            Self::Permission => "permission_error",
            Self::RateLimit => "rate_limit_error",
            Self::Unavailable | Self::Unmet | Self::Internal | Self::Deadline => "server_error",
        }
    }
}

/// An error as a client sees it: what failed, on which field, and the mend.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ApiError {
    /// Decides the status.
    pub kind: ErrorKind,
    /// A stable, machine-readable code, such as `unknown_model`.
    pub code: &'static str,
    /// The field at fault, as a path such as `messages[2].role`.
    pub param: Option<String>,
    /// What failed, on what, and the mend.
    pub message: String,
    /// Seconds after which a try may succeed.
    pub retry_after: Option<u64>,
}

impl ApiError {
    /// An error without a field and without a time to wait.
    #[must_use]
    pub fn new(kind: ErrorKind, code: &'static str, message: impl Into<String>) -> Self {
        Self { kind, code, param: None, message: message.into(), retry_after: None }
    }

    /// A wrong request, with the field at fault.
    #[must_use]
    pub fn invalid(param: impl Into<String>, code: &'static str, message: impl Into<String>) -> Self {
        Self { param: Some(param.into()), ..Self::new(ErrorKind::InvalidRequest, code, message) }
    }

    /// The same error, with the seconds after which a try may succeed.
    #[must_use]
    pub fn retry_after(mut self, seconds: u64) -> Self {
        self.retry_after = Some(seconds);
        self
    }

    /// The body that goes to the client.
    #[must_use]
    pub fn body(&self) -> serde_json::Value {
        serde_json::json!({ "error": {
            "message": self.message, "type": self.kind.wire_type(), "param": self.param, "code": self.code,
        }})
    }
}
