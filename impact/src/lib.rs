//! Whether a model treats like cases alike: the same case is asked about persons who differ in one protected attribute.
//!
//! - A [`Template`] has cases, a question with a closed list of outcomes, and attributes with groups; some are shipped.
//! - A [`Plan`] expands templates into asks, in an order and with seeds in which groups differ in nothing but the
//!   attribute. [`forethought_eval::run()`] asks them and keeps the answers.
//! - A [`Tally`] counts what came of them; the statistics are those of [`stats`], and their default size comes from
//!   [`power`].
//! - An [`Assessment`] is what was found, dated, as a file that a [`Demand`] can be held against; [`page()`] and
//!   [`markdown()`] show it to people.

#![cfg_attr(test, allow(clippy::needless_pass_by_value, reason = "tests read better so"))]

mod assessment;
mod attribute;
mod canonical;
mod demand;
mod error;
mod finding;
mod judge;
mod markdown;
mod page;
mod person;
mod plan;
pub mod power;
mod reading;
pub mod stats;
mod tally;
mod template;
mod words;

pub use assessment::{Asked, Assessment, Context, TemplateRef, Used, WayRef};
pub use attribute::{Attribute, Group, Names, Pronouns};
pub use demand::{Demand, Unmet};
pub use error::ImpactError;
pub use finding::{Comparison, Finding, GroupRate, Measure, Ratio, Status};
pub use judge::{Judgement, Limits, Verdict};
pub use markdown::markdown;
pub use page::page;
pub use person::Person;
pub use plan::{Ask, Cost, Plan, Size};
pub use reading::Reading;
pub use tally::{Counts, Subject, Tally, Totals};
pub use template::{Case, Merit, Template};
