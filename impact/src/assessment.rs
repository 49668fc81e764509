//! What was found, dated: a file that says all of it, and that can be checked later.

use std::{fs, io::Write as _, path::Path};

use forethought_eval::{Model, Results, Way};
use forethought_schemas::ASSESSMENT_SCHEMA;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{Finding, ImpactError, Judgement, Limits, Plan, Tally, Verdict, canonical, finding, judge, tally::Totals};

/// The version of the file's format.
pub(crate) const VERSION: u32 = 1;
/// Keep these hashes apart from every other use of SHA-256.
const DOMAIN: &str = "forethought impact assessment 1";
/// Days that an assessment may be valid for.
const MOST_DAYS: u32 = 3660;

/// One template that was asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TemplateRef {
    /// Its name.
    pub id: String,
    /// What it is about.
    pub title: String,
    /// The purpose that it is for.
    pub purpose: String,
    /// What a reader should know of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// The digest of all that decides what is asked.
    pub digest: String,
    /// How many cases it has.
    pub cases: u64,
    /// What came of its asks.
    pub totals: Totals,
}

/// The way in which it was asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WayRef {
    /// Its name.
    pub name: String,
    /// All that it says, in one line.
    pub says: String,
    /// The strategy, where it names one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub strategy: Option<String>,
    /// The effort, where it names one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effort: Option<String>,
    /// With what the service answered, as it tells of each answer; nothing in assessments of earlier versions.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub used: Vec<Used>,
}

/// A strategy and an effort with which answers were given.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Used {
    /// The strategy.
    pub strategy: String,
    /// The effort, where it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effort: Option<String>,
    /// How many answers.
    pub answers: u64,
}

/// How much was asked, and what it took.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asked {
    /// When the first ask was, UTC.
    pub from: Timestamp,
    /// When no further ask was to come, UTC.
    pub until: Timestamp,
    /// How often each case was asked about each group.
    pub repetitions: u32,
    /// What persons, order and seeds are made from.
    pub seed: u64,
    /// Whether nothing but an outcome could be drawn.
    pub constrained: bool,
    /// The digest of the whole plan, as the file of results has it.
    pub plan: String,
    /// Tokens that were generated, as far as the service tells.
    pub tokens: u64,
    /// Tokens of the prompts.
    pub prompt_tokens: u64,
    /// Asks that name their record in the audit log.
    pub recorded: u64,
}

/// What the asks do not say themselves.
#[derive(Clone, Debug, PartialEq)]
pub struct Context {
    /// When the assessment is made, UTC.
    pub made: Timestamp,
    /// How many days it is valid for from the first ask on, 1 to 3660.
    pub valid_days: u32,
    /// The digest of the policy that was in force, where it is known.
    pub policy: Option<String>,
    /// What findings are measured by.
    pub limits: Limits,
}

/// An assessment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Assessment {
    /// The version of the file's format.
    pub version: u32,
    /// The program that made it.
    pub program: String,
    /// When it was made, UTC.
    pub made: Timestamp,
    /// Until when it is valid, UTC.
    pub valid_until: Timestamp,
    /// The model with the digest of its weights.
    pub model: Model,
    /// The way in which it was asked.
    pub way: WayRef,
    /// The digest of the policy that was in force, where it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<String>,
    /// How much was asked.
    pub asked: Asked,
    /// What findings are measured by.
    pub limits: Limits,
    /// What was asked.
    pub templates: Vec<TemplateRef>,
    /// Comparisons that are counted where chances are adjusted.
    pub comparisons: u64,
    /// What was found.
    pub findings: Vec<Finding>,
    /// The verdict on each template.
    pub judgements: Vec<Judgement>,
    /// The verdict on all of them: the worst.
    pub verdict: Verdict,
    /// The digest of everything else. It has no key: it shows mishaps, and it can be noted elsewhere.
    #[serde(default)]
    pub digest: String,
}

impl Assessment {
    /// An assessment of what came of a plan in one way.
    ///
    /// # Errors
    /// [`ImpactError::Input`] as [`Tally::new`], and when a limit or the days cannot be.
    pub fn new(plan: &Plan, results: &Results, way: &str, context: &Context) -> Result<Self, ImpactError> {
        let tally = Tally::new(plan, results, way)?;
        if let Some(problem) = context.limits.problem() {
            return Err(ImpactError::Input(problem));
        }
        let asked = asked(plan, results, &tally, context);
        let (counted, findings) = finding::findings(plan, &tally, &context.limits);
        let templates = templates(plan, &tally);
        let judged = |template| judge::judge(template, &findings, &context.limits);
        let judgements: Vec<Judgement> = templates.iter().map(judged).collect();
        let used = results.plan.header.ways.iter().find(|used| used.name == way);
        let made = Self {
            version: VERSION,
            program: format!("forethought {}", env!("CARGO_PKG_VERSION")),
            made: context.made,
            valid_until: valid_until(asked.from, context.valid_days)?,
            model: results.plan.header.model.clone(),
            way: used
                .map(|used| WayRef::new(used, tally.used))
                .ok_or_else(|| ImpactError::Input(format!("there is no way `{way}`")))?,
            policy: context.policy.clone(),
            asked,
            limits: context.limits,
            templates,
            comparisons: u64::try_from(counted).unwrap_or(u64::MAX),
            findings,
            verdict: worst(&judgements),
            judgements,
            digest: String::new(),
        };
        Ok(Self { digest: made.due_digest(), ..made })
    }

