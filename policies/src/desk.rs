//! The desk that every request passes: who asks, whether the policy allows it, and whether there is room for it now.

mod tools;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError, RwLock},
};

use forethought_authorization::Action;
use forethought_schemas::{ApiError, Budget, BudgetCap, Effort, Facts, Preset, StrategyName};
use jiff::{SignedDuration, Timestamp};

use crate::{
    account::{Account, Refusal, Take},
    clock::DeskClock,
    facts,
    key::{ApiKey, KeyHash},
    packs::Judgement,
    permit::{Admitted, Permit},
    policy::Policy,
    principal::{Denied, DeniedReason, Principal, Proof, Vouched},
    purposes::{Asked, Licence},
    quota::{Amount, Price, Quotas, Reached},
    rate::RateHeaders,
    screens::Screens,
    tenant::{Key, Limits, Role, Scope, Tenant},
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
    /// The most that calls of tools can cost, in thousandths of a cost unit.
    pub tool_cost: u64,
    /// Tokens that one sample may think, where it is said.
    pub thinking_tokens: Option<u32>,
    /// Whether the answer is streamed.
    pub stream: bool,
    /// What it is about: as [`PolicyDesk::facts`] gives it.
    pub facts: &'a Facts,
}

/// Authenticates callers and admits their requests. Share it by `Arc`; every method takes `&self` and none blocks for
/// longer than a map look-up.
#[derive(Debug)]
pub struct PolicyDesk {
    rules: RwLock<Arc<Rules>>,
    clock: DeskClock,
}

/// A policy as it was when it was asked for.
#[derive(Clone, Debug)]
pub struct InForce(Arc<Rules>);

impl std::ops::Deref for InForce {
    type Target = Policy;

    fn deref(&self) -> &Policy {
        &self.0.policy
    }
}

/// One policy with the accounts of its tenants, replaced as a whole.
#[derive(Debug)]
struct Rules {
    policy: Policy,
    digest: Arc<str>,
    accounts: HashMap<Holder, Arc<Account>>,
    screens: Made,
}

/// A tenant, and the rules of law that add safeguards.
type MadeFor = (String, Vec<String>);

/// Safeguards that laws have added to, kept because making them takes milliseconds.
#[derive(Debug, Default)]
struct Made(Mutex<HashMap<MadeFor, Screens>>);

impl Made {
    /// More would be no cache: facts are few.
    const MOST: usize = 256;

    fn get(&self, wanted: MadeFor, make: impl FnOnce() -> Screens) -> Screens {
        let lock = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(before) = lock().get(&wanted) {
            return before.clone();
        }
        let screens = make();
        let mut kept = lock();
        if kept.len() >= Self::MOST {
            kept.clear();
        }
        kept.insert(wanted, screens.clone());
        screens
    }
}

/// Whose limits an account keeps.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Holder {
    Tenant(String),
    Key(String),
    Model(String),
}

