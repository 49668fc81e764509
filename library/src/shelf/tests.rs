//! Tests of the shelf as a whole.

mod crash;
mod erasing;
mod keeping;

use std::{io::Read as _, sync::Arc};

use forethought_store::{Disk, SimDisk};
use jiff::Timestamp;

use super::*;

pub(crate) fn wrap() -> Arc<dyn KeyWrap> {
    Arc::new(LocalWrap::new(&[7; 32]))
}

pub(crate) fn upload(name: &str, subject: Option<&str>) -> Upload {
    Upload {
        name: name.to_owned(),
        media_type: None,
        subject: subject.map(str::to_owned),
        created: Timestamp::UNIX_EPOCH,
    }
}

fn open(disk: &SimDisk) -> (Shelf, ShelfReport) {
    Shelf::on(Arc::new(disk.clone()), wrap(), Limits::default()).expect("opened")
}

fn text_of(shelf: &Shelf, tenant: &str, id: &FileId) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let mut reading = shelf.read(tenant, id).map_err(|error| error.to_string())?;
    reading.read_to_end(&mut bytes).map_err(|error| error.to_string())?;
    Ok(bytes)
}

/// Text that is not the same in any two chunks.
fn long_text(len: usize) -> Vec<u8> {
    (0..=len / 8).flat_map(|number| format!("{number:07}\n").into_bytes()).take(len).collect()
}

/// All bytes on a disk.
fn everything(disk: &SimDisk) -> Vec<(String, Vec<u8>)> {
    let names = disk.list(place::DIR).unwrap_or_default();
    names
        .into_iter()
        .map(|name| format!("{}/{name}", place::DIR))
        .map(|name| {
            let bytes = disk.read(&name, 0, usize::MAX).expect("read");
            (name, bytes)
        })
        .collect()
}

fn holds(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}
