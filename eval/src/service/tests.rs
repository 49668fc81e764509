//! What is sent to a service that plays along, and what is made of what it says.

use std::{
    cell::RefCell,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use super::*;
use crate::{Ended, Event, Plan, ResultsFile, Task, outcome, plan, plan::tests::plan};

/// What a service answers to the nth request with this body: status, further headers, body.
type Play = dyn Fn(usize, &Value) -> (u16, String, Value) + Send + Sync;

/// A service that plays along.
struct Stage {
    url: String,
    /// The bodies that came, in their order.
    asked: Arc<Mutex<Vec<Value>>>,
    most_at_once: Arc<AtomicUsize>,
}

impl Stage {
    async fn new(play: impl Fn(usize, &Value) -> (u16, String, Value) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let stage = Self {
            url: format!("http://{}/", listener.local_addr().unwrap()),
            asked: Arc::default(),
            most_at_once: Arc::default(),
        };
        let (asked, most) = (Arc::clone(&stage.asked), Arc::clone(&stage.most_at_once));
        let (play, now): (Arc<Play>, Arc<AtomicUsize>) = (Arc::new(play), Arc::default());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (play, now, asked, most) =
                    (Arc::clone(&play), Arc::clone(&now), Arc::clone(&asked), Arc::clone(&most));
                tokio::spawn(async move {
                    most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                    serve(stream, &*play, &asked).await;
                    now.fetch_sub(1, Ordering::SeqCst);
                });
            }
        });
        stage
    }

    fn service(&self) -> Service {
        Service::new(&self.url, "secret", Duration::from_secs(20)).unwrap()
    }

    fn asked(&self) -> Vec<Value> {
        self.asked.lock().unwrap().clone()
    }
}

async fn serve(mut stream: TcpStream, play: &Play, asked: &Mutex<Vec<Value>>) {
    let mut bytes = Vec::new();
    let (head, body) = loop {
        let mut piece = [0; 4096];
        let read = stream.read(&mut piece).await.unwrap_or(0);
        if read == 0 {
            return;
        }
        bytes.extend_from_slice(&piece[..read]);
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length = head
            .to_lowercase()
            .split("content-length: ")
            .nth(1)
            .map_or(0, |rest| rest.split("\r\n").next().unwrap().parse().unwrap());
        if body.len() >= length {
            break (head.to_owned(), body.to_owned());
        }
    };
    assert!(head.to_lowercase().contains("authorization: bearer secret"), "{head}");
    let body: Value = serde_json::from_str(&body).unwrap_or_default();
    let number = {
        let mut asked = asked.lock().unwrap();
        asked.push(body.clone());
        asked.len() - 1
    };
    tokio::time::sleep(Duration::from_millis(20)).await;
    let (status, headers, answer) = play(number, &body);
    let answer = answer.to_string();
    let length = answer.len();
    let whole =
        format!("HTTP/1.1 {status} X\r\n{headers}connection: close\r\ncontent-length: {length}\r\n\r\n{answer}");
    _ = stream.write_all(whole.as_bytes()).await;
}

fn good() -> (u16, String, Value) {
    (200, String::new(), outcome::tests::response(&[("0", Some("0")), ("0", Some("0"))], 12))
}

fn error(status: u16, code: &str) -> (u16, String, Value) {
    (status, String::new(), json!({ "error": { "message": format!("told {code}"), "code": code } }))
}

/// The list of models with one of these weights.
fn models(weights: &str) -> (u16, String, Value) {
    let engine = json!({ "weights": weights, "repeatable": true });
    (200, String::new(), json!({ "data": [{ "id": "m", "forethought": { "engine": engine } }] }))
}

