//! Requests whose prompts take long to count.

use std::{collections::BTreeMap, path::Path};

use actix_web::{App, dev::ServiceResponse, test as http, test::TestRequest};
use async_trait::async_trait;
use forethought_actors::{Build, Model, Rooms, Root};
use forethought_engine::{
    SampleStream,
    scripted::{FaultKind, Script, ScriptedEngine, ScriptedFault},
};
use forethought_identity::Issuers;
use forethought_policies::{ApiKey, Policy, PolicyDesk, PolicyFile};
use forethought_schemas::{Effort, Presets};
use serde_json::{Value, json};
use tokio::{runtime::Handle, time::timeout};

use super::*;
use crate::{
    config::ThinkingConfig,
    http::{Access, routes},
    keeper::PolicyKeeper,
    keys_copy::KeysCopy,
    webhooks::Webhooks,
};
use crate::{config::ToolsConfig, tools::Tools};

/// Takes so long to count a prompt, and never ends a sample.
struct Slow(ScriptedEngine, Duration);

#[async_trait]
impl Engine for Slow {
    fn info(&self) -> &EngineInfo {
        self.0.info()
    }

    async fn sample(&self, request: SampleRequest) -> Result<SampleStream, EngineError> {
        self.0.sample(request).await
    }

    async fn count_prompt(&self, request: &SampleRequest) -> Result<u32, EngineError> {
        tokio::time::sleep(self.1).await;
        self.0.count_prompt(request).await
    }

    async fn rendered(&self, prompt: &Prompt) -> Result<Option<String>, EngineError> {
        self.0.rendered(prompt).await
    }

    fn alive(&self) -> bool {
        true
    }
}

struct House {
    gateway: Data<Gateway>,
    rooms: Rooms,
    key: ApiKey,
    _root: Root,
    _folder: tempfile::TempDir,
}

impl House {
    fn open(counts_for: Duration) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let faults = vec![ScriptedFault { call: None, after_tokens: 0, kind: FaultKind::Hang }];
        let script = Script { faults, ..Script::default() };
        let build: Build = Box::new(move || {
            let engine: Arc<dyn Engine> = Arc::new(Slow(ScriptedEngine::new(script.clone()), counts_for));
            Box::pin(async move { Ok(engine) })
        });
        let root = Root::start(folder.path().join("data"), vec![Model { id: "m".into(), build }], 4).unwrap();
        let key = ApiKey::generate().unwrap();
        let yaml = format!(
            "version: 1\ntenants:\n  - id: acme\n    name: Acme\n    models: ['*']\n    limits: {{ requests_per_minute: \
             1000, tokens_per_minute: 1000000, concurrent_requests: 16 }}\n    budget: {{ max_samples: 8, total_tokens: 5000, \
             deadline_ms: 60000, effort: high }}\n    keys:\n      - {{ id: {}, hash: '{}', role: user, created: \
             2026-01-01T00:00:00Z }}\n",
            key.id(),
            key.hash()
        );
        let policy = Policy::parse(Path::new("p.yaml"), yaml.as_bytes()).unwrap();
        let desk = Arc::new(PolicyDesk::new(policy));
        let file = PolicyFile::new(folder.path().join("p.yaml"));
        let data = folder.path().join("data");
        let keeper = PolicyKeeper::new(file, &data, Arc::clone(&desk), root.rooms().audit, Arc::new(|_| None));
        let outbox = data.join("webhooks");
        let webhooks = Webhooks::start(outbox, Arc::clone(&desk), root.rooms().audit, &Handle::current());
        let signer = Arc::new(forethought_audit::Signer::generate(None).expect("a key").0);
        let access = Access {
            desk,
            keeper,
            issuers: Issuers::default(),
            webhooks,
            signer,
            keys_copy: KeysCopy::new(None),
            tools: Tools::without_files(&ToolsConfig::default()).unwrap(),
        };
        let served = Served {
            temperature: 1.0,
            min_p: 0.0,
            effort: Effort::None,
            presets: Presets::new(),
            thinking: ThinkingConfig::default(),
        };
        let models = BTreeMap::from([("m".to_owned(), served)]);
        let gateway = Data::new(Gateway::new(root.rooms(), access, models, Handle::current(), 1 << 20));
        Self { gateway, rooms: root.rooms(), key, _root: root, _folder: folder }
    }

    async fn ask(&self, deadline_ms: u64) -> ServiceResponse {
        let app = http::init_service(App::new().configure(|app| routes(app, &self.gateway))).await;
        let body = json!({
            "model": "m", "messages": [{ "role": "user", "content": "How many is 2 + 2?" }],
            "deliberation": { "deadline_ms": deadline_ms },
        });
        let request = TestRequest::post().uri("/v1/chat/completions").set_json(body);
        let bearer = format!("Bearer {}", self.key.reveal());
        http::call_service(&app, request.insert_header(("authorization", bearer)).to_request()).await
    }

    async fn emptied(&self) {
        let until = Instant::now() + Duration::from_secs(5);
        while self.rooms.running() > 0 {
            assert!(Instant::now() < until, "a seat was never given back");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

async fn code(response: ServiceResponse) -> (u16, String) {
    let status = response.status().as_u16();
    let body: Value = http::read_body_json(response).await;
    (status, body["error"]["code"].as_str().unwrap_or_default().to_owned())
}

#[actix_rt::test]
async fn counting_ends_with_the_deadline() {
    let house = House::open(Duration::from_mins(10));
    let response = timeout(Duration::from_secs(10), house.ask(300)).await.unwrap();
    assert_eq!(code(response).await, (504, "deadline_exceeded".to_owned()));
    house.emptied().await;
}

#[actix_rt::test]
async fn a_client_that_leaves_while_its_prompt_is_counted_gives_its_seat_back() {
    let house = House::open(Duration::from_mins(10));
    timeout(Duration::from_millis(500), house.ask(60_000)).await.unwrap_err();
    house.emptied().await;
}

#[actix_rt::test]
async fn the_deadline_counts_from_the_request_on() {
    let house = House::open(Duration::from_millis(1500));
    let started = Instant::now();
    let response = timeout(Duration::from_secs(10), house.ask(2000)).await.unwrap();
    assert_eq!(code(response).await, (504, "deadline_exceeded".to_owned()));
    let took = started.elapsed();
    // Counted from the end of the counting, it would be 3.5 s.
    assert!(took >= Duration::from_secs(2) && took < Duration::from_millis(3300), "{took:?}");
    house.emptied().await;
}
