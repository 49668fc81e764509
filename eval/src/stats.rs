//! How sure a measured share, mean or difference is. All intervals are at 95 %, each for itself.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha12Rng;
use serde::{Deserialize, Serialize};

/// The 97.5 % point of the normal distribution.
const Z: f64 = 1.959_963_984_540_054;
/// How often a bootstrap draws the questions anew.
const DRAWS: usize = 10_000;

/// Questions below which nothing is said of which way is better: a bootstrap over fewer is far too sure of itself, and no
/// interval over so few tells much.
pub const FEWEST: usize = 10;

/// A value and the interval around it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// What was measured.
    pub value: f64,
    /// The interval's lower end.
    pub low: f64,
    /// The interval's upper end.
    pub high: f64,
}

impl Estimate {
    /// Whether the interval holds this value.
    #[must_use]
    pub fn holds(&self, value: f64) -> bool {
        (self.low..=self.high).contains(&value)
    }
}

/// A share `p` of `n` trials, with the interval of Wilson (1927), which is sound for few trials and for shares near 0 or
/// 1 too. `n` need not be whole.
#[must_use]
pub fn wilson(p: f64, n: f64) -> Estimate {
    if n <= 0.0 {
        return Estimate { value: 0.0, low: 0.0, high: 1.0 };
    }
    let spread = Z * Z / n;
    let middle = (p + spread / 2.0) / (1.0 + spread);
    let half = Z * (p * (1.0 - p) / n + spread / (4.0 * n)).sqrt() / (1.0 + spread);
    // Rounding must not put the value itself outside.
    Estimate { value: p, low: (middle - half).clamp(0.0, p), high: (middle + half).clamp(p, 1.0) }
}

/// The share of right answers, from each question's own share over its repeats.
///
/// Repeats of one question are alike, so they count as fewer trials than they are: Wilson's interval for the effective
/// number of trials, which is their number over Kish's (1965) design effect; see Dean and Pagano (2015) for how it fares.
#[must_use]
pub fn accuracy(shares: &[f64], repeats: u32) -> Estimate {
    let (n, p) = (real(shares.len()), mean(shares));
    if repeats <= 1 || shares.len() < 2 {
        return wilson(p, n);
    }
    let all = n * f64::from(repeats);
    let alone = p * (1.0 - p);
    let of_mean = variance(shares) / n;
    // Without a single right or wrong answer nothing is known of how alike the repeats are.
    let effective = match (alone > 0.0, of_mean > 0.0) {
        (true, true) => (alone / of_mean).clamp(n, all),
        (true, false) => all,
        (false, _) => n,
    };
    wilson(p, effective)
}

/// How much more `after` has than `before`, over the same questions.
///
/// Asked once, each question is right or wrong on either side: the interval of Newcombe (1998, Statistics in Medicine
/// 17:2635), method 10. Asked more often, the percentile interval of a bootstrap over the questions (Efron and
/// Tibshirani 1993), whose draws come from `seed`.
#[must_use]
pub fn difference(before: &[f64], after: &[f64], repeats: u32, seed: u64) -> Estimate {
    if repeats <= 1 { newcombe(before, after) } else { bootstrap(before, after, seed) }
}

#[expect(clippy::many_single_char_names, reason = "as in the paper")]
fn newcombe(before: &[f64], after: &[f64]) -> Estimate {
    let count = |was: bool, is: bool| {
        real(before.iter().zip(after).filter(|(before, after)| (**before > 0.5, **after > 0.5) == (was, is)).count())
    };
    // In Newcombe's letters, where the first side is ours after.
    let (e, f, g, h) = (count(true, true), count(false, true), count(true, false), count(false, false));
    let n = e + f + g + h;
    if n <= 0.0 {
        return Estimate { value: 0.0, low: -1.0, high: 1.0 };
    }
    let (first, second) = (wilson((e + f) / n, n), wilson((e + g) / n, n));
    let alike = e * h - f * g;
    let alike = if alike > 0.0 { (alike - n / 2.0).max(0.0) } else { alike };
    let margins = (e + f) * (g + h) * (e + g) * (f + h);
    let phi = if margins > 0.0 { alike / margins.sqrt() } else { 0.0 };
    let reach = |a: f64, b: f64| (a * a - 2.0 * phi * a * b + b * b).max(0.0).sqrt();
    let value = (f - g) / n;
    let down = reach(first.value - first.low, second.high - second.value);
    let up = reach(first.high - first.value, second.value - second.low);
    Estimate { value, low: (value - down).max(-1.0), high: (value + up).min(1.0) }
}

