//! A whole policy: read from bytes, checked, and indexed for the questions that requests ask.

use std::{
    collections::{BTreeMap, HashMap},
    path::Path,
    sync::Arc,
};

use forethought_authorization::{Layers, Rules};
use forethought_schemas::POLICY_SCHEMA;
use forethought_webhooks::Hook;
use serde::Deserialize;
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::{
    authorization,
    diff::{Change, changes},
    document::{Document, FileKind, read},
    facts,
    packs::{Effect, Judgement, PackChoice, Packs, Rule, Screening},
    problem::{FileError, Place, Problem},
    purposes::{self, PurposeRule, Purposes, ReadAssessment, Reader, Undeclared},
    quota::Price,
    screens::{self, ScreenRules, Screens},
    tenant::{Key, Limits, Scope, Tenant},
    webhooks::{self, Webhook},
    whole,
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
#[derive(Clone, Debug)]
pub struct Policy {
    tenants: HashMap<String, Arc<Tenant>>,
    /// The tenant id by key id.
    keys: HashMap<String, String>,
    /// The safeguards of tenants that have some of their own, by id.
    screens: HashMap<String, Screens>,
    /// Those of all others.
    floor: Screens,
    /// Who may do what, for everybody.
    authorization: Option<Rules>,
    /// Who may do what, by tenant.
    authorizations: HashMap<String, Rules>,
    /// What holds for everybody, for safeguards that a law adds to.
    safeguards: ScreenRules,
    /// Laws whose rules are kept.
    packs: Arc<Packs>,
    /// What must be shown of a model, by what it is asked for.
    purposes: Arc<Purposes>,
    /// How long answers wait for a person.
    review: ReviewRules,
    /// Who is told of what happens.
    webhooks: Arc<[Webhook]>,
    prices: BTreeMap<String, Price>,
    /// How fast a model may be asked, by all tenants together.
    models: BTreeMap<String, ModelRules>,
    digest: String,
    /// How many policies were in force up to this one.
    version: u64,
    /// The whole file, as it is written.
    text: String,
    /// The same as a value, to be compared with another.
    source: Value,
}

/// How answers wait for a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReviewRules {
    /// How long, in seconds; then they are not given.
    #[serde(default = "usual_review")]
    pub timeout_s: u32,
}

const fn usual_review() -> u32 {
    24 * 60 * 60
}

impl Default for ReviewRules {
    fn default() -> Self {
        Self { timeout_s: usual_review() }
    }
}

