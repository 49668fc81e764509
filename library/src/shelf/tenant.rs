//! What is known of one tenant's files while the program runs.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use super::{FileId, FileInfo, Limits, ShelfError};

/// Whether a file is still there: whoever holds something that was made of it asks before using that.
#[derive(Clone, Debug, Default)]
pub(crate) struct Presence(Arc<AtomicBool>);

impl Presence {
    /// Whether it was erased.
    pub(crate) fn gone(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }

    pub(super) fn end(&self) {
        self.0.store(true, Ordering::Release);
    }
}

/// A file that is there.
#[derive(Clone, Debug)]
pub(crate) struct Held {
    pub(crate) info: Arc<FileInfo>,
    pub(crate) presence: Presence,
}

impl Held {
    pub(super) fn new(info: impl Into<Arc<FileInfo>>) -> Self {
        Self { info: info.into(), presence: Presence::default() }
    }
}

/// One tenant's files. What changes them on the disk is done under the lock, but not the writing of what is sent.
#[derive(Debug, Default)]
pub(super) struct Tenant(Mutex<State>);

#[derive(Debug, Default)]
pub(super) struct State {
    /// Files whose records were not read yet.
    pub(super) unread: BTreeSet<FileId>,
    pub(super) files: BTreeMap<FileId, Held>,
    /// Files whose records say nothing that can be understood.
    pub(super) unreadable: BTreeSet<FileId>,
    /// Files whose erasure is decided and not done.
    pub(super) erasing: BTreeSet<FileId>,
    /// Files that are being sent, and their bytes so far.
    coming: usize,
    coming_bytes: u64,
}

impl Tenant {
    pub(super) fn with_unread(unread: BTreeSet<FileId>) -> Self {
        Self(Mutex::new(State { unread, ..State::default() }))
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        // Each change of the state is one step: a panic elsewhere leaves it whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Whether a file is there, whatever is known of it.
    pub(super) fn has(&self, id: &FileId) -> bool {
        self.files.contains_key(id) || self.unreadable.contains(id) || self.unread.contains(id)
    }

    /// All files that are there.
    pub(super) fn ids(&self) -> Vec<FileId> {
        self.files.keys().chain(&self.unreadable).chain(&self.unread).cloned().collect()
    }

    fn count(&self) -> usize {
        self.files.len() + self.unread.len() + self.unreadable.len() + self.coming
    }

    fn bytes(&self) -> u64 {
        self.files.values().map(|held| held.info.bytes).sum::<u64>().saturating_add(self.coming_bytes)
    }
}

/// Room for a file that is being sent. It is given back when the file is there, and counted as such, or does not come.
pub(super) struct Room<'a> {
    tenant: &'a Tenant,
    limits: Limits,
    bytes: u64,
}

impl<'a> Room<'a> {
    pub(super) fn reserve(tenant: &'a Tenant, limits: Limits) -> Result<Self, ShelfError> {
        let mut state = tenant.lock();
        if state.count() >= limits.files {
            return Err(ShelfError::TooMany { max: limits.files });
        }
        state.coming += 1;
        Ok(Self { tenant, limits, bytes: 0 })
    }

    /// Room for more bytes of the file.
    pub(super) fn take(&mut self, more: u64) -> Result<(), ShelfError> {
        let bytes = self.bytes.saturating_add(more);
        if bytes > self.limits.file_bytes {
            return Err(ShelfError::FileTooLarge { max: self.limits.file_bytes });
        }
        let mut state = self.tenant.lock();
        if state.bytes().saturating_add(more) > self.limits.total_bytes {
            return Err(ShelfError::Full { max: self.limits.total_bytes });
        }
        state.coming_bytes = state.coming_bytes.saturating_add(more);
        self.bytes = bytes;
        Ok(())
    }

    /// The file is there.
    pub(super) fn fill(self, info: Arc<FileInfo>) {
        let tenant = self.tenant;
        let mut state = tenant.lock();
        state.files.insert(info.id.clone(), Held::new(info));
        self.give_back(&mut state);
        std::mem::forget(self);
    }

    fn give_back(&self, state: &mut State) {
        state.coming = state.coming.saturating_sub(1);
        state.coming_bytes = state.coming_bytes.saturating_sub(self.bytes);
    }
}

impl Drop for Room<'_> {
    fn drop(&mut self) {
        self.give_back(&mut self.tenant.lock());
    }
}
