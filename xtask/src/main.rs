//! Developer commands: `cargo xtask model|interpreters|test|lint|demo|bench`.

mod bench;
mod build;
mod demo;
mod interpreters;
mod lint;
mod model;
mod node;
mod paths;
mod pinned;
mod place;
mod process;
mod python;
mod service;
mod steps;
mod templates;
mod test;
mod wheel;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

/// Developer commands of Forethought.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Start a server with a small real model, ask it a question, and show the answer's audit records.
    Demo(demo::Args),
    /// Run every test: Rust, and Python's official clients against the built server.
    Test,
    /// Check formatting, lints, docs, links and house rules.
    Lint(lint::Args),
    /// Fetch the small test model and prepare it in the wanted form.
    Model(model::Args),
    /// Fetch the interpreters that the sandbox is tested with.
    Interpreters(interpreters::Args),
    /// Measure speed against llama.cpp on the same files, or what votes gain.
    Bench(bench::Args),
}

fn main() -> ExitCode {
    match run(Cli::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> Result<()> {
    match command {
        Command::Demo(args) => demo::run(&args),
        Command::Test => test::run(),
        Command::Lint(args) => lint::run(&args),
        Command::Model(args) => model::run(&args),
        Command::Interpreters(args) => interpreters::run(&args),
        Command::Bench(args) => bench::run(&args),
    }
}
