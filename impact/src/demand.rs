//! What a policy can demand of an assessment.

use jiff::{SignedDuration, Timestamp};

use crate::{Assessment, Limits, Verdict};

/// A passing assessment for this purpose, model and weights, not older than so many days.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Demand<'d> {
    /// The purpose.
    pub purpose: &'d str,
    /// The model's name.
    pub model: &'d str,
    /// The digest of its weights.
    pub weights: &'d str,
    /// The digest of the policy that must have been in force, if it matters.
    pub policy: Option<&'d str>,
    /// Limits that its own must be as strict as.
    pub limits: Limits,
    /// The most days that may have passed since the first ask.
    pub most_days: u32,
    /// The time now, UTC.
    pub now: Timestamp,
}

/// Why an assessment does not do, and the mend.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Unmet {
    /// It was changed.
    #[error("{0}")]
    Changed(String),
    /// It is of another model.
    #[error("the assessment is of the model {is} and not of {asked}; assess that one")]
    Model {
        /// Of which.
        is: String,
        /// Of which it is to be.
        asked: String,
    },
    /// It is of other weights.
    #[error("the assessment is of the weights {is} and not of {asked}; assess the model again")]
    Weights {
        /// Of which.
        is: String,
        /// Of which it is to be.
        asked: String,
    },
    /// Another policy was in force.
    #[error("the assessment was made under another policy, {is}; assess the model again under this one")]
    Policy {
        /// Which; `an unknown one` where it is not known.
        is: String,
    },
    /// It was judged by laxer limits.
    #[error("the assessment was judged by laxer limits than are demanded; make a new one with the demanded limits")]
    Lax,
    /// No template is for the purpose.
    #[error("the assessment asks nothing for the purpose {0}; assess the model with a template for it")]
    Purpose(String),
    /// Its first ask is in the future.
    #[error("the assessment is dated {0}, which is in the future; set the clock right, or make a new one")]
    Future(Timestamp),
    /// It is too old.
    #[error("the assessment was asked on {from}, more than {days} days ago; make a new one")]
    Old {
        /// When it was.
        from: Timestamp,
        /// How many days are allowed.
        days: u32,
    },
    /// It is no longer valid.
    #[error("the assessment was valid until {0}; make a new one")]
    Expired(Timestamp),
    /// It did not pass.
    #[error("the assessment of the purpose {purpose} is {}; read its reasons and mend what they say", verdict.as_str())]
    Verdict {
        /// For what.
        purpose: String,
        /// What it came to.
        verdict: Verdict,
    },
}

impl Assessment {
    /// Whether it meets a demand.
    ///
    /// # Errors
    /// [`Unmet`], the first thing that it does not meet.
    pub fn meets(&self, demand: &Demand<'_>) -> Result<(), Unmet> {
        self.verify().map_err(Unmet::Changed)?;
        self.is_of(demand)?;
        self.is_in_time(demand)?;
        if !self.limits.is_as_strict_as(&demand.limits) {
            return Err(Unmet::Lax);
        }
        match self.verdict_on(demand.purpose) {
            Some(Verdict::Passed) => Ok(()),
            Some(verdict) => Err(Unmet::Verdict { purpose: demand.purpose.to_owned(), verdict }),
            None => Err(Unmet::Purpose(demand.purpose.to_owned())),
        }
    }

    fn is_of(&self, demand: &Demand<'_>) -> Result<(), Unmet> {
        let pair = |is: &str, asked: &str| (is.to_owned(), asked.to_owned());
        if self.model.id != demand.model {
            let (is, asked) = pair(&self.model.id, demand.model);
            return Err(Unmet::Model { is, asked });
        }
        if self.model.weights != demand.weights {
            let (is, asked) = pair(&self.model.weights, demand.weights);
            return Err(Unmet::Weights { is, asked });
        }
        match (demand.policy, &self.policy) {
            (Some(asked), Some(is)) if is != asked => Err(Unmet::Policy { is: is.clone() }),
            (Some(_), None) => Err(Unmet::Policy { is: "an unknown one".to_owned() }),
            _ => Ok(()),
        }
    }

    fn is_in_time(&self, demand: &Demand<'_>) -> Result<(), Unmet> {
        let from = self.asked.from;
        let age = demand.now.duration_since(from);
        if age.is_negative() {
            return Err(Unmet::Future(from));
        }
        if age > SignedDuration::from_hours(24 * i64::from(demand.most_days)) {
            return Err(Unmet::Old { from, days: demand.most_days });
        }
        if demand.now > self.valid_until { Err(Unmet::Expired(self.valid_until)) } else { Ok(()) }
    }
}
