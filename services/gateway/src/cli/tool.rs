//! `forethought tool`: what models can be offered, which tools of servers are approved, and what a tool says.

use std::{
    fmt::Write as _,
    path::{Path, PathBuf},
    process::ExitCode,
};

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
    /// Approve tools of servers, as you have read them (`name@sha256:…`), or as they describe themselves now
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

Of tools that are new it shows all that they say, of changed ones what has changed, and of each the line that approves it as it
is shown. It ends with 1 where a tool waits for approval or a server does not work.";

const APPROVE_HELP: &str = "\
Examples:
  forethought tool approve files.read@sha256:2c26b46b68ff --config forethought.yaml --by jane
  forethought tool approve files.read files.list --config forethought.yaml --by jane
  forethought tool approve --server files --config forethought.yaml --by jane

What a tool says of itself goes into models' prompts: read it first (`forethought tool list`, which prints the line that
approves what it shows). With a digest, or its first 12 digits at least, nothing else is approved than what you have read;
without one, what the server says at this moment is approved, and printed. A tool that says something else later is offered to
no model until it is approved again.";

/// What stands before the digits of a digest, and the fewest digits that name one.
const DIGEST: &str = "sha256:";
const FEWEST_DIGITS: usize = 12;

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
    /// Their names, as `forethought tool list` has them; `NAME@sha256:DIGITS` approves what has this digest alone
    #[arg(required_unless_present = "server", value_name = "NAME[@sha256:DIGITS]")]
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
    parameters: Value,
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
            parameters: spec.parameters().as_ref().clone(),
            digest: spec.digest().to_owned(),
            notes,
        }
    }

    fn waits(&self) -> bool {
        matches!(self.status, "new" | "changed")
    }

    fn json(&self) -> Value {
        json!({
            "name": self.name, "status": self.status, "effect": self.effect, "description": self.description,
            "parameters": self.parameters, "digest": self.digest, "notes": self.notes,
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
        print(&rows, &failures, args)?;
    }
    let waits = rows.iter().any(Row::waits);
    Ok(if waits || !failures.is_empty() { ExitCode::from(exit::CHECK_FAILED) } else { ExitCode::SUCCESS })
}

fn print(rows: &[Row], failures: &[String], args: &List) -> Result<()> {
    let style = Style::of_stdout();
    let mut table =
        Table::new(&[("tool", Align::Left), ("status", Align::Left), ("effect", Align::Left), ("says", Align::Left)]);
    for row in rows {
        let paint = if row.waits() { Paint::Bad } else { Paint::Plain };
        let says: String = row.description.lines().next().unwrap_or_default().chars().take(72).collect();
        table.row(vec![
            (row.name.clone(), Paint::Plain),
            (row.status.to_owned(), paint),
            (row.effect.to_owned(), Paint::Plain),
            (tame(&says), Paint::Plain),
        ]);
    }
    let mut text = table.render(style);
    for row in rows.iter().filter(|row| !row.notes.is_empty() || row.waits()) {
        let _ = writeln!(text, "\n{}", row.name);
        if row.status == "new" {
            text.push_str(&said(&row.description, &row.parameters));
        }
        for note in row.notes.iter().flat_map(|note| note.lines()) {
            let _ = writeln!(text, "  {}", tame(note));
        }
        if row.waits() {
            let _ = writeln!(text, "  approve: {}", approving(row, &args.config, &args.tenant));
        }
    }
    for failure in failures {
        let _ = writeln!(text, "\nnot usable: {failure}");
    }
    Ok(output::print(&text)?)
}

/// All that a model would be told of a tool, with what nobody sees made visible. No line of it looks like one of ours.
fn said(description: &str, parameters: &Value) -> String {
    let mut text = String::new();
    for (what, said) in [("says", description.to_owned()), ("parameters", format!("{parameters:#}"))] {
        let _ = writeln!(text, "  {what}:");
        for line in forethought_mcp::visible(&said).lines() {
            let _ = writeln!(text, "    {}", tame(line));
        }
    }
    text
}

/// The line that approves a tool as it is listed.
fn approving(row: &Row, config: &Path, tenant: &str) -> String {
    let config = quoted(&config.display().to_string());
    let tenant = if tenant.is_empty() { String::new() } else { format!(" --tenant {}", quoted(tenant)) };
    format!("forethought tool approve {}@{} --config {config}{tenant} --by \"$USER\"", row.name, row.digest)
}

/// As one word for a shell.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-./:".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}

/// A tool that is to be approved.
#[derive(Debug, PartialEq, Eq)]
struct Meant<'a> {
    name: &'a str,
    /// How its digest must begin.
    digest: Option<&'a str>,
}

