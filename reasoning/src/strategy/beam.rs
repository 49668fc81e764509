//! Search by steps: several beginnings of an answer, of which the best go on in several ways.
//!
//! Beam search over steps and its diverse form, DVTS, as in Snell et al., arXiv 2408.03314, and Hugging Face's
//! search-and-learn. A beam is one sample of the budget: its steps, also those that lead nowhere, are spent from its own
//! share. All beams make a step, then all are compared, so the order in which steps end changes nothing.

use std::collections::BTreeSet;

use super::{
    Action, Ask, Finish, Observation, Room, SampleResult, StopRule, Strategy, Tally,
    params::Params,
    score::Scored,
    tally::Count,
    verdict::{Case, Choose, verdict},
};
use crate::{AnswerKind, Ledger, Plan, Verifiers, extract, sample_seed};

/// What a search is made of.
pub(super) struct Search {
    pub(super) plan: Plan,
    pub(super) seed: u64,
    /// Samples to return.
    pub(super) n: u32,
    pub(super) kind: AnswerKind,
    pub(super) params: Params,
    pub(super) verifiers: Verifiers,
}

/// Where a step ends.
const STEP: &str = "\n\n";

#[derive(Clone, Debug, PartialEq)]
enum State {
    /// Its next step may begin.
    Ready,
    Running {
        max_tokens: u32,
        retried: bool,
    },
    /// It has made its step and waits for the others.
    Stepped,
    Complete,
    Failed(String),
}

#[derive(Clone, Debug)]
struct Beam {
    state: State,
    /// What it goes on from: all that was said, markers included.
    begun: String,
    /// The thoughts so far.
    thinking: String,
    /// The answer so far.
    text: String,
    /// Tokens of all that, which other slots may have drawn.
    length: u32,
    /// Sum of the log-probabilities of its tokens, and how many they are.
    likelihood: (f64, u32),
    /// It came to its end by itself, and was not cut.
    whole: bool,
    /// Tokens that its slot has spent, on whatever.
    used: u32,
}

impl Beam {
    fn new() -> Self {
        Self {
            state: State::Ready,
            begun: String::new(),
            thinking: String::new(),
            text: String::new(),
            length: 0,
            likelihood: (0.0, 0),
            whole: false,
            used: 0,
        }
    }

    /// What it may still generate: its slot has a share, and no answer may become longer than one.
    fn left(&self, share: u32) -> u32 {
        share.saturating_sub(self.used.max(self.length))
    }

    /// Takes a step; `said` is what it added to an answer that may go on.
    fn take(&mut self, result: &SampleResult, said: Option<&str>, tokens: u32) {
        self.length += tokens;
        if let Some(mean) = result.mean_logprob.filter(|mean| !mean.is_nan()) {
            self.likelihood = (self.likelihood.0 + mean * f64::from(tokens), self.likelihood.1 + tokens);
        }
        self.thinking.clone_from(&result.thinking);
        self.text.clone_from(&result.text);
        self.begun.push_str(said.unwrap_or_default());
        if said.is_some() && result.finish == Finish::Matched {
            self.begun.push_str(STEP);
        }
        self.whole = said.is_none() && result.finish != Finish::Length;
        let more = said.is_some() && tokens > 0;
        self.state = if more { State::Stepped } else { State::Complete };
    }
}

pub(super) struct BeamSearch {
    search: Search,
    ledger: Ledger,
    beams: Vec<Beam>,
    /// How many steps all beams have made.
    step: u32,
    started: bool,
    finished: bool,
}

impl BeamSearch {
    pub(super) fn new(search: Search, ledger: Ledger) -> Self {
        let beams = vec![Beam::new(); search.plan.samples as usize];
        Self { search, ledger, beams, step: 0, started: false, finished: false }
    }

    /// Starts what is ready, as far as the wave allows.
    fn draw(&mut self) -> Vec<Action> {
        let running = self.beams.iter().filter(|beam| matches!(beam.state, State::Running { .. })).count();
        let free = (self.search.params.wave as usize).saturating_sub(running);
        let ready = self.beams.iter().enumerate().filter(|(_, beam)| beam.state == State::Ready);
        let next: Vec<usize> = ready.map(|(index, _)| index).take(free).collect();
        next.into_iter().filter_map(|index| self.run(index, self.search.params.step_tokens, false)).collect()
    }

