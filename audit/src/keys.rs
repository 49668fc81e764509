//! One key per tenant, in a file of its own: who destroys the file has erased the tenant's contents.

use std::{collections::BTreeSet, fmt, io, sync::Arc};

use forethought_store::{Disk, StoreError};
use sha2::{Digest as _, Sha256};

const DIR: &str = "keys";
const FORMAT: &str = "forethought-key-1";
const MAX_FILE: usize = 256;
const MAX_TENANT: usize = 63;
/// Keys that are remembered as durable; beyond it they are synced again.
const MAX_REMEMBERED: usize = 4096;

/// A failure about a tenant's key.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// No key file can have this name.
    #[error("`{tenant}` is not a tenant id: use 1 to 63 of a-z, 0-9, `_` and `-`, beginning with a letter or digit")]
    Tenant {
        /// What was given.
        tenant: String,
    },
    /// There is no key.
    #[error("the key of tenant {tenant} is erased or lost: its contents cannot be read; restore {file} if it was lost")]
    Missing {
        /// The tenant.
        tenant: String,
        /// The file that should hold it.
        file: String,
    },
    /// There is a key, and it is not the one that sealed this.
    #[error(
        "this content of tenant {tenant} is sealed under key {sealed_under}, which is erased or lost: it cannot be \
         read; restore that key's {file} if it was lost"
    )]
    OtherKey {
        /// The tenant.
        tenant: String,
        /// The id of the key that sealed it.
        sealed_under: String,
        /// The file that should hold it.
        file: String,
    },
    /// The key file is not as it was written.
    #[error("the key file {file} is damaged; restore it from a backup")]
    Damaged {
        /// The file.
        file: String,
    },
    /// The content is not what was sealed.
    #[error("content `{name}` of record {record_id} is not what was sealed; run `verify`")]
    Unsealing {
        /// The record.
        record_id: String,
        /// The content's name.
        name: String,
    },
    /// A content cannot be sealed.
    #[error("content `{name}` of record {record_id} cannot be sealed: it is too large, or an id is too long")]
    Sealing {
        /// The record.
        record_id: String,
        /// The content's name.
        name: String,
    },
    /// The operating system gave no random bytes.
    #[error("the operating system gives no random bytes: {0}; nothing is sealed without them")]
    Random(getrandom::Error),
    /// The disk failed.
    #[error(transparent)]
    Store(StoreError),
}

/// A tenant's key. Its bytes appear in no debug text.
#[derive(Clone, PartialEq, Eq)]
pub struct TenantKey {
    bytes: [u8; 32],
}

impl TenantKey {
    fn generate() -> Result<Self, KeyError> {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes).map_err(KeyError::Random)?;
        Ok(Self { bytes })
    }

    /// A name for the key that says nothing about it.
    #[must_use]
    pub fn id(&self) -> [u8; 8] {
        let digest = Sha256::new().chain_update(FORMAT).chain_update(self.bytes).finalize();
        std::array::from_fn(|index| digest.get(index).copied().unwrap_or_default())
    }

    pub(crate) fn bytes(&self) -> &[u8; 32] {
        &self.bytes
    }

    fn to_file(&self) -> String {
        format!("{FORMAT} {} {}\n", hex::encode(self.bytes), hex::encode(self.id()))
    }

    fn from_file(text: &str) -> Option<Self> {
        let mut parts = text.strip_suffix('\n')?.split(' ');
        let (format, key, id) = (parts.next()?, parts.next()?, parts.next()?);
        let mut bytes = [0; 32];
        hex::decode_to_slice(key, &mut bytes).ok()?;
        let key = Self { bytes };
        (format == FORMAT && hex::encode(key.id()) == id && parts.next().is_none()).then_some(key)
    }
}

impl fmt::Debug for TenantKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TenantKey({})", hex::encode(self.id()))
    }
}

/// The keys, in `keys/<tenant>.key`. They are read anew each time, so a key that is erased is not used any more.
#[derive(Debug)]
pub struct KeyStore {
    disk: Arc<dyn Disk>,
    /// Tenants whose key this value has made durable.
    durable: BTreeSet<String>,
}

impl KeyStore {
    /// The keys on a disk.
    #[must_use]
    pub fn new(disk: Arc<dyn Disk>) -> Self {
        Self { disk, durable: BTreeSet::new() }
    }

