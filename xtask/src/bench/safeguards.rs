//! `cargo xtask bench safeguards`: what our detectors find and take, beside Microsoft Presidio and one pass over the bytes.

use std::fmt::Write as _;
use std::path::PathBuf;

use anyhow::{Context, Result};
use serde_json::{Map, Value};

use crate::{build, process, python};

/// What `cargo xtask bench safeguards` takes.
#[derive(clap::Args)]
pub struct Args {
    /// Sentences that are made up.
    #[arg(long, value_name = "N", default_value_t = 2000)]
    sentences: u32,
    /// What they are made up from.
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Whose templates they are made up from: presidio-evaluator's, or our own in seven languages.
    #[arg(long, value_name = "NAME", value_parser = ["evaluator", "own"], default_value = "evaluator")]
    corpus: String,
    /// Sizes of texts whose whole cost is measured, in bytes.
    #[arg(long, value_delimiter = ',', default_values_t = [2_000, 20_000, 200_000])]
    sizes: Vec<u32>,
    /// Write all figures to this file too.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Write what either side got wrong to this file.
    #[arg(long, value_name = "FILE")]
    wrong: Option<PathBuf>,
}

/// Measures quality, throughput and cost, and prints them.
pub fn run(args: &Args) -> Result<()> {
    let python = python::presidio()?;
    let program = build::workspace(&["--examples"])?.path("bench_safeguards")?;
    let sizes: Vec<String> = args.sizes.iter().map(ToString::to_string).collect();
    let cost = process::output(process::command(&program)?.arg("--cost").args(&sizes))?;
    let mut asker = process::command(&python)?;
    asker.args(["-B", "xtask/bench/safeguards.py", "--program"]).arg(&program);
    asker.args(["--sentences", &args.sentences.to_string(), "--seed", &args.seed.to_string()]);
    asker.args(["--corpus", &args.corpus]);
    if let Some(file) = &args.wrong {
        asker.arg("--wrong").arg(file);
    }
    let told: Value = serde_json::from_str(&process::output(&mut asker)?).context("the program printed no JSON")?;
    print!("{}\n{}", quality(&told)?, costs(&cost)?);
    match &args.json {
        Some(file) => super::write(file, &told),
        None => Ok(()),
    }
}

/// Both sides' rates by type, and how fast they are.
fn quality(told: &Value) -> Result<String> {
    let table = |side: &str, name: &str| told.get(side).and_then(|side| side.get(name)).and_then(Value::as_object);
    let tables = |name: &str| table("forethought", name).zip(table("presidio", name));
    let (ours, theirs) = tables("table").context("the report has no tables")?;
    let mut text = format!(
        "{:<20} {:>7}   {:^23}   {:^23}\n{:<20} {:>7}   {:>7} {:>7} {:>7}   {:>7} {:>7} {:>7}\n",
        "", "", "Forethought", "Presidio", "type", "planted", "recall", "prec.", "F1", "recall", "prec.", "F1"
    );
    rows(&mut text, ours, theirs)?;
    if let Some((ours, theirs)) = tables("languages") {
        text.push_str("\nof each language, all types\n");
        rows(&mut text, ours, theirs)?;
    }
    let seconds = |side: &str| told.get(side).and_then(|side| side.get("seconds")?.as_f64()).context("no seconds");
    let bytes = told.get("bytes").and_then(Value::as_f64).context("no bytes")?;
    let (our, their) = (bytes / seconds("forethought")?, bytes / seconds("presidio")?);
    writeln!(text, "\nthroughput, bytes/s: {our:.0} and {their:.0}, {:.0} times", our / their)?;
    if let Some([median, most]) = told.pointer("/forethought/held").and_then(Value::as_array).map(Vec::as_slice) {
        writeln!(text, "held back in a stream, bytes: {median} in the median, {most} at the 95th percentile")?;
    }
    Ok(text)
}

/// One row for each name in our table.
fn rows(text: &mut String, ours: &Map<String, Value>, theirs: &Map<String, Value>) -> Result<()> {
    let number = |rates: &Value, key: &str| rates.get(key).and_then(Value::as_f64).unwrap_or(f64::NAN);
    let of = |rates: &Value| ["recall", "precision", "f1"].map(|key| format!("{:>7.3}", number(rates, key))).join(" ");
    for (name, rates) in ours {
        let other = theirs.get(name).unwrap_or(&Value::Null);
        writeln!(text, "{name:<20} {:>7}   {}   {}", number(rates, "planted"), of(rates), of(other))?;
    }
    Ok(())
}

/// What all checks of a text cost, beside one pass over it.
fn costs(lines: &str) -> Result<String> {
    let mut text = format!(
        "{:<28} {:>9} {:>12} {:>12} {:>9} {:>9} {:>8}\n",
        "text", "bytes", "checks, µs", "a pass, µs", "ns/byte", "a pass", "passes"
    );
    for line in lines.lines() {
        let row: Value = serde_json::from_str(line)?;
        let number = |key: &str| row.get(key).and_then(Value::as_f64).with_context(|| format!("no {key}: {row}"));
        let (bytes, seconds, pass) = (number("bytes")?, number("seconds")?, number("pass_seconds")?);
        let name = row.get("text").and_then(Value::as_str).unwrap_or_default();
        let (each, floor, passes) = (number("ns_per_byte")?, number("pass_ns_per_byte")?, number("passes")?);
        let (checks, pass) = (seconds * 1e6, pass * 1e6);
        writeln!(text, "{name:<28} {bytes:>9} {checks:>12.1} {pass:>12.2} {each:>9.1} {floor:>9.3} {passes:>8.0}")?;
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn both_sides_stand_in_one_row() {
        let rates = |f1: f64| json!({ "table": { "EMAIL": { "planted": 3, "recall": 1.0, "precision": 0.5, "f1": f1 } }, "seconds": 1.0 });
        let told = json!({ "bytes": 100, "forethought": rates(0.75), "presidio": rates(0.25) });
        let text = quality(&told).unwrap();
        assert!(
            text.lines().any(|line| line
                .split_whitespace()
                .eq(["EMAIL", "3", "1.000", "0.500", "0.750", "1.000", "0.500", "0.250"])),
            "{text}"
        );
        assert!(quality(&json!({})).is_err());
        let row = json!({
            "text": "letter", "bytes": 2000, "seconds": 0.0001, "pass_seconds": 0.000_001,
            "ns_per_byte": 50.0, "pass_ns_per_byte": 0.5, "passes": 100.0,
        });
        let text = costs(&row.to_string()).unwrap();
        assert!(
            text.lines()
                .any(|line| line.split_whitespace().eq(["letter", "2000", "100.0", "1.00", "50.0", "0.500", "100"])),
            "{text}"
        );
    }
}
