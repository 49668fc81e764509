//! What holds for every history of every strategy: random answers, delays, failures, engines that overspend, judgements,
//! cancellations and deadlines at any step, in virtual time. Within each of them, every action is checked against a ledger
//! of the test's own.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "the helpers of tests may panic"
)]

use std::collections::{BTreeMap, BTreeSet};

use forethought_reasoning::{
    Action, AnswerKind, Ask, Finish, Ledger, Observation, Order, Params, SampleResult, StopRule, Strategy, Verdict,
    VerifierSpec, extract, strategy_verified,
};
use forethought_schemas::{Budget, StrategyName};
use proptest::{
    option,
    prelude::{Just, ProptestConfig, any, prop_assert, prop_assert_eq, prop_oneof, proptest},
    sample::select,
    strategy::Strategy as Arbitrary,
    test_runner::{TestCaseError, TestRunner},
};
use serde_json::json;

/// What becomes of a sample: what its first tries fail with, and what the last one gives.
#[derive(Clone, Debug)]
struct Fate {
    fails: Vec<(bool, u32)>,
    answer: Option<u8>,
    sound: bool,
    tokens: u32,
    /// It says that it generated more than it was allowed.
    overspends: bool,
    finish: Finish,
    likelihood: Option<i8>,
    confidence: u8,
    /// What a judge says of it: a score, or nothing that can be read.
    judged: Option<u8>,
    judge_fails: bool,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Check {
    Equations,
    Judge,
    Schema,
    Regex,
    Range,
}

#[derive(Clone, Debug)]
struct Case {
    name: StrategyName,
    budget: Budget,
    seed: u64,
    n: u32,
    kind: AnswerKind,
    params: Params,
    checks: Vec<Check>,
    fates: Vec<Fate>,
}

/// More samples than any case draws.
const SAMPLES: u32 = 24;

fn fate() -> impl Arbitrary<Value = Fate> {
    let fails = prop_oneof![6 => Just(vec![]), 1 => proptest::collection::vec((any::<bool>(), 0..60_u32), 1..3)];
    let answer = prop_oneof![1 => Just(None), 9 => (0..4_u8).prop_map(Some)];
    let finish = prop_oneof![8 => Just(Finish::Stop), 1 => Just(Finish::Length), 1 => Just(Finish::Weak)];
    let spends = (0..60_u32, prop_oneof![19 => Just(false), 1 => Just(true)]);
    let judged = (prop_oneof![1 => Just(None), 4 => (0..11_u8).prop_map(Some)], any::<bool>());
    let sure = (option::of(-3..0_i8), 0..20_u8);
    (fails, answer, any::<bool>(), spends, finish, sure, judged).prop_map(
        |(fails, answer, sound, (tokens, overspends), finish, (likelihood, confidence), (judged, judge_fails))| Fate {
            fails,
            answer,
            sound,
            tokens,
            overspends,
            finish,
            likelihood,
            confidence,
            judged,
            judge_fails,
        },
    )
}

fn params() -> impl Arbitrary<Value = Params> {
    let flight = (1..7_u32, any::<bool>(), select(vec![Order::Drawn, Order::Shortest]));
    let plan = (option::of(4..SAMPLES), any::<bool>(), option::of(10..60_u32), flight);
    let stop = (option::of(select(vec![0.6, 0.95])), option::of(2..6_u32), option::of(select(vec![0.6, 0.95])));
    let sure = (option::of(1..8_u32), 1..20_u32, 1..101_u32);
    let mend = (option::of(1..5_u32), any::<bool>(), any::<bool>());
    let steps = (1..6_u32, 1..90_u32, any::<bool>());
    (plan, stop, sure, mend, steps).prop_map(|(plan, stop, sure, mend, steps)| Params {
        samples: plan.0,
        all_samples: plan.1 && plan.2.is_none(),
        least_tokens: plan.2,
        wave: plan.3.0,
        thrifty: plan.3.1,
        order: plan.3.2,
        beta_threshold: stop.0,
        esc_window: stop.1,
        consensus: stop.2,
        warm_up: sure.0,
        window: sure.1,
        keep_percent: sure.2,
        rounds: mend.0,
        corrects: mend.1,
        weighted: mend.2,
        width: steps.0,
        step_tokens: steps.1,
        diverse: steps.2,
    })
}

fn case(name: impl Arbitrary<Value = StrategyName>) -> impl Arbitrary<Value = Case> {
    let budget = (4..SAMPLES, 200..1800_u32, 30..90_u32).prop_map(|(max_samples, total_tokens, sample_tokens)| {
        Budget { max_samples, total_tokens, sample_tokens, deadline_ms: 1 }
    });
    let kinds = [AnswerKind::Number, AnswerKind::Choice, AnswerKind::Json { pointer: None }, AnswerKind::Text];
    let all = vec![Check::Equations, Check::Judge, Check::Schema, Check::Regex, Check::Range];
    let checks = proptest::sample::subsequence(all, 0..3);
    let answers = (select(kinds.to_vec()), 1..4_u32);
    (name, budget, any::<u64>(), answers, params(), checks, proptest::collection::vec(fate(), SAMPLES as usize))
        .prop_map(|(name, budget, seed, (kind, n), mut params, mut checks, fates)| {
            params.samples = params.samples.map(|samples| samples.min(budget.max_samples));
            // Steps are not judged.
            checks.retain(|check| name != StrategyName::BeamSearch || *check != Check::Judge);
            Case { name, budget, seed, n, kind, params, checks, fates }
        })
}

/// How long things take, and when it is over.
#[derive(Clone, Debug)]
struct Course {
    delays: Vec<u16>,
    /// After so many observations the deadline passes, or the client leaves.
    end: Option<(usize, bool)>,
}

fn course() -> impl Arbitrary<Value = Course> {
    proptest::collection::vec(0..300_u16, 1..60).prop_map(|delays| Course { delays, end: None })
}

/// What is done for a sample.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Work {
    Whole,
    Step,
    Judge,
}

