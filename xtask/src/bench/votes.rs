//! `cargo xtask bench votes`: how many more questions a vote answers right than one sample, through the service.
//!
//! Each question is asked twice with the same seed: once for a single sample, once for a vote. The vote's first sample
//! is the single one, so the two are paired.

mod data;
mod outcome;
mod report;
mod stats;

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use crate::model::{self, Form};
use crate::service::{self, MODEL, Service};
use crate::{build, process};
use data::Question;
use report::Measured;

const TEMPERATURE: f64 = 0.7;
/// Long enough that it never decides: an answer that a deadline ends depends on timing.
const DEADLINE_MS: u64 = 600_000;

/// What `cargo xtask bench votes` takes.
#[derive(clap::Args)]
pub struct Args {
    /// Questions, one JSON object a line: `id`, `question`, and `answer`, a number or an object. May be given often.
    #[arg(long, value_name = "FILE", required = true)]
    data: Vec<PathBuf>,
    /// Samples that vote.
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u32).range(1..=1024))]
    samples: u32,
    /// Only the first so many questions of each file.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    limit: Option<u32>,
    /// Each question's seed is made from this and the question's id.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Tokens that one sample may have.
    #[arg(long, value_name = "N", default_value_t = 96, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    max_tokens: u32,
    /// Questions that are asked at once.
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..=64))]
    in_flight: u32,
    /// Write the figures and every answer to this file too.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// Asks all questions, and prints what the votes gained.
pub fn run(args: &Args) -> Result<()> {
    // Before anything that takes long: a wrong file is told at once.
    let files = args.data.iter().map(|file| data::read(file, args.limit)).collect::<Result<Vec<_>>>()?;
    let questions: Vec<&Question> = files.iter().flatten().collect();
    let answers = ask(args, &questions)?;
    let outcomes = questions.iter().zip(&answers).map(|(question, answer)| {
        outcome::read(question, answer).with_context(|| format!("the answers to `{}` make no sense", question.id))
    });
    let mut outcomes = outcomes.collect::<Result<Vec<_>>>()?.into_iter();
    let measured: Vec<Measured> = args
        .data
        .iter()
        .zip(&files)
        .map(|(file, questions)| Measured {
            file: file.file_stem().unwrap_or_default().to_string_lossy().into_owned(),
            outcomes: outcomes.by_ref().take(questions.len()).collect(),
        })
        .collect();
    print!("{}", report::table(&measured, args.samples)?);
    match &args.json {
        Some(file) => super::write(file, &report::json(&measured, args.samples, &settings(args))),
        None => Ok(()),
    }
}

fn settings(args: &Args) -> Value {
    json!({
        "model": MODEL, "form": super::name(Form::default()), "samples": args.samples, "seed": args.seed,
        "temperature": TEMPERATURE, "max_tokens": args.max_tokens, "in_flight": args.in_flight, "limit": args.limit,
    })
}

/// Starts the service and asks it; the answers stand in the questions' order.
fn ask(args: &Args, questions: &[&Question]) -> Result<Vec<Value>> {
    let model = model::prepare(Form::default(), false)?;
    let programs = build::workspace(&["--examples"])?;
    let service = Service::prepare("bench-votes", programs.path("forethought")?, &model, service::free_port(None)?)?;
    let key = service.add_tenant("bench", &limits(args))?;
    let plan = service.file("plan.jsonl");
    let lines: Vec<String> = questions.iter().map(|question| line(args, question).to_string() + "\n").collect();
    fs::write(&plan, lines.concat()).with_context(|| format!("cannot write {plan}"))?;
    let mut server = service.serve()?;
    let mut asker = process::command(programs.path("bench_votes")?)?;
    asker.args(["--url", &service.url(), "--plan", &plan, "--in-flight", &args.in_flight.to_string()]);
    let told = process::output(asker.env("FORETHOUGHT_KEY", &key))?;
    server.stop()?;
    let mut told: Value = serde_json::from_str(&told).context("the asking program printed no JSON")?;
    let told = told.get_mut("answers").map(Value::take).context("the asking program printed no `answers`")?;
    let answers: Vec<Value> = serde_json::from_value(told).context("its `answers` are no list")?;
    ensure!(answers.len() == questions.len(), "{} questions, but {} answers", questions.len(), answers.len());
    Ok(answers)
}

/// Limits that never decide.
fn limits(args: &Args) -> Vec<&'static str> {
    let total = if args.samples.saturating_mul(args.max_tokens) > 1_000_000 { "1000000000" } else { "1000000" };
    vec![
        "--requests-per-minute",
        "1000000",
        "--tokens-per-minute",
        "1000000000",
        "--concurrent-requests",
        "1000",
        "--max-samples",
        "1024",
        "--total-tokens",
        total,
        "--deadline-ms",
        "600000",
        "--effort",
        "xhigh",
    ]
}

/// The question's line in the asking program's plan: the single sample's request, then the vote's.
fn line(args: &Args, question: &Question) -> Value {
    let request = |deliberation: Value| {
        json!({
            "model": MODEL, "messages": [{ "role": "user", "content": question.text }],
            "temperature": TEMPERATURE, "seed": question.seed(args.seed), "max_completion_tokens": args.max_tokens,
            "deliberation": deliberation,
        })
    };
    let answer = question.kind();
    let single = json!({ "strategy": "single", "answer": answer, "deadline_ms": DEADLINE_MS });
    let vote = json!({
        "strategy": "self_consistency", "max_samples": args.samples, "answer": answer, "deadline_ms": DEADLINE_MS,
        "include_samples": true,
    });
    json!({ "id": question.id, "requests": [request(single), request(vote)] })
}
