//! What a token's claims mean here: tenant, roles and teams.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use crate::{
    Refused,
    config::{IssuerConfig, Wrong},
    path::ClaimPath,
    quote::quoted,
};

/// The longest tenant, role or team, in bytes.
const MAX_VALUE: usize = 256;

#[derive(Clone, Debug)]
pub(crate) struct Mapping {
    tenant: Tenant,
    roles_claim: Option<ClaimPath>,
    roles: BTreeMap<String, String>,
    teams_claim: Option<ClaimPath>,
}

#[derive(Clone, Debug)]
enum Tenant {
    Unknown,
    Fixed(String),
    Claimed { path: ClaimPath, allowed: BTreeSet<String> },
}

/// What was found.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Mapped {
    pub tenant: Option<String>,
    pub roles: Vec<String>,
    pub teams: Vec<String>,
}

impl Mapping {
    pub(crate) fn new(config: &IssuerConfig) -> Result<Self, Wrong> {
        if config.roles_claim.is_some() && config.roles.is_empty() {
            return Err(Wrong::new(
                "roles",
                "is empty, so `roles_claim` would give nobody a role; map values to roles",
            ));
        }
        if config.roles_claim.is_none() && !config.roles.is_empty() {
            return Err(Wrong::new("roles", "maps values of no claim; name the claim with `roles_claim`"));
        }
        Ok(Self {
            tenant: Tenant::new(config)?,
            roles_claim: path("roles_claim", config.roles_claim.as_deref())?,
            roles: config.roles.clone(),
            teams_claim: path("teams_claim", config.teams_claim.as_deref())?,
        })
    }

    pub(crate) fn of(&self, claims: &Map<String, Value>) -> Result<Mapped, Refused> {
        Ok(Mapped {
            tenant: self.tenant.of(claims)?,
            roles: self.roles(claims)?,
            teams: unique(values(self.teams_claim.as_ref(), claims, "teams")?),
        })
    }

    /// Our roles for the values that are mapped; others are for other services.
    fn roles(&self, claims: &Map<String, Value>) -> Result<Vec<String>, Refused> {
        let values = values(self.roles_claim.as_ref(), claims, "roles")?;
        Ok(unique(values.into_iter().filter_map(|value| Some(self.roles.get(value)?.as_str())).collect()))
    }
}

impl Tenant {
    fn new(config: &IssuerConfig) -> Result<Self, Wrong> {
        let claim = path("tenant_claim", config.tenant_claim.as_deref())?;
        match (config.tenant.clone(), claim) {
            (Some(_), Some(_)) => Err(Wrong::new("tenant", "stands beside `tenant_claim`; remove one of them")),
            (_, None) if !config.tenants.is_empty() => {
                Err(Wrong::new("tenants", "restricts no claim; name the claim with `tenant_claim`"))
            }
            (Some(tenant), None) if is_value(&tenant) => Ok(Self::Fixed(tenant)),
            (Some(_), None) => Err(Wrong::new("tenant", "is no name of 1 to 256 bytes; write the tenant's id")),
            (None, Some(path)) => Ok(Self::Claimed { path, allowed: config.tenants.iter().cloned().collect() }),
            (None, None) => Ok(Self::Unknown),
        }
    }

    fn of(&self, claims: &Map<String, Value>) -> Result<Option<String>, Refused> {
        match self {
            Self::Unknown => Ok(None),
            Self::Fixed(tenant) => Ok(Some(tenant.clone())),
            Self::Claimed { path, allowed } => {
                let tenant = path.find(claims).ok_or(Refused::MissingClaim("tenant"))?;
                let tenant = text(tenant, "tenant")?;
                // Another organisation's issuer must not make itself a tenant's by saying so.
                let speaks = allowed.is_empty() || allowed.contains(tenant);
                if speaks { Ok(Some(tenant.to_owned())) } else { Err(Refused::Tenant(quoted(tenant))) }
            }
        }
    }
}

fn path(key: &'static str, text: Option<&str>) -> Result<Option<ClaimPath>, Wrong> {
    text.map(ClaimPath::parse).transpose().map_err(|why| Wrong::new(key, why))
}

/// The values of a claim that is one text or a list of them; none where the claim is absent.
fn values<'a>(
    path: Option<&ClaimPath>,
    claims: &'a Map<String, Value>,
    what: &'static str,
) -> Result<Vec<&'a str>, Refused> {
    let Some((path, found)) = path.and_then(|path| Some((path, path.find(claims)?))) else { return Ok(Vec::new()) };
    match found {
        Value::String(scopes) if path.is_scope() => Ok(scopes.split(' ').filter(|scope| !scope.is_empty()).collect()),
        Value::Array(items) => items.iter().map(|item| text(item, what)).collect(),
        one => Ok(vec![text(one, what)?]),
    }
}