/// What runs: since and until when, and with which cap.
#[derive(Clone, Copy, Debug)]
struct Running {
    since: u32,
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
    /// Tokens that each sample has spent so far, on whatever.
    used: BTreeMap<u32, u32>,
    now: u32,
    begun: usize,
    running: BTreeMap<u32, Running>,
    tries: BTreeMap<u32, usize>,
    overspent: BTreeSet<u32>,
    /// What each sample answered last.
    answers: BTreeMap<u32, Option<String>>,
    verdict: Option<Verdict>,
}

/// Builds the strategy of a case, if its budget allows one.
fn build(case: &Case) -> Option<Box<dyn Strategy>> {
    let spec = |check: &Check| match check {
        Check::Equations => VerifierSpec::Arithmetic {},
        Check::Judge => VerifierSpec::Judge { rubric: "right".into(), model: None, min: 0.5 },
        Check::Schema => VerifierSpec::JsonSchema { schema: json!({ "properties": { "n": { "maximum": 2 } } }) },
        Check::Regex => VerifierSpec::Regex { pattern: r"[012ABC]\W*$".into() },
        Check::Range => VerifierSpec::Range { min: None, max: Some(2.0), unit: None },
    };
    let specs: Vec<VerifierSpec> = case.checks.iter().map(spec).collect();
    let verifiers = VerifierSpec::build(&specs, &case.kind, "How much?").unwrap();
    strategy_verified(case.name, case.budget, case.seed, case.n, case.kind.clone(), case.params, verifiers).ok()
}

impl<'a> World<'a> {
    fn new(case: &'a Case, course: &'a Course) -> Option<Self> {
        Some(Self {
            strategy: build(case)?,
            ledger: Ledger::new(case.budget),
            case,
            course,
            used: BTreeMap::new(),
            now: 0,
            begun: 0,
            running: BTreeMap::new(),
            tries: BTreeMap::new(),
            overspent: BTreeSet::new(),
            answers: BTreeMap::new(),
            verdict: None,
        })
    }

    /// What each sample may have in all.
    fn share(&self) -> u32 {
        self.case.budget.sample_tokens.min(self.case.budget.total_tokens / self.strategy.snapshot().planned)
    }

