//! What the desk says of tools, by the policy that is in force now.

use super::{PolicyDesk, Standing, facts};
use crate::{
    principal::Principal,
    tools::{ToolAsk, ToolLimits, ToolVerdict, denied},
};

impl PolicyDesk {
    /// Whether the lists of the policy in force have this tool for a tenant: for what a request may name. Rules in Cedar are asked for
    /// each call.
    #[must_use]
    pub fn may_use_tool(&self, tenant: &str, tool: &str) -> bool {
        self.rules().policy.tools(tenant).allows(tool)
    }

    /// Those of `known` that a tenant's models are offered although the request names none, in the same order.
    #[must_use]
    pub fn tools_offered<'t>(&self, tenant: &str, known: impl IntoIterator<Item = &'t str>) -> Vec<&'t str> {
        let rules = self.rules();
        let tools = rules.policy.tools(tenant);
        known.into_iter().filter(|tool| tools.offers(tool)).collect()
    }

    /// How much one sample of a tenant's may do with tools.
    #[must_use]
    pub fn tool_limits(&self, tenant: &str) -> ToolLimits {
        self.rules().policy.tools(tenant).limits()
    }

    /// What a call of a tool costs a tenant, in thousandths of a cost unit.
    #[must_use]
    pub fn tool_cost(&self, tenant: &str, tool: &str) -> u64 {
        self.rules().policy.tools(tenant).cost(tool)
    }

    /// What becomes of one call of a tool. The policy that is in force now decides, also for a deliberation that another one let in,
    /// so that a tool or a key that is taken away is not used from then on; so ask before each call, and again when a person has
    /// approved one. The verdict says which policy it was.
    #[must_use]
    pub fn decide_tool(&self, principal: &Principal, ask: &ToolAsk<'_>) -> ToolVerdict {
        let (rules, now) = (self.rules(), self.clock.calendar());
        match rules.standing(principal, now) {
            Err(reason) => denied(&rules.policy, reason),
            Ok(Standing { tenant, key }) => {
                let of_key = key.map(|key| facts::of_key(&key.facts, &tenant.facts));
                let always = of_key.as_ref().unwrap_or(&tenant.facts);
                rules.policy.decide_tool(principal, (tenant, always), ask, now)
            }
        }
    }
}
