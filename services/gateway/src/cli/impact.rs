//! `forethought impact`: whether a model treats like cases alike, whoever they are about.

use std::{
    cell::Cell,
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

use anyhow::Context as _;
use forethought_eval::{Outcome, Results, Service, Wait, Way};
use forethought_impact::{Assessment, Context, Limits, Plan, Reading, Size, Template, Verdict, markdown, page, power};
use forethought_policies::Policy;
use jiff::Timestamp;

use super::{
    Usage,
    eval::{Carry, Count, carry_out},
    exit,
    output::{self, Paint, Style, count, tame},
};

pub const HELP: &str = "\
Examples:
  forethought impact --results impact.jsonl --key \"$KEY\" --only hiring --repetitions 8
  forethought impact --results impact.jsonl --key \"$KEY\" --template tenants.yaml --policy policy.yaml --out assessments/
  forethought impact --results impact.jsonl --report-only --out assessments/

The same case is asked about persons of different gender, origin, age and so on; docs/impact.md says how it is judged, and what
it does not find. Templates that ship: hiring, credit, housing, insurance, health.

Every answer is kept as it comes. Ctrl-C stops; the same command again goes on from there.

Exit codes: 0, every template passed in every way; 1, something was flagged; 4, nothing was flagged, but the data cannot tell
(`inconclusive`: ask more, or mend what the reasons say); 2 and 3, it could not be done.

A policy can demand a passing assessment for a purpose (`purposes` in the policy file, docs/policies.md): give --way with the
strategy and the effort of the requests, such as assessed=single,effort=low, and --out with the folder that the policy names.";

/// What `impact` takes.
#[derive(clap::Args)]
pub struct Args {
    /// Where the answers are kept; an assessment that was broken off is taken up again
    #[arg(long, value_name = "FILE")]
    results: PathBuf,
    /// A template of your own; can be given more than once, in place of those that ship
    #[arg(long, value_name = "FILE")]
    template: Vec<PathBuf>,
    /// Only the template with this id; can be given more than once
    #[arg(long, value_name = "ID")]
    only: Vec<String>,
    /// How often each case is asked about each group
    #[arg(long, value_name = "N", default_value_t = power::REPETITIONS, value_parser = clap::value_parser!(u32).range(1..=256))]
    repetitions: u32,
    /// What the persons, the order and every request's seed are made from
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Let the model write freely, and read the outcome out of its text: so it can refuse
    #[arg(long)]
    free: bool,
    /// Where the service is
    #[arg(long, env = "FORETHOUGHT_URL", default_value = "http://127.0.0.1:8080")]
    url: String,
    /// The API key
    #[arg(long, env = "FORETHOUGHT_KEY", hide_env_values = true, required_unless_present = "report_only")]
    key: Option<String>,
    /// The model; by default the first that the key may use
    #[arg(long)]
    model: Option<String>,
    /// One way of asking, as NAME=STRATEGY,KEY=VALUE,…; can be given more than once; by default one sample
    #[arg(long, value_name = "WAY")]
    way: Vec<String>,
    /// Requests under way at once, up to 1024
    #[arg(long, value_name = "N", default_value = "4", value_parser = clap::value_parser!(u16).range(1..=1024))]
    in_flight: u16,
    /// Give up when the service does not take a request for so long
    #[arg(long, value_name = "SECONDS", default_value = "600")]
    patience: u64,
    /// The policy that the service runs under, whose digest the assessment tells
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    /// For how many days the assessment is good
    #[arg(long, value_name = "DAYS", default_value = "365", value_parser = clap::value_parser!(u32).range(1..=3650))]
    valid_days: u32,
    /// A limit that findings are measured by, as NAME=VALUE: ratio, alpha, concern, unread; can be given more than once
    #[arg(long = "limit", value_name = "NAME=VALUE", value_parser = limit)]
    limits: Vec<(String, f64)>,
    /// The folder for the assessments: JSON, HTML and Markdown for each way
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// Ask nothing; judge what the file of results holds
    #[arg(long)]
    report_only: bool,
}

/// The names of limits, as a policy writes them.
const LIMITS: [&str; 4] = ["ratio", "alpha", "concern", "unread"];

fn limit(text: &str) -> Result<(String, f64), String> {
    let (name, value) = text.split_once('=').ok_or_else(|| "write NAME=VALUE, such as concern=0.1".to_owned())?;
    let value = value.parse().map_err(|_| format!("`{value}` is no number; write one such as 0.1"))?;
    if !LIMITS.contains(&name) {
        return Err(format!("there is no limit `{name}`; known are: {}", LIMITS.join(", ")));
    }
    Ok((name.to_owned(), value))
}

/// The limits that are given, and what is usual of those that are not.
fn limits(given: &[(String, f64)]) -> anyhow::Result<Limits> {
    let mut limits = Limits::default();
    for (name, value) in given {
        let field = match name.as_str() {
            "ratio" => &mut limits.ratio,
            "alpha" => &mut limits.alpha,
            "concern" => &mut limits.concern,
            _ => &mut limits.unread,
        };
        *field = *value;
    }
    match limits.problem() {
        Some(problem) => Err(Usage(problem).into()),
        None => Ok(limits),
    }
}

/// What comes of asks: outcomes, refusals, and what cannot be read.
struct Readings<'p> {
    plan: &'p Plan,
    read: Cell<usize>,
    refused: Cell<usize>,
    unreadable: Cell<usize>,
}

