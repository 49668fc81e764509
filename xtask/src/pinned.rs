//! Folders outside of the checkout that are made once from pinned packages, and anew when the pins change.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};

/// Written last, so that a half-made folder is made anew.
const STAMP: &str = "pins.sha256";

/// Makes the folder `what`, unless it has been made from these pins and what it is for, `there`, is in it.
pub fn once(what: &str, folder: &Path, there: &Path, pins: &[u8], make: impl FnOnce() -> Result<()>) -> Result<()> {
    let hash = hex::encode(Sha256::digest(pins));
    if is_made(folder, &hash) && there.exists() {
        eprintln!("{what}: {} is there and right", folder.display());
        return Ok(());
    }
    eprintln!("{what}: making {}", folder.display());
    make()?;
    fs::write(folder.join(STAMP), hash).context("cannot note what was installed")
}

fn is_made(folder: &Path, hash: &str) -> bool {
    fs::read_to_string(folder.join(STAMP)).is_ok_and(|stamp| stamp == hash)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_pins_or_no_stamp_or_a_missing_file_mean_that_it_is_made_anew() {
        let folder = tempfile::tempdir().unwrap();
        let there = folder.path().join("there");
        let made = |pins: &[u8]| {
            let mut made = false;
            once("test", folder.path(), &there, pins, || {
                made = true;
                Ok(fs::write(&there, "")?)
            })
            .unwrap();
            made
        };
        assert!(made(b"abc") && !made(b"abc"));
        assert!(made(b"abd") && !made(b"abd"));
        fs::remove_file(&there).unwrap();
        assert!(made(b"abd") && !made(b"abd"));
        fs::remove_file(folder.path().join(STAMP)).unwrap();
        assert!(made(b"abd"));
    }
}
