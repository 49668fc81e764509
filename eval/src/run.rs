//! Asks what is still to be asked, a few at a time, and keeps each answer as it comes.

use std::{future::Future, num::NonZeroUsize};

use futures::{StreamExt, stream};

use crate::{EvalError, Outcome, Plan, Reply, ResultsFile, Service, Task, Wait, plan, service::Answered};

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
/// returns, whatever it returns.
///
/// # Errors
/// [`EvalError::Service`] when the service refuses a request for good or takes none for too long, and
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
    let ended = loop {
        let next = tokio::select! {
            biased;
            () = &mut stop => break Ok(Ended::Stopped),
            next = answers.next() => next,
        };
        match next {
            None => break Ok(Ended::Whole),
            Some(Err(error)) => break Err(error),
            Some(Ok(outcome)) => match file.append(&outcome) {
                Ok(()) => watch(Event::Outcome(&outcome)),
                Err(error) => break Err(error),
            },
        }
    };
    let synced = file.sync();
    ended.and_then(|ended| synced.map(|()| ended))
}

async fn ask(plan: &Plan, task: Task, service: &Service, watch: &dyn Fn(Event<'_>)) -> Result<Outcome, EvalError> {
    let none = || EvalError::Service("a request was to be sent that is not in the plan".to_owned());
    let question = plan.questions.get(task.question).ok_or_else(none)?;
    let way = plan.header.ways.get(task.way).ok_or_else(none)?;
    let seed = plan::seed(plan.header.seed, question, task.repeat);
    let body = plan::body(&plan.header.model.id, question, way, seed);
    let answered = service.ask(&body, way.deadline_ms(), &|wait| watch(Event::Waiting(wait))).await;
    let answered = answered.map_err(|error| {
        let named = format!("question `{}`, way `{}`: {error}", question.id, way.name);
        EvalError::Service(named)
    })?;
    let ms = |time: std::time::Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    match answered {
        Answered::Error(code, time) => Outcome::failed(plan, task, code, ms(time)).ok_or_else(none),
        Answered::Response(response, time) => {
            let reply = Reply::read(&response, question).ok_or_else(|| {
                EvalError::Service(format!(
                    "question `{}`, way `{}`: the answer lacks `usage.deliberation` or `deliberation.samples`; is this a \
                     forethought service of this version?",
                    question.id, way.name
                ))
            })?;
            Outcome::answered(plan, task, reply, ms(time)).ok_or_else(none)
        }
    }
}
