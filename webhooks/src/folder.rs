//! A folder of a disk as a disk of its own, so that a journal can lie in it.

use std::{io, sync::Arc};

use forethought_store::Disk;

#[derive(Debug)]
pub(crate) struct Folder {
    disk: Arc<dyn Disk>,
    name: &'static str,
}

impl Folder {
    /// The folder with this name, which is made where it is not there.
    pub(crate) fn open(disk: Arc<dyn Disk>, name: &'static str) -> io::Result<Self> {
        disk.create_dir(name)?;
        disk.sync_dir("")?;
        Ok(Self { disk, name })
    }

    /// Removes every file.
    pub(crate) fn clear(&self) -> io::Result<()> {
        for file in self.list("")? {
            self.remove(&file)?;
        }
        self.sync_dir("")
    }

    fn at(&self, file: &str) -> String {
        if file.is_empty() { self.name.to_owned() } else { format!("{}/{file}", self.name) }
    }
}

impl Disk for Folder {
    fn create(&self, name: &str) -> io::Result<()> {
        self.disk.create(&self.at(name))
    }

    fn create_dir(&self, _: &str) -> io::Result<()> {
        Err(io::Error::new(io::ErrorKind::Unsupported, "a folder of a store has no folders"))
    }

    fn append(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        self.disk.append(&self.at(name), bytes)
    }

    fn overwrite(&self, name: &str, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.disk.overwrite(&self.at(name), offset, bytes)
    }

    fn read(&self, name: &str, offset: u64, len: usize) -> io::Result<Vec<u8>> {
        self.disk.read(&self.at(name), offset, len)
    }

    fn size(&self, name: &str) -> io::Result<u64> {
        self.disk.size(&self.at(name))
    }

    fn truncate(&self, name: &str, len: u64) -> io::Result<()> {
        self.disk.truncate(&self.at(name), len)
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.disk.rename(&self.at(from), &self.at(to))
    }

    fn list(&self, dir: &str) -> io::Result<Vec<String>> {
        self.disk.list(&self.at(dir))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.disk.remove(&self.at(name))
    }

    fn sync_file(&self, name: &str) -> io::Result<()> {
        self.disk.sync_file(&self.at(name))
    }

    fn sync_dir(&self, dir: &str) -> io::Result<()> {
        self.disk.sync_dir(&self.at(dir))
    }

    fn location(&self) -> String {
        format!("{}/{}", self.disk.location(), self.name)
    }

    fn in_use(&self) -> bool {
        self.disk.in_use()
    }
}
