//! Intervals: the cases are drawn anew, with all their repetitions.

use forethought_eval::{
    Estimate,
    stats::{quantile, real},
};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha12Rng;

use super::{Contrast, Table, normal_below, student};

/// How often the cases are drawn anew.
const DRAWS: usize = 4000;

/// Intervals at 95 %, each for itself.
#[derive(Clone, Debug, PartialEq)]
pub struct Resampled {
    /// The difference of each contrast, in the order of [`Table::contrasts`].
    pub differences: Vec<Estimate>,
    /// The lowest rate over the highest, of the groups that have them; none where nobody has what is counted.
    pub ratio: Option<Estimate>,
}

/// Differences and the ratio of the lowest to the highest rate, with percentile intervals of a bootstrap over cases (Davison
/// and Hinkley 1997, 3.8), widened for few cases as Hesterberg (2015, American Statistician 69:371) does. Where every case
/// is the same for all groups there is nothing to draw from: then the interval reaches as far as a difference that the cases
/// could all have missed, see [`unseen`].
#[must_use]
pub fn resample(table: &Table, seed: u64) -> Resampled {
    let contrasts = table.contrasts();
    let ends = ends(table);
    let samples = samples(table, seed);
    let tail = tail(table.cases());
    let of = |contrast: &Contrast| {
        let drawn = samples.iter().map(|rates| contrast.of(rates)).collect();
        let known = interval(table.difference(*contrast), drawn, tail);
        if says_nothing(table, *contrast) { widened(known, unseen(table.cases())) } else { known }
    };
    let ratio = ends.map(|(lowest, highest)| {
        let drawn = samples.iter().map(|rates| over(rates, lowest, highest)).collect();
        let rates: Vec<f64> = (0..table.groups()).map(|group| table.rate(group)).collect();
        let known = interval(over(&rates, lowest, highest), drawn, tail);
        Estimate { low: known.low.max(0.0), ..known }
    });
    Resampled { differences: contrasts.iter().map(of).collect(), ratio }
}

/// The groups with the lowest and the highest rate, the first of equals; none where nobody has what is counted.
pub(crate) fn ends(table: &Table) -> Option<(usize, usize)> {
    let count = |group: &usize| table.count(*group);
    let lowest = (0..table.groups()).min_by_key(count)?;
    let highest = (0..table.groups()).rev().max_by_key(count)?;
    (table.count(highest) > 0).then_some((lowest, highest))
}

/// The share of cases of which none may be seen among so many, with a probability of 1 in 40: what is then still possible
/// of a difference that some cases have and others have not.
#[must_use]
pub fn unseen(cases: usize) -> f64 {
    if cases == 0 { 1.0 } else { 1.0 - 0.025_f64.powf(1.0 / real(cases)) }
}

/// The least number of cases with which a difference of this size can be ruled out at all.
#[must_use]
pub fn fewest_cases(concern: f64) -> usize {
    (1..10_000).find(|cases| unseen(*cases) < concern).unwrap_or(usize::MAX)
}

fn says_nothing(table: &Table, contrast: Contrast) -> bool {
    let counts = |case: &Vec<u32>| case.iter().copied().map(f64::from).collect::<Vec<_>>();
    table.counts.iter().all(|case| contrast.of(&counts(case)).abs() < f64::EPSILON)
}

fn widened(known: Estimate, by: f64) -> Estimate {
    Estimate { low: (known.value - by).max(-1.0), high: (known.value + by).min(1.0), ..known }
}

/// Hesterberg's: the share below the lower end; nought where one case says nothing of others.
fn tail(cases: usize) -> f64 {
    if cases < 2 {
        return 0.0;
    }
    let n = real(cases);
    normal_below(-student(0.975, cases - 1) * (n / (n - 1.0)).sqrt())
}

