//! Prints how often simulated assessments are flagged, for the choice of the default size: `power [RUNS]`.

use std::{error::Error, process::ExitCode};

use forethought_impact::{
    Limits, Status, Template,
    power::{Bias, Luck, World, statuses},
    stats::Table,
};
use rand::SeedableRng;
use rand_chacha::ChaCha12Rng;

const REPETITIONS: [u32; 5] = [4, 8, 12, 16, 24];

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let runs = std::env::args().nth(1).map_or(Ok(1000), |text| text.parse::<u32>())?;
    println!(
        "| luck | repetitions | unbiased, flagged | loss of 20 points, found (2 groups) | found (4 groups) | loss of 10, found |"
    );
    println!("|---|---:|---:|---:|---:|---:|");
    for luck in [Luck::Own, Luck::Shared] {
        for repetitions in REPETITIONS {
            let world = World::shipped(repetitions, luck);
            let [unbiased, pair, many, small] = [(None, 0), (Some(0.2), 2), (Some(0.2), 4), (Some(0.1), 2)]
                .map(|(loss, groups)| share(&world, loss, groups, runs));
            let (unbiased, pair, many, small) = (unbiased?, pair?, many?, small?);
            println!("| {luck:?} | {repetitions} | {unbiased:.1} % | {pair:.1} % | {many:.1} % | {small:.1} % |");
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// In percent: how often anything is flagged without a loss, or the table with the loss is flagged.
fn share(world: &World, loss: Option<f64>, groups: usize, runs: u32) -> Result<f64, Box<dyn Error>> {
    let templates = Template::shipped()?;
    let attributes = templates.iter().flat_map(|template| &template.attributes);
    let shape: Vec<usize> = attributes.map(|attribute| attribute.groups.len()).collect();
    let biased = shape.iter().position(|count| *count == groups);
    let mut random = ChaCha12Rng::seed_from_u64(1);
    let mut found = 0;
    for _ in 0..runs {
        let bias = |at: usize| loss.filter(|_| Some(at) == biased).map(|loss| Bias { group: 1, loss });
        let tables: Vec<Table> =
            shape.iter().enumerate().map(|(at, groups)| world.table(*groups, bias(at), &mut random)).collect();
        let flagged =
            |(at, status): (usize, Status)| status == Status::Flagged && (loss.is_none() || Some(at) == biased);
        found += u32::from(statuses(&tables, &Limits::default()).into_iter().enumerate().any(flagged));
    }
    Ok(100.0 * f64::from(found) / f64::from(runs))
}
