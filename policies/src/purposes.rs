//! Purposes whose answers decide about people: what must be shown of a model before it is asked for one of them.
//!
//! The policy file says what is demanded ([`AssessmentRule`]) and where the evidence lies. Whoever knows the format of
//! assessments reads it ([`ReadAssessment`]) and holds it against demands ([`Assessed`]): this crate only asks. Where nobody
//! reads it, nothing is met.

mod assessed;
mod evidence;
mod explain;
mod licence;
mod rule;

use std::{collections::BTreeMap, fmt, path::Path};

use jiff::Timestamp;
use serde_json::Value;

pub use assessed::{About, Asked, Assessed, Demand, ReadAssessment, Shortfall};
pub use explain::{OnFile, PurposeExplained};
pub use licence::{ASSESSMENT_REQUIRED, Licence, PURPOSE_REQUIRED, Unlicensed};
pub use rule::{AssessmentLimits, AssessmentRule, Otherwise, Undeclared};

pub(crate) use rule::{PurposeRule, problems};

use self::evidence::Evidence;
use crate::{diff::Change, document::Document, problem::FileError};

/// What a policy demands by purpose, with the evidence that was there when it was read.
#[derive(Clone, Debug, Default)]
pub struct Purposes {
    rules: BTreeMap<String, Consequential>,
    undeclared: Undeclared,
    reader: Reader,
}

/// One purpose that is consequential.
#[derive(Clone, Debug)]
struct Consequential {
    rule: AssessmentRule,
    /// In the order of their names.
    evidence: Vec<Evidence>,
}

/// Who reads assessments, if anybody does.
#[derive(Clone, Copy, Default)]
pub(crate) struct Reader(pub(crate) Option<ReadAssessment>);

impl fmt::Debug for Reader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Reader" } else { "no Reader" })
    }
}

impl Purposes {
    /// Reads the evidence that rules name; a path is taken from `folder`.
    pub(crate) fn load(
        rules: BTreeMap<String, PurposeRule>,
        undeclared: Undeclared,
        document: &Document,
        (folder, reader): (&Path, Reader),
    ) -> Result<Self, FileError> {
        let (mut read, mut problems) = (BTreeMap::new(), Vec::new());
        for (purpose, PurposeRule { assessment: rule }) in rules {
            let mut evidence = Vec::new();
            for (at, path) in rule.files.iter().enumerate() {
                match evidence::read(folder, path, reader) {
                    Ok(found) => evidence.extend(found),
                    Err(wrong) => {
                        let place = format!("/purposes/{purpose}/assessment/files/{at}");
                        problems.extend(wrong.into_iter().map(|(told, mend)| document.problem(&place, told, mend)));
                    }
                }
            }
            read.insert(purpose, Consequential { rule, evidence });
        }
        if problems.is_empty() { Ok(Self { rules: read, undeclared, reader }) } else { Err(document.refuse(problems)) }
    }

    pub(crate) const fn reader(&self) -> Reader {
        self.reader
    }

    /// What is demanded for each purpose that is consequential, by purpose.
    pub fn rules(&self) -> impl Iterator<Item = (&str, &AssessmentRule)> {
        self.rules.iter().map(|(purpose, consequential)| (purpose.as_str(), &consequential.rule))
    }

    /// What becomes of requests that say no purpose.
    #[must_use]
    pub const fn undeclared(&self) -> Undeclared {
        self.undeclared
    }

    /// Whether a request may be answered, by what it is for and what is asked at a time.
    #[must_use]
    pub fn licence(&self, purpose: Option<&str>, asked: &Asked<'_>, at: Timestamp) -> Licence {
        let Some(purpose) = purpose else { return Licence::undeclared(self.undeclared) };
        let Some(Consequential { rule, evidence }) = self.rules.get(purpose) else { return Licence::Free };
        let demand = rule.demand(*asked, at);
        let met = evidence.iter().filter_map(Evidence::assessed).find(|one| one.meets(&demand).is_ok());
        match met {
            Some(one) => Licence::Met { purpose: purpose.to_owned(), assessment: one.digest().to_owned() },
            None => Licence::unmet(purpose, rule, asked, self.nearest(purpose, &demand)),
        }
    }

    /// Why the assessment that is nearest to a demand does not meet it.
    fn nearest(&self, purpose: &str, demand: &Demand<'_>) -> Option<String> {
        let evidence = self.rules.get(purpose)?.evidence.iter();
        let short = evidence.filter_map(|one| one.assessed()?.meets(demand).err());
        short.max_by_key(|short| short.nearness).map(|short| short.why)
    }

    /// What every assessment adds to the digest of a policy: which were there decides, as rules do.
    pub(crate) fn digests(&self) -> impl Iterator<Item = String> {
        let each = |(purpose, consequential): (&String, &Consequential)| {
            let of = |one: &Evidence| format!("assessment:{purpose}:{}", one.sum());
            consequential.evidence.iter().map(of).collect::<Vec<_>>()
        };
        self.rules.iter().flat_map(each)
    }

    /// Assessments as they were read, with their digests; none where nobody reads them.
    pub(crate) fn kept(&self) -> impl Iterator<Item = (&str, &[u8])> {
        let all = self.rules.values().flat_map(|consequential| &consequential.evidence);
        all.filter_map(|one| Some((one.assessed()?.digest(), one.bytes())))
    }

    /// Assessments that one of two policies has and the other has not.
    pub(crate) fn changes_to(&self, other: &Self) -> Vec<Change> {
        let (before, after) = (self.named(), other.named());
        let names = before.keys().chain(after.keys().filter(|name| !before.contains_key(*name)));
        let change = |name: &String| {
            let (before, after) = (before.get(name).cloned(), after.get(name).cloned());
            (before != after).then(|| Change { path: name.clone(), before, after })
        };
        names.filter_map(change).collect()
    }

    /// The digest of each file, by where it stands.
    fn named(&self) -> BTreeMap<String, String> {
        let each = |(purpose, consequential): (&String, &Consequential)| {
            let of = |one: &Evidence| (format!("purposes.{purpose}.assessment[{}]", one.file()), one.told());
            consequential.evidence.iter().map(of).collect::<Vec<_>>()
        };
        self.rules.iter().flat_map(each).collect()
    }
}

/// The paths of evidence that a policy names, as they are written.
pub(crate) fn paths(source: &Value) -> Vec<&str> {
    let rules = source.get("purposes").and_then(Value::as_object).into_iter().flatten();
    let files = rules.filter_map(|(_, rule)| rule.pointer("/assessment/files")?.as_array()).flatten();
    files.filter_map(Value::as_str).collect()
}

#[cfg(test)]
mod tests;
