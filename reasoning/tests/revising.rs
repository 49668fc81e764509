//! Strategies that go on from what was said: self-correction and the search by steps.

#![expect(clippy::unwrap_used, clippy::panic, reason = "the helpers of tests may panic")]

use std::collections::BTreeSet;

use forethought_reasoning::{
    Action, AnswerKind, Ask, Finish, Observation, Params, SampleResult, StopRule, Strategy, Verdict, VerifierSpec,
    strategy_verified,
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

fn search(samples: u32, width: u32, diverse: bool) -> Box<dyn Strategy> {
    let params = Params { samples: Some(samples), width, diverse, wave: 8, step_tokens: 30, ..Params::default() };
    build(StrategyName::BeamSearch, AnswerKind::Number, &ARITHMETIC, 1, params)
}

/// What each started step goes on from, by index.
fn begun(actions: &[Action]) -> Vec<(u32, String)> {
    let step = |action: &Action| match action {
        Action::Sample { index, ask: Ask::Step { begun, until }, max_tokens, .. } => {
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
        assert_eq!(beams.next(sample(index, text, Finish::Matched)), vec![]);
    }
    let second = beams.next(sample(3, "1 + 1 = 9", Finish::Matched));
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
        beams.next(sample(index, text, Finish::Matched));
    }
    let second = beams.next(sample(3, "1 + 1 = 3", Finish::Matched));
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
            beams.next(sample(other, "and", Finish::Matched));
        }
        actions = beams.next(sample(index, "so 7", Finish::Matched));
    }
    // Shares of 100 tokens in steps of 10.
    assert_eq!(steps, 10);
}
