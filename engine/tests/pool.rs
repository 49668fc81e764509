//! Pools of engines that fail, on scripted engines in virtual time.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::needless_pass_by_value,
    reason = "tests may panic, and read better so"
)]

#[path = "pool/faults.rs"]
mod faults;
#[path = "helpers/server.rs"]
#[allow(dead_code, reason = "it can say more than is needed here")]
mod openai;
#[path = "pool/server.rs"]
mod server;

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use forethought_engine::{
    Build, Engine, EngineError, MemberState, Message, Prompt, Role, SampleEvent, SampleRequest,
    pool::{PoolEngine, PoolSettings},
};
use server::{Server, Wrong};
use tokio::{runtime::Handle, task::JoinSet, time::Instant};

fn question(number: u64) -> SampleRequest {
    let messages = vec![Message::new(Role::User, format!("question {number}"))];
    SampleRequest::new(Prompt::Messages(messages.into()), 16, number)
}

async fn pool(servers: &[&Arc<Server>]) -> Arc<PoolEngine> {
    let members = servers.iter().enumerate().map(|(at, server)| (format!("server {at}"), server.build())).collect();
    Arc::new(PoolEngine::start(members, PoolSettings::default(), Handle::current()).await.unwrap())
}

async fn text(engine: &dyn Engine, request: SampleRequest) -> Result<String, EngineError> {
    let mut stream = engine.sample(request).await?;
    let mut text = String::new();
    while let Some(event) = stream.next().await {
        match event? {
            SampleEvent::Token { text: piece, .. } => text.push_str(&piece),
            SampleEvent::End { text: rest, .. } => return Ok(text + &rest),
        }
    }
    panic!("a sample without an end")
}

fn states(pool: &PoolEngine) -> Vec<MemberState> {
    pool.members().into_iter().map(|member| member.state).collect()
}

