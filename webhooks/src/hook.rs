//! A webhook as the policy file has it.

use std::{collections::BTreeSet, fmt};

use serde::{Deserialize, Serialize};

use crate::EventKind;

/// Somebody who is told of events.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hook {
    /// Its name, one of its kind in the installation or in its tenant.
    pub id: String,
    /// Where events are sent to, by POST; see [`address`](crate::address).
    pub url: String,
    /// What it is told of; of everything that it may be told of, if nothing is named.
    #[serde(default)]
    pub events: BTreeSet<EventKind>,
    /// The environment variable that holds its secret; see [`Secrets`](crate::Secrets).
    pub secret_env: String,
    /// Whether it may be told without encryption, also where it is not on this machine.
    #[serde(default)]
    pub allow_http: bool,
}

/// Which webhook: of the installation, or of a tenant.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct HookId {
    /// Whose it is; of the installation without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
    /// Its name there.
    pub id: String,
}

impl HookId {
    /// Whether it is told of events of this kind about a tenant, or about the installation: one of the installation is told of
    /// everybody's, one of a tenant of its own only.
    #[must_use]
    pub fn hears(&self, hook: &Hook, kind: EventKind, about: Option<&str>) -> bool {
        let may = match &self.tenant {
            None => true,
            Some(tenant) => about == Some(tenant) && !kind.is_of_installation(),
        };
        may && (hook.events.is_empty() || hook.events.contains(&kind))
    }
}

impl fmt::Display for HookId {
    /// `<tenant>/<id>`, or the id alone.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(tenant) = &self.tenant {
            write!(f, "{tenant}/")?;
        }
        f.write_str(&self.id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tenants_hook_hears_of_its_tenant_only() {
        let hook = |events: &[EventKind]| Hook {
            id: "desk".to_owned(),
            url: "https://hooks.example".to_owned(),
            events: events.iter().copied().collect(),
            secret_env: "S".to_owned(),
            allow_http: false,
        };
        let (all, some) = (hook(&[]), hook(&[EventKind::ReviewDecided]));
        let of = |tenant: Option<&str>| HookId { tenant: tenant.map(ToOwned::to_owned), id: "desk".to_owned() };
        let check = |tenant, hook: &Hook, kind, about: Option<&str>, expected| {
            assert_eq!(of(tenant).hears(hook, kind, about), expected, "{tenant:?} {kind:?} {about:?}");
        };
        check(None, &all, EventKind::ReviewWaiting, Some("acme"), true);
        check(None, &all, EventKind::PolicyInForce, None, true);
        check(None, &some, EventKind::ReviewWaiting, Some("acme"), false);
        check(Some("acme"), &all, EventKind::ReviewWaiting, Some("acme"), true);
        check(Some("acme"), &some, EventKind::ReviewDecided, Some("acme"), true);
        check(Some("acme"), &all, EventKind::ReviewWaiting, Some("other"), false);
        check(Some("acme"), &all, EventKind::PolicyInForce, None, false);
        check(Some("acme"), &hook(&[EventKind::PolicyInForce]), EventKind::PolicyInForce, Some("acme"), false);
    }

    #[test]
    fn names_tell_whose_they_are() {
        assert_eq!(HookId { tenant: Some("acme".to_owned()), id: "desk".to_owned() }.to_string(), "acme/desk");
        assert_eq!(HookId { tenant: None, id: "desk".to_owned() }.to_string(), "desk");
    }
}
