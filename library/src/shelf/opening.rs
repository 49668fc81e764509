//! What a start does: names are read, what was begun is finished or removed, and no key is asked for.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use forethought_store::{Disk, StoreError};

use super::{
    FileId, ShelfError,
    erase::{finish, remove, sync_names},
    place::{DIR, Part, Place},
    tenant::Tenant,
};

/// What a start found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ShelfReport {
    /// Files that are there.
    pub files: usize,
    /// Files that did not come whole, and were removed. Nobody was told that they were there.
    pub halves: usize,
    /// Erasures that were decided and are done now.
    pub erased: usize,
}

/// The tenants of a folder, each with the ids of its files.
pub(super) type Tenants = BTreeMap<String, Arc<Tenant>>;

/// Reads the folder and tidies it.
pub(super) fn open(disk: &dyn Disk) -> Result<(Tenants, ShelfReport), ShelfError> {
    disk.create_dir(DIR).map_err(|source| StoreError::io("create", DIR, source))?;
    disk.sync_dir("").map_err(|source| StoreError::io("sync", disk.location(), source))?;
    let names = disk.list(DIR).map_err(|source| StoreError::io("read", DIR, source))?;
    let mut found: BTreeMap<(String, FileId), Vec<Part>> = BTreeMap::new();
    for (place, part) in names.iter().filter_map(|name| Place::parse(name)) {
        found.entry((place.tenant, place.id)).or_default().push(part);
    }
    let (mut tenants, mut report) = (BTreeMap::<String, BTreeSet<FileId>>::new(), ShelfReport::default());
    for ((tenant, id), parts) in found {
        if tidy(disk, &Place { tenant: tenant.clone(), id: id.clone() }, &parts, &mut report)? {
            tenants.entry(tenant).or_default().insert(id);
        }
    }
    sync_names(disk)?;
    let with_files = |(tenant, unread)| (tenant, Arc::new(Tenant::with_unread(unread)));
    Ok((tenants.into_iter().map(with_files).collect(), report))
}

/// Finishes what was begun with one file, and says whether it is there.
fn tidy(disk: &dyn Disk, place: &Place, parts: &[Part], report: &mut ShelfReport) -> Result<bool, StoreError> {
    if parts.contains(&Part::Gone) {
        // A record beside it would be one that was put there by hand: what is decided goes before.
        remove(disk, &place.part(Part::Meta))?;
        finish(disk, place)?;
        report.erased += 1;
        return Ok(false);
    }
    if parts.contains(&Part::New) {
        remove(disk, &place.part(Part::New))?;
    }
    if parts.contains(&Part::Meta) {
        report.files += 1;
        return Ok(true);
    }
    remove(disk, &place.part(Part::Body))?;
    report.halves += 1;
    Ok(false)
}
