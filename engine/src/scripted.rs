//! An engine that plays a script: for tests of faults and timing, and for trying a configuration without a model.
//!
//! The seed picks the answer, so the same request gives the same sample; a token is a word with the space before it. What is
//! asked can decide which answers there are ([`ScriptedRule`]), so that a model can be played that is unfair to somebody.

mod script;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use tokio::sync::{Semaphore, mpsc};
use tokio_util::sync::CancellationToken;

use crate::{
    Abilities, CallFormat, Channel, Conversation, Engine, EngineError, EngineInfo, Finish, Prompt, SampleEvent,
    SampleRequest, SampleStream, Usage, text::TextAssembler, tools,
};
pub use script::{FaultKind, Luck, Script, ScriptedAnswer, ScriptedFault, ScriptedRule};

/// Plays a [`Script`].
pub struct ScriptedEngine {
    script: Arc<Script>,
    info: EngineInfo,
    calls: AtomicU64,
    /// Tokens given out over all samples; lets a test see when generation stops.
    generated: Arc<AtomicU64>,
    alive: Arc<AtomicBool>,
    turns: Arc<Semaphore>,
}

impl ScriptedEngine {
    /// An engine that plays `script`.
    #[must_use]
    pub fn new(script: Script) -> Self {
        Self {
            info: EngineInfo {
                backend: "scripted",
                weights: script.weights(),
                context_tokens: script.context_tokens,
                parallel: script.parallel,
                repeatable: true,
                // A script says what it says, whatever is asked of it.
                can: Abilities { json_schema: false, ..Abilities::ALL },
                marks: None,
                calls: CallFormat::Plain,
            },
            calls: AtomicU64::new(0),
            generated: Arc::new(AtomicU64::new(0)),
            alive: Arc::new(AtomicBool::new(true)),
            turns: Arc::new(Semaphore::new(script.parallel as usize)),
            script: Arc::new(script),
        }
    }

    /// Tokens given out so far, over all samples.
    #[must_use]
    pub fn generated(&self) -> u64 {
        self.generated.load(Ordering::Acquire)
    }

    fn fault(&self, call: u64) -> Option<ScriptedFault> {
        self.script.faults.iter().find(|fault| fault.call.is_none_or(|at| at == call)).copied()
    }
}

#[async_trait]
impl Engine for ScriptedEngine {
    fn info(&self) -> &EngineInfo {
        &self.info
    }

    async fn sample(&self, request: SampleRequest) -> Result<SampleStream, EngineError> {
        if !self.alive() {
            return Err(EngineError::Dead("the script says so".to_owned()));
        }
        let prompt_tokens = self.count_prompt(&request).await?;
        let call = self.calls.fetch_add(1, Ordering::AcqRel);
        let (events, receiver) = mpsc::channel(64);
        let cancel = CancellationToken::new();
        let play = Play {
            answer: self.script.answer(&request.prompt, request.seed),
            fault: self.fault(call),
            script: Arc::clone(&self.script),
            generated: Arc::clone(&self.generated),
            alive: Arc::clone(&self.alive),
            prompt_tokens,
            request,
            events,
        };
        let (turns, stop) = (Arc::clone(&self.turns), cancel.clone());
        tokio::spawn(async move {
            tokio::select! {
                () = stop.cancelled() => {}
                () = async { let _turn = turns.acquire().await; play.run().await } => {}
            }
        });
        Ok(SampleStream::new(receiver, cancel))
    }

    async fn count_prompt(&self, request: &SampleRequest) -> Result<u32, EngineError> {
        let conversation = |asked: &Conversation| -> usize {
            tools::plainly(asked).iter().map(|m| m.content.split_whitespace().count() + 1).sum()
        };
        let words = match &request.prompt {
            Prompt::Raw(text) => text.split_whitespace().count(),
            Prompt::Messages(messages) => conversation(messages),
            Prompt::Begun { messages, begun } => conversation(messages) + begun.split_whitespace().count(),
        };
        let tokens = u32::try_from(words).unwrap_or(u32::MAX);
        if tokens.saturating_add(request.max_tokens) > self.script.context_tokens {
            return Err(EngineError::Request {
                param: "messages",
                code: "context_length_exceeded",
                message: format!("{tokens} prompt tokens are more than the model's {}", self.script.context_tokens),
            });
        }
        Ok(tokens)
    }

    async fn rendered(&self, prompt: &Prompt) -> Result<Option<String>, EngineError> {
        Ok(Some(match prompt {
            Prompt::Raw(text) => text.clone(),
            Prompt::Messages(_) => String::new(),
            Prompt::Begun { begun, .. } => begun.clone(),
        }))
    }

    fn alive(&self) -> bool {
        self.alive.load(Ordering::Acquire)
    }
}

struct Play {
    script: Arc<Script>,
    request: SampleRequest,
    answer: String,
    fault: Option<ScriptedFault>,
    prompt_tokens: u32,
    events: mpsc::Sender<Result<SampleEvent, EngineError>>,
    generated: Arc<AtomicU64>,
    alive: Arc<AtomicBool>,
}

