//! A figure and the entries of the log that make it: what is told is always the length, or the sum, of what can be looked up.

use std::borrow::Cow;

use forethought_schemas::RecordId;
use jiff::Timestamp;
use serde::Serialize;

/// An entry of the log: one record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Entry {
    /// The record's id.
    pub record_id: RecordId,
    /// Its leaf in the Merkle tree, from 0.
    pub leaf: u64,
    /// When it was made.
    pub time: Timestamp,
    /// What it is about: `admission`, `outcome`, `interrupted`, `review`, `act`, `tail_cut` or `tool_call`.
    pub kind: &'static str,
    /// How the request stands that it belongs to, or what was done.
    pub status: Cow<'static, str>,
}

/// The place of an entry in [`crate::Figures::entries`].
pub type EntryAt = u32;

/// A number in a report, with the entries that it is made of. It has no other value: see [`Figure::count`] and [`Figure::total`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Figure {
    /// What is counted, for people. It may hold any text.
    pub name: String,
    /// The entries, in the order of the log; none stands there twice for the same thing.
    pub entries: Vec<EntryAt>,
    /// What each entry adds to a sum; empty where entries are counted.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub amounts: Vec<u64>,
}

impl Figure {
    /// A figure of nothing yet.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), ..Self::default() }
    }

    /// A figure that counts these entries.
    #[must_use]
    pub fn of(name: impl Into<String>, entries: impl IntoIterator<Item = EntryAt>) -> Self {
        Self { name: name.into(), entries: entries.into_iter().collect(), amounts: Vec::new() }
    }

    /// A figure that adds up what these entries say.
    #[must_use]
    pub fn sum(name: impl Into<String>, parts: impl IntoIterator<Item = (EntryAt, u64)>) -> Self {
        let (entries, amounts) = parts.into_iter().unzip();
        Self { name: name.into(), entries, amounts }
    }

    /// How many entries there are.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.entries.len() as u64
    }

    /// Whether it adds up amounts.
    #[must_use]
    pub fn is_sum(&self) -> bool {
        !self.amounts.is_empty()
    }

    /// The number that is told: the sum of the amounts, or the count of the entries.
    #[must_use]
    pub fn total(&self) -> u64 {
        if self.is_sum() { self.amounts.iter().fold(0, |sum, part| sum.saturating_add(*part)) } else { self.count() }
    }
}

/// Figures that belong together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Group {
    /// Its name in links and in JSON: letters and `-`.
    pub id: &'static str,
    /// Its title, for people.
    pub title: &'static str,
    /// What is counted, and what a reader should know of it.
    pub about: &'static str,
    /// What its names are, such as `model`.
    pub of: &'static str,
    /// What its numbers are, such as `requests`.
    pub unit: &'static str,
    /// The figures.
    pub figures: Vec<Figure>,
}

impl Group {
    /// The figure with this name; nothing where there is none.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Figure> {
        self.figures.iter().find(|figure| figure.name == name)
    }

    /// The number of the figure with this name; 0 where there is none.
    #[must_use]
    pub fn total(&self, name: &str) -> u64 {
        self.get(name).map_or(0, Figure::total)
    }
}
