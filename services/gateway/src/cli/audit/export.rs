//! `forethought audit export`: evidence in a folder, for people who have nothing else of ours.

use std::{
    collections::BTreeSet,
    fs,
    ops::ControlFlow,
    path::{Path, PathBuf},
};

use anyhow::Context;
use forethought_audit::{
    ExportNote, ExportProgress, ExportScope, ExportStage, LogSnapshot, Selection, Signer, VerifierKey,
    export_with_annex,
};
use indicatif::{ProgressBar, ProgressStyle};
use jiff::Timestamp;

use super::{ExportArgs, VerifyExportArgs, annex};
use crate::cli::{
    Usage, exit,
    output::{self, Paint, Style, fields},
};

pub fn run(args: &ExportArgs) -> anyhow::Result<()> {
    let dir = args.place.dir()?;
    let snapshot = LogSnapshot::open(&dir, public_keys(&args.key, &dir)?)?;
    let selection = Selection {
        tenant: args.tenant.clone(),
        since: args.since,
        until: args.until,
        ids: args.id.iter().cloned().collect::<BTreeSet<_>>(),
    };
    let scope = match (selection == Selection::default(), args.receipts) {
        (true, receipts) => ExportScope::Whole { receipts: receipts.then_some(selection) },
        (false, _) => ExportScope::Part(selection),
    };
    let annex = annex::gather(args, &dir, &snapshot)?;
    let bar = bar();
    let mut progress = |at: ExportProgress| {
        bar.set_length(at.total);
        bar.set_position(at.done);
        bar.set_message(if at.stage == ExportStage::Records { "records" } else { "receipts" });
        ControlFlow::Continue(())
    };
    let note = export_with_annex(&snapshot, &scope, &annex, &args.out, Timestamp::now(), &mut progress)?;
    bar.finish_and_clear();
    let text = told(&note, &scope, Style::of_stdout());
    Ok(output::print(&format!("{text}written to {}\n", args.out.display()))?)
}

/// The keys that the last checkpoint verifies with: those that are given, or the log's own.
pub fn public_keys(given: &[VerifierKey], dir: &Path) -> anyhow::Result<Vec<VerifierKey>> {
    if !given.is_empty() {
        return Ok(given.to_vec());
    }
    let signer = Signer::find(dir)?.ok_or_else(|| {
        Usage(format!("there is no log.key in {}; name the log's public key with `--key`", dir.display()))
    })?;
    Ok(signer.verifiers().cloned().collect())
}

fn told(note: &ExportNote, scope: &ExportScope, style: Style) -> String {
    let what = match scope {
        ExportScope::Whole { .. } => "the whole log",
        ExportScope::Part(_) => "a part: it proves what is in it, not that nothing is missing",
    };
    let pairs = [
        ("export", what.to_owned()),
        ("records", format!("{} of {}, {} requests", note.records, note.size, note.requests)),
        ("receipts", note.receipts.to_string()),
        ("files", note.files.to_string()),
        ("manifest", format!("sha256 {}", note.manifest)),
    ];
    fields(&pairs, style)
}

fn bar() -> ProgressBar {
    let bar = ProgressBar::new(0);
    if let Ok(style) = ProgressStyle::with_template("{bar:32} {pos}/{len} {msg}, {eta} left") {
        bar.set_style(style);
    }
    bar
}

/// Checks an export with nothing but public keys.
pub fn verify(args: &VerifyExportArgs) -> anyhow::Result<std::process::ExitCode> {
    let known = args.known.as_ref().map(read_checkpoint).transpose()?;
    let style = Style::of_stdout();
    match forethought_audit::verify_export(&args.folder, &args.key, known.as_ref()) {
        Ok(report) => {
            let mut pairs = vec![
                ("log", report.origin.clone()),
                ("records", format!("{} of {}, {} requests", report.records, report.size, report.requests)),
                ("receipts", report.receipts.to_string()),
                ("root", report.root.to_string()),
            ];
            if !report.whole {
                pairs.push(("export", "a part: nothing shows that no record is missing in it".to_owned()));
            }
            pairs.extend(
                report.known.map(|size| ("known", format!("it begins with the {size} records that were known"))),
            );
            let unknown = report.unknown_keys.iter().map(|key| ("unknown key", key.to_string()));
            pairs.extend(unknown);
            pairs.extend(report.annex.iter().map(|one| {
                let told = format!("{} ({}), sha256 {}: {}", one.name, one.title, one.sha256, one.standing);
                ("annex", output::tame(&told))
            }));
            output::print(&format!("{}\n{}", style.paint(Paint::Good, "PASSED"), fields(&pairs, style)))?;
            Ok(std::process::ExitCode::SUCCESS)
        }
        Err(wrong) => {
            output::print(&format!("{}\n{wrong}\n", style.paint(Paint::Bad, "FAILED")))?;
            Ok(std::process::ExitCode::from(exit::CHECK_FAILED))
        }
    }
}

fn read_checkpoint(file: &PathBuf) -> anyhow::Result<forethought_tlog::SignedCheckpoint> {
    let bytes = fs::read(file).with_context(|| format!("{} cannot be read", file.display()))?;
    forethought_tlog::SignedCheckpoint::parse(bytes).with_context(|| format!("{} is no checkpoint", file.display()))
}
