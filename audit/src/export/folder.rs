//! The folder that an export is written into.

use std::{
    collections::BTreeSet,
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
};

use sha2::{Digest as _, Sha256};

use super::{ExportError, manifest::FileNote};
use crate::Digest;

/// A new folder, and what was written into it.
#[derive(Debug)]
pub(super) struct Folder {
    root: PathBuf,
    /// Folders in it that were made.
    made: BTreeSet<String>,
    /// Files that belong to the export.
    pub(super) files: Vec<FileNote>,
}

impl Folder {
    /// Makes the folder, which only the owner can enter.
    pub(super) fn create(root: &Path) -> Result<Self, ExportError> {
        match make_dir(root) {
            Ok(()) => Ok(Self { root: root.to_owned(), made: BTreeSet::new(), files: Vec::new() }),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                Err(ExportError::Exists { path: root.to_owned() })
            }
            Err(source) => Err(ExportError::Io { action: "create", path: root.to_owned(), source }),
        }
    }

    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    /// Writes a whole file.
    pub(super) fn put(&mut self, path: &str, bytes: &[u8]) -> Result<(), ExportError> {
        let mut stream = self.begin(path)?;
        stream.write(bytes)?;
        self.end(stream)
    }

    /// Writes a whole file that does not belong to the export.
    pub(super) fn put_unlisted(&mut self, path: &str, bytes: &[u8]) -> Result<(), ExportError> {
        let mut stream = self.begin(path)?;
        stream.write(bytes)?;
        stream.finish(false).map(drop)
    }

    /// Begins a file.
    pub(super) fn begin(&mut self, path: &str) -> Result<Stream, ExportError> {
        if let Some((dir, _)) = path.rsplit_once('/') {
            self.make(dir)?;
        }
        let at = self.root.join(path);
        let opened = OpenOptions::new().write(true).create_new(true).open(&at);
        let file = opened.map_err(|source| ExportError::Io { action: "create", path: at.clone(), source })?;
        Ok(Stream { path: path.to_owned(), at, file: BufWriter::new(file), hasher: Sha256::new(), bytes: 0 })
    }

    /// Ends a file that belongs to the export.
    pub(super) fn end(&mut self, stream: Stream) -> Result<(), ExportError> {
        let note = stream.finish(false)?;
        self.files.push(note);
        Ok(())
    }

    fn make(&mut self, dir: &str) -> Result<(), ExportError> {
        if self.made.contains(dir) {
            return Ok(());
        }
        let path = self.root.join(dir);
        fs::create_dir_all(&path).map_err(|source| ExportError::Io { action: "create", path, source })?;
        self.made.insert(dir.to_owned());
        Ok(())
    }

    /// Removes a folder in it, with all that is there.
    pub(super) fn discard(&mut self, dir: &str) -> Result<(), ExportError> {
        let path = self.root.join(dir);
        match fs::remove_dir_all(&path) {
            Err(source) if source.kind() != io::ErrorKind::NotFound => {
                Err(ExportError::Io { action: "remove", path, source })
            }
            _ => Ok(()),
        }
    }

    /// Writes the file that ends the export: under another name first, then durably under its own.
    pub(super) fn seal(&mut self, new: &str, path: &str, bytes: &[u8]) -> Result<Digest, ExportError> {
        let mut stream = self.begin(new)?;
        stream.write(bytes)?;
        let note = stream.finish(true)?;
        let at = self.root.join(path);
        let named = fs::rename(self.root.join(new), &at).and_then(|()| File::open(&self.root)?.sync_all());
        named.map_err(|source| ExportError::Io { action: "rename", path: at, source })?;
        Ok(note.sha256)
    }

    /// Removes the folder after a failure.
    pub(super) fn remove(self, why: ExportError) -> ExportError {
        match fs::remove_dir_all(&self.root) {
            Ok(()) => why,
            Err(error) => ExportError::LeftOver { path: self.root, source: Box::new(why), why: error },
        }
    }
}

/// A file that is being written.
#[derive(Debug)]
pub(super) struct Stream {
    path: String,
    at: PathBuf,
    file: BufWriter<File>,
    hasher: Sha256,
    bytes: u64,
}

impl Stream {
    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<(), ExportError> {
        self.hasher.update(bytes);
        self.bytes += bytes.len() as u64;
        self.file.write_all(bytes).map_err(|source| ExportError::Io { action: "write", path: self.at.clone(), source })
    }

    fn finish(mut self, durable: bool) -> Result<FileNote, ExportError> {
        let synced = self.file.flush().and_then(|()| if durable { self.file.get_ref().sync_all() } else { Ok(()) });
        synced.map_err(|source| ExportError::Io { action: "write", path: self.at.clone(), source })?;
        let sha256 = Digest::from_bytes(self.hasher.finalize().into());
        Ok(FileNote { path: self.path, bytes: self.bytes, sha256 })
    }
}

fn make_dir(path: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}
