//! Files and folders that are not the log's own, such as policies. What holds keys is left out.

use std::{
    fs::{self, File},
    io::{self, Read},
    path::{Path, PathBuf},
};

use super::BackupError;

/// Folders within folders; a link that leads back to where it is ends there.
const MAX_DEPTH: usize = 16;
/// Names in a data directory that are not the caller's.
const RESERVED: [&str; 11] = [
    "LOCK",
    "STORE",
    "STORE.new",
    "index",
    "keys",
    "log",
    "log.key",
    "master.key",
    "recovery.json",
    "recovery.json.new",
    "vault",
];
/// Names of files that hold keys, whatever folder they are in.
const KEY_FILES: [&str; 2] = ["log.key", "master.key"];
/// What a line with a private key begins with, and what the files of a key table do.
const KEY_LINES: [&[u8]; 2] = [b"PRIVATE+KEY+", b"forethought-master-"];
const KEY_TABLES: [&[u8]; 2] = [b"FTVAULT\n", b"FTVBACK\n"];
/// Bytes of a file that are looked through for keys.
const LOOKED_AT: u64 = 64 << 10;

/// A file, or a folder with all that is in it, and where it goes when it is restored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackupExtra {
    /// Its path in the restored data directory, with slashes, such as `policies`.
    pub name: String,
    /// Where it is.
    pub path: PathBuf,
}

/// What there is to copy.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// Names and paths of files.
    pub(super) files: Vec<(String, PathBuf)>,
    /// Names of files that hold keys.
    pub(super) left_out: Vec<String>,
}

/// Looks for all files that are asked for.
pub(super) fn find(extras: &[BackupExtra]) -> Result<Found, BackupError> {
    let mut found = Found::default();
    for BackupExtra { name, path } in extras {
        check_name(name)?;
        found.add(name, path, 0)?;
    }
    found.files.sort();
    let twice = found.files.iter().zip(found.files.iter().skip(1)).find(|(one, other)| one.0 == other.0);
    match twice {
        Some(((name, _), _)) => Err(extra(name, "two files have this name: give each another")),
        None => Ok(found),
    }
}

/// Refuses a name that leaves the data directory, or is the log's own.
pub(super) fn check_name(name: &str) -> Result<(), BackupError> {
    let good = |part: &str| !part.is_empty() && part != "." && part != ".." && !part.contains(['\\', ':', '\0']);
    if !name.split('/').all(good) {
        return Err(extra(name, "a name is a path within the data directory, with slashes"));
    }
    let first = name.split('/').next().unwrap_or_default();
    if RESERVED.contains(&first) || first.starts_with("journal-") {
        return Err(extra(name, "the log's own files have such names: give it another one"));
    }
    Ok(())
}

fn extra(name: &str, what: &str) -> BackupError {
    BackupError::Extra { name: name.to_owned(), what: what.to_owned() }
}

impl Found {
    fn add(&mut self, name: &str, path: &Path, depth: usize) -> Result<(), BackupError> {
        let kind = fs::metadata(path).map_err(|source| io_error("read", path, source))?;
        if kind.is_dir() && depth == MAX_DEPTH {
            return Err(extra(name, "there are too many folders within folders: a link may lead back to itself"));
        }
        if kind.is_dir() {
            return self.add_folder(name, path, depth);
        }
        if !kind.is_file() {
            return Err(extra(name, "it is neither a file nor a folder: leave it out"));
        }
        if is_key(name, path)? {
            self.left_out.push(name.to_owned());
        } else {
            self.files.push((name.to_owned(), path.to_owned()));
        }
        Ok(())
    }

    fn add_folder(&mut self, name: &str, path: &Path, depth: usize) -> Result<(), BackupError> {
        for entry in fs::read_dir(path).map_err(|source| io_error("read", path, source))? {
            let entry = entry.map_err(|source| io_error("read", path, source))?;
            let Ok(own) = entry.file_name().into_string() else {
                return Err(extra(name, "a file in it has a name that is no UTF-8: rename it"));
            };
            let name = format!("{name}/{own}");
            check_name(&name)?;
            self.add(&name, &entry.path(), depth + 1)?;
        }
        Ok(())
    }
}

/// Whether a file holds a key, by its name or by what it begins with.
fn is_key(name: &str, path: &Path) -> Result<bool, BackupError> {
    if holds_key(name, b"") {
        return Ok(true);
    }
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|file| file.take(LOOKED_AT).read_to_end(&mut bytes));
    read.map_err(|source| io_error("read", path, source))?;
    Ok(holds_key(name, &bytes))
}

/// Whether a file holds a key, by its name or by its first bytes.
pub(crate) fn holds_key(name: &str, bytes: &[u8]) -> bool {
    let mut lines = bytes.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii_start);
    KEY_FILES.contains(&name.rsplit('/').next().unwrap_or(name))
        || KEY_TABLES.iter().any(|table| bytes.starts_with(table))
        || lines.any(|line| KEY_LINES.iter().any(|key| line.starts_with(key)))
}

pub(super) fn io_error(action: &'static str, path: &Path, source: io::Error) -> BackupError {
    BackupError::Io { action, path: path.to_owned(), source }
}
