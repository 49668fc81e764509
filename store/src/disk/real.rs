//! A directory of the operating system, locked against a second process.

use std::{
    collections::HashMap,
    fs::{self, DirBuilder, File, OpenOptions, TryLockError},
    io::{self, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};

#[cfg(unix)]
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};

use super::{Disk, check_name, parent};
use crate::StoreError;

const LOCK: &str = "LOCK";
/// Handles that are kept open once they have nothing unsynced.
const MAX_IDLE_HANDLES: usize = 8;
/// A reader probes the lock for an instant: a writer that meets one tries again.
const LOCK_TRIES: u32 = 5;
const LOCK_PAUSE: Duration = Duration::from_millis(20);

/// A directory of the operating system.
#[derive(Debug)]
pub struct RealDisk {
    root: PathBuf,
    /// Write handles. A handle stays from the write to its sync: the kernel reports a failed write-back only to those
    /// who had the file open when it failed.
    handles: Mutex<HashMap<String, Handle>>,
    access: Access,
}

#[derive(Debug)]
enum Access {
    /// Holds the lock until dropped.
    Write {
        _lock: File,
    },
    Read {
        in_use: bool,
    },
}

#[derive(Debug)]
struct Handle {
    file: File,
    unsynced: bool,
}

impl RealDisk {
    /// Opens a directory for writing, making it when it is not there, and locks it.
    ///
    /// # Errors
    /// [`StoreError::Locked`] while another process (or another value in this one) has it open for writing;
    /// [`StoreError::Io`] when it cannot be made or written.
    pub fn open(root: impl Into<PathBuf>) -> Result<Self, StoreError> {
        let root = root.into();
        make_root(&root).map_err(|source| StoreError::io("create", root.display().to_string(), source))?;
        let lock = lock(&root)?;
        Ok(Self { root, handles: Mutex::default(), access: Access::Write { _lock: lock } })
    }

    /// Opens a directory for reading: nothing in it is changed, and every call that would change it fails.
    ///
    /// # Errors
    /// [`StoreError::Io`] when the directory is not there.
    pub fn read_only(root: impl Into<PathBuf>) -> Result<Self, StoreError> {
        let root = root.into();
        fs::read_dir(&root).map_err(|source| StoreError::io("read", root.display().to_string(), source))?;
        // The lock file's mere absence means that nobody has ever opened the directory for writing.
        let in_use = File::open(root.join(LOCK))
            .is_ok_and(|file| matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)));
        Ok(Self { root, handles: Mutex::default(), access: Access::Read { in_use } })
    }

    fn path(&self, name: &str) -> io::Result<PathBuf> {
        check_name(name)?;
        Ok(self.root.join(name))
    }

    fn path_to_change(&self, name: &str) -> io::Result<PathBuf> {
        match self.access {
            Access::Write { .. } => self.path(name),
            Access::Read { .. } => Err(io::Error::new(io::ErrorKind::PermissionDenied, "opened for reading only")),
        }
    }

    fn dir(&self, dir: &str) -> io::Result<PathBuf> {
        if dir.is_empty() { Ok(self.root.clone()) } else { self.path(dir) }
    }

    fn handles(&self) -> MutexGuard<'_, HashMap<String, Handle>> {
        // A panic elsewhere leaves the map itself whole.
        self.handles.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn with_handle<T>(&self, name: &str, act: impl FnOnce(&mut Handle) -> io::Result<T>) -> io::Result<T> {
        let path = self.path_to_change(name)?;
        let mut handles = self.handles();
        if let Some(handle) = handles.get_mut(name) {
            return act(handle);
        }
        make_room(&mut handles);
        let file = OpenOptions::new().append(true).open(path)?;
        act(handles.entry(name.to_owned()).or_insert(Handle { file, unsynced: false }))
    }
}

impl Disk for RealDisk {
    fn create(&self, name: &str) -> io::Result<()> {
        let path = self.path_to_change(name)?;
        let file = private().append(true).create_new(true).open(path)?;
        let mut handles = self.handles();
        make_room(&mut handles);
        handles.insert(name.to_owned(), Handle { file, unsynced: true });
        Ok(())
    }

    fn create_dir(&self, name: &str) -> io::Result<()> {
        make_dir(&self.path_to_change(name)?)
    }

    fn append(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        self.with_handle(name, |handle| {
            handle.unsynced = true;
            handle.file.write_all(bytes)
        })
    }

    fn overwrite(&self, name: &str, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let path = self.path_to_change(name)?;
        self.with_handle(name, |handle| {
            handle.unsynced = true;
            // A file that was opened for appending is written at its end only.
            let mut file = OpenOptions::new().write(true).open(path)?;
            file.seek(SeekFrom::Start(offset))?;
            file.write_all(bytes)
        })
    }

