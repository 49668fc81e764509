//! What strategies would have answered and spent, on recorded samples: each gets the same draws out of the same pools.
//!
//! A pool is the file of results of `forethought eval --way one=single,… --repeats 64`. Each draw shuffles the samples of a
//! question, and every scheme takes them in that order; intervals are bootstraps over questions, of paired differences.
//! `auto` is held against hulls of fixed ways. On answers that can be compared it is a vote with the Beta rule, so it can
//! be no more than on the hull that has such votes with its own verifiers; the others say what stopping and checking buy.

#![allow(
    clippy::expect_used,
    clippy::print_stdout,
    clippy::indexing_slicing,
    clippy::cast_precision_loss,
    reason = "a measurement ends at its first fault, prints, and counts far below 2^52"
)]

use std::{
    collections::{BTreeMap, BTreeSet, btree_map::Entry},
    path::PathBuf,
};

use clap::Parser;
use forethought_eval::{
    Outcome, Question, Results, hull,
    replay::{Played, Recorded, replay},
    seed,
    stats::{self, Estimate},
};
use forethought_reasoning::{AnswerKind, Finish, Order, Params, VerifierSpec, strategy_verified};
use forethought_schemas::{Budget, StrategyName};
use rand::{SeedableRng, seq::SliceRandom};
use rand_chacha::ChaCha12Rng;

/// Replays strategies on pools of recorded samples.
#[derive(Parser)]
struct Args {
    /// Files of results, each question asked many times for a single sample in one way; may be several of one set.
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
    /// `auto` may be held against it.
    fixed: bool,
}

impl Scheme {
    fn is_best(&self) -> bool {
        self.strategy == StrategyName::BestOfN
    }
}

/// One set of questions, out of all its files.
#[derive(Default)]
struct Set {
    /// By which model in which way it was answered.
    told: Option<String>,
    pools: BTreeMap<String, Pool>,
}

/// What was recorded of one question.
struct Pool {
    question: Question,
    /// The seeds that it was asked with.
    asked: BTreeSet<u64>,
    /// The samples that came to their end, by their seeds.
    finished: BTreeMap<u64, Recorded>,
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
    let mut sets: BTreeMap<String, Set> = BTreeMap::new();
    for file in &args.pools {
        let results = Results::load(file).expect("the file of results cannot be read");
        assert_eq!(results.plan.header.ways.len(), 1, "{}: a pool is asked in one way", file.display());
        results.refuse_mixed().expect("the pool is of one model");
        for question in &results.plan.questions {
            let set = sets.entry(question.set.clone()).or_default();
            set.add(question, &results);
        }
        for outcome in results.outcomes {
            if let Some(pool) = sets.get_mut(&outcome.set).and_then(|set| set.pools.get_mut(&outcome.id)) {
                pool.take(outcome);
            }
        }
    }
    for (name, set) in &sets {
        report(name, set, &args);
    }
}

impl Set {
    /// A question of a file, which may have been asked in another file already.
    fn add(&mut self, question: &Question, results: &Results) {
        let header = &results.plan.header;
        let told = format!("{}: {} by {}", header.model.id, header.model.weights, header.ways[0].describe());
        self.told.get_or_insert_with(|| told.clone());
        assert_eq!(self.told.as_ref(), Some(&told), "{}: files of one set were asked otherwise", question.set);
        let asked = (0..header.repeats).map(|repeat| seed(header.seed, question, repeat));
        match self.pools.entry(question.id.clone()) {
            Entry::Vacant(free) => {
                let pool = Pool { question: question.clone(), asked: asked.collect(), finished: BTreeMap::new() };
                free.insert(pool);
            }
            Entry::Occupied(there) => {
                let pool = there.into_mut();
                assert_eq!(&pool.question, question, "{}: two questions have one id", question.set);
                pool.asked.extend(asked);
            }
        }
    }
}

impl Pool {
    /// The sample of an answer; one with a seed that is there already says nothing new.
    fn take(&mut self, outcome: Outcome) {
        let samples = outcome.reply.into_iter().flat_map(|reply| reply.samples);
        for sample in samples.filter(|sample| sample.state == "finished") {
            let finish = if sample.finish_reason.as_deref() == Some("length") { Finish::Length } else { Finish::Stop };
            let tokens = u32::try_from(sample.tokens).unwrap_or(u32::MAX).max(1);
            self.finished.entry(outcome.seed).or_insert(Recorded { text: sample.text, tokens, finish });
        }
    }

    fn missing(&self) -> usize {
        self.asked.iter().filter(|seed| !self.finished.contains_key(seed)).count()
    }
}

