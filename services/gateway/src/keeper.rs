//! The policy in force, and how another one takes its place: read, checked, kept, recorded, and only then in force.

use std::{path::Path, sync::Arc};

use forethought_actors::{AuditDesk, ReadError};
use forethought_audit::{Act, ActDraft, Actor, AuditError, AuditLog, PolicyRef};
use forethought_policies::{EditError, FileError, History, HistoryError, Policy, PolicyDesk, PolicyFile, Principal};
use forethought_schemas::{ApiError, RecordId};
use jiff::Timestamp;
use tokio::sync::Mutex;
use tracing::{error, info};

use crate::{assessed, classifiers::Fits};

/// The most changes that one record tells; a policy that is wholly another one is told by its digest.
const MAX_CHANGES: usize = 500;

/// Why no other policy came into force. The one before is in force still.
#[derive(Debug, thiserror::Error)]
pub enum TakeUpError {
    /// The file is wrong.
    #[error(transparent)]
    File(#[from] FileError),
    /// The file was not changed.
    #[error(transparent)]
    Edit(#[from] EditError),
    /// The policy could not be kept.
    #[error(transparent)]
    History(#[from] HistoryError),
    /// It could not be recorded.
    #[error(
        "the policy is not in force, because the audit log cannot be written: {0}; the file has it, and it is taken up when the log can be written and the server is told to read its policy, or started"
    )]
    Audit(String),
    /// Who wants it may not do it any more.
    #[error("{0}")]
    Denied(ApiError),
    /// The work was lost.
    #[error("the work was lost; look at the policy's digest, and try again")]
    Lost,
}

/// What is to be recorded of something that is done to the service.
pub struct Deed {
    /// What is done, such as `key.create`.
    pub what: &'static str,
    /// Who does it; `None` for what the service finds in its files.
    pub by: Option<Principal>,
    /// What it is done to.
    pub object: Option<String>,
    /// Why.
    pub reason: Option<String>,
}

impl Deed {
    /// The service finds another policy in its file.
    #[must_use]
    pub const fn found() -> Self {
        Self { what: Act::POLICY_IN_FORCE, by: None, object: None, reason: None }
    }
}

/// Keeps the policy file, its history and the desk in step. One change at a time. Cheap to clone.
#[derive(Clone)]
pub struct PolicyKeeper(Arc<Inner>);

struct Inner {
    file: PolicyFile,
    history: History,
    desk: Arc<PolicyDesk>,
    audit: AuditDesk,
    /// Whether the models that a policy asks will do.
    fits: Fits,
    changing: Mutex<()>,
}

impl PolicyKeeper {
    /// The keeper of the policy in force at a desk.
    #[must_use]
    pub fn new(file: PolicyFile, data_dir: &Path, desk: Arc<PolicyDesk>, audit: AuditDesk, fits: Fits) -> Self {
        let history = History::new(data_dir.join("policies"), file.path()).reading(assessed::read);
        Self(Arc::new(Inner { file, history, desk, audit, fits, changing: Mutex::new(()) }))
    }

    /// Checks that every model that a policy asks will do; `name` is what errors call it.
    ///
    /// # Errors
    /// [`FileError`] with everything that is wrong.
    pub fn check(&self, policy: &Policy, name: &Path) -> Result<(), FileError> {
        policy.check_classifiers(name, &*self.0.fits)
    }

    /// The policy file.
    #[must_use]
    pub fn file(&self) -> &PolicyFile {
        &self.0.file
    }

    /// Every policy that was in force.
    #[must_use]
    pub fn history(&self) -> &History {
        &self.0.history
    }

    /// Records the policy that the service starts with, unless it is the one that was in force when it stopped.
    ///
    /// # Errors
    /// [`TakeUpError`]: the service must not start.
    pub async fn begin(&self) -> Result<(), TakeUpError> {
        self.0.begin().await
    }

    /// Reads the file, and puts it in force if it says something else than what is.
    ///
    /// # Errors
    /// [`TakeUpError`].
    pub async fn reread(&self) -> Result<bool, TakeUpError> {
        let _alone = self.0.changing.lock().await;
        self.0.take_up(Deed::found()).await
    }

    /// Changes the file, and puts what it says then in force. `allowed` is asked once it is this change's turn: who may not do
    /// it any more then does not. The change goes on when the caller is dropped: a client that leaves leaves nothing half done.
    ///
    /// What stands in the file and is not in force yet is taken up first, as what it is and not as part of this change.
    ///
    /// # Errors
    /// [`TakeUpError`].
    pub async fn change<T: Send + 'static>(
        &self,
        allowed: impl FnOnce(&PolicyDesk) -> Result<(), ApiError> + Send + 'static,
        deed: impl FnOnce(&T) -> Deed + Send + 'static,
        edit: impl FnOnce(&PolicyFile) -> Result<T, EditError> + Send + 'static,
    ) -> Result<T, TakeUpError> {
        let inner = Arc::clone(&self.0);
        let change = tokio::spawn(async move {
            let _alone = inner.changing.lock().await;
            allowed(&inner.desk).map_err(TakeUpError::Denied)?;
            inner.take_up(Deed::found()).await?;
            let file = inner.file.clone();
            let changed = blocking(move || edit(&file)).await??;
            inner.take_up(deed(&changed)).await?;
            Ok(changed)
        });
        change.await.map_err(|_| TakeUpError::Lost)?
    }

