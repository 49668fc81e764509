//! Classifiers over scripted engines: what they say, what fails, and how often they are asked.

use std::sync::Mutex;

use forethought_engine::{
    Build, Engine,
    scripted::{FaultKind, Script, ScriptedAnswer, ScriptedEngine, ScriptedFault},
};
use serde_json::{Value, json};

use super::*;
use crate::{KillSwitch, Supervised, engine_keeper};

const SAFE: &str = "safe";
const VIOLATION: &str = "unsafe\nS1";

/// A classifier whose model plays a script.
struct Hall {
    classifiers: Classifiers,
    runs: Arc<Mutex<Vec<ClassifierRun>>>,
    engine: Arc<Mutex<Option<Arc<ScriptedEngine>>>>,
    _keeper: Supervised<engine_keeper::EngineKeeper>,
}

impl Hall {
    async fn open(script: Script) -> Self {
        let engine: Arc<Mutex<Option<Arc<ScriptedEngine>>>> = Arc::default();
        let built = Arc::clone(&engine);
        let factory: Build = Box::new(move || {
            let engine = Arc::new(ScriptedEngine::new(script.clone()));
            *built.lock().unwrap() = Some(Arc::clone(&engine));
            let engine: Arc<dyn Engine> = engine;
            Box::pin(async move { Ok(engine) })
        });
        let (keeper, desk) = engine_keeper::start("guard", &KillSwitch::new(), factory);
        desk.lease(Instant::now() + Duration::from_secs(5)).await.unwrap();
        let runs: Arc<Mutex<Vec<ClassifierRun>>> = Arc::default();
        let told = Arc::clone(&runs);
        let on_run: OnRun = Arc::new(move |run| told.lock().unwrap().push(run.clone()));
        let engines = Arc::new(BTreeMap::from([("guard".to_owned(), desk)]));
        Self { classifiers: Classifiers::new(engines, on_run), runs, engine, _keeper: keeper }
    }

    async fn asked(&self, rules: &[ClassifierRule], said: &[(Speaker, &str)]) -> Vec<ClassifierRun> {
        let said: Vec<(Speaker, String)> = said.iter().map(|(who, text)| (*who, (*text).to_owned())).collect();
        let asker = Asker { tenant: "acme", deadline: Instant::now() + Duration::from_mins(1) };
        self.classifiers.asked(rules, &said, asker).await
    }

    fn generated(&self) -> u64 {
        self.engine.lock().unwrap().as_ref().unwrap().generated()
    }
}

fn says(text: &str) -> Script {
    Script { answers: vec![ScriptedAnswer { text: text.to_owned(), odds: 1.0 }], ..Script::default() }
}

fn fails(kind: FaultKind) -> Script {
    Script { faults: vec![ScriptedFault { call: None, after_tokens: 0, kind }], ..says(SAFE) }
}

fn rule(more: &Value) -> ClassifierRule {
    let mut rule = json!({ "id": "g", "model": "guard", "protocol": "llama_guard_3", "action": "block" });
    rule.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    serde_json::from_value(rule).unwrap()
}

/// The clock jumps to the next timer whenever nothing can run.
fn universe(test: impl Future<Output = ()>) {
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    actix::System::with_tokio_rt(runtime).block_on(test);
}

const HELLO: &[(Speaker, &str)] = &[(Speaker::User, "hello")];

#[test]
fn what_counts_is_what_is_said_clearly_and_in_time() {
    universe(async {
        let check = async |script: Script, more: Value, judged: Judged, action: Action| {
            let hall = Hall::open(script).await;
            let runs = hall.asked(&[rule(&more)], HELLO).await;
            assert_eq!(
                runs.iter().map(|run| (run.judged, run.action)).collect::<Vec<_>>(),
                [(judged, action)],
                "{more}"
            );
            assert_eq!(*hall.runs.lock().unwrap(), runs);
        };
        check(says(SAFE), json!({}), Judged::Passed, Action::Allow).await;
        check(says(VIOLATION), json!({}), Judged::Violated, Action::Block).await;
        check(says(VIOLATION), json!({ "action": "flag" }), Judged::Violated, Action::Flag).await;
        check(says("I would rather not say."), json!({}), Judged::Failed, Action::Block).await;
        check(says("unsafe\nS99"), json!({}), Judged::Failed, Action::Block).await;
        check(says(""), json!({}), Judged::Failed, Action::Block).await;
        check(says("safe\nunsafe\nS1"), json!({}), Judged::Failed, Action::Block).await;
        for kind in [FaultKind::Error, FaultKind::Panic, FaultKind::Die, FaultKind::Hang, FaultKind::Endless] {
            check(fails(kind), json!({}), Judged::Failed, Action::Block).await;
            check(fails(kind), json!({ "on_failure": "flag" }), Judged::Failed, Action::Flag).await;
            check(fails(kind), json!({ "on_failure": "hold", "action": "flag" }), Judged::Failed, Action::Hold).await;
        }
        // Scripts tell no odds, so there is nothing to hold against a threshold.
        check(says(SAFE), json!({ "threshold": 50 }), Judged::Failed, Action::Block).await;
        check(says(SAFE), json!({ "model": "another" }), Judged::Failed, Action::Block).await;
        let slow = Script { start_ms: 500, ..says(SAFE) };
        check(slow.clone(), json!({ "timeout_ms": 499 }), Judged::Failed, Action::Block).await;
        check(slow, json!({ "timeout_ms": 501 }), Judged::Passed, Action::Allow).await;
        check(Script { context_tokens: 80, ..says(SAFE) }, json!({}), Judged::Failed, Action::Block).await;
    });
}

