//! Which version of the data directory this is: the file `STORE`, which says `{"version":2}`.
//!
//! Version 1 had no such file. A server asks [`check`] before it opens anything, migrates what is older, and then writes the file with
//! [`stamp`]: a program that knows only earlier versions refuses the directory from then on.

use std::io;

use forethought_store::{Disk, StoreError};
use serde::{Deserialize, Serialize};

/// The version that this program writes.
pub const STORE_VERSION: u32 = 2;
/// The file in the data directory.
pub const STORE_FILE: &str = "STORE";
const NEW: &str = "STORE.new";
/// The file is never longer, in bytes.
const MAX_BYTES: usize = 4096;

/// Which version was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// There is no log yet: stamp it when it is made.
    New,
    /// It is of this program's version.
    Current,
    /// It is older: migrate it, then stamp it.
    Older(u32),
}

/// Why a data directory cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreVersionError {
    /// A later program wrote it.
    #[error(
        "the data directory {location} has version {found}, this program knows up to {STORE_VERSION}; run the newer program, \
         nothing was changed"
    )]
    Newer {
        /// The data directory.
        location: String,
        /// The version in the file.
        found: u64,
    },
    /// The file says nothing.
    #[error(
        "the file {STORE_FILE} in {location} is damaged: {what}; it should be `{{\"version\":{STORE_VERSION}}}`: restore it from a \
         backup of this data directory"
    )]
    Damaged {
        /// The data directory.
        location: String,
        /// What is wrong with it.
        what: String,
    },
    /// A restore began here and did not end.
    #[error(
        "a backup was being restored into {location}, and that was not finished: empty the directory and restore it again"
    )]
    Unfinished {
        /// The data directory.
        location: String,
    },
    /// The disk failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What stands in the file.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stamp {
    version: u64,
    /// A restore that is under way.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    restoring: bool,
}

/// Says which version a data directory has. Nothing is changed.
///
/// # Errors
/// [`StoreVersionError::Newer`], [`StoreVersionError::Damaged`], [`StoreVersionError::Unfinished`], and [`StoreVersionError::Store`]
/// when it cannot be read.
pub fn check(disk: &dyn Disk) -> Result<Found, StoreVersionError> {
    match disk.read(STORE_FILE, 0, MAX_BYTES + 1) {
        Ok(bytes) => read(&bytes, disk.location()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            Ok(if has_journal(disk)? { Found::Older(1) } else { Found::New })
        }
        Err(source) => Err(StoreError::io("read", STORE_FILE, source).into()),
    }
}

/// Says that a data directory is of this program's version, durably: the file is the old one or the new one, whatever happens.
///
/// # Errors
/// [`StoreError::Io`] and [`StoreError::Full`].
pub fn stamp(disk: &dyn Disk) -> Result<(), StoreError> {
    write(disk, &Stamp { version: STORE_VERSION.into(), restoring: false })
}

/// Says that a restore is under way: nobody opens the directory until [`stamp`] or another file takes the place of this one.
pub(crate) fn stamp_restoring(disk: &dyn Disk) -> Result<(), StoreError> {
    write(disk, &Stamp { version: STORE_VERSION.into(), restoring: true })
}

/// What the bytes of a stamp say.
pub(crate) fn read(bytes: &[u8], location: String) -> Result<Found, StoreVersionError> {
    #[derive(Deserialize)]
    struct Version {
        version: u64,
    }
    let damaged = |what: String| StoreVersionError::Damaged { location: location.clone(), what };
    if bytes.len() > MAX_BYTES {
        return Err(damaged(format!("it has more than {MAX_BYTES} bytes")));
    }
    // The version first: a newer one may have fields that are not known here.
    let Version { version } = serde_json::from_slice(bytes).map_err(|error| damaged(error.to_string()))?;
    if version > STORE_VERSION.into() {
        return Err(StoreVersionError::Newer { location, found: version });
    }
    let stamp: Stamp = serde_json::from_slice(bytes).map_err(|error| damaged(error.to_string()))?;
    match u32::try_from(stamp.version) {
        _ if stamp.restoring => Err(StoreVersionError::Unfinished { location }),
        Ok(STORE_VERSION) => Ok(Found::Current),
        Ok(older) if older > 0 => Ok(Found::Older(older)),
        _ => Err(damaged("there is no version 0".to_owned())),
    }
}

