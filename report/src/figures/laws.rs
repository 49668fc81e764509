//! Rules of law that had a say, safeguards that acted, and what classifiers said.

use std::collections::BTreeMap;

use crate::{
    EntryAt, Figure, Group,
    collect::Collected,
    request::{Found, Note, Request},
};

use super::{by, most_first};

pub(super) fn groups(found: &Collected) -> Vec<Group> {
    vec![laws(found), safeguards(found), classifiers(found), keeping(found)]
}

/// The name of a figure of a rule, by its id, its state and its effect.
pub(crate) fn law_name(note: &Note) -> String {
    let effect = match note.effect.as_ref() {
        "" => return format!("{} · {}", note.rule, note.state),
        "forbid" => "refuses",
        "require" => "asks for something on file",
        "review" => "asks for a person",
        "disclose" => "has a notice or a mark go with the answer",
        "owe" => "something is due later",
        "safeguards" => "has texts looked through",
        "retain" => "has things stay for some time",
        "limit" => "has contents go after some time",
        "erase" => "has contents go when asked",
        "assessed" => "an assessment is on file",
        other => other,
    };
    format!("{} · {effect} · {}", note.rule, note.state)
}

fn laws(found: &Collected) -> Group {
    let names = |request: &Request| request.laws.iter().map(law_name).collect();
    Group {
        id: "laws",
        title: "Rules of law that had a say",
        about: "Enforced: the rule had effect. Shadow: it was only told, since it is not in force yet, is stayed by a court, or the \
                operator only tries it. Undetermined: the request left out a fact that the rule hangs on.",
        of: "rule, effect and state",
        unit: "requests",
        figures: by(&found.requests, names, |request| request.admission),
    }
}

fn safeguards(found: &Collected) -> Group {
    let mut sums: BTreeMap<String, BTreeMap<EntryAt, u64>> = BTreeMap::new();
    for request in &found.requests {
        for one in &request.safeguards {
            let entry = if one.side == "input" { Some(request.admission) } else { request.end };
            let name = format!("{} in what was {}: {}", one.kind, said(one), done(&one.action));
            if let Some(entry) = entry {
                *sums.entry(name).or_default().entry(entry).or_default() += one.count;
            }
        }
    }
    Group {
        id: "safeguards",
        title: "Safeguards that acted",
        about: "What was found in texts, how often, and what was done about it. No text is in the log.",
        of: "kind and action",
        unit: "findings",
        figures: most_first(sums.into_iter().map(|(name, parts)| Figure::sum(name, parts)).collect()),
    }
}

fn said(found: &Found) -> &'static str {
    if found.side == "input" { "asked" } else { "answered" }
}

fn done(action: &str) -> &str {
    match action {
        "flag" => "noted",
        "redact" => "taken out",
        "hold" => "held for a person",
        "block" => "blocked",
        other => other,
    }
}

fn classifiers(found: &Collected) -> Group {
    let names = |request: &Request| {
        let name = |one: &Found| format!("{} on what was {}: {}", one.kind, said(one), verdict(&one.action));
        request.classifiers.iter().map(name).collect()
    };
    Group {
        id: "classifiers",
        title: "What classifier models said",
        about: "A classifier is a second model that judges texts. One that failed has neither passed nor refused anything.",
        of: "classifier and verdict",
        unit: "requests",
        figures: by(&found.requests, names, Request::shown_end),
    }
}

fn verdict(name: &str) -> &str {
    match name {
        "passed" => "no violation",
        "violated" => "a violation",
        "classifier_failed" => "it failed",
        other => other,
    }
}

fn keeping(found: &Collected) -> Group {
    let names = |request: &Request| {
        let keeping = &request.keeping;
        let told = |what: &str, days: &Option<(u32, std::sync::Arc<str>)>| {
            days.as_ref().map(|(days, rule)| format!("{what} {days} days ({rule})"))
        };
        [
            told("records stay at least", &keeping.records),
            told("contents stay at least", &keeping.contents),
            told("contents are gone after", &keeping.limit),
            keeping.is_open.then(|| "two rules disagree, and a person has to decide".to_owned()),
        ]
        .into_iter()
        .flatten()
        .collect()
    };
    Group {
        id: "retention",
        title: "How long rules have things stay",
        about: "As it was written down when the request was let in. Requests that no rule says anything about are not in it.",
        of: "rule",
        unit: "requests",
        figures: by(&found.requests, names, |request| request.admission),
    }
}