impl std::fmt::Display for Holder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Tenant(id) => write!(f, "tenant `{id}`"),
            Self::Key(id) => write!(f, "the key `{id}`"),
            Self::Model(id) => write!(f, "the model `{id}` for everybody"),
        }
    }
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

    /// The policy in force.
    #[must_use]
    pub fn policy(&self) -> InForce {
        InForce(self.rules())
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
            Some((tenant, known)) => match known.refused(self.clock.calendar()) {
                Some(reason) => denied(reason),
                None => Ok(of_key(tenant, known)),
            },
        }
    }

    /// The caller that a record tells of, for trying a policy on past requests: as its key is now, and where there is no such
    /// key, a user of its tenant.
    #[must_use]
    pub fn past(&self, tenant: &str, key_id: &str) -> Principal {
        let rules = self.rules();
        let known = rules.policy.key(key_id).filter(|(of, _)| of.id == tenant);
        known.map_or_else(|| Principal::bare(tenant, key_id, Role::User), |(tenant, key)| of_key(tenant, key))
    }

    /// Somebody whom an identity provider vouches for: the caller has checked that it does.
    ///
    /// # Errors
    /// [`Denied`]: the policy has no such tenant.
    pub fn vouched(&self, vouched: &Vouched<'_>) -> Result<Principal, Denied> {
        let (id, rules) = (vouched.id(), self.rules());
        let denied = Denied { reason: DeniedReason::NoTenant, key_id: Some(id.clone()) };
        let tenant = rules.policy.tenant(vouched.tenant).ok_or(denied)?;
        Ok(Principal {
            tenant: tenant.id.clone(),
            id,
            role: vouched.role,
            teams: vouched.teams.clone(),
            everywhere: tenant.scope == Scope::Installation,
            proof: Proof::Token,
        })
    }

    /// Whether the caller may do something to a tenant's things.
    ///
    /// # Errors
    /// 401 where its key is not good any more, 403 `not_allowed` or `forbidden_by_rule` where rules forbid it.
    pub fn authorize(&self, principal: &Principal, action: Action, tenant: &str) -> Result<(), ApiError> {
        let rules = self.rules();
        rules.standing(principal, self.clock.calendar())?;
        rules.policy.authorizes(principal, action, tenant, self.clock.calendar())
    }

    /// What a request is about: what it tells, and what the policy says is always so.
    ///
    /// # Errors
    /// 401 where its key is not good any more, 403 `fact_not_allowed` where it tells otherwise than the policy.
    pub fn facts(&self, principal: &Principal, told: &Facts) -> Result<Facts, ApiError> {
        let rules = self.rules();
        let standing = rules.standing(principal, self.clock.calendar())?;
        let of_key = standing.key.map(|key| facts::of_key(&key.facts, &standing.tenant.facts));
        facts::told(of_key.as_ref().unwrap_or(&standing.tenant.facts), told)
    }

    /// Admits a request and reserves its worst case, `budget.total_tokens + prompt_tokens`, or says why not. A refused
    /// request takes from no limit.
    ///
    /// # Errors
    /// - 401 `invalid_api_key`: the key was revoked or removed since it was authenticated.
    /// - 403 `not_allowed`, `forbidden_by_rule`, `model_not_allowed`, `effort_above_cap`, `budget_above_cap`: the policy
    ///   forbids it; `param` names the field.
    /// - 400 `reservation_too_large`: it reserves more than the tenant's tokens a minute, so no wait would help.
    /// - 429 `requests_per_minute`, `concurrent_requests`, `tokens_per_minute`, `quota_exceeded`, with `retry_after`.
    pub fn decide(&self, principal: &Principal, ask: &Ask<'_>) -> Result<Permit, ApiError> {
        let rules = self.rules();
        let take = self.take(ask, rules.policy.price(ask.model));
        let holders = rules.allowed(principal, ask, take.calendar)?;
        let (rate, taken) =
            Account::admit(&accounts(&holders), take).map_err(|refused| no_room(&holders, refused, take))?;
        // The time at which the tenant's account was charged, which is the first.
        let at = taken.first().map_or(take.calendar, |taken| taken.charged.time(take.calendar));
        Ok(Permit::new(Admitted {
            accounts: holders.into_iter().map(|(_, account)| Arc::clone(account)).zip(taken).collect(),
            clock: self.clock.clone(),
            policy_digest: Arc::clone(&rules.digest),
            policy_version: rules.policy.version(),
            tenant: principal.tenant.clone(),
            at,
            price: rules.policy.price(ask.model),
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
        let take = self.take(ask, rules.policy.price(ask.model));
        let holders = rules.allowed(principal, ask, take.calendar)?;
        Account::would_admit(&accounts(&holders), take).map_err(|refused| no_room(&holders, refused, take))
    }

    fn take(&self, ask: &Ask<'_>, price: Option<Price>) -> Take {
        let amount = Price::of(price, ask.prompt_tokens.into(), ask.budget.total_tokens.into());
        let amount = amount.plus(Amount { tokens: 0, cost: ask.tool_cost });
        Take { amount, now: self.clock.now(), calendar: self.clock.calendar() }
    }

    /// Takes from a tenant's quotas what its requests spent in earlier runs of the service: of each the time at which it
    /// was let in. Tell it before the first request; a tenant that is not in the policy has no quota.
    pub fn spent_before(&self, tenant: &str, spent: Amount, at: Timestamp) {
        // A clock that was wrong by more than a day has written what nobody knows the day of.
        let known = at.duration_since(self.clock.calendar()) < SignedDuration::from_hours(24);
        if let Some(account) = self.rules().accounts.get(&Holder::Tenant(tenant.to_owned())).filter(|_| known) {
            account.spent_before(spent, at);
        }
    }

    /// The tenant's limits at this moment, for the headers of a refusal; `None` if there is no such tenant any more.
    #[must_use]
    pub fn rate(&self, principal: &Principal) -> Option<RateHeaders> {
        let rules = self.rules();
        let holders = [Holder::Tenant(principal.tenant.clone()), Holder::Key(principal.id.clone())];
        let rates = holders.iter().filter_map(|holder| Some(rules.accounts.get(holder)?.rate(&self.clock)));
        rates.reduce(RateHeaders::least)
    }

    /// A tenant's limits at this moment; `None` if there is no such tenant.
    #[must_use]
    pub fn rate_of(&self, tenant: &str) -> Option<RateHeaders> {
        Some(self.rules().accounts.get(&Holder::Tenant(tenant.to_owned()))?.rate(&self.clock))
    }

    /// The quotas of which so much is spent that a client is warned, with whose they are. What is only reserved does not count.
    #[must_use]
    pub fn quotas_reached(&self) -> Vec<(String, Reached)> {
        let (rules, calendar) = (self.rules(), self.clock.calendar());
        let of_tenants = rules.accounts.iter().filter_map(|(holder, account)| match holder {
            Holder::Tenant(tenant) => Some((tenant, account)),
            Holder::Key(_) | Holder::Model(_) => None,
        });
        of_tenants
            .flat_map(|(tenant, account)| {
                account.reached(calendar).into_iter().map(|reached| (tenant.clone(), reached))
            })
            .collect()
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

    /// What laws say now of a tenant's request that is about this, and the safeguards that stand around the model for it, with
    /// those that laws add. Words that are not known, which [`PolicyDesk::facts`] refuses, are as if nothing had been said.
    #[must_use]
    pub fn judge(&self, tenant: &str, facts: &Facts) -> (Judgement, Screens) {
        let rules = self.rules();
        let facts = facts::read(facts).unwrap_or_default();
        let judgement = rules.policy.packs().judge(&facts, self.clock.calendar());
        if judgement.safeguards.is_empty() {
            return (judgement, rules.policy.screens(tenant).clone());
        }
        let added = judgement.safeguards.iter().map(|screening| screening.rule.id.clone()).collect();
        let screens = rules.screens.get((tenant.to_owned(), added), || rules.policy.screens_with(tenant, &judgement));
        (judgement, screens)
    }

    /// Whether a request for what its facts say may be answered by a model now: where its purpose is consequential, whether an
    /// assessment shows what the policy demands.
    #[must_use]
    pub fn licence(&self, facts: &Facts, asked: &Asked<'_>) -> Licence {
        let rules = self.rules();
        rules.policy.purposes().licence(facts.purpose.as_deref(), asked, self.clock.calendar())
    }

    /// Whether the policy permits it to ask, whatever room there is for it.
    ///
    /// # Errors
    /// As [`PolicyDesk::decide`], but for limits.
    pub fn permits(&self, principal: &Principal, ask: &Ask<'_>) -> Result<(), ApiError> {
        self.rules().allowed(principal, ask, self.clock.calendar()).map(drop)
    }

    /// Requests of this tenant that are running, for metrics.
    #[must_use]
    pub fn running(&self, tenant: &str) -> u32 {
        self.rules().accounts.get(&Holder::Tenant(tenant.to_owned())).map_or(0, |account| account.running())
    }

    fn rules(&self) -> Arc<Rules> {
        Arc::clone(&self.rules.read().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The account of each holder whose limits hold for a request, the tenant's first.
type Holders<'r> = Vec<(Holder, &'r Arc<Account>)>;

fn accounts<'r>(holders: &[(Holder, &'r Arc<Account>)]) -> Vec<&'r Account> {
    holders.iter().map(|(_, account)| -> &'r Account { account }).collect()
}

fn no_room(holders: &Holders<'_>, (at, refusal): (usize, Refusal), take: Take) -> ApiError {
    let holder = holders.get(at).map_or_else(String::new, |(holder, _)| holder.to_string());
    verdict::no_room(&holder, refusal, take)
}

fn of_key(tenant: &Tenant, key: &Key) -> Principal {
    Principal {
        tenant: tenant.id.clone(),
        id: key.id.clone(),
        role: key.role,
        teams: key.team.iter().cloned().collect(),
        everywhere: tenant.scope == Scope::Installation,
        proof: Proof::Key,
    }
}

/// What the policy says now of a principal that was authenticated before.
struct Standing<'r> {
    tenant: &'r Tenant,
    key: Option<&'r Key>,
}

impl Rules {
    fn new(policy: Policy, before: &HashMap<Holder, Arc<Account>>, clock: &DeskClock) -> Self {
        let (now, calendar) = (clock.now(), clock.calendar());
        let wanted: HashMap<Holder, (Limits, Quotas)> = limits_of(&policy).collect();
        // A holder that left and comes back finds what it had used: its account stays until that has run out.
        let mut accounts: HashMap<_, _> = before
            .iter()
            .filter(|(holder, account)| wanted.contains_key(holder) || !account.is_idle(now, calendar))
            .map(|(holder, account)| (holder.clone(), Arc::clone(account)))
            .collect();
        for (holder, (limits, quotas)) in wanted {
            accounts
                .entry(holder)
                .and_modify(|account| account.resize(limits, quotas, now))
                .or_insert_with(|| Arc::new(Account::new(limits, quotas)));
        }
        Self { digest: Arc::from(policy.digest()), policy, accounts, screens: Made::default() }
    }

    /// Whose limits hold for a request, if the policy allows it at all.
    fn allowed(&self, principal: &Principal, ask: &Ask<'_>, at: Timestamp) -> Result<Holders<'_>, ApiError> {
        let Standing { tenant, key } = self.standing(principal, at)?;
        self.policy.permits(principal, tenant, ask, at)?;
        // Everybody takes from accounts in this order.
        let own_limits = key.is_some_and(|key| key.limits.is_some());
        let of_key = own_limits.then(|| Holder::Key(principal.id.clone()));
        let of_model = self.policy.model(ask.model).map(|_| Holder::Model(ask.model.to_owned()));
        let holders = [Some(Holder::Tenant(tenant.id.clone())), of_key, of_model];
        let found = holders.into_iter().flatten().map(|holder| {
            let account = self.accounts.get(&holder);
            account.map(|account| (holder, account)).ok_or_else(|| gone(principal, DeniedReason::Unknown).into())
        });
        found.collect()
    }

    /// The principal's tenant, and its key if that is how it came, if it is still good.
    fn standing(&self, principal: &Principal, now: Timestamp) -> Result<Standing<'_>, Denied> {
        let unknown = || gone(principal, DeniedReason::Unknown);
        if principal.proof == Proof::Token {
            let tenant =
                self.policy.tenant(&principal.tenant).ok_or_else(|| gone(principal, DeniedReason::NoTenant))?;
            return Ok(Standing { tenant, key: None });
        }
        let (tenant, key) = self.policy.key(&principal.id).ok_or_else(unknown)?;
        // What was a key of another tenant, or for something else, is not what was authenticated.
        if tenant.id != principal.tenant || key.role != principal.role {
            return Err(unknown());
        }
        match key.refused(now) {
            Some(reason) => Err(gone(principal, reason)),
            None => Ok(Standing { tenant, key: Some(key) }),
        }
    }
}

fn gone(principal: &Principal, reason: DeniedReason) -> Denied {
    Denied { reason, key_id: Some(principal.id.clone()) }
}

fn limits_of(policy: &Policy) -> impl Iterator<Item = (Holder, (Limits, Quotas))> {
    let tenants = policy.tenants().into_iter();
    let of_tenants = tenants.clone().map(|tenant| (Holder::Tenant(tenant.id.clone()), (tenant.limits, tenant.quotas)));
    let keys = tenants.flat_map(|tenant| &tenant.keys);
    let of_keys = keys.filter_map(|key| Some((Holder::Key(key.id.clone()), (key.limits?, Quotas::default()))));
    let models = policy.models();
    let of_models = models.map(|(id, rules)| (Holder::Model(id.clone()), (rules.limits, Quotas::default())));
    of_tenants.chain(of_keys).chain(of_models)
}

#[cfg(test)]
mod tests;
