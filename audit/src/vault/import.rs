//! Taking rows from a backup: only those that are lost here.
//!
//! What is destroyed here stays destroyed, whatever the backup has. What is destroyed in the backup is only told: one door,
//! [`Vault::destroy`], leads out, and it asks the holds.

use std::io::{Read, Seek, SeekFrom};

use super::{
    KeyPlace, Vault, VaultError, VaultReport,
    append::Tail,
    backup::{Backup, BackupFile, CHUNK, wrong},
    header::Header,
    holds::Holds,
    master::{TAG, tag_of},
    redo::Patch,
    slot::{Kind, Slot, SlotBytes},
    table::name_of,
};
use crate::Digest;

/// A wrapped row has hundreds of bytes that are not zero; a destroyed one that a disk has damaged since, very few.
const FEW: usize = 64;

/// What came of an import.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ImportReport {
    /// Rows that were lost or damaged here and are there again.
    pub restored: u64,
    /// Rows of the backup that are destroyed here, and stay so.
    pub refused: u64,
    /// Rows that are destroyed in the backup and not here, as when this table was an older copy: destroy them.
    pub to_destroy: Vec<KeyPlace>,
    /// Places where another row stands here: the backup's cannot be had beside it.
    pub conflicts: Vec<KeyPlace>,
    /// Places where a damaged row is that may have been a destroyed one. It was left as it is.
    pub uncertain: Vec<KeyPlace>,
    /// Rows that came under another master key than the one in use: rewrap.
    pub older_master: u64,
}

/// What is done with a slot of the backup.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    /// Nothing: it says nothing that is not known here.
    Same,
    /// It is written here.
    Take,
    Refused,
    ToDestroy,
    Conflict,
    Uncertain,
}

impl Vault {
    /// Takes the rows of a backup that are lost here. With `expected`, only from the copy that has this digest. It may be
    /// called again, as after a failure.
    ///
    /// **A key that was destroyed after the backup was made is known as destroyed only where this table still has its
    /// mark.** After an import that restored rows, destroy once more what the log says was destroyed.
    ///
    /// # Errors
    /// [`VaultError::Backup`], [`VaultError::OtherTable`], [`VaultError::OtherMaster`] and [`VaultError::BackupIo`], with which
    /// nothing was changed unless the copy changed while it was read; [`VaultError::NeedsReopen`] and [`VaultError::Store`].
    pub fn import(
        &mut self,
        from: &mut (impl Read + Seek),
        expected: Option<Digest>,
    ) -> Result<ImportReport, VaultError> {
        self.check_usable()?;
        self.write_staged()?;
        let begin = from.stream_position().map_err(|source| VaultError::BackupIo { action: "read", source })?;
        self.check_backup(from, expected)?;
        from.seek(SeekFrom::Start(begin)).map_err(|source| VaultError::BackupIo { action: "read", source })?;
        let mut report = ImportReport::default();
        let taken = self.take_files(from, &mut report);
        if self.broken.is_none() {
            // Also where only some of it was taken: new rows go behind it.
            self.hold_tail = self.load_files(Kind::Holds, &mut VaultReport::default())?;
            self.keys = self.load_files(Kind::Keys, &mut VaultReport::default())?;
            self.held = Holds::read(&self.table)?;
        }
        taken.map(|()| report)
    }

    /// Reads all of it before anything is changed.
    fn check_backup(&self, from: &mut impl Read, expected: Option<Digest>) -> Result<(), VaultError> {
        let mut backup = Backup::begin(from)?;
        while let Some(file) = backup.file()? {
            let name = name_of(file.header.kind, file.header.file);
            file.header.check(&name, &file.bytes, &self.table.masters)?;
            let here = self.table.header(file.header.kind, file.header.file)?;
            if here.is_some_and(|here| here.file_id != file.header.file_id) {
                return Err(VaultError::OtherTable { file: name });
            }
            each_chunk(&mut backup, &file, |_, _| Ok(()))?;
        }
        let digest = backup.end()?;
        match expected {
            Some(expected) if expected != digest => Err(wrong("it is whole, and not the copy with this digest")),
            _ => Ok(()),
        }
    }

    fn take_files(&mut self, from: &mut impl Read, report: &mut ImportReport) -> Result<(), VaultError> {
        let mut backup = Backup::begin(from)?;
        while let Some(file) = backup.file()? {
            let Header { kind, file: number, .. } = file.header;
            match self.table.header(kind, number)? {
                Some(here) => {
                    each_chunk(&mut backup, &file, |first, chunk| self.merge(&here, first, chunk, report))?;
                }
                None => self.take_file(&mut backup, &file, report)?,
            }
        }
        backup.end().map(drop)
    }

