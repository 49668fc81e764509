//! The command line: what each verb takes, and which exit code it ends with.

mod audit;
mod backup;
mod check;
mod eval;
pub mod exit;
mod export;
mod impact;
mod key;
mod model;
pub mod output;
mod policy;
mod report;
mod tenant;
mod time;
mod tool;
mod webhook;

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::{Parser, Subcommand};

use crate::config::Config;

pub use exit::Usage;

/// A reasoning service for open-weight models: thinking budgets, votes, and an audit log that shows every change.
#[derive(Parser)]
#[command(name = "forethought", version, after_help = EXIT_CODES)]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

const EXIT_CODES: &str = "\
Exit codes: 0 done, 1 a check failed, 2 wrong usage or configuration, 3 a failure while running, 4 it cannot be told";

#[derive(Subcommand)]
enum Verb {
    /// Run the server until it is told to stop (Ctrl-C or SIGTERM); SIGHUP makes it read its policy again
    #[command(after_help = SERVE_HELP)]
    Serve(ConfigFile),
    /// Check a configuration, its policy and its models, without running anything
    #[command(after_help = CHECK_HELP)]
    Check(ConfigFile),
    /// Ask a running server a question
    #[command(after_help = ASK_HELP)]
    Ask(crate::ask::AskArgs),
    /// Measure how well a model answers in different ways, and what each costs
    #[command(after_help = eval::HELP)]
    Eval(Box<eval::Args>),
    /// Assess whether a model treats like cases alike, whoever they are about
    #[command(after_help = impact::HELP)]
    Impact(Box<impact::Args>),
    /// Make training data out of the audit log, or out of an evaluation
    #[command(after_help = export::HELP)]
    Export(Box<export::Args>),
    /// Read and verify the audit log, also while a server writes it
    #[command(subcommand)]
    Audit(audit::Verb),
    /// Report what was done in a period, with the duties of laws and the entries that show each
    #[command(after_help = report::HELP)]
    Report(Box<report::Args>),
    /// Add and list tenants, and note what they consent to
    #[command(subcommand)]
    Tenant(tenant::Verb),
    /// Make, rotate and revoke keys
    #[command(subcommand)]
    Key(key::Verb),
    /// Register, approve and check the weights of models
    #[command(subcommand)]
    Model(Box<model::Verb>),
    /// List, approve and try the tools that models can be offered
    #[command(subcommand)]
    Tool(tool::Verb),
    /// Check, compare, test, try and explain policies
    #[command(subcommand)]
    Policy(policy::Verb),
    /// Witness logs: cosign their checkpoints, and never two that contradict each other
    #[command(after_help = crate::witness::HELP)]
    Witness(crate::witness::Args),
    /// Back up the audit log, also while a server writes it
    #[command(after_help = backup::BACKUP_HELP)]
    Backup(backup::BackupArgs),
    /// Restore a backup into a new data directory
    #[command(after_help = backup::RESTORE_HELP)]
    Restore(backup::RestoreArgs),
    /// Copy the key table, bring it back, and change the master key
    #[command(subcommand)]
    Vault(backup::VaultVerb),
    /// Try webhooks
    #[command(subcommand)]
    Webhook(webhook::Verb),
}

/// The configuration file.
#[derive(clap::Args)]
struct ConfigFile {
    /// The configuration file
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
}

const SERVE_HELP: &str = "\
Examples:
  forethought serve --config forethought.yaml

The shortest configuration:
  policy: ./policy.yaml
  models:
    - id: smollm2-135m
      path: /models/SmolLM2-135M-Instruct.Q8_0.gguf

The other keys are: version, listen, data_dir, grace_ms, max_body_bytes, max_deliberations, log, audit, identity, tools and registry.
Paths are relative to the file. `forethought check` tells what is wrong with it.

On SIGHUP a running server reads its policy file again; one that is wrong changes nothing.";

const CHECK_HELP: &str = "\
Examples:
  forethought check --config forethought.yaml";

const ASK_HELP: &str = "\
Examples:
  forethought ask \"What is 7 times 8?\" --url http://127.0.0.1:8080 --key \"$KEY\"
  forethought ask \"What is 7 times 8?\" --url http://127.0.0.1:8080 --key \"$KEY\" \\
      --strategy self_consistency --samples 8 --seed 1";

/// Told after each change of a policy file.
const TAKE_UP: &str = "a running server takes it up when it is told to (`kill -HUP PID`) or restarted";

/// Runs what the command line asks for.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are "errors" too; where they cannot be printed, nothing can.
            _ = error.print();
            return if error.use_stderr() { ExitCode::from(exit::USAGE) } else { ExitCode::SUCCESS };
        }
    };
    cli.verb.run().unwrap_or_else(|error| exit::report(&error))
}

impl Verb {
    fn run(self) -> anyhow::Result<ExitCode> {
        match self {
            Self::Serve(ConfigFile { config }) => done(crate::serve::run(load(&config)?)),
            Self::Check(ConfigFile { config }) => check::run(&config),
            Self::Ask(args) => done(crate::ask::run(&args)),
            Self::Eval(args) => eval::main(&args),
            Self::Impact(args) => impact::main(&args),
            Self::Export(args) => done(export::main(&args)),
            Self::Audit(verb) => verb.run(),
            Self::Report(args) => done(report::run(&args)),
            Self::Tenant(verb) => done(verb.run()),
            Self::Key(verb) => done(verb.run()),
            Self::Model(verb) => verb.run(),
            Self::Tool(verb) => verb.run(),
            Self::Policy(verb) => verb.run(),
            Self::Webhook(verb) => verb.run(),
            Self::Backup(args) => done(backup::backup(&args)),
            Self::Restore(args) => done(backup::restored(&args)),
            Self::Vault(verb) => done(verb.run()),
            Self::Witness(args) => done(crate::witness::run(&args)),
        }
    }
}

fn done(outcome: anyhow::Result<()>) -> anyhow::Result<ExitCode> {
    outcome.map(|()| ExitCode::SUCCESS)
}

fn load(file: &Path) -> anyhow::Result<Config> {
    Ok(Config::load(file)?)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent_and_every_verb_shows_examples() {
        fn check(command: &clap::Command) {
            let verbs: Vec<_> = command.get_subcommands().collect();
            let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            assert!(!verbs.is_empty() || help.contains("Examples:\n"), "{}: {help}", command.get_name());
            verbs.into_iter().for_each(check);
        }
        Cli::command().debug_assert();
        check(&Cli::command());
    }
}
