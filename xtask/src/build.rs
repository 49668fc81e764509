//! Building the workspace, always with the same features.
//!
//! The engine's dependencies take many minutes to build, and cargo builds them again for another set of features.
//! Test dependencies and the choice of packages change that set. So every command builds the whole workspace with
//! its test targets, and takes the programs that it needs from there.

use std::path::PathBuf;
use std::process::Stdio;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::process;

/// The features that tests need, and that everything is built with.
pub const FEATURES: &str = "forethought-engine/failpoints";

/// The programs of a build.
pub struct Programs(Vec<(String, PathBuf)>);

impl Programs {
    /// The program that is built from the target of this name.
    pub fn path(&self, name: &str) -> Result<PathBuf> {
        let found = self.0.iter().find(|(target, _)| target == name);
        Ok(found.with_context(|| format!("the build made no program `{name}`"))?.1.clone())
    }
}

/// Builds the workspace's programs and tests; `more` are further target options such as `--examples`.
pub fn workspace(more: &[&str]) -> Result<Programs> {
    let mut cargo = process::cargo()?;
    cargo.args(["build", "--workspace", "--bins", "--tests", "--features", FEATURES]).args(more);
    cargo.arg("--message-format=json-render-diagnostics").stdout(Stdio::piped());
    Ok(Programs(programs(&process::output(&mut cargo)?)))
}

/// Reads cargo's messages; test programs are left out.
fn programs(messages: &str) -> Vec<(String, PathBuf)> {
    messages.lines().filter_map(|line| program(&serde_json::from_str(line).ok()?)).collect()
}

fn program(message: &Value) -> Option<(String, PathBuf)> {
    if message.pointer("/profile/test")?.as_bool()? {
        return None;
    }
    let name = message.pointer("/target/name")?.as_str()?;
    let path = message.get("executable")?.as_str()?;
    Some((name.to_owned(), path.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_found_and_tests_left_out() {
        let messages = r#"
            {"reason":"compiler-artifact","target":{"name":"lib"},"profile":{"test":false},"executable":null}
            {"reason":"compiler-artifact","target":{"name":"forethought"},"profile":{"test":true},"executable":"/t/x"}
            {"reason":"compiler-artifact","target":{"name":"forethought"},"profile":{"test":false},"executable":"/t/y"}
            {"reason":"build-finished","success":true}"#;
        let built = Programs(programs(messages));
        assert_eq!(built.path("forethought").unwrap(), PathBuf::from("/t/y"));
        assert!(built.path("lib").unwrap_err().to_string().contains("no program `lib`"));
    }
}