/// Runs a plan to its end, and gives how it ended and what was kept.
async fn run_with(service: &Service, plan: Plan, in_flight: usize) -> (Result<Ended, EvalError>, Vec<crate::Outcome>) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("r.jsonl");
    let plan = Plan::new(plan.header.model, plan.questions, plan.header.ways, plan.header.seed, 1);
    let (mut file, _) = ResultsFile::open(&path, &plan).unwrap();
    let (tasks, in_flight) = (plan.tasks(), in_flight.try_into().unwrap());
    let ended = crate::run(&plan, &tasks, service, &mut file, in_flight, std::future::pending(), &|_| {}).await;
    (ended, crate::Results::load(&path).unwrap().outcomes)
}

/// Runs a plan of so many questions to its end, and gives how it ended, what was kept and what was waited for.
async fn run(
    stage: &Stage,
    questions: usize,
    in_flight: usize,
) -> (Result<Ended, EvalError>, Vec<crate::Outcome>, Vec<Wait>) {
    let plan = plan(questions, &["a=single", "b=single"], 1);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("r.jsonl");
    let (mut file, _) = ResultsFile::open(&path, &plan).unwrap();
    let waits = RefCell::new(Vec::new());
    let watch = |event: Event<'_>| {
        if let Event::Waiting(wait) = event {
            waits.borrow_mut().push(wait.clone());
        }
    };
    let tasks: Vec<Task> = plan.tasks();
    let (service, in_flight) = (stage.service(), in_flight.try_into().unwrap());
    let ended = crate::run(&plan, &tasks, &service, &mut file, in_flight, std::future::pending(), &watch).await;
    let kept = crate::Results::load(&path).unwrap().outcomes;
    (ended, kept, waits.into_inner())
}

#[tokio::test]
async fn every_task_is_asked_once_and_never_too_many_at_once() {
    let stage = Stage::new(|_, _| good()).await;
    let (ended, kept, waits) = run(&stage, 6, 3).await;
    assert_eq!((ended.unwrap(), kept.len(), waits.len()), (Ended::Whole, 12, 0));
    let asked = stage.asked();
    let seeds: std::collections::BTreeSet<u64> = asked.iter().map(|body| body["seed"].as_u64().unwrap()).collect();
    // Both ways of a question are asked with the same seed.
    assert_eq!((asked.len(), seeds.len()), (12, 6));
    assert!(stage.most_at_once.load(Ordering::SeqCst) <= 3);
    assert_eq!(kept.iter().filter(|outcome| outcome.right).count(), 2);
}

#[tokio::test]
async fn a_full_service_is_asked_again_after_the_time_that_it_names() {
    let stage = Stage::new(|number, _| match number {
        0 => (429, "retry-after: 1\r\n".to_owned(), json!({ "error": { "message": "slow down" } })),
        _ => good(),
    })
    .await;
    let start = std::time::Instant::now();
    let (ended, kept, waits) = run(&stage, 1, 1).await;
    assert_eq!((ended.unwrap(), kept.len()), (Ended::Whole, 2));
    assert!(start.elapsed() >= Duration::from_secs(1));
    assert_eq!(waits.len(), 1);
    assert_eq!(
        (waits[0].time, waits[0].reason.as_str()),
        (Duration::from_secs(1), "the service refuses (429): slow down")
    );
    // What waits leaves the time of an answer alone.
    assert!(kept.iter().all(|outcome| outcome.wall_ms < 1000), "{kept:?}");
}

#[tokio::test]
async fn a_wait_beyond_the_patience_ends_it_with_what_is_kept() {
    let stage = Stage::new(|number, _| match number {
        0 => good(),
        _ => (503, "retry-after: 3600\r\n".to_owned(), json!({ "error": { "message": "budget is used up" } })),
    })
    .await;
    let (ended, kept, _) = run(&stage, 2, 1).await;
    let told = ended.unwrap_err().to_string();
    assert!(told.contains("way `b`") && told.contains("3600s away") && told.contains("budget is used up"), "{told}");
    assert_eq!(kept.len(), 1);
}

