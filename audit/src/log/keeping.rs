//! The key table as a whole: copied, brought back, and wrapped by another master key.

use std::{
    io::{Read, Seek, Write},
    sync::Arc,
};

use jiff::Timestamp;

use super::{Asked, AuditLog};
use crate::{Act, Appended, AuditError, BackupNote, ImportReport, MasterKey, RewrapReport};

impl AuditLog {
    /// Copies the key table, wrapped as it is. Keep the copy apart from the log's backup and from the master key, and not for long: it
    /// brings back what is destroyed after it.
    ///
    /// # Errors
    /// [`AuditError::Vault`].
    pub fn export_keys(&mut self, to: &mut impl Write) -> Result<BackupNote, AuditError> {
        Ok(self.vault.export(to)?)
    }

    /// Brings back keys that are lost or damaged here, and destroys once more all that the log says was erased. Gives what was brought
    /// back, and how many keys were destroyed once more.
    ///
    /// # Errors
    /// [`AuditError::Vault`] and [`AuditError::Store`]. Doing it again does the rest.
    pub fn import_keys(
        &mut self,
        from: &mut (impl Read + Seek),
        asked: &Asked,
        now: Timestamp,
    ) -> Result<(ImportReport, u64), AuditError> {
        let report = self.vault.import(from, None)?;
        let destroyed = self.finish_erasures(usize::MAX)?;
        self.append_act(Act::KEYS_IMPORTED, None, None, asked, now)?;
        Ok((report, destroyed))
    }

    /// Wraps every key by another master key. The one before opens nothing then: destroy it.
    ///
    /// # Errors
    /// [`AuditError::Vault`] and [`AuditError::Store`]. With both master keys the log opens meanwhile, and doing it again does the rest.
    pub fn rewrap_keys(
        &mut self,
        master: Arc<dyn MasterKey>,
        asked: &Asked,
        now: Timestamp,
    ) -> Result<(RewrapReport, Appended), AuditError> {
        let id = master.id();
        let report = self.vault.rewrap(master)?;
        Ok((report, self.append_act(Act::KEYS_REWRAPPED, Some(id), None, asked, now)?))
    }
}
