//! Strategies that go on from what was said: self-correction and the search by steps.

#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "the helpers of tests may panic")]

use std::collections::BTreeSet;

use forethought_reasoning::{
    Action, AnswerKind, Ask, Finish, Needs, Observation, Params, SampleResult, Status, StopRule, Strategy,
    StrategyError, Verdict, VerifierSpec, Verifiers, strategy_verified,
};
use forethought_schemas::{Budget, StrategyName};
use serde_json::json;

const BUDGET: Budget = Budget { max_samples: 8, total_tokens: 800, sample_tokens: 100, deadline_ms: 1 };

fn build(name: StrategyName, kind: AnswerKind, specs: &[VerifierSpec], n: u32, params: Params) -> Box<dyn Strategy> {
    let verifiers = VerifierSpec::build(specs, &kind, "How much?").unwrap();
    strategy_verified(name, BUDGET, 7, n, kind, params, verifiers).unwrap()
}

fn correct(specs: &[VerifierSpec], rounds: u32) -> Box<dyn Strategy> {
    let params = Params { rounds: Some(rounds), ..Params::default() };
    build(StrategyName::SelfCorrect, AnswerKind::Number, specs, 1, params)
}

fn sample(index: u32, text: &str, finish: Finish) -> Observation {
    Observation::Sample(SampleResult {
        calls: None,
        index,
        thinking: String::new(),
        text: text.to_owned(),
        finish,
        tokens: 10,
        mean_logprob: Some(-1.0),
        confidence: None,
    })
}

fn verdict(actions: &[Action]) -> Option<Verdict> {
    actions.iter().find_map(|action| if let Action::Finish(verdict) = action { Some(verdict.clone()) } else { None })
}

/// The draft and the findings of the only action.
fn revision(actions: &[Action]) -> (String, String) {
    let [Action::Sample { ask: Ask::Revise { draft, findings }, .. }] = actions else { panic!("{actions:?}") };
    (draft.to_string(), findings.to_string())
}

const ARITHMETIC: [VerifierSpec; 1] = [VerifierSpec::Arithmetic {}];

#[test]
fn a_draft_is_mended_by_what_was_found() {
    let mut strategy = correct(&ARITHMETIC, 3);
    assert!(matches!(strategy.next(Observation::Start).as_slice(), [Action::Sample { ask: Ask::Question, .. }]));
    let (draft, findings) = revision(&strategy.next(sample(0, "2 + 3 = 6", Finish::Stop)));
    assert_eq!(draft, "2 + 3 = 6");
    assert!(findings.contains("`2 + 3 = 6` is wrong: the left side is 5"), "{findings}");
    let end = verdict(&strategy.next(sample(1, "2 + 3 = 5", Finish::Stop))).unwrap();
    assert_eq!((end.stop, end.chosen, end.counted), (StopRule::Verified, vec![1], vec![0, 1]));
    assert!(end.warnings.is_empty());
}

#[test]
fn the_best_verified_draft_wins_and_not_the_last() {
    let mut strategy = correct(&ARITHMETIC, 3);
    strategy.next(Observation::Start);
    let (_, findings) = revision(&strategy.next(sample(0, "It is 5", Finish::Stop)));
    assert!(findings.contains("Nothing in your answer could be checked"), "{findings}");
    strategy.next(sample(1, "2 + 3 = 6", Finish::Stop));
    let end = verdict(&strategy.next(sample(2, "2 + 3 = 7", Finish::Stop))).unwrap();
    assert_eq!((end.stop, end.chosen), (StopRule::AllDone, vec![0]), "unchecked is better than refuted");
}

#[test]
fn without_a_verifier_it_warns() {
    let mut strategy = correct(&[], 2);
    strategy.next(Observation::Start);
    revision(&strategy.next(sample(0, "5", Finish::Stop)));
    let end = verdict(&strategy.next(sample(1, "6", Finish::Stop))).unwrap();
    assert!(end.warnings.concat().contains("lowers accuracy"), "{:?}", end.warnings);
    assert_eq!(end.chosen, vec![0], "never blindly the last one");
}

