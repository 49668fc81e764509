//! A root with its rooms, a policy and a key, in a folder of its own.
#![allow(dead_code, reason = "each test target uses its own part")]

use std::{future::Future, path::Path, time::Duration};

use forethought_actors::{Build, Deliberated, Deliberation, Desks, Job, Model, Rooms, Root};
use forethought_engine::{Prompt, Sampling};
use forethought_policies::{ApiKey, Ask, Policy, PolicyDesk};
use forethought_reasoning::{AnswerKind, Params};
use forethought_schemas::{ApiError, Budget, Effort, RequestId, StrategyName};
use tokio::time::Instant;

pub const BUDGET: Budget = Budget { max_samples: 8, total_tokens: 400, sample_tokens: 50, deadline_ms: 20_000 };

pub struct House {
    rooms: Rooms,
    desk: PolicyDesk,
    key: ApiKey,
    _root: Root,
}

impl House {
    pub fn open(folder: &Path, build: Build) -> Self {
        let root = Root::start(folder.join("data"), vec![Model { id: "m".into(), build }], 256).unwrap();
        let key = ApiKey::generate().unwrap();
        let yaml = format!(
            "version: 1\ntenants:\n  - id: acme\n    name: Acme\n    models: ['*']\n    limits: {{ requests_per_minute: 1000, \
             tokens_per_minute: 1000000, concurrent_requests: 256 }}\n    budget: {{ max_samples: 32, total_tokens: 50000, \
             deadline_ms: 60000, effort: xhigh }}\n    keys:\n      - id: {}\n        hash: {}\n        role: user\n        \
             created: 2026-01-01T00:00:00Z\n",
            key.id(),
            key.hash()
        );
        let desk = PolicyDesk::new(Policy::parse(Path::new("p.yaml"), yaml.as_bytes()).unwrap());
        Self { rooms: root.rooms(), desk, key, _root: root }
    }

    pub async fn start(&self, change: impl FnOnce(&mut Job)) -> Result<Deliberation, ApiError> {
        let principal = self.desk.authenticate(Some(self.key.reveal())).unwrap();
        let mut job = Job {
            request_id: RequestId::generate(),
            since: Instant::now(),
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
            subject: None,
            instruction: None,
            sampling: Sampling::default(),
            stop: vec![],
            verifiers: Vec::new(),
            question: String::new(),
            thinking: None,
            schema: None,
            tools: None,
            must_fit: None,
            stream_thinking: false,
            stream_text: false,
            warnings: Vec::new(),
            safeguards: forethought_safeguards::Safeguards::none(),
            asked: Vec::new(),
            facts: forethought_schemas::Facts::default(),
            review: forethought_actors::ReviewPlan::default(),
            whole: forethought_actors::WholePlan::default(),
            laws: Vec::new(),
            retention: forethought_audit::RetentionNote::default(),
            disclosures: std::sync::Arc::default(),
        };
        change(&mut job);
        let ask = Ask {
            model: "m",
            effort: job.effort,
            strategy: job.strategy,
            budget: job.budget,
            prompt_tokens: job.prompt_tokens,
            tool_cost: 0,
            thinking_tokens: None,
            stream: false,
            facts: &job.facts,
        };
        let seat = self.rooms.seat(&job.tenant)?;
        let permit = self.desk.decide(&principal, &ask)?;
        let engine = self.rooms.engine("m").unwrap().clone();
        let desks = Desks { audit: self.rooms.audit.clone(), engine, judge: None, tools: None, permit, seat };
        Deliberation::start(job, desks, &self.rooms.work).await
    }

    pub async fn ask(&self, change: impl FnOnce(&mut Job)) -> Result<Deliberated, ApiError> {
        let started = self.start(change).await?;
        let _guard = started.guard;
        started.end.await.unwrap()
    }

    pub async fn emptied(&self) {
        let until = Instant::now() + Duration::from_secs(10);
        while self.rooms.running() > 0 {
            assert!(Instant::now() < until, "a deliberation never ended");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

/// Runs `test` in a house over `build`; then the audit log must verify. Gives the statuses of its records.
pub fn in_house<F, Fut>(build: Build, test: F) -> Vec<String>
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
