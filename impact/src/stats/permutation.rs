//! Exact tests: how often a difference at least as large comes about when groups are exchanged at random within cases.
//!
//! If a model does not use the attribute, the groups' counts of a case might as well stand in any other order. So each case
//! is exchanged as a whole, independently of the others, and repetitions of one case never count as more than one case
//! (Fisher 1935; for clusters, Gail et al. 1996, Statistics in Medicine 15:1069). With two groups that is the sign-flip
//! test of paired differences. No distribution is assumed; the sums are of whole numbers, so all of them are counted.

use super::{Against, Contrast, Table, Test};

/// The test of a contrast.
#[must_use]
pub fn test(table: &Table, contrast: Contrast) -> Test {
    match contrast.against {
        Against::Group(other) => against(table, contrast.group, other),
        Against::Rest => against_rest(table, contrast.group),
    }
}

/// A test of one group against another.
#[must_use]
pub fn against(table: &Table, group: usize, other: usize) -> Test {
    let value = |case: &Vec<u32>| at(case, group) - at(case, other);
    let pairs = table.counts.iter().map(|case| (value(case), vec![value(case), -value(case)]));
    exact(pairs.collect())
}

/// A test of one group against all others together: which of a case's counts is that group's is exchanged.
#[must_use]
pub fn against_rest(table: &Table, group: usize) -> Test {
    let one = |case: &Vec<u32>| {
        let groups = i64::try_from(case.len()).unwrap_or(i64::MAX);
        let total: i64 = case.iter().copied().map(i64::from).sum();
        let values: Vec<i64> = (0..case.len()).map(|group| groups * at(case, group) - total).collect();
        (values.get(group).copied().unwrap_or_default(), values)
    };
    exact(table.counts.iter().map(one).collect())
}

fn at(case: &[u32], group: usize) -> i64 {
    case.get(group).copied().map_or(0, i64::from)
}

/// Each case has what was observed and what might as well have been.
fn exact(mut cases: Vec<(i64, Vec<i64>)>) -> Test {
    cases.retain(|(_, values)| values.iter().any(|value| *value != 0));
    let unit = cases.iter().flat_map(|(_, values)| values).fold(0, |unit, value| divisor(unit, value.abs()));
    let unit = unit.max(1);
    let observed: i64 = cases.iter().map(|(observed, _)| observed / unit).sum();
    let mut sums = Sums { low: 0, shares: vec![1.0] };
    for (_, values) in &cases {
        sums = sums.and(&values.iter().map(|value| value / unit).collect::<Vec<_>>());
    }
    let p = sums.beyond(observed.abs());
    Test { p, least: sums.beyond(sums.farthest()) }
}

/// Euclid's.
fn divisor(a: i64, b: i64) -> i64 {
    if b == 0 { a } else { divisor(b, a % b) }
}

/// How likely each sum is, from the lowest on.
struct Sums {
    low: i64,
    shares: Vec<f64>,
}

impl Sums {
    /// The sums with one of these values more, each as likely.
    fn and(&self, values: &[i64]) -> Self {
        let lowest = values.iter().copied().min().unwrap_or_default();
        let highest = values.iter().copied().max().unwrap_or_default();
        let span = usize::try_from(highest - lowest).unwrap_or_default();
        let mut shares = vec![0.0; self.shares.len() + span];
        let each = 1.0 / forethought_eval::stats::real(values.len().max(1));
        for value in values {
            let shift = usize::try_from(value - lowest).unwrap_or_default();
            for (sum, share) in shares.iter_mut().skip(shift).zip(&self.shares) {
                *sum += share * each;
            }
        }
        Self { low: self.low + lowest, shares }
    }

    fn highest(&self) -> i64 {
        self.low + i64::try_from(self.shares.len()).unwrap_or(i64::MAX) - 1
    }

    fn farthest(&self) -> i64 {
        self.low.abs().max(self.highest().abs())
    }