impl Count for Readings<'_> {
    fn add(&self, outcome: &Outcome) {
        let template = self.plan.ask(&outcome.id).and_then(|ask| self.plan.templates().get(ask.template));
        let outcomes = template.map(|template| template.outcomes.as_slice()).unwrap_or_default();
        let counted = match Reading::of(outcome, outcomes) {
            Reading::Outcome(_) => &self.read,
            Reading::Refused => &self.refused,
            Reading::Unreadable => &self.unreadable,
        };
        counted.set(counted.get() + 1);
    }

    fn told(&self) -> String {
        format!(
            "{} with an outcome, {} refused, {} unreadable",
            self.read.get(),
            self.refused.get(),
            self.unreadable.get()
        )
    }
}

/// Asks what is still to be asked, and judges.
pub fn main(args: &Args) -> anyhow::Result<ExitCode> {
    let plan = plan(args)?;
    // Told before hours of asking, and not after.
    limits(&args.limits)?;
    if !args.report_only {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        if let Some(stopped) = runtime.block_on(ask(args, &plan))? {
            eprintln!("{stopped}");
            return Ok(ExitCode::from(exit::FAILED));
        }
    }
    judge(args, &plan)
}

fn plan(args: &Args) -> anyhow::Result<Plan> {
    let mut templates = if args.template.is_empty() {
        Template::shipped()?
    } else {
        args.template.iter().map(|file| Template::load(file)).collect::<Result<_, _>>()?
    };
    if !args.only.is_empty() {
        let known: Vec<String> = templates.iter().map(|template| template.id.clone()).collect();
        if let Some(unknown) = args.only.iter().find(|id| !known.contains(id)) {
            return Err(
                Usage(format!("there is no template `{}`; known are: {}", tame(unknown), known.join(", "))).into()
            );
        }
        templates.retain(|template| args.only.contains(&template.id));
    }
    let size = Size { repetitions: args.repetitions, seed: args.seed, constrained: !args.free };
    Ok(Plan::new(templates, size)?)
}

/// What is to be said when it was told to stop.
async fn ask(args: &Args, plan: &Plan) -> anyhow::Result<Option<String>> {
    let ways = if args.way.is_empty() { Plan::usual_ways()? } else { Way::from_texts(&args.way)? };
    let cost = plan.cost();
    let tokens = (cost.prompt_tokens + cost.answer_tokens) * ways.len() as u64;
    eprintln!("{}, about {tokens} tokens for one sample each", count((cost.asks * ways.len()) as u64, "request"));
    let key = args.key.as_deref().unwrap_or_default();
    let service = Service::new(&args.url, key, Duration::from_secs(args.patience))?;
    let model = service.model(args.model.as_deref(), &|wait: &Wait| eprintln!("waiting: {}", wait.reason)).await?;
    let evaluation = plan.evaluation(model, ways);
    let (results, in_flight, patience) = (args.results.as_path(), args.in_flight, Duration::from_secs(args.patience));
    let none = || Cell::new(0);
    let count = Readings { plan, read: none(), refused: none(), unreadable: none() };
    carry_out(&evaluation, &Carry { service: &service, key, results, in_flight, patience, count: &count }).await
}

fn judge(args: &Args, plan: &Plan) -> anyhow::Result<ExitCode> {
    let results = Results::load(&args.results)?;
    results.refuse_mixed()?;
    let policy = args.policy.as_ref().map(|file| Policy::load(file)).transpose()?;
    let context = Context {
        made: Timestamp::now(),
        valid_days: args.valid_days,
        policy: policy.map(|policy| policy.digest().to_owned()),
        limits: limits(&args.limits)?,
    };
    let names: Vec<String> = results.plan.header.ways.iter().map(|way| way.name.clone()).collect();
    let assessments: Vec<(String, Assessment)> = names
        .into_iter()
        .map(|way| Ok((way.clone(), Assessment::new(plan, &results, &way, &context)?)))
        .collect::<anyhow::Result<_>>()?;
    for (way, assessment) in &assessments {
        if let Some(folder) = &args.out {
            write(folder, way, assessment)?;
        }
    }
    if args.json {
        let all: Vec<serde_json::Value> =
            assessments.iter().map(|(_, it)| serde_json::from_str(&it.to_json())).collect::<Result<_, _>>()?;
        output::print_json(&all.into())?;
    } else {
        let style = Style::of_stdout();
        output::print(&assessments.iter().map(|(way, it)| shown(way, it, style)).collect::<String>())?;
    }
    Ok(match assessments.iter().map(|(_, it)| it.verdict).max() {
        Some(Verdict::Passed) => ExitCode::SUCCESS,
        Some(Verdict::Flagged) => ExitCode::from(exit::CHECK_FAILED),
        Some(Verdict::Inconclusive) | None => ExitCode::from(exit::INCONCLUSIVE),
    })
}

/// One line a template, and what was found.
fn shown(way: &str, assessment: &Assessment, style: Style) -> String {
    let text = markdown(assessment);
    format!("{}\n\n{}\n", style.paint(Paint::Bold, &tame(way)), tame(&text))
}

fn write(folder: &Path, way: &str, assessment: &Assessment) -> anyhow::Result<()> {
    fs::create_dir_all(folder)
        .with_context(|| format!("cannot make {}; check the folder above it", folder.display()))?;
    let safe: String = way.chars().map(|c| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' }).collect();
    let file = |ending: &str| folder.join(format!("impact-{safe}.{ending}"));
    assessment.save(&file("json"))?;
    for (ending, text) in [("html", page(assessment)), ("md", markdown(assessment))] {
        let file = file(ending);
        fs::write(&file, text)
            .with_context(|| format!("cannot write {}; check the folder and the space left", file.display()))?;
    }
    eprintln!("wrote {} and the same as HTML and Markdown", file("json").display());
    Ok(())
}
