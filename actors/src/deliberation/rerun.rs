//! A deliberation carried out again, for nobody but whoever compares it with the first one: nothing is recorded or charged.

use std::{collections::BTreeMap, sync::Arc};

use forethought_engine::{Engine, EngineError};
use forethought_policies::SpendMeter;
use forethought_reasoning::{Verdict, VerifierSpec};
use forethought_schemas::ApiError;
use tokio::{
    sync::mpsc,
    time::{Duration, Instant},
};

use super::{
    Job, SampleReport,
    outcome::{finish_name, fitting},
    plan,
    run::{Engines, Run},
};
use crate::{Caller, EngineDesk, KillSwitch, Model, engine_keeper};

/// How long a deliberation may take that is carried out again: it waits for no client, and a slower machine is to come to the same.
const WITHIN: Duration = Duration::from_hours(24);
/// How long an engine may take to be there.
const LOADED_WITHIN: Duration = Duration::from_mins(15);

/// What came of it.
#[derive(Debug)]
pub struct Rerun {
    /// What the strategy came to.
    pub verdict: Verdict,
    /// Every sample that was started, by index.
    pub samples: Vec<SampleReport>,
    /// The first fault of an engine.
    pub fault: Option<EngineError>,
}

/// Engines to carry out deliberations again. They end when it is dropped.
pub struct Rerunner {
    engines: BTreeMap<String, EngineDesk>,
    kill: KillSwitch,
    /// Held so that the actors live as long.
    _keepers: Vec<Box<dyn std::any::Any>>,
}

impl Drop for Rerunner {
    fn drop(&mut self) {
        self.kill.kill();
    }
}

impl Rerunner {
    /// Starts an engine for each model, within the current actix system.
    #[must_use]
    pub fn start(models: Vec<Model>) -> Self {
        let kill = KillSwitch::new();
        let mut keepers: Vec<Box<dyn std::any::Any>> = Vec::new();
        let mut engines = BTreeMap::new();
        for model in models {
            let (keeper, desk) = engine_keeper::start(&model.id, &kill, model.build);
            keepers.push(Box::new(keeper));
            engines.insert(model.id, desk);
        }
        Self { engines, kill, _keepers: keepers }
    }

    /// The engine of a model, once it is there.
    ///
    /// # Errors
    /// [`EngineError::Dead`] when there is none, or it cannot be loaded.
    pub async fn engine(&self, model: &str) -> Result<Arc<dyn Engine>, EngineError> {
        self.desk(model)?.lease(Instant::now() + LOADED_WITHIN).await
    }

    /// Carries out a job with the model that it names. It draws what it drew the first time where the weights are the same, the
    /// engine is [repeatable](forethought_engine::EngineInfo::repeatable), and neither a deadline nor a client ended it.
    ///
    /// # Errors
    /// As for a first time, when the budget cannot be spent as asked; and when there is no such engine.
    /// Calls of tools are made by `tools`, which is to tell what came of them the first time.
    pub async fn run(&self, job: Job, tools: Option<Arc<dyn Caller>>) -> Result<Rerun, ApiError> {
        let strategy = plan(&job)?;
        let desk = |model: &str| self.desk(model).map_err(|error| super::outcome::engine_failed(&error));
        let judge = VerifierSpec::judge_model(&job.verifiers).map(desk).transpose()?.cloned();
        let engines = Engines { model: desk(&job.model)?.clone(), judge, tools };
        let job = Arc::new(job);
        // Nobody listens: what finds no room is dropped.
        let (events, _) = mpsc::channel(1);
        let deadline = Instant::now() + WITHIN;
        let kill = self.kill.child();
        let run = Run::new(Arc::clone(&job), strategy, engines, SpendMeter::default(), events, kill, deadline);
        let mut ran = run.finish().await;
        if let Some(schema) = job.must_fit.as_deref() {
            fitting::keep(&mut ran, &job, schema);
        }
        ran.count_rest().await;
        Ok(Rerun { verdict: ran.verdict, samples: ran.samples, fault: ran.fault })
    }

    fn desk(&self, model: &str) -> Result<&EngineDesk, EngineError> {
        self.engines.get(model).ok_or_else(|| EngineError::Dead(format!("there is no model `{model}` here")))
    }
}

impl SampleReport {
    /// Why it ended, as the audit log calls it.
    #[must_use]
    pub fn finish_name(&self) -> Option<&'static str> {
        finish_name(self)
    }
}
