//! What was answered, how it ended, and where that can be proved.

use super::{Part, called::MOST_CALLS, contents::Contents, words};
use crate::{Body, Digest, Outcome, OutcomeStatus, Record, Shown, ShownCall, ShownRecord, Status};

pub(super) fn answer(outcome: &Outcome, shown: &Shown, contents: &Contents<'_>) -> Vec<Part> {
    let given =
        |record: &Option<Record>| record.as_ref().map_or_else(Vec::new, |record| contents.told_of(record, "answer"));
    let mut parts = given(&shown.end);
    if parts.is_empty() {
        parts.push(Part::sentence("There is no answer."));
    }
    let edited = given(&shown.review);
    if !edited.is_empty() {
        parts.push(Part::sentence("What was given in its place:"));
        parts.extend(edited);
    }
    parts.extend(
        outcome.finish_reason.as_ref().map(|why| Part::sentence(format!("It ends where it does because: `{why}`."))),
    );
    parts
}

pub(super) fn end(shown: &Shown, outcome: Option<&Outcome>) -> Vec<Part> {
    let mut told = vec![stands(shown)];
    if let Some(Body::Interrupted(interrupted)) = shown.end.as_ref().map(|end| &end.body) {
        told.push(format!("The log says why: {}.", interrupted.reason));
    }
    told.extend(outcome.and_then(|outcome| outcome.error_code.as_ref()).map(|code| format!("The error was `{code}`.")));
    told.extend(outcome.map(|outcome| format!("It cost {}.", words::cost(outcome.cost))));
    told.into_iter().map(Part::sentence).collect()
}

/// How it stands, in a sentence.
fn stands(shown: &Shown) -> String {
    let last = shown.review.as_ref().or(shown.end.as_ref());
    let on = last.map(|record| format!(" on {}", words::time(record.time))).unwrap_or_default();
    let reviewed = shown.review.is_some();
    match shown.status {
        Status::Ended(OutcomeStatus::Answered) if reviewed => format!("The answer was released{on}."),
        Status::Ended(OutcomeStatus::Refused) if reviewed => format!("The answer was withheld{on}."),
        Status::Ended(OutcomeStatus::Answered) => format!("It was answered{on}."),
        Status::Ended(OutcomeStatus::Failed) => format!("It failed{on}."),
        Status::Ended(OutcomeStatus::Cancelled) => {
            format!("It was stopped{on}: the client left, or someone stopped it.")
        }
        Status::Ended(OutcomeStatus::Deadline) => format!("Its time was over before there was any answer{on}."),
        Status::Ended(OutcomeStatus::Refused) => {
            format!("It was refused{on}: a rule or a safeguard withheld the answer.")
        }
        Status::Ended(OutcomeStatus::Held) => format!("Its answer waits for a person; it was held{on}."),
        Status::Interrupted => {
            format!("It was interrupted: the service ended before it had an outcome, as was noted{on}.")
        }
        Status::Open => {
            "It has no end yet: it is under way or, where no server is running, the next start closes it as \
                         interrupted."
                .to_owned()
        }
    }
}

pub(super) fn proof(shown: &Shown) -> Vec<Part> {
    let leaves = shown.leaves;
    let first = row("admission", &shown.admission, shown.admission_hash, leaves.admission);
    let last = [
        row_of("end", shown.end.as_ref(), shown.end_hash, leaves.end),
        row_of("decision", shown.review.as_ref(), shown.review_hash, leaves.review),
    ];
    let rows = std::iter::once(first).chain(calls(shown)).chain(last.into_iter().flatten()).collect();
    vec![
        Part::sentence(
            "These records are leaves of the log; a receipt proves each to whoever has the log's public key.",
        ),
        Part::table(&["RECORD", "LEAF", "ID AND SHA-256"], rows),
    ]
}

/// Those of the calls that are told, in the order of the log.
fn calls(shown: &Shown) -> Vec<Vec<String>> {
    let mut records: Vec<&ShownRecord> = shown.calls.iter().take(MOST_CALLS).flat_map(ShownCall::records).collect();
    records.sort_by_key(|record| record.leaf);
    let name = |record: &Record| match record.body {
        Body::ToolCall(_) => "call",
        Body::ToolResult(_) => "result",
        _ => "decision on a call",
    };
    records.into_iter().map(|one| row(name(&one.record), &one.record, one.hash, one.leaf)).collect()
}

fn row(what: &str, record: &Record, hash: Digest, leaf: u64) -> Vec<String> {
    vec![what.to_owned(), leaf.to_string(), format!("{} {hash}", record.record_id)]
}

fn row_of(what: &str, record: Option<&Record>, hash: Option<Digest>, leaf: Option<u64>) -> Option<Vec<String>> {
    Some(row(what, record?, hash?, leaf?))
}
