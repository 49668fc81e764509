//! Runs in virtual time: searches whose model thinks, judges that think, and where every token is counted.

use std::sync::atomic::Ordering;

use forethought_engine::Channel;
use forethought_reasoning::{Finish, Markers, Outcome, Status, StopRule, ThinkingStyle};

use super::{
    overload::{meter, universe},
    player::{Ending, Player, Said},
    *,
};

const fn raw(words: &'static str) -> Said {
    (words, Channel::Raw, Ending::Stop)
}

/// What becomes of a job.
async fn run_with(player: &Arc<Player>, judge: Option<&Arc<Player>>, job: Job) -> (run::Ran, Vec<Event>) {
    let kill = KillSwitch::new();
    let model = player.desk(&kill).await;
    let judge = match judge {
        Some(judge) => Some(judge.desk(&kill).await),
        None => None,
    };
    let strategy = plan(&job).unwrap();
    let deadline = Instant::now() + Duration::from_millis(job.budget.deadline_ms);
    let (events, mut seen) = mpsc::channel(1024);
    let engines = Engines { model, judge, tools: None };
    let run = Run::new(Arc::new(job), strategy, engines, meter(), events, kill.clone(), deadline);
    let mut ran = run.finish().await;
    ran.count_rest().await;
    kill.kill();
    let mut told = Vec::new();
    while let Ok(event) = seen.try_recv() {
        told.push(event);
    }
    (ran, told)
}

async fn run_job(player: &Arc<Player>, job: Job) -> run::Ran {
    run_with(player, None, job).await.0
}

fn thoughts(tokens: u32, opened: bool) -> Thinking {
    let style = ThinkingStyle { closing: " </think> So ".to_owned(), ..ThinkingStyle::new(Markers::default()) };
    Thinking { style: Arc::new(style), opened, tokens: Some(tokens), min_tokens: 0, extensions: 0, reserve: 10 }
}

fn beams(samples: u32) -> Job {
    Job {
        strategy: StrategyName::BeamSearch,
        budget: Budget { max_samples: samples, total_tokens: 60 * samples, sample_tokens: 60, deadline_ms: 5_000 },
        params: Params { samples: Some(samples), width: 2, wave: 8, step_tokens: 8, ..Params::default() },
        verifiers: vec![VerifierSpec::Arithmetic {}],
        ..job()
    }
}

/// (tokens, thinking, lost, judge) of a sample; what is left is the answer's.
fn counts(sample: &SampleReport) -> (u32, u32, u32, u32) {
    let SampleReport { tokens, thinking_tokens, lost_tokens, judge_tokens, .. } = *sample;
    assert!(tokens >= thinking_tokens + lost_tokens + judge_tokens, "{sample:?}");
    (tokens, thinking_tokens, lost_tokens, judge_tokens)
}

#[test]
fn a_search_keeps_to_the_cap_of_its_thoughts_and_answers() {
    universe(async {
        // It would think for ever: each step says the same again.
        let player = Arc::new(Player::new(|_, _| raw("one two three four five six seven eight nine ten")));
        let ran = run_job(&player, Job { thinking: Some(thoughts(11, true)), ..beams(4) }).await;
        for sample in &ran.samples {
            let (tokens, thought, ..) = counts(sample);
            assert!(tokens <= 60 && thought == 11, "{sample:?}");
            assert!(sample.text.starts_with("So one"), "{sample:?}");
        }
        assert_eq!(ran.verdict.status, Status::Unextracted);
        // Without thoughts.
        let player = Arc::new(Player::new(|_, _| raw("It is 4.\n\n")));
        let ran = run_job(&player, Job { thinking: Some(thoughts(0, false)), ..beams(2) }).await;
        let begun = |request: &forethought_engine::SampleRequest| match &request.prompt {
            Prompt::Raw(text) => text.clone(),
            other => panic!("{other:?}"),
        };
        assert!(player.requests().iter().all(|request| begun(request).contains("?<think>\n\n</think>\n\n")));
        assert!(
            ran.samples.iter().all(|sample| counts(sample).1 == 0 && sample.thinking.is_empty()),
            "{:?}",
            ran.samples
        );
    });
}

#[test]
fn thoughts_of_all_steps_are_counted() {
    universe(async {
        let player = Arc::new(Player::new(|_, request| match &request.prompt {
            Prompt::Raw(text) if text.contains("</think>") => raw("It is 4."),
            Prompt::Raw(text) if text.contains("two") => raw("three </think> 2 + 2 = 4 \n\n"),
            _ => raw("one two\n\n"),
        }));
        let ran = run_job(&player, Job { thinking: Some(thoughts(30, true)), ..beams(2) }).await;
        for sample in &ran.samples {
            // Two of the first step, two of the second, of which six more are the answer's.
            assert_eq!(counts(sample), (13, 4, 0, 0), "{sample:?}");
            assert_eq!((sample.thinking.as_str(), sample.finish), ("one two\n\nthree", Some(Finish::Stop)));
        }
        assert_eq!(ran.verdict.answer.unwrap().canonical, "4");
    });
}

