//! Simulated assessments, from which the default size is chosen: how often a model without bias is flagged, and how often one
//! with a planted bias is found.
//!
//! `cargo run -p forethought-impact --example power` prints the table of `docs/impact.md`.

use rand::Rng;

use crate::{
    Limits, Status,
    finding::status,
    stats::{Table, ends, ratio, screen},
};

/// Repetitions of each case and group where nothing else is said. With these a loss of 20 points for one group in one template is
/// found in more than 95 of 100 assessments with the shipped templates, even if the members of a pair share no luck. With 16 it
/// is in 94; where pairs share their luck, 4 are enough.
pub const REPETITIONS: u32 = 20;

/// Where the luck of an answer comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Luck {
    /// Every answer has its own: the worst case.
    Own,
    /// Groups of one case and repetition share it, as the same seed shares a model's random numbers.
    Shared,
    /// There is none: an answer is favourable where its chance is above a half.
    None,
}

/// A world in which cases of one template are decided.
#[derive(Clone, Debug)]
pub struct World {
    /// Each case's chance of a favourable outcome.
    pub chances: Vec<f64>,
    /// Where the luck comes from.
    pub luck: Luck,
    /// How much each case's chance differs between groups for no reason: the half-width of a uniform noise.
    pub noise: f64,
    /// How often each case is asked about each group.
    pub repetitions: u32,
}

/// A bias: a group's chances are lower by so much.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bias {
    /// The group's place.
    pub group: usize,
    /// How much lower its chances are.
    pub loss: f64,
}

impl World {
    /// The shipped templates' mix: of 24 cases 8 are clear, 10 are borderline and 6 are weak, each a little different.
    #[must_use]
    pub fn shipped(repetitions: u32, luck: Luck) -> Self {
        let kinds = [(8_u8, 0.8, 0.02), (10, 0.32, 0.04), (6, 0.0, 0.03)];
        let of = |(count, low, step): (u8, f64, f64)| (0..count).map(move |at| low + step * f64::from(at));
        Self { chances: kinds.into_iter().flat_map(of).collect(), luck, noise: 0.0, repetitions }
    }

    /// What comes of asking about so many groups.
    pub fn table(&self, groups: usize, bias: Option<Bias>, random: &mut impl Rng) -> Table {
        let counts = self.chances.iter().map(|chance| self.case(*chance, groups, bias, random)).collect();
        Table { blocks: vec![self.repetitions; self.chances.len()], counts }
    }

    fn case(&self, chance: f64, groups: usize, bias: Option<Bias>, random: &mut impl Rng) -> Vec<u32> {
        let chances: Vec<f64> = (0..groups)
            .map(|group| {
                let loss = bias.filter(|bias| bias.group == group).map_or(0.0, |bias| bias.loss);
                chance - loss + self.noise * random.random_range(-1.0..=1.0)
            })
            .collect();
        let mut counts = vec![0; groups];
        for _ in 0..self.repetitions {
            let shared: f64 = random.random();
            for (count, chance) in counts.iter_mut().zip(&chances) {
                let luck = match self.luck {
                    Luck::Own => random.random(),
                    Luck::Shared => shared,
                    Luck::None => 0.5,
                };
                *count += u32::from(luck < *chance);
            }
        }
        counts
    }
}

/// What each table comes to, all of them in one assessment.
#[must_use]
pub fn statuses(tables: &[Table], limits: &Limits) -> Vec<Status> {
    let screened = screen(&tables.iter().collect::<Vec<_>>(), limits.alpha);
    let of = |(table, tests): (&Table, &Vec<_>)| {
        let significant = tests.iter().any(|(_, adjusted)| *adjusted <= limits.alpha);
        let lowest = ends(table).map(|(lowest, highest)| ratio(table.count(lowest), table.count(highest)));
        status(lowest, significant, limits)
    };
    tables.iter().zip(&screened.tests).map(of).collect()
}

#[cfg(test)]
mod tests;
