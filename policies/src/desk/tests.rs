//! What the desk lets through, what it refuses and with which words, and what every refusal leaves untouched.

use std::{
    path::Path,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use forethought_schemas::ErrorKind;

use super::*;
use crate::tenant::Role;

/// A desk over two tenants, with a clock that is set by hand.
struct Case {
    desk: PolicyDesk,
    now: Arc<AtomicU64>,
    acme: ApiKey,
    other: ApiKey,
    auditor: ApiKey,
    revoked: ApiKey,
}

struct Keys<'k> {
    acme: &'k ApiKey,
    other: &'k ApiKey,
    auditor: &'k ApiKey,
    revoked: &'k ApiKey,
}

fn policy(keys: &Keys<'_>, limits: (u32, u32, u32)) -> Policy {
    let key = |key: &ApiKey, role: &str, more: &str| {
        format!(
            "      - {{ id: {}, hash: '{}', role: {role}, created: 2026-11-23T10:00:00Z{more} }}\n",
            key.id(),
            key.hash()
        )
    };
    let (requests, tokens, running) = limits;
    let rest = |models: &str| {
        format!(
            "    models: {models}\n    limits: {{ requests_per_minute: {requests}, tokens_per_minute: {tokens}, \
             concurrent_requests: {running} }}\n    budget: {{ max_samples: 4, total_tokens: 5000, deadline_ms: \
             60000, effort: medium }}\n    keys:\n"
        )
    };
    let text = format!(
        "version: 1\ntenants:\n  - id: acme\n    name: Acme\n{}{}{}{}  - id: other\n    name: Other\n{}{}  - id: none\n    \
         name: None\n{}",
        rest("[small, large]"),
        key(keys.acme, "user", ""),
        key(keys.auditor, "auditor", ""),
        key(keys.revoked, "user", ", revoked: 2026-11-24T00:00:00Z"),
        rest("['*']"),
        key(keys.other, "user", ""),
        rest("[]").replace("    keys:\n", "    keys: []\n"),
    );
    Policy::parse(Path::new("policy.yaml"), text.as_bytes()).unwrap()
}

impl Case {
    /// Limits: requests a minute, tokens a minute, running requests.
    fn new(limits: (u32, u32, u32)) -> Self {
        let [acme, other, auditor, revoked] = std::array::from_fn(|_| ApiKey::generate().unwrap());
        let keys = Keys { acme: &acme, other: &other, auditor: &auditor, revoked: &revoked };
        let now = Arc::new(AtomicU64::new(0));
        let told = Arc::clone(&now);
        let clock = DeskClock::from_fn(move || Duration::from_millis(told.load(Ordering::SeqCst)));
        let desk = PolicyDesk::with_clock(policy(&keys, limits), clock);
        Self { desk, now, acme, other, auditor, revoked }
    }

    fn policy(&self, limits: (u32, u32, u32)) -> Policy {
        let keys = Keys { acme: &self.acme, other: &self.other, auditor: &self.auditor, revoked: &self.revoked };
        policy(&keys, limits)
    }

    fn pass(&self, seconds: u64) {
        self.now.fetch_add(seconds * 1_000, Ordering::SeqCst);
    }

    fn who(&self, key: &ApiKey) -> Principal {
        self.desk.authenticate(Some(key.reveal())).unwrap()
    }

    fn acme(&self, tokens: u32) -> Result<Permit, ApiError> {
        self.desk.decide(&self.who(&self.acme), &ask(tokens))
    }

    fn rate(&self, key: &ApiKey) -> RateHeaders {
        self.desk.rate(&self.who(key)).unwrap()
    }
}

/// A request that the policy allows, with this many tokens.
fn ask(tokens: u32) -> Ask<'static> {
    Ask {
        model: "small",
        effort: Effort::Medium,
        strategy: StrategyName::SelfConsistency,
        budget: Budget { max_samples: 4, total_tokens: tokens, sample_tokens: tokens, deadline_ms: 60_000 },
        prompt_tokens: 0,
        tool_cost: 0,
        thinking_tokens: None,
        stream: false,
        facts: &NOTHING,
    }
}

static NOTHING: Facts = Facts {
    purpose: None,
    sectors: Vec::new(),
    regions: Vec::new(),
    data_classes: Vec::new(),
    interaction: None,
    decision: None,
    grounds: Vec::new(),
};

