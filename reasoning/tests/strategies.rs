//! The strategies, step by step, and the numbers of the stopping rules.

#![expect(clippy::unwrap_used, reason = "the helpers of tests may panic")]

use forethought_reasoning::{
    Action, AnswerKind, Ask, Finish, Observation, Params, PlanError, SampleResult, Status, StopRule, Strategy,
    StrategyError, Verdict, beta_confidence, sample_seed, strategy,
};
use forethought_schemas::{Budget, StrategyName};

const BUDGET: Budget = Budget { max_samples: 40, total_tokens: 4000, sample_tokens: 100, deadline_ms: 1 };

fn build(name: StrategyName, n: u32, samples: Option<u32>) -> Box<dyn Strategy> {
    let params = Params { samples, ..Params::default() };
    strategy(name, BUDGET, 7, n, AnswerKind::Number, params).unwrap()
}

fn result(index: u32, text: &str, mean_logprob: Option<f64>) -> Observation {
    Observation::Sample(SampleResult {
        calls: None,
        index,
        thinking: String::new(),
        text: text.to_owned(),
        finish: Finish::Stop,
        tokens: 5,
        mean_logprob,
        confidence: None,
    })
}

fn failed(index: u32, retryable: bool, tokens: u32) -> Observation {
    Observation::Failed { index, retryable, tokens, reason: format!("engine lost {index}") }
}

fn verdict(actions: &[Action]) -> Option<&Verdict> {
    actions.iter().find_map(|action| if let Action::Finish(verdict) = action { Some(verdict) } else { None })
}

/// Feeds texts with their confidences to samples 0, 1, 2 … until the strategy is finished.
fn play(mut strategy: Box<dyn Strategy>, texts: &[(&str, f64)]) -> Option<Verdict> {
    let mut actions = strategy.next(Observation::Start);
    for (index, (text, confidence)) in (0..).zip(texts) {
        if verdict(&actions).is_some() {
            break;
        }
        actions = strategy.next(result(index, text, Some(*confidence)));
    }
    verdict(&actions).cloned()
}

#[test]
fn the_beta_rule_has_the_published_numbers() {
    let check = |a, b, expect: f64| {
        let value = beta_confidence(a, b);
        assert!((value - expect).abs() < 1e-12, "{a} {b}: {value}");
    };
    check(0, 0, 0.5);
    check(1, 0, 0.75);
    check(3, 0, 0.9375);
    check(4, 0, 0.96875);
    check(5, 1, 0.9375);
    check(6, 1, 0.964_843_75);
    check(500, 500, 0.5);
    check(1_000, 0, 1.0);
    check(100_000, 100_000, 0.5);
    assert!(beta_confidence(520, 480) > beta_confidence(510, 490));
}

/// The probability that more than half of an endless vote says the leading answer, by Simpson's rule over the posterior
/// p^a (1-p)^b of a uniform prior: nothing of it is shared with the rule's own sum.
fn integrated_posterior(a: i32, b: i32) -> f64 {
    let density = |p: f64| p.powi(a) * (1.0 - p).powi(b);
    let half = |from: f64| {
        let steps = 1000;
        let at = |step: i32| density(from + 0.5 * f64::from(step) / f64::from(steps));
        let inner = (1..steps).map(|step| at(step) * if step % 2 == 1 { 4.0 } else { 2.0 });
        at(0) + inner.sum::<f64>() + at(steps)
    };
    half(0.5) / (half(0.0) + half(0.5))
}

#[test]
fn the_beta_rule_is_the_integrated_posterior() {
    for (a, b) in (1..=40_u32).flat_map(|a| (0..=a).map(move |b| (a, b))) {
        let integrated = integrated_posterior(a.cast_signed(), b.cast_signed());
        let value = beta_confidence(a, b);
        assert!((value - integrated).abs() < 1e-6, "{a} {b}: {value}, integrated {integrated}");
    }
    assert!(integrated_posterior(3, 0) < 0.95 && integrated_posterior(4, 0) >= 0.95, "four unanimous stop, not three");
}

