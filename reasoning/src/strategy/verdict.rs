//! What a deliberation comes to.

use super::{
    score::Scored,
    tally::{Count, Vote},
};
use crate::Answer;

/// Whether there is an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// An answer of the declared kind was found.
    Answered,
    /// Samples finished, but none has an answer of the declared kind; the best of them by score is given as it is.
    Unextracted,
    /// No sample finished.
    NoAnswer,
}

/// Why a deliberation ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StopRule {
    /// Every planned sample finished or failed.
    AllDone,
    /// The Beta rule of Adaptive-Consistency is sure enough.
    Beta,
    /// The samples that are left cannot change the winner.
    Decided,
    /// A window of consecutive samples agrees (ESC).
    Esc,
    /// The deadline passed. The answer is the best so far and depends on timing.
    Deadline,
    /// The client left. The answer is the best so far and depends on timing.
    ClientLeft,
}

/// What a deliberation came to. Unless it [depends on timing](Self::depends_on_timing), the same samples give the same
/// verdict in whatever order they finished.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Whether there is an answer.
    pub status: Status,
    /// The best answer.
    pub answer: Option<Answer>,
    /// The samples to return, best first, as many as were asked for unless fewer finished: first one for each distinct
    /// answer, then, where there are fewer answers, the best of the others. `single` returns its samples in their order.
    pub chosen: Vec<u32>,
    /// Why it ended.
    pub stop: StopRule,
    /// The votes of the counted samples, most first; of equal ones the answer with the lower first index.
    pub votes: Vec<Vote>,
    /// The finished samples that this verdict rests on, ascending, those without an answer included.
    pub counted: Vec<u32>,
    /// Counted samples without an answer.
    pub without_answer: u32,
    /// Samples that failed for good, among those that the verdict rests on.
    pub failed: u32,
    /// Why they failed, in the order of their indices.
    pub reasons: Vec<String>,
}

impl Verdict {
    /// Whether another run with the same seed may come to another verdict.
    #[must_use]
    pub fn depends_on_timing(&self) -> bool {
        matches!(self.stop, StopRule::Deadline | StopRule::ClientLeft)
    }
}

/// How the samples to return are chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Choose {
    /// All of them, in their order.
    InOrder,
    /// One for each answer, by score.
    ByScore,
    /// One for each answer, by votes; each is represented by its most confident sample.
    ByVotes,
}

/// The verdict over the given samples, ascending by index.
pub(super) fn verdict(choose: Choose, n: u32, stop: StopRule, samples: &[&Scored], reasons: Vec<String>) -> Verdict {
    let votes = Count::of(samples.iter().copied()).ranked();
    let chosen = chosen(choose, n as usize, samples, &votes);
    let answer = chosen.iter().find_map(|sample| sample.answer.clone());
    let found = samples.iter().any(|sample| sample.answer.is_some());
    let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    Verdict {
        status: match (samples.is_empty(), found) {
            (true, _) => Status::NoAnswer,
            (false, true) => Status::Answered,
            (false, false) => Status::Unextracted,
        },
        answer,
        chosen: chosen.iter().map(|sample| sample.index).collect(),
        stop,
        votes,
        counted: samples.iter().map(|sample| sample.index).collect(),
        without_answer: count(samples.iter().filter(|sample| sample.answer.is_none()).count()),
        failed: count(reasons.len()),
        reasons,
    }
}

fn chosen<'a>(choose: Choose, n: usize, samples: &[&'a Scored], votes: &[Vote]) -> Vec<&'a Scored> {
    let mut ranked = samples.to_vec();
    if choose == Choose::InOrder {
        ranked.truncate(n);
        return ranked;
    }
    ranked.sort_by(|a, b| a.by_score(b));
    if votes.is_empty() {
        ranked.truncate(n);
        return ranked;
    }
    let gives = |sample: &Scored, vote: &Vote| sample.answer.as_ref().is_some_and(|a| a.canonical == vote.canonical);
    let mut best: Vec<&Scored> = match choose {
        Choose::ByVotes => {
            let of = |vote| ranked.iter().copied().filter(move |s| gives(s, vote)).min_by(|a, b| a.by_confidence(b));
            votes.iter().filter_map(of).collect()
        }
        _ => votes.iter().filter_map(|vote| ranked.iter().copied().find(|sample| gives(sample, vote))).collect(),
    };
    if choose == Choose::ByScore {
        best.sort_by(|a, b| a.by_score(b));
    }
    let others: Vec<&Scored> =
        ranked.into_iter().filter(|sample| best.iter().all(|chosen| chosen.index != sample.index)).collect();
    best.extend(others);
    best.truncate(n);
    best
}
