//! The folder of an export: made beside its place and put there whole, or not at all.
//!
//! A process that is killed leaves what it made behind, in plain text. So whoever exports to the same place holds a lock, and
//! the next one removes what is left.

use std::{
    collections::HashSet,
    ffi::OsStr,
    fs::{self, DirBuilder, File, OpenOptions, TryLockError},
    io::{self, BufRead as _, BufReader, BufWriter, Write as _},
    os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use crate::EvalError;

/// The conversations to imitate.
pub(super) const SFT: &str = "sft.jsonl";
/// The preference pairs.
pub(super) const PREFERENCES: &str = "preferences.jsonl";
/// The data card.
pub(super) const CARD: &str = "README.md";

/// A folder that is being made. What it holds is private: nobody else may read it. Dropped before [`Folder::finish`], it
/// leaves nothing behind.
#[derive(Debug)]
pub(super) struct Folder {
    out: PathBuf,
    /// Where it is made.
    part: PathBuf,
    /// Where an earlier one is put meanwhile; none when there is none.
    old: Option<PathBuf>,
    /// Released last.
    _lock: Lock,
}

/// The only one that makes a folder at this place.
#[derive(Debug)]
struct Lock {
    path: PathBuf,
    _file: File,
}

/// One file of the folder.
#[derive(Debug)]
pub(super) struct Lines {
    path: PathBuf,
    file: BufWriter<File>,
}

impl Folder {
    /// Begins a folder. Whatever stands at its place stays until the end.
    pub(super) fn begin(out: &Path, force: bool) -> Result<Self, EvalError> {
        let name = out.file_name().map(OsStr::to_string_lossy);
        let Some(name) = name else {
            return Err(EvalError::Input(format!("{} names no folder; give one that is to be made", out.display())));
        };
        let lock = Lock::take(out, out.with_file_name(format!(".{name}.lock")))?;
        clean(out, &name)?;
        let replaces = replaces(out, force)?;
        let beside = |what: &str| out.with_file_name(format!(".{name}.{what}-{}", std::process::id()));
        let (part, old) = (beside("part"), replaces.then(|| beside("old")));
        let mut builder = DirBuilder::new();
        builder.mode(0o700).create(&part).map_err(|source| EvalError::io("make", &part, source))?;
        Ok(Self { out: out.to_owned(), part, old, _lock: lock })
    }

    /// Opens one of its files.
    pub(super) fn file(&self, name: &str) -> Result<Lines, EvalError> {
        let path = self.part.join(name);
        let opened = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path);
        let file = opened.map_err(|source| EvalError::io("make", &path, source))?;
        Ok(Lines { path, file: BufWriter::new(file) })
    }

    /// Removes one of its files.
    pub(super) fn remove(&self, name: &str) -> Result<(), EvalError> {
        let path = self.part.join(name);
        fs::remove_file(&path).map_err(|source| EvalError::io("remove", &path, source))
    }

    /// Drops lines of one of its files, by their numbers from 0.
    pub(super) fn drop_lines(&self, name: &str, dropped: &HashSet<usize>) -> Result<(), EvalError> {
        let (path, all) = (self.part.join(name), self.part.join(format!("{name}.all")));
        let failed = |source| EvalError::io("read", &path, source);
        fs::rename(&path, &all).map_err(failed)?;
        let mut kept = self.file(name)?;
        for (at, line) in BufReader::new(File::open(&all).map_err(failed)?).lines().enumerate() {
            if !dropped.contains(&at) {
                kept.line(&line.map_err(failed)?)?;
            }
        }
        kept.finish()?;
        fs::remove_file(&all).map_err(failed)
    }

    /// Puts the folder at its place.
    pub(super) fn finish(self) -> Result<(), EvalError> {
        let put = |from: &Path, to: &Path| fs::rename(from, to).map_err(|source| EvalError::io("make", to, source));
        let Some(old) = &self.old else { return put(&self.part, &self.out) };
        put(&self.out, old)?;
        if let Err(error) = put(&self.part, &self.out) {
            put(old, &self.out)?;
            return Err(error);
        }
        fs::remove_dir_all(old).map_err(|source| EvalError::io("remove", old, source))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // It is not there any more when it was put at its place.
        _ = fs::remove_dir_all(&self.part);
    }
}

