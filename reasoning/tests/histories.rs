//! What holds for every history: random answers, failures, finishing orders and deadlines.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "the helpers of tests may panic"
)]

use std::collections::{BTreeMap, BTreeSet};

use forethought_reasoning::{
    Action, AnswerKind, Finish, Ledger, Observation, Params, SampleResult, StopRule, Strategy, Verdict, plan,
    sample_seed, strategy,
};
use forethought_schemas::{Budget, StrategyName};
use proptest::{
    prelude::{Just, ProptestConfig, any, prop_assert, prop_assert_eq, prop_oneof, proptest},
    strategy::Strategy as Arbitrary,
};

/// What becomes of a sample: what its first try fails with, if it does, and what the last one gives.
#[derive(Clone, Debug)]
struct Fate {
    fails: Vec<(bool, u32)>,
    answer: Option<u8>,
    tokens: u32,
    confidence: Option<i8>,
}

#[derive(Clone, Debug)]
struct Case {
    name: StrategyName,
    budget: Budget,
    seed: u64,
    n: u32,
    wave: u32,
    beta: bool,
    fates: Vec<Fate>,
}

fn fate() -> impl Arbitrary<Value = Fate> {
    let fails = prop_oneof![6 => Just(vec![]), 1 => proptest::collection::vec((any::<bool>(), 0..60_u32), 1..3)];
    let answer = prop_oneof![1 => Just(None), 9 => (0..4_u8).prop_map(Some)];
    (fails, answer, 0..60_u32, proptest::option::of(-3..0_i8)).prop_map(|(fails, answer, tokens, confidence)| Fate {
        fails,
        answer,
        tokens,
        confidence,
    })
}

fn case() -> impl Arbitrary<Value = Case> {
    let name = proptest::sample::select(StrategyName::ALL);
    let budget = (4..24_u32, 48..900_u32, 4..60_u32).prop_map(|(max_samples, total_tokens, sample_tokens)| Budget {
        max_samples,
        total_tokens,
        sample_tokens,
        deadline_ms: 1,
    });
    (name, budget, any::<u64>(), 1..4_u32, 1..7_u32, any::<bool>(), proptest::collection::vec(fate(), 24))
        .prop_map(|(name, budget, seed, n, wave, beta, fates)| Case { name, budget, seed, n, wave, beta, fates })
}

/// A world that performs actions, checks each of them, and ends running samples in a random order.
struct World<'a> {
    case: &'a Case,
    strategy: Box<dyn Strategy>,
    ledger: Ledger,
    running: BTreeMap<u32, u32>,
    tries: BTreeMap<u32, usize>,
    ended: BTreeSet<u32>,
    verdict: Option<Verdict>,
}

impl<'a> World<'a> {
    fn new(case: &'a Case) -> Self {
        let beta_threshold = case.beta.then_some(0.95);
        let params =
            Params { wave: case.wave, beta_threshold, samples: Some(case.budget.max_samples), esc_window: None };
        let strategy = strategy(case.name, case.budget, case.seed, case.n, AnswerKind::Number, params).unwrap();
        let ledger = Ledger::new(case.budget);
        let (running, tries, ended) = (BTreeMap::new(), BTreeMap::new(), BTreeSet::new());
        Self { case, strategy, ledger, running, tries, ended, verdict: None }
    }

    fn observe(&mut self, observation: Observation) {
        for action in self.strategy.next(observation) {
            assert!(self.verdict.is_none(), "an action after the end: {action:?}");
            match action {
                Action::Sample { index, seed, max_tokens, .. } => {
                    assert_eq!(seed, sample_seed(self.case.seed, index));
                    self.ledger.reserve(index, max_tokens).expect("within the budget");
                    assert!(self.running.insert(index, max_tokens).is_none());
                    self.ended.remove(&index);
                    *self.tries.entry(index).or_insert(0) += 1;
                }
                Action::Judge { .. } => unreachable!("nobody judges here"),
                Action::Cancel { index } => {
                    self.running.remove(&index).expect("only what runs is cancelled");
                    self.ledger.cancel(index).unwrap();
                }
                Action::Finish(verdict) => {
                    assert!(self.running.is_empty(), "every sample has ended");
                    self.verdict = Some(verdict);
                }
            }
            assert!(self.running.len() <= self.case.wave as usize);
        }
    }