    fn run(&mut self, index: usize, tokens: u32, retried: bool) -> Option<Action> {
        let (share, step, seed) = (self.search.plan.tokens_per_sample, self.step, self.search.seed);
        let beam = self.beams.get_mut(index)?;
        let max_tokens = tokens.min(beam.left(share));
        let index = u32::try_from(index).ok()?;
        if let Err(refused) = self.ledger.reserve(index, max_tokens) {
            // The plan fits the budget, so this is a fault; it must not become an overspending.
            beam.state = State::Failed(refused.to_string());
            return None;
        }
        beam.state = State::Running { max_tokens, retried };
        let room = Room { share, drawn: beam.length, left: beam.left(share) };
        let ask = Ask::Step { begun: beam.begun.as_str().into(), until: STEP.into(), room };
        // Beams that go on from the same text must not go on in the same way.
        let seed = sample_seed(sample_seed(seed, index), step);
        Some(Action::Sample { index, seed, max_tokens, ask, watch: None })
    }

    fn running(&mut self, index: u32) -> Option<(&mut Beam, u32, bool)> {
        let beam = self.beams.get_mut(index as usize)?;
        let State::Running { max_tokens, retried } = beam.state else { return None };
        Some((beam, max_tokens, retried))
    }

    fn stepped(&mut self, result: &SampleResult, said: Option<&str>) -> Vec<Action> {
        let share = self.search.plan.tokens_per_sample;
        let Some((beam, max_tokens, _)) = self.running(result.index) else { return Vec::new() };
        let tokens = result.tokens.min(max_tokens);
        beam.used += tokens;
        if result.tokens > max_tokens {
            beam.state =
                State::Failed(format!("beam {} generated {} of {max_tokens} tokens", result.index, result.tokens));
        } else {
            beam.take(result, said, tokens);
            if beam.left(share) == 0 {
                beam.state = State::Complete;
            }
        }
        self.spend(result.index, tokens);
        self.advance(Vec::new())
    }

    /// A step that broke off is tried once more; then the beam has failed.
    fn fail(&mut self, index: u32, retryable: bool, tokens: u32, reason: String) -> Vec<Action> {
        let Some((beam, max_tokens, retried)) = self.running(index) else { return Vec::new() };
        let tokens = tokens.min(max_tokens);
        beam.used += tokens;
        beam.state = State::Failed(reason);
        self.spend(index, tokens);
        let again = retryable && !retried && tokens < max_tokens;
        let again = again.then(|| self.run(index as usize, max_tokens - tokens, true)).flatten();
        self.advance(again.into_iter().collect())
    }

    fn spend(&mut self, index: u32, tokens: u32) {
        let booked = self.ledger.record(index, tokens).and_then(|()| self.ledger.settle(index));
        debug_assert!(booked.is_ok(), "{booked:?}");
    }

    /// Once all have made their step, the best go on.
    fn advance(&mut self, mut actions: Vec<Action>) -> Vec<Action> {
        let pending = |beam: &Beam| matches!(beam.state, State::Ready | State::Running { .. });
        if !self.beams.iter().any(pending) {
            self.select();
            self.step += 1;
        }
        actions.extend(self.draw());
        if !self.beams.iter().any(pending) {
            if self.beams.iter().any(|beam| beam.state == State::Stepped) {
                return self.advance(actions);
            }
            actions.extend(self.finish(StopRule::AllDone));
        }
        actions
    }

    /// Gives the texts of the best beams to all that go on.
    fn select(&mut self) {
        let going: Vec<usize> = (0..self.beams.len()).filter(|at| self.is(*at, &State::Stepped)).collect();
        let width = self.search.params.width.max(1) as usize;
        let groups: Vec<Vec<usize>> = if self.search.params.diverse {
            // Each subtree keeps its own best.
            let of = |group: usize| going.iter().copied().filter(|at| at / width == group).collect();
            (0..self.beams.len().div_ceil(width)).map(of).collect()
        } else {
            vec![going]
        };
        for group in groups {
            let keep = if self.search.params.diverse { 1 } else { group.len().div_ceil(width) };
            let kept = self.best(&group, keep);
            for (place, at) in group.into_iter().enumerate() {
                if let (Some(best), Some(beam)) = (kept.get(place / width).or(kept.last()), self.beams.get_mut(at)) {
                    *beam = Beam { state: State::Ready, used: beam.used, ..best.clone() };
                }
            }
        }
    }

    /// The best of a group, the best first. Two that say the same are one, and one that has said nothing comes last.
    fn best(&self, group: &[usize], keep: usize) -> Vec<Beam> {
        let mut ranked: Vec<(bool, Scored, &Beam)> = group
            .iter()
            .filter_map(|at| {
                self.beams.get(*at).map(|beam| (beam.begun.trim().is_empty(), self.begun(*at, beam), beam))
            })
            .collect();
        ranked.sort_by(|a, b| a.0.cmp(&b.0).then_with(|| a.1.by_soundness(&b.1)));
        let mut told = BTreeSet::new();
        ranked.retain(|(_, _, beam)| told.insert(beam.begun.as_str()));
        ranked.into_iter().take(keep).map(|(_, _, beam)| beam.clone()).collect()
    }

    fn is(&self, at: usize, state: &State) -> bool {
        self.beams.get(at).is_some_and(|beam| beam.state == *state)
    }