    fn read(&self, name: &str, offset: u64, len: usize) -> io::Result<Vec<u8>> {
        let mut file = File::open(self.path(name)?)?;
        let left = file.metadata()?.len().saturating_sub(offset);
        let len = usize::try_from(left).map_or(len, |left| left.min(len));
        file.seek(SeekFrom::Start(offset))?;
        let mut bytes = Vec::with_capacity(len);
        file.take(len as u64).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    fn size(&self, name: &str) -> io::Result<u64> {
        Ok(fs::metadata(self.path(name)?)?.len())
    }

    fn truncate(&self, name: &str, len: u64) -> io::Result<()> {
        self.with_handle(name, |handle| {
            handle.unsynced = true;
            handle.file.set_len(len)
        })
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let (source, target) = (self.path_to_change(from)?, self.path_to_change(to)?);
        if parent(from) != parent(to) {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "a file stays in its folder"));
        }
        let mut handles = self.handles();
        handles.remove(to);
        fs::rename(source, target)?;
        if let Some(handle) = handles.remove(from) {
            handles.insert(to.to_owned(), handle);
        }
        Ok(())
    }

    fn list(&self, dir: &str) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(self.dir(dir)?)? {
            let entry = entry?;
            if entry.file_type()?.is_file() {
                names.extend(entry.file_name().into_string().ok());
            }
        }
        names.sort();
        Ok(names)
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        let path = self.path_to_change(name)?;
        self.handles().remove(name);
        fs::remove_file(path)
    }

    fn sync_file(&self, name: &str) -> io::Result<()> {
        self.with_handle(name, |handle| {
            handle.file.sync_data()?;
            handle.unsynced = false;
            Ok(())
        })
    }

    fn sync_dir(&self, dir: &str) -> io::Result<()> {
        File::open(self.dir(dir)?)?.sync_all()
    }

    fn location(&self) -> String {
        self.root.display().to_string()
    }

    fn in_use(&self) -> bool {
        matches!(self.access, Access::Read { in_use: true })
    }
}

/// Closes what is idle once there is much of it.
fn make_room(handles: &mut HashMap<String, Handle>) {
    if handles.len() >= MAX_IDLE_HANDLES {
        handles.retain(|_, handle| handle.unsynced);
    }
}

/// Makes the data directory, its name and those of the folders made for it durable.
fn make_root(root: &Path) -> io::Result<()> {
    let made = missing(root);
    make_dir(root)?;
    made.into_iter().try_for_each(|dir| File::open(folder_of(dir))?.sync_all())
}

/// The folders of a path that are not there, the innermost first.
fn missing(path: &Path) -> Vec<&Path> {
    path.ancestors().take_while(|dir| !dir.as_os_str().is_empty() && !dir.exists()).collect()
}

/// The folder that a path's last name is in.
fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn make_dir(path: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    builder.mode(0o700);
    builder.create(path)
}

fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    options.mode(0o600);
    options
}

fn lock(root: &Path) -> Result<File, StoreError> {
    let path = root.join(LOCK);
    let failed = |action, source| StoreError::io(action, path.display().to_string(), source);
    let mut file = private()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(&path)
        .map_err(|source| failed("open", source))?;
    for left in (0..LOCK_TRIES).rev() {
        match file.try_lock() {
            Ok(()) => break,
            Err(TryLockError::WouldBlock) if left > 0 => thread::sleep(LOCK_PAUSE),
            Err(TryLockError::WouldBlock) => {
                let pid = fs::read_to_string(&path).ok().and_then(|text| text.trim().parse().ok());
                return Err(StoreError::Locked { dir: root.to_owned(), pid });
            }
            Err(TryLockError::Error(source)) => return Err(failed("lock", source)),
        }
    }
    // The number only helps whoever meets the lock: a full disk is no reason not to start.
    let noted = file.set_len(0).and_then(|()| writeln!(file, "{}", std::process::id()));
    if let Err(error) = noted {
        tracing::warn!(%error, lock = %path.display(), "cannot note the process id in the lock file");
    }
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_folders_that_are_made_are_made_durable_where_their_names_are() {
        let dir = tempfile::tempdir().expect("a folder");
        let root = dir.path().join("a/b/data");
        let made: Vec<&Path> = missing(&root).into_iter().map(folder_of).collect();
        assert_eq!(made, [dir.path().join("a/b"), dir.path().join("a"), dir.path().to_owned()]);
        make_root(&root).expect("made");
        assert!(root.is_dir() && missing(&root).is_empty());
        make_root(&root).expect("there already");
        let relative = Path::new("no-such-folder");
        assert_eq!((missing(relative), folder_of(relative)), (vec![relative], Path::new(".")));
    }
}
