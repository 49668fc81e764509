//! The shelf: the files that tenants upload, sealed, durable before they are acknowledged, and erasable for good.
//!
//! # Promises
//! - A file that was acknowledged is there after a crash, whole; one that was not is there whole or not at all.
//! - A file that was erased does not come back, and its key is destroyed before anything else: copies of its body are worth
//!   nothing. Copies of its record are worth nothing without the key that wraps it, see [`KeyWrap`].
//! - No tenant sees, counts or fills what is another's.
//! - A start reads names only. A tenant's records are read, and their keys asked for, when it is first asked about.
//!
//! # What it cannot do
//! - A disk that writes elsewhere keeps the old block for a while; a file system that copies on write does so for good. What they
//!   keep of a record is wrapped: change the wrapping key ([`Shelf::rewrap`]) and destroy the old one.
//! - Memory that is given back is not overwritten, but for keys and for what is being sent: swap and core dumps may have the rest.
//! - Names on the disk say which tenant has how many files, and how long they are. They say nothing else.

mod erase;
mod error;
mod id;
mod info;
mod kind;
mod opening;
mod place;
mod put;
mod read;
mod record;
mod seal;
mod tenant;
#[cfg(test)]
mod tests;
mod utf8;
mod wrap;

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
};

use forethought_store::{Disk, RealDisk};
use serde::{Deserialize, Serialize};

use info::check_tenant;
use opening::Tenants;
use place::Place;
use record::Record;
use tenant::{State, Tenant};

pub use error::ShelfError;
pub use id::{FileId, FileIdError};
pub use info::{FileInfo, MAX_FILE_NAME, MAX_SUBJECT, Upload};
pub use kind::Kind;
pub use opening::ShelfReport;
pub use read::Reading;
pub(crate) use tenant::{Held, Presence};
pub use wrap::{FILE_KEY, KeyWrap, LocalWrap, MAX_WRAPPED, WrapError};

/// How much each tenant may keep.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Bytes of one file.
    pub file_bytes: u64,
    /// Bytes of all files.
    pub total_bytes: u64,
    /// Files.
    pub files: usize,
}

impl Default for Limits {
    /// 100 MiB, 1 GiB, and a thousand.
    fn default() -> Self {
        Self { file_bytes: 100 << 20, total_bytes: 1 << 30, files: 1000 }
    }
}

/// Who has made something of a file and must let go of it when the file is erased.
pub(crate) trait Watcher: Send + Sync {
    /// The file is gone.
    fn erased(&self, tenant: &str, id: &FileId);
}

/// The files of all tenants. Its calls block while the disk or the wrapping key works.
pub struct Shelf {
    disk: Arc<dyn Disk>,
    wrap: Arc<dyn KeyWrap>,
    limits: Limits,
    tenants: Mutex<Tenants>,
    watchers: Mutex<Vec<Weak<dyn Watcher>>>,
}

impl Shelf {
    /// Opens the shelf in a directory of its own, makes it when there is none, and tidies what a crash left.
    ///
    /// # Errors
    /// [`ShelfError::Store`], also while another process has it open.
    pub fn open(
        dir: impl Into<PathBuf>,
        wrap: Arc<dyn KeyWrap>,
        limits: Limits,
    ) -> Result<(Self, ShelfReport), ShelfError> {
        Self::on(Arc::new(RealDisk::open(dir)?), wrap, limits)
    }

    /// Like [`Shelf::open`], on any disk.
    ///
    /// # Errors
    /// [`ShelfError::Store`].
    pub fn on(disk: Arc<dyn Disk>, wrap: Arc<dyn KeyWrap>, limits: Limits) -> Result<(Self, ShelfReport), ShelfError> {
        let (tenants, report) = opening::open(&*disk)?;
        let tenants = Mutex::new(tenants);
        Ok((Self { disk, wrap, limits, tenants, watchers: Mutex::default() }, report))
    }

    /// A tenant's files, the oldest first.
    ///
    /// # Errors
    /// [`ShelfError::Wrap`] while the wrapping key cannot be used, and [`ShelfError::Store`].
    pub fn list(&self, tenant: &str) -> Result<Vec<FileInfo>, ShelfError> {
        let mut files: Vec<FileInfo> = self.all(tenant)?.iter().map(|held| (*held.info).clone()).collect();
        files.sort_by(|one, other| (one.created, &one.id).cmp(&(other.created, &other.id)));
        Ok(files)
    }

    /// What is known of a file.
    ///
    /// # Errors
    /// [`ShelfError::NotFound`], and those of [`Shelf::list`].
    pub fn info(&self, tenant: &str, id: &FileId) -> Result<FileInfo, ShelfError> {
        self.held(tenant, id).map(|held| (*held.info).clone())
    }

