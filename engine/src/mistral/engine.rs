//! The engine: lanes, and the queue of samples in front of them.

use std::{
    fs::File,
    io,
    num::NonZeroU32,
    path::Path,
    pin::Pin,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use async_trait::async_trait;
use futures::FutureExt;
use sha2::{Digest, Sha256};
use tokio::sync::{AcquireError, OwnedSemaphorePermit, Semaphore, mpsc};
use tokio_util::sync::CancellationToken;
use tracing::{error, info};

use super::{
    MistralConfig,
    lane::{Job, Lane},
    loader::{self, Vocabulary},
    memory,
};
use crate::{Abilities, Engine, EngineError, EngineInfo, Prompt, SampleRequest, SampleStream};

/// Sequences that share one copy of a model on a GPU, where batches are computed right.
const ACCELERATED_LANES: u32 = 32;
/// Copies of a model that are worth their memory on a large machine.
const MAX_LANES: u32 = 8;

/// An open-weight model in this process.
pub struct MistralEngine {
    info: EngineInfo,
    vocabulary: Arc<Vocabulary>,
    lanes: Arc<Lanes>,
    max_waiting: usize,
}

/// Gives a permit for one lane.
type Turn = Pin<Box<dyn Future<Output = Result<OwnedSemaphorePermit, AcquireError>> + Send>>;

/// A place in the queue, left when dropped.
struct Place(Arc<Lanes>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::AcqRel);
    }
}

struct Lanes {
    idle: Mutex<Vec<Lane>>,
    /// As many permits as lanes; hands them out in the order of asking.
    turns: Arc<Semaphore>,
    /// Samples for which no lane is free.
    waiting: AtomicUsize,
    alive: AtomicBool,
}

impl MistralEngine {
    /// Loads the model, once a lane.
    ///
    /// # Errors
    /// [`EngineError::Load`] when the file is missing, damaged or of a kind that is not supported.
    pub async fn load(config: &MistralConfig) -> Result<Self, EngineError> {
        let path = &config.path;
        let fail = |message: String| EngineError::Load { path: path.display().to_string(), message };
        let file = path.clone();
        let weights = tokio::task::spawn_blocking(move || digest(&file))
            .await
            .map_err(|error| fail(error.to_string()))?
            .map_err(|error| fail(error.to_string()))?;
        let first = loader::load(config).await?;
        let vocabulary = Arc::new(first.vocabulary);
        let count = if first.accelerated { ACCELERATED_LANES } else { lane_count(config) };
        let threads = lane_threads(config, count);
        let lane = |model| Lane::new(Arc::new(model), Arc::clone(&vocabulary), threads, !first.accelerated);
        let mut lanes = vec![lane(first.model)];
        for _ in 1..count {
            let shared = lanes.first().filter(|_| first.accelerated).map(Lane::sibling);
            lanes.push(match shared {
                Some(lane) => lane,
                None => lane(loader::load(config).await?.model),
            });
        }
        info!(model = %path.display(), lanes = count, accelerated = first.accelerated, "model loaded");
        Ok(Self {
            info: EngineInfo {
                backend: "mistral",
                weights,
                context_tokens: vocabulary.context_tokens,
                parallel: count,
                repeatable: !first.accelerated,
                can: Abilities::ALL,
                marks: vocabulary.template.marks(),
                calls: vocabulary.template.calls(),
            },
            vocabulary,
            lanes: Arc::new(Lanes {
                turns: Arc::new(Semaphore::new(lanes.len())),
                idle: Mutex::new(lanes),
                waiting: AtomicUsize::new(0),
                alive: AtomicBool::new(true),
            }),
            max_waiting: config.max_waiting as usize,
        })
    }

    /// The ids of the tokens of a text, special tokens included.
    ///
    /// # Errors
    /// [`EngineError::Request`] when the tokenizer refuses the text.
    pub fn tokenize(&self, text: &str) -> Result<Vec<u32>, EngineError> {
        self.vocabulary.tokenize(text)
    }

    /// The ids of the prompt's tokens.
    ///
    /// # Errors
    /// [`EngineError::Request`] when the prompt is refused or too long, [`EngineError::Template`] when the model's chat
    /// template fails.
    pub fn prompt(&self, request: &SampleRequest) -> Result<Vec<u32>, EngineError> {
        self.vocabulary.prompt(&request.prompt, request.max_tokens)
    }
}

#[async_trait]
impl Engine for MistralEngine {
    fn info(&self) -> &EngineInfo {
        &self.info
    }

