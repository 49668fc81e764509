//! New rows: staged in memory, then written in one go with one sync.

use jiff::Timestamp;
use zeroize::Zeroizing;

use super::{
    ContentKey, KeyId, KeyPlace, Owner, Retention, Vault, VaultError,
    cache::Wanted,
    header::Header,
    plain::{KEY, KeyRow, Plain},
    retention::day_of,
    slot::{Kind, SLOT, SlotBytes},
    table::{DIR, NEW, failed, name_of},
};

/// Rows that wait at once: about a megabyte. More are written without being asked to.
pub(super) const MAX_STAGED: usize = 1024;

/// Where the next row of a table goes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tail {
    pub(super) header: Header,
    /// The first slot that nothing was ever written to.
    pub(super) next: u32,
}

/// A row that was asked for. It is no key: [`Vault::flush`] gives the right to one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[must_use = "the key is to be had from what `flush` gives"]
pub struct Ticket {
    place: KeyPlace,
    id: KeyId,
}

impl Ticket {
    /// The ticket of a key that something is sealed under.
    pub(crate) const fn of(place: KeyPlace, id: KeyId) -> Self {
        Self { place, id }
    }

    /// Where the row stands, or will.
    #[must_use]
    pub const fn place(&self) -> KeyPlace {
        self.place
    }

    /// The key's name.
    #[must_use]
    pub const fn id(&self) -> KeyId {
        self.id
    }
}

/// The right to use what was asked for: every row that was is durable.
#[derive(Debug)]
pub struct Durable<'v> {
    vault: &'v Vault,
}

impl Durable<'_> {
    /// The key of a ticket.
    ///
    /// # Errors
    /// [`VaultError::Erased`] where its row was destroyed in the meantime: ask for another one with [`Vault::key_for`];
    /// and those of [`Vault::find`].
    pub fn key(&self, ticket: &Ticket) -> Result<ContentKey, VaultError> {
        let remembered = self.vault.cache.lock().at(ticket.place).filter(|key| key.id() == ticket.id).cloned();
        match remembered {
            Some(key) => Ok(key),
            None => self.vault.find(ticket.place, ticket.id),
        }
    }
}

impl Vault {
    /// Asks for the key of an owner's contents of today: a row that is there is taken, another one is staged. Rows are made
    /// durable, and keys given, by [`Vault::flush`], many at once.
    ///
    /// # Errors
    /// [`VaultError::Tenant`], [`VaultError::Subject`], [`VaultError::NeedsReopen`], [`VaultError::Random`],
    /// [`VaultError::Master`], [`VaultError::WrappedTooLarge`], and those of [`Vault::flush`] where many rows wait.
    pub fn key_for(&mut self, owner: &Owner, retention: &Retention, now: Timestamp) -> Result<Ticket, VaultError> {
        self.check_usable()?;
        owner.check()?;
        let wanted = Wanted { owner: owner.clone(), day: day_of(now), retention: retention.clone() };
        let remembered = self.cache.lock().get(&wanted).map(ContentKey::ticket);
        if let Some(ticket) = remembered {
            return Ok(ticket);
        }
        let key = self.stage(&wanted)?;
        let ticket = key.ticket();
        self.cache.lock().insert(wanted, key);
        Ok(ticket)
    }

