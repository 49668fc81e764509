//! Entry bundles: up to 256 entries, each behind its length in two bytes.

use super::TILE_WIDTH;

/// Bytes of an entry at most: its length is a big-endian 16-bit number.
pub const MAX_ENTRY: usize = u16::MAX as usize;

/// Why entries are no bundle, or bytes are none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BundleError {
    /// There is no bundle of so many entries.
    #[error("a bundle has 1 to 256 entries: split them at multiples of 256, and serve no empty bundle")]
    Count,
    /// An entry is longer than a bundle can say.
    #[error("entry {index} of the bundle has {len} bytes, above the limit of {MAX_ENTRY}: log its digest instead")]
    TooLong {
        /// Its place in the bundle, from 0.
        index: usize,
        /// Its bytes.
        len: usize,
    },
    /// The bytes end within an entry.
    #[error("the bundle ends within entry {index}: fetch it again")]
    Cut {
        /// The entry's place in the bundle, from 0.
        index: usize,
    },
}

/// The bytes of a bundle of 1 to 256 entries.
///
/// # Errors
/// [`BundleError::Count`] and [`BundleError::TooLong`].
pub fn encode_bundle<E: AsRef<[u8]>>(entries: &[E]) -> Result<Vec<u8>, BundleError> {
    if entries.is_empty() || entries.len() > usize::from(TILE_WIDTH) {
        return Err(BundleError::Count);
    }
    let mut bytes = Vec::with_capacity(entries.iter().map(|entry| entry.as_ref().len() + 2).sum());
    for (index, entry) in entries.iter().enumerate() {
        let entry = entry.as_ref();
        let len = u16::try_from(entry.len()).map_err(|_| BundleError::TooLong { index, len: entry.len() })?;
        bytes.extend(len.to_be_bytes());
        bytes.extend(entry);
    }
    Ok(bytes)
}

/// The 1 to 256 entries of a bundle.
///
/// # Errors
/// [`BundleError::Count`] and [`BundleError::Cut`].
pub fn decode_bundle(bytes: &[u8]) -> Result<Vec<&[u8]>, BundleError> {
    let mut entries = vec![];
    let mut rest = bytes;
    while !rest.is_empty() {
        if entries.len() == usize::from(TILE_WIDTH) {
            return Err(BundleError::Count);
        }
        let (entry, behind) = first_entry(rest).ok_or(BundleError::Cut { index: entries.len() })?;
        entries.push(entry);
        rest = behind;
    }
    if entries.is_empty() { Err(BundleError::Count) } else { Ok(entries) }
}

fn first_entry(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (len, rest) = bytes.split_first_chunk()?;
    rest.split_at_checked(u16::from_be_bytes(*len).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(bytes: &[u8], expected: Result<&[&[u8]], BundleError>) {
        let decoded = decode_bundle(bytes);
        assert_eq!(decoded.as_deref(), expected.as_ref().map(|entries| *entries));
        if let Ok(entries) = decoded {
            assert_eq!(encode_bundle(&entries).as_deref(), Ok(bytes));
        }
    }

    #[test]
    fn a_bundle_is_lengths_and_entries() {
        check(b"\0\x01a", Ok(&[b"a"]));
        check(b"\0\0", Ok(&[b""]));
        check(b"\0\x02ab\0\0\0\x01c", Ok(&[b"ab", b"", b"c"]));
        check(b"", Err(BundleError::Count));
        check(b"\0", Err(BundleError::Cut { index: 0 }));
        check(b"\0\x02a", Err(BundleError::Cut { index: 0 }));
        check(b"\0\x01a\xff", Err(BundleError::Cut { index: 1 }));
        check(b"\0\x01a\xff\xff", Err(BundleError::Cut { index: 1 }));
    }

    #[test]
    fn a_bundle_has_at_most_256_entries_of_65535_bytes() {
        assert_eq!(decode_bundle(&encode_bundle(&[[0; 3]; 256]).unwrap()).unwrap().len(), 256);
        assert_eq!(decode_bundle(&[0; 514]), Err(BundleError::Count));
        assert_eq!(encode_bundle(&[[0; 3]; 257]), Err(BundleError::Count));
        assert_eq!(encode_bundle::<&[u8]>(&[]), Err(BundleError::Count));
        let longest = vec![7; MAX_ENTRY];
        let encoded = encode_bundle(&[&longest, &longest]).unwrap();
        assert_eq!(decode_bundle(&encoded), Ok(vec![longest.as_slice(); 2]));
        let error = BundleError::TooLong { index: 1, len: MAX_ENTRY + 1 };
        assert_eq!(encode_bundle(&[vec![], vec![0; MAX_ENTRY + 1]]), Err(error));
    }
}
