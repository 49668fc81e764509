//! How a file comes onto the shelf.
//!
//! Its body is written and synced, and only then its record, under another name that is changed when the record is durable. A
//! crash before that leaves bytes whose key nobody has, and which the next start removes; a crash behind it leaves the file.

use std::{
    io::{self, Read},
    sync::Arc,
};

use forethought_store::{Disk, StoreError};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use super::{
    FILE_KEY, FileId, FileInfo, Shelf, ShelfError, Upload,
    erase::sync_names,
    info::check_tenant,
    place::{Part, Place},
    record::{Record, damaged},
    seal::{CHUNK, Sealer, TAG},
    tenant::Room,
    utf8::Utf8,
};

impl Shelf {
    /// Takes a file. When this returns it is durable; when it fails nothing of it is there.
    ///
    /// It blocks for as long as `sender` does. Any number of files may be sent at once.
    ///
    /// # Errors
    /// Those of names, types, texts and limits, [`ShelfError::Sender`], [`ShelfError::Wrap`], [`ShelfError::Random`] and
    /// [`ShelfError::Store`].
    pub fn put(&self, tenant: &str, upload: &Upload, sender: impl Read) -> Result<FileInfo, ShelfError> {
        check_tenant(tenant)?;
        let kind = upload.check()?;
        let owner = self.owner(tenant)?;
        let mut room = Room::reserve(&owner, self.limits)?;
        let place = Place { tenant: tenant.to_owned(), id: FileId::generate().map_err(ShelfError::Random)? };
        let mut key = Zeroizing::new([0; FILE_KEY]);
        getrandom::fill(key.as_mut_slice()).map_err(ShelfError::Random)?;
        let half = Half { disk: &*self.disk, place: &place, whole: false };
        let (bytes, sha256) = self.write_body(&place, &Sealer::new(&key, &place), sender, &mut room)?;
        let info = FileInfo {
            id: place.id.clone(),
            name: upload.name.clone(),
            kind,
            bytes,
            sha256,
            created: upload.created,
            subject: upload.subject.clone(),
        };
        Record::new(&*self.wrap, &place, &key, &info)?.write(&*self.disk, &place)?;
        half.whole();
        room.fill(Arc::new(info.clone()));
        Ok(info)
    }

    /// Writes the body durably, and gives its length and digest.
    fn write_body(
        &self,
        place: &Place,
        sealer: &Sealer,
        mut sender: impl Read,
        room: &mut Room<'_>,
    ) -> Result<(u64, String), ShelfError> {
        let name = place.part(Part::Body);
        let failed = |action, source| StoreError::io(action, name.clone(), source);
        self.disk.create(&name).map_err(|source| failed("create", source))?;
        let (mut bytes, mut hash, mut utf8) = (0u64, Sha256::new(), Utf8::default());
        let mut chunk = fill(&mut sender)?;
        for number in 0u64.. {
            // Which chunk is the last one shows when nothing comes behind it.
            let next = if chunk.len() < CHUNK { Zeroizing::default() } else { fill(&mut sender)? };
            room.take(chunk.len() as u64)?;
            utf8.feed(&chunk).map_err(|at| ShelfError::NotText { at })?;
            hash.update(&*chunk);
            bytes += chunk.len() as u64;
            let last = next.is_empty();
            let sealed = sealer.seal_chunk(number, last, &mut chunk);
            sealed.map_err(|_| damaged(&place.id, "a part of it cannot be sealed"))?;
            self.disk.append(&name, &chunk).map_err(|source| failed("write", source))?;
            if last {
                break;
            }
            chunk = next;
        }
        utf8.end().map_err(|at| ShelfError::NotText { at })?;
        self.disk.sync_file(&name).map_err(|source| failed("sync", source))?;
        // A record must not become durable before the name of its body is.
        sync_names(&*self.disk)?;
        Ok((bytes, hex::encode(hash.finalize())))
    }
}

/// The next chunk; shorter than [`CHUNK`] only at the end.
fn fill(sender: &mut impl Read) -> Result<Zeroizing<Vec<u8>>, ShelfError> {
    // With room for what sealing adds: growing would leave a copy behind.
    let mut chunk = Zeroizing::new(Vec::with_capacity(CHUNK + TAG));
    let read = io::Read::take(sender, CHUNK as u64).read_to_end(&mut chunk);
    read.map_err(ShelfError::Sender)?;
    Ok(chunk)
}

/// What is on the disk of a file that is not whole: it is removed when it is dropped.
struct Half<'a> {
    disk: &'a dyn Disk,
    place: &'a Place,
    whole: bool,
}

impl Half<'_> {
    fn whole(mut self) {
        self.whole = true;
    }
}

impl Drop for Half<'_> {
    fn drop(&mut self) {
        if self.whole {
            return;
        }
        // The first failure is what is told; what cannot be removed now is removed at the next start. The body goes last, so that
        // a record whose removal is lost is not left without it.
        for part in [Part::Meta, Part::New] {
            let _ = self.disk.remove(&self.place.part(part));
        }
        if sync_names(self.disk).is_ok() {
            let _ = self.disk.remove(&self.place.part(Part::Body));
        }
    }
}
