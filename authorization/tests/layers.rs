//! What each role may do, that no layer widens another, and what is said of wrong rules.

use forethought_authorization::{Action, Ask, Circumstances, Facts, Layers, Refusal, Resource, Rules, Who, decide};
use jiff::Timestamp;
use proptest::prelude::*;

const ROLES: [&str; 7] = ["user", "operator", "policy_owner", "reviewer", "auditor", "privacy_officer", "admin"];

fn at(text: &str) -> Timestamp {
    text.parse().unwrap_or(Timestamp::MIN)
}

fn who<'a>(roles: &'a [&'static str], everywhere: bool) -> Who<'a> {
    Who { id: "k_1", tenant: "acme", teams: &[], roles, everywhere }
}

fn circumstances() -> Circumstances<'static> {
    Circumstances {
        facts: Facts::default(),
        effort: "medium",
        effort_rank: 3,
        strategy: "self_consistency",
        samples: 8,
        total_tokens: 4096,
        thinking_tokens: None,
        deadline_ms: 60_000,
        stream: false,
    }
}

fn deliberate<'a>(roles: &'a [&'static str], circumstances: Circumstances<'a>) -> Ask<'a> {
    Ask {
        who: who(roles, false),
        action: Action::Deliberate,
        resource: Resource::Model("small"),
        at: at("2026-11-26T23:30:00Z"),
        circumstances: Some(circumstances),
    }
}

fn allowed(ask: &Ask<'_>, floor: Option<&Rules>, tenant: Option<&Rules>) -> bool {
    decide(ask, Layers { floor, tenant }).refusal.is_none()
}

/// What the built-in rules allow: the roles of each action.
fn may(action: Action) -> &'static [&'static str] {
    match action {
        Action::Deliberate | Action::UseTool => &["user"],
        Action::ListModels => &["user", "operator", "policy_owner", "admin"],
        Action::ReadAudit => &["operator", "auditor", "privacy_officer"],
        Action::ReadContents => &["auditor"],
        Action::ReadUsage | Action::ReadPolicy => &["operator", "policy_owner", "auditor", "admin"],
        Action::ChangePolicy => &["policy_owner"],
        Action::ManageKeys => &["admin"],
        Action::Review => &["reviewer"],
        Action::Erase => &["privacy_officer"],
    }
}

#[test]
fn duties_are_apart() {
    // Of a tool's use, `tools.rs` asks.
    for action in Action::ALL.into_iter().filter(|action| *action != Action::UseTool) {
        for role in ROLES.iter().chain(&["emperor", ""]) {
            for (tenant, everywhere) in
                [("acme", false), ("other", false), ("acme", true), ("other", true), ("*", true), ("*", false)]
            {
                let resource = match action {
                    Action::Deliberate => Resource::Model("small"),
                    _ => Resource::Tenant(tenant),
                };
                let reaches = match action {
                    Action::Deliberate => true,
                    Action::ListModels => tenant == "acme",
                    _ => everywhere || tenant == "acme",
                };
                let known = (action == Action::Deliberate).then(circumstances);
                let roles = [*role];
                let ask = Ask {
                    who: who(&roles, everywhere),
                    action,
                    resource,
                    at: at("2026-11-26T00:00:00Z"),
                    circumstances: known,
                };
                let expected = reaches && may(action).contains(role);
                assert_eq!(allowed(&ask, None, None), expected, "{role} {action} {tenant} {everywhere}");
            }
        }
    }
}

#[test]
fn a_question_that_does_not_fit_the_schema_is_refused() {
    let roles = ["user"];
    let check = |ask: Ask<'_>| {
        let refusal = decide(&ask, Layers::default()).refusal;
        assert!(matches!(refusal, Some(Refusal::Broken("built-in", _))), "{refusal:?}");
    };
    let good = deliberate(&roles, circumstances());
    check(Ask { circumstances: None, ..good });
    check(Ask { resource: Resource::Tenant("acme"), ..good });
    check(Ask { action: Action::ReadAudit, ..good });
    // Without its arguments no call of a tool is allowed.
    check(Ask { action: Action::UseTool, resource: Resource::Tool("search"), ..good });
    check(Ask { action: Action::UseTool, resource: Resource::Tool("search"), circumstances: None, ..good });
}

