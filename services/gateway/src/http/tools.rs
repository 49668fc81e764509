//! The tools of the service, for whoever asks.

use std::sync::Arc;

use forethought_actors::{ToolDesk, card};
use forethought_policies::Principal;
use forethought_reasoning::ToolLimits;
use forethought_safeguards::Safeguards;
use forethought_schemas::{ChatRequest, ToolCard, ToolChoice};
use forethought_tools::{Limits, Toolbox};

use super::{Gateway, plan::Shelf};

/// The tools of one caller, as the policy has them now.
pub(super) struct Offer<'g> {
    gateway: &'g Gateway,
    principal: &'g Principal,
    toolbox: Toolbox,
    /// Why some are not there.
    pub warnings: Vec<String>,
}

impl<'g> Offer<'g> {
    /// Looks which tools there are; servers of tools are started that are not there yet. A request that says that it wants none
    /// waits for none.
    pub(super) async fn new(gateway: &'g Gateway, principal: &'g Principal, chat: &ChatRequest) -> Self {
        let wants = chat.deliberation.tools.as_ref().is_none_or(|tools| !tools.is_empty());
        let (toolbox, warnings) = if wants && chat.tools.choice != Some(ToolChoice::None) {
            gateway.tools.for_tenant(principal.tenant(), &gateway.desk).await
        } else {
            (Toolbox::default(), Vec::new())
        };
        Self { gateway, principal, toolbox, warnings }
    }
}

impl Shelf for Offer<'_> {
    fn card(&self, name: &str) -> Option<ToolCard> {
        card(&self.toolbox, name)
    }

    fn usable(&self) -> Vec<String> {
        self.toolbox.specs().map(|spec| spec.name().to_owned()).collect()
    }

    fn offered(&self) -> Vec<String> {
        let usable = self.usable();
        let offered = self.gateway.desk.tools_offered(self.principal.tenant(), usable.iter().map(String::as_str));
        offered.into_iter().map(str::to_owned).collect()
    }

    fn limits(&self) -> ToolLimits {
        let most = self.gateway.desk.tool_limits(self.principal.tenant());
        ToolLimits {
            rounds: most.rounds,
            calls: most.calls,
            result_bytes: most.result_bytes,
            total_bytes: most.total_bytes,
        }
    }
}

impl Offer<'_> {
    /// What calls of a deliberation are made with. The policy in force at each call decides on it.
    pub(super) fn desk(&self, results: Arc<Safeguards>) -> ToolDesk {
        let Self { gateway, principal, toolbox, .. } = self;
        let (desk, who) = (Arc::clone(&gateway.desk), Principal::clone(principal));
        let (costs, tenant) = (Arc::clone(&gateway.desk), principal.tenant().to_owned());
        let most = gateway.desk.tool_limits(principal.tenant());
        ToolDesk {
            toolbox: toolbox.clone(),
            judge: Arc::new(move |ask| desk.decide_tool(&who, ask)),
            cost: Arc::new(move |tool| costs.tool_cost(&tenant, tool)),
            results,
            limits: Limits { time_ms: most.time_ms, bytes: most.result_bytes, ..Limits::default() },
        }
    }
}
