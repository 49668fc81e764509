//! The desk that every request passes: who asks, whether the policy allows it, and whether there is room for it now.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
};

use forethought_schemas::{ApiError, Budget, BudgetCap, Effort, Preset, StrategyName};
use jiff::{SignedDuration, Timestamp};

use crate::{
    account::{Account, Take},
    clock::DeskClock,
    key::{ApiKey, KeyHash},
    permit::{Admitted, Permit},
    policy::Policy,
    principal::{Denied, DeniedReason, Principal},
    quota::{Amount, Price},
    rate::RateHeaders,
    screens::Screens,
    tenant::{Role, Tenant},
    verdict,
};

/// What a request asks for, with every default already filled in.
#[derive(Clone, Copy, Debug)]
pub struct Ask<'a> {
    /// The model's id.
    pub model: &'a str,
    /// The named preset.
    pub effort: Effort,
    /// How the budget will be spent.
    pub strategy: StrategyName,
    /// What it may spend.
    pub budget: Budget,
    /// Tokens of all prompts that will be sent to engines, estimated from above.
    pub prompt_tokens: u32,
}

/// Authenticates callers and admits their requests. Share it by `Arc`; every method takes `&self` and none blocks for
/// longer than a map look-up.
#[derive(Debug)]
pub struct PolicyDesk {
    rules: RwLock<Arc<Rules>>,
    clock: DeskClock,
}

/// One policy with the accounts of its tenants, replaced as a whole.
#[derive(Debug)]
struct Rules {
    policy: Policy,
    digest: Arc<str>,
    accounts: HashMap<String, Arc<Account>>,
}

impl PolicyDesk {
    /// A desk with nothing used up yet.
    #[must_use]
    pub fn new(policy: Policy) -> Self {
        Self::with_clock(policy, DeskClock::monotonic())
    }

    /// A desk with a clock of the caller's.
    #[must_use]
    pub fn with_clock(policy: Policy, clock: DeskClock) -> Self {
        let rules = Rules::new(policy, &HashMap::new(), &clock);
        Self { rules: RwLock::new(Arc::new(rules)), clock }
    }

    /// Puts another policy in force for every request from now on. What a tenant used, reserved and has running stays
    /// counted, and permits given out before stay valid and settle as before.
    pub fn replace(&self, policy: Policy) {
        let mut rules = self.rules.write().unwrap_or_else(PoisonError::into_inner);
        *rules = Arc::new(Rules::new(policy, &rules.accounts, &self.clock));
    }

    /// The digest of the policy in force, `sha256:<64 hexadecimal digits>`, for audit records.
    #[must_use]
    pub fn policy_digest(&self) -> Arc<str> {
        Arc::clone(&self.rules().digest)
    }

    /// Who sent this key: the text after `Bearer `, or `None` if there was none.
    ///
    /// # Errors
    /// [`Denied`], which becomes the same 401 for every wrong key.
    pub fn authenticate(&self, bearer: Option<&str>) -> Result<Principal, Denied> {
        let text = bearer.map(str::trim).filter(|text| !text.is_empty());
        let text = text.ok_or(Denied { reason: DeniedReason::Missing, key_id: None })?;
        let key = ApiKey::parse(text).map_err(|_| Denied { reason: DeniedReason::Malformed, key_id: None })?;
        let rules = self.rules();
        let known = rules.policy.key(key.id());
        let hash = known.map_or(&KeyHash::NONE, |(_, known)| &known.hash);
        let matches = hash.matches(&key);
        let denied = |reason| Err(Denied { reason, key_id: Some(key.id().to_owned()) });
        match known {
            None => denied(DeniedReason::Unknown),
            Some(_) if !matches => denied(DeniedReason::WrongSecret),
            Some((_, known)) if known.revoked.is_some() => denied(DeniedReason::Revoked),
            Some((tenant, known)) => {
                Ok(Principal { tenant: tenant.id.clone(), key: known.id.clone(), role: known.role })
            }
        }
    }

    /// Admits a request and reserves its worst case, `budget.total_tokens + prompt_tokens`, or says why not. A refused
    /// request takes from no limit.
    ///
    /// # Errors
    /// - 401 `invalid_api_key`: the key was revoked or removed since it was authenticated.
    /// - 403 `role_not_allowed`, `model_not_allowed`, `effort_above_cap`, `budget_above_cap`: the policy forbids it;
    ///   `param` names the field.
    /// - 400 `reservation_too_large`: it reserves more than the tenant's tokens a minute, so no wait would help.
    /// - 429 `requests_per_minute`, `concurrent_requests`, `tokens_per_minute`, `quota_exceeded`, with `retry_after`.
    pub fn decide(&self, principal: &Principal, ask: &Ask<'_>) -> Result<Permit, ApiError> {
        let rules = self.rules();
        let (tenant, account) = rules.allowed(principal, ask)?;
        let price = rules.policy.price(ask.model);
        let take = self.take(ask, price);
        let admitted = account.admit(take);
        let (rate, charged) = admitted.map_err(|refusal| verdict::no_room(&tenant.id, refusal, take))?;
        Ok(Permit::new(Admitted {
            account: Arc::clone(account),
            clock: self.clock.clone(),
            policy_digest: Arc::clone(&rules.digest),
            tenant: tenant.id.clone(),
            at: charged.time(take.calendar),
            charged,
            price,
            prompt_tokens: ask.prompt_tokens.into(),
            reserved: take.amount,
            rate,
        }))
    }

