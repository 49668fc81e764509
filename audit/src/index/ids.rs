//! The ids that stand in a bundle, by their hashes: what finds a record by its id, and the end of a request by its beginning.

use std::collections::BTreeSet;

use sha2::{Digest as _, Sha256};

pub(crate) const HASH_BYTES: usize = 8;
/// Bytes of an id in a bundle: the hash and the leaf.
const ID_BYTES: usize = HASH_BYTES + 1;
/// The bits of a hash that say what the id stands for.
const KIND_BITS: u64 = 0b111;

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
    /// The admission in whose request a tool is called, of each record about that.
    Call,
}

/// The first 61 bits of an id's SHA-256, and three for its kind: ids are made by the service and not by who asks, so two of them have the
/// same by accident only, once in many millions of logs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct IdHash(u64);

impl IdKind {
    /// A hash of an id as this. Who finds one looks at the record before it is shown.
    pub(crate) fn hash(self, id: &str) -> IdHash {
        let digest = Sha256::digest(id.as_bytes());
        let first = digest.first_chunk().map_or(0, |bytes| u64::from_be_bytes(*bytes));
        IdHash(first).as_kind(self)
    }
}

impl IdHash {
    /// The hash of the same id as that of another kind.
    pub(crate) fn as_kind(self, kind: IdKind) -> Self {
        Self(self.0 & !KIND_BITS | kind as u64)
    }

    fn is(self, kind: IdKind) -> bool {
        self.0 & KIND_BITS == kind as u64
    }

    pub(super) fn to_bytes(self) -> [u8; HASH_BYTES] {
        self.0.to_be_bytes()
    }
}

/// The leaves that may have this id, of a bundle's bytes of [`super::IDS`].
pub(crate) fn leaves_with(ids: &[u8], hash: IdHash) -> Vec<u8> {
    let hash = hash.to_bytes();
    let (ids, _) = ids.as_chunks::<ID_BYTES>();
    let from = ids.partition_point(|id| *id.as_slice() < *hash.as_slice());
    ids.iter().skip(from).take_while(|id| id.starts_with(&hash)).filter_map(|id| id.last()).copied().collect()
}

/// The hashes of all ids of a bundle, in their order, each with its leaf.
#[derive(Clone, Debug, Default)]
pub(crate) struct BundleIds(Vec<(IdHash, u8)>);

impl BundleIds {
    pub(super) fn new(ids: BTreeSet<(IdHash, u8)>) -> Self {
        Self(ids.into_iter().collect())
    }

    /// Of a bundle's bytes of [`super::IDS`].
    pub(crate) fn parse(bytes: &[u8]) -> Self {
        let (ids, _) = bytes.as_chunks::<ID_BYTES>();
        let id = |id: &[u8; ID_BYTES]| {
            let (hash, leaf) = id.split_first_chunk()?;
            Some((IdHash(u64::from_be_bytes(*hash)), *leaf.first()?))
        };
        Self(ids.iter().filter_map(id).collect())
    }

    /// The hash of each record's own id, by its leaf.
    pub(crate) fn records(&self) -> Vec<Option<IdHash>> {
        let mut records = vec![None; 256];
        for (hash, leaf) in self.0.iter().filter(|(hash, _)| hash.is(IdKind::Record)) {
            if let Some(place) = records.get_mut(usize::from(*leaf)) {
                *place = Some(*hash);
            }
        }
        records
    }

    /// The leaves that have this id.
    pub(crate) fn all_with(&self, hash: IdHash) -> impl Iterator<Item = u8> {
        let from = self.0.partition_point(|(other, _)| *other < hash);
        self.0.iter().skip(from).take_while(move |(other, _)| *other == hash).map(|(_, leaf)| *leaf)
    }

    /// The last leaf that has this id.
    pub(crate) fn last_with(&self, hash: IdHash) -> Option<u8> {
        let end = self.0.partition_point(|(other, _)| *other <= hash);
        end.checked_sub(1).and_then(|at| self.0.get(at)).filter(|(other, _)| *other == hash).map(|(_, leaf)| *leaf)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KINDS: [IdKind; 5] = [IdKind::Record, IdKind::Request, IdKind::End, IdKind::Review, IdKind::Call];

    #[test]
    fn the_hashes_of_an_id_differ_by_kind_alone() {
        for kind in KINDS {
            for other in KINDS {
                assert_eq!(kind.hash("rec_1") == other.hash("rec_1"), kind == other);
                assert_eq!(kind.hash("rec_1").as_kind(other), other.hash("rec_1"));
                assert_ne!(kind.hash("rec_1"), other.hash("rec_2"));
            }
        }
    }

    #[test]
    fn ids_are_found_in_bytes_as_in_lists() {
        let hashes = KINDS.map(|kind| kind.hash("rec_1"));
        let ids: BTreeSet<_> = [(hashes[0], 7), (hashes[2], 3), (hashes[2], 255), (IdHash(u64::MAX), 0)].into();
        let bytes: Vec<u8> = ids.iter().flat_map(|(hash, leaf)| [&hash.to_bytes()[..], &[*leaf]].concat()).collect();
        let parsed = BundleIds::parse(&bytes);
        let check = |hash: IdHash, expected: &[u8]| {
            assert_eq!(leaves_with(&bytes, hash), expected);
            assert_eq!(parsed.last_with(hash), expected.last().copied());
            assert_eq!(parsed.all_with(hash).collect::<Vec<_>>(), expected);
        };
        check(hashes[0], &[7]);
        check(hashes[1], &[]);
        check(hashes[2], &[3, 255]);
        check(hashes[3], &[]);
        check(IdHash(u64::MAX), &[0]);
        check(IdHash(0), &[]);
        assert_eq!(parsed.records()[7], Some(hashes[0]));
        assert_eq!(parsed.records().iter().flatten().count(), 1);
    }
}
