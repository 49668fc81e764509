//! Sits where logits become a token: draws the token itself, reports it, and ends the sequence at once.
//!
//! mistralrs calls a logits processor on the engine's own thread for each token. Doing the draw there gives what the
//! crate lacks: a seed per sample, natural logarithms of the model's own probabilities, ids of the drawn tokens, stop
//! sequences without a late token, and an end that costs no further step. The sequence is ended by closing its response
//! channel: the crate then takes it as left by its client, which, unlike an end token, adds nothing to the prefix cache.

use std::{
    cell::OnceCell,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use mistralrs::{CustomLogitsProcessor, Response, Tensor};
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use super::{
    loader::Vocabulary,
    schema::{self, Fit},
};
use crate::{
    Channel, EngineError, Finish, SampleEvent, TopLogprob, Usage,
    draw::{Drawer, Drawn},
    text::TextAssembler,
};

thread_local! {
    /// The engine thread as the first worker of a pool of its own, so that its matrix products neither wait for nor are
    /// slowed by those of another lane.
    static LANE_POOL: OnceCell<Option<rayon::ThreadPool>> = const { OnceCell::new() };
}

/// The receiving end of a sequence's responses: read by the lane, closed by the tap.
pub(super) type Responses = Arc<Mutex<mpsc::Receiver<Response>>>;

/// Tells the lane when the engine has let go of a sequence: dropped with it.
pub(super) struct Gone(#[expect(dead_code, reason = "its drop is the message")] pub oneshot::Sender<()>);

pub(super) struct Tap {
    pub vocabulary: Arc<Vocabulary>,
    pub drawer: Drawer,
    pub prompt_tokens: u32,
    pub cached_tokens: u32,
    pub max_tokens: u32,
    pub ignore_end: bool,
    pub show_control: bool,
    pub threads: usize,
    pub events: mpsc::Sender<Result<SampleEvent, EngineError>>,
    pub cancel: CancellationToken,
    pub responses: Responses,
    pub state: Mutex<TapState>,
    /// Set once the tap has ended the sequence: when it goes without, the engine's thread has died.
    pub ended: Arc<AtomicBool>,
    pub _gone: Gone,
}

pub(super) struct TapState {
    text: TextAssembler,
    drawn: u32,
    ended: bool,
    fit: Option<Fit>,
}

impl TapState {
    pub(super) fn new(stops: &[String], fit: Option<Fit>) -> Mutex<Self> {
        Mutex::new(Self { text: TextAssembler::new(stops), drawn: 0, ended: false, fit })
    }
}

impl Tap {
    /// Draws the next token; `None` ends the sequence.
    fn step(&self, logits: &Tensor, context: &[u32]) -> Option<u32> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.ended {
            return None;
        }
        if self.cancel.is_cancelled() {
            return self.end(&mut state, Finish::Cancelled);
        }
        let generated = context.get(self.prompt_tokens as usize..).unwrap_or_default();
        let drawn = match self.draw(&mut state, logits, generated) {
            Ok(drawn) => drawn,
            Err(why) => return self.fail(&mut state, why),
        };
        state.drawn += 1;
        if self.vocabulary.eos.contains(&drawn.id) {
            return self.end(&mut state, Finish::Stop);
        }
        let bytes = self.bytes(drawn.id);
        let whole = match state.fit.as_mut().map(|fit| fit.take(drawn.id, &bytes)).transpose() {
            Ok(whole) => whole.unwrap_or(false),
            Err(why) => return self.fail(&mut state, why),
        };
        let pushed = state.text.push(&bytes);
        let top = drawn.top.iter().map(|(id, logprob)| self.top(*id, *logprob)).collect();
        let (text, channel) = (pushed.text, Channel::Raw);
        let event = SampleEvent::Token { text, channel, id: drawn.id, logprob: drawn.logprob, top };
        if self.events.try_send(Ok(event)).is_err() {
            state.ended = true;
            return None;
        }
        if pushed.stopped {
            return self.end(&mut state, Finish::Matched);
        }
        if whole {
            return self.end(&mut state, Finish::Stop);
        }
        if state.drawn >= self.max_tokens {
            return self.end(&mut state, Finish::Length);
        }
        Some(drawn.id)
    }

    fn draw(&self, state: &mut TapState, logits: &Tensor, generated: &[u32]) -> Result<Drawn, String> {
        let no_logit = || "the model gave no finite logit".to_owned();
        let mut logits = logits.to_vec1::<f32>().map_err(|_| no_logit())?;
        if self.ignore_end {
            self.forbid_end(&mut logits);
        }
        let Some(fit) = state.fit.as_mut() else {
            return self.drawer.draw(&logits, state.drawn, generated).ok_or_else(no_logit);
        };
        let plain = logits.clone();
        schema::mask(&fit.allowed()?, &mut logits);
        let drawn = self.drawer.draw(&logits, state.drawn, generated).ok_or_else(no_logit)?;
        // How likely the model itself finds the token, not how likely it is among those that fit.
        Ok(self.drawer.as_drawn(&plain, drawn.id).unwrap_or(drawn))
    }

    fn fail(&self, state: &mut TapState, why: String) -> Option<u32> {
        state.ended = true;
        let _ = self.events.try_send(Err(EngineError::Sample(why)));
        None
    }

    fn end(&self, state: &mut TapState, finish: Finish) -> Option<u32> {
        state.ended = true;
        let usage = Usage {
            prompt_tokens: self.prompt_tokens,
            cached_tokens: self.cached_tokens,
            completion_tokens: state.drawn,
        };
        let text = state.text.finish();
        let _ = self.events.try_send(Ok(SampleEvent::End { text, finish, usage }));
        None
    }

    fn forbid_end(&self, logits: &mut [f32]) {
        for id in &self.vocabulary.eos {
            if let Some(logit) = logits.get_mut(*id as usize) {
                *logit = f32::NEG_INFINITY;
            }
        }
    }

    fn bytes(&self, id: u32) -> Vec<u8> {
        self.vocabulary.trie.tok_trie().decode_ext(&[id], self.show_control)
    }

    fn top(&self, id: u32, logprob: f32) -> TopLogprob {
        TopLogprob { id, text: String::from_utf8_lossy(&self.bytes(id)).into_owned(), logprob }
    }
}

impl CustomLogitsProcessor for Tap {
    fn apply(&self, logits: &Tensor, context: &[u32]) -> mistralrs::Result<Tensor> {
        fail::fail_point!("mistral-step", |_| Err(std::io::Error::other("made to fail").into()));
        join_lane_pool(self.threads);
        let id = self.step(logits, context).unwrap_or_else(|| {
            self.ended.store(true, Ordering::Release);
            self.responses.lock().unwrap_or_else(PoisonError::into_inner).close();
            self.vocabulary.filler
        });
        force(id)
    }
}

/// Ends a priming sequence at its first token, by an end token, which puts its prompt into the prefix cache.
pub(super) struct Primer {
    pub eos: u32,
    pub threads: usize,
    pub ended: Arc<AtomicBool>,
    pub _gone: Gone,
}

impl CustomLogitsProcessor for Primer {
    fn apply(&self, _logits: &Tensor, _context: &[u32]) -> mistralrs::Result<Tensor> {
        fail::fail_point!("mistral-prime");
        join_lane_pool(self.threads);
        self.ended.store(true, Ordering::Release);
        force(self.eos)
    }
}

/// Logits whose highest is `id`. Greedy sampling takes the last of equals, so zeros up to `id` and a one do, without
/// the rest of the vocabulary.
fn force(id: u32) -> mistralrs::Result<Tensor> {
    let mut logits = vec![0f32; id as usize];
    logits.push(1.0);
    let length = logits.len();
    Tensor::from_vec(logits, length, &mistralrs::Device::Cpu)
}

fn join_lane_pool(threads: usize) {
    LANE_POOL.with(|pool| {
        pool.get_or_init(|| rayon::ThreadPoolBuilder::new().num_threads(threads).use_current_thread().build().ok());
    });
}
