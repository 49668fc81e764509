//! What a policy file says, as types: tenants with their models, limits, budgets and keys.

use std::{collections::BTreeMap, num::NonZeroU32};

use forethought_schemas::{BudgetCap, Effort, Facts, Preset, Presets};
use forethought_webhooks::Hook;
use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use crate::{key::KeyHash, principal::DeniedReason, quota::Quotas, screens::ScreenRules, tools::ToolRules};

/// The model name that allows every model.
const EVERY_MODEL: &str = "*";

/// An organisation, team or application that may ask.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tenant {
    /// The id that stands in audit records.
    pub id: String,
    /// The name for people.
    pub name: String,
    /// The models that it may use; none if empty.
    #[serde(default)]
    pub models: Vec<String>,
    /// How fast it may go.
    pub limits: Limits,
    /// The most that one request may ask for.
    pub budget: BudgetCap,
    /// What it may spend in a day and in a month.
    #[serde(default)]
    pub quotas: Quotas,
    /// What efforts mean for it, by model; `*` stands for every model.
    #[serde(default)]
    pub presets: BTreeMap<String, Presets>,
    /// Whether, and since when, what it asks and is answered may become training data; no unless the file says so.
    #[serde(default)]
    pub training_consent: Consent,
    /// What is looked for in its requests and answers, beside what holds for everybody.
    #[serde(default)]
    pub safeguards: Option<ScreenRules>,
    /// Rules in Cedar that take from what it may do; see `forethought_authorization`.
    #[serde(default)]
    pub authorization: Option<String>,
    /// Which tools models may call for it, within what holds for everybody.
    #[serde(default)]
    pub tools: ToolRules,
    /// What is always so of its requests.
    #[serde(default)]
    pub facts: Facts,
    /// How long its contents stay, where no law says otherwise.
    #[serde(default)]
    pub retention: OwnRetention,
    /// Whose things its keys reach that are not for asking.
    #[serde(default)]
    pub scope: Scope,
    /// Whom it has told of what happens to it.
    #[serde(default)]
    pub webhooks: Vec<Hook>,
    /// Its keys, revoked ones too.
    #[serde(default)]
    pub keys: Vec<Key>,
}

impl Tenant {
    /// Whether the tenant may use this model.
    #[must_use]
    pub fn allows_model(&self, model: &str) -> bool {
        self.models.iter().any(|allowed| allowed == EVERY_MODEL || allowed == model)
    }

    /// What an effort means for this tenant with this model.
    #[must_use]
    pub fn preset(&self, model: &str, effort: Effort) -> Preset {
        let of = |model| self.presets.get(model).and_then(|presets| presets.get(&effort)).copied().unwrap_or_default();
        of(model).or(of(EVERY_MODEL))
    }
}

/// How long a tenant wants its contents to stay, in days from the admission, 1 to 36,500.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OwnRetention {
    /// They are erased no earlier.
    pub contents_at_least_days: Option<u32>,
    /// They are gone after that.
    pub contents_at_most_days: Option<u32>,
}

/// Whether what a tenant asks and is answered may become training data. It counts from the time at which it was given: who
/// asked before that time did not know.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Consent {
    /// It may not.
    #[default]
    No,
    /// All of it may, from the beginning: `true` in the file.
    Always,
    /// What was asked at this time or later may.
    Since(Timestamp),
}

impl Consent {
    /// Whether it is given at all.
    #[must_use]
    pub fn is_given(self) -> bool {
        self != Self::No
    }

    /// Whether it is given for what was asked at this time.
    #[must_use]
    pub fn covers(self, time: Timestamp) -> bool {
        match self {
            Self::No => false,
            Self::Always => true,
            Self::Since(since) => time >= since,
        }
    }
}

impl std::fmt::Display for Consent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::No => f.write_str("false"),
            Self::Always => f.write_str("true"),
            // What was asked earlier in the same second does not count.
            Self::Since(time) => write!(f, "{}", time.strftime("%Y-%m-%dT%H:%M:%S%.3fZ")),
        }
    }
}

impl Serialize for Consent {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::No | Self::Always => to.serialize_bool(self.is_given()),
            Self::Since(_) => to.collect_str(self),
        }
    }
}

