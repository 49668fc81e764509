//! What becomes of one call of a tool.

use std::sync::Arc;

use forethought_authorization::{Action, Decision, Refusal, Rule, ToolAsk as Question, ToolDecision, Who, decide_tool};
use forethought_schemas::{ApiError, ErrorKind, Facts};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    Caller, Policy, Principal, facts,
    opinion::known,
    principal::Denied,
    tenant::{Scope, Tenant},
    verdict::authorized,
};

/// One call of a tool that a model asks for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ToolAsk<'a> {
    /// The tool's name.
    pub name: &'a str,
    /// What calling it may change: `pure`, `reads` or `changes`.
    pub effect: &'a str,
    /// The digest of what the tool says of itself, `sha256:<64 hexadecimal digits>`.
    pub spec: &'a str,
    /// Where it runs: `built-in`, or the name of a server.
    pub server: &'a str,
    /// What it is to be called with: as the tool would get it, and already checked against the tool's schema.
    pub arguments: &'a Value,
    /// What the deliberation is about: as [`PolicyDesk::facts`](crate::PolicyDesk::facts) gave it.
    pub facts: &'a Facts,
    /// Calls that the sample made before.
    pub sample_calls: u32,
    /// Calls that all samples of the deliberation made before.
    pub calls: u32,
    /// How often the sample has turned to tools before.
    pub round: u32,
    /// Whether a person has approved this very call.
    pub approved: bool,
}

/// What becomes of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ToolOutcome {
    /// It is made.
    Allow,
    /// It waits until a person approves it.
    Hold,
    /// It is not made; the model is told what would have been.
    DryRun,
    /// It is not made; the model is told why.
    Refuse,
}

impl ToolOutcome {
    /// Its name in records.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Hold => "hold",
            Self::DryRun => "dry_run",
            Self::Refuse => "refuse",
        }
    }
}

/// What was decided of a call, and by what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToolVerdict {
    /// What becomes of it.
    pub outcome: ToolOutcome,
    /// What decided: lists of the policy file (`tools/allow`, `tools/hold`, `tools/dry_run`) and rules in Cedar, by id.
    pub rules: Vec<Rule>,
    /// Why it is refused, in words that a model may be told; only for [`ToolOutcome::Refuse`]. They hold no argument.
    pub refusal: Option<ApiError>,
    /// The digest of the policy that decided.
    pub policy_digest: Arc<str>,
    /// The number of that policy.
    pub policy_version: u64,
}

/// Outcome, rules and refusal.
type Judged = (ToolOutcome, Vec<Rule>, Option<ApiError>);

impl Policy {
    /// What becomes of a call of somebody's at a time, for tests of the policy. `ask.facts` is what the request itself would tell.
    ///
    /// # Errors
    /// 404 where there is no such tenant.
    pub fn tool_opinion(&self, caller: &Caller, ask: &ToolAsk<'_>, at: Timestamp) -> Result<ToolVerdict, ApiError> {
        let tenant = self.tenant(&caller.tenant).ok_or_else(|| {
            let message = format!("the policy has no tenant `{}`", caller.tenant);
            ApiError::new(ErrorKind::NotFound, "unknown_tenant", message)
        })?;
        let principal = Principal {
            teams: caller.teams.clone(),
            everywhere: tenant.scope == Scope::Installation,
            ..Principal::bare(&caller.tenant, "somebody", caller.role)
        };
        Ok(self.decide_tool(&principal, (tenant, &tenant.facts), ask, at))
    }

    /// What becomes of a call. `standing` is the principal's tenant, and what is always so of the principal's requests.
    pub(crate) fn decide_tool(
        &self,
        principal: &Principal,
        standing: (&Tenant, &Facts),
        ask: &ToolAsk<'_>,
        at: Timestamp,
    ) -> ToolVerdict {
        let (outcome, rules, refusal) = self
            .judged(principal, standing, ask, at)
            .unwrap_or_else(|(rules, refusal)| (ToolOutcome::Refuse, rules, Some(refusal)));
        let policy_digest = Arc::from(self.digest());
        ToolVerdict { outcome, rules, refusal, policy_digest, policy_version: self.version() }
    }

