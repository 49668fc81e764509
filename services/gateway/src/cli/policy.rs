//! `forethought policy`: the life of a policy before it is in force.

mod explain;
mod tries;

use std::{fmt::Write as _, path::PathBuf, process::ExitCode};

use clap::Subcommand;
use forethought_policies::{Cases, Policy};
use forethought_schemas::{JsonSchema, PACK_SCHEMA, POLICY_SCHEMA, POLICY_TESTS_SCHEMA};
use jiff::Timestamp;

use super::{
    exit,
    output::{self, Paint, Style, count, tame},
};
use crate::assessed;

/// What can be done with a policy.
#[derive(Subcommand)]
pub enum Verb {
    /// Check a policy file, and the examples of the packs that it names
    #[command(after_help = CHECK_HELP)]
    Check(Check),
    /// Tell what one policy says otherwise than another, whatever their layout
    #[command(after_help = DIFF_HELP)]
    Diff(Diff),
    /// Run the table tests that are kept beside a policy
    #[command(after_help = TEST_HELP)]
    Test(Test),
    /// Tell what would have become of past requests under another policy, from the audit log
    #[command(after_help = tries::HELP)]
    Try(tries::Args),
    /// Tell which rules apply to a request, with their citations
    #[command(after_help = explain::HELP)]
    Explain(explain::Args),
    /// Print the schema of policies, of their tests, of packs, or of the rules in Cedar
    #[command(after_help = SCHEMA_HELP)]
    Schema(Schema),
}

const CHECK_HELP: &str = "\
Examples:
  forethought policy check policy.yaml";

const DIFF_HELP: &str = "\
Examples:
  forethought policy diff policy.yaml proposed.yaml
  forethought policy diff data/policies/000007.yaml policy.yaml

It ends with 1 where there is a difference.";

const TEST_HELP: &str = "\
Examples:
  forethought policy test policy.yaml
  forethought policy test policy.yaml --tests checks.yaml

The tests stand in `policy.tests.yaml` beside `policy.yaml`:

  version: 1
  tests:
    - name: nobody asks for sixteen samples
      tenant: acme
      samples: 16
      expect: { decision: refused, code: budget_above_cap }

`forethought policy schema tests` shows everything that can be said. It ends with 1 where a test fails.";

const SCHEMA_HELP: &str = "\
Examples:
  forethought policy schema > policy.schema.json
  forethought policy schema cedar";

/// Which policy to check.
#[derive(clap::Args)]
pub struct Check {
    /// The policy file
    policy: PathBuf,
}

/// Which policies to compare.
#[derive(clap::Args)]
pub struct Diff {
    /// The policy before
    before: PathBuf,
    /// The policy after
    after: PathBuf,
}

/// Which tests to run.
#[derive(clap::Args)]
pub struct Test {
    /// The policy file
    policy: PathBuf,
    /// The file of tests, by default that beside the policy
    #[arg(long, value_name = "FILE")]
    tests: Option<PathBuf>,
}

/// Which schema to print.
#[derive(clap::Args)]
pub struct Schema {
    /// Of what
    #[arg(value_enum, default_value = "policy")]
    of: Of,
}

/// What has a schema.
#[derive(Clone, Copy, clap::ValueEnum)]
enum Of {
    /// Policy files
    Policy,
    /// Files of policy tests
    Tests,
    /// Jurisdiction packs
    Pack,
    /// Rules in Cedar
    Cedar,
}

impl Verb {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        match self {
            Self::Check(args) => check(&args),
            Self::Diff(args) => diff(&args),
            Self::Test(args) => test(&args),
            Self::Try(args) => super::done(tries::run(&args)),
            Self::Explain(args) => super::done(explain::run(&args)),
            Self::Schema(args) => super::done(schema(args.of)),
        }
    }
}

fn check(args: &Check) -> anyhow::Result<ExitCode> {
    let policy = Policy::load_with(&args.policy, assessed::read)?;
    let wrong = policy.packs().try_examples();
    for example in &wrong {
        eprintln!("error: {example}");
    }
    if !wrong.is_empty() {
        return Ok(ExitCode::from(exit::USAGE));
    }
    for warning in super::webhook::warnings(&args.policy, &policy) {
        eprintln!("warning: {warning}");
    }
    let tenants = count(policy.tenants().len() as u64, "tenant");
    let packs = count(policy.packs().packs().len() as u64, "pack");
    output::print(&format!("ok: {tenants}, {packs}, {}\n", policy.digest()))?;
    Ok(ExitCode::SUCCESS)
}

fn diff(args: &Diff) -> anyhow::Result<ExitCode> {
    let load = |file| Policy::load_with(file, assessed::read);
    let changes = load(&args.before)?.changes_to(&load(&args.after)?);
    let style = Style::of_stdout();
    let line = |change: &forethought_policies::Change| {
        let paint = match (&change.before, &change.after) {
            (None, _) => Paint::Good,
            (_, None) => Paint::Bad,
            _ => Paint::Odd,
        };
        style.paint(paint, &tame(&change.to_string())) + "\n"
    };
    output::print(&changes.iter().map(line).collect::<String>())?;
    Ok(if changes.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(exit::CHECK_FAILED) })
}

fn test(args: &Test) -> anyhow::Result<ExitCode> {
    let beside = args.policy.with_extension("tests.yaml");
    let cases = Cases::load(args.tests.as_ref().unwrap_or(&beside))?;
    let results = cases.run(&Policy::load_with(&args.policy, assessed::read)?, Timestamp::now());
    let style = Style::of_stdout();
    let mut text = String::new();
    for result in &results {
        let (word, paint) = if result.wrong.is_empty() { ("ok", Paint::Good) } else { ("FAILED", Paint::Bad) };
        _ = writeln!(text, "{} {}", style.paint(paint, word), tame(&result.name));
        text.extend(result.wrong.iter().chain(&result.notes).map(|told| format!("    {}\n", tame(told))));
    }
    let failed = results.iter().filter(|result| !result.wrong.is_empty()).count();
    _ = writeln!(text, "{} passed, {failed} failed", results.len() - failed);
    output::print(&text)?;
    Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::from(exit::CHECK_FAILED) })
}

fn schema(of: Of) -> anyhow::Result<()> {
    let json = |schema: &JsonSchema| schema.text().to_owned();
    let text = match of {
        Of::Policy => json(&POLICY_SCHEMA),
        Of::Tests => json(&POLICY_TESTS_SCHEMA),
        Of::Pack => json(&PACK_SCHEMA),
        Of::Cedar => forethought_authorization::SCHEMA.to_owned(),
    };
    Ok(output::print(&text)?)
}
