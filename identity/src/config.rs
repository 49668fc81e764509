//! How an issuer is configured.

use std::{collections::BTreeMap, path::PathBuf};

use serde::{Deserialize, Serialize};

use crate::Algorithm;

/// One issuer of access tokens. Keys come from `jwks_file`, from `jwks_url`, or, without either, from the address that
/// the issuer's own `/.well-known/openid-configuration` names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IssuerConfig {
    /// The issuer, exactly as in its tokens' `iss`: every character counts, a `/` at the end, too.
    pub issuer: String,
    /// Whom tokens must be for (`aud`): one of these, exactly. Never an id that the issuer's ID tokens are for.
    pub audiences: Vec<String>,
    /// How tokens may be signed.
    #[serde(default = "algorithms")]
    pub algorithms: Vec<Algorithm>,
    /// By how much the clocks of issuer and service may differ, in seconds; at most 300.
    #[serde(default = "leeway")]
    pub leeway_s: u32,
    /// The longest time between `iat` and `exp`, in seconds; without it, `iat` is not demanded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_lifetime_s: Option<u32>,
    /// The tenant of all of the issuer's tokens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
    /// The claim that names the tenant: a claim's name, or a JSON Pointer such as `/org/id`. Then it must be there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant_claim: Option<String>,
    /// The tenants that `tenant_claim` may name; without any, it may name every tenant.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tenants: Vec<String>,
    /// The claim that names roles, likewise: a text or a list of them, or the scopes in `scope`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub roles_claim: Option<String>,
    /// Which value of `roles_claim` is which role here. Other values are ignored.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub roles: BTreeMap<String, String>,
    /// The claim that names teams or groups, likewise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub teams_claim: Option<String>,
    /// A file with the issuer's keys as a JWK set. A change is seen within about a second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jwks_file: Option<PathBuf>,
    /// The address of the issuer's keys as a JWK set: https, or http on this machine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jwks_url: Option<String>,
    /// Certificates in PEM form that are trusted instead of the system's, for an address with https.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_file: Option<PathBuf>,
    /// How often keys are fetched anew, in seconds: how long a key that the issuer withdrew is still accepted.
    #[serde(default = "refresh")]
    pub refresh_s: u32,
    /// How often at most keys are fetched because a token names an unknown key, in seconds.
    #[serde(default = "min_interval")]
    pub min_interval_s: u32,
    /// How long keys are used that cannot be fetched anew, in seconds. Then all tokens are refused.
    #[serde(default = "max_age")]
    pub max_age_s: u32,
}

fn algorithms() -> Vec<Algorithm> {
    Algorithm::DEFAULT.into()
}

const fn leeway() -> u32 {
    30
}

const fn refresh() -> u32 {
    600
}

const fn min_interval() -> u32 {
    10
}

const fn max_age() -> u32 {
    86_400
}

impl IssuerConfig {
    /// The defaults for one issuer and audience.
    #[must_use]
    pub fn new(issuer: impl Into<String>, audience: impl Into<String>) -> Self {
        Self {
            issuer: issuer.into(),
            audiences: vec![audience.into()],
            algorithms: algorithms(),
            leeway_s: leeway(),
            max_lifetime_s: None,
            tenant: None,
            tenant_claim: None,
            tenants: Vec::new(),
            roles_claim: None,
            roles: BTreeMap::new(),
            teams_claim: None,
            jwks_file: None,
            jwks_url: None,
            ca_file: None,
            refresh_s: refresh(),
            min_interval_s: min_interval(),
            max_age_s: max_age(),
        }
    }

    pub(crate) fn error(&self, wrong: Wrong) -> ConfigError {
        ConfigError { issuer: self.issuer.clone(), key: wrong.key, why: wrong.why }
    }
}

/// What is wrong with an issuer's configuration, and the mend.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("issuer {issuer:?}: `{key}` {why}")]
pub struct ConfigError {
    /// The issuer as configured.
    pub issuer: String,
    /// The key that is wrong.
    pub key: &'static str,
    /// What is wrong with its value, and the mend.
    pub why: String,
}

/// The same without the issuer, which is known further up.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Wrong {
    key: &'static str,
    why: String,
}

impl Wrong {
    pub(crate) fn new(key: &'static str, why: impl Into<String>) -> Self {
        Self { key, why: why.into() }
    }

    /// A number that must lie between two others.
    pub(crate) fn unless_within(key: &'static str, value: u32, least: u32, most: u32) -> Result<(), Self> {
        if (least..=most).contains(&value) {
            return Ok(());
        }
        Err(Self::new(key, format!("is {value}; write {least} to {most} seconds")))
    }
}
