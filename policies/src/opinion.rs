//! What a policy says of a request, whatever room there is for it now.

use forethought_authorization::{
    Action, Ask as Question, Circumstances, Decision, Facts as Known, Resource, Rule, Who, decide,
};
use forethought_schemas::{ApiError, ErrorKind, Facts};
use jiff::Timestamp;

use crate::{
    Ask, Asked, Judgement, Licence, Policy, Principal, Role, Screens, facts, packs,
    tenant::{Scope, Tenant},
    verdict,
};

/// Who would ask.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The tenant's id.
    pub tenant: String,
    /// What they act as.
    pub role: Role,
    /// The parts of the tenant that they belong to.
    pub teams: Vec<String>,
}

/// What a policy says of a request, limits and quotas aside.
#[derive(Clone, Debug)]
pub struct Opinion {
    /// Why it is refused, if it is; laws are told apart.
    pub refusal: Option<ApiError>,
    /// The rules of who may do what that allow it.
    pub allowed_by: Vec<Rule>,
    /// What laws say.
    pub judgement: Judgement,
    /// The safeguards that would stand around the model.
    pub screens: Screens,
    /// Whether an assessment shows what the purpose demands, whatever the model's weights are.
    pub licence: Licence,
}

impl Policy {
    /// What the policy says of a request at a time. `ask.facts` is what the request itself would tell.
    ///
    /// # Errors
    /// 404 where there is no such tenant; 403 and 400 where the facts contradict the policy or are not known.
    pub fn opinion(&self, caller: &Caller, ask: &Ask<'_>, at: Timestamp) -> Result<Opinion, ApiError> {
        let tenant = self.tenant(&caller.tenant).ok_or_else(|| {
            let message = format!("the policy has no tenant `{}`", caller.tenant);
            ApiError::new(ErrorKind::NotFound, "unknown_tenant", message)
        })?;
        let facts = facts::told(&tenant.facts, ask.facts)?;
        let principal = Principal {
            teams: caller.teams.clone(),
            everywhere: tenant.scope == Scope::Installation,
            ..Principal::bare(&caller.tenant, "somebody", caller.role)
        };
        let allowed = self.permits(&principal, tenant, &Ask { facts: &facts, ..*ask }, at);
        let judgement = self.packs().judge(&facts::read(&facts).unwrap_or_default(), at);
        let screens = self.screens_with(&caller.tenant, &judgement);
        let asked = Asked { model: ask.model, weights: None, strategy: ask.strategy, effort: ask.effort };
        let licence = self.purposes().licence(facts.purpose.as_deref(), &asked, at);
        let (refusal, allowed_by) = match allowed {
            Ok(rules) => (None, rules),
            Err(refusal) => (Some(refusal), Vec::new()),
        };
        Ok(Opinion { refusal, allowed_by, judgement, screens, licence })
    }

    /// What a tenant's request is about, as rules of law look at it: what the policy says, and what the request tells.
    ///
    /// # Errors
    /// As [`Policy::opinion`].
    pub fn facts_of(&self, tenant: &str, told: &Facts) -> Result<packs::Facts, ApiError> {
        let unknown =
            || ApiError::new(ErrorKind::NotFound, "unknown_tenant", format!("the policy has no tenant `{tenant}`"));
        let facts = facts::told(&self.tenant(tenant).ok_or_else(unknown)?.facts, told)?;
        Ok(facts::read(&facts).unwrap_or_default())
    }

    /// Whether a deliberation may be asked for; the rules that allow it.
    pub(crate) fn permits(
        &self,
        principal: &Principal,
        tenant: &Tenant,
        ask: &Ask<'_>,
        at: Timestamp,
    ) -> Result<Vec<Rule>, ApiError> {
        let question = (Action::Deliberate, Resource::Model(ask.model), Some(circumstances(ask)));
        let decision = self.decision(principal, question, at);
        verdict::authorized(principal, Action::Deliberate, &decision)?;
        verdict::model(tenant, ask.model)?;
        verdict::effort(tenant, ask.effort)?;
        verdict::budget(tenant, &ask.budget)?;
        Ok(decision.allowed_by)
    }

    /// Whether something may be done to a tenant's things.
    pub(crate) fn authorizes(
        &self,
        principal: &Principal,
        action: Action,
        tenant: &str,
        at: Timestamp,
    ) -> Result<(), ApiError> {
        let decision = self.decision(principal, (action, Resource::Tenant(tenant), None), at);
        verdict::authorized(principal, action, &decision)
    }

    fn decision(
        &self,
        principal: &Principal,
        (action, resource, circumstances): (Action, Resource<'_>, Option<Circumstances<'_>>),
        at: Timestamp,
    ) -> Decision {
        let Principal { tenant, id, role, teams, everywhere, .. } = principal;
        let roles = [role.as_str()];
        let who = Who { id, tenant, teams, roles: &roles, everywhere: *everywhere };
        decide(&Question { who, action, resource, at, circumstances }, self.authorization(tenant))
    }
}

/// What a request is about, as rules in Cedar look at it.
pub(crate) fn known(facts: &Facts) -> Known<'_> {
    let Facts { purpose, sectors, regions, data_classes, interaction, decision, grounds } = facts;
    Known {
        purpose: purpose.as_deref(),
        interaction: interaction.as_deref(),
        decision: decision.as_deref(),
        sectors,
        regions,
        data_classes,
        grounds,
    }
}

fn circumstances<'a>(ask: &'a Ask<'_>) -> Circumstances<'a> {
    Circumstances {
        facts: known(ask.facts),
        effort: ask.effort.as_str(),
        effort_rank: ask.effort.rank(),
        strategy: ask.strategy.as_str(),
        samples: ask.budget.max_samples,
        total_tokens: ask.budget.total_tokens,
        thinking_tokens: ask.thinking_tokens,
        deadline_ms: ask.budget.deadline_ms,
        stream: ask.stream,
    }
}
