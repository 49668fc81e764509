//! Counting votes.

use std::collections::BTreeMap;

use super::score::Scored;

/// The votes for one answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vote {
    /// The canonical form of the answer.
    pub canonical: String,
    /// Samples that gave it.
    pub count: u32,
    /// The lowest index among them.
    pub first_index: u32,
}

/// Where a deliberation stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// The votes over all finished samples, best first.
    pub votes: Vec<Vote>,
    /// Samples that may be drawn in all.
    pub planned: u32,
    /// Samples that run now.
    pub running: u32,
    /// Samples that finished, with an answer or without.
    pub finished: u32,
    /// Finished samples without an answer.
    pub without_answer: u32,
    /// Samples that failed for good.
    pub failed: u32,
}

/// (count, first index) of an answer.
pub(super) type Standing = (u32, u32);

/// Who leads, and by how much.
pub(super) struct Race {
    pub(super) winner: Standing,
    pub(super) others: Vec<Standing>,
}

/// Votes in the making.
#[derive(Clone, Debug, Default)]
pub(super) struct Count {
    votes: BTreeMap<String, Standing>,
}

impl Count {
    pub(super) fn of<'a>(samples: impl Iterator<Item = &'a Scored>) -> Self {
        let mut count = Self::default();
        samples.for_each(|sample| count.add(sample));
        count
    }

    /// A sample without an answer does not vote.
    pub(super) fn add(&mut self, sample: &Scored) {
        if let Some(answer) = &sample.answer {
            let vote = self.votes.entry(answer.canonical.clone()).or_insert((0, sample.index));
            *vote = (vote.0 + 1, vote.1.min(sample.index));
        }
    }

    /// The winner and the others; `None` before the first vote.
    pub(super) fn race(&self) -> Option<Race> {
        let mut others: Vec<Standing> = self.votes.values().copied().collect();
        let winner = others.iter().copied().min_by_key(|(count, first)| (std::cmp::Reverse(*count), *first))?;
        others.retain(|standing| *standing != winner);
        Some(Race { winner, others })
    }

    /// Most votes first; of equal ones the answer that was given by the lower index. A first index belongs to one
    /// answer only, so there is never a tie.
    pub(super) fn ranked(&self) -> Vec<Vote> {
        let vote = |(canonical, (count, first)): (&String, &Standing)| Vote {
            canonical: canonical.clone(),
            count: *count,
            first_index: *first,
        };
        let mut votes: Vec<Vote> = self.votes.iter().map(vote).collect();
        votes.sort_by_key(|vote| (std::cmp::Reverse(vote.count), vote.first_index));
        votes
    }
}