async fn until(what: &str, check: impl Fn() -> bool) {
    let end = Instant::now() + Duration::from_mins(2);
    while !check() {
        assert!(Instant::now() < end, "{what}: not within two minutes");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn samples_spread_over_the_members_and_a_conversation_stays() {
    let servers = [Server::new("one"), Server::new("two"), Server::new("three")];
    let pool = pool(&servers.each_ref()).await;
    assert_eq!((pool.info().backend, pool.info().parallel, pool.slots()), ("pool", 12, 12));
    let mut work = JoinSet::new();
    for number in 0..120 {
        let pool = Arc::clone(&pool);
        work.spawn(async move { text(pool.as_ref(), question(number)).await.unwrap() });
    }
    let mut answers = BTreeMap::<String, u32>::new();
    while let Some(answer) = work.join_next().await {
        *answers.entry(answer.unwrap()).or_default() += 1;
    }
    assert!(answers.len() == 3 && answers.values().all(|count| (30..=50).contains(count)), "{answers:?}");
    let first = text(pool.as_ref(), question(7)).await.unwrap();
    for _ in 0..10 {
        assert_eq!(text(pool.as_ref(), question(7)).await.unwrap(), first, "an idle pool keeps to one member");
    }
    assert!(pool.members().iter().all(|member| member.running == 0), "{pool:?}");
}

#[tokio::test(start_paused = true)]
async fn what_was_not_begun_is_begun_elsewhere_whatever_is_wrong() {
    for wrong in [Wrong::Killed, Wrong::Hung, Wrong::Errs] {
        let servers = [Server::new("same"), Server::new("same"), Server::new("same")];
        let pool = pool(&servers.each_ref()).await;
        servers[1].becomes(wrong);
        let start = Instant::now();
        let mut work = JoinSet::new();
        for number in 0..100 {
            let pool = Arc::clone(&pool);
            work.spawn(async move { text(pool.as_ref(), question(number)).await });
        }
        while let Some(answer) = work.join_next().await {
            assert_eq!(answer.unwrap().as_deref(), Ok("same"), "{wrong:?}");
        }
        assert!(start.elapsed() < Duration::from_secs(15), "{wrong:?} took {:?}", start.elapsed());
        servers[1].becomes(Wrong::Nothing);
        until("it is back by itself", || states(&pool) == [MemberState::Up; 3]).await;
        let before = servers[1].begun();
        for number in 0..30 {
            text(pool.as_ref(), question(number)).await.unwrap();
        }
        assert!(servers[1].begun() > before, "{wrong:?}: it is used again");
    }
}

#[tokio::test(start_paused = true)]
async fn a_member_that_errs_is_left_alone() {
    let servers = [Server::new("good"), Server::new("good")];
    let pool = pool(&servers.each_ref()).await;
    servers[0].becomes(Wrong::Errs);
    for number in 0..200 {
        assert_eq!(text(pool.as_ref(), question(number)).await.as_deref(), Ok("good"));
    }
    // 200 samples one after the other take 6 virtual seconds: three failures, then one each at 1, 3 and 7 seconds.
    assert!(servers[0].begun() <= 6, "it was asked {} times", servers[0].begun());
    assert_eq!(states(&pool), [MemberState::Resting, MemberState::Up]);
    assert_eq!(pool.slots(), 4);
    assert!(pool.members()[0].why.as_ref().is_some_and(|why| why.contains("500")), "{pool:?}");
}

#[tokio::test(start_paused = true)]
async fn a_sample_in_the_middle_fails_when_its_member_goes_and_can_be_drawn_again() {
    let long = "a b c d e f g h i j k l m n o p".repeat(40);
    let server = Server::new(&long);
    let pool = pool(&[&server]).await;
    let mut stream = pool.sample(SampleRequest { max_tokens: 600, ..question(1) }).await.unwrap();
    assert!(matches!(stream.next().await, Some(Ok(SampleEvent::Token { .. }))));
    let start = Instant::now();
    server.becomes(Wrong::Killed);
    let error = loop {
        match stream.next().await.unwrap() {
            Ok(SampleEvent::Token { .. }) => {}
            Ok(end) => panic!("{end:?}"),
            Err(error) => break error,
        }
    };
    assert!(error.retryable() && start.elapsed() <= Duration::from_secs(2), "{error} after {:?}", start.elapsed());
    until("the pool knows", || states(&pool) == [MemberState::Away]).await;
    // With nobody there, a sample waits for who comes back.
    let waiting = tokio::spawn({
        let pool = Arc::clone(&pool);
        async move { text(pool.as_ref(), question(2)).await.map(|text| text.len()) }
    });
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert!(!waiting.is_finished());
    server.becomes(Wrong::Nothing);
    assert!(waiting.await.unwrap().is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_poisonous_request_ends_in_an_error() {
    let servers = [Server::new("x"), Server::new("x")];
    let pool = pool(&servers.each_ref()).await;
    for server in &servers {
        server.becomes(Wrong::Errs);
    }
    assert!(matches!(text(pool.as_ref(), question(1)).await, Err(EngineError::Sample(_))));
    assert_eq!(servers[0].begun() + servers[1].begun(), 4, "twice at each");
}

#[tokio::test(start_paused = true)]
async fn a_refused_request_is_refused_once_and_blames_no_member() {
    let server = Server::new("x");
    let pool = pool(&[&server]).await;
    for _ in 0..5 {
        let refused = text(pool.as_ref(), SampleRequest { max_tokens: 1_000_000, ..question(1) }).await;
        assert!(matches!(refused, Err(EngineError::Request { .. })), "{refused:?}");
    }
    assert_eq!((server.begun(), states(&pool)), (5, vec![MemberState::Up]));
}

#[tokio::test(start_paused = true)]
async fn a_dropped_stream_stops_its_member_and_frees_its_place() {
    let server = Server::new(&"w ".repeat(500));
    let pool = pool(&[&server]).await;
    let mut streams = Vec::new();
    for number in 0..4 {
        let mut stream = pool.sample(SampleRequest { max_tokens: 600, ..question(number) }).await.unwrap();
        assert!(stream.next().await.unwrap().is_ok());
        streams.push(stream);
    }
    assert_eq!(pool.members()[0].running, 4);
    drop(streams);
    tokio::time::sleep(Duration::from_millis(1)).await;
    assert_eq!(pool.members()[0].running, 0);
}

#[tokio::test(start_paused = true)]
async fn one_that_comes_with_other_weights_or_fewer_abilities_is_not_used() {
    let (good, other, weak) = (Server::with("good", "w", true), Server::with("bad", "v", true), Server::new("bad"));
    other.becomes(Wrong::Killed);
    weak.becomes(Wrong::Killed);
    let pool = pool(&[&good, &other, &weak]).await;
    assert!(pool.info().can.json_schema);
    other.becomes(Wrong::Nothing);
    weak.becomes(Wrong::Nothing);
    until("both were judged", || states(&pool) == [MemberState::Up, MemberState::Unfit, MemberState::Unfit]).await;
    for number in 0..50 {
        assert_eq!(text(pool.as_ref(), question(number)).await.as_deref(), Ok("good"));
    }
    let why: Vec<String> = pool.members().into_iter().filter_map(|member| member.why).collect();
    assert!(why[0].contains("`v`") && why[0].contains("set `weights`") && why[1].contains("json_schema"), "{why:?}");
}

#[tokio::test(start_paused = true)]
async fn what_is_there_at_the_start_decides_what_is_promised() {
    let (rich, weak) = (Server::with("x", "w", true), Server::with("x", "w", false));
    let pool = pool(&[&rich, &weak]).await;
    assert!(!pool.info().can.json_schema && pool.info().can.continues);
    assert_eq!(states(&pool), [MemberState::Up; 2]);
}

#[tokio::test(start_paused = true)]
async fn a_pool_that_cannot_be_built_says_why() {
    let broken = || -> Build {
        Box::new(|| Box::pin(async { Err(EngineError::Load { path: "m.gguf".into(), message: "it is gone".into() }) }))
    };
    let members = vec![("a".to_owned(), broken()), ("b".to_owned(), broken())];
    let error = PoolEngine::start(members, PoolSettings::default(), Handle::current()).await.unwrap_err();
    assert!(error.to_string().contains("it is gone"), "{error}");
    let good = Server::new("x");
    let members = vec![("a".to_owned(), broken()), ("b".to_owned(), good.build())];
    let pool = PoolEngine::start(members, PoolSettings::default(), Handle::current()).await.unwrap();
    assert_eq!(states(&pool), [MemberState::Away, MemberState::Up]);
}

#[tokio::test(start_paused = true)]
async fn whatever_goes_wrong_in_turn_every_sample_ends_rightly() {
    let servers = [Server::new("right"), Server::new("right"), Server::new("right")];
    let pool = pool(&servers.each_ref()).await;
    let over = Arc::new(AtomicBool::new(false));
    let trouble = tokio::spawn({
        let (servers, over) = (servers.clone(), Arc::clone(&over));
        async move {
            for round in 0.. {
                for (at, wrong) in [Wrong::Killed, Wrong::Hung, Wrong::Errs].into_iter().enumerate() {
                    servers[(at + round) % 3].becomes(wrong);
                    tokio::time::sleep(Duration::from_secs(3)).await;
                }
                for server in &servers {
                    server.becomes(Wrong::Nothing);
                }
                if over.load(Ordering::SeqCst) {
                    return;
                }
                tokio::time::sleep(Duration::from_secs(3)).await;
            }
        }
    });
    let mut work = JoinSet::new();
    for number in 0..400 {
        let pool = Arc::clone(&pool);
        work.spawn(async move {
            tokio::time::sleep(Duration::from_millis(number * 100)).await;
            let end = Instant::now() + Duration::from_mins(1);
            // As the deliberation does: what fails in the middle is drawn a second time.
            let first = tokio::time::timeout_at(end, text(pool.as_ref(), question(number))).await.unwrap();
            match first {
                Err(error) if error.retryable() => {
                    tokio::time::timeout_at(end, text(pool.as_ref(), question(number))).await.unwrap()
                }
                first => first,
            }
        });
    }
    while let Some(answer) = work.join_next().await {
        assert_eq!(answer.unwrap().as_deref(), Ok("right"));
    }
    over.store(true, Ordering::SeqCst);
    trouble.await.unwrap();
    until("all are back", || states(&pool).iter().all(|state| *state == MemberState::Up)).await;
    assert!(servers.iter().all(|server| server.built.load(Ordering::SeqCst) > 1), "gone ones were built again");
}
