//! Files that are replaced as a whole or not at all, and the lock that keeps two editors apart.

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

/// Locks `<file>.lock`, which stays behind: removing it would let two editors hold two locks. `None` if another
/// holder has not let go within `patience`.
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

/// Puts `bytes` in the place of `file`, with the mode and owner of the file that was there, or the mode 0600 if there
/// was none. After a crash at any moment the old or the new content stands there, whole.
pub(crate) fn replace(file: &Path, bytes: &[u8]) -> io::Result<()> {
    let before = match fs::metadata(file) {
        Ok(metadata) => Some(metadata),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(error),
    };
    let directory = file.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let temporary = directory.join(temporary_name(file));
    let outcome = write(&temporary, bytes, before.as_ref()).and_then(|()| fs::rename(&temporary, file));
    if let Err(error) = outcome {
        // The first failure is what is told; a temporary file left behind does no harm.
        let _ = fs::remove_file(&temporary);
        return Err(error);
    }
    File::open(directory)?.sync_all()
}

fn write(temporary: &Path, bytes: &[u8], before: Option<&fs::Metadata>) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(temporary)?;
    file.write_all(bytes)?;
    if let Some(before) = before {
        keep_owner(&file, before)?;
        file.set_permissions(before.permissions())?;
    }
    file.sync_all()
}

/// An administrator's edit must not take the file away from the user that the service runs as.
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
