//! Having tools run that a sample has called.

use std::{collections::BTreeMap, sync::Arc};

use forethought_reasoning::{Call, Finish as End, Observation, Pending};
use futures::future::join_all;

use super::{Event, News, Report, Run, Work};
use crate::{CallAsked, CallOutcome, Caller, catch, deliberation::Acted};

/// What came of calls: by sample, turn and place, with the call as it was.
pub(super) type Made = BTreeMap<(u32, u32, u32), (Call, CallOutcome)>;

impl Run {
    /// Makes the calls that a sample waits for, all at once. Those that an earlier try of it has made are not made again.
    pub(super) fn call_tools(&mut self, index: u32) {
        let Some(sample) = self.samples.get_mut(&index) else { return };
        let (pending, round) = (sample.course.pending(), sample.course.round());
        let before = u32::try_from(sample.report.acts.len()).unwrap_or(u32::MAX);
        sample.kill = self.kill.child();
        (sample.run, sample.work) = (sample.run + 1, Some(Work::Act));
        let (run, kill) = (sample.run, sample.kill.clone());
        let calls: Vec<_> = pending
            .into_iter()
            .map(|Pending { place, call }| {
                let known = self.made.get(&(index, round, place)).filter(|(made, _)| *made == call);
                let known = known.map(|(_, outcome)| outcome.clone());
                self.calls += u32::from(known.is_none());
                let asked = CallAsked {
                    sample: index,
                    round,
                    place,
                    call,
                    made: self.calls.saturating_sub(1),
                    sample_made: before + place,
                    deadline: self.deadline,
                    kill: kill.clone(),
                };
                one(self.engines.tools.clone(), asked, known)
            })
            .collect();
        self.acting.insert((index, run));
        let reports = self.sender.clone();
        tokio::spawn(async move {
            let news = News::Acted { outcomes: join_all(calls).await };
            let _ = reports.send(Report { index, run, news }).await;
        });
    }

    /// Tells a sample what came of its calls, and has it go on.
    pub(super) fn acted(&mut self, index: u32, outcomes: Vec<CallOutcome>) -> Option<Observation> {
        let sample = self.samples.get(&index)?;
        let (pending, round) = (sample.course.pending(), sample.course.round());
        let mut acts = Vec::new();
        for (Pending { place, call }, outcome) in pending.into_iter().zip(&outcomes) {
            self.made.insert((index, round, place), (call.clone(), outcome.clone()));
            let CallOutcome { record, state, wall_ms, cost, .. } = outcome.clone();
            acts.push(Acted { round, place, call, record, state, wall_ms, cost, told: String::new() });
        }
        let calls = acts.iter().map(|act| (act.call.tool.clone(), act.state.clone())).collect();
        let left = sample.course.left(sample.max_tokens);
        let trace = self.trace(&sample.ask, left.max(1));
        let sample = self.samples.get_mut(&index)?;
        sample.acted(outcomes.into_iter().map(|outcome| outcome.told).collect(), acts, trace);
        self.tell(Event::SampleActed { index, round, calls });
        if left == 0 {
            return self.ended(index, End::Length);
        }
        self.stream(index);
        self.pass(index);
        None
    }
}

async fn one(caller: Option<Arc<dyn Caller>>, asked: CallAsked, known: Option<CallOutcome>) -> CallOutcome {
    match (known, caller) {
        (Some(known), _) => known,
        (None, None) => CallOutcome::not_made("error/unavailable", "no tool can be used here".to_owned()),
        (None, Some(caller)) => catch(async move { caller.call(asked).await }).await.unwrap_or_else(|panicked| {
            tracing::error!(%panicked, "a call of a tool panicked");
            CallOutcome::not_made("error/failed", "the tool broke off".to_owned())
        }),
    }
}
