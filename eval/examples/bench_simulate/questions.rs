//! Made-up questions, what samples answer to them, and what votes make of it.

use forethought_eval::replay::{Recorded, replay};
use forethought_reasoning::{AnswerKind, Finish, Params, strategy};
use forethought_schemas::{Budget, StrategyName};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha12Rng;

/// Questions of AIME in a year, of which some may be unsolvable.
pub const SET: u32 = 30;
/// Wrong answers of a question without options: nobody published how many there are.
pub const OPEN: usize = 20;

/// A task: how its questions differ, and how its wrong answers are spread.
#[derive(Clone, Copy)]
pub struct Task {
    /// The accuracy of one sample over all questions, 0 to 1.
    pub mean: f64,
    /// The sum of the Beta distribution's parameters: small where questions are easy or hopeless.
    pub concentration: f64,
    /// Of 30 questions, those that no sample answers rightly.
    pub unsolvable: u32,
    pub wrong: Wrong,
}

/// Wrong answers of a question.
#[derive(Clone, Copy, PartialEq)]
pub struct Wrong {
    pub answers: usize,
    /// The exponent of Zipf's law: 0 if all are equally common.
    pub zipf: f64,
}

impl Task {
    /// The Beta distribution of the questions that can be solved.
    pub fn parameters(&self) -> (f64, f64) {
        let solvable = f64::from(SET - self.unsolvable) / f64::from(SET);
        let mean = self.mean / solvable;
        assert!(mean < 1.0, "{} of {SET} unsolvable questions leave no {} of all to solve", self.unsolvable, self.mean);
        (mean * self.concentration, (1.0 - mean) * self.concentration)
    }

    /// What `samples` samples answer to a question: always the same ones for the same seed. The answer 0 is right.
    pub fn ask(&self, question: u32, samples: u32, seed: u64) -> Vec<usize> {
        let mut random = ChaCha12Rng::seed_from_u64(seed << 32 | u64::from(question));
        let (a, b) = self.parameters();
        let right = beta(a, b, &mut random);
        let right = if question % SET < self.unsolvable { 0.0 } else { right };
        let shares = self.wrong.shares(right);
        (0..samples).map(|_| draw(&shares, &mut random)).collect()
    }
}

impl Wrong {
    /// How common each answer is, the right one first, where `right` of the samples are right.
    pub fn shares(&self, right: f64) -> Vec<f64> {
        let weight = |rank: usize| (rank as f64).powf(-self.zipf);
        let all: f64 = (1..=self.answers).map(weight).sum();
        let wrong = (1..=self.answers).map(|rank| (1.0 - right) * weight(rank) / all);
        std::iter::once(right).chain(wrong).collect()
    }
}

/// An answer by how common each is.
pub fn draw(shares: &[f64], random: &mut ChaCha12Rng) -> usize {
    let mut left: f64 = random.random();
    for (answer, share) in shares.iter().enumerate() {
        left -= share;
        if left < 0.0 {
            return answer;
        }
    }
    shares.len() - 1
}

/// The most frequent answer, of several the one given first, counted without the strategy.
pub fn plurality(answers: &[usize]) -> usize {
    let mut counts = [0_u32; OPEN + 1];
    for answer in answers {
        counts[*answer] += 1;
    }
    let most = counts.iter().max().copied().unwrap_or(0);
    answers.iter().copied().find(|answer| counts[*answer] == most).expect("a vote of at least one sample")
}

/// The strategy's answer and the samples that it took, one after the other.
pub fn vote(answers: &[usize], beta: Option<f64>) -> (usize, u32) {
    let samples = u32::try_from(answers.len()).expect("few samples");
    let budget = Budget { max_samples: samples, total_tokens: samples * 8, sample_tokens: 8, deadline_ms: 1 };
    let params = Params { samples: Some(samples), wave: 1, thrifty: false, beta_threshold: beta, ..Params::default() };
    let vote = strategy(StrategyName::SelfConsistency, budget, 1, 1, AnswerKind::Number, params);
    // Every sample has one token, so that steps are samples.
    let played = replay(vote.expect("the vote can be built"), &|index| Recorded {
        text: answers[index as usize].to_string(),
        tokens: 1,
        finish: Finish::Stop,
    });
    let answer = played.verdict.answer.expect("every sample answers").canonical;
    (answer.parse().expect("the answers are numbers"), played.begun)
}

/// Beta by two Gamma draws.
fn beta(a: f64, b: f64, random: &mut ChaCha12Rng) -> f64 {
    let (x, y) = (log_gamma_draw(a, random), log_gamma_draw(b, random));
    1.0 / (1.0 + (y - x).exp())
}

/// The logarithm of a Gamma draw (Marsaglia and Tsang 2000), boosted below a shape of 1; in logarithms nothing underflows.
fn log_gamma_draw(shape: f64, random: &mut ChaCha12Rng) -> f64 {
    if shape < 1.0 {
        let boost: f64 = random.random::<f64>().max(f64::MIN_POSITIVE).ln() / shape;
        return log_gamma_draw(shape + 1.0, random) + boost;
    }
    let d = shape - 1.0 / 3.0;
    let c = 1.0 / (9.0 * d).sqrt();
    loop {
        // Box and Muller.
        let (u, v): (f64, f64) = (random.random::<f64>().max(f64::MIN_POSITIVE), random.random());
        let normal = (-2.0 * u.ln()).sqrt() * (std::f64::consts::TAU * v).cos();
        let cube = (1.0 + c * normal).powi(3);
        let uniform: f64 = random.random::<f64>().max(f64::MIN_POSITIVE);
        if cube > 0.0 && uniform.ln() < 0.5 * normal * normal + d - d * cube + d * cube.ln() {
            return (d * cube).ln();
        }
    }
}
