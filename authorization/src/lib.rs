//! Who may do what with what: rules in [Cedar](https://www.cedarpolicy.com), in layers that can only take from each other.
//!
//! [`Rules`] is a text of rules that was checked against our schema (`rules/forethought.cedarschema`). [`decide`] asks the
//! built-in separation of duties (`rules/roles.cedar`), then each layer of [`Layers`], and allows only what all of them
//! allow. A layer is never joined with another, so no rule of a tenant can weaken one of the installation, whatever it
//! says. A rule that cannot be evaluated refuses.
//!
//! [`decide_tool`] asks the same layers of one call of a tool, with its arguments, and finds out of their answers whether it
//! waits for a person or is only told.

mod arguments;
mod ask;
mod decide;
mod entities;
mod number;
mod rules;
mod tool;

pub use arguments::{MAX_ARGUMENT_BYTES, MAX_ARGUMENT_DEPTH, MAX_ARGUMENTS};
pub use ask::{Action, Ask, Circumstances, Facts, Resource, Who};
pub use decide::{Decision, Layers, Refusal, Rule, decide};
pub use rules::{Flaw, MAX_BYTES, MAX_RULES, Rules, SCHEMA};
pub use tool::{ARGUMENTS_RULE, ToolAsk, ToolDecision, decide_tool};
