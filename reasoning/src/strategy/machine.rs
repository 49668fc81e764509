//! The machine behind every strategy that draws samples side by side: it draws them within the plan and asks the rules
//! after each one that it counts.
//!
//! Samples finish in any order. Were a rule asked over those that happen to be finished, the answer would depend on the
//! load of the machine. So they are [counted in turns](Turns) that are the same in every run; what is not counted when a
//! rule decides is cancelled and does not vote, even where it has finished.

mod flight;

use std::collections::BTreeSet;

use super::{
    Action, Ask, Observation, SampleResult, StopRule, Strategy, Tally, Watch,
    revise::{self, Corrections, Drafts},
    rules,
    score::{Scored, WHOLE, thousandths},
    tally::Count,
    turns::{Order, Stage, Turns},
    verdict::{Case, Choose, verdict},
};
use crate::{
    Answer, AnswerKind, Judge, Ledger, Plan, Verifiers, extract, sample_seed, threshold, verify::UNCHECKED_SCORE,
};

/// What makes one strategy differ from another.
#[expect(clippy::struct_excessive_bools, reason = "each is a rule of its own, and any may go with any")]
pub(super) struct Recipe {
    pub(super) plan: Plan,
    pub(super) seed: u64,
    /// Samples to return.
    pub(super) n: u32,
    pub(super) kind: AnswerKind,
    pub(super) order: Order,
    /// Samples in flight, at most.
    pub(super) wave: u32,
    /// Whether never more than could still decide the vote.
    pub(super) thrifty: bool,
    pub(super) choose: Choose,
    pub(super) weigh: Weigh,
    /// Whether the vote may stop before all samples are in.
    pub(super) stops: bool,
    /// Where each sample mends one before: after how many a fresh one is drawn.
    pub(super) revises: Option<u32>,
    /// Whether soundness settles what votes leave open: an unsure vote goes to what a verifier vouches for, and of two
    /// answers with equal votes the likelier wins.
    pub(super) settles: bool,
    /// Whether a vote mends where all is refuted.
    pub(super) corrects: bool,
    /// The Beta rule's threshold; `None` without it.
    pub(super) beta: Option<f64>,
    /// The size of ESC's windows; `None` without them.
    pub(super) esc: Option<u32>,
    pub(super) verifiers: Verifiers,
}

/// What a vote weighs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Weigh {
    /// One, or what verifiers make of it.
    Votes,
    /// The verifiers' score.
    Scores,
    /// The confidence of the trace, unless that falls below what keeps the best of the warm-up (`DeepConf`).
    Confidence { warm_up: u32, window: u32, keep_percent: u32, consensus: Option<f64> },
}

enum Slot {
    Waiting,
    Running { max_tokens: u32, retried: bool },
    Judged(Box<Scored>),
    Done(Box<Scored>),
    Failed(String),
}

impl Slot {
    const fn stage(&self) -> Stage {
        match self {
            Self::Waiting => Stage::Waiting,
            Self::Running { .. } | Self::Judged(_) => Stage::Running,
            Self::Done(_) | Self::Failed(_) => Stage::Ended,
        }
    }
}

/// Where each of them stands.
fn stage(slots: &[Slot]) -> impl Fn(usize) -> Stage + Copy {
    |index| slots.get(index).map_or(Stage::Waiting, Slot::stage)
}

pub(super) struct Machine {
    recipe: Recipe,
    ledger: Ledger,
    slots: Vec<Slot>,
    turns: Turns,
    /// What the warm-up of a confidence vote asks of the others.
    threshold: Option<f64>,
    /// What the next sample goes on from, where that is another sample.
    drafts: Option<Drafts>,
    /// What the samples of a vote go on from, where it mends.
    corrections: Option<Corrections>,
    started: bool,
    finished: bool,
}

impl Machine {
    pub(super) fn new(recipe: Recipe, ledger: Ledger) -> Self {
        let slots: Vec<Slot> = (0..recipe.plan.samples).map(|_| Slot::Waiting).collect();
        let turns = Turns::new(recipe.order, slots.len());
        let drafts = recipe.revises.map(Drafts::new);
        let corrections = recipe.corrects.then(Corrections::new);
        let (started, finished) = (false, false);
        Self { recipe, ledger, slots, turns, threshold: None, drafts, corrections, started, finished }
    }

