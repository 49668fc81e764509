//! What stopping rules and votes give on made-up models whose skill comes from published figures.
//!
//! Each question has a probability to be answered rightly, drawn from a Beta distribution, and wrong answers whose shares
//! fall by Zipf's law. The Beta distribution's mean is the published accuracy of one sample; how far its questions are apart
//! is set so that a full vote comes to the published accuracy, except where that is what is to be predicted. The
//! exponent of the wrong answers is what nobody published: everything is shown for several.

#![allow(
    clippy::expect_used,
    clippy::print_stdout,
    clippy::indexing_slicing,
    clippy::cast_precision_loss,
    reason = "a measurement ends at its first fault, prints, and counts far below 2^52"
)]

use clap::Parser;
use forethought_eval::replay::{Recorded, replay};
use forethought_reasoning::{AnswerKind, Finish, Params, strategy};
use forethought_schemas::{Budget, StrategyName};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha12Rng;

/// Wrong answers of one question.
const WRONG: usize = 20;
/// Every sample has as many tokens, so that tokens are samples.
const TOKENS: u32 = 1;

/// Accuracy of code-davinci-002, one greedy sample and a vote of 40 (Wang et al. 2022, arXiv:2203.11171).
const VOTES: [Published; 5] = [
    Published { name: "GSM8K", one: 60.1, vote: 78.0 },
    Published { name: "SVAMP", one: 75.8, vote: 86.8 },
    Published { name: "AQuA", one: 39.8, vote: 52.0 },
    Published { name: "StrategyQA", one: 73.4, vote: 79.8 },
    Published { name: "ARC-challenge", one: 83.6, vote: 87.5 },
];
/// AIME 2024, pass@1 and cons@64 (DeepSeek-AI 2025, arXiv:2501.12948).
const DISTILLS: [Published; 5] = [
    Published { name: "R1-distill-Qwen-1.5B", one: 28.9, vote: 52.7 },
    Published { name: "R1-distill-Qwen-7B", one: 55.5, vote: 83.3 },
    Published { name: "R1-distill-Llama-8B", one: 50.4, vote: 80.0 },
    Published { name: "R1-distill-Qwen-32B", one: 72.6, vote: 83.3 },
    Published { name: "R1-Zero", one: 71.0, vote: 86.7 },
];
/// What Adaptive-Consistency published: samples in place of 40, and points lost (arXiv:2305.11860).
const ADAPTIVE: (f64, f64) = (16.5, -0.03);

#[derive(Clone, Copy)]
struct Published {
    name: &'static str,
    /// One sample, in percent.
    one: f64,
    /// The full vote, in percent.
    vote: f64,
}

