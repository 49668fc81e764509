//! What holds for every history: random answers, delays, failures, judgements, cancellations and deadlines, in virtual
//! time. Within each of them, every action is checked against a ledger of the test's own.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "the helpers of tests may panic"
)]

use std::collections::{BTreeMap, BTreeSet};

use forethought_reasoning::{
    Action, AnswerKind, Ask, Finish, Ledger, Observation, Params, SampleResult, StopRule, Strategy, Verdict,
    VerifierSpec, plan, strategy_verified,
};
use forethought_schemas::{Budget, StrategyName};
use proptest::{
    prelude::{Just, ProptestConfig, any, prop_assert, prop_assert_eq, prop_oneof, proptest},
    strategy::Strategy as Arbitrary,
};

/// What becomes of a sample: what its first tries fail with, and what the last one gives.
#[derive(Clone, Debug)]
struct Fate {
    fails: Vec<(bool, u32)>,
    answer: Option<u8>,
    sound: bool,
    tokens: u32,
    likelihood: Option<i8>,
    confidence: u8,
    /// What a judge says of it: a score, or nothing that can be read.
    judged: Option<u8>,
    judge_fails: bool,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Check {
    Nothing,
    Equations,
    Judge,
}

#[derive(Clone, Debug)]
struct Case {
    name: StrategyName,
    budget: Budget,
    seed: u64,
    n: u32,
    wave: u32,
    beta: bool,
    weighted: bool,
    check: Check,
    fates: Vec<Fate>,
}

fn fate() -> impl Arbitrary<Value = Fate> {
    let fails = prop_oneof![6 => Just(vec![]), 1 => proptest::collection::vec((any::<bool>(), 0..60_u32), 1..3)];
    let answer = prop_oneof![1 => Just(None), 9 => (0..4_u8).prop_map(Some)];
    let judged = (prop_oneof![1 => Just(None), 4 => (0..11_u8).prop_map(Some)], any::<bool>());
    let sure = (proptest::option::of(-3..0_i8), 0..20_u8);
    (fails, answer, any::<bool>(), 0..60_u32, sure, judged).prop_map(
        |(fails, answer, sound, tokens, (likelihood, confidence), (judged, judge_fails))| Fate {
            fails,
            answer,
            sound,
            tokens,
            likelihood,
            confidence,
            judged,
            judge_fails,
        },
    )
}

fn case() -> impl Arbitrary<Value = Case> {
    let name = proptest::sample::select(StrategyName::ALL);
    let budget = (4..24_u32, 200..1800_u32, 30..90_u32).prop_map(|(max_samples, total_tokens, sample_tokens)| Budget {
        max_samples,
        total_tokens,
        sample_tokens,
        deadline_ms: 1,
    });
    let check = proptest::sample::select(&[Check::Nothing, Check::Equations, Check::Judge][..]);
    let rules = (any::<bool>(), any::<bool>(), check);
    (name, budget, any::<u64>(), 1..4_u32, 1..7_u32, rules, proptest::collection::vec(fate(), 24)).prop_map(
        |(name, budget, seed, n, wave, (beta, weighted, check), fates)| Case {
            name,
            budget,
            seed,
            n,
            wave,
            beta,
            weighted,
            check,
            fates,
        },
    )
}

/// How long things take, and when it is over.
#[derive(Clone, Debug)]
struct Course {
    delays: Vec<u16>,
    deadline: Option<u32>,
}

fn course() -> impl Arbitrary<Value = Course> {
    proptest::collection::vec(0..300_u16, 1..60).prop_map(|delays| Course { delays, deadline: None })
}

/// What is done for a sample.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Work {
    Whole,
    Step,
    Judge,
}

impl Work {
    fn of(ask: &Ask) -> Self {
        if matches!(ask, Ask::Step { .. }) { Self::Step } else { Self::Whole }
    }
}

/// What runs: until when, and with which cap.
#[derive(Clone, Copy, Debug)]
struct Running {
    until: u32,
    max_tokens: u32,
    work: Work,
}

/// A world that performs actions, checks each of them, and ends what runs when its time has come.
struct World<'a> {
    case: &'a Case,
    course: &'a Course,
    strategy: Box<dyn Strategy>,
    ledger: Ledger,
    now: u32,
    steps: usize,
    running: BTreeMap<u32, Running>,
    tries: BTreeMap<u32, usize>,
    ended: BTreeSet<u32>,
    verdict: Option<Verdict>,
}

