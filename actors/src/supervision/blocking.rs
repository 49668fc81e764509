//! A bounded way onto tokio's blocking pool, whose own queue (like `SyncArbiter`'s) has no bound.

use std::sync::Arc;

use tokio::sync::Semaphore;
use tokio::task::JoinError;

use super::panics::Panicked;

/// Admits closures to the blocking pool: so many run, so many wait in order, the next is refused.
///
/// Clones share the bounds, over all arbiters.
#[derive(Debug, Clone)]
pub struct BlockingRoom {
    admitted: Arc<Semaphore>,
    running: Arc<Semaphore>,
    max_running: usize,
    max_waiting: usize,
}

/// Why a closure has no result.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BlockingError {
    /// It was not taken: as many run and wait as may. Nothing was done; try again later.
    #[error("blocking room is full: {running} may run and {waiting} may wait; retry later or enlarge the room")]
    Full {
        /// How many may run at once.
        running: usize,
        /// How many may wait.
        waiting: usize,
    },
    /// It panicked, and may have done a part of its work.
    #[error("blocking work {0}")]
    Panicked(#[from] Panicked),
    /// The runtime is shutting down and dropped it before it began.
    #[error("blocking pool is shutting down")]
    ShuttingDown,
}

impl BlockingRoom {
    /// A room for `max_running` closures at once (zero is taken as one) and `max_waiting` behind them.
    #[must_use]
    pub fn new(max_running: usize, max_waiting: usize) -> Self {
        let max_running = max_running.clamp(1, Semaphore::MAX_PERMITS / 2);
        let max_waiting = max_waiting.min(Semaphore::MAX_PERMITS / 2);
        Self {
            admitted: Arc::new(Semaphore::new(max_running + max_waiting)),
            running: Arc::new(Semaphore::new(max_running)),
            max_running,
            max_waiting,
        }
    }

    /// Runs `work` on the blocking pool, after those that wait before it.
    ///
    /// Dropping this future while it waits withdraws the work. Once it runs it runs to its end and keeps its place until
    /// then: a thread cannot be stopped from outside.
    ///
    /// # Errors
    /// [`BlockingError::Full`] at once when there is no place; [`BlockingError::Panicked`] when `work` panicked.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub async fn run<T, W>(&self, work: W) -> Result<T, BlockingError>
    where
        T: Send + 'static,
        W: FnOnce() -> T + Send + 'static,
    {
        let full = |_| BlockingError::Full { running: self.max_running, waiting: self.max_waiting };
        let place = Arc::clone(&self.admitted).try_acquire_owned().map_err(full)?;
        let turn = Arc::clone(&self.running).acquire_owned().await.map_err(|_| BlockingError::ShuttingDown)?;
        let task = tokio::task::spawn_blocking(move || {
            // Held by the work and not by the caller, who may leave before the work ends.
            let _held = (place, turn);
            work()
        });
        task.await.map_err(Self::explain)
    }

    /// Closures that run or wait now.
    #[must_use]
    pub fn occupied(&self) -> usize {
        self.max_running + self.max_waiting - self.admitted.available_permits()
    }

    fn explain(error: JoinError) -> BlockingError {
        match error.try_into_panic() {
            Ok(payload) => Panicked::from_payload(payload.as_ref()).into(),
            Err(_) => BlockingError::ShuttingDown,
        }
    }
}
