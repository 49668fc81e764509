//! The statistics: exact tests over cases, intervals over cases, and the control of many tests at once.
//!
//! Cases are the units. Repetitions of one case are alike, so they make a case's figures more exact, but no test or
//! interval counts them as cases. An answer counts as favourable or not; its whole share of all asks is compared, so that
//! an ask without an answer counts against the group that it is about.

mod bootstrap;
mod family;
mod permutation;
mod quantile;
mod table;

pub(crate) use bootstrap::ends;
pub use bootstrap::{Resampled, fewest_cases, resample, unseen};
pub use family::{Screened, Test, adjust, screen};
pub use permutation::{against, against_rest, test};
pub use quantile::{normal, normal_below, student};
pub(crate) use table::ratio;
pub use table::{Against, Contrast, Table};
