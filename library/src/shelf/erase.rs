//! How a file is erased: decided first, then its key destroyed, then the rest.
//!
//! Its record gets another name, and once that name is durable the erasure is decided: a crash from then on leaves what the next
//! start finishes. Then zeros are written over the record, and with it over the key, and only when they are durable the record
//! and the body are removed.

use std::{collections::BTreeSet, io, sync::Arc};

use forethought_store::{Disk, StoreError};

use super::{
    FileId, FileInfo, Shelf, ShelfError,
    info::check_tenant,
    place::{DIR, Part, Place},
    tenant::State,
};

impl Shelf {
    /// Erases a file for good. What is known of it is given back, where it could be read. When this returns, its key is
    /// destroyed durably, and whoever reads it gets no more of it.
    ///
    /// # Errors
    /// [`ShelfError::NotFound`]; [`ShelfError::Store`], then it is still there; [`ShelfError::Unfinished`], then nobody reads it any
    /// more, and this may be called again.
    pub fn delete(&self, tenant: &str, id: &FileId) -> Result<Option<FileInfo>, ShelfError> {
        check_tenant(tenant)?;
        let owner = self.known(tenant).ok_or_else(|| ShelfError::NotFound { id: id.clone() })?;
        let mut state = owner.lock();
        // To erase needs no key: when none can be asked, the file is erased all the same.
        let _ = self.load(tenant, &mut state);
        let erased = self.erase(&mut state, &Place { tenant: tenant.to_owned(), id: id.clone() });
        drop(state);
        self.tell_erased(tenant, id, &erased);
        erased.map(|info| info.map(|info| (*info).clone()))
    }

    /// What is known of a file that can be [deleted](Shelf::delete): nothing of one that cannot be read, or whose erasure is not
    /// finished.
    ///
    /// # Errors
    /// [`ShelfError::NotFound`].
    pub fn deletable(&self, tenant: &str, id: &FileId) -> Result<Option<FileInfo>, ShelfError> {
        check_tenant(tenant)?;
        let not_found = || ShelfError::NotFound { id: id.clone() };
        let owner = self.known(tenant).ok_or_else(not_found)?;
        let mut state = owner.lock();
        let _ = self.load(tenant, &mut state);
        match state.files.get(id) {
            Some(held) => Ok(Some((*held.info).clone())),
            None if state.has(id) || state.erasing.contains(id) => Ok(None),
            None => Err(not_found()),
        }
    }

    /// The files that are to go where a person is forgotten, compared byte by byte: those about them, and those whose erasure is
    /// not finished, of which nobody can say any more whom they are about.
    ///
    /// # Errors
    /// Those of [`Shelf::list`].
    pub fn about(&self, tenant: &str, subject: &str) -> Result<Vec<FileId>, ShelfError> {
        let about = self.list(tenant)?.into_iter().filter(|info| info.subject.as_deref() == Some(subject));
        Ok(self.unfinished(tenant).into_iter().chain(about.map(|info| info.id)).collect())
    }

    /// All files of a tenant, also those that cannot be read and those whose erasure is not finished. Asks for no key.
    ///
    /// # Errors
    /// [`ShelfError::Tenant`].
    pub fn everything(&self, tenant: &str) -> Result<Vec<FileId>, ShelfError> {
        check_tenant(tenant)?;
        let there = self.known(tenant).map(|owner| owner.lock().ids()).unwrap_or_default();
        Ok(self.unfinished(tenant).into_iter().chain(there).collect())
    }

    fn unfinished(&self, tenant: &str) -> BTreeSet<FileId> {
        self.known(tenant).map(|owner| owner.lock().erasing.clone()).unwrap_or_default()
    }

    fn erase(&self, state: &mut State, place: &Place) -> Result<Option<Arc<FileInfo>>, ShelfError> {
        let id = &place.id;
        if !state.erasing.contains(id) {
            if !state.has(id) {
                return Err(ShelfError::NotFound { id: id.clone() });
            }
            decide(&*self.disk, place)?;
        }
        // From here on it is gone for everybody, whatever the disk says.
        let held = state.files.remove(id);
        state.unreadable.remove(id);
        state.unread.remove(id);
        state.erasing.insert(id.clone());
        if let Some(held) = &held {
            held.presence.end();
        }
        let finished = sync_names(&*self.disk).and_then(|()| finish(&*self.disk, place));
        finished.map_err(|source| ShelfError::Unfinished { id: id.clone(), source })?;
        state.erasing.remove(id);
        Ok(held.map(|held| held.info))
    }
}

/// Gives the record the name of one whose erasure is decided.
fn decide(disk: &dyn Disk, place: &Place) -> Result<(), StoreError> {
    let meta = place.part(Part::Meta);
    match disk.rename(&meta, &place.part(Part::Gone)) {
        // Somebody has removed it by hand, and its key with it.
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        renamed => renamed.map_err(|source| StoreError::io("rename", meta, source)),
    }
}

/// Destroys the key of a file whose erasure is decided, and removes what is left of it. May be done again.
pub(super) fn finish(disk: &dyn Disk, place: &Place) -> Result<(), StoreError> {
    destroy(disk, &place.part(Part::Gone))?;
    for part in [Part::Gone, Part::New, Part::Body] {
        remove(disk, &place.part(part))?;
    }
    sync_names(disk)
}

/// Writes zeros over a record, durably.
fn destroy(disk: &dyn Disk, name: &str) -> Result<(), StoreError> {
    let failed = |action, source| StoreError::io(action, name.to_owned(), source);
    let size = match disk.size(name) {
        Ok(size) => usize::try_from(size).unwrap_or(usize::MAX),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(failed("read", error)),
    };
    disk.overwrite(name, 0, &vec![0; size]).map_err(|source| failed("overwrite", source))?;
    disk.sync_file(name).map_err(|source| failed("sync", source))
}

/// Removes a part, which may be gone already.
pub(super) fn remove(disk: &dyn Disk, name: &str) -> Result<(), StoreError> {
    match disk.remove(name) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(StoreError::io("remove", name, error)),
        _ => Ok(()),
    }
}

pub(super) fn sync_names(disk: &dyn Disk) -> Result<(), StoreError> {
    disk.sync_dir(DIR).map_err(|source| StoreError::io("sync", DIR, source))
}
