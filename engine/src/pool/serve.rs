//! Draws a sample at whichever member begins it first.
//!
//! A member that takes long may be hung, or may have a long prompt to read. So after a while the sample is begun at another
//! one too (a hedged request: Dean and Barroso, "The tail at scale", 2013), and the first token decides: only who was
//! beaten is to blame, and where all are slow it takes as long as it takes.

use std::{
    collections::{BTreeSet, VecDeque},
    future::poll_fn,
    sync::{Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
    time::Duration,
};

use futures::future::BoxFuture;
use tokio::{
    sync::{mpsc, watch},
    time::Instant,
};
use tracing::warn;

use super::{Shared, breaker::Failure, choose, elsewhere, member::Seat};
use crate::{EngineError, SampleEvent, SampleRequest, SampleStream};

/// Tries of one sample, for each member.
const TRIES_EACH: usize = 2;
/// A sample in its middle is taken for hung after so many times the wait for a first token. An upstream's own bound is as
/// long, by default.
const SILENCE: u32 = 3;
/// Samples that broke off are remembered until so many others did.
const REMEMBERED: usize = 256;

type Event = Result<SampleEvent, EngineError>;
/// A sample's first event, and the rest of it.
type First = Result<(SampleEvent, SampleStream), EngineError>;

/// A sample that has begun: where, with what, and the rest of it.
struct Begun {
    seat: Seat,
    first: SampleEvent,
    rest: SampleStream,
}

/// A member that was asked for a sample and has said nothing yet.
struct Runner {
    seat: Seat,
    since: Instant,
    first: BoxFuture<'static, First>,
}

impl Shared {
    /// Draws one sample, at as many members as it takes.
    pub(super) async fn serve(&self, request: SampleRequest, out: &mpsc::Sender<Event>) {
        match self.begin(&request).await {
            Ok(begun) => self.relay(begun, &request, out).await,
            Err(error) => {
                let _ = out.send(Err(error)).await;
            }
        }
    }

    async fn begin(&self, request: &SampleRequest) -> Result<Begun, EngineError> {
        let key = choose::key(&request.prompt);
        let mut race = Race::new(self.members.len(), self.patience());
        race.tried.avoid(self.broken.take(request));
        loop {
            if race.runners.is_empty() {
                let seat = self.seat(key, &race.tried.now).await;
                race.start(seat, request);
            }
            let (due, doubt) = race.latest();
            tokio::select! {
                biased;
                (at, first) = poll_fn(|cx| first(&mut race.runners, cx)) => {
                    if let Some(end) = race.finish(at, first) {
                        return end;
                    }
                }
                seat = self.hedge(key, due, doubt, &race.asked) => race.hedge(seat, request),
            }
        }
    }

    /// Another member's place, once the latest that was asked is late or in doubt.
    async fn hedge(&self, key: u64, due: Instant, doubt: watch::Receiver<bool>, asked: &BTreeSet<usize>) -> Seat {
        tokio::select! {
            () = tokio::time::sleep_until(due) => {}
            () = doubted(doubt) => {}
        }
        if asked.len() == self.members.len() {
            return std::future::pending().await;
        }
        self.untried(key, asked).await
    }

    /// Passes a sample on to its end, by which its member is judged: who only begins is not well.
    async fn relay(&self, begun: Begun, request: &SampleRequest, out: &mpsc::Sender<Event>) {
        let Begun { seat, first, mut rest } = begun;
        let (gone, silence, mut event) = (seat.gone(), self.patience() * SILENCE, Ok(first));
        loop {
            let over = !matches!(event, Ok(SampleEvent::Token { .. }));
            match &event {
                Ok(SampleEvent::End { .. }) => seat.succeeded(),
                Err(error) if elsewhere(error) => {
                    warn!(member = seat.name(), %error, "a member of a pool failed in the middle of a sample");
                    seat.failed(error, Failure::Middle);
                    // Before the caller sees it, who tries again at once.
                    self.broken.note(request, seat.member());
                }
                Ok(SampleEvent::Token { .. }) | Err(_) => {}
            }
            if out.send(event).await.is_err() || over {
                return;
            }
            let failed = |what: String| Err(EngineError::Sample(what));
            event = tokio::select! {
                biased;
                event = rest.next() => event.unwrap_or_else(|| failed("the member ended it without an end".to_owned())),
                () = gone.cancelled() => failed("the member went away in the middle of it".to_owned()),
                () = tokio::time::sleep(silence) => {
                    failed(format!("the member said nothing for {} ms", silence.as_millis()))
                }
            };
        }
    }

    const fn patience(&self) -> Duration {
        Duration::from_millis(self.settings.failover_after_ms)
    }
}

/// Which runner has come to something, and to what.
fn first(runners: &mut [Runner], cx: &mut Context<'_>) -> Poll<(usize, First)> {
    for (at, runner) in runners.iter_mut().enumerate() {
        if let Poll::Ready(first) = runner.first.as_mut().poll(cx) {
            return Poll::Ready((at, first));
        }
    }
    Poll::Pending
}

async fn doubted(mut doubt: watch::Receiver<bool>) {
    // An error means that the member is gone, which its runner tells.
    if doubt.wait_for(|doubt| *doubt).await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// The members that are asked for one sample: the first, and one more at a time.
struct Race {
    runners: Vec<Runner>,
    /// All that were ever asked: a late one is helped out once by each other member.
    asked: BTreeSet<usize>,
    tried: Tried,
    patience: Duration,
}

impl Race {
    fn new(members: usize, patience: Duration) -> Self {
        Self { runners: Vec::new(), asked: BTreeSet::new(), tried: Tried::new(members), patience }
    }

    fn start(&mut self, seat: Seat, request: &SampleRequest) {
        let (engine, gone, request) = (seat.engine(), seat.gone(), request.clone());
        let first = async move {
            let beginning = async {
                let mut rest = engine.sample(request).await?;
                let ended = || EngineError::Sample("the member said nothing".to_owned());
                let first = rest.next().await.ok_or_else(ended)??;
                Ok((first, rest))
            };
            tokio::select! {
                biased;
                begun = beginning => begun,
                () = gone.cancelled() => Err(EngineError::Sample("the member went away".to_owned())),
            }
        };
        self.asked.insert(seat.member());
        self.runners.push(Runner { seat, since: Instant::now(), first: Box::pin(first) });
    }

    /// The first goes on, for it may be nearly there; a helper that is as late makes room for the next.
    fn hedge(&mut self, seat: Seat, request: &SampleRequest) {
        self.runners.truncate(1);
        self.start(seat, request);
    }

    /// When the one that was asked last is late, and whether it is in doubt.
    fn latest(&self) -> (Instant, watch::Receiver<bool>) {
        match self.runners.last() {
            Some(runner) => (runner.since + self.patience, runner.seat.doubt()),
            None => (Instant::now() + self.patience, watch::channel(false).1),
        }
    }

    /// Takes what a runner came to; `None` when the race goes on.
    fn finish(&mut self, at: usize, first: First) -> Option<Result<Begun, EngineError>> {
        let Runner { seat, since, .. } = self.runners.remove(at);
        let error = match first {
            Ok((first, rest)) => {
                self.blame(since);
                return Some(Ok(Begun { seat, first, rest }));
            }
            // What is wrong with the request says nothing about the member.
            Err(error) if !elsewhere(&error) => return Some(Err(error)),
            Err(error) => error,
        };
        let more = self.tried.again(seat.member());
        warn!(member = seat.name(), %error, more, "a member of a pool failed to begin a sample");
        seat.failed(&error, Failure::Beginning);
        (!more && self.runners.is_empty()).then_some(Err(error))
    }

    /// Who had its time, began before the winner and has no token yet is late by its own fault.
    fn blame(&mut self, winner: Instant) {
        let patience = self.patience;
        let beaten = |runner: &Runner| runner.since < winner && runner.since.elapsed() >= patience;
        for runner in self.runners.drain(..).filter(beaten) {
            let ms = runner.since.elapsed().as_millis();
            let error = EngineError::Sample(format!("no first token within {ms} ms, and another member had one"));
            warn!(member = runner.seat.name(), %error, "a member of a pool was beaten");
            runner.seat.failed(&error, Failure::Beginning);
        }
    }
}

/// Samples that broke off, each with its member: a second try has the same prompt and seed, and goes elsewhere.
#[derive(Debug, Default)]
pub(super) struct Broken(Mutex<VecDeque<(u64, u64, usize)>>);

impl Broken {
    fn note(&self, request: &SampleRequest, member: usize) {
        let mut all = self.all();
        all.truncate(REMEMBERED - 1);
        all.push_front((choose::key(&request.prompt), request.seed, member));
    }

    fn take(&self, request: &SampleRequest) -> Option<usize> {
        let (key, mut all) = (choose::key(&request.prompt), self.all());
        let at = all.iter().position(|(of, seed, _)| (*of, *seed) == (key, request.seed))?;
        all.remove(at).map(|(.., member)| member)
    }

    fn all(&self) -> MutexGuard<'_, VecDeque<(u64, u64, usize)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Where a sample was tried. Once every member was, all may be tried again.
struct Tried {
    now: BTreeSet<usize>,
    members: usize,
    left: usize,
}

impl Tried {
    fn new(members: usize) -> Self {
        Self { now: BTreeSet::new(), members, left: members * TRIES_EACH }
    }

    /// Begins with the others.
    fn avoid(&mut self, member: Option<usize>) {
        self.now.extend(member.filter(|_| self.members > 1));
    }

    /// Notes a try that failed; false when it was the last.
    fn again(&mut self, member: usize) -> bool {
        self.now.insert(member);
        if self.now.len() == self.members {
            self.now.clear();
        }
        self.left = self.left.saturating_sub(1);
        self.left > 0
    }
}
