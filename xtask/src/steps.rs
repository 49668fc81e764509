//! A list of steps: each has a heading and a time, all run, and the last lines say how each ended.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};

/// Runs steps and remembers how they ended.
#[derive(Default)]
pub struct Steps {
    done: Vec<Step>,
}

struct Step {
    name: String,
    outcome: Outcome,
    took: Duration,
}

enum Outcome {
    Passed,
    Failed,
    Skipped(String),
}

impl Steps {
    /// Runs one step; a failure is printed and does not stop the others. `None` says that it failed.
    pub fn run<T>(&mut self, name: &str, step: impl FnOnce() -> Result<T>) -> Option<T> {
        println!("\n=== {name} ===");
        let start = Instant::now();
        let result = step();
        let outcome = match &result {
            Ok(_) => Outcome::Passed,
            Err(error) => {
                eprintln!("error: {error:#}");
                Outcome::Failed
            }
        };
        self.done.push(Step { name: name.to_owned(), outcome, took: start.elapsed() });
        result.ok()
    }

    /// Notes that a step was not run, and why.
    pub fn skip(&mut self, name: &str, why: &str) {
        println!("\n=== {name} ===\nskipped: {why}");
        self.done.push(Step { name: name.to_owned(), outcome: Outcome::Skipped(why.to_owned()), took: Duration::ZERO });
    }

    /// Prints the summary; an error when a step failed.
    pub fn finish(self) -> Result<()> {
        println!("\n=== summary ===");
        for step in &self.done {
            println!("{}", step.line());
        }
        let failed: Vec<&str> = self.done.iter().filter(|step| step.failed()).map(|step| step.name.as_str()).collect();
        if failed.is_empty() {
            return Ok(());
        }
        bail!("failed: {}", failed.join(", "))
    }
}

impl Step {
    fn failed(&self) -> bool {
        matches!(self.outcome, Outcome::Failed)
    }

    fn line(&self) -> String {
        let took = self.took.as_secs_f64();
        match &self.outcome {
            Outcome::Passed => format!("passed   {took:>7.1} s  {}", self.name),
            Outcome::Failed => format!("FAILED   {took:>7.1} s  {}", self.name),
            Outcome::Skipped(why) => format!("skipped            {} ({why})", self.name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_does_not_hide_the_others() {
        let mut steps = Steps::default();
        assert_eq!(steps.run("first", || -> Result<()> { bail!("broken") }), None);
        assert_eq!(steps.run("second", || Ok(2)), Some(2));
        steps.skip("third", "it needs the first");
        assert_eq!(steps.finish().unwrap_err().to_string(), "failed: first");
    }

    #[test]
    fn a_skipped_step_is_no_failure() {
        let mut steps = Steps::default();
        steps.skip("only", "not installed");
        assert!(steps.finish().is_ok());
    }
}