    /// A sample, if it is running, with what it was allowed.
    fn running(&mut self, index: u32) -> Option<(&mut Slot, u32, bool)> {
        match self.slots.get_mut(index as usize) {
            Some(slot @ Slot::Running { .. }) => {
                let Slot::Running { max_tokens, retried } = *slot else { return None };
                Some((slot, max_tokens, retried))
            }
            _ => None,
        }
    }

    /// A sample goes on.
    fn reached(&mut self, index: u32, tokens: u32) -> Vec<Action> {
        let Some((_, max_tokens, _)) = self.running(index) else { return Vec::new() };
        if self.recipe.order == Order::Drawn {
            return Vec::new();
        }
        self.turns.reach(index as usize, tokens.min(max_tokens));
        self.advance(Vec::new())
    }

    fn sample(&mut self, result: &SampleResult) -> Vec<Action> {
        let answer = answer_of(&self.recipe.kind, result);
        let verification = self.recipe.verifiers.check(result, answer.as_ref());
        let mut scored = Box::new(Scored::new(result, answer, verification));
        if self.drafts.is_some() || self.corrections.is_some() {
            scored.text = result.text.as_str().into();
        }
        if self.recipe.settles {
            scored.settle_ties();
        }
        let judge = self.recipe.verifiers.judge.as_ref().filter(|_| result.calls.is_none());
        let judge = judge.map(|judge| judge.prompt(&result.text));
        let Some((slot, max_tokens, _)) = self.running(result.index) else { return Vec::new() };
        if result.tokens > max_tokens {
            *slot = Slot::Failed(format!("sample {} generated {} of {max_tokens} tokens", result.index, result.tokens));
            self.turns.reach(result.index as usize, self.recipe.plan.tokens_per_sample);
            self.spend(result.index, max_tokens);
            return self.advance(Vec::new());
        }
        *slot = if judge.is_some() { Slot::Judged(scored) } else { Slot::Done(scored) };
        self.turns.reach(result.index as usize, result.tokens);
        self.spend(result.index, result.tokens);
        let Some(prompt) = judge else { return self.advance(Vec::new()) };
        let (index, max_tokens) = (result.index, Judge::max_tokens());
        if self.ledger.reserve(index, max_tokens).is_err() {
            // The plan has kept room for it, so this is a fault; it must not become an overspending.
            return self.judged(index, Err("no budget is left for the judge".to_owned()), None);
        }
        // A judge that draws from the sample's own seed would repeat its luck.
        let seed = !sample_seed(self.recipe.seed, index);
        vec![Action::Judge { index, seed, prompt, max_tokens }]
    }

    /// Takes a judge's reply, and the tokens that it cost unless none were reserved.
    fn judged(&mut self, index: u32, reply: Result<&str, String>, tokens: Option<u32>) -> Vec<Action> {
        let Some(slot @ Slot::Judged(_)) = self.slots.get_mut(index as usize) else { return Vec::new() };
        if let Slot::Judged(mut scored) = std::mem::replace(slot, Slot::Waiting) {
            scored.verification = self.recipe.verifiers.judged(scored.verification, reply);
            *slot = Slot::Done(scored);
        }
        if let Some(tokens) = tokens {
            self.spend(index, tokens.min(Judge::max_tokens()));
        }
        self.advance(Vec::new())
    }

    /// Tries once more with the same seed and what is left of the sample's own share, so that neither a second try nor
    /// its timing can cost another sample a token.
    fn fail(&mut self, index: u32, retryable: bool, tokens: u32, reason: String) -> Vec<Action> {
        if matches!(self.slots.get(index as usize), Some(Slot::Judged(_))) {
            return self.judged(index, Err(format!("the judge failed: {reason}")), Some(tokens));
        }
        let Some((slot, max_tokens, retried)) = self.running(index) else { return Vec::new() };
        let left = max_tokens.saturating_sub(tokens);
        *slot = Slot::Failed(reason);
        self.spend(index, tokens.min(max_tokens));
        let mut actions = Vec::new();
        if retryable && !retried && left > 0 && self.ledger.reserve(index, left).is_ok() {
            self.turns.reach(index as usize, tokens);
            actions.push(self.run(index, left, true));
        } else {
            // Where it broke must not decide when it is counted.
            self.turns.reach(index as usize, self.recipe.plan.tokens_per_sample);
        }
        self.advance(actions)
    }

