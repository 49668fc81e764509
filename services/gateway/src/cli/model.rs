//! `forethought model`: which weights may be used, who approved them, and whether they still are what was approved.

mod register;

use std::{fmt::Write as _, path::PathBuf, process::ExitCode};

use anyhow::Context;
use clap::Subcommand;
use forethought_engine::mistral::{MistralConfig, MistralEngine};
use forethought_provenance::{
    Approval, Card, Comparison, Digest, Evaluation, Figure, Registry, RegistryFile, Revocation, Verdict, compare,
    measure,
};
use indicatif::{ProgressBar, ProgressStyle};
use jiff::Zoned;

use super::{
    Usage, exit, load,
    output::{self, Align, Paint, Style, Table, tame},
};
use crate::{
    config::Config,
    weights::{self, files},
};

/// What can be done with models.
#[derive(Subcommand)]
pub enum Verb {
    /// Write down what a model is: the digests of its files, where they come from, and how it behaves
    #[command(after_help = REGISTER_HELP)]
    Register(register::Args),
    /// Approve a registered model: without that it does not load
    #[command(after_help = APPROVE_HELP)]
    Approve(Approve),
    /// Revoke a model: it does not load any more
    #[command(after_help = REVOKE_HELP)]
    Revoke(Revoke),
    /// Add results of an evaluation to a model
    #[command(after_help = EVALUATED_HELP)]
    Evaluated(Evaluated),
    /// List what is registered
    #[command(after_help = LIST_HELP)]
    List(List),
    /// Check that the files of models are those that were registered
    #[command(after_help = CHECK_HELP)]
    Check(Check),
    /// Show all that is known of a model
    #[command(after_help = CARD_HELP)]
    Card(ShowCard),
}

const REGISTER_HELP: &str = "\
Examples:
  forethought model register smollm2-135m --config forethought.yaml --licence Apache-2.0 \\
      --source https://huggingface.co/HuggingFaceTB/SmolLM2-135M-Instruct --revision 12fd25f
  forethought model register ours --config forethought.yaml --base smollm2-135m --licence Apache-2.0 \\
      --source https://git.example.com/models/ours --revision v3

The configuration names the registry (`registry: models.yaml`) and the model's files. All of them are hashed, and the model is loaded and
asked some sixty short questions, so that a later change of its behaviour can be found. Then have it approved.";

const APPROVE_HELP: &str = "\
Examples:
  forethought model card smollm2-135m --config forethought.yaml
  forethought model approve smollm2-135m --by \"Ada Example, model risk\" --config forethought.yaml";

const REVOKE_HELP: &str = "\
Examples:
  forethought model revoke smollm2-135m --by \"Ada Example\" --why \"superseded by v2\" --config forethought.yaml

A running server goes on with what it has loaded until it is restarted.";

const EVALUATED_HELP: &str = "\
Examples:
  forethought model evaluated smollm2-135m --set arithmetic1 --results results.jsonl \\
      --figure accuracy=0.61:0.55:0.67 --figure tokens=212 --config forethought.yaml";

const LIST_HELP: &str = "\
Examples:
  forethought model list --config forethought.yaml";

const CHECK_HELP: &str = "\
Examples:
  forethought model check --config forethought.yaml
  forethought model check smollm2-135m --behaviour --config forethought.yaml

Exit code 1: a file or the behaviour is not what was registered.";

const CARD_HELP: &str = "\
Examples:
  forethought model card smollm2-135m --config forethought.yaml > model-card.md
  forethought model card smollm2-135m --json --config forethought.yaml > model-card.json";

/// A model in the registry that the configuration names.
#[derive(clap::Args)]
pub struct Which {
    /// The model's id
    id: String,
    /// The configuration file
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
}

/// An approval.
#[derive(clap::Args)]
pub struct Approve {
    #[command(flatten)]
    which: Which,
    /// Who approves it
    #[arg(long)]
    by: String,
    /// Why, or under which conditions
    #[arg(long)]
    note: Option<String>,
    /// What is approved, as the model's card names it; what is registered now unless set
    #[arg(long, value_name = "SHA256")]
    digest: Option<Digest>,
}

/// A revocation.
#[derive(clap::Args)]
pub struct Revoke {
    #[command(flatten)]
    which: Which,
    /// Who revokes it
    #[arg(long)]
    by: String,
    /// Why
    #[arg(long)]
    why: String,
}

/// Results of an evaluation.
#[derive(clap::Args)]
pub struct Evaluated {
    #[command(flatten)]
    which: Which,
    /// The name of the set of questions
    #[arg(long)]
    set: String,
    /// The file with the results, of which the digest is kept
    #[arg(long, value_name = "FILE")]
    results: Option<PathBuf>,
    /// A figure: `name=value`, or `name=value:low:high` with the ends of its interval; can be given more than once
    #[arg(long, value_name = "FIGURE", required = true, value_parser = figure)]
    figure: Vec<Figure>,
}

