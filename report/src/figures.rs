//! The figures of a report, each made of entries of the log.

mod acts;
mod evidence;
mod laws;
mod requests;
mod reviews;
mod spending;
mod spread;
mod tools;
mod totals;

use std::{collections::BTreeMap, sync::Arc};

use crate::{EntryAt, Figure, Group, LogState, Scope, collect::Collected, figure::Entry, request::Request};

pub(crate) use acts::{is_change, is_read, reads};
pub use spread::Spread;

/// Everything that a report tells of a log in figures.
#[derive(Debug)]
pub struct Figures {
    /// Whose, and of which time.
    pub scope: Scope,
    /// The log that was read.
    pub log: LogState,
    /// All entries that any figure is made of, in the order of the log.
    pub entries: Vec<Entry>,
    /// The figures, group by group.
    pub groups: Vec<Group>,
    /// How times and shares are spread.
    pub spreads: Vec<Spread>,
    /// What the figures, and duties, are made of.
    pub(crate) found: Collected,
}

impl Figures {
    pub(crate) fn new(scope: Scope, log: LogState, mut found: Collected) -> Self {
        let entries = std::mem::take(&mut found.entries);
        let groups = [
            vec![totals::group(&found)],
            requests::groups(&found, &scope),
            spending::groups(&found, &scope),
            laws::groups(&found),
            reviews::groups(&found),
            tools::groups(&found),
            acts::groups(&found),
            evidence::groups(&found),
        ];
        let spreads = spread::all(&found);
        Self { scope, log, entries, groups: groups.into_iter().flatten().collect(), spreads, found }
    }

    /// The group with this id.
    #[must_use]
    pub fn group(&self, id: &str) -> Option<&Group> {
        self.groups.iter().find(|group| group.id == id)
    }

    /// The number of a figure of a group; 0 where there is none.
    #[must_use]
    pub fn total(&self, group: &str, name: &str) -> u64 {
        self.group(group).map_or(0, |group| group.total(name))
    }

    /// The requests that were let in.
    #[must_use]
    pub fn requests(&self) -> u64 {
        self.found.requests.len() as u64
    }

    /// An entry.
    #[must_use]
    pub fn entry(&self, at: EntryAt) -> Option<&Entry> {
        usize::try_from(at).ok().and_then(|at| self.entries.get(at))
    }
}

/// Requests counted by a name that each has one of, or some, or none; by their admissions, in the order of the names.
fn by<'r, N: Into<String> + Ord>(
    requests: &'r [Request],
    names: impl Fn(&'r Request) -> Vec<N>,
    entry: impl Fn(&'r Request) -> EntryAt,
) -> Vec<Figure> {
    let mut found: BTreeMap<N, Vec<EntryAt>> = BTreeMap::new();
    for request in requests {
        let mut own = names(request);
        own.sort();
        own.dedup();
        for name in own {
            found.entry(name).or_default().push(entry(request));
        }
    }
    found.into_iter().map(|(name, entries)| Figure::of(name, entries)).collect()
}

/// As [`by`], the most first.
fn most_first(mut figures: Vec<Figure>) -> Vec<Figure> {
    figures.sort_by(|a, b| b.total().cmp(&a.total()).then_with(|| a.name.cmp(&b.name)));
    figures
}

/// The names of the figures of the group `totals`, in their order.
pub(crate) mod total {
    pub(crate) use super::totals::{CHANGES, DECIDED, ERASURES, FINDINGS, HELD, LET_IN, READS, UNFINISHED};
}

fn text(name: &Arc<str>) -> String {
    name.as_ref().to_owned()
}