#[test]
fn a_unanimous_vote_stops_at_four() {
    let texts = [("5", -1.0), ("The answer is 5.", -0.5), ("2 + 3 = 5", -0.7), ("5.0", -0.5), ("6", 0.0)];
    assert_eq!(play(build(StrategyName::SelfConsistency, 1, None), &texts[..3]), None);
    let verdict = play(build(StrategyName::SelfConsistency, 1, None), &texts).unwrap();
    assert_eq!((verdict.status, verdict.stop), (Status::Answered, StopRule::Beta));
    assert_eq!((verdict.counted, verdict.chosen), (vec![0, 1, 2, 3], vec![1]));
    assert_eq!(verdict.answer.unwrap().shown, "5");
}

#[test]
fn a_vote_goes_on_until_it_has_as_many_answers_as_were_asked_for() {
    let texts = [("5", -1.0), ("5", -2.0), ("5", -3.0), ("5", -4.0), ("5", -5.0), ("6", -6.0), ("5", -7.0), ("5", 0.0)];
    let vote = |n, texts: &[(&str, f64)]| play(build(StrategyName::SelfConsistency, n, Some(8)), texts).unwrap();
    assert_eq!(vote(1, &texts).counted.len(), 4);
    let two = vote(2, &texts);
    assert_eq!((two.stop, two.chosen, two.counted.len()), (StopRule::Decided, vec![0, 5], 6));
    let three = vote(3, &texts);
    assert_eq!((three.stop, three.chosen, three.counted.len()), (StopRule::AllDone, vec![7, 5, 0], 8));
    // While answers are missing, a wave is in flight and not one alone; with all there, again only who could decide.
    let mut vote = build(StrategyName::SelfConsistency, 2, Some(12));
    vote.next(Observation::Start);
    let begun: usize = (0..4).map(|index| vote.next(result(index, "5", None)).len()).sum();
    assert_eq!((begun, vote.snapshot().running), (4, 4));
    vote.next(result(4, "6", None));
    assert_eq!(vote.snapshot().running, 3);
}

