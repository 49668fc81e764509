//! The first [`SLOT`] bytes of a table file.
//!
//! ```text
//! magic 8 | version u32 | kind u8 | 0 3 | file u32 | file id 16 | slots u32 | master tag 8 | check length u16 | check … | zeros | crc-32 u32
//! ```
//!
//! The check is a text that everybody knows, wrapped by the master key: a wrong key is noticed at the start, and not when the
//! first content is to be read. A header is wrapped anew after all rows of its file, so one that names a master key says
//! that no row needs an older one.

use super::{
    KeyPlace, MasterError, VaultError,
    master::{MasterKey, Masters, TAG, tag_of},
    slot::{Kind, SLOT, SlotBytes, Spot, is_whole, sealed},
};

const MAGIC: &[u8; 8] = b"FTVAULT\n";
const VERSION: u32 = 1;
const CHECK: &[u8] = b"this is the master key of these rows";
const AAD: &[u8] = b"forethought-vault-head-1";
/// Where the check begins.
const FIXED: usize = 8 + 4 + 4 + 4 + 16 + 4 + TAG + 2;

/// What a header says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) kind: Kind,
    pub(super) file: u32,
    pub(super) file_id: [u8; 16],
    /// Slots that the file takes.
    pub(super) slots: u32,
    pub(super) tag: [u8; TAG],
}

impl Header {
    pub(super) fn spot(&self, slot: u32) -> Spot {
        Spot { kind: self.kind, file_id: self.file_id, place: KeyPlace { file: self.file, slot } }
    }

    fn aad(&self) -> Vec<u8> {
        [AAD, &[self.kind.code()], &self.file.to_le_bytes(), &self.file_id, &self.slots.to_le_bytes()].concat()
    }

    /// The bytes, with a check of this master key.
    pub(super) fn encode(&self, master: &dyn MasterKey) -> Result<SlotBytes, VaultError> {
        let check = master.wrap(&self.aad(), CHECK)?;
        let max = SLOT - FIXED - 4;
        let len = u16::try_from(check.len()).ok().filter(|_| check.len() <= max);
        let Some(len) = len else {
            return Err(VaultError::WrappedTooLarge { master: master.id(), bytes: check.len(), max });
        };
        let mut head = MAGIC.to_vec();
        head.extend_from_slice(&VERSION.to_le_bytes());
        head.extend_from_slice(&[self.kind.code(), 0, 0, 0]);
        head.extend_from_slice(&self.file.to_le_bytes());
        head.extend_from_slice(&self.file_id);
        head.extend_from_slice(&self.slots.to_le_bytes());
        head.extend_from_slice(&tag_of(master));
        head.extend_from_slice(&len.to_le_bytes());
        head.extend_from_slice(&check);
        Ok(sealed(&head))
    }

    /// The header of a file of this name.
    ///
    /// # Errors
    /// [`VaultError::Damaged`] and [`VaultError::NewerVersion`].
    pub(super) fn decode(name: &str, bytes: &[u8]) -> Result<Self, VaultError> {
        let damaged = |what: &str| VaultError::Damaged { file: name.to_owned(), place: None, what: what.to_owned() };
        let bytes: &SlotBytes = bytes.first_chunk().ok_or_else(|| damaged("its header is incomplete"))?;
        if !bytes.starts_with(MAGIC) {
            return Err(damaged("it does not begin as a table does"));
        }
        if !is_whole(bytes) {
            return Err(damaged("the header's checksum does not match"));
        }
        let rest = bytes.strip_prefix(MAGIC).and_then(|rest| rest.split_first_chunk());
        let (version, rest) = rest.ok_or_else(|| damaged("its header is not in the format"))?;
        match u32::from_le_bytes(*version) {
            VERSION => Self::fields(rest).ok_or_else(|| damaged("its header is not in the format")),
            0 => Err(damaged("there is no format version 0")),
            found => Err(VaultError::NewerVersion { file: name.to_owned(), found, supported: VERSION }),
        }
    }

    /// What stands behind the version.
    fn fields(rest: &[u8]) -> Option<Self> {
        let ([kind, ..], rest) = rest.split_first_chunk::<4>()?;
        let (file, rest) = rest.split_first_chunk()?;
        let (file_id, rest) = rest.split_first_chunk()?;
        let (slots, rest) = rest.split_first_chunk()?;
        let (tag, _) = rest.split_first_chunk()?;
        Some(Self {
            kind: Kind::of(*kind)?,
            file: u32::from_le_bytes(*file),
            file_id: *file_id,
            slots: u32::from_le_bytes(*slots),
            tag: *tag,
        })
    }

    /// Whether one of these master keys is the header's.
    ///
    /// # Errors
    /// [`VaultError::OtherMaster`], [`VaultError::Damaged`], and [`VaultError::Master`] where it cannot be told now.
    pub(super) fn check(&self, name: &str, bytes: &[u8], masters: &Masters) -> Result<(), VaultError> {
        let other = || VaultError::OtherMaster { what: name.to_owned(), given: masters.ids() };
        let master = masters.of(self.tag).ok_or_else(other)?;
        match master.unwrap(&self.aad(), check_in(bytes).unwrap_or_default()) {
            Ok(text) if text.as_slice() == CHECK => Ok(()),
            // The header is whole: so this key only has the other one's name.
            Ok(_) | Err(MasterError::Rejected { .. }) => Err(other()),
            Err(error) => Err(error.into()),
        }
    }
}

fn check_in(bytes: &[u8]) -> Option<&[u8]> {
    let (len, rest) = bytes.get(FIXED - 2..)?.split_first_chunk()?;
    rest.get(..usize::from(u16::from_le_bytes(*len)))
}