fn has_journal(disk: &dyn Disk) -> Result<bool, StoreError> {
    let names = disk.list("").map_err(|source| StoreError::io("list", disk.location(), source))?;
    Ok(names.iter().any(|name| name.starts_with("journal-")))
}

fn write(disk: &dyn Disk, stamp: &Stamp) -> Result<(), StoreError> {
    let written = serde_json::to_vec(stamp).map_err(io::Error::other).and_then(|mut text| {
        text.push(b'\n');
        match disk.remove(NEW) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        disk.create(NEW)?;
        disk.append(NEW, &text)?;
        disk.sync_file(NEW)?;
        disk.rename(NEW, STORE_FILE)?;
        disk.sync_dir("")
    });
    written.map_err(|source| StoreError::io("write", STORE_FILE, source))
}

#[cfg(test)]
mod tests {
    use forethought_store::SimDisk;

    use super::*;

    fn with(text: &[u8]) -> SimDisk {
        let disk = SimDisk::new();
        disk.create(STORE_FILE).expect("created");
        disk.append(STORE_FILE, text).expect("written");
        disk
    }

    fn check_text(text: &[u8], expected: &str) {
        let found = match check(&with(text)) {
            Ok(found) => format!("{found:?}"),
            Err(error) => error.to_string(),
        };
        assert!(found.contains(expected), "{found}");
    }

    #[test]
    fn what_the_file_says_is_told() {
        check_text(b"{\"version\":2}\n", "Current");
        check_text(b"{\"version\":1}", "Older(1)");
        check_text(b"{\"version\":3}", "has version 3, this program knows up to 2");
        check_text(b"{\"version\":3,\"more\":[1]}", "has version 3");
        check_text(b"{\"version\":18446744073709551615}", "has version 18446744073709551615");
        check_text(b"{\"version\":2,\"restoring\":true}", "not finished");
        check_text(b"{\"version\":0}", "no version 0");
        check_text(b"{\"version\":2,\"more\":1}", "damaged");
        check_text(b"{\"version\":-1}", "damaged");
        check_text(b"{\"version\":2", "damaged");
        check_text(b"", "damaged");
        check_text(&[0; 20], "damaged");
        check_text(&[b' '; MAX_BYTES + 1], "more than");
    }

    #[test]
    fn a_directory_without_the_file_is_new_or_of_version_1() {
        let disk = SimDisk::new();
        assert_eq!(check(&disk).expect("read"), Found::New);
        disk.create("log.key").expect("created");
        assert_eq!(check(&disk).expect("read"), Found::New);
        disk.create("journal-00000000000000000001.seg").expect("created");
        assert_eq!(check(&disk).expect("read"), Found::Older(1));
        stamp(&disk).expect("written");
        assert_eq!(check(&disk).expect("read"), Found::Current);
    }

    #[test]
    fn a_power_cut_leaves_the_old_file_or_the_new_one() {
        let begin = || {
            let disk = SimDisk::new();
            stamp_restoring(&disk).expect("written");
            disk
        };
        let all = {
            let disk = begin();
            stamp(&disk).expect("written");
            disk.operations()
        };
        let from = begin().operations();
        for at in from..=all {
            for seed in 0..8 {
                let disk = begin();
                disk.power_cut(at);
                let done = stamp(&disk).is_ok();
                let after = disk.reopen(seed);
                match check(&after) {
                    Ok(found) => assert_eq!(found, Found::Current),
                    Err(StoreVersionError::Unfinished { .. }) => assert!(!done, "{at}"),
                    Err(error) => panic!("{at}: {error}"),
                }
                stamp(&after).expect("written again");
            }
        }
    }
}
