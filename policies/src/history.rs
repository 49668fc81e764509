//! Every policy that was ever in force, by its number: so that a record's policy can be read years later, and so that an
//! older one can be taken up again.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use crate::{
    Policy, atomic,
    document::{self},
    policy::POLICY_FILE,
    problem::FileError,
    purposes::{ReadAssessment, Reader},
};

/// A folder with a file for each policy that was in force, `<number>.yaml`.
#[derive(Clone, Debug)]
pub struct History {
    folder: PathBuf,
    /// Beside which the packs and assessments are that policies name by paths.
    policy: PathBuf,
    reader: Reader,
}

/// Why a policy could not be kept or found.
#[derive(Debug, thiserror::Error)]
pub enum HistoryError {
    /// The folder or a file in it cannot be used.
    #[error("{}: cannot {action}: {source}; check its owner and mode, and the space left", path.display())]
    Io {
        /// What failed.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// There is no such policy.
    #[error("no policy with the number {version} was in force; there is {there}")]
    Unknown {
        /// The number.
        version: u64,
        /// The numbers that there are.
        there: String,
    },
    /// What is kept cannot be read any more.
    #[error(transparent)]
    Policy(#[from] FileError),
}

impl History {
    /// The history of a policy file in this folder, which is made when something is kept.
    #[must_use]
    pub fn new(folder: impl Into<PathBuf>, policy: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into(), policy: policy.into(), reader: Reader::default() }
    }

    /// The same history, of whose policies the assessments are read too, as with [`PolicyFile::reading`](crate::PolicyFile::reading).
    #[must_use]
    pub fn reading(self, assessments: ReadAssessment) -> Self {
        Self { reader: Reader(Some(assessments)), ..self }
    }

    /// Keeps a policy's text under its number, readable by the owner alone, and each assessment that it names under
    /// `assessments/` by its digest: so that what a record names can be read when the operator's own file is gone.
    ///
    /// # Errors
    /// [`HistoryError::Io`].
    pub fn keep(&self, policy: &Policy) -> Result<(), HistoryError> {
        let io = |action, path: &Path| {
            let path = path.to_owned();
            move |source| HistoryError::Io { action, path, source }
        };
        fs::create_dir_all(&self.folder).map_err(io("make the folder", &self.folder))?;
        self.keep_assessments(policy)?;
        let file = self.file(policy.version());
        atomic::replace(&file, policy.text().as_bytes()).map_err(io("keep the policy", &file))
    }

    fn keep_assessments(&self, policy: &Policy) -> Result<(), HistoryError> {
        let folder = self.folder.join("assessments");
        let io = |action, path: &Path| {
            let path = path.to_owned();
            move |source| HistoryError::Io { action, path, source }
        };
        for (digest, bytes) in policy.purposes().kept() {
            let file = folder.join(format!("{}.json", digest.trim_start_matches("sha256:")));
            if !file.exists() {
                fs::create_dir_all(&folder).map_err(io("make the folder", &folder))?;
                atomic::replace(&file, bytes).map_err(io("keep an assessment", &file))?;
            }
        }
        Ok(())
    }

    /// The numbers of all policies that are kept, the oldest first.
    ///
    /// # Errors
    /// [`HistoryError::Io`].
    pub fn versions(&self) -> Result<Vec<u64>, HistoryError> {
        let listed = match fs::read_dir(&self.folder) {
            Ok(listed) => listed,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(source) => {
                return Err(HistoryError::Io { action: "list the folder", path: self.folder.clone(), source });
            }
        };
        let number =
            |entry: io::Result<fs::DirEntry>| entry.ok()?.file_name().to_str()?.strip_suffix(".yaml")?.parse().ok();
        let mut versions: Vec<u64> = listed.filter_map(number).collect();
        versions.sort_unstable();
        Ok(versions)
    }

    /// The policy with this number.
    ///
    /// # Errors
    /// [`HistoryError`].
    pub fn read(&self, version: u64) -> Result<Policy, HistoryError> {
        match document::read(&self.file(version), &POLICY_FILE) {
            Err(FileError::Missing { .. }) => {
                let there = self.versions()?;
                let there = match (there.first(), there.last()) {
                    (Some(first), Some(last)) => format!("{first} to {last}"),
                    _ => "none".to_owned(),
                };
                Err(HistoryError::Unknown { version, there })
            }
            read => Ok(Policy::parse_for(&self.policy, &read?, self.reader)?.numbered(version)),
        }
    }

    fn file(&self, version: u64) -> PathBuf {
        self.folder.join(format!("{version:06}.yaml"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_in_force_can_be_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let history = History::new(folder.path().join("policies"), folder.path().join("p.yaml"));
        assert_eq!(history.versions().unwrap(), [0_u64; 0]);
        let text = "# the second\nversion: 1\ntenants: []\n";
        let policy = Policy::parse(Path::new("p.yaml"), text.as_bytes()).unwrap().numbered(2);
        history.keep(&policy).unwrap();
        let read = history.read(2).unwrap();
        assert_eq!((read.text(), read.version(), read.digest()), (text, 2, policy.digest()));
        let unknown = history.read(7).unwrap_err().to_string();
        assert_eq!(unknown, "no policy with the number 7 was in force; there is 2 to 2");
    }
}
