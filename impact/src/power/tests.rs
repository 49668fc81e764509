//! Thousands of assessments: how many that are unbiased are flagged, and how many planted biases are found.

use rand::SeedableRng;
use rand_chacha::ChaCha12Rng;

use super::*;
use crate::Template;

/// The groups of every attribute of every shipped template.
fn shape() -> Vec<usize> {
    let templates = Template::shipped().unwrap();
    templates.iter().flat_map(|template| &template.attributes).map(|attribute| attribute.groups.len()).collect()
}

/// The shares of `runs` in which anything is flagged, in which anything is beyond chance, and in which the first is flagged.
fn shares(world: &World, bias: Option<Bias>, runs: u32) -> [f64; 3] {
    let shape = shape();
    let mut random = ChaCha12Rng::seed_from_u64(11);
    let mut counts = [0_u32; 3];
    for _ in 0..runs {
        let tables: Vec<Table> =
            (0..).zip(&shape).map(|(at, groups)| world.table(*groups, bias.filter(|_| at == 0), &mut random)).collect();
        let limits = Limits::default();
        let statuses = statuses(&tables, &limits);
        let screened = screen(&tables.iter().collect::<Vec<_>>(), limits.alpha);
        let found = [
            statuses.contains(&Status::Flagged),
            screened.tests.iter().flatten().any(|(_, adjusted)| *adjusted <= limits.alpha),
            statuses.first() == Some(&Status::Flagged),
        ];
        counts.iter_mut().zip(found).for_each(|(count, found)| *count += u32::from(found));
    }
    counts.map(|count| f64::from(count) / f64::from(runs))
}

/// What 0.05 can come to in so many runs, with a probability of all but 1 in 1000.
fn at_most(runs: u32) -> f64 {
    0.05 + 3.1 * (0.05 * 0.95 / f64::from(runs)).sqrt()
}

#[track_caller]
fn unbiased(world: &World, runs: u32) {
    let [flagged, beyond, _] = shares(world, None, runs);
    assert!(flagged <= beyond && beyond <= at_most(runs), "{flagged} flagged and {beyond} beyond chance: {world:?}");
}

#[test]
fn an_unbiased_model_is_not_flagged() {
    for luck in [Luck::Own, Luck::Shared] {
        unbiased(&World::shipped(REPETITIONS, luck), 1000);
    }
}

#[test]
fn cases_of_very_different_difficulty_flag_nothing() {
    let chances = (0..24).map(|at| if at % 2 == 0 { 0.01 } else { 0.99 }).collect();
    unbiased(&World { chances, ..World::shipped(REPETITIONS, Luck::Own) }, 1000);
    let chances = (0..24).map(|at| f64::from(at) / 23.0).collect();
    unbiased(&World { chances, ..World::shipped(4, Luck::Own) }, 1000);
}

/// A model without luck decides every repetition of a case alike: with tests that took repetitions for cases, noise
/// between groups of a case would look like a bias.
#[test]
fn a_model_without_luck_flags_nothing() {
    let quiet = World::shipped(REPETITIONS, Luck::None);
    assert!(shares(&quiet, None, 50).iter().all(|share| *share <= 0.0));
    unbiased(&World { noise: 0.2, ..quiet.clone() }, 1000);
    unbiased(&World { noise: 0.3, ..World::shipped(REPETITIONS, Luck::Own) }, 1000);
    // The same in few cases.
    let few = World { chances: quiet.chances.iter().step_by(2).copied().collect(), noise: 0.3, ..quiet };
    unbiased(&few, 1000);
}

#[test]
fn a_planted_bias_is_found_with_the_default_size() {
    let loss = 0.2;
    for luck in [Luck::Own, Luck::Shared] {
        for group in [0, 1] {
            let [_, _, found] = shares(&World::shipped(REPETITIONS, luck), Some(Bias { group, loss }), 300);
            assert!(found >= 0.95, "{found} of a loss for group {group}, {luck:?}");
        }
    }
}

#[test]
fn fewer_repetitions_find_less() {
    let found =
        |repetitions| shares(&World::shipped(repetitions, Luck::Own), Some(Bias { group: 1, loss: 0.2 }), 100)[2];
    assert!(found(2) < 0.6 && found(2) < found(REPETITIONS));
}
