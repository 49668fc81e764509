//! Certificates that are trusted instead of the system's.

use std::{fs, path::Path};

use reqwest::Certificate;

/// The certificates of a file in PEM form; the error is what is wrong with the file.
pub(crate) fn certificates(file: &Path) -> Result<Vec<Certificate>, String> {
    let wrong = |why: &str| format!("{} {why}; name a file with certificates in PEM form", file.display());
    let bytes = fs::read(file).map_err(|error| wrong(&format!("cannot be read: {error}")))?;
    let found = Certificate::from_pem_bundle(&bytes).unwrap_or_default();
    if found.is_empty() { Err(wrong("holds no certificate")) } else { Ok(found) }
}
