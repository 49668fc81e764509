//! How far an evaluation is: a bar with the time left on a terminal, a few lines elsewhere.

use std::{
    cell::Cell,
    io::IsTerminal as _,
    path::Path,
    time::{Duration, Instant},
};

use forethought_eval::{Event, Outcome, Wait};
use indicatif::{ProgressBar, ProgressStyle};

use crate::cli::output::tame;

/// Lines over the whole evaluation, where there is no terminal for a bar.
const NOTES: usize = 20;
/// How often waiting is told, at most.
const WAITS_EVERY: Duration = Duration::from_secs(10);

/// What is counted of outcomes as they come.
pub(in crate::cli) trait Count {
    /// One more has come.
    fn add(&self, outcome: &Outcome);

    /// What came in this run, in a few words.
    fn told(&self) -> String;
}

/// How many answers are right.
#[derive(Default)]
pub(in crate::cli) struct Right {
    right: Cell<usize>,
    came: Cell<usize>,
}

impl Count for Right {
    fn add(&self, outcome: &Outcome) {
        self.came.set(self.came.get() + 1);
        self.right.set(self.right.get() + usize::from(outcome.right));
    }

    fn told(&self) -> String {
        format!("{} of {} right", self.right.get(), self.came.get())
    }
}

pub(super) struct Progress<'c> {
    bar: ProgressBar,
    live: bool,
    all: usize,
    done: Cell<usize>,
    count: &'c dyn Count,
    /// Answers that came in this run.
    came: Cell<usize>,
    told_of_wait: Cell<Option<Instant>>,
    begun: Instant,
}

impl<'c> Progress<'c> {
    /// Of `all` answers `missing` are still to come.
    pub(super) fn new((all, missing): (usize, usize), file: &Path, count: &'c dyn Count) -> Self {
        let live = std::io::stderr().is_terminal();
        let bar = if live { ProgressBar::new(size(missing)) } else { ProgressBar::hidden() };
        let style = "{bar:32} {pos}/{len} answers, {elapsed} so far, {eta} left  {msg}";
        if let Ok(style) = ProgressStyle::with_template(style) {
            bar.set_style(style);
        }
        if live {
            bar.enable_steady_tick(Duration::from_millis(250));
        }
        let there = all - missing;
        if there > 0 {
            eprintln!("{there} of {all} answers are there already, in {}", file.display());
        }
        Self {
            bar,
            live,
            all,
            done: Cell::new(there),
            count,
            came: Cell::new(0),
            told_of_wait: Cell::new(None),
            begun: Instant::now(),
        }
    }

    pub(super) fn event(&self, event: Event<'_>) {
        match event {
            Event::Outcome(outcome) => {
                self.done.set(self.done.get() + 1);
                self.came.set(self.came.get() + 1);
                self.count.add(outcome);
                self.step();
            }
            Event::Waiting(wait) => self.wait(wait),
        }
    }

    fn step(&self) {
        let (done, all) = (self.done.get(), self.all);
        let told = self.count.told();
        if self.live {
            self.bar.set_message(told);
            self.bar.inc(1);
        } else if done == all || done.is_multiple_of(all.div_ceil(NOTES).max(1)) {
            eprintln!("{done} of {all} answers, {told}, {} left", self.left());
        }
    }

    /// The time left, if the rest goes as what came so far.
    fn left(&self) -> String {
        let came = u32::try_from(self.came.get()).unwrap_or(u32::MAX).max(1);
        let missing = u32::try_from(self.all - self.done.get()).unwrap_or(u32::MAX);
        let each = self.begun.elapsed() / came;
        indicatif::HumanDuration(each.saturating_mul(missing)).to_string()
    }

    fn wait(&self, wait: &Wait) {
        let told = format!("waiting {} s: {}", wait.time.as_secs(), tame(&wait.reason));
        if self.live {
            self.bar.set_message(told);
        } else if self.told_of_wait.get().is_none_or(|last| last.elapsed() >= WAITS_EVERY) {
            self.told_of_wait.set(Some(Instant::now()));
            eprintln!("{told}");
        }
    }

    pub(super) fn close(&self) {
        self.bar.finish_and_clear();
    }
}

fn size(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}
