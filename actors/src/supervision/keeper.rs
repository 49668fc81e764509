//! The task that keeps one actor alive.

use std::cell::RefCell;
use std::fmt;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use actix::{Actor, Context};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, timeout};

use super::addr::SupervisedAddr;
use super::backoff::Delays;
use super::incarnation::Incarnation;
use super::kill_switch::KillSwitch;
use super::life::{Exit, Life};
use super::mailbox::{Inbox, Job, Pump};
use super::panics::{Panicked, catch, caught};
use super::restarts::{Reason, RestartWindow};
use super::settings::{OnEscalation, Supervision};
use super::state::{Escalated, Outcome, Phase, Shared};
use super::supervised::Supervised;

/// All that a supervised actor needs, before it has a thread.
pub(super) struct Keeper<A: Actor, F> {
    settings: Supervision,
    shared: Arc<Shared>,
    obituary: Obituary,
    jobs: mpsc::Receiver<Job<A>>,
    sender: mpsc::WeakSender<Job<A>>,
    parent: KillSwitch,
    kill_switch: KillSwitch,
    factory: F,
}

/// Tells all addresses when the keeper is dropped, because its arbiter stops or never ran.
struct Obituary(Arc<Shared>);

impl Drop for Obituary {
    fn drop(&mut self) {
        self.0.enter(Phase::Dead(Outcome::ArbiterStopped));
    }
}

/// How one incarnation ended.
enum End {
    Killed,
    Finished,
    Unexpected(Fault),
}

struct Fault {
    reason: Reason,
    detail: String,
    lived: Duration,
    /// Whether there was an actor, and not only an attempt to build one.
    built: bool,
}

impl<A, F, B, E> Keeper<A, F>
where
    A: Actor<Context = Context<A>>,
    F: FnMut(Life<A>) -> B + 'static,
    B: Future<Output = Result<A, E>> + 'static,
    E: fmt::Display + 'static,
{
    pub(super) fn new(settings: Supervision, parent: &KillSwitch, factory: F) -> (Self, Supervised<A>) {
        let shared = Arc::new(Shared::new(Arc::clone(&settings.name), settings.mailbox));
        let (sender, jobs) = mpsc::channel(usize::from(settings.mailbox));
        let addr = SupervisedAddr::new(sender, Arc::clone(&shared));
        let sender = addr.downgrade();
        let supervised = Supervised { addr, kill_switch: parent.child() };
        let kill_switch = supervised.kill_switch.clone();
        let obituary = Obituary(Arc::clone(&shared));
        let keeper = Self { settings, shared, obituary, jobs, sender, parent: parent.clone(), kill_switch, factory };
        (keeper, supervised)
    }

    /// Keeps the actor alive until it ends for good.
    pub(super) async fn run(self) {
        let Self { mut settings, shared, obituary, jobs, sender, parent, kill_switch, mut factory } = self;
        // What the actor starts under its switch ends with it, also when this task is dropped with its arbiter.
        let scope = kill_switch.clone().kill_on_drop();
        let inbox: Inbox<A> = Rc::new(RefCell::new(jobs));
        let on_escalation = settings.on_escalation.take();
        let mut patience = Patience::new(&settings, &shared);
        let mut generation = 0;
        let outcome = loop {
            let life = Life::new(generation, kill_switch.child(), (sender.clone(), Arc::clone(&shared)));
            let life_scope = life.kill_switch().clone().kill_on_drop();
            let end = live(&settings, &kill_switch, &mut factory, life, &inbox).await;
            drop(life_scope);
            let delay = match end {
                End::Killed => break Outcome::Killed,
                End::Finished => break Outcome::Finished,
                End::Unexpected(fault) => match patience.after(fault, generation) {
                    Ok(delay) => delay,
                    Err(escalated) => break Outcome::Escalated(Arc::new(escalated)),
                },
            };
            tokio::select! {
                biased;
                () = kill_switch.killed() => break Outcome::Killed,
                () = sleep(delay) => generation += 1,
            }
        };
        tracing::debug!(actor = %shared.name, ?outcome, "actor ended for good");
        shared.enter(Phase::Dead(outcome.clone()));
        drop((scope, obituary));
        close(&inbox).await;
        if let Outcome::Escalated(escalated) = outcome {
            escalate(&escalated, &parent, on_escalation);
        }
    }
}