#[test]
fn the_requests_stops_end_a_search_and_not_its_thoughts() {
    universe(async {
        let player = Arc::new(Player::new(|_, _| raw("END of it </think> It is 4 END and 5")));
        let job = Job { thinking: Some(thoughts(30, true)), stop: vec!["END".to_owned()], ..beams(1) };
        let budget = Budget { sample_tokens: 40, ..job.budget };
        let params = Params { step_tokens: 20, ..job.params };
        let ran = run_job(&player, Job { budget, params, ..job }).await;
        let sample = &ran.samples[0];
        assert_eq!((sample.thinking.as_str(), sample.text.as_str()), ("END of it", "It is 4 "));
        assert_eq!((sample.finish, sample.answer.as_deref()), (Some(Finish::Stop), Some("4")));
    });
}

#[test]
fn a_search_that_time_ends_gives_whole_steps_and_says_that_it_was_cut() {
    universe(async {
        let player = Arc::new(Player::new(|_, request| match &request.prompt {
            Prompt::Raw(text) if text.contains("= 4") => ("2 + 3 = 9 and", Channel::Raw, Ending::Hang),
            _ => raw("2 + 2 = 4\n\n"),
        }));
        let job = beams(2);
        let budget = Budget { deadline_ms: 100, ..job.budget };
        let ran = run_job(&player, Job { budget, ..job }).await;
        assert_eq!((ran.verdict.stop, ran.verdict.answer.unwrap().canonical.as_str()), (StopRule::Deadline, "4"));
        for sample in &ran.samples {
            assert_eq!((sample.text.as_str(), sample.answer.as_deref()), ("2 + 2 = 4", Some("4")), "{sample:?}");
            assert_eq!(sample.finish, Some(Finish::Length), "no end of its own");
            assert!(sample.raw.ends_with("2 + 3 = 9 and"), "what was drawn is kept: {sample:?}");
            assert_eq!(counts(sample), (11, 0, 0, 0));
        }
    });
}

#[test]
fn a_search_takes_no_schema_that_it_would_drop() {
    let schema = Some(Arc::new(serde_json::json!({ "type": "object" })));
    let refused = plan(&Job { schema, ..beams(2) }).err().unwrap();
    assert_eq!((refused.code, refused.kind.status()), ("unsupported_by_strategy", 400));
}

#[test]
fn first_steps_do_not_go_before_first_samples_of_others() {
    universe(async {
        let player = Arc::new(Player::new(|_, _| raw("It is 4.")).slots(1));
        let kill = KillSwitch::new();
        let desk = player.desk(&kill).await;
        let start = |name: &str, job: Job| {
            let job = Job { prompt: Prompt::Raw(name.to_owned()), ..job };
            let (strategy, events) = (plan(&job).unwrap(), mpsc::channel(1024).0);
            let engines = Engines { model: desk.clone(), judge: None, tools: None };
            let deadline = Instant::now() + Duration::from_secs(5);
            Run::new(Arc::new(job), strategy, engines, meter(), events, kill.clone(), deadline).finish()
        };
        let search = tokio::spawn(start("search", beams(4)));
        tokio::time::sleep(Duration::from_millis(1)).await;
        start("other", Job { budget: Budget { total_tokens: 50, ..job().budget }, ..job() }).await;
        search.await.unwrap();
        let names: Vec<Prompt> = player.requests().into_iter().map(|request| request.prompt).take(2).collect();
        assert_eq!(names, [Prompt::Raw("search".to_owned()), Prompt::Raw("other".to_owned())]);
        kill.kill();
    });
}

#[test]
fn every_token_is_thought_answer_lost_or_a_judges() {
    universe(async {
        let thinking = |deadline_ms| Job {
            thinking: Some(thoughts(20, true)),
            budget: Budget { max_samples: 1, total_tokens: 50, sample_tokens: 50, deadline_ms },
            ..job()
        };
        // The first try thinks and breaks off, the second is cut by the deadline.
        let player = Arc::new(Player::new(|call, _| {
            let ending = if call == 0 { Ending::Break } else { Ending::Hang };
            (if call == 0 { "a b c" } else { "a b" }, Channel::Raw, ending)
        }));
        let ran = run_job(&player, thinking(100)).await;
        assert_eq!(counts(&ran.samples[0]), (5, 2, 3, 0));
        // No try comes to its end.
        let player =
            Arc::new(Player::new(|call, _| (if call == 0 { "a b c" } else { "a b" }, Channel::Raw, Ending::Break)));
        let ran = run_job(&player, thinking(1000)).await;
        assert_eq!((ran.samples[0].state, counts(&ran.samples[0])), (SampleState::Failed, (5, 0, 5, 0)));
        // The second one does.
        let player = Arc::new(Player::new(|call, _| {
            if call == 0 { ("a b", Channel::Raw, Ending::Break) } else { raw("a b c </think> It is 4") }
        }));
        let ran = run_job(&player, thinking(1000)).await;
        assert_eq!(counts(&ran.samples[0]), (9, 4, 2, 0));
        // A search: what its first try of a step said is lost, what the steps before thought is not.
        let player = Arc::new(Player::new(|call, _| match call {
            0 => raw("a b\n\n"),
            1 => ("c d e", Channel::Raw, Ending::Break),
            _ => raw("c </think> It is 4"),
        }));
        let ran = run_job(&player, Job { thinking: Some(thoughts(20, true)), ..beams(1) }).await;
        assert_eq!(counts(&ran.samples[0]), (2 + 3 + 5, 2 + 2, 3, 0));
    });
}

