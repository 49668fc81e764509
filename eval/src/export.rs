//! Training data out of deliberations: the best samples as conversations to imitate (SFT), and the best against rejected
//! ones as preference pairs, in the conversational formats of Hugging Face's TRL.

mod audit;
mod card;
mod choose;
mod columns;
mod folder;
mod results;
mod writer;

use std::{collections::BTreeMap, fmt, ops::ControlFlow, path::PathBuf};

use forethought_schemas::ChatMessage;

use crate::EvalError;

pub use audit::{Selection, from_audit};
pub use results::from_results;

/// Hears how many deliberations there are, once and where that is known, and then of each that was looked at; says whether to
/// go on.
pub type Told<'t> = &'t dyn Fn(Option<usize>) -> ControlFlow<()>;

/// What is taken, and in which form.
#[expect(clippy::struct_excessive_bools, reason = "each is a yes or no of its own")]
#[derive(Clone, Debug, PartialEq)]
pub struct Options {
    /// The folder that is made.
    pub out: PathBuf,
    /// Whether an earlier export there is replaced.
    pub force: bool,
    /// Only what a verifier has passed.
    pub verified_only: bool,
    /// The least share of the finished samples that give the answer, 0 to 1.
    pub min_agreement: Option<f64>,
    /// Whether what stands there already is taken again.
    pub keep_duplicates: bool,
    /// Preference pairs of one deliberation, the answer that was given most often first.
    pub max_pairs: usize,
    /// Whether the thoughts come with the answers.
    pub thoughts: bool,
}

/// Why a deliberation is not in an export.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Why {
    /// Its contents cannot be read: their key was erased or lost, or they are damaged.
    Unreadable,
    /// What the client got is the text of none of its samples.
    NotASample,
    /// It has no answer.
    NoAnswer,
    /// No sample of it is right.
    NoneRight,
    /// Its answer was cut off, or is empty.
    Cut,
    /// Verifiers found something wrong with it.
    Refuted,
    /// No verifier has passed it.
    NotVerified,
    /// Too few samples agree with it, or it has only one.
    LowAgreement,
    /// The same prompt with the same answer's text is there already.
    Duplicate,
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unreadable => "contents erased or unreadable",
            Self::NotASample => "the answer is the text of no sample",
            Self::NoAnswer => "no answer",
            Self::NoneRight => "no sample is right",
            Self::Cut => "answer cut off or empty",
            Self::Refuted => "refuted by verifiers",
            Self::NotVerified => "not passed by a verifier",
            Self::LowAgreement => "too few samples agree",
            Self::Duplicate => "there already",
        })
    }
}

/// What an export came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Exported {
    /// Deliberations that were looked at.
    pub considered: usize,
    /// Conversations to imitate.
    pub sft: usize,
    /// Preference pairs.
    pub preferences: usize,
    /// Preference pairs that were dropped, because another pair of the same prompt says the contrary.
    pub contradictory: usize,
    /// Deliberations that were left out.
    pub left_out: BTreeMap<Why, usize>,
}

fn go_on(told: ControlFlow<()>) -> Result<(), EvalError> {
    if told.is_break() { Err(EvalError::Stopped) } else { Ok(()) }
}

/// One deliberation, wherever it comes from.
#[derive(Clone, Debug)]
struct Deliberation {
    prompt: Vec<ChatMessage>,
    origin: Origin,
    model: String,
    weights: String,
    strategy: String,
    /// The place of the sample that was the answer.
    served: Option<usize>,
    samples: Vec<Drawn>,
}

/// Where a deliberation comes from.
#[derive(Clone, Debug)]
enum Origin {
    /// The audit log: the request, whose it is, and when it was let in (RFC 3339).
    Audit { request: String, tenant: String, time: String },
    /// An evaluation: the question, and how it was asked.
    Evaluation { set: String, question: String, way: String, repeat: u32 },
}

/// One sample that came to its end.
#[derive(Clone, Debug, Default, PartialEq)]
struct Drawn {
    text: String,
    thinking: String,
    /// In canonical form.
    answer: Option<String>,
    /// Whether the model ended it by itself.
    whole: bool,
    /// What verifiers say of it.
    check: Option<String>,
    tokens: u64,
    /// Whether it is right, where that is known.
    right: Option<bool>,
}

#[cfg(test)]
mod tests;
