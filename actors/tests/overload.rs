//! Many deliberations on few slots, in real time and with the audit log: how far deadlines are overrun, and the memory that
//! it takes, are printed.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "tests may panic and tell")]

#[path = "helpers/house.rs"]
mod house;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use forethought_actors::Job;
use forethought_engine::{
    Engine,
    scripted::{Script, ScriptedAnswer, ScriptedEngine},
};
use forethought_schemas::Budget;
use futures::future::join_all;
use house::{BUDGET, in_house};
use tokio::time::Instant;

const DEADLINE_MS: u64 = 3_000;
/// Who asks how often, all at once.
const TENANTS: [(&str, u64); 4] = [("greedy", 140), ("b", 20), ("c", 20), ("d", 20)];
/// The most that 200 deliberations may take beside what an idle service has.
const MOST_MIB: u64 = 32;

/// A line of the kernel's view of this process, in KiB.
fn memory(line: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let found = status.lines().find_map(|told| told.strip_prefix(line)).unwrap();
    found.trim_matches(|c: char| !c.is_ascii_digit()).parse().unwrap()
}

#[test]
fn two_hundred_at_once_end_with_their_deadline() {
    let build: forethought_actors::Build = Box::new(|| {
        let answers = vec![ScriptedAnswer { text: format!("{}42", "so ".repeat(39)), odds: 1.0 }];
        let script = Script { answers, token_ms: 5, parallel: 16, ..Script::default() };
        Box::pin(async move { Ok(Arc::new(ScriptedEngine::new(script)) as Arc<dyn Engine>) })
    });
    let statuses = in_house(build, |house| async move {
        let before = memory("VmRSS:");
        let ask = |(tenant, seed): (&'static str, u64)| {
            let house = &house;
            async move {
                let short = |job: &mut Job| {
                    (job.tenant, job.seed) = (tenant.to_owned(), seed);
                    job.budget = Budget { deadline_ms: DEADLINE_MS, ..BUDGET };
                };
                let started = Instant::now();
                let answer = house.ask(short).await;
                (tenant, started.elapsed(), answer)
            }
        };
        let all = TENANTS.iter().flat_map(|(tenant, count)| (0..*count).map(|seed| (*tenant, seed)));
        let ended = join_all(all.map(ask)).await;
        let mut overrun: Vec<Duration> =
            ended.iter().map(|(_, took, _)| took.saturating_sub(Duration::from_millis(DEADLINE_MS))).collect();
        overrun.sort();
        let mut answered = BTreeMap::<&str, u64>::new();
        for (tenant, ..) in ended.iter().filter(|(.., answer)| answer.is_ok()) {
            *answered.entry(tenant).or_default() += 1;
        }
        let (peak, mib) = (memory("VmHWM:"), |kib: u64| kib / 1024);
        println!(
            "200 deliberations of 4 tenants, 16 slots, deadline {DEADLINE_MS} ms: answered {answered:?}; overrun median \
             {:?}, most {:?}; memory at most {} MiB, {} MiB before",
            overrun[100],
            overrun[199],
            mib(peak),
            mib(before)
        );
        // 16 slots at 200 tokens a second, 40 tokens a sample, 3 s: room for up to 240 samples, a quarter for each tenant.
        assert!(TENANTS.iter().skip(1).all(|(tenant, count)| answered[tenant] == *count), "{answered:?}");
        assert!(answered["greedy"] > 20, "what the others leave is for who wants it: {answered:?}");
        assert!(peak.saturating_sub(before) < MOST_MIB * 1024, "{} MiB more", mib(peak.saturating_sub(before)));
        house
    });
    assert_eq!(statuses.len(), 200);
}
