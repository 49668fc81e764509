//! Where things live: the workspace, and the caches outside of it.

use std::env;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// The workspace's root: the folder above this crate.
pub fn workspace() -> Result<PathBuf> {
    let crate_dir = Path::new(env!("CARGO_MANIFEST_DIR"));
    crate_dir.parent().map(Path::to_path_buf).context("the xtask folder has no parent folder")
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

fn non_empty(name: &str) -> Option<std::ffi::OsString> {
    env::var_os(name).filter(|value| !value.is_empty())
}
