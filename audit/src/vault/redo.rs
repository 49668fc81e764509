//! Writing over many slots so that all of them are written or none, wherever the power goes.
//!
//! What is to be written is first made durable in one file of its own, `vault/redo`; then the slots are written and made
//! durable; then that file is overwritten with zeros. A start finds it whole, and writes the slots once more, or not whole,
//! and then no slot was touched. It is one file for ever and never removed: wrapped keys that pass through it are
//! overwritten, and not left in blocks that nobody can name any more.
//!
//! ```text
//! magic 8 | count u32 | SHA-256 of the rest 32 | count × (kind u8 | file u32 | file id 16 | index u32 | bytes 1,024)
//! ```
//!
//! Index 0 is the header, and n + 1 slot n.

use std::{collections::BTreeSet, io};

use forethought_store::Disk;
use sha2::{Digest as _, Sha256};

use super::{
    VaultError,
    header::Header,
    slot::{Kind, SLOT, Slot, SlotBytes},
    table::{DIR, failed, name_of},
};

const FILE: &str = "vault/redo";
const MAGIC: &[u8; 8] = b"FTREDO\n\0";
const HEAD: usize = 8 + 4 + 32;
const ENTRY: usize = 1 + 4 + 16 + 4 + SLOT;
/// Slots that are written in one go: about a megabyte.
pub(super) const MAX_PATCHES: usize = 1024;

/// Bytes that are to stand in a place of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Patch {
    kind: Kind,
    file: u32,
    file_id: [u8; 16],
    index: u32,
    bytes: SlotBytes,
}

impl Patch {
    /// A slot's new bytes.
    pub(super) const fn slot(header: &Header, slot: u32, bytes: &SlotBytes) -> Self {
        let Header { kind, file, file_id, .. } = *header;
        Self { kind, file, file_id, index: slot.saturating_add(1), bytes: *bytes }
    }

    /// A header's new bytes.
    pub(super) const fn header(header: &Header, bytes: &SlotBytes) -> Self {
        let Header { kind, file, file_id, .. } = *header;
        Self { kind, file, file_id, index: 0, bytes: *bytes }
    }

    fn offset(&self) -> u64 {
        u64::from(self.index) * SLOT as u64
    }

    fn encode(&self, bytes: &mut Vec<u8>) {
        bytes.push(self.kind.code());
        bytes.extend_from_slice(&self.file.to_le_bytes());
        bytes.extend_from_slice(&self.file_id);
        bytes.extend_from_slice(&self.index.to_le_bytes());
        bytes.extend_from_slice(&self.bytes);
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let (kind, rest) = bytes.split_first()?;
        let (file, rest) = rest.split_first_chunk()?;
        let (file_id, rest) = rest.split_first_chunk()?;
        let (index, rest) = rest.split_first_chunk()?;
        Some(Self {
            kind: Kind::of(*kind)?,
            file: u32::from_le_bytes(*file),
            file_id: *file_id,
            index: u32::from_le_bytes(*index),
            bytes: rest.try_into().ok()?,
        })
    }
}

/// Makes room for some patches, at most [`MAX_PATCHES`]. After an error nothing has happened.
pub(super) fn prepare(disk: &dyn Disk, patches: usize) -> Result<(), VaultError> {
    let need = HEAD + patches * ENTRY;
    let size = match disk.size(FILE) {
        Ok(size) => usize::try_from(size).unwrap_or(usize::MAX),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            disk.create(FILE).map_err(|source| failed("create", FILE, source))?;
            0
        }
        Err(source) => return Err(failed("read", FILE, source)),
    };
    if size < need {
        disk.append(FILE, &vec![0; need - size]).map_err(|source| failed("append to", FILE, source))?;
        sync(disk, FILE)?;
    }
    // A start may have found a name that was never made durable.
    disk.sync_dir(DIR).map_err(|source| failed("sync", DIR, source))
}

/// Writes the patches. After an error it is unknown which stand: the vault must be opened anew, which writes all or none.
pub(super) fn apply(disk: &dyn Disk, patches: &[Patch]) -> Result<(), VaultError> {
    let bytes = encode(patches);
    overwrite(disk, FILE, 0, &bytes)?;
    sync(disk, FILE)?;
    write(disk, patches)?;
    scrub(disk, bytes.len())
}

