//! `forethought backup` and `restore`: the log while it goes on; and `vault`: the key table, which goes apart.

use std::{
    fs::File,
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::{Context, Result};
use clap::Subcommand;
use forethought_audit::{
    Actor, Asked, AuditLog, Backup, BackupExtra, LocalMaster, LogOptions, LogSnapshot, Masters, PolicyRef, restore,
};
use forethought_store::{JournalOptions, OpenCheck};
use jiff::Timestamp;

use super::{
    Usage,
    audit::Place,
    output::{self, Style, fields},
};
use crate::keys_copy;

pub const BACKUP_HELP: &str = "\
Examples:
  forethought backup --data-dir ./data --to /backup/forethought
  forethought backup --config forethought.yaml --to /backup/forethought      # a second one copies what is new

It runs beside the server. The folder has the journal, the last signed checkpoint, and the policies that were in force. It has no
key: copy log.key and the master key once, and have the server copy the key table (`audit.keys_copy`) to a place of which there is one
generation only. A backup from before an erasure restores without what was erased, since the key table is applied last.";

pub const RESTORE_HELP: &str = "\
Examples:
  forethought restore --from /backup/forethought --to ./data
  cp /safe/log.key /safe/master.key ./data/ && forethought vault import --data-dir ./data --from /keys/table

Every byte is checked, and then the whole log. A log that is older than checkpoints that were given away must go on under another name:
leave log.key away, and tell auditors why.";

/// What to back up.
#[derive(clap::Args)]
pub struct BackupArgs {
    #[command(flatten)]
    place: Place,
    /// The backup's folder: new, empty, or with an earlier backup of the same log
    #[arg(long, value_name = "FOLDER")]
    to: PathBuf,
}

/// What to restore.
#[derive(clap::Args)]
pub struct RestoreArgs {
    /// The backup's folder
    #[arg(long, value_name = "FOLDER")]
    from: PathBuf,
    /// The data directory that is made: new or empty
    #[arg(long, value_name = "FOLDER")]
    to: PathBuf,
}

/// What can be done with the key table, while the server is stopped.
#[derive(Subcommand)]
pub enum VaultVerb {
    /// Copy the key table
    #[command(after_help = "Examples:\n  forethought vault export --data-dir ./data --to /keys/table")]
    Export(ExportArgs),
    /// Bring back keys that are lost, and erase once more what was erased
    #[command(after_help = "Examples:\n  forethought vault import --data-dir ./data --from /keys/table")]
    Import(ImportArgs),
    /// Wrap every key by another master key
    #[command(after_help = REWRAP_HELP)]
    Rewrap(RewrapArgs),
}

const REWRAP_HELP: &str = "\
Examples:
  forethought vault rewrap --data-dir ./data --new /safe/master-2.key     # is made when there is none
  FORETHOUGHT_MASTER_KEY_FILE=/safe/master-2.key forethought serve --config forethought.yaml

If it is cut short, do it again. Then start the server with the new key, and destroy the old one: what a disk has kept of the old
wrapping is worth nothing without it.";

/// Where the copy goes.
#[derive(clap::Args)]
pub struct ExportArgs {
    #[command(flatten)]
    place: Place,
    /// The copy; one that is there is replaced
    #[arg(long, value_name = "FILE")]
    to: PathBuf,
}

/// Where the copy is.
#[derive(clap::Args)]
pub struct ImportArgs {
    #[command(flatten)]
    place: Place,
    /// The copy
    #[arg(long, value_name = "FILE")]
    from: PathBuf,
}

/// Which master key is to be.
#[derive(clap::Args)]
pub struct RewrapArgs {
    #[command(flatten)]
    place: Place,
    /// The file of the new master key, made when there is none
    #[arg(long, value_name = "FILE")]
    new: PathBuf,
    /// The file of the old one; by default that which the server uses
    #[arg(long, value_name = "FILE")]
    old: Option<PathBuf>,
}

pub fn backup(args: &BackupArgs) -> Result<()> {
    let dir = args.place.dir()?;
    let snapshot = LogSnapshot::open(&dir, Vec::new())?;
    let policies = dir.join("policies");
    let extras = [BackupExtra { name: "policies".to_owned(), path: policies.clone() }];
    let extras = if policies.is_dir() { extras.as_slice() } else { &[] };
    let report = Backup::of(&snapshot).with(extras).write(&args.to, Timestamp::now())?;
    let pairs = [
        ("records", report.size.to_string()),
        ("root", report.root.to_string()),
        ("files", format!("{}, {} bytes, of which {} were copied now", report.files, report.bytes, report.copied)),
        ("manifest", format!("sha256 {}; note it elsewhere", report.manifest)),
    ];
    Ok(output::print(&fields(&pairs, Style::of_stdout()))?)
}

pub fn restored(args: &RestoreArgs) -> Result<()> {
    let report = restore(&args.from, &args.to)?;
    let pairs = [
        ("records", format!("{}, checked", report.size)),
        ("root", report.root.to_string()),
        (
            "contents",
            format!("{} sealed; bring back log.key, the master key, and last the key table", report.verified.contents),
        ),
    ];
    Ok(output::print(&fields(&pairs, Style::of_stdout()))?)
}

impl VaultVerb {
    pub fn run(self) -> Result<()> {
        match self {
            Self::Export(args) => export(&args),
            Self::Import(args) => import(&args),
            Self::Rewrap(args) => rewrap(&args),
        }
    }
}

fn export(args: &ExportArgs) -> Result<()> {
    let note = keys_copy::write(&mut open(&args.place, None)?, &args.to)?;
    let pairs = [("keys", note.slots.to_string()), ("digest", format!("sha256 {}; note it elsewhere", note.digest))];
    Ok(output::print(&fields(&pairs, Style::of_stdout()))?)
}

fn import(args: &ImportArgs) -> Result<()> {
    let mut log = open(&args.place, None)?;
    let at = || format!("{} cannot be read", args.from.display());
    let mut file = File::open(&args.from).with_context(at)?;
    let asked = asked(&log)?;
    let (report, destroyed) = log.import_keys(&mut file, &asked, Timestamp::now())?;
    let pairs = [
        ("brought back", report.restored.to_string()),
        ("stay erased", report.refused.to_string()),
        ("erased again", destroyed.to_string()),
        ("in conflict", report.conflicts.len().to_string()),
        ("uncertain", report.uncertain.len().to_string()),
    ];
    Ok(output::print(&fields(&pairs, Style::of_stdout()))?)
}

fn rewrap(args: &RewrapArgs) -> Result<()> {
    let dir = args.place.dir()?;
    let old = match &args.old {
        Some(file) => Masters::from(Arc::new(LocalMaster::from_file(file)?)),
        None => Masters::find(&dir)?
            .ok_or_else(|| Usage(format!("there is no master key in {}; name its file with `--old`", dir.display())))?,
    };
    let new =
        if args.new.exists() { LocalMaster::from_file(&args.new)? } else { LocalMaster::generate_into(&args.new)? };
    let new = Arc::new(new);
    let mut log = open(&args.place, Some(Masters::from(Arc::clone(&new)).with_older_of(&old)))?;
    let asked = asked(&log)?;
    let (report, _) = log.rewrap_keys(new, &asked, Timestamp::now())?;
    let told = format!("{} wrapped anew, {} cannot be read and stay", report.rewrapped, report.unreadable.len());
    let next = "start the server with the new key, then destroy the old one".to_owned();
    Ok(output::print(&fields(&[("keys", told), ("next", next)], Style::of_stdout()))?)
}

/// The log, which no server may be writing.
fn open(place: &Place, masters: Option<Masters>) -> Result<AuditLog> {
    let dir = place.dir()?;
    if !Path::new(&dir).is_dir() {
        return Err(Usage(format!("there is no log in {}; check the data directory", dir.display())).into());
    }
    let journal = JournalOptions { check: OpenCheck::LastSegment, ..JournalOptions::default() };
    Ok(AuditLog::open(dir, LogOptions { journal, masters }, Timestamp::now())?.0)
}

/// Who does it: whoever has the machine.
fn asked(log: &AuditLog) -> Result<Asked> {
    let policy = log.last_policy()?;
    let policy = policy.unwrap_or_else(|| PolicyRef { version: "0".to_owned(), digest: "none".to_owned() });
    let by = Actor { tenant: "installation".to_owned(), key_id: "command-line".to_owned(), role: "admin".to_owned() };
    Ok(Asked { by: Some(by), reason: None, policy })
}