#[test]
fn the_paths_of_a_schema_are_fed_back() {
    let schema = json!({ "type": "object", "required": ["n"], "properties": { "n": { "type": "integer" } } });
    let specs = [VerifierSpec::JsonSchema { schema }];
    let kind = AnswerKind::Json { pointer: None };
    let mut strategy = build(StrategyName::SelfCorrect, kind, &specs, 1, Params::default());
    strategy.next(Observation::Start);
    let (_, findings) = revision(&strategy.next(sample(0, "{\"n\": \"five\"}", Finish::Stop)));
    assert!(findings.contains("at /n"), "{findings}");
    let end = verdict(&strategy.next(sample(1, "{\"n\": 5}", Finish::Stop))).unwrap();
    assert_eq!((end.stop, end.chosen), (StopRule::Verified, vec![1]));
}

#[test]
fn a_draft_that_breaks_off_is_no_draft() {
    let mut strategy = correct(&ARITHMETIC, 3);
    strategy.next(Observation::Start);
    let failed = || Observation::Failed { index: 0, retryable: false, tokens: 1, reason: "gone".into() };
    assert!(matches!(strategy.next(failed()).as_slice(), [Action::Sample { index: 1, ask: Ask::Question, .. }]));
    let end = verdict(&strategy.next(sample(1, "2 + 3 = 5", Finish::Stop))).unwrap();
    assert_eq!((end.failed, end.chosen), (1, vec![1]));
}

#[test]
fn the_best_draft_is_mended_and_not_the_last() {
    let mut strategy = correct(&ARITHMETIC, 3);
    strategy.next(Observation::Start);
    strategy.next(sample(0, "2 + 3 = 6", Finish::Stop));
    // Two faults are worse than one.
    let (draft, _) = revision(&strategy.next(sample(1, "2 + 3 = 7, 1 + 1 = 3", Finish::Stop)));
    assert_eq!(draft, "2 + 3 = 6");
    let end = verdict(&strategy.next(sample(2, "2 + 3 = 8, 1 + 1 = 4", Finish::Stop))).unwrap();
    assert_eq!(end.chosen, vec![0]);
    assert!(end.warnings.concat().contains("every answer was refuted"), "{:?}", end.warnings);
}

#[test]
fn what_has_no_answer_is_not_sound() {
    let mut strategy = correct(&ARITHMETIC, 3);
    strategy.next(Observation::Start);
    let thought = match sample(0, "So it is", Finish::Length) {
        Observation::Sample(result) => Observation::Sample(SampleResult { thinking: "2 + 3 = 5".into(), ..result }),
        other => other,
    };
    let (_, findings) = revision(&strategy.next(thought));
    assert!(findings.contains("no answer") && findings.contains("broke off"), "{findings}");
    // There is nothing in the next one to go on from.
    let (draft, _) = revision(&strategy.next(sample(1, " ", Finish::Stop)));
    assert_eq!(draft, "So it is");
    let end = verdict(&strategy.next(sample(2, "2 + 3 = 5", Finish::Stop))).unwrap();
    assert_eq!((end.stop, end.chosen), (StopRule::Verified, vec![2]), "the last one may pass, too");
}

#[test]
fn several_answers_are_several_drafts_with_rounds_of_their_own() {
    let params = Params { rounds: Some(2), ..Params::default() };
    let mut strategy = build(StrategyName::SelfCorrect, AnswerKind::Number, &ARITHMETIC, 2, params);
    assert_eq!(strategy.snapshot().planned, 4);
    let fresh = |actions: &[Action]| matches!(actions, [Action::Sample { ask: Ask::Question, .. }]);
    assert!(fresh(&strategy.next(Observation::Start)));
    assert!(fresh(&strategy.next(sample(0, "2 + 3 = 5", Finish::Stop))), "nothing is to be mended");
    revision(&strategy.next(sample(1, "2 + 3 = 6", Finish::Stop)));
    assert!(fresh(&strategy.next(sample(2, "2 + 3 = 7", Finish::Stop))), "after two rounds another beginning");
    let end = verdict(&strategy.next(sample(3, "1 + 3 = 4", Finish::Stop))).unwrap();
    assert_eq!((end.stop, end.chosen, end.counted.len()), (StopRule::Verified, vec![0, 3], 4));
}

