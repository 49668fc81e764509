//! What a tenant did with the service over a time, for lawyers and auditors: every number with the entries of the log that make it.
//!
//! [`collect()`] reads a log once and gives [`Figures`]; [`judge()`] holds [`Duties`] of laws against them, each a [`Judged`] with a
//! [`State`]; a [`Report`] puts both together, and writes them as JSON and as pages that work from a disk, load nothing, and run
//! no script.
//!
//! Nothing here is legal advice. A gap is told as one, and what no log can show is told as that.

mod collect;
mod duties;
mod error;
mod figure;
mod figures;
mod judge;
mod log_state;
mod page;
mod report;
mod request;
mod scope;
mod summary;
#[cfg(test)]
mod testing;
mod write;

pub use collect::collect;
pub use duties::{Check, Duties, Duty, DutyStatus, RulePattern};
pub use error::ReportError;
pub use figure::{Entry, EntryAt, Figure, Group};
pub use figures::{Figures, Spread};
pub use judge::{Force, Judged, LawTable, State, judge};
pub use log_state::{LogState, Signed};
pub use report::Report;
pub use scope::{MAX_ENTRIES, Scope};
