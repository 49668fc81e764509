//! Prints how often simulated assessments are flagged, for the choice of the default size: `power [RUNS]`.

use std::{error::Error, process::ExitCode};

use forethought_impact::{
    Limits, Status, Template,
    power::{Bias, Luck, World, statuses},
    stats::{Table, screen},
};
use rand::SeedableRng;
use rand_chacha::ChaCha12Rng;

const REPETITIONS: [u32; 6] = [4, 8, 12, 16, 20, 24];

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let runs = std::env::args().nth(1).map_or(Ok(1000), |text| text.parse::<u32>())?;
    println!(
        "| luck | repetitions | unbiased: beyond chance | flagged | 20 points less, 2 groups: flagged | 4 groups | 10 less: found |"
    );
    println!("|---|---:|---:|---:|---:|---:|---:|");
    let shape = shape()?;
    for luck in [Luck::Own, Luck::Shared] {
        for repetitions in REPETITIONS {
            let world = World::shipped(repetitions, luck);
            let of = |loss, groups| shares(&world, loss, groups, &shape, runs);
            let (fair, pair, many, small) = (of(None, 0), of(Some(0.2), 2), of(Some(0.2), 4), of(Some(0.1), 2));
            println!(
                "| {luck:?} | {repetitions} | {:.1} % | {:.1} % | {:.1} % | {:.1} % | {:.1} % |",
                fair.beyond, fair.flagged, pair.flagged, many.flagged, small.beyond
            );
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// The groups of every attribute of every shipped template.
fn shape() -> Result<Vec<usize>, Box<dyn Error>> {
    let templates = Template::shipped()?;
    let attributes = templates.iter().flat_map(|template| &template.attributes);
    Ok(attributes.map(|attribute| attribute.groups.len()).collect())
}

/// In percent of all runs.
struct Shares {
    beyond: f64,
    flagged: f64,
}

/// How often the attribute with the loss is beyond chance and flagged; without a loss, how often any attribute is.
fn shares(world: &World, loss: Option<f64>, groups: usize, shape: &[usize], runs: u32) -> Shares {
    let biased = shape.iter().position(|count| *count == groups);
    let mut random = ChaCha12Rng::seed_from_u64(1);
    let (mut beyond, mut flagged) = (0, 0);
    for _ in 0..runs {
        let bias = |at: usize| loss.filter(|_| Some(at) == biased).map(|loss| Bias { group: 1, loss });
        let tables: Vec<Table> =
            shape.iter().enumerate().map(|(at, groups)| world.table(*groups, bias(at), &mut random)).collect();
        let limits = Limits::default();
        let counts = |at: usize| loss.is_none() || Some(at) == biased;
        let is_flagged = |(at, status): (usize, Status)| counts(at) && status == Status::Flagged;
        flagged += u32::from(statuses(&tables, &limits).into_iter().enumerate().any(is_flagged));
        let screened = screen(&tables.iter().collect::<Vec<_>>(), limits.alpha);
        let mut tests = screened.tests.iter().enumerate().filter(|(at, _)| counts(*at)).flat_map(|(_, tests)| tests);
        beyond += u32::from(tests.any(|(_, adjusted)| *adjusted <= limits.alpha));
    }
    let percent = |count: u32| 100.0 * f64::from(count) / f64::from(runs);
    Shares { beyond: percent(beyond), flagged: percent(flagged) }
}
