//! `cargo xtask bench`: our speed beside llama.cpp's, on the same files, prompt and counts; and what strategies gain.
//!
//! Both programs that measure speed run on the same cores and print one JSON object on stdout:
//! `{"prompt_tokens": 40, "rows": [{"form": "q8_0", "count": 8, "tokens_per_second": 50.1}, …]}`.
//! Ours also tells the prompt's text as the model's chat template renders it, and llama.cpp is given that text. Both have
//! read it before the clock runs, and both draw from all tokens at one temperature.

mod audit;
mod eval;
mod llama;
mod peers;
mod safeguards;
mod table;

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use clap::{Parser, Subcommand, ValueEnum};
use serde_json::{Value, json};

use crate::model::{self, Form};
use crate::{build, process, python};

/// What `cargo xtask bench` takes.
#[derive(Parser)]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// How fast the audit log takes records, beside the disk's own fdatasync.
    Audit(audit::Args),
    /// Tokens a second of the engine by itself.
    Engine(EngineArgs),
    /// How well ways of answering do on questions, through the service: `forethought eval` with the test model.
    Eval(eval::Args),
    /// What strategies would have answered and spent, on pools of recorded samples.
    Pools(eval::PoolArgs),
    /// Votes of ours, of optillm and without early stopping, over the same llama.cpp server and model.
    PeersReasoning(peers::Args),
    /// What the detectors of personal data find and take, beside Microsoft Presidio.
    Safeguards(safeguards::Args),
    /// What stopping rules and votes give on made-up models whose skill comes from published figures.
    Simulate,
}

#[derive(clap::Args)]
struct EngineArgs {
    /// The model's forms.
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = [Form::Q8_0, Form::F32])]
    forms: Vec<Form>,
    /// How many samples run at once.
    #[arg(long, value_delimiter = ',', default_values_t = [1, 2, 8, 32])]
    counts: Vec<u32>,
    /// Tokens that each sample generates; an end token does not stop it.
    #[arg(long, default_value_t = 64)]
    n_predict: u32,
    /// Cores that either side computes on. llama.cpp has as many threads; ours chooses its lanes as the server does.
    #[arg(long, default_value_t = 2)]
    threads: u32,
    /// The prompt's text.
    #[arg(long, default_value = "A farmer has 17 sheep. All but 9 run away. How many are left? Think step by step.")]
    prompt: String,
    /// Write both results to this file too.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// Runs the benchmark that is asked for.
pub fn run(args: &Args) -> Result<()> {
    match &args.what {
        What::Audit(args) => audit::run(args),
        What::Engine(args) => engine(args),
        What::Eval(args) => eval::run(args),
        What::Pools(args) => eval::pools(args),
        What::PeersReasoning(args) => peers::run(args),
        What::Safeguards(args) => safeguards::run(args),
        What::Simulate => {
            let program = build::workspace(&["--examples"])?.path("bench_simulate")?;
            process::run(&mut process::command(&program)?)
        }
    }
}

fn engine(args: &EngineArgs) -> Result<()> {
    let models =
        args.forms.iter().map(|form| Ok((*form, model::prepare(*form, false)?))).collect::<Result<Vec<_>>>()?;
    let python = python::environment()?;
    let program = build::workspace(&["--examples"])?.path("bench_engine")?;
    eprintln!("measuring forethought");
    let mut command = pinned(&python, args)?;
    let ours = measure(command.arg(program), &args.prompt, args, &models)?;
    let prompt = ours.get("prompt").and_then(Value::as_str).context("our measurement names no `prompt`")?;
    eprintln!("measuring llama.cpp");
    let mut command = pinned(&python, args)?;
    command.arg(&python).args(["-B", "xtask/bench/llama_cpp.py", "--threads", &args.threads.to_string()]);
    let theirs = measure(&mut command, prompt, args, &models)?;
    let tokens = |of: &Value| of.get("prompt_tokens").and_then(Value::as_u64);
    let (read, read_there) = (tokens(&ours), tokens(&theirs));
    ensure!(read.is_some() && read == read_there, "the prompts differ: {read:?} tokens, and {read_there:?} there");
    print!("{}", table::render(&ours, &theirs)?);
    match &args.json {
        Some(file) => write(file, &json!({ "forethought": ours, "llama_cpp": theirs })),
        None => Ok(()),
    }
}

/// A program to come, on so many cores.
fn pinned(python: &Path, args: &EngineArgs) -> Result<Command> {
    let mut command = process::command(python)?;
    command.args(["-B", "xtask/bench/pinned.py", &args.threads.to_string()]);
    Ok(command)
}

fn measure(program: &mut Command, prompt: &str, args: &EngineArgs, models: &[(Form, PathBuf)]) -> Result<Value> {
    for (form, path) in models {
        program.arg("--model").arg(format!("{}={}", name(*form), path.display()));
    }
    let counts = args.counts.iter().map(u32::to_string).collect::<Vec<_>>().join(",");
    program.args(["--counts", &counts, "--prompt", prompt, "--n-predict", &args.n_predict.to_string()]);
    let text = process::output(program)?;
    serde_json::from_str(&text).with_context(|| format!("a measuring program printed no JSON but {text:?}"))
}

fn name(form: Form) -> String {
    form.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
}

fn write(file: &Path, result: &Value) -> Result<()> {
    let text = serde_json::to_string_pretty(result)? + "\n";
    std::fs::write(file, text).with_context(|| format!("cannot write {}", file.display()))
}