#[test]
fn rounds_that_the_budget_does_not_allow_are_refused() {
    let refused = |rounds, samples| {
        let params = Params { rounds: Some(rounds), samples, ..Params::default() };
        let verifiers = VerifierSpec::build(&ARITHMETIC, &AnswerKind::Number, "").unwrap();
        strategy_verified(StrategyName::SelfCorrect, BUDGET, 7, 3, AnswerKind::Number, params, verifiers).err()
    };
    assert_eq!(refused(3, None), Some(StrategyError::TooMany { asked: 9, max: 8 }));
    assert_eq!(refused(2, Some(5)), Some(StrategyError::TooMany { asked: 6, max: 5 }));
    assert_eq!(refused(2, Some(8)), None);
    // Six drafts of which three have room.
    let few = Budget { total_tokens: 60, ..BUDGET };
    let params = Params { rounds: Some(6), ..Params::default() };
    let built = strategy_verified(StrategyName::SelfCorrect, few, 7, 1, AnswerKind::Number, params, Verifiers::none());
    assert_eq!(built.err(), Some(StrategyError::TooFewTokens { asked: 6, tokens: 60, fit: 3, least: 16 }));
}

/// What `auto` asks for each sample, by index, when these are said in their order, or in the reverse order within a batch.
fn corrected(texts: &[&str], backwards: bool) -> (Vec<String>, Option<Verdict>) {
    let params = Params { samples: Some(8), corrects: true, beta_threshold: None, ..Params::default() };
    let mut auto = build(StrategyName::Auto, AnswerKind::Number, &ARITHMETIC, 1, params);
    let mut asked = vec![String::new(); 8];
    let mut actions = auto.next(Observation::Start);
    let mut running = Vec::new();
    loop {
        for action in &actions {
            let Action::Sample { index, ask, .. } = action else { continue };
            running.push(*index);
            asked[*index as usize] = match ask {
                Ask::Revise { draft, findings } => {
                    assert!(findings.contains("is wrong"), "{findings}");
                    draft.to_string()
                }
                _ => "fresh".to_owned(),
            };
        }
        if verdict(&actions).is_some() || running.is_empty() {
            return (asked, verdict(&actions));
        }
        let index = if backwards { running.pop().unwrap() } else { running.remove(0) };
        actions = auto.next(sample(index, texts[index as usize], Finish::Stop));
    }
}

#[test]
fn auto_mends_the_best_of_a_batch_that_is_all_refuted() {
    let (worse, bad) = ("2 + 3 = 7, 1 + 1 = 3", "2 + 3 = 6");
    let texts = [worse, bad, worse, "2 + 3 = 9", "2 + 2 = 5", "2 + 3 = 5", "5", "2 + 3 = 5"];
    let (asked, end) = corrected(&texts, false);
    assert_eq!(asked[..6], ["fresh", "fresh", "fresh", "fresh", "fresh", bad]);
    let end = end.unwrap();
    assert_eq!((end.answer.unwrap().canonical.as_str(), end.warnings), ("5", vec![]));
    assert_eq!(corrected(&texts, true).0[..6], asked[..6], "whatever ends first");
    // One that is not refuted is something to vote on.
    let texts = [worse, bad, "7", worse, "8", "9", "8", "8"];
    let (asked, end) = corrected(&texts, false);
    assert_eq!((asked, end.unwrap().answer.unwrap().canonical), (vec!["fresh".to_owned(); 8], "8".to_owned()));
}

#[test]
fn a_judge_is_told_why_by_its_rubric() {
    let specs = [VerifierSpec::Judge { rubric: "It names the sea.".into(), model: None, min: 0.5 }];
    let mut strategy = build(StrategyName::SelfCorrect, AnswerKind::Text, &specs, 1, Params::default());
    strategy.next(Observation::Start);
    assert!(matches!(strategy.next(sample(0, "water", Finish::Stop)).as_slice(), [Action::Judge { index: 0, .. }]));
    let judged = |index, text: &str| Observation::Judged { index, text: text.into(), tokens: 3 };
    let (draft, findings) = revision(&strategy.next(judged(0, "Score: 2")));
    assert!(draft == "water" && findings.contains("It names the sea."), "{findings}");
    strategy.next(sample(1, "The North Sea", Finish::Stop));
    let end = verdict(&strategy.next(judged(1, "Score: 9"))).unwrap();
    assert_eq!((end.stop, end.chosen), (StopRule::Verified, vec![1]));
}

