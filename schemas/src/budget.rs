//! What a deliberation may spend, and the named presets and strategies that a request may ask for.

use std::{collections::BTreeMap, fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// What one deliberation may spend. Every field is a hard upper bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Budget {
    /// Samples that may be started, at least 1.
    pub max_samples: u32,
    /// Tokens that all samples together may generate; prompts are not counted.
    pub total_tokens: u32,
    /// Tokens that one sample may generate, its answer included.
    pub sample_tokens: u32,
    /// Wall-clock time from the request to the answer, in milliseconds.
    pub deadline_ms: u64,
}

/// The most that a tenant may ask for: a request above any field is refused, never silently cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BudgetCap {
    /// See [`Budget::max_samples`].
    pub max_samples: u32,
    /// See [`Budget::total_tokens`].
    pub total_tokens: u32,
    /// See [`Budget::deadline_ms`].
    pub deadline_ms: u64,
    /// The highest named preset.
    pub effort: Effort,
}

/// What a named effort means for a model or a tenant. What it leaves out comes from the next place that says it: the
/// request, the tenant, the model, and at last what is usual.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Preset {
    /// How the budget is spent.
    pub strategy: Option<StrategyName>,
    /// Samples that may be drawn, at least 1.
    pub max_samples: Option<u32>,
    /// Tokens of one sample, its thoughts included, at least 1.
    pub max_completion_tokens: Option<u32>,
    /// Tokens that one sample may think.
    pub thinking_tokens: Option<u32>,
    /// A thought shorter than this is made to go on.
    pub min_thinking_tokens: Option<u32>,
    /// How often a thought may be made to go on.
    pub extensions: Option<u32>,
    /// Tokens that all samples together may generate, at least 1.
    pub total_tokens: Option<u32>,
    /// Time to the answer, in milliseconds, at least 1.
    pub deadline_ms: Option<u64>,
    /// Samples in flight at once, at least 1.
    pub wave: Option<u32>,
}

/// What the efforts mean.
pub type Presets = BTreeMap<Effort, Preset>;

impl Preset {
    /// This preset, with what it leaves out taken from another.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self {
            strategy: self.strategy.or(other.strategy),
            max_samples: self.max_samples.or(other.max_samples),
            max_completion_tokens: self.max_completion_tokens.or(other.max_completion_tokens),
            thinking_tokens: self.thinking_tokens.or(other.thinking_tokens),
            min_thinking_tokens: self.min_thinking_tokens.or(other.min_thinking_tokens),
            extensions: self.extensions.or(other.extensions),
            total_tokens: self.total_tokens.or(other.total_tokens),
            deadline_ms: self.deadline_ms.or(other.deadline_ms),
            wave: self.wave.or(other.wave),
        }
    }
}

macro_rules! named {
    ($(#[$meta:meta])* $name:ident { $($(#[$vmeta:meta])* $variant:ident = $text:literal),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum $name { $($(#[$vmeta])* #[serde(rename = $text)] $variant),+ }

        impl $name {
            /// Every value, in the order in which they grow.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The name on the wire.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),+ }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { f.write_str(self.as_str()) }
        }

        impl FromStr for $name {
            /// The names that would have been accepted, comma separated.
            type Err = String;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Self::ALL.iter().copied().find(|value| value.as_str() == text)
                    .ok_or_else(|| Self::ALL.iter().map(|value| value.as_str()).collect::<Vec<_>>().join(", "))
            }
        }
    };
}

named! {
    /// A named budget preset: OpenAI's `reasoning_effort` values.
    Effort {
        /// One sample, no deliberation.
        None = "none",
        /// As little deliberation as there can be.
        Minimal = "minimal",
        /// For easy questions.
        Low = "low",
        /// The usual one.
        Medium = "medium",
        /// For hard questions.
        High = "high",
        /// The most of all.
        Xhigh = "xhigh",
    }
}

impl Effort {
    /// As a number, from 0 for `none` to 5 for `xhigh`.
    #[must_use]
    pub fn rank(self) -> u32 {
        Self::ALL.iter().zip(0..).find(|(effort, _)| **effort == self).map_or(0, |(_, rank)| rank)
    }
}

named! {
    /// How a budget is spent.
    StrategyName {
        /// One sample.
        Single = "single",
        /// N samples, the one with the best score.
        BestOfN = "best_of_n",
        /// N samples, the answer that most of them give.
        SelfConsistency = "self_consistency",
        /// A vote weighted by how sure each sample is; unsure ones are cut short.
        ConfidenceVote = "confidence_vote",
        /// One draft after the other, each mended by what verifiers find.
        SelfCorrect = "self_correct",
        /// Step by step: the best of several beginnings go on in several ways.
        BeamSearch = "beam_search",
        /// Little on easy questions, much on hard ones.
        Auto = "auto",
    }
}