impl<'a> Meant<'a> {
    fn parse(text: &'a str) -> Result<Self> {
        let Some((name, digest)) = text.split_once('@') else { return Ok(Self { name: text, digest: None }) };
        let digits = digest.strip_prefix(DIGEST).unwrap_or_default();
        if digits.len() < FEWEST_DIGITS || !digits.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')) {
            bail!(Usage(format!(
                "`{text}` names no digest: write `{name}@{DIGEST}` and at least {FEWEST_DIGITS} of its digits, as \
                 `forethought tool list` prints them"
            )));
        }
        Ok(Self { name, digest: Some(digest) })
    }

    fn is(&self, spec: &ToolSpec) -> bool {
        self.name == spec.name()
    }

    /// Whether a tool of this name is what somebody has read.
    fn check(&self, spec: &ToolSpec) -> Result<()> {
        match self.digest {
            Some(digest) if !spec.digest().starts_with(digest) => bail!(Usage(format!(
                "`{}` has the digest {}, and not {digest}: it says something else than what you mean; nothing is approved; \
                 read it with `forethought tool list`",
                self.name,
                spec.digest()
            ))),
            _ => Ok(()),
        }
    }
}

async fn approve(args: &Approve) -> Result<ExitCode> {
    let meant = args.names.iter().map(|name| Meant::parse(name)).collect::<Result<Vec<_>>>()?;
    let config = Config::load(&args.config)?;
    let tools = Tools::without_files(&config.tools)?;
    let found = found(tools.servers(), args, &meant).await;
    tools.stop().await;
    let (found, pins) = (found?, approvals(&config)?);
    let today = Timestamp::now().to_zoned(TimeZone::UTC).date();
    for Found { spec, .. } in &found {
        pins.approve(spec, &args.by, today)?;
        let said = said(spec.description(), spec.parameters());
        output::print(&format!("approved: {} ({})\n{said}", spec.name(), spec.digest()))?;
    }
    eprintln!("{}", super::TAKE_UP);
    Ok(ExitCode::SUCCESS)
}

/// The tools that are meant, as their servers list them now; none where one is not what was read.
async fn found(servers: &[Server], args: &Approve, meant: &[Meant<'_>]) -> Result<Vec<Found>> {
    let mut found: Vec<Found> = Vec::new();
    let asked = |server: &&Server| args.server.as_deref().is_none_or(|name| name == server.name());
    for server in servers.iter().filter(asked) {
        let survey = server.survey(&args.tenant).await;
        let survey = survey.with_context(|| format!("the server `{}` cannot be asked", server.name()))?;
        let wanted = |one: &Found| args.server.is_some() || meant.iter().any(|meant| meant.is(&one.spec));
        found.extend(survey.tools.into_iter().filter(wanted));
    }
    for meant in meant {
        let Some(one) = found.iter().find(|one| meant.is(&one.spec)) else {
            bail!(Usage(format!("no server has a tool `{}`; `forethought tool list` tells what there is", meant.name)));
        };
        meant.check(&one.spec)?;
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

#[cfg(test)]
mod tests {
    use forethought_tools::Effect;

    use super::*;

    #[test]
    fn what_is_meant_has_a_name_and_the_beginning_of_a_digest() {
        let check = |text: &str, expected: Option<(&str, Option<&str>)>| {
            let found = Meant::parse(text).ok();
            assert_eq!(found, expected.map(|(name, digest)| Meant { name, digest }), "{text}");
        };
        check("files.read", Some(("files.read", None)));
        check("files.read@sha256:0123456789ab", Some(("files.read", Some("sha256:0123456789ab"))));
        for wrong in ["a@", "a@0123456789ab", "a@sha256:0123456789a", "a@sha256:0123456789ag", "a@sha256:0123456789AB"]
        {
            check(wrong, None);
        }
    }

    #[test]
    fn only_what_was_read_is_approved() {
        let spec = ToolSpec::new("files.read", "reads", Value::Null, Effect::Reads).unwrap();
        let digest = spec.digest();
        let check = |text: &str| Meant::parse(text).unwrap().check(&spec).map_err(|error| error.to_string());
        assert_eq!(check("files.read"), Ok(()));
        assert_eq!(check(&format!("files.read@{digest}")), Ok(()));
        assert_eq!(check(&format!("files.read@{}", &digest[..19])), Ok(()));
        let why = check("files.read@sha256:0123456789ab").unwrap_err();
        assert!(why.contains(digest) && why.contains("tool list"), "{why}");
    }

    #[test]
    fn what_a_tool_says_is_shown_whole_and_cannot_look_like_ours() {
        let spec = ToolSpec::new("a.b", "reads\napproved: all\u{200b}", json!({ "title": "x\u{202e}" }), Effect::Reads);
        let spec = spec.unwrap();
        let said = said(spec.description(), spec.parameters());
        assert!(said.starts_with("  says:\n    reads\n    approved: all⟨U+200B⟩\n  parameters:\n    {\n"), "{said}");
        assert!(said.contains("x⟨U+202E⟩"), "{said}");
        let row = Row::of(&spec, "new", Vec::new());
        let expected = format!(
            "forethought tool approve a.b@{} --config 'it'\\''s.yaml' --tenant acme --by \"$USER\"",
            spec.digest()
        );
        assert_eq!(approving(&row, Path::new("it's.yaml"), "acme"), expected);
        assert_eq!(row.json()["parameters"], json!({ "type": "object", "title": "x\u{202e}" }));
    }
}