    async fn sample(&self, request: SampleRequest) -> Result<SampleStream, EngineError> {
        if !self.alive() {
            return Err(EngineError::Dead("it failed before".to_owned()));
        }
        let prompt = self.prompt(&request)?.into();
        let fit = request
            .schema
            .as_deref()
            .map(|schema| self.vocabulary.schemas.compile(schema, request.lenient))
            .transpose()?;
        let turn = self.lanes.ask(self.max_waiting)?;
        let (events, receiver) = mpsc::channel(request.max_tokens as usize + 4);
        let cancel = CancellationToken::new();
        let job = Job { prompt, request, fit, events, cancel: cancel.clone() };
        tokio::spawn(Arc::clone(&self.lanes).serve(job, turn));
        Ok(SampleStream::new(receiver, cancel))
    }

    async fn count_prompt(&self, request: &SampleRequest) -> Result<u32, EngineError> {
        let (vocabulary, prompt, max_tokens) =
            (Arc::clone(&self.vocabulary), request.prompt.clone(), request.max_tokens);
        // A long prompt takes its time, which is not to be that of the runtime's own threads.
        let counting = tokio::task::spawn_blocking(move || vocabulary.prompt(&prompt, max_tokens));
        let tokens = counting.await.map_err(|lost| EngineError::Sample(lost.to_string()))??;
        Ok(u32::try_from(tokens.len()).unwrap_or(u32::MAX))
    }

    async fn rendered(&self, prompt: &Prompt) -> Result<Option<String>, EngineError> {
        self.vocabulary.rendered(prompt).map(Some)
    }

    fn alive(&self) -> bool {
        self.lanes.alive.load(Ordering::Acquire)
    }
}

impl Lanes {
    /// A turn on a lane that is free, or a place in the queue of at most `max_waiting`.
    fn ask(self: &Arc<Self>, max_waiting: usize) -> Result<Turn, EngineError> {
        let mut turn: Turn = Box::pin(Arc::clone(&self.turns).acquire_owned());
        // Asked at once, and not in the task that waits: places in the queue are given in the order of asking.
        if let Some(taken) = turn.as_mut().now_or_never() {
            return Ok(Box::pin(std::future::ready(taken)));
        }
        let waiting = self.waiting.fetch_add(1, Ordering::AcqRel);
        let place = Place(Arc::clone(self));
        if waiting >= max_waiting {
            return Err(EngineError::Overloaded { waiting });
        }
        Ok(Box::pin(async move {
            let _place = place;
            turn.await
        }))
    }

    /// Waits for a lane, runs the job on it, and gives the lane back unless it died.
    async fn serve(self: Arc<Self>, job: Job, turn: Turn) {
        let turn = tokio::select! {
            turn = turn => turn,
            () = job.cancel.cancelled() => return,
        };
        let lane = turn.is_ok().then(|| self.take(&job.prompt)).flatten();
        let (Ok(turn), Some(mut lane)) = (turn, lane) else {
            let _ = job.events.try_send(Err(EngineError::Dead("it failed before".to_owned())));
            return;
        };
        let events = job.events.clone();
        match lane.run(job).await {
            Ok(()) => self.idle().push(lane),
            Err(EngineError::Sample(message)) => {
                let _ = events.try_send(Err(EngineError::Sample(message)));
                self.idle().push(lane);
            }
            Err(failure) => {
                error!(%failure, "a lane died");
                self.alive.store(false, Ordering::Release);
                self.turns.close();
                let _ = events.try_send(Err(failure));
            }
        }
        drop(turn);
    }

    /// An idle lane, if possible one that has the prompt computed.
    fn take(&self, prompt: &[u32]) -> Option<Lane> {
        let mut idle = self.idle();
        let at = idle.iter().position(|lane| lane.knows(prompt)).unwrap_or(0);
        (at < idle.len()).then(|| idle.remove(at))
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Lane>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The digest of a file of weights, as [`EngineInfo::weights`] has it: `sha256:` and 64 hexadecimal digits.
///
/// # Errors
/// When the file cannot be read.
pub fn digest(path: &Path) -> io::Result<String> {
    let mut hasher = Sha256::new();
    io::copy(&mut File::open(path)?, &mut hasher)?;
    Ok(format!("sha256:{:x}", hasher.finalize()))
}

/// One lane a core, as long as all copies together stay under half of the memory that is free, also under a
/// container's limit.
fn lane_count(config: &MistralConfig) -> u32 {
    if let Some(lanes) = config.lanes {
        return lanes.get();
    }
    let copy = std::fs::metadata(&config.path).map_or(u64::MAX, |m| m.len().saturating_mul(2)).max(1);
    let fits = memory::available(Path::new("/")).map_or(u64::MAX, |free| free / 2 / copy);
    u32::try_from(fits).unwrap_or(u32::MAX).min(cores()).clamp(1, MAX_LANES)
}

fn lane_threads(config: &MistralConfig, lanes: u32) -> usize {
    let share = (2 * cores() / lanes).clamp(1, cores());
    config.threads_per_lane.map_or(share, NonZeroU32::get) as usize
}

fn cores() -> u32 {
    std::thread::available_parallelism().map_or(1, |cores| u32::try_from(cores.get()).unwrap_or(1))
}
