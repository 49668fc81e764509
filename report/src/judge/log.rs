//! Checks over the log itself.

use super::{Finding, State, View, counted, grouped, spoken_day};
use crate::{Figure, log_state::Signed};

pub(super) fn is_whole(view: &View<'_>) -> Finding {
    let (log, found) = (&view.figures.log, &view.figures.found);
    let lost = Figure::sum(
        "entries that are lost",
        found.cuts.iter().map(|cut| (cut.entry, cut.lost)).filter(|(_, lost)| *lost > 0),
    );
    let odd = Figure::of("records that do not fit", found.odd.iter().copied());
    let gap = |why: String| Finding::new(State::Gap, why).with([lost.clone(), odd.clone()]);
    if lost.total() > 0 {
        return gap(format!(
            "{} that were acknowledged are lost",
            counted(usize::try_from(lost.total()).unwrap_or(usize::MAX), "entry", "entries")
        ));
    }
    if !odd.entries.is_empty() {
        return gap(format!("{} not fit what stands before", counted(odd.entries.len(), "record does", "records do")));
    }
    match &log.checkpoint {
        None => gap("the log was never signed, so nothing shows that it was not changed".to_owned()),
        Some(Signed { is_met: false, size, .. }) => gap(format!(
            "the first {} records do not have the root that was signed: records were lost or changed",
            grouped(*size)
        )),
        Some(Signed { is_verified: Some(false), .. }) => {
            gap("the signature of the last checkpoint does not hold under the key that was given".to_owned())
        }
        Some(Signed { size, is_verified, .. }) => {
            let checked = if is_verified.is_some() {
                "the signature holds"
            } else {
                "the signature is to be checked with the log's key, see below"
            };
            Finding::new(
                State::Shown,
                format!(
                    "the first {} of {} records have the root that was signed; {checked}",
                    grouped(*size),
                    grouped(log.records)
                ),
            )
        }
    }
}

pub(super) fn reaches_back(view: &View<'_>, days: u32) -> Finding {
    if let Some(finding) = view.none_reached() {
        return finding;
    }
    let Some(first) = view.figures.log.first else {
        return Finding::new(State::Gap, "the log is empty");
    };
    let age = view.now.duration_since(first).as_hours() / 24;
    let told = format!("the log begins on {}, {} days before this report", spoken_day(first), age.max(0));
    if view.figures.found.cuts.iter().any(|cut| cut.lost > 0) {
        return Finding::new(State::Gap, format!("{told}, but entries of it are lost"));
    }
    if age >= i64::from(days) {
        Finding::new(State::Shown, format!("{told}, and {days} are asked for"))
    } else {
        Finding::new(
            State::Gap,
            format!("{told}, and {days} are asked for: it has everything since then, and cannot show what came before"),
        )
    }
}
