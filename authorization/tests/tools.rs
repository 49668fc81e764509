//! What becomes of a model's calls of tools: by rules over arguments, by the four outcomes, and against what models might send.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests may panic")]

use forethought_authorization::{
    ARGUMENTS_RULE, Facts, Layers, Refusal, Rule, Rules, ToolAsk, ToolDecision, Who, decide_tool,
};
use jiff::Timestamp;
use proptest::prelude::*;
use serde_json::{Map, Value, json};

const USER: &[&str] = &["user"];

fn ask(arguments: &Value) -> ToolAsk<'_> {
    ToolAsk {
        who: Who { id: "k_1", tenant: "acme", teams: &[], roles: USER, everywhere: false },
        tool: "bank.pay",
        effect: "changes",
        spec: "sha256:aa",
        server: "bank",
        arguments,
        facts: Facts::default(),
        at: at("2026-11-26T12:00:00Z"),
        sample_calls: 1,
        calls: 3,
        round: 1,
        approved: false,
    }
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

#[track_caller]
fn rules(text: &str) -> Rules {
    Rules::parse(text).unwrap_or_else(|flaws| panic!("{text}: {flaws:?}"))
}

/// Everything else permitted, with rules about the use of tools: `unless { … }`, `when { … }`.
#[track_caller]
fn forbidding(conditions: &[(&str, &str)]) -> Rules {
    let head = "permit (principal, action, resource);".to_owned();
    let rule = |(id, condition): &(&str, &str)| {
        format!("@id(\"{id}\") forbid (principal, action == Forethought::Action::\"use_tool\", resource) {condition};")
    };
    rules(&conditions.iter().map(rule).fold(head, |text, rule| text + "\n" + &rule))
}

/// What is decided, in short: `allow`, or the outcome and the ids of its rules.
fn decided(ask: &ToolAsk<'_>, floor: Option<&Rules>, tenant: Option<&Rules>) -> String {
    let ids = |rules: Vec<Rule>| rules.into_iter().map(|rule| rule.id).collect::<Vec<_>>().join(" ");
    match decide_tool(ask, Layers { floor, tenant }) {
        ToolDecision::Allow { .. } => "allow".to_owned(),
        ToolDecision::Hold { because } => format!("hold {}", ids(because)),
        ToolDecision::DryRun { because } => format!("dry_run {}", ids(because)),
        ToolDecision::Refuse(Refusal::Forbidden(rules)) => format!("refuse {}", ids(rules)),
        ToolDecision::Refuse(Refusal::NotPermitted(layer)) => format!("refuse {layer}"),
        ToolDecision::Refuse(Refusal::Broken(layer, _)) => format!("broken {layer}"),
    }
}

#[test]
fn only_users_have_tools_called() {
    let arguments = json!({});
    for (role, expected) in
        [("user", "allow"), ("admin", "refuse built-in"), ("auditor", "refuse built-in"), ("", "refuse built-in")]
    {
        let roles = [role];
        let ask = ask(&arguments);
        let ask = ToolAsk { who: Who { roles: &roles, everywhere: true, ..ask.who }, approved: true, ..ask };
        assert_eq!(decided(&ask, None, None), expected, "{role}");
    }
    let by = match decide_tool(&ask(&arguments), Layers::default()) {
        ToolDecision::Allow { by } => by.into_iter().map(|rule| (rule.layer, rule.id)).collect::<Vec<_>>(),
        other => panic!("{other:?}"),
    };
    assert_eq!(by, [("built-in", "user-asks".to_owned())]);
}

