//! The journal that is the only truth, the index that is rebuilt from it, and the disks that both stand on.
//!
//! What must survive is an entry of a [`Journal`]: append-only segment files, written in batches, with one fdatasync
//! before a batch is acknowledged. An [`Index`] holds only what can be read out of the journal again: it is dropped and
//! rebuilt whenever it does not fit. Both reach files through a [`Disk`]: a [`RealDisk`], or a [`SimDisk`] that loses
//! what was not synced, so that a test can cut the power at every single write.

mod disk;
mod error;
mod index;
mod journal;

pub use disk::{Disk, RealDisk, SimDisk};
pub use error::StoreError;
pub use index::{Index, IndexMark, IndexWrite, KeyValue};
pub use journal::{
    Entry, Journal, JournalOptions, JournalReader, JournalSnapshot, MAX_ENTRY_BYTES, MAX_KIND, OpenCheck, Position,
    RecoveryReport, Scan, TailCut,
};
