//! What can go wrong with the vault: what failed, on what, and the mend.

use std::{io, path::PathBuf};

use forethought_store::StoreError;

use super::{DestroyReason, HoldId, KeyId, KeyPlace};

/// A failure of the vault.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VaultError {
    /// No owner of contents can have this name.
    #[error("`{tenant}` is not a tenant id: use 1 to 63 of a-z, 0-9, `_` and `-`, beginning with a letter or digit")]
    Tenant {
        /// What was given.
        tenant: String,
    },
    /// A subject's name has no room in a row.
    #[error("a subject of {bytes} bytes cannot be kept: use 1 to {max} bytes")]
    Subject {
        /// Its length, in bytes.
        bytes: usize,
        /// The most, in bytes.
        max: usize,
    },
    /// The reason of a hold has no room in its row.
    #[error("the reason of a hold has {bytes} bytes: use 1 to {max}, and keep the rest with the case's papers")]
    HoldReason {
        /// Its length, in bytes.
        bytes: usize,
        /// The most, in bytes.
        max: usize,
    },
    /// The key was destroyed, and what it sealed is gone for good.
    #[error("key {id} was destroyed by {reason}: what it sealed cannot be read any more, by anyone")]
    Erased {
        /// The key.
        id: KeyId,
        /// Why.
        reason: DestroyReason,
    },
    /// There is no such row.
    #[error(
        "there is no key {id} at {place}: the key table is another one, or an older copy of it; restore the newest copy"
    )]
    Missing {
        /// Where it should stand.
        place: KeyPlace,
        /// The key.
        id: KeyId,
    },
    /// Bytes are not what was written.
    #[error("{file} is damaged{}: {what}; restore the key table from a backup", place.map_or_else(String::new, |place| format!(" at {place}")))]
    Damaged {
        /// The file.
        file: String,
        /// The row; none where it is the file's header.
        place: Option<KeyPlace>,
        /// What is wrong.
        what: String,
    },
    /// A row or a file is wrapped under a master key that was not given.
    #[error("{what} is wrapped under another master key than {given}; give that one too, until all is rewrapped")]
    OtherMaster {
        /// The row or the file.
        what: String,
        /// The ids of the master keys that were given.
        given: String,
    },
    /// A later version of this program wrote the table.
    #[error("{file} has format version {found}, this program knows {supported}; run the newer program")]
    NewerVersion {
        /// The file.
        file: String,
        /// The version in its header.
        found: u32,
        /// The newest version that this program reads.
        supported: u32,
    },
    /// A legal hold forbids it.
    #[error("the row at {place} stays: legal hold {hold} forbids to destroy it; release the hold first")]
    Held {
        /// The row.
        place: KeyPlace,
        /// The hold.
        hold: HoldId,
    },
    /// A row cannot be read, so nobody knows whether a hold forbids to destroy it.
    #[error(
        "the row at {place} cannot be read and there are legal holds: restore it from a backup, or release the holds"
    )]
    Unreadable {
        /// The row.
        place: KeyPlace,
    },
    /// Holds cannot be read, so nobody knows what they forbid.
    #[error(
        "{count} legal holds cannot be read, so nothing is destroyed: import a backup of the key table, or drop them \
         with `drop_damaged_holds`"
    )]
    HoldsDamaged {
        /// How many.
        count: usize,
    },
    /// There is no such hold.
    #[error("there is no legal hold {id}: it was released, or never placed")]
    NoHold {
        /// The hold.
        id: HoldId,
    },
    /// There is no slot to destroy.
    #[error("the key table has no row at {place}: nothing of the list was destroyed; make the plan anew")]
    NoSlot {
        /// The place.
        place: KeyPlace,
    },
    /// After it was destroyed, the row does not read as destroyed.
    #[error(
        "the row at {place} was destroyed and does not read so: the disk does not keep what it acknowledges; replace it"
    )]
    NotDestroyed {
        /// The row.
        place: KeyPlace,
    },
    /// A wrapped row is too large for its slot.
    #[error("master key {master} wraps a row into {bytes} bytes, above the {max} of a slot; use another master key")]
    WrappedTooLarge {
        /// The master key.
        master: String,
        /// Bytes that it made.
        bytes: usize,
        /// The most, in bytes.
        max: usize,
    },
    /// A backup is not one, or not whole.
    #[error("this is no whole backup of a key table: {what}; nothing was changed, use another copy")]
    Backup {
        /// What is wrong.
        what: String,
    },
    /// A backup of another table.
    #[error("{file} of the backup belongs to another key table; nothing was changed, use this table's own backup")]
    OtherTable {
        /// The file.
        file: String,
    },
    /// A backup could not be written or read.
    #[error("cannot {action} the backup: {source}; check where it stands")]
    BackupIo {
        /// What was tried.
        action: &'static str,
        /// The system's own words.
        source: io::Error,
    },
    /// A content cannot be sealed.
    #[error("content `{name}` of record {record_id} cannot be sealed: it is too large, or an id is too long")]
    Sealing {
        /// The record.
        record_id: String,
        /// The content's name.
        name: String,
    },
    /// The content is not what was sealed, or not under this key.
    #[error("content `{name}` of record {record_id} is not what was sealed; run `verify`")]
    Unsealing {
        /// The record.
        record_id: String,
        /// The content's name.
        name: String,
    },
    /// There is no room for more files.
    #[error("the key table has as many files as it can have; begin another data directory")]
    TooManyFiles,
    /// An earlier failure left it unknown what is on the disk.
    #[error("the vault takes no more changes ({reason}); check the disk, then open it again")]
    NeedsReopen {
        /// The earlier failure.
        reason: String,
    },
    /// The operating system gave no random bytes.
    #[error("the operating system gives no random bytes: {0}; no key is made without them")]
    Random(getrandom::Error),
    /// The master key failed.
    #[error(transparent)]
    Master(#[from] MasterError),
    /// The disk failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl VaultError {
    /// Whether the disk is full: the same may be tried again once there is space.
    #[must_use]
    pub fn is_full(&self) -> bool {
        matches!(self, Self::Store(StoreError::Full { .. }))
    }
}

/// A failure of a master key.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MasterError {
    /// A variable names a file that cannot be read.
    #[error(transparent)]
    Secret(#[from] crate::SecretError),
    /// The bytes are not what this key wrapped, or not in this place.
    #[error("master key {id} does not open this: it was changed, moved, or wrapped under another key")]
    Rejected {
        /// The master key.
        id: String,
    },
    /// The key cannot be used now.
    #[error("master key {id} cannot be used: {what}; nothing is lost, try again")]
    Unavailable {
        /// The master key.
        id: String,
        /// Why.
        what: String,
    },
    /// The text is not that of a master key.
    #[error("this is not a master key: {what}; it is one line, `forethought-master-1 <64 hexadecimal digits> <id>`")]
    Text {
        /// What is wrong with it; never what it holds.
        what: &'static str,
    },
    /// Others than the owner could read the file.
    #[error("the master key in {} can be read by others (mode {mode:o}): run `chmod 600` on it, and make a new one if others use this machine", path.display())]
    Exposed {
        /// The file.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// There is a file already.
    #[error("{} is there already and was not touched: give another name for the new master key", path.display())]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// The file cannot be read or written.
    #[error("cannot {action} the master key in {}: {source}", path.display())]
    File {
        /// What was tried.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// The system's own words.
        source: io::Error,
    },
    /// The operating system gave no random bytes.
    #[error("the operating system gives no random bytes: {0}; no key is made without them")]
    Random(getrandom::Error),
}