#[test]
fn every_wrong_key_gets_the_same_answer_and_its_own_reason() {
    let case = Case::new((60, 1_000, 8));
    let check = |bearer: Option<&str>, reason, key_id: Option<&str>| {
        let denied = case.desk.authenticate(bearer).unwrap_err();
        assert_eq!((denied.reason, denied.key_id.as_deref()), (reason, key_id), "{bearer:?}");
        ApiError::from(denied)
    };
    let unknown = ApiKey::generate().unwrap();
    let forged = case.acme.reveal().replace(case.acme.id(), case.other.id());
    let wrong = [
        check(Some("sk-whatever"), DeniedReason::Malformed, None),
        check(Some(unknown.reveal()), DeniedReason::Unknown, Some(unknown.id())),
        check(Some(&forged), DeniedReason::WrongSecret, Some(case.other.id())),
        check(Some(case.revoked.reveal()), DeniedReason::Revoked, Some(case.revoked.id())),
    ];
    for error in &wrong {
        assert_eq!(error, &wrong[0]);
    }
    assert_eq!((wrong[0].kind, wrong[0].code), (ErrorKind::Authentication, "invalid_api_key"));
    let missing = check(None, DeniedReason::Missing, None);
    assert_eq!(missing, check(Some("  "), DeniedReason::Missing, None));
    assert!(missing.message.contains("Authorization: Bearer"));
    let principal = case.who(&case.acme);
    assert_eq!((principal.tenant(), principal.key_id(), principal.role()), ("acme", case.acme.id(), Role::User));
}

/// Checks kind, code, param and a part of the message, that considering it says the same, and that neither took
/// anything.
#[track_caller]
fn refused(case: &Case, key: &ApiKey, ask: &Ask<'_>, expect: (ErrorKind, &str, Option<&str>, &str)) {
    let before = case.rate(key);
    let considered = case.desk.consider(&case.who(key), ask).unwrap_err();
    let error = case.desk.decide(&case.who(key), ask).unwrap_err();
    assert_eq!(considered, error);
    let (kind, code, param, part) = expect;
    assert_eq!((error.kind, error.code, error.param.as_deref()), (kind, code, param), "{error}");
    assert!(error.message.contains(part), "{error}");
    assert_eq!(error.retry_after.is_some(), kind == ErrorKind::RateLimit);
    assert_eq!(case.rate(key), before, "{code} took from a limit");
}

#[test]
fn what_the_policy_does_not_allow_is_refused_with_the_field_and_the_mend() {
    use ErrorKind::Permission;
    let case = Case::new((60, 10_000, 8));
    let acme = &case.acme;
    let good = ask(100);
    let model = Ask { model: "huge", ..good };
    refused(&case, acme, &model, (Permission, "model_not_allowed", Some("model"), "it may use small, large"));
    refused(&case, &case.auditor, &good, (Permission, "not_allowed", None, "a key with the role `user`"));
    let effort = Ask { effort: Effort::High, ..good };
    refused(&case, acme, &effort, (Permission, "effort_above_cap", Some("reasoning_effort"), "`medium` or less"));
    assert!(case.desk.decide(&case.who(&case.other), &model).is_ok(), "`*` allows every model");
}

#[test]
fn a_budget_above_the_cap_is_refused_and_never_cut() {
    let case = Case::new((60, 10_000, 8));
    let at_cap = Budget { max_samples: 4, total_tokens: 5_000, sample_tokens: 5_000, deadline_ms: 60_000 };
    let permit = case.desk.decide(&case.who(&case.acme), &Ask { budget: at_cap, ..ask(1) }).unwrap();
    assert_eq!(permit.reserved(), 5_000);
    let above = [
        (Budget { max_samples: 5, ..at_cap }, "deliberation.max_samples", "ask for 4 or less"),
        (Budget { total_tokens: 5_001, ..at_cap }, "deliberation.total_tokens", "ask for 5000 or less"),
        (Budget { deadline_ms: 60_001, ..at_cap }, "deliberation.deadline_ms", "ask for 60000 or less"),
    ];
    for (budget, param, part) in above {
        let ask = Ask { budget, ..ask(1) };
        refused(&case, &case.acme, &ask, (ErrorKind::Permission, "budget_above_cap", Some(param), part));
    }
}

