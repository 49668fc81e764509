//! What a draft is revised by: which one, and what the model is told of it.

use std::sync::Arc;

use super::{Ask, Finish, SampleResult, score::Scored};
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

/// The most of one finding that a model is told, in characters; a path may have names of any length in it.
const MAX_FINDING: usize = 300;

/// A draft that may be gone on from.
#[derive(Clone, Debug)]
struct Draft {
    text: Arc<str>,
    told: Arc<str>,
    /// Lower is better: refuted, thousandths that the score lacks, how much was found.
    faults: (bool, u64, usize),
}

/// One draft after the other: each goes on from the best since the last fresh start. A fresh start is made when a draft
/// is sound, where another answer is wanted, and after so many drafts that were not.
#[derive(Debug)]
pub(super) struct Drafts {
    rounds: u32,
    /// Drafts since the last fresh start.
    since: u32,
    /// The text that ended last, and whether it was cut.
    last: Option<(Arc<str>, bool)>,
    best: Option<Draft>,
}

impl Drafts {
    pub(super) const fn new(rounds: u32) -> Self {
        Self { rounds, since: 0, last: None, best: None }
    }

    /// What the next draft goes on from.
    pub(super) fn ask(&self) -> Ask {
        self.best.as_ref().map_or(Ask::Question, |best| Ask::Revise {
            draft: Arc::clone(&best.text),
            findings: Arc::clone(&best.told),
        })
    }

    /// Keeps the text of a draft that ended.
    pub(super) fn ended(&mut self, result: &SampleResult) {
        self.last = Some((result.text.as_str().into(), result.finish == Finish::Length));
    }

    /// Takes what was found in the draft that ended last.
    pub(super) fn found(&mut self, scored: &Scored, verifiers: &Verifiers) {
        let Some((text, cut)) = self.last.take() else { return };
        self.since += 1;
        if is_sound(scored) || self.since >= self.rounds {
            (self.since, self.best) = (0, None);
            return;
        }
        // A model can do nothing with a turn of its own that is empty.
        if text.trim().is_empty() {
            return;
        }
        let found = scored.verification.findings.len() + usize::from(scored.answer.is_none());
        let refuted = scored.verification.outcome == Outcome::Refuted || scored.answer.is_none();
        let faults = (refuted, 1000_u64.saturating_sub(scored.thousandths()), found);
        if self.best.as_ref().is_none_or(|best| faults <= best.faults) {
            self.best = Some(Draft { text, told: told(scored, cut, verifiers).into(), faults });
        }
    }
}

/// Whether verifiers pass a draft, and there is an answer in it.
pub(super) fn is_sound(scored: &Scored) -> bool {
    scored.verification.outcome == Outcome::Passed && scored.answer.is_some()
}

/// What is wrong with a draft, and what to do.
fn told(scored: &Scored, cut: bool, verifiers: &Verifiers) -> String {
    let refuted = scored.verification.outcome == Outcome::Refuted;
    let found = scored.verification.findings.iter().filter(|_| refuted).map(String::as_str);
    let missing = scored.answer.is_none().then_some(NO_ANSWER);
    let found: Vec<&str> = found.chain(missing).chain(cut.then_some(CUT)).collect();
    if found.is_empty() {
        return if verifiers.is_empty() { REVIEW } else { SHOW }.to_owned();
    }
    let short = |finding: &str| finding.chars().take(MAX_FINDING).collect::<String>();
    let listed: Vec<String> = found.into_iter().map(|finding| format!("\n- {}", short(finding))).collect();
    let listed = listed.concat();
    // A judge says how good an answer is, not why.
    let rubric = verifiers.judge.as_ref().filter(|_| refuted);
    let rubric = rubric.map(|judge| format!("\n\nWhat a good answer is:\n{}", judge.rubric)).unwrap_or_default();
    format!(
        "Your answer was checked, and this is wrong:{listed}{rubric}\n\nCorrect it and give the whole answer again."
    )
}