    /// Whether [`PolicyDesk::decide`] would admit this request now; takes from no limit. Ask it before work that only an
    /// admitted request may cause, such as counting the prompt: with `prompt_tokens` 0 it refuses only what is refused
    /// whatever the prompt.
    ///
    /// # Errors
    /// As [`PolicyDesk::decide`].
    pub fn consider(&self, principal: &Principal, ask: &Ask<'_>) -> Result<(), ApiError> {
        let rules = self.rules();
        let (tenant, account) = rules.allowed(principal, ask)?;
        let take = self.take(ask, rules.policy.price(ask.model));
        account.would_admit(take).map_err(|refusal| verdict::no_room(&tenant.id, refusal, take))
    }

    fn take(&self, ask: &Ask<'_>, price: Option<Price>) -> Take {
        let amount = Price::of(price, ask.prompt_tokens.into(), ask.budget.total_tokens.into());
        Take { amount, now: self.clock.now(), calendar: self.clock.calendar() }
    }

    /// Takes from a tenant's quotas what its requests spent in earlier runs of the service: of each the time at which it
    /// was let in. Tell it before the first request; a tenant that is not in the policy has no quota.
    pub fn spent_before(&self, tenant: &str, spent: Amount, at: Timestamp) {
        // A clock that was wrong by more than a day has written what nobody knows the day of.
        let known = at.duration_since(self.clock.calendar()) < SignedDuration::from_hours(24);
        if let Some(account) = self.rules().accounts.get(tenant).filter(|_| known) {
            account.spent_before(spent, at);
        }
    }

    /// The tenant's limits at this moment, for the headers of a refusal; `None` if there is no such tenant any more.
    #[must_use]
    pub fn rate(&self, principal: &Principal) -> Option<RateHeaders> {
        self.rules().accounts.get(&principal.tenant).map(|account| account.rate(&self.clock))
    }

    /// Whether the caller may see and use this model, for `GET /v1/models`.
    #[must_use]
    pub fn may_use_model(&self, principal: &Principal, model: &str) -> bool {
        self.rules().policy.tenant(&principal.tenant).is_some_and(|tenant| tenant.allows_model(model))
    }

    /// The most that the caller may ask for in one request, for defaults; `None` if there is no such tenant any more.
    #[must_use]
    pub fn budget_cap(&self, principal: &Principal) -> Option<BudgetCap> {
        self.rules().policy.tenant(&principal.tenant).map(|tenant| tenant.budget)
    }

    /// What an effort means for the caller with this model, as far as its tenant says.
    #[must_use]
    pub fn preset(&self, principal: &Principal, model: &str, effort: Effort) -> Preset {
        let rules = self.rules();
        rules.policy.tenant(&principal.tenant).map(|tenant| tenant.preset(model, effort)).unwrap_or_default()
    }

    /// The safeguards that stand around the model for the caller.
    #[must_use]
    pub fn screens(&self, principal: &Principal) -> Screens {
        self.rules().policy.screens(&principal.tenant).clone()
    }

    /// Requests of this tenant that are running, for metrics.
    #[must_use]
    pub fn running(&self, tenant: &str) -> u32 {
        self.rules().accounts.get(tenant).map_or(0, |account| account.running())
    }

    fn rules(&self) -> Arc<Rules> {
        Arc::clone(&self.rules.read().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Rules {
    fn new(policy: Policy, before: &HashMap<String, Arc<Account>>, clock: &DeskClock) -> Self {
        let now = clock.now();
        // A tenant that left and comes back finds what it had used: its account stays until that has run out.
        let mut accounts: HashMap<_, _> = before
            .iter()
            .filter(|(id, account)| policy.tenant(id).is_some() || !account.is_idle(now, clock.calendar()))
            .map(|(id, account)| (id.clone(), Arc::clone(account)))
            .collect();
        for tenant in policy.tenants() {
            accounts
                .entry(tenant.id.clone())
                .and_modify(|account| account.resize(tenant.limits, tenant.quotas, now))
                .or_insert_with(|| Arc::new(Account::new(tenant.limits, tenant.quotas)));
        }
        Self { digest: Arc::from(policy.digest()), policy, accounts }
    }

    /// The principal's tenant and its account, if the policy allows the request at all.
    fn allowed(&self, principal: &Principal, ask: &Ask<'_>) -> Result<(&Tenant, &Arc<Account>), ApiError> {
        let (tenant, role, account) = self.standing(principal)?;
        verdict::role(role)?;
        verdict::model(tenant, ask.model)?;
        verdict::effort(tenant, ask.effort)?;
        verdict::budget(tenant, &ask.budget)?;
        Ok((tenant, account))
    }

    /// The principal's tenant, its role now and its account, if its key is still good.
    fn standing(&self, principal: &Principal) -> Result<(&Tenant, Role, &Arc<Account>), ApiError> {
        let gone = |reason| Denied { reason, key_id: Some(principal.key.clone()) };
        let (tenant, key) = self.policy.key(&principal.key).ok_or_else(|| gone(DeniedReason::Unknown))?;
        if key.revoked.is_some() {
            return Err(gone(DeniedReason::Revoked).into());
        }
        let account = self.accounts.get(&tenant.id).filter(|_| tenant.id == principal.tenant);
        Ok((tenant, key.role, account.ok_or_else(|| gone(DeniedReason::Unknown))?))
    }
}

#[cfg(test)]
mod tests;
