//! Table tests of a policy, kept beside it: requests, and what is expected of each.

use std::{path::Path, sync::Arc};

use forethought_authorization::Rule;
use forethought_safeguards::{Action, Guard, Safeguards, classifier::Speaker, whole::Verdict};
use forethought_schemas::{Budget, Effort, Facts, POLICY_TESTS_SCHEMA, StrategyName};
use jiff::Timestamp;
use serde::Deserialize;

use crate::{
    Ask, Caller, Opinion, Policy, Role,
    document::{Document, FileKind},
    packs::Applied,
    problem::FileError,
};

static KIND: FileKind = FileKind {
    name: "file of policy tests",
    create: "write one: docs/policies.md shows how",
    version: 1,
    schema: &POLICY_TESTS_SCHEMA,
};

/// The tests of a file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cases {
    #[serde(rename = "version")]
    _version: i64,
    tests: Vec<Case>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    tenant: String,
    #[serde(default = "user")]
    role: Role,
    team: Option<String>,
    at: Option<String>,
    model: Option<String>,
    #[serde(default = "medium")]
    effort: Effort,
    #[serde(default = "single")]
    strategy: StrategyName,
    #[serde(default = "one")]
    samples: u32,
    #[serde(default = "one")]
    total_tokens: u32,
    #[serde(default = "millisecond")]
    deadline_ms: u64,
    thinking_tokens: Option<u32>,
    #[serde(default)]
    stream: bool,
    #[serde(default)]
    facts: Facts,
    input: Option<String>,
    output: Option<String>,
    expect: Expect,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Expect {
    decision: Option<Decision>,
    code: Option<String>,
    rule: Option<String>,
    disclosed: Option<bool>,
    input: Option<String>,
    output: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Decision {
    Allowed,
    Held,
    Refused,
}

const fn user() -> Role {
    Role::User
}

const fn medium() -> Effort {
    Effort::Medium
}

const fn single() -> StrategyName {
    StrategyName::Single
}

const fn one() -> u32 {
    1
}

const fn millisecond() -> u64 {
    1
}

/// What came of one test.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CaseResult {
    /// The test's name.
    pub name: String,
    /// What is otherwise than expected; nothing if it passed.
    pub wrong: Vec<String>,
    /// What the test did not look at.
    pub notes: Vec<String>,
}

/// What a policy makes of a request, in the terms of tests.
struct Made {
    decision: Decision,
    code: Option<&'static str>,
    rules: Vec<String>,
    disclosed: bool,
    input: Option<String>,
    output: Option<String>,
    /// Classifiers that would have been asked.
    unasked: Vec<String>,
}

impl Cases {
    /// Reads a file of tests.
    ///
    /// # Errors
    /// [`FileError`]: it is missing, or wrong in ways that are all listed.
    pub fn load(file: &Path) -> Result<Self, FileError> {
        let document = Document::load(file, &KIND)?;
        document.read(Vec::new())
    }

    /// Runs every test on a policy; those that say no time ask `now`.
    #[must_use]
    pub fn run(&self, policy: &Policy, now: Timestamp) -> Vec<CaseResult> {
        self.tests.iter().map(|case| case.result(policy, now)).collect()
    }
}

impl Case {
    fn result(&self, policy: &Policy, now: Timestamp) -> CaseResult {
        let result = |wrong, notes| CaseResult { name: self.name.clone(), wrong, notes };
        let at = match self.at.as_deref().map(str::parse) {
            None => now,
            Some(Ok(at)) => at,
            Some(Err(_)) => {
                return result(vec!["`at` is no time; write one as RFC 3339 has it".to_owned()], Vec::new());
            }
        };
        let made = self.made(policy, at);
        let not_run = |id: &String| format!("the classifier `{id}` was not run: tests ask no model");
        let notes = made.unasked.iter().map(not_run).collect();
        result(self.wrong(made), notes)
    }

    fn wrong(&self, made: Made) -> Vec<String> {
        let Expect { decision, code, rule, disclosed, input, output } = &self.expect;
        let mut wrong = Vec::new();
        let mut check = |what: &str, expected: Option<String>, found: Option<String>| {
            if let Some(expected) = expected.filter(|expected| found.as_ref() != Some(expected)) {
                let found = found.unwrap_or_else(|| "nothing".to_owned());
                wrong.push(format!("{what}: expected {expected}, found {found}"));
            }
        };
        check(
            "decision",
            decision.map(|it| format!("{it:?}").to_lowercase()),
            Some(format!("{:?}", made.decision).to_lowercase()),
        );
        check("code", code.clone(), made.code.map(str::to_owned));
        check("disclosed", disclosed.map(|it| it.to_string()), Some(made.disclosed.to_string()));
        check("input", input.clone(), made.input);
        check("output", output.clone(), made.output);
        if let Some(rule) = rule.as_ref().filter(|rule| !made.rules.contains(rule)) {
            wrong.push(format!("rule: expected {rule}, found {}", made.rules.join(", ")));
        }
        wrong
    }

