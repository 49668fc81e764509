//! Destroying rows: zeros and a mark in their place, durable, and read back.

use std::collections::BTreeSet;

use super::{
    DestroyReason, KeyId, KeyPlace, Vault, VaultError,
    plain::Plain,
    redo::{self, MAX_PATCHES, Patch},
    slot::{Kind, Slot, SlotBytes, destroyed},
    table::damaged,
};

impl Vault {
    /// Destroys the rows at these places, for good, and gives the number of those that were there still. What they sealed
    /// can be read by nobody any more, but for who has a key that was given away or an older copy of the table.
    ///
    /// Nothing is destroyed while one of them is held or not there. It may be called again with the same places. A power cut
    /// leaves each batch of 1,024 rows destroyed or as it was, and the next start finishes what was begun.
    ///
    /// Floors and ceilings are not asked here: [`Vault::plan_erasure`] and [`Vault::plan_expiry`] do.
    ///
    /// # Errors
    /// [`VaultError::Held`], [`VaultError::HoldsDamaged`], [`VaultError::Unreadable`] and [`VaultError::NoSlot`], with which
    /// nothing was destroyed; [`VaultError::NeedsReopen`], [`VaultError::Store`] and [`VaultError::NotDestroyed`], with which
    /// some may have been.
    pub fn destroy(&mut self, places: &[KeyPlace], reason: DestroyReason) -> Result<u64, VaultError> {
        self.check_usable()?;
        self.write_staged()?;
        self.held.check_readable()?;
        let places: BTreeSet<KeyPlace> = places.iter().copied().collect();
        let mut there = Vec::new();
        for place in places {
            there.extend(self.may_destroy(place)?.map(|id| (place, id)));
        }
        for batch in there.chunks(MAX_PATCHES) {
            self.destroy_batch(batch, reason)?;
        }
        Ok(there.len() as u64)
    }

    /// The id of a row that may be destroyed; none where it is destroyed already.
    fn may_destroy(&self, place: KeyPlace) -> Result<Option<KeyId>, VaultError> {
        let bytes = self.table.slot(Kind::Keys, place)?.ok_or(VaultError::NoSlot { place })?;
        match Slot::parse(&bytes) {
            Slot::Empty => Err(VaultError::NoSlot { place }),
            Slot::Destroyed { .. } => Ok(None),
            Slot::Damaged { id } if self.held.all.is_empty() => Ok(Some(id)),
            Slot::Live(live) if self.held.all.is_empty() => Ok(Some(live.id)),
            Slot::Damaged { .. } => Err(VaultError::Unreadable { place }),
            Slot::Live(live) => self.check_not_held(place, &bytes).map(|()| Some(live.id)),
        }
    }

    fn check_not_held(&self, place: KeyPlace, bytes: &SlotBytes) -> Result<(), VaultError> {
        let header = self.table.header(Kind::Keys, place.file)?.ok_or(VaultError::NoSlot { place })?;
        let Slot::Live(live) = Slot::parse(bytes) else { return Err(VaultError::Unreadable { place }) };
        let row = match self.table.open(&header.spot(place.slot), &live) {
            Ok(Plain::Key(row)) => row,
            Ok(Plain::Hold(_)) | Err(VaultError::Damaged { .. } | VaultError::OtherMaster { .. }) => {
                return Err(VaultError::Unreadable { place });
            }
            Err(error) => return Err(error),
        };
        match self.held.covering(&row.owner) {
            Some(hold) => Err(VaultError::Held { place, hold: hold.id }),
            None => Ok(()),
        }
    }

    fn destroy_batch(&mut self, batch: &[(KeyPlace, KeyId)], reason: DestroyReason) -> Result<(), VaultError> {
        let mut patches = Vec::with_capacity(batch.len());
        for (place, id) in batch {
            // No copy of the key stays in memory, whatever becomes of its row.
            self.cache.lock().forget(*place);
            let header = self.table.header(Kind::Keys, place.file)?.ok_or(VaultError::NoSlot { place: *place })?;
            patches.push(Patch::slot(&header, place.slot, &destroyed(*id, reason)));
        }
        self.patch(&patches)?;
        batch.iter().try_for_each(|(place, id)| self.check_destroyed(*place, *id))
    }

    fn check_destroyed(&self, place: KeyPlace, id: KeyId) -> Result<(), VaultError> {
        match self.table.slot(Kind::Keys, place)?.as_ref().map(Slot::parse) {
            Some(Slot::Destroyed { id: found, .. }) if found == id => Ok(()),
            Some(_) => Err(VaultError::NotDestroyed { place }),
            None => Err(damaged_end(place)),
        }
    }

    /// Writes over slots, all of them or none, wherever the power goes.
    pub(super) fn patch(&mut self, patches: &[Patch]) -> Result<(), VaultError> {
        if patches.is_empty() {
            return Ok(());
        }
        let disk = self.table.disk.clone();
        redo::prepare(&*disk, patches.len())?;
        self.breaks(redo::apply(&*disk, patches))
    }
}

fn damaged_end(place: KeyPlace) -> VaultError {
    let spot = super::slot::Spot { kind: Kind::Keys, file_id: [0; 16], place };
    damaged(&spot, "the file became shorter")
}