    /// Files of a tenant whose records are damaged or were wrapped by another key: they can only be deleted.
    ///
    /// # Errors
    /// Those of [`Shelf::list`].
    pub fn unreadable(&self, tenant: &str) -> Result<Vec<FileId>, ShelfError> {
        check_tenant(tenant)?;
        let Some(owner) = self.known(tenant) else { return Ok(Vec::new()) };
        let mut state = owner.lock();
        self.load(tenant, &mut state)?;
        Ok(state.unreadable.iter().cloned().collect())
    }

    /// Wraps the keys of all files anew, with what [`KeyWrap::wrap`] gives today, and says how many. May be done again after an
    /// error or a crash. What cannot be unwrapped stays as it is.
    ///
    /// # Errors
    /// [`ShelfError::Wrap`] while the wrapping key cannot be used, and [`ShelfError::Store`].
    pub fn rewrap(&self) -> Result<usize, ShelfError> {
        let tenants: Vec<_> = self.tenants().iter().map(|(name, owner)| (name.clone(), Arc::clone(owner))).collect();
        let mut done = 0;
        for (tenant, owner) in tenants {
            let mut state = owner.lock();
            self.load(&tenant, &mut state)?;
            for id in state.files.keys() {
                let place = Place { tenant: tenant.clone(), id: id.clone() };
                let record = Record::read(&*self.disk, &place)?.rewrapped(&*self.wrap, &place)?;
                // What an earlier try left.
                erase::remove(&*self.disk, &place.part(place::Part::New))?;
                record.write(&*self.disk, &place)?;
                done += 1;
            }
        }
        Ok(done)
    }

    /// From now on tells somebody of each file that is erased, until it is dropped.
    pub(crate) fn watch(&self, watcher: Weak<dyn Watcher>) {
        let mut watchers = self.watchers.lock().unwrap_or_else(PoisonError::into_inner);
        watchers.retain(|watcher| watcher.strong_count() > 0);
        watchers.push(watcher);
    }

    fn tell_erased<T>(&self, tenant: &str, id: &FileId, erased: &Result<T, ShelfError>) {
        if !matches!(erased, Ok(_) | Err(ShelfError::Unfinished { .. })) {
            return;
        }
        let watchers = self.watchers.lock().unwrap_or_else(PoisonError::into_inner).clone();
        for watcher in watchers.iter().filter_map(Weak::upgrade) {
            watcher.erased(tenant, id);
        }
    }

    /// A tenant's files with what tells whether they are still there.
    pub(crate) fn all(&self, tenant: &str) -> Result<Vec<Held>, ShelfError> {
        check_tenant(tenant)?;
        let Some(owner) = self.known(tenant) else { return Ok(Vec::new()) };
        let mut state = owner.lock();
        self.load(tenant, &mut state)?;
        Ok(state.files.values().cloned().collect())
    }

    fn held(&self, tenant: &str, id: &FileId) -> Result<Held, ShelfError> {
        check_tenant(tenant)?;
        let not_found = || ShelfError::NotFound { id: id.clone() };
        let owner = self.known(tenant).ok_or_else(not_found)?;
        let mut state = owner.lock();
        self.load(tenant, &mut state)?;
        state.files.get(id).cloned().ok_or_else(not_found)
    }

    /// Reads the records that were not read yet. What cannot be understood stands apart; when the wrapping key gives no answer,
    /// the rest stays unread.
    fn load(&self, tenant: &str, state: &mut State) -> Result<(), ShelfError> {
        while let Some(id) = state.unread.first().cloned() {
            let place = Place { tenant: tenant.to_owned(), id: id.clone() };
            match self.read_record(&place) {
                Ok(info) => drop(state.files.insert(id.clone(), Held::new(info))),
                Err(ShelfError::Damaged { .. } | ShelfError::Wrap(WrapError::Rejected(_))) => {
                    tracing::error!(tenant, file = %id, "the record of a file cannot be understood; it can only be deleted");
                    state.unreadable.insert(id.clone());
                }
                Err(error) => return Err(error),
            }
            state.unread.remove(&id);
        }
        Ok(())
    }

    fn read_record(&self, place: &Place) -> Result<FileInfo, ShelfError> {
        let record = Record::read(&*self.disk, place)?;
        let key = record.key(&*self.wrap, place)?;
        record.info(&key, place)
    }

    /// A tenant that may get files, with its records read.
    fn owner(&self, tenant: &str) -> Result<Arc<Tenant>, ShelfError> {
        let owner = Arc::clone(self.tenants().entry(tenant.to_owned()).or_default());
        self.load(tenant, &mut owner.lock())?;
        Ok(owner)
    }

    fn known(&self, tenant: &str) -> Option<Arc<Tenant>> {
        self.tenants().get(tenant).cloned()
    }

    fn tenants(&self) -> MutexGuard<'_, Tenants> {
        self.tenants.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Shelf {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shelf").field("disk", &self.disk).field("limits", &self.limits).finish_non_exhaustive()
    }
}