fn text<'a>(value: &'a Value, what: &'static str) -> Result<&'a str, Refused> {
    value.as_str().filter(|text| is_value(text)).ok_or(Refused::WrongClaim(what))
}

/// Whether a text can be a name. Control characters have no place in logs and records.
pub(crate) fn is_value(text: &str) -> bool {
    !text.is_empty() && text.len() <= MAX_VALUE && !text.chars().any(char::is_control)
}

fn unique(values: Vec<&str>) -> Vec<String> {
    let mut seen = BTreeSet::new();
    values.into_iter().filter(|value| seen.insert(*value)).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn config() -> IssuerConfig {
        IssuerConfig {
            tenant_claim: Some("org".to_owned()),
            tenants: vec!["acme".to_owned(), "globex".to_owned()],
            roles_claim: Some("/realm/roles".to_owned()),
            roles: [("ft-audit", "auditor"), ("ft-audit-old", "auditor"), ("ft-ops", "operator")]
                .map(|(from, to)| (from.to_owned(), to.to_owned()))
                .into(),
            teams_claim: Some("groups".to_owned()),
            ..IssuerConfig::new("https://id.example", "forethought")
        }
    }

    #[track_caller]
    fn check(claims: &Value, expected: Result<(&str, &[&str], &[&str]), Refused>) {
        let found = Mapping::new(&config()).unwrap().of(claims.as_object().unwrap());
        let owned = |items: &[&str]| items.iter().map(|&item| item.to_owned()).collect();
        let expected = expected.map(|(tenant, roles, teams)| Mapped {
            tenant: Some(tenant.to_owned()),
            roles: owned(roles),
            teams: owned(teams),
        });
        assert_eq!(found, expected, "{claims}");
    }

    #[test]
    fn only_mapped_roles_count_and_each_once() {
        let roles = json!(["ft-audit", "admin", "ft-ops", "ft-audit-old", "ft-ops", "auditor"]);
        check(
            &json!({"org": "acme", "realm": {"roles": roles}, "groups": ["b", "a", "b"]}),
            Ok(("acme", &["auditor", "operator"], &["b", "a"])),
        );
        check(&json!({"org": "globex"}), Ok(("globex", &[], &[])));
        check(&json!({"org": "acme", "realm": {"roles": "ft-ops"}}), Ok(("acme", &["operator"], &[])));
        check(&json!({"org": "acme", "realm": {"roles": "ft-ops ft-audit"}}), Ok(("acme", &[], &[])));
        check(&json!({"org": "acme", "roles": ["ft-ops"]}), Ok(("acme", &[], &[])));
    }

    #[test]
    fn what_is_doubtful_is_refused() {
        check(&json!({}), Err(Refused::MissingClaim("tenant")));
        check(&json!({"org": "initech"}), Err(Refused::Tenant("\"initech\"".to_owned())));
        for tenant in [json!(""), json!(null), json!(["acme"]), json!(1), json!("a\u{0}"), json!("x".repeat(257))] {
            check(&json!({"org": tenant}), Err(Refused::WrongClaim("tenant")));
        }
        for roles in [json!([1]), json!({"ft-ops": true}), json!(null), json!([["ft-ops"]]), json!(["ft-ops", ""])] {
            check(&json!({"org": "acme", "realm": {"roles": roles}}), Err(Refused::WrongClaim("roles")));
        }
        check(&json!({"org": "acme", "groups": [null]}), Err(Refused::WrongClaim("teams")));
    }

    #[test]
    fn a_scope_is_a_list_in_one_text() {
        let config = IssuerConfig {
            roles_claim: Some("scope".to_owned()),
            tenant: None,
            tenant_claim: None,
            tenants: vec![],
            ..config()
        };
        let found = Mapping::new(&config).unwrap().of(json!({"scope": "openid ft-ops  ft-audit"}).as_object().unwrap());
        assert_eq!(found.unwrap().roles, ["operator", "auditor"]);
    }

    #[test]
    fn without_a_claim_the_tenant_is_fixed_or_unknown() {
        let none = IssuerConfig::new("https://id.example", "forethought");
        let fixed = IssuerConfig { tenant: Some("acme".to_owned()), ..none.clone() };
        let claims = json!({"org": "globex", "tenant": "globex"});
        for (config, expected) in [(none, None), (fixed, Some("acme".to_owned()))] {
            let found = Mapping::new(&config).unwrap().of(claims.as_object().unwrap()).unwrap();
            assert_eq!(found, Mapped { tenant: expected, roles: vec![], teams: vec![] });
        }
    }
}
