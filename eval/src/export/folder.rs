//! The folder of an export: made beside its place and put there whole, or not at all.

use std::{
    ffi::OsStr,
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, BufWriter, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
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
        let replaces = replaces(out, force)?;
        let name = out.file_name().map(OsStr::to_string_lossy);
        let Some(name) = name else {
            return Err(EvalError::Input(format!("{} names no folder; give one that is to be made", out.display())));
        };
        let beside = |what: &str| out.with_file_name(format!(".{name}.{what}-{}", std::process::id()));
        let (part, old) = (beside("part"), replaces.then(|| beside("old")));
        _ = fs::remove_dir_all(&part);
        let mut builder = DirBuilder::new();
        builder.mode(0o700).create(&part).map_err(|source| EvalError::io("make", &part, source))?;
        Ok(Self { out: out.to_owned(), part, old })
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
    fn what_is_not_finished_leaves_nothing() {
        let room = tempfile::tempdir().unwrap();
        let folder = Folder::begin(&room.path().join("data"), false).unwrap();
        folder.file(SFT).unwrap().line("{}").unwrap();
        drop(folder);
        assert_eq!(names(room.path()), [] as [String; 0]);
        assert!(Folder::begin(Path::new("/"), false).is_err());
    }
}
