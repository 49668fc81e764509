//! Votes that weigh more than others: verifiers, judges, and confidence.

#![expect(clippy::unwrap_used, reason = "the helpers of tests may panic")]

use forethought_reasoning::{
    Action, AnswerKind, Finish, Observation, Outcome, Params, SampleResult, Status, StopRule, Strategy, Verdict,
    VerifierSpec, Watch, strategy, strategy_verified,
};
use forethought_schemas::{Budget, StrategyName};
use serde_json::json;

const JSON: AnswerKind = AnswerKind::Json { pointer: None };

const BUDGET: Budget = Budget { max_samples: 40, total_tokens: 4000, sample_tokens: 100, deadline_ms: 1 };

fn arithmetic() -> Vec<VerifierSpec> {
    vec![VerifierSpec::Arithmetic {}]
}

fn judged() -> Vec<VerifierSpec> {
    vec![VerifierSpec::Judge { rubric: "It is right.".into(), model: None, min: 0.5 }]
}

fn build(name: StrategyName, specs: &[VerifierSpec], params: Params) -> Box<dyn Strategy> {
    let verifiers = VerifierSpec::build(specs, &AnswerKind::Number, "How much?").unwrap();
    strategy_verified(name, BUDGET, 7, 1, AnswerKind::Number, params, verifiers).unwrap()
}

fn samples(samples: u32) -> Params {
    Params { samples: Some(samples), ..Params::default() }
}

fn result(index: u32, text: &str, confidence: Option<f64>) -> Observation {
    Observation::Sample(SampleResult {
        calls: None,
        index,
        thinking: String::new(),
        text: text.to_owned(),
        finish: if text.is_empty() { Finish::Weak } else { Finish::Stop },
        tokens: 5,
        mean_logprob: Some(-f64::from(index)),
        confidence,
    })
}

fn verdict(actions: &[Action]) -> Option<Verdict> {
    actions.iter().find_map(|action| if let Action::Finish(verdict) = action { Some(verdict.clone()) } else { None })
}

/// Feeds texts to samples 0, 1, 2 … until the strategy is finished.
fn play(mut strategy: Box<dyn Strategy>, texts: &[&str]) -> Option<Verdict> {
    let mut actions = strategy.next(Observation::Start);
    for (index, text) in (0..).zip(texts) {
        if verdict(&actions).is_some() {
            break;
        }
        actions = strategy.next(result(index, text, None));
    }
    verdict(&actions)
}

/// As [`result()`], of a sample that reached its `max_tokens`.
fn cut(index: u32, text: &str) -> Observation {
    match result(index, text, None) {
        Observation::Sample(result) => Observation::Sample(SampleResult { finish: Finish::Length, ..result }),
        other => other,
    }
}

const HOLDS: &str = "2 + 3 = 5";
const WRONG: &str = "2 + 3 = 6";

#[test]
fn a_sound_sample_weighs_three_and_a_wrong_one_nothing() {
    let texts = [WRONG, WRONG, "6", HOLDS, "6"];
    let verdict = play(build(StrategyName::SelfConsistency, &arithmetic(), samples(5)), &texts).unwrap();
    assert_eq!(verdict.answer.as_ref().unwrap().canonical, "5");
    let votes: Vec<_> = verdict.votes.iter().map(|v| (v.canonical.as_str(), v.count, v.weight)).collect();
    assert_eq!(votes, [("5", 1, 3000), ("6", 4, 2000)]);
    let outcomes: Vec<_> = verdict.checks.iter().map(|check| check.verification.outcome).collect();
    let (refuted, unchecked) = (Outcome::Refuted, Outcome::Unchecked);
    assert_eq!(outcomes, [refuted, refuted, unchecked, Outcome::Passed, unchecked]);
    assert_eq!(verdict.checks[0].verification.findings, ["`2 + 3 = 6` is wrong: the left side is 5"]);
}

