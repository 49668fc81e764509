//! Who asks: the tenant and key behind a request, or why there is none.

use forethought_schemas::{ApiError, ErrorKind};
use sha2::{Digest, Sha256};

use crate::tenant::Role;

/// A caller whose key, or whose token, was verified. Only [`PolicyDesk`](crate::PolicyDesk) makes one.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Principal {
    pub(crate) tenant: String,
    pub(crate) id: String,
    pub(crate) role: Role,
    pub(crate) teams: Vec<String>,
    pub(crate) everywhere: bool,
    pub(crate) proof: Proof,
}

/// What shows who a principal is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Proof {
    /// A key of the policy file: it is looked up again when something is decided.
    Key,
    /// The token of an identity provider.
    Token,
}

/// Somebody whom an identity provider vouches for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vouched<'a> {
    /// The provider, and its name for them.
    pub issuer: &'a str,
    /// The provider's name for them.
    pub subject: &'a str,
    /// Their tenant.
    pub tenant: &'a str,
    /// What they act as.
    pub role: Role,
    /// The parts of the tenant that they belong to.
    pub teams: Vec<String>,
}

impl Vouched<'_> {
    /// The name under which they stand in records: `u_` and 32 hexadecimal digits. The same person has the same one; who
    /// they are only their provider can tell.
    pub(crate) fn id(&self) -> String {
        let Self { issuer, subject, .. } = self;
        let digest = Sha256::digest(format!("{}:{issuer}{subject}", issuer.len()));
        format!("u_{}", hex::encode(digest).get(..32).unwrap_or_default())
    }
}

impl Principal {
    /// Somebody of whom only this is known.
    pub(crate) fn bare(tenant: &str, id: &str, role: Role) -> Self {
        let (tenant, id) = (tenant.to_owned(), id.to_owned());
        Self { tenant, id, role, teams: Vec::new(), everywhere: false, proof: Proof::Token }
    }

    /// The tenant's id.
    #[must_use]
    pub fn tenant(&self) -> &str {
        &self.tenant
    }

    /// The id of the key that was used, or of whom an identity provider vouches for.
    #[must_use]
    pub fn key_id(&self) -> &str {
        &self.id
    }

    /// What it acts as.
    #[must_use]
    pub const fn role(&self) -> Role {
        self.role
    }

    /// The parts of the tenant that it belongs to.
    #[must_use]
    pub fn teams(&self) -> &[String] {
        &self.teams
    }

    /// Whether it acts for every tenant.
    #[must_use]
    pub const fn is_everywhere(&self) -> bool {
        self.everywhere
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
    /// The key is right, and its time is over.
    #[error("expired key")]
    Expired,
    /// An identity provider vouches for somebody, but for no tenant of this policy.
    #[error("no such tenant")]
    NoTenant,
}

impl From<Denied> for ApiError {
    fn from(denied: Denied) -> Self {
        let message = match denied.reason {
            DeniedReason::Missing => "no api key was sent; send the header `Authorization: Bearer <your key>`",
            DeniedReason::Expired => "the api key has expired; ask your administrator for a new one",
            DeniedReason::NoTenant => "the token is good, but names no tenant of this service; ask your administrator",
            _ => "the api key is not valid; check that it is whole, or ask your administrator for a new one",
        };
        Self::new(ErrorKind::Authentication, "invalid_api_key", message)
    }
}