#[test]
fn a_tenant_without_models_may_use_none() {
    let case = Case::new((60, 1_000, 8));
    let rules = case.desk.rules();
    let none = rules.policy.tenant("none").unwrap();
    let error = verdict::model(none, "small").unwrap_err();
    assert!(error.message.contains("it may use none"), "{error}");
}

#[test]
fn a_reservation_above_the_limit_can_never_succeed_and_says_so() {
    let case = Case::new((60, 1_000, 8));
    let ask = Ask { prompt_tokens: 501, ..ask(500) };
    let expect = (
        ErrorKind::InvalidRequest,
        "reservation_too_large",
        Some("deliberation.total_tokens"),
        "reserves 1001 tokens, its prompt included, and tenant `acme` has 1000 a minute",
    );
    refused(&case, &case.acme, &ask, expect);
    assert!(case.desk.decide(&case.who(&case.acme), &Ask { prompt_tokens: 500, ..ask }).is_ok());
}

#[test]
fn each_limit_refuses_with_its_time_to_wait_and_takes_from_no_other() {
    use ErrorKind::RateLimit;
    let case = Case::new((3, 1_000, 2));
    let first = case.acme(400).unwrap();
    let tokens = (RateLimit, "tokens_per_minute", None, "has 600 of its 1000 a minute left; try again in 60 s");
    refused(&case, &case.acme, &ask(700), tokens);
    let second = case.acme(100).unwrap();
    refused(&case, &case.acme, &ask(1), (RateLimit, "concurrent_requests", None, "2 requests running"));
    drop(second);
    case.acme(1).unwrap().settle(0, 1);
    refused(&case, &case.acme, &ask(1), (RateLimit, "requests_per_minute", None, "try again in 20 s"));
    let error = case.acme(1).unwrap_err();
    assert_eq!(error.retry_after, Some(20));
    case.pass(19);
    assert_eq!(case.acme(1).unwrap_err().retry_after, Some(1));
    case.pass(1);
    assert!(case.acme(1).is_ok());
    drop(first);
}

#[test]
fn considering_a_request_takes_nothing() {
    let case = Case::new((1, 1_000, 1));
    let before = case.rate(&case.acme);
    for _ in 0..3 {
        case.desk.consider(&case.who(&case.acme), &ask(1_000)).unwrap();
    }
    assert_eq!((case.rate(&case.acme), case.desk.running("acme")), (before, 0));
    assert!(case.acme(1_000).is_ok());
}

#[test]
fn settling_gives_back_what_was_not_spent_at_once() {
    let case = Case::new((60, 1_000, 8));
    let permit = case.acme(1_000).unwrap();
    assert_eq!(permit.rate().remaining_tokens, 0);
    assert!(case.acme(1).is_err());
    let settled = permit.settle(0, 300);
    assert_eq!((settled.reserved, settled.spent, settled.refunded), (1_000, 300, 700));
    assert_eq!(settled.rate.remaining_tokens, 700);
    assert_eq!(case.rate(&case.acme).remaining_tokens, 700);
    assert_eq!(case.desk.running("acme"), 0);
}

#[test]
fn a_dropped_permit_gives_back_only_what_is_provably_unspent() {
    let case = Case::new((60, 1_000, 8));
    let permit = case.acme(900).unwrap();
    let meter = permit.meter();
    permit.spent(200);
    meter.spent(150);
    assert_eq!(meter.total(), 200, "a lower total changes nothing");
    drop(permit);
    assert_eq!(case.rate(&case.acme).remaining_tokens, 800);
    meter.spent(800);
    assert_eq!(case.rate(&case.acme).remaining_tokens, 800, "a permit ends once");
}

#[test]
fn a_panic_gives_back_the_rest() {
    let case = Case::new((60, 1_000, 1));
    let permit = case.acme(1_000).unwrap();
    let ended = std::thread::spawn(move || {
        permit.spent(400);
        panic!("a sampler's fault");
    });
    assert!(ended.join().is_err());
    assert_eq!(case.rate(&case.acme).remaining_tokens, 600);
    assert!(case.acme(600).is_ok(), "its running place is free again");
}

