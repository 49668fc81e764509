//! The tools of the service, for whoever asks.

use std::sync::Arc;

use forethought_actors::{ToolDesk, card};
use forethought_policies::Principal;
use forethought_reasoning::ToolLimits;
use forethought_safeguards::Safeguards;
use forethought_schemas::{ApiError, ChatRequest, ErrorKind, Runs, StrategyName, ToolCard, ToolChoice};
use forethought_tools::{Limits, Toolbox};
use serde_json::json;
use tokio::time::Instant;

use super::{Gateway, plan::Shelf};

/// The tools of one caller, as the policy has them now.
pub(super) struct Offer<'g> {
    gateway: &'g Gateway,
    principal: &'g Principal,
    toolbox: Toolbox,
    /// Tools of servers that were not asked for them.
    promised: Vec<String>,
    /// Why some are not there.
    pub warnings: Vec<String>,
}

impl<'g> Offer<'g> {
    /// Looks which tools there are. No server of tools is asked: what is known of theirs is only what they are called.
    pub(super) fn new(gateway: &'g Gateway, principal: &'g Principal) -> Self {
        let (tools, tenant) = (&gateway.tools, principal.tenant());
        Self {
            gateway,
            principal,
            toolbox: tools.shared_for(tenant, &gateway.desk),
            promised: tools.promised_to(tenant, &gateway.desk),
            warnings: Vec::new(),
        }
    }

    /// The same, with those tools of servers that the request names or that are offered to it; servers are started that are not there
    /// yet. Without one that is not there in time a request goes on, unless it names its tools.
    pub(super) async fn fetched(&self, chat: &ChatRequest, until: Instant) -> Result<Self, ApiError> {
        let Self { gateway, principal, .. } = *self;
        let named = self.wanted(chat);
        let (wanted, promised): (Vec<String>, Vec<String>) =
            self.promised.iter().cloned().partition(|name| named.contains(name));
        let mut toolbox = self.toolbox.clone();
        let warnings = gateway.tools.fetch(&mut toolbox, principal.tenant(), &wanted, until).await;
        if chat.deliberation.tools.is_some() && !warnings.is_empty() {
            let message =
                format!("{}; try again, or leave their tools out of `deliberation.tools`", warnings.join("; "));
            let error = ApiError::new(ErrorKind::Unavailable, "tools_unavailable", message).retry_after(5);
            return Err(ApiError { param: Some("deliberation.tools".to_owned()), ..error });
        }
        Ok(Self { gateway, principal, toolbox, promised, warnings })
    }

    fn wanted(&self, chat: &ChatRequest) -> Vec<String> {
        match &chat.deliberation.tools {
            _ if chat.tools.choice == Some(ToolChoice::None) => Vec::new(),
            Some(named) => named.clone(),
            // As in the plan: steps of a search take no tools.
            None if chat.deliberation.strategy == Some(StrategyName::BeamSearch) => Vec::new(),
            None => self.offered(),
        }
    }
}

impl Shelf for Offer<'_> {
    fn card(&self, name: &str) -> Option<ToolCard> {
        card(&self.toolbox, name)
            .or_else(|| self.promised.iter().any(|promised| promised == name).then(|| promise(name)))
    }

    fn usable(&self) -> Vec<String> {
        let known = self.toolbox.specs().map(|spec| spec.name().to_owned());
        known.chain(self.promised.iter().cloned()).collect()
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

/// What stands for a tool until its server is asked: enough to see whether a request may name it, and what it may cost.
fn promise(name: &str) -> ToolCard {
    let parameters = Arc::new(json!({ "type": "object" }));
    ToolCard { name: name.to_owned(), description: String::new(), parameters, runs: Runs::Server }
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
