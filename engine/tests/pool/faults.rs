//! Members that break off, are slow, or miss a look; and questions that are no samples.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use forethought_engine::{
    Build, Engine, EngineError, MemberState, Prompt, SampleEvent, SampleRequest, SampleStream,
    pool::{PoolEngine, PoolSettings},
    upstream::{UpstreamConfig, UpstreamEngine},
};
use serde_json::{Value, json};
use tokio::{
    runtime::{Handle, Runtime},
    task::JoinSet,
    time::Instant,
};

use super::{
    Server, Wrong,
    openai::{self, Say, models, not_found},
    pool, question, states, text, until,
};

const WORDS: &str = "one two three four five six";

/// As a deliberation does: what fails in the middle is drawn a second time.
async fn twice(pool: &PoolEngine, request: SampleRequest) -> Result<String, EngineError> {
    match text(pool, request.clone()).await {
        Err(error) if error.retryable() => text(pool, request).await,
        first => first,
    }
}

/// A question that an idle pool sends to its first server.
async fn home(pool: &PoolEngine, server: &Server) -> u64 {
    for number in 0.. {
        let before = server.begun();
        text(pool, question(number)).await.unwrap();
        if server.begun() > before {
            return number;
        }
    }
    unreachable!()
}

async fn begun(pool: &PoolEngine, request: SampleRequest) -> SampleStream {
    let mut stream = pool.sample(request).await.unwrap();
    assert!(matches!(stream.next().await, Some(Ok(SampleEvent::Token { .. }))));
    stream
}

async fn end(mut stream: SampleStream) -> Result<(), EngineError> {
    loop {
        match stream.next().await.unwrap()? {
            SampleEvent::Token { .. } => {}
            SampleEvent::End { .. } => return Ok(()),
        }
    }
}

fn long(number: u64) -> SampleRequest {
    SampleRequest { max_tokens: 3000, ..question(number) }
}

