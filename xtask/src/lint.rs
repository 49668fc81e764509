//! `cargo xtask lint`: formatting, lints, dependencies, docs, links and house rules.

mod files;
mod links;
mod tidy;

use anyhow::{Result, bail};

use crate::build::FEATURES;
use crate::steps::Steps;
use crate::{paths, process};

/// What `cargo xtask lint` takes.
#[derive(clap::Args)]
pub struct Args {
    /// Fail when cargo-deny is not installed, instead of leaving its check out.
    #[arg(long)]
    strict: bool,
}

/// Runs every check, the quick ones first.
pub fn run(args: &Args) -> Result<()> {
    let mut steps = Steps::default();
    steps.run("house rules", || report(&tidy::check(&files::tracked("rs")?)));
    steps.run("links", || report(&links::check(&paths::workspace()?, &files::tracked("md")?)));
    steps.run("format", || process::run(process::cargo()?.args(["fmt", "--all", "--check"])));
    dependencies(&mut steps, args.strict);
    steps.run("clippy", clippy);
    steps.run("docs", docs);
    steps.finish()
}

fn dependencies(steps: &mut Steps, strict: bool) {
    const NAME: &str = "dependencies";
    const MEND: &str = "cargo-deny is not installed: cargo install --locked cargo-deny";
    match process::answers("cargo-deny", &["--version"]) {
        Ok(true) => _ = steps.run(NAME, || process::run(process::cargo()?.args(["deny", "--all-features", "check"]))),
        Ok(false) if !strict => steps.skip(NAME, MEND),
        Ok(false) => _ = steps.run(NAME, || -> Result<()> { bail!(MEND) }),
        Err(error) => _ = steps.run(NAME, || Err::<(), _>(error)),
    }
}

fn clippy() -> Result<()> {
    let mut cargo = process::cargo()?;
    cargo.args(["clippy", "--workspace", "--all-targets", "--features", FEATURES, "--", "-D", "warnings"]);
    process::run(&mut cargo)
}

fn docs() -> Result<()> {
    let mut cargo = process::cargo()?;
    // Naming the examples brings in test dependencies, so that clippy's checked dependencies serve here too.
    cargo.args(["doc", "--workspace", "--no-deps", "--lib", "--bins", "--examples", "--features", FEATURES]);
    process::run(cargo.env("RUSTDOCFLAGS", "-D warnings"))
}

fn report(findings: &[String]) -> Result<()> {
    for finding in findings {
        eprintln!("{finding}");
    }
    match findings.len() {
        0 => Ok(()),
        n => bail!("{n} found"),
    }
}
