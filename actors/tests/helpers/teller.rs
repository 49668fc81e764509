//! A scripted engine whose answers are told by sample, step or prompt: it plays each of them on a
//! [`ScriptedEngine`] of its own, and keeps what it was asked.
#![allow(dead_code, reason = "each test target uses its own part")]
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests may panic")]

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use forethought_actors::Build;
use forethought_engine::{
    Engine, EngineError, EngineInfo, Prompt, SampleEvent, SampleRequest, SampleStream, TopLogprob,
    scripted::{Script, ScriptedAnswer, ScriptedEngine},
};
use forethought_reasoning::sample_seed;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// The seed of the house's jobs.
const SEED: u64 = 7;

/// What is asked, as its seed tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// A sample, by its index.
    Sample(u32),
    /// A step of a beam: its index, and which step.
    Step(u32, u32),
    /// The judgement of a sample.
    Judge(u32),
}

impl Asked {
    fn of(seed: u64) -> Self {
        let found = (0..32).find_map(|index| {
            let own = sample_seed(SEED, index);
            let step = || (0..32).find(|step| sample_seed(own, *step) == seed).map(|step| Self::Step(index, step));
            if own == seed {
                Some(Self::Sample(index))
            } else if !own == seed {
                Some(Self::Judge(index))
            } else {
                step()
            }
        });
        found.unwrap_or_else(|| panic!("a seed that no sample has: {seed}"))
    }
}

/// What is answered.
pub struct Line {
    pub text: String,
    /// How sure each token is: minus the log-probability of its alternatives.
    pub sure: f32,
    /// Time for each token, in milliseconds.
    pub token_ms: u64,
}

pub fn say(text: &str) -> Line {
    Line { text: text.to_owned(), sure: 1.0, token_ms: 0 }
}

/// One of so many texts, by the sample's index.
pub fn texts(texts: &'static [&'static str]) -> impl Fn(Asked) -> Line + Send + Sync {
    move |asked| match asked {
        Asked::Sample(index) => say(texts[index as usize]),
        other => panic!("{other:?} is not told"),
    }
}

type Tell = dyn Fn(Asked) -> Line + Send + Sync;

/// The engine.
pub struct Teller {
    info: EngineInfo,
    tell: Box<Tell>,
    asked: Mutex<Vec<(Asked, Prompt)>>,
    plays: Mutex<Vec<Arc<ScriptedEngine>>>,
}

impl Teller {
    pub fn new(tell: impl Fn(Asked) -> Line + Send + Sync + 'static) -> Arc<Self> {
        let info = ScriptedEngine::new(Script::default()).info().clone();
        Arc::new(Self { info, tell: Box::new(tell), asked: Mutex::default(), plays: Mutex::default() })
    }

    pub fn build(self: &Arc<Self>) -> Build {
        let engine = Arc::clone(self);
        Box::new(move || {
            let engine = Arc::clone(&engine) as Arc<dyn Engine>;
            Box::pin(async move { Ok(engine) })
        })
    }

    /// What it was asked, in the order of the samples.
    pub fn asked(&self) -> Vec<Asked> {
        let mut asked: Vec<Asked> = self.asked.lock().unwrap().iter().map(|(asked, _)| *asked).collect();
        asked.sort_by_key(|asked| match *asked {
            Asked::Sample(index) => (0, index, 0),
            Asked::Judge(index) => (1, index, 0),
            Asked::Step(index, step) => (2, step, index),
        });
        asked
    }

    /// What the model was to go on from, the whole conversation as one text.
    pub fn prompt(&self, of: Asked) -> String {
        let asked = self.asked.lock().unwrap();
        let prompt = asked.iter().find(|(asked, _)| *asked == of).map(|(_, prompt)| prompt);
        let joined = |messages: &[forethought_engine::Message]| {
            messages.iter().map(|message| message.content.as_str()).collect::<Vec<_>>().join("\n---\n")
        };
        match prompt.unwrap_or_else(|| panic!("{of:?} was never asked")) {
            Prompt::Raw(text) => text.clone(),
            Prompt::Messages(messages) => joined(messages),
            Prompt::Begun { messages, begun } => format!("{}\n---\n{begun}", joined(messages)),
        }
    }

    /// Tokens that were generated so far, over all calls.
    pub fn generated(&self) -> u64 {
        self.plays.lock().unwrap().iter().map(|play| play.generated()).sum()
    }
}

#[async_trait]
impl Engine for Teller {
    fn info(&self) -> &EngineInfo {
        &self.info
    }

    async fn sample(&self, request: SampleRequest) -> Result<SampleStream, EngineError> {
        let asked = Asked::of(request.seed);
        self.asked.lock().unwrap().push((asked, request.prompt.clone()));
        let Line { text, sure, token_ms } = (self.tell)(asked);
        let answers = vec![ScriptedAnswer { text, odds: 1.0 }];
        let play = Arc::new(ScriptedEngine::new(Script { answers, token_ms, ..Script::default() }));
        self.plays.lock().unwrap().push(Arc::clone(&play));
        let mut played = play.sample(request).await?;
        let (events, receiver) = mpsc::channel(1);
        let cancel = CancellationToken::new();
        let stop = cancel.clone();
        tokio::spawn(async move {
            loop {
                let event = tokio::select! {
                    () = stop.cancelled() => break,
                    event = played.next() => event,
                };
                let Some(mut event) = event else { break };
                if let Ok(SampleEvent::Token { logprob, top, .. }) = &mut event {
                    *logprob = -1.0 / sure;
                    *top = vec![TopLogprob { id: 0, text: String::new(), logprob: -sure }];
                }
                if events.send(event).await.is_err() {
                    break;
                }
            }
        });
        Ok(SampleStream::new(receiver, cancel))
    }

    async fn count_prompt(&self, _: &SampleRequest) -> Result<u32, EngineError> {
        Ok(4)
    }

    async fn rendered(&self, _: &Prompt) -> Result<Option<String>, EngineError> {
        Ok(None)
    }

    fn alive(&self) -> bool {
        true
    }
}
