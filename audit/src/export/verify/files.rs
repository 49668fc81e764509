//! The files of an export: exactly those that its manifest has, with their digests.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{self, File},
    io::{self, BufReader, Read},
    path::{Path, PathBuf},
};

use sha2::{Digest as _, Sha256};

use super::{VerifyExportError, wrong};
use crate::{
    Digest,
    export::manifest::{FILE, FileNote, Manifest},
};

/// The largest manifest that is read, in bytes: some five million files.
const MAX_MANIFEST: u64 = 1 << 30;
/// Folders within folders; the deepest tile of a log of 64 bits is not as deep.
const MAX_DEPTH: usize = 16;
const CHUNK: usize = 256 << 10;

/// The files of an export.
#[derive(Debug)]
pub(super) struct Files {
    root: PathBuf,
    notes: BTreeMap<String, FileNote>,
    /// What was looked at beyond its digest.
    seen: BTreeSet<String>,
}

impl Files {
    /// Reads the manifest and holds every file against it.
    pub(super) fn open(root: &Path) -> Result<(Manifest, Self), VerifyExportError> {
        let bytes = read_file(root, FILE, MAX_MANIFEST).map_err(|error| match error {
            VerifyExportError::Unreadable { source, .. } if source.kind() == io::ErrorKind::NotFound => {
                wrong(FILE, "it is missing: the export was not finished, or this is none; export again")
            }
            other => other,
        })?;
        let mut manifest = Manifest::parse(&bytes).map_err(|what| wrong(FILE, what))?;
        let mut notes = BTreeMap::new();
        for note in std::mem::take(&mut manifest.files) {
            if !is_inside(&note.path) {
                return Err(wrong(FILE, format!("`{}` is no path of a file in an export", note.path)));
            }
            if let Some(twice) = notes.insert(note.path.clone(), note) {
                return Err(wrong(FILE, format!("`{}` stands in it twice", twice.path)));
            }
        }
        let files = Self { root: root.to_owned(), notes, seen: BTreeSet::new() };
        files.check_listed()?;
        files.check_digests()?;
        Ok((manifest, files))
    }

    pub(super) fn count(&self) -> u64 {
        self.notes.len() as u64
    }

    /// What the manifest says of a file.
    pub(super) fn note(&self, path: &str) -> Option<&FileNote> {
        self.notes.get(path)
    }

    /// The paths of all files that begin so.
    pub(super) fn below(&self, prefix: &str) -> Vec<String> {
        self.notes.keys().filter(|path| path.starts_with(prefix)).cloned().collect()
    }

    /// A whole file of so many bytes at most.
    pub(super) fn read(&mut self, path: &str, most: u64) -> Result<Vec<u8>, VerifyExportError> {
        self.see(path)?;
        read_file(&self.root, path, most)
    }

    /// A file, to be read bit by bit.
    pub(super) fn open_file(&mut self, path: &str) -> Result<BufReader<File>, VerifyExportError> {
        self.see(path)?;
        Ok(BufReader::with_capacity(CHUNK, open(&self.root, path)?))
    }

    fn see(&mut self, path: &str) -> Result<(), VerifyExportError> {
        if !self.notes.contains_key(path) {
            return Err(wrong(path, "it is missing: an export with this checkpoint and manifest has it"));
        }
        self.seen.insert(path.to_owned());
        Ok(())
    }

    /// That nothing is there whose meaning nobody has checked.
    pub(super) fn check_all_seen(&self) -> Result<(), VerifyExportError> {
        match self.notes.keys().find(|path| !self.seen.contains(*path)) {
            Some(path) => Err(wrong(path, "it is no file of an export with this checkpoint and manifest")),
            None => Ok(()),
        }
    }

    /// That every file in the folder is in the manifest.
    fn check_listed(&self) -> Result<(), VerifyExportError> {
        let mut folders = vec![(String::new(), 0)];
        while let Some((folder, depth)) = folders.pop() {
            for (path, is_folder) in entries(&self.root, &folder)? {
                if is_folder && depth < MAX_DEPTH {
                    folders.push((path, depth + 1));
                } else if path != FILE && !self.notes.contains_key(&path) {
                    return Err(wrong(path, "it is not in the manifest: it was added later"));
                }
            }
        }
        Ok(())
    }

    fn check_digests(&self) -> Result<(), VerifyExportError> {
        for (path, note) in &self.notes {
            let (bytes, sha256) = digest(&self.root, path)?;
            if bytes != note.bytes {
                return Err(wrong(
                    path,
                    format!("it has {bytes} bytes, the manifest says {}: it was changed", note.bytes),
                ));
            }
            if sha256 != note.sha256 {
                return Err(wrong(
                    path,
                    format!("its SHA-256 is {sha256}, the manifest says {}: it was changed", note.sha256),
                ));
            }
        }
        Ok(())
    }
}

/// Whether a path of the manifest stays in the folder, in one spelling.
fn is_inside(path: &str) -> bool {
    let good = |part: &str| !part.is_empty() && part != "." && part != ".." && !part.contains(['\\', ':', '\0']);
    path != FILE && path.split('/').all(good)
}

/// What stands in a folder, and whether it is one. A link is neither file nor folder: it is no part of an export.
fn entries(root: &Path, folder: &str) -> Result<Vec<(String, bool)>, VerifyExportError> {
    let failed = |source| VerifyExportError::Unreadable { file: format!("{folder}/"), source };
    let mut found = Vec::new();
    for entry in fs::read_dir(root.join(folder)).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = if folder.is_empty() { name } else { format!("{folder}/{name}") };
        let kind = entry.file_type().map_err(failed)?;
        if !kind.is_dir() && !kind.is_file() {
            return Err(wrong(path, "it is neither a file nor a folder"));
        }
        found.push((path, kind.is_dir()));
    }
    Ok(found)
}

/// Opens a regular file: a pipe would be waited for without end.
fn open(root: &Path, path: &str) -> Result<File, VerifyExportError> {
    let at = root.join(path);
    let unreadable = |source| VerifyExportError::Unreadable { file: path.to_owned(), source };
    match fs::symlink_metadata(&at) {
        Ok(found) if found.is_file() => File::open(at).map_err(unreadable),
        Ok(_) => Err(wrong(path, "it is no file")),
        Err(error) if error.kind() == io::ErrorKind::NotFound && path != FILE => {
            Err(wrong(path, "it is missing, and the manifest has it"))
        }
        Err(source) => Err(unreadable(source)),
    }
}

fn read_file(root: &Path, path: &str, most: u64) -> Result<Vec<u8>, VerifyExportError> {
    let mut bytes = Vec::new();
    let read = open(root, path)?.take(most + 1).read_to_end(&mut bytes);
    read.map_err(|source| VerifyExportError::Unreadable { file: path.to_owned(), source })?;
    if bytes.len() as u64 > most {
        return Err(wrong(path, format!("it has more than the {most} bytes that it may have")));
    }
    Ok(bytes)
}

fn digest(root: &Path, path: &str) -> Result<(u64, Digest), VerifyExportError> {
    let mut file = open(root, path)?;
    let (mut hasher, mut total, mut buffer) = (Sha256::new(), 0, vec![0; CHUNK]);
    loop {
        let read = file.read(&mut buffer);
        let read = read.map_err(|source| VerifyExportError::Unreadable { file: path.to_owned(), source })?;
        if read == 0 {
            return Ok((total, Digest::from_bytes(hasher.finalize().into())));
        }
        hasher.update(buffer.get(..read).unwrap_or_default());
        total += read as u64;
    }
}
