//! The vault, open for reading only, also while a server writes it.

use std::sync::Arc;

use forethought_store::Disk;

use super::{
    ContentKey, Hold, KeyId, KeyPlace, Masters, RowFilter, Rows, VaultError, holds::Holds, slot::Kind, table::Table,
};

/// The vault, open for reading: it changes nothing, and finishes nothing that a crash left.
#[derive(Clone, Debug)]
pub struct VaultReader {
    table: Table,
}

impl VaultReader {
    /// Opens the vault of a data directory. One that was never made has no rows.
    ///
    /// # Errors
    /// [`VaultError::OtherMaster`], [`VaultError::Damaged`], [`VaultError::NewerVersion`], [`VaultError::Master`] and
    /// [`VaultError::Store`].
    pub fn open(disk: Arc<dyn Disk>, masters: impl Into<Masters>) -> Result<Self, VaultError> {
        let table = Table { disk, masters: masters.into() };
        for kind in Kind::ALL {
            for file in table.files(kind)? {
                table.checked_header(kind, file)?;
            }
        }
        Ok(Self { table })
    }

    /// A content key, where it is known. See [`Vault::find`](super::Vault::find).
    ///
    /// # Errors
    /// Those of [`Vault::find`](super::Vault::find).
    pub fn find(&self, place: KeyPlace, id: KeyId) -> Result<ContentKey, VaultError> {
        self.table.find(place, id)
    }

    /// The rows of keys. See [`Vault::rows`](super::Vault::rows).
    ///
    /// # Errors
    /// Those of [`Vault::rows`](super::Vault::rows).
    pub fn rows(&self, filter: RowFilter) -> Result<Rows<'_>, VaultError> {
        Rows::new(&self.table, filter)
    }

    /// The holds that stand, as they are on the disk now.
    ///
    /// # Errors
    /// [`VaultError::HoldsDamaged`] where one cannot be read, [`VaultError::Master`] and [`VaultError::Store`].
    pub fn holds(&self) -> Result<Vec<Hold>, VaultError> {
        let holds = Holds::read(&self.table)?;
        holds.check_readable()?;
        Ok(holds.all)
    }
}
