//! The key that wraps all others, wherever it stands: in a file, or in a service that keeps it.

use std::{fmt::Debug, sync::Arc};

use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use super::MasterError;

/// Bytes by which a row says which master key wraps it.
pub(super) const TAG: usize = 8;

/// A key that wraps rows. It may stand in another process: then each call may take long, and fail for a while.
pub trait MasterKey: Send + Sync + Debug {
    /// Its name, which says nothing about it. Two keys never have the same.
    fn id(&self) -> String;

    /// Wraps bytes so that only the same `aad` opens them. A slot takes [`MAX_WRAPPED`](super::MAX_WRAPPED) bytes.
    ///
    /// # Errors
    /// [`MasterError::Unavailable`] and [`MasterError::Random`].
    fn wrap(&self, aad: &[u8], plain: &[u8]) -> Result<Vec<u8>, MasterError>;

    /// What was wrapped.
    ///
    /// # Errors
    /// [`MasterError::Rejected`] where these bytes were never wrapped with this `aad`, [`MasterError::Unavailable`] where
    /// that cannot be told now.
    fn unwrap(&self, aad: &[u8], wrapped: &[u8]) -> Result<Zeroizing<Vec<u8>>, MasterError>;
}

/// The master key in use, and older ones that still open what was wrapped before.
#[derive(Clone, Debug)]
pub struct Masters {
    current: Arc<dyn MasterKey>,
    older: Vec<Arc<dyn MasterKey>>,
}

impl Masters {
    /// One key alone.
    #[must_use]
    pub fn new(current: Arc<dyn MasterKey>) -> Self {
        Self { current, older: Vec::new() }
    }

    /// With one more key that opens, and wraps nothing new.
    #[must_use]
    pub fn and_older(mut self, older: Arc<dyn MasterKey>) -> Self {
        self.older.push(older);
        self
    }

    /// The same, opening with all keys of another set, too.
    #[must_use]
    pub fn with_older_of(mut self, other: &Self) -> Self {
        self.older.push(Arc::clone(&other.current));
        self.older.extend(other.older.iter().cloned());
        self
    }

    /// The master key that a server of this data directory uses: that of the variable, or that in the directory; none where there is
    /// neither.
    ///
    /// # Errors
    /// [`super::VaultError`].
    pub fn find(dir: &std::path::Path) -> Result<Option<Self>, super::VaultError> {
        crate::contents::find_master(dir)
    }

    pub(super) fn current(&self) -> &dyn MasterKey {
        &*self.current
    }

    pub(super) fn make_current(&mut self, new: Arc<dyn MasterKey>) {
        let before = std::mem::replace(&mut self.current, new);
        self.older.push(before);
    }

    pub(super) fn forget_older(&mut self) {
        self.older.clear();
    }

    pub(super) fn of(&self, tag: [u8; TAG]) -> Option<&dyn MasterKey> {
        self.all().find(|key| tag_of(*key) == tag)
    }

    /// The ids, for error texts.
    pub(super) fn ids(&self) -> String {
        self.all().map(MasterKey::id).collect::<Vec<_>>().join(" and ")
    }

    fn all(&self) -> impl Iterator<Item = &dyn MasterKey> {
        std::iter::once(&self.current).chain(&self.older).map(|key| &**key)
    }
}

impl<K: MasterKey + 'static> From<Arc<K>> for Masters {
    fn from(key: Arc<K>) -> Self {
        Self::new(key)
    }
}

/// What rows say of a master key: the beginning of a digest of its id.
pub(super) fn tag_of(key: &dyn MasterKey) -> [u8; TAG] {
    let digest = Sha256::new().chain_update(b"forethought-master\0").chain_update(key.id()).finalize();
    digest.first_chunk().copied().unwrap_or_default()
}
