//! The interpreters: which files they are, how they are entered, and how they are told what to run.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{Entry, SandboxError};

/// The largest file that is read as an interpreter, in bytes.
const MAX_FILE: u64 = 256 << 20;

/// A language that code can be written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Language {
    /// JavaScript, by the library (reactor) that QuickJS-ng is built to for WASI.
    Javascript,
    /// Python, by `CPython` as a command of WASI.
    Python,
}

impl Language {
    /// Its name in arguments and records.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Javascript => "javascript",
            Self::Python => "python",
        }
    }

    /// How its interpreter is entered.
    #[must_use]
    pub const fn entry(self) -> Entry {
        match self {
            Self::Javascript => Entry::Library("qjs_init_argv"),
            Self::Python => Entry::Command,
        }
    }

    /// What its interpreter is called with to run the code, which holds no NUL. Its input is all for the code.
    #[must_use]
    pub fn arguments(self, code: &str) -> Vec<Vec<u8>> {
        let script = match self {
            Self::Javascript => include_str!("boot/javascript.js"),
            Self::Python => include_str!("boot/python.py"),
        };
        let options: &[&str] = match self {
            // A module, since only that is waited for. Code that begins with a dash is no option.
            Self::Javascript => &["qjs", "-m", "-e", script, "--", code],
            // Isolated, without the modules of a site, nothing compiled kept, and what is printed is there when it is stopped.
            Self::Python => &["python", "-I", "-S", "-B", "-u", "-X", "utf8", "-c", script, code],
        };
        options.iter().map(|option| option.as_bytes().to_vec()).collect()
    }
}

/// A file that is an interpreter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Interpreter {
    /// Where it is.
    pub path: PathBuf,
    /// The SHA-256 that it must have, in hexadecimal.
    pub sha256: String,
}

impl Interpreter {
    /// Reads it, once: what is run is what was checked.
    ///
    /// # Errors
    /// [`SandboxError::Read`] and [`SandboxError::Digest`].
    pub fn read(&self) -> Result<Vec<u8>, SandboxError> {
        let path = self.path.display().to_string();
        let bytes = bounded(&self.path).map_err(|error| SandboxError::Read { path: path.clone(), error })?;
        let found = hex::encode(Sha256::digest(&bytes));
        if found.eq_ignore_ascii_case(&self.sha256) {
            Ok(bytes)
        } else {
            Err(SandboxError::Digest { path, found, expected: self.sha256.clone() })
        }
    }
}

fn bounded(path: &Path) -> io::Result<Vec<u8>> {
    if fs::metadata(path)?.len() > MAX_FILE {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("it has more than {MAX_FILE} bytes")));
    }
    fs::read(path)
}

/// The interpreters of an installation. A language without one cannot be run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Interpreters {
    /// QuickJS-ng's `qjs-wasi-reactor.wasm`.
    pub javascript: Option<Interpreter>,
    /// `CPython` for WASI preview 1, with its standard library within.
    pub python: Option<Interpreter>,
}

impl Interpreters {
    /// Those that there are, the quickest to make ready first.
    pub(crate) fn given(&self) -> impl Iterator<Item = (Language, &Interpreter)> {
        let javascript = self.javascript.iter().map(|file| (Language::Javascript, file));
        javascript.chain(self.python.iter().map(|file| (Language::Python, file)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    #[test]
    fn only_the_file_that_was_named_is_read() {
        let path = std::env::temp_dir().join(format!("forethought-interpreter-{}", std::process::id()));
        fs::write(&path, "abc").unwrap();
        let check = |sha256: &str, expected: Result<&str, &str>| {
            let read = Interpreter { path: path.clone(), sha256: sha256.to_owned() }.read();
            match (read, expected) {
                (Ok(bytes), Ok(expected)) => assert_eq!(bytes, expected.as_bytes()),
                (Err(error), Err(part)) => assert!(error.to_string().contains(part), "{error}"),
                (read, _) => panic!("{sha256}: {read:?}"),
            }
        };
        check(ABC, Ok("abc"));
        check(&ABC.to_uppercase(), Ok("abc"));
        check("", Err("is configured"));
        fs::write(&path, "abd").unwrap();
        check(ABC, Err("is configured"));
        fs::remove_file(&path).unwrap();
        check(ABC, Err("cannot read"));
    }

    #[test]
    fn unknown_languages_and_fields_are_no_configuration() {
        let check = |text: &str, fine: bool| {
            assert_eq!(serde_json::from_str::<Interpreters>(text).is_ok(), fine, "{text}");
        };
        check("{}", true);
        check(r#"{ "python": { "path": "/a", "sha256": "00" } }"#, true);
        check(r#"{ "python": { "path": "/a" } }"#, false);
        check(r#"{ "ruby": { "path": "/a", "sha256": "00" } }"#, false);
    }
}
