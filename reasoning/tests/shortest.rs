//! Votes that count the shortest samples first, step by step: who is waited for, who begins, and that load decides nothing.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "the helpers of tests may panic")]

use std::collections::BTreeMap;

use forethought_reasoning::{
    Action, AnswerKind, Finish, Observation, Order, Params, SampleResult, StopRule, Strategy, Verdict, strategy,
};
use forethought_schemas::{Budget, StrategyName};

const BUDGET: Budget = Budget { max_samples: 16, total_tokens: 1600, sample_tokens: 100, deadline_ms: 1 };

fn vote(params: Params) -> Box<dyn Strategy> {
    let params = Params { samples: Some(16), order: Order::Shortest, ..params };
    strategy(StrategyName::SelfConsistency, BUDGET, 7, 1, AnswerKind::Number, params).unwrap()
}

fn thrifty() -> Params {
    Params { wave: 16, ..Params::default() }
}

fn ended(index: u32, tokens: u32, text: &str) -> Observation {
    Observation::Sample(SampleResult {
        calls: None,
        index,
        thinking: String::new(),
        text: text.to_owned(),
        finish: Finish::Stop,
        tokens,
        mean_logprob: None,
        confidence: None,
    })
}

fn reached(index: u32, tokens: u32) -> Observation {
    Observation::Reached { index, tokens }
}

fn begun(actions: &[Action]) -> Vec<u32> {
    actions
        .iter()
        .filter_map(|action| if let Action::Sample { index, .. } = action { Some(*index) } else { None })
        .collect()
}

fn verdict(actions: &[Action]) -> Option<&Verdict> {
    actions.iter().find_map(|action| if let Action::Finish(verdict) = action { Some(verdict) } else { None })
}

#[test]
fn who_rambles_is_not_waited_for() {
    let mut vote = vote(Params { wave: 5, thrifty: false, ..Params::default() });
    assert_eq!(begun(&vote.next(Observation::Start)), [0, 1, 2, 3, 4]);
    vote.next(reached(0, 90));
    for index in 1..4 {
        assert_eq!(verdict(&vote.next(ended(index, 10 + index, "5"))), None);
        // The others have come so far, too, and those that began meanwhile.
        for other in index + 1..4 + index {
            vote.next(reached(other, 15));
        }
    }
    let end = vote.next(ended(4, 14, "5"));
    let verdict = verdict(&end).unwrap();
    assert_eq!((verdict.stop, verdict.counted.as_slice()), (StopRule::Beta, &[1, 2, 3, 4][..]));
    assert!(end.contains(&Action::Cancel { index: 0 }), "the one that rambles is cut");
}

#[test]
fn a_short_one_waits_until_no_other_can_be_shorter() {
    let mut vote = vote(thrifty());
    assert_eq!(begun(&vote.next(Observation::Start)), [0, 1, 2, 3], "as many as could decide");
    assert_eq!(vote.next(ended(2, 10, "5")), [], "others may still end before");
    assert_eq!(vote.next(reached(0, 10)), []);
    assert_eq!(vote.next(reached(1, 10)), []);
    assert_eq!(vote.next(reached(3, 10)), []);
    assert_eq!(vote.next(reached(0, 11)), [], "1 would go before, if it ended now");
    assert_eq!(vote.next(reached(1, 11)), [], "it is counted, but 3 may end at this very step");
    assert_eq!(begun(&vote.next(reached(3, 11))), [4, 5, 6], "three run as long as it did: three more may be needed");
}

#[test]
fn samples_of_one_length_are_drawn_as_sparingly_as_one_after_the_other() {
    let mut vote = vote(thrifty());
    assert_eq!(begun(&vote.next(Observation::Start)), [0, 1, 2, 3]);
    for index in 0..4 {
        vote.next(reached(index, 20));
    }
    for index in 0..3 {
        assert_eq!(vote.next(ended(index, 20, "5")), []);
    }
    let end = vote.next(ended(3, 20, "5"));
    assert_eq!(verdict(&end).unwrap().stop, StopRule::Beta);
    assert_eq!(end.len(), 1, "nothing is cut and nothing has begun in vain: {end:?}");
}

#[test]
fn of_equal_votes_the_answer_that_is_counted_first_wins() {
    let params = Params { wave: 4, thrifty: false, samples: Some(4), beta_threshold: None, ..Params::default() };
    let params = Params { order: Order::Shortest, ..params };
    let budget = Budget { max_samples: 4, ..BUDGET };
    let mut vote = strategy(StrategyName::SelfConsistency, budget, 7, 1, AnswerKind::Number, params).unwrap();
    vote.next(Observation::Start);
    let mut actions = Vec::new();
    for (index, tokens, text) in [(0, 40, "5"), (1, 30, "5"), (2, 20, "6"), (3, 10, "6")] {
        actions = vote.next(ended(index, tokens, text));
    }
    let verdict = verdict(&actions).unwrap();
    assert_eq!(verdict.answer.as_ref().unwrap().canonical, "6");
    assert_eq!(
        (verdict.stop, verdict.counted.as_slice()),
        (StopRule::Decided, &[2, 3][..]),
        "a tie would not help the other"
    );
}

