//! The root supervisor: everything that lives as long as the service, under one kill switch.

use std::{collections::BTreeMap, path::PathBuf, sync::Arc, time::Duration};

use forethought_audit::AuditError;
use forethought_engine::Build;
use forethought_schemas::{ApiError, ErrorKind};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::Instant,
};
use tracing::warn;

use crate::{AuditDesk, EngineDesk, KillSwitch, audit_writer, engine_keeper};

/// How long the outcomes of stopped deliberations may take to become durable.
const RECORD_WITHIN: Duration = Duration::from_secs(10);

/// A model to serve.
pub struct Model {
    /// Its name.
    pub id: String,
    /// Builds its engine.
    pub build: Build,
}

/// Keeps the audit writer and the engines, and counts who may come in.
pub struct Root {
    /// Ends the actors.
    kill: KillSwitch,
    /// Ends the deliberations, which need the actors to be recorded.
    work: KillSwitch,
    audit: AuditDesk,
    engines: BTreeMap<String, EngineDesk>,
    seats: Arc<Semaphore>,
    max_running: u32,
    /// Held so that the actors live as long as the root.
    _actors: Vec<Box<dyn std::any::Any>>,
}

/// What the HTTP workers share of a [`Root`].
#[derive(Clone)]
pub struct Rooms {
    kill: KillSwitch,
    /// Ends the deliberations; their outcomes are recorded all the same.
    pub work: KillSwitch,
    /// Makes records durable.
    pub audit: AuditDesk,
    engines: Arc<BTreeMap<String, EngineDesk>>,
    seats: Arc<Semaphore>,
    max_running: u32,
}

impl Root {
    /// Opens the audit log and starts an engine for each model, within the current actix system.
    ///
    /// # Errors
    /// When the audit log cannot be opened. An engine that cannot be built is retried and never fails the start.
    pub fn start(data_dir: PathBuf, models: Vec<Model>, max_running: u32) -> Result<Self, AuditError> {
        let kill = KillSwitch::new();
        let (writer, audit) = audit_writer::start(data_dir, &kill)?;
        let mut actors: Vec<Box<dyn std::any::Any>> = vec![Box::new(writer)];
        let mut engines = BTreeMap::new();
        for model in models {
            let (keeper, desk) = engine_keeper::start(&model.id, &kill, model.build);
            actors.push(Box::new(keeper));
            engines.insert(model.id, desk);
        }
        let seats = Arc::new(Semaphore::new(max_running as usize));
        Ok(Self { work: kill.child(), kill, audit, engines, seats, max_running, _actors: actors })
    }

    /// What the HTTP workers need.
    #[must_use]
    pub fn rooms(&self) -> Rooms {
        Rooms {
            kill: self.kill.clone(),
            work: self.work.clone(),
            audit: self.audit.clone(),
            engines: Arc::new(self.engines.clone()),
            seats: Arc::clone(&self.seats),
            max_running: self.max_running,
        }
    }

    /// Ends the actors. What is recorded is durable already.
    pub fn stop(&self) {
        self.kill.kill();
    }
}

impl Rooms {
    /// The models' names, sorted.
    pub fn models(&self) -> impl Iterator<Item = (&str, &EngineDesk)> {
        self.engines.iter().map(|(id, desk)| (id.as_str(), desk))
    }

    /// The engine of a model.
    #[must_use]
    pub fn engine(&self, model: &str) -> Option<&EngineDesk> {
        self.engines.get(model)
    }

    /// Whether every model has its engine. A model that is given up is lost alone, unless none is left.
    #[must_use]
    pub fn ready(&self) -> bool {
        !self.seats.is_closed()
            && self.engines.values().any(EngineDesk::ready)
            && self.engines.values().all(|engine| engine.ready() || engine.given_up())
    }

    /// Deliberations that run now.
    #[must_use]
    pub fn running(&self) -> u32 {
        self.max_running.saturating_sub(u32::try_from(self.seats.available_permits()).unwrap_or(u32::MAX))
    }

    /// A place among the deliberations that may run at once.
    ///
    /// # Errors
    /// [`ErrorKind::Unavailable`] when all are taken, or the service is about to stop.
    pub fn seat(&self) -> Result<OwnedSemaphorePermit, ApiError> {
        Arc::clone(&self.seats).try_acquire_owned().map_err(|refused| match refused {
            tokio::sync::TryAcquireError::NoPermits => ApiError::new(
                ErrorKind::Unavailable,
                "overloaded",
                format!("{} deliberations run already; try again later", self.max_running),
            )
            .retry_after(2),
            tokio::sync::TryAcquireError::Closed => {
                ApiError::new(ErrorKind::Unavailable, "draining", "the service is about to stop; try again later")
                    .retry_after(10)
            }
        })
    }

    /// Until the actors have ended, which they do when the audit writer cannot be kept alive.
    pub async fn lost(&self) {
        self.kill.killed().await;
    }

    /// Lets nobody in any more and waits for those inside; after `grace` they are stopped, and recorded as such.
    pub async fn drain(&self, grace: Duration) {
        self.seats.close();
        self.emptied(Instant::now() + grace).await;
        if self.running() > 0 {
            warn!(running = self.running(), "the grace period is over; stopping what still runs");
            self.work.kill();
            self.emptied(Instant::now() + RECORD_WITHIN).await;
        }
    }

    async fn emptied(&self, deadline: Instant) {
        while self.running() > 0 && Instant::now() < deadline {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}