#[test]
fn the_draft_that_a_judge_liked_best_is_mended() {
    let specs = [VerifierSpec::Judge { rubric: "It names the sea.".into(), model: None, min: 0.9 }];
    let params = Params { rounds: Some(4), ..Params::default() };
    let mut strategy = build(StrategyName::SelfCorrect, AnswerKind::Text, &specs, 1, params);
    let mut actions = strategy.next(Observation::Start);
    for (index, text, score, mends) in [(0, "good", 8, "good"), (1, "bad", 1, "good"), (2, "fair", 5, "good")] {
        strategy.next(sample(index, text, Finish::Stop));
        actions = strategy.next(Observation::Judged { index, text: format!("Score: {score}"), tokens: 3 });
        assert_eq!(revision(&actions).0, mends);
    }
    assert_eq!(actions.len(), 1);
    strategy.next(sample(3, "poor", Finish::Stop));
    let end = verdict(&strategy.next(Observation::Judged { index: 3, text: "Score: 2".into(), tokens: 3 })).unwrap();
    assert_eq!(end.chosen, vec![0]);
}

#[test]
fn that_a_judge_broke_is_no_fault_of_the_draft() {
    let judge = VerifierSpec::Judge { rubric: "It names the sea.".into(), model: None, min: 0.5 };
    let start = |specs: &[VerifierSpec], text: &str| {
        let mut strategy = build(StrategyName::SelfCorrect, AnswerKind::Number, specs, 1, Params::default());
        strategy.next(Observation::Start);
        strategy.next(sample(0, text, Finish::Stop));
        revision(&strategy.next(Observation::Judged { index: 0, text: "I like it".into(), tokens: 3 })).1
    };
    let told = start(&[judge.clone(), VerifierSpec::Arithmetic {}], "2 + 3 = 6");
    assert!(told.contains("`2 + 3 = 6` is wrong") && !told.contains("judge"), "{told}");
    let told = start(&[judge], "6");
    assert!(told.contains("Check your answer") && !told.contains("judge"), "{told}");
}

#[test]
fn a_draft_that_was_cut_ends_no_correction() {
    let mut strategy = correct(&ARITHMETIC, 3);
    strategy.next(Observation::Start);
    let (draft, findings) = revision(&strategy.next(sample(0, "2 + 3 = 5, so it is 5 and", Finish::Length)));
    assert!(draft.ends_with("and") && findings.contains("broke off"), "{findings}");
    strategy.next(sample(1, "2 + 3 = 5, so it is 5, but", Finish::Length));
    let end = verdict(&strategy.next(sample(2, "2 + 2 = 5", Finish::Stop))).unwrap();
    assert_eq!((end.stop, end.chosen), (StopRule::AllDone, vec![0]), "with nothing better it is given");
}

#[test]
fn two_sound_drafts_with_one_answer_are_one_answer() {
    let params = Params { rounds: Some(2), ..Params::default() };
    let mut strategy = build(StrategyName::SelfCorrect, AnswerKind::Number, &ARITHMETIC, 2, params);
    strategy.next(Observation::Start);
    for index in 0..2 {
        assert_eq!(verdict(&strategy.next(sample(index, "2 + 3 = 5", Finish::Stop))), None);
    }
    let end = verdict(&strategy.next(sample(2, "1 + 3 = 4", Finish::Stop))).unwrap();
    assert_eq!((end.stop, end.chosen), (StopRule::Verified, vec![0, 2]));
}

#[test]
fn auto_mends_free_texts_that_can_be_checked() {
    let specs = [VerifierSpec::Regex { pattern: "^[a-z ]+$".into() }];
    let params = Params { samples: Some(5), ..Params::default() };
    let auto = || build(StrategyName::Auto, AnswerKind::Text, &specs, 1, params);
    let mut strategy = auto();
    strategy.next(Observation::Start);
    let end = verdict(&strategy.next(sample(0, "all is well", Finish::Stop))).unwrap();
    assert_eq!((end.stop, end.counted), (StopRule::Verified, vec![0]), "one that passes is enough");
    let mut strategy = auto();
    strategy.next(Observation::Start);
    for index in 0..2 {
        let (_, findings) = revision(&strategy.next(sample(index, "ALL", Finish::Stop)));
        assert!(findings.contains("does not match"), "{findings}");
    }
    let third = strategy.next(sample(2, "ALL", Finish::Stop));
    assert!(matches!(third.as_slice(), [Action::Sample { index: 3, ask: Ask::Question, .. }]), "{third:?}");
}

fn search(samples: u32, width: u32, diverse: bool) -> Box<dyn Strategy> {
    let params = Params { samples: Some(samples), width, diverse, wave: 8, step_tokens: 30, ..Params::default() };
    build(StrategyName::BeamSearch, AnswerKind::Number, &ARITHMETIC, 1, params)
}

