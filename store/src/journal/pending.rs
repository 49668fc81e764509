//! What recovery has cut back or found missing and nobody has recorded yet, in a file of its own.
//!
//! Opening can fail after the cut and before the record of it: without this file nothing would tell of it any more.

use std::{io, ops::RangeInclusive};

use serde::{Deserialize, Serialize};

use super::TailCut;
use crate::{Disk, StoreError};

const FILE: &str = "recovery.json";
const NEW: &str = "recovery.json.new";
const MAX_BYTES: usize = 1 << 20;

/// Evidence that waits to be recorded.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Pending {
    /// The oldest first.
    pub(super) cuts: Vec<TailCut>,
    pub(super) acknowledged_lost: Option<RangeInclusive<u64>>,
}

impl Pending {
    /// What is there; a file that cannot be understood is evidence too.
    pub(super) fn load(disk: &dyn Disk) -> Result<Self, StoreError> {
        let bytes = match disk.read(FILE, 0, MAX_BYTES) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(source) => return Err(StoreError::io("read", FILE, source)),
        };
        Ok(serde_json::from_slice(&bytes).unwrap_or_else(|error| {
            let what = format!("the note of an earlier recovery is damaged: {error}");
            let (segment, bytes) = (FILE.to_owned(), bytes.len() as u64);
            let cut = TailCut { segment, offset: 0, bytes, kept_as: None, what };
            Self { cuts: vec![cut], acknowledged_lost: None }
        }))
    }

    /// Makes it durable, in place of what was there.
    pub(super) fn store(&self, disk: &dyn Disk) -> Result<(), StoreError> {
        let text = serde_json::to_vec(self).map_err(io::Error::other);
        let written = remove_if_there(disk, NEW).and_then(|()| {
            disk.create(NEW)?;
            disk.append(NEW, &text?)?;
            disk.sync_file(NEW)?;
            disk.rename(NEW, FILE)?;
            disk.sync_dir("")
        });
        written.map_err(|source| StoreError::io("note the recovery in", FILE, source))
    }

    /// Adds entries that are gone although they were acknowledged.
    pub(super) fn add_lost(&mut self, lost: &RangeInclusive<u64>) {
        self.acknowledged_lost = Some(match &self.acknowledged_lost {
            Some(known) => *known.start().min(lost.start())..=*known.end().max(lost.end()),
            None => lost.clone(),
        });
    }

    /// Forgets it: it is recorded.
    pub(super) fn forget(disk: &dyn Disk) -> Result<(), StoreError> {
        if disk.size(FILE).is_err_and(|error| error.kind() == io::ErrorKind::NotFound) {
            return Ok(());
        }
        let removed = disk.remove(FILE).and_then(|()| disk.sync_dir(""));
        removed.map_err(|source| StoreError::io("remove", FILE, source))
    }
}

/// Removes a file that may not be there.
pub(super) fn remove_if_there(disk: &dyn Disk, name: &str) -> io::Result<()> {
    match disk.remove(name) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
