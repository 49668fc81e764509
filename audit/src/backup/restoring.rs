//! Restoring: into an empty folder, every digest checked, and the log in it checked from its first byte to its last.
//!
//! Until that is done, `STORE` says that a restore is under way, so that nobody takes half a log for a whole one. The log is not
//! opened for writing: that might begin a new key table, beside which the one that is to be imported could not come.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
};

use forethought_store::{Disk, RealDisk, StoreError};
use forethought_tlog::Hash;
use sha2::{Digest as _, Sha256};

use super::{
    BackupError, RestoreReport,
    extras::{self, io_error},
    manifest::{FILE, FileNote, Manifest},
};
use crate::{
    Digest, VerifyReport,
    log::CHECKPOINT_FILE,
    store_version::{self, STORE_FILE},
    verify,
};

const CHUNK: usize = 1 << 20;
/// A stamp is never longer, in bytes.
const MAX_STAMP: u64 = 4096;

/// Checks the digest of every file of a backup, without restoring it. Gives how many files there are.
///
/// # Errors
/// [`BackupError::NoBackup`], [`BackupError::Newer`], [`BackupError::Damaged`] with the file, and [`BackupError::Store`].
pub fn check_backup(from: &Path) -> Result<u64, BackupError> {
    let from = RealDisk::read_only(from)?;
    let manifest = load(&from)?;
    for file in &manifest.files {
        read(&from, file, &mut |_| Ok(()))?;
    }
    Ok(manifest.files.len() as u64)
}

/// Restores a backup into a folder that is new or empty, and checks all of the log in it. Keys are not restored: put the log's key where it
/// was, and import the key table last (see docs/vault.md), before the service takes requests.
///
/// **A log that is restored is as old as its backup.** Where checkpoints of a longer log were given away, it must go on under another name:
/// whoever has seen them would find that it has another history.
///
/// # Errors
/// [`BackupError`]. What had been restored is removed then; where it cannot be, `STORE` keeps it from being opened.
pub fn restore(from: &Path, to: &Path) -> Result<RestoreReport, BackupError> {
    restore_from(&RealDisk::read_only(from)?, to)
}

/// As [`restore`], from any disk.
pub(super) fn restore_from(from: &dyn Disk, to: &Path) -> Result<RestoreReport, BackupError> {
    let manifest = load(from)?;
    let stamp = check_files(from, &manifest)?;
    check_empty(to)?;
    let target = RealDisk::open(to)?;
    let restored =
        fill(from, &manifest, to, &target).and_then(|verified| finish(&target, to, stamp).map(|()| verified));
    match restored {
        Ok(verified) => {
            let root = hash(&manifest)?;
            Ok(RestoreReport { size: manifest.size, root, files: manifest.files.len() as u64, verified })
        }
        Err(error) => {
            drop(target);
            if let Err(error) = clear(to) {
                tracing::error!(%error, folder = %to.display(), "what was restored in part cannot be removed: remove it by hand");
            }
            Err(error)
        }
    }
}

fn load(from: &dyn Disk) -> Result<Manifest, BackupError> {
    let none = || BackupError::NoBackup {
        location: from.location(),
        what: format!("there is no {FILE}; name the folder of a backup"),
    };
    Manifest::load(from)?.ok_or_else(none)
}

/// That every file may be restored, before any is; gives the stamp, if there is one.
fn check_files(from: &dyn Disk, manifest: &Manifest) -> Result<Option<Vec<u8>>, BackupError> {
    let mut stamp = None;
    for file in &manifest.files {
        match file.name.as_str() {
            STORE_FILE if file.bytes <= MAX_STAMP => {
                let mut bytes = Vec::new();
                read(from, file, &mut |chunk| {
                    bytes.extend_from_slice(chunk);
                    Ok(())
                })?;
                store_version::read(&bytes, from.location())?;
                stamp = Some(bytes);
            }
            CHECKPOINT_FILE | "recovery.json" => {}
            _ if file.is_segment() => {}
            name => extras::check_name(name)?,
        }
    }
    hash(manifest)?;
    Ok(stamp)
}

fn hash(manifest: &Manifest) -> Result<Hash, BackupError> {
    let digest: Result<Digest, String> = manifest.root.parse();
    let damaged = |what| BackupError::Damaged { file: FILE.to_owned(), what };
    digest.map(|digest| Hash::from(*digest.as_bytes())).map_err(damaged)
}

