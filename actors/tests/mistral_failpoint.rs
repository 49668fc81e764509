//! The real engine panics in the middle of a sample: the request is answered all the same. In a process of its own,
//! because failpoints are global.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests may panic")]

#[path = "helpers/house.rs"]
mod house;
#[path = "../../engine/tests/helpers/support.rs"]
mod support;

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

use forethought_engine::{Engine, mistral::MistralEngine};
use forethought_reasoning::{AnswerKind, Params};
use forethought_schemas::{Budget, StrategyName};
use house::in_house;

#[test]
fn a_panic_inside_mistralrs_costs_a_retry_and_not_the_service() {
    fail::cfg("mistral-step", "4*off->1*panic(made to fail)->off").unwrap();
    let loads = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&loads);
    let build: forethought_actors::Build = Box::new(move || {
        count.fetch_add(1, Ordering::AcqRel);
        Box::pin(async { Ok(Arc::new(MistralEngine::load(&support::config()).await?) as Arc<dyn Engine>) })
    });
    let statuses = in_house(build, |house| async move {
        for seed in [1, 2] {
            let asked = house.ask(|job| {
                job.prompt = support::ask("What is 7 + 5? Reply with the number.", 0).prompt;
                job.strategy = StrategyName::SelfConsistency;
                job.kind = AnswerKind::Number;
                job.seed = seed;
                job.budget = Budget { max_samples: 4, total_tokens: 160, sample_tokens: 40, deadline_ms: 60_000 };
                job.params = Params { samples: Some(4), ..Params::default() };
            });
            let done = asked.await.unwrap();
            assert_eq!(done.verdict.failed, 0, "{:?}", done.verdict.reasons);
        }
        house
    });
    assert_eq!(statuses, ["answered", "answered"]);
    assert_eq!(loads.load(Ordering::Acquire), 2, "the engine is built once, and once again after the panic");
}
