//! Rules of whole texts in a policy file: checked at their places, with the schemas of contracts that stand in files of their own.

use std::{fs::File, io::Read as _, path::Path};

use forethought_safeguards::{Rules, classifier::Target, whole::ClassifierRule};
use serde_json::Value;

use crate::{
    Policy,
    document::Document,
    packs::Judgement,
    problem::{FileError, Problem},
    screens::ScreenRules,
};

/// More bytes than the file of a contract's schema may have.
const MAX_BYTES: u64 = 1 << 20;

/// Both sides, by their keys.
const SIDES: [(&str, Target); 2] = [("input", Target::Input), ("output", Target::Output)];

/// Where a document may have safeguards: at the tenants, and for everybody.
pub(crate) fn owners(value: &Value) -> Vec<String> {
    let tenants = value.get("tenants").and_then(Value::as_array).map_or(0, Vec::len);
    (0..tenants).map(|at| format!("/tenants/{at}")).chain([String::new()]).collect()
}

/// Everything that is wrong with the rules at `<owner>/safeguards`. What does not even have the form of rules is told by the
/// schema.
pub(crate) fn problems(document: &Document, value: &Value, owner: &str) -> Vec<Problem> {
    let side = |(name, target): (&str, Target)| {
        let at = format!("{owner}/safeguards/{name}");
        let flaws = read(value, &at).map(|rules| rules.whole().flaws(target)).unwrap_or_default();
        let problem = |flaw: forethought_safeguards::whole::Flaw| {
            document.problem(&format!("{at}{}", flaw.pointer), flaw.told, flaw.mend)
        };
        flaws.into_iter().map(problem).collect::<Vec<_>>()
    };
    SIDES.into_iter().flat_map(side).collect()
}

/// Names that a tenant gives although they stand for everybody already: a record could not tell the two apart.
pub(crate) fn shadowed(document: &Document, value: &Value) -> Vec<Problem> {
    let mut problems = Vec::new();
    for owner in owners(value).iter().filter(|owner| !owner.is_empty()) {
        for (list, (side, _)) in ["topics", "classifiers"].into_iter().flat_map(|list| SIDES.map(|side| (list, side))) {
            let at = format!("/safeguards/{side}/{list}");
            let floor = ids(value, &at);
            let own = ids(value, &format!("{owner}{at}"));
            for (index, id) in own.iter().enumerate().filter(|(_, id)| id.is_some() && floor.contains(id)) {
                let told = format!("the id `{}` stands for everybody already", id.unwrap_or_default());
                problems.push(document.problem(&format!("{owner}{at}/{index}/id"), told, "give it another"));
            }
        }
    }
    problems
}

fn ids<'v>(value: &'v Value, at: &str) -> Vec<Option<&'v str>> {
    let list = value.pointer(at).and_then(Value::as_array).into_iter().flatten();
    list.map(|item| item.get("id").and_then(Value::as_str)).collect()
}

fn read(value: &Value, at: &str) -> Option<Rules> {
    serde_json::from_value(value.pointer(at)?.clone()).ok()
}

/// Puts the schemas that contracts have in files of their own into the rules, and gives their bytes: they decide, too.
///
/// # Errors
/// What is wrong with a file, as a text, and the mend.
pub(crate) fn load(screens: &mut ScreenRules, folder: &Path) -> Result<Vec<u8>, (String, &'static str)> {
    let Some(contract) = &mut screens.output.contract else { return Ok(Vec::new()) };
    let Some(file) = &contract.file else { return Ok(Vec::new()) };
    let path = folder.join(file);
    let bytes = bytes(&path)?;
    let schema: Value = serde_json::from_slice(&bytes)
        .map_err(|error| (format!("the schema {} is no JSON: {error}", path.display()), "correct the file"))?;
    contract.schema = Some(schema);
    // With the file's name away, the rules are looked at as if the schema stood in them.
    let named = contract.file.take();
    let flaw = screens.output.whole().flaws(Target::Output).into_iter().find(|flaw| flaw.pointer == "/contract/schema");
    if let Some(contract) = &mut screens.output.contract {
        contract.file = named;
    }
    match flaw {
        Some(flaw) => Err((format!("the schema {}: {}", path.display(), flaw.told), "correct the file")),
        None => Ok(bytes),
    }
}

fn bytes(path: &Path) -> Result<Vec<u8>, (String, &'static str)> {
    let unread = |error: std::io::Error| {
        let told = format!("the schema {} cannot be read: {error}", path.display());
        (told, "give the path of a file, relative to this one")
    };
    let mut bytes = Vec::new();
    File::open(path).map_err(unread)?.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(unread)?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err((format!("the schema {} has more than {MAX_BYTES} bytes", path.display()), "shorten it"));
    }
    Ok(bytes)
}

/// The files of contracts that a policy names.
pub(crate) fn files(value: &Value) -> Vec<(String, &str)> {
    let at = owners(value).into_iter().map(|owner| format!("{owner}/safeguards/output/contract/file"));
    at.filter_map(|at| value.pointer(&at)?.as_str().map(|file| (at, file))).collect()
}

impl Policy {
    /// Every classifier that the policy asks, of everybody's rules, tenants' and laws', with its place in the file.
    fn classifiers(&self) -> Vec<(String, &ClassifierRule)> {
        let sides = self.all_screens().into_iter().flat_map(|(at, screens)| {
            [("input", &screens.input), ("output", &screens.output)].map(|(side, rules)| (at.clone(), side, rules))
        });
        let placed = sides.flat_map(|(at, side, rules)| {
            // What stands in a pack has no line in this file.
            let in_pack = at.starts_with("/packs");
            let place = move |index: usize| {
                if in_pack { at.clone() } else { format!("{at}/safeguards/{side}/classifiers/{index}/model") }
            };
            rules.classifiers.iter().enumerate().map(move |(index, rule)| (place(index), rule))
        });
        placed.collect()
    }

    /// Checks that every model that classifiers are asked through will do. `unfit` says what is wrong with one, and the mend.
    /// `file` names the policy in errors.
    ///
    /// # Errors
    /// [`FileError::Invalid`] with everything that `unfit` told, at its places.
    pub fn check_classifiers(
        &self,
        file: &Path,
        unfit: impl Fn(&ClassifierRule) -> Option<(String, String)>,
    ) -> Result<(), FileError> {
        let found = self.classifiers().into_iter().filter_map(|(at, rule)| Some((at, unfit(rule)?)));
        let found: Vec<(String, (String, String))> = found.collect();
        if found.is_empty() {
            return Ok(());
        }
        let document = Document::parse(file, self.text().as_bytes(), &crate::policy::POLICY_FILE)?;
        let problems = found.into_iter().map(|(at, (told, mend))| document.problem(&at, told, mend));
        Err(document.refuse(problems.collect()))
    }

    /// The names of classifiers that would judge a tenant's requests, as `policy test` tells them: it asks none.
    pub(crate) fn classifiers_of(&self, tenant: &str, judgement: &Judgement) -> Vec<String> {
        let screens = self.screens_with(tenant, judgement);
        let all = screens.whole.classifiers().iter().chain(screens.answers.classifiers());
        let mut names: Vec<String> = all.map(|rule| rule.id.clone()).collect();
        names.sort();
        names.dedup();
        names
    }
}