/// What to list.
#[derive(clap::Args)]
pub struct List {
    /// The configuration file
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
}

/// What to check.
#[derive(clap::Args)]
pub struct Check {
    /// The models' ids; by default all of the configuration that are files
    id: Vec<String>,
    /// Load them, too, and compare how they behave
    #[arg(long)]
    behaviour: bool,
    /// The configuration file
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
}

/// What to show.
#[derive(clap::Args)]
pub struct ShowCard {
    #[command(flatten)]
    which: Which,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Verb {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        match self {
            Self::Register(args) => super::done(register::run(&args)),
            Self::Approve(args) => super::done(approve(&args)),
            Self::Revoke(args) => super::done(revoke(&args)),
            Self::Evaluated(args) => super::done(evaluated(&args)),
            Self::List(args) => super::done(list(&args)),
            Self::Check(args) => check(&args),
            Self::Card(args) => super::done(card(&args)),
        }
    }
}

/// The registry that a configuration names.
fn registry_of(config: &Config) -> anyhow::Result<PathBuf> {
    let mend = "name one: `registry: models.yaml`, relative to the configuration file";
    config
        .registry
        .clone()
        .ok_or_else(|| Usage(format!("the configuration names no registry of models; {mend}")).into())
}

fn today() -> jiff::civil::Date {
    Zoned::now().date()
}

/// The files of a configured model.
fn configured<'c>(config: &'c Config, id: &str) -> anyhow::Result<Vec<&'c MistralConfig>> {
    let found = config.models.iter().find(|model| model.id == id);
    let files = found.map(|model| model.engine.files()).unwrap_or_default();
    if files.is_empty() {
        let told = format!("the configuration has no model `{}` that is loaded from files", tame(id));
        return Err(Usage(told).into());
    }
    Ok(files)
}

fn approve(Approve { which, by, note, digest }: &Approve) -> anyhow::Result<()> {
    let registry = RegistryFile::new(&registry_of(&load(&which.config)?)?);
    let approval = Approval { by: by.clone(), on: today(), note: note.clone(), digest: *digest };
    let entry = registry.approve(&which.id, &approval)?;
    Ok(output::print(&format!("approved by {}; the entry is {entry}\n", tame(by)))?)
}

fn revoke(Revoke { which, by, why }: &Revoke) -> anyhow::Result<()> {
    let registry = RegistryFile::new(&registry_of(&load(&which.config)?)?);
    let entry = registry.revoke(&which.id, &Revocation { by: by.clone(), on: today(), why: why.clone() })?;
    Ok(output::print(&format!("revoked; the entry is {entry}\n"))?)
}

fn evaluated(Evaluated { which, set, results, figure }: &Evaluated) -> anyhow::Result<()> {
    let registry = RegistryFile::new(&registry_of(&load(&which.config)?)?);
    let digest = |path: &PathBuf| measure(path, &mut |_| {}).with_context(|| format!("cannot read {}", path.display()));
    let results = results.as_ref().map(digest).transpose()?.map(|(_, digest)| digest);
    let evaluation = Evaluation { set: set.clone(), results, on: today(), figures: figure.clone() };
    let entry = registry.evaluated(&which.id, &evaluation)?;
    Ok(output::print(&format!("noted; the entry is {entry}\n"))?)
}

fn list(List { config }: &List) -> anyhow::Result<()> {
    let registry = Registry::load(&registry_of(&load(config)?)?)?;
    let mut table = Table::new(&[
        ("MODEL", Align::Left),
        ("FILES", Align::Right),
        ("LICENCE", Align::Left),
        ("APPROVED", Align::Left),
        ("FINGERPRINT", Align::Left),
        ("ENTRY", Align::Left),
    ]);
    for entry in registry.entries() {
        let approved = match (&entry.revoked, &entry.approved) {
            (Some(revoked), _) => (format!("REVOKED {} by {}", revoked.on, revoked.by), Paint::Bad),
            (None, Some(approved)) if entry.is_approved() => {
                (format!("{} by {}", approved.on, approved.by), Paint::Good)
            }
            (None, Some(_)) => ("no more: it was changed since".to_owned(), Paint::Bad),
            (None, None) => ("not yet".to_owned(), Paint::Odd),
        };
        let fingerprint = entry.fingerprint.as_ref().map_or_else(|| "none".to_owned(), |taken| taken.on.to_string());
        table.row(vec![
            (tame(&entry.id), Paint::Plain),
            (entry.files.len().to_string(), Paint::Plain),
            (tame(&entry.licence), Paint::Plain),
            (tame(&approved.0), approved.1),
            (fingerprint, Paint::Plain),
            (entry.digest().to_string(), Paint::Dim),
        ]);
    }
    let empty = registry.entries().is_empty();
    Ok(output::print(&if empty { "no models\n".to_owned() } else { table.render(Style::of_stdout()) })?)
}