    /// A beginning, by what can be said of one.
    fn begun(&self, at: usize, beam: &Beam) -> Scored {
        let sample = sample(at, beam);
        Scored::new(&sample, None, self.search.verifiers.check_begun(&sample))
    }

    /// A beam as an answer.
    fn scored(&self, at: usize) -> Option<Scored> {
        let sample = sample(at, self.beams.get(at)?);
        let answer = extract(&self.search.kind, &sample.text);
        let verification = self.search.verifiers.check(&sample, answer.as_ref());
        Some(Scored::new(&sample, answer, verification))
    }

    /// The beams that can be an answer: those that came to their end, else those that were cut, else, when time is up,
    /// what has got furthest. What is still a thought is no answer. One that was to go on from another's text and has not
    /// begun is none, either: its sample still holds what it said before.
    fn candidates(&self) -> Vec<Scored> {
        let tests: [fn(&Beam) -> bool; 4] = [
            |beam| beam.whole,
            |beam| beam.state == State::Complete,
            |beam| beam.state == State::Stepped,
            |beam| matches!(beam.state, State::Running { .. }),
        ];
        let of = |test: fn(&Beam) -> bool| -> Vec<Scored> {
            let beams = self.beams.iter().enumerate();
            let fit = beams.filter(|(_, beam)| test(beam) && (beam.whole || !beam.text.trim().is_empty()));
            fit.filter_map(|(at, _)| self.scored(at)).collect()
        };
        tests.into_iter().map(of).find(|found| !found.is_empty()).unwrap_or_default()
    }

    fn finish(&mut self, stop: StopRule) -> Vec<Action> {
        self.finished = true;
        let running = self.beams.iter().enumerate().filter(|(_, beam)| matches!(beam.state, State::Running { .. }));
        let indices = running.filter_map(|(index, _)| u32::try_from(index).ok());
        let mut actions: Vec<Action> = indices.map(|index| Action::Cancel { index }).collect();
        let reason = |beam: &Beam| if let State::Failed(reason) = &beam.state { Some(reason.clone()) } else { None };
        let candidates = self.candidates();
        actions.push(Action::Finish(verdict(Case {
            choose: Choose::ByVotes,
            n: self.search.n,
            stop,
            samples: candidates.iter().map(|sample| (sample, sample.thousandths())).collect(),
            reasons: self.beams.iter().filter_map(reason).collect(),
            verified: !self.search.verifiers.is_empty(),
            vouched_first: false,
            warnings: Vec::new(),
        })));
        actions
    }
}

/// A beam as if it were a whole sample.
fn sample(at: usize, beam: &Beam) -> SampleResult {
    SampleResult {
        calls: None,
        index: u32::try_from(at).unwrap_or(u32::MAX),
        thinking: beam.thinking.clone(),
        text: beam.text.trim_end().to_owned(),
        finish: if beam.whole { Finish::Stop } else { Finish::Length },
        tokens: beam.length,
        mean_logprob: (beam.likelihood.1 > 0).then(|| beam.likelihood.0 / f64::from(beam.likelihood.1)),
        confidence: None,
    }
}

impl Strategy for BeamSearch {
    fn next(&mut self, observation: Observation) -> Vec<Action> {
        if self.finished {
            return Vec::new();
        }
        match observation {
            Observation::Start if self.started => Vec::new(),
            Observation::Start => {
                self.started = true;
                self.draw()
            }
            Observation::Sample(result) => self.stepped(&result, None),
            Observation::Stepped { result, said } => self.stepped(&result, Some(&said)),
            Observation::Failed { index, retryable, tokens, reason } => self.fail(index, retryable, tokens, reason),
            Observation::Judged { .. } | Observation::Reached { .. } => Vec::new(),
            Observation::DeadlinePassed => self.finish(StopRule::Deadline),
            Observation::ClientLeft => self.finish(StopRule::ClientLeft),
        }
    }

    fn snapshot(&self) -> Tally {
        let number = |test: fn(&State) -> bool| {
            u32::try_from(self.beams.iter().filter(|beam| test(&beam.state)).count()).unwrap_or(u32::MAX)
        };
        let complete: Vec<Scored> = (0..self.beams.len())
            .filter(|at| self.is(*at, &State::Complete))
            .filter_map(|at| self.scored(at))
            .collect();
        Tally {
            votes: Count::of(complete.iter().map(|sample| (sample, sample.thousandths()))).ranked(),
            planned: self.search.plan.samples,
            running: if self.finished { 0 } else { number(|state| matches!(state, State::Running { .. })) },
            finished: number(|state| *state == State::Complete),
            without_answer: u32::try_from(complete.iter().filter(|s| s.answer.is_none()).count()).unwrap_or(u32::MAX),
            failed: number(|state| matches!(state, State::Failed(_))),
        }
    }
}
