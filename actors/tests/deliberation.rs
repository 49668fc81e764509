//! Whole deliberations over scripted engines: budgets, faults, leaving clients, and the records that they leave.
#![allow(clippy::unwrap_used, reason = "tests may panic")]

#[path = "helpers/house.rs"]
mod house;

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use forethought_actors::{Build, Deliberated, Event, Job, SampleState};
use forethought_engine::{
    Channel, Engine, EngineError, EngineInfo, Finish, Prompt, SampleEvent, SampleRequest, SampleStream, Usage,
    scripted::{FaultKind, Script, ScriptedAnswer, ScriptedEngine, ScriptedFault},
};
use forethought_reasoning::Status;
use forethought_schemas::{Budget, StrategyName};
use house::{BUDGET, in_house};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

fn script() -> Script {
    let answer = |text: &str, odds| ScriptedAnswer { text: text.to_owned(), odds };
    Script { answers: vec![answer("The answer is 42.", 3.0), answer("It is 41.", 1.0)], ..Script::default() }
}

fn fault(kind: FaultKind, call: Option<u64>, after_tokens: u32) -> ScriptedFault {
    ScriptedFault { call, after_tokens, kind }
}

fn builder(build: impl Fn() -> Arc<dyn Engine> + Send + Sync + 'static) -> Build {
    let build = Arc::new(build);
    Box::new(move || {
        let build = Arc::clone(&build);
        Box::pin(async move { Ok(build()) })
    })
}

fn scripted(script: Script) -> Build {
    builder(move || Arc::new(ScriptedEngine::new(script.clone())))
}

#[test]
fn the_vote_is_answered_and_recorded() {
    let statuses = in_house(scripted(script()), |house| async move {
        let done = house.ask(|_| ()).await.unwrap();
        assert_eq!(done.verdict.answer.as_ref().unwrap().canonical, "42");
        assert_eq!(done.samples.len(), done.samples.iter().filter(|s| s.tokens > 0).count());
        house
    });
    assert_eq!(statuses, ["answered"]);
}

#[test]
fn the_seed_of_the_request_decides_its_samples() {
    in_house(scripted(script()), |house| async move {
        // A sample that was not needed any more may have got further in one run than in another; it does not count.
        let texts = |done: Deliberated| {
            let counted = done.verdict.counted;
            let samples = done.samples.into_iter().filter(|sample| counted.contains(&sample.index));
            samples.map(|sample| (sample.seed, sample.text)).collect::<Vec<_>>()
        };
        let first = texts(house.ask(|_| ()).await.unwrap());
        assert_eq!(first, texts(house.ask(|_| ()).await.unwrap()));
        assert_ne!(first, texts(house.ask(|job| job.seed = 8).await.unwrap()));
        house
    });
}

/// An engine that never stops by itself and takes no notice of `max_tokens`.
struct Runaway(EngineInfo, Arc<AtomicU64>);

#[async_trait]
impl Engine for Runaway {
    fn info(&self) -> &EngineInfo {
        &self.0
    }

    async fn sample(&self, _: SampleRequest) -> Result<SampleStream, EngineError> {
        let (events, receiver) = mpsc::channel(1);
        let generated = Arc::clone(&self.1);
        tokio::spawn(async move {
            let token =
                || SampleEvent::Token { text: "1 ".into(), channel: Channel::Raw, id: 1, logprob: -1.0, top: vec![] };
            while events.send(Ok(token())).await.is_ok() {
                generated.fetch_add(1, Ordering::AcqRel);
            }
        });
        Ok(SampleStream::new(receiver, CancellationToken::new()))
    }

    async fn count_prompt(&self, _: &SampleRequest) -> Result<u32, EngineError> {
        Ok(1)
    }

    async fn rendered(&self, _: &Prompt) -> Result<Option<String>, EngineError> {
        Ok(None)
    }

    fn alive(&self) -> bool {
        true
    }
}

#[test]
fn an_engine_that_ignores_its_cap_is_stopped_at_the_budget() {
    let generated = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&generated);
    let info = ScriptedEngine::new(script()).info().clone();
    let statuses =
        in_house(builder(move || Arc::new(Runaway(info.clone(), Arc::clone(&counted)))), |house| async move {
            let refused = house.ask(|job| job.budget.deadline_ms = 3_000).await.unwrap_err();
            assert_eq!(refused.code, "engine_failed", "{refused}");
            house
        });
    assert_eq!(statuses, ["failed"]);
    // The engine's buffer and the samplers' channel may hold some tokens that nobody takes.
    let generated = generated.load(Ordering::Acquire);
    assert!(generated <= u64::from(BUDGET.total_tokens) + 8 * 70, "{generated} tokens were generated");
}

