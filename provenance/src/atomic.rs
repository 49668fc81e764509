//! A file that is replaced as a whole or not at all, and the lock that keeps two writers apart.
//!
//! The order is that of every such replacement: a new file beside the old one, its bytes, a sync of it, the renaming, and
//! a sync of the folder. A crash before the renaming leaves the old file, one after it the new one.

use std::{
    ffi::OsString,
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, Write as _},
    path::{Path, PathBuf},
    process,
    sync::atomic::{AtomicU64, Ordering},
    thread,
    time::{Duration, Instant},
};

const LOCK_POLL: Duration = Duration::from_millis(20);
/// Bytes written between two steps.
const CHUNK: usize = 4096;
/// Temporary files that crashed processes of the same id may have left.
const MOST_LEFT: usize = 64;

/// What is about to be done; tests end the work before any of them, as a crash would.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Making the new file.
    Create,
    /// Writing up to 4,096 bytes of it.
    Write,
    /// Making the bytes durable.
    Sync,
    /// Putting it in the old one's place.
    Rename,
    /// Making the place durable.
    SyncFolder,
}

/// Locks `<file>.lock`, which stays behind: removing it would let two writers hold two locks. `None` if another holder
/// has not let go within `patience`.
pub(crate) fn lock(file: &Path, patience: Duration) -> io::Result<Option<File>> {
    let lock = OpenOptions::new().create(true).truncate(false).write(true).open(lock_path(file))?;
    let deadline = Instant::now() + patience;
    loop {
        match lock.try_lock() {
            Ok(()) => return Ok(Some(lock)),
            Err(TryLockError::Error(error)) => return Err(error),
            Err(TryLockError::WouldBlock) if Instant::now() >= deadline => return Ok(None),
            Err(TryLockError::WouldBlock) => thread::sleep(LOCK_POLL),
        }
    }
}

/// The lock file beside `file`.
pub(crate) fn lock_path(file: &Path) -> PathBuf {
    let mut name = OsString::from(file);
    name.push(".lock");
    PathBuf::from(name)
}

/// The folder that a file stands in.
pub(crate) fn folder(file: &Path) -> &Path {
    file.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Puts `bytes` in the place of `file`, with the mode of the file that was there; `before` is asked before each step.
pub(crate) fn replace(file: &Path, bytes: &[u8], before: &mut dyn FnMut(Step) -> io::Result<()>) -> io::Result<()> {
    before(Step::Create)?;
    let (temporary, mut new) = create(file)?;
    let outcome = fill(&mut new, bytes, before)
        .and_then(|()| keep_mode(file, &new))
        .and_then(|()| before(Step::Sync))
        .and_then(|()| new.sync_all())
        .and_then(|()| before(Step::Rename))
        .and_then(|()| fs::rename(&temporary, file));
    if let Err(error) = outcome {
        // The first failure is what is told; a temporary file left behind does no harm.
        let _ = fs::remove_file(&temporary);
        return Err(error);
    }
    before(Step::SyncFolder)?;
    File::open(folder(file))?.sync_all()
}

fn create(file: &Path) -> io::Result<(PathBuf, File)> {
    for _ in 0..MOST_LEFT {
        let temporary = folder(file).join(temporary_name(file));
        match OpenOptions::new().write(true).create_new(true).open(&temporary) {
            Ok(new) => return Ok((temporary, new)),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
    Err(io::Error::other("old temporary files stand in the way; remove those that end with .tmp"))
}

fn fill(new: &mut File, bytes: &[u8], before: &mut dyn FnMut(Step) -> io::Result<()>) -> io::Result<()> {
    for chunk in bytes.chunks(CHUNK) {
        before(Step::Write)?;
        new.write_all(chunk)?;
    }
    Ok(())
}

/// An edit must neither open the file to more readers nor take it from the user that the service runs as.
fn keep_mode(file: &Path, new: &File) -> io::Result<()> {
    let before = match fs::metadata(file) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    keep_owner(new, &before)?;
    new.set_permissions(before.permissions())
}

#[cfg(unix)]
fn keep_owner(file: &File, before: &fs::Metadata) -> io::Result<()> {
    use std::os::unix::fs::{MetadataExt as _, fchown};
    let now = file.metadata()?;
    if (now.uid(), now.gid()) == (before.uid(), before.gid()) {
        return Ok(());
    }
    fchown(file, Some(before.uid()), Some(before.gid()))
}

#[cfg(not(unix))]
fn keep_owner(_file: &File, _before: &fs::Metadata) -> io::Result<()> {
    Ok(())
}

fn temporary_name(file: &Path) -> OsString {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let mut name = OsString::from(".");
    name.push(file.file_name().unwrap_or_default());
    name.push(format!(".{}-{}.tmp", process::id(), COUNT.fetch_add(1, Ordering::Relaxed)));
    name
}
