//! What is wrong with the log itself: ends that were cut, entries that are lost, records that do not fit.

use crate::{Figure, Group, collect::Collected};

pub(super) fn groups(found: &Collected) -> Vec<Group> {
    let lost = found.cuts.iter().map(|cut| (cut.entry, cut.lost)).filter(|(_, lost)| *lost > 0);
    vec![Group {
        id: "log",
        title: "Faults of the log",
        about: "From the beginning of the period to the end of the log, of all tenants: what is lost may have been anybody's. A cut end \
                alone is what a crash leaves; it was never acknowledged to anybody.",
        of: "what",
        unit: "records, or entries",
        figures: vec![
            Figure::sum("entries that were acknowledged, and are lost", lost),
            Figure::sum(
                "bytes of an end that was not whole, cut at a start",
                found.cuts.iter().map(|cut| (cut.entry, cut.bytes)).filter(|(_, bytes)| *bytes > 0),
            ),
            Figure::of("records that do not fit what stands before them", found.odd.iter().copied()),
        ],
    }]
}
