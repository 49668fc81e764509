//! How often strategies are right, and what they spend, with models of known skill: a simulation with fixed seeds.
//!
//! A simulated sample is right with a probability; a wrong one gives one of a few other answers. It shows its work in some
//! cases. Then its equations hold in 94 of 100 samples that are right and in 3 that are wrong, which is about what was
//! measured with a small model on one-line arithmetic (see `Verification::votes`).

#![expect(clippy::unwrap_used, reason = "the helpers of tests may panic")]

use std::collections::VecDeque;

use forethought_reasoning::{
    Action, AnswerKind, Finish, Observation, Params, SampleResult, Verdict, VerifierSpec, strategy_verified,
};
use forethought_schemas::{Budget, StrategyName};

const QUESTIONS: u32 = 3000;
/// What every simulated sample generates.
const TOKENS: u32 = 10;

/// A small generator of its own (`SplitMix64`), so that the figures never change.
struct Luck(u64);

impl Luck {
    /// A number below `n`.
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) % n
    }

    fn percent(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }
}

/// A model: how many of its samples are right, and how many show their work, in percent.
#[derive(Clone, Copy, Debug)]
struct Skill {
    right: u64,
    shows: u64,
}

impl Skill {
    /// A sample of one question; the answer 0 is right.
    fn sample(self, luck: &mut Luck) -> String {
        let right = luck.percent(self.right);
        let answer = if right { 0 } else { 1 + luck.below(4) };
        let holds = luck.percent(if right { 94 } else { 3 });
        let work = match luck.percent(self.shows) {
            true if holds => "1 + 1 = 2. ",
            true => "1 + 1 = 3. ",
            false => "",
        };
        format!("{work}The answer is {answer}.")
    }
}

/// What a strategy did over all questions.
#[derive(Clone, Copy, Debug, Default)]
struct Score {
    right: u32,
    tokens: u32,
}

fn run(name: StrategyName, samples: u32, beta: bool, verified: bool, skill: Skill) -> Score {
    let mut score = Score::default();
    for question in 0..QUESTIONS {
        let (verdict, tokens) = ask(name, samples, beta, verified, skill, question);
        score.right += u32::from(verdict.answer.is_some_and(|answer| answer.canonical == "0"));
        score.tokens += tokens;
    }
    score
}

/// One question. Samples end in the order in which they were started; those cancelled have spent half.
fn ask(name: StrategyName, samples: u32, beta: bool, verified: bool, skill: Skill, question: u32) -> (Verdict, u32) {
    let specs = if verified { vec![VerifierSpec::Arithmetic {}] } else { vec![] };
    let verifiers = VerifierSpec::build(&specs, &AnswerKind::Number, "").unwrap();
    let budget = Budget { max_samples: samples, total_tokens: samples * 20, sample_tokens: 20, deadline_ms: 1 };
    let beta_threshold = beta.then_some(0.95);
    let params = Params { samples: Some(samples), beta_threshold, ..Params::default() };
    let mut strategy = strategy_verified(name, budget, 1, 1, AnswerKind::Number, params, verifiers).unwrap();
    let mut running = VecDeque::new();
    let mut tokens = 0;
    let mut actions = strategy.next(Observation::Start);
    loop {
        for action in actions {
            match action {
                Action::Sample { index, .. } => running.push_back(index),
                Action::Finish(verdict) => return (verdict, tokens),
                Action::Cancel { .. } => tokens += TOKENS / 2,
                Action::Judge { .. } => unreachable!("nobody judges here"),
            }
        }
        let index = running.pop_front().unwrap();
        tokens += TOKENS;
        // The same question gives every strategy the same samples.
        let mut luck = Luck(u64::from(question) << 32 | u64::from(index));
        actions = strategy.next(Observation::Sample(SampleResult {
            calls: None,
            index,
            thinking: String::new(),
            text: skill.sample(&mut luck),
            finish: Finish::Stop,
            tokens: TOKENS,
            mean_logprob: Some(-1.0),
            confidence: None,
        }));
    }
}

const SKILLS: [u64; 5] = [30, 45, 60, 75, 90];

/// One point of accuracy over all questions.
const POINT: u32 = QUESTIONS / 100;

#[test]
fn auto_is_as_good_as_a_full_vote_and_spends_less() {
    for right in SKILLS {
        let skill = Skill { right, shows: 0 };
        let auto = run(StrategyName::Auto, 16, true, false, skill);
        let vote = run(StrategyName::SelfConsistency, 16, false, false, skill);
        println!("{skill:?}: auto {auto:?}, full vote {vote:?}");
        assert!(auto.right + 2 * POINT >= vote.right, "{skill:?}: {auto:?}, {vote:?}");
        assert!(auto.tokens < vote.tokens, "{skill:?}: {auto:?}, {vote:?}");
    }
}

#[test]
fn at_equal_tokens_auto_is_no_worse_than_the_fixed_strategies() {
    for right in SKILLS {
        for shows in [0, 50, 100] {
            let skill = Skill { right, shows };
            let auto = run(StrategyName::Auto, 16, true, true, skill);
            // As many samples as auto has spent, rounded up in their favour.
            let spent = auto.tokens.div_ceil(QUESTIONS * TOKENS).max(1);
            for (name, verified) in [
                (StrategyName::SelfConsistency, false),
                (StrategyName::SelfConsistency, true),
                (StrategyName::BestOfN, true),
            ] {
                let fixed = run(name, spent, false, verified, skill);
                println!("{skill:?}: auto {auto:?}, {name} of {spent}, verified {verified}: {fixed:?}");
                assert!(auto.right + POINT >= fixed.right, "{skill:?}: {auto:?}, {name} of {spent}: {fixed:?}");
            }
        }
    }
}

#[test]
fn a_weighted_vote_beats_a_plain_one_where_work_is_shown() {
    for right in SKILLS {
        let skill = Skill { right, shows: 70 };
        let plain = run(StrategyName::SelfConsistency, 8, false, false, skill);
        let weighted = run(StrategyName::SelfConsistency, 8, false, true, skill);
        println!("{skill:?}: plain {plain:?}, weighted {weighted:?}");
        assert!(weighted.right >= plain.right, "{skill:?}: {plain:?}, {weighted:?}");
        assert!(right > 60 || weighted.right >= plain.right + 5 * POINT, "{skill:?}: {plain:?}, {weighted:?}");
    }
}