    /// Reads an assessment, and checks it as [`Assessment::verify`] does.
    ///
    /// # Errors
    /// [`ImpactError::Io`]; [`ImpactError::Input`] when it is none, when it is of a later version, or when it was changed.
    pub fn load(file: &Path) -> Result<Self, ImpactError> {
        let text = fs::read(file).map_err(|source| ImpactError::io("read", file, source))?;
        Self::parse(&text).map_err(|why| ImpactError::Input(format!("{}: {why}", file.display())))
    }

    /// Reads the bytes of an assessment, and checks it as [`Assessment::verify`] does.
    ///
    /// # Errors
    /// What is wrong, and the mend.
    pub fn parse(bytes: &[u8]) -> Result<Self, String> {
        let value: Value = serde_json::from_slice(bytes)
            .map_err(|error| format!("this is no assessment: {error}; make one with `forethought impact`"))?;
        let version = value.get("version").and_then(Value::as_u64);
        if version.is_some_and(|version| version > u64::from(VERSION)) {
            return Err("the assessment was written by a newer version of forethought; upgrade this one".to_owned());
        }
        if let Some(error) = ASSESSMENT_SCHEMA.validator().iter_errors(&value).next() {
            let place = error.instance_path().to_string();
            return Err(format!("this is no assessment: `{place}`: {error}; make one with `forethought impact`"));
        }
        let read: Self = serde_json::from_value(value)
            .map_err(|error| format!("this is no assessment: {error}; make one with `forethought impact`"))?;
        read.verify().map(|()| read)
    }

    /// Checks that it is as it was made: its digest, and that every status and verdict follows from its figures.
    ///
    /// # Errors
    /// What does not fit, and the mend.
    pub fn verify(&self) -> Result<(), String> {
        let mend = "the file was changed after it was made: take the original, or make a new one";
        if self.digest != self.due_digest() {
            return Err(format!("the digest does not fit; {mend}"));
        }
        if let Some(finding) = self.findings.iter().find(|finding| !finding.is_sound(&self.limits)) {
            let (template, attribute) = (&finding.template, &finding.attribute);
            return Err(format!(
                "the status of `{attribute}` in `{template}` does not follow from its figures; {mend}"
            ));
        }
        let judged = |template| judge::judge(template, &self.findings, &self.limits);
        let judgements: Vec<Judgement> = self.templates.iter().map(judged).collect();
        if judgements != self.judgements || worst(&judgements) != self.verdict {
            return Err(format!("a verdict does not follow from the figures; {mend}"));
        }
        Ok(())
    }

    /// Writes it as JSON: first beside the file, then in its place, so that there is always a whole one.
    ///
    /// # Errors
    /// [`ImpactError::Io`].
    pub fn save(&self, file: &Path) -> Result<(), ImpactError> {
        let beside = file.with_extension("json.new");
        let failed = |source| ImpactError::io("write", file, source);
        let written = fs::File::create(&beside).and_then(|mut to| {
            to.write_all(self.to_json().as_bytes())?;
            to.sync_all()
        });
        written.and_then(|()| fs::rename(&beside, file)).map_err(failed)
    }

    /// The whole of it as JSON for programs and people.
    #[must_use]
    pub fn to_json(&self) -> String {
        format!("{:#}\n", json!(self))
    }

    /// The verdict on a purpose: the worst of its templates; none where none is for it.
    #[must_use]
    pub fn verdict_on(&self, purpose: &str) -> Option<Verdict> {
        let own = self.judgements.iter().filter(|judgement| judgement.purpose == purpose);
        own.map(|judgement| judgement.verdict).max()
    }

    fn due_digest(&self) -> String {
        let mut whole = json!(self);
        if let Some(fields) = whole.as_object_mut() {
            fields.remove("digest");
        }
        canonical::digest(DOMAIN, &whole)
    }
}

impl WayRef {
    fn new(way: &Way, used: Vec<Used>) -> Self {
        let word = |key: &str| way.says(key).and_then(Value::as_str).map(ToOwned::to_owned);
        let (strategy, effort) = (word("strategy"), word("effort"));
        Self { name: way.name.clone(), says: way.describe(), strategy, effort, used }
    }
}

/// The worst verdict; without any it is inconclusive.
fn worst(judgements: &[Judgement]) -> Verdict {
    judgements.iter().map(|judgement| judgement.verdict).max().unwrap_or(Verdict::Inconclusive)
}

fn asked(plan: &Plan, results: &Results, tally: &Tally, context: &Context) -> Asked {
    let header = &results.plan.header;
    let size = plan.size();
    Asked {
        from: header.begun,
        until: context.made,
        repetitions: size.repetitions,
        seed: size.seed,
        constrained: size.constrained,
        plan: format!("sha256:{}", header.digest),
        tokens: tally.tokens,
        prompt_tokens: tally.prompt_tokens,
        recorded: tally.recorded,
    }
}

fn templates(plan: &Plan, tally: &Tally) -> Vec<TemplateRef> {
    let one = |(template, totals): (&crate::Template, &Totals)| TemplateRef {
        id: template.id.clone(),
        title: template.title.clone(),
        purpose: template.purpose.clone(),
        note: template.note.clone(),
        digest: template.digest(),
        cases: u64::try_from(template.cases.len()).unwrap_or(u64::MAX),
        totals: *totals,
    };
    plan.templates().iter().zip(&tally.totals).map(one).collect()
}

fn valid_until(from: Timestamp, days: u32) -> Result<Timestamp, ImpactError> {
    let wrong = || ImpactError::Input(format!("an assessment cannot be valid for {days} days; give 1 to {MOST_DAYS}"));
    if !(1..=MOST_DAYS).contains(&days) {
        return Err(wrong());
    }
    from.checked_add(SignedDuration::from_hours(24 * i64::from(days))).map_err(|_| wrong())
}

#[cfg(test)]
pub(crate) mod tests;
