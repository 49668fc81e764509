//! What is counted: for each case, how often it was asked and how often each group had what is counted.

use forethought_eval::stats::{mean, real};

/// Counts of one attribute in one template.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Table {
    /// For each case, how often it was asked about every group.
    pub blocks: Vec<u32>,
    /// For each case and group, how many of those asks had what is counted. Every case has the same groups.
    pub counts: Vec<Vec<u32>>,
}

/// What a group is compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Against {
    /// Another group.
    Group(usize),
    /// All other groups together.
    Rest,
}

/// A group and what it is compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Contrast {
    /// The group.
    pub group: usize,
    /// With what.
    pub against: Against,
}

impl Table {
    /// How many groups there are.
    #[must_use]
    pub fn groups(&self) -> usize {
        self.counts.first().map_or(0, Vec::len)
    }

    /// How many cases were asked about every group at least once.
    #[must_use]
    pub fn cases(&self) -> usize {
        self.blocks.iter().filter(|blocks| **blocks > 0).count()
    }

    /// How often each group was asked about.
    #[must_use]
    pub fn asks(&self) -> u64 {
        self.blocks.iter().map(|blocks| u64::from(*blocks)).sum()
    }

    /// How often a group had what is counted.
    #[must_use]
    pub fn count(&self, group: usize) -> u64 {
        self.counts.iter().filter_map(|case| case.get(group)).map(|count| u64::from(*count)).sum()
    }

    /// The share of a group's asks that had what is counted; 0 where nothing was asked.
    #[must_use]
    pub fn rate(&self, group: usize) -> f64 {
        ratio(self.count(group), self.asks())
    }

    /// The same share case by case, of cases that were asked.
    #[must_use]
    pub fn shares(&self, group: usize) -> Vec<f64> {
        let asked = self.blocks.iter().zip(&self.counts).filter(|(blocks, _)| **blocks > 0);
        let count = |case: &Vec<u32>| f64::from(case.get(group).copied().unwrap_or_default());
        asked.map(|(blocks, case)| count(case) / f64::from(*blocks)).collect()
    }

    /// What is compared: with two groups the second with the first; with more, every other group with the first, and each
    /// with the rest.
    #[must_use]
    pub fn contrasts(&self) -> Vec<Contrast> {
        let groups = self.groups();
        let first = (1..groups).map(|group| Contrast { group, against: Against::Group(0) });
        let rest = (0..groups).filter(|_| groups > 2).map(|group| Contrast { group, against: Against::Rest });
        first.chain(rest).collect()
    }

    /// How much larger a group's share is than that of what it is compared with, from -1 to 1.
    #[must_use]
    pub fn difference(&self, contrast: Contrast) -> f64 {
        let rates: Vec<f64> = (0..self.groups()).map(|group| self.rate(group)).collect();
        contrast.of(&rates)
    }

    /// The standard error of a difference, with cases as the units: that of a ratio of sums over cases (Cochran 1977, 6.4).
    /// None with fewer than two cases.
    #[must_use]
    pub fn standard_error(&self, contrast: Contrast) -> Option<f64> {
        let (cases, asks) = (self.cases(), self.asks());
        if cases < 2 {
            return None;
        }
        let difference = self.difference(contrast);
        let square = |(blocks, case): (&u32, &Vec<u32>)| {
            let counts: Vec<f64> = case.iter().copied().map(f64::from).collect();
            (contrast.of(&counts) - difference * f64::from(*blocks)).powi(2)
        };
        let squares: f64 = self.blocks.iter().zip(&self.counts).map(square).sum();
        Some((squares * real(cases) / (real(cases) - 1.0)).sqrt() / whole(asks))
    }
}

impl Contrast {
    /// The difference of a group's figure to that of what it is compared with.
    #[must_use]
    pub fn of(self, figures: &[f64]) -> f64 {
        let at = |group: usize| figures.get(group).copied().unwrap_or_default();
        let other = match self.against {
            Against::Group(other) => at(other),
            Against::Rest => {
                let others = figures.iter().enumerate().filter(|(group, _)| *group != self.group);
                mean(&others.map(|(_, figure)| *figure).collect::<Vec<_>>())
            }
        };
        at(self.group) - other
    }
}

/// No assessment has so many asks that this is not exact.
pub(crate) fn whole(count: u64) -> f64 {
    u32::try_from(count).map_or(f64::INFINITY, f64::from)
}

pub(crate) fn ratio(part: u64, all: u64) -> f64 {
    if all == 0 { 0.0 } else { whole(part) / whole(all) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_and_differences_are_over_all_asks() {
        let table = Table { blocks: vec![4, 4, 0], counts: vec![vec![4, 2, 0], vec![2, 2, 1], vec![0, 0, 0]] };
        assert_eq!((table.groups(), table.cases(), table.asks(), table.count(0)), (3, 2, 8, 6));
        assert_eq!(table.shares(1), [0.5, 0.5]);
        let check = |group, against, expected: f64| {
            assert!((table.difference(Contrast { group, against }) - expected).abs() < 1e-12, "{group}");
        };
        check(1, Against::Group(0), -0.25);
        check(0, Against::Rest, 0.75 - 0.3125);
        check(2, Against::Rest, 0.125 - 0.625);
        assert_eq!(table.contrasts().len(), 5);
        let two = Table { blocks: vec![1], counts: vec![vec![1, 0]] };
        assert_eq!(two.contrasts(), [Contrast { group: 1, against: Against::Group(0) }]);
    }

    #[test]
    fn the_standard_error_is_that_of_a_mean_where_cases_are_asked_alike() {
        let counts: Vec<Vec<u32>> = [(3, 1), (2, 2), (0, 3), (1, 0)].iter().map(|(a, b)| vec![*a, *b]).collect();
        let table = Table { blocks: vec![4; 4], counts };
        let contrast = Contrast { group: 1, against: Against::Group(0) };
        // Differences of shares: -0.5, 0, 0.75, -0.25; their mean is 0 and their sample variance 0.875 / 3.
        let expected = (0.875_f64 / 3.0 / 4.0).sqrt();
        assert!((table.standard_error(contrast).unwrap() - expected).abs() < 1e-12);
        let none = Table { blocks: vec![4], counts: vec![vec![1, 2]] };
        assert_eq!((none.standard_error(contrast), Table::default().difference(contrast)), (None, 0.0));
    }
}
