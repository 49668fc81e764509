//! Putting checked files in place: nothing wrong or half written ever bears the final name.

use std::fs::{self, File};
use std::io::{BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use sha2::{Digest, Sha256};

/// Holds the folder for this process until the value is dropped, and clears what a killed one left behind.
pub fn lock(folder: &Path) -> Result<File> {
    let path = folder.join(".lock");
    let file = File::create(&path).with_context(|| format!("cannot create {}", path.display()))?;
    file.lock().with_context(|| format!("cannot lock {}", path.display()))?;
    let scratch = scratch(folder);
    if scratch.exists() {
        fs::remove_dir_all(&scratch).with_context(|| format!("cannot clear {}", scratch.display()))?;
    }
    Ok(file)
}

/// The folder for half-made files: beside the final ones, so that a rename does not copy.
pub fn scratch(folder: &Path) -> PathBuf {
    folder.join(".tmp")
}

/// Whether the file exists and has this checksum.
pub fn is_right(path: &Path, sha256: &str) -> Result<bool> {
    if !path.is_file() {
        return Ok(false);
    }
    Ok(checksum(path)? == sha256)
}

/// Writes through `fill` to a scratch file, checks it, and renames it to `path`.
pub fn write(path: &Path, sha256: &str, fill: impl FnOnce(&mut BufWriter<File>) -> Result<()>) -> Result<()> {
    let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else {
        anyhow::bail!("{} is not a path of a file", path.display());
    };
    let scratch = scratch(folder);
    fs::create_dir_all(&scratch).with_context(|| format!("cannot create {}", scratch.display()))?;
    let half_made = scratch.join(name);
    let out = File::create(&half_made).with_context(|| format!("cannot create {}", half_made.display()))?;
    let mut out = BufWriter::with_capacity(1 << 20, out);
    fill(&mut out).with_context(|| format!("cannot write {}", half_made.display()))?;
    out.flush().with_context(|| format!("cannot write {}", half_made.display()))?;
    out.get_ref().sync_all().with_context(|| format!("cannot write {} to disk", half_made.display()))?;
    let found = checksum(&half_made)?;
    ensure!(
        found == sha256,
        "{} came out with SHA-256 {found}, but {sha256} is pinned: its source or its converter has changed",
        path.display()
    );
    fs::rename(&half_made, path).with_context(|| format!("cannot put {} in place", path.display()))
}

/// The file's SHA-256 in hexadecimal.
pub fn checksum(path: &Path) -> Result<String> {
    let mut file = File::open(path).with_context(|| format!("cannot open {}", path.display()))?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 1 << 20];
    loop {
        let n = file.read(&mut buffer).with_context(|| format!("cannot read {}", path.display()))?;
        match buffer.get(..n) {
            None | Some([]) => return Ok(hex::encode(hasher.finalize())),
            Some(read) => hasher.update(read),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    fn folder(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("forethought-place-{}-{name}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        folder
    }

    #[test]
    fn a_right_file_is_put_in_place() {
        let folder = folder("right");
        let path = folder.join("abc");
        write(&path, ABC, |file| Ok(file.write_all(b"abc")?)).unwrap();
        assert!(is_right(&path, ABC).unwrap());
        fs::write(&path, b"abd").unwrap();
        assert!(!is_right(&path, ABC).unwrap(), "a damaged file is not right");
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_wrong_file_never_bears_the_name() {
        let folder = folder("wrong");
        let path = folder.join("abc");
        let error = write(&path, ABC, |file| Ok(file.write_all(b"abd")?)).unwrap_err();
        assert!(error.to_string().contains("is pinned"), "{error}");
        assert!(!path.exists());
        drop(lock(&folder).unwrap());
        assert!(!scratch(&folder).exists(), "the next run clears what was left");
        fs::remove_dir_all(folder).unwrap();
    }
}
