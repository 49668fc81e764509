//! Many deliberations on few slots, in virtual time.

use std::collections::BTreeMap;

use forethought_engine::scripted::ScriptedAnswer;
use forethought_policies::SpendMeter;
use forethought_reasoning::Status;
use tokio::task::JoinSet;

use super::*;

/// Who asks how often.
const TENANTS: [(&str, u32); 4] = [("greedy", 140), ("b", 20), ("c", 20), ("d", 20)];
const SLOTS: u32 = 16;
const DEADLINE: Duration = Duration::from_secs(8);

/// The clock jumps to the next timer whenever nothing can run.
pub(super) fn universe(test: impl Future<Output = ()>) {
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    actix::System::with_tokio_rt(runtime).block_on(test);
}

pub(super) fn meter() -> SpendMeter {
    permit(&job()).meter()
}

struct Ended {
    tenant: &'static str,
    took: Duration,
    ran: run::Ran,
}

/// Runs 200 votes of up to 8 samples of 40 tokens at 100 tokens a second, all asked for at once.
async fn overload() -> (Vec<Ended>, u64) {
    let answers = (0..8).map(|n| ScriptedAnswer { text: format!("{}{n}", "so ".repeat(39)), odds: 1.0 }).collect();
    let script = Script { answers, token_ms: 10, parallel: SLOTS, ..Script::default() };
    let engine = Arc::new(ScriptedEngine::new(script));
    let lent = Arc::clone(&engine);
    let kill = KillSwitch::new();
    let (_keeper, desk) = engine_keeper::start(
        "m",
        &kill,
        Box::new(move || {
            let engine: Arc<dyn Engine> = Arc::clone(&lent) as Arc<dyn Engine>;
            Box::pin(async move { Ok(engine) })
        }),
    );
    desk.lease(Instant::now() + Duration::from_secs(5)).await.unwrap();
    let (meter, started) = (meter(), Instant::now());
    let mut runs = JoinSet::new();
    for (tenant, count) in TENANTS {
        for seed in 0..u64::from(count) {
            let job = Job {
                tenant: tenant.to_owned(),
                strategy: StrategyName::SelfConsistency,
                budget: Budget { max_samples: 8, total_tokens: 400, sample_tokens: 50, deadline_ms: 8_000 },
                seed,
                ..job()
            };
            let strategy = plan(&job).unwrap();
            let engines = Engines { model: desk.clone(), judge: None, tools: None };
            let (events, _) = mpsc::channel(EVENTS);
            let deadline = started + DEADLINE;
            let run = Run::new(Arc::new(job), strategy, engines, meter.clone(), events, kill.child(), deadline);
            runs.spawn(async move { Ended { tenant, ran: run.finish().await, took: started.elapsed() } });
        }
    }
    let mut ended = Vec::new();
    while let Some(run) = runs.join_next().await {
        ended.push(run.unwrap());
    }
    (ended, engine.generated())
}

#[test]
fn two_hundred_at_once_keep_their_deadlines_and_share_fairly() {
    universe(async {
        let (ended, generated) = overload().await;
        assert_eq!(ended.len(), 200);
        for run in &ended {
            assert!(run.took <= DEADLINE + Duration::from_millis(1), "{} took {:?}", run.tenant, run.took);
            assert!(run.ran.samples.iter().map(|sample| sample.tokens).sum::<u32>() <= 400);
        }
        // 16 slots at 100 tokens a second for 8 s: none of them was idle.
        assert!(generated > 12_000, "{generated} tokens of 12,800");
        let mut drawn = BTreeMap::<_, (u32, u32)>::new();
        for run in &ended {
            let (tokens, answered) = drawn.entry(run.tenant).or_default();
            *tokens += run.ran.samples.iter().map(|sample| sample.tokens).sum::<u32>();
            *answered += u32::from(run.ran.verdict.status == Status::Answered);
        }
        let tokens: Vec<u32> = drawn.values().map(|(tokens, _)| *tokens).collect();
        let (least, most) = (tokens.iter().min().unwrap(), tokens.iter().max().unwrap());
        // Whoever comes first takes all slots once, before the others are there.
        assert!(*most <= least + SLOTS * 40, "every tenant gets a quarter: {drawn:?}");
        assert!(TENANTS.iter().filter(|(name, _)| *name != "greedy").all(|(name, _)| drawn[name].1 == 20), "{drawn:?}");
    });
}