impl Play {
    async fn run(self) {
        tokio::time::sleep(Duration::from_millis(self.script.start_ms)).await;
        let mut text = TextAssembler::new(&self.request.stop);
        let endless = self.fault.is_some_and(|fault| fault.kind == FaultKind::Endless);
        let words: Vec<&str> = self.answer.split_inclusive(' ').collect();
        let mut drawn = 0;
        let mut position = words.iter().cycle();
        let finish = loop {
            if !endless && drawn as usize >= words.len() {
                break Finish::Stop;
            }
            if drawn >= self.request.max_tokens {
                break Finish::Length;
            }
            if let Some(fault) = self.fault.filter(|fault| fault.after_tokens == drawn)
                && let Some(failure) = self.act(fault.kind).await
            {
                let _ = self.events.send(Err(failure)).await;
                return;
            }
            tokio::time::sleep(Duration::from_millis(self.script.token_ms)).await;
            let Some(word) = position.next() else { break Finish::Stop };
            drawn += 1;
            self.generated.fetch_add(1, Ordering::AcqRel);
            let pushed = text.push(word.as_bytes());
            let event = SampleEvent::Token {
                text: pushed.text,
                channel: Channel::Raw,
                id: drawn,
                logprob: -0.1,
                top: Vec::new(),
            };
            if self.events.send(Ok(event)).await.is_err() {
                return;
            }
            if pushed.stopped {
                break Finish::Matched;
            }
        };
        let usage = Usage { prompt_tokens: self.prompt_tokens, cached_tokens: 0, completion_tokens: drawn };
        let _ = self.events.send(Ok(SampleEvent::End { text: text.finish(), finish, usage })).await;
    }

    async fn act(&self, kind: FaultKind) -> Option<EngineError> {
        match kind {
            FaultKind::Error => Some(EngineError::Sample("the script says so".to_owned())),
            FaultKind::Die => {
                self.alive.store(false, Ordering::Release);
                Some(EngineError::Dead("the script says so".to_owned()))
            }
            FaultKind::Hang => std::future::pending().await,
            FaultKind::Endless => None,
            FaultKind::Panic => {
                #[expect(clippy::panic, reason = "a panic is what this fault is")]
                {
                    panic!("the script says so")
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(seed: u64) -> SampleRequest {
        SampleRequest::new(Prompt::Raw("a b c".into()), 50, seed)
    }

    async fn play(engine: &ScriptedEngine, request: SampleRequest) -> Result<(String, Finish, Usage), EngineError> {
        let mut stream = engine.sample(request).await?;
        let mut all = String::new();
        while let Some(event) = stream.next().await {
            match event? {
                SampleEvent::Token { text, .. } => all += &text,
                SampleEvent::End { text, finish, usage } => return Ok((all + &text, finish, usage)),
            }
        }
        unreachable!("a stream ends with an end or an error")
    }

    fn with_fault(kind: FaultKind) -> ScriptedEngine {
        let faults = vec![ScriptedFault { call: Some(0), after_tokens: 2, kind }];
        ScriptedEngine::new(Script { faults, ..Script::default() })
    }

    #[tokio::test]
    async fn plays_answers_with_their_odds_by_seed() {
        let answers =
            vec![ScriptedAnswer { text: "yes".into(), odds: 3.0 }, ScriptedAnswer { text: "no".into(), odds: 1.0 }];
        let engine = ScriptedEngine::new(Script { answers, ..Script::default() });
        let mut yes = 0;
        for seed in 0..400 {
            let (text, ..) = play(&engine, request(seed)).await.unwrap();
            assert_eq!(text, play(&engine, request(seed)).await.unwrap().0);
            yes += usize::from(text == "yes");
        }
        assert!((260..340).contains(&yes), "{yes}");
    }

    #[tokio::test]
    async fn faults_are_errors_and_never_short_samples() {
        for kind in [FaultKind::Error, FaultKind::Panic, FaultKind::Die] {
            let engine = with_fault(kind);
            assert!(play(&engine, request(1)).await.unwrap_err().retryable(), "{kind:?}");
            assert_eq!(play(&engine, request(1)).await.is_ok(), kind != FaultKind::Die);
        }
        let (_, finish, usage) = play(&with_fault(FaultKind::Endless), request(1)).await.unwrap();
        assert_eq!((finish, usage.completion_tokens), (Finish::Length, 50));
    }

    #[tokio::test(start_paused = true)]
    async fn dropping_the_stream_stops_the_work() {
        let script = Script {
            token_ms: 10,
            faults: vec![ScriptedFault { call: None, after_tokens: 0, kind: FaultKind::Endless }],
            ..Script::default()
        };
        let engine = ScriptedEngine::new(script);
        let mut stream = engine.sample(SampleRequest { max_tokens: 4000, ..request(1) }).await.unwrap();
        stream.next().await.unwrap().unwrap();
        drop(stream);
        tokio::time::sleep(Duration::from_secs(5)).await;
        assert!(engine.generated() <= 2, "{}", engine.generated());
    }
}