impl Lines {
    pub(super) fn line(&mut self, text: &str) -> Result<(), EvalError> {
        let written = self.file.write_all(text.as_bytes()).and_then(|()| self.file.write_all(b"\n"));
        written.map_err(|source| EvalError::io("write", &self.path, source))
    }

    pub(super) fn finish(mut self) -> Result<(), EvalError> {
        let flushed = self.file.flush().and_then(|()| self.file.get_ref().sync_all());
        flushed.map_err(|source| EvalError::io("write", &self.path, source))
    }
}

impl Lock {
    fn take(out: &Path, path: PathBuf) -> Result<Self, EvalError> {
        loop {
            let mut options = OpenOptions::new();
            let opened = options.write(true).create(true).truncate(false).mode(0o600).open(&path);
            let file = opened.map_err(|source| EvalError::io("make", &path, source))?;
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => {
                    let told = format!(
                        "another export to {} is under way; wait for it, or give another folder",
                        out.display()
                    );
                    return Err(EvalError::Input(told));
                }
                Err(TryLockError::Error(source)) => return Err(EvalError::io("lock", &path, source)),
            }
            // Whoever held it has removed it since it was opened: another one may have made it anew.
            let inode = |data: io::Result<fs::Metadata>| data.map(|data| data.ino()).ok();
            if inode(file.metadata()) == inode(fs::metadata(&path)) {
                return Ok(Self { path, _file: file });
            }
        }
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        _ = fs::remove_file(&self.path);
    }
}

/// Removes what earlier processes left beside the place when they were killed; an earlier export that one of them had put aside
/// comes back.
fn clean(out: &Path, name: &str) -> Result<(), EvalError> {
    let parent = out.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let entries = match fs::read_dir(parent) {
        Ok(entries) => entries,
        Err(source) => return Err(EvalError::io("look into", parent, source)),
    };
    let left = |entry: &str, what: &str| {
        let process = entry.strip_prefix(&format!(".{name}.{what}-"));
        process.is_some_and(|process| !process.is_empty() && process.bytes().all(|byte| byte.is_ascii_digit()))
    };
    for entry in entries {
        let entry = entry.map_err(|source| EvalError::io("look into", parent, source))?;
        let (path, entry) = (entry.path(), entry.file_name());
        let entry = entry.to_string_lossy();
        if left(&entry, "old") && !out.exists() {
            fs::rename(&path, out).map_err(|source| EvalError::io("bring back", &path, source))?;
        } else if left(&entry, "old") || left(&entry, "part") {
            fs::remove_dir_all(&path).map_err(|source| EvalError::io("remove", &path, source))?;
        }
    }
    Ok(())
}

