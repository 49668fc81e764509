//! A whole policy: read from bytes, checked, and indexed for the questions that requests ask.

use std::{
    collections::{BTreeMap, HashMap},
    path::Path,
    sync::Arc,
};

use forethought_schemas::POLICY_SCHEMA;
use serde::Deserialize;
use sha2::{Digest, Sha256};

use crate::{
    document::{Document, FileKind, read},
    problem::{FileError, Place, Problem},
    quota::Price,
    screens::{self, ScreenRules, Screens},
    tenant::{Key, Tenant},
    yaml::Node,
};

/// The policy file, in the version that this build reads and writes.
pub(crate) static POLICY_FILE: FileKind = FileKind {
    name: "policy file",
    create: "create it with `forethought tenant add <id> --name <name> --models <models> --policy <file>`",
    version: 1,
    schema: &POLICY_SCHEMA,
};

/// A valid policy, never changed after it was read.
#[derive(Debug)]
pub struct Policy {
    tenants: HashMap<String, Arc<Tenant>>,
    /// The tenant id by key id.
    keys: HashMap<String, String>,
    /// The safeguards of tenants that have some of their own, by id.
    screens: HashMap<String, Screens>,
    /// Those of all others.
    floor: Screens,
    prices: BTreeMap<String, Price>,
    digest: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Contents {
    #[serde(rename = "version")]
    _version: i64,
    #[serde(default)]
    safeguards: ScreenRules,
    #[serde(default)]
    prices: BTreeMap<String, Price>,
    tenants: Vec<Tenant>,
}

impl Policy {
    /// Reads and checks a policy file.
    ///
    /// # Errors
    /// [`FileError`]: the file is missing, cannot be read, is too large, or is wrong in ways that are all listed.
    pub fn load(file: &Path) -> Result<Self, FileError> {
        Self::parse(file, &read(file, &POLICY_FILE)?)
    }

    /// Checks the bytes of a policy file; `file` only names it in errors.
    ///
    /// # Errors
    /// As [`Policy::load`].
    pub fn parse(file: &Path, bytes: &[u8]) -> Result<Self, FileError> {
        let document = Document::parse(file, bytes, &POLICY_FILE)?;
        let mut findings = duplicates(&document.tree);
        findings.extend(screens::problems(&document));
        let contents: Contents = document.read(findings)?;
        let floor = Screens::new(&contents.safeguards, None);
        let (tenants, keys, screens) = (HashMap::new(), HashMap::new(), HashMap::new());
        let prices = contents.prices;
        let mut policy = Self { tenants, keys, screens, floor, prices, digest: digest(bytes) };
        for tenant in contents.tenants {
            let ids = tenant.keys.iter().map(|key| (key.id.clone(), tenant.id.clone()));
            policy.keys.extend(ids);
            if let Some(own) = &tenant.safeguards {
                policy.screens.insert(tenant.id.clone(), Screens::new(&contents.safeguards, Some(own)));
            }
            policy.tenants.insert(tenant.id.clone(), Arc::new(tenant));
        }
        Ok(policy)
    }

    /// What a model's tokens cost: its own price, or that of `*`.
    #[must_use]
    pub fn price(&self, model: &str) -> Option<Price> {
        self.prices.get(model).or_else(|| self.prices.get("*")).copied()
    }

    /// The safeguards of a tenant.
    #[must_use]
    pub fn screens(&self, tenant: &str) -> &Screens {
        self.screens.get(tenant).unwrap_or(&self.floor)
    }

    /// The tenant with this id.
    #[must_use]
    pub fn tenant(&self, id: &str) -> Option<&Arc<Tenant>> {
        self.tenants.get(id)
    }

    /// Every tenant, by id.
    #[must_use]
    pub fn tenants(&self) -> Vec<&Arc<Tenant>> {
        let mut tenants: Vec<_> = self.tenants.values().collect();
        tenants.sort_by(|a, b| a.id.cmp(&b.id));
        tenants
    }

    /// The key with this id, revoked or not, and whose it is.
    #[must_use]
    pub fn key(&self, id: &str) -> Option<(&Arc<Tenant>, &Key)> {
        let tenant = self.tenants.get(self.keys.get(id)?)?;
        let key = tenant.keys.iter().find(|key| key.id == id)?;
        Some((tenant, key))
    }

    /// The SHA-256 of the file's bytes, `sha256:<64 hexadecimal digits>`: which rules were in force, for audit records.
    #[must_use]
    pub fn digest(&self) -> &str {
        &self.digest
    }
}

fn digest(bytes: &[u8]) -> String {
    format!("sha256:{}", hex::encode(Sha256::digest(bytes)))
}

/// Ids and hashes that stand twice; each finding names both lines.
fn duplicates(tree: &Node) -> Vec<Problem> {
    let mut seen = Seen::default();
    for (index, tenant) in tree.get("tenants").map(Node::items).unwrap_or_default().iter().enumerate() {
        let path = format!("tenants[{index}]");
        let told = "the tenant id stands twice";
        seen.check(tenant, "id", &path, told, "give each tenant its own id, or merge the two");
        for (index, key) in tenant.get("keys").map(Node::items).unwrap_or_default().iter().enumerate() {
            let path = format!("{path}.keys[{index}]");
            seen.check(key, "id", &path, "the key id stands twice", "remove one of the two");
            seen.check(key, "hash", &path, "the same key stands twice", "make a key for each user, and remove one");
        }
    }
    seen.problems
}

#[derive(Default)]
struct Seen {
    /// The place by what is told of it and its value.
    places: HashMap<(&'static str, String), Place>,
    problems: Vec<Problem>,
}

impl Seen {
    fn check(&mut self, node: &Node, field: &str, path: &str, told: &'static str, mend: &str) {
        let Some(entry) = node.entry(field) else { return };
        let Some(text) = entry.value.as_str() else { return };
        match self.places.get(&(told, text.to_owned())) {
            None => {
                self.places.insert((told, text.to_owned()), entry.place);
            }
            Some(first) => {
                let message = format!("{told}: here on line {} and first on line {}", entry.place.line, first.line);
                self.problems.push(Problem::new(entry.place, format!("{path}.{field}"), message).mend(mend));
            }
        }
    }
}

#[cfg(test)]
mod tests;