/// Simulates votes on models of published skill.
#[derive(Parser)]
struct Args {
    /// Questions of each task.
    #[arg(long, default_value_t = 4000)]
    questions: u32,
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

/// A task: how its questions differ, and how its wrong answers are spread.
#[derive(Clone, Copy)]
struct Task {
    mean: f64,
    /// The sum of the Beta distribution's parameters: small where questions are easy or hopeless.
    concentration: f64,
    zipf: f64,
}

fn main() {
    let args = Args::parse();
    adaptive(&args);
    distills(&args);
}

/// Samples that the Beta rule saves against votes of 40, on tasks with the published accuracies of one sample and of 40.
fn adaptive(args: &Args) {
    println!("stopping rules against a fixed vote of 40 (published: {} samples, {:+} points)", ADAPTIVE.0, ADAPTIVE.1);
    println!(
        "{:<6} {:<14} {:>6} {:>8} {:>8} {:>9} {:>9} {:>7} {:>9} {:>7}",
        "zipf", "task", "one", "vote 40", "fixed 40", "beta .95", "samples", "ratio", "thrifty", "wave 4"
    );
    for zipf in [0.5, 1.0, 1.5, 2.0] {
        let (mut ratios, mut means, mut lost) = (Vec::new(), Vec::new(), Vec::new());
        for published in VOTES {
            let task = fit(published, zipf, 40, args);
            let full = vote(task, 40, None, 40, false, args);
            let beta = vote(task, 40, Some(0.95), 1, false, args);
            let thrifty = vote(task, 40, Some(0.95), 4, true, args);
            let wave = vote(task, 40, Some(0.95), 4, false, args);
            println!(
                "{zipf:<6} {:<14} {:>6.1} {:>8.1} {:>8.1} {:>9.1} {:>9.1} {:>7.2} {:>9.1} {:>7.1}",
                published.name,
                published.one,
                published.vote,
                full.0,
                beta.0,
                beta.1,
                40.0 / beta.1,
                thrifty.1,
                wave.1
            );
            ratios.push(40.0 / beta.1);
            means.push(beta.1);
            lost.push(beta.0 - full.0);
        }
        let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
        println!(
            "{zipf:<6} all: {:.1} samples, mean ratio {:.2}, {:+.2} points (worst {:+.2})",
            mean(&means),
            mean(&ratios),
            mean(&lost),
            lost.iter().copied().fold(f64::INFINITY, f64::min)
        );
    }
    println!();
}

/// What a vote of 64 gives where only one sample's accuracy is known: how far questions are apart is taken from the others.
fn distills(args: &Args) {
    println!(
        "cons@64 on AIME 2024, predicted from pass@1 and from the other models' spread (30 questions: ±3.3 points each)"
    );
    println!("{:<6} {:<22} {:>7} {:>8} {:>10} {:>7}", "zipf", "model", "pass@1", "cons@64", "predicted", "error");
    for zipf in [0.0, 0.5, 1.0, 1.5] {
        let own: Vec<f64> =
            DISTILLS.iter().map(|published| fit(*published, zipf, 64, args).concentration.ln()).collect();
        let mut errors = Vec::new();
        for (at, published) in DISTILLS.iter().enumerate() {
            let others: Vec<f64> =
                own.iter().enumerate().filter(|(other, _)| *other != at).map(|(_, own)| *own).collect();
            let concentration = (others.iter().sum::<f64>() / others.len() as f64).exp();
            let task = Task { mean: published.one / 100.0, concentration, zipf };
            let predicted = vote(task, 64, None, 64, false, args).0;
            errors.push((predicted - published.vote).abs());
            println!(
                "{zipf:<6} {:<22} {:>7.1} {:>8.1} {:>10.1} {:>+7.1}",
                published.name,
                published.one,
                published.vote,
                predicted,
                predicted - published.vote
            );
        }
        println!("{zipf:<6} mean error {:.1} points", errors.iter().sum::<f64>() / errors.len() as f64);
    }
}

/// The concentration with which a full vote comes to the published accuracy, by bisection on its logarithm: the further
/// questions are apart, the less a vote gains.
fn fit(published: Published, zipf: f64, samples: u32, args: &Args) -> Task {
    let task = |log: f64| Task { mean: published.one / 100.0, concentration: log.exp(), zipf };
    let few = Args { questions: args.questions.min(1500), seed: args.seed };
    let (mut low, mut high) = (-3.0, 5.0);
    for _ in 0..14 {
        let middle = f64::midpoint(low, high);
        if plurality(task(middle), samples, &few) < published.vote { low = middle } else { high = middle }
    }
    task(f64::midpoint(low, high))
}

/// The accuracy of a full vote in percent, counted without the strategy.
fn plurality(task: Task, samples: u32, args: &Args) -> f64 {
    let right = (0..args.questions).filter(|question| {
        let mut counts = [0_u32; WRONG + 1];
        let asked = Asked::new(task, *question, args.seed);
        for index in 0..samples {
            counts[asked.answer(index)] += 1;
        }
        counts.iter().skip(1).all(|count| *count < counts[0])
    });
    100.0 * right.count() as f64 / f64::from(args.questions)
}

/// Accuracy in percent and samples of a vote, by the strategy itself.
fn vote(task: Task, samples: u32, beta: Option<f64>, wave: u32, thrifty: bool, args: &Args) -> (f64, f64) {
    let (mut right, mut spent) = (0_u32, 0_u64);
    for question in 0..args.questions {
        let asked = Asked::new(task, question, args.seed);
        let budget = Budget { max_samples: samples, total_tokens: samples * 8, sample_tokens: 8, deadline_ms: 1 };
        let params = Params { samples: Some(samples), wave, thrifty, beta_threshold: beta, ..Params::default() };
        let vote = strategy(StrategyName::SelfConsistency, budget, 1, 1, AnswerKind::Number, params);
        let played = replay(vote.expect("the vote can be built"), &|index| Recorded {
            text: asked.answer(index).to_string(),
            tokens: TOKENS,
            finish: Finish::Stop,
        });
        right += u32::from(played.verdict.answer.is_some_and(|answer| answer.canonical == "0"));
        spent += if beta.is_none() { u64::from(samples) } else { u64::from(played.begun) };
    }
    (100.0 * f64::from(right) / f64::from(args.questions), spent as f64 / f64::from(args.questions))
}

/// One question: how likely each answer is. The answer 0 is right.
struct Asked {
    shares: [f64; WRONG + 1],
    seed: u64,
}

impl Asked {
    fn new(task: Task, question: u32, seed: u64) -> Self {
        let seed = seed << 40 | u64::from(question) << 8;
        let mut random = ChaCha12Rng::seed_from_u64(seed);
        let right = beta(task.mean * task.concentration, (1.0 - task.mean) * task.concentration, &mut random);
        let mut shares = [right; WRONG + 1];
        let weight = |rank: usize| (rank as f64).powf(-task.zipf);
        let all: f64 = (1..=WRONG).map(weight).sum();
        for (rank, share) in shares.iter_mut().enumerate().skip(1) {
            *share = (1.0 - right) * weight(rank) / all;
        }
        Self { shares, seed }
    }

    /// What a sample answers: the same whenever it is asked.
    fn answer(&self, index: u32) -> usize {
        let mut random = ChaCha12Rng::seed_from_u64(self.seed);
        random.set_stream(u64::from(index) + 1);
        let mut left: f64 = random.random();
        for (answer, share) in self.shares.iter().enumerate() {
            left -= share;
            if left < 0.0 {
                return answer;
            }
        }
        WRONG
    }
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
