//! Whole deliberations over scripted engines: budgets, faults, leaving clients, and the records that they leave.
#![allow(clippy::unwrap_used, reason = "tests may panic")]

use std::{
    future::Future,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use forethought_actors::{Build, Deliberated, Deliberation, Desks, Event, Job, Model, Rooms, Root, SampleState};
use forethought_engine::{
    Engine, EngineError, EngineInfo, Prompt, SampleEvent, SampleRequest, SampleStream, Sampling,
    scripted::{FaultKind, Script, ScriptedAnswer, ScriptedEngine, ScriptedFault},
};
use forethought_policies::{ApiKey, Ask, Policy, PolicyDesk};
use forethought_reasoning::{AnswerKind, Params, Status};
use forethought_schemas::{ApiError, Budget, Effort, RequestId, StrategyName};
use tokio::{sync::mpsc, time::Instant};
use tokio_util::sync::CancellationToken;

const BUDGET: Budget = Budget { max_samples: 8, total_tokens: 400, sample_tokens: 50, deadline_ms: 20_000 };

struct House {
    rooms: Rooms,
    desk: PolicyDesk,
    key: ApiKey,
    _root: Root,
}

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

impl House {
    fn open(folder: &Path, build: Build) -> Self {
        let root = Root::start(folder.join("data"), vec![Model { id: "m".into(), build }], 16).unwrap();
        let key = ApiKey::generate().unwrap();
        let yaml = format!(
            "version: 1\ntenants:\n  - id: acme\n    name: Acme\n    models: ['*']\n    limits: {{ requests_per_minute: 1000, \
             tokens_per_minute: 100000, concurrent_requests: 16 }}\n    budget: {{ max_samples: 32, total_tokens: 50000, \
             deadline_ms: 60000, effort: xhigh }}\n    keys:\n      - id: {}\n        hash: {}\n        role: user\n        \
             created: 2026-01-01T00:00:00Z\n",
            key.id(),
            key.hash()
        );
        let desk = PolicyDesk::new(Policy::parse(Path::new("p.yaml"), yaml.as_bytes()).unwrap());
        Self { rooms: root.rooms(), desk, key, _root: root }
    }

    async fn start(&self, change: impl FnOnce(&mut Job)) -> Result<Deliberation, ApiError> {
        let principal = self.desk.authenticate(Some(self.key.reveal())).unwrap();
        let mut job = Job {
            request_id: RequestId::generate(),
            tenant: principal.tenant().to_owned(),
            key_id: principal.key_id().to_owned(),
            model: "m".to_owned(),
            weights: "scripted".to_owned(),
            effort: Effort::Medium,
            strategy: StrategyName::SelfConsistency,
            budget: BUDGET,
            seed: 7,
            n: 1,
            kind: AnswerKind::Number,
            params: Params { samples: Some(8), beta_threshold: None, ..Params::default() },
            prompt: Prompt::Raw("How much is it?".to_owned()),
            prompt_tokens: 4,
            prompt_record: b"How much is it?".to_vec(),
            sampling: Sampling::default(),
            stop: vec![],
            stream_text: false,
        };
        change(&mut job);
        let ask = Ask {
            model: "m",
            effort: job.effort,
            strategy: job.strategy,
            budget: job.budget,
            prompt_tokens: job.prompt_tokens,
        };
        let permit = self.desk.decide(&principal, &ask)?;
        let engine = self.rooms.engine("m").unwrap().clone();
        let desks = Desks { audit: self.rooms.audit.clone(), engine, permit, seat: self.rooms.seat()? };
        Deliberation::start(job, desks, &self.rooms.work).await
    }

    async fn ask(&self, change: impl FnOnce(&mut Job)) -> Result<Deliberated, ApiError> {
        let started = self.start(change).await?;
        let _guard = started.guard;
        started.end.await.unwrap()
    }

    async fn emptied(&self) {
        let until = Instant::now() + Duration::from_secs(10);
        while self.rooms.running() > 0 {
            assert!(Instant::now() < until, "a deliberation never ended");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

/// Runs `test` in a house over `build`; then the audit log must verify. Gives the statuses of its records.
fn in_house<F, Fut>(build: Build, test: F) -> Vec<String>
where
    F: FnOnce(House) -> Fut,
    Fut: Future<Output = House>,
{
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_owned();
    actix_rt::System::new().block_on(async move {
        let house = test(House::open(&path, build)).await;
        house.emptied().await;
        let seen = forethought_audit::AuditReader::open(path.join("data")).unwrap();
        let listed = seen.list(&forethought_audit::Filter::default()).unwrap();
        let report = forethought_audit::verify(path.join("data")).unwrap();
        assert!(report.passed(), "{:?}", report.failure);
        assert_eq!(house.desk.running("acme"), 0, "a permit was not given back");
        listed.into_iter().map(|record| record.status.to_string()).collect()
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
        let texts = |done: Deliberated| done.samples.into_iter().map(|s| (s.seed, s.text)).collect::<Vec<_>>();
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
            let token = || SampleEvent::Token { text: "1 ".into(), id: 1, logprob: -1.0, top: vec![] };
            while events.send(Ok(token())).await.is_ok() {
                generated.fetch_add(1, Ordering::AcqRel);
            }
        });
        Ok(SampleStream::new(receiver, CancellationToken::new()))
    }

    fn count_prompt(&self, _: &SampleRequest) -> Result<u32, EngineError> {
        Ok(1)
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

#[test]
fn text_of_a_single_sample_is_seen_as_it_is_drawn() {
    in_house(
        scripted(Script { token_ms: 5, faults: vec![fault(FaultKind::Error, Some(0), 2)], ..script() }),
        |house| async move {
            let live = |job: &mut Job| {
                (job.strategy, job.stream_text) = (StrategyName::Single, true);
                job.params.samples = Some(1);
            };
            let mut started = house.start(live).await.unwrap();
            let mut seen = Vec::new();
            while let Some(event) = started.events.recv().await {
                if let Event::Text(text) = event {
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
