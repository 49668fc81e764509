//! How each strategy behaves, over an engine that is told what each sample says.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests may panic")]

#[path = "helpers/house.rs"]
mod house;
#[path = "helpers/teller.rs"]
mod teller;

use std::{sync::Arc, time::Duration};

use forethought_actors::{Deliberated, Job, SampleState};
use forethought_engine::{Message, Prompt, Role};
use forethought_reasoning::{AnswerKind, Finish, Order, Outcome, Params, StopRule, VerifierSpec};
use forethought_schemas::{Budget, StrategyName};
use house::{BUDGET, in_house};
use teller::{Asked, Line, Teller, say, texts};

const HOLDS: &str = "2 + 3 = 5";
const WRONG: &str = "2 + 3 = 6";

/// Asks once, in a house of its own.
fn ask(teller: &Arc<Teller>, change: impl FnOnce(&mut Job) + Send + 'static) -> Deliberated {
    let (sender, receiver) = std::sync::mpsc::channel();
    let statuses = in_house(teller.build(), |house| async move {
        let done = house.ask(|job| {
            job.prompt = Prompt::Messages(vec![Message::new(Role::User, "How much is it?")].into());
            change(job);
        });
        sender.send(done.await.unwrap()).unwrap();
        house
    });
    assert_eq!(statuses, ["answered"]);
    let done = receiver.recv().unwrap();
    let spent = done.spent.tokens_counted + done.spent.tokens_cancelled;
    assert!(spent <= BUDGET.total_tokens, "{spent} tokens were spent");
    done
}

fn arithmetic() -> Vec<VerifierSpec> {
    vec![VerifierSpec::Arithmetic {}]
}

/// Samples of a strategy, one wave.
fn params(samples: u32) -> Params {
    Params { samples: Some(samples), wave: samples, thrifty: false, ..Params::default() }
}

fn canonical(done: &Deliberated) -> &str {
    &done.verdict.answer.as_ref().unwrap().canonical
}

fn samples(indices: std::ops::Range<u32>) -> Vec<Asked> {
    indices.map(Asked::Sample).collect()
}

#[test]
fn best_of_n_draws_all_and_takes_what_is_verified() {
    let teller = Teller::new(texts(&[WRONG, "It is 7", HOLDS, "2 + 2 = 5"]));
    let done = ask(&teller, |job| {
        (job.strategy, job.verifiers, job.params) = (StrategyName::BestOfN, arithmetic(), params(4));
    });
    assert_eq!(
        (done.verdict.stop, done.verdict.chosen.as_slice(), canonical(&done)),
        (StopRule::AllDone, &[2][..], "5")
    );
    assert_eq!(teller.asked(), samples(0..4));
    assert!(done.samples.iter().all(|sample| sample.state == SampleState::Finished));
    let outcomes: Vec<Outcome> = done.verdict.checks.iter().map(|check| check.verification.outcome).collect();
    assert_eq!(outcomes, [Outcome::Refuted, Outcome::Unchecked, Outcome::Passed, Outcome::Refuted]);
}

#[test]
fn best_of_n_without_verifiers_takes_the_likeliest() {
    let teller =
        Teller::new(|asked| Line { sure: if asked == Asked::Sample(1) { 9.0 } else { 1.0 }, ..say("It is 7") });
    let done = ask(&teller, |job| (job.strategy, job.params) = (StrategyName::BestOfN, params(3)));
    assert_eq!(done.verdict.chosen, [1]);
}

#[test]
fn weighted_best_of_n_sums_the_scores_of_one_answer() {
    let teller = Teller::new(texts(&[HOLDS, "It is 4", "It is 4", "It is 4", "It is 4"]));
    let weighted = |weighted| {
        ask(&teller, move |job| {
            (job.strategy, job.verifiers) = (StrategyName::BestOfN, arithmetic());
            job.params = Params { weighted, ..params(5) };
        })
    };
    assert_eq!(canonical(&weighted(false)), "5");
    let done = weighted(true);
    assert_eq!((canonical(&done), done.verdict.votes[0].weight), ("4", 4 * 333));
}

