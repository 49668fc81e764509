//! Performs a strategy's actions and feeds it what happens.

use std::{collections::BTreeMap, sync::Arc};

use forethought_engine::{EngineError, Finish, SampleRequest, Usage};
use forethought_policies::SpendMeter;
use forethought_reasoning::{Action, Ledger, Observation, Spent, Strategy, Verdict};
use tokio::{
    sync::mpsc,
    time::{Instant, sleep_until},
};
use tracing::{debug, warn};

use super::{Event, Job, SampleReport, SampleState, samples::Sample};
use crate::{
    EngineDesk, KillSwitch,
    sampler::{News, Report, Sampler},
};

/// Reports that may wait; a sampler whose report finds no room waits, and with it its engine's buffer.
const REPORTS: usize = 64;
/// Every how many tokens a reader is told that a sample goes on.
const PROGRESS_EVERY: u32 = 8;

/// What a run comes to.
pub(super) struct Ran {
    pub verdict: Verdict,
    pub samples: Vec<SampleReport>,
    pub spent: Spent,
    /// The first fault of an engine, for the client when there is no answer.
    pub fault: Option<EngineError>,
    /// Whether a second try said something else than what the reader had of the first.
    pub diverged: bool,
}

pub(super) struct Run {
    job: Arc<Job>,
    strategy: Box<dyn Strategy>,
    ledger: Ledger,
    engine: EngineDesk,
    meter: SpendMeter,
    events: mpsc::Sender<Event>,
    kill: KillSwitch,
    deadline: Instant,
    samples: BTreeMap<u32, Sample>,
    /// Text of the first sample that the reader has.
    streamed: usize,
    generated: u32,
    fault: Option<EngineError>,
    diverged: bool,
    sender: mpsc::Sender<Report>,
    reports: mpsc::Receiver<Report>,
}

impl Run {
    pub(super) fn new(
        job: Arc<Job>,
        strategy: Box<dyn Strategy>,
        engine: EngineDesk,
        meter: SpendMeter,
        events: mpsc::Sender<Event>,
        kill: KillSwitch,
        deadline: Instant,
    ) -> Self {
        let (sender, reports) = mpsc::channel(REPORTS);
        let mut ledger = Ledger::new(job.budget);
        ledger.record_prompt(u64::from(job.prompt_tokens));
        meter.spent(u64::from(job.prompt_tokens));
        Self {
            job,
            strategy,
            ledger,
            engine,
            meter,
            events,
            kill,
            deadline,
            samples: BTreeMap::new(),
            streamed: 0,
            generated: 0,
            fault: None,
            diverged: false,
            sender,
            reports,
        }
    }

    pub(super) async fn finish(mut self) -> Ran {
        let mut observation = Observation::Start;
        loop {
            let voted = matches!(observation, Observation::Sample(_) | Observation::Failed { .. });
            let verdict = self.act(observation);
            if voted {
                self.tell(Event::Votes { tally: self.strategy.snapshot(), generated: self.generated });
            }
            if let Some(verdict) = verdict {
                return self.ran(verdict);
            }
            observation = self.observe().await;
        }
    }

    /// The next thing that the strategy must know.
    async fn observe(&mut self) -> Observation {
        loop {
            tokio::select! {
                biased;
                () = self.kill.killed() => return Observation::ClientLeft,
                () = sleep_until(self.deadline) => return Observation::DeadlinePassed,
                Some(report) = self.reports.recv() => {
                    if let Some(observation) = self.take(report) {
                        return observation;
                    }
                }
            }
        }
    }

    fn act(&mut self, observation: Observation) -> Option<Verdict> {
        for action in self.strategy.next(observation) {
            match action {
                Action::Sample { index, seed, max_tokens, .. } => self.start(index, seed, max_tokens),
                Action::Judge { index, .. } | Action::Cancel { index } => self.cancel(index),
                Action::Finish(verdict) => return Some(verdict),
            }
        }
        None
    }

    fn start(&mut self, index: u32, seed: u64, max_tokens: u32) {
        let kill = self.kill.child();
        let sample = match self.samples.entry(index) {
            std::collections::btree_map::Entry::Vacant(entry) => entry.insert(Sample::new(index, seed, kill.clone())),
            std::collections::btree_map::Entry::Occupied(entry) => {
                let sample = entry.into_mut();
                sample.again(kill.clone(), if index == 0 { self.streamed } else { 0 });
                sample
            }
        };
        let attempt = sample.attempt;
        if let Err(refused) = self.ledger.reserve(index, max_tokens) {
            // A strategy that keeps its plan never comes here; if one does, the sample must not be drawn.
            warn!(%refused, index, "the budget refuses a sample");
            kill.kill();
            let news = News::Failed { error: EngineError::Sample(refused.to_string()) };
            let _ = self.sender.try_send(Report { index, attempt, news });
            return;
        }
        let sampler = Sampler {
            index,
            attempt,
            request: SampleRequest {
                sampling: self.job.sampling.clone(),
                stop: self.job.stop.clone(),
                ..SampleRequest::new(self.job.prompt.clone(), max_tokens, seed)
            },
            engine: self.engine.clone(),
            deadline: self.deadline,
            reports: self.sender.clone(),
            kill,
        };
        self.tell(Event::SampleStarted { index });
        tokio::spawn(sampler.run());
    }