#[test]
fn a_client_that_leaves_stops_its_samples_within_two_tokens() {
    let engine = Arc::new(ScriptedEngine::new(Script {
        token_ms: 10,
        faults: vec![fault(FaultKind::Endless, None, 0)],
        ..script()
    }));
    let seen = Arc::clone(&engine);
    let statuses = in_house(builder(move || Arc::clone(&engine) as Arc<dyn Engine>), |house| async move {
        let long = |job: &mut Job| {
            job.budget = Budget { total_tokens: 40_000, sample_tokens: 5_000, ..BUDGET };
        };
        let mut started = house.start(long).await.unwrap();
        while !matches!(started.events.recv().await, Some(Event::Progress { tokens, .. }) if tokens >= 8) {}
        let at_leaving = seen.generated();
        drop(started);
        house.emptied().await;
        tokio::time::sleep(Duration::from_millis(200)).await;
        let late = seen.generated() - at_leaving;
        assert!(late <= 4 * 2, "{late} tokens of four samples came after the client left");
        house
    });
    assert_eq!(statuses, ["cancelled"]);
}

#[test]
fn an_engine_that_dies_is_rebuilt_and_the_request_answered() {
    let lives = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&lives);
    let build = builder(move || {
        let first = count.fetch_add(1, Ordering::AcqRel) == 0;
        let faults = if first { vec![fault(FaultKind::Die, Some(2), 1)] } else { vec![] };
        Arc::new(ScriptedEngine::new(Script { faults, ..script() }))
    });
    let statuses = in_house(build, |house| async move {
        let done = house.ask(|_| ()).await.unwrap();
        assert_eq!(done.verdict.status, Status::Answered);
        assert!(done.samples.iter().all(|sample| sample.state != SampleState::Failed), "{:?}", done.samples);
        house
    });
    assert_eq!(statuses, ["answered"]);
    assert!(lives.load(Ordering::Acquire) >= 2, "the engine was not rebuilt");
}

#[test]
fn a_panic_in_a_sample_costs_one_retry() {
    let faults = vec![fault(FaultKind::Panic, Some(1), 2)];
    let statuses = in_house(scripted(Script { faults, ..script() }), |house| async move {
        let done = house.ask(|_| ()).await.unwrap();
        assert_eq!(done.verdict.answer.unwrap().canonical, "42");
        assert_eq!(done.verdict.failed, 0);
        house
    });
    assert_eq!(statuses, ["answered"]);
}

#[test]
fn a_sample_that_hangs_does_not_outlive_the_deadline() {
    let faults = vec![fault(FaultKind::Hang, Some(0), 1)];
    let statuses = in_house(scripted(Script { faults, ..script() }), |house| async move {
        let short = |job: &mut Job| job.budget.deadline_ms = 400;
        let done = house.ask(short).await.unwrap();
        assert_eq!(done.verdict.answer.unwrap().canonical, "42", "the best so far is given");
        assert_eq!(done.samples.iter().filter(|s| s.state == SampleState::Cancelled).count(), 1);
        house
    });
    assert_eq!(statuses, ["answered"]);
}

#[test]
fn when_every_sample_fails_the_client_is_told_and_nothing_is_lost() {
    let faults = vec![fault(FaultKind::Error, None, 1)];
    let statuses = in_house(scripted(Script { faults, ..script() }), |house| async move {
        let refused = house.ask(|_| ()).await.unwrap_err();
        assert_eq!((refused.kind.status(), refused.code), (503, "engine_failed"));
        house
    });
    assert_eq!(statuses, ["failed"]);
}

fn single_and_streamed(job: &mut Job) {
    (job.strategy, job.stream_text) = (StrategyName::Single, true);
    job.params.samples = Some(1);
}