#[test]
fn every_turn_of_the_users_is_judged_and_none_twice() {
    use Speaker::{Assistant, System, User};
    universe(async {
        let hall = Hall::open(says(SAFE)).await;
        let check = async |said: &[(Speaker, &str)], calls: u32| {
            let runs = hall.asked(&[rule(&json!({}))], said).await;
            assert_eq!((runs[0].judged, runs[0].calls), (Judged::Passed, calls), "{said:?}");
        };
        check(&[(User, "a")], 1).await;
        check(&[(User, "a")], 0).await;
        check(&[(User, "a"), (Assistant, "b"), (User, "c")], 1).await;
        check(&[(User, "x"), (Assistant, "b"), (User, "c")], 2).await;
        check(&[(System, "s"), (User, "a"), (User, "b"), (Assistant, "c"), (User, "d")], 2).await;
        let of_another = hall.asked(&[rule(&json!({ "id": "h" }))], &[(User, "a")]).await;
        assert_eq!(of_another[0].calls, 1, "another classifier asks for itself");
        let nobody = hall.asked(&[rule(&json!({}))], &[(Assistant, "a")]).await;
        assert_eq!(nobody[0].judged, Judged::Failed);
    });
}

#[test]
fn a_violation_is_asked_about_each_time() {
    universe(async {
        let hall = Hall::open(says(VIOLATION)).await;
        for _ in 0..3 {
            let runs = hall.asked(&[rule(&json!({}))], HELLO).await;
            assert_eq!(
                (runs[0].judged, runs[0].calls, &*runs[0].categories),
                (Judged::Violated, 1, &["S1".to_owned()][..])
            );
            assert!(runs[0].prompt_tokens > 50 && runs[0].generated_tokens == 1, "{runs:?}");
        }
    });
}

#[test]
fn the_first_that_blocks_is_the_last_that_is_asked() {
    universe(async {
        let hall = Hall::open(says(VIOLATION)).await;
        let all =
            [rule(&json!({ "id": "a", "action": "flag" })), rule(&json!({ "id": "b" })), rule(&json!({ "id": "c" }))];
        let runs = hall.asked(&all, HELLO).await;
        assert_eq!(runs.iter().map(|run| run.id.as_str()).collect::<Vec<_>>(), ["a", "b"]);
    });
}

#[test]
fn who_leaves_stops_the_work() {
    universe(async {
        let endless = Script { token_ms: 10, ..fails(FaultKind::Endless) };
        let hall = Hall::open(endless).await;
        let rules = [rule(&json!({ "timeout_ms": 60_000 }))];
        let asking = hall.asked(&rules, HELLO);
        assert!(tokio::time::timeout(Duration::from_millis(105), asking).await.is_err());
        let drawn = hall.generated();
        tokio::time::sleep(Duration::from_secs(10)).await;
        assert!(drawn >= 5 && hall.generated() <= drawn + 1, "{drawn} {}", hall.generated());
    });
}

#[test]
fn answers_are_judged_with_their_thoughts() {
    universe(async {
        let hall = Hall::open(says(SAFE)).await;
        let said = [(Speaker::User, "hello".to_owned())];
        let check = async |answers: &[&str], calls: Option<u32>| {
            let asker = Asker { tenant: "acme", deadline: Instant::now() + Duration::from_mins(1) };
            let runs = hall.classifiers.answered(&[rule(&json!({}))], &said, answers, asker).await;
            assert_eq!(runs.first().map(|run| run.calls), calls, "{answers:?}");
        };
        check(&["an answer", "a thought"], Some(2)).await;
        check(&["another answer", ""], Some(1)).await;
        check(&["", ""], None).await;
    });
}