    /// Books what a try or a judgement used and frees the rest. The machine reserves before each, so neither can fail.
    fn spend(&mut self, index: u32, tokens: u32) {
        let booked = self.ledger.record(index, tokens).and_then(|()| self.ledger.settle(index));
        debug_assert!(booked.is_ok(), "{booked:?}");
    }

    fn run(&mut self, index: u32, max_tokens: u32, retried: bool) -> Action {
        if !retried {
            self.turns.begin(index as usize);
        }
        if let Some(slot) = self.slots.get_mut(index as usize) {
            *slot = Slot::Running { max_tokens, retried };
        }
        let seed = sample_seed(self.recipe.seed, index);
        let watch = match self.recipe.weigh {
            Weigh::Confidence { warm_up, window, .. } if index < warm_up => Some(Watch { window, threshold: None }),
            Weigh::Confidence { window, .. } => Some(Watch { window, threshold: self.threshold }),
            Weigh::Votes | Weigh::Scores => None,
        };
        let ask = match (&self.drafts, &self.corrections) {
            (Some(drafts), _) => drafts.ask(),
            (None, Some(corrections)) => corrections.ask(index),
            (None, None) => Ask::Question,
        };
        Action::Sample { index, seed, max_tokens, ask, watch }
    }

    /// Counts whose turn it is, asks the rules after each, and draws more.
    fn advance(&mut self, mut actions: Vec<Action>) -> Vec<Action> {
        loop {
            // By the steps of the shortest first, others begin before the next one ends.
            if self.recipe.order == Order::Shortest {
                self.draw(&mut actions);
            }
            if self.turns.count(stage(&self.slots)).is_none() {
                break;
            }
            self.warm_up();
            self.find_fault();
            self.correct();
            if let Some(rule) = self.stop().or((self.left() == 0).then_some(StopRule::AllDone)) {
                let counted = self.turns.counted().to_vec();
                return self.finish(actions, rule, &counted);
            }
        }
        if self.recipe.order == Order::Drawn {
            self.draw(&mut actions);
        }
        actions
    }

    /// Samples that are not counted yet.
    fn left(&self) -> usize {
        self.slots.len() - self.turns.counted().len()
    }

    /// Once the warm-up has ended, what it asks of the others is fixed.
    fn warm_up(&mut self) {
        let Weigh::Confidence { warm_up, keep_percent, .. } = self.recipe.weigh else { return };
        if self.turns.counted().len() == warm_up as usize {
            let values: Vec<f64> = self.counted().filter_map(|sample| sample.confidence).collect();
            self.threshold = threshold(&values, keep_percent);
        }
    }

    /// What the next draft goes on from.
    fn find_fault(&mut self) {
        let last = self.turns.counted().last().and_then(|at| self.slots.get(*at)).and_then(done);
        if let (Some(drafts), Some(last)) = (&mut self.drafts, last) {
            drafts.found(last, &self.recipe.verifiers);
        }
    }

    /// At the end of a batch, how a vote that mends goes on.
    fn correct(&mut self) {
        let Some(corrections) = &mut self.corrections else { return };
        if self.turns.counted().len() == corrections.until() {
            let counted = self.turns.counted().iter().filter_map(|index| self.slots.get(*index).and_then(done));
            corrections.ended(counted, &self.recipe.verifiers);
        }
    }

