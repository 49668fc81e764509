//! The address of a supervised actor: one handle over all its incarnations.

use std::fmt;
use std::sync::Arc;

use actix::{Actor, Context, Handler, Message};
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, timeout_at};

use super::mailbox::{Custody, Job, Letter};
use super::restarts::Restarts;
use super::state::{Phase, Shared};

/// Why a message has no answer. [`SendError::may_have_acted`] says whether sending it again can do a thing twice.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// The mailbox is full; the message was not taken.
    #[error("mailbox of {actor} is full at {capacity} messages: retry later")]
    Full {
        /// The actor's name.
        actor: Arc<str>,
        /// How many messages the mailbox holds.
        capacity: u16,
    },
    /// The actor is being rebuilt and did not come back in time; it never saw the message.
    #[error("{actor} is restarting: retry later")]
    Restarting {
        /// The actor's name.
        actor: Arc<str>,
    },
    /// The actor has ended for good and never saw the message.
    #[error("{actor} has ended and will not come back")]
    Dead {
        /// The actor's name.
        actor: Arc<str>,
    },
    /// The deadline passed.
    #[error("{actor} did not answer before the deadline (message taken up: {begun})")]
    Timeout {
        /// The actor's name.
        actor: Arc<str>,
        /// Whether the actor had taken up the message. If not, it was withdrawn and will not be handled.
        begun: bool,
    },
    /// The actor took up the message and ended, or dropped it, without an answer.
    #[error("{actor} took up the message and ended without an answer")]
    Lost {
        /// The actor's name.
        actor: Arc<str>,
    },
}

impl SendError {
    /// Whether the actor may have done what the message asked. If not, it is safe to send again.
    #[must_use]
    pub fn may_have_acted(&self) -> bool {
        matches!(self, Self::Lost { .. } | Self::Timeout { begun: true, .. })
    }
}

/// Sends messages to a supervised actor, whichever incarnation of it lives. Clones are cheap and share one bound.
pub struct SupervisedAddr<A: Actor> {
    jobs: mpsc::Sender<Job<A>>,
    shared: Arc<Shared>,
}

impl<A: Actor<Context = Context<A>>> SupervisedAddr<A> {
    pub(super) fn new(jobs: mpsc::Sender<Job<A>>, shared: Arc<Shared>) -> Self {
        Self { jobs, shared }
    }

    /// Sends `message` and waits for its answer until `deadline`, over a restart if need be.
    ///
    /// The mailbox bounds messages that *wait*. A handler that answers with a `ResponseFuture` or `ResponseActFuture` has
    /// taken its message and must bound that work itself; one that answers with an `AtomicResponse` takes them one by one.
    ///
    /// The message is taken when the future is first polled. Dropping the future withdraws a message that the actor has
    /// not taken up. A message is handled at most once: it is never sent again after [`SendError::Lost`].
    ///
    /// # Errors
    /// See [`SendError`]; a full mailbox and a dead actor are told at once.
    pub async fn send<M>(&self, message: M, deadline: Instant) -> Result<M::Result, SendError>
    where
        A: Handler<M>,
        M: Message + Send + 'static,
        M::Result: Send,
    {
        if deadline <= Instant::now() {
            return Err(self.expired());
        }
        let (reply, answer) = oneshot::channel();
        let custody = Arc::new(Custody::default());
        self.post(Box::new(Letter { message, reply: Some((reply, Arc::clone(&custody))) }))?;
        match timeout_at(deadline, answer).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(_)) if custody.withdraw() => Err(SendError::Dead { actor: self.name() }),
            Ok(Err(_)) => Err(SendError::Lost { actor: self.name() }),
            Err(_) if custody.withdraw() => Err(self.expired()),
            Err(_) => Err(SendError::Timeout { actor: self.name(), begun: true }),
        }
    }

    /// Leaves `message` in the mailbox of a *running* actor, without waiting and without an answer.
    ///
    /// # Errors
    /// [`SendError::Full`], [`SendError::Restarting`] or [`SendError::Dead`]: the message was not taken.
    pub fn try_send<M>(&self, message: M) -> Result<(), SendError>
    where
        A: Handler<M>,
        M: Message + Send + 'static,
        M::Result: Send,
    {
        match self.shared.phase() {
            Phase::Running => self.post(Box::new(Letter { message, reply: None })),
            Phase::Starting | Phase::Restarting => Err(SendError::Restarting { actor: self.name() }),
            Phase::Dead(_) => Err(SendError::Dead { actor: self.name() }),
        }
    }

    /// Waits until the actor handles messages.
    ///
    /// # Errors
    /// [`SendError::Dead`] if it has ended for good, [`SendError::Restarting`] if it does not run at `deadline`.
    pub async fn ready(&self, deadline: Instant) -> Result<(), SendError> {
        let settled = self.shared.reach(|phase| matches!(phase, Phase::Running | Phase::Dead(_)));
        match timeout_at(deadline, settled).await {
            Ok(Phase::Running) => Ok(()),
            Ok(_) => Err(SendError::Dead { actor: self.name() }),
            Err(_) => Err(SendError::Restarting { actor: self.name() }),
        }
    }

    /// The name that the actor was started with.
    #[must_use]
    pub fn name(&self) -> Arc<str> {
        Arc::clone(&self.shared.name)
    }

    /// Where the actor stands now.
    #[must_use]
    pub fn phase(&self) -> Phase {
        self.shared.phase()
    }

    /// How often the actor has ended unexpectedly, by reason.
    #[must_use]
    pub fn restarts(&self) -> Restarts {
        self.shared.restarts()
    }

    /// Messages that wait in the mailbox now, with those that were withdrawn and not yet passed over.
    #[must_use]
    pub fn queued(&self) -> usize {
        self.jobs.max_capacity() - self.jobs.capacity()
    }

    pub(super) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    pub(super) fn downgrade(&self) -> mpsc::WeakSender<Job<A>> {
        self.jobs.downgrade()
    }

    fn post(&self, job: Job<A>) -> Result<(), SendError> {
        self.jobs.try_send(job).map_err(|error| match error {
            TrySendError::Full(_) => SendError::Full { actor: self.name(), capacity: self.shared.capacity },
            TrySendError::Closed(_) => SendError::Dead { actor: self.name() },
        })
    }

    /// The error of a message that was never taken up when its deadline passed.
    fn expired(&self) -> SendError {
        match self.shared.phase() {
            Phase::Running => SendError::Timeout { actor: self.name(), begun: false },
            Phase::Starting | Phase::Restarting => SendError::Restarting { actor: self.name() },
            Phase::Dead(_) => SendError::Dead { actor: self.name() },
        }
    }
}

impl<A: Actor> Clone for SupervisedAddr<A> {
    fn clone(&self) -> Self {
        Self { jobs: self.jobs.clone(), shared: Arc::clone(&self.shared) }
    }
}

impl<A: Actor> fmt::Debug for SupervisedAddr<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SupervisedAddr").field("shared", &self.shared).finish_non_exhaustive()
    }
}
