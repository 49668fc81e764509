//! `forethought eval`: how well a model answers in different ways, and what each costs.

mod progress;
mod view;

use std::{
    fs,
    num::{NonZeroU32, NonZeroUsize},
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

use anyhow::{Context as _, anyhow};
use clap::builder::{PossibleValuesParser, TypedValueParser};
use forethought_eval::{
    Asking, Comparison, Ended, EvalError, Kind, Plan, Results, ResultsFile, Service, Session, Summary, Wait, Way, page,
    read_questions, run,
};
use forethought_policies::ApiKey;
use jiff::Timestamp;
use serde_json::json;
use tokio::signal::unix::{SignalKind, signal};

use super::{exit, output};
use progress::{Progress, Right};

pub(super) use progress::Count;

/// How long a run that did not come to its end may ask for the weights.
const CHECK_WITHIN: Duration = Duration::from_secs(5);

pub const HELP: &str = "\
Examples:
  forethought eval --questions gsm8k.jsonl --results gsm8k.results.jsonl --key \"$KEY\" --compare
  forethought eval --questions sums.jsonl --results r.jsonl --key \"$KEY\" --html report.html \\
      --way one=single --way vote8=self_consistency,max_samples=8,max_completion_tokens=96
  forethought eval --results r.jsonl --report-only --compare --html report.html

A question is a line of JSON: {\"id\": \"a\", \"question\": \"What is 6 * 7?\", \"answer\": 42}. The answer is a number, a text, a
letter, or a JSON object; `system`, `template`, `kind`, `pointer` and `schema` may stand there too.

A file of ways (--ways), checked against ways.schema.json:
  version: 1
  ways:
    - name: vote8
      strategy: self_consistency
      max_samples: 8
    - name: checked8
      strategy: best_of_n
      max_samples: 8
      verifiers: [arithmetic]

Every answer is kept in the file of results as it comes. Ctrl-C stops; the same command again goes on from there. The same
seed asks the same, so an interrupted evaluation comes to the same table. The id of the key is kept too: `forethought export`
takes the answers only where the key's tenant consented before it was asked.";

/// What `eval` takes.
#[derive(clap::Args)]
pub struct Args {
    /// Questions with their answers, one JSON object a line; can be given more than once
    #[arg(long, value_name = "FILE", required_unless_present = "report_only")]
    questions: Vec<PathBuf>,
    /// Where the answers are kept; an evaluation that was broken off is taken up again
    #[arg(long, value_name = "FILE")]
    results: PathBuf,
    /// Where the service is
    #[arg(long, env = "FORETHOUGHT_URL", default_value = "http://127.0.0.1:8080")]
    url: String,
    /// The API key
    #[arg(long, env = "FORETHOUGHT_KEY", hide_env_values = true, required_unless_present = "report_only")]
    key: Option<String>,
    /// The model; by default the first that the key may use
    #[arg(long)]
    model: Option<String>,
    /// The ways that are compared, in a YAML or JSON file; by default one sample, votes of 4, 8 and 16, and `auto`
    #[arg(long, value_name = "FILE")]
    ways: Option<PathBuf>,
    /// One way, as NAME=STRATEGY,KEY=VALUE,…; can be given more than once
    #[arg(long, value_name = "WAY", conflicts_with = "ways")]
    way: Vec<String>,
    /// What the answers look like where a line does not say; by default the right answer is looked at
    #[arg(long, value_name = "KIND", value_parser = kind())]
    answer: Option<Kind>,
    /// Instructions that stand before every question whose line has none
    #[arg(long, value_name = "TEXT")]
    system: Option<String>,
    /// What is said around every question, with {question} at its place
    #[arg(long, value_name = "TEXT")]
    template: Option<String>,
    /// Only the first so many questions of each file
    #[arg(long, value_name = "N")]
    limit: Option<NonZeroUsize>,
    /// How often each question is asked in each way
    #[arg(long, value_name = "N", default_value = "1")]
    repeats: NonZeroU32,
    /// What every request's seed is made from
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Requests under way at once, up to 1024
    #[arg(long, value_name = "N", default_value = "4", value_parser = clap::value_parser!(u16).range(1..=1024))]
    in_flight: u16,
    /// Give up when the service does not take a request for so long
    #[arg(long, value_name = "SECONDS", default_value = "600")]
    patience: u64,
    /// Mark the ways that are efficient, say which differences are beyond chance, and suggest presets
    #[arg(long)]
    compare: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// Write the whole report as one HTML page too
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Ask nothing; report what the file of results holds
    #[arg(long)]
    report_only: bool,
}

fn kind() -> impl TypedValueParser<Value = Kind> {
    PossibleValuesParser::new(Kind::ALL.map(Kind::as_str)).try_map(|name| name.parse::<Kind>())
}

/// Asks what is still to be asked, and reports.
pub fn main(args: &Args) -> anyhow::Result<ExitCode> {
    if !args.report_only {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        if let Some(stopped) = runtime.block_on(ask(args))? {
            eprintln!("{stopped}");
            return Ok(ExitCode::from(exit::FAILED));
        }
    }
    report(args).map(|()| ExitCode::SUCCESS)
}

/// What is to be said when it was told to stop.
async fn ask(args: &Args) -> anyhow::Result<Option<String>> {
    // Wrong files are told before anything is waited for.
    let asking = Asking {
        system: args.system.clone(),
        template: args.template.clone(),
        answer: args.answer,
        limit: args.limit.map(NonZeroUsize::get),
    };
    let questions = read_questions(&args.questions, &asking)?;
    let ways = match (&args.ways, args.way.as_slice()) {
        (Some(file), _) => Way::from_file(file)?,
        (None, []) => Way::usual()?,
        (None, texts) => Way::from_texts(texts)?,
    };
    let key = args.key.as_deref().unwrap_or_default();
    let service = Service::new(&args.url, key, Duration::from_secs(args.patience))?;
    let model = service.model(args.model.as_deref(), &|wait: &Wait| eprintln!("waiting: {}", wait.reason)).await?;
    let plan = Plan::new(model, questions, ways, args.seed, args.repeats.get());
    let (results, in_flight, patience) = (args.results.as_path(), args.in_flight, Duration::from_secs(args.patience));
    let count = Right::default();
    carry_out(&plan, &Carry { service: &service, key, results, in_flight, patience, count: &count }).await
}

/// With what a plan is carried out.
pub(super) struct Carry<'a> {
    pub service: &'a Service,
    pub key: &'a str,
    /// Where the answers are kept.
    pub results: &'a Path,
    /// Requests under way at once.
    pub in_flight: u16,
    /// How long the service may take no request.
    pub patience: Duration,
    /// What is told of answers as they come.
    pub count: &'a dyn Count,
}

/// Asks what is still to be asked, as one model. Gives what is to be said when it was told to stop.
pub(super) async fn carry_out(plan: &Plan, with: &Carry<'_>) -> anyhow::Result<Option<String>> {
    let Carry { service, key, results: path, in_flight, patience, count } = *with;
    let (mut file, results) = ResultsFile::open(path, plan)?;
    let tasks = results.missing();
    if tasks.is_empty() {
        return Ok(None);
    }
    file.session(&session(&plan.header.model.weights, key))?;
    let progress = Progress::new((plan.header.answers(), tasks.len()), path, count);
    let in_flight = NonZeroUsize::new(in_flight.into()).unwrap_or(NonZeroUsize::MIN);
    let stop = told_to_stop()?;
    let ended = run(plan, &tasks, service, &mut file, in_flight, stop, &|event| progress.event(event)).await;
    progress.close();
    if let Err(EvalError::Exchanged { .. }) = ended {
        // Nothing was asked of the other model.
        return ended.map(|_| None).with_context(|| resume(path));
    }
    let checked = same_weights(service, plan, key, &mut file);
    let whole = matches!(ended, Ok(Ended::Whole));
    match tokio::time::timeout(if whole { patience } else { CHECK_WITHIN }, checked).await {
        // Whoever was stopped need not find the service; the next run looks at the weights before it asks.
        Ok(Err(Unsure::NotTold(error))) if whole => return Err(error.into()),
        Ok(Err(Unsure::Changed(error))) => return Err(error),
        _ => {}
    }
    match ended.with_context(|| resume(path))? {
        Ended::Stopped => Ok(Some(format!("stopped; {}", resume(path)))),
        Ended::Whole => Ok(None),
    }
}

/// What this run asks, and as whom.
fn session(weights: &str, key: &str) -> Session {
    let key = ApiKey::parse(key).ok().map(|key| key.id().to_owned());
    Session { begun: Timestamp::now(), weights: weights.to_owned(), key }
}

/// Why it is not sure that one model gave all answers.
enum Unsure {
    /// The service does not say.
    NotTold(EvalError),
    /// It is another one now, which is noted in the file.
    Changed(anyhow::Error),
}

/// A model that was exchanged meanwhile would make the figures those of two models.
async fn same_weights(service: &Service, plan: &Plan, key: &str, file: &mut ResultsFile) -> Result<(), Unsure> {
    let before = &plan.header.model;
    let now = service.model(Some(&before.id), &|_| {}).await.map_err(Unsure::NotTold)?;
    if now.weights == before.weights {
        return Ok(());
    }
    let (id, was, is) = (&before.id, &before.weights, &now.weights);
    let noted = file.session(&session(is, key));
    noted.map_err(|error| Unsure::Changed(error.into()))?;
    Err(Unsure::Changed(anyhow!(
        "the weights of {id} changed while it was evaluated, from {was} to {is}; begin anew with another --results"
    )))
}

/// What was kept, and how it goes on.
fn resume(file: &Path) -> String {
    let shown = file.display();
    let Ok(results) = Results::load(file) else { return format!("see {shown}") };
    let (kept, all) = (results.outcomes.len(), results.plan.header.answers());
    format!("{kept} of {all} answers are kept in {shown}; the same command again goes on from there")
}

/// Ends when Ctrl-C or SIGTERM comes.
pub(super) fn told_to_stop() -> anyhow::Result<impl Future<Output = ()>> {
    let mut interrupt = signal(SignalKind::interrupt()).context("the signal SIGINT cannot be listened for")?;
    let mut terminate = signal(SignalKind::terminate()).context("the signal SIGTERM cannot be listened for")?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}

fn report(args: &Args) -> anyhow::Result<()> {
    let results = Results::load(&args.results)?;
    results.refuse_mixed()?;
    let summary = Summary::new(&results);
    let comparison = Comparison::new(&results, &summary);
    if let Some(file) = &args.html {
        let html = page(&results, &summary, &comparison);
        fs::write(file, html)
            .with_context(|| format!("cannot write {}; check the folder and the space left", file.display()))?;
        eprintln!("wrote {}", file.display());
    }
    if args.json {
        let mut whole = json!({ "plan": results.plan.header, "summary": summary });
        if let (true, Some(fields)) = (args.compare, whole.as_object_mut()) {
            fields.insert("comparison".to_owned(), json!(comparison));
        }
        return Ok(output::print_json(&whole)?);
    }
    let comparison = args.compare.then_some(&comparison);
    Ok(output::print(&view::text(&results, &summary, comparison, output::Style::of_stdout()))?)
}
