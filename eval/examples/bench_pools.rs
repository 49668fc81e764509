//! What strategies would have answered and spent, on recorded samples: each gets the same draws out of the same pools.
//!
//! A pool is the file of results of `forethought eval --way one=single,… --repeats 64`. Each draw shuffles the samples of a
//! question, and every scheme takes them in that order; intervals are bootstraps over questions, of paired differences.

#![allow(
    clippy::expect_used,
    clippy::print_stdout,
    clippy::indexing_slicing,
    clippy::cast_precision_loss,
    reason = "a measurement ends at its first fault, prints, and counts far below 2^52"
)]

use std::{collections::BTreeMap, path::PathBuf};

use clap::Parser;
use forethought_eval::{
    Question, Results,
    replay::{Played, Recorded, replay},
    stats::{self, Estimate},
};
use forethought_reasoning::{AnswerKind, Finish, Params, VerifierSpec, strategy_verified};
use forethought_schemas::{Budget, StrategyName};
use rand::{SeedableRng, seq::SliceRandom};
use rand_chacha::ChaCha12Rng;

/// Replays strategies on pools of recorded samples.
#[derive(Parser)]
struct Args {
    /// Files of results, each question asked many times for a single sample; may be several of one set.
    #[arg(required = true)]
    pools: Vec<PathBuf>,
    /// How often each question's samples are drawn anew.
    #[arg(long, default_value_t = 40)]
    draws: u32,
    /// Samples of the full vote.
    #[arg(long, default_value_t = 16)]
    samples: u32,
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

/// A way to spend up to so many samples.
struct Scheme {
    name: String,
    strategy: StrategyName,
    params: Params,
    samples: u32,
    verified: bool,
    /// All samples are paid for, as by who draws a fixed number and then counts.
    whole: bool,
}

struct Pool {
    question: Question,
    samples: Vec<Recorded>,
}

/// What a scheme did on each question, the mean over all draws.
#[derive(Default)]
struct Score {
    right: Vec<f64>,
    tokens: Vec<f64>,
    steps: Vec<f64>,
}

fn main() {
    let args = Args::parse();
    let mut sets: BTreeMap<String, Vec<Pool>> = BTreeMap::new();
    for file in &args.pools {
        let results = Results::load(file).expect("the file of results cannot be read");
        for pool in pools(results) {
            sets.entry(pool.question.set.clone()).or_default().push(pool);
        }
    }
    for (set, pools) in &sets {
        report(set, pools, &args);
    }
}

fn pools(results: Results) -> Vec<Pool> {
    let mut samples: BTreeMap<String, Vec<Recorded>> = BTreeMap::new();
    for outcome in results.outcomes {
        for sample in outcome.reply.into_iter().flat_map(|reply| reply.samples) {
            let finish = if sample.finish_reason.as_deref() == Some("length") { Finish::Length } else { Finish::Stop };
            let tokens = u32::try_from(sample.tokens).unwrap_or(u32::MAX).max(1);
            samples.entry(outcome.id.clone()).or_default().push(Recorded { text: sample.text, tokens, finish });
        }
    }
    let questions = results.plan.questions.into_iter();
    questions
        .filter_map(|question| {
            let samples = samples.remove(&question.id)?;
            Some(Pool { question, samples })
        })
        .collect()
}

fn schemes(samples: u32) -> Vec<Scheme> {
    let scheme = |name: &str, strategy, params: Params, samples, verified, whole| Scheme {
        name: name.to_owned(),
        strategy,
        params: Params { samples: Some(samples), ..params },
        samples,
        verified,
        whole,
    };
    // `wave` means what it says, except where a scheme is thrifty.
    let on = Params { thrifty: false, ..Params::default() };
    let off = Params { beta_threshold: None, ..on };
    let (vote, best, auto) = (StrategyName::SelfConsistency, StrategyName::BestOfN, StrategyName::Auto);
    let mut all = Vec::new();
    for n in [1, 2, 3, 4, 6, 8, 12, 16, 24, 32].into_iter().filter(|n| *n <= samples) {
        all.push(scheme(&format!("fixed vote of {n}"), vote, Params { wave: n, ..off }, n, false, true));
    }
    for wave in [1, 2, 4, 8, 16] {
        all.push(scheme(&format!("decided, wave {wave}"), vote, Params { wave, ..off }, samples, false, false));
    }
    for wave in [1, 2, 4, 8, 16] {
        all.push(scheme(&format!("beta 0.95, wave {wave}"), vote, Params { wave, ..on }, samples, false, false));
    }
    let thrifty = |params: &Params| Params { thrifty: true, ..*params };
    all.push(scheme("decided, thrifty", vote, thrifty(&off), samples, false, false));
    all.push(scheme("beta 0.95, thrifty", vote, thrifty(&on), samples, false, false));
    let surer = Params { beta_threshold: Some(0.9), ..thrifty(&on) };
    all.push(scheme("beta 0.9, thrifty", vote, surer, samples, false, false));
    for window in [3, 5] {
        let esc = Params { esc_window: Some(window), wave: window, ..off };
        all.push(scheme(&format!("esc {window}"), vote, esc, samples, false, false));
    }
    for n in [4, 8, 16] {
        all.push(scheme(&format!("auto of {n}"), auto, Params::default(), n, false, false));
    }
    for n in [4, 8, 16] {
        all.push(scheme(&format!("auto of {n}, verified"), auto, Params::default(), n, true, false));
    }
    for n in [8, 16] {
        all.push(scheme(&format!("best_of_n {n}, verified"), best, Params::default(), n, true, false));
        let weighted = Params { weighted: true, ..Params::default() };
        all.push(scheme(&format!("best_of_n {n}, weighted"), best, weighted, n, true, false));
    }
    all
}

fn report(set: &str, pools: &[Pool], args: &Args) {
    let enough = |pool: &&Pool| pool.samples.len() >= args.samples as usize;
    let short = pools.len() - pools.iter().filter(enough).count();
    if short > 0 {
        println!("{set}: {short} questions have fewer than {} samples and are left out", args.samples);
    }
    let pools: Vec<&Pool> = pools.iter().filter(enough).collect();
    let pools = pools.as_slice();
    let schemes = schemes(args.samples);
    let scores: Vec<Score> = schemes.iter().map(|scheme| score(scheme, pools, args)).collect();
    let full_name = format!("fixed vote of {}", args.samples);
    let full = schemes.iter().position(|scheme| scheme.name == full_name).expect("the full vote is a scheme");
    let sizes: Vec<usize> = pools.iter().map(|pool| pool.samples.len()).collect();
    println!(
        "{set}: {} questions, pools of {} to {}, {} draws of {}",
        pools.len(),
        sizes.iter().min().copied().unwrap_or_default(),
        sizes.iter().max().copied().unwrap_or_default(),
        args.draws,
        args.samples
    );
    println!(
        "{:<24} {:>22} {:>24} {:>8} {:>7} {:>6}",
        "scheme", "accuracy", "against the full vote", "tokens", "saved", "steps"
    );
    let (whole, tokens) = (&scores[full], stats::mean(&scores[full].tokens));
    for (scheme, score) in schemes.iter().zip(&scores) {
        let mean = stats::mean(&score.tokens);
        println!(
            "{:<24} {:>22} {:>24} {mean:>8.1} {:>6.1}% {:>6.1}",
            scheme.name,
            percent(&stats::mean_of(&score.right, args.seed), false),
            percent(&stats::difference(&whole.right, &score.right, 2, args.seed), true),
            100.0 * (1.0 - mean / tokens),
            stats::mean(&score.steps)
        );
    }
    for (scheme, score) in schemes.iter().zip(&scores).filter(|(scheme, _)| scheme.strategy == StrategyName::Auto) {
        let fixed = schemes.iter().zip(&scores).filter(|(scheme, _)| scheme.whole).map(|(_, score)| score);
        let above = above_frontier(score, &fixed.collect::<Vec<_>>(), args.seed);
        println!("{}: {} points above the frontier of fixed votes at its tokens", scheme.name, percent(&above, true));
    }
    println!();
}

/// How much more often `score` is right than the fixed votes at as many tokens: their chord where it lies between two.
fn above_frontier(score: &Score, fixed: &[&Score], seed: u64) -> Estimate {
    let tokens = stats::mean(&score.tokens);
    let at = |score: &Score| stats::mean(&score.tokens);
    let over = fixed.iter().position(|fixed| at(fixed) >= tokens).unwrap_or(fixed.len() - 1).max(1);
    let (low, high) = (fixed[over - 1], fixed[over]);
    let share = ((tokens - at(low)) / (at(high) - at(low))).clamp(0.0, 1.0);
    let chord: Vec<f64> =
        low.right.iter().zip(&high.right).map(|(low, high)| (1.0 - share) * low + share * high).collect();
    stats::difference(&chord, &score.right, 2, seed)
}

fn score(scheme: &Scheme, pools: &[&Pool], args: &Args) -> Score {
    let mut score = Score::default();
    for (at, pool) in pools.iter().enumerate() {
        let (mut right, mut tokens, mut steps) = (Vec::new(), Vec::new(), Vec::new());
        for draw in 0..args.draws {
            // The same for every scheme.
            let mut random = ChaCha12Rng::seed_from_u64(args.seed << 48 | (at as u64) << 16 | u64::from(draw));
            let mut order: Vec<usize> = (0..pool.samples.len()).collect();
            order.shuffle(&mut random);
            let sample = |index: u32| pool.samples[order[index as usize]].clone();
            let played = play(scheme, &pool.question, &sample);
            let chosen = played.verdict.answer.as_ref().map(|answer| answer.canonical.as_str());
            right.push(f64::from(u8::from(chosen.is_some_and(|answer| pool.question.is_right(answer)))));
            let (spent, last) = if scheme.whole { whole(scheme, &sample) } else { (played.tokens, played.steps) };
            tokens.push(spent as f64);
            steps.push(last as f64);
        }
        score.right.push(stats::mean(&right));
        score.tokens.push(stats::mean(&tokens));
        score.steps.push(stats::mean(&steps));
    }
    score
}

/// Tokens of all samples, and of the longest.
fn whole(scheme: &Scheme, sample: &dyn Fn(u32) -> Recorded) -> (u64, u64) {
    let tokens: Vec<u64> = (0..scheme.samples).map(|index| u64::from(sample(index).tokens)).collect();
    (tokens.iter().sum(), tokens.iter().max().copied().unwrap_or_default())
}

fn play(way: &Scheme, question: &Question, sample: &dyn Fn(u32) -> Recorded) -> Played {
    let kind = question.answer_kind();
    let specs = match (&question.schema, &kind) {
        _ if !way.verified => vec![],
        (Some(schema), _) => vec![VerifierSpec::JsonSchema { schema: schema.clone() }],
        (None, AnswerKind::Number) => vec![VerifierSpec::Arithmetic {}],
        (None, _) => vec![],
    };
    let asked = question.messages.last().map(|message| message.content.as_str()).unwrap_or_default();
    let verifiers = VerifierSpec::build(&specs, &kind, asked).expect("the verifiers can be built");
    let sample_tokens = 4096;
    let budget =
        Budget { max_samples: way.samples, total_tokens: way.samples * sample_tokens, sample_tokens, deadline_ms: 1 };
    let strategy = strategy_verified(way.strategy, budget, 1, 1, kind, way.params, verifiers);
    replay(strategy.expect("the strategy can be built"), sample)
}

/// A share with its interval, in percent; with its sign where it is a difference.
fn percent(estimate: &Estimate, signed: bool) -> String {
    let [value, low, high] = [estimate.value, estimate.low, estimate.high].map(|share| 100.0 * share);
    if signed {
        format!("{value:+.1} ({low:+.1} to {high:+.1})")
    } else {
        format!("{value:.1} % ({low:.1} to {high:.1})")
    }
}
