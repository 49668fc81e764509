//! What a draft is revised by: which one, and what the model is told of it.

use std::sync::Arc;

use super::{Ask, score::Scored};
use crate::{Outcome, Verifiers};

/// The warning of a correction that nothing guides.
pub(super) const BLIND: &str = "self_correct had no verifier: revising without a signal from outside lowers accuracy more \
                                often than not (arXiv 2310.01798); name one in `deliberation.verifiers`";

const REVIEW: &str = "Check your answer step by step. If something is wrong, correct it. Then give the whole answer again in \
                      the same form.";
const SHOW: &str = "Nothing in your answer could be checked. Show each step of your work, then give the answer again in the \
                    same form.";
const NO_ANSWER: &str =
    "there is no answer in it that could be read: end with the answer, in the form that was asked for";
const CUT: &str = "it was too long and broke off: be brief";

/// The class of a draft that is refuted, or has no answer.
const REFUTED: u8 = 2;

/// The most of one finding that a model is told, in characters; a path may have names of any length in it.
const MAX_FINDING: usize = 300;

/// A draft that may be gone on from.
#[derive(Clone, Debug)]
struct Draft {
    text: Arc<str>,
    told: Arc<str>,
    /// Lower is better: what verifiers say, cut, thousandths that the score lacks, how much was found.
    faults: (u8, bool, u64, usize),
}

/// One draft after the other: each goes on from the best since the last fresh start. A fresh start is made when a draft
/// is sound, where another answer is wanted, and after so many drafts that were not.
#[derive(Debug)]
pub(super) struct Drafts {
    rounds: u32,
    /// Drafts since the last fresh start.
    since: u32,
    best: Option<Draft>,
}

impl Drafts {
    pub(super) const fn new(rounds: u32) -> Self {
        Self { rounds, since: 0, best: None }
    }

    /// What the next draft goes on from.
    pub(super) fn ask(&self) -> Ask {
        self.best.as_ref().map_or(Ask::Question, Draft::ask)
    }

    /// Takes a draft that ended.
    pub(super) fn found(&mut self, scored: &Scored, verifiers: &Verifiers) {
        self.since += 1;
        if is_sound(scored) || self.since >= self.rounds {
            (self.since, self.best) = (0, None);
            return;
        }
        let draft = Draft::of(scored, verifiers);
        if let Some(draft) = draft.filter(|draft| self.best.as_ref().is_none_or(|best| draft.faults <= best.faults)) {
            self.best = Some(draft);
        }
    }
}

impl Draft {
    /// A draft to go on from; a model can do nothing with a turn of its own that is empty.
    fn of(scored: &Scored, verifiers: &Verifiers) -> Option<Self> {
        if scored.text.trim().is_empty() {
            return None;
        }
        let missing = scored.answer.is_none();
        let class = if missing { REFUTED } else { scored.class() };
        let lacks = 1000_u64.saturating_sub(scored.thousandths());
        let faults = (class, scored.cut, lacks, scored.verification.faults + usize::from(missing));
        Some(Self { text: Arc::clone(&scored.text), told: told(scored, verifiers).into(), faults })
    }

    fn ask(&self) -> Ask {
        Ask::Revise { draft: Arc::clone(&self.text), findings: Arc::clone(&self.told) }
    }
}

/// Samples of a vote between two decisions on how it goes on.
const BATCH: usize = 4;

/// A vote that mends: as long as verifiers refute all that was said, every other sample of the next batch mends the best of
/// it, and the others are fresh. A batch begins when all samples before it have ended, so it does not depend on timing which
/// samples mend, and what.
#[derive(Debug)]
pub(super) struct Corrections {
    /// The samples before this one may be started.
    until: usize,
    /// What the samples of this batch mend.
    draft: Option<Draft>,
}

impl Corrections {
    pub(super) const fn new() -> Self {
        Self { until: BATCH, draft: None }
    }

    pub(super) const fn until(&self) -> usize {
        self.until
    }

    /// What a sample of this batch goes on from.
    pub(super) fn ask(&self, index: u32) -> Ask {
        let draft = self.draft.as_ref().filter(|_| !index.is_multiple_of(2));
        draft.map_or(Ask::Question, Draft::ask)
    }

    /// Takes all samples that have finished, at the end of a batch.
    pub(super) fn ended<'a>(&mut self, prefix: impl Iterator<Item = &'a Scored> + Clone, verifiers: &Verifiers) {
        let refuted = |scored: &Scored| scored.verification.outcome == Outcome::Refuted;
        if prefix.clone().next().is_none() || !prefix.clone().all(refuted) {
            (self.until, self.draft) = (usize::MAX, None);
            return;
        }
        self.until += BATCH;
        self.draft = prefix.filter_map(|scored| Draft::of(scored, verifiers)).min_by_key(|draft| draft.faults);
    }
}

/// Whether verifiers pass a draft, there is an answer in it, and it was not cut before its end.
pub(super) fn is_sound(scored: &Scored) -> bool {
    scored.verification.outcome == Outcome::Passed && scored.answer.is_some() && !scored.cut
}

/// What is wrong with a draft, and what to do.
fn told(scored: &Scored, verifiers: &Verifiers) -> String {
    let outcome = scored.verification.outcome;
    let missing = scored.answer.is_none().then_some(NO_ANSWER);
    // That a verifier broke is no fault of the model.
    let faults = scored.verification.faults();
    let found: Vec<&str> = faults.chain(missing).chain(scored.cut.then_some(CUT)).collect();
    if found.is_empty() {
        return if outcome == Outcome::Unchecked && !verifiers.is_empty() { SHOW } else { REVIEW }.to_owned();
    }
    let short = |finding: &str| finding.chars().take(MAX_FINDING).collect::<String>();
    let listed: Vec<String> = found.into_iter().map(|finding| format!("\n- {}", short(finding))).collect();
    let listed = listed.concat();
    // A judge says how good an answer is, not why.
    let rubric = verifiers.judge.as_ref().filter(|_| outcome == Outcome::Refuted);
    let rubric = rubric.map(|judge| format!("\n\nWhat a good answer is:\n{}", judge.rubric)).unwrap_or_default();
    format!(
        "Your answer was checked, and this is wrong:{listed}{rubric}\n\nCorrect it and give the whole answer again."
    )
}
