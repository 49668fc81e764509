//! `cargo xtask bench eval` and `bench pools`: `forethought eval` against a service with the test model, and what strategies
//! make of samples that were recorded so.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use super::llama::Llama;
use crate::model::{self, Form};
use crate::service::{self, Engine, Service};
use crate::{build, process, python};

/// Limits that never decide.
pub const LIMITS: [&str; 14] = [
    "--requests-per-minute",
    "1000000",
    "--tokens-per-minute",
    "1000000000",
    "--concurrent-requests",
    "1000",
    "--max-samples",
    "1024",
    "--total-tokens",
    "100000000",
    "--deadline-ms",
    "3600000",
    "--effort",
    "xhigh",
];

/// Which engine runs the model.
#[derive(clap::Args)]
struct On {
    /// Ask a llama.cpp server with so many slots, through the `upstream` engine, and not the embedded engine.
    #[arg(long, value_name = "SLOTS", value_parser = clap::value_parser!(u32).range(1..=256))]
    llama_cpp: Option<u32>,
}

/// What `cargo xtask bench eval` takes.
#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    on: On,
    /// What `forethought eval` takes, but for the service and its key: `--questions FILE --results FILE --compare …`.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, required = true)]
    eval: Vec<String>,
}

/// What `cargo xtask bench pools` takes.
#[derive(clap::Args)]
pub struct PoolArgs {
    #[command(flatten)]
    on: On,
    /// Questions whose samples are recorded first; may be given often.
    #[arg(long, value_name = "FILE")]
    questions: Vec<PathBuf>,
    /// The folder of what was recorded; a recording that was broken off is taken up again.
    #[arg(long, value_name = "FOLDER", default_value = "pools")]
    pools: PathBuf,
    /// Samples of each question that are recorded.
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=1024))]
    samples: u32,
    /// Tokens that one sample may have.
    #[arg(long, value_name = "N", default_value_t = 96)]
    max_tokens: u32,
    /// What is said around each question, with {question} at its place.
    #[arg(long)]
    template: Option<String>,
    /// Only the first so many questions of each file.
    #[arg(long, value_name = "N")]
    limit: Option<u32>,
    /// How often samples are drawn anew from each pool.
    #[arg(long, default_value_t = 40)]
    draws: u32,
}

/// Runs the evaluation against a service of its own.
pub fn run(args: &Args) -> Result<()> {
    let rest: Vec<&str> = args.eval.iter().map(String::as_str).collect();
    with_service("bench-eval", &args.on, |service, key| ask(service, key, &rest))
}

/// Records what is missing, and replays strategies on all that the folder holds.
pub fn pools(args: &PoolArgs) -> Result<()> {
    fs::create_dir_all(&args.pools).with_context(|| format!("cannot create {}", args.pools.display()))?;
    if !args.questions.is_empty() {
        with_service("bench-pools", &args.on, |service, key| {
            args.questions.iter().try_for_each(|questions| record(service, key, questions, args))
        })?;
    }
    let folder = fs::read_dir(&args.pools).with_context(|| format!("cannot read {}", args.pools.display()))?;
    let mut files = folder.map(|entry| Ok(entry?.path())).collect::<Result<Vec<PathBuf>>>()?;
    files.retain(|file| file.extension().is_some_and(|extension| extension == "jsonl"));
    files.sort();
    ensure!(!files.is_empty(), "{} holds no recording; give --questions FILE", args.pools.display());
    let program = build::workspace(&["--examples"])?.path("bench_pools")?;
    process::run(process::command(&program)?.args(["--draws", &args.draws.to_string()]).args(&files))
}

fn record(service: &Service, key: &str, questions: &Path, args: &PoolArgs) -> Result<()> {
    let name = questions.file_stem().unwrap_or_default().to_string_lossy();
    let results = args.pools.join(format!("{name}.results.jsonl")).to_string_lossy().into_owned();
    let questions = questions.to_string_lossy();
    let way = format!("one=single,temperature=0.7,deadline_ms=3600000,max_completion_tokens={}", args.max_tokens);
    let (samples, limit) = (args.samples.to_string(), args.limit.map(|limit| limit.to_string()));
    let mut rest = vec!["--questions", &questions, "--results", &results, "--way", &way, "--repeats", &samples];
    let in_flight = args.on.llama_cpp.unwrap_or(16).to_string();
    rest.extend(["--in-flight", &in_flight]);
    rest.extend(args.template.iter().flat_map(|template| ["--template", template.as_str()]));
    rest.extend(limit.iter().flat_map(|limit| ["--limit", limit.as_str()]));
    ask(service, key, &rest)
}

fn ask(service: &Service, key: &str, rest: &[&str]) -> Result<()> {
    let mut command = process::command(service.program())?;
    command.args(["eval", "--url", &service.url()]).args(rest);
    process::run(command.env("FORETHOUGHT_KEY", key))
}

fn with_service(name: &str, on: &On, work: impl FnOnce(&Service, &str) -> Result<()>) -> Result<()> {
    let model = model::prepare(Form::default(), false)?;
    let program = build::workspace(&["--examples"])?.path("forethought")?;
    let llama = on.llama_cpp.map(|slots| Llama::start(&python::environment()?, &model, slots)).transpose()?;
    let engine = llama.as_ref().map_or(Engine::File(&model), |llama| Engine::Upstream(&llama.url));
    let service = Service::prepare(name, program, engine, service::free_port(None)?)?;
    let key = service.add_tenant("bench", &LIMITS)?;
    service.allow_tools()?;
    let mut server = service.serve()?;
    let done = work(&service, &key);
    server.stop()?;
    done
}