fn schemes(samples: u32) -> Vec<Scheme> {
    let scheme = |name: &str, strategy, params: Params, samples| Scheme {
        name: name.to_owned(),
        strategy,
        params: Params { samples: Some(samples), ..params },
        samples,
        verified: false,
        whole: false,
        fixed: false,
    };
    // `wave` means what it says, except where a scheme is thrifty.
    let on = Params { thrifty: false, ..Params::default() };
    let off = Params { beta_threshold: None, ..on };
    let thrifty = |params: &Params| Params { thrifty: true, ..*params };
    // As the service does it where nothing is asked for.
    let usual = Params { order: Order::Shortest, ..Params::default() };
    let (vote, auto) = (StrategyName::SelfConsistency, StrategyName::Auto);
    let mut all = fixed(samples, &on, &usual);
    for wave in [1, 2, 4, 8, 16] {
        all.push(scheme(&format!("decided, wave {wave}"), vote, Params { wave, ..off }, samples));
    }
    for wave in [1, 2, 4, 8, 16] {
        all.push(scheme(&format!("beta 0.95, wave {wave}"), vote, Params { wave, ..on }, samples));
    }
    all.push(scheme("decided, thrifty", vote, thrifty(&off), samples));
    all.push(scheme("beta 0.95, thrifty", vote, thrifty(&on), samples));
    for wave in [4, 8, 16] {
        let params = Params { order: Order::Shortest, wave, ..on };
        all.push(scheme(&format!("beta 0.95, shortest, wave {wave}"), vote, params, samples));
    }
    all.push(scheme("decided, shortest, thrifty", vote, Params { beta_threshold: None, ..usual }, samples));
    for threshold in [0.9, 0.85, 0.8] {
        let bolder = Params { beta_threshold: Some(threshold), ..usual };
        all.push(scheme(&format!("beta {threshold}, shortest, thrifty"), vote, bolder, samples));
        let bolder = scheme(&format!("auto of {samples}, beta {threshold}, verified"), auto, bolder, samples);
        all.push(Scheme { verified: true, ..bolder });
    }
    for window in [3, 5] {
        let esc = Params { esc_window: Some(window), wave: window, ..off };
        all.push(scheme(&format!("esc {window}"), vote, esc, samples));
    }
    for n in [4, 8, 16] {
        all.push(scheme(&format!("auto of {n}"), auto, usual, n));
    }
    for n in [4, 8, 16] {
        all.push(Scheme { verified: true, ..scheme(&format!("auto of {n}, verified"), auto, usual, n) });
    }
    all
}

/// What who tunes nothing per question can choose from: a number of samples, and how they are chosen from.
fn fixed(samples: u32, on: &Params, usual: &Params) -> Vec<Scheme> {
    let numbers = || [1, 2, 3, 4, 6, 8, 12, 16, 24, 32].into_iter().filter(move |n| *n <= samples);
    let (vote, best) = (StrategyName::SelfConsistency, StrategyName::BestOfN);
    let mut all = Vec::new();
    let mut add = |name: String, strategy, params: Params, samples, verified, whole| {
        let params = Params { samples: Some(samples), ..params };
        all.push(Scheme { name, strategy, params, samples, verified, whole, fixed: true });
    };
    for (verified, said) in [(false, ""), (true, ", verified")] {
        // One sample is the same with verifiers.
        for n in numbers().filter(|n| *n > 1 || !verified) {
            let all = Params { wave: n, beta_threshold: None, ..*on };
            add(format!("fixed vote of {n}{said}"), vote, all, n, verified, true);
        }
        for n in numbers().filter(|n| *n > 1) {
            add(format!("beta 0.95 of {n}, shortest, thrifty{said}"), vote, *usual, n, verified, false);
        }
    }
    for n in numbers().filter(|n| *n > 1) {
        add(format!("best_of_n {n}, verified"), best, Params::default(), n, true, true);
        let weighted = Params { weighted: true, ..Params::default() };
        add(format!("best_of_n {n}, weighted"), best, weighted, n, true, true);
    }
    all
}

