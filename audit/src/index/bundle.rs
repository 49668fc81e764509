//! What 256 leaves of the log are summed up in.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Keys, Usage, Word};

/// Leaves of a bundle: those of one tile.
pub(crate) const WIDTH: u64 = 256;
/// Bytes of an id in a bundle: the hash and the leaf.
const ID_BYTES: usize = 5;

/// What an id stands for in a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum IdKind {
    /// The record's own.
    Record,
    /// The request that it lets in.
    Request,
    /// The admission that it ends.
    End,
    /// The admission whose answer it decides on.
    Review,
}

impl IdKind {
    /// A hash of an id as this. Two ids may have the same: who finds one looks at the record.
    pub(crate) fn hash(self, id: &str) -> u32 {
        let mut hasher = crc32fast::Hasher::new();
        hasher.update(&[self as u8]);
        hasher.update(id.as_bytes());
        hasher.finalize()
    }
}

/// What up to 256 leaves have in them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Bundle {
    pub(crate) facts: Facts,
    /// Hash of an id and the leaf within the bundle.
    ids: Vec<(u32, u8)>,
    leaves: u64,
}

/// What a search looks at first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Facts {
    /// The earliest and the latest time of its records; microseconds.
    span: Option<(i64, i64)>,
    words: BTreeSet<String>,
    /// Tenant and day → tokens and cost.
    usage: Vec<(String, i64, u64, u64)>,
}

impl Bundle {
    /// Adds the next leaf.
    pub(crate) fn add(&mut self, keys: &Keys) {
        let leaf = u8::try_from(self.leaves).unwrap_or(u8::MAX);
        self.ids.extend(keys.ids.iter().map(|(kind, id)| (kind.hash(id), leaf)));
        self.leaves += 1;
        self.facts.add(keys);
    }

    pub(crate) fn is_full(&self) -> bool {
        self.leaves >= WIDTH
    }

    /// The bytes of [`super::FACTS`] and [`super::IDS`].
    pub(crate) fn encode(&self) -> Result<(Vec<u8>, Vec<u8>), serde_json::Error> {
        let mut ids = self.ids.clone();
        ids.sort_unstable();
        let mut bytes = Vec::with_capacity(ids.len() * ID_BYTES);
        for (hash, leaf) in ids {
            bytes.extend_from_slice(&hash.to_be_bytes());
            bytes.push(leaf);
        }
        Ok((serde_json::to_vec(&self.facts)?, bytes))
    }

    /// The leaves of the bundle that may have this id.
    pub(crate) fn leaves_with(&self, hash: u32) -> Vec<u8> {
        self.ids.iter().filter(|(other, _)| *other == hash).map(|(_, leaf)| *leaf).collect()
    }
}

/// The leaves that may have this id, of a bundle's bytes of [`super::IDS`].
pub(crate) fn leaves_with(ids: &[u8], hash: u32) -> Vec<u8> {
    let hash = hash.to_be_bytes();
    let (ids, _) = ids.as_chunks::<ID_BYTES>();
    let from = ids.partition_point(|id| *id < [hash[0], hash[1], hash[2], hash[3], 0]);
    ids.iter().skip(from).take_while(|id| id.starts_with(&hash)).map(|id| id[4]).collect()
}

impl Facts {
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(bytes)
    }

    fn add(&mut self, keys: &Keys) {
        let time = keys.time.as_microsecond();
        let (from, to) = self.span.unwrap_or((time, time));
        self.span = Some((from.min(time), to.max(time)));
        for word in &keys.words {
            if !self.words.contains(word.as_str()) {
                self.words.insert(word.as_str().to_owned());
            }
        }
        let Some(Usage { tenant, since, tokens, cost }) = &keys.usage else { return };
        let day = since.as_microsecond();
        match self.usage.iter_mut().find(|(other, of, ..)| other == tenant && *of == day) {
            Some((_, _, all, costs)) => {
                *all = all.saturating_add(*tokens);
                *costs = costs.saturating_add(*cost);
            }
            None => self.usage.push((tenant.clone(), day, *tokens, *cost)),
        }
    }

    /// Whether all of these words stand in it.
    pub(crate) fn has(&self, words: &[Word]) -> bool {
        words.iter().all(|word| self.words.contains(word.as_str()))
    }

    /// Whether a record of it can be of this time or later.
    pub(crate) fn reaches(&self, since: Timestamp) -> bool {
        self.span.is_some_and(|(_, to)| to >= since.as_microsecond())
    }

    /// Whether a record of it can be from before this time.
    pub(crate) fn begins_before(&self, until: Timestamp) -> bool {
        self.span.is_some_and(|(from, _)| from < until.as_microsecond())
    }

    /// What was spent by requests of this time's day or later.
    pub(crate) fn usage(&self, since: Timestamp) -> impl Iterator<Item = Usage> {
        let since = since.as_microsecond();
        self.usage.iter().filter(move |(_, day, ..)| *day >= since).filter_map(|(tenant, day, tokens, cost)| {
            let since = Timestamp::from_microsecond(*day).ok()?;
            Some(Usage { tenant: tenant.clone(), since, tokens: *tokens, cost: *cost })
        })
    }
}

/// What was spent, summed up by tenant and day.
pub(crate) fn sum(usage: impl Iterator<Item = Usage>) -> Vec<Usage> {
    let mut sums: BTreeMap<(Timestamp, String), (u64, u64)> = BTreeMap::new();
    for Usage { tenant, since, tokens, cost } in usage {
        let (all, costs) = sums.entry((since, tenant)).or_default();
        *all = all.saturating_add(tokens);
        *costs = costs.saturating_add(cost);
    }
    let one = |((since, tenant), (tokens, cost))| Usage { tenant, since, tokens, cost };
    sums.into_iter().map(one).collect()
}