    /// A tenant's key.
    ///
    /// # Errors
    /// [`KeyError::Tenant`], [`KeyError::Missing`], [`KeyError::Damaged`] and [`KeyError::Store`].
    pub fn get(&self, tenant: &str) -> Result<TenantKey, KeyError> {
        let file = file_of(tenant)?;
        match self.disk.read(&file, 0, MAX_FILE) {
            Ok(bytes) => {
                std::str::from_utf8(&bytes).ok().and_then(TenantKey::from_file).ok_or(KeyError::Damaged { file })
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                Err(KeyError::Missing { tenant: tenant.to_owned(), file })
            }
            Err(source) => Err(failed("read", &file, source)),
        }
    }

    /// A tenant's key, made when there is none; it is durable before it is given away.
    ///
    /// # Errors
    /// [`KeyError::Tenant`], [`KeyError::Damaged`], [`KeyError::Random`] and [`KeyError::Store`].
    pub fn get_or_create(&mut self, tenant: &str) -> Result<TenantKey, KeyError> {
        let key = match self.get(tenant) {
            Ok(key) => {
                if !self.durable.contains(tenant) {
                    // A process that was killed may have left it readable without being durable.
                    let file = file_of(tenant)?;
                    self.disk.sync_file(&file).map_err(|source| failed("sync", &file, source))?;
                    self.sync_dirs()?;
                }
                key
            }
            Err(KeyError::Missing { file, .. }) => {
                let key = self.create(&file)?;
                tracing::info!(tenant, key = ?key, "made a key for the tenant's contents");
                key
            }
            Err(error) => return Err(error),
        };
        if self.durable.len() >= MAX_REMEMBERED {
            self.durable.clear();
        }
        self.durable.insert(tenant.to_owned());
        Ok(key)
    }

    /// Destroys a tenant's key, if there is one: it is written over, made durable, and removed.
    ///
    /// # Errors
    /// [`KeyError::Tenant`] and [`KeyError::Store`].
    pub fn destroy(&mut self, tenant: &str) -> Result<(), KeyError> {
        let file = file_of(tenant)?;
        let size = match self.disk.size(&file) {
            Ok(size) => usize::try_from(size).unwrap_or(MAX_FILE),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(source) => return Err(failed("read", &file, source)),
        };
        self.durable.remove(tenant);
        self.disk.overwrite(&file, 0, &vec![0; size]).map_err(|source| failed("overwrite", &file, source))?;
        self.disk.sync_file(&file).map_err(|source| failed("sync", &file, source))?;
        self.disk.remove(&file).map_err(|source| failed("remove", &file, source))?;
        self.sync_dirs()
    }

    fn create(&self, file: &str) -> Result<TenantKey, KeyError> {
        let key = TenantKey::generate()?;
        let new = format!("{file}.new");
        self.disk.create_dir(DIR).map_err(|source| failed("create", DIR, source))?;
        if self.disk.size(&new).is_ok() {
            self.disk.remove(&new).map_err(|source| failed("remove", &new, source))?;
        }
        self.disk.create(&new).map_err(|source| failed("create", &new, source))?;
        self.disk.append(&new, key.to_file().as_bytes()).map_err(|source| failed("append to", &new, source))?;
        self.disk.sync_file(&new).map_err(|source| failed("sync", &new, source))?;
        self.disk.rename(&new, file).map_err(|source| failed("rename", &new, source))?;
        if let Err(error) = self.sync_dirs() {
            // Nothing is sealed under it: a name that may not be durable must not be found as a key.
            if let Err(source) = self.disk.remove(file) {
                tracing::warn!(%source, file, "cannot remove a key file whose folder could not be synced");
            }
            return Err(error);
        }
        Ok(key)
    }

    fn sync_dirs(&self) -> Result<(), KeyError> {
        self.disk.sync_dir(DIR).map_err(|source| failed("sync", DIR, source))?;
        self.disk.sync_dir("").map_err(|source| failed("sync", &self.disk.location(), source))
    }
}

fn failed(action: &'static str, name: &str, source: io::Error) -> KeyError {
    KeyError::Store(StoreError::io(action, name, source))
}

/// The file of a tenant's key, relative to the data directory.
pub(crate) fn file_of(tenant: &str) -> Result<String, KeyError> {
    if is_tenant(tenant) {
        Ok(format!("{DIR}/{tenant}.key"))
    } else {
        Err(KeyError::Tenant { tenant: tenant.to_owned() })
    }
}

/// Whether this can be a tenant's id: what would be another file's name cannot.
pub(crate) fn is_tenant(tenant: &str) -> bool {
    let lower = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    tenant.len() <= MAX_TENANT
        && tenant.bytes().next().is_some_and(lower)
        && tenant.bytes().all(|byte| lower(byte) || byte == b'_' || byte == b'-')
}