    /// Ends one running sample, the `pick`th.
    fn end_one(&mut self, pick: usize) {
        let index = *self.running.keys().nth(pick % self.running.len()).unwrap();
        let max = self.running.remove(&index).unwrap();
        let fate = &self.case.fates[index as usize];
        let observation = match fate.fails.get(self.tries[&index] - 1) {
            Some((retryable, tokens)) => {
                let tokens = *tokens.min(&max);
                Observation::Failed { index, retryable: *retryable, tokens, reason: "broken".into() }
            }
            None => Observation::Sample(SampleResult {
                index,
                thinking: String::new(),
                text: fate.answer.map_or("none".into(), |answer| format!("The answer is {answer}.")),
                finish: Finish::Stop,
                tokens: fate.tokens.min(max),
                mean_logprob: fate.confidence.map(f64::from),
                confidence: None,
            }),
        };
        let (Observation::Failed { tokens, .. } | Observation::Sample(SampleResult { tokens, .. })) = observation
        else {
            unreachable!()
        };
        self.ledger.record(index, tokens).unwrap();
        self.ledger.settle(index).unwrap();
        self.ended.insert(index);
        self.observe(observation);
    }

    /// Plays to the end, or to a deadline after some steps.
    fn play(mut self, order: &[usize], deadline: Option<usize>) -> Verdict {
        self.observe(Observation::Start);
        for step in 0.. {
            if self.verdict.is_some() {
                break;
            }
            if deadline == Some(step) {
                self.observe(if step % 2 == 0 { Observation::DeadlinePassed } else { Observation::ClientLeft });
                continue;
            }
            assert!(!self.running.is_empty(), "nothing runs and nothing is said");
            self.end_one(order[step % order.len()]);
        }
        let plan = plan(&self.case.budget, self.case.budget.max_samples).unwrap();
        assert!(self.tries.len() <= plan.samples as usize && self.tries.values().all(|tries| *tries <= 2));
        let late = self.strategy.next(Observation::DeadlinePassed);
        assert!(late.is_empty());
        let verdict = self.verdict.unwrap();
        assert!(verdict.counted.iter().all(|index| self.ended.contains(index)));
        assert!(verdict.chosen.iter().all(|index| verdict.counted.contains(index)));
        assert_eq!(verdict.chosen.len(), verdict.counted.len().min(self.case.n as usize));
        verdict
    }
}

fn orders() -> impl Arbitrary<Value = Vec<usize>> {
    proptest::collection::vec(0..8_usize, 1..60)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3000))]

    #[test]
    fn the_order_does_not_matter(case in case(), one in orders(), other in orders()) {
        prop_assert_eq!(World::new(&case).play(&one, None), World::new(&case).play(&other, None));
    }

    #[test]
    fn a_deadline_ends_it_within_the_budget(case in case(), order in orders(), at in 0..30_usize) {
        let verdict = World::new(&case).play(&order, Some(at));
        prop_assert!(!verdict.depends_on_timing() || verdict.counted.len() <= at);
    }

    #[test]
    fn the_decided_rule_names_the_winner_of_the_full_vote(case in case(), order in orders()) {
        let case = Case { name: StrategyName::SelfConsistency, beta: false, ..case };
        let verdict = World::new(&case).play(&order, None);
        // Every sample that the plan allows, asked one after the other.
        let best = World::new(&Case { name: StrategyName::BestOfN, n: 1, ..case.clone() }).play(&[0], None);
        prop_assert!(best.stop == StopRule::AllDone && verdict.counted.len() <= best.counted.len());
        let winner = |verdict: &Verdict| verdict.votes.first().map(|vote| vote.canonical.clone());
        prop_assert_eq!(winner(&verdict), winner(&best));
        prop_assert_eq!(verdict.answer.map(|answer| answer.canonical), winner(&best));
    }

    #[test]
    fn the_beta_rule_never_stops_before_four(case in case(), order in orders()) {
        let case = Case { name: StrategyName::SelfConsistency, beta: true, ..case };
        let verdict = World::new(&case).play(&order, None);
        prop_assert!(verdict.stop != StopRule::Beta || verdict.counted.len() >= 4);
    }
}
