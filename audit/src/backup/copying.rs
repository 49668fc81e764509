//! Making a backup: files first, each under the digest of its bytes, then the manifest that names them.

use std::{
    collections::BTreeSet,
    fs::File,
    io::{self, Read},
    path::Path,
};

use forethought_store::{Disk, StoreError};
use jiff::Timestamp;
use sha2::{Digest as _, Sha256};

use super::{
    BackupError, BackupExtra, BackupReport,
    extras::{self, io_error},
    manifest::{self, FILES, FileNote, Manifest, is_segment, remove_if_there},
};
use crate::{Digest, LogSnapshot, log::CHECKPOINT_FILE, store_version::STORE_FILE};

/// The file that is being written.
const NEW: &str = "files/new";
/// Bytes that are copied at once.
const CHUNK: usize = 1 << 20;
/// Small files of the log that are copied as they are, where they are.
const SMALL: [&str; 2] = [STORE_FILE, "recovery.json"];
const MAX_SMALL: usize = 1 << 20;
/// What a folder without a finished backup may have in it.
const OWN: [&str; 2] = ["LOCK", "MANIFEST.new"];

/// Makes a backup.
pub(super) fn write(
    snapshot: &LogSnapshot,
    extras: &[BackupExtra],
    to: &dyn Disk,
    now: Timestamp,
) -> Result<BackupReport, BackupError> {
    let extras = extras::find(extras)?;
    let before = Manifest::load(to)?;
    if before.is_none() {
        check_empty(to)?;
    }
    let tree = snapshot.tree()?;
    let mut copier = Copier::begin(to, before, Manifest::new(now, (tree.0, tree.1.hex()), snapshot.last_seq()))?;
    copier.check_goes_on(snapshot)?;
    copier.log(snapshot)?;
    for (name, path) in &extras.files {
        copier.extra(name, path)?;
    }
    copier.manifest.left_out = extras.left_out;
    let digest = copier.finish()?;
    let Copier { manifest, copied, .. } = copier;
    Ok(BackupReport {
        size: tree.0,
        root: tree.1,
        last_seq: manifest.last_seq,
        files: manifest.files.len() as u64,
        bytes: manifest.files.iter().map(|file| file.bytes).sum(),
        copied,
        left_out: manifest.left_out,
        manifest: digest,
    })
}

/// That a folder without a backup has nothing of somebody else's in it, such as a log.
fn check_empty(to: &dyn Disk) -> Result<(), BackupError> {
    let names = to.list("").map_err(|source| StoreError::io("list", to.location(), source))?;
    match names.iter().find(|name| !OWN.contains(&name.as_str())) {
        Some(name) => {
            let what = format!("it has a file `{name}` in it; back up into a new or empty folder");
            Err(BackupError::NoBackup { location: to.location(), what })
        }
        None => Ok(()),
    }
}

struct Copier<'t> {
    to: &'t dyn Disk,
    /// The backup that was here.
    before: Option<Manifest>,
    manifest: Manifest,
    /// Bytes that were copied.
    copied: u64,
}

/// What a source gives from an offset on: nothing at its end.
type Source<'s> = &'s mut dyn FnMut(u64, usize) -> Result<Vec<u8>, BackupError>;

impl<'t> Copier<'t> {
    fn begin(to: &'t dyn Disk, before: Option<Manifest>, manifest: Manifest) -> Result<Self, BackupError> {
        let made = to.create_dir(FILES).and_then(|()| to.sync_dir(""));
        made.map_err(|source| StoreError::io("create", FILES, source))?;
        Ok(Self { to, before, manifest, copied: 0 })
    }

    /// That the log has all segments that were backed up before, as long or longer.
    fn check_goes_on(&self, snapshot: &LogSnapshot) -> Result<(), BackupError> {
        let Some(before) = &self.before else { return Ok(()) };
        for file in before.files.iter().filter(|file| file.is_segment()) {
            let now = snapshot.journal().segments().find(|(name, _)| *name == file.name);
            if now.is_none_or(|(_, len)| len < file.bytes) {
                return Err(self.other_log(&format!("its {} is missing or shorter", file.name)));
            }
        }
        if before.size > self.manifest.size {
            return Err(self.other_log(&format!("it has {} records, the backup {}", self.manifest.size, before.size)));
        }
        Ok(())
    }

    fn other_log(&self, what: &str) -> BackupError {
        BackupError::OtherLog { location: self.to.location(), what: what.to_owned() }
    }

    /// Copies the journal, the checkpoint, and what is small.
    fn log(&mut self, snapshot: &LogSnapshot) -> Result<(), BackupError> {
        for (name, len) in snapshot.journal().segments() {
            self.segment(snapshot.journal().disk().as_ref(), name, len)?;
        }
        if let Some(checkpoint) = snapshot.checkpoint() {
            self.bytes(CHECKPOINT_FILE, checkpoint.to_string().as_bytes())?;
        }
        for name in SMALL {
            match snapshot.journal().disk().read(name, 0, MAX_SMALL) {
                Ok(bytes) => self.bytes(name, &bytes)?,
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(source) => return Err(StoreError::io("read", name, source).into()),
            }
        }
        Ok(())
    }