impl<'de> Deserialize<'de> for Consent {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Written {
            Flag(bool),
            Time(String),
        }
        match Written::deserialize(from)? {
            Written::Flag(false) => Ok(Self::No),
            Written::Flag(true) => Ok(Self::Always),
            Written::Time(text) => text.parse().map(Self::Since).map_err(D::Error::custom),
        }
    }
}

/// How fast a tenant may go, all its keys together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// Requests a minute, in the long run.
    pub requests_per_minute: NonZeroU32,
    /// Requests that may come at once after a quiet time; a minute's worth if it is not said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_burst: Option<NonZeroU32>,
    /// Tokens a minute, prompts included.
    pub tokens_per_minute: NonZeroU32,
    /// Requests at the same time.
    pub concurrent_requests: NonZeroU32,
}

/// Whose things the operators, auditors, admins … of a tenant reach.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// Their own tenant's.
    #[default]
    Tenant,
    /// Those of every tenant.
    Installation,
}

impl Limits {
    /// Requests that may come at once after a quiet time.
    #[must_use]
    pub fn burst(&self) -> NonZeroU32 {
        self.request_burst.unwrap_or(self.requests_per_minute)
    }
}

/// What is kept of an API key.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Key {
    /// The key's id.
    pub id: String,
    /// The hash of the whole key text.
    #[serde(deserialize_with = "from_text")]
    pub hash: KeyHash,
    /// What the key is for.
    pub role: Role,
    /// When it was made.
    #[serde(deserialize_with = "from_text")]
    pub created: Timestamp,
    /// What or who it is for.
    pub note: Option<String>,
    /// When it was revoked. Its presence is what counts: a key with it is refused, whatever the time says.
    #[serde(default, deserialize_with = "some_from_text")]
    pub revoked: Option<Timestamp>,
    /// From when on it is refused.
    #[serde(default, deserialize_with = "some_from_text")]
    pub expires: Option<Timestamp>,
    /// The part of the tenant that it belongs to.
    #[serde(default)]
    pub team: Option<String>,
    /// How fast it may go, within what its tenant may.
    #[serde(default)]
    pub limits: Option<Limits>,
    /// What is always so of its requests, beside what is so of its tenant's.
    #[serde(default)]
    pub facts: Facts,
}

impl Key {
    /// Whether it is refused at this time, and why.
    #[must_use]
    pub fn refused(&self, now: Timestamp) -> Option<DeniedReason> {
        if self.revoked.is_some() {
            return Some(DeniedReason::Revoked);
        }
        self.expires.filter(|expires| *expires <= now).map(|_| DeniedReason::Expired)
    }
}

/// What a key may be used for. A key has one role, so that duties stay apart; `forethought_authorization` says what each may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Asks for completions.
    User,
    /// Runs the service; reads no contents.
    Operator,
    /// Changes the policy, but no keys; reads no contents.
    PolicyOwner,
    /// Decides on answers that are held, and sees these only.
    Reviewer,
    /// Reads and verifies the audit log; changes nothing.
    Auditor,
    /// Erases contents; reads none.
    PrivacyOfficer,
    /// Makes and revokes keys; changes no rules.
    Admin,
}

impl Role {
    /// Every role.
    pub const ALL: [Self; 7] = [
        Self::User,
        Self::Operator,
        Self::PolicyOwner,
        Self::Reviewer,
        Self::Auditor,
        Self::PrivacyOfficer,
        Self::Admin,
    ];

    /// The name in the policy file and in audit records.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Operator => "operator",
            Self::PolicyOwner => "policy_owner",
            Self::Reviewer => "reviewer",
            Self::Auditor => "auditor",
            Self::PrivacyOfficer => "privacy_officer",
            Self::Admin => "admin",
        }
    }

    /// The role with this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == name)
    }
}

impl std::fmt::Display for Role {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

fn from_text<'de, D: Deserializer<'de>, T: std::str::FromStr<Err: std::fmt::Display>>(from: D) -> Result<T, D::Error> {
    String::deserialize(from)?.parse().map_err(D::Error::custom)
}

fn some_from_text<'de, D: Deserializer<'de>, T: std::str::FromStr<Err: std::fmt::Display>>(
    from: D,
) -> Result<Option<T>, D::Error> {
    from_text(from).map(Some)
}