#[test]
fn two_sound_samples_that_agree_are_enough() {
    let vote = || build(StrategyName::Auto, &arithmetic(), samples(8));
    let verdict = play(vote(), &[HOLDS, HOLDS, "6"]).unwrap();
    assert_eq!((verdict.stop, verdict.counted.len()), (StopRule::Beta, 2));
    assert_eq!(play(vote(), &[HOLDS]), None, "one is not");
    assert_eq!(vote().next(Observation::Start).len(), 2, "it starts with the smallest wave that can decide");
}

/// What every sample passes, right or wrong, makes no vote surer: four that agree are enough, and three are not.
#[test]
fn what_only_looks_at_the_form_weighs_one() {
    let specs = |spec: serde_json::Value| serde_json::from_value::<Vec<VerifierSpec>>(spec).unwrap();
    for spec in [
        json!([{ "type": "json_schema", "schema": { "type": "object" } }]),
        json!([{ "type": "regex", "pattern": "n" }]),
        json!([{ "type": "format" }]),
        json!([{ "type": "confidence", "min": -100.0 }]),
    ] {
        let verifiers = VerifierSpec::build(&specs(spec.clone()), &JSON, "").unwrap();
        let vote =
            strategy_verified(StrategyName::SelfConsistency, BUDGET, 7, 1, JSON, Params::default(), verifiers).unwrap();
        let verdict = play(vote, &["{\"n\": 5}"; 5]).unwrap();
        assert_eq!((verdict.stop, verdict.counted.len(), verdict.votes[0].weight), (StopRule::Beta, 4, 4000), "{spec}");
        assert!(verdict.checks.iter().all(|check| check.verification.outcome == Outcome::Passed), "{spec}");
    }
    let range = specs(json!([{ "type": "range", "min": 0 }]));
    let verdict = play(build(StrategyName::SelfConsistency, &range, samples(12)), &["5"; 4]).unwrap();
    assert_eq!((verdict.stop, verdict.counted.len()), (StopRule::Beta, 4));
    // Beside one that tells right from wrong, what that passes still weighs three, and what it does not see one.
    let both = specs(json!([{ "type": "range", "min": 0 }, { "type": "arithmetic" }]));
    let verdict = play(build(StrategyName::SelfConsistency, &both, samples(4)), &["6", HOLDS, "6", "5"]).unwrap();
    let votes: Vec<_> = verdict.votes.iter().map(|vote| (vote.canonical.as_str(), vote.weight)).collect();
    assert_eq!(votes, [("5", 4000), ("6", 2000)]);
}

#[test]
fn a_sample_that_was_cut_weighs_one_and_ranks_behind_whole_ones() {
    let mut vote = build(StrategyName::SelfConsistency, &arithmetic(), samples(4));
    vote.next(Observation::Start);
    for index in 0..3 {
        assert_eq!(verdict(&vote.next(cut(index, "2 + 3 = 5, so it is 5 and"))), None, "three are not enough");
    }
    let votes = vote.snapshot().votes;
    assert_eq!((votes[0].canonical.as_str(), votes[0].weight), ("5", 3000));
    for (name, weighted) in [(StrategyName::BestOfN, false), (StrategyName::BestOfN, true)] {
        let mut best = build(name, &arithmetic(), Params { weighted, ..samples(3) });
        best.next(Observation::Start);
        best.next(cut(0, "1 + 3 = 4, so it is 4 and"));
        best.next(result(1, "It is 7", None));
        let end = verdict(&best.next(result(2, HOLDS, None))).unwrap();
        let expect = if weighted { vec![("5", 1000), ("4", 333), ("7", 333)] } else { vec![] };
        let votes: Vec<_> = end.votes.iter().map(|vote| (vote.canonical.as_str(), vote.weight)).collect();
        assert!(end.chosen == vec![2] && (!weighted || votes == expect), "{votes:?}");
    }
    let mut best = build(StrategyName::BestOfN, &arithmetic(), samples(2));
    best.next(Observation::Start);
    best.next(cut(0, "1 + 3 = 4, so it is 4 and"));
    let end = verdict(&best.next(result(1, WRONG, None))).unwrap();
    assert_eq!(end.chosen, vec![0], "what holds and was cut is better than what is wrong");
}

