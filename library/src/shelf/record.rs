//! The small file that makes a file be there: its wrapped key, and what is known of it.
//!
//! ```text
//! magic "FTFILE1\n" | length of the wrapped key u16, little-endian | wrapped key | what is known, as JSON, sealed
//! ```
//!
//! Who destroys these bytes has erased the file, its name and whom it is about, wherever else its body lies.

use forethought_store::{Disk, StoreError};
use zeroize::Zeroizing;

use super::{
    FILE_KEY, FileId, FileInfo, KeyWrap, MAX_WRAPPED, ShelfError, WrapError,
    place::{DIR, Part, Place},
    seal::{INFO_RANDOM, Sealer},
};

const MAGIC: &[u8; 8] = b"FTFILE1\n";
/// A record is never longer, in bytes: names are bounded.
const MAX_RECORD: usize = 8 * 1024;

/// A record, taken apart.
#[derive(Debug)]
pub(super) struct Record {
    wrapped: Vec<u8>,
    sealed: Vec<u8>,
}

impl Record {
    /// The record of a file under its key.
    pub(super) fn new(
        wrap: &dyn KeyWrap,
        place: &Place,
        key: &[u8; FILE_KEY],
        info: &FileInfo,
    ) -> Result<Self, ShelfError> {
        let unsealed = || damaged(&place.id, "its description cannot be sealed");
        let mut random = [0; INFO_RANDOM];
        getrandom::fill(&mut random).map_err(ShelfError::Random)?;
        let text = Zeroizing::new(serde_json::to_vec(info).map_err(|_| unsealed())?);
        let sealed = Sealer::new(key, place).seal_info(&random, &text).map_err(|_| unsealed())?;
        Ok(Self { wrapped: wrapped(wrap, place, key)?, sealed })
    }

    /// Reads the record of a file that is there.
    pub(super) fn read(disk: &dyn Disk, place: &Place) -> Result<Self, ShelfError> {
        let name = place.part(Part::Meta);
        let bytes = disk.read(&name, 0, MAX_RECORD).map_err(|source| StoreError::io("read", name, source))?;
        Self::parse(&bytes).ok_or_else(|| damaged(&place.id, "its record is not as it was written"))
    }

    /// The file's key.
    pub(super) fn key(&self, wrap: &dyn KeyWrap, place: &Place) -> Result<Zeroizing<[u8; FILE_KEY]>, ShelfError> {
        Ok(wrap.unwrap(&place.tenant, &place.id, &self.wrapped)?)
    }

    /// What is known of the file.
    pub(super) fn info(&self, key: &[u8; FILE_KEY], place: &Place) -> Result<FileInfo, ShelfError> {
        let broken = || damaged(&place.id, "its description is not what was sealed");
        let text = Sealer::new(key, place).open_info(&self.sealed).map_err(|_| broken())?;
        let info: FileInfo = serde_json::from_slice(&text).map_err(|_| broken())?;
        if info.id == place.id { Ok(info) } else { Err(broken()) }
    }

    /// The same under the wrapping key of today.
    pub(super) fn rewrapped(self, wrap: &dyn KeyWrap, place: &Place) -> Result<Self, ShelfError> {
        let key = self.key(wrap, place)?;
        Ok(Self { wrapped: wrapped(wrap, place, &key)?, sealed: self.sealed })
    }

    /// Makes the record durable in the place of what stands there.
    pub(super) fn write(&self, disk: &dyn Disk, place: &Place) -> Result<(), StoreError> {
        let (new, meta) = (place.part(Part::New), place.part(Part::Meta));
        let failed = |action, source| StoreError::io(action, new.clone(), source);
        disk.create(&new).map_err(|source| failed("create", source))?;
        disk.append(&new, &self.bytes()).map_err(|source| failed("write", source))?;
        disk.sync_file(&new).map_err(|source| failed("sync", source))?;
        disk.rename(&new, &meta).map_err(|source| failed("rename", source))?;
        disk.sync_dir(DIR).map_err(|source| StoreError::io("sync", DIR, source))
    }

    fn bytes(&self) -> Vec<u8> {
        // `wrapped` refuses what does not fit.
        let length = u16::try_from(self.wrapped.len()).unwrap_or(u16::MAX);
        [MAGIC.as_slice(), &length.to_le_bytes(), &self.wrapped, &self.sealed].concat()
    }

    fn parse(bytes: &[u8]) -> Option<Self> {
        let (length, rest) = bytes.strip_prefix(MAGIC)?.split_first_chunk()?;
        let (wrapped, sealed) = rest.split_at_checked(usize::from(u16::from_le_bytes(*length)))?;
        Some(Self { wrapped: wrapped.to_vec(), sealed: sealed.to_vec() })
    }
}

fn wrapped(wrap: &dyn KeyWrap, place: &Place, key: &[u8; FILE_KEY]) -> Result<Vec<u8>, WrapError> {
    let wrapped = wrap.wrap(&place.tenant, &place.id, key)?;
    if wrapped.len() <= MAX_WRAPPED {
        return Ok(wrapped);
    }
    Err(WrapError::Unavailable(format!("a wrapped key has {} bytes, more than {MAX_WRAPPED}", wrapped.len())))
}

pub(super) fn damaged(id: &FileId, what: &'static str) -> ShelfError {
    ShelfError::Damaged { id: id.clone(), what }
}
