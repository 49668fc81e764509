//! Some of the 256 leaves of a bundle.

use serde::{Deserialize, Serialize};

const BITS: u8 = 64;

/// A set of leaves, counted from the bundle's first: a bit each, the lowest bit of the first number for leaf 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LeafSet([u64; 4]);

impl LeafSet {
    /// Every leaf.
    pub(crate) const ALL: Self = Self([u64::MAX; 4]);

    /// One leaf.
    pub(crate) fn of(leaf: u8) -> Self {
        let mut set = Self::default();
        set.insert(leaf);
        set
    }

    pub(crate) fn insert(&mut self, leaf: u8) {
        if let Some(bits) = self.0.get_mut(usize::from(leaf / BITS)) {
            *bits |= 1 << (leaf % BITS);
        }
    }

    pub(crate) fn contains(self, leaf: u8) -> bool {
        self.0.get(usize::from(leaf / BITS)).is_some_and(|bits| bits & (1 << (leaf % BITS)) != 0)
    }

    /// The leaves that are in both.
    pub(crate) fn and(self, other: Self) -> Self {
        let mut both = self;
        for (bits, others) in both.0.iter_mut().zip(other.0) {
            *bits &= others;
        }
        both
    }

    /// The leaves below this one, which may be 256.
    pub(crate) fn below(self, leaf: u16) -> Self {
        let mut set = self;
        for (bits, first) in set.0.iter_mut().zip((0..).step_by(usize::from(BITS))) {
            let kept = u32::from(leaf).saturating_sub(first);
            *bits &= 1_u64.checked_shl(kept).map_or(u64::MAX, |bit| bit - 1);
        }
        set
    }

    pub(crate) fn is_empty(self) -> bool {
        self == Self::default()
    }

    /// The leaves, the last first.
    pub(crate) fn latest_first(self) -> impl Iterator<Item = u8> {
        (0..=u8::MAX).rev().filter(move |leaf| self.contains(*leaf))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_is_a_set(leaves: Vec<u8>, others: Vec<u8>, end in 0_u16..=256) {
            let collect = |leaves: &[u8]| leaves.iter().fold(LeafSet::default(), |mut set, leaf| { set.insert(*leaf); set });
            let (set, other) = (collect(&leaves), collect(&others));
            let expected: Vec<u8> = (0..=u8::MAX)
                .rev()
                .filter(|leaf| leaves.contains(leaf) && others.contains(leaf) && u16::from(*leaf) < end)
                .collect();
            let found = set.and(other).below(end);
            prop_assert_eq!(found.latest_first().collect::<Vec<_>>(), expected.clone());
            prop_assert_eq!(found.is_empty(), expected.is_empty());
            prop_assert_eq!(set.and(LeafSet::ALL), set);
        }
    }
}