#[test]
fn rules_look_at_arguments() {
    let arguments = json!({
        "path": "/srv/public/./a.txt", "other": "/srv/public/../b", "amount": 1000.01, "count": 7, "confirm": true,
        "a/b": { "~": "deep" }, "items": [{ "price": 3, "in": "EUR" }, { "price": 900, "in": "USD" }], "none": null,
    });
    let team = ["claims".to_owned()];
    let purpose = Facts { purpose: Some("credit"), ..Facts::default() };
    let ask = ToolAsk { facts: purpose, ..ask(&arguments) };
    let ask = ToolAsk { who: Who { teams: &team, ..ask.who }, ..ask };
    let check = |condition: &str, holds: bool| {
        let tenant = forbidding(&[("it", &format!("when {{ {condition} }}"))]);
        let expected = if holds { "refuse it" } else { "allow" };
        assert_eq!(decided(&ask, None, Some(&tenant)), expected, "{condition}");
        assert_eq!(decided(&ask, Some(&tenant), None), expected, "{condition}");
    };
    let tag = |of: &str, at: &str, condition: &str| {
        format!("context.{of}.hasTag(\"{at}\") && context.{of}.getTag(\"{at}\") {condition}")
    };
    check(&tag("texts", "path", "like \"/srv/public/*\""), true);
    check(&tag("texts", "path", "== \"/srv/public/./a.txt\""), true);
    check(&tag("paths", "path", "== \"/srv/public/a.txt\""), true);
    check(&tag("texts", "other", "like \"/srv/public/*\""), true);
    check("context.paths.hasTag(\"other\")", false);
    check(&tag("ceilings", "amount", "> 1000"), true);
    check(&tag("floors", "amount", "> 1000"), false);
    check("context.numbers.hasTag(\"amount\") || context.texts.hasTag(\"amount\")", false);
    check(&tag("numbers", "count", "== 7"), true);
    check(&tag("flags", "confirm", "== true"), true);
    check(&tag("texts", "a~1b/~0", "== \"deep\""), true);
    check(&tag("numbers", "items/1/price", "== 900"), true);
    check(&tag("ceilings", "items/*/price", "> 899"), true);
    check(&tag("floors", "items/*/price", "< 4"), true);
    check(&tag("sizes", "items", "== 2"), true);
    check(
        "context.sets.hasTag(\"items/*/in\") && [\"EUR\", \"USD\"].containsAll(context.sets.getTag(\"items/*/in\"))",
        true,
    );
    check("context.sets.hasTag(\"items/*/in\") && [\"EUR\"].containsAll(context.sets.getTag(\"items/*/in\"))", false);
    check(
        "context.texts.hasTag(\"none\") || context.numbers.hasTag(\"none\") || context.flags.hasTag(\"none\")",
        false,
    );
    check("context.tool.effect == \"changes\" && context.tool.server == \"bank\"", true);
    check("context.tool.spec == \"sha256:bb\"", false);
    check("context.calls >= 3 && context.sample_calls == 1 && context.round == 1", true);
    check("context.facts has purpose && context.facts.purpose == \"credit\"", true);
    check("context.now.hour < 9 || context.now.hour >= 17 || context.now.weekday > 5", false);
    check("principal in Forethought::Team::\"acme/claims\" && resource == Forethought::Tool::\"bank.pay\"", true);
}

#[test]
fn rules_that_ask_for_what_is_not_there_are_refused_when_they_are_read() {
    let check = |condition: &str, said: &str| {
        let text = format!(
            "forbid (principal, action == Forethought::Action::\"use_tool\", resource) when {{ {condition} }};"
        );
        let flaws = Rules::parse(&text).map(|_| condition).unwrap_err();
        assert!(flaws.iter().any(|flaw| flaw.message.contains(said)), "{condition}: {flaws:?}");
    };
    check("context.arguments.hasTag(\"path\")", "arguments");
    check("context.texts.getTag(\"path\") == \"x\"", "tag");
    check("context.numbers.hasTag(\"a\") && context.numbers.getTag(\"a\") == \"x\"", "type");
    check("context.texts.hasTag(\"a\") && context.texts.getTag(\"b\") == \"x\"", "tag");
    check("context.texts.hasTag(\"a\") && context.texts.getTag(\"a\") > 7", "type");
    check("context.tool.digest == \"x\"", "digest");
    check("context.effort == \"high\"", "effort");
    check("context.aproved", "aproved");
}

