//! How well a model answers in different ways, and training data out of what it answered.
//!
//! - [`Question`]s come from files, [`Way`]s (a strategy and a budget under a name) from files or texts; together with a
//!   seed they are a [`Plan`].
//! - [`run()`] sends the plan's requests to a running service and keeps each answer in a [`ResultsFile`], which can be
//!   taken up again after any interruption.
//! - [`Summary`] says what came of it, with intervals; [`Comparison`] says which ways are efficient; [`page()`] draws both.
//! - [`replay`](replay::replay()) plays recorded samples to a strategy; [`hull`] says what is better than fixed ways.
//! - [`export`] makes training data out of results, or out of the audit log of tenants that consent.

#![cfg_attr(
    test,
    allow(
        clippy::default_trait_access,
        clippy::needless_pass_by_value,
        clippy::needless_for_each,
        clippy::naive_bytecount,
        reason = "tests read better so"
    )
)]

mod error;
pub mod export;
pub mod hull;
mod outcome;
mod page;
mod plan;
mod question;
pub mod replay;
mod results;
mod run;
mod service;
pub mod stats;
mod summary;
mod way;

pub use error::EvalError;
pub use outcome::{Outcome, Reply, Sample};
pub use page::{markup, page};
pub use plan::{Header, Model, Plan, SetRef, Task, seed};
pub use question::{Asking, Kind, PLACE, Question, read as read_questions};
pub use results::{Results, ResultsFile, Session};
pub use run::{Ended, Event, run};
pub use service::{Service, Wait};
pub use stats::Estimate;
pub use summary::{Comparison, Difference, Figures, Place, SetFigures, Standing, Summary, Verdict};
pub use way::Way;