#[test]
fn a_vote_of_the_beta_rule_draws_four_that_agree_and_no_more() {
    let teller = Teller::new(texts(&["It is 5"; 12]));
    let done = ask(&teller, |job| {
        // Of eight, four that agree would be decided.
        job.budget = Budget { max_samples: 12, ..BUDGET };
        job.params = Params { samples: Some(12), ..Params::default() };
    });
    assert_eq!((done.verdict.stop, canonical(&done), teller.asked()), (StopRule::Beta, "5", samples(0..4)));
}

#[test]
fn a_vote_of_windows_stops_at_the_first_that_agrees() {
    let teller =
        Teller::new(texts(&["It is 5", "It is 6", "It is 5", "It is 7", "It is 7", "It is 7", "It is 5", "It is 5"]));
    let done = ask(&teller, |job| {
        job.params = Params { wave: 3, esc_window: Some(3), beta_threshold: None, ..params(8) };
    });
    assert_eq!((done.verdict.stop, canonical(&done)), (StopRule::Esc, "7"));
    assert_eq!(done.verdict.counted, [0, 1, 2, 3, 4, 5]);
}

/// What is in flight when a vote is decided stops within two tokens, and is paid for.
#[test]
fn a_vote_that_is_decided_cancels_the_rest() {
    let slow = "so ".repeat(49);
    let teller = Teller::new(move |asked| match asked {
        Asked::Sample(3..) => Line { token_ms: 20, ..say(&slow) },
        _ => Line { token_ms: 20, ..say("It is 5") },
    });
    let done = ask(&teller, |job| job.params = Params { beta_threshold: None, ..params(5) });
    assert_eq!((done.verdict.stop, done.verdict.counted.as_slice()), (StopRule::Decided, &[0, 1, 2][..]));
    let cancelled: Vec<u32> =
        done.samples.iter().filter(|s| s.state == SampleState::Cancelled).map(|sample| sample.tokens).collect();
    assert_eq!(cancelled.len(), 2);
    // They ran beside three answers of three tokens.
    assert!(cancelled.iter().all(|tokens| *tokens <= 3 + 2), "{cancelled:?}");
    assert_eq!(done.spent.tokens_cancelled, cancelled.iter().sum::<u32>());
    let generated = teller.generated();
    assert!(generated <= 3 * 3 + 2 * (3 + 2), "{generated} tokens were generated");
    std::thread::sleep(Duration::from_millis(100));
    assert_eq!(teller.generated(), generated, "nothing is generated after the end");
}

/// One that rambles holds a vote up in the order drawn, and not with the shortest first.
#[test]
fn who_rambles_is_cut_and_not_waited_for() {
    let rambles = format!("{}It is 6", "so ".repeat(40));
    let teller = Teller::new(move |asked| match asked {
        Asked::Sample(0) => Line { token_ms: 20, ..say(&rambles) },
        _ => Line { token_ms: 20, ..say("It is 5") },
    });
    let vote = |order| {
        ask(&teller, move |job| {
            job.budget = Budget { max_samples: 12, ..BUDGET };
            job.params = Params { samples: Some(12), order, wave: 8, ..Params::default() };
        })
    };
    let (drawn, shortest) = (vote(Order::Drawn), vote(Order::Shortest));
    assert_eq!((drawn.verdict.stop, canonical(&drawn), drawn.verdict.counted[0]), (StopRule::Beta, "5", 0));
    assert_eq!((shortest.verdict.stop, canonical(&shortest)), (StopRule::Beta, "5"));
    assert_eq!((shortest.verdict.votes.len(), shortest.verdict.counted.contains(&0)), (1, false));
    assert_eq!((shortest.samples[0].state, drawn.samples[0].state), (SampleState::Cancelled, SampleState::Finished));
    assert!(shortest.samples[0].tokens < 20, "it was cut: {} tokens", shortest.samples[0].tokens);
    assert!(shortest.wall_ms * 2 < drawn.wall_ms, "{} and {} ms", shortest.wall_ms, drawn.wall_ms);
}

#[test]
fn a_vote_for_several_answers_goes_on_until_they_are_there() {
    let teller =
        Teller::new(texts(&["It is 5", "It is 5", "It is 5", "It is 5", "It is 5", "It is 6", "It is 5", "It is 5"]));
    let done = ask(&teller, |job| {
        (job.n, job.params) = (2, Params { wave: 1, ..params(8) });
    });
    assert_eq!((done.verdict.chosen.as_slice(), done.verdict.counted.len()), (&[0, 5][..], 6));
}

