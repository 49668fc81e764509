//! How many deliberations may run at once, and of them how many of one tenant where it is getting full.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use forethought_schemas::{ApiError, ErrorKind};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, TryAcquireError},
    time::Instant,
};

/// How long a tenant that found no place is taken for one that still wants one: a few times the wait that it is told.
const WANTS_FOR: Duration = Duration::from_secs(10);

/// What a refused request waits, in seconds.
const TRY_AGAIN_AFTER: u64 = 2;

/// All places.
#[derive(Debug)]
pub(crate) struct Places {
    free: Arc<Semaphore>,
    all: u32,
    tenants: Mutex<BTreeMap<String, Tenant>>,
}

#[derive(Debug, Default)]
struct Tenant {
    held: u32,
    /// When it last found no place.
    wanted: Option<Instant>,
}

/// A place among the deliberations that may run at once, until dropped.
#[derive(Debug)]
pub struct Place {
    places: Arc<Places>,
    tenant: String,
    /// Dropped after the tenant's count went down.
    _permit: OwnedSemaphorePermit,
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some(tenant) = self.places.tenants().get_mut(&self.tenant) {
            tenant.held = tenant.held.saturating_sub(1);
        }
    }
}

impl Places {
    pub(crate) fn new(all: u32) -> Self {
        Self { free: Arc::new(Semaphore::new(all as usize)), all, tenants: Mutex::default() }
    }

    /// Lets nobody in any more.
    pub(crate) fn close(&self) {
        self.free.close();
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.free.is_closed()
    }

    /// Places that are taken.
    pub(crate) fn taken(&self) -> u32 {
        self.all.saturating_sub(self.free())
    }

    fn free(&self) -> u32 {
        u32::try_from(self.free.available_permits()).unwrap_or(u32::MAX)
    }

    /// A place for a tenant. While more than a quarter are free, whoever comes gets one. Of the last quarter a tenant gets
    /// none that has its equal share already, counted over those that hold places or lately wanted one: so a tenant
    /// alone may take all, and gives them back once another comes.
    pub(crate) fn take(self: &Arc<Self>, name: &str) -> Result<Place, ApiError> {
        let mut tenants = self.tenants();
        let now = Instant::now();
        let wants = |since: Instant| now.duration_since(since) < WANTS_FOR;
        tenants.retain(|_, tenant| tenant.held > 0 || tenant.wanted.is_some_and(wants));
        let others = tenants.keys().filter(|other| *other != name).count();
        let share = self.all.div_ceil(u32::try_from(others + 1).unwrap_or(u32::MAX));
        let tenant = tenants.entry(name.to_owned()).or_default();
        let rare = self.free() > 0 && self.free().saturating_mul(4) < self.all;
        if tenant.held >= share && rare && !self.is_closed() {
            return Err(self.share_taken(tenant.held));
        }
        match Arc::clone(&self.free).try_acquire_owned() {
            Ok(permit) => {
                (tenant.held, tenant.wanted) = (tenant.held + 1, None);
                Ok(Place { places: Arc::clone(self), tenant: name.to_owned(), _permit: permit })
            }
            Err(TryAcquireError::NoPermits) => {
                tenant.wanted = Some(now);
                Err(self.all_taken())
            }
            Err(TryAcquireError::Closed) => Err(draining()),
        }
    }

    fn tenants(&self) -> MutexGuard<'_, BTreeMap<String, Tenant>> {
        self.tenants.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn share_taken(&self, held: u32) -> ApiError {
        let message = format!(
            "{held} of your requests run already, and what is left of {} places is for others; try again later",
            self.all
        );
        ApiError::new(ErrorKind::RateLimit, "share_taken", message).retry_after(TRY_AGAIN_AFTER)
    }

    fn all_taken(&self) -> ApiError {
        let message = format!("{} deliberations run already; try again later", self.all);
        ApiError::new(ErrorKind::Unavailable, "overloaded", message).retry_after(TRY_AGAIN_AFTER)
    }
}

fn draining() -> ApiError {
    ApiError::new(ErrorKind::Unavailable, "draining", "the service is about to stop; try again later").retry_after(10)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn take(places: &Arc<Places>, tenant: &str) -> Result<Place, &'static str> {
        places.take(tenant).map_err(|refused| refused.code)
    }

    #[tokio::test(start_paused = true)]
    async fn a_tenant_that_took_all_makes_room_once_another_comes() {
        let places = Arc::new(Places::new(16));
        let mut held: Vec<Place> = (0..16).map(|_| take(&places, "greedy").unwrap()).collect();
        assert_eq!((places.taken(), take(&places, "greedy").unwrap_err()), (16, "overloaded"), "alone it may take all");
        assert_eq!(take(&places, "late").unwrap_err(), "overloaded");
        for _ in 0..3 {
            held.pop();
            assert_eq!(take(&places, "greedy").unwrap_err(), "share_taken");
        }
        let late: Vec<Place> = (0..3).map(|_| take(&places, "late").unwrap()).collect();
        held.truncate(8);
        held.extend([take(&places, "greedy").unwrap(), take(&places, "greedy").unwrap()]);
        assert_eq!(places.taken(), 13);
        assert_eq!(
            take(&places, "greedy").unwrap_err(),
            "share_taken",
            "three are free, and it has more than its half"
        );
        drop(late);
        held.push(take(&places, "greedy").unwrap());
    }

    #[tokio::test(start_paused = true)]
    async fn who_wants_no_place_any_more_holds_up_nobody() {
        let places = Arc::new(Places::new(4));
        let mut held: Vec<Place> = (0..4).map(|_| take(&places, "greedy").unwrap()).collect();
        take(&places, "late").unwrap_err();
        held.pop();
        // Of four the last quarter is one place, and that is not less than a quarter.
        held.push(take(&places, "greedy").unwrap());
        tokio::time::advance(WANTS_FOR).await;
        held.clear();
        let held: Vec<Place> = (0..4).map(|_| take(&places, "late").unwrap()).collect();
        assert_eq!(held.len(), 4);
        assert_eq!(places.tenants().len(), 1);
    }

    #[tokio::test]
    async fn nobody_comes_in_after_the_doors_are_closed() {
        let places = Arc::new(Places::new(2));
        let held = take(&places, "a").unwrap();
        places.close();
        assert_eq!(take(&places, "a").unwrap_err(), "draining");
        drop(held);
        assert_eq!(places.taken(), 0);
    }
}
