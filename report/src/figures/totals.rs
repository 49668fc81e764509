//! The few numbers that a reader sees first.

use forethought_audit::ReviewDecision;

use crate::{
    EntryAt, Figure, Group,
    collect::Collected,
    figures::{is_change, is_read},
    request::{Fate, Request},
};

pub(crate) const LET_IN: &str = "requests that were let in";
pub(crate) const UNFINISHED: &str = "requests that did not finish";
pub(crate) const HELD: &str = "answers that were held for a person";
pub(crate) const DECIDED: &str = "answers on which a person decided";
/// What safeguards found, in all.
pub(crate) const FINDINGS: &str = "things that safeguards found";
pub(crate) const CHANGES: &str = "changes of policy and keys";
pub(crate) const READS: &str = "reads of contents";
pub(crate) const ERASURES: &str = "erasures, and erasures that were refused";

pub(super) fn group(found: &Collected) -> Group {
    let of = |name: &str, is: &dyn Fn(&Request) -> bool| {
        Figure::of(name, found.requests.iter().filter(|request| is(request)).map(|request| request.admission))
    };
    let is_unfinished = |request: &Request| {
        matches!(request.fate, Fate::Failed | Fate::Cancelled | Fate::Deadline | Fate::Interrupted | Fate::Open)
    };
    let by_person = |request: &Request| {
        request.decided.as_ref().is_some_and(|decided| decided.decision != ReviewDecision::TimedOut)
    };
    let acts = |name: &str, is: &dyn Fn(&crate::request::Done) -> bool| {
        Figure::of(name, found.acts.iter().filter(|done| is(done)).map(|done| done.entry))
    };
    Group {
        id: "totals",
        title: "In all",
        about: "The numbers of the summary. A request did not finish when it failed, was cancelled, ran out of time, was interrupted by a \
                crash, or has no end yet.",
        of: "what",
        unit: "how many",
        figures: vec![
            of(LET_IN, &|_| true),
            of(UNFINISHED, &is_unfinished),
            of(HELD, &|request| request.waiting.is_some()),
            of(DECIDED, &by_person),
            Figure::sum(FINDINGS, findings(found)),
            acts(CHANGES, &is_change),
            acts(READS, &is_read),
            acts(ERASURES, &|done| done.erasure.is_some()),
        ],
    }
}

/// What safeguards found, by the records that say it.
fn findings(found: &Collected) -> Vec<(EntryAt, u64)> {
    let of = |request: &Request, side: &str| {
        request.safeguards.iter().filter(|one| one.side == side).fold(0_u64, |sum, one| sum.saturating_add(one.count))
    };
    let parts =
        |request: &Request| [(Some(request.admission), of(request, "input")), (request.end, of(request, "output"))];
    let all = found.requests.iter().flat_map(parts);
    all.filter_map(|(entry, count)| Some((entry?, count))).filter(|(_, count)| *count > 0).collect()
}
