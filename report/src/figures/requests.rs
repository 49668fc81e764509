//! Requests by what became of them, by day, by model, by strategy, by what they were about.

use crate::{
    Figure, Group, Scope,
    collect::Collected,
    request::{Fate, Request},
    scope::day_of,
};

use super::{by, most_first, text};

/// Days of a plot and a table; a longer period is told by month.
const MOST_DAYS: i64 = 92;

pub(super) fn groups(found: &Collected, scope: &Scope) -> Vec<Group> {
    vec![
        outcomes(found),
        days(found, scope),
        models(found),
        strategies(found),
        purposes(found),
        regions(found),
        errors(found),
    ]
}

fn outcomes(found: &Collected) -> Group {
    let figure = |fate: Fate| {
        let own = found.requests.iter().filter(move |request| request.fate == fate);
        Figure::of(fate.as_str(), own.map(|request| request.admission))
    };
    Group {
        id: "outcomes",
        title: "Requests by outcome",
        about: "Every request that was let in stands in exactly one line. A request whose answer was held and then approved is \
                answered; one that was rejected, or on which nobody decided in time, is refused.",
        of: "outcome",
        unit: "requests",
        figures: Fate::ALL.into_iter().map(figure).collect(),
    }
}

/// The name of the day, or of the month, that a request stands under.
pub(super) fn bucket(request: &Request, scope: &Scope) -> String {
    let form = if is_by_day(scope) { "%Y-%m-%d" } else { "%Y-%m" };
    day_of(request.time).strftime(form).to_string()
}

fn is_by_day(scope: &Scope) -> bool {
    scope.to.duration_since(scope.from).as_hours() <= MOST_DAYS * 24
}

/// Every day, or month, of the period, also those on which nothing happened.
pub(super) fn buckets(scope: &Scope) -> Vec<String> {
    let (form, last) = (if is_by_day(scope) { "%Y-%m-%d" } else { "%Y-%m" }, day_of(scope.to));
    let mut names: Vec<String> = Vec::new();
    for day in day_of(scope.from).series(jiff::Span::new().days(1)) {
        let begins = day.to_zoned(jiff::tz::TimeZone::UTC).map(|at| at.timestamp());
        if day > last || begins.is_ok_and(|at| at >= scope.to) {
            break;
        }
        let name = day.strftime(form).to_string();
        if names.last() != Some(&name) {
            names.push(name);
        }
    }
    names
}

fn days(found: &Collected, scope: &Scope) -> Group {
    let mut days: std::collections::BTreeMap<String, Figure> =
        buckets(scope).into_iter().map(|name| (name.clone(), Figure::new(name))).collect();
    for request in &found.requests {
        let name = bucket(request, scope);
        days.entry(name.clone()).or_insert_with(|| Figure::new(name)).entries.push(request.admission);
    }
    Group {
        id: "days",
        title: "Requests by day",
        about: "A request belongs to the day, UTC, on which it was let in. A period of more than three months is told by month.",
        of: "day",
        unit: "requests",
        figures: days.into_values().collect(),
    }
}

fn models(found: &Collected) -> Group {
    let name = |request: &Request| vec![format!("{} · weights {}", request.model, request.weights)];
    Group {
        id: "models",
        title: "Requests by model",
        about: "The digest of the weights says which file of the model answered, whatever its name.",
        of: "model and digest of its weights",
        unit: "requests",
        figures: most_first(by(&found.requests, name, |request| request.admission)),
    }
}

fn strategies(found: &Collected) -> Group {
    let name = |request: &Request| vec![format!("{} at effort {}", request.strategy, request.effort)];
    Group {
        id: "strategies",
        title: "Requests by way of answering",
        about: "The strategy is how the model's attempts become one answer; the effort is how much it was allowed to spend.",
        of: "strategy and effort",
        unit: "requests",
        figures: most_first(by(&found.requests, name, |request| request.admission)),
    }
}

fn purposes(found: &Collected) -> Group {
    let name = |request: &Request| vec![request.purpose.as_ref().map_or_else(|| "none declared".to_owned(), text)];
    Group {
        id: "purposes",
        title: "Requests by declared purpose",
        about: "What the request, the key or the tenant said the answer is for. Nobody checks whether that is true.",
        of: "purpose",
        unit: "requests",
        figures: most_first(by(&found.requests, name, |request| request.admission)),
    }
}

fn regions(found: &Collected) -> Group {
    let names = |request: &Request| match request.regions.as_slice() {
        [] => vec!["none declared".to_owned()],
        regions => regions.iter().map(text).collect(),
    };
    Group {
        id: "regions",
        title: "Requests by declared region",
        about: "Where the people are whom it concerns, or where the answer is used. A request with several regions stands in each.",
        of: "region",
        unit: "requests",
        figures: most_first(by(&found.requests, names, |request| request.admission)),
    }
}

fn errors(found: &Collected) -> Group {
    let names = |request: &Request| request.error.iter().map(text).collect();
    Group {
        id: "errors",
        title: "Errors that clients got",
        about: "By the code of the error. Those that say that a rule refused it count as refused above, the others as failed.",
        of: "code",
        unit: "requests",
        figures: most_first(by(&found.requests, names, Request::shown)),
    }
}
