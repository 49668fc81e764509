//! RFC 6962, section 2.1, word for word, over the hashes of leaves and without the crate's help.

use std::{cell::RefCell, collections::HashMap};

use forethought_tlog::Hash;
use sha2::{Digest as _, Sha256};

/// The leaves of a log. What was hashed is kept, since the RFC's recursion asks for the same subtrees again and again.
pub struct Rfc {
    leaves: Vec<Hash>,
    hashed: RefCell<HashMap<(usize, usize), Hash>>,
}

/// `HASH(0x01 || left || right)`
fn node(left: &Hash, right: &Hash) -> Hash {
    let bytes = [&[1], left.as_bytes().as_slice(), right.as_bytes()].concat();
    <[u8; 32]>::from(Sha256::digest(bytes)).into()
}

/// "Let k be the largest power of two smaller than n."
fn k(n: usize) -> usize {
    let mut k = 1;
    while k * 2 < n {
        k *= 2;
    }
    k
}

impl Rfc {
    pub fn new(leaves: Vec<Hash>) -> Self {
        Self { leaves, hashed: RefCell::default() }
    }

    /// `MTH(D[n])`
    pub fn root(&self, n: u64) -> Hash {
        self.mth(0, n as usize)
    }

    /// `MTH(D[begin:end])`
    pub fn mth(&self, begin: usize, end: usize) -> Hash {
        match end - begin {
            0 => <[u8; 32]>::from(Sha256::digest([])).into(),
            1 => self.leaves[begin],
            n => {
                let known = self.hashed.borrow().get(&(begin, end)).copied();
                known.unwrap_or_else(|| {
                    let middle = begin + k(n);
                    let hash = node(&self.mth(begin, middle), &self.mth(middle, end));
                    self.hashed.borrow_mut().insert((begin, end), hash);
                    hash
                })
            }
        }
    }

    /// `PATH(m, D[n])` of section 2.1.1.
    pub fn path(&self, m: u64, n: u64) -> Vec<Hash> {
        self.subpath(m as usize, 0, n as usize)
    }

    /// `PATH(m, D[begin:end])`
    fn subpath(&self, m: usize, begin: usize, end: usize) -> Vec<Hash> {
        let n = end - begin;
        if n == 1 {
            return vec![];
        }
        let middle = begin + k(n);
        let (mut path, other) = if m < k(n) {
            (self.subpath(m, begin, middle), self.mth(middle, end))
        } else {
            (self.subpath(m - k(n), middle, end), self.mth(begin, middle))
        };
        path.push(other);
        path
    }

    /// `PROOF(m, D[n])` of section 2.1.2; for m = 0, which it does not define, nothing.
    pub fn proof(&self, m: u64, n: u64) -> Vec<Hash> {
        if m == 0 { vec![] } else { self.subproof(m as usize, 0, n as usize, true) }
    }

    /// `SUBPROOF(m, D[begin:end], b)`
    fn subproof(&self, m: usize, begin: usize, end: usize, b: bool) -> Vec<Hash> {
        let n = end - begin;
        if m == n {
            return if b { vec![] } else { vec![self.mth(begin, end)] };
        }
        let middle = begin + k(n);
        let (mut proof, other) = if m <= k(n) {
            (self.subproof(m, begin, middle, b), self.mth(middle, end))
        } else {
            (self.subproof(m - k(n), middle, end, false), self.mth(begin, middle))
        };
        proof.push(other);
        proof
    }
}
