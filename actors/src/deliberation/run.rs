//! Performs a strategy's actions and feeds it what happens.

mod act;
mod draw;
mod judge;
mod requests;
mod tell;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use forethought_engine::EngineError;
use forethought_policies::SpendMeter;
use forethought_reasoning::{Action, Ledger, Observation, Spent, Strategy, Tally, Verdict};
use tokio::{
    sync::mpsc,
    time::{Instant, sleep_until, timeout},
};
use tracing::debug;

pub(crate) use judge::behind_thought;

use super::{
    CallSpent, Event, Job, SampleReport, SampleState,
    samples::{Sample, Work},
    screen::Answers,
};
use crate::{
    Caller, EngineDesk, KillSwitch,
    sampler::{News, Report, Sampler, Way},
};

/// Reports that may wait; a sampler whose report finds no room waits, and with it its engine's buffer.
const REPORTS: usize = 64;

/// How long the last of what was cancelled is waited for. An engine hears of it before it draws the next token, so that
/// only a token whose draw has begun may still come.
const LAST_WORDS: Duration = Duration::from_millis(10);

/// How long calls of tools that were stopped may take to have that recorded: it must stand in the log before the end does.
const LAST_RECORDS: Duration = Duration::from_secs(5);

/// What a run comes to.
pub(super) struct Ran {
    pub verdict: Verdict,
    pub samples: Vec<SampleReport>,
    pub spent: Spent,
    /// The first fault of an engine, for the client when there is no answer.
    pub fault: Option<EngineError>,
    /// Whether a second try said something else than what the reader had of the first.
    pub diverged: bool,
    /// Every call of a tool that was made.
    pub calls: Vec<CallSpent>,
    /// What still counts what is drawn.
    run: Option<Box<Run>>,
}

impl Ran {
    /// Counts what engines have drawn of what was cancelled. The answer does not depend on it, so it may go out before.
    pub(super) async fn count_rest(&mut self) {
        let Some(mut run) = self.run.take() else { return };
        run.hear_rest().await;
        self.calls = std::mem::take(&mut run.spent);
        for sample in &mut self.samples {
            let Some(counted) = run.samples.get(&sample.index).map(|counted| &counted.report) else { continue };
            sample.tokens = counted.tokens;
            sample.thinking_tokens = counted.thinking_tokens;
            sample.judge_tokens = counted.judge_tokens;
            sample.lost_tokens = counted.lost_tokens;
        }
    }
}

/// The engines that a run uses.
pub(super) struct Engines {
    pub model: EngineDesk,
    /// What judges samples; the model itself where there is none.
    pub judge: Option<EngineDesk>,
    /// What makes calls of tools; nothing does where there is none.
    pub tools: Option<Arc<dyn Caller>>,
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
    /// What may be shown of answers.
    shown: Answers,
    generated: u32,
    fault: Option<EngineError>,
    diverged: bool,
    /// What came of calls of tools: a second try of a sample does not make them again.
    made: act::Made,
    /// Every call of a tool that was made, also of samples that were cancelled and of tries that broke off.
    spent: Vec<CallSpent>,
    /// Calls of tools that have been made.
    calls: u32,
    /// The calls of an engine that have not reported their end.
    open: BTreeSet<(u32, u32)>,
    /// The turns whose calls of tools have not.
    acting: BTreeSet<(u32, u32)>,
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
        let shown = Answers::live(&job);
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
            shown,
            generated: 0,
            fault: None,
            diverged: false,
            made: act::Made::default(),
            spent: Vec::new(),
            calls: 0,
            open: BTreeSet::new(),
            acting: BTreeSet::new(),
            sender,
            reports,
        }
    }

    pub(super) async fn finish(mut self) -> Ran {
        let mut observation = Observation::Start;
        loop {
            let ended = !matches!(observation, Observation::Start | Observation::Reached { .. });
            let verdict = self.act(observation);
            if ended || verdict.is_some() {
                let tally = self.strategy.snapshot();
                let votes = self.shown.votes(&self.job.safeguards, tally.votes);
                self.tell(Event::Votes { tally: Tally { votes, ..tally }, generated: self.generated });
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
        if !matches!(news, News::Token(_)) {
            self.open.remove(&(index, run));
            self.acting.remove(&(index, run));
        }
        if let News::Acted { calls } = &news {
            self.book(index, calls);
        }
        let sample = self.samples.get(&index)?;
        match (sample.work.filter(|_| sample.run == run), news) {
            (_, News::Stopped { unseen }) => self.late(index, run, unseen),
            (None, News::Token(_)) => self.late(index, run, 1),
            (Some(Work::Draw), News::Token(token)) => self.token(index, &token),
            (Some(Work::Draw), News::Ended { text, finish, usage }) => self.pass_ended(index, &text, finish, usage),
            (Some(Work::Judge), News::Token(token)) => self.judge_token(index, &token),
            (Some(Work::Judge), News::Ended { text, usage, .. }) => self.judged(index, &text, usage),
            (Some(Work::Act), News::Acted { calls }) => self.acted(index, calls),
            // Tools report in no other way, and nothing else reports so.
            (None | Some(Work::Act), _) | (Some(_), News::Acted { .. }) => None,
            (Some(_), News::Failed { error }) => Some(self.failed(index, error)),
        }
    }

    fn cancel(&mut self, index: u32) {
        let Some(sample) = self.samples.get_mut(&index).filter(|sample| sample.work.is_some()) else { return };
        sample.kill.kill();
        // A sample whose judge is stopped has ended all the same.
        let state = if sample.work == Some(Work::Judge) { SampleState::Finished } else { SampleState::Cancelled };
        sample.break_off(state, self.job.prompt_tokens);
        if state == SampleState::Cancelled {
            sample.cut_step(&self.job.kind);
        }
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

    /// Tokens that were drawn before an engine heard of the end: they were spent all the same.
    fn late(&mut self, index: u32, run: u32, tokens: u32) -> Option<Observation> {
        self.samples.get_mut(&index)?.late(run, tokens);
        self.spend(tokens);
        None
    }

    fn spawn(&mut self, sampler: Sampler) {
        self.open.insert((sampler.index, sampler.run));
        tokio::spawn(sampler.run());
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
        Ran {
            verdict,
            samples: self.samples.values().map(|sample| sample.report.clone()).collect(),
            spent: self.ledger.spent(),
            fault: self.fault.take(),
            diverged: self.diverged,
            calls: self.spent.clone(),
            run: Some(Box::new(self)),
        }
    }

    /// Takes what still comes of samplers that were stopped.
    async fn hear_rest(&mut self) {
        let within = if self.acting.is_empty() { LAST_WORDS } else { LAST_RECORDS };
        let rest = async {
            while !self.open.is_empty() || !self.acting.is_empty() {
                let Some(report) = self.reports.recv().await else { return };
                self.take(report);
            }
        };
        let _ = timeout(within, rest).await;
        while let Ok(report) = self.reports.try_recv() {
            self.take(report);
        }
    }
}