    /// Copies the first bytes of a segment, unless they are here.
    fn segment(&mut self, from: &dyn Disk, name: &str, len: u64) -> Result<(), BackupError> {
        let known = self.before.as_ref().and_then(|before| before.files.iter().find(|file| file.name == name)).cloned();
        let was_last = self.last_before() == Some(name);
        let mut read = |offset: u64, most: usize| {
            let most = usize::try_from(len - offset).map_or(most, |left| left.min(most));
            let bytes = from.read(name, offset, most).map_err(|source| StoreError::io("read", name, source))?;
            if bytes.is_empty() && offset < len {
                let source = io::Error::from(io::ErrorKind::UnexpectedEof);
                return Err(StoreError::io("read", name, source).into());
            }
            Ok(bytes)
        };
        match known {
            // A segment that others follow takes no more, and was read to its end before.
            Some(known) if known.bytes == len && self.has(&known) && !was_last => {
                self.manifest.files.push(known);
                Ok(())
            }
            // Another log would differ here at the latest: the record ids are random.
            Some(known) if was_last => {
                self.check_prefix(&known, &mut read)?;
                if known.bytes == len && self.has(&known) {
                    self.manifest.files.push(known);
                    return Ok(());
                }
                self.copy(name, &mut read)
            }
            _ => self.copy(name, &mut read),
        }
    }

    /// The last segment of the backup that was here.
    fn last_before(&self) -> Option<&str> {
        let files = &self.before.as_ref()?.files;
        files.iter().map(|file| file.name.as_str()).filter(|name| is_segment(name)).max()
    }

    /// Whether the bytes of a file are here, as far as their length tells.
    fn has(&self, file: &FileNote) -> bool {
        self.to.size(&file.stored()).is_ok_and(|size| size == file.bytes)
    }

    fn check_prefix(&self, known: &FileNote, read: Source<'_>) -> Result<(), BackupError> {
        let (mut hasher, mut done) = (Sha256::new(), 0);
        while done < known.bytes {
            let most = usize::try_from(known.bytes - done).map_or(CHUNK, |left| left.min(CHUNK));
            let bytes = read(done, most)?;
            hasher.update(&bytes);
            done += bytes.len() as u64;
        }
        if Digest::from_bytes(hasher.finalize().into()) == known.sha256 {
            return Ok(());
        }
        Err(self.other_log(&format!("the first {} bytes of its {} are others", known.bytes, known.name)))
    }

    fn bytes(&mut self, name: &str, bytes: &[u8]) -> Result<(), BackupError> {
        let note = FileNote { name: name.to_owned(), bytes: bytes.len() as u64, sha256: Digest::of(bytes) };
        if self.before.as_ref().is_some_and(|before| before.files.contains(&note)) && self.has(&note) {
            self.manifest.files.push(note);
            return Ok(());
        }
        self.copy(name, &mut |offset, most| {
            let rest = usize::try_from(offset).ok().and_then(|offset| bytes.get(offset..)).unwrap_or_default();
            Ok(rest.iter().take(most).copied().collect())
        })
    }

    fn extra(&mut self, name: &str, path: &Path) -> Result<(), BackupError> {
        let mut file = File::open(path).map_err(|source| io_error("read", path, source))?;
        self.copy(name, &mut |_, most| {
            let mut bytes = Vec::new();
            let read = file.by_ref().take(most as u64).read_to_end(&mut bytes);
            read.map_err(|source| io_error("read", path, source))?;
            Ok(bytes)
        })
    }

    /// Copies a file to its end, durably, under the digest of its bytes.
    fn copy(&mut self, name: &str, read: Source<'_>) -> Result<(), BackupError> {
        let failed = |source| StoreError::io("write a copy in", FILES, source);
        remove_if_there(self.to, NEW).and_then(|()| self.to.create(NEW)).map_err(failed)?;
        let (mut hasher, mut bytes) = (Sha256::new(), 0);
        loop {
            let chunk = read(bytes, CHUNK)?;
            if chunk.is_empty() {
                break;
            }
            self.to.append(NEW, &chunk).map_err(failed)?;
            hasher.update(&chunk);
            bytes += chunk.len() as u64;
        }
        let note = FileNote { name: name.to_owned(), bytes, sha256: Digest::from_bytes(hasher.finalize().into()) };
        self.to.sync_file(NEW).and_then(|()| self.to.rename(NEW, &note.stored())).map_err(failed)?;
        self.manifest.files.push(note);
        self.copied += bytes;
        Ok(())
    }

    /// Makes the backup be the one that counts, and removes what only the one before it needed.
    fn finish(&mut self) -> Result<Digest, BackupError> {
        self.to.sync_dir(FILES).map_err(|source| StoreError::io("sync", FILES, source))?;
        let digest = self.manifest.store(self.to)?;
        if let Err(error) = self.tidy() {
            tracing::warn!(%error, "a backup has files that it does not need: the next one removes them");
        }
        Ok(digest)
    }

    fn tidy(&self) -> io::Result<()> {
        let needed: BTreeSet<String> = self.manifest.files.iter().map(FileNote::stored).collect();
        for name in self.to.list(FILES)? {
            let name = format!("{FILES}/{name}");
            if !needed.contains(&name) {
                self.to.remove(&name)?;
            }
        }
        self.to.sync_dir(manifest::FILES)
    }
}
