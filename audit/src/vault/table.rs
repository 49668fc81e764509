//! The table's files, as they are read.

use std::{io, sync::Arc};

use forethought_store::{Disk, StoreError};

use super::{
    ContentKey, KeyId, KeyPlace, MasterError, VaultError,
    header::Header,
    master::Masters,
    plain::Plain,
    slot::{Kind, Live, SLOT, Slot, SlotBytes, Spot},
};

/// The folder of all files.
pub(super) const DIR: &str = "vault";
/// What a file is called until it is whole.
pub(super) const NEW: &str = ".new";
const END: &str = ".tbl";
/// Another process may be writing a slot while it is read here.
const TRIES: u32 = 3;
/// Bytes that are written over at once.
const SCRUB: u64 = 1 << 20;

/// The files of a vault, and the keys that open them.
#[derive(Clone, Debug)]
pub(super) struct Table {
    pub(super) disk: Arc<dyn Disk>,
    pub(super) masters: Masters,
}

impl Table {
    /// The numbers of a table's files, in order.
    pub(super) fn files(&self, kind: Kind) -> Result<Vec<u32>, VaultError> {
        let names = self.names()?;
        let mut files: Vec<u32> = names.iter().filter_map(|name| number_in(kind, name)).collect();
        files.sort_unstable();
        Ok(files)
    }

    /// The names in the folder; none when it is not there.
    pub(super) fn names(&self) -> Result<Vec<String>, VaultError> {
        match self.disk.list(DIR) {
            Ok(names) => Ok(names),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
            Err(source) => Err(failed("list", DIR, source)),
        }
    }

    /// A file's header; none when there is no such file.
    pub(super) fn header(&self, kind: Kind, file: u32) -> Result<Option<Header>, VaultError> {
        let name = name_of(kind, file);
        let Some(bytes) = self.read(&name, 0, SLOT)? else { return Ok(None) };
        let header = Header::decode(&name, &bytes)?;
        if (header.kind, header.file) == (kind, file) {
            return Ok(Some(header));
        }
        Err(VaultError::Damaged { file: name, place: None, what: "its header is another file's".to_owned() })
    }

    /// A file's header, of which one of our master keys is known to be the right one.
    pub(super) fn checked_header(&self, kind: Kind, file: u32) -> Result<Option<Header>, VaultError> {
        let Some(header) = self.header(kind, file)? else { return Ok(None) };
        let name = name_of(kind, file);
        let bytes = self.read(&name, 0, SLOT)?.unwrap_or_default();
        header.check(&name, &bytes, &self.masters)?;
        Ok(Some(header))
    }

    /// A file's length in bytes.
    pub(super) fn size(&self, kind: Kind, file: u32) -> Result<u64, VaultError> {
        let name = name_of(kind, file);
        self.disk.size(&name).map_err(|source| failed("read", &name, source))
    }

    /// Whole slots in a file.
    pub(super) fn slots(&self, kind: Kind, file: u32) -> Result<u32, VaultError> {
        let slots = (self.size(kind, file)? / SLOT as u64).saturating_sub(1);
        Ok(u32::try_from(slots).unwrap_or(u32::MAX))
    }

    /// At most `count` slots from `first` on; fewer only where the file ends.
    pub(super) fn chunk(&self, kind: Kind, file: u32, first: u32, count: usize) -> Result<Vec<SlotBytes>, VaultError> {
        let bytes = self.read(&name_of(kind, file), offset(first), count.saturating_mul(SLOT))?.unwrap_or_default();
        Ok(bytes.chunks_exact(SLOT).filter_map(|slot| slot.try_into().ok()).collect())
    }

    /// One slot; none where the file ends before it, or is not there.
    pub(super) fn slot(&self, kind: Kind, place: KeyPlace) -> Result<Option<SlotBytes>, VaultError> {
        let mut found = None;
        for _ in 0..TRIES {
            found = self.chunk(kind, place.file, place.slot, 1)?.pop();
            if !found.as_ref().is_some_and(|bytes| matches!(Slot::parse(bytes), Slot::Damaged { .. })) {
                break;
            }
        }
        Ok(found)
    }