    fn made(&self, policy: &Policy, at: Timestamp) -> Made {
        let first = policy.tenant(&self.tenant).and_then(|tenant| tenant.models.first().cloned()).unwrap_or_default();
        let (max_samples, total_tokens) = (self.samples, self.total_tokens);
        let ask = Ask {
            model: self.model.as_deref().unwrap_or(&first),
            effort: self.effort,
            strategy: self.strategy,
            budget: Budget { max_samples, total_tokens, sample_tokens: total_tokens, deadline_ms: self.deadline_ms },
            prompt_tokens: 0,
            thinking_tokens: self.thinking_tokens,
            stream: self.stream,
            facts: &self.facts,
        };
        let caller =
            Caller { tenant: self.tenant.clone(), role: self.role, teams: self.team.iter().cloned().collect() };
        match policy.opinion(&caller, &ask, at) {
            Ok(opinion) => Made { unasked: self.unasked(policy, &opinion), ..self.of(&opinion) },
            Err(refusal) => Made {
                decision: Decision::Refused,
                code: Some(refusal.code),
                rules: Vec::new(),
                disclosed: false,
                input: None,
                output: None,
                unasked: Vec::new(),
            },
        }
    }

    /// The classifiers that would judge the texts of the test, where it has any.
    fn unasked(&self, policy: &Policy, opinion: &Opinion) -> Vec<String> {
        match (&self.input, &self.output) {
            (None, None) => Vec::new(),
            _ => policy.classifiers_of(&self.tenant, &opinion.judgement),
        }
    }

    fn of(&self, opinion: &Opinion) -> Made {
        let Opinion { refusal, allowed_by, judgement, screens, licence } = opinion;
        let unlicensed = licence.refusal();
        let (input, asked) = passed(&screens.input, self.input.as_deref());
        let (output, answered) = passed(&screens.output, self.output.as_deref());
        let whole = input.as_deref().map(|text| screens.whole.asked(&[(Speaker::User, text)]));
        let answer = output.as_deref().map(|text| screens.answers.answered("", text));
        let (asked, answered) =
            (asked.max(Stopped::of(whole.as_deref())), answered.max(Stopped::of(answer.as_deref())));
        let held = judgement.needs_review()
            || licence.holds().is_some()
            || asked == Stopped::Held
            || answered == Stopped::Held;
        let (decision, code) = match refusal {
            Some(refusal) => (Decision::Refused, Some(refusal.code)),
            None if judgement.forbidden.is_some() => (Decision::Refused, Some("forbidden_by_rule")),
            None if unlicensed.is_some() => (Decision::Refused, unlicensed.as_ref().map(|refusal| refusal.code)),
            None if [asked, answered].contains(&Stopped::Blocked) => (Decision::Refused, Some("blocked_by_safeguard")),
            None if held => (Decision::Held, None),
            None => (Decision::Allowed, None),
        };
        let laws = judgement.applied.iter().map(|Applied { rule, .. }| rule.id.clone());
        let named = refusal.iter().flat_map(|refusal| quoted(&refusal.message));
        let allowing = allowed_by.iter().map(|Rule { id, .. }| id.clone());
        let rules = named.chain(laws).chain(allowing).collect();
        let disclosed = !judgement.disclosures.is_empty();
        Made { decision, code, rules, disclosed, input, output, unasked: Vec::new() }
    }
}

/// Whether safeguards let a text through to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Stopped {
    No,
    Held,
    Blocked,
}

impl Stopped {
    /// What verdicts on a whole text make of it.
    fn of(verdicts: Option<&[Verdict]>) -> Self {
        match verdicts.unwrap_or_default().iter().map(|verdict| verdict.action).max() {
            Some(Action::Block) => Self::Blocked,
            Some(Action::Hold) => Self::Held,
            _ => Self::No,
        }
    }
}

fn passed(rules: &Arc<Safeguards>, text: Option<&str>) -> (Option<String>, Stopped) {
    let Some(text) = text else { return (None, Stopped::No) };
    let passed = Guard::check(rules, text);
    let found = |action| passed.findings.iter().any(|finding| finding.action == action);
    let stopped = match passed.stopped {
        false => Stopped::No,
        true if found(Action::Block) => Stopped::Blocked,
        true => Stopped::Held,
    };
    (Some(passed.text), stopped)
}

/// The words that a message has between backquotes: the rules that it names are among them.
fn quoted(message: &str) -> Vec<String> {
    message.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
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
}
