//! What could be spent and was, what was drawn, and how it voted.

use super::{Part, contents::Contents, words};
use crate::{Admission, Outcome, SampleOutcome};

/// Samples that are told one by one; of more, these come first.
const MOST_SAMPLES: usize = 20;

pub(super) fn budget(admission: &Admission, outcome: Option<&Outcome>) -> Vec<Part> {
    let budget = &admission.budget;
    let thinking = admission.thinking_tokens.map(|tokens| format!(", {tokens} of them to think")).unwrap_or_default();
    let could = format!(
        "It could spend at most {}, {} a sample{thinking}, {} and {}.",
        words::count(budget.total_tokens.into(), "token"),
        budget.sample_tokens,
        words::count(budget.max_samples.into(), "sample"),
        words::span(budget.deadline_ms),
    );
    let how = format!(
        "Effort `{}`, strategy `{}`; every random draw comes from the seed {}.",
        words::name(&admission.effort),
        words::name(&admission.strategy),
        admission.seed
    );
    [Some(could), Some(how), outcome.map(spent)].into_iter().flatten().map(Part::sentence).collect()
}

fn spent(outcome: &Outcome) -> String {
    let spent = outcome.spent;
    format!(
        "It spent {} and {} of the prompt, {} and {}.",
        words::count(spent.generated_tokens, "token"),
        spent.prompt_tokens,
        words::count(spent.samples.into(), "sample"),
        words::span(spent.wall_ms)
    )
}

pub(super) fn samples(outcome: &Outcome, contents: &Contents<'_>) -> Vec<Part> {
    let samples = &outcome.samples;
    if samples.is_empty() {
        return vec![Part::sentence("No sample was drawn.")];
    }
    let head = ["SAMPLE", "ENDED", "TOKENS", "THOUGHT", "CHECK", "COUNTED", "ANSWER"];
    let rows = samples.iter().take(MOST_SAMPLES).map(|sample| row(sample, contents)).collect();
    let mut parts = vec![Part::sentence(tally(samples)), Part::table(&head, rows)];
    if let Some(rest) = samples.get(MOST_SAMPLES..).filter(|rest| !rest.is_empty()) {
        parts.push(Part::sentence(format!("And more: {}", tally(rest))));
    }
    parts
}

fn tally(samples: &[SampleOutcome]) -> String {
    let number = |of: fn(&SampleOutcome) -> bool| samples.iter().filter(|sample| of(sample)).count();
    format!(
        "{}, of which {} counted in the vote, {} gave no answer, and {} stopped from outside.",
        words::count(samples.len() as u64, "sample"),
        number(|sample| sample.counted),
        number(|sample| sample.answer.is_none()),
        words::were(number(|sample| sample.cancelled)),
    )
}

fn row(sample: &SampleOutcome, contents: &Contents<'_>) -> Vec<String> {
    let or_none = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
    vec![
        sample.index.to_string(),
        if sample.cancelled { "stopped".to_owned() } else { or_none(&sample.finish_reason) },
        sample.tokens.to_string(),
        sample.thinking_tokens.to_string(),
        or_none(&sample.check),
        if sample.counted { "yes" } else { "no" }.to_owned(),
        sample.answer.map_or_else(|| "-".to_owned(), |answer| contents.answer(answer)),
    ]
}

/// The votes. Which answer is given is up to the strategy: where it weighs answers, that need not be the one with the most votes.
pub(super) fn vote(admission: &Admission, outcome: &Outcome, contents: &Contents<'_>) -> Vec<Part> {
    let Some(most) = outcome.votes.iter().map(|vote| vote.count).max() else { return Vec::new() };
    let all: u64 = outcome.votes.iter().map(|vote| u64::from(vote.count)).sum();
    let leading = outcome.votes.iter().filter(|vote| vote.count == most).count();
    let told = match leading {
        1 if outcome.votes.len() == 1 => format!("The only answer has {}.", words::count(all, "vote")),
        1 => format!("One answer has the most, {most} of {}.", words::count(all, "vote")),
        _ => format!("{leading} answers have as many as each other, {most} of {} each.", words::count(all, "vote")),
    };
    let strategy = words::name(&admission.strategy);
    let told = format!("{told} The strategy `{strategy}` decided which is given.");
    let rows = outcome.votes.iter().take(MOST_SAMPLES);
    let rows = rows.map(|vote| vec![vote.count.to_string(), contents.answer(vote.answer)]).collect();
    let mut parts = vec![Part::sentence(told), Part::table(&["VOTES", "ANSWER"], rows)];
    let rest = outcome.votes.len().saturating_sub(MOST_SAMPLES);
    if rest > 0 {
        parts.push(Part::sentence(format!("And {}.", words::count(rest as u64, "more answer"))));
    }
    parts
}