fn bootstrap(before: &[f64], after: &[f64], seed: u64) -> Estimate {
    let differences: Vec<f64> = before.iter().zip(after).map(|(before, after)| after - before).collect();
    mean_of(&differences, seed)
}

/// The mean with the percentile interval of a bootstrap (Efron and Tibshirani 1993), whose draws come from `seed`.
#[must_use]
pub fn mean_of(differences: &[f64], seed: u64) -> Estimate {
    if differences.is_empty() {
        return Estimate { value: 0.0, low: -1.0, high: 1.0 };
    }
    let mut random = ChaCha12Rng::seed_from_u64(seed);
    let mut draw = || {
        let sum: f64 = (0..differences.len())
            .map(|_| differences.get(random.random_range(0..differences.len())).copied().unwrap_or_default())
            .sum();
        sum / real(differences.len())
    };
    let mut means: Vec<f64> = (0..DRAWS).map(|_| draw()).collect();
    means.sort_by(f64::total_cmp);
    Estimate { value: mean(differences), low: quantile(&means, 0.025), high: quantile(&means, 0.975) }
}

/// The mean; 0 of nothing.
#[must_use]
pub fn mean(values: &[f64]) -> f64 {
    if values.is_empty() { 0.0 } else { values.iter().sum::<f64>() / real(values.len()) }
}

/// The sample variance; 0 of fewer than two values.
fn variance(values: &[f64]) -> f64 {
    let mean = mean(values);
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    if values.len() < 2 { 0.0 } else { squares / (real(values.len()) - 1.0) }
}

/// The least of sorted values that a share `p` of them does not exceed (the nearest rank); 0 of nothing.
#[must_use]
pub fn quantile<T: Copy + Default>(sorted: &[T], p: f64) -> T {
    let rank = (p * real(sorted.len())).ceil().max(1.0);
    let at = (0..sorted.len()).find(|at| real(at + 1) >= rank);
    at.and_then(|at| sorted.get(at)).copied().unwrap_or_default()
}

