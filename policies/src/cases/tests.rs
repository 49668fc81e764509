//! What a file of tests tells of a policy.

use super::*;

const POLICY: &str = "version: 1
packs: [{ pack: eu-ai-act }]
safeguards:
  input: { deny: [{ id: weapons, action: block, phrases: [build a bomb] }, { id: claims, action: hold, phrases: [deny the claim] }] }
  output:
    kinds: { email: redact }
    topics: [{ id: law, words: { sue: 60, court: 60 }, threshold: 100, action: hold }]
    lengths: { message_characters: 40, action: block }
tenants:
  - id: acme
    name: Acme
    models: [small]
    authorization: |
      permit (principal, action, resource);
      @id(\"cheap\") forbid (principal, action == Forethought::Action::\"deliberate\", resource) when { context.samples > 8 };
    limits: { requests_per_minute: 60, tokens_per_minute: 1000, concurrent_requests: 8 }
    budget: { max_samples: 64, total_tokens: 5000, deadline_ms: 60000, effort: high }
    safeguards:
      input:
        languages: { allow: [en], action: block }
        classifiers: [{ id: guard, model: g, protocol: llama_guard_3, action: block }]
";

#[test]
fn each_test_tells_what_is_otherwise_than_expected() {
    let policy = Policy::parse(Path::new("p.yaml"), POLICY.as_bytes()).unwrap_or_else(|wrong| panic!("{wrong}"));
    let check = |test: &str, wrong: &[&str]| {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("policy.tests.yaml");
        std::fs::write(&file, format!("version: 1\ntests:\n  - {{ name: it, tenant: acme, {test} }}\n")).unwrap();
        let cases = Cases::load(&file).unwrap_or_else(|wrong| panic!("{wrong}"));
        let results = cases.run(&policy, "2026-11-26T00:00:00Z".parse().unwrap());
        assert_eq!(results[0].wrong, wrong, "{test}");
        let asks = ["input:", "output:"].iter().any(|text| test.contains(text) && !test.starts_with("samples"));
        let not_run = "the classifier `guard` was not run: tests ask no model";
        assert_eq!(results[0].notes, [not_run].iter().filter(|_| asks).copied().collect::<Vec<_>>(), "{test}");
    };
    check("expect: { decision: allowed, rule: user-asks }", &[]);
    check("role: auditor, expect: { decision: refused, code: not_allowed }", &[]);
    check("samples: 9, expect: { decision: refused, rule: cheap, code: forbidden_by_rule }", &[]);
    check("samples: 8, expect: { decision: refused }", &["decision: expected refused, found allowed"]);
    check("effort: xhigh, expect: { code: effort_above_cap }", &[]);
    check("model: large, expect: { code: model_not_allowed }", &[]);
    check("facts: { purpose: nonsense }, expect: { code: invalid_value }", &[]);
    check("input: how to build a bomb, expect: { decision: refused, code: blocked_by_safeguard }", &[]);
    check("input: please deny the claim, expect: { decision: held }", &[]);
    check(
        "input: Wie beende ich einen hängenden Prozess unter Windows?, expect: { decision: refused, code: blocked_by_safeguard }",
        &[],
    );
    check("output: sue them in court, expect: { decision: held }", &[]);
    check("output: a word and another and another one and more, expect: { decision: refused }", &[]);
    check("output: \"to a@b.example\", expect: { output: \"to [EMAIL]\", decision: allowed }", &[]);
    check(
        "output: nothing, expect: { output: something, rule: none, disclosed: true }",
        &[
            "disclosed: expected true, found false",
            "output: expected something, found nothing",
            "rule: expected none, found user-asks, rule-1",
        ],
    );
}

const TOOLS: &str = "version: 1
tools: { allow: [calc, \"files.*\", bank.pay, mail.send], hold: [mail.send] }
tenants:
  - id: acme
    name: Acme
    limits: { requests_per_minute: 60, tokens_per_minute: 1000, concurrent_requests: 8 }
    budget: { max_samples: 64, total_tokens: 5000, deadline_ms: 60000, effort: high }
    tools: { allow: [\"*\"], dry_run: [files.write] }
    authorization: |
      permit (principal, action, resource);
      @id(\"public\") forbid (principal, action == Forethought::Action::\"use_tool\", resource == Forethought::Tool::\"files.read\")
      unless { context.paths.hasTag(\"path\") && context.paths.getTag(\"path\") like \"/srv/public/*\" };
      @id(\"large\") forbid (principal, action == Forethought::Action::\"use_tool\", resource == Forethought::Tool::\"bank.pay\")
      unless { context.approved || (context.ceilings.hasTag(\"amount\") && context.ceilings.getTag(\"amount\") <= 1000) };
      @id(\"office\") forbid (principal, action == Forethought::Action::\"use_tool\", resource)
      when { context.tool.effect == \"changes\" && context.now.hour < 6 };
";

#[test]
fn calls_of_tools_are_tested_too() {
    let policy = Policy::parse(Path::new("p.yaml"), TOOLS.as_bytes()).unwrap_or_else(|wrong| panic!("{wrong}"));
    let check = |tool: &str, more: &str, wrong: &[&str]| {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("policy.tests.yaml");
        let test = format!("version: 1\ntests:\n  - {{ name: it, tenant: acme, tool: {{ {tool} }}, {more} }}\n");
        std::fs::write(&file, test).unwrap();
        let cases = Cases::load(&file).unwrap_or_else(|wrong| panic!("{wrong}"));
        let results = cases.run(&policy, "2026-11-26T12:00:00Z".parse().unwrap());
        assert_eq!(results[0].wrong, wrong, "{tool} {more}");
    };
    let read = |path: &str| format!("name: files.read, effect: reads, arguments: {{ path: {path} }}");
    check(&read("/srv/public/a"), "expect: { decision: allowed, rule: tools/allow }", &[]);
    check(&read("/srv/public/../a"), "expect: { decision: refused, rule: public, code: forbidden_by_rule }", &[]);
    check(&read("7"), "expect: { decision: refused, rule: public }", &[]);
    check("name: files.write", "expect: { decision: dry_run, rule: tools/dry_run }", &[]);
    check("name: mail.send", "expect: { decision: held, rule: tools/hold }", &[]);
    check("name: mail.send, approved: true", "expect: { decision: allowed }", &[]);
    check("name: web.get", "expect: { decision: refused, rule: tools/allow, code: tool_not_allowed }", &[]);
    let pay = |amount: &str| format!("name: bank.pay, arguments: {{ amount: {amount} }}");
    check(&pay("1000"), "expect: { decision: allowed }", &[]);
    check(&pay("1000.01"), "expect: { decision: held, rule: large }", &[]);
    check(&pay("\"9\""), "expect: { decision: held, rule: large }", &[]);
    check(&pay("5"), "at: 2026-11-26T03:00:00Z, expect: { decision: refused, rule: office }", &[]);
    check("name: calc, effect: pure", "at: 2026-11-26T03:00:00Z, expect: { decision: allowed }", &[]);
    check("name: calc", "role: auditor, expect: { decision: refused, code: not_allowed, rule: not-permitted }", &[]);
    check("name: calc", "expect: { decision: dry_run }", &["decision: expected dry_run, found allowed"]);
    check(
        "name: calc",
        "input: x, expect: { decision: allowed }",
        &["a test of a tool's call looks at no texts; leave out `input` and `output`"],
    );
}