#[test]
fn four_things_can_become_of_a_call() {
    let arguments = json!({ "amount": 2000 });
    let small = "context.ceilings.hasTag(\"amount\") && context.ceilings.getTag(\"amount\") <= 1000";
    let approval = format!("unless {{ context.approved || ({small}) }}");
    let check = |conditions: &[(&str, &str)], expected: &str, once_approved: &str| {
        let tenant = forbidding(conditions);
        let ask = ask(&arguments);
        for (floor, tenant) in [(None, Some(&tenant)), (Some(&tenant), None), (Some(&tenant), Some(&tenant))] {
            assert_eq!(decided(&ask, floor, tenant), expected, "{conditions:?}");
            let approved = ToolAsk { approved: true, ..ask };
            assert_eq!(decided(&approved, floor, tenant), once_approved, "{conditions:?}");
        }
    };
    check(&[], "allow", "allow");
    check(&[("large", &approval)], "hold large", "allow");
    check(&[("large", "when { !context.approved }")], "hold large", "allow");
    check(&[("trial", "unless { context.dry_run }")], "dry_run trial", "dry_run trial");
    check(&[("never", "when { true }")], "refuse never", "refuse never");
    // What an approval does not help is why, and not that there is none.
    check(&[("large", &approval), ("never", "when { context.calls > 2 }")], "refuse never", "refuse never");
    check(&[("large", "unless { context.approved || context.dry_run }")], "hold large", "allow");
    check(&[("large", &approval), ("trial", "unless { context.dry_run }")], "refuse large trial", "dry_run trial");
    check(
        &[("large", "unless { context.approved || context.dry_run }"), ("trial", "unless { context.dry_run }")],
        "dry_run large trial",
        "dry_run trial",
    );
    check(&[("odd", "when { context.approved }")], "allow", "refuse odd");
}

