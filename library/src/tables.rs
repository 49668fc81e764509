//! SQL over the tables that a tenant uploaded, which nothing can change and which ends within its limits.
//!
//! # Limits
//! - What is asked: one `SELECT`. SQLite's authorizer refuses everything else while the SQL is compiled (`guard`).
//! - What it costs: steps and time, looked at every 1,000 steps; memory, by a limit on all that SQLite has allocated in this process.
//!   A question that runs out of memory is asked once more with nobody beside it, so that nobody fails for another's sake.
//! - What comes back: rows and bytes.
//! - What is read: rows, columns and values of a file are bounded before SQLite sees them (`rows`).
//!
//! A tenant has one question at a time, and all together a few. What was read stays in memory for the next question, within a
//! bound, and goes when one of its files is erased.

mod answer;
mod cache;
mod catalog;
mod database;
mod desk;
mod error;
mod functions;
mod guard;
mod list;
mod names;
mod pattern;
mod query;
mod rows;
mod schema;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use forethought_tools::ToolError;
use serde::{Deserialize, Serialize};
use tokio::{sync::OwnedMutexGuard, task};

use cache::Cache;
use desk::Desk;

use crate::{shelf::Shelf, stop::Stop};

pub use list::ListTables;
pub use query::TableQuery;

/// How much memory and work tables may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TableBounds {
    /// Bytes of memory for one tenant's tables.
    pub tenant_bytes: usize,
    /// Bytes of memory for the tables of all tenants between their questions.
    pub cached_bytes: usize,
    /// Bytes of memory that a question may need beside its tables.
    pub working_bytes: usize,
    /// Questions at a time, at least 1.
    pub parallel: u16,
    /// Steps of SQLite's machine in one question.
    pub steps: u64,
    /// Rows of an answer.
    pub rows: usize,
}

impl Default for TableBounds {
    /// 128, 256 and 64 MiB; 2 questions at a time; a thousand million steps; a thousand rows.
    fn default() -> Self {
        Self {
            tenant_bytes: 128 << 20,
            cached_bytes: 256 << 20,
            working_bytes: 64 << 20,
            parallel: 2,
            steps: 1_000_000_000,
            rows: 1000,
        }
    }
}

impl TableBounds {
    /// The most that SQLite may allocate in this process.
    fn heap(&self) -> u64 {
        let question = self.tenant_bytes as u64 + self.working_bytes as u64;
        self.cached_bytes as u64 + u64::from(self.parallel.max(1)) * question
    }
}

/// The tables of all tenants. The tools are made of it: [`TableQuery`] and [`ListTables`].
#[derive(Debug)]
pub struct Tables {
    shelf: Arc<Shelf>,
    bounds: TableBounds,
    cache: Arc<Cache>,
}

impl Tables {
    /// The tables on a shelf.
    #[must_use]
    pub fn new(shelf: Arc<Shelf>, bounds: TableBounds) -> Arc<Self> {
        let cache = Cache::new(&shelf, &bounds);
        Arc::new(Self { shelf, bounds, cache })
    }

    /// Does work at a tenant's desk, on a thread of its own, when it is the tenant's turn and one of all tenants'.
    /// `alone` waits until nobody else works.
    async fn at_desk<T: Send + 'static>(
        self: &Arc<Self>,
        tenant: &str,
        alone: bool,
        stop: &Stop,
        work: impl FnOnce(&Self, &mut Desk, &Stop) -> T + Send + 'static,
    ) -> Result<T, ToolError> {
        let (tenant, this, stop) = (tenant.to_owned(), Arc::clone(self), stop.clone());
        let waiting = async {
            let slot = this.cache.slot(&tenant);
            let desk: OwnedMutexGuard<Desk> = Arc::clone(&slot).lock_owned().await;
            (slot, desk, this.cache.turn(alone).await)
        };
        let waited = tokio::time::timeout(stop.left(), waiting).await;
        let (slot, mut desk, turn) = waited.map_err(|_| ToolError::TimedOut(0))?;
        let left = stop.left();
        let working = task::spawn_blocking(move || {
            let done = work(&this, &mut desk, &stop);
            let bytes = desk.bytes();
            drop(desk);
            this.cache.settle(&tenant, &slot, bytes);
            drop(turn);
            done
        });
        match tokio::time::timeout(left, working).await {
            Ok(Ok(done)) => Ok(done),
            Ok(Err(_)) => Err(ToolError::Failed("the tool broke off".to_owned())),
            Err(_) => Err(ToolError::TimedOut(0)),
        }
    }
}
