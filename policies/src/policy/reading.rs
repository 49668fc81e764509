//! A policy is read from the bytes of its file, with the files that it names, and everything wrong is found at once.

use std::{
    collections::{BTreeMap, HashMap},
    path::Path,
    sync::Arc,
};

use forethought_authorization::Rules;
use forethought_webhooks::Hook;
use serde::Deserialize;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::{ModelRules, POLICY_FILE, Policy, ReviewRules};
use crate::{
    authorization,
    document::Document,
    facts,
    packs::{PackChoice, Packs},
    problem::{FileError, Place, Problem},
    purposes::{self, PurposeRule, Purposes, Reader, Undeclared},
    quota::Price,
    screens::{self, ScreenRules, Screens},
    tenant::Tenant,
    tools::{self, ToolRules},
    webhooks, whole,
    yaml::Node,
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Contents {
    #[serde(rename = "version")]
    _version: i64,
    #[serde(default)]
    safeguards: ScreenRules,
    #[serde(default)]
    authorization: Option<String>,
    #[serde(default)]
    tools: ToolRules,
    #[serde(default)]
    packs: Vec<PackChoice>,
    #[serde(default)]
    purposes: BTreeMap<String, PurposeRule>,
    #[serde(default)]
    undeclared_purpose: Undeclared,
    #[serde(default)]
    review: ReviewRules,
    #[serde(default)]
    webhooks: Vec<Hook>,
    #[serde(default)]
    prices: BTreeMap<String, Price>,
    #[serde(default)]
    models: BTreeMap<String, ModelRules>,
    tenants: Vec<Tenant>,
}

impl Policy {
    /// With `known`, no file is named that it does not name.
    pub(super) fn parse_within(
        file: &Path,
        bytes: &[u8],
        reader: Reader,
        known: Option<&Self>,
    ) -> Result<Self, FileError> {
        let document = Document::parse(file, bytes, &POLICY_FILE)?;
        let mut findings = duplicates(&document.tree);
        findings.extend(screens::problems(&document));
        findings.extend(authorization::problems(&document));
        findings.extend(facts_problems(&document));
        findings.extend(retention_problems(&document));
        findings.extend(purposes::problems(&document));
        findings.extend(webhooks::problems(&document));
        findings.extend(tools::problems(&document));
        let mut contents: Contents = document.read(findings)?;
        let strange = known.map(|known| known.strangers(&document, &contents)).unwrap_or_default();
        if !strange.is_empty() {
            return Err(document.refuse(strange));
        }
        let packs = packs(file, &document, &contents.packs)?;
        let schemas = contracts(file, &document, &mut contents)?;
        let folder = file.parent().unwrap_or(Path::new(""));
        let purposes = Purposes::load(
            std::mem::take(&mut contents.purposes),
            contents.undeclared_purpose,
            &document,
            (folder, reader),
        )?;
        let mut policy = Self {
            tenants: HashMap::new(),
            keys: HashMap::new(),
            screens: HashMap::new(),
            safeguards: ScreenRules::default(),
            floor: Screens::of(&[&contents.safeguards]),
            authorization: rules(&document, "/authorization", contents.authorization.as_deref())?,
            authorizations: HashMap::new(),
            tools: contents.tools,
            digest: digest(bytes, &packs, &schemas, &purposes),
            packs: Arc::new(packs),
            purposes: Arc::new(purposes),
            review: contents.review,
            webhooks: webhooks::read(&document, &contents.webhooks, &contents.tenants).into(),
            prices: contents.prices,
            models: contents.models,
            version: 1,
            text: String::from_utf8_lossy(bytes).into_owned(),
            source: document.value(),
        };
        for (at, tenant) in contents.tenants.into_iter().enumerate() {
            let own = rules(&document, &format!("/tenants/{at}/authorization"), tenant.authorization.as_deref())?;
            policy.authorizations.extend(own.map(|own| (tenant.id.clone(), own)));
            let ids = tenant.keys.iter().map(|key| (key.id.clone(), tenant.id.clone()));
            policy.keys.extend(ids);
            if let Some(own) = &tenant.safeguards {
                policy.screens.insert(tenant.id.clone(), Screens::of(&[&contents.safeguards, own]));
            }
            policy.tenants.insert(tenant.id.clone(), Arc::new(tenant));
        }
        policy.safeguards = contents.safeguards;
        Ok(policy)
    }

    /// Files that another policy names and this one does not.
    fn strangers(&self, document: &Document, other: &Contents) -> Vec<Problem> {
        let named = self.source.get("packs").and_then(Value::as_array).into_iter().flatten();
        let named: Vec<&str> = named.filter_map(|choice| choice.get("pack")?.as_str()).collect();
        let is_known = |pack: &str| named.contains(&pack) || Packs::shipped().any(|shipped| shipped == pack);
        let mend = "name it in the policy file first, where the service runs";
        let packs = other.packs.iter().enumerate().filter(|(_, choice)| !is_known(&choice.pack));
        let packs = packs.map(|(at, choice)| {
            let told = format!("the pack `{}` is neither shipped nor named by the policy in force", choice.pack);
            document.problem(&format!("/packs/{at}"), told, mend)
        });
        let known = purposes::paths(&self.source);
        let files = other.purposes.iter().flat_map(|(purpose, rule)| {
            let files = rule.assessment.files.iter().enumerate();
            files.map(move |(at, path)| (format!("/purposes/{purpose}/assessment/files/{at}"), path))
        });
        let files = files.filter(|(_, path)| !known.contains(&path.as_str())).map(|(at, path)| {
            document.problem(&at, format!("the path `{path}` is not named by the policy in force"), mend)
        });
        let (known, value) = (whole::files(&self.source), document.value());
        let schemas = whole::files(&value);
        let is_new = |name: &str| !known.iter().any(|(_, known)| *known == name);
        let schemas = schemas.iter().filter(|(_, name)| is_new(name)).map(|(at, name)| {
            let told = format!("the schema `{name}` is named by no contract of the policy in force");
            document.problem(
                at,
                told,
                "write the schema itself, or name its file in the policy file first, where the service runs",
            )
        });
        packs.chain(files).chain(schemas).collect()
    }
}

/// The checked rules of a text. What is wrong with it was found before, with everything else.
fn rules(document: &Document, pointer: &str, text: Option<&str>) -> Result<Option<Rules>, FileError> {
    let Some(text) = text else { return Ok(None) };
    let read = Rules::parse(text).map_err(|_| document.refuse(authorization::flaws(document, pointer, text)))?;
    Ok(Some(read))
}

/// The packs that a file names, by name or by path.
fn packs(file: &Path, document: &Document, choices: &[PackChoice]) -> Result<Packs, FileError> {
    let folder = file.parent().unwrap_or(Path::new(""));
    Packs::load(choices, folder).map_err(|whole| {
        // Which of them it is, each alone tells; where none does, it is that two are the same.
        let alone = |choice| Packs::load(std::slice::from_ref(choice), folder).err();
        let wrong = choices.iter().enumerate().find_map(|(at, choice)| Some((format!("/packs/{at}"), alone(choice)?)));
        let (at, error) = wrong.unwrap_or_else(|| ("/packs".to_owned(), whole));
        document.refuse(vec![document.problem(&at, error.to_string(), "")])
    })
}

/// Reads the schemas of contracts that stand in files of their own; gives their bytes.
fn contracts(file: &Path, document: &Document, contents: &mut Contents) -> Result<Vec<Vec<u8>>, FileError> {
    let folder = file.parent().unwrap_or(Path::new(""));
    let own = contents.tenants.iter_mut().enumerate();
    let own = own.filter_map(|(at, tenant)| Some((format!("/tenants/{at}"), tenant.safeguards.as_mut()?)));
    let mut schemas = Vec::new();
    for (owner, screens) in own.chain([(String::new(), &mut contents.safeguards)]) {
        let at = format!("{owner}/safeguards/output/contract/file");
        let wrong = |(told, mend)| document.refuse(vec![document.problem(&at, told, mend)]);
        schemas.push(whole::load(screens, folder).map_err(wrong)?);
    }
    schemas.retain(|schema| !schema.is_empty());
    Ok(schemas)
}

/// Words in facts that are not known, at their places.
fn facts_problems(document: &Document) -> Vec<Problem> {
    let value = document.value();
    let tenants = value.get("tenants").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let mut problems = Vec::new();
    for (at, tenant) in tenants.iter().enumerate() {
        let keys = tenant.get("keys").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let of_keys = (0..keys.len()).map(|key| format!("/tenants/{at}/keys/{key}/facts"));
        for pointer in of_keys.chain([format!("/tenants/{at}/facts")]) {
            // What does not even have the form of facts is told by the schema.
            let found = value.pointer(&pointer).and_then(|facts| serde_json::from_value(facts.clone()).ok());
            if let Some(Err(facts::Unread { field, why })) = found.as_ref().map(facts::read) {
                problems.push(document.problem(&format!("{pointer}/{field}"), why, ""));
            }
        }
    }
    problems
}

/// Contents that would have to be there and gone at once.
fn retention_problems(document: &Document) -> Vec<Problem> {
    let value = document.value();
    let tenants = value.get("tenants").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let days = |tenant: &Value, key: &str| tenant.pointer(&format!("/retention/{key}")).and_then(Value::as_u64);
    let wrong = |(at, tenant): (usize, &Value)| {
        let least = days(tenant, "contents_at_least_days")?;
        let most = days(tenant, "contents_at_most_days").filter(|most| *most < least)?;
        let told = format!("contents must stay {least} days, and be gone after {most}");
        Some(document.problem(&format!("/tenants/{at}/retention"), told, "make the second number the larger one"))
    };
    tenants.iter().enumerate().filter_map(wrong).collect()
}

/// Of the file's bytes and of every pack, contract's schema and assessment that it names: what decides, and nothing else.
fn digest(bytes: &[u8], packs: &Packs, schemas: &[Vec<u8>], purposes: &Purposes) -> String {
    let mut digest = Sha256::new_with_prefix(bytes);
    for pack in packs.packs() {
        digest.update(pack.digest());
    }
    for schema in schemas {
        digest.update(Sha256::digest(schema));
    }
    purposes.digests().for_each(|one| digest.update(one));
    format!("sha256:{}", hex::encode(digest.finalize()))
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
