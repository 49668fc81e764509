//! From templates to a verdict, over HTTP: a service whose model favours a group, one whose model does not, and a run that is
//! broken off in the middle of a line.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests may panic")]

use std::{
    cell::Cell,
    collections::HashMap,
    fs,
    num::NonZeroUsize,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use forethought_eval::{Ended, Event, Results, ResultsFile, Service, run};
use forethought_impact::{
    Ask, Assessment, Context, Demand, Finding, Limits, Merit, Plan, Size, Status, Template, Verdict, markdown, page,
};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

/// A model as a rule: an ask and a number of luck, to the outcome.
type Rule = dyn Fn(Ask, f64) -> &'static str + Send + Sync;

/// What a service knows: which ask each text is.
struct Stage {
    asks: HashMap<String, Ask>,
    rule: Box<Rule>,
    answered: AtomicUsize,
}

fn plan(seed: u64, repetitions: u32) -> Plan {
    let hiring = Template::shipped().unwrap().remove(0);
    Plan::new(vec![hiring], Size { repetitions, seed, constrained: true }).unwrap()
}

/// Invites by merit, and the second group of one attribute less often.
fn rule(plan: &Plan, attribute: &'static str, loss: f64) -> Box<Rule> {
    let template = plan.templates()[0].clone();
    Box::new(move |ask, luck| {
        let chance = match template.cases[ask.case].merit {
            Merit::Clear => 0.9,
            Merit::Borderline => 0.5,
            Merit::Weak => 0.05,
        };
        let biased = ask.group == 1 && template.attributes[ask.attribute].id == attribute;
        if luck < chance - if biased { loss } else { 0.0 } { "invite" } else { "reject" }
    })
}

/// A number between nought and 1 that a seed decides (Steele, Lea and Flood 2014).
fn luck(seed: u64) -> f64 {
    let mut mixed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    let high = u32::try_from((mixed ^ (mixed >> 31)) >> 32).unwrap();
    f64::from(high) / f64::from(u32::MAX)
}

impl Stage {
    async fn open(plan: &Plan, rule: Box<Rule>) -> (String, Arc<Self>) {
        let text = |question: &forethought_eval::Question| question.text().to_owned();
        // Two asks can have one text, where nothing tells their groups: none has.
        let asks: HashMap<String, Ask> = plan.questions().iter().map(text).zip(plan.asks().iter().copied()).collect();
        let stage = Arc::new(Self { asks, rule, answered: AtomicUsize::new(0) });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let kept = Arc::clone(&stage);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let stage = Arc::clone(&stage);
                tokio::spawn(async move { stage.serve(stream).await });
            }
        });
        (url, kept)
    }

    async fn serve(&self, mut stream: TcpStream) {
        let mut bytes = Vec::new();
        let (head, length) = loop {
            let mut some = [0; 4096];
            let read = stream.read(&mut some).await.unwrap_or(0);
            bytes.extend_from_slice(&some[..read]);
            let text = String::from_utf8_lossy(&bytes).into_owned();
            if let Some((head, _)) = text.split_once("\r\n\r\n") {
                let length =
                    head.lines().find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
                break (head.to_owned(), length.unwrap_or(0_usize));
            }
            if read == 0 {
                return;
            }
        };
        while bytes.len() < head.len() + 4 + length {
            let mut some = [0; 4096];
            match stream.read(&mut some).await {
                Ok(read) if read > 0 => bytes.extend_from_slice(&some[..read]),
                _ => return,
            }
        }
        let answer = if head.starts_with("GET") {
            json!({ "data": [{ "id": "m", "forethought": { "engine": { "weights": "sha256:00", "repeatable": true } } }] })
        } else {
            self.answer(&serde_json::from_slice(&bytes[head.len() + 4..]).unwrap())
        };
        let body = answer.to_string();
        let head = format!("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {}\r\n\r\n", body.len());
        _ = stream.write_all((head + &body).as_bytes()).await;
    }

    fn answer(&self, body: &Value) -> Value {
        let choices = body.pointer("/response_format/json_schema/schema/properties/outcome/enum");
        assert_eq!(choices, Some(&json!(["invite", "reject"])));
        let ask = self.asks[body.pointer("/messages/1/content").and_then(Value::as_str).unwrap()];
        let outcome = (self.rule)(ask, luck(body["seed"].as_u64().unwrap()));
        let content = json!({ "outcome": outcome }).to_string();
        let number = self.answered.fetch_add(1, Ordering::SeqCst);
        let usage = json!({ "strategy": "single", "effort": "medium", "stop": "finished", "generated_tokens": 8, "prompt_tokens": 120,
                            "audit": { "admission": format!("rec_{number}") } });
        let sample = json!({ "text": content, "thinking": "", "answer": outcome, "tokens": 8, "state": "finished",
                             "finish_reason": "stop", "check": null });
        json!({ "choices": [{ "message": { "role": "assistant", "content": content } }],
                "usage": { "deliberation": usage }, "deliberation": { "samples": [sample] } })
    }
}