#[test]
fn a_refund_never_fills_beyond_the_limit_and_goes_to_its_own_tenant() {
    let case = Case::new((60, 1_000, 8));
    let other = case.desk.decide(&case.who(&case.other), &ask(1_000)).unwrap();
    let permit = case.acme(600).unwrap();
    assert_eq!(case.rate(&case.other).remaining_tokens, 0);
    case.pass(30);
    permit.settle(0, 0);
    assert_eq!(case.rate(&case.acme).remaining_tokens, 1_000);
    assert_eq!(case.rate(&case.other).remaining_tokens, 0, "the other tenant got nothing");
    case.pass(600);
    other.settle(0, 0);
    assert_eq!(case.rate(&case.other).remaining_tokens, 1_000);
    let held = case.acme(1_000).unwrap();
    assert_eq!(case.acme(1).unwrap_err().code, "tokens_per_minute");
    drop(held);
}

#[test]
fn spending_beyond_the_reservation_is_charged() {
    let case = Case::new((60, 1_000, 8));
    let settled = case.acme(100).unwrap().settle(0, 300);
    assert_eq!((settled.refunded, settled.rate.remaining_tokens), (0, 700));
}

#[test]
fn another_policy_keeps_what_was_used_and_settles_old_permits() {
    let case = Case::new((60, 1_000, 8));
    let principal = case.who(&case.acme);
    let before = case.desk.policy_digest();
    let permit = case.acme(800).unwrap();
    case.desk.replace(case.policy((60, 2_000, 1)));
    assert_ne!(case.desk.policy_digest(), before);
    assert_eq!(permit.policy_digest(), before.as_ref(), "a request is recorded under the rules that admitted it");
    assert_eq!(case.rate(&case.acme).remaining_tokens, 1_200);
    assert_eq!(case.acme(1).unwrap_err().code, "concurrent_requests");
    permit.settle(0, 500);
    assert_eq!(case.rate(&case.acme).remaining_tokens, 1_500);
    case.desk.replace(Policy::parse(Path::new("p"), b"version: 1\ntenants: []\n").unwrap());
    let error = case.desk.decide(&principal, &ask(1)).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Authentication, "a removed tenant's caller is refused");
    case.desk.replace(case.policy((60, 1_000, 8)));
    assert_eq!(case.rate(&case.acme).remaining_tokens, 500, "leaving and coming back forgives nothing");
}

#[test]
fn an_idle_tenant_that_left_is_forgotten() {
    let case = Case::new((60, 1_000, 8));
    case.acme(500).unwrap().settle(0, 500);
    case.pass(60);
    case.desk.replace(Policy::parse(Path::new("p"), b"version: 1\ntenants: []\n").unwrap());
    assert!(case.desk.rules().accounts.is_empty());
}

#[test]
fn a_key_revoked_after_it_was_authenticated_is_refused() {
    let case = Case::new((60, 1_000, 8));
    let principal = case.who(&case.acme);
    let keys = Keys { acme: &case.revoked, other: &case.other, auditor: &case.auditor, revoked: &case.acme };
    case.desk.replace(policy(&keys, (60, 1_000, 8)));
    let error = case.desk.decide(&principal, &ask(1)).unwrap_err();
    assert_eq!((error.kind, error.code), (ErrorKind::Authentication, "invalid_api_key"));
}

#[test]
fn headers_tell_the_limits() {
    let case = Case::new((60, 1_000, 8));
    let permit = case.acme(100).unwrap();
    let pairs: Vec<String> =
        permit.rate().pairs().into_iter().map(|(name, value)| format!("{name}: {value}")).collect();
    assert_eq!(
        pairs,
        [
            "x-ratelimit-limit-requests: 60",
            "x-ratelimit-remaining-requests: 59",
            "x-ratelimit-reset-requests: 1s",
            "x-ratelimit-limit-tokens: 1000",
            "x-ratelimit-remaining-tokens: 900",
            "x-ratelimit-reset-tokens: 1m0s",
        ]
    );
}

#[test]
fn callers_see_their_models_and_cap() {
    let case = Case::new((60, 1_000, 8));
    let principal = case.who(&case.acme);
    assert!(case.desk.may_use_model(&principal, "large") && !case.desk.may_use_model(&principal, "huge"));
    assert_eq!(case.desk.budget_cap(&principal).unwrap().total_tokens, 5_000);
}

mod concurrency;