#[test]
fn a_reader_that_stalls_gets_the_beginning_of_the_answer_without_a_hole() {
    let words = (0..800).map(|number| format!("w{number} ")).collect::<Vec<_>>().concat();
    let answers = vec![ScriptedAnswer { text: words.clone(), odds: 1.0 }];
    let engine = Arc::new(ScriptedEngine::new(Script { answers, token_ms: 1, ..script() }));
    let drawing = Arc::clone(&engine);
    in_house(builder(move || Arc::clone(&engine) as Arc<dyn Engine>), |house| async move {
        let long = |job: &mut Job| {
            single_and_streamed(job);
            job.budget = Budget { total_tokens: 1000, sample_tokens: 1000, ..BUDGET };
        };
        let mut started = house.start(long).await.unwrap();
        // It reads nothing until its buffer has been full for long, and reads on while the rest is drawn.
        while drawing.generated() < 600 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let mut seen = String::new();
        while let Some(event) = started.events.recv().await {
            if let Event::Text { text, .. } = event {
                seen += &text;
            }
        }
        assert_eq!(started.end.await.unwrap().unwrap().samples[0].text, words);
        assert_eq!(seen, words);
        house
    });
}

/// An engine that fails in its first try, after the first text, and says the second text in its second.
struct Fickle(EngineInfo, AtomicU64, [&'static str; 2]);

#[async_trait]
impl Engine for Fickle {
    fn info(&self) -> &EngineInfo {
        &self.0
    }

    async fn sample(&self, _: SampleRequest) -> Result<SampleStream, EngineError> {
        let first = self.1.fetch_add(1, Ordering::AcqRel) == 0;
        let words = if first { self.2[0] } else { self.2[1] };
        let (events, receiver) = mpsc::channel(64);
        for word in words.split_inclusive(' ') {
            let token =
                SampleEvent::Token { text: word.into(), channel: Channel::Raw, id: 1, logprob: -1.0, top: vec![] };
            events.try_send(Ok(token)).unwrap();
        }
        let completion_tokens = u32::try_from(words.split(' ').count()).unwrap();
        let usage = Usage { prompt_tokens: 4, cached_tokens: 0, completion_tokens };
        let end = SampleEvent::End { text: String::new(), finish: Finish::Stop, usage };
        events.try_send(if first { Err(EngineError::Sample("broken".to_owned())) } else { Ok(end) }).unwrap();
        Ok(SampleStream::new(receiver, CancellationToken::new()))
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

#[test]
fn a_second_try_that_says_something_else_is_not_spliced_to_what_was_streamed() {
    let check = |second: &'static str, expect: Result<&'static str, &'static str>| {
        let info = ScriptedEngine::new(script()).info().clone();
        let build = builder(move || {
            Arc::new(Fickle(info.clone(), AtomicU64::new(0), ["It is forty", second])) as Arc<dyn Engine>
        });
        in_house(build, |house| async move {
            let mut started = house.start(single_and_streamed).await.unwrap();
            let mut seen = String::new();
            while let Some(event) = started.events.recv().await {
                if let Event::Text { text, .. } = event {
                    seen += &text;
                }
            }
            match (started.end.await.unwrap(), expect) {
                (Ok(done), Ok(expect)) => assert_eq!((done.samples[0].text.as_str(), seen.as_str()), (expect, expect)),
                (Err(refused), Err(code)) => {
                    assert_eq!((refused.code, refused.kind.status()), (code, 503), "{refused}");
                    assert!("It is forty".starts_with(&seen), "{seen}");
                }
                (end, _) => panic!("{second}: {end:?}"),
            }
            house
        });
    };
    check("It is fortytwo", Ok("It is fortytwo"));
    check("It is forty two", Ok("It is forty two"));
    check("I think fifty", Err("stream_interrupted"));
    check("It is forbidden", Err("stream_interrupted"));
    check("It is", Err("stream_interrupted"));
}

#[test]
fn text_of_a_single_sample_is_seen_as_it_is_drawn() {
    in_house(
        scripted(Script { token_ms: 5, faults: vec![fault(FaultKind::Error, Some(0), 2)], ..script() }),
        |house| async move {
            let mut started = house.start(single_and_streamed).await.unwrap();
            let mut seen = Vec::new();
            while let Some(event) = started.events.recv().await {
                if let Event::Text { text, .. } = event {
                    seen.push(text);
                }
            }
            let done = started.end.await.unwrap().unwrap();
            assert!(seen.len() >= 3, "{seen:?}");
            assert_eq!(seen.concat(), done.samples[0].text, "a retry must not say anything twice");
            house
        },
    );
}
