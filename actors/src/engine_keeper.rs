//! Keeps one model's engine alive: rebuilds it with backoff when it dies, and hands it out meanwhile.

use std::{future::Future, pin::Pin, sync::Arc, time::Duration};

use actix::{Actor, AsyncContext, Context, Handler, Message};
use forethought_engine::{Engine, EngineError};
use tokio::time::Instant;
use tracing::error;

use crate::{KillSwitch, Life, Phase, Restarts, SendError, Supervised, SupervisedAddr, Supervision};

/// How often an engine is looked at when nobody asks for it.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// How long a large model may take to load.
const LOAD_WITHIN: Duration = Duration::from_secs(900);

/// An engine, or the wait for it.
pub type Built = Pin<Box<dyn Future<Output = Result<Arc<dyn Engine>, EngineError>> + Send>>;
/// Builds the engine, again and again.
pub type Build = Box<dyn Fn() -> Built + Send>;

struct Lease;

impl Message for Lease {
    type Result = Option<LeasedEngine>;
}

/// An engine on loan. It stays usable until dropped, even when its keeper has built another.
type LeasedEngine = Arc<dyn Engine>;

pub(crate) struct EngineKeeper {
    life: Life<Self>,
    engine: Arc<dyn Engine>,
}

impl Actor for EngineKeeper {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        ctx.run_interval(LOOK_EVERY, |keeper, ctx| keeper.look(ctx));
    }
}

impl EngineKeeper {
    fn look(&self, ctx: &mut Context<Self>) {
        if !self.engine.alive() {
            self.life.fail(ctx, "the engine died");
        }
    }
}

impl Handler<Lease> for EngineKeeper {
    type Result = Option<LeasedEngine>;

    fn handle(&mut self, _: Lease, ctx: &mut Context<Self>) -> Self::Result {
        self.look(ctx);
        self.engine.alive().then(|| Arc::clone(&self.engine))
    }
}

/// Lends a model's engine.
#[derive(Clone)]
pub struct EngineDesk {
    keeper: SupervisedAddr<EngineKeeper>,
}

impl EngineDesk {
    /// The engine, waiting for it until `deadline` while it is rebuilt.
    ///
    /// # Errors
    /// [`EngineError::Dead`] when there is none by then, or never again.
    pub async fn lease(&self, deadline: Instant) -> Result<Arc<dyn Engine>, EngineError> {
        loop {
            match self.keeper.send(Lease, deadline).await {
                Ok(Some(engine)) => return Ok(engine),
                // The one that answered found its engine dead; the next one waits for the rebuilt one.
                Ok(None) | Err(SendError::Lost { .. }) if Instant::now() < deadline => {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
                Ok(None) => return Err(EngineError::Dead("it is being rebuilt".to_owned())),
                Err(error) => return Err(EngineError::Dead(error.to_string())),
            }
        }
    }

    /// Whether an engine is there right now.
    #[must_use]
    pub fn ready(&self) -> bool {
        matches!(self.keeper.phase(), Phase::Running)
    }

    /// Whether it failed too often and is not rebuilt any more.
    #[must_use]
    pub fn given_up(&self) -> bool {
        matches!(self.keeper.phase(), Phase::Dead(_))
    }

    /// How often it was rebuilt, and why.
    #[must_use]
    pub fn restarts(&self) -> Restarts {
        self.keeper.restarts()
    }
}

/// Keeps an engine alive under `parent`. A model that cannot be kept alive is lost alone: the service goes on.
pub(crate) fn start(model: &str, parent: &KillSwitch, build: Build) -> (Supervised<EngineKeeper>, EngineDesk) {
    let name = model.to_owned();
    let supervised = Supervision::new(format!("engine-keeper/{model}"))
        .mailbox(1024)
        .build_within(LOAD_WITHIN)
        .on_escalation(move |why| error!(model = %name, detail = %why.detail, "the engine is given up"))
        .start(parent, move |life| {
            let loading = build();
            async move { Ok::<_, EngineError>(EngineKeeper { life, engine: loading.await? }) }
        });
    let desk = EngineDesk { keeper: supervised.addr().clone() };
    (supervised, desk)
}
