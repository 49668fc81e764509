//! Secrets that stand outside of the data directory: in a variable, or in a file that a variable names.

use std::{env, ffi::OsString, fs, io, path::PathBuf};

use zeroize::Zeroizing;

/// A secret is never longer.
const MAX_BYTES: u64 = 64 << 10;

/// A variable that names a file which cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("{variable} names {}, which cannot be read: {source}", path.display())]
pub struct SecretError {
    /// The variable.
    pub variable: String,
    /// The file.
    pub path: PathBuf,
    /// The cause.
    pub source: io::Error,
}

/// The text in the variable `name`, or in the file that `<name>_FILE` names; none where neither is set.
pub(crate) fn secret(name: &str) -> Result<Option<Zeroizing<String>>, SecretError> {
    read(name, |variable| env::var_os(variable))
}

fn read(name: &str, get: impl Fn(&str) -> Option<OsString>) -> Result<Option<Zeroizing<String>>, SecretError> {
    if let Some(text) = get(name).filter(|text| !text.is_empty()) {
        return Ok(Some(Zeroizing::new(text.to_string_lossy().into_owned())));
    }
    let variable = format!("{name}_FILE");
    let Some(path) = get(&variable).filter(|path| !path.is_empty()).map(PathBuf::from) else { return Ok(None) };
    let failed = |source| SecretError { variable: variable.clone(), path: path.clone(), source };
    let size = fs::metadata(&path).map_err(failed)?.len();
    if size > MAX_BYTES {
        return Err(failed(io::Error::other(format!("it has {size} bytes, more than any key"))));
    }
    fs::read_to_string(&path).map(|text| Some(Zeroizing::new(text))).map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variable_goes_before_a_file_and_a_file_that_is_missing_is_told() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("key");
        fs::write(&file, "in the file\n").unwrap();
        let check = |set: &[(&str, &str)], expect: Option<&str>| {
            let get = |name: &str| set.iter().find(|(key, _)| *key == name).map(|(_, value)| OsString::from(value));
            assert_eq!(read("A", get).unwrap().as_deref().map(String::as_str), expect, "{set:?}");
        };
        let path = file.to_str().unwrap();
        check(&[], None);
        check(&[("A", ""), ("A_FILE", "")], None);
        check(&[("A_FILE", path)], Some("in the file\n"));
        check(&[("A", "text"), ("A_FILE", path)], Some("text"));
        let missing = dir.path().join("none");
        let error = read("A", |name| (name == "A_FILE").then(|| missing.clone().into_os_string())).unwrap_err();
        assert!(error.to_string().starts_with("A_FILE names "), "{error}");
    }
}
