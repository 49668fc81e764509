//! What came of an evaluation: how often each way was right, and what it cost.

mod compare;
mod presets;

use std::collections::HashMap;

use serde::Serialize;

use crate::{
    Estimate, Outcome, Question, Results, Way, plan,
    stats::{self, real},
};
pub use compare::{Comparison, Difference, Place, Standing, Verdict};

/// The figures of all ways.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Summary {
    /// Questions that the plan has.
    pub questions: usize,
    /// Those that every way has answered, as often as they are to be asked; only these are counted.
    pub complete: usize,
    /// How often each question was asked in each way.
    pub repeats: u32,
    /// The ways, in the plan's order.
    pub ways: Vec<Figures>,
    /// The same for each file of questions, where there is more than one.
    pub sets: Vec<SetFigures>,
    /// Each way's share of right answers, question by question.
    #[serde(skip)]
    shares: Vec<Vec<f64>>,
    #[serde(skip)]
    seed: u64,
}

/// The figures of one file of questions.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SetFigures {
    /// Its name.
    pub name: String,
    /// The ways, in the plan's order.
    pub ways: Vec<Figures>,
}

/// The figures of one way.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Figures {
    /// The way's name.
    pub way: String,
    /// What it says, in one line.
    pub says: String,
    /// Answers that are counted.
    pub answers: usize,
    /// Those of them that are right.
    pub right: usize,
    /// Their share, with its interval at 95 %.
    pub accuracy: Estimate,
    /// Tokens that one answer took on average, those of cancelled samples and judges too. Failed requests count with what
    /// the service tells of them; where it tells nothing they are left out.
    pub tokens: f64,
    /// Failed requests of which the service does not tell what they spent: what they cost is unknown.
    pub unknown_cost: usize,
    /// Samples that came to their end, on average.
    pub samples: f64,
    /// The median of the time to an answer, in milliseconds.
    pub p50_ms: u64,
    /// The time within which 95 % of the answers came, in milliseconds.
    pub p95_ms: u64,
    /// Answers in which none of the declared kind was found.
    pub without_answer: usize,
    /// Requests that ended in an error.
    pub failed: usize,
    /// Answers that a deadline ended: another machine may give others.
    pub by_deadline: usize,
}

/// The share of failed requests beyond which a way's figures are not those of its answers.
const MOST_FAILED: f64 = 0.01;

impl Figures {
    /// Whether more than 1 % of the requests failed. What they cost is not known, and who always fails spends nothing: such
    /// a way is held against no other one, and in no preset.
    #[must_use]
    pub fn fails_often(&self) -> bool {
        real(self.failed) > MOST_FAILED * real(self.answers)
    }
}

/// The outcomes of each question in each way.
struct Grid<'r> {
    questions: &'r [Question],
    ways: &'r [Way],
    /// By question, then by way.
    cells: Vec<Vec<Vec<&'r Outcome>>>,
}

impl Summary {
    /// The figures of results, whole or not.
    #[must_use]
    pub fn new(results: &Results) -> Self {
        let plan = &results.plan;
        let repeats = plan.header.repeats;
        let grid = Grid::new(results);
        let complete = grid.complete(repeats);
        let figures = |keep: &dyn Fn(&Question) -> bool| -> Vec<Figures> {
            let kept: Vec<usize> =
                complete.iter().copied().filter(|at| plan.questions.get(*at).is_some_and(keep)).collect();
            plan.header.ways.iter().enumerate().map(|(way, said)| grid.figures(said, way, &kept, repeats)).collect()
        };
        let named = |name: &str| SetFigures { name: name.to_owned(), ways: figures(&|question| question.set == name) };
        let sets = plan.header.sets.iter().map(|set| named(&set.name)).collect();
        Self {
            questions: plan.questions.len(),
            complete: complete.len(),
            repeats,
            ways: figures(&|_| true),
            sets: if plan.header.sets.len() > 1 { sets } else { Vec::new() },
            shares: (0..plan.header.ways.len()).map(|way| grid.shares(way, &complete)).collect(),
            seed: plan.header.seed,
        }
    }