    /// In this order: what is not on the lists is refused, then what rules refuse; what either has only told is told; what
    /// either has wait, waits; the rest is made.
    fn judged(
        &self,
        principal: &Principal,
        (tenant, always): (&Tenant, &Facts),
        ask: &ToolAsk<'_>,
        at: Timestamp,
    ) -> Result<Judged, (Vec<Rule>, ApiError)> {
        let tools = self.tools(&tenant.id);
        let mut allowed_by = tools.listed(ask.name).map_err(|rule| unlisted(tenant, ask.name, rule))?;
        // A policy that came into force since may say otherwise what is always so.
        let facts = facts::told(always, ask.facts).map_err(|error| (vec![built_in("facts", &error.message)], error))?;
        let (mut told, mut held) = (tools.dry_runs(ask.name), Vec::new());
        if !ask.approved {
            held = tools.holds(ask.name);
        }
        match self.asked(principal, &facts, ask, at) {
            ToolDecision::Refuse(refusal) => return Err(refused(principal, refusal)),
            ToolDecision::DryRun { because } => told.extend(because),
            ToolDecision::Hold { because } => held.extend(because),
            ToolDecision::Allow { by } => allowed_by.extend(by),
        }
        Ok(match (told.is_empty(), held.is_empty()) {
            (false, _) => (ToolOutcome::DryRun, told, None),
            (true, false) => (ToolOutcome::Hold, held, None),
            (true, true) => (ToolOutcome::Allow, allowed_by, None),
        })
    }

    fn asked(&self, principal: &Principal, facts: &Facts, ask: &ToolAsk<'_>, at: Timestamp) -> ToolDecision {
        let Principal { tenant, id, role, teams, everywhere, .. } = principal;
        let roles = [role.as_str()];
        let question = Question {
            who: Who { id, tenant, teams, roles: &roles, everywhere: *everywhere },
            tool: ask.name,
            effect: ask.effect,
            spec: ask.spec,
            server: ask.server,
            arguments: ask.arguments,
            facts: known(facts),
            at,
            sample_calls: ask.sample_calls,
            calls: ask.calls,
            round: ask.round,
            approved: ask.approved,
        };
        decide_tool(&question, self.authorization(tenant))
    }
}

/// What becomes of a call of somebody who is not let in any more.
pub(crate) fn denied(policy: &Policy, denied: Denied) -> ToolVerdict {
    ToolVerdict {
        outcome: ToolOutcome::Refuse,
        rules: vec![built_in("caller", &denied.reason.to_string())],
        refusal: Some(denied.into()),
        policy_digest: Arc::from(policy.digest()),
        policy_version: policy.version(),
    }
}

fn built_in(id: &str, reason: &str) -> Rule {
    Rule { layer: "built-in", id: id.to_owned(), reason: Some(reason.to_owned()), citation: None }
}

fn unlisted(tenant: &Tenant, tool: &str, rule: Rule) -> (Vec<Rule>, ApiError) {
    let whose = match rule.layer {
        "floor" => "for everybody".to_owned(),
        _ => format!("of tenant `{}`", tenant.id),
    };
    let message =
        format!("the tool `{tool}` may not be used here; have the policy owner add it to `tools.allow` {whose}");
    (vec![rule], ApiError::new(ErrorKind::Permission, "tool_not_allowed", message))
}

fn refused(principal: &Principal, refusal: Refusal) -> (Vec<Rule>, ApiError) {
    let rules = match &refusal {
        Refusal::Forbidden(rules) => rules.clone(),
        Refusal::NotPermitted(layer) => vec![of_layer(layer, "not-permitted", "no rule of this layer permits it")],
        Refusal::Broken(layer, why) => vec![of_layer(layer, "broken", why)],
    };
    let decision = Decision { refusal: Some(refusal), allowed_by: Vec::new() };
    let told = authorized(principal, Action::UseTool, &decision).err();
    (rules, told.unwrap_or_else(|| ApiError::new(ErrorKind::Permission, "not_allowed", "rules refuse this")))
}

fn of_layer(layer: &'static str, id: &str, reason: &str) -> Rule {
    Rule { layer, ..built_in(id, reason) }
}
