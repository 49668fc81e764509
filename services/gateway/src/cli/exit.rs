//! Exit codes, and how a failure is told: once, with its causes, each of them once.

use std::{io, process::ExitCode};

use forethought_audit::{AuditError, ProveError};
use forethought_engine::GgufError;
use forethought_eval::EvalError;
use forethought_impact::ImpactError;
use forethought_policies::{EditError, FileError};
use forethought_report::ReportError;
use forethought_store::StoreError;

/// A check failed: the log is not what it should be.
pub const CHECK_FAILED: u8 = 1;
/// Wrong usage, or a wrong file.
pub const USAGE: u8 = 2;
/// What was looked at cannot tell: no pass, and no failure.
pub const INCONCLUSIVE: u8 = 4;
/// A failure while running, such as a port that is taken.
pub const FAILED: u8 = 3;

/// What the caller asked for cannot be: what, and the mend.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Usage(pub String);

/// The output could not be written.
#[derive(Debug, thiserror::Error)]
#[error("cannot write the output: {0}")]
pub struct OutputError(pub io::Error);

/// Prints the error to stderr, and gives the exit code that it has.
pub fn report(error: &anyhow::Error) -> ExitCode {
    if error.downcast_ref::<OutputError>().is_some_and(|OutputError(io)| io.kind() == io::ErrorKind::BrokenPipe) {
        // The reader has seen enough, as `head` does.
        return ExitCode::SUCCESS;
    }
    for line in text(error).lines() {
        eprintln!("error: {line}");
    }
    ExitCode::from(code(error))
}

/// The error and its causes; a cause that an error has told already is left out.
fn text(error: &anyhow::Error) -> String {
    let mut text = String::new();
    for cause in error.chain() {
        let cause = cause.to_string();
        if text.is_empty() {
            text = cause;
        } else if !text.contains(&cause) {
            text = format!("{text}: {cause}");
        }
    }
    text
}

fn code(error: &anyhow::Error) -> u8 {
    let is_usage = error.chain().any(|cause| {
        cause.is::<Usage>()
            || cause.is::<FileError>()
            || cause.is::<GgufError>()
            || cause.downcast_ref().is_some_and(EvalError::is_usage)
            || cause.downcast_ref().is_some_and(ImpactError::is_usage)
            || cause.downcast_ref().is_some_and(ReportError::is_usage)
            || cause.downcast_ref().is_some_and(is_wrong_edit)
            || cause
                .downcast_ref()
                .is_some_and(|error| matches!(error, ProveError::Unknown(_) | ProveError::NoCheckpoint))
            || cause.downcast_ref().is_some_and(|error| matches!(error, AuditError::Search(_)))
            || cause.downcast_ref().is_some_and(is_wrong_registration)
            || cause.downcast_ref().is_some_and(is_no_log)
            || cause.downcast_ref().is_some_and(|error| matches!(error, AuditError::Store(error) if is_no_log(error)))
    });
    if is_usage { USAGE } else { FAILED }
}

/// Whether another edit could succeed where this one did not, at any time.
fn is_wrong_edit(error: &EditError) -> bool {
    !matches!(
        error,
        EditError::Busy { .. }
            | EditError::ChangedMeanwhile { .. }
            | EditError::Io { .. }
            | EditError::NoRandomness { .. }
    )
}

/// Whether the registry would say no at any time.
fn is_wrong_registration(error: &forethought_provenance::EditError) -> bool {
    use forethought_provenance::EditError;
    !matches!(error, EditError::Busy { .. } | EditError::Raced { .. } | EditError::Write { .. })
}

fn is_no_log(error: &StoreError) -> bool {
    matches!(error, StoreError::NoJournal { .. })
}

#[cfg(test)]
mod tests {
    use anyhow::Context as _;

    use super::*;

    #[test]
    fn a_cause_is_told_once_and_decides_the_code() {
        let check = |error: anyhow::Error, expect: &str, expect_code: u8| {
            assert_eq!((text(&error).as_str(), code(&error)), (expect, expect_code));
        };
        let full = || StoreError::io("append to", "x.seg", io::ErrorKind::PermissionDenied.into());
        let told = "cannot append to x.seg: permission denied; check that the disk is healthy and the directory is ours \
                    to write";
        check(full().into(), told, FAILED);
        check(anyhow::Error::from(full()).context("no start"), &format!("no start: {told}"), FAILED);
        check(Usage("give an id".to_owned()).into(), "give an id", USAGE);
        let missing = Err::<(), _>(StoreError::NoJournal { location: "d".to_owned() }).context("cannot list");
        check(missing.unwrap_err(), "cannot list: there is no log in d; check the data directory", USAGE);
        let missing = AuditError::Store(StoreError::NoJournal { location: "d".to_owned() });
        check(missing.into(), "there is no log in d; check the data directory", USAGE);
    }
}
