//! Contents, sealed and read: under keys of the vault, and what was sealed before there was one under a tenant's key.

use std::{io, path::Path, sync::Arc};

use forethought_store::{Disk, RealDisk, StoreError};
use zeroize::Zeroizing;

use crate::{
    ContentKey, Digest, KeyError, KeyId, KeyPlace, KeyStore, LocalMaster, MasterError, Masters, SealedContent,
    VaultError, VaultReader, seal::Sealed, secret::secret,
};

/// The file of the master key in a data directory, where [`MASTER_KEY_VARIABLE`] is not set.
pub const MASTER_KEY_FILE: &str = "master.key";
/// The variable that has the master key; with `_FILE` behind it, the one that names its file.
pub const MASTER_KEY_VARIABLE: &str = "FORETHOUGHT_MASTER_KEY";
const MAX_FILE: usize = 256;

/// Why a content cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ContentError {
    /// Of a content that is sealed under a tenant's key.
    #[error(transparent)]
    Tenant(#[from] KeyError),
    /// Of one that is sealed under a key of the vault.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// The vault cannot be opened.
    #[error("contents cannot be read: {0}")]
    NoVault(String),
    /// It is not in the format of a sealed content, or says that it is another.
    #[error("content `{name}` of record {record_id} is not what was sealed; run `verify`")]
    Changed {
        /// The record.
        record_id: String,
        /// The content's name.
        name: String,
    },
}

impl ContentError {
    /// Whether its key is destroyed or lost, so that nobody can read it.
    #[must_use]
    pub const fn is_gone(&self) -> bool {
        matches!(
            self,
            Self::Tenant(KeyError::Missing { .. } | KeyError::OtherKey { .. })
                | Self::Vault(VaultError::Erased { .. } | VaultError::Missing { .. })
        )
    }

    /// Whether what is there is not what was sealed.
    #[must_use]
    pub const fn is_changed(&self) -> bool {
        matches!(
            self,
            Self::Changed { .. } | Self::Tenant(KeyError::Unsealing { .. }) | Self::Vault(VaultError::Unsealing { .. })
        )
    }
}

/// Which content sealed bytes say they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Label<'a> {
    pub(crate) record_id: &'a str,
    pub(crate) name: &'a str,
    pub(crate) tenant: &'a str,
}

/// Which content these bytes say they are; none when they are no sealed content.
pub(crate) fn label_of(bytes: &[u8]) -> Option<Label<'_>> {
    if let Some(sealed) = SealedContent::parse(bytes) {
        let label = sealed.label();
        return Some(Label { record_id: label.record_id, name: label.name, tenant: label.tenant });
    }
    Sealed::parse(bytes).map(|sealed| sealed.label)
}

/// Whose content key this content is under; none where it is under a tenant's key.
pub(crate) fn key_of(bytes: &[u8]) -> Option<(KeyPlace, KeyId)> {
    SealedContent::parse(bytes).map(|sealed| (sealed.place(), sealed.key_id()))
}

/// The keys of contents, to read them.
#[derive(Debug)]
pub(crate) struct ContentKeys {
    vault: Result<VaultReader, String>,
    old: KeyStore,
}

impl ContentKeys {
    /// With these master keys, or that in [`MASTER_KEY_FILE`]. Without any, contents of the vault cannot be read.
    pub(crate) fn open(disk: &Arc<dyn Disk>, masters: Option<Masters>) -> Self {
        let masters = masters.map_or_else(|| load_master(disk.as_ref()), |masters| Ok(Some(masters)));
        let vault = match masters {
            Ok(Some(masters)) => VaultReader::open(Arc::clone(disk), masters).map_err(|error| error.to_string()),
            Ok(None) => Err("there is no master key; name its file, or put it into FORETHOUGHT_MASTER_KEY".to_owned()),
            Err(error) => Err(error.to_string()),
        };
        Self { vault, old: KeyStore::new(Arc::clone(disk)) }
    }

    /// See [`unseal`].
    pub(crate) fn unseal(&self, bytes: &[u8]) -> Result<(Vec<u8>, Digest), ContentError> {
        let find = |place, id| match &self.vault {
            Ok(vault) => Ok(vault.find(place, id)?),
            Err(why) => Err(ContentError::NoVault(why.clone())),
        };
        unseal(bytes, find, &self.old)
    }
}

/// A content and the commitment to it.
pub(crate) fn unseal(
    bytes: &[u8],
    find: impl FnOnce(KeyPlace, KeyId) -> Result<ContentKey, ContentError>,
    old: &KeyStore,
) -> Result<(Vec<u8>, Digest), ContentError> {
    if let Some(sealed) = SealedContent::parse(bytes) {
        return Ok(sealed.open(&find(sealed.place(), sealed.key_id())?)?);
    }
    let Some(sealed) = Sealed::parse(bytes) else {
        return Err(ContentError::Changed { record_id: "?".to_owned(), name: "?".to_owned() });
    };
    Ok(sealed.open(&old.get(sealed.label.tenant)?)?)
}

/// The master key in [`MASTER_KEY_VARIABLE`], or in [`MASTER_KEY_FILE`]; none where there is neither.
fn load_master(disk: &dyn Disk) -> Result<Option<Masters>, VaultError> {
    if let Some(text) = secret(MASTER_KEY_VARIABLE).map_err(MasterError::from)? {
        return Ok(Some(Arc::new(LocalMaster::from_text(&text)?).into()));
    }
    match disk.read(MASTER_KEY_FILE, 0, MAX_FILE) {
        Ok(bytes) => {
            let bytes = Zeroizing::new(bytes);
            let text = std::str::from_utf8(&bytes).map_err(|_| MasterError::Text { what: "it is not UTF-8" })?;
            Ok(Some(Arc::new(LocalMaster::from_text(text)?).into()))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(StoreError::io("read", MASTER_KEY_FILE, source).into()),
    }
}

/// The master key of a data directory that may be in use.
pub(crate) fn find_master(dir: &Path) -> Result<Option<Masters>, VaultError> {
    load_master(&RealDisk::read_only(dir)?)
}

/// The master key, made in [`MASTER_KEY_FILE`] when there is none.
pub(crate) fn load_or_create_master(disk: &dyn Disk) -> Result<Masters, VaultError> {
    if let Some(masters) = load_master(disk)? {
        return Ok(masters);
    }
    let (key, text) = LocalMaster::generate()?;
    create(disk, text.as_bytes()).map_err(|source| StoreError::io("create", MASTER_KEY_FILE, source))?;
    tracing::warn!("made a master key in {MASTER_KEY_FILE}: keep a copy elsewhere, who loses it loses all contents");
    Ok(Arc::new(key).into())
}

fn create(disk: &dyn Disk, text: &[u8]) -> io::Result<()> {
    let new = format!("{MASTER_KEY_FILE}.new");
    match disk.remove(&new) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    disk.create(&new)?;
    disk.append(&new, text)?;
    disk.sync_file(&new)?;
    disk.rename(&new, MASTER_KEY_FILE)?;
    disk.sync_dir("")
}
