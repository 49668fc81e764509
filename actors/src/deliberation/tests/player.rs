//! An engine that plays what a test says, call by call, and keeps what it was asked.

use std::sync::{
    Mutex,
    atomic::{AtomicU32, Ordering},
};

use async_trait::async_trait;
use forethought_engine::{
    Abilities, CallFormat, Channel, Engine, EngineError, EngineInfo, Finish, Marks, SampleEvent, SampleRequest,
    SampleStream, Usage,
};
use tokio_util::sync::CancellationToken;

use super::*;
use crate::engine_keeper;

/// How what is said comes to its end.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Ending {
    /// By itself.
    Stop,
    /// It breaks off.
    Break,
    /// Nothing more comes.
    Hang,
}

/// The words of one call, a token each; what the engine says of them, and how it ends.
pub type Said = (&'static str, Channel, Ending);

/// What is said in a call, by its number.
type Says = Box<dyn Fn(u32, &SampleRequest) -> Said + Send + Sync>;

pub struct Player {
    info: EngineInfo,
    says: Says,
    rendered: &'static str,
    token_ms: u64,
    /// Tokens that it draws before it hears that a sample is not wanted.
    deaf: u32,
    pub asked: Mutex<Vec<SampleRequest>>,
    pub drawn: Arc<AtomicU32>,
}

impl Player {
    pub fn new(says: impl Fn(u32, &SampleRequest) -> Said + Send + Sync + 'static) -> Self {
        Self {
            info: EngineInfo {
                backend: "scripted",
                weights: "scripted".to_owned(),
                context_tokens: 8192,
                parallel: 64,
                repeatable: true,
                can: Abilities::ALL,
                marks: None,
                calls: CallFormat::Plain,
            },
            says: Box::new(says),
            rendered: "",
            token_ms: 1,
            deaf: 0,
            asked: Mutex::default(),
            drawn: Arc::default(),
        }
    }

    pub fn slots(mut self, slots: u32) -> Self {
        self.info.parallel = slots;
        self
    }

    pub fn deaf(mut self, tokens: u32) -> Self {
        self.deaf = tokens;
        self
    }

    /// A model whose template marks thoughts, and renders a prompt so.
    pub fn thinker(mut self, rendered: &'static str, continues: bool) -> Self {
        self.info.marks = Some(Marks::Think);
        self.info.can.continues = continues;
        self.rendered = rendered;
        self
    }

    pub fn requests(&self) -> Vec<SampleRequest> {
        self.asked.lock().unwrap().clone()
    }

    /// Puts it to work.
    pub async fn desk(self: &Arc<Self>, kill: &KillSwitch) -> EngineDesk {
        let lent = Arc::clone(self);
        let build: forethought_engine::Build = Box::new(move || {
            let engine: Arc<dyn Engine> = Arc::<Self>::clone(&lent);
            Box::pin(async move { Ok(engine) })
        });
        let (keeper, desk) = engine_keeper::start("m", kill, build);
        // It lives as long as its kill switch.
        std::mem::forget(keeper);
        desk.lease(Instant::now() + Duration::from_secs(5)).await.unwrap();
        desk
    }
}

#[async_trait]
impl Engine for Player {
    fn info(&self) -> &EngineInfo {
        &self.info
    }

    async fn sample(&self, request: SampleRequest) -> Result<SampleStream, EngineError> {
        let call = {
            let mut asked = self.asked.lock().unwrap();
            asked.push(request.clone());
            u32::try_from(asked.len() - 1).unwrap()
        };
        let (words, channel, ending) = (self.says)(call, &request);
        let (events, receiver) = mpsc::channel(512);
        let cancel = CancellationToken::new();
        let (stop, drawn, pause) = (cancel.clone(), Arc::clone(&self.drawn), Duration::from_millis(self.token_ms));
        let mut deaf = self.deaf;
        tokio::spawn(async move {
            let (mut tokens, mut said) = (0, String::new());
            let mut finish = Finish::Stop;
            for word in words.split_inclusive(' ') {
                if tokens == request.max_tokens {
                    finish = Finish::Length;
                    break;
                }
                if stop.is_cancelled() && deaf == 0 {
                    finish = Finish::Cancelled;
                    break;
                }
                tokio::time::sleep(pause).await;
                if stop.is_cancelled() {
                    deaf = deaf.saturating_sub(1);
                }
                tokens += 1;
                drawn.fetch_add(1, Ordering::AcqRel);
                let before = said.len();
                said += word;
                let end = request.stop.iter().filter_map(|stop| said.find(stop.as_str())).min();
                let text = said[before..end.unwrap_or(said.len()).max(before)].to_owned();
                let token = SampleEvent::Token { text, channel, id: 1, logprob: -1.0, top: vec![] };
                if events.send(Ok(token)).await.is_err() {
                    return;
                }
                if end.is_some() {
                    finish = Finish::Matched;
                    break;
                }
            }
            match ending {
                Ending::Hang if finish == Finish::Stop => stop.cancelled().await,
                Ending::Break if finish == Finish::Stop => {
                    let _ = events.send(Err(EngineError::Sample("broken".to_owned()))).await;
                }
                _ => {
                    let usage = Usage { prompt_tokens: 4, cached_tokens: 0, completion_tokens: tokens };
                    let _ = events.send(Ok(SampleEvent::End { text: String::new(), finish, usage })).await;
                }
            }
        });
        Ok(SampleStream::new(receiver, cancel))
    }

    async fn count_prompt(&self, _: &SampleRequest) -> Result<u32, EngineError> {
        Ok(4)
    }

    async fn rendered(&self, _: &Prompt) -> Result<Option<String>, EngineError> {
        Ok(Some(self.rendered.to_owned()))
    }

    fn alive(&self) -> bool {
        true
    }
}