#[test]
fn a_confidence_vote_cuts_a_weak_trace_which_does_not_vote() {
    let teller = Teller::new(|asked| match asked {
        Asked::Sample(2) => Line { sure: 0.5, token_ms: 5, ..say(&"so ".repeat(40)) },
        Asked::Sample(index) => Line { sure: [4.0, 5.0, 0.5, 7.0][index as usize], ..say("So it is 5") },
        other => panic!("{other:?}"),
    });
    let done = ask(&teller, |job| {
        job.strategy = StrategyName::ConfidenceVote;
        job.params = Params { warm_up: Some(2), window: 2, keep_percent: 100, consensus: None, ..params(4) };
    });
    let weak = &done.samples[2];
    assert_eq!((weak.finish, canonical(&done)), (Some(Finish::Weak), "5"));
    assert!(weak.tokens <= 2 + 2, "it was cut at its first window: {} tokens", weak.tokens);
    assert_eq!((done.verdict.votes.len(), done.verdict.votes[0].weight), (1, 4000 + 5000 + 7000));
}

#[test]
fn self_correct_tells_the_model_what_was_found() {
    let teller = Teller::new(texts(&[WRONG, HOLDS, "It is 9"]));
    let done = ask(&teller, |job| (job.strategy, job.verifiers) = (StrategyName::SelfCorrect, arithmetic()));
    assert_eq!((done.verdict.stop, done.verdict.chosen.as_slice()), (StopRule::Verified, &[1][..]));
    assert_eq!(teller.asked(), samples(0..2));
    assert!(!teller.prompt(Asked::Sample(0)).contains("wrong"));
    let second = teller.prompt(Asked::Sample(1));
    assert!(second.starts_with(&format!("How much is it?\n---\n{WRONG}\n---\n")), "{second}");
    assert!(second.contains("`2 + 3 = 6` is wrong: the left side is 5"), "{second}");
}

#[test]
fn self_correct_returns_the_best_draft_and_not_the_last() {
    let teller = Teller::new(texts(&[WRONG, "It is 5", "2 + 3 = 7, so 1 + 1 = 3"]));
    let done = ask(&teller, |job| {
        (job.strategy, job.verifiers) = (StrategyName::SelfCorrect, arithmetic());
        job.params = Params { rounds: Some(3), ..Params::default() };
    });
    assert_eq!((done.verdict.stop, done.verdict.chosen.as_slice()), (StopRule::AllDone, &[1][..]));
    assert!(teller.prompt(Asked::Sample(2)).contains("It is 5\n---\n"), "the best draft is mended");
}

#[test]
fn a_judge_chooses_and_one_that_breaks_is_told() {
    let teller = Teller::new(|asked| match asked {
        Asked::Sample(index) => say(&format!("It is {index}")),
        Asked::Judge(1) => say("Score: 9"),
        Asked::Judge(2) => say("I like it"),
        _ => say("Score: 2"),
    });
    let done = ask(&teller, |job| {
        let judge = VerifierSpec::Judge { rubric: "It is one.".into(), model: None, min: 0.5 };
        (job.strategy, job.verifiers, job.params) = (StrategyName::BestOfN, vec![judge], params(3));
    });
    let outcomes: Vec<Outcome> = done.verdict.checks.iter().map(|check| check.verification.outcome).collect();
    assert_eq!(
        (canonical(&done), outcomes.as_slice()),
        ("1", &[Outcome::Refuted, Outcome::Passed, Outcome::Broken][..])
    );
    let asked = teller.prompt(Asked::Judge(1));
    assert!(asked.contains("It is one.") && asked.contains("It is 1"), "{asked}");
    assert!(done.samples.iter().all(|sample| sample.judge_tokens > 0));
}

/// What the second steps go on from, when the first ones of four beams are these.
fn second_steps(diverse: bool) -> Vec<String> {
    const FIRST: [&str; 4] = ["2 + 2 = 4\n\nand", "3 + 3 = 6\n\nand", "so\n\nand", "1 + 1 = 3\n\nand"];
    let teller = Teller::new(|asked| match asked {
        Asked::Step(index, 0) => say(FIRST[index as usize]),
        Asked::Step(index, _) => say(&format!("The answer is {index}")),
        other => panic!("{other:?}"),
    });
    let done = ask(&teller, move |job| {
        (job.strategy, job.verifiers) = (StrategyName::BeamSearch, arithmetic());
        job.params = Params { width: 2, step_tokens: 20, diverse, ..params(4) };
    });
    assert_eq!((done.verdict.stop, done.verdict.counted.len()), (StopRule::AllDone, 4));
    let begun = |index| teller.prompt(Asked::Step(index, 1)).rsplit("\n---\n").next().unwrap().to_owned();
    (0..4).map(begun).collect()
}

