//! A copy of the whole table, still wrapped, to be kept apart from the log and from the master key.
//!
//! ```text
//! magic 8 | version u32 | per file: kind u8, slots u32, header 1,024, slots … | 0 u8 | SHA-256 of everything before 32
//! ```

use std::io::{self, Read, Write};

use sha2::{Digest as _, Sha256};

use super::{
    Vault, VaultError,
    header::Header,
    slot::{Kind, SLOT, SlotBytes},
    table::{Table, name_of},
};
use crate::Digest;

const MAGIC: &[u8; 8] = b"FTVBACK\n";
const VERSION: u32 = 1;
const END: u8 = 0;
/// Slots that are copied at once.
pub(super) const CHUNK: usize = 256;

/// What was copied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BackupNote {
    /// The digest of the copy, which also ends it. Note it where whoever changes the copy cannot write.
    pub digest: Digest,
    /// Files in it.
    pub files: usize,
    /// Slots in it, whatever is there.
    pub slots: u64,
}

impl Vault {
    /// Copies the whole table, with the marks of what was destroyed. Rows that wait are flushed first.
    ///
    /// # Errors
    /// [`VaultError::BackupIo`], [`VaultError::Store`], [`VaultError::Damaged`] where a header is, and those of
    /// [`Vault::flush`].
    pub fn export(&mut self, to: &mut impl Write) -> Result<BackupNote, VaultError> {
        self.check_usable()?;
        self.write_staged()?;
        let mut copy = Copy { to, hasher: Sha256::new() };
        copy.write(MAGIC)?;
        copy.write(&VERSION.to_le_bytes())?;
        let (mut files, mut slots) = (0, 0);
        for kind in Kind::ALL {
            for file in self.table.files(kind)? {
                slots += u64::from(copy.file(&self.table, kind, file)?);
                files += 1;
            }
        }
        copy.write(&[END])?;
        Ok(BackupNote { digest: copy.end()?, files, slots })
    }
}

/// What writes a copy.
struct Copy<'w, W> {
    to: &'w mut W,
    hasher: Sha256,
}

impl<W: Write> Copy<'_, W> {
    fn write(&mut self, bytes: &[u8]) -> Result<(), VaultError> {
        self.hasher.update(bytes);
        self.to.write_all(bytes).map_err(|source| VaultError::BackupIo { action: "write", source })
    }

    fn file(&mut self, table: &Table, kind: Kind, file: u32) -> Result<u32, VaultError> {
        let shorter = || VaultError::Damaged {
            file: name_of(kind, file),
            place: None,
            what: "it became shorter while it was copied".to_owned(),
        };
        let slots = table.slots(kind, file)?;
        self.write(&[kind.code()])?;
        self.write(&slots.to_le_bytes())?;
        let name = name_of(kind, file);
        let header = table.read(&name, 0, SLOT)?.unwrap_or_default();
        Header::decode(&name, &header)?;
        self.write(&header)?;
        let mut first = 0;
        while first < slots {
            let count = CHUNK.min(usize::try_from(slots - first).unwrap_or(CHUNK));
            let chunk = table.chunk(kind, file, first, count)?;
            if chunk.len() < count {
                return Err(shorter());
            }
            self.write(&chunk.concat())?;
            first += u32::try_from(count).unwrap_or(u32::MAX - first);
        }
        Ok(slots)
    }

    fn end(self) -> Result<Digest, VaultError> {
        let bytes = self.hasher.finalize();
        let failed = |source| VaultError::BackupIo { action: "write", source };
        self.to.write_all(&bytes).and_then(|()| self.to.flush()).map_err(failed)?;
        Ok(Digest::from_bytes(bytes.into()))
    }
}

/// A copy that is being read.
pub(super) struct Backup<'r, R> {
    from: &'r mut R,
    hasher: Sha256,
}

/// A file in a copy. Its slots follow.
pub(super) struct BackupFile {
    pub(super) header: Header,
    pub(super) bytes: SlotBytes,
    pub(super) slots: u32,
}

impl<'r, R: Read> Backup<'r, R> {
    pub(super) fn begin(from: &'r mut R) -> Result<Self, VaultError> {
        let mut backup = Self { from, hasher: Sha256::new() };
        if backup.take::<8>()? != *MAGIC {
            return Err(wrong("it does not begin as one does"));
        }
        match u32::from_le_bytes(backup.take()?) {
            VERSION => Ok(backup),
            found => Err(VaultError::NewerVersion { file: "the backup".to_owned(), found, supported: VERSION }),
        }
    }

    /// The next file; none behind the last one.
    pub(super) fn file(&mut self) -> Result<Option<BackupFile>, VaultError> {
        let kind = match self.take::<1>()? {
            [END] => return Ok(None),
            [code] => Kind::of(code).ok_or_else(|| wrong("it has a kind of file that there is not"))?,
        };
        let slots = u32::from_le_bytes(self.take()?);
        let bytes: SlotBytes = self.take()?;
        let header = Header::decode("a file of the backup", &bytes)?;
        if header.kind == kind {
            return Ok(Some(BackupFile { header, bytes, slots }));
        }
        Err(wrong("a file's header is of another kind"))
    }

    /// The next slots; the caller knows how many are left.
    pub(super) fn slots(&mut self, count: usize) -> Result<Vec<SlotBytes>, VaultError> {
        (0..count).map(|_| self.take()).collect()
    }

    /// The digest, which must be what the copy ends with.
    pub(super) fn end(mut self) -> Result<Digest, VaultError> {
        let digest: [u8; 32] = self.hasher.clone().finalize().into();
        if self.take::<32>()? != digest {
            return Err(wrong("its digest does not match"));
        }
        match self.from.read(&mut [0]) {
            Ok(0) => Ok(Digest::from_bytes(digest)),
            Ok(_) => Err(wrong("something follows its end")),
            Err(source) => Err(VaultError::BackupIo { action: "read", source }),
        }
    }

    fn take<const N: usize>(&mut self) -> Result<[u8; N], VaultError> {
        let mut bytes = [0; N];
        match self.from.read_exact(&mut bytes) {
            Ok(()) => {
                self.hasher.update(bytes);
                Ok(bytes)
            }
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Err(wrong("it ends too early")),
            Err(source) => Err(VaultError::BackupIo { action: "read", source }),
        }
    }
}

pub(super) fn wrong(what: &str) -> VaultError {
    VaultError::Backup { what: what.to_owned() }
}
