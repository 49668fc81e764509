//! A whole policy: read from bytes, checked, and indexed for the questions that requests ask.

mod reading;

use std::{
    collections::{BTreeMap, HashMap},
    path::Path,
    sync::Arc,
};

use forethought_authorization::{Layers, Rules};
use forethought_schemas::POLICY_SCHEMA;
use serde::Deserialize;
use serde_json::Value;

use crate::{
    diff::{Change, changes},
    document::{FileKind, read},
    packs::{Effect, Judgement, Packs, Rule, Screening},
    problem::FileError,
    purposes::{Purposes, ReadAssessment, Reader},
    quota::Price,
    screens::{ScreenRules, Screens},
    tenant::{Key, Limits, Scope, Tenant},
    tools::ToolRules,
    webhooks::Webhook,
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
    /// Which tools models may call, for everybody.
    pub(crate) tools: ToolRules,
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

#[cfg(test)]
mod tests;
