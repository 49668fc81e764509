//! A server that can go wrong and be mended, as an upstream engine sees it.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use forethought_engine::{
    Build, Engine, EngineError, EngineInfo, Prompt, SampleRequest, SampleStream,
    scripted::{Script, ScriptedAnswer, ScriptedEngine},
};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// What is wrong with a server now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wrong {
    Nothing,
    /// Nobody listens: looks and samples fail at once.
    Killed,
    /// It takes everything and says nothing.
    Hung,
    /// It answers looks, and fails each sample.
    Errs,
    /// It answers looks, and samples get no token.
    Mute,
    /// It answers looks, and each sample fails after three tokens.
    Breaks,
    /// It answers looks, and of each sample there come three tokens and no more.
    Stalls,
}

pub struct Server {
    wrong: Mutex<Wrong>,
    script: Script,
    pub weights: Mutex<&'static str>,
    json_schema: bool,
    /// Looks that fail from now on.
    pub misses: AtomicUsize,
    /// Added to the time before a first token.
    pub slow_ms: AtomicU64,
    /// Samples that were begun.
    begun: AtomicUsize,
    pub built: AtomicUsize,
}

impl Server {
    pub fn new(answer: &str) -> Arc<Self> {
        Self::with(answer, "w", false)
    }

    pub fn with(answer: &str, weights: &'static str, json_schema: bool) -> Arc<Self> {
        let answers = vec![ScriptedAnswer { text: answer.to_owned(), odds: 1.0 }];
        Arc::new(Self {
            wrong: Mutex::new(Wrong::Nothing),
            script: Script { answers, start_ms: 20, token_ms: 10, parallel: 4, ..Script::default() },
            weights: Mutex::new(weights),
            json_schema,
            misses: AtomicUsize::new(0),
            slow_ms: AtomicU64::new(0),
            begun: AtomicUsize::new(0),
            built: AtomicUsize::new(0),
        })
    }

    pub fn becomes(&self, wrong: Wrong) {
        *self.wrong.lock().unwrap() = wrong;
    }

    pub fn is(&self) -> Wrong {
        *self.wrong.lock().unwrap()
    }

    pub fn begun(&self) -> usize {
        self.begun.load(Ordering::SeqCst)
    }

    pub fn build(self: &Arc<Self>) -> Build {
        let server = Arc::clone(self);
        Box::new(move || {
            let server = Arc::clone(&server);
            Box::pin(async move {
                // As an upstream: it waits until its server is there.
                while matches!(server.is(), Wrong::Killed | Wrong::Hung) {
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
                server.built.fetch_add(1, Ordering::SeqCst);
                let engine = ScriptedEngine::new(server.script.clone());
                let mut info = engine.info().clone();
                server.weights.lock().unwrap().clone_into(&mut info.weights);
                info.can.json_schema = server.json_schema;
                Ok(Arc::new(Remote { server, engine, info }) as Arc<dyn Engine>)
            })
        })
    }
}

struct Remote {
    server: Arc<Server>,
    engine: ScriptedEngine,
    info: EngineInfo,
}

impl Remote {
    /// Whether it answers what is no sample.
    async fn answers(&self) -> Result<(), EngineError> {
        match self.server.is() {
            Wrong::Hung => std::future::pending().await,
            Wrong::Killed => Err(EngineError::Sample("the server cannot be reached".into())),
            _ => Ok(()),
        }
    }
}

#[async_trait]
impl Engine for Remote {
    fn info(&self) -> &EngineInfo {
        &self.info
    }

    async fn sample(&self, request: SampleRequest) -> Result<SampleStream, EngineError> {
        self.server.begun.fetch_add(1, Ordering::SeqCst);
        self.answers().await?;
        let wrong = self.server.is();
        match wrong {
            Wrong::Errs => return Err(EngineError::Sample("the server answered 500".into())),
            Wrong::Mute => std::future::pending().await,
            _ => tokio::time::sleep(Duration::from_millis(self.server.slow_ms.load(Ordering::SeqCst))).await,
        }
        let stream = self.engine.sample(request).await?;
        Ok(if matches!(wrong, Wrong::Breaks | Wrong::Stalls) { cut(stream, wrong) } else { stream })
    }

    async fn count_prompt(&self, request: &SampleRequest) -> Result<u32, EngineError> {
        self.answers().await?;
        self.engine.count_prompt(request).await
    }

    async fn rendered(&self, prompt: &Prompt) -> Result<Option<String>, EngineError> {
        self.answers().await?;
        self.engine.rendered(prompt).await
    }

    fn alive(&self) -> bool {
        true
    }

    async fn check(&self) -> Result<(), EngineError> {
        self.answers().await?;
        let fewer = |misses: usize| misses.checked_sub(1);
        match self.server.misses.fetch_update(Ordering::SeqCst, Ordering::SeqCst, fewer) {
            Ok(_) => Err(EngineError::Sample("the server answered 503".into())),
            Err(_) => Ok(()),
        }
    }
}

/// Three tokens of a stream, and then what is wrong.
fn cut(mut stream: SampleStream, wrong: Wrong) -> SampleStream {
    let (events, receiver) = mpsc::channel(8);
    let cancel = CancellationToken::new();
    let stop = cancel.clone();
    tokio::spawn(async move {
        let play = async {
            for _ in 0..3 {
                let Some(event) = stream.next().await else { return };
                let _ = events.send(event).await;
            }
            if wrong == Wrong::Stalls {
                std::future::pending::<()>().await;
            }
            let broke = EngineError::Sample("the connection to the server broke off".into());
            let _ = events.send(Err(broke)).await;
        };
        tokio::select! {
            () = stop.cancelled() => {}
            () = play => {}
        }
    });
    SampleStream::new(receiver, cancel)
}
