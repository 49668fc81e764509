//! What a deliberation comes to.

use super::{
    score::Scored,
    tally::{Count, Vote},
};
use crate::{Answer, Outcome, Verification};

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
    /// One answer has the share of the weight that was asked for (`DeepConf`).
    Consensus,
    /// A verifier passed the answer.
    Verified,
    /// The deadline passed. The answer is the best so far and depends on timing.
    Deadline,
    /// The client left. The answer is the best so far and depends on timing.
    ClientLeft,
}

impl StopRule {
    /// Whether it says nothing of how sure the vote is.
    pub(super) const fn leaves_open(self) -> bool {
        matches!(self, Self::AllDone | Self::Deadline | Self::ClientLeft)
    }

    /// Its name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AllDone => "all_done",
            Self::Beta => "beta",
            Self::Decided => "decided",
            Self::Esc => "esc",
            Self::Consensus => "consensus",
            Self::Verified => "verified",
            Self::Deadline => "deadline",
            Self::ClientLeft => "client_left",
        }
    }
}

/// What verifiers say of one sample.
#[derive(Clone, Debug, PartialEq)]
pub struct Checked {
    /// Which sample it is.
    pub index: u32,
    /// What they say.
    pub verification: Verification,
}

/// What a deliberation came to. Unless it [depends on timing](Self::depends_on_timing), the same samples give the same
/// verdict in whatever order they finished.
#[derive(Clone, Debug, PartialEq)]
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
    /// The votes of the counted samples, heaviest first; of equal ones the answer that was counted first. Where `auto` ends
    /// unsure, what a verifier vouches for goes before the others.
    pub votes: Vec<Vote>,
    /// The finished samples that this verdict rests on, ascending, those without an answer included.
    pub counted: Vec<u32>,
    /// What verifiers say of each of them; empty without verifiers.
    pub checks: Vec<Checked>,
    /// Counted samples without an answer.
    pub without_answer: u32,
    /// Samples that failed for good, among those that the verdict rests on.
    pub failed: u32,
    /// Why they failed, in the order of their indices.
    pub reasons: Vec<String>,
    /// What whoever reads the answer should know.
    pub warnings: Vec<String>,
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
    /// One for each answer, by the weight of its votes; each is represented by its soundest sample.
    ByVotes,
}

/// What a verdict is made of.
pub(super) struct Case<'a> {
    pub(super) choose: Choose,
    /// Samples to return.
    pub(super) n: u32,
    pub(super) stop: StopRule,
    /// The finished samples in the order in which they are counted, and what each weighs.
    pub(super) samples: Vec<(&'a Scored, u64)>,
    /// Why others failed.
    pub(super) reasons: Vec<String>,
    /// Whether there are verifiers.
    pub(super) verified: bool,
    /// Whether what a verifier vouches for goes before what has more votes.
    pub(super) vouched_first: bool,
    pub(super) warnings: Vec<String>,
}

const ALL_REFUTED: &str = "every answer was refuted by a verifier; the one given is the least bad of them";

pub(super) fn verdict(case: Case<'_>) -> Verdict {
    let Case { choose, n, stop, samples, reasons, verified, vouched_first, mut warnings } = case;
    let count = Count::of(samples.iter().copied());
    let votes = if vouched_first { count.ranked_by_vouchers() } else { count.ranked() };
    let mut samples: Vec<&Scored> = samples.into_iter().map(|(sample, _)| sample).collect();
    samples.sort_by_key(|sample| sample.index);
    let chosen = chosen(choose, n as usize, &samples, &votes);
    let answer = chosen.iter().find_map(|sample| sample.answer.clone());
    let found = samples.iter().any(|sample| sample.answer.is_some());
    let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    if verified && chosen.first().is_some_and(|best| best.verification.outcome == Outcome::Refuted) {
        warnings.push(ALL_REFUTED.to_owned());
    }
    let checked = |sample: &&Scored| Checked { index: sample.index, verification: sample.verification.clone() };
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
        checks: if verified { samples.iter().map(checked).collect() } else { Vec::new() },
        without_answer: count(samples.iter().filter(|sample| sample.answer.is_none()).count()),
        failed: count(reasons.len()),
        reasons,
        warnings,
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
    let of = |vote| ranked.iter().copied().filter(move |s| gives(s, vote)).min_by(|a, b| a.by_soundness(b));
    let mut best: Vec<&Scored> = votes.iter().filter_map(of).collect();
    if choose == Choose::ByScore {
        best.sort_by(|a, b| a.by_score(b));
    }
    let others: Vec<&Scored> =
        ranked.into_iter().filter(|sample| best.iter().all(|chosen| chosen.index != sample.index)).collect();
    best.extend(others);
    best.truncate(n);
    best
}
