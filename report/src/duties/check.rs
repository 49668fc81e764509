//! The checks that a duty may name: a closed set, each a function over figures in [`crate::judge()`].

use serde::{Deserialize, Serialize};

/// What says whether the log shows a duty.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum Check {
    /// Every request that was let in has its end in the log.
    EveryRequestEnds,
    /// Nothing is lost or changed, and what was read is what was signed.
    LogIsWhole,
    /// The log reaches back so many days.
    LogReachesBack {
        /// Days before the day of the report.
        days: u32,
    },
    /// What rules forbid was refused, and no request left open whether it is forbidden.
    Prohibited {
        /// The rules.
        rules: Vec<RulePattern>,
    },
    /// Rules had effect in every request to which they apply, and no request left open whether they do.
    Applied {
        /// The rules.
        rules: Vec<RulePattern>,
    },
    /// Something became due by rules; whether it was done stands in no log.
    Owed {
        /// The rules.
        rules: Vec<RulePattern>,
    },
    /// Where rules ask for a person, no answer left without one.
    Reviewed {
        /// The rules.
        rules: Vec<RulePattern>,
    },
    /// On every answer that was held a person decided in time, and the log says who.
    HeldAnswersDecided,
    /// Every request says what it is for.
    PurposeDeclared,
    /// Every request says what it is for, and which kinds of data are in it.
    DataDescribed,
    /// Every change of policy or keys has an author.
    ChangesHaveAuthors,
    /// Erasures that were asked for were done, or refused with a reason.
    ErasuresAnswered,
    /// Contents about persons have a last day.
    ContentsExpire,
    /// Contents are sealed beside their records.
    ContentsSealed,
    /// Reads of contents are recorded.
    ReadsRecorded,
    /// No content was erased: the original of every record can be made again.
    NothingErased,
    /// Every request says which weights answered it.
    ModelsNamed,
    /// What was answered was judged by a classifier model.
    TextsJudged,
    /// Several samples were compared.
    SamplesCompared,
    /// Purposes that need an impact assessment had one.
    Assessed,
    /// No log shows it.
    None {
        /// Why, in one sentence.
        why: String,
    },
}

/// The id of a rule with that of its pack, such as `eu-ai-act/50-1`; with `*` at its end, of all that begin so.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RulePattern(String);

impl RulePattern {
    /// Whether a rule is meant.
    #[must_use]
    pub fn is(&self, rule: &str) -> bool {
        self.0.strip_suffix('*').map_or_else(|| self.0 == rule, |start| rule.starts_with(start))
    }

    /// As it is written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Check {
    /// The rules that it is about.
    #[must_use]
    pub fn rules(&self) -> &[RulePattern] {
        match self {
            Self::Prohibited { rules } | Self::Applied { rules } | Self::Owed { rules } | Self::Reviewed { rules } => {
                rules
            }
            _ => &[],
        }
    }
}
