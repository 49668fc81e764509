//! Whether the weights that a model is loaded from are those that were approved.

mod fingerprint;

use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use forethought_engine::mistral::{MistralConfig, MistralEngine};
use forethought_provenance::{Comparison, Matched, Registry, Verdict, compare};
use tokio::{sync::mpsc, task::spawn_blocking};
use tracing::{error, warn};

use crate::keeper::{Deed, PolicyKeeper};

pub use fingerprint::take;

/// Loads that may wait to be recorded; each is one model's.
const WAITING: usize = 64;

/// Lets no model load from other files than those that the registry names, nor one that behaves otherwise than it did when it
/// was registered. Cheap to clone.
#[derive(Clone)]
pub struct Guard {
    registry: PathBuf,
    told: mpsc::Sender<Load>,
}

/// A model that was loaded, or was not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Load {
    model: String,
    what: &'static str,
    lines: Vec<String>,
}

/// Loads that wait to be recorded.
pub type Loads = mpsc::Receiver<Load>;

impl Guard {
    /// A guard with this registry.
    #[must_use]
    pub fn new(registry: PathBuf) -> (Self, Loads) {
        let (told, loads) = mpsc::channel(WAITING);
        (Self { registry, told }, loads)
    }

    /// Loads a model and looks at it before anybody else can ask it.
    ///
    /// # Errors
    /// Why it does not load: the file or the registry is wrong, or the model is not what was approved.
    pub async fn load(&self, model: &str, config: &MistralConfig) -> anyhow::Result<MistralEngine> {
        let loaded = self.checked(model, config).await;
        let (what, lines) = match &loaded {
            Ok((_, lines)) => ("model.loaded", lines.clone()),
            Err(why) => ("model.refused", vec![format!("{why:#}")]),
        };
        // A record that finds no room is that of a model that failed many times in a row.
        let _ = self.told.try_send(Load { model: model.to_owned(), what, lines });
        loaded.map(|(engine, _)| engine)
    }

    async fn checked(&self, model: &str, config: &MistralConfig) -> anyhow::Result<(MistralEngine, Vec<String>)> {
        let (registry, id, files) = (self.registry.clone(), model.to_owned(), files(config));
        let (registry, matched) = spawn_blocking(move || matched(&registry, &id, &files)).await??;
        let engine = MistralEngine::load(config).await?;
        matched.unchanged()?;
        let mut lines = vec![format!("entry {}", matched.entry)];
        lines.extend(matched.files.iter().map(|file| format!("{} {}", file.label, file.sha256)));
        lines.push(fingerprint(&registry, model, &engine).await?);
        Ok((engine, lines))
    }
}

/// Hashes everything that the engine will read.
fn matched(registry: &Path, model: &str, files: &[PathBuf]) -> anyhow::Result<(Registry, Matched)> {
    let registry = Registry::load(registry)?;
    let matched = registry.check(model, files, &mut |_| {})?;
    Ok((registry, matched))
}

/// What an engine reads of a model.
#[must_use]
pub fn files(config: &MistralConfig) -> Vec<PathBuf> {
    std::iter::once(config.path.clone()).chain(config.tokenizer.clone()).collect()
}

/// Takes the fingerprint again, and says what it shows.
async fn fingerprint(registry: &Registry, model: &str, engine: &MistralEngine) -> anyhow::Result<String> {
    let registered = registry.get(model).and_then(|entry| entry.fingerprint.as_ref());
    let Some(registered) = registered else { return Ok("no fingerprint is registered".to_owned()) };
    let now = take(engine).await?;
    let found: Comparison = compare(registered, &now)?;
    ensure!(
        found.verdict != Verdict::Changed,
        "the model `{model}` behaves otherwise than when it was registered: {found}; find out why, or register it anew"
    );
    if found.verdict == Verdict::Drifted {
        warn!(model, %found, "a model drifted from its fingerprint");
    }
    Ok(format!("fingerprint {found}"))
}

/// Records every load, as long as the service lives.
pub async fn record(mut loads: Loads, keeper: PolicyKeeper) {
    while let Some(Load { model, what, lines }) = loads.recv().await {
        let deed = Deed { what, by: None, object: Some(model), reason: None };
        if let Err(failure) = keeper.record_with(deed, lines).await.context("a load was not recorded") {
            error!(failure = format!("{failure:#}"), "the audit log lacks that a model was loaded or refused");
        }
    }
}
