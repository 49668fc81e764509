//! The root supervisor: everything that lives as long as the service, under one kill switch.

use std::{collections::BTreeMap, path::PathBuf, sync::Arc, time::Duration};

use forethought_audit::{AuditError, Usage};
use forethought_engine::Build;
use forethought_schemas::ApiError;
use tokio::time::Instant;
use tracing::warn;

use crate::{
    AuditDesk, Classifiers, EngineDesk, KillSwitch, OnRun, audit_writer, engine_keeper,
    places::{Place, Places},
};

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
    usage: Vec<Usage>,
    engines: BTreeMap<String, EngineDesk>,
    places: Arc<Places>,
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
    places: Arc<Places>,
}

impl Root {
    /// Opens the audit log and starts an engine for each model, within the current actix system.
    ///
    /// # Errors
    /// When the audit log cannot be opened. An engine that cannot be built is retried and never fails the start.
    pub fn start(data_dir: PathBuf, models: Vec<Model>, max_running: u32) -> Result<Self, AuditError> {
        let kill = KillSwitch::new();
        let (writer, audit, usage) = audit_writer::start(data_dir, &kill)?;
        let mut actors: Vec<Box<dyn std::any::Any>> = vec![Box::new(writer)];
        let mut engines = BTreeMap::new();
        for model in models {
            let (keeper, desk) = engine_keeper::start(&model.id, &kill, model.build);
            actors.push(Box::new(keeper));
            engines.insert(model.id, desk);
        }
        let places = Arc::new(Places::new(max_running));
        Ok(Self { work: kill.child(), kill, audit, usage, engines, places, _actors: actors })
    }

    /// What the HTTP workers need.
    #[must_use]
    pub fn rooms(&self) -> Rooms {
        Rooms {
            kill: self.kill.clone(),
            work: self.work.clone(),
            audit: self.audit.clone(),
            engines: Arc::new(self.engines.clone()),
            places: Arc::clone(&self.places),
        }
    }

    /// What was spent this month before this start.
    #[must_use]
    pub fn usage(&self) -> &[Usage] {
        &self.usage
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

    /// What asks classifier models, and tells `on_run` of every time that it does.
    #[must_use]
    pub fn classifiers(&self, on_run: OnRun) -> Classifiers {
        Classifiers::new(Arc::clone(&self.engines), on_run)
    }

    /// Whether every model has its engine. A model that is given up is lost alone, unless none is left.
    #[must_use]
    pub fn ready(&self) -> bool {
        !self.places.is_closed()
            && self.engines.values().any(EngineDesk::ready)
            && self.engines.values().all(|engine| engine.ready() || engine.given_up())
    }

    /// Deliberations that run now.
    #[must_use]
    pub fn running(&self) -> u32 {
        self.places.taken()
    }

    /// A place for a tenant among the deliberations that may run at once.
    ///
    /// # Errors
    /// [`ErrorKind::Unavailable`](forethought_schemas::ErrorKind::Unavailable) when all are taken, or the service is about
    /// to stop; [`ErrorKind::RateLimit`](forethought_schemas::ErrorKind::RateLimit) when it is getting full and the tenant
    /// has its share.
    pub fn seat(&self, tenant: &str) -> Result<Place, ApiError> {
        self.places.take(tenant)
    }

    /// Until the actors have ended, which they do when the audit writer cannot be kept alive.
    pub async fn lost(&self) {
        self.kill.killed().await;
    }

    /// Lets nobody in any more and waits for those inside; after `grace` they are stopped, and recorded as such.
    pub async fn drain(&self, grace: Duration) {
        self.places.close();
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