    fn cancel(&mut self, index: u32) {
        let Some(sample) = self.samples.get_mut(&index).filter(|s| s.report.state == SampleState::Running) else {
            return;
        };
        sample.kill.kill();
        sample.report.state = SampleState::Cancelled;
        let tokens = sample.report.tokens;
        if let Err(error) = self.ledger.cancel(index) {
            debug!(%error, "a cancelled sample was not on the ledger");
        }
        self.tell(Event::SampleCancelled { index, tokens });
    }

    /// Books a report; gives what the strategy must know of it.
    fn take(&mut self, Report { index, attempt, news }: Report) -> Option<Observation> {
        let sample = self.samples.get(&index)?;
        if sample.attempt != attempt || sample.report.state != SampleState::Running {
            if matches!(news, News::Token { .. }) {
                self.late_token(index);
            }
            return None;
        }
        match news {
            News::Token { text, logprob } => self.token(index, &text, logprob),
            News::Ended { text, finish, usage } => self.ended(index, &text, finish, usage),
            News::Failed { error } => Some(self.failed(index, error)),
        }
    }

    fn token(&mut self, index: u32, text: &str, logprob: f32) -> Option<Observation> {
        if let Err(over) = self.ledger.record(index, 1) {
            // The engine does not keep to its cap: stop it, and do not count what it says.
            return Some(self.failed(index, EngineError::Sample(over.to_string())));
        }
        let sample = self.samples.get_mut(&index)?;
        sample.token(text, logprob);
        let (tokens, agrees) = (sample.report.tokens, sample.agrees(text));
        self.spend(1);
        if !agrees {
            return Some(self.diverged(index));
        }
        self.stream(index);
        if tokens % PROGRESS_EVERY == 0 {
            self.tell(Event::Progress { index, tokens });
        }
        None
    }

    fn ended(&mut self, index: u32, text: &str, finish: Finish, usage: Usage) -> Option<Observation> {
        let sample = self.samples.get_mut(&index)?;
        // The end token is counted by the engine and has no event of its own.
        let unseen = usage.completion_tokens.saturating_sub(sample.attempt_tokens);
        sample.report.tokens += unseen;
        sample.attempt_tokens += unseen;
        let result = sample.finish(text, finish, &self.job.kind);
        let (tokens, answer) = (sample.report.tokens, sample.report.answer.clone());
        let agrees = sample.agrees(text) && !sample.falls_short();
        if let Err(over) = self.ledger.record(index, unseen) {
            return Some(self.failed(index, EngineError::Sample(over.to_string())));
        }
        self.spend(unseen);
        if !agrees {
            return Some(self.diverged(index));
        }
        self.settle(index);
        self.stream(index);
        self.tell(Event::SampleFinished { index, tokens, answer });
        Some(Observation::Sample(result))
    }

    fn failed(&mut self, index: u32, error: EngineError) -> Observation {
        warn!(%error, index, "a sample failed");
        self.settle(index);
        let (mut tokens, mut all_tries) = (0, 0);
        if let Some(sample) = self.samples.get_mut(&index) {
            sample.kill.kill();
            sample.report.state = SampleState::Failed;
            (tokens, all_tries) = (sample.attempt_tokens, sample.report.tokens);
        }
        self.tell(Event::SampleFailed { index, tokens: all_tries });
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

    /// A token that was drawn before its sampler heard of the end: it was spent all the same.
    fn late_token(&mut self, index: u32) {
        if let Some(sample) = self.samples.get_mut(&index) {
            sample.report.tokens += 1;
        }
        self.spend(1);
    }

    fn settle(&mut self, index: u32) {
        if let Err(error) = self.ledger.settle(index) {
            debug!(%error, "a sample was not on the ledger");
        }
    }

    fn spend(&mut self, tokens: u32) {
        self.generated += tokens;
        self.meter.spent(u64::from(self.job.prompt_tokens) + u64::from(self.generated));
    }

    /// Sends the reader what it has not yet seen of the first sample. What finds no room goes with the next token, or
    /// with the answer. A second try says the same again, up to where the first broke off.
    fn stream(&mut self, index: u32) {
        if !self.job.stream_text || index != 0 {
            return;
        }
        let Some(fresh) = self.samples.get(&0).and_then(|sample| sample.report.text.get(self.streamed..)) else {
            return;
        };
        if !fresh.is_empty()
            && let Ok(room) = self.events.try_reserve()
        {
            self.streamed += fresh.len();
            room.send(Event::Text(fresh.to_owned()));
        }
    }

    /// Tells the reader, if it reads: a full buffer never holds up the work.
    fn tell(&self, event: Event) {
        let _ = self.events.try_send(event);
    }

    fn ran(mut self, verdict: Verdict) -> Ran {
        let running: Vec<u32> =
            self.samples.iter().filter(|(_, s)| s.report.state == SampleState::Running).map(|(i, _)| *i).collect();
        for index in running {
            self.cancel(index);
        }
        while let Ok(report) = self.reports.try_recv() {
            self.take(report);
        }
        Ran {
            verdict,
            samples: self.samples.into_values().map(|sample| sample.report).collect(),
            spent: self.ledger.spent(),
            fault: self.fault,
            diverged: self.diverged,
        }
    }
}