/// The end of a step, which an answer goes on from.
fn step(index: u32, said: &str) -> Observation {
    match sample(index, said, Finish::Matched) {
        Observation::Sample(result) => Observation::Stepped { result, said: said.to_owned() },
        other => other,
    }
}

/// What each started step goes on from, by index.
fn begun(actions: &[Action]) -> Vec<(u32, String)> {
    let step = |action: &Action| match action {
        Action::Sample { index, ask: Ask::Step { begun, until, .. }, max_tokens, .. } => {
            assert!(&**until == "\n\n" && *max_tokens <= 30);
            Some((*index, begun.to_string()))
        }
        _ => None,
    };
    actions.iter().filter_map(step).collect()
}

#[test]
fn the_best_beginnings_go_on_in_several_ways() {
    let mut beams = search(4, 2, false);
    let started = beams.next(Observation::Start);
    assert_eq!(begun(&started), [0, 1, 2, 3].map(|index| (index, String::new())));
    let seeds = |actions: &[Action]| -> BTreeSet<u64> {
        actions
            .iter()
            .filter_map(|action| if let Action::Sample { seed, .. } = action { Some(*seed) } else { None })
            .collect()
    };
    let mut all = seeds(&started);
    for (index, text) in [(0, "1 + 1 = 3"), (2, "2 + 2 = 4"), (1, "so")] {
        assert_eq!(beams.next(step(index, text)), vec![]);
    }
    let second = beams.next(step(3, "1 + 1 = 9"));
    // Sound before unchecked before wrong; each of the best two goes on twice.
    let (sound, plain) = ("2 + 2 = 4\n\n".to_owned(), "so\n\n".to_owned());
    assert_eq!(begun(&second), [(0, sound.clone()), (1, sound), (2, plain.clone()), (3, plain)]);
    all.extend(seeds(&second));
    assert_eq!(all.len(), 8, "no two steps draw alike");
    for index in 0..3 {
        assert_eq!(beams.next(sample(index, "The answer is 4", Finish::Stop)), vec![]);
    }
    let end = verdict(&beams.next(sample(3, "The answer is 5", Finish::Stop))).unwrap();
    assert_eq!((end.stop, end.chosen, end.answer.unwrap().canonical), (StopRule::AllDone, vec![0], "4".to_owned()));
}

#[test]
fn diverse_subtrees_keep_their_own_best() {
    let mut beams = search(4, 2, true);
    beams.next(Observation::Start);
    for (index, text) in [(0, "2 + 2 = 4"), (1, "3 + 3 = 6"), (2, "so")] {
        beams.next(step(index, text));
    }
    let second = beams.next(step(3, "1 + 1 = 3"));
    let texts: Vec<String> = begun(&second).into_iter().map(|(_, text)| text).collect();
    assert_eq!(texts, ["2 + 2 = 4\n\n", "2 + 2 = 4\n\n", "so\n\n", "so\n\n"]);
}

#[test]
fn a_beam_ends_with_its_share() {
    let mut beams = search(2, 2, false);
    let mut actions = beams.next(Observation::Start);
    let mut steps = 0;
    while verdict(&actions).is_none() {
        let Some((index, _)) = begun(&actions).last().cloned() else { panic!("{actions:?}") };
        steps += 1;
        assert!(steps < 50);
        for other in (0..2).filter(|other| *other != index) {
            beams.next(step(other, "and"));
        }
        actions = beams.next(step(index, "so 7"));
    }
    // Shares of 100 tokens in steps of 10.
    assert_eq!(steps, 10);
}

#[test]
fn a_beginning_is_not_held_against_what_only_the_end_can_have() {
    let specs = [
        VerifierSpec::Arithmetic {},
        VerifierSpec::Format { only: true },
        VerifierSpec::Range { min: Some(4.0), max: None, unit: None },
    ];
    let params = Params { samples: Some(2), width: 2, wave: 2, step_tokens: 30, ..Params::default() };
    let mut beams = build(StrategyName::BeamSearch, AnswerKind::Number, &specs, 1, params);
    beams.next(Observation::Start);
    // As a whole answer, this is out of its range, and the other one is not; but its equation holds.
    beams.next(step(1, "1 + 1 = 2"));
    let second = beams.next(step(0, "7"));
    assert_eq!(begun(&second)[0].1, "1 + 1 = 2\n\n");
}

