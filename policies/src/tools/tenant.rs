//! What holds of tools for one tenant: its own words and those for everybody, none of which the other weakens.

use std::collections::BTreeMap;

use forethought_authorization::Rule;

use super::{
    ToolLimits, ToolPattern, ToolRules,
    pattern::{any, listed},
};
use crate::Policy;

/// What holds of tools for one tenant.
#[derive(Clone, Copy, Debug)]
pub struct TenantTools<'p> {
    floor: &'p ToolRules,
    /// None for a tenant that the policy does not know: it may use no tool.
    own: Option<&'p ToolRules>,
}

/// A list of the policy file, with the layer that it stands in.
type Layered<'p, T> = (&'static str, &'p T);

impl Policy {
    /// What holds of tools for a tenant; one that is not known may use none.
    #[must_use]
    pub fn tools(&self, tenant: &str) -> TenantTools<'_> {
        TenantTools { floor: &self.tools, own: self.tenant(tenant).map(|tenant| &tenant.tools) }
    }
}

impl<'p> TenantTools<'p> {
    fn layers(&self) -> impl Iterator<Item = Layered<'p, ToolRules>> {
        [("floor", self.floor)].into_iter().chain(self.own.map(|own| ("tenant", own)))
    }

    /// The lists that must all have a tool for it to be allowed; none where no list is there.
    pub(crate) fn allow_lists(&self) -> Vec<Layered<'p, Vec<ToolPattern>>> {
        match self.own {
            Some(_) => self.layers().filter_map(|(layer, rules)| Some((layer, rules.allow.as_ref()?))).collect(),
            None => Vec::new(),
        }
    }

    /// Whether a tool stands on every list that there is, and there is one.
    #[must_use]
    pub fn allows(&self, tool: &str) -> bool {
        self.listed(tool).is_ok()
    }

    /// The lists that allow a tool, or the one that does not.
    pub(crate) fn listed(&self, tool: &str) -> Result<Vec<Rule>, Rule> {
        let lists = self.allow_lists();
        if lists.is_empty() {
            return Err(rule("tenant", "allow", Some("no list allows any tool".to_owned())));
        }
        let each = lists.into_iter().map(|(layer, list)| {
            let refused = || rule(layer, "allow", Some(format!("the list has: {}", listed(list))));
            if any(list, tool) { Ok(rule(layer, "allow", None)) } else { Err(refused()) }
        });
        each.collect()
    }

    /// The lists that have calls of a tool wait for a person.
    pub(crate) fn holds(&self, tool: &str) -> Vec<Rule> {
        self.named("hold", tool, |rules| &rules.hold)
    }

    /// The lists that have calls of a tool only told.
    pub(crate) fn dry_runs(&self, tool: &str) -> Vec<Rule> {
        self.named("dry_run", tool, |rules| &rules.dry_run)
    }

    fn named(&self, name: &str, tool: &str, list: fn(&ToolRules) -> &Vec<ToolPattern>) -> Vec<Rule> {
        let found = self.layers().filter(|(_, rules)| any(list(rules), tool));
        found.map(|(layer, _)| rule(layer, name, None)).collect()
    }

    /// The list of what models are offered: the tenant's, or else everybody's.
    pub(crate) fn offer_list(&self) -> &'p [ToolPattern] {
        let own = self.own.map(|own| own.offer.as_ref().or(self.floor.offer.as_ref()));
        own.flatten().map(Vec::as_slice).unwrap_or_default()
    }

    /// Whether a model is offered a tool although its request names none: it is on the list, and allowed.
    #[must_use]
    pub fn offers(&self, tool: &str) -> bool {
        any(self.offer_list(), tool) && self.allows(tool)
    }

    /// How much one sample may do: of each limit the smaller one.
    #[must_use]
    pub fn limits(&self) -> ToolLimits {
        ToolLimits::of(self.floor.limits, self.own.map(|own| own.limits).unwrap_or_default())
    }

    /// What a call costs, in thousandths of a cost unit: the larger of what the tenant's costs and those for everybody say.
    #[must_use]
    pub fn cost(&self, tool: &str) -> u64 {
        self.layers().map(|(_, rules)| rules.cost(tool)).max().unwrap_or(0).into()
    }

    /// What stands in a list of either.
    pub(crate) fn joined(&self, list: fn(&ToolRules) -> &Vec<ToolPattern>) -> Vec<ToolPattern> {
        let mut all: Vec<ToolPattern> = self.layers().flat_map(|(_, rules)| list(rules).clone()).collect();
        all.sort();
        all.dedup();
        all
    }

    /// Every entry of costs, with the larger where two say something of the same.
    pub(crate) fn costs(&self) -> BTreeMap<ToolPattern, u32> {
        let mut all = BTreeMap::new();
        for (pattern, cost) in self.layers().flat_map(|(_, rules)| &rules.costs) {
            let most: &mut u32 = all.entry(pattern.clone()).or_default();
            *most = (*most).max(*cost);
        }
        all
    }
}

/// A list as a rule that decides.
fn rule(layer: &'static str, list: &str, reason: Option<String>) -> Rule {
    Rule { layer, id: format!("tools/{list}"), reason, citation: None }
}
