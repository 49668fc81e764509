//! The figures of a run, as a table for people and as JSON.

use std::fmt::Write;

use anyhow::Result;
use serde_json::{Value, json};

use super::outcome::{Answer, Outcome};
use super::stats::{self, Estimate};

/// One file's questions, asked.
pub struct Measured {
    /// The file's name, without folder and extension.
    pub file: String,
    /// In the file's order.
    pub outcomes: Vec<Outcome>,
}

/// One strategy's line.
struct Row {
    strategy: String,
    accuracy: Estimate,
    tokens: f64,
    samples: f64,
    seconds: f64,
}

impl Measured {
    fn rows(&self, samples: u32) -> [Row; 3] {
        let finished = self.mean(|outcome| f64::from(outcome.finished));
        let vote = self.row(&format!("self_consistency, {samples}"), finished, |outcome| &outcome.vote);
        let each = Row {
            strategy: "mean of the vote's samples".to_owned(),
            accuracy: self.each(),
            tokens: if finished > 0.0 { vote.tokens / finished } else { 0.0 },
            samples: 1.0,
            seconds: f64::NAN,
        };
        [self.row("single", 1.0, |outcome| &outcome.single), each, vote]
    }

    fn row(&self, strategy: &str, samples: f64, of: impl Fn(&Outcome) -> &Answer) -> Row {
        let hits = self.outcomes.iter().filter(|outcome| of(outcome).right).count();
        Row {
            strategy: strategy.to_owned(),
            accuracy: stats::share(hits, self.outcomes.len()),
            tokens: self.mean(|outcome| of(outcome).tokens),
            samples,
            seconds: self.mean(|outcome| of(outcome).seconds),
        }
    }

    /// The accuracy of one sample, over all finished samples of the votes; each question weighs the same.
    fn each(&self) -> Estimate {
        let mean = stats::mean(&self.values(Outcome::mean_of_samples));
        Estimate { low: mean.low.max(0.0), high: mean.high.min(1.0), ..mean }
    }

    fn gain_over_single(&self) -> Estimate {
        let before = self.values(|outcome| f64::from(u8::from(outcome.single.right)));
        stats::paired(&before, &self.votes())
    }

    fn gain_over_mean(&self) -> Estimate {
        stats::paired(&self.values(Outcome::mean_of_samples), &self.votes())
    }

    fn votes(&self) -> Vec<f64> {
        self.values(|outcome| f64::from(u8::from(outcome.vote.right)))
    }

    fn values(&self, of: impl Fn(&Outcome) -> f64) -> Vec<f64> {
        self.outcomes.iter().map(of).collect()
    }

    fn mean(&self, of: impl Fn(&Outcome) -> f64) -> f64 {
        stats::average(&self.values(of))
    }
}

const NOTES: &str = "\
Intervals are at 95 %: Wilson's for a share, the normal approximation over questions for a mean and for the paired
differences. Tokens, samples and seconds are per question; tokens count those of cancelled samples, samples only those
that finished. The mean of the vote's samples is over these: a vote that is decided early leaves the rest out.
";

/// Renders the table, the gains under each file.
pub fn table(measured: &[Measured], samples: u32) -> Result<String> {
    let mut text = String::new();
    writeln!(
        text,
        "{:<14} {:<27} {:>5}  {:<24} {:>7} {:>8} {:>8}",
        "file", "strategy", "n", "accuracy", "tokens", "samples", "seconds"
    )?;
    for file in measured {
        for row in file.rows(samples) {
            let seconds = if row.seconds.is_nan() { "-".to_owned() } else { format!("{:.1}", row.seconds) };
            writeln!(
                text,
                "{:<14} {:<27} {:>5}  {:<24} {:>7.1} {:>8.1} {seconds:>8}",
                file.file,
                row.strategy,
                file.outcomes.len(),
                percent(row.accuracy),
                row.tokens,
                row.samples,
            )?;
        }
        writeln!(text, "  the vote's gain: {} over the single request", points(file.gain_over_single()))?;
        writeln!(text, "                   {} over the mean of its samples\n", points(file.gain_over_mean()))?;
    }
    text.push_str(NOTES);
    Ok(text)
}

fn percent(of: Estimate) -> String {
    format!("{:.1} % ({:.1} to {:.1})", 100.0 * of.value, 100.0 * of.low, 100.0 * of.high)
}

fn points(of: Estimate) -> String {
    format!("{:+.1} points ({:+.1} to {:+.1})", 100.0 * of.value, 100.0 * of.low, 100.0 * of.high)
}

/// The same figures, with the settings and every question's outcome.
pub fn json(measured: &[Measured], samples: u32, settings: &Value) -> Value {
    let files: Vec<Value> = measured
        .iter()
        .map(|file| {
            let rows: Vec<Value> = file.rows(samples).iter().map(row_json).collect();
            let questions: Vec<Value> = file.outcomes.iter().map(Outcome::to_json).collect();
            json!({
                "file": file.file, "n": file.outcomes.len(), "rows": rows,
                "gain_over_single": estimate(file.gain_over_single()),
                "gain_over_mean_of_samples": estimate(file.gain_over_mean()),
                "questions": questions,
            })
        })
        .collect();
    json!({ "settings": settings, "files": files })
}

fn row_json(row: &Row) -> Value {
    // A number that is none, such as the seconds of a sample among others, becomes null.
    json!({
        "strategy": row.strategy, "accuracy": estimate(row.accuracy), "tokens": row.tokens, "samples": row.samples,
        "seconds": row.seconds,
    })
}

fn estimate(of: Estimate) -> Value {
    json!({ "value": of.value, "low": of.low, "high": of.high })
}

#[cfg(test)]
mod tests {
    use super::super::outcome::tests::outcome;
    use super::*;

    fn measured() -> Vec<Measured> {
        let outcomes = vec![outcome(true, true, 4, 4), outcome(false, true, 8, 4), outcome(false, false, 6, 0)];
        vec![Measured { file: "sums".into(), outcomes }]
    }

    #[test]
    fn the_table_has_three_lines_a_file_and_its_gains() {
        let text = table(&measured(), 8).unwrap();
        let lines: Vec<Vec<&str>> = text.lines().map(|line| line.split_whitespace().collect()).collect();
        assert_eq!(lines[1], ["sums", "single", "3", "33.3", "%", "(6.1", "to", "79.2)", "10.0", "1.0", "0.5"]);
        assert_eq!(lines[2][..8], ["sums", "mean", "of", "the", "vote's", "samples", "3", "50.0"]);
        assert_eq!(lines[3][..6], ["sums", "self_consistency,", "8", "3", "66.7", "%"]);
        assert_eq!(lines[3][9..], ["80.0", "6.0", "0.5"]);
        assert!(text.contains("the vote's gain: +33.3 points (-32.0 to +98.7) over the single request"), "{text}");
        assert!(text.contains("+16.7 points (-16.0 to +49.3) over the mean of its samples"), "{text}");
    }

    #[test]
    fn the_json_has_the_settings_and_every_question() {
        let value = json(&measured(), 8, &json!({ "seed": 1 }));
        assert_eq!(value.pointer("/settings/seed"), Some(&json!(1)));
        assert_eq!(value.pointer("/files/0/questions").and_then(Value::as_array).map(Vec::len), Some(3));
        assert_eq!(value.pointer("/files/0/rows/1/seconds"), Some(&Value::Null));
        assert!(value.pointer("/files/0/gain_over_single/value").is_some());
    }
}