    /// A content key.
    pub(super) fn find(&self, place: KeyPlace, id: KeyId) -> Result<ContentKey, VaultError> {
        let missing = || VaultError::Missing { place, id };
        let header = self.header(Kind::Keys, place.file)?.ok_or_else(missing)?;
        let bytes = self.slot(Kind::Keys, place)?.ok_or_else(missing)?;
        let spot = header.spot(place.slot);
        match Slot::parse(&bytes) {
            Slot::Damaged { .. } => Err(damaged(&spot, "the slot's checksum does not match")),
            Slot::Destroyed { id: found, reason } if found == id => Err(VaultError::Erased { id, reason }),
            Slot::Live(live) if live.id == id => match self.open(&spot, &live)? {
                Plain::Key(row) => Ok(ContentKey::new(place, id, row.key)),
                Plain::Hold(_) => Err(damaged(&spot, "a legal hold stands where a key should")),
            },
            _ => Err(missing()),
        }
    }

    /// What a row says.
    pub(super) fn open(&self, spot: &Spot, live: &Live<'_>) -> Result<Plain, VaultError> {
        let other = || VaultError::OtherMaster {
            what: format!("the row at {} of {}", spot.place, name_of(spot.kind, spot.place.file)),
            given: self.masters.ids(),
        };
        let master = self.masters.of(live.tag).ok_or_else(other)?;
        match spot.open(master, live) {
            Ok(row) => row.ok_or_else(|| damaged(spot, "what was wrapped is not a row")),
            Err(VaultError::Master(MasterError::Rejected { .. })) => {
                Err(damaged(spot, "its master key does not open it"))
            }
            Err(error) => Err(error),
        }
    }

    /// Bytes of a file; none when it is not there.
    pub(super) fn read(&self, name: &str, offset: u64, len: usize) -> Result<Option<Vec<u8>>, VaultError> {
        match self.disk.read(name, offset, len) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(failed("read", name, source)),
        }
    }
}

impl Table {
    /// Removes a file that never became whole, and what it held: keys of a backup may be in it.
    pub(super) fn remove_leftover(&self, name: &str) -> Result<(), VaultError> {
        let mut left = match self.disk.size(name) {
            Ok(size) => size,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(source) => return Err(failed("read", name, source)),
        };
        while left > 0 {
            let len = left.min(SCRUB);
            let zeros = vec![0; usize::try_from(len).unwrap_or(0)];
            left -= len;
            self.disk.overwrite(name, left, &zeros).map_err(|source| failed("write over", name, source))?;
        }
        self.disk.sync_file(name).map_err(|source| failed("sync", name, source))?;
        self.disk.remove(name).map_err(|source| failed("remove", name, source))
    }
}

/// A file's name.
pub(super) fn name_of(kind: Kind, file: u32) -> String {
    format!("{DIR}/{}-{file:06}{END}", kind.prefix())
}

fn number_in(kind: Kind, name: &str) -> Option<u32> {
    let number: u32 = name.strip_prefix(kind.prefix())?.strip_prefix('-')?.strip_suffix(END)?.parse().ok()?;
    (format!("{DIR}/{name}") == name_of(kind, number)).then_some(number)
}

/// Where a slot begins in its file, in bytes.
pub(super) fn offset(slot: u32) -> u64 {
    (u64::from(slot) + 1) * SLOT as u64
}

pub(super) fn failed(action: &'static str, name: &str, source: io::Error) -> VaultError {
    VaultError::Store(StoreError::io(action, name, source))
}

pub(super) fn damaged(spot: &Spot, what: &str) -> VaultError {
    let file = name_of(spot.kind, spot.place.file);
    VaultError::Damaged { file, place: Some(spot.place), what: what.to_owned() }
}
