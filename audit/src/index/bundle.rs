//! What 256 leaves of the log are summed up in.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{
    IdHash, Keys, Usage, Word,
    ids::{BundleIds, HASH_BYTES},
    leaf_set::LeafSet,
};

/// Leaves of a bundle: those of one tile.
pub(crate) const WIDTH: u64 = 256;

/// What up to 256 leaves have in them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Bundle {
    pub(crate) facts: Facts,
    /// Hash of an id and the leaf within the bundle, as they came.
    ids: Vec<(IdHash, u8)>,
    leaves: u64,
}

/// What a search looks at first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Facts {
    /// The earliest and the latest time of its records; microseconds.
    span: Option<(i64, i64)>,
    /// Word → the leaves that have it.
    words: BTreeMap<String, LeafSet>,
    /// Tenant and day → tokens and cost.
    usage: Vec<(String, i64, u64, u64)>,
}

impl Bundle {
    /// Adds the next leaf.
    pub(crate) fn add(&mut self, keys: &Keys) {
        let leaf = u8::try_from(self.leaves).unwrap_or(u8::MAX);
        self.ids.extend(keys.ids.iter().map(|(kind, id)| (kind.hash(id), leaf)));
        self.leaves += 1;
        self.facts.add(keys, leaf);
    }

    pub(crate) fn is_full(&self) -> bool {
        self.leaves >= WIDTH
    }

    /// The bytes of [`super::FACTS`] and [`super::IDS`].
    pub(crate) fn encode(&self) -> Result<(Vec<u8>, Vec<u8>), serde_json::Error> {
        let mut ids = self.ids.clone();
        ids.sort_unstable();
        let mut bytes = Vec::with_capacity(ids.len() * (HASH_BYTES + 1));
        for (hash, leaf) in ids {
            bytes.extend_from_slice(&hash.to_bytes());
            bytes.push(leaf);
        }
        Ok((serde_json::to_vec(&self.facts)?, bytes))
    }

    /// The leaves of the bundle that may have this id.
    pub(crate) fn leaves_with(&self, hash: IdHash) -> Vec<u8> {
        self.ids.iter().filter(|(other, _)| *other == hash).map(|(_, leaf)| *leaf).collect()
    }

    /// The hashes of ids and their leaves.
    pub(crate) fn ids(&self) -> BundleIds {
        BundleIds::new(self.ids.iter().copied().collect())
    }
}

impl Facts {
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(bytes)
    }

    fn add(&mut self, keys: &Keys, leaf: u8) {
        let time = keys.time.as_microsecond();
        let (from, to) = self.span.unwrap_or((time, time));
        self.span = Some((from.min(time), to.max(time)));
        for word in &keys.words {
            match self.words.get_mut(word.as_str()) {
                Some(leaves) => leaves.insert(leaf),
                None => drop(self.words.insert(word.as_str().to_owned(), LeafSet::of(leaf))),
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

    /// The leaves that have this word.
    pub(crate) fn leaves_of(&self, word: &Word) -> LeafSet {
        self.words.get(word.as_str()).copied().unwrap_or_default()
    }

    /// The leaves that have all of these words.
    pub(crate) fn leaves_of_all(&self, words: &[Word]) -> LeafSet {
        words.iter().map(|word| self.leaves_of(word)).fold(LeafSet::ALL, LeafSet::and)
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
