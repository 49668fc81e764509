//! What one incarnation of an actor is told about itself, and how it says why it ends.

use std::fmt;
use std::sync::{Arc, OnceLock};

use actix::{Actor, ActorContext, Context};
use tokio::sync::mpsc;

use super::addr::SupervisedAddr;
use super::kill_switch::KillSwitch;
use super::mailbox::Job;
use super::state::Shared;

/// Handed to the factory for each value that it builds. Clones speak for the same incarnation.
///
/// It does not keep the actor alive.
pub struct Life<A: Actor> {
    generation: u64,
    kill_switch: KillSwitch,
    jobs: mpsc::WeakSender<Job<A>>,
    shared: Arc<Shared>,
    exit: Arc<OnceLock<Exit>>,
}

/// What an actor said about its end.
#[derive(Debug, Clone)]
pub(super) enum Exit {
    Finished,
    Failed(String),
}

impl<A: Actor<Context = Context<A>>> Life<A> {
    pub(super) fn new(generation: u64, kill_switch: KillSwitch, of: (mpsc::WeakSender<Job<A>>, Arc<Shared>)) -> Self {
        let (jobs, shared) = of;
        Self { generation, kill_switch, jobs, shared, exit: Arc::default() }
    }

    /// How many incarnations came before this one.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// Hit when *this incarnation* ends, however it ends: give it, or children of it, to what the actor starts.
    ///
    /// Hitting it does not end the actor; [`Life::finish`] and [`Supervised::kill`](super::Supervised::kill) do.
    #[must_use]
    pub fn kill_switch(&self) -> &KillSwitch {
        &self.kill_switch
    }

    /// The actor's own address, to be given to what it starts; `None` once all others have dropped theirs.
    ///
    /// An actor that keeps it in itself lives until it is killed.
    #[must_use]
    pub fn addr(&self) -> Option<SupervisedAddr<A>> {
        let jobs = self.jobs.upgrade()?;
        Some(SupervisedAddr::new(jobs, Arc::clone(&self.shared)))
    }

    /// Ends this incarnation because of an error; a new one is built. The first of `fail` and `finish` counts.
    ///
    /// `error` is logged: it must not quote what a client wrote.
    pub fn fail(&self, ctx: &mut Context<A>, error: impl fmt::Display) {
        let _ = self.exit.set(Exit::Failed(error.to_string()));
        ctx.stop();
    }

    /// Ends the actor for good because its work is done; nothing is restarted. The first of `fail` and `finish` counts.
    pub fn finish(&self, ctx: &mut Context<A>) {
        let _ = self.exit.set(Exit::Finished);
        ctx.stop();
    }

    pub(super) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    pub(super) fn exit(&self) -> Option<Exit> {
        self.exit.get().cloned()
    }
}

impl<A: Actor> Clone for Life<A> {
    fn clone(&self) -> Self {
        Self {
            generation: self.generation,
            kill_switch: self.kill_switch.clone(),
            jobs: self.jobs.clone(),
            shared: Arc::clone(&self.shared),
            exit: Arc::clone(&self.exit),
        }
    }
}

impl<A: Actor> fmt::Debug for Life<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Life")
            .field("actor", &self.shared.name)
            .field("generation", &self.generation)
            .finish_non_exhaustive()
    }
}
