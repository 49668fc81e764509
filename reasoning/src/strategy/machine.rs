//! The machine behind every strategy: draws samples within the plan and asks the rules over the contiguous prefix.
//!
//! Samples finish in any order. Were a rule asked over those that happen to be finished, the answer would depend on the
//! load of the machine. So it is asked over samples 0..k, for each k in turn, once all of them have ended; what lies
//! beyond the k that decides is cancelled and does not vote, even where it has finished.

use super::{
    Action, Ask, Observation, SampleResult, Score, StopRule, Strategy, Tally, rules,
    score::Scored,
    tally::Count,
    verdict::{Choose, verdict},
};
use crate::{AnswerKind, Ledger, Plan, extract, sample_seed};

/// What makes one strategy differ from another.
pub(super) struct Recipe {
    pub(super) plan: Plan,
    pub(super) seed: u64,
    /// Samples to return.
    pub(super) n: u32,
    pub(super) kind: AnswerKind,
    /// Samples in flight.
    pub(super) wave: u32,
    pub(super) choose: Choose,
    /// The Beta rule's threshold; `None` without it.
    pub(super) beta: Option<f64>,
    /// The size of ESC's windows; `None` without them.
    pub(super) esc: Option<u32>,
    pub(super) score: Box<dyn Score>,
}

enum Slot {
    Waiting,
    Running { max_tokens: u32, retried: bool },
    Done(Box<Scored>),
    Failed(String),
}

pub(super) struct Machine {
    recipe: Recipe,
    ledger: Ledger,
    slots: Vec<Slot>,
    /// Samples 0..prefix have ended and are counted.
    prefix: usize,
    count: Count,
    started: bool,
    finished: bool,
}

