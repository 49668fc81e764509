//! The bytes of a slot, which are as many as a header's.
//!
//! ```text
//! state u8 | reason u8 | wrapped length u16 | key id 16 | master tag 8 | wrapped … | zeros | crc-32 u32
//! ```
//!
//! 1,024 bytes: a row with the longest names and what a key service adds fits, and no slot crosses a page of the disk. Only
//! the id is in the clear. A slot of zeros was never written; one whose checksum is wrong is damaged, or torn by a crash
//! before anything used it. What is wrapped opens only in its own place of its own file, under its own id.

use super::{
    DestroyReason, KeyId, KeyPlace, VaultError,
    ids::ID,
    master::{MasterKey, TAG, tag_of},
    plain::Plain,
};

/// Bytes of a slot, and of a header.
pub(super) const SLOT: usize = 1024;
/// The most bytes that a master key may wrap a row into.
pub const MAX_WRAPPED: usize = SLOT - HEAD - CRC;

const HEAD: usize = 1 + 1 + 2 + ID + TAG;
const CRC: usize = 4;
const LIVE: u8 = 1;
const DESTROYED: u8 = 2;
const AAD: &[u8] = b"forethought-vault-slot-1";

/// A slot's bytes.
pub(super) type SlotBytes = [u8; SLOT];

/// Which table a file belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Keys,
    Holds,
}

impl Kind {
    pub(super) const ALL: [Self; 2] = [Self::Keys, Self::Holds];

    pub(super) const fn code(self) -> u8 {
        match self {
            Self::Keys => 1,
            Self::Holds => 2,
        }
    }

    pub(super) fn of(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.code() == code)
    }

    pub(super) const fn prefix(self) -> &'static str {
        match self {
            Self::Keys => "keys",
            Self::Holds => "holds",
        }
    }
}

/// Where a row may be opened, and nowhere else.
#[derive(Clone, Copy, Debug)]
pub(super) struct Spot {
    pub(super) kind: Kind,
    pub(super) file_id: [u8; 16],
    pub(super) place: KeyPlace,
}

impl Spot {
    fn aad(&self, id: KeyId) -> Vec<u8> {
        let mut aad = AAD.to_vec();
        aad.push(self.kind.code());
        aad.extend_from_slice(&self.file_id);
        aad.extend_from_slice(&self.place.file.to_le_bytes());
        aad.extend_from_slice(&self.place.slot.to_le_bytes());
        aad.extend_from_slice(id.as_bytes());
        aad
    }

    /// A slot with a wrapped row.
    pub(super) fn wrap(&self, master: &dyn MasterKey, id: KeyId, plain: &[u8]) -> Result<SlotBytes, VaultError> {
        let wrapped = master.wrap(&self.aad(id), plain)?;
        let len = u16::try_from(wrapped.len()).ok().filter(|_| wrapped.len() <= MAX_WRAPPED);
        let Some(len) = len else {
            return Err(VaultError::WrappedTooLarge { master: master.id(), bytes: wrapped.len(), max: MAX_WRAPPED });
        };
        let mut head = vec![LIVE, 0];
        head.extend_from_slice(&len.to_le_bytes());
        head.extend_from_slice(id.as_bytes());
        head.extend_from_slice(&tag_of(master));
        head.extend_from_slice(&wrapped);
        Ok(sealed(&head))
    }

    /// What a wrapped row says; none when it is not in the format.
    pub(super) fn open(&self, master: &dyn MasterKey, live: &Live<'_>) -> Result<Option<Plain>, VaultError> {
        Ok(Plain::decode(&master.unwrap(&self.aad(live.id), live.wrapped)?))
    }

    /// The row's bytes, to be wrapped under another master key.
    pub(super) fn unwrap(
        &self,
        master: &dyn MasterKey,
        live: &Live<'_>,
    ) -> Result<zeroize::Zeroizing<Vec<u8>>, VaultError> {
        Ok(master.unwrap(&self.aad(live.id), live.wrapped)?)
    }
}

/// A slot, as far as it can be read without a master key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Slot<'b> {
    /// Never written.
    Empty,
    Live(Live<'b>),
    Destroyed {
        id: KeyId,
        reason: DestroyReason,
    },
    /// Not as it was written; the id is what stands there.
    Damaged {
        id: KeyId,
    },
}

/// A row that is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Live<'b> {
    pub(super) id: KeyId,
    pub(super) tag: [u8; TAG],
    wrapped: &'b [u8],
}

impl<'b> Slot<'b> {
    pub(super) fn parse(bytes: &'b SlotBytes) -> Self {
        if bytes.iter().all(|byte| *byte == 0) {
            return Self::Empty;
        }
        let damaged = Self::Damaged { id: id_in(bytes) };
        if is_whole(bytes) { Self::decode(bytes).unwrap_or(damaged) } else { damaged }
    }

    fn decode(bytes: &'b SlotBytes) -> Option<Self> {
        let ([state, reason, len @ ..], rest) = bytes.split_first_chunk::<4>()?;
        let (id, rest) = rest.split_first_chunk::<ID>()?;
        let (tag, rest) = rest.split_first_chunk::<TAG>()?;
        let id = KeyId::from_bytes(*id);
        match *state {
            LIVE => {
                let wrapped = rest.get(..usize::from(u16::from_le_bytes(*len)))?;
                (wrapped.len() <= MAX_WRAPPED).then_some(Self::Live(Live { id, tag: *tag, wrapped }))
            }
            DESTROYED => Some(Self::Destroyed { id, reason: DestroyReason::of(*reason) }),
            _ => None,
        }
    }
}

/// What stands in the place of a row that was destroyed: its id and a reason, and nothing else.
pub(super) fn destroyed(id: KeyId, reason: DestroyReason) -> SlotBytes {
    let mut head = vec![DESTROYED, reason.code(), 0, 0];
    head.extend_from_slice(id.as_bytes());
    sealed(&head)
}

/// Bytes with zeros and a checksum behind them.
pub(super) fn sealed(head: &[u8]) -> SlotBytes {
    let mut bytes = [0; SLOT];
    bytes.iter_mut().zip(head.iter().take(SLOT - CRC)).for_each(|(to, from)| *to = *from);
    let crc = crc32fast::hash(body(&bytes)).to_le_bytes();
    if let Some(end) = bytes.last_chunk_mut::<CRC>() {
        *end = crc;
    }
    bytes
}

/// Whether the checksum is right. It tells every change of up to 32 bits in a row.
pub(super) fn is_whole(bytes: &SlotBytes) -> bool {
    bytes.last_chunk::<CRC>().is_some_and(|crc| u32::from_le_bytes(*crc) == crc32fast::hash(body(bytes)))
}

fn body(bytes: &SlotBytes) -> &[u8] {
    bytes.get(..SLOT - CRC).unwrap_or_default()
}

fn id_in(bytes: &SlotBytes) -> KeyId {
    let id = bytes.get(4..).and_then(|rest| rest.first_chunk::<ID>());
    KeyId::from_bytes(id.copied().unwrap_or_default())
}
