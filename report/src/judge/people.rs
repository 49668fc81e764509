//! Checks over what people did: decisions, changes, erasures, reads.

use forethought_audit::{ErasureCause, ReviewDecision};

use super::{Finding, State, View, counted};
use crate::{
    EntryAt, Figure,
    figures::{is_change, is_read},
    request::{By, Done, Erased, Request},
};

pub(super) fn held_answers_decided(view: &View<'_>) -> Finding {
    if let Some(finding) = view.none_reached() {
        return finding;
    }
    let held: Vec<&Request> = view.reached().filter(|request| request.waiting.is_some()).collect();
    if held.is_empty() {
        return Finding::new(State::NotApplicable, "no answer was held for a person in the period");
    }
    let by_person = |request: &&&Request| {
        request
            .decided
            .as_ref()
            .is_some_and(|decided| decided.by.is_some() && decided.decision != ReviewDecision::TimedOut)
    };
    let is_late = |request: &&&Request| match (&request.decided, request.waiting) {
        (Some(decided), _) => decided.decision == ReviewDecision::TimedOut,
        (None, Some(waiting)) => waiting.until <= view.now,
        (None, None) => false,
    };
    let nameless = |request: &&&Request| {
        request
            .decided
            .as_ref()
            .is_some_and(|decided| decided.by.is_none() && decided.decision != ReviewDecision::TimedOut)
    };
    let of = |name: &str, is: &dyn Fn(&&&Request) -> bool| {
        Figure::of(name, held.iter().filter(is).map(|request| request.shown()))
    };
    let late = of("nobody decided in time", &is_late);
    let unnamed = of("the log does not say who decided", &nameless);
    let decided = of("decided by a person", &by_person);
    let all = counted(held.len(), "held answer", "held answers");
    let told = match (late.entries.len(), unnamed.entries.len()) {
        (0, 0) => {
            let waiting = held.len() - decided.entries.len();
            let still = if waiting == 0 { String::new() } else { format!("; {waiting} still in time to be decided") };
            Finding::new(
                State::Shown,
                format!("a person whom the log names decided on {} of {all}{still}", decided.entries.len()),
            )
        }
        (0, some) => Finding::new(State::Gap, format!("on {some} of {all} the log does not say who decided")),
        (some, _) => {
            Finding::new(State::Gap, format!("on {some} of {all} nobody decided in time; these answers were not given"))
        }
    };
    told.with([late, unnamed, decided])
}

pub(super) fn changes_have_authors(view: &View<'_>) -> Finding {
    let changes: Vec<&Done> = view.figures.found.acts.iter().filter(|done| is_change(done)).collect();
    let of = |name: &str, is: &dyn Fn(&By) -> bool| {
        Figure::of(name, changes.iter().filter(|done| is(&done.by)).map(|done| done.entry))
    };
    let found = of("changes that the service found in its files", &|by| *by == By::Service);
    let made = of("changes with an author", &|by| *by != By::Service);
    let finding = match (found.entries.len(), made.entries.len()) {
        (0, 0) => Finding::new(State::NotApplicable, "neither policy nor keys were changed in the period"),
        (0, all) => Finding::new(State::Shown, format!("{} an author", counted(all, "change has", "changes have"))),
        (some, all) => {
            let all = counted(some + all, "change", "changes");
            Finding::new(
                State::Gap,
                format!("of {all}, the service found {some} in its files: the log does not say who made them"),
            )
        }
    };
    finding.with([found, made])
}

/// Erasures that somebody asked for within the period.
fn asked<'f>(view: &View<'f>) -> Vec<(EntryAt, &'f Erased)> {
    let own = view.figures.found.acts.iter().filter(|done| !done.is_later);
    own.filter_map(|done| Some((done.entry, done.erasure.as_ref()?))).collect()
}

pub(super) fn erasures_answered(view: &View<'_>) -> Finding {
    let asked: Vec<_> = asked(view).into_iter().filter(|(_, erased)| erased.cause != ErasureCause::Expiry).collect();
    if asked.is_empty() {
        return Finding::new(State::NotApplicable, "nobody asked for an erasure in the period");
    }
    let of = |name: &str, is: &dyn Fn(&Erased) -> bool| {
        Figure::of(name, asked.iter().filter(|(_, erased)| is(erased)).map(|(entry, _)| *entry))
    };
    let open = of("refused because rules disagree", &|erased| erased.why.iter().any(|why| &**why == "open"));
    let bare = of("refused without a reason", &|erased| erased.refused > 0 && erased.why.is_empty());
    let done = of("carried out", &|erased| erased.refused == 0);
    let refused =
        of("refused with the reason, in whole or in part", &|erased| erased.refused > 0 && !erased.why.is_empty());
    let all = counted(asked.len(), "erasure", "erasures");
    let finding = match (open.entries.len(), bare.entries.len()) {
        (0, 0) => Finding::new(
            State::Shown,
            format!(
                "of {all}, {} carried out and {} refused with the reason",
                done.entries.len(),
                refused.entries.len()
            ),
        ),
        (0, some) => Finding::new(State::Gap, format!("of {all}, {some} refused without a reason")),
        (some, _) => {
            Finding::new(State::Gap, format!("of {all}, {some} wait for a person, since rules of law disagree"))
        }
    };
    finding.with([open, bare, done, refused])
}

pub(super) fn nothing_erased(view: &View<'_>) -> Finding {
    if let Some(finding) = view.none_reached() {
        return finding;
    }
    let gone = Figure::sum(
        "keys that were destroyed",
        asked(view).into_iter().map(|(entry, erased)| (entry, erased.keys)).filter(|(_, keys)| *keys > 0),
    );
    match gone.total() {
        0 => Finding::new(State::Shown, "no content was erased in the period, so every original can be made again"),
        _ => Finding::new(
            State::Gap,
            format!(
                "contents were erased by {}, so their originals cannot be made again",
                counted(gone.entries.len(), "act", "acts")
            ),
        ),
    }
    .with([gone])
}

pub(super) fn reads_recorded(view: &View<'_>) -> Finding {
    if view.figures.requests() == 0 {
        return Finding::new(State::NotApplicable, "there was no request in the period");
    }
    let reads = Figure::of(
        "reads of contents",
        view.figures.found.acts.iter().filter(|done| is_read(done)).map(|done| done.entry),
    );
    let why = match reads.entries.len() {
        0 => "no content was read through the service in the period".to_owned(),
        some => format!("{} through the service, each with who read", counted(some, "read", "reads")),
    };
    Finding::new(State::Shown, why).with([reads])
}