#[test]
fn what_is_permitted_only_once_it_is_approved_waits() {
    let text = "@id(\"reads\") permit (principal, action, resource) when { true };
        @id(\"asked\") permit (principal, action == Forethought::Action::\"use_tool\", resource) when { context.approved };";
    let approved = rules(text.split_once('\n').unwrap().1);
    let arguments = json!({});
    assert_eq!(decided(&ask(&arguments), None, Some(&approved)), "hold asked");
    assert_eq!(decided(&ask(&arguments), Some(&rules(text)), Some(&approved)), "hold asked");
    assert_eq!(decided(&ask(&arguments), None, Some(&rules("// none\n"))), "refuse tenant");
}

#[test]
fn layers_are_asked_apart_for_each_outcome() {
    let arguments = json!({});
    let hold = forbidding(&[("large", "unless { context.approved }")]);
    let dry = forbidding(&[("trial", "unless { context.dry_run }")]);
    let check = |floor: &Rules, tenant: &Rules, expected: &str| {
        assert_eq!(decided(&ask(&arguments), Some(floor), Some(tenant)), expected);
    };
    check(&hold, &forbidding(&[]), "hold large");
    check(&forbidding(&[]), &dry, "dry_run trial");
    // Neither an approval alone nor a dry run alone is allowed by both.
    check(&hold, &dry, "refuse large");
    check(&dry, &hold, "refuse trial");
}

#[test]
fn a_rule_that_cannot_be_evaluated_refuses_and_tells_no_argument() {
    let arguments = json!({ "amount": 4_242_424_242_i64 });
    let product = "context.numbers.hasTag(\"amount\") && \
        context.numbers.getTag(\"amount\") * 9223372036854775807 > 0";
    for condition in [
        format!("when {{ {product} }}"),
        format!("when {{ !context.approved && {product} }}"),
        format!("when {{ context.approved && {product} }}"),
        format!("when {{ context.dry_run && {product} }}"),
    ] {
        let broken = forbidding(&[("b", &condition), ("wait", "unless { context.approved || context.dry_run }")]);
        let ask = ask(&arguments);
        for layers in [Layers { floor: Some(&broken), tenant: None }, Layers { floor: None, tenant: Some(&broken) }] {
            let decision = decide_tool(&ask, layers);
            match decision {
                ToolDecision::Refuse(Refusal::Broken(_, why)) => {
                    assert_eq!(why, "the rule `b` cannot be evaluated with these arguments");
                }
                // Where it is not asked with a dry run, because it waits before.
                ToolDecision::Hold { .. } => assert!(condition.contains("dry_run"), "{condition}"),
                other => panic!("{condition}: {other:?}"),
            }
        }
    }
}

#[test]
fn arguments_that_cannot_be_judged_are_refused_whatever_rules_say() {
    let all = forbidding(&[]);
    let refused = format!("refuse {ARGUMENTS_RULE}");
    let deep = |depth| (0..depth).fold(json!(1), |inner, _| json!([inner]));
    for arguments in [
        json!([]),
        json!("path"),
        Value::Null,
        json!({ "a": vec![1; 257] }),
        json!({ "a": vec![Value::Null; 1_000_000] }),
        json!({ "a": vec![vec![0; 100]; 100] }),
        json!({ "a": deep(16) }),
        json!({ "a": deep(500) }),
        json!({ "a": "x".repeat(1 << 20) }),
        Value::Object((0..300).map(|at| (format!("f{at}"), json!(at))).collect()),
    ] {
        let approved = ToolAsk { approved: true, ..ask(&arguments) };
        assert_eq!(decided(&ask(&arguments), Some(&all), Some(&all)), refused);
        assert_eq!(decided(&approved, None, None), refused);
    }
}

#[test]
fn hostile_names_and_values_are_only_names_and_values() {
    let path = "context.texts.hasTag(\"path\") && context.texts.getTag(\"path\") == \"/etc\"";
    let tenant = forbidding(&[("path", &format!("when {{ {path} }}"))]);
    let check = |arguments: Value, expected: &str| {
        assert_eq!(decided(&ask(&arguments), None, Some(&tenant)), expected, "{arguments}");
    };
    check(json!({ "path": "/etc" }), "refuse path");
    // Another place is another place.
    check(json!({ "": { "path": "/etc" } }), "allow");
    check(json!({ "/path": "/etc" }), "allow");
    check(json!({ "~1path": "/etc", "pa~0th": 1, "path/": "/etc" }), "allow");
    check(json!({ "path": { "": "/etc" } }), "allow");
    check(json!({ "Path": "/etc", "pаth": "/etc" }), "allow");
    check(json!({ "path": "/etc\0", "\u{202e}": "\u{0}", "\"]": "\")", "x": "*" }), "allow");
    let names = ["a\"", "Forethought::Tool::\"b\"", "", "é\u{202e}"];
    let empty = json!({});
    for name in names {
        let odd = ToolAsk { tool: name, server: name, spec: name, effect: name, ..ask(&empty) };
        assert_eq!(decided(&odd, None, Some(&tenant)), "allow", "{name}");
    }
    let large: Value = serde_json::from_str("{\"a\": 18446744073709551615, \"b\": 1e308, \"c\": -1e308}").unwrap();
    let over = "context.ceilings.hasTag(\"a\") && context.ceilings.getTag(\"a\") > 1000 && \
        context.ceilings.hasTag(\"b\") && context.ceilings.getTag(\"b\") > 1000 && \
        context.floors.hasTag(\"c\") && context.floors.getTag(\"c\") < 0";
    let tenant = forbidding(&[("over", &format!("when {{ {over} }}"))]);
    assert_eq!(decided(&ask(&large), None, Some(&tenant)), "refuse over");
}

/// Conditions that a layer may have.
fn condition() -> impl Strategy<Value = &'static str> {
    prop::sample::select(
        &[
            "when { true }",
            "unless { context.approved }",
            "unless { context.dry_run }",
            "unless { context.approved || context.dry_run }",
            "when { context.approved }",
            "when { context.calls > 2 }",
            "unless { context.ceilings.hasTag(\"n\") && context.ceilings.getTag(\"n\") <= 10 }",
            "when { context.texts.hasTag(\"t\") && context.texts.getTag(\"t\") like \"a*\" }",
            "when { context.numbers.hasTag(\"n\") && context.numbers.getTag(\"n\") * 4611686018427387904 > 1 }",
            "unless { context.sets.hasTag(\"l/*\") && [\"a\", \"b\"].containsAll(context.sets.getTag(\"l/*\")) }",
        ][..],
    )
}

fn layer() -> impl Strategy<Value = Option<Rules>> {
    let permit = prop::bool::weighted(0.9);
    prop::option::of((permit, prop::collection::vec(condition(), 0..3))).prop_map(|layer| {
        let (permit, conditions) = layer?;
        let named: Vec<String> = (0..conditions.len()).map(|at| format!("r{at}")).collect();
        let all: Vec<(&str, &str)> = named.iter().map(String::as_str).zip(conditions).collect();
        let forbids = forbidding(&all);
        if permit { Some(forbids) } else { Rules::parse("// nothing").ok() }
    })
}

fn arguments() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        (-20..20_i64).prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "[ab/.~]{0,3}|\\PC{0,4}".prop_map(Value::from),
    ];
    let any = leaf.prop_recursive(4, 64, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::vec(("[nltab/~*]{0,2}", inner), 0..5)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    });
    prop::collection::vec(("n|t|l|[ab/~*]{0,2}", any), 0..6)
        .prop_map(|fields| Value::Object(fields.into_iter().collect()))
}

