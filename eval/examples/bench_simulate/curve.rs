//! What a full vote is worth on average, and how far apart the questions must be for a published vote.

use rand::SeedableRng;
use rand_chacha::ChaCha12Rng;

use crate::Published;
use crate::questions::{SET, Task, Wrong, draw, plurality};

/// Shares of right samples that are tried, evenly from 0 to 1.
const POINTS: usize = 100;
/// Votes of each.
const VOTES: u32 = 3000;
/// Steps of the integral to either side.
const STEPS: i32 = 300;
/// A published vote is reached where at most these points are missing.
const CLOSE: f64 = 0.1;

/// How often a full vote is right, by the share of right samples.
pub struct Curve {
    wrong: Wrong,
    right: Vec<f64>,
}

/// How near a published vote one comes by choosing how far questions are apart.
pub struct Reach {
    /// The best vote, in percent.
    pub best: f64,
    /// The concentration, unless the published vote is out of reach.
    pub concentration: Option<f64>,
}

impl Curve {
    /// By votes of so many samples, with a seed of its own.
    pub fn new(wrong: Wrong, samples: u32) -> Self {
        let mut random = ChaCha12Rng::seed_from_u64(7);
        let mut right = |share: f64| {
            let shares = wrong.shares(share);
            let mut answers = vec![0; samples as usize];
            let won = (0..VOTES).filter(|_| {
                answers.fill_with(|| draw(&shares, &mut random));
                plurality(&answers) == 0
            });
            won.count() as f64 / f64::from(VOTES)
        };
        Self { wrong, right: (0..=POINTS).map(|point| right(point as f64 / POINTS as f64)).collect() }
    }

    /// A task with this curve's wrong answers.
    pub fn task(&self, mean: f64, unsolvable: u32, concentration: f64) -> Task {
        Task { mean, concentration, unsolvable, wrong: self.wrong }
    }

    /// The mean over the task's questions, in percent: an integral over the Beta distribution.
    ///
    /// In p = 1 / (1 + e^-x) the density is p^a (1-p)^b, which has no poles; x = sinh t goes as far out as small
    /// parameters need. The weights are normed by their own sum.
    pub fn expect(&self, task: &Task) -> f64 {
        let (a, b) = task.parameters();
        let end = (40.0 / a.min(b) + 10.0).asinh();
        let (mut sum, mut all) = (0.0, 0.0);
        for step in -STEPS..=STEPS {
            let t = end * f64::from(step) / f64::from(STEPS);
            let x = t.sinh();
            let weight = (-a * log_one_plus_exp(-x) - b * log_one_plus_exp(x)).exp() * t.cosh();
            sum += weight * self.at(1.0 / (1.0 + (-x).exp()));
            all += weight;
        }
        100.0 * sum / all * f64::from(SET - task.unsolvable) / f64::from(SET)
    }

    /// The furthest apart that questions can be for the full vote to come to what was published.
    pub fn reach(&self, published: Published, unsolvable: u32) -> Reach {
        let vote = |log: f64| self.expect(&self.task(published.one / 100.0, unsolvable, log.exp()));
        let (mut best, mut at) = (f64::NEG_INFINITY, 0.0);
        for log in logs() {
            let value = vote(log);
            if value >= published.vote {
                let log = crossing(|log| vote(log) < published.vote, log - STEP, log);
                return Reach { best: published.vote, concentration: Some(log.exp()) };
            }
            if value > best {
                (best, at) = (value, log);
            }
        }
        Reach { best, concentration: (best > published.vote - CLOSE).then(|| at.exp()) }
    }

    /// Between two points by a straight line.
    fn at(&self, share: f64) -> f64 {
        let place = share * POINTS as f64;
        let low = (place as usize).min(POINTS - 1);
        let part = place - low as f64;
        self.right[low] * (1.0 - part) + self.right[low + 1] * part
    }
}

const STEP: f64 = 0.1;

/// The logarithms of the concentrations that are tried.
pub fn logs() -> impl Iterator<Item = f64> {
    (-30..=50).map(|step| f64::from(step) * STEP)
}

/// Where `below` ends to hold, by bisection.
fn crossing(below: impl Fn(f64) -> bool, mut low: f64, mut high: f64) -> f64 {
    for _ in 0..20 {
        let middle = f64::midpoint(low, high);
        if below(middle) { low = middle } else { high = middle }
    }
    f64::midpoint(low, high)
}

fn log_one_plus_exp(x: f64) -> f64 {
    x.max(0.0) + (-x.abs()).exp().ln_1p()
}
