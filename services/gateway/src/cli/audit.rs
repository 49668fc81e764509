//! `forethought audit`: what was asked and what came of it, from the log itself, also while a server writes it.

mod acts;
mod annex;
mod export;
mod list;
mod prove;
mod replay;
mod show;
mod verify;

use std::{path::PathBuf, process::ExitCode};

use clap::{
    ArgGroup, Subcommand,
    builder::{PossibleValuesParser, TypedValueParser},
};
use forethought_audit::{Cursor, Digest, MAX_LISTED, OutcomeStatus, ReviewDecision, Status, VerifierKey};
use jiff::Timestamp;

use super::{output::Paint, time};

pub use export::public_keys;

/// What can be done with the audit log.
#[derive(Subcommand)]
pub enum Verb {
    /// List requests, the latest first
    #[command(after_help = LIST_HELP)]
    List(ListArgs),
    /// List what was done to the service itself: to its policy, its keys and its records; the latest first
    #[command(after_help = ACTS_HELP)]
    Acts(ActsArgs),
    /// Show one request, by its own id or that of one of its records
    #[command(after_help = SHOW_HELP)]
    Show(ShowArgs),
    /// Export evidence: the log, or a part of it, for people who check it with nothing of ours
    #[command(after_help = EXPORT_HELP)]
    Export(ExportArgs),
    /// Check an export, with nothing but the log's public key
    #[command(after_help = VERIFY_EXPORT_HELP)]
    VerifyExport(VerifyExportArgs),
    /// Show that the records of a request are in the signed log: receipts that anybody can check
    #[command(after_help = PROVE_HELP)]
    Prove(ProveArgs),
    /// Carry out requests again, and compare token by token with what the log says
    #[command(after_help = REPLAY_HELP)]
    Replay(ReplayArgs),
    /// Witness logs, as `forethought witness` does: cosign their checkpoints, and never two that contradict each other
    #[command(after_help = crate::witness::HELP)]
    Witness(Box<crate::witness::Args>),
    /// Check every byte, link, end and commitment of the log
    #[command(after_help = VERIFY_HELP)]
    Verify(VerifyArgs),
}

const LIST_HELP: &str = "\
Examples:
  forethought audit list --data-dir ./data
  forethought audit list --config forethought.yaml --tenant acme --since 7d --status failed
  forethought audit list --data-dir ./data --rule eu-ai-act/5-1-f --review rejected
  forethought audit list --data-dir ./data --tool run_code --since 30d
  forethought audit list --data-dir ./data --since 2026-11-01 --until 2026-12-01 --limit 1000 --json";

const ACTS_HELP: &str = "\
Examples:
  forethought audit acts --data-dir ./data
  forethought audit acts --data-dir ./data --what contents.read --since 30d
  forethought audit acts --config forethought.yaml --since 7d --json";

const SHOW_HELP: &str = "\
Examples:
  forethought audit show rec_01963c2f7e8a7d3c9b1e2f3a4b5c6d7e --data-dir ./data
  forethought audit show req_01963c2f7e8a7d3c9b1e2f3a4b5c6d7e --data-dir ./data --contents";

const VERIFY_HELP: &str = "\
Examples:
  forethought audit verify --data-dir ./data
  forethought audit verify --data-dir ./data --contains 0f3a…

It prints PASSED and the head's hash, or FAILED and where (exit code 1). Note the head elsewhere, and look for it later
with --contains: a log that was cut short, or written anew from a changed record on, is good in itself.";

const EXPORT_HELP: &str = "\
Examples:
  forethought audit export --data-dir ./data --out ./evidence
  forethought audit export --config forethought.yaml --report --annex ./dpia.pdf --out ./evidence
  forethought audit export --data-dir ./data --tenant acme --since 2026-11-01 --until 2026-12-01 --out ./november
  forethought audit export --data-dir ./data --id req_01963c2f7e8a7d3c9b1e2f3a4b5c6d7e --out ./one

The folder has a signed checkpoint, records as JSONL and CSV, spans for OpenTelemetry, a data card, receipts, and of a whole log its tiles: any C2SP
verifier takes it. Beside them lie the policies that were in force, with --config the cards of registered models, and with --report a report. It
goes up to the last checkpoint that the server signed, which is at most a minute old while it runs.";

