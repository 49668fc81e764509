//! Many deliberations on few slots, in real time and with the audit log: how far deadlines are overrun is printed.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "tests may panic and tell")]

#[path = "helpers/house.rs"]
mod house;

use std::{sync::Arc, time::Duration};

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

#[test]
fn two_hundred_at_once_end_with_their_deadline() {
    let build: forethought_actors::Build = Box::new(|| {
        let answers = vec![ScriptedAnswer { text: format!("{}42", "so ".repeat(39)), odds: 1.0 }];
        let script = Script { answers, token_ms: 5, parallel: 16, ..Script::default() };
        Box::pin(async move { Ok(Arc::new(ScriptedEngine::new(script)) as Arc<dyn Engine>) })
    });
    let statuses = in_house(build, |house| async move {
        let ask = |seed: u64| {
            let house = &house;
            async move {
                let short = |job: &mut Job| {
                    job.seed = seed;
                    job.budget = Budget { deadline_ms: DEADLINE_MS, ..BUDGET };
                };
                let started = Instant::now();
                let answer = house.ask(short).await;
                (started.elapsed(), answer)
            }
        };
        let ended = join_all((0..200).map(ask)).await;
        let mut overrun: Vec<Duration> =
            ended.iter().map(|(took, _)| took.saturating_sub(Duration::from_millis(DEADLINE_MS))).collect();
        overrun.sort();
        let answered = ended.iter().filter(|(_, answer)| answer.is_ok()).count();
        println!(
            "200 deliberations, 16 slots, deadline {DEADLINE_MS} ms: {answered} answered; overrun median {:?}, most {:?}",
            overrun[100], overrun[199]
        );
        // 16 slots at 200 tokens a second, 40 tokens a sample, 3 s: room for about 240 samples, one for each.
        assert!(answered > 150, "{answered} of 200 were answered");
        house
    });
    assert_eq!(statuses.len(), 200);
}