#[tokio::test(start_paused = true)]
async fn a_member_that_breaks_off_in_the_middle_rests_and_the_second_try_goes_elsewhere() {
    for wrong in [Wrong::Breaks, Wrong::Stalls] {
        let servers = [Server::new(WORDS), Server::new(WORDS), Server::new(WORDS)];
        let pool = pool(&servers.each_ref()).await;
        let number = home(&pool, &servers[0]).await;
        servers[0].becomes(wrong);
        let before = servers[0].begun();
        for seed in 0..20 {
            let answer = twice(&pool, SampleRequest { seed, ..question(number) }).await;
            assert_eq!(answer.as_deref(), Ok(WORDS), "{wrong:?}");
            assert_eq!(states(&pool)[1..], [MemberState::Up; 2], "{wrong:?}");
        }
        assert_eq!(states(&pool)[0], MemberState::Resting, "{wrong:?}");
        assert!(servers[0].begun() - before <= 5, "{wrong:?}: it was asked {} times", servers[0].begun() - before);
        servers[0].becomes(Wrong::Nothing);
        tokio::time::sleep(Duration::from_secs(31)).await;
        assert_eq!(home(&pool, &servers[0]).await, number, "{wrong:?}: it is back");
        assert_eq!(states(&pool), [MemberState::Up; 3], "{wrong:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn many_samples_at_once_end_rightly_beside_one_that_breaks_off() {
    for wrong in [Wrong::Breaks, Wrong::Stalls] {
        let servers = [Server::new(WORDS), Server::new(WORDS)];
        let pool = pool(&servers.each_ref()).await;
        servers[0].becomes(wrong);
        let mut work = JoinSet::new();
        for number in 0..20 {
            let pool = Arc::clone(&pool);
            work.spawn(async move { twice(&pool, question(number)).await });
        }
        while let Some(answer) = work.join_next().await {
            assert_eq!(answer.unwrap().as_deref(), Ok(WORDS), "{wrong:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_second_try_is_no_trial_of_the_member_that_broke_it() {
    let servers = [Server::new(&"w ".repeat(2000)), Server::new(&"w ".repeat(2000))];
    let pool = pool(&servers.each_ref()).await;
    let number = home(&pool, &servers[0]).await;
    servers[0].becomes(Wrong::Killed);
    until("it is away", || states(&pool)[0] == MemberState::Away).await;
    // All slots of the other are taken for some seconds.
    let mut streams = Vec::new();
    for number in 0..4 {
        streams.push(begun(&pool, SampleRequest { max_tokens: 600, ..question(number) }).await);
    }
    servers[0].becomes(Wrong::Breaks);
    until("it is back", || states(&pool)[0] == MemberState::Up).await;
    let request = SampleRequest { max_tokens: 8, ..question(number) };
    assert!(text(pool.as_ref(), request.clone()).await.is_err());
    let start = Instant::now();
    assert!(text(pool.as_ref(), request).await.is_ok());
    assert!(start.elapsed() > Duration::from_secs(2), "it waited for the other beyond the first trial");
}

#[tokio::test(start_paused = true)]
async fn a_member_that_only_began_samples_is_still_on_trial() {
    let servers = [Server::new(&"w ".repeat(1000)), Server::new(&"w ".repeat(1000))];
    let pool = pool(&servers.each_ref()).await;
    let number = home(&pool, &servers[0]).await;
    let old = begun(&pool, long(number)).await;
    servers[0].becomes(Wrong::Breaks);
    assert!(text(pool.as_ref(), SampleRequest { seed: 99, ..question(number) }).await.is_err());
    assert_eq!(states(&pool)[0], MemberState::Resting);
    assert_eq!(end(old).await, Ok(()));
    assert!(pool.members()[0].failures > 0, "a sample from before says nothing of now");
    servers[0].becomes(Wrong::Nothing);
    let trial = begun(&pool, long(number)).await;
    assert_eq!((states(&pool)[0], pool.members()[0].running), (MemberState::Resting, 1));
    assert_eq!(end(trial).await, Ok(()));
    assert_eq!(states(&pool)[0], MemberState::Up);
}

#[tokio::test(start_paused = true)]
async fn where_all_are_slow_a_sample_takes_as_long_as_it_takes_and_nobody_is_blamed() {
    let servers = [Server::new(WORDS), Server::new(WORDS), Server::new(WORDS)];
    let pool = pool(&servers.each_ref()).await;
    for server in &servers {
        server.slow_ms.store(45_000, Ordering::SeqCst);
    }
    let start = Instant::now();
    let mut work = JoinSet::new();
    for number in 0..6 {
        let pool = Arc::clone(&pool);
        work.spawn(async move { text(pool.as_ref(), question(number)).await });
    }
    while let Some(answer) = work.join_next().await {
        assert_eq!(answer.unwrap().as_deref(), Ok(WORDS));
    }
    assert!(start.elapsed() < Duration::from_secs(46), "{:?}", start.elapsed());
    assert!(pool.members().iter().all(|member| member.failures == 0 && member.state == MemberState::Up), "{pool:?}");
    let asked: usize = servers.iter().map(|server| server.begun()).sum();
    assert!(asked <= 18, "each sample is begun once at each member: {asked}");
}

#[tokio::test(start_paused = true)]
async fn one_that_is_beaten_is_blamed_and_only_the_winners_tokens_are_told() {
    let servers = [Server::new(WORDS), Server::new(WORDS)];
    let pool = pool(&servers.each_ref()).await;
    let number = home(&pool, &servers[0]).await;
    // It has its first token while the other has begun, and does not win.
    servers[0].slow_ms.store(10_045, Ordering::SeqCst);
    for failures in 1..=3 {
        let start = Instant::now();
        assert_eq!(text(pool.as_ref(), question(number)).await.as_deref(), Ok(WORDS));
        assert!((10..11).contains(&start.elapsed().as_secs()), "{:?}", start.elapsed());
        assert_eq!(pool.members()[0].failures, failures);
        assert!(pool.members().iter().all(|member| member.running == 0), "{pool:?}");
    }
    assert_eq!(states(&pool), [MemberState::Resting, MemberState::Up]);
    let why = pool.members()[0].why.clone().unwrap();
    assert!(why.contains("another member had one"), "{why}");
}

#[tokio::test(start_paused = true)]
async fn a_helper_that_loses_is_not_blamed() {
    let servers = [Server::new(WORDS), Server::new(WORDS)];
    let pool = pool(&servers.each_ref()).await;
    let number = home(&pool, &servers[0]).await;
    for server in &servers {
        server.slow_ms.store(12_000, Ordering::SeqCst);
    }
    assert_eq!(text(pool.as_ref(), question(number)).await.as_deref(), Ok(WORDS));
    assert_eq!(pool.members().iter().map(|member| (member.failures, member.running)).collect::<Vec<_>>(), [(0, 0); 2]);
}

#[tokio::test(start_paused = true)]
async fn a_helper_that_says_nothing_makes_room_for_the_next() {
    let servers = [Server::new(WORDS), Server::new(WORDS), Server::new(WORDS)];
    let pool = pool(&servers.each_ref()).await;
    for mute in [[0, 1], [0, 2], [1, 2]] {
        for at in mute {
            servers[at].becomes(Wrong::Mute);
        }
        for number in 0..5 {
            let start = Instant::now();
            assert_eq!(text(pool.as_ref(), question(number)).await.as_deref(), Ok(WORDS));
            assert!(start.elapsed() < Duration::from_secs(21), "{:?}", start.elapsed());
        }
        for at in mute {
            servers[at].becomes(Wrong::Nothing);
        }
        tokio::time::sleep(Duration::from_secs(31)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn one_missed_look_ends_no_sample_and_begins_none() {
    let servers = [Server::new(&"w ".repeat(2000)), Server::new(&"w ".repeat(2000))];
    let pool = pool(&servers.each_ref()).await;
    let number = home(&pool, &servers[0]).await;
    let stream = begun(&pool, long(number)).await;
    servers[0].misses.store(2, Ordering::SeqCst);
    until("it is in doubt", || states(&pool)[0] == MemberState::Resting).await;
    assert!(pool.members()[0].why.as_ref().is_some_and(|why| why.contains("503")), "{pool:?}");
    assert_eq!(pool.slots(), 4);
    let before = servers[0].begun();
    drop(begun(&pool, long(number)).await);
    assert_eq!(servers[0].begun(), before);
    until("it is no longer", || states(&pool)[0] == MemberState::Up).await;
    assert_eq!(end(stream).await, Ok(()));
    assert_eq!(servers[0].built.load(Ordering::SeqCst), 1);
}

#[tokio::test(start_paused = true)]
async fn three_missed_looks_break_samples_off() {
    let server = Server::new(&"w ".repeat(2000));
    let pool = pool(&[&server]).await;
    let stream = begun(&pool, long(1)).await;
    let start = Instant::now();
    server.misses.store(3, Ordering::SeqCst);
    assert!(matches!(end(stream).await, Err(EngineError::Sample(why)) if why.contains("went away")));
    assert!((2..=3).contains(&start.elapsed().as_secs()), "{:?}", start.elapsed());
    until("it is built again", || states(&pool) == [MemberState::Up]).await;
    assert_eq!(server.built.load(Ordering::SeqCst), 2);
}

#[tokio::test(start_paused = true)]
async fn what_has_not_begun_does_not_wait_for_three_looks() {
    let servers = [Server::new(WORDS), Server::new(WORDS)];
    let pool = pool(&servers.each_ref()).await;
    let number = home(&pool, &servers[0]).await;
    servers[0].becomes(Wrong::Hung);
    let start = Instant::now();
    assert_eq!(text(pool.as_ref(), question(number)).await.as_deref(), Ok(WORDS));
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
    assert_eq!(pool.members()[0].failures, 0, "looks judge it");
}

#[tokio::test(start_paused = true)]
async fn an_unfit_member_is_built_anew_and_used_once_it_fits() {
    let (good, other) = (Server::new(WORDS), Server::with(WORDS, "v", false));
    other.becomes(Wrong::Killed);
    let pool = pool(&[&good, &other]).await;
    other.becomes(Wrong::Nothing);
    until("it is judged", || states(&pool)[1] == MemberState::Unfit).await;
    tokio::time::sleep(Duration::from_secs(10)).await;
    assert_eq!(other.built.load(Ordering::SeqCst), 1);
    *other.weights.lock().unwrap() = "w";
    let start = Instant::now();
    until("it is used", || states(&pool)[1] == MemberState::Up).await;
    assert!(start.elapsed() < Duration::from_secs(25), "{:?}", start.elapsed());
    assert_eq!((other.begun(), other.built.load(Ordering::SeqCst)), (0, 2));
}

#[tokio::test(start_paused = true)]
async fn prompts_are_counted_by_members_that_are_full_or_rest() {
    let server = Server::new(&"w ".repeat(2000));
    let pool = pool(&[&server]).await;
    let mut streams = Vec::new();
    for number in 0..4 {
        streams.push(begun(&pool, long(number)).await);
    }
    let asked = async |what: &str| {
        let start = Instant::now();
        assert_eq!(pool.count_prompt(&question(1)).await, Ok(3), "{what}");
        assert_eq!(pool.rendered(&Prompt::Raw("a".into())).await, Ok(Some("a".into())), "{what}");
        assert_eq!(start.elapsed(), Duration::ZERO, "{what}");
    };
    asked("full").await;
    drop(streams);
    server.becomes(Wrong::Errs);
    assert!(text(pool.as_ref(), question(1)).await.is_err());
    assert!(text(pool.as_ref(), question(1)).await.is_err());
    assert_eq!(states(&pool), [MemberState::Resting]);
    asked("resting").await;
    server.becomes(Wrong::Hung);
    let counting = tokio::spawn({
        let pool = Arc::clone(&pool);
        async move { pool.count_prompt(&question(1)).await }
    });
    tokio::time::sleep(Duration::from_millis(10)).await;
    assert_eq!(pool.members()[0].running, 0, "a question takes no slot");
    counting.abort();
}

#[tokio::test(start_paused = true)]
async fn a_question_waits_a_little_for_a_member_and_no_longer() {
    let servers = [Server::new(WORDS), Server::new(WORDS)];
    let pool = pool(&servers.each_ref()).await;
    servers[0].becomes(Wrong::Hung);
    assert_eq!(pool.count_prompt(&question(1)).await, Ok(3), "the other is asked");
    servers[1].becomes(Wrong::Killed);
    until("both are away", || states(&pool) == [MemberState::Away; 2]).await;
    let start = Instant::now();
    assert!(matches!(pool.count_prompt(&question(1)).await, Err(EngineError::Dead(_))));
    assert!((5..6).contains(&start.elapsed().as_secs()), "{:?}", start.elapsed());
    let counting = tokio::spawn({
        let pool = Arc::clone(&pool);
        async move { pool.count_prompt(&question(1)).await }
    });
    tokio::time::sleep(Duration::from_secs(2)).await;
    servers[1].becomes(Wrong::Nothing);
    assert_eq!(counting.await.unwrap(), Ok(3));
}

/// A plain server of chats.
fn chats(path: &str, _: &Value) -> Say {
    match path {
        "/v1/models" => models(json!({ "id": "m" })),
        "/v1/chat/completions" => {
            let choice = json!({ "index": 0, "delta": { "content": "hello" }, "finish_reason": "stop" });
            Say::chunks([json!({ "choices": [choice] })])
        }
        _ => not_found(),
    }
}

#[tokio::test]
async fn a_server_that_refuses_connections_is_gone_at_once() {
    // A server ends with its runtime, and its port is closed.
    let outside = Runtime::new().unwrap();
    let url = outside.spawn(openai::Server::start(chats)).await.unwrap().url;
    let build: Build = Box::new(move || {
        let config = UpstreamConfig::new(url.clone());
        Box::pin(async move { Ok(Arc::new(UpstreamEngine::connect(&config).await?) as Arc<dyn Engine>) })
    });
    let settings = PoolSettings { check_every_ms: 100, ..PoolSettings::default() };
    let pool = PoolEngine::start(vec![("m".to_owned(), build)], settings, Handle::current()).await.unwrap();
    assert_eq!(states(&pool), [MemberState::Up]);
    outside.shutdown_background();
    until("it is away", || states(&pool) == [MemberState::Away]).await;
    let why = pool.members()[0].why.clone().unwrap();
    assert!(why.contains("cannot be reached") && !why.contains("looks in a row"), "{why}");
}
