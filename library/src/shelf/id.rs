//! Names of files that their tenants never choose.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

const PREFIX: &str = "file_";
const RANDOM: usize = 16;

/// A file's id: `file_` and 32 hexadecimal digits, which nobody can guess.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct FileId(String);

/// A text that is no file's id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a file's id is `file_` and 32 hexadecimal digits in lower case, as the list of files shows it")]
pub struct FileIdError;

impl FileId {
    /// A new id.
    ///
    /// # Errors
    /// That of the operating system, which has no random bytes to give.
    pub fn generate() -> Result<Self, getrandom::Error> {
        let mut random = [0; RANDOM];
        getrandom::fill(&mut random)?;
        Ok(Self(format!("{PREFIX}{}", hex::encode(random))))
    }

    /// Its text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for FileId {
    type Err = FileIdError;

    fn from_str(text: &str) -> Result<Self, FileIdError> {
        let digits = text.strip_prefix(PREFIX).ok_or(FileIdError)?;
        let digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        if digits.len() == 2 * RANDOM && digits.bytes().all(digit) {
            Ok(Self(text.to_owned()))
        } else {
            Err(FileIdError)
        }
    }
}

impl TryFrom<String> for FileId {
    type Error = FileIdError;

    fn try_from(text: String) -> Result<Self, FileIdError> {
        text.parse()
    }
}

impl From<FileId> for String {
    fn from(id: FileId) -> Self {
        id.0
    }
}

impl fmt::Display for FileId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_random_and_nothing_else_is_one() {
        let (one, two) = (FileId::generate().unwrap(), FileId::generate().unwrap());
        assert_ne!(one, two);
        assert_eq!(one.as_str().parse(), Ok(one.clone()));
        let upper = one.as_str().to_uppercase();
        for wrong in ["", "file_", "../../etc/passwd", "file_00", &upper, &format!("{one}0"), &format!("{one}.body")] {
            assert_eq!(wrong.parse::<FileId>(), Err(FileIdError), "{wrong}");
        }
        assert!(serde_json::from_str::<FileId>("\"file_x\"").is_err());
    }
}