/// The same fields in the opposite order, at every depth.
fn reversed(value: &Value) -> Value {
    match value {
        Value::Object(fields) => {
            fields.iter().rev().map(|(name, value)| (name.clone(), reversed(value))).collect::<Map<_, _>>().into()
        }
        Value::Array(items) => items.iter().map(reversed).collect(),
        other => other.clone(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    /// Whatever two layers say, and whatever a model sends: together they let no more pass than each by itself, an approval
    /// is never skipped that one of them wants, and the order of fields does not matter.
    #[test]
    fn no_layer_widens_another(floor in layer(), tenant in layer(), arguments in arguments(), approved: bool, user: bool) {
        let roles: &[&str] = if user { USER } else { &["admin"] };
        let ask = ask(&arguments);
        let ask = ToolAsk { approved, who: Who { roles, ..ask.who }, ..ask };
        let of = |floor: Option<&Rules>, tenant: Option<&Rules>| decide_tool(&ask, Layers { floor, tenant });
        let both = of(floor.as_ref(), tenant.as_ref());
        let alone = [of(None, None), of(floor.as_ref(), None), of(None, tenant.as_ref())];
        let allowed = |decision: &ToolDecision| matches!(decision, ToolDecision::Allow { .. });
        let refused = |decision: &ToolDecision| matches!(decision, ToolDecision::Refuse(_));
        prop_assert_eq!(allowed(&both), alone.iter().all(allowed));
        if !user || alone.iter().any(refused) {
            prop_assert!(refused(&both), "{:?} {:?}", alone, both);
        }
        if matches!(both, ToolDecision::Hold { .. }) {
            prop_assert!(!approved);
            let agreed = ToolAsk { approved: true, ..ask };
            let then = decide_tool(&agreed, Layers { floor: floor.as_ref(), tenant: tenant.as_ref() });
            prop_assert!(allowed(&then));
        }
        let other = reversed(&arguments);
        let same = decide_tool(&ToolAsk { arguments: &other, ..ask }, Layers { floor: floor.as_ref(), tenant: tenant.as_ref() });
        prop_assert_eq!(both, same);
    }
}

/// The rules that the documentation shows.
#[test]
fn the_rules_of_the_documentation_do_what_it_says() {
    let text = include_str!("../../docs/policies.md");
    let shown = text.split("```cedar\n").nth(1).unwrap().split("```").next().unwrap();
    let tenant = rules(shown);
    let check = |tool: &str, effect: &str, time: &str, arguments: Value, expected: &str| {
        let ask = ToolAsk { tool, effect, at: at(time), ..ask(&arguments) };
        assert_eq!(decided(&ask, None, Some(&tenant)), expected, "{tool} {arguments}");
    };
    let (thursday, night, sunday) = ("2026-11-26T12:00:00Z", "2026-11-26T18:00:00Z", "2026-11-29T12:00:00Z");
    let read = |path: Value, expected: &str| {
        check("files.read", "reads", night, json!({ "path": path }), expected);
    };
    read(json!("/srv/public/a"), "allow");
    read(json!("/srv/public//./a/"), "allow");
    for odd in
        ["/srv/public/../private/a", "/srv/public", "/srv/publicity/a", "srv/public/a", "/srv/public/%2e%2e/a", ""]
    {
        read(json!(odd), "refuse public-files");
    }
    for odd in [json!(7), json!(null), json!(["/srv/public/a"]), json!({ "path": "/srv/public/a" })] {
        read(odd, "refuse public-files");
    }
    let pay = |amount: Value, expected: &str| {
        check("bank.pay", "changes", thursday, json!({ "amount": amount }), expected);
    };
    pay(json!(1000), "allow");
    pay(json!(1e3), "allow");
    pay(json!(-5), "allow");
    for large in [json!(1000.01), json!(1e300), json!(u64::MAX), json!("5"), json!([5]), json!(null)] {
        pay(large, "hold large-amounts");
    }
    check("x", "changes", night, json!({}), "refuse office-hours");
    check("x", "changes", sunday, json!({}), "refuse office-hours");
    check("x", "reads", sunday, json!({}), "allow");
    check("bank.pay", "changes", night, json!({ "amount": 5000 }), "refuse office-hours");
}
