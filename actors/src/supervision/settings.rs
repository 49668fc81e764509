//! How an actor is to be kept alive.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use actix::{Actor, Context};
use actix_rt::ArbiterHandle;

use super::backoff::Backoff;
use super::keeper::Keeper;
use super::kill_switch::KillSwitch;
use super::life::Life;
use super::restarts::RestartLimit;
use super::state::Escalated;
use super::supervised::Supervised;

pub(super) type OnEscalation = Box<dyn FnOnce(&Escalated) + Send>;

/// The settings of one supervised actor; [`start`](Self::start) starts it.
pub struct Supervision {
    pub(super) name: Arc<str>,
    pub(super) mailbox: u16,
    pub(super) seed: u64,
    pub(super) backoff: Backoff,
    pub(super) limit: RestartLimit,
    pub(super) unlimited_once_built: bool,
    pub(super) healthy_after: Duration,
    pub(super) build_within: Duration,
    pub(super) stop_within: Duration,
    pub(super) on_escalation: Option<OnEscalation>,
}

impl Supervision {
    /// Settings for an actor called `name` in logs and errors: a mailbox of 64, the default [`Backoff`] and
    /// [`RestartLimit`], healthy after 30 s, 30 s to build, 5 s to stop, and an escalation that hits the parent's switch.
    #[must_use]
    pub fn new(name: impl Into<Arc<str>>) -> Self {
        let name = name.into();
        // FNV-1a: actors that fail together must not come back together.
        let seed = name
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
        Self {
            name,
            mailbox: 64,
            seed,
            backoff: Backoff::default(),
            limit: RestartLimit::default(),
            unlimited_once_built: false,
            healthy_after: Duration::from_secs(30),
            build_within: Duration::from_secs(30),
            stop_within: Duration::from_secs(5),
            on_escalation: None,
        }
    }

    /// How many messages may wait, 1 to 65,535; zero is taken as one.
    #[must_use]
    pub fn mailbox(mut self, capacity: u16) -> Self {
        self.mailbox = capacity.max(1);
        self
    }

    /// Where the backoff's jitter is drawn from; by default the actor's name.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// How long to wait before a restart.
    #[must_use]
    pub fn backoff(mut self, backoff: Backoff) -> Self {
        self.backoff = backoff;
        self
    }

    /// How often is too often.
    #[must_use]
    pub fn restart_limit(mut self, limit: RestartLimit) -> Self {
        self.limit = limit;
        self
    }

    /// The restart limit holds only until a value was built once; from then on the actor is restarted without end.
    ///
    /// For an actor that a client's input may end: a limit would let one client end it for all.
    #[must_use]
    pub fn unlimited_once_built(mut self) -> Self {
        self.unlimited_once_built = true;
        self
    }

    /// An incarnation that lived this long was healthy: the backoff starts over. The restart limit does not.
    #[must_use]
    pub fn healthy_after(mut self, lived: Duration) -> Self {
        self.healthy_after = lived;
        self
    }

    /// How long the factory may take before it counts as failed.
    #[must_use]
    pub fn build_within(mut self, limit: Duration) -> Self {
        self.build_within = limit;
        self
    }

    /// How long a killed actor whose `stopping` refuses may go on.
    #[must_use]
    pub fn stop_within(mut self, limit: Duration) -> Self {
        self.stop_within = limit;
        self
    }

    /// Tells `act` of an escalation *instead of* hitting the parent's switch. If `act` panics the switch is hit.
    #[must_use]
    pub fn on_escalation(mut self, act: impl FnOnce(&Escalated) + Send + 'static) -> Self {
        self.on_escalation = Some(Box::new(act));
        self
    }

    /// Starts the actor on this thread's arbiter, under a child of `parent`.
    ///
    /// `factory` is called for the first value and after each unexpected end. Its errors are logged: they must not quote
    /// what a client wrote. The actor lives until its switch or one above it is hit, it finishes, it escalates, its
    /// arbiter stops, or its last address is dropped and its context has nothing left to do.
    ///
    /// # Panics
    /// Outside an actix system or arbiter.
    pub fn start<A, F, B, E>(self, parent: &KillSwitch, factory: F) -> Supervised<A>
    where
        A: Actor<Context = Context<A>>,
        F: FnMut(Life<A>) -> B + 'static,
        B: Future<Output = Result<A, E>> + 'static,
        E: fmt::Display + 'static,
    {
        let (keeper, supervised) = Keeper::new(self, parent, factory);
        actix_rt::spawn(keeper.run());
        supervised
    }

    /// Starts the actor on another `arbiter`, else as [`start`](Self::start). If the arbiter has stopped, the actor is
    /// [`Outcome::ArbiterStopped`](super::Outcome::ArbiterStopped) from the beginning.
    pub fn start_in<A, F, B, E>(self, arbiter: &ArbiterHandle, parent: &KillSwitch, factory: F) -> Supervised<A>
    where
        A: Actor<Context = Context<A>>,
        F: FnMut(Life<A>) -> B + Send + 'static,
        B: Future<Output = Result<A, E>> + 'static,
        E: fmt::Display + 'static,
    {
        let (keeper, supervised) = Keeper::new(self, parent, factory);
        arbiter.spawn_fn(move || {
            actix_rt::spawn(keeper.run());
        });
        supervised
    }
}

impl fmt::Debug for Supervision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Supervision")
            .field("name", &self.name)
            .field("mailbox", &self.mailbox)
            .field("backoff", &self.backoff)
            .field("limit", &self.limit)
            .finish_non_exhaustive()
    }
}
