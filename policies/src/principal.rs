//! Who asks: the tenant and key behind a request, or why there is none.

use forethought_schemas::{ApiError, ErrorKind};

use crate::tenant::Role;

/// A caller whose key was verified. Only [`PolicyDesk::authenticate`](crate::PolicyDesk::authenticate) makes one.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Principal {
    pub(crate) tenant: String,
    pub(crate) key: String,
    pub(crate) role: Role,
}

impl Principal {
    /// The tenant's id.
    #[must_use]
    pub fn tenant(&self) -> &str {
        &self.tenant
    }

    /// The id of the key that was used.
    #[must_use]
    pub fn key_id(&self) -> &str {
        &self.key
    }

    /// What the key is for.
    #[must_use]
    pub const fn role(&self) -> Role {
        self.role
    }
}

/// A caller that was not let in. The client is told the same for every wrong key; the reason is for the log.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not authenticated: {reason}")]
pub struct Denied {
    /// Why, for the log only.
    pub reason: DeniedReason,
    /// The id in the key that was sent, if it has the form of a key; it may name no key of ours.
    pub key_id: Option<String>,
}

/// Why a caller was not let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum DeniedReason {
    /// No key was sent.
    #[error("no key was sent")]
    Missing,
    /// What was sent has not the form of a key.
    #[error("malformed key")]
    Malformed,
    /// There is no key with this id.
    #[error("unknown key")]
    Unknown,
    /// There is a key with this id, and its secret is another.
    #[error("wrong secret")]
    WrongSecret,
    /// The key is right, and was revoked.
    #[error("revoked key")]
    Revoked,
}

impl From<Denied> for ApiError {
    fn from(denied: Denied) -> Self {
        let message = match denied.reason {
            DeniedReason::Missing => "no api key was sent; send the header `Authorization: Bearer <your key>`",
            _ => "the api key is not valid; check that it is whole, or ask your administrator for a new one",
        };
        Self::new(ErrorKind::Authentication, "invalid_api_key", message)
    }
}
