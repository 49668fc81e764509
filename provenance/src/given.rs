//! The files that an engine is going to read: those that were named, and all in the folders that were named.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use crate::{Finding, hash};

/// Folders within folders; links to folders are not followed.
const MOST_DEPTH: usize = 16;
/// Files of one model.
const MOST_FILES: usize = 16_384;

/// A file that an engine is going to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Given {
    /// As the engine opens it.
    pub(crate) path: PathBuf,
    /// Its file name; in a folder that was given as a whole, its path in there. Nothing where it is not UTF-8.
    pub(crate) name: Option<String>,
}

/// All files, in the order of their paths, each once; and what is wrong with the rest.
pub(crate) fn gather(paths: &[PathBuf]) -> (Vec<Given>, Vec<Finding>) {
    let mut gathering = Gathering::default();
    for path in paths {
        match fs::metadata(path) {
            Ok(found) if found.is_dir() => gathering.folder(path, path, 0),
            Ok(_) => gathering.file(path, path.file_name().map(Path::new)),
            Err(error) => gathering.unreadable(path, error),
        }
    }
    // A file that was named and is in a named folder, too, keeps the name of where it was met first.
    gathering.files.sort_by(|a, b| a.path.cmp(&b.path));
    gathering.files.dedup_by(|later, first| later.path == first.path);
    (gathering.files, gathering.findings)
}

#[derive(Default)]
struct Gathering {
    files: Vec<Given>,
    findings: Vec<Finding>,
}

impl Gathering {
    fn folder(&mut self, root: &Path, folder: &Path, depth: usize) {
        if depth > MOST_DEPTH {
            return self.unreadable(folder, io::Error::other(format!("it lies more than {MOST_DEPTH} folders deep")));
        }
        let listed = fs::read_dir(folder).and_then(|items| items.map(|item| item.map(|item| item.path())).collect());
        match listed {
            Ok(paths) => Vec::into_iter(paths).for_each(|path| self.item(root, &path, depth)),
            Err(error) => self.unreadable(folder, error),
        }
    }

    fn item(&mut self, root: &Path, path: &Path, depth: usize) {
        // Of a folder with very many files it is enough to say that they are not a model's.
        if self.files.len() >= MOST_FILES || self.findings.len() >= MOST_FILES {
            return;
        }
        match (fs::symlink_metadata(path), fs::metadata(path)) {
            (Ok(own), _) if own.is_dir() => self.folder(root, path, depth + 1),
            (Ok(_), Ok(target)) if target.is_dir() => {
                self.unreadable(path, io::Error::other("it is a link to a folder, which is not followed"));
            }
            (Ok(_), Ok(_)) => self.file(path, path.strip_prefix(root).ok()),
            (Err(error), _) | (_, Err(error)) => self.unreadable(path, error),
        }
    }

    fn file(&mut self, path: &Path, name: Option<&Path>) {
        match hash::stamp(path) {
            Ok(_) => self.files.push(Given { path: path.to_owned(), name: name.and_then(slashed) }),
            Err(error) => self.unreadable(path, error),
        }
    }

    fn unreadable(&mut self, path: &Path, source: io::Error) {
        self.findings.push(Finding::Unreadable { path: path.to_owned(), source });
    }
}

/// A relative path with `/` between its parts.
fn slashed(path: &Path) -> Option<String> {
    let parts: Option<Vec<&str>> = path.iter().map(|part| part.to_str()).collect();
    parts.map(|parts| parts.join("/"))
}