#[tokio::test]
async fn a_long_answer_does_not_use_up_the_patience() {
    // The first answer takes longer than the patience, and the connection breaks off; then the service takes requests again.
    let models = models("sha256:0");
    let stage = Stage::new(move |number, body| match (number, body) {
        (0, _) => {
            std::thread::sleep(Duration::from_millis(1500));
            (503, "retry-after: 0\r\n".to_owned(), json!({ "error": { "message": "away" } }))
        }
        (_, Value::Null) => models.clone(),
        _ => good(),
    })
    .await;
    let service = Service::new(&stage.url, "secret", Duration::from_secs(1)).unwrap();
    let (ended, kept) = run_with(&service, plan(1, &["a=single"], 1), 1).await;
    assert_eq!((ended.unwrap(), kept.len()), (Ended::Whole, 1));
}

#[tokio::test]
async fn a_service_that_takes_other_requests_is_waited_for() {
    // Every second request is told to come later, for longer than the patience in all.
    let stage = Stage::new(|number, _| match number % 2 {
        0 => (429, "retry-after: 1\r\n".to_owned(), json!({ "error": { "message": "slow down" } })),
        _ => good(),
    })
    .await;
    let service = Service::new(&stage.url, "secret", Duration::from_millis(2500)).unwrap();
    let (ended, kept) = run_with(&service, plan(3, &["a=single"], 1), 2).await;
    assert_eq!((ended.unwrap(), kept.len()), (Ended::Whole, 3));
}

#[tokio::test]
async fn a_question_on_which_the_service_fails_is_kept_and_does_not_block_the_others() {
    for (status, code) in [(500, "internal"), (503, "engine_failed")] {
        let plan = plan(4, &["a=single"], 1);
        let bad = plan::seed(plan.header.seed, &plan.questions[1], 0);
        let answers =
            move |_: usize, body: &Value| if body["seed"] == json!(bad) { error(status, code) } else { good() };
        let stage = Stage::new(answers).await;
        let (ended, kept) = run_with(&stage.service(), plan.clone(), 1).await;
        assert_eq!((ended.unwrap(), kept.len()), (Ended::Whole, 4));
        let failed: Vec<_> = kept.iter().filter_map(|outcome| outcome.error.as_deref()).collect();
        assert_eq!(failed, [code]);
        assert_eq!(stage.asked().len(), 3 + usize::try_from(TRIES).unwrap());
        // It comes alone, and last.
        let (ended, kept) =
            run_with(&stage.service(), Plan { questions: plan.questions[1..2].to_vec(), ..plan }, 1).await;
        assert_eq!((ended.unwrap(), kept.len()), (Ended::Whole, 1));
    }
}

#[tokio::test]
async fn many_failures_in_a_row_end_it_and_are_asked_again() {
    let stage = Stage::new(|number, _| if number < 2 { good() } else { error(500, "internal") }).await;
    let (ended, kept) = run_with(&stage.service(), plan(14, &["a=single"], 1), 14).await;
    let told = ended.unwrap_err().to_string();
    assert!(told.starts_with("the service failed on 10 requests in a row (internal)"), "{told}");
    assert_eq!(kept.len(), 2);
}

#[tokio::test]
async fn another_model_behind_a_service_that_was_away_is_asked_nothing() {
    for weights in ["sha256:0", "sha256:1"] {
        let models = models(weights);
        let stage = Stage::new(move |number, body| match (number, body) {
            (1, _) => (503, "retry-after: 0\r\n".to_owned(), json!({ "error": { "message": "away" } })),
            (_, Value::Null) => models.clone(),
            _ => good(),
        })
        .await;
        let plan = plan(4, &["a=single"], 1);
        let same = plan.header.model.weights == weights;
        let (ended, kept) = run_with(&stage.service(), plan, 1).await;
        if same {
            assert_eq!((ended.unwrap(), kept.len()), (Ended::Whole, 4));
        } else {
            assert!(matches!(ended, Err(EvalError::Exchanged { .. })), "{ended:?}");
            assert_eq!((kept.len(), stage.asked().len()), (1, 3));
        }
    }
}

