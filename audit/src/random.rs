//! Random bytes of the operating system, drawn some at once: the call costs more than the bytes.

use zeroize::Zeroizing;

/// Bytes that are drawn at once: the salts and nonces of four contents. Linux gives up to 256 in one piece.
const DRAWN: usize = 224;

/// Random bytes that were drawn and not used. Those that are given away are given once, and written over here.
pub(crate) struct Random {
    bytes: Zeroizing<[u8; DRAWN]>,
    left: usize,
}

impl Default for Random {
    fn default() -> Self {
        Self { bytes: Zeroizing::new([0; DRAWN]), left: 0 }
    }
}

impl Random {
    /// The next bytes; more than [`DRAWN`] of them are drawn by themselves.
    ///
    /// # Errors
    /// That of the operating system, which has none to give.
    pub(crate) fn take<const N: usize>(&mut self) -> Result<Zeroizing<[u8; N]>, getrandom::Error> {
        let mut taken = Zeroizing::new([0; N]);
        if self.left < N {
            getrandom::fill(self.bytes.as_mut_slice())?;
            self.left = DRAWN;
        }
        let from = self.left.checked_sub(N).and_then(|from| self.bytes.get_mut(from..self.left));
        let Some(from) = from else {
            getrandom::fill(taken.as_mut_slice())?;
            return Ok(taken);
        };
        taken.copy_from_slice(from);
        from.fill(0);
        self.left -= N;
        Ok(taken)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_bytes_are_given_twice_or_stay() {
        let (mut random, mut seen) = (Random::default(), BTreeSet::new());
        for _ in 0..1000 {
            let taken = random.take::<56>().expect("random");
            assert!(seen.insert(*taken), "given twice");
            assert!(random.bytes.iter().skip(random.left).all(|byte| *byte == 0), "given bytes stay");
            assert!(!taken.iter().all(|byte| *byte == 0));
        }
    }

    #[test]
    fn sizes_that_do_not_divide_what_is_drawn_are_given_whole() {
        let mut random = Random::default();
        for _ in 0..100 {
            let (short, long) = (random.take::<100>().expect("random"), random.take::<300>().expect("random"));
            // A run of so many zeros does not come by chance.
            assert!(short.chunks(20).chain(long.chunks(20)).all(|part| part.iter().any(|byte| *byte != 0)));
        }
    }
}