    fn observe(&mut self, observation: Observation) {
        for action in self.strategy.next(observation) {
            assert!(self.verdict.is_none(), "an action after the end: {action:?}");
            match action {
                Action::Sample { index, max_tokens, ask, .. } => {
                    *self.tries.entry(index).or_insert(0) += 1;
                    let step = matches!(ask, Ask::Step { .. });
                    self.begin(index, max_tokens, if step { Work::Step } else { Work::Whole });
                    if let Ask::Step { begun, room, .. } = &ask {
                        assert!(max_tokens <= room.left && room.drawn + room.left <= room.share);
                        assert!(!begun.is_empty() || room.drawn == 0);
                    }
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
            self.check_budget();
        }
        let snapshot = self.strategy.snapshot();
        assert_eq!(snapshot.running as usize, self.running.len());
        let Params { wave, thrifty, .. } = self.case.params;
        assert!(thrifty || self.running.len() <= wave as usize);
    }

    fn check_budget(&self) {
        let spent = self.ledger.spent();
        let spent = spent.tokens_counted + spent.tokens_cancelled;
        assert!(spent + self.ledger.reserved() <= self.case.budget.total_tokens);
    }

    fn begin(&mut self, index: u32, max_tokens: u32, work: Work) {
        assert!(max_tokens > 0);
        let used = self.used.get(&index).copied().unwrap_or(0);
        assert!(used + max_tokens <= self.share(), "sample {index} has more than its share");
        self.ledger.reserve(index, max_tokens).expect("within the budget");
        let delay = self.course.delays[self.begun % self.course.delays.len()];
        self.begun += 1;
        let (since, until) = (self.now, self.now + u32::from(delay));
        assert!(self.running.insert(index, Running { since, until, max_tokens, work }).is_none());
    }

    /// Tells of each sample that runs how far it has come when the next one ends.
    fn go_on(&mut self) {
        let now = self.running.values().map(|run| run.until).min().expect("nothing runs and nothing is said");
        let whole = self.running.iter().filter(|(_, run)| run.work == Work::Whole && run.until > now);
        let drawn: Vec<(u32, u32)> = whole.map(|(index, run)| (*index, self.drawn(*index, run, now))).collect();
        for (index, tokens) in drawn {
            // What was told before may have ended the sample.
            if self.verdict.is_none() && self.running.contains_key(&index) {
                self.observe(Observation::Reached { index, tokens });
            }
        }
    }

    /// Tokens that a try has drawn at some time, of those that it will.
    fn drawn(&self, index: u32, run: &Running, now: u32) -> u32 {
        let fate = &self.case.fates[index as usize];
        let fails = fate.fails.get(self.tries[&index] - 1).map(|(_, tokens)| *tokens);
        let all = spends(fails.unwrap_or(fate.tokens), run.max_tokens, fate).min(run.max_tokens);
        all * now.saturating_sub(run.since) / (run.until - run.since)
    }

    /// Ends what ends next.
    fn end_next(&mut self) {
        let next = self.running.iter().min_by_key(|(index, run)| (run.until, **index));
        let (index, run) = next.map(|(index, run)| (*index, *run)).expect("nothing runs and nothing is said");
        self.now = run.until;
        self.running.remove(&index);
        let fate = &self.case.fates[index as usize];
        let observation = match run.work {
            Work::Judge => judgement(index, run.max_tokens, fate),
            Work::Whole => self.sample(index, run.max_tokens, fate, false),
            Work::Step => self.sample(index, run.max_tokens, fate, self.tries[&index] < 4),
        };
        let tokens = match &observation {
            Observation::Sample(result) | Observation::Stepped { result, .. } => {
                self.answers.insert(index, extract(&self.case.kind, &result.text).map(|answer| answer.canonical));
                if result.tokens > run.max_tokens {
                    self.overspent.insert(index);
                }
                result.tokens
            }
            Observation::Failed { tokens, .. } | Observation::Judged { tokens, .. } => *tokens,
            other => unreachable!("{other:?}"),
        };
        // Whoever carries it out stops an engine at what was reserved.
        let tokens = tokens.min(run.max_tokens);
        self.ledger.record(index, tokens).unwrap();
        self.ledger.settle(index).unwrap();
        *self.used.entry(index).or_insert(0) += tokens;
        self.observe(observation.clone());
        if !self.running.contains_key(&index) {
            assert_eq!(self.strategy.next(observation), vec![], "what is not running can do nothing");
        }
    }

    fn sample(&self, index: u32, max: u32, fate: &Fate, goes_on: bool) -> Observation {
        if let Some((retryable, tokens)) = fate.fails.get(self.tries[&index] - 1) {
            let tokens = spends(*tokens, max, fate);
            return Observation::Failed { index, retryable: *retryable, tokens, reason: "broken".into() };
        }
        let equation = if fate.sound { "1 + 1 = 2." } else { "1 + 1 = 3." };
        let answer = |answer: u8| match &self.case.kind {
            AnswerKind::Choice => format!("{equation} The answer is ({}).", ["A", "B", "C", "D"][usize::from(answer)]),
            AnswerKind::Json { .. } => format!("{{\"n\": {answer}}}"),
            AnswerKind::Text => format!("It is number {answer}"),
            _ => format!("{equation} The answer is {answer}."),
        };
        // A step always says something, or it has generated nothing.
        let nothing = if goes_on { "none" } else { "" };
        let said = fate.answer.map_or_else(|| nothing.to_owned(), answer);
        let result = SampleResult {
            calls: None,
            index,
            thinking: equation.to_owned(),
            text: said.clone(),
            finish: if goes_on && fate.finish == Finish::Stop { Finish::Matched } else { fate.finish },
            tokens: spends(fate.tokens, max, fate),
            mean_logprob: fate.likelihood.map(f64::from),
            confidence: Some(f64::from(fate.confidence)),
        };
        if goes_on { Observation::Stepped { result, said } } else { Observation::Sample(result) }
    }

    /// Plays to the end, the deadline, or until the client leaves.
    fn play(mut self) -> Verdict {
        let end = |left| if left { Observation::ClientLeft } else { Observation::DeadlinePassed };
        for step in 0.. {
            match self.course.end.filter(|(at, _)| *at == step) {
                Some((_, left)) => self.observe(end(left)),
                None if step == 0 => self.observe(Observation::Start),
                None => {
                    self.go_on();
                    if self.verdict.is_none() {
                        self.end_next();
                    }
                }
            }
            if self.verdict.is_some() {
                break;
            }
        }
        assert!(self.tries.len() <= self.strategy.snapshot().planned as usize);
        let searches = self.case.name == StrategyName::BeamSearch;
        assert!(searches || self.tries.values().all(|tries| *tries <= 2));
        for late in [Observation::Start, Observation::DeadlinePassed, Observation::ClientLeft] {
            assert_eq!(self.strategy.next(late), vec![]);
        }
        self.check_verdict();
        self.verdict.unwrap()
    }

    fn check_verdict(&self) {
        let (verdict, n) = (self.verdict.as_ref().unwrap(), self.case.n as usize);
        assert!(verdict.counted.iter().all(|index| self.tries.contains_key(index)));
        assert!(verdict.counted.iter().all(|index| !self.overspent.contains(index)), "what overspent counts nothing");
        assert!(verdict.chosen.iter().all(|index| verdict.counted.contains(index)));
        assert_eq!(verdict.chosen.len(), verdict.counted.len().min(n));
        assert_eq!(verdict.checks.len(), if self.case.checks.is_empty() { 0 } else { verdict.counted.len() });
        // A beam that was to go on from another's text is told by its own last one.
        let searches = self.case.name == StrategyName::BeamSearch;
        if self.case.name == StrategyName::Single || (searches && verdict.depends_on_timing()) {
            return;
        }
        let told = verdict.chosen.iter().filter_map(|index| self.answers[index].as_ref());
        let distinct = told.collect::<BTreeSet<_>>().len();
        assert_eq!(distinct, verdict.votes.len().min(n), "each answer before another sample of one: {verdict:?}");
        let early = !matches!(verdict.stop, StopRule::AllDone | StopRule::Deadline | StopRule::ClientLeft);
        assert!(!early || distinct == n, "a vote goes on until it has what was asked for: {verdict:?}");
    }
}

/// What a try says that it generated.
fn spends(tokens: u32, max: u32, fate: &Fate) -> u32 {
    if fate.overspends { max + 1 + tokens } else { tokens.min(max) }
}

fn judgement(index: u32, max: u32, fate: &Fate) -> Observation {
    let tokens = spends(fate.tokens, max, fate);
    if fate.judge_fails {
        return Observation::Failed { index, retryable: true, tokens, reason: "broken".into() };
    }
    let text = fate.judged.map_or("well".into(), |score| format!("Score: {score}"));
    Observation::Judged { index, text, tokens }
}

/// The verdict of a case; `None` when its budget allows nothing of the kind.
fn play(case: &Case, course: &Course) -> Option<Verdict> {
    Some(World::new(case, course)?.play())
}

/// Plays 10,000 histories of one strategy; every step checks itself, see [`World`].
fn histories(name: StrategyName) {
    let config = ProptestConfig {
        cases: 10_000,
        max_global_rejects: 100_000,
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    let end = option::of((0..40_usize, any::<bool>()));
    let played = TestRunner::new(config).run(&(case(Just(name)), course(), end), |(case, course, end)| {
        let refused = || TestCaseError::reject("the budget allows nothing of the kind");
        let verdict = play(&case, &Course { end, ..course }).ok_or_else(refused)?;
        prop_assert!(end.is_some() || !verdict.depends_on_timing());
        Ok(())
    });
    assert!(played.is_ok(), "{}", played.unwrap_err());
}

#[test]
fn single_keeps_its_budget() {
    histories(StrategyName::Single);
}

#[test]
fn best_of_n_keeps_its_budget() {
    histories(StrategyName::BestOfN);
}

#[test]
fn self_consistency_keeps_its_budget() {
    histories(StrategyName::SelfConsistency);
}

#[test]
fn confidence_vote_keeps_its_budget() {
    histories(StrategyName::ConfidenceVote);
}

#[test]
fn self_correct_keeps_its_budget() {
    histories(StrategyName::SelfCorrect);
}

#[test]
fn beam_search_keeps_its_budget() {
    histories(StrategyName::BeamSearch);
}

#[test]
fn auto_keeps_its_budget() {
    histories(StrategyName::Auto);
}

fn any_case() -> impl Arbitrary<Value = Case> {
    case(select(StrategyName::ALL))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(5000))]

    #[test]
    fn what_takes_how_long_does_not_matter(case in any_case(), one in course(), other in course()) {
        prop_assert_eq!(play(&case, &one), play(&case, &other));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3000))]

    #[test]
    fn the_decided_rule_names_the_winner_of_the_full_vote(case in any_case(), course in course()) {
        let samples = Some(case.budget.max_samples);
        // `best_of_n` knows the order drawn only.
        let order = Order::Drawn;
        let params = Params { beta_threshold: None, esc_window: None, weighted: false, samples, order, ..case.params };
        let case = Case { name: StrategyName::SelfConsistency, params, ..case };
        // Every sample that the plan allows, none of them left out.
        let all = Case { name: StrategyName::BestOfN, n: 1, ..case.clone() };
        if let (Some(verdict), Some(full)) = (play(&case, &course), play(&all, &course)) {
            prop_assert!(full.stop == StopRule::AllDone && verdict.counted.len() <= full.counted.len());
            // The votes of `best_of_n` are ranked as those of a vote.
            let winner = |verdict: &Verdict| verdict.votes.first().map(|vote| vote.canonical.clone());
            prop_assert_eq!(winner(&verdict), winner(&full));
            prop_assert_eq!(verdict.answer.map(|answer| answer.canonical), winner(&full));
        }
    }

    #[test]
    fn a_vote_of_auto_that_is_decided_ends_as_the_full_one(case in any_case(), course in course()) {
        let samples = Some(case.budget.max_samples);
        // How many are in flight decides when each begins, and so which of two is counted first.
        let thrifty = case.params.thrifty && case.params.order == Order::Drawn;
        let params = Params { beta_threshold: None, esc_window: None, corrects: false, samples, thrifty, ..case.params };
        let kind = if case.kind == AnswerKind::Text { AnswerKind::Number } else { case.kind.clone() };
        let case = Case { name: StrategyName::Auto, n: 1, kind, params, ..case };
        // There are four answers at most, so a vote for five of them draws every sample.
        let all = Case { n: 5, ..case.clone() };
        if let (Some(verdict), Some(full)) = (play(&case, &course), play(&all, &course)) {
            let answer = |verdict: Verdict| verdict.answer.map(|answer| answer.canonical);
            prop_assert_eq!((full.stop, answer(verdict)), (StopRule::AllDone, answer(full)));
        }
    }

    #[test]
    fn the_beta_rule_never_stops_before_four_whole_votes(case in any_case(), course in course()) {
        let params = Params { beta_threshold: Some(0.95), ..case.params };
        let case = Case { name: StrategyName::SelfConsistency, params, ..case };
        if let Some(verdict) = play(&case, &course) {
            let heaviest = verdict.votes.first().map_or(0, |vote| vote.weight);
            prop_assert!(verdict.stop != StopRule::Beta || heaviest >= 4000);
            // What only looks at the form makes no vote surer.
            let telling = case.checks.iter().any(|check| matches!(check, Check::Equations | Check::Judge));
            prop_assert!(verdict.stop != StopRule::Beta || telling || verdict.counted.len() >= 4);
        }
    }

    #[test]
    fn a_weak_trace_never_votes(case in any_case(), course in course()) {
        let case = Case { name: StrategyName::ConfidenceVote, ..case };
        if let Some(verdict) = play(&case, &course) {
            let weak = |index: &&u32| case.fates[**index as usize].finish == Finish::Weak;
            let strong = verdict.counted.iter().filter(|index| !weak(index)).count();
            let voting: u64 = verdict.votes.iter().map(|vote| vote.weight).sum();
            prop_assert!(voting == 0 || strong > 0);
        }
    }
}
