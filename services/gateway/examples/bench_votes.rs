//! The measuring program behind `cargo xtask bench votes`: sends prepared requests to a running server.
//!
//! The plan has one JSON object a line: `{"id": "…", "requests": [body, …]}`. The requests of a line are sent one after
//! the other, several lines at once. One JSON object comes out on stdout, lines and requests in the plan's order:
//! `{"answers": [[{"seconds": 1.5, "response": {…}}, …], …]}`. The first refusal ends everything.

use std::{
    fs::File,
    io::{BufRead, BufReader, IsTerminal},
    path::{Path, PathBuf},
    process::ExitCode,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use clap::Parser;
use futures::{StreamExt, TryStreamExt, stream};
use indicatif::{ProgressBar, ProgressStyle};
use reqwest::{Client, Response, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};

/// How often a request that the server has no room for is sent again.
const TRIES: u32 = 5;
/// Lines on stderr over the whole run, where there is no terminal for a bar.
const NOTES: u64 = 20;

/// Sends prepared requests to a running server.
#[derive(Parser)]
struct Args {
    /// Where the server is.
    #[arg(long)]
    url: String,
    /// The API key.
    #[arg(long, env = "FORETHOUGHT_KEY", hide_env_values = true)]
    key: String,
    /// The file of requests.
    #[arg(long, value_name = "FILE")]
    plan: PathBuf,
    /// Lines of the plan that are worked on at once.
    #[arg(long, default_value_t = 2)]
    in_flight: usize,
}

/// One line of the plan.
#[derive(Deserialize)]
struct Line {
    id: String,
    requests: Vec<Value>,
}

fn main() -> ExitCode {
    match run(&Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &Args) -> Result<()> {
    let plan = read(&args.plan)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    println!("{}", json!({ "answers": runtime.block_on(ask_all(args, &plan))? }));
    Ok(())
}

fn read(file: &Path) -> Result<Vec<Line>> {
    let open = File::open(file).with_context(|| format!("cannot read {}", file.display()))?;
    let lines = BufReader::new(open).lines().enumerate();
    lines
        .map(|(at, line)| {
            serde_json::from_str(&line?).with_context(|| format!("{}:{}: no line of a plan", file.display(), at + 1))
        })
        .collect()
}

async fn ask_all(args: &Args, plan: &[Line]) -> Result<Vec<Value>> {
    let client = Client::new();
    let progress = Progress::new(plan.len());
    let asked = stream::iter(plan).map(|line| async {
        let answers = ask_line(&client, args, line).await.with_context(|| format!("question `{}`", line.id))?;
        progress.step();
        anyhow::Ok(answers)
    });
    let answers = asked.buffered(args.in_flight.max(1)).try_collect().await?;
    progress.bar.finish_and_clear();
    Ok(answers)
}

async fn ask_line(client: &Client, args: &Args, line: &Line) -> Result<Value> {
    let mut answers = Vec::new();
    for body in &line.requests {
        let start = Instant::now();
        let response = ask(client, args, body).await?;
        answers.push(json!({ "seconds": start.elapsed().as_secs_f64(), "response": response }));
    }
    Ok(Value::Array(answers))
}

async fn ask(client: &Client, args: &Args, body: &Value) -> Result<Value> {
    for _ in 1..TRIES {
        let response = send(client, args, body).await?;
        if !matches!(response.status(), StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE) {
            return accepted(response).await;
        }
        tokio::time::sleep(wait(&response)).await;
    }
    accepted(send(client, args, body).await?).await
}

async fn send(client: &Client, args: &Args, body: &Value) -> Result<Response> {
    let request = client.post(format!("{}/v1/chat/completions", args.url)).bearer_auth(&args.key).json(body);
    request.send().await.with_context(|| format!("cannot reach {}", args.url))
}

/// What the server asks for, else a second.
fn wait(response: &Response) -> Duration {
    let seconds = response.headers().get("retry-after").and_then(|value| value.to_str().ok()?.parse().ok());
    Duration::from_secs(seconds.unwrap_or(1))
}

async fn accepted(response: Response) -> Result<Value> {
    let status = response.status();
    let text = response.text().await.context("the connection broke off")?;
    if !status.is_success() {
        bail!("the server answered {status}: {text}");
    }
    serde_json::from_str(&text).with_context(|| format!("the server sent no JSON but {text:?}"))
}

/// A bar with the time left; a few lines where there is no terminal.
struct Progress {
    bar: ProgressBar,
    note_every: u64,
}

impl Progress {
    fn new(questions: usize) -> Self {
        let all = u64::try_from(questions).unwrap_or(u64::MAX);
        let bar = ProgressBar::new(all);
        if let Ok(style) = ProgressStyle::with_template("{wide_bar} {pos}/{len} questions, {eta} left") {
            bar.set_style(style);
        }
        bar.enable_steady_tick(Duration::from_millis(500));
        Self { bar, note_every: all.div_ceil(NOTES).max(1) }
    }

    fn step(&self) {
        self.bar.inc(1);
        let done = self.bar.position();
        if !std::io::stderr().is_terminal() && done.is_multiple_of(self.note_every) {
            let (all, left) = (self.bar.length().unwrap_or(done), self.bar.eta().as_secs());
            eprintln!("{done}/{all} questions, about {left} s left");
        }
    }
}
