//! `forethought audit verify`: PASSED or FAILED, with what was looked at.

use std::{fmt::Write as _, process::ExitCode};

use forethought_audit::{VerifyReport, verify_containing};
use serde_json::{Value, json};

use super::VerifyArgs;
use crate::cli::{
    exit,
    output::{self, Paint, Style, count, fields},
};

pub fn run(args: &VerifyArgs) -> anyhow::Result<ExitCode> {
    let report = verify_containing(args.place.dir()?, &args.contains)?;
    if args.json {
        output::print_json(&to_json(&report))?;
    } else {
        output::print(&text(&report, Style::of_stdout()))?;
    }
    Ok(if report.passed() { ExitCode::SUCCESS } else { ExitCode::from(exit::CHECK_FAILED) })
}

fn text(report: &VerifyReport, style: Style) -> String {
    let (verdict, paint) = if report.passed() { ("PASSED", Paint::Good) } else { ("FAILED", Paint::Bad) };
    let mut pairs: Vec<(&str, String)> = Vec::new();
    if let Some(failure) = &report.failure {
        pairs.extend([
            ("what", failure.what.clone()),
            ("record", failure.record_id.clone().unwrap_or_else(|| "cannot be read".to_owned())),
            ("entry", failure.seq.to_string()),
            ("segment", failure.segment.clone()),
            ("offset", format!("{} bytes", failure.offset)),
        ]);
    }
    let mut requests = format!("{}, {} interrupted", count(report.admissions, "request"), report.interrupted);
    if report.in_use {
        _ = write!(requests, ", {} under way (a server is writing the log)", report.under_way);
    }
    pairs.push(("records", format!("{} good: {requests}", report.records)));
    pairs.push((
        "contents",
        format!(
            "{} good: {} unsealed and compared, {} whose key is erased or lost, {} whose key file cannot be read",
            report.contents, report.unsealed, report.without_key, report.key_unreadable
        ),
    ));
    pairs.extend(report.missing.iter().map(|digest| ("missing", format!("no good record has sha256 {digest}"))));
    if report.cuts > 0 {
        let told =
            format!("{} at the journal's end, acknowledged entries lost: {}", report.cuts, report.acknowledged_lost);
        pairs.push(("cuts", told));
    }
    if let Some(head) = report.head {
        pairs.push(("head", format!("sha256 {head}")));
    }
    format!("{}\n{}", style.paint(paint, verdict), fields(&pairs, style))
}

fn to_json(report: &VerifyReport) -> Value {
    let failure = report.failure.as_ref().map(|failure| {
        json!({
            "what": failure.what, "record_id": failure.record_id, "seq": failure.seq,
            "segment": failure.segment, "offset": failure.offset,
        })
    });
    json!({
        "passed": report.passed(), "entries": report.entries, "records": report.records,
        "admissions": report.admissions, "interrupted": report.interrupted, "under_way": report.under_way,
        "contents": report.contents, "unsealed": report.unsealed, "without_key": report.without_key,
    "key_unreadable": report.key_unreadable, "missing": report.missing,
        "cuts": report.cuts, "acknowledged_lost": report.acknowledged_lost,
        "head": report.head, "in_use": report.in_use, "failure": failure,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lost_entries_fail_and_are_told() {
        let report = VerifyReport { cuts: 2, acknowledged_lost: 5, ..VerifyReport::default() };
        let told = text(&report, Style::of_stdout());
        assert!(told.contains("FAILED") && told.contains("acknowledged entries lost: 5"), "{told}");
        let told = text(&VerifyReport { acknowledged_lost: 0, ..report.clone() }, Style::of_stdout());
        assert!(told.contains("PASSED") && told.contains("2 at the journal's end"), "{told}");
        assert_eq!((&to_json(&report)["passed"], &to_json(&report)["acknowledged_lost"]), (&false.into(), &5.into()));
    }
}
