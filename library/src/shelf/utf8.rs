//! Whether bytes that come in pieces are text in UTF-8.

/// A character has at most this many bytes.
const MOST: usize = 4;

/// Checks pieces one after the other.
#[derive(Debug, Default)]
pub(super) struct Utf8 {
    /// The beginning of a character whose end did not come yet.
    begun: Vec<u8>,
    /// Bytes before it.
    before: u64,
}

impl Utf8 {
    /// Takes the next piece, or says at which byte there is no text.
    pub(super) fn feed(&mut self, piece: &[u8]) -> Result<(), u64> {
        let rest = self.finish_begun(piece)?;
        let (valid, wrong) = match std::str::from_utf8(rest) {
            Ok(_) => (rest.len(), false),
            Err(error) => (error.valid_up_to(), error.error_len().is_some()),
        };
        let (text, begun) = rest.split_at_checked(valid).unwrap_or((rest, &[]));
        let zero = text.iter().position(|byte| *byte == 0);
        if let Some(at) = zero.or(wrong.then_some(valid)) {
            return Err(self.before + at as u64);
        }
        self.before += (rest.len() - begun.len()) as u64;
        self.begun.extend_from_slice(begun);
        Ok(())
    }

    /// Whether it ends with a whole character.
    pub(super) fn end(&self) -> Result<(), u64> {
        if self.begun.is_empty() { Ok(()) } else { Err(self.before) }
    }

    /// Adds to a begun character until it is whole, and gives what is left of the piece.
    fn finish_begun<'a>(&mut self, mut piece: &'a [u8]) -> Result<&'a [u8], u64> {
        while !self.begun.is_empty() {
            let Some((first, rest)) = piece.split_first() else { break };
            self.begun.push(*first);
            piece = rest;
            match std::str::from_utf8(&self.begun) {
                Ok(_) => {
                    self.before += self.begun.len() as u64;
                    self.begun.clear();
                }
                Err(error) if error.error_len().is_none() && self.begun.len() < MOST => {}
                Err(_) => return Err(self.before),
            }
        }
        Ok(piece)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(pieces: &[&[u8]]) -> Result<(), u64> {
        let mut utf8 = Utf8::default();
        pieces.iter().try_for_each(|piece| utf8.feed(piece))?;
        utf8.end()
    }

    #[test]
    fn what_is_no_text_is_found_at_its_byte() {
        let check = |bytes: &[u8], expect: Result<(), u64>| assert_eq!(at(&[bytes]), expect, "{bytes:?}");
        check(b"", Ok(()));
        check("aé€😀".as_bytes(), Ok(()));
        check(b"a\0b", Err(1));
        check(b"ab\xff", Err(2));
        check(b"ab\xe2\x82", Err(2));
        check(b"a\x00\xff", Err(1));
        check(b"\xff\xfea\0", Err(0));
        check(b"\xed\xa0\x80", Err(0));
    }

    proptest! {
        #[test]
        fn pieces_are_judged_as_the_whole(bytes in prop::collection::vec(prop_oneof![Just(b'a'), Just(0xe2), Just(0x82), Just(0xac), Just(0xf0), any::<u8>()], 0..12), cut in 1usize..5) {
            let pieces: Vec<&[u8]> = bytes.chunks(cut).collect();
            let text = std::str::from_utf8(&bytes).is_ok_and(|text| !text.contains('\0'));
            prop_assert_eq!(at(&pieces).is_ok(), text);
            prop_assert_eq!(at(&pieces).is_ok(), at(&[&bytes]).is_ok());
        }
    }
}