#[test]
fn an_equation_that_the_cut_may_have_halved_is_not_judged() {
    let check = |thinking: &str, text: &str, finish, expect| {
        let verifiers = VerifierSpec::build(&arithmetic(), &AnswerKind::Number, "").unwrap();
        let Observation::Sample(sample) = result(0, "", None) else { unreachable!() };
        let sample = SampleResult { thinking: thinking.to_owned(), text: text.to_owned(), finish, ..sample };
        assert_eq!(verifiers.check(&sample, None).outcome, expect, "{thinking:?} {text:?} {finish:?}");
    };
    let (passed, unchecked, refuted) = (Outcome::Passed, Outcome::Unchecked, Outcome::Refuted);
    check("", "12 + 13 = 2", Finish::Stop, refuted);
    for halved in ["12 + 13 = 2", "12 + 13 = 2 ", "12 + 13 = **2", "20 / 6 = 3 rem", "1 + 2 = 6 /", "2 + 3 = 6."] {
        check("", halved, Finish::Length, unchecked);
        check(halved, "", Finish::Length, unchecked);
        check("", &format!("1 + 1 = 2, and {halved}"), Finish::Length, passed);
        check("", &format!("1 + 1 = 3, and {halved}"), Finish::Length, refuted);
    }
    for whole in ["2 + 3 = 6\n", "2 + 3 = 6. The", "2 + 3 = 6 and so", "2 + 3 = 6\nSo"] {
        check("", whole, Finish::Length, refuted);
    }
    check("12 + 13 = 2", "It is", Finish::Length, refuted);
}

#[test]
fn a_vote_is_not_decided_while_sound_samples_could_turn_it() {
    let params = Params { beta_threshold: None, ..samples(5) };
    // 4 votes for 6, and one sample left that may weigh 3: decided only because 3 < 4.
    let verdict =
        play(build(StrategyName::SelfConsistency, &arithmetic(), params), &["6", "6", "6", "6", HOLDS]).unwrap();
    assert_eq!((verdict.stop, verdict.counted.len()), (StopRule::Decided, 4));
    let verdict =
        play(build(StrategyName::SelfConsistency, &arithmetic(), params), &["6", "6", "6", "", HOLDS]).unwrap();
    assert_eq!((verdict.stop, verdict.counted.len()), (StopRule::AllDone, 5), "3 against 3 is not decided");
    assert_eq!(verdict.answer.unwrap().canonical, "6", "in a tie the answer of more samples");
}

#[test]
fn when_all_are_refuted_the_answer_is_given_with_a_warning() {
    let verdict = play(build(StrategyName::SelfConsistency, &arithmetic(), samples(3)), &[WRONG, WRONG, "1 + 1 = 3"]);
    let verdict = verdict.unwrap();
    assert_eq!((verdict.status, verdict.answer.unwrap().canonical.as_str()), (Status::Answered, "6"));
    assert!(verdict.warnings.concat().contains("refuted"), "{:?}", verdict.warnings);
}

#[test]
fn the_best_is_what_verifiers_pass_and_then_what_is_likelier() {
    let texts = [WRONG, "4", HOLDS, HOLDS];
    let best = play(build(StrategyName::BestOfN, &arithmetic(), samples(4)), &texts).unwrap();
    assert_eq!((best.chosen, best.stop), (vec![2], StopRule::AllDone));
    let weighted = Params { weighted: true, ..samples(5) };
    // One of score 1 against four of a third each.
    let best = play(build(StrategyName::BestOfN, &arithmetic(), weighted), &[HOLDS, "4", "4", "4", "4"]).unwrap();
    assert_eq!(best.answer.unwrap().canonical, "4");
}