fn card(ShowCard { which, json }: &ShowCard) -> anyhow::Result<()> {
    let registry = Registry::load(&registry_of(&load(&which.config)?)?)?;
    let card = Card::new(&registry, &which.id)
        .ok_or_else(|| Usage(format!("there is no model `{}` in {}", tame(&which.id), registry.file().display())))?;
    Ok(output::print(&if *json { card.to_json() } else { card.to_markdown() })?)
}

fn check(Check { id, behaviour, config }: &Check) -> anyhow::Result<ExitCode> {
    let config = load(config)?;
    let registry = Registry::load(&registry_of(&config)?)?;
    let all = config.models.iter().filter(|model| !model.engine.files().is_empty()).map(|model| model.id.clone());
    let wanted: Vec<String> = if id.is_empty() { all.collect() } else { id.clone() };
    let (mut text, mut failed) = (String::new(), false);
    let style = Style::of_stdout();
    for id in &wanted {
        for file in configured(&config, id)? {
            let (word, paint, told) = match checked(&registry, id, file, *behaviour) {
                Ok(told) => ("PASSED", Paint::Good, told),
                Err(why) => ("FAILED", Paint::Bad, format!("{why:#}")),
            };
            failed |= word == "FAILED";
            _ = writeln!(text, "{} {}: {}", style.paint(paint, word), tame(id), tame(&told));
        }
    }
    output::print(&text)?;
    Ok(if failed { ExitCode::from(exit::CHECK_FAILED) } else { ExitCode::SUCCESS })
}

fn checked(registry: &Registry, id: &str, file: &MistralConfig, behaviour: bool) -> anyhow::Result<String> {
    let bar = bytes_bar();
    let matched = registry.check(id, &files(file), &mut |at| {
        bar.set_length(at.total);
        bar.set_position(at.done);
    });
    bar.finish_and_clear();
    let told = format!(
        "{} as registered, entry {}",
        output::count(matched?.files.len() as u64, "file"),
        registry.get(id).map_or_else(String::new, |entry| entry.digest().to_string())
    );
    let registered = registry.get(id).and_then(|entry| entry.fingerprint.as_ref());
    let Some(registered) = registered.filter(|_| behaviour) else { return Ok(told) };
    let now = with_engine(file, async |engine| weights::take(engine).await)?;
    let found: Comparison = compare(registered, &now)?;
    anyhow::ensure!(found.verdict != Verdict::Changed, "it behaves otherwise than when it was registered: {found}");
    Ok(format!("{told}; fingerprint {found}"))
}

/// Loads a model for as long as `look` looks at it.
fn with_engine<T>(
    file: &MistralConfig,
    look: impl AsyncFnOnce(&MistralEngine) -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let looked = runtime.block_on(async {
        let engine = MistralEngine::load(file).await?;
        look(&engine).await
    });
    runtime.shutdown_background();
    looked
}

fn bytes_bar() -> ProgressBar {
    if !std::io::IsTerminal::is_terminal(&std::io::stderr()) {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{bar:30} {bytes} of {total_bytes} hashed, {eta} left");
    let bar = ProgressBar::new(0);
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar
}

/// A figure as it is written on the command line.
fn figure(text: &str) -> Result<Figure, String> {
    let wrong =
        || format!("`{text}` is no figure; write `accuracy=0.61`, or `accuracy=0.61:0.55:0.67` with its interval");
    let (name, numbers) = text.split_once('=').filter(|(name, _)| !name.is_empty()).ok_or_else(wrong)?;
    let numbers: Vec<f64> = numbers.split(':').map(str::parse).collect::<Result<_, _>>().map_err(|_| wrong())?;
    if numbers.iter().any(|number| !number.is_finite()) {
        return Err(wrong());
    }
    match numbers.as_slice() {
        [value] => Ok(Figure { name: name.to_owned(), value: *value, interval: None }),
        [value, low, high] if low <= high => {
            Ok(Figure { name: name.to_owned(), value: *value, interval: Some([*low, *high]) })
        }
        _ => Err(wrong()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_read() {
        let check = |text: &str, expect: Option<(f64, Option<[f64; 2]>)>| {
            assert_eq!(figure(text).ok().map(|figure| (figure.value, figure.interval)), expect, "{text}");
        };
        check("accuracy=0.5", Some((0.5, None)));
        check("accuracy=0.5:0.4:0.6", Some((0.5, Some([0.4, 0.6]))));
        check("accuracy=0.5:0.6:0.4", None);
        check("accuracy=0.5:0.4", None);
        check("accuracy=NaN", None);
        check("=1", None);
        check("accuracy", None);
    }
}