#[test]
fn a_deadline_counts_all_that_ended() {
    let mut vote = vote(thrifty());
    vote.next(Observation::Start);
    vote.next(ended(3, 10, "5"));
    let end = vote.next(Observation::DeadlinePassed);
    let verdict = verdict(&end).unwrap();
    assert_eq!((verdict.stop, verdict.counted.as_slice()), (StopRule::Deadline, &[3][..]));
}

#[test]
fn where_a_sample_breaks_does_not_decide_when_it_is_counted() {
    let counted = |broke_at: u32| {
        let mut vote = vote(Params { wave: 3, thrifty: false, ..Params::default() });
        vote.next(Observation::Start);
        vote.next(Observation::Failed { index: 0, retryable: false, tokens: broke_at, reason: "gone".to_owned() });
        vote.next(reached(2, 20));
        // Had the first one made room as it broke, another would have begun before.
        begun(&vote.next(ended(1, 10, "5")))
    };
    assert_eq!((counted(0), counted(90)), (vec![3], vec![3]));
}

/// What came of a vote, and what it took.
struct Played {
    verdict: Verdict,
    tokens: u32,
    steps: u32,
}

/// Plays samples of such lengths and answers on a machine of so many slots: a sample that finds none free waits.
fn play(slots: usize, params: Params, samples: &[(u32, u32)]) -> Played {
    let params = Params { samples: Some(16), ..params };
    let mut vote = strategy(StrategyName::SelfConsistency, BUDGET, 7, 1, AnswerKind::Number, params).unwrap();
    let (mut waiting, mut running) = (Vec::new(), BTreeMap::<u32, u32>::new());
    let (mut tokens, mut steps) = (0, 0);
    let mut observations = vec![Observation::Start];
    loop {
        for observation in std::mem::take(&mut observations) {
            for action in vote.next(observation) {
                match action {
                    Action::Sample { index, .. } => waiting.push(index),
                    Action::Cancel { index } => {
                        running.remove(&index);
                        waiting.retain(|waits| *waits != index);
                    }
                    Action::Finish(verdict) => return Played { verdict, tokens, steps },
                    Action::Judge { .. } => unreachable!("nothing is judged"),
                }
            }
        }
        while running.len() < slots && !waiting.is_empty() {
            running.insert(waiting.remove(0), 0);
        }
        steps += 1;
        for (index, drawn) in &mut running {
            *drawn += 1;
            tokens += 1;
            observations.push(reached(*index, *drawn));
        }
        running.retain(|index, drawn| {
            let (length, answer) = samples[*index as usize];
            let over = *drawn == length;
            if over {
                observations.push(ended(*index, length, &answer.to_string()));
            }
            !over
        });
    }
}

/// Lengths and answers that look like those of a model: many short ones agree, long ones say anything.
fn history(number: u32) -> Vec<(u32, u32)> {
    let mut state = number.wrapping_mul(2_654_435_761).max(1);
    let mut random = |below: u32| {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state % below
    };
    let sample = |random: &mut dyn FnMut(u32) -> u32| match random(3) {
        0 => (60 + random(40), random(6)),
        _ => (8 + random(12), random(2)),
    };
    (0..16).map(|_| sample(&mut random)).collect()
}

#[test]
fn the_verdict_is_the_same_on_every_machine() {
    let wide = Params { wave: 6, thrifty: false, order: Order::Shortest, ..Params::default() };
    for number in 0..500 {
        let samples = history(number);
        for params in [Params { order: Order::Shortest, ..thrifty() }, wide] {
            let one = play(16, params, &samples).verdict;
            for slots in [1, 2, 5] {
                assert_eq!(play(slots, params, &samples).verdict, one, "history {number}, {slots} slots");
            }
        }
    }
}

/// What it is for: on samples of unequal lengths it takes far less time than the order drawn, and no more tokens.
#[test]
fn it_is_sooner_and_no_dearer_than_the_order_drawn() {
    let sums = |order| {
        let played = (0..500).map(|number| play(16, Params { order, ..thrifty() }, &history(number)));
        played.fold((0, 0), |(steps, tokens), played| (steps + played.steps, tokens + played.tokens))
    };
    let (drawn, shortest) = (sums(Order::Drawn), sums(Order::Shortest));
    assert!(shortest.0 * 3 < drawn.0 * 2, "steps: {} and {}", shortest.0, drawn.0);
    assert!(shortest.1 <= drawn.1, "tokens: {} and {}", shortest.1, drawn.1);
}
