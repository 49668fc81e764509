//! The indexes of all tenants' documents, within a bound of memory, and whose turn it is.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use super::index::FileIndex;
use crate::{
    FileId,
    shelf::{Presence, Watcher},
};

#[derive(Debug)]
pub(super) struct Indexes {
    tenants: Mutex<Tenants>,
    /// Bytes that all of them may take.
    most: usize,
}

#[derive(Debug, Default)]
struct Tenants {
    by_name: BTreeMap<String, Tenant>,
    uses: u64,
}

#[derive(Debug, Default)]
struct Tenant {
    files: BTreeMap<FileId, Arc<FileIndex>>,
    turn: Arc<tokio::sync::Mutex<()>>,
    used: u64,
}

impl Tenant {
    fn bytes(&self) -> usize {
        self.files.values().map(|index| index.bytes).sum()
    }
}

impl Indexes {
    pub(super) fn new(most: usize) -> Self {
        Self { tenants: Mutex::default(), most }
    }

    /// A tenant's turn: it searches one thing at a time.
    pub(super) fn turn(&self, tenant: &str) -> Arc<tokio::sync::Mutex<()>> {
        let mut tenants = self.lock();
        tenants.uses += 1;
        let used = tenants.uses;
        let tenant = tenants.by_name.entry(tenant.to_owned()).or_default();
        tenant.used = used;
        Arc::clone(&tenant.turn)
    }

    /// The index of a document, where there is one.
    pub(super) fn find(&self, tenant: &str, id: &FileId) -> Option<Arc<FileIndex>> {
        self.lock().by_name.get(tenant)?.files.get(id).cloned()
    }

    /// Keeps an index, unless its document was erased in the meantime.
    pub(super) fn keep(&self, tenant: &str, id: &FileId, presence: &Presence, index: &Arc<FileIndex>) {
        let mut tenants = self.lock();
        // Whoever erases ends the presence first and then waits for this lock: one of us takes it away.
        if !presence.gone() {
            let kept = tenants.by_name.entry(tenant.to_owned()).or_default();
            kept.files.insert(id.clone(), Arc::clone(index));
        }
    }

    /// Lets go of the indexes of whoever has searched nothing for the longest time, until the rest fits.
    pub(super) fn settle(&self) {
        let mut tenants = self.lock();
        while tenants.by_name.values().map(Tenant::bytes).sum::<usize>() > self.most {
            let oldest =
                tenants.by_name.values_mut().filter(|tenant| !tenant.files.is_empty()).min_by_key(|tenant| tenant.used);
            let Some(oldest) = oldest else { break };
            oldest.files.clear();
        }
    }

    /// Bytes of all indexes.
    #[cfg(test)]
    pub(super) fn bytes(&self) -> usize {
        self.lock().by_name.values().map(Tenant::bytes).sum()
    }

    fn lock(&self) -> MutexGuard<'_, Tenants> {
        self.tenants.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Watcher for Indexes {
    fn erased(&self, tenant: &str, id: &FileId) {
        let index = self.lock().by_name.get_mut(tenant).and_then(|tenant| tenant.files.remove(id));
        drop(index);
    }
}