/// Finishes what an earlier process left, and gives the number of slots that it wrote once more.
pub(super) fn finish(disk: &dyn Disk) -> Result<usize, VaultError> {
    let bytes = match disk.read(FILE, 0, HEAD + MAX_PATCHES * ENTRY) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
        Err(source) => return Err(failed("read", FILE, source)),
    };
    let mut patches = decode(&bytes).unwrap_or_default();
    let mut still_meant = Vec::with_capacity(patches.len());
    for patch in patches.drain(..) {
        if is_meant(disk, &patch)? {
            still_meant.push(patch);
        }
    }
    if !still_meant.is_empty() {
        // A sync that failed may have left it in memory only, and no slot is touched before it is durable.
        overwrite(disk, FILE, 0, &bytes)?;
        sync(disk, FILE)?;
        write(disk, &still_meant)?;
    }
    // Also where it reads as zeros: a sync that failed may have left them in memory only.
    scrub(disk, bytes.len())?;
    Ok(still_meant.len())
}

/// Whether a patch belongs here still. Another table's does not, and nothing brings back what was destroyed.
fn is_meant(disk: &dyn Disk, patch: &Patch) -> Result<bool, VaultError> {
    let name = name_of(patch.kind, patch.file);
    let read = |offset| match disk.read(&name, offset, SLOT) {
        Ok(bytes) => Ok(bytes),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(source) => Err(failed("read", &name, source)),
    };
    let header = Header::decode(&name, &read(0)?);
    if patch.index == 0 {
        // It may be torn. One that is whole and another file's is not to be written over.
        return Ok(header.map_or(true, |header| header.file_id == patch.file_id));
    }
    if !header.is_ok_and(|header| header.file_id == patch.file_id) {
        return Ok(false);
    }
    let Ok(there) = SlotBytes::try_from(read(patch.offset())?) else { return Ok(false) };
    Ok(!matches!((Slot::parse(&there), Slot::parse(&patch.bytes)), (Slot::Destroyed { .. }, Slot::Live(_))))
}

fn write(disk: &dyn Disk, patches: &[Patch]) -> Result<(), VaultError> {
    let mut files = BTreeSet::new();
    for patch in patches {
        let name = name_of(patch.kind, patch.file);
        overwrite(disk, &name, patch.offset(), &patch.bytes)?;
        files.insert(name);
    }
    files.iter().try_for_each(|name| sync(disk, name))
}

fn scrub(disk: &dyn Disk, len: usize) -> Result<(), VaultError> {
    overwrite(disk, FILE, 0, &vec![0; len])?;
    sync(disk, FILE)
}

fn overwrite(disk: &dyn Disk, name: &str, offset: u64, bytes: &[u8]) -> Result<(), VaultError> {
    disk.overwrite(name, offset, bytes).map_err(|source| failed("write over", name, source))
}

fn sync(disk: &dyn Disk, name: &str) -> Result<(), VaultError> {
    disk.sync_file(name).map_err(|source| failed("sync", name, source))
}

fn encode(patches: &[Patch]) -> Vec<u8> {
    let mut rest = Vec::with_capacity(patches.len() * ENTRY);
    for patch in patches {
        patch.encode(&mut rest);
    }
    let count = u32::try_from(patches.len()).unwrap_or(u32::MAX).to_le_bytes();
    let digest = Sha256::digest(&rest);
    [MAGIC.as_slice(), &count, &digest, &rest].concat()
}

/// What was to be written; none when that was never durable.
fn decode(bytes: &[u8]) -> Option<Vec<Patch>> {
    let rest = bytes.strip_prefix(MAGIC)?;
    let (count, rest) = rest.split_first_chunk()?;
    let (digest, rest) = rest.split_first_chunk::<32>()?;
    let count = usize::try_from(u32::from_le_bytes(*count)).ok().filter(|count| *count <= MAX_PATCHES)?;
    let rest = rest.get(..count * ENTRY)?;
    if Sha256::digest(rest).as_slice() != digest {
        return None;
    }
    rest.chunks_exact(ENTRY).map(Patch::decode).collect()
}
