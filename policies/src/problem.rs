//! What can be wrong with a file that people write: each finding with its place, its path, what is wrong and the mend.

use std::{fmt, io, path::PathBuf};

/// A place in a file; both count from 1, columns in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The line.
    pub line: usize,
    /// The character in the line.
    pub column: usize,
}

/// One thing that is wrong in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Where.
    pub place: Place,
    /// On what, such as `tenants[0].limits`; empty for the file as a whole.
    pub path: String,
    /// What is wrong; it never repeats a key's text or hash.
    pub message: String,
    /// What to do about it.
    pub mend: String,
}

impl Problem {
    pub(crate) fn new(place: Place, path: impl Into<String>, message: impl Into<String>) -> Self {
        Self { place, path: path.into(), message: message.into(), mend: String::new() }
    }

    pub(crate) fn mend(mut self, mend: impl Into<String>) -> Self {
        self.mend = mend.into();
        self
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: ", self.place.line, self.place.column)?;
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        f.write_str(&self.message)?;
        if !self.mend.is_empty() {
            write!(f, "; {}", self.mend)?;
        }
        Ok(())
    }
}

/// Why a file cannot be used. No part of such a file is in force.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// There is no such file.
    #[error("{}: there is no {what} here; {create}", file.display())]
    Missing {
        /// The file that was looked for.
        file: PathBuf,
        /// The kind of file.
        what: &'static str,
        /// How to make one.
        create: &'static str,
    },
    /// The file cannot be read.
    #[error("{}: cannot read the {what}: {source}; check its owner and mode", file.display())]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// The kind of file.
        what: &'static str,
        /// The system's reason.
        source: io::Error,
    },
    /// The file is larger than any of its kind.
    #[error("{}: the {what} is larger than {limit} bytes; check that this is the right file", file.display())]
    TooLarge {
        /// The file.
        file: PathBuf,
        /// The kind of file.
        what: &'static str,
        /// The most bytes that are read.
        limit: u64,
    },
    /// The file is not UTF-8 text.
    #[error("{}:{place}: byte {byte:#04x} is not utf-8; save the file as utf-8 without a byte order mark",
        file.display())]
    NotUtf8 {
        /// The file.
        file: PathBuf,
        /// Where the first wrong byte stands.
        place: Place,
        /// The first wrong byte.
        byte: u8,
    },
    /// The text is not what it should be; every finding is listed, in the order of the lines.
    #[error("{}", list(file, problems))]
    Invalid {
        /// The file.
        file: PathBuf,
        /// At least one finding.
        problems: Vec<Problem>,
    },
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

fn list(file: &std::path::Path, problems: &[Problem]) -> String {
    let lines: Vec<_> = problems.iter().map(|problem| format!("{}:{problem}", file.display())).collect();
    lines.join("\n")
}
