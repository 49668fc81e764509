//! What lists and rules make of calls together, which files are wrong, and what each layer can take from the other.

use std::path::Path;

use forethought_schemas::Facts;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::{ApiKey, Caller, DeskClock, FileError, Policy, PolicyDesk, Principal, Role};

const TENANT: &str = "tenants:\n  - id: acme\n    name: Acme\n    \
    limits: { requests_per_minute: 60, tokens_per_minute: 1000, concurrent_requests: 8 }\n    \
    budget: { max_samples: 4, total_tokens: 500, deadline_ms: 1000, effort: high }\n";

/// A file with `tools` for everybody and for one tenant, and rules in Cedar of that.
fn text(floor: &str, own: &str, rules: &str) -> String {
    let line = |indent: &str, tools: &str| match tools {
        "" => String::new(),
        tools => format!("{indent}tools: {tools}\n"),
    };
    let rules = match rules {
        "" => String::new(),
        rules => format!("    authorization: |\n      {}\n", rules.replace('\n', "\n      ")),
    };
    format!("version: 1\n{}{TENANT}{}{rules}", line("", floor), line("    ", own))
}

fn policy(floor: &str, own: &str, rules: &str) -> Policy {
    let text = text(floor, own, rules);
    Policy::parse(Path::new("p.yaml"), text.as_bytes()).unwrap_or_else(|wrong| panic!("{wrong}\n{text}"))
}

