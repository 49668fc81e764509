//! The digest of a file, read once from its beginning to its end.

use std::{
    fs::{self, File},
    io::{self, Read as _},
    path::Path,
};

use sha2::{Digest as _, Sha256};

use crate::{Digest, stamp::Stamp};

/// Bytes read at a time.
const BUFFER: usize = 1 << 20;

/// How far the hashing is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress<'p> {
    /// The file that is being read.
    pub file: &'p Path,
    /// Bytes that were read of all files.
    pub done: u64,
    /// Bytes of all files.
    pub total: u64,
}

/// What came of reading a file.
pub(crate) enum Hashed {
    /// It was the same from the beginning to the end.
    Steady(Digest, Stamp),
    /// It was written to in the meantime.
    Changing,
}

/// The file as the file system tells it, links followed.
///
/// # Errors
/// The system's, also for a circle of links; and when it is no regular file, whose reading could block for ever.
pub(crate) fn stamp(path: &Path) -> io::Result<Stamp> {
    let metadata = fs::metadata(path)?;
    if metadata.is_file() { Ok(Stamp::of(&metadata)) } else { Err(io::Error::other("it is no regular file")) }
}

/// The digest of a file; `read` is told the length of each piece.
pub(crate) fn hash(path: &Path, read: &mut dyn FnMut(u64)) -> io::Result<Hashed> {
    let before = stamp(path)?;
    let mut file = File::open(path)?;
    let opened = Stamp::of(&file.metadata()?);
    let digest = digest(&mut file, before.size(), read)?;
    let after = Stamp::of(&file.metadata()?);
    // The path is asked again: what was hashed must be what stands there.
    let steady = before == opened && opened == after && after == stamp(path)?;
    Ok(digest.filter(|_| steady).map_or(Hashed::Changing, |digest| Hashed::Steady(digest, after)))
}

/// The digest of what is read; nothing when it is not of the length it had, so that a growing file ends, too.
fn digest(file: &mut File, length: u64, read: &mut dyn FnMut(u64)) -> io::Result<Option<Digest>> {
    let mut buffer = vec![0; BUFFER];
    let mut hasher = Sha256::new();
    let mut done: u64 = 0;
    while done <= length {
        let got = match file.read(&mut buffer) {
            Ok(0) => break,
            Ok(got) => got,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        hasher.update(buffer.get(..got).unwrap_or_default());
        let got = u64::try_from(got).unwrap_or(u64::MAX);
        done = done.saturating_add(got);
        read(got);
    }
    Ok((done == length).then(|| Digest::from(hasher)))
}

/// The length and digest of a file that is to be registered; `progress` is told after each mebibyte.
///
/// # Errors
/// The system's, and when the file is no regular one or is written to in the meantime.
pub fn measure(path: &Path, progress: &mut dyn FnMut(Progress<'_>)) -> io::Result<(u64, Digest)> {
    let total = stamp(path)?.size();
    let mut done = 0;
    let mut read = |got| {
        done += got;
        progress(Progress { file: path, done, total });
    };
    match hash(path, &mut read)? {
        Hashed::Steady(digest, stamp) => Ok((stamp.size(), digest)),
        Hashed::Changing => Err(io::Error::other("the file was written to while it was read; try again when it rests")),
    }
}
