//! Whose contents a key seals.

use super::VaultError;
use crate::keys::is_tenant;

/// The longest name of a subject, in bytes of UTF-8.
pub const MAX_SUBJECT: usize = 256;

/// Whose contents a key seals: those of one person, or those of a tenant that are about nobody in particular.
///
/// Names are compared byte by byte: who writes one name in two ways has two owners.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Owner {
    /// The tenant's id.
    pub tenant: String,
    /// Whom the contents are about, as the tenant names them; 1 to [`MAX_SUBJECT`] bytes.
    pub subject: Option<String>,
}

impl Owner {
    /// A tenant's own contents.
    #[must_use]
    pub fn tenant(tenant: impl Into<String>) -> Self {
        Self { tenant: tenant.into(), subject: None }
    }

    /// The contents about one person.
    #[must_use]
    pub fn subject(tenant: impl Into<String>, subject: impl Into<String>) -> Self {
        Self { tenant: tenant.into(), subject: Some(subject.into()) }
    }

    /// Refuses names that have no room in a row.
    pub(super) fn check(&self) -> Result<(), VaultError> {
        if !is_tenant(&self.tenant) {
            return Err(VaultError::Tenant { tenant: self.tenant.clone() });
        }
        let bytes = self.subject.as_ref().map_or(1, String::len);
        if (1..=MAX_SUBJECT).contains(&bytes) {
            return Ok(());
        }
        Err(VaultError::Subject { bytes, max: MAX_SUBJECT })
    }
}

/// Which rows are meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Those of exactly this owner. A tenant's own are not those of its subjects.
    Owner(Owner),
    /// All of a tenant's: its own, and those of every subject.
    Tenant(String),
}

impl Scope {
    /// Whether an owner's rows are meant.
    #[must_use]
    pub fn covers(&self, owner: &Owner) -> bool {
        match self {
            Self::Owner(one) => one == owner,
            Self::Tenant(tenant) => *tenant == owner.tenant,
        }
    }

    /// Whether it is one person's: then a right of erasure may go before a floor.
    #[must_use]
    pub const fn is_person(&self) -> bool {
        matches!(self, Self::Owner(Owner { subject: Some(_), .. }))
    }

    pub(super) fn check(&self) -> Result<(), VaultError> {
        match self {
            Self::Owner(owner) => owner.check(),
            Self::Tenant(tenant) => Owner::tenant(tenant.clone()).check(),
        }
    }
}