#[test]
fn a_judge_is_asked_of_each_sample_within_its_tokens() {
    let mut best = build(StrategyName::BestOfN, &judged(), samples(2));
    let started = best.next(Observation::Start);
    let Action::Sample { max_tokens: sample_tokens, .. } = started[0] else { panic!("{started:?}") };
    let asked = best.next(result(0, "5", None));
    let [Action::Judge { index: 0, prompt, max_tokens, .. }] = asked.as_slice() else { panic!("{asked:?}") };
    assert!(prompt.contains("How much?") && prompt.contains("It is right.") && prompt.contains("\n5\n"), "{prompt}");
    assert_eq!(sample_tokens + max_tokens, 100, "the judge's tokens are planned within the sample's");
    assert_eq!(best.next(Observation::Judged { index: 0, text: "Score: 3".into(), tokens: 4 }), vec![]);
    best.next(result(1, "6", None));
    let end = verdict(&best.next(Observation::Judged { index: 1, text: "Score: 9".into(), tokens: 4 })).unwrap();
    assert_eq!(end.chosen, vec![1]);
}

#[test]
fn a_judge_that_fails_is_an_outcome_of_its_own() {
    let mut best = build(StrategyName::BestOfN, &judged(), samples(3));
    best.next(Observation::Start);
    for index in 0..3 {
        best.next(result(index, "5", None));
    }
    best.next(Observation::Judged { index: 0, text: "I like it".into(), tokens: 4 });
    best.next(Observation::Failed { index: 1, retryable: true, tokens: 2, reason: "gone".into() });
    let end = verdict(&best.next(Observation::Judged { index: 2, text: "Score: 0".into(), tokens: 4 })).unwrap();
    let outcomes: Vec<_> = end.checks.iter().map(|check| check.verification.outcome).collect();
    assert_eq!(outcomes, [Outcome::Broken, Outcome::Broken, Outcome::Refuted]);
    assert!(end.checks[1].verification.findings.concat().contains("gone"));
    assert_eq!(end.chosen, vec![0], "never a random one: the likelier of those that are not refuted");
}

#[test]
fn what_refutes_keeps_its_grade() {
    let specs = [VerifierSpec::Judge { rubric: "It is right.".into(), model: None, min: 0.9 }, arithmetic()[0].clone()];
    let mut best = build(StrategyName::BestOfN, &specs, samples(4));
    best.next(Observation::Start);
    for (index, text, score) in [(0, "5", 1), (1, "6", 8), (2, WRONG, 10), (3, "7", 3)] {
        best.next(result(index, text, None));
        let judged = Observation::Judged { index, text: format!("Score: {score}"), tokens: 3 };
        if let Some(end) = verdict(&best.next(judged)) {
            let scores: Vec<f64> = end.checks.iter().map(|check| (check.verification.score * 10.0).round()).collect();
            assert_eq!((end.chosen, scores), (vec![1], vec![1.0, 8.0, 0.0, 3.0]));
            return;
        }
    }
    unreachable!("four samples are all");
}

#[test]
fn a_sample_without_room_for_its_judge_is_refused() {
    let budget = Budget { total_tokens: 48, ..BUDGET };
    let verifiers = VerifierSpec::build(&judged(), &AnswerKind::Number, "").unwrap();
    let built = strategy_verified(StrategyName::BestOfN, budget, 1, 1, AnswerKind::Number, samples(2), verifiers);
    assert!(built.err().unwrap().to_string().contains("a judge needs 24 of the 24 tokens"));
}

fn confident(params: Params) -> Box<dyn Strategy> {
    let params = Params { window: 4, warm_up: Some(4), wave: 8, ..params };
    strategy(StrategyName::ConfidenceVote, BUDGET, 7, 1, AnswerKind::Number, params).unwrap()
}

