//! Many calls: dropped in the middle, and at once. Threads and memory are counted, so these tests have a process of their own.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests may panic")]
#![cfg(target_os = "linux")]

use std::{
    fs,
    sync::Arc,
    time::{Duration, Instant},
};

use forethought_sandbox::{Language, Pool};
use forethought_tools::{Limits, ToolError};
use tokio::{task::JoinSet, time::timeout};

#[path = "helpers/support.rs"]
#[allow(dead_code, reason = "each of the tests uses a part of it")]
mod support;

use support::Runner;

/// Threads of runs, and resident memory in KiB.
fn used() -> (usize, u64) {
    let tasks = fs::read_dir("/proc/self/task").unwrap();
    let names = tasks.filter_map(|task| fs::read_to_string(task.ok()?.path().join("comm")).ok());
    let runs = names.filter(|name| name.trim_end() == "sandbox-run").count();
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    (runs, line.trim().trim_end_matches(" kB").parse().unwrap())
}

async fn no_runs_left() -> Duration {
    let began = Instant::now();
    while used().0 > 0 {
        assert!(began.elapsed() < Duration::from_secs(5), "{} runs are left", used().0);
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    began.elapsed()
}

const SPIN: &str = "const a = new Uint8Array(1 << 24).fill(7); for (;;);";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_left_of_calls_that_were_dropped_and_none_waits_for_ever() {
    let js = Arc::new(Runner::new(Language::Javascript, Pool { slots: 4, waiting: 64, ..Pool::default() }).await);
    dropped(&js).await;
    at_once(&js).await;
    full(&js).await;
}

async fn dropped(js: &Arc<Runner>) {
    const CALLS: u64 = 1_000;
    js.says("1 + 1", "2").await;
    let before = used();
    let mut ends = Vec::new();
    for call in 0..CALLS {
        // Dropped while it starts, while it takes memory, and while it spins.
        let wait = Duration::from_micros(call * 20);
        assert!(timeout(wait, js.run(SPIN)).await.is_err(), "it never ends by itself");
        ends.push(no_runs_left().await);
    }
    let after = used();
    ends.sort();
    let (middle, most, slowest) = (ends[ends.len() / 2], ends[ends.len() * 9 / 10], ends[ends.len() - 1]);
    println!(
        "{CALLS} dropped calls: before {before:?}, after {after:?}; ended after {middle:?}, {most:?}, {slowest:?}"
    );
    assert_eq!(after.0, 0);
    assert!(after.1 < before.1 + 32 * 1024, "{} KiB of memory are left", after.1 - before.1);
    // The slowest ones tell how busy the machine is.
    assert!(most < Duration::from_millis(500), "{most:?}");
    js.says("1 + 1", "2").await;
}

/// All of them get their turn, no more than may run at once do, and nothing else of the runtime is held up.
async fn at_once(js: &Arc<Runner>) {
    let mut calls = JoinSet::new();
    let mut most = 0;
    for call in 0..60_u64 {
        let js = Arc::clone(js);
        calls.spawn(async move {
            let limits = Limits { time_ms: 120_000, ..js.limits };
            let code = if call % 3 == 0 { "let n = 0; for (let i = 0; i < 1e5; i++) n += i; n" } else { "6 * 7" };
            js.run_within(code, "", limits).await
        });
    }
    let began = Instant::now();
    let mut late = Duration::ZERO;
    while !calls.is_empty() {
        let tick = Instant::now();
        tokio::time::sleep(Duration::from_millis(1)).await;
        late = late.max(tick.elapsed());
        most = most.max(used().0);
        while let Some(ended) = calls.try_join_next() {
            let text = ended.unwrap().unwrap().text;
            assert!(text == "42" || text == "4999950000", "{text}");
        }
    }
    println!("60 calls at once: {:?}, {most} runs at most, the latest timer by {late:?}", began.elapsed());
    // Threads that have given back their slot and are just ending are counted, too.
    assert!(most <= 16, "{most} runs at once");
    assert!(late < Duration::from_secs(1), "{late:?}");
}

async fn full(js: &Arc<Runner>) {
    let mut calls = JoinSet::new();
    for _ in 0..100 {
        let js = Arc::clone(js);
        calls.spawn(async move { js.run_within("for (;;);", "", Limits { time_ms: 400, ..js.limits }).await });
    }
    let (mut ran, mut refused) = (0, 0);
    while let Some(ended) = calls.join_next().await {
        match ended.unwrap() {
            Err(ToolError::TimedOut(_) | ToolError::Exhausted(_)) => ran += 1,
            Err(ToolError::Unavailable(why)) if why.contains("later") => refused += 1,
            other => panic!("{other:?}"),
        }
    }
    println!("100 endless calls at once: {ran} ran, {refused} were refused");
    assert!(ran >= 4 && refused >= 32, "{ran} {refused}");
    no_runs_left().await;
    js.says("1 + 1", "2").await;
}