    fn stop(&self) -> Option<StopRule> {
        if self.drafts.is_some() {
            let sound = distinct(self.counted().filter(|draft| revise::is_sound(draft)));
            return (sound >= self.recipe.n as usize).then_some(StopRule::Verified);
        }
        let left = u32::try_from(self.left()).unwrap_or(u32::MAX);
        if !self.recipe.stops || left == 0 || self.missing(self.counted()) > 0 {
            return None;
        }
        let count = Count::of(self.counted().map(|sample| (sample, self.weight(sample))));
        if let Weigh::Confidence { warm_up, consensus, .. } = self.recipe.weigh {
            let warm = self.turns.counted().len() >= warm_up as usize;
            let agrees = |share| rules::consensus(&count, share);
            return (warm && consensus.is_some_and(agrees)).then_some(StopRule::Consensus);
        }
        // While nothing vouches for the leader, what a later sample vouches for may still take its place.
        let holds = !self.recipe.settles || count.race().is_some_and(|race| race.winner.vouched);
        let decided = (holds && rules::decided(&count, left, self.most())).then_some(StopRule::Decided);
        let beta = || self.sure(&count).then_some(StopRule::Beta);
        let agrees = |window: &u32| rules::window_agrees(&self.counted_answers(), *window as usize);
        let esc = || self.recipe.esc.as_ref().is_some_and(agrees).then_some(StopRule::Esc);
        decided.or_else(beta).or_else(esc)
    }

    /// Whether the Beta rule is sure of the leader.
    fn sure(&self, count: &Count<'_>) -> bool {
        self.recipe.beta.is_some_and(|threshold| rules::beta(count, threshold))
    }

    /// Answers that are wanted and that none of these samples gives. One that weighs nothing gives none.
    fn missing<'a>(&self, samples: impl Iterator<Item = &'a Scored>) -> usize {
        let told = distinct(samples.filter(|sample| self.weight(sample) > 0));
        (self.recipe.n as usize).saturating_sub(told)
    }

    /// The finished samples among those that are counted, in their order.
    fn counted(&self) -> impl Iterator<Item = &Scored> + Clone {
        self.turns.counted().iter().filter_map(|index| self.slots.get(*index).and_then(done))
    }

    /// What a sample's vote weighs, in thousandths.
    fn weight(&self, sample: &Scored) -> u64 {
        let votes = sample.verification.votes();
        // The end of one that was cut is missing: it weighs no more than one in which nothing was checked.
        let votes = if sample.cut { votes.min(1) } else { votes };
        match self.recipe.weigh {
            Weigh::Votes => WHOLE * u64::from(votes),
            Weigh::Scores if sample.cut => sample.thousandths().min(thousandths(UNCHECKED_SCORE)),
            Weigh::Scores => sample.thousandths(),
            Weigh::Confidence { .. } => match (sample.confidence, self.threshold) {
                _ if sample.weak => 0,
                (Some(sure), Some(threshold)) if sure < threshold => 0,
                (Some(sure), _) => thousandths(sure) * u64::from(votes),
                (None, _) => 0,
            },
        }
    }

    /// What the counted samples answer, in their order. One that weighs nothing answers nothing.
    fn counted_answers(&self) -> Vec<Option<&str>> {
        let counted = self.counted().map(|sample| sample.answer.as_ref().filter(|_| self.weight(sample) > 0));
        counted.map(|answer| answer.map(|answer| answer.canonical.as_str())).collect()
    }

    /// What a vote can weigh at most.
    fn most(&self) -> u64 {
        WHOLE * u64::from(self.recipe.verifiers.most_votes())
    }

    /// Ends over all that there is, also over what no judge has replied to.
    fn break_off(&mut self, stop: StopRule) -> Vec<Action> {
        let judged = |index: usize| matches!(self.slots.get(index), Some(Slot::Judged(_)));
        let stage = stage(&self.slots);
        let ended = self.turns.ended(|index| if judged(index) { Stage::Ended } else { stage(index) });
        self.finish(Vec::new(), stop, &ended)
    }

    /// Ends over these samples, in this order; what runs is cancelled, and what was about to begin does not.
    fn finish(&mut self, mut actions: Vec<Action>, stop: StopRule, counted: &[usize]) -> Vec<Action> {
        self.finished = true;
        for (index, slot) in self.slots.iter().enumerate() {
            let (Stage::Running, Ok(index)) = (slot.stage(), u32::try_from(index)) else { continue };
            let begins = |action: &Action| matches!(action, Action::Sample { index: begun, .. } if *begun == index);
            match actions.iter().position(begins) {
                Some(at) => drop(actions.remove(at)),
                None => actions.push(Action::Cancel { index }),
            }
        }
        let reason = |slot: &Slot| if let Slot::Failed(reason) = slot { Some(reason.clone()) } else { None };
        let failed = self.slots.iter().enumerate().filter(|(index, _)| counted.contains(index));
        let reasons = failed.filter_map(|(_, slot)| reason(slot)).collect();
        let ended = counted.iter().filter_map(|index| self.slots.get(*index)).filter_map(drawn);
        let samples: Vec<(&Scored, u64)> = ended.map(|sample| (sample, self.weight(sample))).collect();
        let unsure = || stop.leaves_open() && !self.sure(&Count::of(samples.iter().copied()));
        actions.push(Action::Finish(verdict(Case {
            choose: self.recipe.choose,
            n: self.recipe.n,
            stop,
            vouched_first: self.recipe.settles && unsure(),
            samples,
            reasons,
            verified: !self.recipe.verifiers.is_empty(),
            warnings: if self.drafts.is_some() && self.recipe.verifiers.is_empty() {
                vec![revise::BLIND.to_owned()]
            } else {
                Vec::new()
            },
        })));
        actions
    }
}

