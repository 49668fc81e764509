//! A server that hangs, breaks off, floods, sends noise, asks questions, uses too much and leaves processes behind: each call
//! ends, the next one works, and nothing is left.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "tests may panic, and read better so")]

#[path = "helpers/setup.rs"]
#[allow(dead_code, reason = "each test takes what it needs")]
mod setup;

use std::time::{Duration, Instant};

use forethought_mcp::{ServerConfig, State};
use forethought_tools::{Reply, ToolError};
use serde_json::{Value, json};
use setup::{Setup, act, call, descriptors, is_there, memory, misbehaving, processes, text, until};
use tokio::time::timeout;

fn ok(outcome: &Result<Reply, ToolError>, expected: &str) {
    assert!(outcome.as_ref().is_ok_and(|reply| reply.text == expected), "{outcome:?}");
}

/// Whatever it does in a call, that call ends as expected, and the next one works.
async fn check(what: &str, expected: Result<&str, &str>) {
    let setup = Setup::new(misbehaving("ok"));
    let tool = setup.tool().await;
    let before = memory();
    let outcome = timeout(Duration::from_secs(30), act(&tool, what)).await.unwrap();
    match (&outcome, expected) {
        (Ok(reply), Ok(expected)) => assert_eq!(reply.text, expected, "{what}"),
        (Err(error), Err(expected)) => assert!(error.to_string().contains(expected), "{what}: {error}"),
        _ => panic!("{what}: {outcome:?}, and not {expected:?}"),
    }
    assert!(memory() < before + (150 << 20), "{what}: {} bytes more", memory() - before);
    ok(&act(&tool, "sing").await, "did sing");
    setup.server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_breaks_off_in_the_middle_of_a_call() {
    check("crash", Err("broke off")).await;
    check("abort", Err("broke off")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_floods() {
    check("long_line", Err("a line of more than")).await;
    check("notifications", Err("more than it may")).await;
    check("noise_for_ever", Err("more than it may")).await;
    check("flood_questions", Err("floods with questions")).await;
    check("answers_of_nobody", Err("more than it may")).await;
    check("bigger", Err("a line of more than")).await;
    check("flood_errors", Ok("done")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_sends_noise() {
    check("noise", Ok("done")).await;
    check("wrong_id", Ok("mine")).await;
    check("progress", Ok("done")).await;
    check("surrogate", Ok("second")).await;
    check("no_result", Err("gave no answer")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_it_refuses_is_told() {
    check("refuse", Err("refuses the call: no such thing⟨U+200B⟩")).await;
    check("internal", Err("refuses the call: internal")).await;
    check("image", Ok("[image left out: image/png, 300000 bytes]")).await;
    let setup = Setup::new(misbehaving("ok"));
    let tool = setup.tool().await;
    let reply = act(&tool, "failed").await.unwrap();
    assert_eq!((reply.text.as_str(), reply.failed), ("it did not work", true));
    let reply = act(&tool, "big").await.unwrap();
    assert_eq!((reply.text.len(), reply.left_out), (65_536, 934_464));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_it_asks_is_refused() {
    let setup = Setup::new(misbehaving("ok"));
    let tool = setup.tool().await;
    let said: Value = serde_json::from_str(&text(&tool, "questions").await).unwrap();
    assert_eq!(said[0], json!(-32601), "a question to a model: {said}");
    assert_eq!(said[1], json!(-32601), "roots: {said}");
    assert!(said[2] == json!(-32601) || said[2] == json!({ "action": "decline" }), "a question to a person: {said}");
    assert_eq!(said[3], json!(-32601), "what nobody knows: {said}");
    assert_eq!(said[4], json!({}), "a ping: {said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_hangs_and_is_started_anew_when_it_goes_on_hanging() {
    let setup = Setup::new(misbehaving("ok"));
    let tool = setup.tool().await;
    let first = text(&tool, "pid").await;
    for _ in 0..3 {
        let began = Instant::now();
        let outcome = call(&tool, "acme", json!({ "do": "hang" }), 300).await;
        assert_eq!(outcome, Err(ToolError::TimedOut(300)));
        assert!(began.elapsed() < Duration::from_secs(2));
    }
    until("it is started anew", || setup.server.state("acme") == State::Up && !is_there(&first)).await;
    assert_ne!(text(&tool, "pid").await, first);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_does_not_list_its_tools_any_more_and_is_started_anew() {
    let mut config = misbehaving("one_list");
    (config.start_ms, config.limits.time_ms) = (10_000, 60_000);
    let setup = Setup::new(config);
    let tool = setup.tool().await;
    let first = text(&tool, "pid").await;
    ok(&act(&tool, "change").await, "changed");
    let outcome = call(&tool, "acme", json!({ "do": "sing" }), 60_000).await;
    assert!(matches!(&outcome, Err(ToolError::Unavailable(why)) if why.contains("does not list")), "{outcome:?}");
    until("it is started anew", || !is_there(&first)).await;
    ok(&act(&tool, "sing").await, "did sing");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_lists_its_tools_late_because_it_makes_a_call_and_is_left_to_it() {
    let mut config = misbehaving("ok");
    (config.start_ms, config.limits.time_ms) = (4_000, 60_000);
    let setup = Setup::new(config);
    let tool = setup.tool().await;
    let first = text(&tool, "pid").await;
    let second = async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        act(&tool, "sing").await
    };
    let (slow, late) = tokio::join!(act(&tool, "change and sleep 5"), second);
    ok(&slow, "slept");
    assert!(matches!(&late, Err(ToolError::Unavailable(why)) if why.contains("does not list")), "{late:?}");
    assert_eq!(text(&tool, "pid").await, first);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_whose_turn_comes_when_all_is_over_is_made_on_another_connection() {
    let mut config = misbehaving("ok");
    (config.calls, config.limits.time_ms) = (1, 60_000);
    let setup = Setup::new(config);
    let tool = setup.tool().await;
    let waiting = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        call(&tool, "acme", json!({ "do": "sing" }), 60_000).await
    };
    let (crashed, waited) = tokio::join!(act(&tool, "crash_later"), waiting);
    assert!(crashed.is_err());
    ok(&waited, "did sing");
}

#[test]
fn connections_outlive_the_runtime_of_who_asked_first() {
    let home = tokio::runtime::Runtime::new().unwrap();
    let setup = {
        let _home = home.enter();
        Setup::new(misbehaving("ok"))
    };
    let visitor = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (tool, first) = visitor().block_on(async {
        let tool = setup.tool().await;
        let pid = text(&tool, "pid").await;
        (tool, pid)
    });
    assert_eq!(visitor().block_on(text(&tool, "pid")), first);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_uses_more_memory_than_it_may() {
    let mut config = misbehaving("ok");
    config.stdio.as_mut().unwrap().memory_bytes = 150 << 20;
    let setup = Setup::new(config);
    let tool = setup.tool().await;
    let outcome = act(&tool, "allocate").await;
    assert!(matches!(&outcome, Err(ToolError::Exhausted(why)) if why.contains("bytes of memory")), "{outcome:?}");
    ok(&act(&tool, "sing").await, "did sing");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_computes_although_it_was_asked_for_nothing() {
    let setup = Setup::new(misbehaving("ok"));
    let tool = setup.tool().await;
    let pid = text(&tool, "pid").await;
    ok(&act(&tool, "spin").await, "spinning");
    let began = Instant::now();
    let resting = || matches!(setup.server.state("acme"), State::Resting { why, .. } if why.contains("kept computing"));
    // On a busy machine it takes longer to compute as much.
    for _ in 0..4500 {
        if resting() {
            assert!(!is_there(&pid) && began.elapsed() > Duration::from_secs(2), "{:?}", began.elapsed());
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("it computes for ever");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_it_has_started_ends_with_it() {
    for ending in ["stop", "drop", "crash", "restart"] {
        let setup = Setup::new(misbehaving("deaf"));
        let tool = setup.tool().await;
        let (pid, children) = (text(&tool, "pid").await, text(&tool, "children").await);
        let all: Vec<String> = children.split(' ').map(ToOwned::to_owned).chain([pid]).collect();
        assert!(all.iter().all(|pid| is_there(pid)) && all.len() == 3, "{all:?}");
        // A child that has left the group is found when it is looked for.
        tokio::time::sleep(Duration::from_secs(1)).await;
        match ending {
            "stop" => setup.server.stop().await,
            "drop" => drop(setup.server),
            "restart" => setup.server.restart(),
            _ => drop(act(&tool, "crash").await),
        }
        until(ending, || !all.iter().any(|pid| is_there(pid))).await;
        if ending == "drop" {
            assert_eq!(act(&tool, "sing").await, Err(ToolError::Unavailable("its server was stopped".to_owned())));
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_panic_leaves_no_process_behind() {
    let (told, mut heard) = tokio::sync::mpsc::channel(1);
    let task = tokio::spawn(async move {
        let setup = Setup::new(misbehaving("ok"));
        let tool = setup.tool().await;
        told.send(text(&tool, "pid").await).await.unwrap();
        panic!("on purpose");
    });
    let pid = heard.recv().await.unwrap();
    assert!(task.await.unwrap_err().is_panic());
    until("it is gone", || !is_there(&pid)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_does_not_start_is_given_up_in_time() {
    let check = async |mode: &str, expected: &str| {
        let mut config = misbehaving(mode);
        (config.start_ms, config.restarts) = (3_000, 0);
        let setup = Setup::new(config);
        let began = Instant::now();
        let outcome = setup.server.survey("acme").await;
        assert!(outcome.is_err() && began.elapsed() < Duration::from_secs(15), "{mode}: {:?}", began.elapsed());
        until(mode, || matches!(setup.server.state("acme"), State::Failed { .. })).await;
        let State::Failed { why } = setup.server.state("acme") else { panic!("{mode}") };
        assert!(why.contains(expected), "{mode}: {why}");
    };
    check("silent", "longer than 3000 ms").await;
    check("no_list", "does not list its tools").await;
    check("exit", "it does not start").await;
    check("closed", "it does not start").await;
    check("garbage", "lines faster than anybody").await;
    check("long_line", "a line of more than").await;
    check("notifications", "flood").await;
    check("endless_pages", "more than 64 pages").await;
    check("many_tools", "more than 512 tools").await;
    check("no_tools", "something else than a list of tools").await;
    check("wrong_ids", "it does not start").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_does_not_know_the_newest_version_is_spoken_to_in_an_older_one() {
    for mode in ["ok", "old"] {
        let setup = Setup::new(misbehaving(mode));
        ok(&act(&setup.tool().await, "sing").await, "did sing");
    }
    let mut config = misbehaving("discover_hangs");
    config.handshake = forethought_mcp::Handshake::Initialize;
    let setup = Setup::new(config);
    let began = Instant::now();
    ok(&act(&setup.tool().await, "sing").await, "did sing");
    assert!(began.elapsed() < Duration::from_secs(9));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn failures_are_followed_by_longer_and_longer_rests() {
    let mut config = misbehaving("exit");
    config.restarts = 2;
    let setup = Setup::new(config);
    assert_eq!(setup.server.state("acme"), State::Off);
    let began = Instant::now();
    assert!(matches!(setup.server.survey("acme").await, Err(ToolError::Unavailable(_))));
    // A quarter of a second, and half of one.
    assert!(began.elapsed() >= Duration::from_millis(750), "{:?}", began.elapsed());
    assert!(matches!(setup.server.state("acme"), State::Failed { .. }));
    assert!(matches!(setup.server.survey("acme").await, Err(ToolError::Unavailable(_))));
    setup.server.restart();
    assert_eq!(setup.server.state("acme"), State::Off);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_knows_nothing_of_our_environment() {
    let mut config = misbehaving("ok");
    config.stdio.as_mut().unwrap().env.insert("TZ".to_owned(), "UTC".to_owned());
    let setup = Setup::new(config);
    let tool = setup.tool().await;
    let mut found: serde_json::Map<String, Value> = serde_json::from_str(&text(&tool, "env").await).unwrap();
    // Python itself sets this one where it is started without a locale (PEP 538).
    found.remove("LC_CTYPE");
    assert_eq!(Value::Object(found), json!({ "TZ": "UTC" }));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_that_is_dropped_ends_and_many_go_at_once() {
    let setup = Setup::new(misbehaving("ok"));
    let tool = setup.tool().await;
    assert!(timeout(Duration::from_millis(100), act(&tool, "sleep 0.3")).await.is_err());
    ok(&act(&tool, "sing").await, "did sing");
    let calls = (0..200).map(|number| {
        let tool = std::sync::Arc::clone(&tool);
        async move { (number, act(&tool, &format!("{number}")).await.unwrap().text) }
    });
    for (number, said) in futures::future::join_all(calls).await {
        assert_eq!(said, format!("did {number}"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_tenant_has_a_process_of_its_own_where_secrets_are_its_own() {
    let mut config = misbehaving("ok");
    let folder = tempfile::tempdir().unwrap();
    let stdio = config.stdio.as_mut().unwrap();
    let secret = |tenant: &str| {
        let file = folder.path().join(tenant);
        std::fs::write(&file, format!("secret of {tenant}\n")).unwrap();
        (tenant.to_owned(), [("TOKEN".to_owned(), forethought_mcp::Secret::File(file))].into())
    };
    stdio.credentials = Some(["acme", "bank", "city"].map(secret).into());
    (config.tenants, config.idle_s) = (2, 2);
    let setup = Setup::new(config);
    let tool = setup.tool().await;
    let mut pids = Vec::new();
    for tenant in ["acme", "bank", "city"] {
        let said = call(&tool, tenant, json!({ "do": "env" }), 10_000).await.unwrap().text;
        assert!(said.contains(&format!("secret of {tenant}")) && said.matches("secret of").count() == 1, "{said}");
        pids.push(call(&tool, tenant, json!({ "do": "pid" }), 10_000).await.unwrap().text);
    }
    assert!(pids[0] != pids[1] && pids[1] != pids[2] && pids[0] != pids[2], "{pids:?}");
    // There is room for two.
    until("the first has gone", || !is_there(&pids[0])).await;
    assert_eq!(setup.server.states().len(), 2);
    let outcome = call(&tool, "other", json!({ "do": "env" }), 10_000).await;
    assert!(matches!(outcome, Err(ToolError::Refused(_))), "{outcome:?}");
    until("those that nobody uses have gone", || pids.iter().all(|pid| !is_there(pid))).await;
    until("it is off", || setup.server.state("city") == State::Off).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn too_many_tenants_at_once_are_refused() {
    let mut config = misbehaving("ok");
    let tenant = |name: &str| (name.to_owned(), std::collections::BTreeMap::new());
    config.stdio.as_mut().unwrap().credentials = Some(["acme", "bank"].map(tenant).into());
    config.tenants = 1;
    let setup = Setup::new(config);
    let tool = setup.tool().await;
    let busy = call(&tool, "acme", json!({ "do": "sleep 1" }), 10_000);
    let refused = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        call(&tool, "bank", json!({ "do": "sing" }), 10_000).await
    };
    let (busy, refused) = tokio::join!(busy, refused);
    ok(&busy, "slept");
    assert!(matches!(&refused, Err(ToolError::Unavailable(why)) if why.contains("too many tenants")), "{refused:?}");
    ok(&call(&tool, "bank", json!({ "do": "sing" }), 10_000).await, "did sing");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_left_after_many_servers() {
    let round = async || {
        let setup = Setup::new(misbehaving("ok"));
        let tool = setup.tool().await;
        ok(&act(&tool, "sing").await, "did sing");
        drop(act(&tool, "crash").await);
        ok(&act(&tool, "sing").await, "did sing");
        setup.server.stop().await;
    };
    round().await;
    let before = descriptors();
    for _ in 0..5 {
        round().await;
    }
    // Other tests run beside this one, in this process.
    until("descriptors are closed", || descriptors() <= before + 24).await;
    let none = ServerConfig::stdio("none", "/bin/sh", &["-c", "exec sleep 98765"]);
    let setup = Setup::new(ServerConfig { start_ms: 300, restarts: 0, ..none });
    assert!(setup.server.survey("acme").await.is_err());
    until("what did not start has gone", || processes("98765") == 0).await;
}
