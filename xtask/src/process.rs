//! Starting other programs, always from the workspace's root and without stdin.

use std::ffi::OsStr;
use std::io::ErrorKind;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};

use crate::paths;

/// A command that runs in the workspace's root.
pub fn command(program: impl AsRef<OsStr>) -> Result<Command> {
    let mut command = Command::new(program);
    command.current_dir(paths::workspace()?).stdin(Stdio::null());
    Ok(command)
}

/// The cargo that started us, with the environment that it was started with.
///
/// `cargo run` sets variables that describe this crate. Build scripts that read the like of them (`ring` does) would run
/// again, and with them everything up to the engine would be built again, whenever a build through xtask follows one
/// without it.
pub fn cargo() -> Result<Command> {
    let mut command = command(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))?;
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(describes_this_crate) {
            command.env_remove(name);
        }
    }
    Ok(command)
}

/// The variables of `cargo run`, as the Cargo book lists them for programs that it runs.
fn describes_this_crate(name: &str) -> bool {
    name.starts_with("CARGO_PKG_") || matches!(name, "CARGO_MANIFEST_DIR" | "CARGO_MANIFEST_PATH" | "CARGO_BIN_NAME")
}

/// Runs to the end; its output streams through.
pub fn run(command: &mut Command) -> Result<()> {
    let status = command.status().with_context(|| cannot_start(command))?;
    ensure!(status.success(), "{} failed ({status})", shown(command));
    Ok(())
}

/// Runs to the end and returns its stdout; its stderr streams through.
pub fn output(command: &mut Command) -> Result<String> {
    let output = command.stderr(Stdio::inherit()).output().with_context(|| cannot_start(command))?;
    ensure!(output.status.success(), "{} failed ({})", shown(command), output.status);
    String::from_utf8(output.stdout).with_context(|| format!("{} printed no UTF-8", shown(command)))
}

/// Whether the program is there and answers.
pub fn answers(program: &str, args: &[&str]) -> Result<bool> {
    match command(program)?.args(args).stdout(Stdio::null()).stderr(Stdio::null()).status() {
        Ok(status) => Ok(status.success()),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => bail!("cannot start {program}: {error}"),
    }
}

fn cannot_start(command: &Command) -> String {
    format!("cannot start {}", shown(command))
}

fn shown(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    let text = words.map(OsStr::to_string_lossy).collect::<Vec<_>>().join(" ");
    format!("`{text}`")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_command_is_named() {
        let error = run(command("sh").unwrap().args(["-c", "exit 3"])).unwrap_err().to_string();
        assert!(error.contains("`sh -c exit 3` failed") && error.contains('3'), "{error}");
    }

    #[test]
    fn a_missing_program_is_named() {
        let error = run(&mut command("no-such-program").unwrap()).unwrap_err().to_string();
        assert_eq!(error, "cannot start `no-such-program`");
        assert!(!answers("no-such-program", &[]).unwrap());
    }

    #[test]
    fn cargo_does_not_learn_which_crate_started_it() {
        let check = |name, expect| assert_eq!(describes_this_crate(name), expect, "{name}");
        check("CARGO_PKG_NAME", true);
        check("CARGO_MANIFEST_DIR", true);
        check("CARGO_TARGET_DIR", false);
        check("CARGO_HOME", false);
        let cargo = cargo().unwrap();
        let kept = |name: &str| cargo.get_envs().all(|(other, value)| other != name || value.is_some());
        assert!(!kept("CARGO_MANIFEST_DIR") && kept("CARGO_HOME"));
    }

    #[test]
    fn stdout_is_returned() {
        assert_eq!(output(command("sh").unwrap().args(["-c", "echo hello"])).unwrap(), "hello\n");
    }
}
