//! A content key, as it is given away.

use std::fmt;

use zeroize::Zeroizing;

use super::{KeyId, KeyPlace, Ticket, VaultError, plain::KEY};

/// A key that seals contents. Its bytes appear in no debug text, and are overwritten when it is dropped.
///
/// Do not keep it longer than the contents at hand need: the vault cannot destroy a copy that somebody else has.
#[derive(Clone)]
pub struct ContentKey {
    place: KeyPlace,
    id: KeyId,
    bytes: Zeroizing<[u8; KEY]>,
    /// Whether its row has it.
    kept: bool,
}

impl ContentKey {
    pub(super) const fn new(place: KeyPlace, id: KeyId, bytes: Zeroizing<[u8; KEY]>) -> Self {
        Self { place, id, bytes, kept: true }
    }

    /// A key that nobody keeps, in the place of one that was destroyed: what it seals is gone with it.
    pub(crate) fn unkept(ticket: &Ticket) -> Result<Self, VaultError> {
        let mut bytes = Zeroizing::new([0; KEY]);
        getrandom::fill(bytes.as_mut_slice()).map_err(VaultError::Random)?;
        Ok(Self { place: ticket.place(), id: ticket.id(), bytes, kept: false })
    }

    /// Where its row stands.
    #[must_use]
    pub const fn place(&self) -> KeyPlace {
        self.place
    }

    /// Its name.
    #[must_use]
    pub const fn id(&self) -> KeyId {
        self.id
    }

    /// What it can be had by.
    pub(crate) const fn ticket(&self) -> Ticket {
        Ticket::of(self.place, self.id)
    }

    /// Whether it is the key of this ticket, and not one in the place of one that was destroyed.
    pub(crate) fn is_of(&self, ticket: Ticket) -> bool {
        self.kept && self.ticket() == ticket
    }

    pub(super) fn bytes(&self) -> &[u8; KEY] {
        &self.bytes
    }
}

impl fmt::Debug for ContentKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ContentKey({} at {})", self.id, self.place)
    }
}
