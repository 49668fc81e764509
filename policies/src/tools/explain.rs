//! What a policy says of tools for one tenant, for people.

use std::{collections::BTreeMap, fmt};

use serde::Serialize;

use super::{ToolLimits, ToolPattern, pattern::listed};
use crate::Policy;

/// What holds of tools for a tenant, its own words and those for everybody together. Rules in Cedar come on top.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ToolsExplained {
    /// Lists each of which must have a tool for it to be allowed; no tool is where there is no list.
    pub allow: Vec<Vec<ToolPattern>>,
    /// Those that models are offered, where they are allowed.
    pub offer: Vec<ToolPattern>,
    /// Those whose calls wait for a person.
    pub hold: Vec<ToolPattern>,
    /// Those whose calls are only told.
    pub dry_run: Vec<ToolPattern>,
    /// How much one sample may do.
    pub limits: ToolLimits,
    /// What a call costs, in thousandths of a cost unit.
    pub costs: BTreeMap<ToolPattern, u32>,
}

impl Policy {
    /// What holds of tools for a tenant.
    #[must_use]
    pub fn tools_explained(&self, tenant: &str) -> ToolsExplained {
        let tools = self.tools(tenant);
        ToolsExplained {
            allow: tools.allow_lists().into_iter().map(|(_, list)| list.clone()).collect(),
            offer: tools.offer_list().to_vec(),
            hold: tools.joined(|rules| &rules.hold),
            dry_run: tools.joined(|rules| &rules.dry_run),
            limits: tools.limits(),
            costs: tools.costs(),
        }
    }
}

impl fmt::Display for ToolsExplained {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lists: Vec<String> = self.allow.iter().map(|list| listed(list)).collect();
        if lists.is_empty() || lists.iter().any(|list| list == "none") {
            return writeln!(f, "no tools may be used");
        }
        writeln!(f, "tools that may be used: {}", lists.join("; of these: "))?;
        for (told, list) in [
            ("offered without being named", &self.offer),
            ("each call waits for a person", &self.hold),
            ("calls are only told", &self.dry_run),
        ] {
            if !list.is_empty() {
                writeln!(f, "  {told}: {}", listed(list))?;
            }
        }
        let ToolLimits { rounds, calls, result_bytes, total_bytes, time_ms } = self.limits;
        writeln!(f, "  a sample may turn to tools {rounds} times and make {calls} calls of {time_ms} ms")?;
        writeln!(f, "  it is told {result_bytes} bytes of a result, and {total_bytes} bytes in all")?;
        for (pattern, cost) in &self.costs {
            writeln!(f, "  a call of {pattern} costs {cost} thousandths of a unit")?;
        }
        Ok(())
    }
}
