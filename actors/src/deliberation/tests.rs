//! Admissions of which nobody knows whether they are in the log; and what the tests of deliberations share.

use forethought_audit::verify_on;
use forethought_engine::{
    Engine,
    scripted::{Script, ScriptedEngine},
};
use forethought_policies::{ApiKey, Ask, Policy, PolicyDesk};
use forethought_store::{Disk, SimDisk};
use futures::FutureExt as _;

use super::*;
use crate::{
    Supervised,
    audit_writer::{AuditWriter, tests},
    engine_keeper::{self, EngineKeeper},
    places::Places,
};

fn job() -> Job {
    Job {
        request_id: RequestId::generate(),
        since: Instant::now(),
        tenant: "acme".to_owned(),
        key_id: "k_1".to_owned(),
        model: "m".to_owned(),
        weights: "scripted".to_owned(),
        effort: Effort::Medium,
        strategy: StrategyName::Single,
        budget: Budget { max_samples: 1, total_tokens: 100, sample_tokens: 50, deadline_ms: 20_000 },
        seed: 7,
        n: 1,
        kind: AnswerKind::Number,
        params: Params::default(),
        prompt: Prompt::Raw("How much is it?".to_owned()),
        prompt_tokens: 4,
        instruction: None,
        subject: None,
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
        review: ReviewPlan::default(),
        whole: WholePlan::default(),
        laws: Vec::new(),
        retention: forethought_audit::RetentionNote::default(),
        disclosures: std::sync::Arc::default(),
    }
}

/// What the limits of a tenant that may do nearly anything hold for a request.
fn permit(job: &Job) -> Permit {
    let key = ApiKey::generate().unwrap();
    let yaml = format!(
        "version: 1\ntenants:\n  - id: acme\n    name: Acme\n    models: ['*']\n    limits: {{ requests_per_minute: 1000, \
         tokens_per_minute: 1000000, concurrent_requests: 16 }}\n    budget: {{ max_samples: 1000, total_tokens: 500000, \
         deadline_ms: 60000, effort: xhigh }}\n    keys:\n      - {{ id: {}, hash: '{}', role: user, created: \
         2026-01-01T00:00:00Z }}\n",
        key.id(),
        key.hash()
    );
    let desk = PolicyDesk::new(Policy::parse(std::path::Path::new("p.yaml"), yaml.as_bytes()).unwrap());
    let principal = desk.authenticate(Some(key.reveal())).unwrap();
    let ask = Ask {
        model: "m",
        effort: job.effort,
        strategy: job.strategy,
        budget: job.budget,
        prompt_tokens: 4,
        tool_cost: 0,
        thinking_tokens: None,
        stream: false,
        facts: &job.facts,
    };
    desk.decide(&principal, &ask).unwrap()
}

/// A scripted engine and an audit log on a disk that can fail.
struct Hall {
    disk: SimDisk,
    kill: KillSwitch,
    audit: AuditDesk,
    engine: EngineDesk,
    _actors: (Supervised<AuditWriter>, Supervised<EngineKeeper>),
}

impl Hall {
    async fn open(script: Script) -> Self {
        let (disk, kill) = (SimDisk::new(), KillSwitch::new());
        let (writer, audit) = tests::desk(&disk, &kill);
        let build: forethought_engine::Build = Box::new(move || {
            let engine: Arc<dyn Engine> = Arc::new(ScriptedEngine::new(script.clone()));
            Box::pin(async move { Ok(engine) })
        });
        let (keeper, engine) = engine_keeper::start("m", &kill, build);
        engine.lease(Instant::now() + Duration::from_secs(5)).await.unwrap();
        Self { disk, kill, audit, engine, _actors: (writer, keeper) }
    }

    async fn start(&self, job: Job) -> Deliberation {
        let seat = Arc::new(Places::new(1)).take(&job.tenant).unwrap();
        let (audit, engine) = (self.audit.clone(), self.engine.clone());
        let desks = Desks { audit, engine, judge: None, tools: None, permit: permit(&job), seat };
        Deliberation::start(job, desks, &self.kill).await.unwrap()
    }
}

/// An admission and what closes it.
fn close(audit: &AuditDesk, kill: &KillSwitch) -> (AdmissionDraft, outcome::Close) {
    let (job, admission) = (Arc::new(job()), RecordId::generate());
    let record = admission_draft(&job, &admission, &permit(&job));
    (record, outcome::Close::new(job, admission, audit.clone(), kill.clone()))
}

/// Waits until the log holds so many records and none of them is an admission without an end.
async fn settled(disk: &SimDisk, records: u64) {
    let until = Instant::now() + Duration::from_secs(20);
    let disk: Arc<dyn Disk> = Arc::new(disk.clone());
    loop {
        let report = verify_on(&disk).unwrap();
        if (report.records, report.interrupted) == (records, 0) && report.failure.is_none() {
            return;
        }
        assert!(Instant::now() < until, "{report:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[test]
fn an_admission_that_may_be_in_the_log_gets_its_end() {
    actix_rt::System::new().block_on(async {
        let (disk, kill) = (SimDisk::new(), KillSwitch::new());
        let (_writer, audit) = tests::desk(&disk, &kill);
        // The first admission makes the tenant's key.
        let (record, first) = close(&audit, &kill);
        admit(record, &first).await.unwrap();
        first.abandon();
        settled(&disk, 2).await;
        let (record, close) = close(&audit, &kill);
        // The bytes stay in the file although nobody was told that they are durable.
        disk.fail_syncs(true);
        disk.fail_truncates(true);
        let refused = admit(record, &close).await.unwrap_err();
        assert_eq!(refused.code, "audit_unavailable");
        disk.fail_syncs(false);
        disk.fail_truncates(false);
        settled(&disk, 4).await;
    });
}

#[test]
fn an_admission_whose_client_left_meanwhile_gets_its_end() {
    actix_rt::System::new().block_on(async {
        let (disk, kill) = (SimDisk::new(), KillSwitch::new());
        let (_writer, audit) = tests::desk(&disk, &kill);
        let (record, close) = close(&audit, &kill);
        let mut admitting = Box::pin(admit(record, &close));
        assert!((&mut admitting).now_or_never().is_none(), "it takes a while");
        while tests::verified(&disk).records == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        drop(admitting);
        settled(&disk, 2).await;
    });
}

mod acting;
mod fitting;
mod overload;
mod player;
mod runs;
mod telling;