fn report(name: &str, set: &Set, args: &Args) {
    let all: Vec<&Pool> = set.pools.values().collect();
    let (asked, missing) = (all.iter().map(|pool| pool.asked.len()), all.iter().map(|pool| pool.missing()));
    println!(
        "{name}: {} of {} samples are missing: failed, cut short or not asked yet",
        missing.sum::<usize>(),
        asked.sum::<usize>()
    );
    let pools: Vec<&Pool> = all.into_iter().filter(|pool| pool.finished.len() >= args.samples as usize).collect();
    let short = set.pools.len() - pools.len();
    if short > 0 {
        println!("{name}: {short} questions have fewer than {} samples and are left out", args.samples);
    }
    if pools.len() < stats::FEWEST {
        println!("{name}: too few questions: {} are left, and figures need {}\n", pools.len(), stats::FEWEST);
        return;
    }
    let schemes = schemes(args.samples);
    let scores: Vec<Score> = schemes.iter().map(|scheme| score(scheme, &pools, args)).collect();
    let sizes: Vec<usize> = pools.iter().map(|pool| pool.finished.len()).collect();
    println!(
        "{name}: {} questions, pools of {} to {}, {} draws of {}",
        pools.len(),
        sizes.iter().min().copied().unwrap_or_default(),
        sizes.iter().max().copied().unwrap_or_default(),
        args.draws,
        args.samples
    );
    table(&schemes, &scores, args);
    against_hulls(&schemes, &scores, args.seed);
    println!();
}

fn table(schemes: &[Scheme], scores: &[Score], args: &Args) {
    let full_name = format!("fixed vote of {}", args.samples);
    let full = schemes.iter().position(|scheme| scheme.name == full_name).expect("the full vote is a scheme");
    println!(
        "{:<32} {:>22} {:>24} {:>8} {:>7} {:>6}",
        "scheme", "accuracy", "against the full vote", "tokens", "saved", "steps"
    );
    let (whole, tokens) = (&scores[full], stats::mean(&scores[full].tokens));
    for (scheme, score) in schemes.iter().zip(scores) {
        let mean = stats::mean(&score.tokens);
        println!(
            "{:<32} {:>22} {:>24} {mean:>8.1} {:>6.1}% {:>6.1}",
            scheme.name,
            percent(&stats::mean_of(&score.right, args.seed), false),
            percent(&stats::difference(&whole.right, &score.right, 2, args.seed), true),
            100.0 * (1.0 - mean / tokens),
            stats::mean(&score.steps)
        );
    }
}

/// Which ways are taken.
type Is<'a> = &'a dyn Fn(&Scheme) -> bool;

/// Each `auto` against hulls of fixed ways.
fn against_hulls(schemes: &[Scheme], scores: &[Score], seed: u64) {
    // With no more verifiers than the `auto` that is held against them.
    let hulls: [(&str, bool, Is<'_>); 5] = [
        ("fixed votes", false, &|way| way.whole),
        ("fixed votes and votes with the Beta rule", false, &|_| true),
        ("fixed votes and best_of_n, with its verifiers", true, &|way| way.whole),
        ("votes without verifiers, best_of_n with its own", true, &|way| !way.verified || way.is_best()),
        ("all votes and best_of_n, with its verifiers", true, &|_| true),
    ];
    for (name, verified, is_in) in hulls {
        let select = |is: Is<'_>| -> Vec<(&Scheme, &Score)> {
            schemes.iter().zip(scores).filter(|(scheme, _)| is(scheme)).collect()
        };
        let autos = select(&|way| way.strategy == StrategyName::Auto && way.verified == verified);
        let fixed = select(&|way| way.fixed && way.verified <= verified && is_in(way));
        println!("against the hull of {name}:");
        for ((auto, score), above) in autos.iter().zip(hull::above(&played(&autos), &played(&fixed), seed)) {
            let beside: Vec<String> = above.neighbours.iter().map(|at| point(fixed[*at].0, fixed[*at].1)).collect();
            let above = percent(&above.accuracy, true);
            println!("  {}: {above} points above {}", point(auto, score), beside.join(" and "));
        }
    }
}

fn played<'s>(ways: &[(&Scheme, &'s Score)]) -> Vec<hull::Played<'s>> {
    ways.iter().map(|(_, score)| hull::Played { right: &score.right, tokens: &score.tokens }).collect()
}

fn point(scheme: &Scheme, score: &Score) -> String {
    let (right, tokens) = (100.0 * stats::mean(&score.right), stats::mean(&score.tokens));
    format!("{} ({right:.1} %, {tokens:.1} tokens)", scheme.name)
}

fn score(scheme: &Scheme, pools: &[&Pool], args: &Args) -> Score {
    let mut score = Score::default();
    for (at, pool) in pools.iter().enumerate() {
        let samples: Vec<&Recorded> = pool.finished.values().collect();
        let (mut right, mut tokens, mut steps) = (Vec::new(), Vec::new(), Vec::new());
        for draw in 0..args.draws {
            // The same for every scheme.
            let mut random = ChaCha12Rng::seed_from_u64(args.seed << 48 | (at as u64) << 16 | u64::from(draw));
            let mut order = samples.clone();
            order.shuffle(&mut random);
            let sample = |index: u32| order[index as usize].clone();
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
