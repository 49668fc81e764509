//! Where things live: the workspace, and the caches outside of it.

use std::env;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// The workspace's root: the nearest folder, from here upwards, that holds this crate.
///
/// It is found at run time. Checkouts may share a target folder, and a path that is compiled in would then be that of
/// the checkout that was built first.
pub fn workspace() -> Result<PathBuf> {
    let start = match non_empty("CARGO_MANIFEST_DIR") {
        Some(dir) => PathBuf::from(dir),
        None => env::current_dir().context("the current folder cannot be read")?,
    };
    let root = start.ancestors().find(|folder| folder.join("xtask").join("Cargo.toml").is_file());
    root.map(Path::to_path_buf).with_context(|| format!("{} is in no checkout of forethought", start.display()))
}

/// Forethought's cache folder: `$XDG_CACHE_HOME/forethought`, else `~/.cache/forethought`.
pub fn cache() -> Result<PathBuf> {
    if let Some(dir) = non_empty("XDG_CACHE_HOME") {
        return Ok(PathBuf::from(dir).join("forethought"));
    }
    let home = non_empty("HOME").context("neither XDG_CACHE_HOME nor HOME is set: set one of them")?;
    Ok(PathBuf::from(home).join(".cache").join("forethought"))
}

/// The folder of prepared models: `FORETHOUGHT_MODELS`, else `models` in the cache folder.
pub fn models() -> Result<PathBuf> {
    match non_empty("FORETHOUGHT_MODELS") {
        // A relative path would mean another folder for each command that is started elsewhere.
        Some(dir) => std::path::absolute(dir).context("FORETHOUGHT_MODELS is not a usable path"),
        None => Ok(cache()?.join("models")),
    }
}

/// The folder of chat templates: `FORETHOUGHT_TEMPLATES`, else `templates` in the cache folder.
pub fn templates() -> Result<PathBuf> {
    match non_empty("FORETHOUGHT_TEMPLATES") {
        Some(dir) => std::path::absolute(dir).context("FORETHOUGHT_TEMPLATES is not a usable path"),
        None => Ok(cache()?.join("templates")),
    }
}

/// The folder of interpreters for the sandbox: `FORETHOUGHT_INTERPRETERS`, else `interpreters` in the cache folder.
pub fn interpreters() -> Result<PathBuf> {
    match non_empty("FORETHOUGHT_INTERPRETERS") {
        Some(dir) => std::path::absolute(dir).context("FORETHOUGHT_INTERPRETERS is not a usable path"),
        None => Ok(cache()?.join("interpreters")),
    }
}

fn non_empty(name: &str) -> Option<std::ffi::OsString> {
    env::var_os(name).filter(|value| !value.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_workspace_holds_this_crate() {
        assert!(workspace().unwrap().join("xtask/src/paths.rs").is_file());
    }
}
