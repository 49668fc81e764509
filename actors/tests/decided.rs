//! A vote that is decided, on the real model: what runs beside the decision stops, and what it has drawn is counted.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests may panic")]

#[path = "helpers/house.rs"]
mod house;
#[path = "../../engine/tests/helpers/support.rs"]
mod support;

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use forethought_actors::{Event, SampleState};
use forethought_engine::{
    Engine, EngineError, EngineInfo, Prompt, SampleEvent, SampleRequest, SampleStream, Sampling, mistral::MistralEngine,
};
use forethought_reasoning::{AnswerKind, Params};
use forethought_schemas::{Budget, StrategyName};
use house::in_house;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// Lanes of the model, which are the samples that run at once.
const LANES: u32 = 2;

/// The real engine, with a count of what it draws, also of what nobody reads any more.
struct Counted(MistralEngine, Arc<AtomicU32>);

#[async_trait]
impl Engine for Counted {
    fn info(&self) -> &EngineInfo {
        self.0.info()
    }

    async fn sample(&self, request: SampleRequest) -> Result<SampleStream, EngineError> {
        let (events, receiver) = mpsc::channel(request.max_tokens as usize + 4);
        let mut stream = self.0.sample(request).await?;
        let (cancel, drawn) = (CancellationToken::new(), Arc::clone(&self.1));
        let stop = cancel.clone();
        tokio::spawn(async move {
            let mut tokens = 0;
            let mut stopped = false;
            loop {
                let event = tokio::select! {
                    biased;
                    () = stop.cancelled(), if !stopped => {
                        stream.cancel();
                        stopped = true;
                        continue;
                    }
                    event = stream.next() => event,
                };
                let Some(event) = event else { return };
                let now = match &event {
                    Ok(SampleEvent::Token { .. }) => 1,
                    Ok(SampleEvent::End { usage, .. }) => usage.completion_tokens - tokens,
                    Err(_) => 0,
                };
                tokens += now;
                drawn.fetch_add(now, Ordering::AcqRel);
                let _ = events.try_send(event);
            }
        });
        Ok(SampleStream::new(receiver, cancel))
    }

    async fn count_prompt(&self, request: &SampleRequest) -> Result<u32, EngineError> {
        self.0.count_prompt(request).await
    }

    async fn rendered(&self, prompt: &Prompt) -> Result<Option<String>, EngineError> {
        self.0.rendered(prompt).await
    }

    fn alive(&self) -> bool {
        self.0.alive()
    }
}

#[test]
fn a_decided_vote_stops_the_real_model_within_two_tokens() {
    let drawn = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&drawn);
    let build: forethought_actors::Build = Box::new(move || {
        let count = Arc::clone(&count);
        Box::pin(async move {
            let config = forethought_engine::mistral::MistralConfig {
                lanes: std::num::NonZeroU32::new(LANES),
                ..support::config()
            };
            Ok(Arc::new(Counted(MistralEngine::load(&config).await?, count)) as Arc<dyn Engine>)
        })
    });
    in_house(build, |house| async move {
        let mut cancelled = 0;
        for seed in 0..8 {
            let before = drawn.load(Ordering::Acquire);
            let mut started = house
                .start(|job| {
                    job.prompt = support::ask("What is 2 + 2? Reply with the number.", 0).prompt;
                    job.strategy = StrategyName::SelfConsistency;
                    job.kind = AnswerKind::Number;
                    job.seed = seed;
                    job.sampling = Sampling { temperature: 0.7, ..Sampling::default() };
                    job.budget =
                        Budget { max_samples: 12, total_tokens: 2400, sample_tokens: 200, deadline_ms: 60_000 };
                    job.params = Params { samples: Some(12), wave: 8, thrifty: false, ..Params::default() };
                })
                .await
                .unwrap();
            let (mut at_decision, mut stopped) = (0, Vec::new());
            while let Some(event) = started.events.recv().await {
                match event {
                    Event::SampleFinished { tokens, .. } => at_decision += tokens,
                    Event::SampleCancelled { index, tokens } => {
                        at_decision += tokens;
                        stopped.push(index);
                    }
                    _ => {}
                }
            }
            let done = started.end.await.unwrap().unwrap();
            tokio::time::sleep(Duration::from_millis(500)).await;
            let all = drawn.load(Ordering::Acquire) - before;
            let counted: u32 = done.samples.iter().map(|sample| sample.tokens).sum();
            let running = stopped.iter().filter(|index| done.samples[**index as usize].tokens > 0).count();
            assert!(
                all <= at_decision + 2 * LANES,
                "seed {seed}: {all} tokens were drawn, {at_decision} at the decision"
            );
            assert!(
                counted <= all && all <= counted + LANES,
                "seed {seed}: {all} tokens were drawn, {counted} counted"
            );
            assert!(done.samples.iter().all(|sample| sample.state != SampleState::Running));
            cancelled += running;
        }
        assert!(cancelled > 0, "nothing ran when the votes were decided");
        house
    });
}
