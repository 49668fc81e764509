//! What a policy demands for a purpose, and what is on file for it, for people.

use std::fmt;

use jiff::Timestamp;
use serde::Serialize;

use super::{About, Asked, AssessmentRule, Consequential, Purposes, evidence::Evidence};

/// What is demanded for a purpose, and what is on file.
#[derive(Clone, Debug, Serialize)]
pub struct PurposeExplained {
    /// The purpose; none where the request does not say it.
    pub purpose: Option<String>,
    /// What is demanded; nothing where the purpose is not consequential.
    pub assessment: Option<AssessmentRule>,
    /// What becomes of the request without it, in words.
    pub otherwise: Option<&'static str>,
    /// The assessments that the policy finds.
    pub on_file: Vec<OnFile>,
}

/// One assessment on file.
#[derive(Clone, Debug, Serialize)]
pub struct OnFile {
    /// Where it lies, as the policy names it.
    pub file: String,
    /// Its digest.
    pub digest: String,
    /// What it is of; none where nobody reads it.
    pub about: Option<About>,
    /// Why it is not good at that time for what it is of; none where it is.
    pub short: Option<String>,
}

impl Purposes {
    /// What is demanded for a purpose, and of each assessment whether it is good at a time, for the model and the way that it
    /// is of.
    #[must_use]
    pub fn explain(&self, purpose: Option<&str>, at: Timestamp) -> PurposeExplained {
        let named = purpose.map(str::to_owned);
        let Some(Consequential { rule, evidence }) = purpose.and_then(|purpose| self.rules.get(purpose)) else {
            let otherwise = if purpose.is_none() { self.undeclared.otherwise() } else { None };
            let otherwise = otherwise.map(super::Otherwise::told);
            return PurposeExplained { purpose: named, assessment: None, otherwise, on_file: Vec::new() };
        };
        let on_file = evidence.iter().map(|one| on_file(rule, one, at)).collect();
        PurposeExplained {
            purpose: named,
            assessment: Some(rule.clone()),
            otherwise: Some(rule.otherwise.told()),
            on_file,
        }
    }
}

fn on_file(rule: &AssessmentRule, one: &Evidence, at: Timestamp) -> OnFile {
    let (file, digest) = (one.file().to_owned(), one.told());
    let Some(assessed) = one.assessed() else {
        return OnFile { file, digest, about: None, short: Some("nobody reads it here".to_owned()) };
    };
    let about = assessed.about();
    let short = match (about.strategy, about.effort) {
        (Some(strategy), Some(effort)) => {
            let asked = Asked { model: &about.model, weights: Some(&about.weights), strategy, effort };
            assessed.meets(&rule.demand(asked, at)).err().map(|short| short.why)
        }
        _ => Some("it does not say with which strategy and effort it was asked, or says several".to_owned()),
    };
    OnFile { file, digest, about: Some(about), short }
}

impl fmt::Display for PurposeExplained {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(rule) = &self.assessment else {
            return match self.otherwise {
                Some(told) => writeln!(f, "no purpose is said: {told}"),
                None => Ok(()),
            };
        };
        let (purpose, templates) = (self.purpose.as_deref().unwrap_or_default(), rule.templates.join(", "));
        writeln!(
            f,
            "the purpose {purpose} needs a passing impact assessment ({templates}), at most {} days old; without one {}",
            rule.max_age_days,
            rule.otherwise.told()
        )?;
        if self.on_file.is_empty() {
            writeln!(f, "  none is on file")?;
        }
        self.on_file.iter().try_for_each(|one| write!(f, "{one}"))
    }
}

impl fmt::Display for OnFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "  {} {}", self.file, self.digest)?;
        if let Some(About { model, weights, way, verdict, until, .. }) = &self.about {
            writeln!(f, "    {model} ({weights}), {way}: {verdict}, until {until}")?;
        }
        match &self.short {
            None => writeln!(f, "    good for this purpose"),
            Some(why) => writeln!(f, "    not good: {why}"),
        }
    }
}
