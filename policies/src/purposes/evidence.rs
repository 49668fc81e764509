//! Files with assessments, as they were when the policy was read.

use std::{
    fs, io,
    io::Read as _,
    path::{Path, PathBuf},
    sync::Arc,
};

use sha2::{Digest as _, Sha256};

use super::{Assessed, Reader};

/// More bytes than the largest assessment has.
const MAX_BYTES: u64 = 16 << 20;
/// Files that one folder may have.
const MAX_FILES: usize = 1000;

/// What is wrong, and the mend.
type Wrong = (String, String);

/// One file.
#[derive(Clone, Debug)]
pub(super) struct Evidence {
    /// Its path as the policy names it, with its name where the policy names a folder.
    file: String,
    bytes: Arc<[u8]>,
    /// None where nobody reads it.
    assessed: Option<Arc<dyn Assessed>>,
}

impl Evidence {
    pub(super) fn file(&self) -> &str {
        &self.file
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(super) fn assessed(&self) -> Option<&dyn Assessed> {
        self.assessed.as_deref()
    }

    /// The SHA-256 of its bytes, hexadecimal.
    pub(super) fn sum(&self) -> String {
        hex::encode(Sha256::digest(&self.bytes))
    }

    /// The digest by which a record names it, or that of its bytes where nobody reads it.
    pub(super) fn told(&self) -> String {
        self.assessed().map_or_else(|| format!("sha256:{}", self.sum()), |assessed| assessed.digest().to_owned())
    }
}

/// Every assessment at a path: a file, or all `.json` of a folder, by name.
pub(super) fn read(folder: &Path, path: &str, reader: Reader) -> Result<Vec<Evidence>, Vec<Wrong>> {
    let whole = folder.join(path);
    let unreadable = |error: &io::Error| vec![missing(path, error)];
    let files = if fs::metadata(&whole).map_err(|error| unreadable(&error))?.is_dir() {
        let names = listed(&whole).map_err(|error| unreadable(&error))?;
        if names.len() > MAX_FILES {
            let told = format!("the folder {path} has more than {MAX_FILES} assessments");
            return Err(vec![(told, "move away those that are no longer needed".to_owned())]);
        }
        let placed = |name: String| (format!("{}/{name}", path.trim_end_matches('/')), whole.join(name));
        names.into_iter().map(placed).collect()
    } else {
        vec![(path.to_owned(), whole.clone())]
    };
    let (mut all, mut wrong) = (Vec::new(), Vec::new());
    for (name, file) in files {
        match one(name, &file, reader) {
            Ok(evidence) => all.push(evidence),
            Err(told) => wrong.push(told),
        }
    }
    if wrong.is_empty() { Ok(all) } else { Err(wrong) }
}

/// Paths are told as the policy names them: where its folder lies is not everybody's to know.
fn missing(path: &str, error: &io::Error) -> Wrong {
    let mend = match error.kind() {
        io::ErrorKind::NotFound if Path::new(path).extension().is_some_and(|it| it == "json") => {
            "make it with `forethought impact`, or correct the path"
        }
        io::ErrorKind::NotFound => "make the folder, which may be empty, or correct the path",
        _ => "check its owner and mode",
    };
    (format!("cannot read {path}: {error}"), mend.to_owned())
}

/// The names of a folder's assessments. What is half written has another ending.
fn listed(folder: &Path) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path: PathBuf = entry?.path();
        let is_json = path.extension().is_some_and(|ending| ending == "json");
        if is_json && path.is_file() {
            names.extend(path.file_name().map(|name| name.to_string_lossy().into_owned()));
        }
    }
    names.sort();
    Ok(names)
}

fn one(name: String, file: &Path, reader: Reader) -> Result<Evidence, Wrong> {
    let bytes = bytes(file).map_err(|error| missing(&name, &error))?;
    if bytes.len() as u64 > MAX_BYTES {
        let told = format!("{name} is larger than {MAX_BYTES} bytes");
        return Err((told, "check that it is an assessment".to_owned()));
    }
    let read = reader.0.map(|read| read(&bytes)).transpose();
    // What is wrong comes with its mend.
    let assessed = read.map_err(|why| (format!("{name}: {why}"), String::new()))?;
    Ok(Evidence { file: name, bytes: bytes.into(), assessed })
}

/// A file's bytes, and one more than may be where it has more.
fn bytes(file: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    fs::File::open(file)?.take(MAX_BYTES + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}