#[test]
fn the_first_window_that_agrees_stops_a_vote() {
    let params = Params { beta_threshold: None, esc_window: Some(5), ..Params::default() };
    let vote = || strategy(StrategyName::SelfConsistency, BUDGET, 7, 1, AnswerKind::Number, params).unwrap();
    let told = |texts: &[&'static str]| texts.iter().map(|text| (*text, 0.0)).collect::<Vec<_>>();
    let verdict = play(vote(), &told(&["5", "5", "5", "5", "5", "6"])).unwrap();
    assert_eq!((verdict.stop, verdict.counted.len()), (StopRule::Esc, 5));
    // Five in a row, but over two windows.
    assert_eq!(play(vote(), &told(&["6", "5", "5", "5", "5", "5", "5", "5", "5"])), None);
    let verdict = play(vote(), &told(&["6", "5", "5", "5", "5", "5", "5", "5", "5", "5"])).unwrap();
    assert_eq!((verdict.stop, verdict.counted.len()), (StopRule::Esc, 10));
    assert_eq!(play(vote(), &told(&["none"; 5])), None, "samples without an answer agree on nothing");
}

#[test]
fn a_vote_that_is_decided_stops() {
    let texts = [("5", 0.0), ("none", 0.0), ("5", 0.0), ("6", 0.0), ("6", 0.0)];
    // After 5, none, 5 the two samples left can at most reach a tie, which the lower first index wins.
    let verdict = play(build(StrategyName::SelfConsistency, 1, Some(5)), &texts).unwrap();
    assert_eq!((verdict.stop, verdict.counted, verdict.without_answer), (StopRule::Decided, vec![0, 1, 2], 1));
}

#[test]
fn distinct_answers_come_best_first_and_others_fill_up() {
    let texts = [("1", -3.0), ("2", -2.0), ("2", -1.0), ("3", 0.0), ("none", 9.0)];
    let vote = play(build(StrategyName::SelfConsistency, 3, Some(5)), &texts).unwrap();
    assert_eq!((vote.chosen, vote.stop), (vec![2, 0, 3], StopRule::AllDone));
    let best = play(build(StrategyName::BestOfN, 4, Some(5)), &texts).unwrap();
    assert_eq!((best.chosen, best.answer.unwrap().canonical.as_str()), (vec![3, 2, 0, 1], "3"));
    let single = play(build(StrategyName::Single, 2, None), &texts).unwrap();
    assert_eq!((single.chosen, single.stop), (vec![0, 1], StopRule::AllDone));
}

#[test]
fn without_an_answer_the_best_text_is_given_and_said_so() {
    let verdict = play(build(StrategyName::BestOfN, 1, Some(3)), &[("", 0.0), ("hm", -2.0), ("well", -1.0)]).unwrap();
    assert_eq!((verdict.status, verdict.answer, verdict.chosen), (Status::Unextracted, None, vec![2]));
    assert_eq!(verdict.without_answer, 3);
}

#[test]
fn a_failed_sample_is_tried_once_more_within_its_share() {
    let mut single = build(StrategyName::Single, 1, None);
    let sample =
        |max_tokens| Action::Sample { index: 0, seed: sample_seed(7, 0), max_tokens, ask: Ask::Question, watch: None };
    assert_eq!(single.next(Observation::Start), vec![sample(100)]);
    assert_eq!(single.next(failed(0, true, 30)), vec![sample(70)]);
    let end = single.next(failed(0, true, 0));
    let verdict = verdict(&end).unwrap();
    assert_eq!(
        (verdict.status, verdict.failed, verdict.reasons.as_slice()),
        (Status::NoAnswer, 1, &["engine lost 0".to_owned()][..])
    );
    assert_eq!(single.next(failed(0, true, 0)), vec![]);
}

#[test]
fn the_wave_is_kept_full_and_cancelled_at_the_end() {
    let params = Params { thrifty: false, ..Params::default() };
    let mut vote = strategy(StrategyName::SelfConsistency, BUDGET, 1, 1, AnswerKind::Number, params).unwrap();
    assert_eq!(vote.next(Observation::Start).len(), 4);
    assert_eq!(vote.next(Observation::Start), vec![]);
    assert_eq!(vote.next(result(9, "5", None)), vec![], "not running");
    for index in [3, 1, 2] {
        assert_eq!(vote.next(result(index, "5", None)).len(), 1);
    }
    assert_eq!((vote.snapshot().running, vote.snapshot().finished), (4, 3));
    let end = vote.next(result(0, "5", None));
    assert_eq!(end[..3], [4, 5, 6].map(|index| Action::Cancel { index }));
    assert_eq!(verdict(&end).unwrap().stop, StopRule::Beta);
    assert_eq!(vote.next(Observation::ClientLeft), vec![]);
}

/// A thrifty vote never draws a sample that turns out not to be needed: with samples that end in their order it draws
/// those that a vote of one after the other draws, and it waits for fewer.
#[test]
fn a_thrifty_vote_draws_no_sample_in_vain() {
    let mut waits = (0, 0);
    for history in 0..2000_usize {
        let answer = |index: u32| ["5", "6", "7"][((history >> (index % 5)) ^ (index as usize * 7)) % 3];
        let play = |params: Params| {
            let mut vote = strategy(StrategyName::SelfConsistency, BUDGET, 1, 1, AnswerKind::Number, params).unwrap();
            let (mut running, mut begun, mut waited) = (std::collections::VecDeque::new(), 0_u32, 0_u32);
            let mut actions = vote.next(Observation::Start);
            loop {
                waited += u32::from(running.is_empty());
                for action in actions {
                    match action {
                        Action::Sample { index, .. } => running.push_back(index),
                        Action::Finish(verdict) => {
                            return (begun, verdict.answer.unwrap().canonical, running.len(), waited);
                        }
                        _ => {}
                    }
                }
                let index = running.pop_front().unwrap();
                begun += 1;
                actions = vote.next(result(index, answer(index), None));
            }
        };
        let one = play(Params { wave: 1, thrifty: false, ..Params::default() });
        let thrifty = play(Params::default());
        assert_eq!((&thrifty.0, &thrifty.1, thrifty.2), (&one.0, &one.1, 0), "history {history}");
        waits = (waits.0 + one.3, waits.1 + thrifty.3);
    }
    assert!(waits.1 * 2 < waits.0, "it waits less often: {waits:?}");
}

#[test]
fn a_deadline_returns_the_best_so_far() {
    let mut vote = build(StrategyName::SelfConsistency, 1, None);
    vote.next(Observation::Start);
    vote.next(result(2, "5", None));
    let end = vote.next(Observation::DeadlinePassed);
    let verdict = verdict(&end).unwrap();
    assert!(verdict.depends_on_timing());
    assert_eq!((end.len(), verdict.stop, verdict.counted.clone()), (4, StopRule::Deadline, vec![2]));
}

#[test]
fn a_sample_that_overspends_is_a_failure() {
    let mut single = build(StrategyName::Single, 1, None);
    single.next(Observation::Start);
    let Observation::Sample(sample) = result(0, "5", None) else { unreachable!() };
    let sample = SampleResult { tokens: 101, ..sample };
    let end = single.next(Observation::Sample(sample));
    assert_eq!(verdict(&end).unwrap().status, Status::NoAnswer);
}

/// A sample that is to think 80 tokens and to answer in 16 cannot do so with a share of 50.
#[test]
fn what_a_sample_must_have_is_never_cut() {
    let budget = Budget { max_samples: 8, total_tokens: 400, sample_tokens: 200, deadline_ms: 1 };
    let built = |name, params| strategy(name, budget, 7, 1, AnswerKind::Number, params);
    let least = Params { samples: Some(8), least_tokens: Some(96), wave: 8, thrifty: false, ..Params::default() };
    for (name, samples) in [(StrategyName::BestOfN, 4), (StrategyName::SelfConsistency, 4), (StrategyName::Single, 1)] {
        let mut strategy = built(name, least).unwrap();
        assert_eq!(strategy.snapshot().planned, samples, "{name}");
        let tokens = if samples == 4 { 100 } else { 200 };
        let begun = strategy.next(Observation::Start);
        assert!(
            matches!(begun[..], [Action::Sample { max_tokens, .. }, ..] if max_tokens == tokens),
            "{name}: {begun:?}"
        );
    }
    let refused = |params| built(StrategyName::BestOfN, params).err();
    let few = StrategyError::TooFewTokens { asked: 8, tokens: 400, fit: 4, least: 96 };
    assert_eq!(refused(Params { all_samples: true, ..least }), Some(few));
    let room = StrategyError::NoRoom { least: 201, tokens: 200 };
    assert_eq!(refused(Params { least_tokens: Some(201), ..least }), Some(room));
    assert_eq!(refused(Params { all_samples: true, least_tokens: None, ..least }), None);
}

#[test]
fn what_cannot_be_built_says_why() {
    let check = |budget, n, params, expect| {
        let built = strategy(StrategyName::BestOfN, budget, 0, n, AnswerKind::Text, params);
        assert_eq!(built.err(), Some(expect));
    };
    let params = Params::default();
    check(BUDGET, 41, params, StrategyError::TooMany { asked: 41, max: 40 });
    check(BUDGET, 1, Params { samples: Some(50), ..params }, StrategyError::TooMany { asked: 50, max: 40 });
    check(BUDGET, 0, params, StrategyError::Plan(PlanError::NoSamples));
    let wrong = |params: Params, told: &str| {
        let Err(error) = strategy(StrategyName::SelfConsistency, BUDGET, 1, 1, AnswerKind::Number, params) else {
            unreachable!("{told}")
        };
        assert!(error.to_string().starts_with(told), "{error}");
    };
    wrong(Params { esc_window: Some(1), ..params }, "esc_window is 1: set it to at least 2");
    wrong(Params { wave: 0, ..params }, "wave is 0");
    wrong(Params { beta_threshold: Some(0.5), ..params }, "beta_threshold is 0.5: set it above 0.5");
    wrong(Params { window: 0, ..params }, "window is 0");
    wrong(Params { keep_percent: 101, ..params }, "keep_percent is 101: set it to 1 to 100");
    wrong(Params { consensus: Some(0.4), ..params }, "consensus is 0.4");
    check(
        Budget { total_tokens: 40, ..BUDGET },
        5,
        params,
        StrategyError::TooFewTokens { asked: 5, tokens: 40, fit: 2, least: 16 },
    );
    check(Budget { total_tokens: 0, ..BUDGET }, 1, params, StrategyError::Plan(PlanError::NoTokens));
}