/// No evaluation has so many questions that this is not exact.
#[must_use]
pub fn real(count: usize) -> f64 {
    u32::try_from(count).map_or(f64::INFINITY, f64::from)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(got: Estimate, value: f64, low: f64, high: f64) {
        let close = |a: f64, b: f64| (a - b).abs() < 5e-5;
        assert!(close(got.value, value) && close(got.low, low) && close(got.high, high), "{got:?}");
    }

    fn pairs(e: usize, f: usize, g: usize, h: usize) -> (Vec<f64>, Vec<f64>) {
        let one = |after: f64, before: f64, count| std::iter::repeat_n((before, after), count);
        one(1.0, 1.0, e).chain(one(1.0, 0.0, f)).chain(one(0.0, 1.0, g)).chain(one(0.0, 0.0, h)).unzip()
    }

    #[test]
    fn shares_have_wilsons_interval() {
        // Figures of Newcombe (1998), Statistics in Medicine 17:857, table I.
        check(wilson(81.0 / 263.0, 263.0), 0.3080, 0.2553, 0.3662);
        check(wilson(15.0 / 148.0, 148.0), 0.1014, 0.0624, 0.1605);
        check(wilson(0.0, 20.0), 0.0, 0.0, 0.1611);
        check(wilson(1.0 / 29.0, 29.0), 0.0345, 0.0061, 0.1718);
        check(wilson(1.0, 20.0), 1.0, 0.8389, 1.0);
        check(wilson(0.0, 0.0), 0.0, 0.0, 1.0);
    }

    #[test]
    fn paired_shares_have_newcombes_interval() {
        let check_pairs = |(e, f, g, h), value, low, high| {
            let (before, after) = pairs(e, f, g, h);
            check(difference(&before, &after, 1, 0), value, low, high);
        };
        // Figures of Newcombe (1998), Statistics in Medicine 17:2635, method 10.
        check_pairs((36, 12, 2, 0), 0.2, 0.0569, 0.3404);
        check_pairs((20, 12, 2, 16), 0.2, 0.0562, 0.3292);
        // Bentur et al. (2009), as in Fagerland, Lydersen and Laake (2014): -0.507 to -0.026.
        check_pairs((1, 1, 7, 12), -0.2857, -0.5069, -0.0256);
        check_pairs((0, 0, 0, 0), 0.0, -1.0, 1.0);
        let (same, _) = pairs(30, 0, 0, 10);
        let alike = difference(&same, &same, 1, 0);
        assert!(alike.holds(0.0) && alike.low < 0.0 && alike.high > 0.0, "{alike:?}");
    }

    #[test]
    fn repeats_of_a_question_count_for_less_than_new_ones() {
        let once = accuracy(&[1.0, 1.0, 0.0, 1.0, 0.0, 1.0, 1.0, 0.0], 1);
        // Each question always goes the same way: three repeats say no more than one.
        check(accuracy(&[1.0, 1.0, 0.0, 1.0, 0.0, 1.0, 1.0, 0.0], 3), once.value, once.low, once.high);
        // All questions are alike: the repeats are as good as new questions.
        let independent = wilson(0.5, 16.0);
        check(accuracy(&[0.5; 8], 2), independent.value, independent.low, independent.high);
        let none = wilson(0.0, 8.0);
        check(accuracy(&[0.0; 8], 4), none.value, none.low, none.high);
        check(accuracy(&[0.5], 2), 0.5, wilson(0.5, 1.0).low, wilson(0.5, 1.0).high);
    }

    #[test]
    fn a_bootstrap_comes_near_the_normal_interval_and_is_the_same_again() {
        let before: Vec<f64> = (0..200).map(|at| f64::from(at % 3) / 2.0).collect();
        let after: Vec<f64> = (0..200).map(|at| f64::from((at * 7) % 5) / 4.0).collect();
        let differences: Vec<f64> = before.iter().zip(&after).map(|(before, after)| after - before).collect();
        let half = Z * (variance(&differences) / 200.0).sqrt();
        let got = difference(&before, &after, 2, 7);
        assert_eq!(got, difference(&before, &after, 2, 7));
        assert!((got.low - (got.value - half)).abs() < 0.01 && (got.high - (got.value + half)).abs() < 0.01, "{got:?}");
        check(difference(&[0.5; 9], &[0.5; 9], 3, 1), 0.0, 0.0, 0.0);
    }

    #[test]
    fn quantiles_are_values_that_were_there() {
        let values = [10_u64, 20, 30, 40];
        let check = |p, expect| assert_eq!(quantile(&values, p), expect, "{p}");
        check(0.5, 20);
        check(0.51, 30);
        check(0.95, 40);
        check(0.0, 10);
        assert_eq!(quantile::<u64>(&[], 0.5), 0);
    }

    proptest! {
        #[test]
        fn an_interval_lies_around_its_value_and_within_what_can_be(pairs in prop::collection::vec((0_u8..2, 0_u8..2), 1..60)) {
            let (before, after): (Vec<f64>, Vec<f64>) =
                pairs.into_iter().map(|(before, after)| (f64::from(before), f64::from(after))).unzip();
            let there = difference(&before, &after, 1, 0);
            prop_assert!(there.low <= there.value && there.value <= there.high, "{there:?}");
            prop_assert!(there.low >= -1.0 && there.high <= 1.0, "{there:?}");
            // The other way round it is the same with the other sign.
            let back = difference(&after, &before, 1, 0);
            prop_assert!((there.low + back.high).abs() < 1e-12 && (there.high + back.low).abs() < 1e-12);
            let share = accuracy(&before, 1);
            prop_assert!(share.low <= share.value && share.value <= share.high && share.low >= 0.0 && share.high <= 1.0);
        }
    }
}
