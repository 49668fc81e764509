//! A tenant's own files, and the tools that a model reads them with.
//!
//! - [`Shelf`] keeps what tenants upload: sealed, durable before it is acknowledged, erasable for good.
//! - [`Tables`] answers SQL about the tables among them, by the tools [`TableQuery`] and [`ListTables`].
//! - [`Documents`] are the others, which [`DocumentSearch`] finds passages in.

#![allow(clippy::similar_names, reason = "a shelf is read by a sealer and a sender, tables by a tenant and a table")]
#![cfg_attr(test, allow(clippy::format_collect, reason = "tests may be slow"))]

mod search;
mod shelf;
mod stop;
mod tables;
#[cfg(test)]
mod testing;

pub use search::{DocumentSearch, Documents, SearchBounds};
pub use shelf::{
    FILE_KEY, FileId, FileIdError, FileInfo, KeyWrap, Kind, Limits, LocalWrap, MAX_FILE_NAME, MAX_SUBJECT, MAX_WRAPPED,
    Reading, Shelf, ShelfError, ShelfReport, Upload, WrapError,
};
pub use tables::{ListTables, TableBounds, TableQuery, Tables};
