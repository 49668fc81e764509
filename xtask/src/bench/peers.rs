//! `cargo xtask bench peers-reasoning`: votes of ours beside those of others, over one llama.cpp server.

use std::fmt::Write as _;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use super::eval::LIMITS;
use crate::model::{self, Form};
use crate::service::{self, Engine, MODEL, Service};
use crate::{build, process, python};

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
    asker.args(["--limit", &args.limit.to_string()]).env("FORETHOUGHT_KEY", &key);
    for file in &args.questions {
        asker.arg("--questions").arg(file);
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

/// Each side of each set, with its tokens and its time beside those of our own default.
fn table(told: &Value) -> Result<String> {
    let rows = told.get("rows").and_then(Value::as_array).context("the report has no `rows`")?;
    let text = |row: &Value, key: &str| row.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let number = |row: &Value, key: &str| row.get(key).and_then(Value::as_f64).unwrap_or_default();
    let mut table = format!(
        "{:<14} {:<40} {:>9} {:>9} {:>9} {:>8} {:>8}\n",
        "set", "side", "right", "tokens", "seconds", "tokens ×", "time ×"
    );
    for row in rows {
        let ours =
            rows.iter().find(|ours| text(ours, "set") == text(row, "set") && text(ours, "side") == "forethought");
        let against = |key: &str| ours.map_or(f64::NAN, |ours| number(row, key) / number(ours, key));
        writeln!(
            table,
            "{:<14} {:<40} {:>4}/{:<4} {:>9} {:>9.1} {:>8.2} {:>8.2}",
            text(row, "set"),
            text(row, "side"),
            number(row, "right"),
            number(row, "questions"),
            number(row, "tokens"),
            number(row, "seconds"),
            against("tokens"),
            against("seconds")
        )?;
    }
    Ok(table)
}

/// llama.cpp's server; it ends when the value is dropped.
struct Llama {
    process: Child,
    url: String,
}

impl Llama {
    fn start(python: &Path, model: &Path, slots: u32) -> Result<Self> {
        let port = std::net::TcpListener::bind(("127.0.0.1", 0)).context("no port is free")?.local_addr()?.port();
        let mut command = process::command(python)?;
        command.args(["-B", "tests/python/llama_server.py"]).arg(model).args([port.to_string(), slots.to_string()]);
        command.stdout(Stdio::piped()).stderr(Stdio::null());
        let mut llama = Self {
            process: command.spawn().context("cannot start llama.cpp")?,
            url: format!("http://127.0.0.1:{port}"),
        };
        let Some(out) = llama.process.stdout.take() else { bail!("llama.cpp's server has no stdout") };
        let mut line = String::new();
        BufReader::new(out).read_line(&mut line)?;
        ensure!(line.starts_with("http"), "llama.cpp's server did not start");
        Ok(llama)
    }
}

impl Drop for Llama {
    fn drop(&mut self) {
        // It may have ended already: then there is nothing to do.
        _ = self.process.kill();
        _ = self.process.wait();
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_side_stands_beside_ours() {
        let row = |side: &str, tokens: u32| json!({ "set": "s", "side": side, "questions": 2, "right": 1, "tokens": tokens, "seconds": 2.0 });
        let text = table(&json!({ "rows": [row("forethought", 10), row("plain vote", 30)] })).unwrap();
        let last: Vec<&str> = text.lines().last().unwrap().split_whitespace().collect();
        assert_eq!(last, ["s", "plain", "vote", "1/2", "30", "2.0", "3.00", "1.00"]);
        assert!(table(&json!({})).is_err());
    }
}
