//! Keeps one model's engine alive: rebuilds it with backoff when it dies, and hands it out meanwhile.

use std::{sync::Arc, time::Duration};

use actix::{Actor, AsyncContext, Context, Handler, Message};
use forethought_engine::{Build, Engine, EngineError};
use tokio::time::Instant;
use tracing::error;

use crate::{
    KillSwitch, Life, Phase, Restarts, SendError, Supervised, SupervisedAddr, Supervision,
    turnstile::{Slots, Turn, Turnstile},
};

/// How often an engine is looked at when nobody asks for it.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// How long a large model may take to load.
const LOAD_WITHIN: Duration = Duration::from_mins(15);

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
    turnstile: Arc<Turnstile>,
}

/// An engine on loan, with a slot of it.
pub(crate) struct Seat {
    pub engine: Arc<dyn Engine>,
    pub turn: Turn,
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

    /// The engine with a slot of it, which tenants share fairly.
    ///
    /// # Errors
    /// As [`lease`](Self::lease).
    pub(crate) async fn seat(&self, tenant: &str, rank: u32, deadline: Instant) -> Result<Seat, EngineError> {
        // Nobody in the queue keeps an engine alive.
        let slots = Slots::from(&self.lease(deadline).await?);
        let turn = self.turnstile.turn(tenant, slots, rank).await;
        // It may have been rebuilt while we waited.
        Ok(Seat { engine: self.lease(deadline).await?, turn })
    }

    /// Whether an engine is there right now.
    #[must_use]
    pub fn ready(&self) -> bool {
        matches!(self.keeper.phase(), Phase::Running)
    }

    /// Whether it could not be loaded even once, and is not tried any more.
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

/// Keeps an engine alive under `parent`. A model that cannot be loaded is lost alone: the service goes on. One that was
/// loaded once is rebuilt for ever, with a pause between: some request may end it, and must not end it for all others.
pub(crate) fn start(model: &str, parent: &KillSwitch, build: Build) -> (Supervised<EngineKeeper>, EngineDesk) {
    let name = model.to_owned();
    let supervised = Supervision::new(format!("engine-keeper/{model}"))
        .mailbox(1024)
        .build_within(LOAD_WITHIN)
        .unlimited_once_built()
        .on_escalation(
            move |why| error!(model = %name, detail = %why.detail, "the engine cannot be loaded and is given up"),
        )
        .start(parent, move |life| {
            let loading = build();
            async move { Ok::<_, EngineError>(EngineKeeper { life, engine: loading.await? }) }
        });
    let desk = EngineDesk { keeper: supervised.addr().clone(), turnstile: Arc::default() };
    (supervised, desk)
}

#[cfg(test)]
mod tests {
    use forethought_engine::{
        Prompt, SampleRequest,
        scripted::{FaultKind, Script, ScriptedEngine, ScriptedFault},
    };

    use super::*;

    /// The clock jumps to the next timer whenever nothing can run.
    fn universe(test: impl Future<Output = ()>) {
        let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
        actix::System::with_tokio_rt(runtime).block_on(test);
    }

    fn within(seconds: u64) -> Instant {
        Instant::now() + Duration::from_secs(seconds)
    }

    fn any_request() -> SampleRequest {
        SampleRequest::new(Prompt::Raw("a".into()), 5, 1)
    }

    #[test]
    fn an_engine_that_dies_again_and_again_comes_back_again_and_again() {
        universe(async {
            let deadly = ScriptedFault { call: None, after_tokens: 0, kind: FaultKind::Die };
            let script = Script { faults: vec![deadly], ..Script::default() };
            let build: Build = Box::new(move || {
                let engine: Arc<dyn Engine> = Arc::new(ScriptedEngine::new(script.clone()));
                Box::pin(async move { Ok(engine) })
            });
            let (_keeper, desk) = start("m", &KillSwitch::new(), build);
            for death in 0..20 {
                let engine = desk.lease(within(30)).await.unwrap_or_else(|error| panic!("after {death}: {error}"));
                let mut stream = engine.sample(any_request()).await.unwrap();
                assert!(matches!(stream.next().await, Some(Err(EngineError::Dead(_)))));
            }
            tokio::time::sleep(Duration::from_secs(30)).await;
            assert!(desk.ready() && !desk.given_up());
            assert_eq!(desk.restarts().failed, 20);
        });
    }

    #[test]
    fn an_engine_that_never_loads_is_given_up() {
        universe(async {
            let build: Build = Box::new(|| {
                Box::pin(async { Err(EngineError::Load { path: "m.gguf".into(), message: "it is gone".into() }) })
            });
            let (_keeper, desk) = start("m", &KillSwitch::new(), build);
            assert!(desk.lease(within(600)).await.is_err());
            assert!(desk.given_up());
        });
    }
}