    /// Records something that changes no policy, before it takes effect.
    ///
    /// # Errors
    /// [`TakeUpError::Audit`]: it must not take effect.
    pub async fn record(&self, deed: Deed) -> Result<(), TakeUpError> {
        self.record_with(deed, Vec::new()).await
    }

    /// As [`PolicyKeeper::record`], with what there is to say of it, a line each.
    ///
    /// # Errors
    /// As [`PolicyKeeper::record`].
    pub async fn record_with(&self, deed: Deed, lines: Vec<String>) -> Result<(), TakeUpError> {
        // In turn with changes, so that records stand in the order of the policies that they name.
        let _alone = self.0.changing.lock().await;
        let policy = self.0.desk.policy();
        self.0.append(deed, reference(&policy), lines).await
    }
}

impl PolicyKeeper {
    /// Changes the audit log, under the policy in force and in turn with changes of it. It goes on when the caller is dropped.
    ///
    /// # Errors
    /// [`ReadError`].
    pub async fn change_log<T: Send + 'static>(
        &self,
        change: impl FnOnce(&mut AuditLog, PolicyRef) -> Result<T, AuditError> + Send + 'static,
    ) -> Result<T, ReadError> {
        let inner = Arc::clone(&self.0);
        let changed = tokio::spawn(async move {
            let _alone = inner.changing.lock().await;
            let policy = reference(&inner.desk.policy());
            inner.audit.change(move |log| change(log, policy)).await
        });
        changed.await.map_err(|error| ReadError::Busy(error.to_string()))?
    }
}

impl Inner {
    async fn begin(&self) -> Result<(), TakeUpError> {
        let last = self.audit.read(AuditLog::last_policy).await;
        let last = last.map_err(|error| TakeUpError::Audit(error.to_string()))?;
        let policy = Policy::clone(&self.desk.policy());
        let version = last.as_ref().map_or(0, |last| last.version.parse().unwrap_or(0));
        if last.is_some_and(|last| last.digest == policy.digest()) {
            // What is kept of it may have been lost with a disk that the log was not on.
            let policy = policy.numbered(version);
            self.keep(&policy).await?;
            self.desk.replace(policy);
            return Ok(());
        }
        let before = self.history.read(version).ok();
        let changes = before.as_ref().map_or_else(Vec::new, |before| before.changes_to(&policy));
        let changes = changes.iter().map(ToString::to_string).collect();
        self.put_in_force(policy.numbered(version + 1), Deed::found(), changes).await
    }

    async fn take_up(&self, deed: Deed) -> Result<bool, TakeUpError> {
        let file = self.file.clone();
        let policy = blocking(move || file.load()).await??;
        policy.check_classifiers(self.file.path(), &*self.fits)?;
        let before = self.desk.policy();
        if policy.digest() == before.digest() {
            return Ok(false);
        }
        let changes = before.changes_to(&policy).iter().map(ToString::to_string).collect();
        let version = before.version() + 1;
        self.put_in_force(policy.numbered(version), deed, changes).await.map(|()| true)
    }

    /// Keeps it, records it, and only then has it decide.
    async fn put_in_force(&self, policy: Policy, deed: Deed, mut changes: Vec<String>) -> Result<(), TakeUpError> {
        self.keep(&policy).await?;
        if let Some(more) = changes.len().checked_sub(MAX_CHANGES).filter(|more| *more > 0) {
            changes.truncate(MAX_CHANGES);
            changes.push(format!("… and {more} more"));
        }
        let count = changes.len();
        self.append(deed, reference(&policy), changes).await?;
        info!(version = policy.version(), digest = policy.digest(), changes = count, "a policy is in force");
        self.desk.replace(policy);
        Ok(())
    }

    async fn keep(&self, policy: &Policy) -> Result<(), TakeUpError> {
        let (history, policy) = (self.history.clone(), policy.clone());
        Ok(blocking(move || history.keep(&policy)).await??)
    }

    async fn append(&self, deed: Deed, policy: PolicyRef, changes: Vec<String>) -> Result<(), TakeUpError> {
        let Deed { what, by, object, reason } = deed;
        let by = by.map(|by| Actor {
            tenant: by.tenant().to_owned(),
            key_id: by.key_id().to_owned(),
            role: by.role().to_string(),
        });
        let act = Act { what: what.to_owned(), by, object, policy, changes, reason, erasure: None };
        let draft = ActDraft { record_id: RecordId::generate(), time: Timestamp::now(), act };
        let appended = self.audit.append(draft).await;
        appended.map(drop).map_err(|failure| {
            error!(%failure, what, "what is done to the service cannot be recorded, so it is not done");
            TakeUpError::Audit(failure.to_string())
        })
    }
}

fn reference(policy: &Policy) -> PolicyRef {
    PolicyRef { version: policy.version().to_string(), digest: policy.digest().to_owned() }
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, TakeUpError> {
    tokio::task::spawn_blocking(work).await.map_err(|_| TakeUpError::Lost)
}