const VERIFY_EXPORT_HELP: &str = "\
Examples:
  forethought audit verify-export ./evidence --key 'forethought/1a2b3c4d+5e6f7a8b+AX…'
  forethought audit verify-export ./evidence --key 'forethought/1a2b3c4d+5e6f7a8b+AX…' --known seen.checkpoint

Take the key from a source that you trust (GET /v1/audit/log), not from the export. Keep its `checkpoint`, and give it the next time
with --known: a log that was written anew does not begin with it.";

const PROVE_HELP: &str = "\
Examples:
  forethought audit prove req_01963c2f7e8a7d3c9b1e2f3a4b5c6d7e --url https://host --key \"$KEY\" --out ./receipts
  forethought audit prove req_01963c2f7e8a7d3c9b1e2f3a4b5c6d7e --data-dir ./data
  forethought audit prove req_01963c2f7e8a7d3c9b1e2f3a4b5c6d7e --url https://host --key \"$KEY\" \\
      --log-key 'forethought/1a2b3c4d+5e6f7a8b+AX…' --witness 'witness.example.com/w1+9c0d1e2f+BA…' --quorum 1

A receipt (c2sp.org/tlog-proof@v1) has the signed checkpoint and the inclusion proof of one record. A running service signs at once; its
data directory tells what the last checkpoint has, which is at most a minute old. Each receipt is checked before it is given.";

const REPLAY_HELP: &str = "\
Examples:
  forethought audit replay req_01963c2f7e8a7d3c9b1e2f3a4b5c6d7e --config forethought.yaml
  forethought audit replay --config forethought.yaml --since 7d --limit 50
  forethought audit replay --config forethought.yaml --tenant acme --limit 10 --data-dir ./restored --json

The same weights (by their digest), seeds, budget and parameters are used as then, and nothing is recorded or charged. It can be told
only of engines that draw the same for the same seed: open weights on a CPU. Exit code 0: all came again; 1: something else came;
4: of some it cannot be told, and why is printed.";

