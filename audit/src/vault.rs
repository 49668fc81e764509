//! The vault: a content key for each owner, day and retention, so that contents can be forgotten one by one.
//!
//! What a record's contents are sealed under is a row of a table, wrapped by one master key. To destroy the row is to erase
//! what it sealed, in the log and in every copy of the log, and every proof still holds. What it can do and what it
//! cannot stands in `docs/vault.md`.
//!
//! # Files
//! All in `vault/`, of slots of 1,024 bytes each, the first of which is a header:
//!
//! | file | what is in it |
//! |---|---|
//! | `keys-000001.tbl`, … | content keys, 65,536 a file; a slot is written once, and then only destroyed or wrapped anew |
//! | `holds-000001.tbl`, … | legal holds, all of which are read at every start |
//! | `redo` | what is to be written over slots, until it is: so that all of it is written or nothing |
//!
//! # Promises
//! - A key that was given away has its row on the disk: [`Vault::key_for`] gives a [`Ticket`], and only [`Vault::flush`]
//!   gives the right to turn it into a [`ContentKey`].
//! - A row that was destroyed does not come back: not by a crash, not by a backup, and not with a master key.
//! - What a legal hold covers is not destroyed, whoever asks.
//! - A start reads headers, sizes and holds, and no key.

mod append;
mod backup;
mod cache;
mod destroy;
mod error;
mod header;
mod holds;
mod ids;
mod import;
mod key;
mod local;
mod master;
mod owner;
mod plain;
mod plan;
mod reader;
mod redo;
mod retention;
mod rewrap;
mod rows;
mod sealing;
mod slot;
mod table;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use forethought_store::Disk;

use append::Tail;
use holds::Holds;
use slot::{Kind, SlotBytes};
use table::{DIR, NEW, Table, failed};

pub use append::{Durable, Ticket};
pub use backup::BackupNote;
pub(crate) use cache::DayKeys;
pub use error::{MasterError, VaultError};
pub use holds::Hold;
pub use ids::{DestroyReason, HoldId, KeyId, KeyPlace};
pub use import::ImportReport;
pub use key::ContentKey;
pub use local::LocalMaster;
pub use master::{MasterKey, Masters};
pub use owner::{MAX_SUBJECT, Owner, Scope};
pub use plain::MAX_HOLD_REASON;
pub use plan::{ErasurePlan, MAX_PLAN};
pub use reader::VaultReader;
pub use retention::{Bound, Refusal, Retention};
pub use rewrap::RewrapReport;
pub use rows::{Row, RowFilter, RowState, Rows};
pub(crate) use sealing::seal;
pub use sealing::{ContentLabel, SealedContent, seal_content};
pub use slot::MAX_WRAPPED;

/// How large things may become.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VaultOptions {
    /// Slots of a new file, at least 1; by default 65,536, which are 64 MiB.
    pub slots_per_file: u32,
    /// Keys of today that are remembered, at least 1; by default 4,096. Beyond it, an owner gets more rows a day.
    pub remembered: usize,
}

impl Default for VaultOptions {
    fn default() -> Self {
        Self { slots_per_file: 65_536, remembered: 4096 }
    }
}

/// What a start found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VaultReport {
    /// Files with keys.
    pub files: usize,
    /// Slots in them, whatever is there.
    pub slots: u64,
    /// Numbers of files that are not there, though later ones are: what was sealed under their keys cannot be read.
    pub missing: Vec<u32>,
    /// Legal holds that stand.
    pub holds: usize,
    /// Legal holds that cannot be read. While there is one, nothing is destroyed.
    pub damaged_holds: usize,
    /// Slots that an earlier process had begun to write over; they were written once more.
    pub finished: usize,
    /// Files whose last slot a crash cut; nothing was sealed under it.
    pub torn: usize,
}

/// The vault, open for writing. There is one at a time.
#[derive(Debug)]
pub struct Vault {
    table: Table,
    options: VaultOptions,
    keys: Option<Tail>,
    hold_tail: Option<Tail>,
    /// Slots that wait to be written behind the last key.
    staged: Vec<SlotBytes>,
    cache: DayKeys,
    held: Holds,
    /// Why it takes no more changes.
    broken: Option<String>,
}

