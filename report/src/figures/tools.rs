//! Tools that models called while they thought: which, and what was decided on each call. Nothing where no model called any.

use forethought_audit::{ReviewDecision, ToolDecision};

use crate::{EntryAt, Figure, Group, collect::Collected, request::Used};

use super::most_first;

/// What became of a call before it could run, in the order in which that is told.
const STANDINGS: [&str; 7] = [
    "allowed",
    "held, and a person approved it",
    "held, and a person rejected it",
    "held, and nobody decided in time",
    "held, and not decided",
    "refused",
    "tried out only, not carried out (dry run)",
];

pub(super) fn groups(found: &Collected) -> Vec<Group> {
    if calls(found).next().is_none() { Vec::new() } else { vec![tools(found), decisions(found)] }
}

fn calls(found: &Collected) -> impl Iterator<Item = &Used> {
    found.requests.iter().flat_map(|request| &request.calls)
}

fn tools(found: &Collected) -> Group {
    let mut figures: Vec<Figure> = Vec::new();
    let mut all: Vec<(&str, EntryAt)> = calls(found).map(|call| (call.tool.as_ref(), call.entry)).collect();
    all.sort_unstable();
    for own in all.chunk_by(|(one, _), (other, _)| one == other) {
        figures.extend(own.first().map(|(tool, _)| Figure::of(*tool, own.iter().map(|(_, entry)| *entry))));
    }
    Group {
        id: "tools",
        title: "Calls of tools by tool",
        about: "Tools that models called while they thought, whatever was decided on the call and came of it.",
        of: "tool",
        unit: "calls",
        figures: most_first(figures),
    }
}

fn decisions(found: &Collected) -> Group {
    let figure = |name: &'static str| {
        Figure::of(name, calls(found).filter(|call| standing(call) == name).map(|call| call.entry))
    };
    Group {
        id: "tool-calls",
        title: "Calls of tools by decision",
        about: "Every call stands in exactly one line. What was decided on it is in the log before the tool runs; one that is held runs \
                only when a person has approved it.",
        of: "decision",
        unit: "calls",
        figures: STANDINGS.into_iter().map(figure).collect(),
    }
}

const fn standing(call: &Used) -> &'static str {
    let [allowed, approved, rejected, late, undecided, refused, dry_run] = STANDINGS;
    match (call.decision, call.decided) {
        (ToolDecision::Allowed, _) => allowed,
        (ToolDecision::Refused, _) => refused,
        (ToolDecision::DryRun, _) => dry_run,
        (ToolDecision::Held, None) => undecided,
        (ToolDecision::Held, Some(ReviewDecision::Approved | ReviewDecision::Edited)) => approved,
        (ToolDecision::Held, Some(ReviewDecision::Rejected)) => rejected,
        (ToolDecision::Held, Some(ReviewDecision::TimedOut)) => late,
    }
}
