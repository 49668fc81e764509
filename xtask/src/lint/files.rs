//! The files that a check looks at: those that git knows, and new ones that it does not ignore.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};

use crate::{paths, process};

/// A file's path from the workspace's root, and its text.
pub struct Source {
    /// The path, with `/` between folders.
    pub path: String,
    /// The whole text.
    pub text: String,
}

/// Reads all files whose name ends in this extension.
pub fn tracked(extension: &str) -> Result<Vec<Source>> {
    let mut git = process::command("git")?;
    // A checkout in a container often belongs to another user; listing its files does no harm.
    git.args(["-c", "safe.directory=*"]);
    git.args(["ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", &format!("*.{extension}")]);
    let listed = process::output(&mut git)?;
    let root = paths::workspace()?;
    let mut sources = Vec::new();
    for path in listed.split('\0').filter(|path| !path.is_empty()) {
        let file: PathBuf = root.join(path);
        // git still lists a file that was deleted but not yet committed.
        if file.is_file() {
            let text = fs::read_to_string(&file).with_context(|| format!("cannot read {path}"))?;
            sources.push(Source { path: path.to_owned(), text });
        }
    }
    Ok(sources)
}