    /// How likely a sum is that is at least so far from nought.
    fn beyond(&self, distance: i64) -> f64 {
        let sums = (self.low..).zip(&self.shares);
        let share: f64 = sums.filter(|(sum, _)| sum.abs() >= distance).map(|(_, share)| share).sum();
        share.min(1.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn table(counts: &[&[u32]]) -> Table {
        Table { blocks: vec![16; counts.len()], counts: counts.iter().map(|case| case.to_vec()).collect() }
    }

    /// All exchanges one by one.
    fn counted(cases: &[(i64, Vec<i64>)]) -> f64 {
        let sums = cases.iter().fold(vec![0_i64], |sums, (_, values)| {
            sums.iter().flat_map(|sum| values.iter().map(move |value| sum + value)).collect()
        });
        let observed: i64 = cases.iter().map(|(observed, _)| observed).sum();
        let beyond = sums.iter().filter(|sum| sum.abs() >= observed.abs()).count();
        forethought_eval::stats::real(beyond) / forethought_eval::stats::real(sums.len())
    }

    #[test]
    fn chances_are_those_of_coins() {
        let check = |counts: &[&[u32]], p: f64, least: f64| {
            let got = against(&table(counts), 1, 0);
            assert!((got.p - p).abs() < 1e-12 && (got.least - least).abs() < 1e-12, "{counts:?}: {got:?}");
        };
        // All of n cases the same way: 2 of 2^n.
        check(&[&[0, 1][..]; 6], 2.0 / 64.0, 2.0 / 64.0);
        check(&[&[1, 0][..]; 6], 2.0 / 64.0, 2.0 / 64.0);
        // McNemar's exact test with 5 to 1: 14 of 64.
        check(&[&[0, 1], &[0, 1], &[0, 1], &[0, 1], &[0, 1], &[1, 0]], 14.0 / 64.0, 2.0 / 64.0);
        // Cases that agree say nothing, and a difference of nought is no difference.
        check(&[&[3, 3], &[0, 4], &[5, 1]], 1.0, 0.5);
        check(&[&[3, 3][..]; 20], 1.0, 1.0);
        check(&[], 1.0, 1.0);
    }

    #[test]
    fn the_rest_is_exchanged_too() {
        // The first of three groups alone is favoured in all of n cases: 1 of 3^n.
        let got = against_rest(&table(&[&[6, 0, 0][..]; 4]), 0);
        assert!((got.p - 1.0 / 81.0).abs() < 1e-12 && (got.least - 1.0 / 81.0).abs() < 1e-12, "{got:?}");
        let other = against_rest(&table(&[&[6, 0, 0][..]; 4]), 1);
        assert!(other.p > 0.1 && (other.least - 1.0 / 81.0).abs() < 1e-12, "{other:?}");
    }

    #[test]
    fn many_cases_and_repetitions_are_quick_and_sound() {
        let counts: Vec<Vec<u32>> = (0..200_u32).map(|at| vec![at % 257, (at * 7) % 257, (at * 3) % 257]).collect();
        let table = Table { blocks: vec![256; 200], counts };
        let (pair, rest) = (against(&table, 1, 0), against_rest(&table, 2));
        assert!((0.0..=1.0).contains(&pair.p) && (0.0..=1.0).contains(&rest.p));
        assert!(pair.least < 1e-50 && rest.least < 1e-50);
    }

    proptest! {
        #[test]
        fn the_sums_are_those_of_all_exchanges(counts in prop::collection::vec(prop::collection::vec(0_u32..5, 3), 0..7)) {
            let counts: Vec<&[u32]> = counts.iter().map(Vec::as_slice).collect();
            let table = table(&counts);
            let pair = |case: &&[u32]| {
                let value = i64::from(case[1]) - i64::from(case[0]);
                (value, vec![value, -value])
            };
            prop_assert!((against(&table, 1, 0).p - counted(&counts.iter().map(pair).collect::<Vec<_>>())).abs() < 1e-9);
            let rest = |case: &&[u32]| {
                let total: i64 = case.iter().copied().map(i64::from).sum();
                let values: Vec<i64> = case.iter().map(|count| 3 * i64::from(*count) - total).collect();
                (values[2], values)
            };
            let got = against_rest(&table, 2);
            prop_assert!((got.p - counted(&counts.iter().map(rest).collect::<Vec<_>>())).abs() < 1e-9);
            prop_assert!(got.least <= got.p + 1e-12);
        }
    }
}
