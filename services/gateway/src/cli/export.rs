//! `forethought export`: training data out of the audit log or an evaluation.

use std::path::PathBuf;

use forethought_eval::{
    EvalError, Results,
    export::{Exported, Options, Selection, from_audit, from_results},
};
use forethought_policies::Policy;
use indicatif::{ProgressBar, ProgressStyle};
use jiff::Timestamp;

use super::{
    Usage,
    output::{self, Style, count, fields},
    time,
};

pub const HELP: &str = "\
Examples:
  forethought export --data-dir ./data --policy policy.yaml --out ./training --min-agreement 0.6
  forethought export --config forethought.yaml --tenant acme --since 30d --verified-only --out ./training
  forethought export --results gsm8k.results.jsonl --out ./training --thoughts

From the audit log only tenants are taken that consent to training; see `forethought tenant consent --help`. The folder gets
sft.jsonl (conversations to imitate), preferences.jsonl (best against rejected samples) and a data card, README.md:
  datasets.load_dataset(\"./training\", \"sft\")

Texts are exported as they were asked and answered; nothing is redacted.";

/// What `export` takes.
#[expect(clippy::struct_excessive_bools, reason = "each is a yes or no of its own")]
#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    source: Source,
    /// The policy file that says who consents; needed with --data-dir
    #[arg(long, value_name = "FILE", conflicts_with = "results")]
    policy: Option<PathBuf>,
    /// The folder that is made
    #[arg(long, value_name = "FOLDER")]
    out: PathBuf,
    /// Replace an earlier export there
    #[arg(long)]
    force: bool,
    /// Only this tenant's requests
    #[arg(long, conflicts_with = "results")]
    tenant: Option<String>,
    /// Only requests at this time or later: RFC 3339, a date (UTC), or how long ago, such as 2h or 7d
    #[arg(long, value_name = "TIME", value_parser = time::parse, conflicts_with = "results")]
    since: Option<Timestamp>,
    /// Only requests before this time
    #[arg(long, value_name = "TIME", value_parser = time::parse, conflicts_with = "results")]
    until: Option<Timestamp>,
    /// Only what a verifier has passed
    #[arg(long)]
    verified_only: bool,
    /// Only where at least this share of the samples gives the answer, 0 to 1; a single sample has no such share
    #[arg(long, value_name = "SHARE", value_parser = share)]
    min_agreement: Option<f64>,
    /// Keep what has the same prompt and the same text as something before it
    #[arg(long)]
    keep_duplicates: bool,
    /// Preference pairs of one deliberation, at most; each has another rejected answer, the commonest first
    #[arg(long, value_name = "N", default_value = "1")]
    max_pairs: usize,
    /// Export thoughts too, as `reasoning_content` beside the content
    #[arg(long)]
    thoughts: bool,
}

/// Where the deliberations are.
#[derive(clap::Args)]
#[group(required = true, multiple = false)]
struct Source {
    /// The data directory of a service, with its audit log
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// The configuration file of a service, which names its data directory and its policy
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// A file of results of `forethought eval`
    #[arg(long, value_name = "FILE")]
    results: Option<PathBuf>,
}

fn share(text: &str) -> Result<f64, String> {
    let share = text.parse().ok().filter(|share| (0.0..=1.0).contains(share));
    share.ok_or_else(|| "write a share from 0 to 1, such as 0.6".to_owned())
}

/// Makes the folder, and says what is in it.
pub fn main(args: &Args) -> anyhow::Result<()> {
    let exported = export(args)?;
    let mut pairs = vec![
        ("looked at", count(exported.considered as u64, "deliberation")),
        ("sft.jsonl", count(exported.sft as u64, "conversation")),
        ("preferences.jsonl", count(exported.preferences as u64, "pair")),
    ];
    pairs.extend(exported.left_out.iter().map(|(why, number)| ("left out", format!("{number}, {why}"))));
    let text = format!("made {}\n{}", args.out.display(), fields(&pairs, Style::of_stdout()));
    Ok(output::print(&text)?)
}

fn export(args: &Args) -> anyhow::Result<Exported> {
    let options = Options {
        out: args.out.clone(),
        force: args.force,
        verified_only: args.verified_only,
        min_agreement: args.min_agreement,
        keep_duplicates: args.keep_duplicates,
        max_pairs: args.max_pairs,
        thoughts: args.thoughts,
    };
    let bar = bar();
    let exported = match &args.source {
        Source { results: Some(file), .. } => evaluated(file, &options, &bar),
        source => audited(args, source, &options, &bar),
    };
    bar.finish_and_clear();
    exported
}

fn evaluated(file: &std::path::Path, options: &Options, bar: &ProgressBar) -> anyhow::Result<Exported> {
    let results = Results::load(file)?;
    bar.set_length(results.outcomes.len() as u64);
    Ok(from_results(&results, options, &|| bar.inc(1))?)
}

fn audited(args: &Args, source: &Source, options: &Options, bar: &ProgressBar) -> anyhow::Result<Exported> {
    let config = source.config.as_deref().map(super::load).transpose()?;
    let named = config.map(|config| (config.data_dir, config.policy));
    let (dir, policy) = match (named, &source.data_dir, &args.policy) {
        (Some((dir, policy)), _, other) => (dir, other.clone().unwrap_or(policy)),
        (None, Some(dir), Some(policy)) => (dir.clone(), policy.clone()),
        _ => return Err(Usage("give `--policy`: it says which tenants consent to training".to_owned()).into()),
    };
    let policy = Policy::load(&policy)?;
    let selection = Selection { tenant: args.tenant.clone(), since: args.since, until: args.until };
    let told = |found: Option<usize>| match found {
        Some(requests) => bar.set_length(requests as u64),
        None => bar.inc(1),
    };
    let exported: Result<Exported, EvalError> = from_audit(&dir, &policy, &selection, options, &told);
    Ok(exported?)
}

/// A bar on a terminal; nothing elsewhere.
fn bar() -> ProgressBar {
    let bar = ProgressBar::new(0);
    if let Ok(style) = ProgressStyle::with_template("{bar:32} {pos}/{len} deliberations, {eta} left") {
        bar.set_style(style);
    }
    bar
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_have_bounds() {
        assert_eq!((share("0"), share("0.6"), share("1")), (Ok(0.0), Ok(0.6), Ok(1.0)));
        for wrong in ["-0.1", "1.1", "60", "60%", "NaN", ""] {
            assert!(share(wrong).unwrap_err().contains("0 to 1"), "{wrong}");
        }
    }
}
