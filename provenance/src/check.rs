//! Whether files are what was approved.

use std::{
    collections::BTreeMap,
    io,
    path::{Path, PathBuf},
};

use crate::{
    Changed, Digest, Entry, Finding, Mismatch, Progress, RegisteredFile, Registry,
    given::{Given, gather},
    hash::{Hashed, hash, stamp},
    stamp::Stamp,
};

/// A file of another length is still hashed up to this many bytes more than are registered, so that its digest can be told.
const MOST_MORE: u64 = 64 << 20;

/// Ids that an error lists.
const MOST_TOLD: usize = 12;

/// Files that are what was approved, as of the moment of hashing.
#[derive(Clone, Debug)]
pub struct Matched {
    /// The model.
    pub id: String,
    /// The digest of its entry, for the audit log.
    pub entry: Digest,
    /// Each file, in the order of the registry.
    pub files: Vec<MatchedFile>,
    given: Vec<PathBuf>,
}

/// A file that is what was approved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MatchedFile {
    /// The path or name in the registry.
    pub label: String,
    /// Where it is, as it was given.
    pub path: PathBuf,
    /// Its length in bytes.
    pub size: u64,
    /// The digest of its bytes.
    pub sha256: Digest,
    stamp: Stamp,
}

impl Matched {
    /// Whether every file is still the one that was hashed, and no file has come into the folders: by device, inode, length
    /// and times, without reading any byte. To be asked once the engine has loaded the model.
    ///
    /// # Errors
    /// [`Changed`] with every file that is not.
    pub fn unchanged(&self) -> Result<(), Changed> {
        let known: BTreeMap<&Path, &Stamp> = self.files.iter().map(|file| (file.path.as_path(), &file.stamp)).collect();
        let (files, mut findings) = gather(&self.given);
        for file in &files {
            match known.get(file.path.as_path()) {
                None => findings.push(Finding::Extra { path: file.path.clone() }),
                Some(stamped) => findings.extend(changed(&file.path, stamped)),
            }
        }
        let gone = |file: &&MatchedFile| !files.iter().any(|given| given.path == file.path);
        let missing = |file: &MatchedFile| Finding::Missing { label: file.label.clone(), registered: file.sha256 };
        findings.extend(self.files.iter().filter(gone).map(missing));
        if findings.is_empty() { Ok(()) } else { Err(Changed(findings)) }
    }
}

fn changed(path: &Path, stamped: &Stamp) -> Option<Finding> {
    match stamp(path) {
        Ok(now) if now == *stamped => None,
        Ok(_) => Some(Finding::Changed { path: path.to_owned() }),
        Err(source) => Some(Finding::Unreadable { path: path.to_owned(), source }),
    }
}

/// See [`Registry::check`].
pub(crate) fn check(
    registry: &Registry,
    id: &str,
    paths: &[PathBuf],
    progress: &mut dyn FnMut(Progress<'_>),
) -> Result<Matched, Mismatch> {
    let entry = may_load(registry, id)?;
    let (files, findings) = gather(paths);
    let mut pairing = Pairing { folder: registry.folder(), files, pairs: Vec::new(), findings };
    pairing.pair(&entry.files);
    let Pairing { pairs, mut findings, .. } = pairing;
    let files = compare(&pairs, progress, &mut findings);
    if !findings.is_empty() {
        return Err(Mismatch::Files { id: id.to_owned(), findings });
    }
    Ok(Matched { id: id.to_owned(), entry: entry.digest(), files, given: paths.to_vec() })
}

/// The entry of a model that is registered, approved and not revoked.
fn may_load<'r>(registry: &'r Registry, id: &str) -> Result<&'r Entry, Mismatch> {
    let entry = registry.get(id).ok_or_else(|| unregistered(registry, id))?;
    let id = id.to_owned();
    if let Some(revoked) = entry.revoked.clone() {
        return Err(Mismatch::Revoked { id, by: revoked.by, on: revoked.on, why: revoked.why });
    }
    let approval = entry.approved.as_ref().ok_or_else(|| Mismatch::NotApproved { id: id.clone() })?;
    let found = entry.subject();
    match approval.digest.filter(|digest| *digest != found) {
        Some(approved) => Err(Mismatch::ApprovalEnded { id, by: approval.by.clone(), approved, found }),
        None => Ok(entry),
    }
}

fn unregistered(registry: &Registry, id: &str) -> Mismatch {
    let ids = registry.entries().iter().map(|entry| format!("`{}`", entry.id));
    let mut known = ids.take(MOST_TOLD).collect::<Vec<_>>().join(", ");
    match registry.entries().len() {
        0 => known.push_str("none, since none is registered"),
        all if all > MOST_TOLD => known.push_str(" and others"),
        _ => {}
    }
    Mismatch::Unregistered { registry: registry.file().to_owned(), id: id.to_owned(), known }
}