    /// Makes every row that was asked for durable, and gives the right to use them. Without new rows it touches no disk.
    ///
    /// # Errors
    /// [`VaultError::Store`]. On a full disk the rows go on waiting: try again. After any other failure, the vault must be
    /// opened anew, and rows that waited are gone: nothing was sealed under them.
    pub fn flush(&mut self) -> Result<Durable<'_>, VaultError> {
        self.check_usable()?;
        self.write_staged()?;
        Ok(Durable { vault: self })
    }

    fn stage(&mut self, wanted: &Wanted) -> Result<ContentKey, VaultError> {
        let (header, slot) = self.place_of_next()?;
        let mut key = Zeroizing::new([0; KEY]);
        getrandom::fill(key.as_mut_slice()).map_err(VaultError::Random)?;
        let id = KeyId::random()?;
        let Wanted { owner, day, retention } = wanted.clone();
        let row = KeyRow { owner, day, retention, key: key.clone() };
        let bytes = self.wrap(&header, slot, id, &Plain::Key(row))?;
        self.staged.push(bytes);
        Ok(ContentKey::new(KeyPlace { file: header.file, slot }, id, key))
    }

    /// A slot's bytes, under the master key in use.
    pub(super) fn wrap(&self, header: &Header, slot: u32, id: KeyId, row: &Plain) -> Result<SlotBytes, VaultError> {
        let at = header.spot(slot);
        let no_room = || super::table::damaged(&at, "a row was made that has no room in a slot");
        at.wrap(self.table.masters.current(), id, &row.encode().ok_or_else(no_room)?)
    }

    /// Where the next row goes, in a new file when the last one is full.
    fn place_of_next(&mut self) -> Result<(Header, u32), VaultError> {
        let mut staged = self.staged.len();
        let full = |tail: &Tail, staged: usize| u64::from(tail.next) + staged as u64 >= u64::from(tail.header.slots);
        if staged >= MAX_STAGED || self.keys.is_some_and(|tail| full(&tail, staged)) {
            self.write_staged()?;
            staged = 0;
        }
        let tail = match self.keys.filter(|tail| !full(tail, staged)) {
            Some(tail) => tail,
            None => self.begin_file(Kind::Keys)?,
        };
        self.keys = Some(tail);
        Ok((tail.header, tail.next.saturating_add(u32::try_from(staged).unwrap_or(u32::MAX))))
    }

    pub(super) fn write_staged(&mut self) -> Result<(), VaultError> {
        let Some(tail) = self.keys.filter(|_| !self.staged.is_empty()) else { return Ok(()) };
        let written = self.append(&tail, &self.staged.concat());
        if self.broken.is_some() {
            self.staged.clear();
            self.cache.lock().clear();
        }
        written?;
        let count = u32::try_from(self.staged.len()).unwrap_or(u32::MAX);
        self.keys = Some(Tail { next: tail.next.saturating_add(count), ..tail });
        self.staged.clear();
        self.cache.lock().settle();
        Ok(())
    }

    /// Writes whole slots at a table's end and makes them durable.
    pub(super) fn append(&mut self, tail: &Tail, slots: &[u8]) -> Result<(), VaultError> {
        let name = name_of(tail.header.kind, tail.header.file);
        if let Err(source) = self.table.disk.append(&name, slots) {
            let error = failed("append to", &name, source);
            let before = super::table::offset(tail.next);
            if let Err(source) = self.table.disk.truncate(&name, before) {
                self.broken = Some(failed("cut back", &name, source).to_string());
            }
            return Err(error);
        }
        let synced = self.table.disk.sync_file(&name).map_err(|source| failed("sync", &name, source));
        self.breaks(synced)
    }

    /// Begins another file, which is durable with its header before anything uses it.
    pub(super) fn begin_file(&mut self, kind: Kind) -> Result<Tail, VaultError> {
        let last = self.table.files(kind)?.last().copied().unwrap_or(0);
        let file = last.checked_add(1).ok_or(VaultError::TooManyFiles)?;
        let mut file_id = [0; 16];
        getrandom::fill(&mut file_id).map_err(VaultError::Random)?;
        let master = self.table.masters.current();
        let tag = super::master::tag_of(master);
        let header = Header { kind, file, file_id, slots: self.options.slots_per_file.max(1), tag };
        let bytes = header.encode(master)?;
        self.create_file(&name_of(kind, file), |write| write(&bytes))?;
        Ok(Tail { header, next: 0 })
    }

    /// Makes a file that is either whole or not there.
    pub(super) fn create_file(
        &mut self,
        name: &str,
        fill: impl FnOnce(&mut dyn FnMut(&[u8]) -> Result<(), VaultError>) -> Result<(), VaultError>,
    ) -> Result<(), VaultError> {
        let disk = self.table.disk.clone();
        let new = format!("{name}{NEW}");
        self.table.remove_leftover(&new)?;
        disk.create(&new).map_err(|source| failed("create", &new, source))?;
        fill(&mut |bytes| disk.append(&new, bytes).map_err(|source| failed("append to", &new, source)))?;
        disk.sync_file(&new).map_err(|source| failed("sync", &new, source))?;
        let named =
            disk.rename(&new, name).and_then(|()| disk.sync_dir(DIR)).map_err(|source| failed("rename", &new, source));
        self.breaks(named)
    }

    /// Pads what a crash left of a slot at a table's end, and gives where the next row goes.
    pub(super) fn tail_of(&self, header: Header) -> Result<(Tail, bool), VaultError> {
        let (name, size) = (name_of(header.kind, header.file), self.table.size(header.kind, header.file)?);
        let over = usize::try_from(size % SLOT as u64).unwrap_or(0);
        if over > 0 {
            let padded = self.table.disk.append(&name, &vec![0; SLOT - over]);
            padded.map_err(|source| failed("append to", &name, source))?;
            self.table.disk.sync_file(&name).map_err(|source| failed("sync", &name, source))?;
        }
        Ok((Tail { header, next: self.table.slots(header.kind, header.file)? }, over > 0))
    }
}
