//! Another master key: every row is wrapped anew, batch by batch.
//!
//! Each slot says under which master key it is, and a file's header is wrapped after its rows. So a rewrapping that was cut short is
//! taken up by another one, with both keys given at the start; and once every header names the new key, the old one is needed
//! no more. With the old one destroyed, whatever a disk has kept of slots that were written over is worth nothing.

use std::sync::Arc;

use super::{
    KeyPlace, MasterKey, Vault, VaultError,
    header::Header,
    master::tag_of,
    redo::{MAX_PATCHES, Patch},
    slot::{Kind, Slot, SlotBytes},
    table::name_of,
};

/// What came of a rewrapping.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RewrapReport {
    /// Rows, holds among them, that were wrapped anew.
    pub rewrapped: u64,
    /// Keys that could not be read, and stay as they are.
    pub unreadable: Vec<KeyPlace>,
}

impl Vault {
    /// Wraps everything under another master key, or under the one in use what is still under an older one. From the call
    /// on, new rows are under it, too, also when this fails; then call it again. What was wrapped before can be read meanwhile.
    ///
    /// # Errors
    /// [`VaultError::NeedsReopen`], [`VaultError::OtherMaster`], [`VaultError::Master`], [`VaultError::WrappedTooLarge`] and
    /// [`VaultError::Store`].
    pub fn rewrap(&mut self, new: Arc<dyn MasterKey>) -> Result<RewrapReport, VaultError> {
        self.check_usable()?;
        self.write_staged()?;
        if tag_of(&*new) != tag_of(self.table.masters.current()) {
            self.table.masters.make_current(new);
        }
        let mut report = RewrapReport::default();
        for kind in Kind::ALL {
            for file in self.table.files(kind)? {
                self.rewrap_file(kind, file, &mut report)?;
            }
        }
        self.table.masters.forget_older();
        Ok(report)
    }

    fn rewrap_file(&mut self, kind: Kind, file: u32, report: &mut RewrapReport) -> Result<(), VaultError> {
        let Some(header) = self.table.header(kind, file)? else { return Ok(()) };
        let mut first: u32 = 0;
        loop {
            let chunk = self.table.chunk(kind, file, first, MAX_PATCHES)?;
            if chunk.is_empty() {
                break;
            }
            let mut patches = Vec::new();
            for (slot, bytes) in (first..).zip(&chunk) {
                patches.extend(self.rewrap_slot(&header, slot, bytes, report)?);
            }
            self.patch(&patches)?;
            report.rewrapped += patches.len() as u64;
            first = first.saturating_add(u32::try_from(chunk.len()).unwrap_or(u32::MAX));
        }
        self.rewrap_header(&header)
    }

    fn rewrap_slot(
        &self,
        header: &Header,
        slot: u32,
        bytes: &SlotBytes,
        report: &mut RewrapReport,
    ) -> Result<Option<Patch>, VaultError> {
        let (at, current) = (header.spot(slot), self.table.masters.current());
        let mut unreadable = || {
            if header.kind == Kind::Keys {
                report.unreadable.push(at.place);
            }
            Ok(None)
        };
        let live = match Slot::parse(bytes) {
            Slot::Live(live) if live.tag != tag_of(current) => live,
            Slot::Damaged { .. } => return unreadable(),
            _ => return Ok(None),
        };
        // It says what is wrong with the row before it is unwrapped to be wrapped anew.
        match self.table.open(&at, &live) {
            Ok(_) => {}
            Err(VaultError::Damaged { .. }) => return unreadable(),
            Err(error) => return Err(error),
        }
        let Some(older) = self.table.masters.of(live.tag) else { return unreadable() };
        let plain = at.unwrap(older, &live)?;
        Ok(Some(Patch::slot(header, slot, &at.wrap(current, live.id, &plain)?)))
    }

    fn rewrap_header(&mut self, header: &Header) -> Result<(), VaultError> {
        let current = self.table.masters.current();
        if header.tag == tag_of(current) {
            return Ok(());
        }
        let renewed = Header { tag: tag_of(current), ..*header };
        let bytes = renewed.encode(current)?;
        self.patch(&[Patch::header(header, &bytes)])?;
        tracing::info!(
            file = name_of(header.kind, header.file),
            master = self.table.masters.current().id(),
            "rewrapped"
        );
        for tail in [&mut self.keys, &mut self.hold_tail].into_iter().flatten() {
            if tail.header.file_id == header.file_id {
                tail.header = renewed;
            }
        }
        Ok(())
    }
}