#[track_caller]
fn wrong(floor: &str, own: &str, expect: &[&str]) {
    let said = match Policy::parse(Path::new("p.yaml"), text(floor, own, "").as_bytes()) {
        Ok(_) => Vec::new(),
        Err(FileError::Invalid { problems, .. }) => problems.iter().map(ToString::to_string).collect(),
        Err(other) => vec![other.to_string()],
    };
    assert_eq!(said, expect, "{floor} {own}");
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

fn ask<'a>(name: &'a str, arguments: &'a Value) -> ToolAsk<'a> {
    ToolAsk {
        name,
        effect: "changes",
        spec: "",
        server: "built-in",
        arguments,
        facts: &NOTHING,
        sample_calls: 0,
        calls: 0,
        round: 0,
        approved: false,
    }
}

fn verdict(policy: &Policy, ask: &ToolAsk<'_>) -> ToolVerdict {
    let caller = Caller { tenant: "acme".to_owned(), role: Role::User, teams: Vec::new() };
    policy.tool_opinion(&caller, ask, "2026-11-26T12:00:00Z".parse().unwrap()).unwrap()
}

/// What becomes of a call, and by what: `hold tenant:tools/hold`.
fn told(verdict: &ToolVerdict) -> String {
    let by = verdict.rules.iter().map(|rule| format!("{}:{}", rule.layer, rule.id));
    std::iter::once(verdict.outcome.as_str().to_owned()).chain(by).collect::<Vec<_>>().join(" ")
}

#[test]
fn a_tool_is_allowed_where_every_list_has_it() {
    let check = |floor: &str, own: &str, calc: bool, read: bool| {
        let policy = policy(floor, own, "");
        let tools = policy.tools("acme");
        assert_eq!((tools.allows("calc"), tools.allows("files.read")), (calc, read), "{floor} / {own}");
        let of_nobody = policy.tools("nobody");
        assert!(!of_nobody.allows("calc") && !of_nobody.offers("calc"));
    };
    check("", "", false, false);
    check("", "{ hold: ['*'] }", false, false);
    check("{ allow: [calc] }", "", true, false);
    check("{ allow: [calc] }", "{ hold: ['*'] }", true, false);
    check("{ allow: [calc] }", "{ allow: [] }", false, false);
    check("{ allow: [] }", "{ allow: ['*'] }", false, false);
    check("{ allow: ['*'] }", "{ allow: ['files.*'] }", false, true);
    check("{ allow: [calc] }", "{ allow: ['*'] }", true, false);
    check("{ hold: [calc] }", "{ allow: [calc, 'files.*'] }", true, true);
}

#[test]
fn offers_are_allowed_or_are_not_made() {
    let check = |floor: &str, own: &str, expect: &[&str]| {
        let desk = PolicyDesk::new(policy(floor, own, ""));
        assert_eq!(desk.tools_offered("acme", ["web.get", "files.read", "calc"]), expect, "{floor} / {own}");
        assert_eq!(desk.tools_offered("nobody", ["calc"]), [""; 0]);
        for tool in expect {
            assert!(desk.may_use_tool("acme", tool));
        }
    };
    check("{ allow: [calc] }", "", &[]);
    check("{ allow: [calc], offer: [calc] }", "", &["calc"]);
    check("{ allow: ['*'], offer: [calc] }", "{ offer: [web.get] }", &["web.get"]);
    check("{ allow: ['*'], offer: [calc] }", "{ offer: [] }", &[]);
    check("{ allow: ['*'], offer: ['*'] }", "{ allow: ['files.*', calc] }", &["files.read", "calc"]);
    check("{ allow: [calc] }", "{ allow: ['*'], offer: ['*'] }", &["calc"]);
}

#[test]
fn of_limits_the_smaller_and_of_costs_the_larger_holds() {
    let policy = policy(
        "{ limits: { rounds: 2, calls: 100, time_ms: 5000 }, costs: { '*': 5, calc: 1, 'files.*': 7 } }",
        "{ limits: { rounds: 9, total_bytes: 100 }, costs: { calc: 3, 'files.read*': 2, files.read: 9 } }",
        "",
    );
    let tools = policy.tools("acme");
    let expect = ToolLimits { rounds: 2, calls: 100, result_bytes: 100, total_bytes: 100, time_ms: 5000 };
    assert_eq!(tools.limits(), expect);
    assert_eq!(
        policy.tools("other").limits(),
        ToolLimits { calls: 100, rounds: 2, time_ms: 5000, ..ToolLimits::default() }
    );
    let check = |tool: &str, cost: u64| assert_eq!(tools.cost(tool), cost, "{tool}");
    check("web.get", 5);
    check("calc", 3);
    check("files.read", 9);
    check("files.readme", 7);
    check("files.write", 7);
    let usual = super::ToolLimits::default();
    assert_eq!(
        (usual.rounds, usual.calls, usual.result_bytes, usual.total_bytes, usual.time_ms),
        (4, 16, 16384, 65536, 30000)
    );
}

#[test]
fn lists_and_rules_decide_together() {
    let rules = "permit (principal, action, resource);
@id(\"wait\") forbid (principal, action == Forethought::Action::\"use_tool\", resource == Forethought::Tool::\"a.wait\") unless { context.approved };
@id(\"trial\") forbid (principal, action == Forethought::Action::\"use_tool\", resource == Forethought::Tool::\"a.trial\") unless { context.dry_run };
@id(\"never\") @reason(\"not here\") @citation(\"Rule 3\")
forbid (principal, action == Forethought::Action::\"use_tool\", resource == Forethought::Tool::\"a.never\");
@id(\"broken\") forbid (principal, action == Forethought::Action::\"use_tool\", resource == Forethought::Tool::\"a.broken\")
when { context.calls + 9223372036854775807 > 0 };";
    let check = |floor: &str, own: &str, tool: &str, expect: &str, approved: &str| {
        let (policy, arguments) = (policy(floor, own, rules), json!({}));
        let asked = ToolAsk { calls: 1, ..ask(tool, &arguments) };
        assert_eq!(told(&verdict(&policy, &asked)), expect, "{floor} / {own}");
        assert_eq!(told(&verdict(&policy, &ToolAsk { approved: true, ..asked })), approved, "{floor} / {own}");
    };
    let all = "allow floor:tools/allow built-in:user-asks tenant:rule-1";
    check("{ allow: ['*'] }", "", "a", all, all);
    let both = "allow floor:tools/allow tenant:tools/allow built-in:user-asks tenant:rule-1";
    check("{ allow: ['*'] }", "{ allow: ['a*'] }", "a", both, both);
    let (gone, own) = ("refuse floor:tools/allow", "refuse tenant:tools/allow");
    check("{ allow: [b] }", "{ allow: [a] }", "a", gone, gone);
    check("{ allow: [a] }", "{ allow: [b], hold: [a] }", "a", own, own);
    check("", "", "a", own, own);
    check("{ allow: ['*'], hold: [a] }", "{ hold: ['a*'] }", "a", "hold floor:tools/hold tenant:tools/hold", all);
    check("{ allow: ['*'] }", "{ dry_run: [a] }", "a", "dry_run tenant:tools/dry_run", "dry_run tenant:tools/dry_run");
    let dry = "dry_run floor:tools/dry_run";
    check("{ allow: ['*'], dry_run: [a] }", "{ hold: [a] }", "a", dry, dry);
    check("{ allow: ['*'] }", "", "a.wait", "hold tenant:wait", all);
    check("{ allow: ['*'], hold: ['*'] }", "", "a.wait", "hold floor:tools/hold tenant:wait", all);
    check("{ allow: ['*'], dry_run: ['*'] }", "", "a.wait", dry, dry);
    check("{ allow: ['*'] }", "", "a.trial", "dry_run tenant:trial", "dry_run tenant:trial");
    check("{ allow: ['*'] }", "{ hold: ['*'] }", "a.trial", "dry_run tenant:trial", "dry_run tenant:trial");
    for lists in ["{ allow: ['*'] }", "{ allow: ['*'], hold: ['*'] }", "{ allow: ['*'], dry_run: ['*'] }"] {
        check(lists, "", "a.never", "refuse tenant:never", "refuse tenant:never");
        check(lists, "", "a.broken", "refuse tenant:broken", "refuse tenant:broken");
    }
}

#[test]
fn a_refusal_says_why_and_repeats_no_argument() {
    let rules = "permit (principal, action, resource);
@id(\"never\") @reason(\"not here\") @citation(\"Rule 3\")
forbid (principal, action == Forethought::Action::\"use_tool\", resource == Forethought::Tool::\"never\");
@id(\"over\") forbid (principal, action == Forethought::Action::\"use_tool\", resource)
when { context.numbers.hasTag(\"secret\") && context.numbers.getTag(\"secret\") * 9223372036854775807 > 0 };";
    let check = |own: &str, tool: &str, arguments: Value, code: &str, message: &str| {
        let refused = verdict(&policy("", own, rules), &ask(tool, &arguments)).refusal.unwrap();
        assert_eq!((refused.code, refused.message.as_str()), (code, message), "{tool} {arguments}");
    };
    check(
        "{ allow: [calc] }",
        "never",
        json!({}),
        "tool_not_allowed",
        "the tool `never` may not be used here; have the policy owner add it to `tools.allow` of tenant `acme`",
    );
    check(
        "{ allow: ['*'] }",
        "never",
        json!({}),
        "forbidden_by_rule",
        "the rule `never` forbids this: not here (Rule 3)",
    );
    check(
        "{ allow: ['*'] }",
        "calc",
        json!({ "secret": 424_242 }),
        "not_allowed",
        "the rules of the tenant could not be evaluated, so they refuse; ask the policy owner",
    );
    check(
        "{ allow: ['*'] }",
        "calc",
        json!({ "list": vec![0; 300] }),
        "forbidden_by_rule",
        "the rule `arguments-are-bounded` forbids this: the arguments are no object, or too many, too deep or too long to \
         be judged",
    );
}

#[test]
fn mistakes_are_told_at_their_places_with_the_mend() {
    wrong("{}", "{}", &[]);
    wrong("{ allow: ['*'], offer: [calc], hold: ['mail.*'], limits: { rounds: 1 }, costs: { calc: 5 } }", "", &[]);
    wrong("{ allow: [] }", "{ offer: [calc] }", &[]);
    wrong(
        "{ alow: [calc] }",
        "",
        &[
            "2:10: tools.alow: unknown key `alow` in tools; did you mean `allow`? known keys: allow, costs, dry_run, hold, \
           limits, offer",
        ],
    );
    wrong(
        "{ allow: ['*.read'] }",
        "",
        &[
            "2:18: tools.allow[0]: the text `*.read` has the wrong form; A tool's name, such as `files.read`; or a beginning \
           of names, such as `files.*`; or \"*\" (in quotes) for every tool",
        ],
    );
    wrong(
        "{ allow: calc }",
        "",
        &["2:10: tools.allow: expected a list, found the text `calc`; write one item a line, each after `- `"],
    );
    wrong("{ hold: [a, a] }", "", &["2:10: tools.hold: the list names something twice; keep each once"]);
    wrong(
        "{ limits: { calls: 0, time_ms: 3600001 } }",
        "",
        &[
            "2:20: tools.limits.calls: 0 is too small, the least is 1; Calls in all, 1 to 10000, by default 16",
            "2:30: tools.limits.time_ms: 3600001 is too large, the most is 3600000; Time of one call in milliseconds, 1 to \
             3600000, by default 30000",
        ],
    );
    wrong(
        "{ costs: { 'a b': 1, 'x/y': 2, calc: -1 } }",
        "",
        &["2:39: tools.costs.calc: -1 is too small, the least is 0; Thousandths of a cost unit, 0 to 1000000000"],
    );
    wrong(
        "{ costs: { 'a b': 1 } }",
        "",
        &[
            "2:19: tools.costs.a b: `a b` is no name of a tool; write a name such as `files.read`, or a beginning of names \
           such as `files.*`, or `\"*\"`",
        ],
    );
    wrong(
        "",
        "{ allow: [calc], offer: [calc, 'files.*'] }",
        &["7:43: tenants[0].tools.offer[1]: `files.*` is offered and not allowed, which is: calc; add `files.*` to \
           `allow`, or remove it here"],
    );
    wrong(
        "",
        "{ offer: [calc] }",
        &[
            "7:22: tenants[0].tools.offer[0]: `calc` is offered, and no tool is allowed; list it under `allow`: `allow: [calc]`",
        ],
    );
    wrong(
        "{ allow: ['*'], hold: [a, b], dry_run: [c, b] }",
        "",
        &[
            "2:51: tools.dry_run[1]: `b` stands under `hold` too; keep one of the two: what is only told changes nothing, so \
           nobody has to approve it",
        ],
    );
}

#[test]
fn names_of_no_tool_are_told_with_the_nearest() {
    let policy =
        policy("{ allow: ['*', calk], costs: { 'web.*': 1 } }", "{ allow: [calc, 'files.*'], hold: [mail.send] }", "");
    let check = |known: &[&str], expect: &[&str]| {
        let said: Vec<String> = policy.unknown_tools(known).iter().map(ToString::to_string).collect();
        assert_eq!(said, expect, "{known:?}");
    };
    let check_name = "check the name, and that the tool is in the service's configuration";
    check(
        &["calc", "files.read", "mail.sent"],
        &[
            "8:47: tenants[0].tools.hold[0]: there is no tool `mail.send`; did you mean `mail.sent`?",
            "2:23: tools.allow[1]: there is no tool `calk`; did you mean `calc`?",
            &format!("2:39: tools.costs.web.*: there is no tool `web.*`; {check_name}"),
        ],
    );
    assert_eq!(policy.unknown_tools(&[]).len(), 5);
}

#[test]
fn what_changes_between_policies_is_told_by_entry() {
    let before = policy("", "{ allow: [calc, web.get], limits: { calls: 3 } }", "");
    let after = policy("{ hold: ['*'] }", "{ limits: { calls: 4 }, allow: [mail.send, calc] }", "");
    let lines: Vec<String> = before.changes_to(&after).iter().map(ToString::to_string).collect();
    assert_eq!(
        lines,
        [
            "+ tenants[acme].tools.allow: mail.send",
            "- tenants[acme].tools.allow: web.get",
            "~ tenants[acme].tools.limits.calls: 3 → 4",
            "+ tools: {\"hold\":[\"*\"]}",
        ]
    );
}

#[test]
fn what_holds_for_a_tenant_is_explained() {
    let check = |floor: &str, own: &str, expect: &str| {
        assert_eq!(policy(floor, own, "").tools_explained("acme").to_string(), expect);
    };
    check("", "", "no tools may be used\n");
    check("{ allow: ['*'] }", "{ allow: [] }", "no tools may be used\n");
    check(
        "{ allow: [calc, 'files.*'], hold: ['mail.*'], limits: { rounds: 2 }, costs: { calc: 5 } }",
        "{ allow: ['*'], offer: [calc], hold: [files.write], dry_run: [web.post], costs: { calc: 2, web: 0 } }",
        "tools that may be used: calc, files.*; of these: *
  offered without being named: calc
  each call waits for a person: files.write, mail.*
  calls are only told: web.post
  a sample may turn to tools 2 times and make 16 calls of 30000 ms
  it is told 16384 bytes of a result, and 65536 bytes in all
  a call of calc costs 5 thousandths of a unit
  a call of web costs 0 thousandths of a unit
",
    );
    let json = serde_json::to_value(policy("{ allow: [calc] }", "", "").tools_explained("acme")).unwrap();
    assert_eq!(json.pointer("/allow/0/0"), Some(&json!("calc")));
}

/// A desk, and somebody with a key of its one tenant.
fn desk(key: &ApiKey, own: &str, more: &str) -> Policy {
    let key = format!(
        "    keys:\n      - {{ id: {}, hash: '{}', role: user, created: 2026-11-23T10:00:00Z{more} }}\n",
        key.id(),
        key.hash()
    );
    let text = text("", own, "") + &key;
    Policy::parse(Path::new("p.yaml"), text.as_bytes()).unwrap_or_else(|wrong| panic!("{wrong}"))
}

#[test]
fn the_policy_in_force_now_decides() {
    let key = ApiKey::generate().unwrap();
    let clock = DeskClock::monotonic();
    let policies = PolicyDesk::with_clock(desk(&key, "{ allow: [calc] }", ""), clock);
    let who: Principal = policies.authenticate(Some(key.reveal())).unwrap();
    let arguments = json!({});
    let check = |own: &str, more: &str, facts: &Facts, expect: &str| {
        let policy = desk(&key, own, more);
        let digest = policy.digest().to_owned();
        policies.replace(policy.numbered(7));
        let verdict = policies.decide_tool(&who, &ToolAsk { facts, ..ask("calc", &arguments) });
        assert_eq!(told(&verdict), expect, "{own}");
        assert_eq!((verdict.policy_digest.as_ref(), verdict.policy_version), (digest.as_str(), 7));
        assert_eq!(verdict.refusal.is_some(), verdict.outcome == ToolOutcome::Refuse);
    };
    let allowed = "allow tenant:tools/allow built-in:user-asks";
    check("{ allow: [calc] }", "", &NOTHING, allowed);
    check("{ allow: [] }", "", &NOTHING, "refuse tenant:tools/allow");
    check("{ allow: ['*'], hold: [calc] }", "", &NOTHING, "hold tenant:tools/hold");
    check("{ allow: ['*'] }", ", revoked: 2026-11-24T00:00:00Z", &NOTHING, "refuse built-in:caller");
    check("{ allow: ['*'] }", ", expires: 2020-11-24T00:00:00Z", &NOTHING, "refuse built-in:caller");
    let credit = Facts { purpose: Some("credit".to_owned()), ..NOTHING.clone() };
    check("{ allow: ['*'] }", ", facts: { purpose: credit }", &credit, allowed);
    check("{ allow: ['*'] }", ", facts: { purpose: employment }", &credit, "refuse built-in:facts");
}

#[test]
fn facts_reach_rules_whoever_says_them() {
    let rules = "permit (principal, action, resource);
forbid (principal, action == Forethought::Action::\"use_tool\", resource) when { context.facts.data_classes.contains(\"health\") };";
    let text = text("", "{ allow: ['*'] }", rules);
    let arguments = json!({});
    let health = Facts { data_classes: vec!["health".to_owned()], ..NOTHING.clone() };
    let check = |of_tenant: &str, facts: &Facts, expect: ToolOutcome| {
        let policy = Policy::parse(Path::new("p.yaml"), (text.clone() + of_tenant).as_bytes()).unwrap();
        assert_eq!(verdict(&policy, &ToolAsk { facts, ..ask("calc", &arguments) }).outcome, expect);
    };
    check("", &NOTHING, ToolOutcome::Allow);
    check("", &health, ToolOutcome::Refuse);
    check("    facts: { data_classes: [health] }\n", &NOTHING, ToolOutcome::Refuse);
}

fn patterns() -> impl Strategy<Value = Option<Vec<String>>> {
    prop::option::of(
        prop::collection::btree_set("a|b|a\\.\\*|a\\.x|\\*", 0..3).prop_map(|set| set.into_iter().collect()),
    )
}

#[derive(Clone, Debug)]
struct Lists {
    allow: Option<Vec<String>>,
    hold: Option<Vec<String>>,
    dry_run: Option<Vec<String>>,
    calls: Option<u32>,
    cost: Option<u32>,
}

fn lists() -> impl Strategy<Value = Lists> {
    let numbers = (prop::option::of(1..30_u32), prop::option::of(0..9_u32));
    (patterns(), patterns(), patterns(), numbers).prop_map(|(allow, hold, dry_run, (calls, cost))| {
        let dry_run = dry_run.map(|all: Vec<String>| {
            all.into_iter().filter(|one| !hold.as_ref().is_some_and(|hold: &Vec<String>| hold.contains(one))).collect()
        });
        Lists { allow, hold, dry_run, calls, cost }
    })
}

impl Lists {
    fn written(&self) -> String {
        let Self { allow, hold, dry_run, calls, cost } = self;
        let mut tools = serde_json::Map::new();
        tools.extend(allow.as_ref().map(|list| ("allow".to_owned(), json!(list))));
        tools.extend(hold.as_ref().map(|list| ("hold".to_owned(), json!(list))));
        tools.extend(dry_run.as_ref().map(|list| ("dry_run".to_owned(), json!(list))));
        tools.extend(calls.map(|calls| ("limits".to_owned(), json!({ "calls": calls }))));
        tools.extend(cost.map(|cost| ("costs".to_owned(), json!({ "a*": cost }))));
        Value::Object(tools).to_string()
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// Whatever a tenant says: nothing is allowed that the list for everybody lacks, nothing is made that waits or is only told for
    /// everybody, no limit grows and no cost falls.
    #[test]
    fn no_tenant_widens_what_holds_for_everybody(
        floor in lists(),
        own in lists(),
        tool in prop::sample::select(&["a", "b", "a.x", "a.y", "c"][..]),
        approved: bool,
    ) {
        let of = |floor: &str, own: &str| policy(floor, own, "");
        let arguments = json!({});
        let asked = ToolAsk { approved, ..ask(tool, &arguments) };
        let both = of(&floor.written(), &own.written());
        let floor_alone = of(&floor.written(), "{ allow: ['*'] }");
        let own_alone = of("{ allow: ['*'] }", &own.written());
        let outcome = |policy: &Policy| verdict(policy, &asked).outcome;
        let nothing_said = floor.allow.is_none() && own.allow.is_none();
        let (all, floor_says, own_says) = (outcome(&both), outcome(&floor_alone), outcome(&own_alone));
        let refused = nothing_said || floor_says == ToolOutcome::Refuse || own_says == ToolOutcome::Refuse;
        let either = |outcome| floor_says == outcome || own_says == outcome;
        let expected = if refused {
            ToolOutcome::Refuse
        } else if either(ToolOutcome::DryRun) {
            ToolOutcome::DryRun
        } else if either(ToolOutcome::Hold) {
            ToolOutcome::Hold
        } else {
            ToolOutcome::Allow
        };
        prop_assert_eq!(all, expected);
        prop_assert_eq!(both.tools("acme").allows(tool), all != ToolOutcome::Refuse);
        let (tools, alone) = (both.tools("acme"), floor_alone.tools("acme"));
        prop_assert!(floor.calls.is_none() || tools.limits().calls <= alone.limits().calls);
        prop_assert!(tools.cost(tool) >= alone.cost(tool));
    }
}