/// Which file is which of the registry.
struct Pairing<'r> {
    folder: &'r Path,
    /// Those that are none yet.
    files: Vec<Given>,
    pairs: Vec<(&'r RegisteredFile, Given)>,
    findings: Vec<Finding>,
}

impl<'r> Pairing<'r> {
    fn pair(&mut self, registered: &'r [RegisteredFile]) {
        // Paths say more than names, so they choose first.
        for file in registered.iter().filter(|file| file.path.is_some()) {
            self.by_path(file, file.label());
        }
        for file in registered.iter().filter(|file| file.path.is_none()) {
            self.by_name(file, file.label());
        }
        let extra = self.files.drain(..).map(|file| Finding::Extra { path: file.path });
        self.findings.extend(extra);
    }

    fn by_path(&mut self, file: &'r RegisteredFile, label: &str) {
        match real(self.folder, label) {
            Ok((folder, target)) if target.starts_with(&folder) => {
                let same = |given: &Given| given.path.canonicalize().is_ok_and(|path| path == target);
                self.take(file, same);
            }
            Ok((_, target)) => self.findings.push(Finding::Escapes { label: label.to_owned(), target }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => self.missing(file),
            Err(source) => self.findings.push(Finding::Unreadable { path: self.folder.join(label), source }),
        }
    }

    fn by_name(&mut self, file: &'r RegisteredFile, label: &str) {
        self.take(file, |given| given.name.as_deref() == Some(label));
    }

    fn take(&mut self, file: &'r RegisteredFile, is_it: impl Fn(&Given) -> bool) {
        let (mut candidates, rest): (Vec<_>, Vec<_>) = self.files.drain(..).partition(is_it);
        self.files = rest;
        let second = candidates.get(1).map(|given| given.path.clone());
        let first = if candidates.is_empty() { None } else { Some(candidates.swap_remove(0)) };
        match (first, second) {
            (None, _) => self.missing(file),
            (Some(first), None) => self.pairs.push((file, first)),
            (Some(first), Some(second)) => {
                let label = file.label().to_owned();
                self.findings.push(Finding::Ambiguous { label, first: first.path, second });
            }
        }
    }

    fn missing(&mut self, file: &RegisteredFile) {
        self.findings.push(Finding::Missing { label: file.label().to_owned(), registered: file.sha256 });
    }
}

/// A folder and a path in it, with all links followed.
fn real(folder: &Path, label: &str) -> io::Result<(PathBuf, PathBuf)> {
    let folder = folder.canonicalize()?;
    let target = folder.join(label).canonicalize()?;
    Ok((folder, target))
}

/// Hashes each file and says which are others.
fn compare(
    pairs: &[(&RegisteredFile, Given)],
    progress: &mut dyn FnMut(Progress<'_>),
    findings: &mut Vec<Finding>,
) -> Vec<MatchedFile> {
    let size = |path: &Path| stamp(path).map_or(0, |stamp| stamp.size());
    let total = pairs.iter().map(|(_, given)| size(&given.path)).fold(0, u64::saturating_add);
    let mut done: u64 = 0;
    let mut files = Vec::new();
    for (registered, given) in pairs {
        let mut read = |got| {
            done = done.saturating_add(got);
            progress(Progress { file: &given.path, done, total });
        };
        match one(registered, &given.path, &mut read) {
            Ok(file) => files.push(file),
            Err(finding) => findings.push(finding),
        }
    }
    files
}

fn one(registered: &RegisteredFile, path: &Path, read: &mut dyn FnMut(u64)) -> Result<MatchedFile, Finding> {
    let unreadable = |source| Finding::Unreadable { path: path.to_owned(), source };
    let (label, found) = (registered.label().to_owned(), stamp(path).map_err(unreadable)?.size());
    if found > registered.size.saturating_add(MOST_MORE) {
        let (registered, digest) = (registered.size, registered.sha256);
        return Err(Finding::Size { label, path: path.to_owned(), registered, found, digest });
    }
    match hash(path, read).map_err(unreadable)? {
        Hashed::Changing => Err(Finding::Changed { path: path.to_owned() }),
        Hashed::Steady(sha256, stamp) if sha256 == registered.sha256 && stamp.size() == registered.size => {
            Ok(MatchedFile { label, path: path.to_owned(), size: stamp.size(), sha256, stamp })
        }
        // The same digest with another length: the registry itself is wrong about one of them.
        Hashed::Steady(sha256, stamp) if sha256 == registered.sha256 => {
            let (registered, found) = (registered.size, stamp.size());
            Err(Finding::Size { label, path: path.to_owned(), registered, found, digest: sha256 })
        }
        Hashed::Steady(found, _) => {
            Err(Finding::Differs { label, path: path.to_owned(), registered: registered.sha256, found })
        }
    }
}

#[cfg(test)]
mod tests;
