//! A program's memory, read and written at places that it names itself.

use std::ops::Range;

use super::Errno;

/// A program's memory. Every place is checked.
pub struct Guest<'a>(pub &'a mut [u8]);

/// Pieces that one call may read or write: the limit of Linux.
const MAX_PIECES: u32 = 1024;

impl Guest<'_> {
    pub fn bytes(&self, at: u32, len: u32) -> Result<&[u8], Errno> {
        self.0.get(range(at, len)).ok_or(Errno::Fault)
    }

    pub fn bytes_mut(&mut self, at: u32, len: u32) -> Result<&mut [u8], Errno> {
        self.0.get_mut(range(at, len)).ok_or(Errno::Fault)
    }

    pub fn array<const N: usize>(&self, at: u32) -> Result<[u8; N], Errno> {
        let start = at as usize;
        let bytes = self.0.get(start..start.saturating_add(N));
        bytes.and_then(|bytes| bytes.try_into().ok()).ok_or(Errno::Fault)
    }

    pub fn u32(&self, at: u32) -> Result<u32, Errno> {
        self.array(at).map(u32::from_le_bytes)
    }

    pub fn u64(&self, at: u32) -> Result<u64, Errno> {
        self.array(at).map(u64::from_le_bytes)
    }

    pub fn put(&mut self, at: u32, bytes: &[u8]) -> Result<(), Errno> {
        let start = at as usize;
        let place = self.0.get_mut(start..start.saturating_add(bytes.len())).ok_or(Errno::Fault)?;
        place.copy_from_slice(bytes);
        Ok(())
    }

    /// The pieces of a call that reads or writes several: pairs of place and length.
    pub fn pieces(&self, at: u32, count: u32) -> Result<Vec<(u32, u32)>, Errno> {
        if count > MAX_PIECES {
            return Err(Errno::Inval);
        }
        // The table is checked as a whole: no place in it overflows.
        self.bytes(at, 8 * count)?;
        (0..count).map(|index| at + 8 * index).map(|place| Ok((self.u32(place)?, self.u32(place + 4)?))).collect()
    }
}

/// WebAssembly's addresses have 32 bits and ours have 64: no sum of two overflows.
const fn range(at: u32, len: u32) -> Range<usize> {
    at as usize..at as usize + len as usize
}
