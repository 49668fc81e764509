//! A copy of the key table at another place, always the newest and never two: what was erased is not in it either.

use std::{
    fs::{self, File, OpenOptions},
    io::{BufWriter, Write as _},
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::{Context, Result};
use forethought_actors::AuditDesk;
use forethought_audit::{AuditError, AuditLog, BackupNote};
use tokio::sync::Mutex;
use tracing::{error, info};

/// Where the copy goes, if anywhere. Cheap to clone.
#[derive(Clone)]
pub struct KeysCopy(Arc<Mutex<Option<PathBuf>>>);

impl KeysCopy {
    /// Copies to this file.
    #[must_use]
    pub fn new(to: Option<PathBuf>) -> Self {
        Self(Arc::new(Mutex::new(to)))
    }

    /// Copies the table as it is now, in place of the copy before.
    pub async fn make(&self, audit: &AuditDesk) {
        let to = self.0.lock().await;
        let Some(path) = to.clone() else { return };
        let told = path.display().to_string();
        let copied = audit.change(move |log| Ok::<_, AuditError>(write(log, &path))).await;
        match copied.map_err(anyhow::Error::from).and_then(|written| written) {
            Ok(note) => info!(file = told, keys = note.slots, digest = %note.digest, "the key table is copied"),
            Err(error) => error!(file = told, "the key table is not copied: {error:#}"),
        }
    }
}

/// Writes a copy that is either whole or as it was.
pub fn write(log: &mut AuditLog, path: &Path) -> Result<BackupNote> {
    let at = || format!("{} cannot be written", path.display());
    let mut new = path.as_os_str().to_owned();
    new.push(".new");
    let new = PathBuf::from(new);
    let mut options = OpenOptions::new();
    options.create(true).write(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = BufWriter::new(options.open(&new).with_context(at)?);
    let note = log.export_keys(&mut file).with_context(at)?;
    file.flush().with_context(at)?;
    file.get_ref().sync_all().with_context(at)?;
    fs::rename(&new, path).with_context(at)?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder).and_then(|folder| folder.sync_all()).with_context(at)?;
    Ok(note)
}
