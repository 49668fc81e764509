//! What safeguards let out of what was generated. Nothing generated reaches a client but through here.

mod calls;

use std::{collections::BTreeMap, sync::Arc};

use forethought_audit::SafeguardNote;
use forethought_reasoning::{AnswerKind, Call, Verdict, Vote, canonical_calls, extract};
use forethought_safeguards::{Action, Counted, Finding, Guard, Safeguards};

use super::{Decided, Job, SampleReport, run::Ran};
pub(crate) use calls::Arguments;
pub(super) use calls::Called;
pub use calls::{HeldAnswer, with_calls};

/// What stands in the place of what may not be shown.
const WITHHELD: &str = "[WITHHELD]";

/// What a client may see of a run.
#[derive(Debug)]
pub(super) struct Shown {
    samples: BTreeMap<u32, Sample>,
    answers: Answers,
    /// What was found in the answers that the client gets.
    pub(super) found: Vec<Counted>,
    /// Whether the best answer was stopped.
    pub(super) withheld: bool,
    /// The answers that wait for a person, and why.
    pub(super) held: Option<HeldAnswers>,
}

/// Answers that wait for a person.
#[derive(Debug)]
pub(super) struct HeldAnswers {
    /// As they will be given, best first.
    pub(super) answers: Vec<HeldAnswer>,
    /// Which rules ask for it.
    pub(super) because: Vec<String>,
}

/// What a client may see of a sample.
#[derive(Debug)]
struct Sample {
    thinking: String,
    text: String,
    calls: Vec<Call>,
    answer: Option<String>,
    findings: Vec<Finding>,
    stopped: bool,
    /// Whether all of it may be seen.
    whole: bool,
}

impl Sample {
    fn new(job: &Job, report: &SampleReport) -> Self {
        let rules = &job.safeguards;
        let (thinking, text) = (Guard::check(rules, &report.thinking), Guard::check(rules, &report.text));
        let calls = Called::new(rules, &report.calls);
        let unsaid = calls.stopped || calls.calls != report.calls;
        let whole = !text.stopped
            && text.text == report.text
            && !thinking.stopped
            && thinking.text == report.thinking
            && !unsaid;
        let answer = report.answer.as_deref().map(|answer| {
            let shown = if !report.calls.is_empty() {
                // What was found in calls is not looked for in their canonical form: there it may stand in another way.
                (!calls.stopped).then(|| canonical_calls(&calls.calls))
            } else if text.text == report.text {
                Some(answer.to_owned())
            } else {
                shown_answer(&job.kind, &text.text, text.stopped)
            };
            // Its canonical form may say what the text only wrote in another way, such as by an escape of JSON.
            shown.filter(|shown| Guard::check(rules, shown).text == *shown).unwrap_or_else(|| WITHHELD.to_owned())
        });
        Self {
            thinking: thinking.text,
            text: text.text,
            answer,
            calls: calls.calls,
            findings: [thinking.findings, text.findings, calls.findings].concat(),
            stopped: text.stopped || calls.stopped,
            whole,
        }
    }

    /// Nothing of a sample.
    fn nothing() -> Self {
        let (thinking, text) = (String::new(), String::new());
        Self { thinking, text, calls: Vec::new(), answer: None, findings: Vec::new(), stopped: true, whole: false }
    }

    /// Keeps it back as a whole; what was found in it is still told.
    fn block(&mut self) {
        let findings = std::mem::take(&mut self.findings);
        *self = Self { answer: Some(WITHHELD.to_owned()), findings, ..Self::nothing() };
    }
}

/// Findings of several answers, counted together.
fn together<'c>(all: impl Iterator<Item = &'c Counted>) -> Vec<Counted> {
    let mut counted: Vec<Counted> = Vec::new();
    for one in all {
        let same = |other: &&mut Counted| (other.kind, &other.list, other.action) == (one.kind, &one.list, one.action);
        match counted.iter_mut().find(same) {
            Some(other) => other.count += one.count,
            None => counted.push(one.clone()),
        }
    }
    counted
}