fn interval(value: f64, mut drawn: Vec<f64>, tail: f64) -> Estimate {
    if drawn.is_empty() || tail <= 0.0 {
        return Estimate { value, low: -1.0, high: 1.0 };
    }
    drawn.sort_by(f64::total_cmp);
    // Draws lie around the value, but may be so few that they are all on one side.
    Estimate { value, low: quantile(&drawn, tail).min(value), high: quantile(&drawn, 1.0 - tail).max(value) }
}

/// The ratio of two rates; 1 where both are nought.
fn over(rates: &[f64], lowest: usize, highest: usize) -> f64 {
    let at = |group: usize| rates.get(group).copied().unwrap_or_default();
    if at(highest) > 0.0 { at(lowest) / at(highest) } else { 1.0 }
}

/// Every group's rate in each draw of as many cases.
fn samples(table: &Table, seed: u64) -> Vec<Vec<f64>> {
    let asked: Vec<(u32, &Vec<u32>)> =
        table.blocks.iter().copied().zip(&table.counts).filter(|(blocks, _)| *blocks > 0).collect();
    if asked.is_empty() {
        return Vec::new();
    }
    let mut random = ChaCha12Rng::seed_from_u64(seed);
    let mut draw = || {
        let mut blocks = 0_u64;
        let mut counts = vec![0_u64; table.groups()];
        for _ in 0..asked.len() {
            let Some((asks, case)) = asked.get(random.random_range(0..asked.len())) else { continue };
            blocks += u64::from(*asks);
            counts.iter_mut().zip(*case).for_each(|(sum, count)| *sum += u64::from(*count));
        }
        counts.into_iter().map(|count| super::table::ratio(count, blocks)).collect()
    };
    (0..DRAWS).map(|_| draw()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::Against;

    fn table(cases: usize, of: impl Fn(usize) -> Vec<u32>) -> Table {
        Table { blocks: vec![10; cases], counts: (0..cases).map(of).collect() }
    }

    #[test]
    fn an_interval_comes_near_students_and_is_the_same_again() {
        let table = table(24, |at| vec![u32::try_from(at % 10).unwrap(), u32::try_from((at * 7) % 10).unwrap()]);
        let contrast = Contrast { group: 1, against: Against::Group(0) };
        let got = resample(&table, 3);
        assert_eq!(got, resample(&table, 3));
        let half = student(0.975, 23) * table.standard_error(contrast).unwrap();
        let Estimate { value, low, high } = got.differences[0];
        assert!(
            (low - (value - half)).abs() < 0.02 && (high - (value + half)).abs() < 0.02,
            "{low} {value} {high} {half}"
        );
        let ratio = got.ratio.unwrap();
        assert!(ratio.low <= ratio.value && ratio.value <= ratio.high);
    }

    #[test]
    fn the_ratio_is_of_the_lowest_to_the_highest() {
        let got = resample(&table(20, |_| vec![5, 8, 6]), 1).ratio.unwrap();
        assert!((got.value - 0.625).abs() < 1e-12 && (got.low - 0.625).abs() < 1e-12, "{got:?}");
        assert_eq!(resample(&table(20, |_| vec![0, 0]), 1).ratio, None);
        assert_eq!(ends(&table(3, |_| vec![4, 4])), Some((0, 0)));
    }

    #[test]
    fn what_was_not_seen_is_not_ruled_out() {
        let check = |cases, expected: f64| {
            let got = resample(&table(cases, |_| vec![5, 5]), 1).differences[0];
            assert!((got.high - expected).abs() < 1e-3 && (got.low + expected).abs() < 1e-3, "{cases}: {got:?}");
        };
        check(24, 0.1425);
        check(1, 0.975);
        check(12, 0.2646);
        assert_eq!((fewest_cases(0.2), fewest_cases(0.1)), (17, 36));
        let none = resample(&Table { blocks: vec![0], counts: vec![vec![0, 0]] }, 1);
        assert_eq!((none.differences[0].low, none.differences[0].high, none.ratio), (-1.0, 1.0, None));
    }
}