#[test]
fn the_warm_up_decides_how_sure_the_others_must_be() {
    let mut vote = confident(Params { keep_percent: 50, consensus: Some(1.0), ..samples(8) });
    let watches = |actions: &[Action]| -> Vec<Option<Watch>> {
        let watch = |action: &Action| if let Action::Sample { watch, .. } = action { Some(*watch) } else { None };
        actions.iter().filter_map(watch).collect()
    };
    let started = vote.next(Observation::Start);
    assert_eq!(watches(&started), vec![Some(Watch { window: 4, threshold: None }); 4], "the warm-up alone");
    for (index, sure) in [(0, 8.0), (1, 2.0), (3, 4.0)] {
        assert_eq!(watches(&vote.next(result(index, "5", Some(sure)))), vec![]);
    }
    let others = vote.next(result(2, "6", Some(6.0)));
    assert_eq!(watches(&others), vec![Some(Watch { window: 4, threshold: Some(6.0) }); 4], "the best half");
    for (index, text, sure) in [(4, "6", 7.0), (5, "", 1.0), (6, "6", 9.0)] {
        vote.next(result(index, text, Some(sure)));
    }
    let end = verdict(&vote.next(result(7, "5", Some(6.5)))).unwrap();
    let votes: Vec<_> = end.votes.iter().map(|v| (v.canonical.as_str(), v.weight)).collect();
    // Of the warm-up, samples 1 and 3 are too unsure; sample 5 was cut short.
    assert_eq!(votes, [("6", 6000 + 7000 + 9000), ("5", 8000 + 6500)]);
    assert_eq!(end.stop, StopRule::AllDone);
}

#[test]
fn a_confidence_vote_stops_at_its_consensus() {
    let mut vote = confident(samples(20));
    vote.next(Observation::Start);
    for index in 0..3 {
        assert_eq!(verdict(&vote.next(result(index, "5", Some(5.0)))), None);
    }
    let end = verdict(&vote.next(result(3, "5", Some(5.0)))).unwrap();
    assert_eq!((end.stop, end.counted.len()), (StopRule::Consensus, 4));
}

#[test]
fn a_consensus_is_as_exact_as_it_was_asked_for_and_may_be_off() {
    let play = |consensus| {
        let mut vote = confident(Params { consensus, ..samples(6) });
        vote.next(Observation::Start);
        (0..6).find_map(|index| {
            let text = if index == 1 { "6" } else { "5" };
            verdict(&vote.next(result(index, text, Some(5.0))))
        })
    };
    let end = play(Some(0.8)).unwrap();
    assert_eq!((end.stop, end.counted.len()), (StopRule::Consensus, 5), "four of five");
    let end = play(None).unwrap();
    assert_eq!((end.stop, end.counted.len()), (StopRule::AllDone, 6));
}

#[test]
fn a_warm_up_that_leaves_nothing_to_cut_is_refused() {
    let built = |warm_up| {
        let params = Params { warm_up: Some(warm_up), ..samples(8) };
        strategy(StrategyName::ConfidenceVote, BUDGET, 7, 1, AnswerKind::Number, params).err().map(|e| e.to_string())
    };
    assert_eq!(built(8), None);
    for wrong in [0, 9] {
        let told = built(wrong).unwrap();
        assert!(told.starts_with(&format!("warm_up is {wrong}: set it to 1 to as many samples as")), "{told}");
    }
}