/// Builds the strategy of a case, if its budget allows one.
fn build(case: &Case) -> Option<Box<dyn Strategy>> {
    let specs = match case.check {
        Check::Nothing => vec![],
        Check::Equations => vec![VerifierSpec::Arithmetic {}],
        Check::Judge => vec![VerifierSpec::Judge { rubric: "right".into(), model: None, min: 0.5 }],
    };
    let verifiers = VerifierSpec::build(&specs, &AnswerKind::Number, "How much?").unwrap();
    let params = Params {
        wave: case.wave,
        thrifty: case.wave.is_multiple_of(2),
        beta_threshold: case.beta.then_some(0.95),
        samples: Some(case.budget.max_samples),
        weighted: case.weighted,
        window: 8,
        ..Params::default()
    };
    strategy_verified(case.name, case.budget, case.seed, case.n, AnswerKind::Number, params, verifiers).ok()
}

impl<'a> World<'a> {
    fn new(case: &'a Case, course: &'a Course) -> Option<Self> {
        let (running, tries, ended) = (BTreeMap::new(), BTreeMap::new(), BTreeSet::new());
        Some(Self {
            strategy: build(case)?,
            ledger: Ledger::new(case.budget),
            case,
            course,
            now: 0,
            steps: 0,
            running,
            tries,
            ended,
            verdict: None,
        })
    }

    fn observe(&mut self, observation: Observation) {
        for action in self.strategy.next(observation) {
            assert!(self.verdict.is_none(), "an action after the end: {action:?}");
            match action {
                Action::Sample { index, max_tokens, ask, .. } => {
                    assert!(max_tokens > 0);
                    *self.tries.entry(index).or_insert(0) += 1;
                    self.begin(index, max_tokens, Work::of(&ask));
                }
                Action::Judge { index, max_tokens, .. } => self.begin(index, max_tokens, Work::Judge),
                Action::Cancel { index } => {
                    self.running.remove(&index).expect("only what runs is cancelled");
                    self.ledger.cancel(index).unwrap();
                }
                Action::Finish(verdict) => {
                    assert!(self.running.is_empty(), "everything has ended");
                    self.verdict = Some(verdict);
                }
            }
            assert!(self.case.wave.is_multiple_of(2) || self.running.len() <= self.case.wave as usize);
        }
    }

    fn begin(&mut self, index: u32, max_tokens: u32, work: Work) {
        self.ledger.reserve(index, max_tokens).expect("within the budget");
        let delay = self.course.delays[self.steps % self.course.delays.len()];
        self.steps += 1;
        let until = self.now + u32::from(delay);
        assert!(self.running.insert(index, Running { until, max_tokens, work }).is_none());
        self.ended.remove(&index);
    }

    /// Ends what ends next.
    fn end_next(&mut self) {
        let (index, run) = self.running.iter().min_by_key(|(index, run)| (run.until, **index)).unwrap();
        let (index, run) = (*index, *run);
        self.now = run.until;
        self.running.remove(&index);
        let fate = &self.case.fates[index as usize];
        let observation = match run.work {
            Work::Judge => Self::judgement(index, run.max_tokens, fate),
            Work::Whole => self.sample(index, run.max_tokens, fate, false),
            Work::Step => self.sample(index, run.max_tokens, fate, self.tries[&index] < 4),
        };
        let (Observation::Failed { tokens, .. }
        | Observation::Judged { tokens, .. }
        | Observation::Sample(SampleResult { tokens, .. })) = observation
        else {
            unreachable!()
        };
        self.ledger.record(index, tokens).unwrap();
        self.ledger.settle(index).unwrap();
        self.ended.insert(index);
        self.observe(observation);
    }

    fn sample(&self, index: u32, max: u32, fate: &Fate, goes_on: bool) -> Observation {
        if let Some((retryable, tokens)) = fate.fails.get(self.tries[&index] - 1) {
            let tokens = *tokens.min(&max);
            return Observation::Failed { index, retryable: *retryable, tokens, reason: "broken".into() };
        }
        let equation = if fate.sound { "1 + 1 = 2." } else { "1 + 1 = 3." };
        let answer = fate.answer.map(|answer| format!("{equation} The answer is {answer}."));
        Observation::Sample(SampleResult {
            index,
            thinking: String::new(),
            text: answer.unwrap_or("none".into()),
            finish: match fate.confidence {
                _ if goes_on => Finish::Matched,
                0..3 => Finish::Weak,
                _ => Finish::Stop,
            },
            tokens: fate.tokens.min(max),
            mean_logprob: fate.likelihood.map(f64::from),
            confidence: Some(f64::from(fate.confidence)),
        })
    }

