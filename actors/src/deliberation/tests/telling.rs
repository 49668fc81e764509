//! What a reader is told of a deliberation, and when.

use std::collections::BTreeMap;

use forethought_engine::scripted::{FaultKind, ScriptedAnswer, ScriptedFault};

use super::*;

fn script(texts: &[&str]) -> Script {
    let answers = texts.iter().map(|text| ScriptedAnswer { text: (*text).to_owned(), odds: 1.0 }).collect();
    Script { answers, parallel: 512, ..Script::default() }
}

/// A streamed request for so many samples.
fn streamed(strategy: StrategyName, samples: u32) -> Job {
    Job {
        strategy,
        budget: Budget { max_samples: samples, total_tokens: samples * 50, sample_tokens: 50, deadline_ms: 20_000 },
        params: Params { samples: Some(samples), wave: samples, thrifty: false, ..Params::default() },
        stream_thinking: true,
        stream_text: true,
        ..job()
    }
}

async fn told(running: &mut Deliberation) -> Vec<Event> {
    let mut events = Vec::new();
    while let Some(event) = running.events.recv().await {
        events.push(event);
    }
    events
}

/// The texts that were told of each sample while it ran.
fn texts(events: &[Event]) -> BTreeMap<u32, String> {
    let mut texts = BTreeMap::<u32, String>::new();
    for event in events {
        if let Event::Text { index, text } = event {
            texts.entry(*index).or_default().push_str(text);
        }
    }
    texts
}

#[test]
fn a_decided_answer_is_read_before_it_is_durable_and_final_only_after() {
    actix_rt::System::new().block_on(async {
        let hall = Hall::open(Script { token_ms: 20, ..script(&["The answer is 42."]) }).await;
        let mut running = hall.start(streamed(StrategyName::SelfConsistency, 4)).await;
        hall.disk.fail_syncs(true);
        hall.disk.fail_truncates(true);
        let events = told(&mut running).await;
        let decided =
            events.iter().find_map(|event| if let Event::Decided(answers) = event { Some(answers) } else { None });
        assert_eq!(decided.unwrap()[0].text, "The answer is 42.");
        assert_eq!(texts(&events), BTreeMap::new(), "nobody knew which sample would be the answer");
        assert_eq!(running.end.await.unwrap().unwrap_err().code, "audit_unavailable");
        hall.kill.kill();
    });
}

#[test]
fn texts_are_shown_as_they_are_drawn_where_it_is_known_that_they_are_answers() {
    let check = |job: Job, shown: &[u32]| {
        actix_rt::System::new().block_on(async {
            let hall = Hall::open(Script { token_ms: 2, ..script(&["The answer is 42."]) }).await;
            let strategy = job.strategy;
            let mut running = hall.start(job).await;
            let texts = texts(&told(&mut running).await);
            let done = running.end.await.unwrap().unwrap();
            assert_eq!(texts.keys().copied().collect::<Vec<_>>(), shown, "{strategy}");
            for (index, text) in texts {
                assert_eq!(text, done.samples[index as usize].text, "{strategy}");
            }
        });
    };
    check(streamed(StrategyName::Single, 1), &[0]);
    check(Job { n: 3, ..streamed(StrategyName::Single, 3) }, &[0, 1, 2]);
    check(streamed(StrategyName::SelfConsistency, 1), &[0]);
    check(streamed(StrategyName::BestOfN, 1), &[0]);
    check(streamed(StrategyName::BestOfN, 2), &[]);
    check(streamed(StrategyName::BeamSearch, 1), &[]);
    check(Job { stream_text: false, ..streamed(StrategyName::Single, 1) }, &[]);
}

#[test]
fn a_reader_who_reads_nothing_misses_nothing_that_happens_once() {
    actix_rt::System::new().block_on(async {
        let hall = Hall::open(script(&["so so so so so so so so so so so so so so so The answer is 42."])).await;
        let mut running = hall.start(streamed(StrategyName::BestOfN, 300)).await;
        let done = (&mut running.end).await.unwrap().unwrap();
        let events = told(&mut running).await;
        let count = |of: fn(&Event) -> bool| events.iter().filter(|event| of(event)).count();
        assert_eq!(count(|event| matches!(event, Event::SampleStarted { .. })), 300);
        assert_eq!(count(|event| matches!(event, Event::SampleFinished { .. })), 300);
        assert_eq!(count(|event| matches!(event, Event::Decided(_))), 1);
        let votes = |event: &Event| {
            if let Event::Votes { tally, generated } = event { Some((tally.finished, *generated)) } else { None }
        };
        let generated: u32 = done.samples.iter().map(|sample| sample.tokens).sum();
        assert_eq!(events.iter().rev().find_map(votes), Some((300, generated)));
    });
}

#[test]
fn a_judgement_is_no_end_of_its_sample() {
    let check = |faults: Vec<ScriptedFault>, expect: &[&str]| {
        actix_rt::System::new().block_on(async {
            let hall = Hall::open(Script { faults, ..script(&["Score: 8"]) }).await;
            let judge = VerifierSpec::Judge { rubric: "It is short.".to_owned(), model: None, min: 0.5 };
            let job = Job { verifiers: vec![judge], kind: AnswerKind::Text, ..streamed(StrategyName::BestOfN, 1) };
            let mut running = hall.start(job).await;
            let name = |event: &Event| match event {
                Event::SampleStarted { .. } => Some("started".to_owned()),
                Event::SampleFinished { tokens, .. } => Some(format!("finished {tokens}")),
                Event::SampleFailed { .. } => Some("failed".to_owned()),
                Event::SampleJudged { tokens, failed, .. } => Some(format!("judged {tokens} {failed}")),
                Event::Votes { tally, .. } => Some(format!("votes {}", tally.finished)),
                _ => None,
            };
            let named: Vec<String> = told(&mut running).await.iter().filter_map(name).collect();
            assert_eq!(named, expect);
        });
    };
    check(vec![], &["started", "finished 2", "votes 0", "judged 2 false", "votes 1"]);
    let broken = ScriptedFault { call: Some(1), after_tokens: 1, kind: FaultKind::Error };
    check(vec![broken], &["started", "finished 2", "votes 0", "judged 1 true", "votes 1"]);
}