fn check_empty(to: &Path) -> Result<(), BackupError> {
    match fs::read_dir(to) {
        Ok(mut entries) => match entries.next() {
            Some(_) => Err(BackupError::NotEmpty { path: to.to_owned() }),
            None => Ok(()),
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(source) => Err(io_error("read", to, source)),
    }
}

/// Copies everything, and checks the log. The target is locked meanwhile, which also has the check take requests without an end for
/// requests that are under way.
fn fill(from: &dyn Disk, manifest: &Manifest, to: &Path, target: &RealDisk) -> Result<VerifyReport, BackupError> {
    store_version::stamp_restoring(target)?;
    for file in manifest.files.iter().filter(|file| file.name != STORE_FILE) {
        copy(from, file, to)?;
    }
    let verified = verify(to)?;
    if let Some(failure) = &verified.failure {
        return Err(BackupError::Unsound { what: failure.to_string() });
    }
    if (verified.leaves, &verified.root) != (manifest.size, &manifest.root) {
        let what =
            format!("its {} records have another root than the {} that were backed up", verified.leaves, manifest.size);
        return Err(BackupError::Unsound { what });
    }
    Ok(verified)
}

/// Says that the restore is done: with the stamp of the backup, or with none as in version 1.
fn finish(target: &RealDisk, to: &Path, stamp: Option<Vec<u8>>) -> Result<(), BackupError> {
    let path = to.join(STORE_FILE);
    let Some(stamp) = stamp else {
        let removed = target.remove(STORE_FILE).and_then(|()| target.sync_dir(""));
        return removed.map_err(|source| io_error("remove", &path, source));
    };
    let new = "STORE.new";
    let written = target.create(new).and_then(|()| {
        target.append(new, &stamp)?;
        target.sync_file(new)?;
        target.rename(new, STORE_FILE)?;
        target.sync_dir("")
    });
    written.map_err(|source| io_error("write", &path, source))
}

fn copy(from: &dyn Disk, file: &FileNote, to: &Path) -> Result<(), BackupError> {
    let path = to.join(&file.name);
    let dir = path.parent().unwrap_or(to);
    make_dirs(dir).map_err(|source| io_error("create", dir, source))?;
    let mut target = private().open(&path).map_err(|source| io_error("create", &path, source))?;
    read(from, file, &mut |chunk| target.write_all(chunk).map_err(|source| io_error("write", &path, source)))?;
    target.sync_all().map_err(|source| io_error("sync", &path, source))?;
    sync_dirs(dir, to)
}

/// Makes the names of a folder, and of those that it is in, durable.
fn sync_dirs(dir: &Path, to: &Path) -> Result<(), BackupError> {
    for dir in dir.ancestors().take_while(|dir| dir.starts_with(to)) {
        File::open(dir).and_then(|dir| dir.sync_all()).map_err(|source| io_error("sync", dir, source))?;
    }
    Ok(())
}

/// Reads a file of a backup, piece by piece, and holds it against its digest at its end.
fn read(
    from: &dyn Disk,
    file: &FileNote,
    take: &mut dyn FnMut(&[u8]) -> Result<(), BackupError>,
) -> Result<(), BackupError> {
    let stored = file.stored();
    let damaged = |what: String| BackupError::Damaged { file: format!("{stored} ({})", file.name), what };
    let (mut hasher, mut bytes) = (Sha256::new(), 0);
    loop {
        let chunk = match from.read(&stored, bytes, CHUNK) {
            Ok(chunk) => chunk,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(damaged("it is missing".to_owned())),
            Err(source) => return Err(StoreError::io("read", stored.clone(), source).into()),
        };
        if chunk.is_empty() {
            break;
        }
        hasher.update(&chunk);
        bytes += chunk.len() as u64;
        if bytes > file.bytes {
            break;
        }
        take(&chunk)?;
    }
    let sha256 = Digest::from_bytes(hasher.finalize().into());
    if (bytes, sha256) == (file.bytes, file.sha256) {
        return Ok(());
    }
    Err(damaged(format!("it is not the {} bytes that were written", file.bytes)))
}

fn make_dirs(dir: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(dir)
}

fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// Empties a folder that was empty before; `STORE` goes last.
fn clear(to: &Path) -> io::Result<()> {
    let paths: Vec<PathBuf> =
        fs::read_dir(to)?.map(|entry| entry.map(|entry| entry.path())).collect::<Result<_, _>>()?;
    let (stamp, others): (Vec<_>, Vec<_>) = paths.into_iter().partition(|path| path.ends_with(STORE_FILE));
    for path in others.iter().chain(&stamp) {
        if path.is_dir() { fs::remove_dir_all(path)? } else { fs::remove_file(path)? }
    }
    Ok(())
}
