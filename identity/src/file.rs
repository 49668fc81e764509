//! A file of keys, read anew when it changes.

use std::{
    fs::{File, Metadata},
    io::Read as _,
    path::{Path, PathBuf},
    time::SystemTime,
};

use crate::key_set::MAX_BYTES;

/// A file and what it looked like when it was last read well.
#[derive(Clone, Debug)]
pub(crate) struct KeyFile {
    path: PathBuf,
    seen: Option<Stamp>,
}

/// What changes with a file's content, also when it is replaced by another of the same length within one tick.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stamp {
    modified: Option<SystemTime>,
    length: u64,
    id: u64,
}

/// What reading came to: the content, nothing where it is as it was, or what went wrong.
pub(crate) type Read = Result<Option<(Vec<u8>, Stamp)>, String>;

impl KeyFile {
    pub(crate) const fn new(path: PathBuf) -> Self {
        Self { path, seen: None }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The content, unless it is as it was and nobody asks `anyway`. Blocks. The error is what went wrong.
    pub(crate) fn read(&self, anyway: bool) -> Read {
        let failed = |error: std::io::Error| format!("cannot be read: {error}");
        // To open a pipe would wait for somebody who writes.
        let found = std::fs::metadata(&self.path).map_err(failed)?;
        if !found.is_file() {
            return Err("is no regular file".to_owned());
        }
        if !anyway && self.seen == Some(stamp(&found)) {
            return Ok(None);
        }
        let file = File::open(&self.path).map_err(failed)?;
        // Taken before reading: what is written meanwhile makes another stamp, and is read the next time.
        let stamp = stamp(&file.metadata().map_err(failed)?);
        let mut content = Vec::new();
        // One byte more than allowed is enough for the reader of the set to refuse it.
        file.take(MAX_BYTES as u64 + 1).read_to_end(&mut content).map_err(failed)?;
        Ok(Some((content, stamp)))
    }

    /// The content of that stamp was good.
    pub(crate) const fn was_good(&mut self, stamp: Stamp) {
        self.seen = Some(stamp);
    }
}

fn stamp(found: &Metadata) -> Stamp {
    Stamp { modified: found.modified().ok(), length: found.len(), id: id(found) }
}

#[cfg(unix)]
fn id(found: &Metadata) -> u64 {
    std::os::unix::fs::MetadataExt::ino(found)
}

#[cfg(not(unix))]
const fn id(_: &Metadata) -> u64 {
    0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_read_when_it_changed_or_anyway() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys.json");
        let mut file = KeyFile::new(path.clone());
        assert!(file.read(false).unwrap_err().contains("cannot be read"));
        std::fs::write(&path, "one").unwrap();
        let (content, stamp) = file.read(false).unwrap().unwrap();
        assert_eq!(content, b"one");
        assert!(file.read(false).unwrap().is_some(), "it was not good so far");
        file.was_good(stamp);
        assert!(file.read(false).unwrap().is_none());
        assert!(file.read(true).unwrap().is_some());
        let other = folder.path().join("new");
        std::fs::write(&other, "two").unwrap();
        File::options().write(true).open(&other).unwrap().set_modified(stamp.modified.unwrap()).unwrap();
        std::fs::rename(&other, &path).unwrap();
        assert_eq!(file.read(false).unwrap().unwrap().0, b"two", "same length and time, another file");
    }

    #[test]
    fn what_is_no_file_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(KeyFile::new(folder.path().into()).read(true).unwrap_err(), "is no regular file");
        std::fs::write(folder.path().join("big"), vec![b' '; MAX_BYTES + 10]).unwrap();
        let (content, _) = KeyFile::new(folder.path().join("big")).read(false).unwrap().unwrap();
        assert_eq!(content.len(), MAX_BYTES + 1);
    }
}