/// What of an answer is left in a text of which not all may be shown. It is looked for in what is shown: by itself, what was
/// redacted would no longer be known for what it is.
fn shown_answer(kind: &AnswerKind, shown: &str, stopped: bool) -> Option<String> {
    let found = if stopped { None } else { extract(kind, shown) };
    found.map(|answer| answer.canonical)
}

/// What a client may see of answers, by their canonical forms.
#[derive(Debug, Default)]
pub(super) struct Answers {
    shown: BTreeMap<String, String>,
    /// Whether nothing is told of any.
    quiet: bool,
}

impl Answers {
    /// What may be told while samples are drawn: of answers that may come to wait for a person nothing.
    pub(super) fn live(job: &Job) -> Self {
        Self { quiet: job.is_quiet(), ..Self::default() }
    }

    /// Takes the answer of a sample that has ended; gives what may be shown of it.
    pub(super) fn take(&mut self, job: &Job, report: &SampleReport) -> Option<String> {
        let answer = report.answer.clone()?;
        if self.quiet {
            return Some(WITHHELD.to_owned());
        }
        if job.safeguards.is_empty() {
            return Some(answer);
        }
        let shown = Sample::new(job, report).answer?;
        self.shown.entry(answer).or_insert_with(|| shown.clone());
        Some(shown)
    }

    /// What may be shown of an answer. One of which nothing is known may not.
    fn of(&self, rules: &Safeguards, canonical: &str) -> String {
        if rules.is_empty() && !self.quiet {
            return canonical.to_owned();
        }
        self.shown.get(canonical).cloned().unwrap_or_else(|| WITHHELD.to_owned())
    }

    /// Votes as a client may see them.
    pub(super) fn votes(&self, rules: &Safeguards, votes: Vec<Vote>) -> Vec<Vote> {
        votes.into_iter().map(|vote| Vote { canonical: self.of(rules, &vote.canonical), ..vote }).collect()
    }
}

impl Shown {
    /// `looked`: what was found in whole answers, by sample.
    pub(super) fn new(job: &Job, ran: &Ran, looked: &BTreeMap<u32, Vec<Counted>>) -> Self {
        let mut samples: BTreeMap<u32, Sample> =
            ran.samples.iter().map(|report| (report.index, Sample::new(job, report))).collect();
        let mut answers = Answers::default();
        if job.whole.answers.stops() {
            // Of what was not looked at as a whole nothing is shown.
            answers.quiet = true;
            samples.retain(|index, _| looked.contains_key(index));
        }
        let blocks = |found: &[Counted]| found.iter().any(|found| found.action == Action::Block);
        let blocked = looked.iter().filter(|(_, found)| blocks(found)).map(|(index, _)| index);
        for index in blocked {
            samples.entry(*index).and_modify(Sample::block);
        }
        for report in &ran.samples {
            let shown = samples.get(&report.index).and_then(|sample| sample.answer.clone());
            if let (Some(answer), Some(shown)) = (report.answer.clone(), shown) {
                answers.shown.entry(answer).or_insert(shown);
            }
        }
        let chosen = || ran.verdict.chosen.iter().filter_map(|index| samples.get(index));
        let mut found = Counted::of(chosen().flat_map(|sample| &sample.findings));
        found.extend(together(looked.values().flatten()));
        let withheld = chosen().next().is_some_and(|best| best.stopped);
        let held = held(job, ran, &found);
        let had_to_wait = !job.review.because.is_empty() || found.iter().any(|found| found.action == Action::Hold);
        if had_to_wait && held.is_none() && !ran.verdict.chosen.is_empty() {
            // What had to wait and cannot, because something in it is blocked, is not given by halves.
            let (samples, answers) = (BTreeMap::new(), Answers { quiet: true, ..Answers::default() });
            return Self { samples, answers, found, withheld: true, held: None };
        }
        Self { samples, answers, found, withheld, held }
    }