/// Whether an earlier export stands at this place, which may be replaced.
fn replaces(out: &Path, force: bool) -> Result<bool, EvalError> {
    let entries = match fs::read_dir(out) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(source) => return Err(EvalError::io("look into", out, source)),
    };
    let (shown, mut strange) = (out.display(), None);
    for entry in entries {
        let name = entry.map_err(|source| EvalError::io("look into", out, source))?.file_name();
        if ![SFT, PREFERENCES, CARD].iter().any(|known| name == *known) {
            strange = Some(name);
        }
    }
    match strange {
        Some(name) => {
            let name = name.to_string_lossy();
            Err(EvalError::Input(format!("{shown} holds `{name}`, which is no part of an export; give another folder")))
        }
        None if !force => {
            Err(EvalError::Input(format!("{shown} is there already; give another folder, or `--force` to replace it")))
        }
        None => Ok(true),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn export(out: &Path, force: bool, text: &str) -> Result<(), EvalError> {
        let folder = Folder::begin(out, force)?;
        let mut lines = folder.file(SFT)?;
        lines.line(text)?;
        lines.finish()?;
        folder.finish()
    }

    fn names(folder: &Path) -> Vec<String> {
        let names = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.collect()
    }

    #[test]
    fn a_folder_is_there_whole_and_private() {
        let room = tempfile::tempdir().unwrap();
        let out = room.path().join("data");
        export(&out, false, "{}").unwrap();
        assert_eq!(fs::read_to_string(out.join(SFT)).unwrap(), "{}\n");
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&out), mode(&out.join(SFT))), (0o700, 0o600));
        assert_eq!(names(room.path()), ["data"]);
    }

    #[test]
    fn an_earlier_export_is_replaced_only_when_asked() {
        let room = tempfile::tempdir().unwrap();
        let out = room.path().join("data");
        export(&out, false, "1").unwrap();
        let wrong = export(&out, false, "2").unwrap_err();
        assert!(wrong.is_usage() && wrong.to_string().contains("`--force` to replace it"), "{wrong}");
        export(&out, true, "2").unwrap();
        assert_eq!(
            (fs::read_to_string(out.join(SFT)).unwrap().as_str(), names(room.path())),
            ("2\n", vec!["data".into()])
        );
        fs::write(out.join("notes.txt"), "mine").unwrap();
        let wrong = export(&out, true, "3").unwrap_err();
        assert!(wrong.is_usage() && wrong.to_string().contains("holds `notes.txt`"), "{wrong}");
        assert_eq!(fs::read_to_string(out.join(SFT)).unwrap(), "2\n");
    }

    #[test]
    fn what_a_killed_process_left_is_removed_by_the_next_one() {
        let room = tempfile::tempdir().unwrap();
        let out = room.path().join("data");
        let leave = |name: &str, text: &str| {
            fs::create_dir(room.path().join(name)).unwrap();
            fs::write(room.path().join(name).join(SFT), text).unwrap();
        };
        for stranger in [".data.part-x", ".other.part-1", "data.part-1"] {
            fs::create_dir(room.path().join(stranger)).unwrap();
        }
        fs::write(room.path().join(".data.lock"), "").unwrap();
        leave(".data.part-1", "secret");
        leave(".data.part-4194303", "secret");
        export(&out, false, "1").unwrap();
        let mut left = names(room.path());
        left.sort();
        assert_eq!(left, [".data.part-x", ".other.part-1", "data", "data.part-1"]);
        // Killed between putting the earlier export aside and the new one at its place.
        fs::rename(&out, room.path().join(".data.old-7")).unwrap();
        leave(".data.part-7", "2");
        let wrong = export(&out, false, "3").unwrap_err();
        assert!(wrong.is_usage() && wrong.to_string().contains("`--force` to replace it"), "{wrong}");
        assert_eq!(fs::read_to_string(out.join(SFT)).unwrap(), "1\n");
        leave(".data.old-8", "0");
        export(&out, true, "4").unwrap();
        assert_eq!(fs::read_to_string(out.join(SFT)).unwrap(), "4\n");
        assert_eq!(names(room.path()).len(), 4);
    }

    #[test]
    fn a_folder_is_made_by_one_at_a_time() {
        let room = tempfile::tempdir().unwrap();
        let out = room.path().join("data");
        let first = Folder::begin(&out, false).unwrap();
        let wrong = Folder::begin(&out, false).unwrap_err();
        assert!(wrong.is_usage() && wrong.to_string().contains("another export to"), "{wrong}");
        first.file(SFT).unwrap();
        drop(first);
        assert_eq!(names(room.path()), [] as [String; 0]);
        export(&out, false, "1").unwrap();
    }

    #[test]
    fn lines_can_be_dropped() {
        let room = tempfile::tempdir().unwrap();
        let folder = Folder::begin(&room.path().join("data"), false).unwrap();
        let mut lines = folder.file(SFT).unwrap();
        ["a", "b", "c"].iter().for_each(|line| lines.line(line).unwrap());
        lines.finish().unwrap();
        folder.drop_lines(SFT, &HashSet::from([0, 2])).unwrap();
        folder.finish().unwrap();
        assert_eq!(fs::read_to_string(room.path().join("data").join(SFT)).unwrap(), "b\n");
        assert_eq!(names(&room.path().join("data")), [SFT]);
    }

    #[test]
    fn what_is_not_finished_leaves_nothing() {
        let room = tempfile::tempdir().unwrap();
        let folder = Folder::begin(&room.path().join("data"), false).unwrap();
        folder.file(SFT).unwrap().line("{}").unwrap();
        drop(folder);
        assert_eq!(names(room.path()), [] as [String; 0]);
        assert!(Folder::begin(Path::new("/"), false).is_err());
    }
}
