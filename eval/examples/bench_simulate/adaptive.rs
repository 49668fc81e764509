//! Samples that the Beta rule saves against votes of 40, on tasks with the published accuracies of one sample and of 40.

use crate::curve::Curve;
use crate::questions::{OPEN, Task, Wrong, plurality, vote};
use crate::{Args, Published, mean, spread};

/// Accuracy of code-davinci-002, one greedy sample and a vote of 40 (Wang et al. 2022, arXiv:2203.11171), and how many
/// wrong answers the task's options leave.
const TASKS: [(Published, Option<usize>); 5] = [
    (Published { name: "GSM8K", one: 60.1, vote: 78.0 }, None),
    (Published { name: "SVAMP", one: 75.8, vote: 86.8 }, None),
    (Published { name: "AQuA", one: 39.8, vote: 52.0 }, Some(4)),
    (Published { name: "StrategyQA", one: 73.4, vote: 79.8 }, Some(1)),
    (Published { name: "ARC-challenge", one: 83.6, vote: 87.5 }, Some(3)),
];
/// What Adaptive-Consistency published: samples in place of 40, the mean of the tasks' ratios, and points (arXiv:2305.11860).
const PUBLISHED: (f64, f64, f64) = (16.5, 2.8, -0.03);
const SAMPLES: u32 = 40;
const ZIPFS: [f64; 4] = [0.5, 1.0, 1.5, 2.0];
/// Points that a sample at the vote's temperature may be worse than the greedy one that was published.
const LESS: [f64; 3] = [0.0, 2.0, 5.0];
/// Questions of each task on which the strategy's full vote is compared with the count.
const CHECKED: u32 = 100;

/// One task with one seed.
#[derive(Clone, Copy)]
struct Score {
    full: f64,
    beta: f64,
    /// Samples a question with the Beta rule.
    samples: f64,
}

/// One task with all seeds.
struct Row {
    published: Published,
    concentration: f64,
    scores: Vec<Score>,
}

pub fn run(args: &Args) {
    let curves: Vec<Vec<Curve>> = ZIPFS.map(curves).into();
    println!(
        "Beta rule at 0.95 against a fixed vote of {SAMPLES}, {} seeds of {} questions a task; ± holds 95 % of single seeds",
        args.seeds, args.questions
    );
    println!("published: {} samples, mean ratio {}, {:+} points\n", PUBLISHED.0, PUBLISHED.1, PUBLISHED.2);
    let mut single = Vec::new();
    println!("less   zipf        samples    mean ratio          points   worst task   not attainable");
    for less in LESS {
        for (zipf, curves) in ZIPFS.into_iter().zip(&curves) {
            let (rows, missed) = tasks(less, curves, args);
            print_all(less, zipf, &rows, &missed);
            if less.to_bits() == 0 {
                single.push((zipf, rows));
            }
        }
    }
    println!(
        "\nzipf   task             one   vote   concentration   fixed 40   beta .95        points   samples   ratio"
    );
    for (zipf, rows) in single {
        for row in rows {
            print_one(zipf, &row);
        }
    }
    println!();
}

fn curves(zipf: f64) -> Vec<Curve> {
    TASKS.iter().map(|(_, wrong)| Curve::new(Wrong { answers: wrong.unwrap_or(OPEN), zipf }, SAMPLES)).collect()
}

/// The tasks whose published vote can be reached, and the others, with the best that they come to.
fn tasks(less: f64, curves: &[Curve], args: &Args) -> (Vec<Row>, Vec<String>) {
    let (mut rows, mut missed) = (Vec::new(), Vec::new());
    for ((published, _), curve) in TASKS.iter().zip(curves) {
        let published = Published { one: published.one - less, ..*published };
        let reach = curve.reach(published, 0);
        let Some(concentration) = reach.concentration else {
            missed.push(format!("{} ({:.1} of {:.1})", published.name, reach.best, published.vote));
            continue;
        };
        let task = curve.task(published.one / 100.0, 0, concentration);
        let scores = (0..args.seeds).map(|seed| score(&task, args.seed + u64::from(seed), args.questions)).collect();
        rows.push(Row { published, concentration, scores });
    }
    (rows, missed)
}

fn score(task: &Task, seed: u64, questions: u32) -> Score {
    let (mut full, mut beta, mut samples) = (0_u32, 0_u32, 0_u32);
    for question in 0..questions {
        let answers = task.ask(question, SAMPLES, seed);
        let counted = plurality(&answers);
        if question < CHECKED {
            assert_eq!(vote(&answers, None).0, counted, "the strategy counts as we do: {answers:?}");
        }
        let (stopped, taken) = vote(&answers, Some(0.95));
        full += u32::from(counted == 0);
        beta += u32::from(stopped == 0);
        samples += taken;
    }
    let share = |count: u32| f64::from(count) / f64::from(questions);
    Score { full: 100.0 * share(full), beta: 100.0 * share(beta), samples: share(samples) }
}

impl Score {
    fn ratio(&self) -> f64 {
        f64::from(SAMPLES) / self.samples
    }

    fn points(&self) -> f64 {
        self.beta - self.full
    }
}

impl Row {
    fn each(&self, figure: impl Fn(&Score) -> f64) -> (f64, f64) {
        spread(&self.scores.iter().map(figure).collect::<Vec<_>>())
    }
}

/// Means over the tasks, each seed for itself.
fn print_all(less: f64, zipf: f64, rows: &[Row], missed: &[String]) {
    let seeds = rows.first().map_or(0, |row| row.scores.len());
    let over = |figure: fn(&Score) -> f64| {
        let by_seed = (0..seeds).map(|seed| mean(rows.iter().map(|row| figure(&row.scores[seed]))));
        spread(&by_seed.collect::<Vec<_>>())
    };
    let (samples, ratio, points) = (over(|score| score.samples), over(Score::ratio), over(Score::points));
    let worst = rows.iter().map(|row| row.each(Score::points).0).fold(f64::INFINITY, f64::min);
    println!(
        "{less:<6} {zipf:<6} {:>5.1} ± {:.1}   {:>5.2} ± {:.2}   {:>+6.2} ± {:.2}   {worst:>+10.2}   {}",
        samples.0,
        samples.1,
        ratio.0,
        ratio.1,
        points.0,
        points.1,
        if missed.is_empty() { "–".to_owned() } else { missed.join(", ") }
    );
}

fn print_one(zipf: f64, row: &Row) {
    let points = row.each(Score::points);
    println!(
        "{zipf:<6} {:<14} {:>5.1} {:>6.1} {:>15.2} {:>10.1} {:>10.1} {:>+7.2} ± {:.2} {:>9.1} {:>7.2}",
        row.published.name,
        row.published.one,
        row.published.vote,
        row.concentration,
        row.each(|score| score.full).0,
        row.each(|score| score.beta).0,
        points.0,
        points.1,
        row.each(|score| score.samples).0,
        row.each(Score::ratio).0
    );
}
