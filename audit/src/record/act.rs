//! What is done to the service itself.

use serde::{Deserialize, Serialize};

use super::{PolicyRef, is_nothing};

/// Something that was done to the service itself. It is durable before it takes effect.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Act {
    /// What was done, such as `policy.in_force` or `contents.read`.
    pub what: String,
    /// Who did it; left out for what the service found in its files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<Actor>,
    /// What it was done to: a key's, a record's or a tenant's id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub object: Option<String>,
    /// The policy in force from then on.
    pub policy: PolicyRef,
    /// What changed, a line each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<String>,
    /// Why, in the words of who did it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Contents that were erased, or were not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub erasure: Option<Erasure>,
}

/// An erasure: which keys were destroyed, and which stay. Whom they are about stood in the vault alone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Erasure {
    /// Whose contents they were.
    pub tenant: String,
    /// Why it was done.
    pub cause: ErasureCause,
    /// Keys that were destroyed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub keys: Vec<KeyTrace>,
    /// Keys that stay; some of them, where they are many.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub refused: Vec<RefusedKey>,
    /// How many stay.
    #[serde(default, skip_serializing_if = "is_nothing")]
    pub refused_count: u64,
}

/// Why contents were erased.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErasureCause {
    /// The person whom they are about asked for it, or a tenant for what is about nobody.
    Person,
    /// All of the tenant's contents went.
    Tenant,
    /// They had been there as long as they may.
    Expiry,
}

/// A key that was destroyed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyTrace {
    /// Its random name, as it stands in what it sealed.
    pub id: String,
    /// Where its row was.
    pub place: String,
}

/// A key that stays.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefusedKey {
    /// Its random name.
    pub id: String,
    /// `hold`, `floor` where it must stay for some time, or `open` where rules disagree.
    pub why: String,
    /// The hold, or the rule.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// The last day on which it must stay.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
}

impl Act {
    /// What [`Act::what`] says where keys of contents were destroyed.
    pub const ERASED: &'static str = "contents.erased";
    /// Where none were, since they must stay.
    pub const ERASURE_REFUSED: &'static str = "contents.erasure_refused";
    /// Where somebody forbade it.
    pub const HOLD_PLACED: &'static str = "hold.placed";
    /// Where they allowed it again.
    pub const HOLD_RELEASED: &'static str = "hold.released";
    /// Where keys of contents were brought back from a copy of their table.
    pub const KEYS_IMPORTED: &'static str = "keys.imported";
    /// Where they were wrapped by another master key.
    pub const KEYS_REWRAPPED: &'static str = "keys.rewrapped";
    /// Where it is in force which tools of servers are approved: the object is a digest of it.
    pub const TOOLS_APPROVED: &'static str = "tools.approved";
    /// What [`Act::what`] says where a policy comes into force.
    pub const POLICY_IN_FORCE: &'static str = "policy.in_force";
}

/// Who did something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Actor {
    /// Whose key it is.
    pub tenant: String,
    /// The key's id, or that of whom an identity provider vouches for.
    pub key_id: String,
    /// What they act as.
    pub role: String,
}