/// A policy with one tenant, whose keys and further lines are given.
fn house(keys: &[(&ApiKey, &str)], tenant: &str, more: &str) -> Policy {
    let line = |(key, rest): &(&ApiKey, &str)| {
        format!("      - {{ id: {}, hash: '{}', created: 2026-11-23T10:00:00Z, {rest} }}\n", key.id(), key.hash())
    };
    let keys = keys.iter().map(line).collect::<Vec<_>>().concat();
    let keys = if keys.is_empty() { String::new() } else { format!("    keys:\n{keys}") };
    let text = format!(
        "version: 1\n{more}tenants:\n  - id: acme\n    name: Acme\n    models: ['*']\n    limits: {{ requests_per_minute: 60, \
         tokens_per_minute: 1000, concurrent_requests: 8 }}\n    budget: {{ max_samples: 4, total_tokens: 5000, \
         deadline_ms: 60000, effort: medium }}\n{tenant}{keys}"
    );
    Policy::parse(Path::new("policy.yaml"), text.as_bytes()).unwrap_or_else(|wrong| panic!("{wrong}"))
}

/// A desk whose clock stands at the beginning of 1970 until it is set.
fn desk(policy: Policy) -> (PolicyDesk, Arc<AtomicU64>) {
    let seconds = Arc::new(AtomicU64::new(0));
    let told = Arc::clone(&seconds);
    let clock = DeskClock::from_fn(move || Duration::from_secs(told.load(Ordering::SeqCst)));
    (PolicyDesk::with_clock(policy, clock), seconds)
}

#[test]
fn a_key_is_good_until_it_expires_also_for_who_is_in_already() {
    let key = ApiKey::generate().unwrap();
    let (desk, seconds) = desk(house(&[(&key, "role: user, expires: 1970-01-01T00:01:00Z")], "", ""));
    let caller = desk.authenticate(Some(key.reveal())).unwrap();
    assert!(desk.decide(&caller, &ask(10)).is_ok());
    seconds.store(60, Ordering::SeqCst);
    assert_eq!(desk.authenticate(Some(key.reveal())).unwrap_err().reason, DeniedReason::Expired);
    assert_eq!(desk.decide(&caller, &ask(10)).unwrap_err().kind, ErrorKind::Authentication);
}

#[test]
fn keys_and_models_have_limits_within_those_of_their_tenant() {
    let [one, two] = std::array::from_fn(|_| ApiKey::generate().unwrap());
    let limits = "limits: { requests_per_minute: 60, tokens_per_minute: 300, concurrent_requests: 1 }";
    let models =
        "models:\n  small: { limits: { requests_per_minute: 60, tokens_per_minute: 500, concurrent_requests: 8 } }\n";
    let (desk, seconds) = desk(house(&[(&one, &format!("role: user, {limits}")), (&two, "role: user")], "", models));
    let [one, two] = [&one, &two].map(|key| desk.authenticate(Some(key.reveal())).unwrap());
    let first = desk.decide(&one, &ask(200)).unwrap();
    assert_eq!(first.rate().remaining_tokens, 100, "what the key has left is least");
    let refused = |who: &Principal, tokens, code, said: &str| {
        let error = desk.decide(who, &ask(tokens)).unwrap_err();
        assert_eq!(error.code, code, "{error}");
        assert!(error.message.contains(said), "{error}");
    };
    refused(&one, 50, "concurrent_requests", &format!("the key `{}` has 1 requests running", one.key_id()));
    refused(&one, 400, "reservation_too_large", "the key");
    refused(&two, 301, "tokens_per_minute", "the model `small` for everybody has 300 of its 500");
    let second = desk.decide(&two, &ask(300)).unwrap();
    let other_model = Ask { model: "large", ..ask(500) };
    assert!(desk.decide(&two, &other_model).is_ok(), "what was refused has taken nothing from the tenant");
    drop((first, second));
    refused(&one, 301, "reservation_too_large", "300 a minute");
    assert!(desk.decide(&one, &ask(300)).is_ok());
    seconds.store(60, Ordering::SeqCst);
    assert_eq!(desk.rate(&one).unwrap().remaining_tokens, 300);
}

