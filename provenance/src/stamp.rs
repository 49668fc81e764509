//! What the file system says of a file without its bytes being read: whether it is probably still the same.

use std::fs::Metadata;

/// Device, inode, length and times of a file. A change of a file's bytes changes its time of change (ctime), which no
/// ordinary call sets; two changes within one tick of the system's clock, a few milliseconds, look like one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stamp {
    size: u64,
    #[cfg(unix)]
    place: (u64, u64),
    #[cfg(unix)]
    times: [(i64, i64); 2],
    #[cfg(not(unix))]
    modified: Option<std::time::SystemTime>,
}

impl Stamp {
    #[cfg(unix)]
    pub(crate) fn of(metadata: &Metadata) -> Self {
        use std::os::unix::fs::MetadataExt as _;
        Self {
            size: metadata.len(),
            place: (metadata.dev(), metadata.ino()),
            times: [(metadata.mtime(), metadata.mtime_nsec()), (metadata.ctime(), metadata.ctime_nsec())],
        }
    }

    #[cfg(not(unix))]
    pub(crate) fn of(metadata: &Metadata) -> Self {
        Self { size: metadata.len(), modified: metadata.modified().ok() }
    }

    /// The length in bytes.
    pub(crate) const fn size(&self) -> u64 {
        self.size
    }
}