/// Where the log is.
#[derive(clap::Args)]
#[group(required = true, multiple = false)]
pub struct Place {
    /// The data directory
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// The configuration file that names the data directory
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

/// Which requests to list.
#[derive(clap::Args)]
pub struct ListArgs {
    #[command(flatten)]
    place: Place,
    /// Only this tenant's
    #[arg(long)]
    tenant: Option<String>,
    /// Only those at this time or later: RFC 3339, a date (UTC), or how long ago, such as 2h or 7d
    #[arg(long, value_name = "TIME", value_parser = time::parse)]
    since: Option<Timestamp>,
    /// Only those before this time
    #[arg(long, value_name = "TIME", value_parser = time::parse)]
    until: Option<Timestamp>,
    /// Only those that stand so now
    #[arg(long, value_parser = status())]
    status: Option<Status>,
    /// Only those that the key with this id asked
    #[arg(long, value_name = "KEY_ID")]
    principal: Option<String>,
    /// Only those to this model
    #[arg(long)]
    model: Option<String>,
    /// Only those in which this had a say: a rule of law, a deny list, what a safeguard finds, or a classifier
    #[arg(long)]
    rule: Option<String>,
    /// Only those for this purpose
    #[arg(long)]
    purpose: Option<String>,
    /// Only those that concern this region
    #[arg(long)]
    region: Option<String>,
    /// Only those whose answer was held and decided so
    #[arg(long, value_parser = decision())]
    review: Option<ReviewDecision>,
    /// Only those whose answer the key with this id decided on
    #[arg(long, value_name = "KEY_ID")]
    reviewer: Option<String>,
    /// Only those in which this tool was called
    #[arg(long, value_name = "NAME")]
    tool: Option<String>,
    /// Only the request with this id, or to which the record with this id belongs
    #[arg(long)]
    id: Option<String>,
    /// At most so many, up to 1000
    #[arg(long, value_name = "N", default_value = "50", value_parser = limit)]
    limit: usize,
    /// Where the page before ended, as it says; with the same conditions
    #[arg(long)]
    cursor: Option<Cursor>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Which acts to list.
#[derive(clap::Args)]
pub struct ActsArgs {
    #[command(flatten)]
    place: Place,
    /// Only this, such as `contents.read` or `policy.in_force`
    #[arg(long)]
    what: Option<String>,
    /// Only what somebody of this tenant did
    #[arg(long)]
    tenant: Option<String>,
    /// Only what the key with this id did
    #[arg(long, value_name = "KEY_ID")]
    actor: Option<String>,
    /// Only what was done to this: the id of a key, a record, a tenant or a model
    #[arg(long)]
    object: Option<String>,
    /// Where the page before ended, as it says; with the same conditions
    #[arg(long)]
    cursor: Option<Cursor>,
    /// Only those at this time or later: RFC 3339, a date (UTC), or how long ago, such as 2h or 7d
    #[arg(long, value_name = "TIME", value_parser = time::parse)]
    since: Option<Timestamp>,
    /// Only those before this time
    #[arg(long, value_name = "TIME", value_parser = time::parse)]
    until: Option<Timestamp>,
    /// At most so many, up to 1000
    #[arg(long, value_name = "N", default_value = "50", value_parser = limit)]
    limit: usize,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Which request to show.
#[derive(clap::Args)]
pub struct ShowArgs {
    /// The id of the request or of one of its records
    id: String,
    #[command(flatten)]
    place: Place,
    /// Unseal and print what was asked and answered
    #[arg(long)]
    contents: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// What to prove.
#[derive(clap::Args)]
#[command(group(ArgGroup::new("whence").required(true).args(["url", "data_dir", "config"])))]
pub struct ProveArgs {
    /// The id of the request or of one of its records
    id: String,
    /// A running service that is asked
    #[arg(long, requires = "key")]
    url: Option<String>,
    /// The API key for it
    #[arg(long, env = "FORETHOUGHT_KEY", hide_env_values = true)]
    key: Option<String>,
    /// The data directory
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// The configuration file that names the data directory
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The log's public key, from a source that is trusted; can be given more than once
    #[arg(long, value_name = "KEY")]
    log_key: Vec<VerifierKey>,
    /// The public key of a witness; can be given more than once
    #[arg(long, value_name = "KEY")]
    witness: Vec<VerifierKey>,
    /// How many of these witnesses must have cosigned
    #[arg(long, value_name = "N", default_value = "0", requires = "witness")]
    quorum: usize,
    /// A folder for the entries and their receipts
    #[arg(long, value_name = "FOLDER")]
    out: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl ProveArgs {
    fn dir(&self) -> anyhow::Result<PathBuf> {
        Place { data_dir: self.data_dir.clone(), config: self.config.clone() }.dir()
    }
}

/// Which requests to carry out again.
#[derive(clap::Args)]
pub struct ReplayArgs {
    /// The ids of requests, or of their records; without any, the latest that were answered
    id: Vec<String>,
    /// The configuration file that names the models
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// The data directory, if it is not that of the configuration
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Only this tenant's
    #[arg(long, conflicts_with = "id")]
    tenant: Option<String>,
    /// Only those at this time or later: RFC 3339, a date (UTC), or how long ago, such as 2h or 7d
    #[arg(long, value_name = "TIME", value_parser = time::parse, conflicts_with = "id")]
    since: Option<Timestamp>,
    /// Only those before this time
    #[arg(long, value_name = "TIME", value_parser = time::parse, conflicts_with = "id")]
    until: Option<Timestamp>,
    /// At most so many, up to 1000
    #[arg(long, value_name = "N", default_value = "10", value_parser = limit, conflicts_with = "id")]
    limit: usize,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// What to export.
#[derive(clap::Args)]
pub struct ExportArgs {
    #[command(flatten)]
    place: Place,
    /// The folder that is made
    #[arg(long, value_name = "FOLDER")]
    out: PathBuf,
    /// Only this tenant's records
    #[arg(long)]
    tenant: Option<String>,
    /// Only what was let in at this time or later: RFC 3339, a date (UTC), or how long ago, such as 2h or 7d
    #[arg(long, value_name = "TIME", value_parser = time::parse)]
    since: Option<Timestamp>,
    /// Only what was let in before this time
    #[arg(long, value_name = "TIME", value_parser = time::parse)]
    until: Option<Timestamp>,
    /// Only the request or record with this id; can be given more than once
    #[arg(long, value_name = "ID")]
    id: Vec<String>,
    /// A file to put beside the log, in `annex/`; can be given more than once
    #[arg(long, value_name = "FILE")]
    annex: Vec<PathBuf>,
    /// Put a report for people beside the log, with the duties of all laws that ship
    #[arg(long)]
    report: bool,
    /// With a whole log, receipts of all records too
    #[arg(long)]
    receipts: bool,
    /// The log's public key; by default that of log.key in the data directory
    #[arg(long, value_name = "KEY")]
    key: Vec<VerifierKey>,
}

/// Which export to check.
#[derive(clap::Args)]
pub struct VerifyExportArgs {
    /// The export
    #[arg(value_name = "FOLDER")]
    folder: PathBuf,
    /// The log's public key, from a source that is trusted; can be given more than once
    #[arg(long, value_name = "KEY", required = true)]
    key: Vec<VerifierKey>,
    /// A checkpoint that was seen before: the log must begin with what it claims
    #[arg(long, value_name = "FILE")]
    known: Option<PathBuf>,
}

/// Which log to check.
#[derive(clap::Args)]
pub struct VerifyArgs {
    #[command(flatten)]
    place: Place,
    /// A record with this digest must be there, such as a head noted before; can be given more than once
    #[arg(long, value_name = "SHA256")]
    contains: Vec<Digest>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Verb {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        match self {
            Self::List(args) => super::done(list::run(&args)),
            Self::Acts(args) => super::done(acts::run(&args)),
            Self::Show(args) => super::done(show::run(&args)),
            Self::Export(args) => super::done(export::run(&args)),
            Self::VerifyExport(args) => export::verify(&args),
            Self::Prove(args) => super::done(prove::run(&args)),
            Self::Replay(args) => replay::run(&args),
            Self::Witness(args) => super::done(crate::witness::run(&args)),
            Self::Verify(args) => verify::run(&args),
        }
    }
}

impl Place {
    pub fn dir(&self) -> anyhow::Result<PathBuf> {
        match (&self.data_dir, &self.config) {
            (Some(dir), _) => Ok(dir.clone()),
            (None, Some(file)) => Ok(super::load(file)?.data_dir),
            (None, None) => Err(super::Usage("give `--data-dir` or `--config`".to_owned()).into()),
        }
    }
}

fn status() -> impl TypedValueParser<Value = Status> {
    PossibleValuesParser::new(Status::ALL.map(Status::as_str)).try_map(|name| name.parse::<Status>())
}

fn decision() -> impl TypedValueParser<Value = ReviewDecision> {
    PossibleValuesParser::new(ReviewDecision::ALL.map(ReviewDecision::as_str)).try_map(|name| {
        let known = ReviewDecision::ALL.into_iter().find(|decision| decision.as_str() == name);
        known.ok_or_else(|| format!("`{name}` is no decision"))
    })
}

fn limit(text: &str) -> Result<usize, String> {
    let known = text.parse().ok().filter(|limit| (1..=MAX_LISTED).contains(limit));
    known.ok_or_else(|| format!("write a number from 1 to {MAX_LISTED}; `--cursor` leads to older ones"))
}

fn paint(status: Status) -> Paint {
    match status {
        Status::Ended(OutcomeStatus::Answered) => Paint::Good,
        Status::Ended(OutcomeStatus::Failed) | Status::Interrupted => Paint::Bad,
        Status::Ended(_) => Paint::Odd,
        Status::Open => Paint::Dim,
    }
}

/// Milliseconds as people read them.
fn duration(ms: u64) -> String {
    match ms {
        0..10_000 => format!("{ms} ms"),
        _ => format!("{}.{} s", ms / 1000, ms % 1000 / 100),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_short() {
        let check = |ms, expect: &str| assert_eq!(duration(ms), expect);
        check(0, "0 ms");
        check(9_999, "9999 ms");
        check(12_345, "12.3 s");
        check(120_000, "120.0 s");
    }

    #[test]
    fn limits_have_bounds() {
        assert_eq!((limit("1"), limit("1000")), (Ok(1), Ok(1000)));
        for wrong in ["0", "1001", "-1", "many"] {
            assert!(limit(wrong).unwrap_err().contains("1 to 1000"), "{wrong}");
        }
    }
}
