//! The mailbox that outlives its actor, and the future that empties it inside the actor's context.

use std::cell::RefCell;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context as TaskContext, Poll};

use actix::dev::MessageResponse;
use actix::{Actor, ActorFuture, AsyncContext, Context, Handler, Message};
use tokio::sync::{mpsc, oneshot};

use super::state::{Phase, Shared};

/// A message of any type on its way to an `A`.
pub(super) type Job<A> = Box<dyn Deliver<A> + Send>;

/// The receiving end, handed from one incarnation to the next. Never borrowed while a handler runs.
pub(super) type Inbox<A> = Rc<RefCell<mpsc::Receiver<Job<A>>>>;

pub(super) trait Deliver<A: Actor> {
    fn deliver(self: Box<Self>, actor: &mut A, ctx: &mut A::Context);
}

/// Who has a message: its sender, who may still take it back, or its actor.
#[derive(Debug, Default)]
pub(super) struct Custody(AtomicU8);

impl Custody {
    const WAITING: u8 = 0;
    const HANDLED: u8 = 1;
    const WITHDRAWN: u8 = 2;

    /// The actor takes the message; false if its sender took it back.
    fn begin(&self) -> bool {
        self.claim(Self::HANDLED)
    }

    /// The sender takes the message back; false if the actor has begun with it.
    pub(super) fn withdraw(&self) -> bool {
        self.claim(Self::WITHDRAWN)
    }

    fn claim(&self, by: u8) -> bool {
        self.0.compare_exchange(Self::WAITING, by, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }
}

pub(super) struct Letter<M: Message> {
    pub(super) message: M,
    /// Where the answer goes, and whether it is still wanted; `None` for a message that wants no answer.
    pub(super) reply: Option<(oneshot::Sender<M::Result>, Arc<Custody>)>,
}

impl<A, M> Deliver<A> for Letter<M>
where
    A: Actor<Context = Context<A>> + Handler<M>,
    M: Message + Send + 'static,
    M::Result: Send,
{
    fn deliver(self: Box<Self>, actor: &mut A, ctx: &mut A::Context) {
        let reply = match self.reply {
            Some((reply, custody)) if reply.is_closed() || !custody.begin() => return,
            Some((reply, _)) => Some(reply),
            None => None,
        };
        actor.handle(self.message, ctx).handle(ctx, reply);
    }
}

/// Hands messages to the actor for as long as its context lives. tokio's cooperative budget bounds one turn.
pub(super) struct Pump<A: Actor> {
    pub(super) inbox: Inbox<A>,
    pub(super) shared: Arc<Shared>,
}

impl<A: Actor<Context = Context<A>>> ActorFuture<A> for Pump<A> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, actor: &mut A, ctx: &mut A::Context, task: &mut TaskContext<'_>) -> Poll<()> {
        // The context polls this after `started` and what that waits for, so the actor is ready only now.
        self.shared.enter(Phase::Running);
        // A context that waits or stops takes no messages; it polls all its futures again when it goes on.
        while !ctx.waiting() {
            let next = self.inbox.borrow_mut().poll_recv(task);
            match next {
                Poll::Ready(Some(job)) => job.deliver(actor, ctx),
                Poll::Ready(None) => return Poll::Ready(()),
                Poll::Pending => return Poll::Pending,
            }
        }
        Poll::Pending
    }
}
