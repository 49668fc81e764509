//! Tests of supervision, in a universe whose clock jumps to the next timer whenever nothing can run.

mod actix_facts;
mod kill;
mod limits;
mod restart;
mod rooms;
mod sending;

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use actix::prelude::*;
use tokio::time::Instant;

use super::*;
// `actix::prelude` has names of its own for these.
use super::{SendError, Supervised};

/// Runs `test` on an actix system with a paused clock. Everything the test starts is dropped at its end. What waits for
/// ever fails after a day, which is at once.
fn universe<T>(test: impl Future<Output = T>) -> T {
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    let day = Duration::from_hours(24);
    System::with_tokio_rt(runtime).block_on(async { tokio::time::timeout(day, test).await.expect("the test hangs") })
}

fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn after(seconds: u64) -> Instant {
    Instant::now() + secs(seconds)
}

/// Delays without jitter: 1 s, 2 s, 4 s, 8 s, 8 s …
fn doubling() -> Backoff {
    Backoff::new(secs(1), 2.0, secs(8), 0.0).unwrap()
}

fn supervision() -> Supervision {
    Supervision::new("probe").backoff(doubling())
}

fn unlimited(supervision: Supervision) -> Supervision {
    supervision.restart_limit(RestartLimit { max: u16::MAX, within: secs(1) })
}

/// An actor that can do everything wrong.
struct Probe {
    life: Life<Self>,
    handled: u32,
    token: Arc<()>,
}

impl Actor for Probe {
    type Context = Context<Self>;
}

/// A factory of probes that never fails; each probe holds a reference to `token`.
fn probes(token: &Arc<()>) -> impl FnMut(Life<Probe>) -> std::future::Ready<Result<Probe, Infallible>> + Send + use<> {
    let token = Arc::clone(token);
    move |life| std::future::ready(Ok(Probe { life, handled: 0, token: Arc::clone(&token) }))
}

fn start(supervision: Supervision, parent: &KillSwitch) -> Supervised<Probe> {
    supervision.start(parent, probes(&Arc::default()))
}

/// What a probe answers: which incarnation it is and how many messages it has handled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, MessageResponse)]
struct Seen {
    generation: u64,
    handled: u32,
}

#[derive(Message)]
#[rtype(result = "Seen")]
struct Ask;

impl Handler<Ask> for Probe {
    type Result = Seen;

    fn handle(&mut self, _: Ask, _: &mut Context<Self>) -> Seen {
        self.handled += 1;
        Seen { generation: self.life.generation(), handled: self.handled }
    }
}

#[derive(Message, Debug, Clone, Copy, PartialEq)]
#[rtype(result = "()")]
enum Do {
    Panic,
    Fail,
    Stop,
    Finish,
}

impl Handler<Do> for Probe {
    type Result = ();

    fn handle(&mut self, what: Do, ctx: &mut Context<Self>) {
        match what {
            Do::Panic => panic!("probe {} was told to", Arc::strong_count(&self.token) > 0),
            Do::Fail => self.life.clone().fail(ctx, "disk gone"),
            Do::Stop => ctx.stop(),
            Do::Finish => self.life.clone().finish(ctx),
        }
    }
}

/// Keeps the probe from its mailbox for so long.
#[derive(Message)]
#[rtype(result = "()")]
struct Busy(Duration);

impl Handler<Busy> for Probe {
    type Result = AtomicResponse<Self, ()>;

    fn handle(&mut self, Busy(span): Busy, _: &mut Context<Self>) -> Self::Result {
        AtomicResponse::new(Box::pin(tokio::time::sleep(span).into_actor(self)))
    }
}
