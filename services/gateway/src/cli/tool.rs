//! `forethought tool`: what models can be offered, which tools of servers are approved, and what a tool says.

use std::{fmt::Write as _, path::PathBuf, process::ExitCode};

use anyhow::{Context as _, Result, bail};
use clap::Subcommand;
use forethought_mcp::{Found, PinFile, Server, Status, Survey};
use forethought_tools::{Ended, Invocation, Limits, ToolSpec};
use jiff::{Timestamp, tz::TimeZone};
use serde_json::{Value, json};

use super::{
    exit::{self, Usage},
    output::{self, Align, Paint, Style, Table, tame},
};
use crate::{
    config::{self, Config},
    tools::Tools,
};

/// What can be done with tools.
#[derive(Subcommand)]
pub enum Verb {
    /// List every tool, with what is approved and what is not; servers of tools are started for it
    #[command(after_help = LIST_HELP)]
    List(List),
    /// Approve tools of servers, as they describe themselves now
    #[command(after_help = APPROVE_HELP)]
    Approve(Approve),
    /// Take back an approval
    #[command(after_help = WITHDRAW_HELP)]
    Withdraw(Withdraw),
    /// Call a tool by hand, without a model, a policy or a record; files of tenants are not at hand
    #[command(after_help = CALL_HELP)]
    Call(Call),
}

const LIST_HELP: &str = "\
Examples:
  forethought tool list --config forethought.yaml
  forethought tool list --config forethought.yaml --tenant acme --json

It ends with 1 where a tool waits for approval or a server does not work.";

const APPROVE_HELP: &str = "\
Examples:
  forethought tool approve files.read files.list --config forethought.yaml --by jane
  forethought tool approve --server files --config forethought.yaml --by jane

What a tool says of itself goes into models' prompts: read it first (`forethought tool list`). It is approved as it is; a
tool that says something else later is offered to no model until it is approved again.";

const WITHDRAW_HELP: &str = "\
Examples:
  forethought tool withdraw files.read --config forethought.yaml";

const CALL_HELP: &str = "\
Examples:
  forethought tool call calculator '{\"expression\": \"1/3 + 1/6\"}' --config forethought.yaml";

/// Which tools to list.
#[derive(clap::Args)]
pub struct List {
    /// The configuration file
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// The tenant for whom servers are asked that know tenants apart
    #[arg(long, default_value = "")]
    tenant: String,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Which tools to approve.
#[derive(clap::Args)]
pub struct Approve {
    /// Their names, as `forethought tool list` has them
    #[arg(required_unless_present = "server")]
    names: Vec<String>,
    /// All tools of this server
    #[arg(long)]
    server: Option<String>,
    /// Who approves them
    #[arg(long)]
    by: String,
    /// The tenant for whom servers are asked that know tenants apart
    #[arg(long, default_value = "")]
    tenant: String,
    /// The configuration file
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
}

/// Which approval to take back.
#[derive(clap::Args)]
pub struct Withdraw {
    /// The tool's name
    name: String,
    /// The configuration file
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
}

/// What to call.
#[derive(clap::Args)]
pub struct Call {
    /// The tool's name
    name: String,
    /// Its arguments, a JSON object
    #[arg(default_value = "{}")]
    arguments: String,
    /// For which tenant
    #[arg(long, default_value = "default")]
    tenant: String,
    /// The configuration file
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
}

impl Verb {
    pub fn run(self) -> Result<ExitCode> {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
        let done = match self {
            Self::List(args) => runtime.block_on(list(&args)),
            Self::Approve(args) => runtime.block_on(approve(&args)),
            Self::Withdraw(args) => withdraw(&args),
            Self::Call(args) => runtime.block_on(call(&args)),
        };
        runtime.shutdown_timeout(std::time::Duration::from_secs(5));
        done
    }
}

/// A tool, as it is listed.
struct Row {
    name: String,
    status: &'static str,
    effect: &'static str,
    description: String,
    digest: String,
    notes: Vec<String>,
}

impl Row {
    fn built_in(spec: &ToolSpec) -> Self {
        Self::of(spec, "built in", Vec::new())
    }

    fn found(found: &Found) -> Self {
        let status = match found.status {
            Status::Approved => "approved",
            Status::New => "new",
            Status::Changed => "changed",
        };
        let signs = found.signs.iter().map(ToString::to_string);
        Self::of(&found.spec, status, signs.chain(found.diff.clone()).collect())
    }

    fn of(spec: &ToolSpec, status: &'static str, notes: Vec<String>) -> Self {
        Self {
            name: spec.name().to_owned(),
            status,
            effect: spec.effect().as_str(),
            description: forethought_mcp::visible(spec.description()).into_owned(),
            digest: spec.digest().to_owned(),
            notes,
        }
    }

