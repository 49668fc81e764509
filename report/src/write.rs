//! The folder of a report: whole, or not there.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use crate::{Report, ReportError, page};

/// What was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// The page to open.
    pub page: PathBuf,
    /// Files in all.
    pub files: u64,
    /// Bytes in all.
    pub bytes: u64,
}

/// See [`Report::write`].
pub(crate) fn write(report: &Report, folder: &Path) -> Result<Written, ReportError> {
    check_free(folder)?;
    let name = folder.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    // Of this process alone, and on the same file system, so that a rename is all that is left to do.
    let beside = folder.with_file_name(format!(".{name}.{}.partial", std::process::id()));
    let done = fill(report, &beside).and_then(|written| put(&beside, folder).map(|()| written));
    if done.is_err() {
        // What it was about is told; that the rest could not be removed is not.
        let _ = fs::remove_dir_all(&beside);
    }
    done.map(|written| Written { page: folder.join("report.html"), ..written })
}

fn check_free(folder: &Path) -> Result<(), ReportError> {
    match fs::read_dir(folder) {
        Ok(mut entries) => match entries.next() {
            None => Ok(()),
            Some(_) => Err(ReportError::NotEmpty { folder: folder.display().to_string() }),
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(source) => Err(ReportError::io("read the folder", folder, source)),
    }
}

/// An empty folder gives way; one that has something in it by now does not.
fn put(beside: &Path, folder: &Path) -> Result<(), ReportError> {
    match fs::rename(beside, folder) {
        Err(error) if matches!(error.kind(), io::ErrorKind::DirectoryNotEmpty | io::ErrorKind::AlreadyExists) => {
            Err(ReportError::NotEmpty { folder: folder.display().to_string() })
        }
        moved => moved.map_err(|source| ReportError::io("move the report to", folder, source)),
    }
}

/// What an earlier process with the same id may have left.
fn clear(folder: &Path) -> Result<(), ReportError> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        cleared => cleared.map_err(|source| ReportError::io("clear the folder", folder, source)),
    }
}

fn fill(report: &Report, folder: &Path) -> Result<Written, ReportError> {
    clear(folder)?;
    let entries = folder.join("entries");
    fs::create_dir_all(&entries).map_err(|source| ReportError::io("make the folder", &entries, source))?;
    let mut written = Written { page: PathBuf::new(), files: 0, bytes: 0 };
    let mut file = |name: &str, text: &str| {
        let path = folder.join(name);
        written.files += 1;
        written.bytes += text.len() as u64;
        fs::write(&path, text).map_err(|source| ReportError::io("write", &path, source))
    };
    page::entries::pages(report, &mut |name, text| file(&format!("entries/{name}"), text))?;
    file("report.json", &report.json()?)?;
    file("report.html", &report.html())?;
    Ok(written)
}
