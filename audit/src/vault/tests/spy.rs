//! A disk before another one, which counts what is read and has one sync fail.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicUsize, Ordering},
    },
};

use forethought_store::{Disk, SimDisk};

/// Passes everything on.
#[derive(Debug)]
pub(super) struct Spy {
    disk: Arc<dyn Disk>,
    /// Where syncs can fail.
    sim: Option<SimDisk>,
    /// The sync that fails, counted down.
    left: AtomicI64,
    read: AtomicUsize,
}

impl Spy {
    /// Counts what is read.
    pub(super) fn counting(disk: Arc<dyn Disk>) -> Self {
        Self { disk, sim: None, left: AtomicI64::new(0), read: AtomicUsize::new(0) }
    }

    /// Has one sync of a file fail, counted from 1.
    pub(super) fn failing(disk: &SimDisk, sync: i64) -> Self {
        let (left, read) = (AtomicI64::new(sync), AtomicUsize::new(0));
        Self { disk: Arc::new(disk.clone()), sim: Some(disk.clone()), left, read }
    }

    /// Bytes that were read.
    pub(super) fn bytes_read(&self) -> usize {
        self.read.load(Ordering::Relaxed)
    }
}

impl Disk for Spy {
    fn create(&self, name: &str) -> io::Result<()> {
        self.disk.create(name)
    }
    fn create_dir(&self, name: &str) -> io::Result<()> {
        self.disk.create_dir(name)
    }
    fn append(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        self.disk.append(name, bytes)
    }
    fn overwrite(&self, name: &str, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.disk.overwrite(name, offset, bytes)
    }
    fn read(&self, name: &str, offset: u64, len: usize) -> io::Result<Vec<u8>> {
        let bytes = self.disk.read(name, offset, len)?;
        self.read.fetch_add(bytes.len(), Ordering::Relaxed);
        Ok(bytes)
    }
    fn size(&self, name: &str) -> io::Result<u64> {
        self.disk.size(name)
    }
    fn truncate(&self, name: &str, len: u64) -> io::Result<()> {
        self.disk.truncate(name, len)
    }
    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.disk.rename(from, to)
    }
    fn list(&self, dir: &str) -> io::Result<Vec<String>> {
        self.disk.list(dir)
    }
    fn remove(&self, name: &str) -> io::Result<()> {
        self.disk.remove(name)
    }
    fn sync_file(&self, name: &str) -> io::Result<()> {
        let Some(sim) = &self.sim else { return self.disk.sync_file(name) };
        sim.fail_syncs(self.left.fetch_sub(1, Ordering::Relaxed) == 1);
        let done = self.disk.sync_file(name);
        sim.fail_syncs(false);
        done
    }
    fn sync_dir(&self, dir: &str) -> io::Result<()> {
        self.disk.sync_dir(dir)
    }
    fn location(&self) -> String {
        self.disk.location()
    }
}