    /// Whether there are questions enough to say which way is better.
    #[must_use]
    pub fn has_enough(&self) -> bool {
        self.complete >= stats::FEWEST
    }

    /// How much more often `after` is right than `before`, over the same questions.
    fn difference(&self, before: usize, after: usize) -> Estimate {
        let of = |way: usize| self.shares.get(way).map(Vec::as_slice).unwrap_or_default();
        stats::difference(of(before), of(after), self.repeats, self.seed)
    }
}

impl<'r> Grid<'r> {
    fn new(results: &'r Results) -> Self {
        let (questions, ways) = (&results.plan.questions, &results.plan.header.ways);
        let places = plan::places(questions);
        let names: HashMap<&str, usize> = ways.iter().enumerate().map(|(at, way)| (way.name.as_str(), at)).collect();
        let mut cells = vec![vec![Vec::new(); ways.len()]; questions.len()];
        for outcome in &results.outcomes {
            let question = places.get(&(outcome.set.as_str(), outcome.id.as_str()));
            let cell = question.zip(names.get(outcome.way.as_str()));
            if let Some(cell) = cell.and_then(|(question, way)| cells.get_mut(*question)?.get_mut(*way)) {
                cell.push(outcome);
            }
        }
        Self { questions, ways, cells }
    }

    fn complete(&self, repeats: u32) -> Vec<usize> {
        let whole = |cells: &Vec<Vec<&Outcome>>| {
            cells.len() == self.ways.len() && cells.iter().all(|cell| u32::try_from(cell.len()) == Ok(repeats))
        };
        (0..self.questions.len()).filter(|at| self.cells.get(*at).is_some_and(whole)).collect()
    }

    fn cell(&self, question: usize, way: usize) -> &[&'r Outcome] {
        self.cells.get(question).and_then(|cells| cells.get(way)).map(Vec::as_slice).unwrap_or_default()
    }

    fn shares(&self, way: usize, questions: &[usize]) -> Vec<f64> {
        let share = |at: &usize| {
            let cell = self.cell(*at, way);
            stats::mean(&cell.iter().map(|outcome| f64::from(u8::from(outcome.right))).collect::<Vec<_>>())
        };
        questions.iter().map(share).collect()
    }

    fn figures(&self, said: &Way, way: usize, questions: &[usize], repeats: u32) -> Figures {
        let outcomes: Vec<&Outcome> = questions.iter().flat_map(|at| self.cell(*at, way)).copied().collect();
        let replies: Vec<_> = outcomes.iter().filter_map(|outcome| outcome.reply.as_ref()).collect();
        let mut times: Vec<u64> = outcomes.iter().map(|outcome| outcome.wall_ms).collect();
        times.sort_unstable();
        let tokens: Vec<u64> = outcomes.iter().filter_map(|outcome| outcome.tokens()).collect();
        let samples: usize = replies.iter().map(|reply| reply.finished()).sum();
        let each = |sum: f64, of: usize| if of == 0 { 0.0 } else { sum / real(of) };
        Figures {
            way: said.name.clone(),
            says: said.describe(),
            answers: outcomes.len(),
            right: outcomes.iter().filter(|outcome| outcome.right).count(),
            accuracy: stats::accuracy(&self.shares(way, questions), repeats),
            tokens: each(float(tokens.iter().sum()), tokens.len()),
            unknown_cost: outcomes.len() - tokens.len(),
            samples: each(real(samples), replies.len()),
            p50_ms: stats::quantile(&times, 0.5),
            p95_ms: stats::quantile(&times, 0.95),
            without_answer: replies.iter().filter(|reply| reply.answer.is_none()).count(),
            failed: outcomes.len() - replies.len(),
            by_deadline: replies.iter().filter(|reply| reply.stop == "deadline").count(),
        }
    }
}

/// Exact up to 2^53 tokens.
#[expect(clippy::cast_precision_loss, reason = "nobody generates 2^53 tokens for one evaluation")]
fn float(tokens: u64) -> f64 {
    tokens as f64
}

#[cfg(test)]
mod tests;
