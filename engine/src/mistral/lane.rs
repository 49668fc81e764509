//! One loaded model that runs one sequence at a time.
//!
//! **Priming.** mistralrs never finds a cached prompt that is *equal* to the one asked for, and a sample that ended
//! would be found before a shorter match. So the lane first runs the prompt with its last token replaced; a sample of
//! the prompt then finds all but its last token. It is always done, also for one sample: attention over one row takes
//! another kernel than over many, and a sample must be computed the same way whatever ran before it. The cache is never
//! evicted on a CPU, so after a few prompts the lane empties it.

use std::{
    future::poll_fn,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use mistralrs::{
    Constraint, CustomLogitsProcessor, Model, NormalRequest, Request, RequestMessage, Response, SamplingParams,
};
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use super::{
    loader::Vocabulary,
    schema::Fit,
    tap::{Gone, Primer, Responses, Tap, TapState},
};
use crate::{EngineError, SampleEvent, SampleRequest, draw::Drawer};

/// Prompts kept in a lane's prefix cache.
const PRIMED: usize = 3;
/// No model has a token of this id. The highest number would not do: candle takes it for "no token" and goes on.
const NO_TOKEN: u32 = u32::MAX - 1;

/// One sample on its way through a lane.
pub(super) struct Job {
    pub prompt: Arc<[u32]>,
    pub request: SampleRequest,
    /// What the answer must fit.
    pub fit: Option<Fit>,
    pub events: mpsc::Sender<Result<SampleEvent, EngineError>>,
    pub cancel: CancellationToken,
}

pub(super) struct Lane {
    model: Arc<Model>,
    vocabulary: Arc<Vocabulary>,
    threads: usize,
    /// Whether prompts are primed: only where one sequence runs at a time.
    prime: bool,
    primed: Vec<Arc<[u32]>>,
    /// Shared by all lanes of one model: its sequences must not carry the same id.
    ids: Arc<AtomicUsize>,
}

impl Lane {
    pub(super) fn new(model: Arc<Model>, vocabulary: Arc<Vocabulary>, threads: usize, prime: bool) -> Self {
        Self { model, vocabulary, threads, prime, primed: Vec::new(), ids: Arc::default() }
    }

    /// Another lane of the same loaded model, for where batches are computed right.
    pub(super) fn sibling(&self) -> Self {
        Self {
            model: Arc::clone(&self.model),
            vocabulary: Arc::clone(&self.vocabulary),
            threads: self.threads,
            prime: self.prime,
            primed: Vec::new(),
            ids: Arc::clone(&self.ids),
        }
    }

    /// Whether a sample of this prompt would find it computed.
    pub(super) fn knows(&self, prompt: &[u32]) -> bool {
        self.primed.iter().any(|known| **known == *prompt)
    }

    /// Runs one sample to its end.
    ///
    /// # Errors
    /// [`EngineError::Dead`] when the engine's thread is gone.
    pub(super) async fn run(&mut self, job: Job) -> Result<(), EngineError> {
        let cached = if self.prime && job.prompt.len() > 1 { self.ensure_primed(&job.prompt).await? } else { 0 };
        if job.cancel.is_cancelled() {
            return Ok(());
        }
        let (gone, left) = oneshot::channel();
        let ended = Arc::new(AtomicBool::new(false));
        let (sender, receiver) = mpsc::channel(job.request.max_tokens as usize + 4);
        let responses: Responses = Arc::new(Mutex::new(receiver));
        let tap = Tap {
            vocabulary: Arc::clone(&self.vocabulary),
            drawer: Drawer::new(job.request.sampling.clone(), job.request.seed, job.request.top_logprobs),
            prompt_tokens: u32::try_from(job.prompt.len()).unwrap_or(u32::MAX),
            cached_tokens: cached,
            max_tokens: job.request.max_tokens.max(1),
            ignore_end: job.request.ignore_end,
            show_control: job.request.show_control,
            threads: self.threads,
            events: job.events.clone(),
            cancel: job.cancel.clone(),
            responses: Arc::clone(&responses),
            state: TapState::new(&job.request.stop, job.fit),
            ended: Arc::clone(&ended),
            _gone: Gone(gone),
        };
        self.send(&job.prompt, sender, Arc::new(tap)).await?;
        match drain(&responses, left).await {
            Some(message) => {
                let _ = job.events.try_send(Err(EngineError::Sample(message)));
                self.forget_after_failure().await
            }
            None if ended.load(Ordering::Acquire) => Ok(()),
            None => Err(EngineError::Dead("its thread ended in the middle of a sample".to_owned())),
        }
    }

    /// Computes all but the prompt's last token, unless that was done; gives the number of tokens that are then cached.
    async fn ensure_primed(&mut self, prompt: &Arc<[u32]>) -> Result<u32, EngineError> {
        let cached = u32::try_from(prompt.len() - 1).unwrap_or(u32::MAX);
        if let Some(at) = self.primed.iter().position(|known| known == prompt) {
            let known = self.primed.remove(at);
            self.primed.push(known);
            return Ok(cached);
        }
        // A longer known prompt that starts with this one would be matched whole, which the cache takes for a miss.
        let hidden = self.primed.iter().any(|known| known.starts_with(prompt));
        if hidden || self.primed.len() >= PRIMED {
            self.forget().await?;
        }
        let mut tokens = prompt.to_vec();
        let filler = self.vocabulary.filler;
        if let Some(last) = tokens.last_mut() {
            *last = if *last == filler { filler.wrapping_add(1) } else { filler };
        }
        let (gone, left) = oneshot::channel();
        let (sender, receiver) = mpsc::channel(8);
        let ended = Arc::new(AtomicBool::new(false));
        let eos = self.vocabulary.eos.first().copied().unwrap_or_default();
        let primer = Primer { eos, threads: self.threads, ended: Arc::clone(&ended), _gone: Gone(gone) };
        self.send(&tokens, sender, Arc::new(primer)).await?;
        if let Some(message) = drain(&Arc::new(Mutex::new(receiver)), left).await {
            self.forget_after_failure().await?;
            return Err(EngineError::Sample(message));
        }
        if !ended.load(Ordering::Acquire) {
            return Err(EngineError::Dead("its thread ended while it read a prompt".to_owned()));
        }
        self.primed.push(Arc::clone(prompt));
        Ok(cached)
    }

    async fn send(
        &self,
        tokens: &[u32],
        response: mpsc::Sender<Response>,
        processor: Arc<dyn CustomLogitsProcessor>,
    ) -> Result<(), EngineError> {
        let params = SamplingParams { temperature: Some(0.0), ..SamplingParams::neutral() };
        let request = NormalRequest {
            // A request that is not streamed makes the engine panic when its client leaves (#2147).
            is_streaming: true,
            logits_processors: Some(vec![processor]),
            constraint: Constraint::None,
            ..NormalRequest::new_simple(
                RequestMessage::CompletionTokens(tokens.to_vec()),
                params,
                response,
                self.ids.fetch_add(1, Ordering::Relaxed),
                None,
                None,
            )
        };
        let sender = self.model.inner().get_sender(None).map_err(dead)?;
        sender.send(Request::Normal(Box::new(request))).await.map_err(dead)
    }

    /// The library empties the whole cache after a failed pass, and keeps it after a refused request. Emptying it here
    /// makes sure that what is taken for primed is: a retry would else be computed another way.
    async fn forget_after_failure(&mut self) -> Result<(), EngineError> {
        if self.prime { self.forget().await } else { Ok(()) }
    }

    /// Empties the prefix cache.
    ///
    /// There is no request for that, but a failed forward pass does it: a prompt of tokens that the model does not have
    /// fails at its first layer. A restart of the engine's thread would do it too, and would leave a thread pool behind
    /// each time, because rayon never frees one that was made of a running thread.
    async fn forget(&mut self) -> Result<(), EngineError> {
        self.primed.clear();
        let (gone, left) = oneshot::channel();
        let (sender, receiver) = mpsc::channel(8);
        let ended = Arc::new(AtomicBool::new(false));
        let eos = self.vocabulary.eos.first().copied().unwrap_or_default();
        let primer = Primer { eos, threads: self.threads, ended: Arc::clone(&ended), _gone: Gone(gone) };
        self.send(&[NO_TOKEN, NO_TOKEN], sender, Arc::new(primer)).await?;
        match drain(&Arc::new(Mutex::new(receiver)), left).await {
            Some(_) => Ok(()),
            None => Err(EngineError::Dead("it cannot empty its prefix cache".to_owned())),
        }
    }
}

fn dead(error: impl std::fmt::Debug) -> EngineError {
    EngineError::Dead(format!("its thread is gone ({error:?})"))
}

/// Reads and drops the library's own responses until it has let go of the sequence, so that it never waits for us.
/// Gives the library's message when it refused or failed the sequence.
async fn drain(responses: &Responses, mut left: oneshot::Receiver<()>) -> Option<String> {
    let mut failure = None;
    let mut open = true;
    loop {
        let next = poll_fn(|cx| responses.lock().unwrap_or_else(PoisonError::into_inner).poll_recv(cx));
        tokio::select! {
            biased;
            response = next, if open => match response {
                Some(Response::InternalError(error) | Response::ValidationError(error)) => failure = Some(error.to_string()),
                Some(Response::ModelError(message, _) | Response::CompletionModelError(message, _)) => failure = Some(message),
                Some(_) => {}
                None => open = false,
            },
            _ = &mut left => return failure,
        }
    }
}
