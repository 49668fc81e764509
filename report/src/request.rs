//! What a report keeps of a request and of an act: what figures and duties ask for, with every name kept once.

use std::{collections::HashSet, sync::Arc};

use forethought_audit::{ErasureCause, OutcomeStatus, ReviewDecision, Spent, ToolDecision};
use forethought_schemas::{Effort, StrategyName};
use jiff::Timestamp;

use crate::EntryAt;

/// Texts that come again and again, each kept once.
#[derive(Debug, Default)]
pub(crate) struct Names(HashSet<Arc<str>>);

impl Names {
    pub(crate) fn get(&mut self, text: &str) -> Arc<str> {
        if let Some(known) = self.0.get(text) {
            return Arc::clone(known);
        }
        let new: Arc<str> = text.into();
        self.0.insert(Arc::clone(&new));
        new
    }

    pub(crate) fn all(&mut self, texts: &[String]) -> Vec<Arc<str>> {
        texts.iter().map(|text| self.get(text)).collect()
    }
}

/// What became of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Fate {
    Answered,
    Refused,
    Held,
    Failed,
    Cancelled,
    Deadline,
    Interrupted,
    Open,
}

impl Fate {
    pub(crate) const ALL: [Self; 8] = [
        Self::Answered,
        Self::Refused,
        Self::Held,
        Self::Failed,
        Self::Cancelled,
        Self::Deadline,
        Self::Interrupted,
        Self::Open,
    ];

    /// Its name in the log.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::Refused => "refused",
            Self::Held => "held",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::Deadline => "deadline",
            Self::Interrupted => "interrupted",
            Self::Open => "open",
        }
    }

    pub(crate) const fn of(status: OutcomeStatus) -> Self {
        match status {
            OutcomeStatus::Answered => Self::Answered,
            OutcomeStatus::Refused => Self::Refused,
            OutcomeStatus::Held => Self::Held,
            OutcomeStatus::Failed => Self::Failed,
            OutcomeStatus::Cancelled => Self::Cancelled,
            OutcomeStatus::Deadline => Self::Deadline,
        }
    }
}

/// A rule of law that had a say.
#[derive(Clone, Debug)]
pub(crate) struct Note {
    pub(crate) rule: Arc<str>,
    /// `enforced`, `shadow` or `undetermined`.
    pub(crate) state: Arc<str>,
    /// Empty where that is not known.
    pub(crate) effect: Arc<str>,
    pub(crate) has_assessment: bool,
}

/// What a safeguard or a classifier found.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    /// `input` or `output`.
    pub(crate) side: &'static str,
    pub(crate) kind: Arc<str>,
    /// What was done, or the verdict.
    pub(crate) action: Arc<str>,
    pub(crate) count: u64,
}

/// An answer that waits, or waited, for a person.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Waiting {
    pub(crate) since: Timestamp,
    pub(crate) until: Timestamp,
}

/// A decision on it.
#[derive(Clone, Debug)]
pub(crate) struct Decided {
    pub(crate) entry: EntryAt,
    pub(crate) decision: ReviewDecision,
    pub(crate) by: Option<Arc<str>>,
    pub(crate) time: Timestamp,
}

/// A call of a tool.
#[derive(Clone, Debug)]
pub(crate) struct Used {
    pub(crate) entry: EntryAt,
    pub(crate) tool: Arc<str>,
    pub(crate) decision: ToolDecision,
    /// What a person, or time, decided, where it was held.
    pub(crate) decided: Option<ReviewDecision>,
    pub(crate) has_result: bool,
}

/// How long rules of law have things stay, in days with the rule.
#[derive(Clone, Debug, Default)]
pub(crate) struct Keeping {
    pub(crate) records: Option<(u32, Arc<str>)>,
    pub(crate) contents: Option<(u32, Arc<str>)>,
    pub(crate) limit: Option<(u32, Arc<str>)>,
    pub(crate) is_open: bool,
}

/// A request that was let in within the scope.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) admission: EntryAt,
    pub(crate) time: Timestamp,
    pub(crate) end: Option<EntryAt>,
    pub(crate) fate: Fate,
    pub(crate) model: Arc<str>,
    pub(crate) weights: Arc<str>,
    pub(crate) strategy: StrategyName,
    pub(crate) effort: Effort,
    /// Tokens that might have been generated.
    pub(crate) budget_tokens: u64,
    pub(crate) spent: Option<Spent>,
    pub(crate) cost: u64,
    pub(crate) error: Option<Arc<str>>,
    /// Votes for the answer that most samples gave, and all of them.
    pub(crate) votes: Option<(u64, u64)>,
    pub(crate) laws: Vec<Note>,
    pub(crate) safeguards: Vec<Found>,
    pub(crate) classifiers: Vec<Found>,
    pub(crate) purpose: Option<Arc<str>>,
    pub(crate) regions: Vec<Arc<str>>,
    pub(crate) data_classes: Vec<Arc<str>>,
    pub(crate) keeping: Keeping,
    pub(crate) waiting: Option<Waiting>,
    pub(crate) decided: Option<Decided>,
    /// Calls of tools, in the order of the log.
    pub(crate) calls: Vec<Used>,
    /// Whether its prompt is sealed beside the record.
    pub(crate) is_sealed: bool,
}

impl Request {
    /// Its end, or where there is none its admission.
    pub(crate) fn shown_end(&self) -> EntryAt {
        self.end.unwrap_or(self.admission)
    }

    /// The entry that says most of it: its end where there is one.
    pub(crate) fn shown(&self) -> EntryAt {
        self.decided.as_ref().map(|decided| decided.entry).or(self.end).unwrap_or(self.admission)
    }
}

/// Something that was done to the service.
#[derive(Clone, Debug)]
pub(crate) struct Done {
    pub(crate) entry: EntryAt,
    pub(crate) what: Arc<str>,
    pub(crate) by: By,
    pub(crate) erasure: Option<Erased>,
    /// Whether it was done after the period's end.
    pub(crate) is_later: bool,
}

/// Who did something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum By {
    /// A key of the tenant whose report it is, or of any in a report of all.
    Key { id: Arc<str>, role: Arc<str> },
    /// Somebody of another tenant, whom this report does not name.
    Elsewhere,
    /// The service, by itself or by what it found in its files.
    Service,
}

/// What came of an erasure.
#[derive(Clone, Debug)]
pub(crate) struct Erased {
    pub(crate) cause: ErasureCause,
    pub(crate) keys: u64,
    pub(crate) refused: u64,
    /// Why keys stay, each once.
    pub(crate) why: Vec<Arc<str>>,
}

/// A tail that was cut back at a start.
#[derive(Clone, Debug)]
pub(crate) struct Cut {
    pub(crate) entry: EntryAt,
    pub(crate) bytes: u64,
    /// Entries that were acknowledged and are gone.
    pub(crate) lost: u64,
}
