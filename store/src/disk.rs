//! The few things that the store asks of a disk, so that a simulated one can stand in its place.

mod real;
mod sim;
#[cfg(test)]
mod tests;

use std::{fmt, io};

pub use real::RealDisk;
pub use sim::SimDisk;

/// A directory of append-only files.
///
/// A name is one file in the directory, or `<folder>/<file>` one level down; each part is of `[A-Za-z0-9._-]` and does
/// not begin with a dot. The empty name stands for the directory itself. Writing does not make durable: bytes need
/// [`Disk::sync_file`], and a created, renamed or removed name needs [`Disk::sync_dir`] on the folder that it is in.
/// What is written stays open until it is synced or removed, so every file that is written is synced in the end.
pub trait Disk: Send + Sync + fmt::Debug {
    /// Makes an empty file that only the owner can read.
    ///
    /// # Errors
    /// When the file is there already, and on every failure of the disk.
    fn create(&self, name: &str) -> io::Result<()>;

    /// Makes a folder that only the owner can enter; one that is there already is no error.
    ///
    /// # Errors
    /// On every failure of the disk.
    fn create_dir(&self, name: &str) -> io::Result<()>;

    /// Writes at a file's end. After an error, any prefix of `bytes` may be there.
    ///
    /// # Errors
    /// When the file is not there, and on every failure of the disk.
    fn append(&self, name: &str, bytes: &[u8]) -> io::Result<()>;

    /// Writes over bytes that are there, from `offset` on. After an error, any of them may be the new ones.
    ///
    /// # Errors
    /// When the file is not there, and on every failure of the disk.
    fn overwrite(&self, name: &str, offset: u64, bytes: &[u8]) -> io::Result<()>;

    /// At most `len` bytes from `offset` on; fewer only where the file ends.
    ///
    /// # Errors
    /// When the file is not there, and on every failure of the disk.
    fn read(&self, name: &str, offset: u64, len: usize) -> io::Result<Vec<u8>>;

    /// A file's length in bytes.
    ///
    /// # Errors
    /// When the file is not there, and on every failure of the disk.
    fn size(&self, name: &str) -> io::Result<u64>;

    /// Cuts a file back to `len` bytes.
    ///
    /// # Errors
    /// When the file is not there, and on every failure of the disk.
    fn truncate(&self, name: &str, len: u64) -> io::Result<()>;

    /// Gives a file another name in the same folder, replacing what has that name.
    ///
    /// # Errors
    /// When the file is not there, and on every failure of the disk.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;

    /// The files of a folder, by name, sorted; without the folder's name, and without folders.
    ///
    /// # Errors
    /// When the folder is not there, and on every failure of the disk.
    fn list(&self, dir: &str) -> io::Result<Vec<String>>;

    /// Removes a file.
    ///
    /// # Errors
    /// When the file is not there, and on every failure of the disk.
    fn remove(&self, name: &str) -> io::Result<()>;

    /// Makes a file's bytes durable (fdatasync). After an error it is unknown which of them are, and a second call that
    /// succeeds does not tell.
    ///
    /// # Errors
    /// When the file is not there, and on every failure of the disk.
    fn sync_file(&self, name: &str) -> io::Result<()>;

    /// Makes a folder's names durable (fsync of the directory).
    ///
    /// # Errors
    /// When the folder is not there, and on every failure of the disk.
    fn sync_dir(&self, dir: &str) -> io::Result<()>;

    /// Where this is, for error texts.
    fn location(&self) -> String;

    /// Whether another process was writing here when this disk was opened for reading.
    fn in_use(&self) -> bool {
        false
    }
}

/// The folder that a name is in.
fn parent(name: &str) -> &str {
    name.rsplit_once('/').map_or("", |(dir, _)| dir)
}

/// Refuses a name that could leave the directory.
fn check_name(name: &str) -> io::Result<()> {
    let good = |part: &str| {
        !part.is_empty()
            && !part.starts_with('.')
            && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
    };
    if name.split('/').count() <= 2 && name.split('/').all(good) {
        return Ok(());
    }
    Err(io::Error::new(io::ErrorKind::InvalidInput, format!("`{name}` is not a file name of a store")))
}
