//! Whether a request for a purpose may be answered, and what is told where it may not.

use forethought_schemas::{ApiError, ErrorKind};

use super::{Asked, AssessmentRule, Otherwise, Undeclared};

/// The code of the error where an assessment is missing.
pub const ASSESSMENT_REQUIRED: &str = "assessment_required";
/// The code of the error where a request does not say what it is for.
pub const PURPOSE_REQUIRED: &str = "purpose_required";

/// Whether a request may be answered, by what it is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Licence {
    /// Nothing is demanded.
    Free,
    /// An assessment shows what is demanded.
    Met {
        /// What the request is for.
        purpose: String,
        /// The assessment's digest.
        assessment: String,
    },
    /// Something is demanded, and nothing shows it.
    Unmet(Unlicensed),
}

/// What is demanded and not shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unlicensed {
    /// What the request is for; `None` where it does not say.
    pub purpose: Option<String>,
    /// What becomes of it.
    pub otherwise: Otherwise,
    /// Why, and the mend.
    pub why: String,
}

impl Licence {
    pub(super) fn undeclared(undeclared: Undeclared) -> Self {
        let why = || {
            "the request does not say what it is for, and the policy wants that said; send `deliberation.purpose`"
                .to_owned()
        };
        undeclared
            .otherwise()
            .map_or(Self::Free, |otherwise| Self::Unmet(Unlicensed { purpose: None, otherwise, why: why() }))
    }

    pub(super) fn unmet(purpose: &str, rule: &AssessmentRule, asked: &Asked<'_>, nearest: Option<String>) -> Self {
        let Asked { model, strategy, effort, .. } = asked;
        let templates = rule.templates.join(", ");
        let why = nearest.unwrap_or_else(|| "the policy finds none".to_owned());
        let only = rule.templates.join(" --only ");
        let why = format!(
            "the purpose `{purpose}` needs an impact assessment ({templates}) that the model `{model}` has passed with the \
             strategy `{strategy}` and the effort `{effort}`: {why}. Have the operator run `forethought impact --model {model} --only {only} \
             --way assessed={strategy},effort={effort} --results impact.jsonl --out <folder>`, with the folder that the policy \
             names, and have the policy read again"
        );
        Self::Unmet(Unlicensed { purpose: Some(purpose.to_owned()), otherwise: rule.otherwise, why })
    }

    /// Why the request is refused, if it is: 403, `assessment_required` or `purpose_required`.
    #[must_use]
    pub fn refusal(&self) -> Option<ApiError> {
        let unmet = self.unmet_by(Otherwise::Refuse)?;
        let code = if unmet.purpose.is_some() { ASSESSMENT_REQUIRED } else { PURPOSE_REQUIRED };
        let param = unmet.purpose.is_none().then(|| "deliberation.purpose".to_owned());
        Some(ApiError { param, ..ApiError::new(ErrorKind::Permission, code, unmet.why.clone()) })
    }

    /// Why the answer waits for a person, if it does.
    #[must_use]
    pub fn holds(&self) -> Option<&str> {
        self.unmet_by(Otherwise::Hold).map(|unmet| unmet.why.as_str())
    }

    fn unmet_by(&self, otherwise: Otherwise) -> Option<&Unlicensed> {
        match self {
            Self::Unmet(unmet) if unmet.otherwise == otherwise => Some(unmet),
            _ => None,
        }
    }
}
