//! What stopping rules and votes give on made-up models whose skill comes from published figures.
//!
//! Each question has a probability to be answered rightly, drawn from a Beta distribution, and wrong answers whose shares
//! fall by Zipf's law. The Beta distribution's mean is the published accuracy of one sample; how far its questions are
//! apart is set so that a full vote comes to the published accuracy, except where that is what is to be predicted. All of
//! this is fixed before anything is simulated. What nobody published, such as the exponent, is shown for several values.

#![allow(
    clippy::expect_used,
    clippy::print_stdout,
    clippy::indexing_slicing,
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a measurement ends at its first fault, prints, and counts far below 2^52"
)]

mod adaptive;
mod aime;
mod curve;
mod questions;

use clap::Parser;

/// Simulates votes on models of published skill.
#[derive(Parser)]
struct Args {
    /// Questions of each task and seed.
    #[arg(long, default_value_t = 1000)]
    questions: u32,
    /// Questions of each model on AIME, rounded up to whole sets of 30.
    #[arg(long, default_value_t = 6000)]
    aime_questions: u32,
    /// How many runs with a seed each.
    #[arg(long, default_value_t = 10)]
    seeds: u32,
    /// The first of the seeds.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

/// One sample and the full vote of a model on a task, in percent.
#[derive(Clone, Copy)]
struct Published {
    name: &'static str,
    one: f64,
    vote: f64,
}

fn main() {
    let args = Args::parse();
    adaptive::run(&args);
    aime::run(&args);
}

/// The mean of some figures.
fn mean(values: impl IntoIterator<Item = f64>) -> f64 {
    let (mut sum, mut count) = (0.0, 0.0);
    for value in values {
        (sum, count) = (sum + value, count + 1.0);
    }
    sum / count
}

/// The mean, and how far from it 95 of 100 single runs fall.
fn spread(values: &[f64]) -> (f64, f64) {
    let middle = mean(values.iter().copied());
    let squares: f64 = values.iter().map(|value| (value - middle).powi(2)).sum();
    (middle, 1.96 * (squares / (values.len() as f64 - 1.0).max(1.0)).sqrt())
}