/// Builds one incarnation and runs it to its end.
async fn live<A, F, B, E>(
    settings: &Supervision,
    kill_switch: &KillSwitch,
    factory: &mut F,
    life: Life<A>,
    inbox: &Inbox<A>,
) -> End
where
    A: Actor<Context = Context<A>>,
    F: FnMut(Life<A>) -> B,
    B: Future<Output = Result<A, E>>,
    E: fmt::Display,
{
    let actor = tokio::select! {
        biased;
        () = kill_switch.killed() => return End::Killed,
        built = build(settings, factory, life.clone()) => match built {
            Ok(actor) => actor,
            Err(fault) => return End::Unexpected(fault),
        },
    };
    let since = Instant::now();
    let mut incarnation = Incarnation::new(actor, Pump { inbox: Rc::clone(inbox), shared: Arc::clone(life.shared()) });
    let ended = tokio::select! {
        biased;
        () = kill_switch.killed() => {
            if let Err(panic) = incarnation.stop(settings.stop_within).await {
                tracing::error!(actor = %settings.name, %panic, "actor panicked while it was stopped");
            }
            return End::Killed;
        }
        ended = incarnation.ended() => ended,
    };
    let fault = |reason, detail| End::Unexpected(Fault { reason, detail, lived: since.elapsed(), built: true });
    match (ended, life.exit()) {
        (Err(Panicked { message }), _) => fault(Reason::Panicked, message),
        (Ok(()), Some(Exit::Failed(error))) => fault(Reason::Failed, error),
        (Ok(()), Some(Exit::Finished)) => End::Finished,
        (Ok(()), None) if is_abandoned(inbox) => End::Finished,
        (Ok(()), None) => fault(Reason::Stopped, "it stopped without saying why".to_owned()),
    }
}

/// Calls the factory, which may fail, panic or take too long.
async fn build<A, F, B, E>(settings: &Supervision, factory: &mut F, life: Life<A>) -> Result<A, Fault>
where
    A: Actor<Context = Context<A>>,
    F: FnMut(Life<A>) -> B,
    B: Future<Output = Result<A, E>>,
    E: fmt::Display,
{
    // The error is put into words in here, because that may panic as well.
    let building = catch(async { factory(life).await.map_err(|error| error.to_string()) });
    let (reason, detail) = match timeout(settings.build_within, building).await {
        Ok(Ok(Ok(actor))) => return Ok(actor),
        Ok(Ok(Err(error))) => (Reason::Failed, error),
        Ok(Err(panic)) => (Reason::Panicked, panic.message),
        Err(_) => (Reason::Failed, format!("not built within {:?}", settings.build_within)),
    };
    // Time spent on building is not health.
    Err(Fault { reason, detail, lived: Duration::ZERO, built: false })
}

/// Whether nobody can send any more and nothing waits.
fn is_abandoned<A: Actor>(inbox: &Inbox<A>) -> bool {
    let jobs = inbox.borrow();
    jobs.is_closed() && jobs.is_empty()
}

/// Refuses new messages and drops those that wait, which tells their senders.
async fn close<A: Actor>(inbox: &Inbox<A>) {
    inbox.borrow_mut().close();
    loop {
        let next = std::future::poll_fn(|task| inbox.borrow_mut().poll_recv(task)).await;
        let Some(job) = next else { return };
        if let Err(panic) = caught(move || drop(job)) {
            tracing::error!(%panic, "a message's destructor panicked");
        }
    }
}

fn escalate(escalated: &Escalated, parent: &KillSwitch, act: Option<OnEscalation>) {
    tracing::error!(actor = %escalated.actor, reason = %escalated.reason, restarts = ?escalated.restarts, "{escalated}");
    let told = act.map(|act| caught(|| act(escalated)));
    if !matches!(told, Some(Ok(()))) {
        parent.kill();
    }
}

/// What is remembered from restart to restart.
struct Patience {
    shared: Arc<Shared>,
    delays: Delays,
    window: RestartWindow,
    unlimited_once_built: bool,
    was_built: bool,
    healthy_after: Duration,
}

impl Patience {
    fn new(settings: &Supervision, shared: &Arc<Shared>) -> Self {
        Self {
            shared: Arc::clone(shared),
            delays: Delays::new(settings.backoff, settings.seed),
            window: RestartWindow::new(settings.limit),
            unlimited_once_built: settings.unlimited_once_built,
            was_built: false,
            healthy_after: settings.healthy_after,
        }
    }

    /// Counts a fault and says how long to wait before the restart, or that there is to be none.
    fn after(&mut self, fault: Fault, generation: u64) -> Result<Duration, Escalated> {
        let Fault { reason, detail, lived, built } = fault;
        self.was_built |= built;
        let actor = Arc::clone(&self.shared.name);
        self.shared.count(reason);
        if lived >= self.healthy_after {
            self.delays.reset();
        }
        let limited = !(self.unlimited_once_built && self.was_built);
        if limited && !self.window.admit(Instant::now()) {
            let (limit, restarts) = (self.window.limit(), self.shared.restarts());
            return Err(Escalated { actor, reason, detail, limit, restarts });
        }
        self.shared.enter(Phase::Restarting);
        let delay = self.delays.next();
        tracing::warn!(%actor, %reason, detail, ?delay, ?lived, generation, "actor ended, restarting");
        Ok(delay)
    }
}