#[test]
fn beam_search_goes_on_from_the_best_steps() {
    let [two, three, so] = ["2 + 2 = 4\n\n", "3 + 3 = 6\n\n", "so\n\n"].map(str::to_owned);
    let global = second_steps(false);
    assert_eq!(global, [two.clone(), two.clone(), three.clone(), three]);
    assert_eq!(second_steps(true), [two.clone(), two, so.clone(), so], "each subtree keeps its own best");
}

#[test]
fn auto_votes_where_answers_can_be_compared_and_mends_texts() {
    let teller = Teller::new(texts(&[HOLDS; 8]));
    let done = ask(&teller, |job| {
        (job.strategy, job.verifiers) = (StrategyName::Auto, arithmetic());
        job.params = Params { samples: Some(8), ..Params::default() };
    });
    assert_eq!((done.verdict.stop, teller.asked()), (StopRule::Beta, samples(0..2)), "two sound ones are enough");
    let teller = Teller::new(texts(&["ALL IS WELL", "all is well"]));
    let done = ask(&teller, |job| {
        (job.strategy, job.kind) = (StrategyName::Auto, AnswerKind::Text);
        job.verifiers = vec![VerifierSpec::Regex { pattern: "^[a-z ]+$".into() }];
    });
    assert_eq!((done.verdict.stop, done.verdict.chosen.as_slice()), (StopRule::Verified, &[1][..]));
    assert!(teller.prompt(Asked::Sample(1)).contains("does not match"));
}

#[test]
fn auto_mends_where_all_is_refuted_if_it_is_asked_to() {
    let teller = Teller::new(|asked| match asked {
        Asked::Sample(0..=3) => say(WRONG),
        _ => say(HOLDS),
    });
    let done = ask(&teller, |job| {
        (job.strategy, job.verifiers) = (StrategyName::Auto, arithmetic());
        job.params = Params { corrects: true, samples: Some(8), ..Params::default() };
    });
    assert_eq!((done.verdict.stop, canonical(&done)), (StopRule::Beta, "5"));
    assert_eq!(teller.prompt(Asked::Sample(4)), "How much is it?", "half of them are fresh");
    assert!(teller.prompt(Asked::Sample(5)).contains("is wrong"), "the other half mends");
}

#[test]
fn a_deadline_gives_the_best_so_far() {
    let slow = || Line { token_ms: 10_000, ..say("It is 9") };
    let teller = Teller::new(move |asked| if asked == Asked::Sample(0) { slow() } else { say(HOLDS) });
    let short = |job: &mut Job| job.budget = Budget { deadline_ms: 500, ..BUDGET };
    let done = ask(&teller, move |job| {
        (job.verifiers, job.params) = (arithmetic(), params(3));
        short(job);
    });
    assert_eq!(
        (done.verdict.stop, done.verdict.counted.as_slice(), canonical(&done)),
        (StopRule::Deadline, &[1, 2][..], "5")
    );
    assert_eq!(done.samples[0].state, SampleState::Cancelled);
    let teller = Teller::new(move |asked| if asked == Asked::Sample(0) { say(WRONG) } else { slow() });
    let done = ask(&teller, move |job| {
        (job.strategy, job.verifiers) = (StrategyName::SelfCorrect, arithmetic());
        short(job);
    });
    assert_eq!(
        (done.verdict.stop, canonical(&done)),
        (StopRule::Deadline, "6"),
        "a draft that is wrong, and nothing better"
    );
    assert!(done.verdict.warnings.concat().contains("refuted"), "{:?}", done.verdict.warnings);
}

#[test]
fn single_is_the_first_sample_and_nothing_else() {
    let teller = Teller::new(texts(&["It is 5"]));
    let done = ask(&teller, |job| job.strategy = StrategyName::Single);
    assert_eq!((done.verdict.stop, canonical(&done), teller.asked()), (StopRule::AllDone, "5", samples(0..1)));
}
