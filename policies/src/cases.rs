//! Table tests of a policy, kept beside it: requests, and what is expected of each.

mod tool;

use std::{path::Path, sync::Arc};

use forethought_authorization::Rule;
use forethought_safeguards::{Action, Guard, Safeguards, classifier::Speaker, whole::Verdict};
use forethought_schemas::{Budget, Effort, Facts, POLICY_TESTS_SCHEMA, StrategyName};
use jiff::Timestamp;
use serde::Deserialize;

use self::tool::ToolCall;
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
    tool: Option<ToolCall>,
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
    DryRun,
    Refused,
}

impl Decision {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Allowed => "allowed",
            Self::Held => "held",
            Self::DryRun => "dry_run",
            Self::Refused => "refused",
        }
    }
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

impl Made {
    /// What no texts come into.
    fn of(decision: Decision, code: Option<&'static str>, rules: Vec<String>) -> Self {
        Self { decision, code, rules, disclosed: false, input: None, output: None, unasked: Vec::new() }
    }
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
        if self.tool.is_some() && (self.input.is_some() || self.output.is_some()) {
            let wrong = "a test of a tool's call looks at no texts; leave out `input` and `output`";
            return result(vec![wrong.to_owned()], Vec::new());
        }
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
        check("decision", decision.map(|it| it.as_str().to_owned()), Some(made.decision.as_str().to_owned()));
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
        let caller =
            Caller { tenant: self.tenant.clone(), role: self.role, teams: self.team.iter().cloned().collect() };
        if let Some(tool) = &self.tool {
            return tool.made(policy, &caller, &self.facts, at);
        }
        let ask = Ask {
            model: self.model.as_deref().unwrap_or(&first),
            effort: self.effort,
            strategy: self.strategy,
            budget: Budget { max_samples, total_tokens, sample_tokens: total_tokens, deadline_ms: self.deadline_ms },
            prompt_tokens: 0,
            tool_cost: 0,
            thinking_tokens: self.thinking_tokens,
            stream: self.stream,
            facts: &self.facts,
        };
        match policy.opinion(&caller, &ask, at) {
            Ok(opinion) => Made { unasked: self.unasked(policy, &opinion), ..self.of(&opinion) },
            Err(refusal) => Made::of(Decision::Refused, Some(refusal.code), Vec::new()),
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
mod tests;