#[tokio::test]
async fn a_refusal_for_good_names_the_question_and_the_way() {
    let stage = Stage::new(|_, _| error(400, "unknown_strategy")).await;
    let (ended, kept, _) = run(&stage, 2, 1).await;
    let told = ended.unwrap_err().to_string();
    let expect = "question `q0`, way `a`: the service refuses (400): told unknown_strategy";
    assert_eq!((told.as_str(), kept.len(), stage.asked().len()), (expect, 0, 1));
    let stage = Stage::new(|_, _| (200, String::new(), json!({ "choices": [] }))).await;
    let told = run(&stage, 1, 1).await.0.unwrap_err().to_string();
    assert!(told.contains("the answer lacks `usage.deliberation`"), "{told}");
}

#[tokio::test]
async fn what_a_question_cannot_get_is_kept_as_its_answer() {
    for code in LASTING {
        let stage = Stage::new(move |number, _| if number == 0 { error(504, code) } else { good() }).await;
        let (ended, kept, _) = run(&stage, 1, 1).await;
        assert_eq!(ended.unwrap(), Ended::Whole);
        assert_eq!(kept[0].error.as_deref(), Some(code));
        assert!(!kept[0].right && kept[0].reply.is_none() && kept[1].right);
    }
}

#[tokio::test]
async fn being_told_to_stop_keeps_what_came_before() {
    let stage = Stage::new(|_, _| good()).await;
    let plan = plan(50, &["a=single"], 1);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("r.jsonl");
    let (mut file, _) = ResultsFile::open(&path, &plan).unwrap();
    let (tell, told) = tokio::sync::oneshot::channel::<()>();
    let tell = RefCell::new(Some(tell));
    let count = std::cell::Cell::new(0);
    let watch = |event: Event<'_>| {
        if matches!(event, Event::Outcome(_)) {
            count.set(count.get() + 1);
        }
        if count.get() == 5 {
            tell.borrow_mut().take();
        }
    };
    let stop = async { _ = told.await };
    let tasks = plan.tasks();
    let ended = crate::run(&plan, &tasks, &stage.service(), &mut file, 2.try_into().unwrap(), stop, &watch).await;
    assert_eq!(ended.unwrap(), Ended::Stopped);
    let left = crate::Results::load(&path).unwrap().missing();
    assert_eq!(left.len(), 45);
}

#[tokio::test]
async fn the_model_is_found_once_its_engine_is_there() {
    let engine = json!({ "weights": "sha256:1", "repeatable": true });
    let stage = Stage::new(move |number, _| {
        let engine = if number == 0 { Value::Null } else { engine.clone() };
        let list = json!([{ "id": "m", "forethought": { "engine": engine } }, { "id": "plain" }]);
        (200, String::new(), json!({ "object": "list", "data": list }))
    })
    .await;
    let service = stage.service();
    let model = service.model(None, &|_| {}).await.unwrap();
    assert_eq!(model, Model { id: "m".into(), weights: "sha256:1".into(), repeatable: true });
    let told = service.model(Some("x"), &|_| {}).await.unwrap_err().to_string();
    assert_eq!(told, "there is no model `x`; use one of: m, plain");
    let told = service.model(Some("plain"), &|_| {}).await.unwrap_err().to_string();
    assert_eq!(told, "the model `plain` is served by something else than forethought");
    let nobody = Service::new("http://127.0.0.1:1", "k", Duration::from_secs(1)).unwrap();
    let told = nobody.model(None, &|_| {}).await.unwrap_err().to_string();
    assert!(
        told.starts_with("cannot reach http://127.0.0.1:1: ") && told.ends_with("is the service running there?"),
        "{told}"
    );
}
