//! Many tests at once, so that a model without a difference is not accused because it was looked at often.

use forethought_eval::stats::real;

use super::{Table, test};

/// What a test says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Test {
    /// How likely a difference at least as large is if there is none.
    pub p: f64,
    /// The least that `p` could be, whatever the direction of the differences that were seen.
    pub least: f64,
}

/// The tests of many tables, adjusted together.
#[derive(Clone, Debug, PartialEq)]
pub struct Screened {
    /// How many tests are counted.
    pub counted: usize,
    /// For each table, the tests of its contrasts, each with its adjusted chance.
    pub tests: Vec<Vec<(Test, f64)>>,
}

/// Tests every contrast of every table, and adjusts all of them together as [`adjust`] does.
#[must_use]
pub fn screen(tables: &[&Table], alpha: f64) -> Screened {
    let of = |table: &&Table| table.contrasts().into_iter().map(|contrast| test(table, contrast)).collect();
    let tests: Vec<Vec<Test>> = tables.iter().map(of).collect();
    let (counted, adjusted) = adjust(&tests.concat(), alpha);
    let mut adjusted = adjusted.into_iter();
    let with = |tests: Vec<Test>| tests.into_iter().zip(adjusted.by_ref()).collect();
    Screened { counted, tests: tests.into_iter().map(with).collect() }
}

/// Adjusts the chances of many tests so that with probability `1 - alpha` none that comes out at most `alpha` is false:
/// Holm (1979), Scandinavian Journal of Statistics 6:65, over those tests that could come out so at all (Tarone 1990,
/// Biometrics 46:515). Which those are depends on how large differences are and not on their direction, so leaving the
/// others out costs no soundness; they are 1. Gives how many are counted, and the chances in the order of the tests.
#[must_use]
pub fn adjust(tests: &[Test], alpha: f64) -> (usize, Vec<f64>) {
    let limit = alpha / real(divisor(tests, alpha));
    let mut counted: Vec<(usize, f64)> =
        tests.iter().enumerate().filter(|(_, test)| test.least <= limit).map(|(at, test)| (at, test.p)).collect();
    counted.sort_by(|a, b| a.1.total_cmp(&b.1));
    let mut adjusted = vec![1.0; tests.len()];
    let mut so_far = 0.0_f64;
    for (rank, (at, p)) in counted.iter().enumerate() {
        so_far = so_far.max((p * real(counted.len() - rank)).min(1.0));
        if let Some(slot) = adjusted.get_mut(*at) {
            *slot = so_far;
        }
    }
    (counted.len(), adjusted)
}

/// Tarone's: the least number such that at most so many tests can come out at `alpha` over it.
fn divisor(tests: &[Test], alpha: f64) -> usize {
    let able = |by: usize| tests.iter().filter(|test| test.least <= alpha / real(by)).count();
    (1..=tests.len()).find(|by| able(*by) <= *by).unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(tests: &[(f64, f64)], counted: usize, expected: &[f64]) {
        let tests: Vec<Test> = tests.iter().map(|(p, least)| Test { p: *p, least: *least }).collect();
        let (got_counted, got) = adjust(&tests, 0.05);
        let close = got.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-12) && got.len() == expected.len();
        assert!(close && got_counted == counted, "{got_counted} {got:?}");
    }

    #[test]
    fn chances_are_adjusted_step_by_step() {
        let sure = |p: f64| (p, 0.0);
        // Holm (1979): 0.01, 0.02 and 0.03 of three become 0.03, 0.04 and 0.04.
        check(&[sure(0.02), sure(0.01), sure(0.03)], 3, &[0.04, 0.03, 0.04]);
        check(&[sure(0.5), sure(0.9)], 2, &[1.0, 1.0]);
        check(&[], 0, &[]);
        // What could not come out anyway is not counted: here two of four.
        check(&[sure(0.02), (0.5, 0.4), (1.0, 1.0), sure(0.01)], 2, &[0.02, 1.0, 1.0, 0.02]);
        // It could be 0.04 at the least: alone it counts, beside another it does not.
        check(&[(0.04, 0.04)], 1, &[0.04]);
        check(&[(0.04, 0.04), sure(0.01)], 1, &[1.0, 0.01]);
    }

    proptest! {
        #[test]
        fn an_adjusted_chance_is_never_less(ps in prop::collection::vec((0.0_f64..1.0, 0.0_f64..0.1), 0..40)) {
            let tests: Vec<Test> = ps.iter().map(|(p, least)| Test { p: p.max(*least), least: *least }).collect();
            let (counted, adjusted) = adjust(&tests, 0.05);
            prop_assert!(counted <= tests.len());
            for (test, adjusted) in tests.iter().zip(&adjusted) {
                prop_assert!(*adjusted >= test.p && *adjusted <= 1.0);
            }
            // No more come out than Bonferroni over those counted would let out at the first step, and at least those.
            let bonferroni = tests.iter().filter(|test| test.p * real(tests.len()) <= 0.05).count();
            prop_assert!(adjusted.iter().filter(|p| **p <= 0.05).count() >= bonferroni);
        }
    }
}
