//! The desks of all tenants, within a bound of memory, and whose turn it is.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::{TableBounds, desk::Desk};
use crate::{
    FileId,
    shelf::{Shelf, Watcher},
};

/// A tenant's desk. Whoever works there has locked it.
pub(super) type Slot = Arc<tokio::sync::Mutex<Desk>>;

#[derive(Debug)]
pub(super) struct Cache {
    desks: Mutex<Desks>,
    turns: Arc<Semaphore>,
    parallel: u32,
    bytes: usize,
}

#[derive(Debug, Default)]
struct Desks {
    by_tenant: BTreeMap<String, Kept>,
    uses: u64,
}

#[derive(Debug)]
struct Kept {
    slot: Slot,
    bytes: usize,
    used: u64,
}

impl Cache {
    /// A cache that lets go of what is erased from the shelf.
    pub(super) fn new(shelf: &Shelf, bounds: &TableBounds) -> Arc<Self> {
        let parallel = u32::from(bounds.parallel.max(1));
        let turns = Arc::new(Semaphore::new(parallel as usize));
        let cache = Arc::new(Self { desks: Mutex::default(), turns, parallel, bytes: bounds.cached_bytes });
        let watcher: Arc<dyn Watcher> = Arc::<Self>::clone(&cache);
        shelf.watch(Arc::downgrade(&watcher));
        cache
    }

    /// A tenant's desk.
    pub(super) fn slot(&self, tenant: &str) -> Slot {
        let mut desks = self.lock();
        desks.uses += 1;
        let used = desks.uses;
        let new = || Kept { slot: Slot::default(), bytes: 0, used };
        let kept = desks.by_tenant.entry(tenant.to_owned()).or_insert_with(new);
        kept.used = used;
        Arc::clone(&kept.slot)
    }

    /// A turn, or all of them. None when the cache is being dropped.
    pub(super) async fn turn(&self, alone: bool) -> Option<OwnedSemaphorePermit> {
        let turns = if alone { self.parallel } else { 1 };
        Arc::clone(&self.turns).acquire_many_owned(turns).await.ok()
    }

    /// Notes how large a desk is after work there, and clears those that were not used for the longest time until the rest fits.
    pub(super) fn settle(&self, tenant: &str, slot: &Slot, bytes: usize) {
        let mut desks = self.lock();
        if let Some(kept) = desks.by_tenant.get_mut(tenant).filter(|kept| Arc::ptr_eq(&kept.slot, slot)) {
            kept.bytes = bytes;
        }
        while desks.by_tenant.values().map(|kept| kept.bytes).sum::<usize>() > self.bytes {
            let oldest = desks.by_tenant.iter().filter(|(_, kept)| kept.bytes > 0).min_by_key(|(_, kept)| kept.used);
            let Some(oldest) = oldest.map(|(tenant, _)| tenant.clone()) else { break };
            desks.by_tenant.remove(&oldest);
        }
    }

    /// Bytes of all desks, as far as they were noted.
    #[cfg(test)]
    pub(super) fn bytes(&self) -> usize {
        self.lock().by_tenant.values().map(|kept| kept.bytes).sum()
    }

    fn lock(&self) -> MutexGuard<'_, Desks> {
        self.desks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Watcher for Cache {
    /// The whole desk goes. Whoever works there is the last to have it, and is stopped by the file's absence.
    fn erased(&self, tenant: &str, _: &FileId) {
        let desk = self.lock().by_tenant.remove(tenant);
        drop(desk);
    }
}
