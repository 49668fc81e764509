//! A whole policy: read from bytes, checked, and indexed for the questions that requests ask.

use std::{
    collections::HashMap,
    fs,
    io::{self, Read as _},
    path::Path,
    sync::Arc,
};

use serde::Deserialize;
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::{
    explain::violations,
    problem::{Place, PolicyError, Problem},
    tenant::{Key, Tenant},
    yaml::{self, Node, Step, path_text},
};

/// The version of the file's format that this build reads and writes.
pub(crate) const FORMAT_VERSION: i64 = 1;
/// More bytes than the largest valid policy needs.
const MAX_BYTES: u64 = 64 << 20;
/// Findings listed for one file; more would not be read.
const MAX_PROBLEMS: usize = 100;

/// A valid policy, never changed after it was read.
#[derive(Debug)]
pub struct Policy {
    tenants: HashMap<String, Arc<Tenant>>,
    /// The tenant id by key id.
    keys: HashMap<String, String>,
    digest: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    #[serde(rename = "version")]
    _version: i64,
    tenants: Vec<Tenant>,
}

impl Policy {
    /// Reads and checks a policy file.
    ///
    /// # Errors
    /// [`PolicyError`]: the file is missing, cannot be read, is too large, or is wrong in ways that are all listed.
    pub fn load(file: &Path) -> Result<Self, PolicyError> {
        Self::parse(file, &read(file)?)
    }

    /// Checks the bytes of a policy file; `file` only names it in errors.
    ///
    /// # Errors
    /// As [`Policy::load`].
    pub fn parse(file: &Path, bytes: &[u8]) -> Result<Self, PolicyError> {
        let text = utf8(file, bytes)?;
        let tree = yaml::parse(text).map_err(|problems| invalid(file, problems))?;
        let document = check(&tree).map_err(|problems| invalid(file, problems))?;
        let mut policy = Self { tenants: HashMap::new(), keys: HashMap::new(), digest: digest(bytes) };
        for tenant in document.tenants {
            let ids = tenant.keys.iter().map(|key| (key.id.clone(), tenant.id.clone()));
            policy.keys.extend(ids);
            policy.tenants.insert(tenant.id.clone(), Arc::new(tenant));
        }
        Ok(policy)
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

/// The file's bytes, up to [`MAX_BYTES`].
pub(crate) fn read(file: &Path) -> Result<Vec<u8>, PolicyError> {
    let unreadable = |source: io::Error| match source.kind() {
        io::ErrorKind::NotFound => PolicyError::Missing { file: file.to_owned() },
        _ => PolicyError::Unreadable { file: file.to_owned(), source },
    };
    let mut bytes = Vec::new();
    let opened = fs::File::open(file).map_err(unreadable)?;
    opened.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if u64::try_from(bytes.len()).is_ok_and(|length| length <= MAX_BYTES) {
        Ok(bytes)
    } else {
        Err(PolicyError::TooLarge { file: file.to_owned(), limit: MAX_BYTES })
    }
}

/// The text of a file, or where the first byte stands that is no UTF-8.
pub(crate) fn utf8<'b>(file: &Path, bytes: &'b [u8]) -> Result<&'b str, PolicyError> {
    std::str::from_utf8(bytes).map_err(|error| {
        let (good, bad) = bytes.split_at(error.valid_up_to());
        let good = String::from_utf8_lossy(good);
        let last_line = good.rsplit('\n').next().unwrap_or_default();
        let place = Place { line: good.matches('\n').count() + 1, column: last_line.chars().count() + 1 };
        PolicyError::NotUtf8 { file: file.to_owned(), place, byte: bad.first().copied().unwrap_or_default() }
    })
}

pub(crate) fn invalid(file: &Path, mut problems: Vec<Problem>) -> PolicyError {
    problems.sort_by(|a, b| a.place.cmp(&b.place).then_with(|| a.path.cmp(&b.path)));
    problems.truncate(MAX_PROBLEMS);
    PolicyError::Invalid { file: file.to_owned(), problems }
}

fn digest(bytes: &[u8]) -> String {
    format!("sha256:{}", hex::encode(Sha256::digest(bytes)))
}

/// Everything that is wrong with a tree as a policy.
fn check(tree: &Node) -> Result<Document, Vec<Problem>> {
    let value = tree.to_json();
    if let Some(problem) = newer(tree, &value) {
        return Err(vec![problem]);
    }
    let mut problems = violations(tree, &value);
    problems.extend(duplicates(tree));
    if !problems.is_empty() {
        return Err(problems);
    }
    // The schema and the types are written apart; what one of them lets through, the other still refuses.
    serde_json::from_value(value).map_err(|error| {
        let told = format!("the file passes the schema but cannot be read: {error}");
        vec![Problem::new(tree.place, "", told).mend("correct this value")]
    })
}

/// A file of a later version has keys that are not known here: one finding says more than one for each key.
fn newer(tree: &Node, value: &Value) -> Option<Problem> {
    let version = value.get("version")?.as_i64().filter(|version| *version > FORMAT_VERSION)?;
    let steps = [Step::Key("version".to_owned())];
    let told = format!("version {version} was written by a newer version of forethought");
    let mend = format!("upgrade this installation, or restore the file of version {FORMAT_VERSION}");
    Some(Problem::new(tree.place_of(&steps), path_text(&steps), told).mend(mend))
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
