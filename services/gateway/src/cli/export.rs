//! `forethought export`: training data out of the audit log or an evaluation.

use std::{
    ops::ControlFlow,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

use forethought_eval::{
    Results,
    export::{Exported, Options, Selection, Told, from_audit, from_results},
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
  forethought export --results gsm8k.results.jsonl --policy policy.yaml --out ./training --thoughts

Only what tenants asked since they consent to training is taken, from the audit log and from an evaluation, which asked with
the key of one; see `forethought tenant consent --help`. The folder gets
sft.jsonl (conversations to imitate), preferences.jsonl (best against rejected samples) and a data card, README.md:
  datasets.load_dataset(\"./training\", \"sft\")

Texts are exported as they were asked and answered; nothing is redacted.";

/// What `export` takes.
#[expect(clippy::struct_excessive_bools, reason = "each is a yes or no of its own")]
#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    source: Source,
    /// The policy file that says who consents; needed with --data-dir and --results
    #[arg(long, value_name = "FILE")]
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
    if exported.contradictory > 0 {
        pairs.push(("dropped", format!("{}, contradictory", count(exported.contradictory as u64, "pair"))));
    }
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
    let (bar, stop) = (bar(), told_to_stop()?);
    let told = |found: Option<usize>| {
        match found {
            Some(deliberations) => bar.set_length(deliberations as u64),
            None => bar.inc(1),
        }
        if stop.load(Ordering::Relaxed) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    let exported = match &args.source {
        Source { results: Some(file), .. } => evaluated(args, file, &options, &told),
        source => audited(args, source, &options, &told),
    };
    bar.finish_and_clear();
    exported
}

/// Becomes true when Ctrl-C or SIGTERM comes: what is half made must be removed before the process ends.
fn told_to_stop() -> anyhow::Result<Arc<AtomicBool>> {
    let stop = Arc::new(AtomicBool::new(false));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let told = {
        let _within = runtime.enter();
        super::eval::told_to_stop()?
    };
    let flag = Arc::clone(&stop);
    thread::spawn(move || {
        runtime.block_on(told);
        flag.store(true, Ordering::Relaxed);
    });
    Ok(stop)
}

fn no_policy() -> Usage {
    Usage("give `--policy`: it says which tenants consent to training".to_owned())
}

fn evaluated(args: &Args, file: &Path, options: &Options, told: Told<'_>) -> anyhow::Result<Exported> {
    let policy = Policy::load(args.policy.as_deref().ok_or_else(no_policy)?)?;
    Ok(from_results(&Results::load(file)?, &policy, options, told)?)
}

fn audited(args: &Args, source: &Source, options: &Options, told: Told<'_>) -> anyhow::Result<Exported> {
    let config = source.config.as_deref().map(super::load).transpose()?;
    let named = config.map(|config| (config.data_dir, config.policy));
    let (dir, policy) = match (named, &source.data_dir, &args.policy) {
        (Some((dir, policy)), _, other) => (dir, other.clone().unwrap_or(policy)),
        (None, Some(dir), Some(policy)) => (dir.clone(), policy.clone()),
        _ => return Err(no_policy().into()),
    };
    let policy = Policy::load(&policy)?;
    let selection = Selection { tenant: args.tenant.clone(), since: args.since, until: args.until };
    Ok(from_audit(&dir, &policy, &selection, options, told)?)
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
