//! Performs a strategy's actions and feeds it what happens.

mod draw;
mod judge;
mod requests;
mod tell;

use std::{collections::BTreeMap, sync::Arc};

use forethought_engine::EngineError;
use forethought_policies::SpendMeter;
use forethought_reasoning::{Action, Ledger, Observation, Spent, Strategy, Verdict};
use tokio::{
    sync::mpsc,
    time::{Instant, sleep_until},
};
use tracing::debug;

use super::{
    Event, Job, SampleReport, SampleState,
    samples::{Sample, Work},
};
use crate::{
    EngineDesk, KillSwitch,
    sampler::{News, Report, Sampler},
};

/// Reports that may wait; a sampler whose report finds no room waits, and with it its engine's buffer.
const REPORTS: usize = 64;

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

/// The engines that a run uses.
pub(super) struct Engines {
    pub model: EngineDesk,
    /// What judges samples; the model itself where there is none.
    pub judge: Option<EngineDesk>,
}

pub(super) struct Run {
    job: Arc<Job>,
    strategy: Box<dyn Strategy>,
    ledger: Ledger,
    engines: Engines,
    meter: SpendMeter,
    events: mpsc::Sender<Event>,
    kill: KillSwitch,
    deadline: Instant,
    samples: BTreeMap<u32, Sample>,
    reader: tell::Reader,
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
        engines: Engines,
        meter: SpendMeter,
        events: mpsc::Sender<Event>,
        kill: KillSwitch,
        deadline: Instant,
    ) -> Self {
        let (sender, reports) = mpsc::channel(REPORTS);
        let ledger = Ledger::new(job.budget);
        meter.spent(u64::from(job.prompt_tokens));
        Self {
            job,
            strategy,
            ledger,
            engines,
            meter,
            events,
            kill,
            deadline,
            samples: BTreeMap::new(),
            reader: tell::Reader::default(),
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
            let voted = !matches!(observation, Observation::Start);
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
                Action::Sample { index, seed, max_tokens, ask, watch } => {
                    self.start(index, seed, max_tokens, ask, watch);
                }
                Action::Judge { index, seed, prompt, max_tokens } => self.judge(index, seed, &prompt, max_tokens),
                Action::Cancel { index } => self.cancel(index),
                Action::Finish(verdict) => return Some(verdict),
            }
        }
        None
    }

    /// Books a report; gives what the strategy must know of it.
    fn take(&mut self, Report { index, run, news }: Report) -> Option<Observation> {
        let sample = self.samples.get(&index)?;
        match (sample.work.filter(|_| sample.run == run), news) {
            (None, News::Token(_)) => {
                self.late_token(index);
                None
            }
            (None, _) => None,
            (Some(Work::Draw), News::Token(token)) => self.token(index, &token),
            (Some(Work::Draw), News::Ended { text, finish, usage }) => self.pass_ended(index, &text, finish, usage),
            (Some(Work::Judge), News::Token(token)) => self.judge_token(index, &token.text),
            (Some(Work::Judge), News::Ended { text, usage, .. }) => self.judged(index, &text, usage),
            (Some(_), News::Failed { error }) => Some(self.failed(index, error)),
        }
    }

    fn cancel(&mut self, index: u32) {
        let Some(sample) = self.samples.get_mut(&index).filter(|sample| sample.work.is_some()) else { return };
        sample.kill.kill();
        // A sample whose judge is stopped has ended all the same.
        let state = if sample.work == Some(Work::Draw) { SampleState::Cancelled } else { SampleState::Finished };
        sample.break_off(state, self.job.prompt_tokens);
        let (tokens, judge_tokens) = (sample.report.tokens, sample.judge_tokens);
        let booked =
            if state == SampleState::Cancelled { self.ledger.cancel(index) } else { self.ledger.settle(index) };
        if let Err(error) = booked {
            debug!(%error, "a cancelled sample was not on the ledger");
        }
        let judged = Event::SampleJudged { index, tokens: judge_tokens, failed: true };
        let cancelled = state == SampleState::Cancelled;
        self.tell(if cancelled { Event::SampleCancelled { index, tokens } } else { judged });
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

    fn ran(mut self, verdict: Verdict) -> Ran {
        let running: Vec<u32> = self.samples.iter().filter(|(_, s)| s.work.is_some()).map(|(i, _)| *i).collect();
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
