//! Python environments outside of the checkout, with pinned packages: one for the tests, one for what we are measured by.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::{paths, pinned, process};

/// The `python` of the tests, and of llama.cpp.
pub fn environment() -> Result<PathBuf> {
    prepared("python", "tests/python/requirements.txt", &[])
}

/// The `python` of the peers that we are measured by. Their pins are whole: what they only need for other things is left out.
pub fn peers() -> Result<PathBuf> {
    prepared("python-peers", "xtask/bench/peers-requirements.txt", &["--no-deps"])
}

/// The `python` of Microsoft Presidio, that our safeguards are measured by. Its pins are whole, too.
pub fn presidio() -> Result<PathBuf> {
    prepared("python-presidio", "xtask/bench/safeguards-requirements.txt", &["--no-deps"])
}

/// Returns an environment's `python`; makes the environment when there is none for these pins.
fn prepared(name: &str, pins: &str, options: &[&str]) -> Result<PathBuf> {
    let pins = paths::workspace()?.join(pins);
    let text = fs::read(&pins).with_context(|| format!("cannot read {}", pins.display()))?;
    let folder = paths::cache()?.join(name);
    let python = folder.join("bin").join("python");
    pinned::once("python environment", &folder, &python, &text, || make(&folder, &python, &pins, options))?;
    Ok(python)
}

fn make(folder: &Path, python: &Path, pins: &Path, options: &[&str]) -> Result<()> {
    // `--clear` empties a folder that holds an older or half-made environment.
    process::run(process::command("python3")?.args(["-m", "venv", "--clear"]).arg(folder))
        .context("python3 cannot make an environment: install it (Debian: apt-get install python3-venv)")?;
    let mut pip = process::command(python)?;
    pip.args(["-m", "pip", "install", "--disable-pip-version-check", "--quiet"]).args(options);
    pip.arg("--requirement").arg(pins);
    process::run(&mut pip).context("pip cannot install the pinned packages: check the network and pip's index settings")
}