    fn judgement(index: u32, max: u32, fate: &Fate) -> Observation {
        let tokens = fate.tokens.min(max);
        if fate.judge_fails {
            return Observation::Failed { index, retryable: true, tokens, reason: "broken".into() };
        }
        let text = fate.judged.map_or("well".into(), |score| format!("Score: {score}"));
        Observation::Judged { index, text, tokens }
    }

    /// Plays to the end, or to the deadline.
    fn play(mut self) -> Verdict {
        self.observe(Observation::Start);
        while self.verdict.is_none() {
            let next = self.running.values().map(|run| run.until).min().expect("nothing runs and nothing is said");
            match self.course.deadline.filter(|deadline| *deadline <= next) {
                Some(deadline) if deadline % 2 == 0 => self.observe(Observation::DeadlinePassed),
                Some(_) => self.observe(Observation::ClientLeft),
                None => self.end_next(),
            }
        }
        let plan = plan(&self.case.budget, self.case.budget.max_samples).unwrap();
        assert!(self.tries.len() <= plan.samples as usize);
        let searches = self.case.name == StrategyName::BeamSearch;
        assert!(searches || self.tries.values().all(|tries| *tries <= 2));
        let late = self.strategy.next(Observation::DeadlinePassed);
        assert!(late.is_empty());
        let spent = self.ledger.spent();
        assert!(spent.tokens_counted + spent.tokens_cancelled <= self.case.budget.total_tokens);
        let verdict = self.verdict.unwrap();
        assert!(verdict.counted.iter().all(|index| self.tries.contains_key(index)));
        assert!(verdict.chosen.iter().all(|index| verdict.counted.contains(index)));
        assert_eq!(verdict.chosen.len(), verdict.counted.len().min(self.case.n as usize));
        assert_eq!(verdict.checks.len(), if self.case.check == Check::Nothing { 0 } else { verdict.counted.len() });
        verdict
    }
}

/// The verdict of a case; `None` when its budget allows nothing of the kind.
fn play(case: &Case, course: &Course) -> Option<Verdict> {
    Some(World::new(case, course)?.play())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10_000))]

    #[test]
    fn the_budget_is_never_exceeded(case in case(), course in course(), deadline in proptest::option::of(0..3000_u32)) {
        // Every step checks itself, see `World`.
        let verdict = play(&case, &Course { deadline, ..course });
        prop_assert!(deadline.is_some() || verdict.is_none_or(|verdict| !verdict.depends_on_timing()));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3000))]

    #[test]
    fn what_takes_how_long_does_not_matter(case in case(), one in course(), other in course()) {
        prop_assert_eq!(play(&case, &one), play(&case, &other));
    }

    #[test]
    fn the_decided_rule_names_the_winner_of_the_full_vote(case in case(), course in course()) {
        let case = Case { name: StrategyName::SelfConsistency, beta: false, ..case };
        // Every sample that the plan allows, none of them left out.
        let all = Case { name: StrategyName::BestOfN, weighted: false, n: 1, ..case.clone() };
        if let (Some(verdict), Some(full)) = (play(&case, &course), play(&all, &course)) {
            prop_assert!(full.stop == StopRule::AllDone && verdict.counted.len() <= full.counted.len());
            // The votes of `best_of_n` are ranked as those of a vote.
            let winner = |verdict: &Verdict| verdict.votes.first().map(|vote| vote.canonical.clone());
            prop_assert_eq!(winner(&verdict), winner(&full));
            prop_assert_eq!(verdict.answer.map(|answer| answer.canonical), winner(&full));
        }
    }

    #[test]
    fn the_beta_rule_never_stops_before_four_whole_votes(case in case(), course in course()) {
        let case = Case { name: StrategyName::SelfConsistency, beta: true, ..case };
        if let Some(verdict) = play(&case, &course) {
            let heaviest = verdict.votes.first().map_or(0, |vote| vote.weight);
            prop_assert!(verdict.stop != StopRule::Beta || heaviest >= 4000);
            prop_assert!(verdict.stop != StopRule::Beta || case.check != Check::Nothing || verdict.counted.len() >= 4);
        }
    }

    #[test]
    fn a_weak_trace_never_votes(case in case(), course in course()) {
        let case = Case { name: StrategyName::ConfidenceVote, ..case };
        if let Some(verdict) = play(&case, &course) {
            let weak = |index: &&u32| case.fates[**index as usize].confidence < 3;
            let strong = verdict.counted.iter().filter(|index| !weak(index)).count();
            let voting: u64 = verdict.votes.iter().map(|vote| vote.weight).sum();
            prop_assert!(voting == 0 || strong > 0);
        }
    }
}