impl Machine {
    pub(super) fn new(recipe: Recipe, ledger: Ledger) -> Self {
        let slots = (0..recipe.plan.samples).map(|_| Slot::Waiting).collect();
        Self { recipe, ledger, slots, prefix: 0, count: Count::default(), started: false, finished: false }
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

    fn sample(&mut self, result: &SampleResult) -> Vec<Action> {
        let answer = extract(&self.recipe.kind, &result.text);
        let scored = Scored::new(result, answer, self.recipe.score.as_ref());
        let Some((slot, max_tokens, _)) = self.running(result.index) else { return Vec::new() };
        let fits = result.tokens <= max_tokens;
        *slot = if fits {
            Slot::Done(Box::new(scored))
        } else {
            Slot::Failed(format!("sample {} generated {} of {max_tokens} tokens", result.index, result.tokens))
        };
        self.spend(result.index, result.tokens.min(max_tokens));
        self.advance(Vec::new())
    }

    /// Tries once more with the same seed and what is left of the sample's own share, so that neither a second try nor
    /// its timing can cost another sample a token.
    fn fail(&mut self, index: u32, retryable: bool, tokens: u32, reason: String) -> Vec<Action> {
        let Some((slot, max_tokens, retried)) = self.running(index) else { return Vec::new() };
        let left = max_tokens.saturating_sub(tokens);
        *slot = Slot::Failed(reason);
        self.spend(index, tokens.min(max_tokens));
        let mut actions = Vec::new();
        if retryable && !retried && left > 0 && self.ledger.reserve(index, left).is_ok() {
            actions.push(self.run(index, left, true));
        }
        self.advance(actions)
    }

    /// Books what a sample used and frees the rest. The machine reserves before each try, so neither can fail.
    fn spend(&mut self, index: u32, tokens: u32) {
        let booked = self.ledger.record(index, tokens).and_then(|()| self.ledger.settle(index));
        debug_assert!(booked.is_ok(), "{booked:?}");
    }

    fn run(&mut self, index: u32, max_tokens: u32, retried: bool) -> Action {
        if let Some(slot) = self.slots.get_mut(index as usize) {
            *slot = Slot::Running { max_tokens, retried };
        }
        let seed = sample_seed(self.recipe.seed, index);
        Action::Sample { index, seed, max_tokens, ask: Ask::Question, watch: None }
    }

    /// Asks the rules for each sample that has joined the prefix, then draws more.
    fn advance(&mut self, mut actions: Vec<Action>) -> Vec<Action> {
        loop {
            match self.slots.get(self.prefix) {
                Some(Slot::Done(sample)) => self.count.add(sample),
                Some(Slot::Failed(_)) => {}
                None => return self.finish(StopRule::AllDone, self.prefix),
                Some(_) => break,
            }
            self.prefix += 1;
            if let Some(rule) = self.stop() {
                return self.finish(rule, self.prefix);
            }
        }
        self.draw(&mut actions);
        actions
    }

    fn stop(&self) -> Option<StopRule> {
        let left = self.slots.len() - self.prefix;
        if self.recipe.choose != Choose::ByVotes || left == 0 || self.ended() < self.recipe.n as usize {
            return None;
        }
        let left = u32::try_from(left).unwrap_or(u32::MAX);
        let decided = rules::decided(&self.count, left).then_some(StopRule::Decided);
        let sure = |threshold: &f64| rules::beta(&self.count, *threshold);
        let beta = || self.recipe.beta.as_ref().is_some_and(sure).then_some(StopRule::Beta);
        let agrees = |window: &u32| rules::window_agrees(&self.prefix_answers(), *window as usize);
        let esc = || self.recipe.esc.as_ref().is_some_and(agrees).then_some(StopRule::Esc);
        decided.or_else(beta).or_else(esc)
    }

    /// Samples of the prefix that can be returned.
    fn ended(&self) -> usize {
        self.slots.iter().take(self.prefix).filter(|slot| matches!(slot, Slot::Done(_))).count()
    }

    /// What the finished samples of the prefix answer, in order.
    fn prefix_answers(&self) -> Vec<Option<&str>> {
        let finished = self.slots.iter().take(self.prefix).filter_map(done);
        finished.map(|sample| sample.answer.as_ref().map(|answer| answer.canonical.as_str())).collect()
    }

    fn draw(&mut self, actions: &mut Vec<Action>) {
        let running = self.slots.iter().filter(|slot| matches!(slot, Slot::Running { .. })).count();
        let free = (self.recipe.wave as usize).saturating_sub(running);
        let waiting = self.slots.iter().enumerate().filter(|(_, slot)| matches!(slot, Slot::Waiting));
        let next: Vec<u32> = waiting.filter_map(|(index, _)| u32::try_from(index).ok()).take(free).collect();
        for index in next {
            let tokens = self.recipe.plan.tokens_per_sample;
            match self.ledger.reserve(index, tokens) {
                Ok(()) => actions.push(self.run(index, tokens, false)),
                // The plan fits the budget, so this is a fault; it must not become an overspending.
                Err(_) => break,
            }
        }
    }

    /// Ends over the first `samples` samples; what runs is cancelled.
    fn finish(&mut self, stop: StopRule, samples: usize) -> Vec<Action> {
        self.finished = true;
        let mut actions = Vec::new();
        for (index, slot) in self.slots.iter().enumerate() {
            if let (Slot::Running { .. }, Ok(index)) = (slot, u32::try_from(index)) {
                actions.push(Action::Cancel { index });
            }
        }
        let ended = self.slots.iter().take(samples);
        let done: Vec<&Scored> = ended.clone().filter_map(done).collect();
        let reason = |slot: &Slot| if let Slot::Failed(reason) = slot { Some(reason.clone()) } else { None };
        let reasons = ended.filter_map(reason).collect();
        actions.push(Action::Finish(verdict(self.recipe.choose, self.recipe.n, stop, &done, reasons)));
        actions
    }
}

fn done(slot: &Slot) -> Option<&Scored> {
    if let Slot::Done(sample) = slot { Some(sample) } else { None }
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
            Observation::Failed { index, retryable, tokens, reason } => self.fail(index, retryable, tokens, reason),
            Observation::Judged { .. } => Vec::new(),
            Observation::DeadlinePassed => self.finish(StopRule::Deadline, self.slots.len()),
            Observation::ClientLeft => self.finish(StopRule::ClientLeft, self.slots.len()),
        }
    }

    fn snapshot(&self) -> Tally {
        let number = |test: fn(&Slot) -> bool| {
            u32::try_from(self.slots.iter().filter(|slot| test(slot)).count()).unwrap_or(u32::MAX)
        };
        Tally {
            votes: Count::of(self.slots.iter().filter_map(done)).ranked(),
            planned: self.recipe.plan.samples,
            running: if self.finished { 0 } else { number(|slot| matches!(slot, Slot::Running { .. })) },
            finished: number(|slot| matches!(slot, Slot::Done(_))),
            without_answer: number(|slot| done(slot).is_some_and(|sample| sample.answer.is_none())),
            failed: number(|slot| matches!(slot, Slot::Failed(_))),
        }
    }
}
