//! Exact tails of the binomial distribution, for the few trials of a fingerprint.

/// The chance of at least `least` successes in `trials`, each with the chance `chance` (0 to 1, exclusive of 1).
pub(crate) fn at_least(least: usize, trials: usize, chance: f64) -> f64 {
    (least..=trials).map(|hits| exactly(hits, trials, chance)).sum::<f64>().min(1.0)
}

fn exactly(hits: usize, trials: usize, chance: f64) -> f64 {
    let misses = trials.saturating_sub(hits);
    choose(trials, hits) * power(chance, hits) * power(1.0 - chance, misses)
}

/// Factors and divisors in turn, so that no number grows beyond the result. Exact up to rounding for a few hundred trials.
fn choose(of: usize, some: usize) -> f64 {
    (1..=some).map(|k| float(of + 1 - k) / float(k)).product()
}

fn power(base: f64, times: usize) -> f64 {
    std::iter::repeat_n(base, times).product()
}

/// Numbers of probes are small: nothing is lost.
pub(crate) fn float(number: usize) -> f64 {
    u32::try_from(number).map_or(f64::MAX, f64::from)
}

/// The exact one-sided test of McNemar (1947): the chance that at least `lost` of the probes that changed were lost, if
/// losing and gaining were equally likely. 1 where nothing changed.
pub(crate) fn mcnemar(lost: usize, gained: usize) -> f64 {
    at_least(lost, lost + gained, 0.5)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tails_are_those_of_the_tables() {
        let check =
            |got: f64, expected: f64| assert!((got - expected).abs() < 1e-9 + expected * 1e-6, "{got} {expected}");
        check(at_least(0, 24, 0.05), 1.0);
        check(at_least(1, 1, 0.25), 0.25);
        check(at_least(24, 24, 0.5), 1.0 / 16_777_216.0);
        check(at_least(2, 3, 0.5), 0.5);
        check(at_least(25, 24, 0.5), 0.0);
        // 1 - 0.95^24.
        check(at_least(1, 24, 0.05), 1.0 - 0.95_f64.powi(24));
        check(mcnemar(0, 0), 1.0);
        check(mcnemar(5, 0), 1.0 / 32.0);
        check(mcnemar(7, 1), 9.0 / 256.0);
        check(mcnemar(1, 7), 1.0 - 1.0 / 256.0);
    }
}
