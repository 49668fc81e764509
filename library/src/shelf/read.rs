//! How a file is read: chunk by chunk, none of which leaves before it is known to be what was put there.

use std::{
    io::{self, Read},
    sync::Arc,
};

use forethought_store::{Disk, StoreError};
use zeroize::Zeroizing;

use super::{
    FileId, FileInfo, Shelf, ShelfError,
    place::{Part, Place},
    record::{Record, damaged},
    seal::{CHUNK, Sealer, TAG, sealed_len},
    tenant::Presence,
};

/// A file that is being read. Its erasure ends the reading with an error.
pub struct Reading {
    disk: Arc<dyn Disk>,
    place: Place,
    sealer: Sealer,
    info: Arc<FileInfo>,
    presence: Presence,
    /// The number of the next chunk.
    next: u64,
    chunk: Zeroizing<Vec<u8>>,
    /// How much of the chunk was given away.
    given: usize,
}

impl Shelf {
    /// A file, from its beginning. Each call asks for its key.
    ///
    /// # Errors
    /// [`ShelfError::NotFound`], [`ShelfError::Damaged`], [`ShelfError::Wrap`] and [`ShelfError::Store`]. Reading has
    /// [`ShelfError::Erased`], too, inside of an [`io::Error`].
    pub fn read(&self, tenant: &str, id: &FileId) -> Result<Reading, ShelfError> {
        let held = self.held(tenant, id)?;
        let place = Place { tenant: tenant.to_owned(), id: id.clone() };
        let gone = |error| if held.presence.gone() { ShelfError::Erased { id: id.clone() } } else { error };
        let key = Record::read(&*self.disk, &place).and_then(|record| record.key(&*self.wrap, &place)).map_err(gone)?;
        let body = place.part(Part::Body);
        let size = self.disk.size(&body).map_err(|source| match source.kind() {
            io::ErrorKind::NotFound => gone(damaged(id, "what it held is missing")),
            _ => StoreError::io("read", body, source).into(),
        })?;
        if size != sealed_len(held.info.bytes) {
            return Err(damaged(id, "it is shorter or longer than it was"));
        }
        Ok(Reading {
            disk: Arc::clone(&self.disk),
            sealer: Sealer::new(&key, &place),
            place,
            info: held.info,
            presence: held.presence,
            next: 0,
            chunk: Zeroizing::default(),
            given: 0,
        })
    }

    /// At most `len` bytes of a file from `offset` on.
    ///
    /// # Errors
    /// Those of [`Shelf::read`].
    pub fn read_part(
        &self,
        tenant: &str,
        id: &FileId,
        offset: u64,
        len: usize,
    ) -> Result<Zeroizing<Vec<u8>>, ShelfError> {
        let mut reading = self.read_from(tenant, id, offset)?;
        let mut part = Zeroizing::new(Vec::with_capacity(len));
        let read = io::Read::take(&mut reading, len as u64).read_to_end(&mut part);
        read.map_err(|error| reading.cause(error))?;
        Ok(part)
    }
}

impl Shelf {
    /// A file from `offset` on.
    pub(crate) fn read_from(&self, tenant: &str, id: &FileId, offset: u64) -> Result<Reading, ShelfError> {
        let mut reading = self.read(tenant, id)?;
        reading.skip_to(offset).map_err(|error| reading.cause(error))?;
        Ok(reading)
    }
}

impl Reading {
    /// What is known of the file.
    #[must_use]
    pub fn info(&self) -> &FileInfo {
        &self.info
    }

    /// The next piece of it, at most 64 KiB long; empty at its end.
    ///
    /// # Errors
    /// Those of [`Shelf::read`], and [`ShelfError::Erased`].
    pub fn piece(&mut self) -> Result<Zeroizing<Vec<u8>>, ShelfError> {
        let mut piece = Zeroizing::new(Vec::with_capacity(CHUNK));
        let read = io::Read::take(&mut *self, CHUNK as u64).read_to_end(&mut piece);
        read.map_err(|error| self.cause(error))?;
        Ok(piece)
    }

    /// Goes on at `offset`, without reading what is before its chunk.
    fn skip_to(&mut self, offset: u64) -> io::Result<()> {
        self.next = offset / CHUNK as u64;
        self.chunk.clear();
        self.given = 0;
        if offset < self.info.bytes {
            self.open_next()?;
            self.given = usize::try_from(offset % CHUNK as u64).unwrap_or(CHUNK);
        } else {
            self.next = u64::MAX;
        }
        Ok(())
    }

    /// Opens the next chunk; leaves none where there is none.
    fn open_next(&mut self) -> io::Result<()> {
        self.chunk.clear();
        self.given = 0;
        let last = self.info.bytes.saturating_sub(1) / CHUNK as u64;
        if self.next > last {
            return Ok(());
        }
        self.check_present()?;
        let name = self.place.part(Part::Body);
        let sealed = self.disk.read(&name, self.next * (CHUNK + TAG) as u64, CHUNK + TAG);
        let sealed = sealed.map_err(|source| self.lost(StoreError::io("read", name, source)))?;
        self.chunk = Zeroizing::new(sealed);
        if self.sealer.open_chunk(self.next, self.next == last, &mut self.chunk).is_err() {
            self.chunk.clear();
            return Err(io::Error::other(damaged(&self.place.id, "a part of it is not what was put there")));
        }
        self.next += 1;
        self.check_present()
    }

    fn check_present(&self) -> io::Result<()> {
        if self.presence.gone() { Err(io::Error::other(self.erased())) } else { Ok(()) }
    }

    /// Why it cannot be read: a body that is missing after its erasure is no failure of the disk.
    fn lost(&self, error: StoreError) -> io::Error {
        if self.presence.gone() { io::Error::other(self.erased()) } else { io::Error::other(ShelfError::from(error)) }
    }

    fn erased(&self) -> ShelfError {
        ShelfError::Erased { id: self.place.id.clone() }
    }

    /// The shelf's error inside of one of reading.
    fn cause(&self, error: io::Error) -> ShelfError {
        error
            .downcast::<ShelfError>()
            .unwrap_or_else(|error| StoreError::io("read", self.place.part(Part::Body), error).into())
    }
}

impl Read for Reading {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.given >= self.chunk.len() {
            self.open_next()?;
        }
        let rest = self.chunk.get(self.given..).unwrap_or_default();
        let len = rest.len().min(buffer.len());
        if let (Some(to), Some(from)) = (buffer.get_mut(..len), rest.get(..len)) {
            to.copy_from_slice(from);
        }
        self.given += len;
        Ok(len)
    }
}

impl std::fmt::Debug for Reading {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reading").field("id", &self.place.id).field("next", &self.next).finish_non_exhaustive()
    }
}