    fn json(&self) -> Value {
        json!({
            "name": self.name, "status": self.status, "effect": self.effect, "description": self.description,
            "digest": self.digest, "notes": self.notes,
        })
    }
}

async fn list(args: &List) -> Result<ExitCode> {
    let config = Config::load(&args.config)?;
    let tools = Tools::without_files(&config.tools)?;
    let mut rows: Vec<Row> = tools.shared().specs().map(Row::built_in).collect();
    let mut failures = Vec::new();
    for server in tools.servers() {
        match server.survey(&args.tenant).await {
            Ok(Survey { tools, unusable }) => {
                rows.extend(tools.iter().map(Row::found));
                failures
                    .extend(unusable.iter().map(|(name, why)| format!("{}: `{}`: {why}", server.name(), tame(name))));
            }
            Err(error) => failures.push(format!("{}: {error}", server.name())),
        }
    }
    tools.stop().await;
    if args.json {
        let listed: Vec<Value> = rows.iter().map(Row::json).collect();
        output::print_json(&json!({ "tools": listed, "failures": failures }))?;
    } else {
        print(&rows, &failures)?;
    }
    let waits = rows.iter().any(|row| matches!(row.status, "new" | "changed"));
    Ok(if waits || !failures.is_empty() { ExitCode::from(exit::CHECK_FAILED) } else { ExitCode::SUCCESS })
}

fn print(rows: &[Row], failures: &[String]) -> Result<()> {
    let style = Style::of_stdout();
    let mut table =
        Table::new(&[("tool", Align::Left), ("status", Align::Left), ("effect", Align::Left), ("says", Align::Left)]);
    for row in rows {
        let paint = if matches!(row.status, "new" | "changed") { Paint::Bad } else { Paint::Plain };
        let says: String = row.description.lines().next().unwrap_or_default().chars().take(72).collect();
        table.row(vec![
            (row.name.clone(), Paint::Plain),
            (row.status.to_owned(), paint),
            (row.effect.to_owned(), Paint::Plain),
            (tame(&says), Paint::Plain),
        ]);
    }
    let mut text = table.render(style);
    for row in rows.iter().filter(|row| !row.notes.is_empty() || row.status == "new") {
        let _ = writeln!(text, "\n{}", row.name);
        if row.status == "new" {
            let _ = writeln!(text, "  says: {}", tame(&row.description));
        }
        for note in row.notes.iter().flat_map(|note| note.lines()) {
            let _ = writeln!(text, "  {}", tame(note));
        }
    }
    for failure in failures {
        let _ = writeln!(text, "\nnot usable: {failure}");
    }
    Ok(output::print(&text)?)
}

async fn approve(args: &Approve) -> Result<ExitCode> {
    let config = Config::load(&args.config)?;
    let tools = Tools::without_files(&config.tools)?;
    let found = found(tools.servers(), args).await;
    tools.stop().await;
    let (found, pins) = (found?, approvals(&config)?);
    let today = Timestamp::now().to_zoned(TimeZone::UTC).date();
    for one in &found {
        pins.approve(&one.spec, &args.by, today)?;
        output::print(&format!("approved: {} ({})\n", one.spec.name(), one.spec.digest()))?;
    }
    eprintln!("{}", super::TAKE_UP);
    Ok(ExitCode::SUCCESS)
}

/// The tools that are meant, as their servers list them now.
async fn found(servers: &[Server], args: &Approve) -> Result<Vec<Found>> {
    let mut found = Vec::new();
    let meant = |server: &&Server| args.server.as_deref().is_none_or(|name| name == server.name());
    for server in servers.iter().filter(meant) {
        let survey = server.survey(&args.tenant).await;
        let survey = survey.with_context(|| format!("the server `{}` cannot be asked", server.name()))?;
        let wanted = |one: &Found| args.server.is_some() || args.names.iter().any(|name| name == one.spec.name());
        found.extend(survey.tools.into_iter().filter(wanted));
    }
    if let Some(name) = args.names.iter().find(|name| !found.iter().any(|one| one.spec.name() == name.as_str())) {
        bail!(Usage(format!("no server has a tool `{name}`; `forethought tool list` tells what there is")));
    }
    if found.is_empty() {
        bail!(Usage(
            "there is no such server, or it has no tools; `forethought tool list` tells what there is".to_owned()
        ));
    }
    Ok(found)
}

fn withdraw(args: &Withdraw) -> Result<ExitCode> {
    let pins = approvals(&Config::load(&args.config)?)?;
    if !pins.approvals().iter().any(|approval| approval.name == args.name) {
        bail!(Usage(format!("`{}` is not approved; `forethought tool list` tells what is", args.name)));
    }
    pins.withdraw(&args.name)?;
    output::print(&format!("withdrawn: {}\n", args.name))?;
    eprintln!("{}", super::TAKE_UP);
    Ok(ExitCode::SUCCESS)
}

async fn call(args: &Call) -> Result<ExitCode> {
    let arguments: Value = serde_json::from_str(&args.arguments)
        .map_err(|error| Usage(format!("the arguments are no JSON: {error}; write an object such as '{{}}'")))?;
    let config = Config::load(&args.config)?;
    let tools = Tools::without_files(&config.tools)?;
    let (toolbox, warnings) = tools.all(&args.tenant).await;
    for warning in warnings {
        eprintln!("warning: {warning}");
    }
    if toolbox.spec(&args.name).is_none() {
        let names: Vec<&str> = toolbox.specs().map(ToolSpec::name).collect();
        bail!(Usage(format!("there is no tool `{}`; there are: {}", args.name, names.join(", "))));
    }
    let invocation = Invocation { tenant: args.tenant.clone(), arguments, limits: Limits::default() };
    let Ended { result, wall_ms } = toolbox.call(&args.name, invocation).await;
    tools.stop().await;
    match result {
        Ok(reply) => {
            output::print(&format!("{}\n", tame(&reply.text)))?;
            eprintln!("{wall_ms} ms{}", if reply.left_out > 0 { ", cut" } else { "" });
            Ok(if reply.failed { ExitCode::from(exit::CHECK_FAILED) } else { ExitCode::SUCCESS })
        }
        Err(error) => {
            eprintln!("error: {error}");
            Ok(ExitCode::from(exit::CHECK_FAILED))
        }
    }
}

fn approvals(config: &Config) -> Result<PinFile> {
    config::approvals(&config.tools).context("the file of approved tools cannot be used")
}
