//! Counting votes.

use std::{cmp::Reverse, collections::BTreeMap};

use super::score::Scored;

/// The votes for one answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vote {
    /// The canonical form of the answer.
    pub canonical: String,
    /// Samples that gave it.
    pub count: u32,
    /// What they weigh together, in thousandths of a vote: 1,000 each, unless verifiers or confidence weigh them.
    pub weight: u64,
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
    /// Samples that run now, or are judged.
    pub running: u32,
    /// Samples that finished, with an answer or without.
    pub finished: u32,
    /// Finished samples without an answer.
    pub without_answer: u32,
    /// Samples that failed for good.
    pub failed: u32,
}

/// How an answer stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Standing {
    pub(super) weight: u64,
    pub(super) count: u32,
    /// The likeliest of its samples, where that settles ties.
    pub(super) likeliest: Option<i64>,
    /// As the how many-th sample it was first given.
    pub(super) first: usize,
    pub(super) lowest_index: u32,
    /// A whole sample of it was passed by what tells right from wrong.
    pub(super) vouched: bool,
}

impl Standing {
    /// Lower is better: the heavier, then what more samples gave, then the likelier where that settles ties, then what was
    /// counted first. One sample gives one answer only, so there is never a tie.
    fn rank(&self) -> (Reverse<u64>, Reverse<u32>, Reverse<Option<i64>>, usize) {
        (Reverse(self.weight), Reverse(self.count), Reverse(self.likeliest), self.first)
    }
}

/// Who leads, and by how much.
pub(super) struct Race {
    pub(super) winner: Standing,
    pub(super) others: Vec<Standing>,
}

/// Votes in the making.
#[derive(Clone, Debug, Default)]
pub(super) struct Count<'a> {
    votes: BTreeMap<&'a str, Standing>,
}

impl<'a> Count<'a> {
    /// Counts samples in their order, with what each weighs. A sample without an answer does not vote.
    pub(super) fn of(samples: impl Iterator<Item = (&'a Scored, u64)>) -> Self {
        let mut count = Self::default();
        for (at, (sample, weight)) in samples.enumerate() {
            let Some(answer) = &sample.answer else { continue };
            let first = Standing { first: at, lowest_index: sample.index, ..Standing::default() };
            let vote = count.votes.entry(&answer.canonical).or_insert(first);
            vote.weight += weight;
            vote.count += 1;
            vote.likeliest = vote.likeliest.max(sample.tie_break);
            vote.lowest_index = vote.lowest_index.min(sample.index);
            vote.vouched |= sample.is_vouched();
        }
        count
    }

    /// The winner and the others; `None` before the first vote.
    pub(super) fn race(&self) -> Option<Race> {
        let mut others: Vec<Standing> = self.votes.values().copied().collect();
        let winner = others.iter().copied().min_by_key(Standing::rank)?;
        others.retain(|standing| *standing != winner);
        Some(Race { winner, others })
    }

    /// The same count with so many more votes for the leader, each of this weight.
    pub(super) fn with_leader(&self, more: u32, weight: u64) -> Self {
        let mut count = self.clone();
        let leader = count.votes.iter().min_by_key(|(_, standing)| standing.rank()).map(|(answer, _)| *answer);
        // Where nobody leads yet, some first answer will.
        let leader = count.votes.entry(leader.unwrap_or_default()).or_default();
        leader.weight += u64::from(more) * weight;
        leader.count += more;
        count
    }

    /// What all votes weigh together.
    pub(super) fn total(&self) -> u64 {
        self.votes.values().map(|standing| standing.weight).sum()
    }

    /// Best first.
    pub(super) fn ranked(&self) -> Vec<Vote> {
        self.sorted(|_| false)
    }

    /// Best first, but what was vouched for goes before anything else.
    pub(super) fn ranked_by_vouchers(&self) -> Vec<Vote> {
        self.sorted(|standing| standing.vouched)
    }

    fn sorted(&self, goes_before: impl Fn(&Standing) -> bool) -> Vec<Vote> {
        let mut votes: Vec<_> = self.votes.iter().collect();
        votes.sort_by_key(|(_, standing)| (!goes_before(standing), standing.rank()));
        let vote = |(canonical, standing): (&&str, &Standing)| Vote {
            canonical: (*canonical).to_owned(),
            count: standing.count,
            weight: standing.weight,
            first_index: standing.lowest_index,
        };
        votes.into_iter().map(vote).collect()
    }
}