#[test]
fn two_beams_that_say_the_same_are_one() {
    let mut beams = search(4, 2, false);
    beams.next(Observation::Start);
    for (index, text) in [(0, "2 + 2 = 4"), (1, "2 + 2 = 4"), (2, "1 + 1 = 3")] {
        beams.next(step(index, text));
    }
    let texts: Vec<String> = begun(&beams.next(step(3, "so"))).into_iter().map(|(_, t)| t).collect();
    assert_eq!(texts, ["2 + 2 = 4\n\n", "2 + 2 = 4\n\n", "so\n\n", "so\n\n"]);
}

#[test]
fn no_answer_becomes_longer_than_a_sample_may_be() {
    let mut beams = search(2, 2, false);
    beams.next(Observation::Start);
    let (mut length, mut caps) = (0, [30, 30]);
    // Each slot draws only every other step of the text that goes on, and has much of its own share left.
    for longer in [0, 1].into_iter().cycle().take(20) {
        let step = |index: u32, tokens, text: &str| match step(index, text) {
            Observation::Stepped { result, said } => {
                Observation::Stepped { result: SampleResult { tokens, ..result }, said }
            }
            other => other,
        };
        length += caps[longer as usize];
        beams.next(step(1 - longer, 1, "1 + 1 = 3"));
        let actions = beams.next(step(longer, caps[longer as usize], "1 + 1 = 2"));
        if beams.snapshot().finished > 0 {
            break;
        }
        for action in actions {
            let Action::Sample { index, max_tokens, .. } = action else { panic!("{action:?}") };
            caps[index as usize] = max_tokens;
        }
    }
    assert_eq!(length, 100);
}

#[test]
fn the_end_of_a_beam_is_the_whole_of_it() {
    let mut beams = search(2, 2, false);
    beams.next(Observation::Start);
    beams.next(step(0, "<think>It is 9."));
    beams.next(step(1, "<think>It is 9."));
    let whole = |index, thinking: &str, text: &str| match sample(index, text, Finish::Stop) {
        Observation::Sample(result) => Observation::Sample(SampleResult { thinking: thinking.to_owned(), ..result }),
        other => other,
    };
    beams.next(whole(1, "It is 9.\n\n2 + 2 = 5", "It is 5"));
    let end = verdict(&beams.next(whole(0, "It is 9.\n\n2 + 2 = 4", "It is 4"))).unwrap();
    let votes: Vec<(&str, u64)> = end.votes.iter().map(|vote| (vote.canonical.as_str(), vote.weight)).collect();
    assert_eq!(votes, [("4", 1000), ("5", 0)], "thoughts are checked, and answer nothing");
}

/// The first step ended in the thoughts, and then in the answer.
fn thought(index: u32, thinking: &str, text: &str, said: &str) -> Observation {
    match step(index, text) {
        Observation::Stepped { result, .. } => {
            let result = SampleResult { thinking: thinking.to_owned(), ..result };
            Observation::Stepped { result, said: said.to_owned() }
        }
        other => other,
    }
}

#[test]
fn a_beam_goes_on_from_what_was_said_and_is_judged_by_what_it_means() {
    let mut beams = search(2, 2, false);
    beams.next(Observation::Start);
    beams.next(thought(0, "2 + 2 = 5", "", "<think>2 + 2 = 5"));
    let second = beams.next(thought(1, "2 + 2 = 4", "It is", "<think>2 + 2 = 4</think>It is"));
    let text = "<think>2 + 2 = 4</think>It is\n\n".to_owned();
    assert_eq!(begun(&second), [(0, text.clone()), (1, text)], "the sound thought goes on");
    let rooms = |actions: &[Action]| -> Vec<(u32, u32, u32)> {
        let asks = actions.iter().filter_map(|action| {
            let Action::Sample { ask: Ask::Step { room, .. }, .. } = action else { return None };
            Some((room.share, room.drawn, room.left))
        });
        asks.collect()
    };
    assert_eq!(rooms(&second), [(100, 10, 90), (100, 10, 90)]);
    // The other one draws less than the text that it goes on from has: that is what its own share has left.
    let short = |index, tokens, text: &str| match step(index, text) {
        Observation::Stepped { result, said } => {
            Observation::Stepped { result: SampleResult { tokens, ..result }, said }
        }
        other => other,
    };
    beams.next(short(0, 3, "2 + 2 = 4"));
    let third = beams.next(short(1, 20, "2 + 2 = 5"));
    assert_eq!(rooms(&third), [(100, 13, 87), (100, 13, 70)]);
}

