//! Checks over what every request says of itself.

use super::{Finding, State, View, counted, grouped};
use crate::{
    Figure,
    request::{Fate, Request},
};

/// A request that began less than so many seconds before the report may still be under way.
const UNDER_WAY_SECONDS: i64 = 3600;

/// Classes of data that are about persons, as `docs/packs.md` has them.
const PERSONAL: [&str; 8] =
    ["personal", "special_category", "biometric", "health", "children", "consumer_report", "financial", "criminal"];

/// What all requests that a law may reach should have.
struct Having<'a> {
    /// Of those that have it.
    with: &'a str,
    /// Of those that lack it.
    without: &'a str,
}

/// Whether all requests that the law may reach have something; those of which it makes no sense to ask are left out.
fn all_have(view: &View<'_>, having: &Having<'_>, has: impl Fn(&Request) -> Option<bool>) -> Finding {
    if let Some(finding) = view.none_reached() {
        return finding;
    }
    let of = |wanted: bool| {
        let own = view.reached().filter(|request| has(request) == Some(wanted));
        own.map(|request| request.admission).collect::<Vec<_>>()
    };
    let (with, without) = (of(true), of(false));
    let figures = [Figure::of(having.without, without.iter().copied()), Figure::of(having.with, with.iter().copied())];
    let all = counted(with.len() + without.len(), "request", "requests");
    match (with.len(), without.len()) {
        (0, 0) => Finding::new(State::NotApplicable, "no request of the period was of the kind that this is about"),
        (_, 0) => Finding::new(State::Shown, format!("of {all}, every one: {}", having.with)).with(figures),
        (_, some) => {
            let some = grouped(some as u64);
            Finding::new(State::Gap, format!("{some} of {all}: {}", having.without)).with(figures)
        }
    }
}

pub(super) fn every_request_ends(view: &View<'_>) -> Finding {
    if let Some(finding) = view.none_reached() {
        return finding;
    }
    let is_late = |request: &&Request| {
        request.fate == Fate::Open && view.now.duration_since(request.time).as_secs() >= UNDER_WAY_SECONDS
    };
    let of = |name: &str, wanted: &dyn Fn(&&Request) -> bool| {
        Figure::of(name, view.reached().filter(|request| wanted(request)).map(|request| request.admission))
    };
    let late = of("requests without an end", &is_late);
    let ended = of("requests with an end", &|request| request.end.is_some());
    let interrupted = of("of these, interrupted by a crash", &|request| request.fate == Fate::Interrupted);
    let figures = [late.clone(), ended, interrupted.clone()];
    if !late.entries.is_empty() {
        let why = format!("{} no end in the log", counted(late.entries.len(), "request has", "requests have"));
        return Finding::new(State::Gap, why).with(figures);
    }
    let all = counted(view.reached_count(), "request", "requests");
    let crashed = match interrupted.entries.len() {
        0 => String::new(),
        some => format!("; {some} ended in a crash, which is recorded as such"),
    };
    Finding::new(State::Shown, format!("{all} stand in the log with what became of them{crashed}")).with(figures)
}

pub(super) fn purpose_declared(view: &View<'_>) -> Finding {
    let having = Having { with: "a purpose is declared", without: "no purpose is declared" };
    all_have(view, &having, |request| Some(request.purpose.is_some()))
}

pub(super) fn data_described(view: &View<'_>) -> Finding {
    let having =
        Having { with: "purpose and kinds of data are declared", without: "purpose or kinds of data are not declared" };
    all_have(view, &having, |request| Some(request.purpose.is_some() && !request.data_classes.is_empty()))
}

pub(super) fn contents_expire(view: &View<'_>) -> Finding {
    let having = Having {
        with: "contents have a last day",
        without: "contents may be about persons and have no last day: they stay until somebody has them erased",
    };
    let is_personal = |request: &Request| {
        request.data_classes.is_empty() || request.data_classes.iter().any(|class| PERSONAL.contains(&class.as_ref()))
    };
    all_have(view, &having, |request| is_personal(request).then_some(request.keeping.limit.is_some()))
}

pub(super) fn contents_sealed(view: &View<'_>) -> Finding {
    let having = Having {
        with: "what was asked is encrypted beside the record, and the record commits to it",
        without: "no encrypted content goes with the record",
    };
    all_have(view, &having, |request| Some(request.is_sealed))
}

pub(super) fn models_named(view: &View<'_>) -> Finding {
    let having = Having {
        with: "the digest of the model's weights is recorded",
        without: "the model's weights are not known, such as those of another server",
    };
    all_have(view, &having, |request| {
        let is_refused = request.fate == Fate::Refused && request.spent.is_none_or(|spent| spent.samples == 0);
        let digest = request.weights.split_once(':').map_or(request.weights.as_ref(), |(_, digest)| digest);
        let is_digest = digest.len() >= 32 && digest.bytes().all(|byte| byte.is_ascii_hexdigit());
        // What no model was asked needs none.
        (is_digest || !is_refused).then_some(is_digest)
    })
}

pub(super) fn texts_judged(view: &View<'_>) -> Finding {
    let having = Having {
        with: "a classifier model has judged it",
        without: "no classifier model has judged it, or the one that should have failed",
    };
    all_have(view, &having, |request| {
        let judged = request.classifiers.iter().any(|one| &*one.action != "classifier_failed");
        let failed = request.classifiers.iter().any(|one| &*one.action == "classifier_failed");
        matches!(request.fate, Fate::Answered | Fate::Held).then_some(judged && !failed)
    })
}

pub(super) fn samples_compared(view: &View<'_>) -> Finding {
    let having = Having {
        with: "two or more samples were compared",
        without: "there was one sample, or none was counted, so nothing was compared",
    };
    all_have(view, &having, |request| {
        (request.fate == Fate::Answered).then(|| request.votes.is_some_and(|(_, all)| all > 1))
    })
}
