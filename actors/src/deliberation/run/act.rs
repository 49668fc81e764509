//! Having tools run that a sample has called.

use std::{collections::BTreeMap, sync::Arc};

use forethought_reasoning::{Call, Finish as End, Observation, Pending};
use futures::future::join_all;

use super::{Event, News, Report, Run, Work};
use crate::{
    CallAsked, CallMade, CallOutcome, Caller, catch,
    deliberation::{Acted, CallSpent},
};

/// What came of the calls of each sample: a second try of it does not make them again.
#[derive(Debug, Default)]
pub(super) struct Made(BTreeMap<u32, Vec<(Call, CallOutcome, bool)>>);

impl Made {
    /// A try of a sample begins: it may have what came of the calls of the tries before.
    pub(super) fn begin(&mut self, index: u32) {
        for (.., taken) in self.0.entry(index).or_default() {
            *taken = false;
        }
    }

    /// What came of the same call in an earlier try, wherever it stood there; once.
    fn take(&mut self, index: u32, call: &Call) -> Option<CallOutcome> {
        let mut made = self.0.entry(index).or_default().iter_mut();
        let (_, outcome, taken) = made.find(|(made, _, taken)| !*taken && made == call)?;
        *taken = true;
        Some(outcome.clone())
    }

    /// How many calls all tries of a sample have made.
    fn count(&self, index: u32) -> u32 {
        self.0.get(&index).map_or(0, |made| u32::try_from(made.len()).unwrap_or(u32::MAX))
    }

    fn note(&mut self, index: u32, call: Call, outcome: CallOutcome) {
        self.0.entry(index).or_default().push((call, outcome, true));
    }
}

impl Run {
    /// Makes the calls that a sample waits for, all at once. Those that an earlier try of it has made are not made again, and all
    /// tries together make no more than the sample may: that is what was reserved.
    pub(super) fn call_tools(&mut self, index: u32) {
        let most = self.job.tools.as_ref().map_or(0, |tools| tools.limits.calls);
        let Some(sample) = self.samples.get_mut(&index) else { return };
        let (pending, round) = (sample.course.pending(), sample.course.round());
        sample.kill = self.kill.child();
        (sample.run, sample.work) = (sample.run + 1, Some(Work::Act));
        let (run, kill) = (sample.run, sample.kill.clone());
        let mut sample_made = self.made.count(index);
        let calls: Vec<_> = pending
            .into_iter()
            .map(|Pending { place, call }| {
                let too_many = || (sample_made >= most).then(one_too_many);
                let known = self.made.take(index, &call).or_else(too_many);
                let fresh = u32::from(known.is_none());
                self.calls += fresh;
                sample_made += fresh;
                let asked = CallAsked {
                    sample: index,
                    round,
                    place,
                    call,
                    made: self.calls.saturating_sub(1),
                    sample_made: sample_made.saturating_sub(1),
                    deadline: self.deadline,
                    kill: kill.clone(),
                };
                one(self.engines.tools.clone(), asked, known)
            })
            .collect();
        self.acting.insert((index, run));
        let reports = self.sender.clone();
        tokio::spawn(async move {
            let news = News::Acted { calls: join_all(calls).await };
            let _ = reports.send(Report { index, run, news }).await;
        });
    }

    /// Books calls that were made, whatever has become of their sample since: they were made all the same.
    pub(super) fn book(&mut self, index: u32, calls: &[CallMade]) {
        for CallMade { call, outcome, .. } in calls.iter().filter(|made| made.fresh) {
            self.meter.called(outcome.cost);
            self.spent.push(CallSpent {
                tool: call.tool.clone(),
                state: outcome.state.clone(),
                wall_ms: outcome.wall_ms,
                cost: outcome.cost,
            });
            self.made.note(index, call.clone(), outcome.clone());
        }
    }

    /// Tells a sample what came of its calls, and has it go on.
    pub(super) fn acted(&mut self, index: u32, calls: Vec<CallMade>) -> Option<Observation> {
        let sample = self.samples.get(&index)?;
        let round = sample.course.round();
        let left = sample.course.left(sample.max_tokens);
        let trace = self.trace(&sample.ask, left.max(1));
        let told = calls.iter().map(|made| made.outcome.told.clone()).collect();
        let acts: Vec<Acted> = calls.into_iter().map(|made| act(round, made)).collect();
        let calls = acts.iter().map(|act| (act.call.tool.clone(), act.state.clone())).collect();
        self.samples.get_mut(&index)?.acted(told, acts, trace);
        self.tell(Event::SampleActed { index, round, calls });
        if left == 0 {
            return self.ended(index, End::Length);
        }
        self.stream(index);
        self.pass(index);
        None
    }
}

fn one_too_many() -> CallOutcome {
    let why = "this answer was begun anew, and has made all its calls before; answer without more";
    CallOutcome::not_made("error/exhausted", why.to_owned())
}

fn act(round: u32, CallMade { place, call, outcome, .. }: CallMade) -> Acted {
    let CallOutcome { record, state, wall_ms, cost, .. } = outcome;
    Acted { round, place, call, record, state, wall_ms, cost, told: String::new() }
}

async fn one(caller: Option<Arc<dyn Caller>>, asked: CallAsked, known: Option<CallOutcome>) -> CallMade {
    let (place, call, fresh) = (asked.place, asked.call.clone(), known.is_none());
    let outcome = match (known, caller) {
        (Some(known), _) => known,
        (None, None) => CallOutcome::not_made("error/unavailable", "no tool can be used here".to_owned()),
        (None, Some(caller)) => catch(async move { caller.call(asked).await }).await.unwrap_or_else(|panicked| {
            tracing::error!(%panicked, "a call of a tool panicked");
            CallOutcome::not_made("error/failed", "the tool broke off".to_owned())
        }),
    };
    CallMade { place, call, outcome, fresh }
}
