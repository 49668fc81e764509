//! Python environments outside of the checkout, with pinned packages: one for the tests, one for what we are measured by.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};

use crate::{paths, process};

/// Written last, so that a half-made environment is made anew.
const STAMP: &str = "pins.sha256";

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
    let hash = hex::encode(Sha256::digest(&text));
    let folder = paths::cache()?.join(name);
    let python = folder.join("bin").join("python");
    if is_made(&folder, &hash) && python.is_file() {
        eprintln!("python environment: {} is there and right", folder.display());
        return Ok(python);
    }
    eprintln!("python environment: making {}", folder.display());
    make(&folder, &python, &pins, options)?;
    fs::write(folder.join(STAMP), hash).context("cannot note the environment's pins")?;
    Ok(python)
}

fn is_made(folder: &Path, hash: &str) -> bool {
    fs::read_to_string(folder.join(STAMP)).is_ok_and(|stamp| stamp == hash)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_pins_or_no_stamp_mean_a_new_environment() {
        let folder = std::env::temp_dir().join(format!("forethought-python-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        assert!(!is_made(&folder, "abc"));
        fs::write(folder.join(STAMP), "abc").unwrap();
        assert!(is_made(&folder, "abc"));
        assert!(!is_made(&folder, "abd"));
        fs::remove_dir_all(folder).unwrap();
    }
}