    /// The answers, best first.
    pub(super) fn answers(&self, verdict: &Verdict) -> Vec<Decided> {
        let chosen = verdict.chosen.iter().filter_map(|index| Some((index, self.samples.get(index)?)));
        let decided = |(sample, shown): (&u32, &Sample)| Decided {
            sample: *sample,
            thinking: shown.thinking.clone(),
            text: shown.text.clone(),
        };
        chosen.map(decided).collect()
    }

    /// What a sample answers, calls included.
    pub(super) fn said(&self, index: u32) -> Option<String> {
        self.samples.get(&index).map(|sample| with_calls(&sample.text, &sample.calls))
    }

    /// Leaves in reports and verdict what the client may see.
    pub(super) fn apply(mut self, rules: &Arc<Safeguards>, reports: &mut [SampleReport], verdict: &mut Verdict) {
        if self.held.is_some() {
            // Nothing of an answer that waits is told, nor of those that it was chosen from.
            (self.samples, self.answers) = (BTreeMap::new(), Answers::default());
            verdict.votes.iter_mut().for_each(|vote| vote.canonical.clear());
            verdict.answer = None;
        }
        for check in &mut verdict.checks {
            // Verifiers quote what they find.
            let whole = self.samples.get(&check.index).is_some_and(|sample| sample.whole);
            for finding in &mut check.verification.findings {
                *finding = if whole { Guard::check(rules, finding).text } else { WITHHELD.to_owned() };
            }
        }
        verdict.votes = self.answers.votes(rules, std::mem::take(&mut verdict.votes));
        if let Some(answer) = &mut verdict.answer {
            answer.canonical = self.answers.of(rules, &answer.canonical);
            answer.shown.clone_from(&answer.canonical);
        }
        let mut samples = self.samples;
        for report in reports {
            // What nobody has looked at is not shown.
            let shown = samples.remove(&report.index).unwrap_or_else(Sample::nothing);
            (report.thinking, report.text, report.answer) = (shown.thinking, shown.text, shown.answer);
            report.calls = shown.calls;
            report.withheld = shown.stopped;
            report.raw.clear();
        }
    }
}

/// The answers of a run that wait for a person. What would be blocked whoever decides does not wait.
fn held(job: &Job, ran: &Ran, found: &[Counted]) -> Option<HeldAnswers> {
    let asked = |found: &&Counted| found.action == Action::Hold;
    let because: Vec<String> = job
        .review
        .because
        .iter()
        .cloned()
        .chain(found.iter().filter(asked).map(|found| found.kind.named(found.list.as_deref())))
        .collect();
    if because.is_empty() || found.iter().any(|found| found.action == Action::Block) {
        return None;
    }
    let chosen = ran.verdict.chosen.iter().filter_map(|at| ran.samples.iter().find(|sample| sample.index == *at));
    let released = |sample: &SampleReport| HeldAnswer::released(&job.review.released, &sample.text, &sample.calls);
    let answers: Vec<HeldAnswer> = chosen.map(released).collect::<Option<_>>()?;
    (!answers.is_empty()).then_some(HeldAnswers { answers, because })
}

/// The notes that a record keeps of findings.
pub(crate) fn notes(found: &[Counted]) -> Vec<SafeguardNote> {
    let note = |found: &Counted| SafeguardNote {
        kind: found.kind.as_str().to_owned(),
        list: found.list.clone(),
        action: found.action.as_str().to_owned(),
        count: found.count,
    };
    found.iter().map(note).collect()
}

/// What of one sample has been shown while it is drawn. What its end decides comes with the answer.
#[derive(Debug)]
pub(super) struct Stream {
    thinking: Guard,
    text: Guard,
}

impl Stream {
    pub(super) fn new(rules: &Arc<Safeguards>) -> Self {
        Self { thinking: Guard::new(rules), text: Guard::new(rules) }
    }

    /// What may leave after more thoughts.
    pub(super) fn thoughts(&mut self, fresh: &str) -> String {
        self.thinking.feed(fresh).text
    }

    /// What may leave after more text.
    pub(super) fn text(&mut self, fresh: &str) -> String {
        self.text.feed(fresh).text
    }
}
