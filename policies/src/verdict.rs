//! What a policy says of a request, one question a function, each with the words in which a client is refused.

use forethought_authorization::{Action, Decision, Refusal as Refused, Rule};
use forethought_schemas::{ApiError, Budget, Effort, ErrorKind};
use jiff::Timestamp;

use crate::{
    account::{Refusal, Take},
    principal::Principal,
    quota::Exceeded,
    rate::retry_after,
    tenant::Tenant,
};

fn forbidden(param: &str, code: &'static str, message: String) -> ApiError {
    ApiError { param: Some(param.to_owned()), ..ApiError::new(ErrorKind::Permission, code, message) }
}

/// All rules of who may do what allow it.
pub(crate) fn authorized(principal: &Principal, action: Action, decision: &Decision) -> Result<(), ApiError> {
    let role = principal.role();
    let Some(refusal) = &decision.refusal else { return Ok(()) };
    let (code, message) = match refusal {
        Refused::NotPermitted("built-in") if action == Action::Deliberate => (
            "not_allowed",
            format!("a key with the role `{role}` may not ask for completions; use a key with the role `user`"),
        ),
        Refused::NotPermitted("built-in") => (
            "not_allowed",
            format!(
                "the role `{role}` may not do this (`{action}`) here; use a key whose role may: see docs/authorization.md"
            ),
        ),
        Refused::NotPermitted(layer) => {
            ("not_allowed", format!("no rule of the {layer} permits this (`{action}`); ask the policy owner"))
        }
        Refused::Forbidden(rules) => ("forbidden_by_rule", forbidden_by(rules)),
        Refused::Broken(layer, why) => {
            tracing::error!(layer, why, %action, "rules could not be evaluated, so they refuse");
            (
                "not_allowed",
                format!("the rules of the {layer} could not be evaluated, so they refuse; ask the policy owner"),
            )
        }
    };
    Err(ApiError::new(ErrorKind::Permission, code, message))
}

/// What a client is told of the rules that forbid something.
fn forbidden_by(rules: &[Rule]) -> String {
    let told = rules.iter().map(|Rule { id, reason, citation, .. }| {
        let reason = reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
        let citation = citation.as_ref().map(|citation| format!(" ({citation})")).unwrap_or_default();
        format!("the rule `{id}` forbids this{reason}{citation}")
    });
    told.collect::<Vec<_>>().join("; ")
}

/// The model stands on the tenant's list.
pub(crate) fn model(tenant: &Tenant, model: &str) -> Result<(), ApiError> {
    if tenant.allows_model(model) {
        return Ok(());
    }
    let allowed = match tenant.models.as_slice() {
        [] => "it may use none".to_owned(),
        models => format!("it may use {}", models.join(", ")),
    };
    let message = format!(
        "tenant `{}` may not use the model `{model}`; {allowed}; have the policy owner add it to `models`",
        tenant.id
    );
    Err(forbidden("model", "model_not_allowed", message))
}

/// The preset is not above the tenant's highest.
pub(crate) fn effort(tenant: &Tenant, effort: Effort) -> Result<(), ApiError> {
    let cap = tenant.budget.effort;
    if effort <= cap {
        return Ok(());
    }
    let message = format!(
        "the effort `{effort}` is above the cap of tenant `{}`; ask for `{cap}` or less, or have the policy owner raise \
         `budget.effort`",
        tenant.id
    );
    Err(forbidden("reasoning_effort", "effort_above_cap", message))
}

/// No field of the budget is above the tenant's cap; what is above is refused, never cut.
pub(crate) fn budget(tenant: &Tenant, budget: &Budget) -> Result<(), ApiError> {
    let cap = &tenant.budget;
    let fields = [
        ("max_samples", u64::from(budget.max_samples), u64::from(cap.max_samples)),
        ("total_tokens", u64::from(budget.total_tokens), u64::from(cap.total_tokens)),
        ("deadline_ms", budget.deadline_ms, cap.deadline_ms),
    ];
    let Some((field, asked, most)) = fields.into_iter().find(|(_, asked, most)| asked > most) else { return Ok(()) };
    let message = format!(
        "{field} {asked} is above the cap of tenant `{}`; ask for {most} or less, or have the policy owner raise \
         `budget.{field}`",
        tenant.id
    );
    Err(forbidden(&format!("deliberation.{field}"), "budget_above_cap", message))
}

/// What a client is told when a limit leaves no room for its request; `holder` says whose limit, such as "tenant `acme`".
pub(crate) fn no_room(holder: &str, refusal: Refusal, take: Take) -> ApiError {
    let reserved = take.amount.tokens;
    let limited = |code, message: String, wait| ApiError::new(ErrorKind::RateLimit, code, message).retry_after(wait);
    match refusal {
        Refusal::TooLarge { limit } => ApiError::invalid(
            "deliberation.total_tokens",
            "reservation_too_large",
            format!(
                "the request reserves {reserved} tokens, its prompt included, and {holder} has {limit} a minute, \
                 so it can never be admitted; ask for a smaller total_tokens, shorten the prompt, or have the policy \
                 owner raise `limits.tokens_per_minute`"
            ),
        ),
        Refusal::Requests { limit, wait } => {
            let wait = retry_after(wait);
            let message = format!("{holder} has used its {limit} requests a minute; try again in {wait} s");
            limited("requests_per_minute", message, wait)
        }
        Refusal::Concurrency { limit } => {
            let message =
                format!("{holder} has {limit} requests running, as many as it may; try again when one has ended");
            limited("concurrent_requests", message, 1)
        }
        Refusal::Tokens { limit, remaining, wait } => {
            let wait = retry_after(wait);
            let message = format!(
                "the request reserves {reserved} tokens, and {holder} has {remaining} of its {limit} a minute left; \
                 try again in {wait} s, or ask for a smaller total_tokens"
            );
            limited("tokens_per_minute", message, wait)
        }
        Refusal::Quota(exceeded) => quota(holder, &exceeded, take.calendar),
    }
}

/// What a client is told when a quota leaves no room for its request.
fn quota(holder: &str, exceeded: &Exceeded, now: Timestamp) -> ApiError {
    let Exceeded { period, what, limit, left, asked, until } = *exceeded;
    // Cost is kept in thousandths of a unit.
    let (scale, asked) = if what == "units" { (1000, asked.div_ceil(1000)) } else { (1, asked) };
    let (limit, left) = (limit / scale, left / scale);
    let message = format!(
        "the request reserves {asked} {what}, and {holder} has {left} of its {limit} of this {period} left; ask for a \
         smaller total_tokens, wait until {until}, or have the policy owner raise `quotas.{period}.{what}`"
    );
    let wait = u64::try_from(until.duration_since(now).as_secs()).unwrap_or(1).max(1);
    ApiError::new(ErrorKind::RateLimit, "quota_exceeded", message).retry_after(wait)
}