impl Vault {
    /// Opens the vault of a data directory, and makes it when there is none.
    ///
    /// # Errors
    /// [`VaultError::OtherMaster`] where a file needs a master key that was not given, [`VaultError::Damaged`],
    /// [`VaultError::NewerVersion`], [`VaultError::Master`] and [`VaultError::Store`].
    pub fn open(disk: Arc<dyn Disk>, masters: impl Into<Masters>) -> Result<(Self, VaultReport), VaultError> {
        Self::open_with(disk, masters, VaultOptions::default())
    }

    /// Like [`Vault::open`], with other sizes.
    ///
    /// # Errors
    /// Those of [`Vault::open`].
    pub fn open_with(
        disk: Arc<dyn Disk>,
        masters: impl Into<Masters>,
        options: VaultOptions,
    ) -> Result<(Self, VaultReport), VaultError> {
        disk.create_dir(DIR).map_err(|source| failed("create", DIR, source))?;
        disk.sync_dir("").map_err(|source| failed("sync", &disk.location(), source))?;
        let table = Table { disk, masters: masters.into() };
        let cache = DayKeys::new(options.remembered);
        let (keys, hold_tail, held, broken) = (None, None, Holds::default(), None);
        let mut vault = Self { table, options, keys, hold_tail, staged: Vec::new(), cache, held, broken };
        let mut report = VaultReport { finished: redo::finish(&*vault.table.disk)?, ..VaultReport::default() };
        vault.load(&mut report)?;
        Ok((vault, report))
    }

    /// A content key, where it is known.
    ///
    /// # Errors
    /// [`VaultError::Erased`] where it was destroyed, [`VaultError::Missing`] where there is no such row,
    /// [`VaultError::Damaged`], [`VaultError::OtherMaster`], [`VaultError::Master`] and [`VaultError::Store`].
    pub fn find(&self, place: KeyPlace, id: KeyId) -> Result<ContentKey, VaultError> {
        self.table.find(place, id)
    }

    /// The keys of today, for whoever seals before it is their turn.
    pub(crate) fn day_keys(&self) -> DayKeys {
        self.cache.clone()
    }

    /// The rows of keys, in the order of their places. Rows that wait for [`Vault::flush`] are not among them.
    ///
    /// # Errors
    /// [`VaultError::Store`]; each item has those of [`Vault::find`] that do not say anything of a single row.
    pub fn rows(&self, filter: RowFilter) -> Result<Rows<'_>, VaultError> {
        Rows::new(&self.table, filter)
    }

    /// Why the vault takes no more changes; none while it does.
    #[must_use]
    pub fn refusing(&self) -> Option<&str> {
        self.broken.as_deref()
    }

    /// Reads what a start needs, and removes and pads what a crash left.
    fn load(&mut self, report: &mut VaultReport) -> Result<(), VaultError> {
        for name in self.table.names()?.iter().filter(|name| name.ends_with(NEW)) {
            self.table.remove_leftover(&format!("{DIR}/{name}"))?;
        }
        self.hold_tail = self.load_files(Kind::Holds, &mut VaultReport::default())?;
        self.keys = self.load_files(Kind::Keys, report)?;
        self.held = Holds::read(&self.table)?;
        (report.holds, report.damaged_holds) = (self.held.all.len(), self.held.damaged.len());
        Ok(())
    }

    fn load_files(&self, kind: Kind, report: &mut VaultReport) -> Result<Option<Tail>, VaultError> {
        let files = self.table.files(kind)?;
        let mut last = None;
        for file in &files {
            last = self.table.checked_header(kind, *file)?;
            report.slots += u64::from(self.table.slots(kind, *file)?);
        }
        report.files = files.len();
        report.missing = (1..files.last().copied().unwrap_or(0)).filter(|file| !files.contains(file)).collect();
        let Some(header) = last else { return Ok(None) };
        let (tail, torn) = self.tail_of(header)?;
        report.torn += usize::from(torn);
        Ok(Some(tail))
    }

    fn check_usable(&self) -> Result<(), VaultError> {
        match &self.broken {
            Some(reason) => Err(VaultError::NeedsReopen { reason: reason.clone() }),
            None => Ok(()),
        }
    }

    /// Passes on what came of a step after whose failure nobody knows what is on the disk.
    fn breaks<T>(&mut self, result: Result<T, VaultError>) -> Result<T, VaultError> {
        if let Err(error) = &result {
            self.broken = Some(error.to_string());
        }
        result
    }
}