    /// A file that is not here at all.
    fn take_file(
        &mut self,
        backup: &mut Backup<'_, impl Read>,
        file: &BackupFile,
        report: &mut ImportReport,
    ) -> Result<(), VaultError> {
        let current = tag_of(self.table.masters.current());
        self.create_file(&name_of(file.header.kind, file.header.file), |write| {
            write(&file.bytes)?;
            each_chunk(backup, file, |_, chunk| {
                report.count(chunk, current);
                write(&chunk.concat())
            })
        })
    }

    /// Some slots of a file that is here.
    fn merge(
        &mut self,
        here: &Header,
        first: u32,
        chunk: &[SlotBytes],
        report: &mut ImportReport,
    ) -> Result<(), VaultError> {
        let current = tag_of(self.table.masters.current());
        let own = self.table.chunk(here.kind, here.file, first, chunk.len())?;
        let mut patches = Vec::new();
        for ((slot, theirs), ours) in (first..).zip(chunk).zip(&own) {
            let place = KeyPlace { file: here.file, slot };
            match judge(ours, theirs) {
                Verdict::Same => {}
                // A hold that was released there and stands here goes on standing.
                Verdict::ToDestroy if here.kind == Kind::Holds => {}
                Verdict::Take => {
                    report.count(std::slice::from_ref(theirs), current);
                    patches.push(Patch::slot(here, slot, theirs));
                }
                Verdict::Refused => report.refused += 1,
                Verdict::ToDestroy => report.to_destroy.push(place),
                Verdict::Conflict => report.conflicts.push(place),
                Verdict::Uncertain => report.uncertain.push(place),
            }
        }
        self.patch(&patches)?;
        self.take_end(here, first, chunk.get(own.len()..).unwrap_or_default(), report)
    }

    /// Slots behind the end of a file that is here.
    fn take_end(
        &mut self,
        here: &Header,
        first: u32,
        slots: &[SlotBytes],
        report: &mut ImportReport,
    ) -> Result<(), VaultError> {
        if slots.is_empty() {
            return Ok(());
        }
        let tail = Tail { header: *here, next: self.table.slots(here.kind, here.file)?.max(first) };
        self.append(&tail, &slots.concat())?;
        let current = tag_of(self.table.masters.current());
        report.count(slots, current);
        Ok(())
    }
}

impl ImportReport {
    /// Counts slots that were taken.
    fn count(&mut self, slots: &[SlotBytes], current: [u8; TAG]) {
        for bytes in slots {
            if let Slot::Live(live) = Slot::parse(bytes) {
                self.restored += 1;
                self.older_master += u64::from(live.tag != current);
            }
        }
    }
}

/// What a slot of the backup says to one that is here.
fn judge(ours: &SlotBytes, theirs: &SlotBytes) -> Verdict {
    match (Slot::parse(ours), Slot::parse(theirs)) {
        (_, Slot::Empty | Slot::Damaged { .. }) | (Slot::Destroyed { .. }, Slot::Destroyed { .. }) => Verdict::Same,
        (Slot::Destroyed { .. }, Slot::Live(_)) => Verdict::Refused,
        (Slot::Live(ours), Slot::Live(theirs)) if ours.id == theirs.id => Verdict::Same,
        (Slot::Live(ours), Slot::Destroyed { id, .. }) if ours.id == id => Verdict::ToDestroy,
        (Slot::Live(_), _) => Verdict::Conflict,
        (Slot::Damaged { .. }, Slot::Live(_)) if ours.iter().filter(|byte| **byte != 0).count() < FEW => {
            Verdict::Uncertain
        }
        (Slot::Empty | Slot::Damaged { .. }, _) => Verdict::Take,
    }
}

/// Gives the slots of a file, some at a time, with the number of the first.
fn each_chunk<R: Read>(
    backup: &mut Backup<'_, R>,
    file: &BackupFile,
    mut give: impl FnMut(u32, &[SlotBytes]) -> Result<(), VaultError>,
) -> Result<(), VaultError> {
    let mut first = 0;
    while first < file.slots {
        let count = CHUNK.min(usize::try_from(file.slots - first).unwrap_or(CHUNK));
        give(first, &backup.slots(count)?)?;
        first += u32::try_from(count).unwrap_or(u32::MAX - first);
    }
    Ok(())
}
