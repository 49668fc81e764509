//! Who decided on an answer that was held, or on a call of a tool, what, why, and after how long.

use super::{Part, words};
use crate::{Actor, Body, Outcome, Review, ReviewDecision, Shown};

pub(super) fn review(outcome: &Outcome, shown: &Shown) -> Vec<Part> {
    let Some(asked) = &outcome.review else { return Vec::new() };
    let because =
        if asked.because.is_empty() { String::new() } else { format!(", because of {}", words::list(&asked.because)) };
    let held = format!("The answer was held for a person to decide until {}{because}.", words::time(asked.until));
    let mut parts = vec![Part::sentence(held)];
    let since = shown.end.as_ref().map(|end| end.time);
    match shown.review.as_ref().map(|record| (record, &record.body)) {
        Some((record, Body::Review(review))) => {
            let after = since.and_then(|since| words::between(since, record.time));
            parts.extend(decided(review, &words::time(record.time), after));
        }
        _ => parts.push(Part::sentence("Nobody has decided yet.")),
    }
    parts
}

fn decided(review: &Review, time: &str, after: Option<String>) -> Vec<Part> {
    told(review, did(review.decision), time, after)
}

/// As for an answer, of a call of a tool.
pub(super) fn decided_on_call(review: &Review, time: &str, after: Option<String>) -> Vec<Part> {
    let did = match review.decision {
        ReviewDecision::Approved => "approved it",
        ReviewDecision::TimedOut => "let the time run out, so it was not carried out",
        other => did(other),
    };
    told(review, did, time, after)
}

const fn did(decision: ReviewDecision) -> &'static str {
    match decision {
        ReviewDecision::Approved => "approved it as it is",
        ReviewDecision::Edited => "gave another answer in its place",
        ReviewDecision::Rejected => "rejected it",
        ReviewDecision::TimedOut => "let the time run out, so it was not given",
    }
}

fn told(review: &Review, did: &str, time: &str, after: Option<String>) -> Vec<Part> {
    let after = after.map(|after| format!(", {after} after it was held")).unwrap_or_default();
    let mut parts = vec![Part::sentence(format!("{} {did} on {time}{after}.", who(review.by.as_ref())))];
    if !review.reason.is_empty() {
        parts.push(Part::sentence("The reason given:"));
        parts.push(Part::quote(review.reason.clone()));
    }
    parts
}

fn who(by: Option<&Actor>) -> String {
    match by {
        Some(Actor { tenant, key_id, role }) => format!("The key `{key_id}` of the tenant `{tenant}`, as `{role}`,"),
        None => "Nobody decided; the service".to_owned(),
    }
}
