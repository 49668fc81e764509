//! Which tools models may call while they think: what a policy file says of them in plain words, for everybody and for each
//! tenant, and what becomes of one call.
//!
//! The file's `tools` is looked at together with the rules in Cedar (`use_tool`). What stands for everybody is never widened by a
//! tenant: a tool is allowed where every list that there is allows it, the lists of calls that wait or are only told add up, of limits
//! the smaller holds, and of costs the larger.

mod explain;
mod pattern;
mod problems;
mod rules;
mod tenant;
mod verdict;

pub use explain::ToolsExplained;
pub use pattern::ToolPattern;
pub use rules::{ToolBounds, ToolLimits, ToolRules};
pub use tenant::TenantTools;
pub use verdict::{ToolAsk, ToolOutcome, ToolVerdict};

pub(crate) use problems::problems;
pub(crate) use verdict::denied;

#[cfg(test)]
mod tests;