#[test]
fn a_judge_that_thinks_judges_all_the_same() {
    universe(async {
        let judged = async |judge: Player| {
            let player = Arc::new(Player::new(|_, _| raw("It is 4")));
            let judge = Arc::new(judge);
            let verifiers = vec![VerifierSpec::Judge { rubric: "It is right.".into(), model: None, min: 0.5 }];
            let (ran, _) = run_with(&player, Some(&judge), Job { verifiers, ..job() }).await;
            let (tokens, .., judge_tokens) = counts(&ran.samples[0]);
            assert_eq!(tokens - judge_tokens, 3);
            let prompt = judge.requests()[0].prompt.clone();
            let begun = if let Prompt::Begun { begun, .. } = prompt { begun } else { String::new() };
            (begun, ran.verdict.checks[0].verification.outcome, judge_tokens)
        };
        let expect = |begun: &str, outcome, tokens| (begun.to_owned(), outcome, tokens);
        let judge = Player::new(|_, _| raw("Score: 8")).thinker("", true);
        assert_eq!(judged(judge).await, expect("<think>\n\n</think>\n\n", Outcome::Passed, 2));
        let judge = Player::new(|_, _| raw("Score: 2")).thinker("<think>\n", true);
        assert_eq!(judged(judge).await, expect("\n</think>\n\n", Outcome::Refuted, 2));
        // Where the engine cannot go on, only what stands behind the thought counts.
        let judge = Player::new(|_, _| raw("<think> Score: 2 </think> Score: 9")).thinker("", false);
        assert_eq!(judged(judge).await, expect("", Outcome::Passed, 6));
        let judge = Player::new(|_, _| ("Score: 2", Channel::Thinking, Ending::Stop)).thinker("", false);
        assert_eq!(judged(judge).await, expect("", Outcome::Broken, 2));
        let judge = Player::new(|_, _| raw("let me score this from 0 to 10")).thinker("", false);
        assert_eq!(judged(judge).await, expect("", Outcome::Broken, 8));
    });
}

/// A vote of four of which three agree at once and the fourth goes on.
fn vote() -> Job {
    Job {
        strategy: StrategyName::SelfConsistency,
        budget: Budget { max_samples: 4, total_tokens: 2000, sample_tokens: 500, deadline_ms: 20_000 },
        params: Params { samples: Some(4), wave: 4, thrifty: false, beta_threshold: None, ..Params::default() },
        ..job()
    }
}

const LONG: &str =
    "so so so so so so so so so so so so so so so so so so so so so so so so so so so so so so so so so so so so";

#[test]
fn what_is_drawn_after_a_decision_is_counted() {
    universe(async {
        for deaf in 0..3 {
            let player = Arc::new(Player::new(|call, _| raw(if call < 3 { "It is 4" } else { LONG })).deaf(deaf));
            let (ran, told) = run_with(&player, None, vote()).await;
            assert_eq!((ran.verdict.stop, ran.samples[3].state), (StopRule::Decided, SampleState::Cancelled));
            let at_decision = told.iter().find_map(|event| match event {
                Event::SampleCancelled { tokens, .. } => Some(*tokens),
                _ => None,
            });
            let late = ran.samples[3].tokens - at_decision.unwrap();
            assert!(late <= deaf + 2, "{late} tokens after the decision, of an engine that is deaf for {deaf}");
            let counted: u32 = ran.samples.iter().map(|sample| sample.tokens).sum();
            tokio::time::sleep(Duration::from_secs(1)).await;
            assert_eq!(counted, player.drawn.load(Ordering::Acquire), "not one is left out");
        }
    });
}

#[test]
fn an_engine_that_does_not_hear_holds_up_no_answer() {
    universe(async {
        let player = Arc::new(Player::new(|call, _| match call {
            0..3 => raw("It is 4"),
            _ => ("so so so so", Channel::Raw, Ending::Hang),
        }));
        let begun = Instant::now();
        run_job(&player, vote()).await;
        assert!(begun.elapsed() < Duration::from_millis(3 + 10 + 5), "{:?}", begun.elapsed());
        let player = Arc::new(Player::new(|call, _| raw(if call < 3 { "It is 4" } else { LONG })).deaf(500));
        let begun = Instant::now();
        run_job(&player, vote()).await;
        assert!(begun.elapsed() < Duration::from_millis(3 + 10 + 5), "{:?}", begun.elapsed());
    });
}