#[test]
fn what_is_still_a_thought_is_no_answer_when_time_is_up() {
    let start = || {
        let mut beams = search(2, 2, false);
        beams.next(Observation::Start);
        beams
    };
    let mut beams = start();
    beams.next(thought(0, "It is 4", "", "<think>It is 4"));
    assert_eq!(verdict(&beams.next(Observation::DeadlinePassed)).unwrap().status, Status::NoAnswer);
    let mut beams = start();
    beams.next(thought(0, "It is 4", "", "<think>It is 4"));
    beams.next(thought(1, "It is 5", "So 5", "<think>It is 5</think>So 5"));
    // Both go on from one of them, and what that had said is the answer of either.
    let end = verdict(&beams.next(Observation::DeadlinePassed)).unwrap();
    assert!(end.status == Status::NoAnswer || end.answer.unwrap().canonical == "5");
}

#[test]
fn a_beam_that_was_cut_is_no_answer_beside_a_whole_one() {
    let mut beams = search(2, 2, false);
    beams.next(Observation::Start);
    beams.next(sample(0, "It is 7", Finish::Stop));
    let mut actions = beams.next(step(1, "2 + 2 = 4"));
    while verdict(&actions).is_none() {
        actions = beams.next(step(1, "2 + 2 = 4"));
    }
    let end = verdict(&actions).unwrap();
    assert_eq!((end.counted, end.answer.unwrap().canonical.as_str()), (vec![0], "7"));
}

#[test]
fn at_the_deadline_only_a_beam_that_holds_its_text_is_chosen() {
    let params = Params { samples: Some(4), width: 4, wave: 2, ..Params::default() };
    let start = || {
        let mut beams = build(StrategyName::BeamSearch, AnswerKind::Number, &ARITHMETIC, 4, params);
        beams.next(Observation::Start);
        beams
    };
    let mut beams = start();
    assert_eq!(verdict(&beams.next(Observation::DeadlinePassed)).unwrap().status, Status::NoAnswer);
    let mut beams = start();
    for index in 0..4 {
        beams.next(step(index, if index == 3 { "2 + 2 = 4" } else { "1 + 1 = 3" }));
    }
    // All go on from the fourth; the first two have begun, the others still hold what they said before.
    let end = verdict(&beams.next(Observation::DeadlinePassed)).unwrap();
    assert_eq!((end.stop, end.chosen, end.counted), (StopRule::Deadline, vec![0, 1], vec![0, 1]));
    let mut beams = start();
    for index in 0..5 {
        beams.next(step(index % 4, if index == 0 { "2 + 2 = 4" } else { "1 + 1 = 3" }));
    }
    let end = verdict(&beams.next(Observation::DeadlinePassed)).unwrap();
    assert_eq!(end.counted, vec![0], "a step that has ended before steps that run");
}

#[test]
fn a_step_that_overspends_is_a_failure() {
    let mut beams = search(1, 2, false);
    beams.next(Observation::Start);
    let Observation::Sample(result) = sample(0, "It is 5", Finish::Stop) else { panic!() };
    let end = verdict(&beams.next(Observation::Sample(SampleResult { tokens: 31, ..result }))).unwrap();
    assert_eq!((end.status, end.failed), (Status::NoAnswer, 1));
}

#[test]
fn what_a_strategy_needs_of_an_engine() {
    let sure = [VerifierSpec::Confidence { min: -1.0 }];
    let needs = |name, specs: &[VerifierSpec]| {
        let Needs { logprobs, continues, tells_stops } = Needs::of(name, specs);
        (logprobs, continues, tells_stops)
    };
    assert_eq!(needs(StrategyName::SelfConsistency, &ARITHMETIC), (false, false, false));
    assert_eq!(needs(StrategyName::ConfidenceVote, &[]), (true, false, false));
    assert_eq!(needs(StrategyName::BestOfN, &sure), (true, false, false));
    assert_eq!(needs(StrategyName::BeamSearch, &ARITHMETIC), (false, true, true));
    assert_eq!(needs(StrategyName::BeamSearch, &[]), (true, true, true), "it would go by chance");
}
