//! What a vote of 64 gives on AIME 2024 where only one sample's accuracy is known: how far questions are apart is taken
//! from the other models.

use crate::curve::{Curve, Reach, logs};
use crate::questions::{OPEN, SET, Task, Wrong, plurality, vote};
use crate::{Args, Published, mean};

/// pass@1 and cons@64 of DeepSeek-R1's distills (DeepSeek-AI 2025, arXiv:2501.12948).
const DISTILLS: [Published; 6] = [
    Published { name: "Qwen-1.5B", one: 28.9, vote: 52.7 },
    Published { name: "Qwen-7B", one: 55.5, vote: 83.3 },
    Published { name: "Llama-8B", one: 50.4, vote: 80.0 },
    Published { name: "Qwen-14B", one: 69.7, vote: 80.0 },
    Published { name: "Qwen-32B", one: 72.6, vote: 83.3 },
    Published { name: "Llama-70B", one: 70.0, vote: 86.7 },
];
/// No distill, but trained by reinforcement alone; from the same publication.
const ZERO: Published = Published { name: "R1-Zero", one: 71.0, vote: 86.7 };
/// "Extremely hard" questions of AIME 2024 (Sun et al. 2025, arXiv:2504.11741; the tiers are in `view_results.py` of
/// github.com/sunblaze-ucb/reasoning_ladder: 4 easy, 10 medium, 12 hard, 4 extremely hard).
const UNSOLVABLE: u32 = 4;
const SAMPLES: u32 = 64;
const ZIPFS: [f64; 4] = [0.0, 0.5, 1.0, 1.5];
/// Questions of each model on which the strategy's full vote is compared with the count.
const CHECKED: u32 = 300;

/// One model with one exponent.
struct Prediction {
    published: Published,
    reach: Reach,
    task: Task,
}

pub fn run(args: &Args) {
    let curves = ZIPFS.map(|zipf| Curve::new(Wrong { answers: OPEN, zipf }, SAMPLES));
    println!("cons@{SAMPLES} on AIME 2024, predicted from pass@1 and from the spread that the other distills give");
    println!(
        "(one question of {SET} is 3.3 points; * this model's own cons@{SAMPLES} is not attainable: no part of the spread)"
    );
    for (unsolvable, title) in
        [(UNSOLVABLE, "4 of 30 questions unsolvable, as published"), (0, "for comparison: no question unsolvable")]
    {
        println!("\n{title}; {} questions each", sets(args));
        println!("model       pass@1   cons@{SAMPLES}   {}", ZIPFS.map(|zipf| format!("zipf {zipf:<5}")).join(" "));
        print_models(&curves, unsolvable, args);
    }
    println!("\nthe mean gain of the other distills, added to pass@1: mean error {:.1} points", naive());
    println!("\nmean error of the 6 distills by how many of {SET} are unsolvable, by integration");
    println!("unsolvable  {}", ZIPFS.map(|zipf| format!("zipf {zipf:<12}")).join(" "));
    for unsolvable in 0..=6 {
        let cells = curves.each_ref().map(|curve| sensitivity(curve, unsolvable));
        println!("{unsolvable:<11} {}", cells.map(|cell| format!("{cell:<17}")).join(" "));
    }
}

fn print_models(curves: &[Curve], unsolvable: u32, args: &Args) {
    let columns: Vec<Vec<(Prediction, f64)>> = curves
        .iter()
        .map(|curve| {
            predictions(curve, unsolvable)
                .into_iter()
                .map(|prediction| {
                    let simulated = simulate(&prediction.task, args);
                    (prediction, simulated)
                })
                .collect()
        })
        .collect();
    let print = |row: usize| {
        let published = columns[0][row].0.published;
        let cells = columns.iter().map(|column| {
            let (prediction, simulated) = &column[row];
            let mark = if prediction.reach.concentration.is_some() { " " } else { "*" };
            format!("{simulated:>5.1}{mark}    ")
        });
        let cells: Vec<String> = cells.collect();
        println!("{:<11} {:>6.1} {:>9.1}   {}", published.name, published.one, published.vote, cells.join(" "));
    };
    (0..DISTILLS.len()).for_each(print);
    let errors = columns.iter().map(|column| {
        let distills = &column[..DISTILLS.len()];
        let error = mean(distills.iter().map(|(prediction, simulated)| (simulated - prediction.published.vote).abs()));
        format!("{error:>5.1}     ")
    });
    println!("mean error                     {}", errors.collect::<Vec<_>>().join(" "));
    println!("no distill, not in the mean:");
    print(DISTILLS.len());
}

/// The distills, each from the other five, and R1-Zero from all six.
fn predictions(curve: &Curve, unsolvable: u32) -> Vec<Prediction> {
    let reach = |published: Published| (published, curve.reach(published, unsolvable));
    let distills = DISTILLS.map(reach);
    let attained: Vec<Published> =
        distills.iter().filter(|(_, reach)| reach.concentration.is_some()).map(|(published, _)| *published).collect();
    let predict = |(published, reach): (Published, Reach)| {
        let others: Vec<Published> = attained.iter().filter(|other| other.name != published.name).copied().collect();
        let task = curve.task(published.one / 100.0, unsolvable, shared(curve, unsolvable, &others));
        Prediction { published, reach, task }
    };
    distills.into_iter().chain([reach(ZERO)]).map(predict).collect()
}

/// The one concentration that suits these models best, by least squares of their votes.
fn shared(curve: &Curve, unsolvable: u32, models: &[Published]) -> f64 {
    let misfit = |concentration: f64| {
        let off =
            |model: &Published| curve.expect(&curve.task(model.one / 100.0, unsolvable, concentration)) - model.vote;
        models.iter().map(|model| off(model).powi(2)).sum::<f64>()
    };
    let concentrations = logs().map(f64::exp);
    concentrations.min_by(|a, b| misfit(*a).total_cmp(&misfit(*b))).expect("concentrations are tried")
}

fn sets(args: &Args) -> u32 {
    args.aime_questions.next_multiple_of(SET)
}

/// The full vote's accuracy in percent.
fn simulate(task: &Task, args: &Args) -> f64 {
    let right = (0..sets(args)).filter(|question| {
        let answers = task.ask(*question, SAMPLES, args.seed);
        let counted = plurality(&answers);
        if *question < CHECKED {
            assert_eq!(vote(&answers, None).0, counted, "the strategy counts as we do: {answers:?}");
        }
        counted == 0
    });
    100.0 * right.count() as f64 / f64::from(sets(args))
}

/// The mean error, and how many models' own votes are out of reach.
fn sensitivity(curve: &Curve, unsolvable: u32) -> String {
    let (mut errors, mut missed) = (Vec::new(), 0_u32);
    for prediction in &predictions(curve, unsolvable)[..DISTILLS.len()] {
        errors.push((curve.expect(&prediction.task) - prediction.published.vote).abs());
        missed += u32::from(prediction.reach.concentration.is_none());
    }
    let missed = if missed == 0 { String::new() } else { format!(" ({missed} not att.)") };
    format!("{:.1}{missed}", mean(errors))
}

/// The mean error of a prediction without any model of the questions.
fn naive() -> f64 {
    mean(DISTILLS.iter().map(|published| {
        let others = DISTILLS.iter().filter(|other| other.name != published.name);
        let gain = mean(others.map(|other| other.vote - other.one));
        (published.one + gain - published.vote).abs()
    }))
}
