//! A disk in memory that loses what was not synced, and fails where a test asks it to.

mod state;

use std::{
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use super::{Disk, check_name, parent};
use state::{DirChange, State};

/// A disk in memory. Clones are the same disk.
///
/// Writes go to a volatile layer, which every read sees; [`Disk::sync_file`] makes a file's bytes durable and
/// [`Disk::sync_dir`] a folder's names. Every write and every sync has a number, from 1 on, so that a test can cut the
/// power at each of them.
#[derive(Clone, Debug, Default)]
pub struct SimDisk(Arc<Mutex<State>>);

impl SimDisk {
    /// An empty disk.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The number of the last write or sync.
    #[must_use]
    pub fn operations(&self) -> u64 {
        self.state().operations
    }

    /// Cuts the power once operation `at` is done: the next one is still under way, and may or may not take effect;
    /// it and every later call, reads too, fails.
    pub fn power_cut(&self, at: u64) {
        self.state().cut_after = Some(at);
    }

    /// What stands on the disk after the power is back, as a new disk without any fault.
    ///
    /// Seed 0 keeps exactly what was synced. Any other seed keeps, by its own lot, unsynced writes too: whole, torn,
    /// with zeros where bytes did not arrive; and unsynced names or not.
    #[must_use]
    pub fn reopen(&self, seed: u64) -> Self {
        Self(Arc::new(Mutex::new(self.state().after_power_loss(seed))))
    }

    /// From now on every write fails with this error after half of its bytes, until [`SimDisk::writes_work`].
    pub fn fail_writes_with(&self, kind: io::ErrorKind) {
        self.state().failing_writes = Some(kind);
    }

    /// Ends [`SimDisk::fail_writes_with`] and [`SimDisk::limit_space`].
    pub fn writes_work(&self) {
        let mut state = self.state();
        state.failing_writes = None;
        state.space = None;
    }

    /// From now on writes fail as on a full disk once `bytes` more are written, until [`SimDisk::writes_work`].
    pub fn limit_space(&self, bytes: usize) {
        self.state().space = Some(bytes);
    }

    /// Whether syncs fail, with an error of no special kind. See [`SimDisk::fail_syncs_with`].
    pub fn fail_syncs(&self, failing: bool) {
        self.fail_syncs_with(failing.then_some(io::ErrorKind::Other));
    }

    /// The error with which syncs fail, if they do. A failed sync drops what it should have written, and a later one does not write it either,
    /// as Linux does: reads go on showing it.
    pub fn fail_syncs_with(&self, kind: Option<io::ErrorKind>) {
        self.state().failing_syncs = kind;
    }

    /// Whether cutting a file back fails.
    pub fn fail_truncates(&self, failing: bool) {
        self.state().failing_truncates = failing;
    }

    /// Changes one byte of a file for good, by exclusive or with `mask`: damage that no write explains.
    ///
    /// # Errors
    /// When there is no such byte.
    pub fn flip(&self, name: &str, offset: u64, mask: u8) -> io::Result<()> {
        let mut state = self.state();
        let offset = usize::try_from(offset).map_err(io::Error::other)?;
        let inode = state.file_mut(name)?;
        let byte = inode.data.get_mut(offset).ok_or_else(|| io::Error::from(io::ErrorKind::UnexpectedEof))?;
        *byte ^= mask;
        inode.make_durable();
        Ok(())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A test that panicked while it held the disk has failed anyway.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does `act` as the next numbered operation.
    fn operate(&self, act: impl FnOnce(&mut State) -> io::Result<()>) -> io::Result<()> {
        let mut state = self.state();
        state.check_power()?;
        state.operations += 1;
        let done = act(&mut state);
        if state.cut_after.is_some_and(|at| state.operations > at) {
            state.off = true;
            return Err(State::no_power());
        }
        done
    }
}

impl Disk for SimDisk {
    fn create(&self, name: &str) -> io::Result<()> {
        check_name(name)?;
        self.operate(|state| {
            state.check_writes()?;
            if state.names.contains_key(name) {
                return Err(io::ErrorKind::AlreadyExists.into());
            }
            state.check_dir(parent(name))?;
            let inode = state.new_inode();
            state.change_names(DirChange::Link { name: name.to_owned(), inode });
            Ok(())
        })
    }

    fn create_dir(&self, name: &str) -> io::Result<()> {
        check_name(name)?;
        self.operate(|state| {
            state.check_writes()?;
            state.change_names(DirChange::MakeDir { name: name.to_owned() });
            Ok(())
        })
    }

    fn append(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        self.operate(|state| state.append(name, bytes))
    }

    fn overwrite(&self, name: &str, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.operate(|state| {
            if let Some(kind) = state.failing_writes {
                return Err(kind.into());
            }
            let offset = usize::try_from(offset).map_err(io::Error::other)?;
            state.file_mut(name)?.overwrite(offset, bytes)
        })
    }

    fn read(&self, name: &str, offset: u64, len: usize) -> io::Result<Vec<u8>> {
        let state = self.state();
        state.check_power()?;
        let data = &state.file(name)?.data;
        let start = usize::try_from(offset).map_or(data.len(), |offset| offset.min(data.len()));
        let end = start.saturating_add(len).min(data.len());
        Ok(data.get(start..end).unwrap_or_default().to_vec())
    }

    fn size(&self, name: &str) -> io::Result<u64> {
        let state = self.state();
        state.check_power()?;
        Ok(state.file(name)?.data.len() as u64)
    }

    fn truncate(&self, name: &str, len: u64) -> io::Result<()> {
        self.operate(|state| {
            if state.failing_truncates {
                return Err(io::Error::other("truncates are made to fail"));
            }
            let len = usize::try_from(len).map_err(io::Error::other)?;
            state.file_mut(name)?.truncate(len);
            Ok(())
        })
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        check_name(to)?;
        self.operate(|state| {
            let inode = state.inode(from)?;
            state.change_names(DirChange::Rename { from: from.to_owned(), to: to.to_owned(), inode });
            Ok(())
        })
    }

    fn list(&self, dir: &str) -> io::Result<Vec<String>> {
        let state = self.state();
        state.check_power()?;
        state.check_dir(dir)?;
        let own = state.names.keys().filter(|name| parent(name) == dir);
        Ok(own.map(|name| name.rsplit('/').next().unwrap_or(name).to_owned()).collect())
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.operate(|state| {
            state.inode(name)?;
            state.change_names(DirChange::Unlink { name: name.to_owned() });
            Ok(())
        })
    }

    fn sync_file(&self, name: &str) -> io::Result<()> {
        self.operate(|state| {
            let failing = state.failing_syncs;
            let in_flight = state.in_flight();
            let inode = state.file_mut(name)?;
            if let Some(kind) = failing {
                inode.lose();
                return Err(io::Error::new(kind, "syncs are made to fail"));
            }
            if !in_flight {
                inode.make_durable();
            }
            Ok(())
        })
    }

    fn sync_dir(&self, dir: &str) -> io::Result<()> {
        self.operate(|state| {
            state.check_dir(dir)?;
            if let Some(kind) = state.failing_syncs {
                return Err(io::Error::new(kind, "syncs are made to fail"));
            }
            if !state.in_flight() {
                state.make_names_durable(dir);
            }
            Ok(())
        })
    }

    fn location(&self) -> String {
        "simulated disk".to_owned()
    }
}
