//! `cargo xtask bench peers-reasoning`: votes of ours beside those of others, over one llama.cpp server.

use std::fmt::Write as _;
use std::path::PathBuf;

use anyhow::{Context, Result};
use serde_json::Value;

use super::{eval::LIMITS, llama::Llama};
use crate::model::{self, Form};
use crate::service::{self, Engine, MODEL, Service};
use crate::{build, process, python};

/// The side that all others stand beside.
const OURS: &str = "forethought";

/// What `cargo xtask bench peers-reasoning` takes.
#[derive(clap::Args)]
pub struct Args {
    /// Questions, one JSON object a line: `id`, `question`, and `answer`, a number or an object. May be given often.
    #[arg(long, value_name = "FILE", required = true)]
    questions: Vec<PathBuf>,
    /// Only the first so many questions of each file.
    #[arg(long, value_name = "N", default_value_t = 50)]
    limit: u32,
    /// Samples of each vote at most.
    #[arg(long, default_value_t = 16, value_parser = clap::value_parser!(u32).range(1..=64))]
    samples: u32,
    /// Samples in flight on the sides of ours that tell it by their name.
    #[arg(long, default_value_t = 16, value_parser = clap::value_parser!(u32).range(1..=64))]
    wave: u32,
    /// Only this side, beside our own; may be given often.
    #[arg(long = "side", value_name = "NAME")]
    sides: Vec<String>,
    /// Write all answers and figures to this file too.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// Asks all sides, and prints what each got for what.
pub fn run(args: &Args) -> Result<()> {
    let model = model::prepare(Form::default(), false)?;
    let (llama_python, peers) = (python::environment()?, python::peers()?);
    let program = build::workspace(&["--examples"])?.path("forethought")?;
    let llama = Llama::start(&llama_python, &model, args.samples)?;
    let service = Service::prepare("bench-peers", program, Engine::Upstream(&llama.url), service::free_port(None)?)?;
    let key = service.add_tenant("bench", &LIMITS)?;
    let mut server = service.serve()?;
    let mut asker = process::command(&peers)?;
    asker.args(["-B", "xtask/bench/peers_reasoning.py", "--forethought-url", &service.url()]);
    asker.args(["--forethought-model", MODEL, "--llama-url", &llama.url, "--samples", &args.samples.to_string()]);
    asker.args(["--limit", &args.limit.to_string(), "--wave", &args.wave.to_string()]).env("FORETHOUGHT_KEY", &key);
    for file in &args.questions {
        asker.arg("--questions").arg(file);
    }
    if !args.sides.is_empty() {
        asker.args(["--side", OURS]);
        asker.args(args.sides.iter().flat_map(|side| ["--side", side.as_str()]));
    }
    let told = process::output(&mut asker)?;
    server.stop()?;
    let told: Value = serde_json::from_str(&told).context("the asking program printed no JSON")?;
    print!("{}", table(&told)?);
    match &args.json {
        Some(file) => super::write(file, &told),
        None => Ok(()),
    }
}

/// Each side of each set, with how it stands beside ours over the same questions.
fn table(told: &Value) -> Result<String> {
    let rows = told.get("rows").and_then(Value::as_array).context("the report has no `rows`")?;
    let paired = told.get("paired").and_then(Value::as_array).context("the report has no `paired`")?;
    let text = |row: &Value, key: &str| row.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let number = |row: &Value, key: &str| row.get(key).and_then(Value::as_f64).unwrap_or_default();
    let mut table =
        format!("{:<12} {:<40} {:>8} {:>6} {:>7} {:>8}\n", "set", "side", "right", "failed", "tokens", "seconds");
    for row in rows {
        writeln!(
            table,
            "{:<12} {:<40} {:>4}/{:<3} {:>6} {:>7} {:>8.1}",
            text(row, "set"),
            text(row, "side"),
            number(row, "right"),
            number(row, "questions"),
            number(row, "errors"),
            number(row, "tokens"),
            number(row, "seconds")
        )?;
    }
    writeln!(
        table,
        "\n{:<12} {:<40} {:<20} {:>24} {:>21} {:>21}",
        "set", "side", "beside", "points of ours more", "times our tokens", "times our time"
    )?;
    for row in paired {
        let told = |key: &str, digits| row.get(key).and_then(|value| interval(value, digits)).unwrap_or_default();
        writeln!(
            table,
            "{:<12} {:<40} {:<20} {:>24} {:>21} {:>21}",
            text(row, "set"),
            text(row, "side"),
            text(row, "beside"),
            told("points", 1),
            told("tokens", 2),
            told("seconds", 2)
        )?;
    }
    Ok(table)
}

/// `[value, low, high]` as people read it.
fn interval(of: &Value, digits: usize) -> Option<String> {
    let [value, low, high] = of.as_array()?.as_slice() else { return None };
    let [value, low, high] = [value.as_f64()?, low.as_f64()?, high.as_f64()?];
    Some(format!("{value:.digits$} ({low:.digits$} to {high:.digits$})"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_side_stands_beside_ours() {
        let row = |side: &str, tokens: u32| json!({ "set": "s", "side": side, "questions": 2, "right": 1, "tokens": tokens, "seconds": 2.0 });
        let beside = json!({ "set": "s", "side": "plain vote", "beside": "forethought", "points": [4.0, -2.04, 10.0], "tokens": [3.0, 2.5, 3.5] });
        let report = json!({ "rows": [row("forethought", 10), row("plain vote", 30)], "paired": [beside] });
        let text = table(&report).unwrap();
        let last = text.lines().last().unwrap().split_whitespace().collect::<Vec<_>>().join(" ");
        assert_eq!(last, "s plain vote forethought 4.0 (-2.0 to 10.0) 3.00 (2.50 to 3.50)");
        assert!(text.lines().any(|line| line.split_whitespace().eq(["s", "plain", "vote", "1/2", "0", "30", "2.0"])));
        assert!(table(&json!({})).is_err());
    }
}
