//! Faults inside the embedded engine, through failpoints; a process of their own, because failpoints are global.
#![cfg(feature = "failpoints")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests may panic")]

#[path = "helpers/support.rs"]
mod support;

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use forethought_engine::{
    Engine, EngineError, SampleRequest,
    mistral::{MistralConfig, MistralEngine},
};
use support::{RUNTIME, ask, config, draw};

/// One after the other: they share the failpoint.
#[test]
fn faults_stay_in_their_room() {
    RUNTIME.block_on(async {
        a_client_that_leaves_stops_its_sample_within_two_tokens().await;
        a_retry_after_a_failed_pass_is_the_same_sample().await;
        a_panic_costs_the_engine_and_not_the_process().await;
    });
}

async fn a_client_that_leaves_stops_its_sample_within_two_tokens() {
    let engine = MistralEngine::load(&config()).await.unwrap();
    draw(&engine, ask("Hello", 0)).await.unwrap();
    let steps = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&steps);
    fail::cfg_callback("mistral-step", move || {
        counted.fetch_add(1, Ordering::AcqRel);
    })
    .unwrap();
    let endless = SampleRequest { max_tokens: 2_000, ignore_end: true, ..ask("Hello", 1) };
    let mut stream = engine.sample(endless).await.unwrap();
    for _ in 0..5 {
        stream.next().await.unwrap().unwrap();
    }
    let at_leaving = steps.load(Ordering::Acquire);
    drop(stream);
    tokio::time::sleep(Duration::from_millis(800)).await;
    let after = steps.load(Ordering::Acquire);
    assert!(after - at_leaving <= 2, "{} tokens were drawn after the client left", after - at_leaving);
    fail::remove("mistral-step");
}

async fn a_retry_after_a_failed_pass_is_the_same_sample() {
    let one = MistralConfig { lanes: std::num::NonZeroU32::new(1), ..config() };
    let engine = MistralEngine::load(&one).await.unwrap();
    let asked = ask("Name three colours.", 3);
    let primed = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&primed);
    fail::cfg_callback("mistral-prime", move || {
        counted.fetch_add(1, Ordering::AcqRel);
    })
    .unwrap();
    let before = draw(&engine, asked.clone()).await.unwrap();
    // mistralrs goes on after an end token that is the very first one, so one priming takes more than one step.
    let one_priming = primed.load(Ordering::Acquire);
    assert!(one_priming > 0);
    fail::cfg("mistral-step", "2*off->1*return->off").unwrap();
    let failed = draw(&engine, asked.clone()).await.unwrap_err();
    assert!(matches!(&failed, EngineError::Sample(why) if why.contains("made to fail")), "{failed}");
    fail::remove("mistral-step");
    assert!(engine.alive());
    assert_eq!(before, draw(&engine, asked.clone()).await.unwrap());
    let again = primed.load(Ordering::Acquire);
    assert_eq!(again, 2 * one_priming, "the failed pass emptied the cache, so the prompt is primed again");
    assert_eq!(before, draw(&engine, asked).await.unwrap());
    assert_eq!(primed.load(Ordering::Acquire), again, "a known prompt is primed once");
    fail::remove("mistral-prime");
}

async fn a_panic_costs_the_engine_and_not_the_process() {
    let engine = MistralEngine::load(&config()).await.unwrap();
    fail::cfg("mistral-step", "3*off->1*panic(made to fail)->off").unwrap();
    let failed = draw(&engine, ask("Hello", 0)).await.unwrap_err();
    assert!(matches!(failed, EngineError::Dead(_)), "{failed}");
    assert!(!engine.alive());
    assert!(matches!(engine.sample(ask("Hello", 0)).await.map(|_| ()), Err(EngineError::Dead(_))));
    fail::remove("mistral-step");
    let rebuilt = MistralEngine::load(&config()).await.unwrap();
    draw(&rebuilt, ask("Hello", 0)).await.unwrap();
}
