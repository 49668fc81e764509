//! Which tools the model called while it thought, who let it, and what came of each call.

use super::{Part, contents::Contents, review, words};
use crate::{Outcome, SafeguardNote, Shown, ShownCall, Status, ToolCall, ToolDecision, ToolResult, ToolsSpent};

/// Calls that are told one by one; of more, these come first.
pub(super) const MOST_CALLS: usize = 50;

pub(super) fn calls(shown: &Shown, outcome: Option<&Outcome>, contents: &Contents<'_>) -> Vec<Part> {
    if shown.calls.is_empty() {
        return Vec::new();
    }
    let mut parts = vec![Part::sentence(tally(&shown.calls))];
    parts.extend(outcome.and_then(|outcome| outcome.tools).map(|tools| Part::sentence(spent(tools))));
    for call in shown.calls.iter().take(MOST_CALLS) {
        parts.extend(one(call, shown.status, contents));
    }
    if let Some(rest) = shown.calls.get(MOST_CALLS..).filter(|rest| !rest.is_empty()) {
        parts.push(Part::sentence(format!("And more: {}", tally(rest))));
    }
    parts
}

fn tally(calls: &[ShownCall]) -> String {
    let decided = |decision| calls.iter().filter_map(ShownCall::body).filter(|c| c.decision == decision).count();
    let without = calls.iter().filter(|call| call.result.is_none()).count();
    format!(
        "{}: {} allowed, {} refused, {} held for a person, and {} only tried out; {} without a result.",
        words::count(calls.len() as u64, "call"),
        decided(ToolDecision::Allowed),
        decided(ToolDecision::Refused),
        decided(ToolDecision::Held),
        decided(ToolDecision::DryRun),
        without
    )
}

fn spent(tools: ToolsSpent) -> String {
    let (calls, cost) = (words::count(tools.calls.into(), "call"), words::cost(tools.cost));
    format!(
        "The end says: {calls}, {} refused or declined, {} failed, {} of their time, {cost}.",
        tools.refused,
        tools.failed,
        words::span(tools.wall_ms)
    )
}

/// One call, from its model to what that was told.
fn one(shown: &ShownCall, status: Status, contents: &Contents<'_>) -> Vec<Part> {
    let Some(call) = shown.body() else { return Vec::new() };
    let time = words::time(shown.call.record.time);
    let mut parts = vec![Part::sentence(called(call, &time))];
    parts.extend(call.safeguards.iter().map(|note| found("its arguments", note)));
    parts.extend(named("It was called with:", contents.opened_of(&shown.call.record, ToolCall::ARGUMENTS)));
    parts.extend(waited(shown, call, status));
    match (&shown.result, shown.outcome()) {
        (Some(record), Some(result)) => {
            parts.push(Part::sentence(ended(result)));
            parts.extend(result.safeguards.iter().map(|note| found("its result", note)));
            parts.extend(named("The model read:", contents.opened_of(&record.record, ToolResult::RESULT)));
        }
        _ => parts.push(Part::sentence(unknown(status))),
    }
    parts
}

fn called(call: &ToolCall, time: &str) -> String {
    let ToolCall { sample, round, call: place, tool, spec, effect, .. } = call;
    let effect = match effect.as_str() {
        "pure" => "which changes nothing".to_owned(),
        "reads" => "which reads".to_owned(),
        "changes" => "which may change something".to_owned(),
        other => format!("whose effect is `{other}`"),
    };
    let spec = if spec.is_empty() { "there is no such tool".to_owned() } else { spec.clone() };
    let (decided, by) = (decided(call.decision), by(&call.because));
    let under = call.policy.as_ref().map(|policy| format!(" under policy {}", policy.version)).unwrap_or_default();
    format!(
        "Sample {sample}, round {round}, call {place}, on {time}: `{tool}` ({spec}), {effect}, {decided}{under}{by}."
    )
}

const fn decided(decision: ToolDecision) -> &'static str {
    match decision {
        ToolDecision::Allowed => "was allowed",
        ToolDecision::Refused => "was refused",
        ToolDecision::Held => "was held for a person",
        ToolDecision::DryRun => "was only tried out (dry run)",
    }
}

fn by(because: &[String]) -> String {
    if because.is_empty() { String::new() } else { format!(" because of {}", words::list(because)) }
}

fn found(side: &str, note: &SafeguardNote) -> Part {
    Part::sentence(super::rules::safeguard(side, note))
}

/// What a content says, behind a word about what it is; nothing where contents were not asked for.
fn named(what: &str, told: Vec<Part>) -> Vec<Part> {
    let name = (!told.is_empty()).then(|| Part::sentence(what));
    name.into_iter().chain(told).collect()
}

/// Who decided on a call that was held.
fn waited(shown: &ShownCall, call: &ToolCall, status: Status) -> Vec<Part> {
    let Some(until) = call.until else { return Vec::new() };
    if let (Some(record), Some(decision)) = (&shown.review, shown.decision()) {
        let after = words::between(shown.call.record.time, record.record.time);
        return review::decided_on_call(decision, &words::time(record.record.time), after);
    }
    let told = match (shown.result.is_some(), status) {
        (false, Status::Open) => format!("It waits for a person to decide until {}.", words::time(until)),
        _ => "Nobody decided on it.".to_owned(),
    };
    vec![Part::sentence(told)]
}

fn ended(result: &ToolResult) -> String {
    let after = words::span(result.wall_ms);
    let how = match result.state.as_str() {
        ToolResult::DONE => format!("It was done after {after}"),
        ToolResult::FAILED => format!("The tool said after {after} that it failed"),
        ToolResult::CANCELLED => format!("It was stopped after {after}"),
        ToolResult::DECLINED => "It was not carried out, since nobody approved it".to_owned(),
        ToolResult::DRY_RUN => "It was not carried out, and the model was told what would have been done".to_owned(),
        other => match result.error_code() {
            Some(code) => format!("It ended after {after} in the error `{code}`"),
            None => format!("It ended after {after} as `{other}`"),
        },
    };
    let cut = if result.left_out == 0 { String::new() } else { format!(", {} were cut off", result.left_out) };
    let cost = if result.cost == 0 { String::new() } else { format!("; it cost {}", words::cost(result.cost)) };
    format!("{how}; the model read {}{cut}{cost}.", words::count(result.bytes, "byte"))
}

fn unknown(status: Status) -> &'static str {
    if status == Status::Open { "It has no result yet." } else { "Its result is not known." }
}
