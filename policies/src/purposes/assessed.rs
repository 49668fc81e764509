//! What has to be known of an assessment to hold it against a demand.

use std::{fmt, sync::Arc};

use forethought_schemas::{Effort, StrategyName};
use jiff::Timestamp;
use serde::Serialize;

use super::AssessmentLimits;

/// Reads the bytes of an assessment, and checks that its parts fit each other; or says what is wrong, and the mend.
pub type ReadAssessment = fn(&[u8]) -> Result<Arc<dyn Assessed>, String>;

/// An assessment of a model, to whoever has to know whether it is enough.
pub trait Assessed: fmt::Debug + Send + Sync {
    /// Its digest, `sha256:` and hexadecimal digits: what a record names it by.
    fn digest(&self) -> &str;

    /// What it is of.
    fn about(&self) -> About;

    /// Whether it meets a demand.
    ///
    /// # Errors
    /// [`Shortfall`], the first thing that it does not meet.
    fn meets(&self, demand: &Demand<'_>) -> Result<(), Shortfall>;
}

/// What an assessment is of, for people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct About {
    /// The model's id.
    pub model: String,
    /// The digest of its weights.
    pub weights: String,
    /// How it was asked, in one line.
    pub way: String,
    /// The strategy with which it was answered; none where there were several, or where it is not known.
    pub strategy: Option<StrategyName>,
    /// The effort with which it was answered, likewise.
    pub effort: Option<Effort>,
    /// When the first ask was, UTC.
    pub from: Timestamp,
    /// Until when it is good, UTC.
    pub until: Timestamp,
    /// The verdict on all that was asked.
    pub verdict: String,
}

/// What is asked, and of which model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asked<'a> {
    /// The model's id.
    pub model: &'a str,
    /// The digest of its weights, as its engine tells it; `None` where no engine is at hand: then any will do.
    pub weights: Option<&'a str>,
    /// How the budget is spent.
    pub strategy: StrategyName,
    /// The named budget.
    pub effort: Effort,
}

/// What an assessment must show.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Demand<'a> {
    /// The templates that must be passed.
    pub templates: &'a [String],
    /// Limits that its own must be as strict as.
    pub limits: AssessmentLimits,
    /// The most days since its first ask.
    pub max_age_days: u32,
    /// Of what it must be.
    pub asked: Asked<'a>,
    /// The time of the request, UTC.
    pub at: Timestamp,
}

/// Why an assessment is not enough.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shortfall {
    /// How near it comes: of several, the nearest is told.
    pub nearness: u8,
    /// Why, and the mend.
    pub why: String,
}
