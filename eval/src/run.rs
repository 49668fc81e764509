//! Asks what is still to be asked, a few at a time, and keeps each answer as it comes.

use std::{collections::BTreeSet, future::Future, num::NonZeroUsize};

use futures::{StreamExt, stream};

use crate::{EvalError, Outcome, Plan, Reply, ResultsFile, Service, Task, Wait, plan, service::Answered};

/// Requests that may fail one after the other, each for a reason that need not be the question's, before it is the service
/// that is broken.
const IN_A_ROW: usize = 10;

/// Something that happened, for who watches.
#[derive(Clone, Copy, Debug)]
pub enum Event<'a> {
    /// An answer was kept.
    Outcome(&'a Outcome),
    /// Requests wait, because the service is full, limits them, or is away.
    Waiting(&'a Wait),
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// Everything was asked.
    Whole,
    /// It was told to stop; what was kept stays, and what was under way is asked again another time.
    Stopped,
}

/// Sends `tasks`, at most `in_flight` at once, until all are answered or `stop` ends. Every answer is durable when this
/// returns, whatever it returns. A request that the service fails on is an answer like others, but not where many fail in a
/// row: those are not kept, and are asked again another time.
///
/// # Errors
/// [`EvalError::Service`] when the service refuses a request for good, takes none for too long, fails on many in a row, or
/// has a model with other weights than those of the plan, and
/// [`EvalError::Io`] when an answer cannot be kept.
pub async fn run(
    plan: &Plan,
    tasks: &[Task],
    service: &Service,
    file: &mut ResultsFile,
    in_flight: NonZeroUsize,
    stop: impl Future<Output = ()>,
    watch: &dyn Fn(Event<'_>),
) -> Result<Ended, EvalError> {
    let mut answers =
        stream::iter(tasks).map(|task| ask(plan, *task, service, watch)).buffer_unordered(in_flight.get());
    let mut stop = std::pin::pin!(stop);
    // What failed since something last did not.
    let mut failed: Vec<Outcome> = Vec::new();
    let ended = loop {
        let next = tokio::select! {
            biased;
            () = &mut stop => break Ok(Ended::Stopped),
            next = answers.next() => next,
        };
        let kept = match next {
            None => break keep(file, &failed, watch).map(|()| Ended::Whole),
            Some(Err(error)) => break Err(error),
            Some(Ok((outcome, lasting))) => {
                failed.push(outcome);
                match lasting {
                    true => keep(file, &std::mem::take(&mut failed), watch),
                    false if failed.len() >= IN_A_ROW => Err(broken(&failed)),
                    false => Ok(()),
                }
            }
        };
        if let Err(error) = kept {
            break Err(error);
        }
    };
    let synced = file.sync();
    ended.and_then(|ended| synced.map(|()| ended))
}

fn keep(file: &mut ResultsFile, outcomes: &[Outcome], watch: &dyn Fn(Event<'_>)) -> Result<(), EvalError> {
    outcomes.iter().try_for_each(|outcome| file.append(outcome).map(|()| watch(Event::Outcome(outcome))))
}

fn broken(failed: &[Outcome]) -> EvalError {
    let codes: BTreeSet<&str> = failed.iter().filter_map(|outcome| outcome.error.as_deref()).collect();
    let (count, codes) = (failed.len(), codes.into_iter().collect::<Vec<_>>().join(", "));
    EvalError::Service(format!(
        "the service failed on {count} requests in a row ({codes}), which are asked again another time; see the server's log"
    ))
}

/// The answer, and whether the same would come of it at any time.
async fn ask(
    plan: &Plan,
    task: Task,
    service: &Service,
    watch: &dyn Fn(Event<'_>),
) -> Result<(Outcome, bool), EvalError> {
    let none = || EvalError::Service("a request was to be sent that is not in the plan".to_owned());
    let question = plan.questions.get(task.question).ok_or_else(none)?;
    let way = plan.header.ways.get(task.way).ok_or_else(none)?;
    let seed = plan::seed(plan.header.seed, question, task.repeat);
    let body = plan::body(&plan.header.model.id, question, way, seed);
    let model = &plan.header.model;
    let answered = service.ask(model, &body, way.deadline_ms(), &|wait| watch(Event::Waiting(wait))).await;
    let answered = answered.map_err(|error| match error {
        EvalError::Exchanged { .. } => error,
        other => EvalError::Service(format!("question `{}`, way `{}`: {other}", question.id, way.name)),
    })?;
    let ms = |time: std::time::Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    let outcome = match answered {
        Answered::Error { fault, time, lasting } => {
            return Outcome::failed(plan, task, fault, ms(time)).map(|failed| (failed, lasting)).ok_or_else(none);
        }
        Answered::Response(response, time) => {
            let reply = Reply::read(&response, question).ok_or_else(|| {
                EvalError::Service(format!(
                    "question `{}`, way `{}`: the answer lacks `usage.deliberation` or `deliberation.samples`; is this a \
                     forethought service of this version?",
                    question.id, way.name
                ))
            })?;
            Outcome::answered(plan, task, reply, ms(time))
        }
    };
    outcome.map(|outcome| (outcome, true)).ok_or_else(none)
}