#[test]
fn auto_settles_a_tie_by_what_is_likelier() {
    let told = |name, specs: &[VerifierSpec]| {
        let mut vote = build(name, specs, samples(2));
        vote.next(Observation::Start);
        let likely = |index, text, mean_logprob| match result(index, text, None) {
            Observation::Sample(result) => Observation::Sample(SampleResult { mean_logprob, ..result }),
            other => other,
        };
        let end = vote.next(likely(0, "It is 5", Some(-2.0)));
        let end = if end.is_empty() { vote.next(likely(1, "It is 6", Some(-1.0))) } else { end };
        verdict(&end).unwrap().answer.unwrap().canonical
    };
    assert_eq!(told(StrategyName::Auto, &arithmetic()), "6");
    assert_eq!(told(StrategyName::SelfConsistency, &arithmetic()), "5", "there the first one wins");
    assert_eq!(told(StrategyName::Auto, &[]), "5", "and where that is known before the last sample");
}

/// Four votes for what nothing was checked in are not sure of their lead over one that a verifier vouches for.
#[test]
fn an_unsure_auto_goes_to_what_a_verifier_vouches_for() {
    let scattered = ["6", "7", "6", "6", HOLDS, "8", "6"];
    let vote = |name, params| build(name, &arithmetic(), params);
    let auto = play(vote(StrategyName::Auto, samples(7)), &scattered).unwrap();
    assert_eq!((auto.stop, auto.chosen[0]), (StopRule::AllDone, 4));
    assert_eq!(auto.answer.unwrap().canonical, "5");
    let votes: Vec<_> = auto.votes.iter().map(|vote| (vote.canonical.as_str(), vote.weight)).collect();
    assert_eq!(votes, [("5", 3000), ("6", 4000), ("7", 1000), ("8", 1000)]);
    let plain = play(vote(StrategyName::SelfConsistency, samples(7)), &scattered).unwrap();
    assert_eq!(plain.answer.unwrap().canonical, "6", "a plain vote counts weights only");
}

#[test]
fn a_sure_auto_stays_sure_of_what_nobody_vouches_for() {
    let vote = |samples: u32, beta_threshold| {
        let params = Params { samples: Some(samples), beta_threshold, ..Params::default() };
        build(StrategyName::Auto, &arithmetic(), params)
    };
    let ahead = ["6", "7", HOLDS, "6", "6", "6", "6", "6", "6", "6", "6"];
    // 9 against 3, with the last one: sure of it, though nothing was left to draw.
    let sure = play(vote(11, Some(0.95)), &ahead).unwrap();
    assert_eq!((sure.stop, sure.answer.unwrap().canonical.as_str()), (StopRule::AllDone, "6"));
    let without = play(vote(11, None), &ahead).unwrap();
    assert_eq!(without.answer.unwrap().canonical, "5", "without the rule nothing is ever sure");
}

/// The answer must not depend on whether the last samples were worth drawing.
#[test]
fn auto_is_not_decided_while_nobody_vouches_for_its_leader() {
    let params = Params { beta_threshold: None, ..samples(5) };
    let vote = |name| build(name, &arithmetic(), params);
    let texts = ["6", "6", "6", "6", HOLDS];
    let plain = play(vote(StrategyName::SelfConsistency), &texts).unwrap();
    assert_eq!((plain.stop, plain.counted.len()), (StopRule::Decided, 4));
    let auto = play(vote(StrategyName::Auto), &texts).unwrap();
    assert_eq!((auto.stop, auto.counted.len(), auto.answer.unwrap().canonical.as_str()), (StopRule::AllDone, 5, "5"));
    let vouched = play(vote(StrategyName::Auto), &[HOLDS, HOLDS, "6", HOLDS, "6"]).unwrap();
    assert_eq!((vouched.stop, vouched.counted.len()), (StopRule::Decided, 4), "9 against 1 and one of at most 3");
}

#[test]
fn auto_takes_the_best_of_free_texts() {
    let params = samples(2);
    let mut auto = strategy(StrategyName::Auto, BUDGET, 7, 1, AnswerKind::Text, params).unwrap();
    auto.next(Observation::Start);
    auto.next(result(1, "two words", None));
    let end = verdict(&auto.next(result(0, "three words here", None))).unwrap();
    assert_eq!((end.stop, end.chosen), (StopRule::AllDone, vec![0]));
}
