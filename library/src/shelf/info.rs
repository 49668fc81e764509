//! What is known of a file, and what is demanded of its name.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{FileId, Kind, ShelfError};

/// The longest name of a file, in bytes of UTF-8.
pub const MAX_FILE_NAME: usize = 200;
/// The longest name of a subject, in bytes of UTF-8; the same as that of the vault of the audit log.
pub const MAX_SUBJECT: usize = 256;
const MAX_TENANT: usize = 63;

/// What comes with a file that is put on the shelf.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upload {
    /// The file's name, for people and models: 1 to [`MAX_FILE_NAME`] bytes, no path, nothing invisible.
    pub name: String,
    /// What the sender says that it is; see [`Kind::find`].
    pub media_type: Option<String>,
    /// Whom it is about, as the tenant names them: 1 to [`MAX_SUBJECT`] bytes.
    pub subject: Option<String>,
    /// When it was sent.
    pub created: Timestamp,
}

/// A file on the shelf.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileInfo {
    /// Its id.
    pub id: FileId,
    /// Its name; other files may have the same.
    pub name: String,
    /// What it holds.
    pub kind: Kind,
    /// Its length, in bytes.
    pub bytes: u64,
    /// SHA-256 of it, in 64 hexadecimal digits.
    pub sha256: String,
    /// When it was sent.
    pub created: Timestamp,
    /// Whom it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
}

impl Upload {
    /// Refuses names and types that cannot stand, and gives the kind.
    pub(super) fn check(&self) -> Result<Kind, ShelfError> {
        check_name(&self.name)?;
        if let Some(bytes) = self.subject.as_ref().map(String::len).filter(|bytes| !(1..=MAX_SUBJECT).contains(bytes)) {
            return Err(ShelfError::Subject { bytes });
        }
        Kind::find(self.media_type.as_deref(), &self.name).ok_or_else(|| ShelfError::Kind {
            media_type: self.media_type.clone().map(|given| given.chars().take(100).collect()),
        })
    }
}

/// Refuses what is no tenant's id, so that it can stand in a file's name.
pub(super) fn check_tenant(tenant: &str) -> Result<(), ShelfError> {
    let first = tenant.bytes().next().is_some_and(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    let rest = tenant.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_-".contains(&byte));
    if first && rest && tenant.len() <= MAX_TENANT {
        return Ok(());
    }
    Err(ShelfError::Tenant { tenant: tenant.chars().take(MAX_TENANT).collect() })
}

/// Names are shown to people and to models: what neither can see, or what turns text around, could say something else to each.
fn check_name(name: &str) -> Result<(), ShelfError> {
    let wrong = |what| Err(ShelfError::Name { what });
    if name.is_empty() || name.len() > MAX_FILE_NAME {
        return wrong("it has no or more than 200 bytes");
    }
    if name.contains(['/', '\\']) || name.starts_with('.') {
        return wrong("it is a path or begins with a dot");
    }
    if name.trim() != name || name.chars().any(is_hidden) {
        return wrong("it has control characters, invisible ones, or blanks at an end");
    }
    Ok(())
}

/// Control and format characters, other blanks than the plain one, and what is private or no character.
fn is_hidden(character: char) -> bool {
    let format = matches!(character, '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
        | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
        | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffd}'
        | '\u{e000}'..='\u{f8ff}' | '\u{e0000}'..='\u{10ffff}');
    character.is_control() || format || (character.is_whitespace() && character != ' ')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_what_people_and_models_both_see() {
        for good in ["a.csv", "Umsätze 2024 (final).csv", "売上.csv", "a..b", "x"] {
            assert!(check_name(good).is_ok(), "{good}");
        }
        let long = "é".repeat(101);
        for bad in [
            "",
            &long,
            "../a.csv",
            "a/b.csv",
            "a\\b.csv",
            ".hidden",
            " a.csv",
            "a.csv ",
            "a\n.csv",
            "a\0.csv",
            "a\u{202e}vsc.x",
            "a\u{200b}.csv",
            "a\u{e0041}.csv",
            "a\u{a0}b",
            "\u{feff}a",
        ] {
            assert!(check_name(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_tenant_is_named_as_in_the_policy() {
        for good in ["a", "0", "acme_eu-1", &"a".repeat(63)] {
            assert!(check_tenant(good).is_ok(), "{good}");
        }
        for bad in ["", "A", "-a", "a.b", "a/b", "..", "é", &"a".repeat(64)] {
            assert!(check_tenant(bad).is_err(), "{bad}");
        }
    }
}
