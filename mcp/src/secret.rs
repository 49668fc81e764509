//! Where a secret stands: in a variable of the environment or in a file, never in the configuration.

use std::{env, fs::File, io::Read as _, path::PathBuf};

use serde::{Deserialize, Serialize};

/// The longest secret, in bytes.
const MAX_BYTES: u64 = 16 * 1024;

/// Where a secret stands. It is read anew for each connection, so that it can be changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Secret {
    /// In this variable of the service's environment.
    Env(String),
    /// In this file, but for the end of its last line.
    File(PathBuf),
}

impl Secret {
    /// Reads it. The error names where it stands, and nothing of what it is.
    pub(crate) fn read(&self) -> Result<String, String> {
        let text = match self {
            Self::Env(name) => env::var(name).map_err(|_| format!("the variable `{name}` is not set, or no text"))?,
            Self::File(path) => file(path).map_err(|why| format!("{}: {why}", path.display()))?,
        };
        let secret = text.trim_end_matches(['\r', '\n']);
        if secret.is_empty() { Err(format!("{self:?} is empty")) } else { Ok(secret.to_owned()) }
    }
}

fn file(path: &PathBuf) -> Result<String, String> {
    let mut text = String::new();
    let opened = File::open(path).map_err(|error| error.to_string())?;
    opened.take(MAX_BYTES + 1).read_to_string(&mut text).map_err(|error| error.to_string())?;
    if u64::try_from(text.len()).is_ok_and(|length| length <= MAX_BYTES) {
        Ok(text)
    } else {
        Err(format!("has more than {MAX_BYTES} bytes"))
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_secret_is_read_and_never_told() {
        let folder = tempfile::tempdir().unwrap();
        let check = |bytes: &[u8], expected: Result<&str, &str>| {
            let path = folder.path().join("secret");
            fs::write(&path, bytes).unwrap();
            match (Secret::File(path).read(), expected) {
                (Ok(found), Ok(expected)) => assert_eq!(found, expected),
                (Err(why), Err(expected)) => assert!(why.contains(expected), "{why}"),
                (found, _) => panic!("{found:?}, and not {expected:?}"),
            }
        };
        check(b"s3cret\n", Ok("s3cret"));
        check(b" s3cret \r\n", Ok(" s3cret "));
        check(b"\n", Err("is empty"));
        check(b"\xff", Err("UTF-8"));
        check(&vec![b'a'; 20_000], Err("more than 16384 bytes"));
        assert!(Secret::File(folder.path().join("none")).read().is_err());
        assert!(Secret::Env("FORETHOUGHT_NO_SUCH_VARIABLE".to_owned()).read().unwrap_err().contains("not set"));
    }
}
