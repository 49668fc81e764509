//! Duties of laws as data: what each asks, in words of our own, and which check says whether the log shows it.

mod check;
mod shipped;
#[cfg(test)]
mod tests;

use std::{collections::BTreeSet, path::Path};

use forethought_policies::{
    Document, FileError, FileKind, Problem,
    packs::{Confidence, Law, Region},
};
use forethought_schemas::DUTIES_SCHEMA;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::ReportError;

pub use check::{Check, RulePattern};

/// The file of duties, in the version that this build reads.
static DUTIES_FILE: FileKind = FileKind {
    name: "file of duties",
    create: "write one after report/duties/eu-ai-act.yaml, checked against duties.schema.json",
    version: 1,
    schema: &DUTIES_SCHEMA,
};

/// The duties of one law, or of laws that belong together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Duties {
    /// The version of the file's format, 1.
    pub version: u32,
    /// Their name.
    pub id: String,
    /// What they are, for people.
    pub title: String,
    /// The law.
    pub law: Law,
    /// The pack whose rules of requests go with them, by its id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pack: Option<String>,
    /// Where the law holds; everywhere where there is none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub regions: Vec<Region>,
    /// When this was last compared with the law.
    pub checked_on: Date,
    /// The duties.
    pub duties: Vec<Duty>,
}

/// One thing that a law asks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Duty {
    /// Its name in the file.
    pub id: String,
    /// What it is about, in a few words.
    pub title: String,
    /// Where the law says so.
    pub article: String,
    /// Where that can be read, where it is not the law's own source.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// What it asks, in plain words of our own.
    pub asks: String,
    /// Since when, or from when on; none for what nobody has to follow.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub in_force_from: Option<Date>,
    /// What has become of it.
    pub status: DutyStatus,
    /// How sure it is that the law says so.
    pub confidence: Confidence,
    /// Functions of the NIST AI RMF, or other words to find it by.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// What says whether the log shows it.
    pub check: Check,
    /// What no log can show of it, in one sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub leaves_open: Option<String>,
}

/// What has become of a duty.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DutyStatus {
    /// It is law; from which day on says [`Duty::in_force_from`].
    Law,
    /// It is law, and a court has stayed its enforcement.
    Stayed,
    /// Nobody has to follow it.
    Voluntary,
}

impl Duties {
    /// The names of those that ship with the program.
    pub fn shipped() -> impl Iterator<Item = &'static str> {
        shipped::SHIPPED.iter().map(|(name, _)| *name)
    }

    /// Those that ship under a name, or those of a file: what holds a `/` or ends in `.yaml`.
    ///
    /// # Errors
    /// [`ReportError::UnknownDuties`]; [`ReportError::File`] with everything that is wrong, each with its place.
    pub fn load(name: &str) -> Result<Self, ReportError> {
        let path = Path::new(name);
        if name.contains('/') || path.extension().is_some_and(|extension| extension == "yaml" || extension == "yml") {
            return Ok(Self::read(&Document::load(path, &DUTIES_FILE)?)?);
        }
        let shipped = shipped::SHIPPED.iter().find(|(shipped, _)| *shipped == name);
        let (name, text) = shipped.ok_or_else(|| {
            let known = Self::shipped().collect::<Vec<_>>().join(", ");
            ReportError::UnknownDuties { name: name.to_owned(), known }
        })?;
        Ok(Self::parse(Path::new(&format!("report/duties/{name}.yaml")), text.as_bytes())?)
    }

    /// All of these, each once.
    ///
    /// # Errors
    /// As [`Duties::load`], and [`ReportError::Twice`].
    pub fn load_all<'n>(names: impl IntoIterator<Item = &'n str>) -> Result<Vec<Self>, ReportError> {
        let mut seen = BTreeSet::new();
        let all = names.into_iter().map(Self::load).collect::<Result<Vec<_>, _>>()?;
        match all.iter().find(|duties| !seen.insert(duties.id.clone())) {
            Some(twice) => Err(ReportError::Twice { id: twice.id.clone() }),
            None => Ok(all),
        }
    }

    /// Reads the bytes of a file; `file` only names it in errors.
    ///
    /// # Errors
    /// [`FileError`] with everything that is wrong, each with its place and the mend.
    pub fn parse(file: &Path, bytes: &[u8]) -> Result<Self, FileError> {
        Self::read(&Document::parse(file, bytes, &DUTIES_FILE)?)
    }

    fn read(document: &Document) -> Result<Self, FileError> {
        let duties: Self = document.read(Vec::new())?;
        let problems = duties.problems(document);
        if problems.is_empty() { Ok(duties) } else { Err(document.refuse(problems)) }
    }

    /// What the schema cannot say.
    fn problems(&self, document: &Document) -> Vec<Problem> {
        let mut seen = BTreeSet::new();
        let mut problems = Vec::new();
        for (at, duty) in self.duties.iter().enumerate() {
            if !seen.insert(&duty.id) {
                let told = format!("the duty `{}` is there twice", duty.id);
                problems.push(document.problem(&format!("/duties/{at}/id"), told, "give one of them another id"));
            }
            if duty.status == DutyStatus::Law && duty.in_force_from.is_none() {
                let told = "a duty of law needs the day from which on it is in force";
                let mend = "add `in_force_from`, or say `status: voluntary`";
                problems.push(document.problem(&format!("/duties/{at}"), told, mend));
            }
        }
        problems
    }

    /// Where a duty can be read.
    #[must_use]
    pub fn source_of<'d>(&'d self, duty: &'d Duty) -> &'d str {
        duty.source.as_deref().unwrap_or(&self.law.source)
    }
}
