//! Answers that waited for a person: what was decided, and by whom.

use forethought_audit::ReviewDecision;

use crate::{
    Figure, Group,
    collect::Collected,
    request::{Decided, Request},
};

use super::most_first;

pub(super) fn groups(found: &Collected) -> Vec<Group> {
    vec![decisions(found), deciders(found)]
}

/// What became of an answer that waited.
pub(crate) const fn decision_name(decided: Option<&Decided>) -> &'static str {
    match decided {
        None => "no decision yet",
        Some(decided) => match decided.decision {
            ReviewDecision::Approved => "approved as it is",
            ReviewDecision::Edited => "another answer was given in its place",
            ReviewDecision::Rejected => "rejected",
            ReviewDecision::TimedOut => "nobody decided in time, so it was not given",
        },
    }
}

fn waited(found: &Collected) -> impl Iterator<Item = &Request> {
    found.requests.iter().filter(|request| request.waiting.is_some())
}

fn decisions(found: &Collected) -> Group {
    let names = [
        "approved as it is",
        "another answer was given in its place",
        "rejected",
        "nobody decided in time, so it was not given",
        "no decision yet",
    ];
    let figure = |name: &'static str| {
        let own = waited(found).filter(|request| decision_name(request.decided.as_ref()) == name);
        Figure::of(name, own.map(Request::shown))
    };
    Group {
        id: "reviews",
        title: "Answers that were held for a person",
        about: "An answer that is held leaves the service only when a person has approved it, or given another in its place.",
        of: "decision",
        unit: "answers",
        figures: names.into_iter().map(figure).collect(),
    }
}

fn deciders(found: &Collected) -> Group {
    let name = |request: &Request| {
        let by = request.decided.as_ref()?.by.as_ref()?;
        Some(vec![by.as_ref().to_owned()])
    };
    let names = |request: &Request| name(request).unwrap_or_default();
    Group {
        id: "reviewers",
        title: "Who decided on held answers",
        about: "By the id of the key, or of the person as the identity provider names them, with the role in which they acted.",
        of: "key or person, and role",
        unit: "decisions",
        figures: most_first(super::by(&found.requests, names, Request::shown)),
    }
}