/// Asks what is missing, at most so many, and gives what is kept.
async fn asked(plan: &Plan, url: &str, file: &Path, most: usize) -> Results {
    let service = Service::new(url, "secret", Duration::from_secs(20)).unwrap();
    let model = service.model(None, &|_| {}).await.unwrap();
    let evaluation = plan.evaluation(model, Plan::usual_ways().unwrap());
    let (mut kept, results) = ResultsFile::open(file, &evaluation).unwrap();
    let answered = Cell::new(0_usize);
    let stop = async {
        while answered.get() < most {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    let watch = |event: Event<'_>| {
        if matches!(event, Event::Outcome(_)) {
            answered.set(answered.get() + 1);
        }
    };
    let in_flight = NonZeroUsize::new(8).unwrap();
    let ended = run(&evaluation, &results.missing(), &service, &mut kept, in_flight, stop, &watch).await.unwrap();
    assert_eq!(ended, if most == usize::MAX { Ended::Whole } else { Ended::Stopped });
    Results::load(file).unwrap()
}

fn assessed(plan: &Plan, results: &Results) -> Assessment {
    let made = results.plan.header.begun + SignedDuration::from_mins(5);
    let context = Context { made, valid_days: 180, policy: None, limits: Limits::default() };
    Assessment::new(plan, results, "single", &context).unwrap()
}

/// Whether it is enough for hiring; why it is not.
fn enough(made: &Assessment, now: Timestamp) -> Result<(), String> {
    let (templates, limits) = (["hiring".to_owned()], Limits::default());
    let (model, weights, way) = ("m", Some("sha256:00"), ("single", "medium"));
    let demand = Demand { templates: &templates, model, weights, way, policy: None, limits, most_days: 90, now };
    made.meets(&demand).map_err(|unmet| unmet.to_string())
}

fn flagged(findings: &[Finding]) -> Vec<&str> {
    let found = findings.iter().filter(|finding| finding.status == Status::Flagged);
    found.map(|finding| finding.attribute.as_str()).collect()
}

#[tokio::test]
async fn a_planted_bias_is_found_over_http() {
    let folder = tempfile::tempdir().unwrap();
    let plan = plan(1, Size::default().repetitions);
    let (url, stage) = Stage::open(&plan, rule(&plan, "age", 0.2)).await;
    let results = asked(&plan, &url, &folder.path().join("r.jsonl"), usize::MAX).await;
    assert_eq!((results.outcomes.len(), stage.answered.load(Ordering::SeqCst)), (plan.cost().asks, plan.cost().asks));
    // The evaluation's own mark says the same, as one outcome alone is favourable.
    let invited = |text: &str| text.contains("invite");
    assert!(results.outcomes.iter().all(|outcome| outcome.right == invited(&outcome.reply.as_ref().unwrap().text)));
    let made = assessed(&plan, &results);
    assert_eq!((made.verdict, flagged(&made.findings)), (Verdict::Flagged, vec!["age"]), "{:?}", made.judgements);
    assert_eq!(made.asked.recorded, 13 * 24 * 20);
    assert!(made.judgements[0].reasons[0].contains("55 to 64 years against"), "{:?}", made.judgements);
    let now = made.made + SignedDuration::from_hours(24);
    assert!(enough(&made, now).unwrap_err().contains("the assessment of hiring is flagged"));
    let file = folder.path().join("a.json");
    made.save(&file).unwrap();
    let read = Assessment::load(&file).unwrap();
    assert!(page(&read).contains("Flagged") && markdown(&read).contains("Flagged"));
}

#[tokio::test]
async fn a_run_that_was_cut_goes_on_to_the_same_assessment() {
    let folder = tempfile::tempdir().unwrap();
    let plan = plan(3, 4);
    let (url, stage) = Stage::open(&plan, rule(&plan, "age", 0.0)).await;
    let (whole, cut) = (folder.path().join("whole.jsonl"), folder.path().join("cut.jsonl"));
    let expected = assessed(&plan, &asked(&plan, &url, &whole, usize::MAX).await);
    let before = stage.answered.load(Ordering::SeqCst);
    let part = asked(&plan, &url, &cut, 300).await;
    assert!((300..plan.cost().asks).contains(&part.outcomes.len()));
    let early = assessed(&plan, &part);
    assert_eq!(early.verdict, Verdict::Inconclusive);
    // A process that was killed leaves a last line that is not whole.
    let length = fs::metadata(&cut).unwrap().len();
    fs::OpenOptions::new().write(true).open(&cut).unwrap().set_len(length - 40).unwrap();
    let results = asked(&plan, &url, &cut, usize::MAX).await;
    let again = stage.answered.load(Ordering::SeqCst) - before;
    assert!(
        again > plan.cost().asks && again < plan.cost().asks + 20,
        "{again} asks where {} were needed",
        plan.cost().asks
    );
    let made = assessed(&plan, &results);
    assert_eq!((made.findings, made.judgements), (expected.findings, expected.judgements));
}

/// What a service would keep, without the service.
fn played(plan: &Plan, rule: &Rule) -> Results {
    let model = forethought_eval::Model { id: "m".into(), weights: "sha256:00".into(), repeatable: true };
    let evaluation = plan.evaluation(model, Plan::usual_ways().unwrap());
    let outcome = |(ask, question): (&Ask, &forethought_eval::Question)| {
        let seed = forethought_eval::seed(plan.size().seed, question, 0);
        let text = json!({ "outcome": rule(*ask, luck(seed)) }).to_string();
        let reply = json!({ "text": text, "answer": null, "strategy": "single", "effort": "medium", "stop": "finished", "tokens": 8,
                            "prompt_tokens": 120, "samples": [] });
        let line = json!({ "set": question.set, "id": question.id, "way": "single", "repeat": 0, "seed": seed,
                           "right": false, "wall_ms": 1, "reply": reply });
        serde_json::from_value(line).unwrap()
    };
    let outcomes = plan.asks().iter().zip(plan.questions()).map(outcome).collect();
    Results { plan: evaluation, sessions: Vec::new(), outcomes }
}

#[test]
fn an_unbiased_model_is_flagged_in_at_most_one_of_twenty_runs_and_a_bias_is_found() {
    let repetitions = Size::default().repetitions;
    let (mut accused, mut passed, mut found) = (0, 0, 0);
    for seed in 0..20 {
        let plan = plan(seed, repetitions);
        let fair = assessed(&plan, &played(&plan, &rule(&plan, "age", 0.0)));
        accused += u32::from(fair.verdict == Verdict::Flagged);
        passed += u32::from(fair.verdict == Verdict::Passed);
        assert!(fair.verdict != Verdict::Passed || enough(&fair, fair.made).is_ok());
        let biased = assessed(&plan, &played(&plan, &rule(&plan, "disability", 0.2)));
        found += u32::from(flagged(&biased.findings).contains(&"disability"));
    }
    assert!(accused <= 1 && passed >= 19 && found >= 19, "{accused} accused, {passed} passed, {found} found");
}
