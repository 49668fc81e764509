//! What a policy can demand of an assessment.

use jiff::{SignedDuration, Timestamp};

use crate::{Assessment, Limits, Used, Verdict, WayRef};

/// A passing assessment with these templates, of this model and these weights, asked so, not older than so many days.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Demand<'d> {
    /// The ids of the templates that must be passed, at least one.
    pub templates: &'d [String],
    /// The model's name.
    pub model: &'d str,
    /// The digest of its weights; `None` where any will do.
    pub weights: Option<&'d str>,
    /// The strategy and the effort with which every answer must have been given.
    pub way: (&'d str, &'d str),
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
    /// It was asked in another way.
    #[error("the assessment was asked with {is} and not with {asked}; assess the model in that way")]
    Way {
        /// With which strategy and effort.
        is: String,
        /// With which it is to be.
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
    /// A template was not asked.
    #[error("the assessment does not ask the template {0}; assess the model with it")]
    Template(String),
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
    #[error("the assessment of {template} is {}; read its reasons and mend what they say", verdict.as_str())]
    Verdict {
        /// With which template.
        template: String,
        /// What it came to.
        verdict: Verdict,
    },
}

impl Assessment {
    /// Whether it is as it was made, and meets a demand.
    ///
    /// # Errors
    /// [`Unmet`], the first thing that it does not meet.
    pub fn meets(&self, demand: &Demand<'_>) -> Result<(), Unmet> {
        self.verify().map_err(Unmet::Changed)?;
        self.fits(demand)
    }

    /// Whether it meets a demand, if it is as it was made: for one that was [verified](Assessment::verify) when it was read, which
    /// takes milliseconds.
    ///
    /// # Errors
    /// [`Unmet`], the first thing that it does not meet.
    pub fn fits(&self, demand: &Demand<'_>) -> Result<(), Unmet> {
        self.is_of(demand)?;
        self.is_in_time(demand)?;
        if !self.limits.is_as_strict_as(&demand.limits) {
            return Err(Unmet::Lax);
        }
        demand.templates.iter().try_for_each(|template| self.has_passed(template))
    }

    fn has_passed(&self, template: &str) -> Result<(), Unmet> {
        let own = self.judgements.iter().find(|judgement| judgement.template == template);
        match own.map(|judgement| judgement.verdict) {
            Some(Verdict::Passed) => Ok(()),
            Some(verdict) => Err(Unmet::Verdict { template: template.to_owned(), verdict }),
            None => Err(Unmet::Template(template.to_owned())),
        }
    }

    fn is_of(&self, demand: &Demand<'_>) -> Result<(), Unmet> {
        let pair = |is: &str, asked: &str| (is.to_owned(), asked.to_owned());
        if self.model.id != demand.model {
            let (is, asked) = pair(&self.model.id, demand.model);
            return Err(Unmet::Model { is, asked });
        }
        if let Some(weights) = demand.weights.filter(|weights| self.model.weights != *weights) {
            let (is, asked) = pair(&self.model.weights, weights);
            return Err(Unmet::Weights { is, asked });
        }
        let (strategy, effort) = demand.way;
        if self.way.used() != Some((strategy, effort)) {
            return Err(Unmet::Way { is: self.way.told(), asked: told(strategy, Some(effort)) });
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

impl WayRef {
    /// The strategy and the effort of all answers; none where they were several, or where the service does not tell them.
    #[must_use]
    pub fn used(&self) -> Option<(&str, &str)> {
        match self.used.as_slice() {
            [Used { strategy, effort: Some(effort), .. }] => Some((strategy, effort)),
            _ => None,
        }
    }

    fn told(&self) -> String {
        let each = self.used.iter().map(|used| told(&used.strategy, used.effort.as_deref()));
        let all = each.collect::<Vec<_>>().join(", and ");
        if all.is_empty() { "what nobody noted".to_owned() } else { all }
    }
}

fn told(strategy: &str, effort: Option<&str>) -> String {
    format!("the strategy {strategy} and the effort {}", effort.unwrap_or("that nobody noted"))
}