#[test]
fn rules_see_what_is_known_of_a_request() {
    let roles = ["user"];
    let classes = ["health".to_owned(), "personal".to_owned()];
    let regions = ["US-CO".to_owned()];
    let facts = Facts { purpose: Some("hiring"), regions: &regions, data_classes: &classes, ..Facts::default() };
    let ask = deliberate(&roles, Circumstances { facts, thinking_tokens: Some(2000), ..circumstances() });
    let teams = ["claims".to_owned()];
    let ask = Ask { who: Who { teams: &teams, ..ask.who }, ..ask };
    let check = |condition: &str, forbidden: bool| {
        let text = format!(
            "@id(\"it\") @reason(\"not here\") @citation(\"Rule 3\")
             forbid (principal, action == Forethought::Action::\"deliberate\", resource) when {{ {condition} }};
             permit (principal, action, resource);"
        );
        let tenant = Rules::parse(&text).unwrap_or_else(|flaws| panic!("{condition}: {flaws:?}"));
        let decision = decide(&ask, Layers { floor: None, tenant: Some(&tenant) });
        assert_eq!(decision.refusal.is_some(), forbidden, "{condition}: {decision:?}");
        if let Some(Refusal::Forbidden(forbade)) = decision.refusal {
            let told: Vec<_> = forbade
                .iter()
                .map(|rule| (rule.layer, rule.id.as_str(), rule.reason.as_deref(), rule.citation.as_deref()))
                .collect();
            assert_eq!(told, [("tenant", "it", Some("not here"), Some("Rule 3"))]);
        }
    };
    check("context.effort_rank >= 3", true);
    check("context.effort_rank > 3", false);
    check("context.effort == \"medium\" && context.strategy like \"self_*\"", true);
    check("context.total_tokens > 4096 || context.samples > 8", false);
    check("context has thinking_tokens && context.thinking_tokens >= 2000", true);
    check("context.facts has purpose && context.facts.purpose == \"hiring\"", true);
    check("context.facts has decision", false);
    check("context.facts.sectors.isEmpty()", true);
    check("context.facts.data_classes.contains(\"health\")", true);
    check("context.facts.regions.containsAny([\"US-CO\", \"US-TX\"])", true);
    check("context.now.hour >= 22 || context.now.hour < 6", true);
    check("context.now.weekday > 5", false);
    check("context.now.at >= datetime(\"2027-01-01\")", false);
    check("principal in Forethought::Team::\"acme/claims\"", true);
    check("principal in Forethought::Team::\"acme/loans\"", false);
    check("resource == Forethought::Model::\"small\"", true);
    check("context.stream", false);
}

#[test]
fn a_rule_that_cannot_be_evaluated_refuses() {
    let roles = ["user"];
    // Cedar itself passes over a rule that errs, even one that forbids.
    let overflow = "forbid (principal, action == Forethought::Action::\"deliberate\", resource)
        when { context.total_tokens + 9223372036854775807 > 0 };
        permit (principal, action, resource);";
    let broken = Rules::parse(overflow).unwrap();
    let ask = deliberate(&roles, circumstances());
    for layers in [Layers { floor: Some(&broken), tenant: None }, Layers { floor: None, tenant: Some(&broken) }] {
        let refusal = decide(&ask, layers).refusal;
        assert!(matches!(refusal, Some(Refusal::Broken(..))), "{refusal:?}");
    }
}

#[test]
fn names_are_only_names() {
    let but_b = Rules::parse(
        "forbid (principal, action, resource == Forethought::Model::\"b\"); permit (principal, action, resource);",
    )
    .unwrap();
    let roles = ["user"];
    for name in ["a\"", "a\\", "::\"b\"", "Forethought::Model::\"b\"", "", "é\u{202e}", "b"] {
        let ask = Ask { resource: Resource::Model(name), ..deliberate(&roles, circumstances()) };
        assert_eq!(allowed(&ask, None, Some(&but_b)), name != "b", "{name}");
    }
}

#[track_caller]
fn flaws(text: &str) -> Vec<(usize, String)> {
    Rules::parse(text).err().unwrap_or_default().into_iter().map(|flaw| (flaw.line, flaw.message)).collect()
}

#[test]
fn what_is_wrong_with_rules_is_told_by_line() {
    let check = |text: &str, line: usize, said: &str| {
        let found = flaws(text);
        assert!(found.iter().any(|(at, told)| *at == line && told.contains(said)), "{text}\n{found:?}");
    };
    check("permit (principal, action, resource)", 1, "unexpected");
    check("permit (principal, action, resource);\n\nforbid (principal, actoin, resource);", 3, "actoin");
    check("permit (principal, action == Forethought::Action::\"fly\", resource);", 1, "fly");
    let when = |condition: &str| {
        format!("permit (principal, action == Forethought::Action::\"deliberate\", resource)\nwhen {{ {condition} }};")
    };
    check(&when("context.efort == \"high\""), 2, "efort");
    check(&when("context.effort > 3"), 2, "type");
    check(&when("context.facts.purpose == \"hiring\""), 2, "purpose");
    check("permit (principal == ?principal, action, resource);", 1, "template");
    check(
        "@id(\"a\") permit (principal, action, resource);\n@id(\"a\") forbid (principal, action, resource);",
        2,
        "two rules",
    );
    check(&when("context.effort == \"h\u{456}gh\""), 2, "script");
    assert!(flaws(&" ".repeat(70_000))[0].1.contains("longer"));
    let many = "permit (principal, action, resource);".repeat(201);
    assert!(flaws(&many)[0].1.contains("201 rules"));
}

#[test]
fn no_text_of_rules_is_deep_enough_to_end_the_process() {
    let rule = |condition: &str| format!("permit (principal, action, resource) when {{ {condition} }};");
    for (open, close) in [("(", ")"), ("[", "]"), ("!", ""), ("! ", ""), ("-", ""), ("if true then true else ", "")] {
        let text = rule(&format!("{}true{}", open.repeat(3_000), close.repeat(3_000)));
        assert!(!flaws(&text).is_empty(), "{open}");
    }
    // What is let through is parsed and checked on a small stack, too.
    let chains = [" && true".repeat(900), " || true".repeat(900)];
    for chain in chains {
        let text = rule(&format!("true{chain}"));
        let checked = std::thread::Builder::new().stack_size(1 << 21).spawn(move || Rules::parse(&text).is_ok());
        assert!(checked.unwrap().join().is_ok());
    }
}

#[test]
fn rules_have_the_ids_of_their_annotations_or_numbers() {
    let rules =
        Rules::parse("permit (principal, action, resource);\n@id(\"named\") forbid (principal, action, resource);")
            .unwrap();
    assert_eq!(rules.ids(), ["named", "rule-1"]);
    assert_eq!(Rules::parse("").unwrap().ids(), [""; 0]);
}

#[test]
fn no_rules_at_all_in_a_layer_permit_nothing() {
    let roles = ["user"];
    let none = Rules::parse("// nothing\n").unwrap();
    let ask = deliberate(&roles, circumstances());
    assert_eq!(decide(&ask, Layers { floor: Some(&none), tenant: None }).refusal, Some(Refusal::NotPermitted("floor")));
    assert_eq!(
        decide(&ask, Layers { floor: None, tenant: Some(&none) }).refusal,
        Some(Refusal::NotPermitted("tenant"))
    );
    let by: Vec<_> = decide(&ask, Layers::default()).allowed_by.into_iter().map(|rule| rule.id).collect();
    assert_eq!(by, ["user-asks"]);
}

/// Pieces of rules that a tenant might hope to get more with.
fn rule() -> impl Strategy<Value = String> {
    let effect = prop_oneof![Just("permit"), Just("forbid")];
    let principal = prop_oneof![
        Just("principal"),
        Just("principal in Forethought::Role::\"user\""),
        Just("principal in Forethought::Role::\"admin\""),
        Just("principal in Forethought::Tenant::\"acme\""),
    ];
    let condition = prop_oneof![
        Just("true"),
        Just("false"),
        Just("context.effort_rank < 3"),
        Just("context.total_tokens + 9223372036854775807 > 0"),
        Just("context.facts has purpose && context.facts.purpose == \"hiring\""),
        Just("!(context.strategy == \"single\")"),
    ];
    (effect, principal, condition).prop_map(|(effect, principal, condition)| {
        format!(
            "{effect} ({principal}, action == Forethought::Action::\"deliberate\", resource) when {{ {condition} }};"
        )
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// Whatever a tenant writes, and whatever is asked: what the floor or the built-in rules refuse stays refused; and
    /// whatever the floor says, what the built-in rules refuse stays refused.
    #[test]
    fn no_layer_widens_another(
        floor in prop::collection::vec(rule(), 0..4),
        tenant in prop::collection::vec(rule(), 0..4),
        role in prop::sample::select(&ROLES[..]),
        rank in 0..6_u32,
        strategy in prop::sample::select(&["single", "self_consistency"][..]),
        purpose in prop::option::of(prop::sample::select(&["hiring", "support"][..])),
        total_tokens in 0..3_u32,
    ) {
        // Impossible rules are refused at load, with their line; these here may be.
        let (Ok(floor), Ok(tenant)) = (Rules::parse(&floor.join("\n")), Rules::parse(&tenant.join("\n"))) else { return Ok(()) };
        let facts = Facts { purpose, ..Facts::default() };
        let roles = [role];
        let ask = deliberate(&roles, Circumstances { effort_rank: rank, strategy, facts, total_tokens, ..circumstances() });
        let built_in = allowed(&ask, None, None);
        let with_floor = allowed(&ask, Some(&floor), None);
        let with_tenant = allowed(&ask, None, Some(&tenant));
        let with_both = allowed(&ask, Some(&floor), Some(&tenant));
        prop_assert_eq!(built_in, role == "user");
        prop_assert!(!with_floor || built_in);
        prop_assert_eq!(with_both, with_floor && with_tenant);
        let union = Layers { floor: Some(&floor), tenant: Some(&tenant) };
        prop_assert_eq!(decide(&ask, union), decide(&ask, union));
    }
}