#[test]
fn rules_of_the_house_and_of_a_tenant_forbid_with_their_reasons() {
    let key = ApiKey::generate().unwrap();
    let floor = "authorization: |\n  permit (principal, action, resource);\n  @id(\"no-health\") @citation(\"Rule 9\") @reason(\"no \
                 health data\")\n  forbid (principal, action == Forethought::Action::\"deliberate\", resource)\n  when { \
                 context.facts.data_classes.contains(\"health\") };\n";
    let tenant = "    facts: { purpose: credit, regions: [US-CO], data_classes: [personal] }\n    authorization: |\n      permit (principal, action, \
                  resource)\n      unless { context has stream && context.stream };\n";
    let (desk, _) = desk(house(&[(&key, "role: user, team: claims")], tenant, floor));
    let caller = desk.authenticate(Some(key.reveal())).unwrap();
    assert_eq!(caller.teams(), ["claims"]);
    let told = Facts { data_classes: vec!["health".to_owned()], ..Facts::default() };
    let facts = desk.facts(&caller, &told).unwrap();
    assert_eq!((facts.purpose.as_deref(), facts.data_classes.len()), (Some("credit"), 2));
    let refused = desk.decide(&caller, &Ask { facts: &facts, ..ask(10) }).unwrap_err();
    assert_eq!(refused.code, "forbidden_by_rule");
    assert_eq!(refused.message, "the rule `no-health` forbids this: no health data (Rule 9)");
    let streamed = desk.consider(&caller, &Ask { stream: true, ..ask(10) }).unwrap_err();
    assert_eq!(
        (streamed.code, streamed.message.contains("no rule of the tenant")),
        ("not_allowed", true),
        "{streamed}"
    );
    assert!(desk.decide(&caller, &ask(10)).is_ok());
    let elsewhere = Facts { purpose: Some("housing".to_owned()), ..Facts::default() };
    assert_eq!(desk.facts(&caller, &elsewhere).unwrap_err().code, "fact_not_allowed");
}

#[test]
fn who_is_vouched_for_is_a_principal_of_a_known_tenant_under_a_name_that_tells_nothing() {
    let (desk, _) = desk(house(&[], "    scope: installation\n", ""));
    let vouched = |subject, tenant| Vouched {
        issuer: "https://id",
        subject,
        tenant,
        role: Role::Auditor,
        teams: vec!["a".to_owned()],
    };
    let jane = desk.vouched(&vouched("jane@acme.example", "acme")).unwrap();
    assert_eq!(jane, desk.vouched(&vouched("jane@acme.example", "acme")).unwrap());
    assert_ne!(jane.key_id(), desk.vouched(&vouched("joan@acme.example", "acme")).unwrap().key_id());
    assert!(jane.key_id().starts_with("u_") && jane.key_id().len() == 34 && jane.is_everywhere());
    assert_eq!(desk.vouched(&vouched("jane", "nobody")).unwrap_err().reason, DeniedReason::NoTenant);
    assert!(desk.authorize(&jane, Action::ReadContents, "other").is_ok());
    assert_eq!(desk.authorize(&jane, Action::ChangePolicy, "acme").unwrap_err().code, "not_allowed");
    desk.replace(Policy::parse(Path::new("p.yaml"), b"version: 1\ntenants: []\n").unwrap());
    assert_eq!(desk.authorize(&jane, Action::ReadContents, "acme").unwrap_err().kind, ErrorKind::Authentication);
}

#[test]
fn what_tools_cost_is_reserved_and_charged() {
    let case = Case::new((60, 1_000, 8));
    let text = case.desk.policy().text().replace("name: Acme", "name: Acme\n    quotas: { day: { units: 10 } }");
    case.desk.replace(Policy::parse(Path::new("p"), text.as_bytes()).unwrap());
    let units = || case.rate(&case.acme).quota.numbers().find(|(_, of, _)| of.contains("units")).map(|(.., left)| left);
    let call = |cost| case.desk.decide(&case.who(&case.acme), &Ask { tool_cost: cost, ..ask(1) });
    assert_eq!(units(), Some(10));
    assert_eq!(call(11_000).unwrap_err().code, "quota_exceeded");
    let permit = call(9_000).unwrap();
    assert_eq!(units(), Some(1));
    permit.meter().called(1_000);
    permit.meter().called(2_000);
    permit.settle(0, 1);
    assert_eq!(units(), Some(7));
    let dropped = call(7_000).unwrap();
    dropped.meter().called(4_000);
    drop(dropped);
    assert_eq!(units(), Some(3));
}