/// How many different answers samples give.
fn distinct<'a>(samples: impl Iterator<Item = &'a Scored>) -> usize {
    let answers = samples.filter_map(|sample| sample.answer.as_ref());
    answers.map(|answer| answer.canonical.as_str()).collect::<BTreeSet<_>>().len()
}

/// What a sample votes for: the calls that whoever asked is to make, or the answer in its text.
fn answer_of(kind: &AnswerKind, result: &SampleResult) -> Option<Answer> {
    let called = |calls: &String| Answer { canonical: calls.clone(), shown: calls.clone() };
    result.calls.as_ref().map(called).or_else(|| extract(kind, &result.text))
}

fn done(slot: &Slot) -> Option<&Scored> {
    if let Slot::Done(sample) = slot { Some(sample) } else { None }
}

/// A finished sample, also one whose judge has not replied yet.
fn drawn(slot: &Slot) -> Option<&Scored> {
    if let Slot::Done(sample) | Slot::Judged(sample) = slot { Some(sample) } else { None }
}

impl Strategy for Machine {
    fn next(&mut self, observation: Observation) -> Vec<Action> {
        if self.finished {
            return Vec::new();
        }
        match observation {
            Observation::Start if self.started => Vec::new(),
            Observation::Start => {
                self.started = true;
                self.advance(Vec::new())
            }
            Observation::Sample(result) => self.sample(&result),
            Observation::Judged { index, text, tokens } => self.judged(index, Ok(&text), Some(tokens)),
            Observation::Failed { index, retryable, tokens, reason } => self.fail(index, retryable, tokens, reason),
            Observation::Reached { index, tokens } => self.reached(index, tokens),
            // Only a search asks for steps.
            Observation::Stepped { .. } => Vec::new(),
            Observation::DeadlinePassed => self.break_off(StopRule::Deadline),
            Observation::ClientLeft => self.break_off(StopRule::ClientLeft),
        }
    }

    fn snapshot(&self) -> Tally {
        let ended = self.turns.ended(stage(&self.slots));
        let finished = ended.iter().filter_map(|index| self.slots.get(*index).and_then(done));
        let number = |test: fn(&Slot) -> bool| {
            u32::try_from(self.slots.iter().filter(|slot| test(slot)).count()).unwrap_or(u32::MAX)
        };
        Tally {
            votes: Count::of(finished.map(|sample| (sample, self.weight(sample)))).ranked(),
            planned: self.recipe.plan.samples,
            running: if self.finished { 0 } else { number(|s| matches!(s, Slot::Running { .. } | Slot::Judged(_))) },
            finished: number(|slot| matches!(slot, Slot::Done(_))),
            without_answer: number(|slot| done(slot).is_some_and(|sample| sample.answer.is_none())),
            failed: number(|slot| matches!(slot, Slot::Failed(_))),
        }
    }
}
