//! Who may do what with what: rules in [Cedar](https://www.cedarpolicy.com), in layers that can only take from each other.
//!
//! [`Rules`] is a text of rules that was checked against our schema (`rules/forethought.cedarschema`). [`decide`] asks the
//! built-in separation of duties (`rules/roles.cedar`), then each layer of [`Layers`], and allows only what all of them
//! allow. A layer is never joined with another, so no rule of a tenant can weaken one of the installation, whatever it
//! says. A rule that cannot be evaluated refuses.

mod ask;
mod decide;
mod entities;
mod rules;

pub use ask::{Action, Ask, Circumstances, Facts, Resource, Who};
pub use decide::{Decision, Layers, Refusal, Rule, decide};
pub use rules::{Flaw, MAX_BYTES, MAX_RULES, Rules, SCHEMA};
