//! Drawing a sample: its passes, its tokens, its end.

use std::{collections::btree_map::Entry, sync::Arc};

use forethought_engine::{EngineError, Finish, Usage};
use forethought_reasoning::{Ask, Course, Finish as End, Observation, Step, Trace, Watch};
use tracing::warn;

use super::{Event, News, Report, Run, Sample, SampleState, Sampler, Way, Work};
use crate::{deliberation::samples, sampler::Token};

/// Every how many tokens a reader is told that a sample goes on.
const PROGRESS_EVERY: u32 = 8;

impl Run {
    /// Starts a sample, a second try of it, or its next step.
    pub(super) fn start(&mut self, index: u32, seed: u64, max_tokens: u32, ask: Ask, watch: Option<Watch>) {
        let course = self.course(&ask, max_tokens);
        self.made.begin(index);
        let kill = self.kill.child();
        let (sample, told) = match self.samples.entry(index) {
            Entry::Vacant(entry) => (entry.insert(Sample::new(index, seed, kill)), (0, 0)),
            Entry::Occupied(entry) => (entry.into_mut(), self.reader.told(index)),
        };
        sample.report.seed = seed;
        sample.begin(ask, course, watch, told);
        sample.max_tokens = max_tokens;
        if let Err(refused) = self.ledger.reserve(index, max_tokens) {
            // A strategy that keeps its plan never comes here; if one does, the sample must not be drawn.
            warn!(%refused, index, "the budget refuses a sample");
            (sample.run, sample.work) = (sample.run + 1, Some(Work::Draw));
            let news = News::Failed { error: EngineError::Sample(refused.to_string()) };
            let _ = self.sender.try_send(Report { index, run: sample.run, news });
            return;
        }
        self.pass(index);
    }

    /// A sample's way through its turns. A step of a search calls no tools: it may be thrown away, and what was done stays done.
    fn course(&self, ask: &Ask, max_tokens: u32) -> Course {
        let trace = self.trace(ask, max_tokens);
        match &self.job.tools {
            Some(tools) if !matches!(ask, Ask::Step { .. }) => {
                Course::acting(trace, Arc::clone(tools), self.job.stop.clone())
            }
            _ => Course::plain(trace),
        }
    }

    pub(super) fn trace(&self, ask: &Ask, max_tokens: u32) -> Trace {
        let thinking = self.job.thinking.as_ref();
        match (ask, thinking) {
            (Ask::Step { begun, until, room }, thinking) => {
                let thought = thinking.map_or(0, |thinking| thinking.thought_left(*room));
                let step = Step { begun, tokens: max_tokens, thought, until, stop: &self.job.stop };
                let opened = thinking.is_some_and(|thinking| thinking.opened);
                Trace::step(thinking.map(|thinking| thinking.style.clone()), opened, step)
            }
            (_, None) => Trace::plain(max_tokens),
            (_, Some(thinking)) if thinking.tokens.is_none() => {
                Trace::uncapped(&thinking.style, thinking.opened, max_tokens)
            }
            (_, Some(thinking)) => {
                let split = !self.job.stop.is_empty() || self.job.schema.is_some() || self.job.tools.is_some();
                Trace::thinking(thinking.style.clone(), thinking.opened, split, thinking.allowance(max_tokens))
            }
        }
    }

    /// Runs the trace's next pass.
    pub(super) fn pass(&mut self, index: u32) {
        let Some(sample) = self.samples.get_mut(&index) else { return };
        let Some(pass) = sample.course.pass() else { return };
        let request = super::requests::of_pass(&self.job, sample, &pass);
        let goes_on = matches!(&sample.ask, Ask::Step { begun, .. } if !begun.is_empty());
        sample.kill = self.kill.child();
        (sample.run, sample.work) = (sample.run + 1, Some(Work::Draw));
        let sampler = Sampler {
            index,
            run: sample.run,
            request,
            way: Way::AsAsked,
            engine: self.engines.model.clone(),
            tenant: self.job.tenant.clone(),
            // Half of a sample is of no use: what was begun goes on first.
            rank: if pass.number > 0 || goes_on { 0 } else { index },
            deadline: self.deadline,
            reports: self.sender.clone(),
            kill: sample.kill.clone(),
        };
        if pass.number == 0 {
            self.tell(Event::SampleStarted { index });
        }
        self.spawn(sampler);
    }