/// What holds for a model, whoever asks it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ModelRules {
    /// How fast it may be asked, by all tenants together.
    pub(crate) limits: Limits,
}

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
    /// Reads and checks a policy file. Assessments that it names are not looked into, so none of them is enough for anything.
    ///
    /// # Errors
    /// [`FileError`]: the file is missing, cannot be read, is too large, or is wrong in ways that are all listed.
    pub fn load(file: &Path) -> Result<Self, FileError> {
        Self::parse(file, &read(file, &POLICY_FILE)?)
    }

    /// Reads and checks a policy file, and with `assessments` the assessments that it names.
    ///
    /// # Errors
    /// As [`Policy::load`], and where an assessment is wrong.
    pub fn load_with(file: &Path, assessments: ReadAssessment) -> Result<Self, FileError> {
        Self::parse_for(file, &read(file, &POLICY_FILE)?, Reader(Some(assessments)))
    }

    /// Checks the bytes of a policy file; `file` names it in errors, and packs and assessments are looked for beside it.
    ///
    /// # Errors
    /// As [`Policy::load`].
    pub fn parse(file: &Path, bytes: &[u8]) -> Result<Self, FileError> {
        Self::parse_for(file, bytes, Reader::default())
    }

    pub(crate) fn parse_for(file: &Path, bytes: &[u8], reader: Reader) -> Result<Self, FileError> {
        Self::parse_within(file, bytes, reader, None)
    }

    /// Checks a policy that comes from elsewhere and is to take the place of `known`: of packs it may name those that ship with
    /// the program, and of files those that `known` names. Assessments are read if they are in `known`.
    ///
    /// # Errors
    /// As [`Policy::load_with`].
    pub fn parse_beside(file: &Path, bytes: &[u8], known: &Self) -> Result<Self, FileError> {
        Self::parse_within(file, bytes, known.purposes.reader(), Some(known))
    }

    /// With `known`, no file is named that it does not name.
    fn parse_within(file: &Path, bytes: &[u8], reader: Reader, known: Option<&Self>) -> Result<Self, FileError> {
        let document = Document::parse(file, bytes, &POLICY_FILE)?;
        let mut findings = duplicates(&document.tree);
        findings.extend(screens::problems(&document));
        findings.extend(authorization::problems(&document));
        findings.extend(facts_problems(&document));
        findings.extend(purposes::problems(&document));
        findings.extend(webhooks::problems(&document));
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

    /// The rules of who may do what for a tenant, beside the built-in ones.
    #[must_use]
    pub fn authorization(&self, tenant: &str) -> Layers<'_> {
        Layers { floor: self.authorization.as_ref(), tenant: self.authorizations.get(tenant) }
    }

    /// How fast models may be asked, by all tenants together, by id.
    pub(crate) fn models(&self) -> impl Iterator<Item = (&String, &ModelRules)> {
        self.models.iter()
    }

    /// What another policy says otherwise, a line for each change, sorted by where it stands. Comments, order and layout
    /// are no changes.
    #[must_use]
    pub fn changes_to(&self, other: &Self) -> Vec<Change> {
        let mut changes = changes(&self.source, &other.source);
        changes.extend(self.purposes.changes_to(&other.purposes));
        changes
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

    /// The same policy as the one with this number of those that were in force.
    #[must_use]
    pub fn numbered(self, version: u64) -> Self {
        Self { version, ..self }
    }

    /// How many policies were in force up to this one; 1 unless it was numbered.
    #[must_use]
    pub const fn version(&self) -> u64 {
        self.version
    }

    /// The whole file, as it is written.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The whole file as a value.
    #[must_use]
    pub const fn source(&self) -> &Value {
        &self.source
    }

    /// Who reaches what otherwise under another policy: a key that it adds, changes or lacks, or that stands under another tenant
    /// there, or a tenant with another scope. Told as "the key `k_…`".
    #[must_use]
    pub fn reach_changed_by(&self, other: &Self) -> Option<String> {
        let differs = |id: &&String| {
            let same = |(tenant, key): (&Arc<Tenant>, &Key)| (tenant.id.clone(), key.clone());
            self.key(id).map(same) != other.key(id).map(same)
        };
        let key = self.keys.keys().chain(other.keys.keys()).filter(differs).min();
        let scope =
            |tenant: &&Arc<Tenant>| self.tenant(&tenant.id).map_or(Scope::Tenant, |own| own.scope) != tenant.scope;
        let tenant = other.tenants().into_iter().find(scope);
        key.map(|id| format!("the key `{id}`")).or_else(|| tenant.map(|of| format!("the scope of tenant `{}`", of.id)))
    }

    /// Laws whose rules are kept.
    #[must_use]
    pub fn packs(&self) -> &Packs {
        &self.packs
    }

    /// What must be shown of a model, by what it is asked for.
    #[must_use]
    pub fn purposes(&self) -> &Purposes {
        &self.purposes
    }

    /// The safeguards of a tenant, with what laws add for one request. Making them takes milliseconds.
    pub(crate) fn screens_with(&self, tenant: &str, judgement: &Judgement) -> Screens {
        let own = self.tenants.get(tenant).and_then(|tenant| tenant.safeguards.as_ref());
        let added = judgement.safeguards.iter().filter_map(Screening::screens);
        Screens::of(&[Some(&self.safeguards), own].into_iter().flatten().chain(added).collect::<Vec<_>>())
    }

    /// All rules of safeguards, each with the place in the file of who has them: tenants, everybody, and packs.
    pub(crate) fn all_screens(&self) -> Vec<(String, &ScreenRules)> {
        let listed = self.source.get("tenants").and_then(Value::as_array).into_iter().flatten().enumerate();
        let own = listed.filter_map(|(at, tenant)| {
            let tenant = self.tenants.get(tenant.get("id")?.as_str()?)?;
            Some((format!("/tenants/{at}"), tenant.safeguards.as_ref()?))
        });
        let of_laws = self.packs.rules().flat_map(Rule::effects).filter_map(|effect| match &**effect {
            Effect::Safeguards(screens) => Some(("/packs".to_owned(), screens)),
            _ => None,
        });
        own.chain([(String::new(), &self.safeguards)]).chain(of_laws).collect()
    }

    /// How answers wait for a person.
    #[must_use]
    pub const fn review(&self) -> ReviewRules {
        self.review
    }

    /// Who is told of what happens, the webhooks of the installation first.
    #[must_use]
    pub fn webhooks(&self) -> &[Webhook] {
        &self.webhooks
    }

    /// What holds for a model, whoever asks it.
    pub(crate) fn model(&self, model: &str) -> Option<&ModelRules> {
        self.models.get(model)
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

    /// The SHA-256 of the file's bytes, and of the digests of its packs and assessments if there are some,
    /// `sha256:<64 hexadecimal digits>`: which rules were in force, for audit records.
    #[must_use]
    pub fn digest(&self) -> &str {
        &self.digest
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

#[cfg(test)]
mod tests;
