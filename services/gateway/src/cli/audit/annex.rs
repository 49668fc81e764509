//! What an export has beside the log: the texts of policies, model cards, a report, and files that are given.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, ensure};
use forethought_audit::{Annex, AnnexSource, Body, LogSnapshot};
use forethought_provenance::{Card, Registry};
use forethought_report::{Duties, Report, Scope, collect};
use jiff::Timestamp;
use sha2::{Digest as _, Sha256};

use super::ExportArgs;
use crate::cli::load;

/// Everything that goes beside the log.
pub fn gather(args: &ExportArgs, dir: &Path, snapshot: &LogSnapshot) -> anyhow::Result<Vec<Annex>> {
    let mut annex = policies(args, dir, snapshot)?;
    if let Some(config) = &args.place.config
        && let Some(registry) = load(config)?.registry
    {
        annex.extend(cards(&registry)?);
    }
    if args.report {
        annex.extend(report(args, snapshot)?);
    }
    for path in &args.annex {
        let name = path.file_name().and_then(|name| name.to_str()).context("a file of the annex has no name")?;
        annex.push(file(name.to_owned(), name.to_owned(), AnnexSource::Path(path.clone())));
    }
    Ok(annex)
}

/// The policies that were in force. One whose digest a record has is named by the log.
fn policies(args: &ExportArgs, dir: &Path, snapshot: &LogSnapshot) -> anyhow::Result<Vec<Annex>> {
    let Ok(entries) = fs::read_dir(dir.join("policies")) else { return Ok(Vec::new()) };
    let mut paths: Vec<PathBuf> = entries.map(|entry| Ok(entry?.path())).collect::<std::io::Result<_>>()?;
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "yaml"));
    paths.sort();
    // Of a part, which records go out is not known yet.
    let known = if is_whole(args) { digests(snapshot)? } else { BTreeSet::new() };
    let one = |path: &PathBuf| {
        let bytes = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
        let digest = format!("sha256:{}", hex::encode(Sha256::digest(&bytes)));
        let number = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
        let annexed = file(format!("policies/{number}.yaml"), format!("policy {number}"), AnnexSource::Bytes(bytes));
        Ok(Annex { named: Some(digest).filter(|digest| known.contains(digest)), ..annexed })
    };
    paths.iter().map(one).collect()
}

fn is_whole(args: &ExportArgs) -> bool {
    args.tenant.is_none() && args.since.is_none() && args.until.is_none() && args.id.is_empty()
}

/// The digests of policies that records name.
fn digests(snapshot: &LogSnapshot) -> anyhow::Result<BTreeSet<String>> {
    let signed = snapshot.checkpoint().map_or(0, |signed| signed.checkpoint().size());
    let mut digests = BTreeSet::new();
    for one in snapshot.records().take(usize::try_from(signed).unwrap_or(usize::MAX)) {
        match one?.record.body {
            Body::Admission(admission) => drop(digests.insert(admission.policy.digest)),
            Body::Act(act) => drop(digests.insert(act.policy.digest)),
            _ => {}
        }
    }
    Ok(digests)
}

fn cards(registry: &Path) -> anyhow::Result<Vec<Annex>> {
    let registry = Registry::load(registry)?;
    let of = |card: Card| {
        let id = &card.model.id;
        let name: String = id.chars().map(|c| if c.is_ascii_alphanumeric() || c == '-' { c } else { '-' }).collect();
        let title = format!("model card of {id}");
        let (json, text) = (card.to_json().into_bytes(), card.to_markdown().into_bytes());
        [
            file(format!("model-cards/{name}.json"), title.clone(), AnnexSource::Bytes(json)),
            file(format!("model-cards/{name}.md"), title, AnnexSource::Bytes(text)),
        ]
    };
    Ok(registry.entries().iter().filter_map(|entry| Card::new(&registry, &entry.id)).flat_map(of).collect())
}

/// A report of the same tenant and time, with the duties of all laws that ship.
fn report(args: &ExportArgs, snapshot: &LogSnapshot) -> anyhow::Result<Vec<Annex>> {
    let now = Timestamp::now();
    let scope =
        Scope::new(args.tenant.clone(), args.since.unwrap_or(Timestamp::UNIX_EPOCH), args.until.unwrap_or(now))?;
    let report = Report::new(collect(snapshot, &scope)?, &Duties::load_all(Duties::shipped())?, now);
    // Beside the export, and gone when it is done.
    let folder = args.out.with_file_name(format!(".report.{}", std::process::id()));
    let written = report.write(&folder).map_err(Into::into).and_then(|_| files_of(&folder));
    fs::remove_dir_all(&folder).ok();
    written
}

/// The files of a folder, and of those in it.
fn files_of(folder: &Path) -> anyhow::Result<Vec<Annex>> {
    let (mut found, mut folders) = (Vec::new(), vec![folder.to_owned()]);
    while let Some(next) = folders.pop() {
        for entry in next.read_dir()? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let name = path.strip_prefix(folder)?.to_str().context("a file's name is no text")?.to_owned();
            let bytes = fs::read(&path)?;
            found.push(file(format!("report/{name}"), format!("report: {name}"), AnnexSource::Bytes(bytes)));
        }
    }
    ensure!(!found.is_empty(), "the report is empty");
    found.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(found)
}

fn file(name: String, title: String, source: AnnexSource) -> Annex {
    let media_type = match Path::new(&name).extension().and_then(|extension| extension.to_str()) {
        Some("yaml" | "yml") => "application/yaml",
        Some("json") => "application/json",
        Some("html") => "text/html",
        Some("md") => "text/markdown",
        Some("txt") => "text/plain",
        Some("pdf") => "application/pdf",
        _ => "application/octet-stream",
    };
    Annex { name, title, media_type: media_type.to_owned(), source, named: None }
}