    pub(super) fn token(&mut self, index: u32, token: &Token) -> Option<Observation> {
        if let Err(over) = self.ledger.record(index, 1) {
            // The engine does not keep to its cap: stop it, and do not count what it says.
            return Some(self.failed(index, EngineError::Sample(over.to_string())));
        }
        let sample = self.samples.get_mut(&index)?;
        sample.token(token);
        let (tokens, agrees, weak) = (sample.report.tokens, sample.agrees(), sample.is_weak(token));
        let stopped = sample.course.is_stopped();
        self.spend(1);
        if !agrees && !self.leaves_pinned(index) {
            return Some(self.diverged(index));
        }
        self.stream(index);
        if tokens % PROGRESS_EVERY == 0 {
            self.tell(Event::Progress { index, tokens });
        }
        if stopped {
            return self.cut_short(index, End::Stop);
        }
        if weak {
            return self.cut_short(index, End::Weak);
        }
        let tokens = self.samples.get(&index)?.course.tokens();
        Some(Observation::Reached { index, tokens })
    }

    pub(super) fn pass_ended(&mut self, index: u32, text: &str, finish: Finish, usage: Usage) -> Option<Observation> {
        let sample = self.samples.get_mut(&index)?;
        let finish = samples::finish(finish);
        let unseen = sample.pass_ended(text, finish, usage);
        let (more, acts) = (sample.course.pass().is_some(), sample.course.is_waiting());
        let finish = sample.course.end(finish);
        let agrees = sample.agrees() && (more || acts || !sample.falls_short());
        self.ledger.record_prompt(u64::from(usage.prompt_tokens));
        if let Err(over) = self.ledger.record(index, unseen) {
            return Some(self.failed(index, EngineError::Sample(over.to_string())));
        }
        self.spend(unseen);
        if !agrees && !self.leaves_pinned(index) {
            return Some(self.diverged(index));
        }
        self.stream(index);
        if more {
            self.pass(index);
            return None;
        }
        if acts {
            self.call_tools(index);
            return None;
        }
        self.ended(index, finish)
    }

    /// A trace that is too unsure, or behind its stop sequence: what it would still have said is not wanted.
    fn cut_short(&mut self, index: u32, end: End) -> Option<Observation> {
        self.samples.get_mut(&index)?.kill.kill();
        self.ended(index, end)
    }

    pub(super) fn ended(&mut self, index: u32, finish: End) -> Option<Observation> {
        let sample = self.samples.get_mut(&index)?;
        sample.work = None;
        let observation = sample.finish(finish, &self.job.kind);
        let (tokens, answer) = (sample.report.tokens, self.shown.take(&self.job, &sample.report));
        self.settle(index);
        self.stream(index);
        self.tell(Event::SampleFinished { index, tokens, answer });
        Some(observation)
    }

    pub(super) fn failed(&mut self, index: u32, error: EngineError) -> Observation {
        warn!(%error, index, "a sample failed");
        self.settle(index);
        let mut tokens = 0;
        if let Some(sample) = self.samples.get_mut(&index) {
            sample.kill.kill();
            let drawn = sample.work != Some(Work::Judge);
            tokens = if drawn { sample.course.tokens() } else { sample.judge_tokens };
            sample.break_off(if drawn { SampleState::Failed } else { SampleState::Finished }, self.job.prompt_tokens);
            let all_tries = sample.report.tokens;
            // What was only judged stays finished.
            let judged = Event::SampleJudged { index, tokens, failed: true };
            self.tell(if drawn { Event::SampleFailed { index, tokens: all_tries } } else { judged });
        }
        let observation =
            Observation::Failed { index, retryable: error.retryable(), tokens, reason: error.to_string() };
        self.fault.get_or_insert(error);
        observation
    }

    /// The reader has the beginning of one answer and would get the end of another: no answer is better than both.
    fn diverged(&mut self, index: u32) -> Observation {
        self.diverged = true;
        self.failed(index, EngineError::Sample("a second try said something else than what was streamed".to_owned()))
    }
}
