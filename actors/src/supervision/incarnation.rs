//! One value of an actor in its actix context, polled so that a panic is a result.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context as TaskContext, Poll};
use std::time::Duration;

use actix::dev::ContextFut;
use actix::{Actor, ActorContext, AsyncContext, Context};
use tokio::time::timeout;

use super::mailbox::Pump;
use super::panics::{Panicked, caught};

/// An actor that runs inside its keeper's own task.
pub(super) struct Incarnation<A: Actor<Context = Context<A>>> {
    running: Option<ContextFut<A, Context<A>>>,
}

impl<A: Actor<Context = Context<A>>> Incarnation<A> {
    /// Puts `actor` into a new context whose messages come from `pump`. Nothing runs before it is polled.
    pub(super) fn new(actor: A, pump: Pump<A>) -> Self {
        let mut ctx = Context::new();
        // Only what the actor sends to itself through `ctx.address()` comes this way; the pump's channel has the bound.
        ctx.set_mailbox_capacity(usize::from(pump.shared.capacity));
        AsyncContext::spawn(&mut ctx, pump);
        Self { running: Some(ctx.into_future(actor)) }
    }

    /// Runs the actor until it ends. Safe to cancel: a later call goes on.
    pub(super) async fn ended(&mut self) -> Result<(), Panicked> {
        poll_fn(|task| self.poll(task)).await
    }

    /// Stops the actor as actix does, with `stopping` and `stopped`. One whose `stopping` refuses has `within` to end, and
    /// is then ended by `stopped` alone.
    pub(super) async fn stop(&mut self, within: Duration) -> Result<(), Panicked> {
        self.with_context(ActorContext::stop);
        if let Ok(ended) = timeout(within, self.ended()).await {
            return ended;
        }
        self.with_context(ActorContext::terminate);
        self.ended().await
    }

    fn poll(&mut self, task: &mut TaskContext<'_>) -> Poll<Result<(), Panicked>> {
        let Some(running) = self.running.as_mut() else { return Poll::Ready(Ok(())) };
        match caught(|| Pin::new(running).poll(task)) {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(())) => Poll::Ready(self.bury()),
            Err(panic) => {
                // A context polls its actor once more when it is dropped, with `stopping` and `stopped`, unless it is
                // stopped already. A value that has panicked must not run again.
                self.with_context(ActorContext::terminate);
                if let Err(second) = self.bury() {
                    tracing::error!(panic = %second, "an actor's destructor panicked after the actor did");
                }
                Poll::Ready(Err(panic))
            }
        }
    }

    fn with_context(&mut self, act: impl FnOnce(&mut Context<A>)) {
        if let Some(running) = &mut self.running {
            act(running.ctx());
        }
    }

    fn bury(&mut self) -> Result<(), Panicked> {
        let running = self.running.take();
        caught(move || drop(running))
    }
}

impl<A: Actor<Context = Context<A>>> Drop for Incarnation<A> {
    fn drop(&mut self) {
        // Reached with a live actor only when its arbiter stops; actix then calls `stopping` and `stopped`.
        if let Err(panic) = self.bury() {
            tracing::error!(%panic, "an actor panicked while its arbiter stopped");
        }
    }
}
