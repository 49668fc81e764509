//! What can go wrong with the log: what failed, on what, and the mend.

use forethought_schemas::RecordId;
use forethought_store::StoreError;

use crate::KeyError;

/// A failure of the audit log. Nothing that was appended is lost by it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AuditError {
    /// The journal or the index failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A tenant's key failed.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The data directory is of another version.
    #[error(transparent)]
    Version(#[from] crate::StoreVersionError),
    /// The vault of content keys failed.
    #[error(transparent)]
    Vault(#[from] crate::VaultError),
    /// What was searched for makes no sense.
    #[error(transparent)]
    Search(#[from] crate::SearchError),
    /// A draft cannot be appended; none of its batch was.
    #[error("draft {index} of the batch: {source}; append the others without it")]
    Draft {
        /// Its place in the batch, from 0.
        index: usize,
        /// What is wrong with it.
        source: DraftError,
    },
    /// An entry that is whole is not what it should be.
    #[error(
        "journal entry {seq} is not a record of this program: {what}; run `verify`, and a newer program if it says so"
    )]
    Entry {
        /// The entry.
        seq: u64,
        /// What is wrong with it.
        what: String,
    },
    /// The log does not have what its last checkpoint claims.
    #[error(
        "a checkpoint of the log `{origin}` over {claimed} records was signed before, and the {size} that are there do not begin with \
         them: records were lost or changed. Restore the data directory from a backup that has them, or begin a log with another name: \
         move log.key away, and tell auditors why"
    )]
    Contradicted {
        /// The log's name.
        origin: String,
        /// Records that were claimed.
        claimed: u64,
        /// Records that are there.
        size: u64,
    },
    /// There is nobody to sign.
    #[error(transparent)]
    Signer(#[from] crate::SignerError),
    /// Nothing could be signed.
    #[error("the audit log's key cannot sign: {0}")]
    Signing(String),
    /// A record could not be written as JSON.
    #[error("record {record_id} cannot be written: {source}")]
    Encode {
        /// The record.
        record_id: RecordId,
        /// The cause.
        source: serde_json::Error,
    },
}

impl From<forethought_tlog::checkpoint::CheckpointError> for AuditError {
    fn from(error: forethought_tlog::checkpoint::CheckpointError) -> Self {
        Self::Signing(error.to_string())
    }
}

impl AuditError {
    /// Whether the disk is full: the same drafts may be appended once there is space.
    #[must_use]
    pub fn is_full(&self) -> bool {
        matches!(
            self,
            Self::Store(StoreError::Full { .. })
                | Self::Key(KeyError::Store(StoreError::Full { .. }))
                | Self::Vault(crate::VaultError::Store(StoreError::Full { .. }))
        )
    }
}

/// What is wrong with a draft.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DraftError {
    /// The record id is taken.
    #[error("record {0} is there already: make a new id")]
    Duplicate(RecordId),
    /// There is no open admission with this id.
    #[error("admission {0} is unknown or has its end already")]
    NotOpen(RecordId),
    /// There is no answer of this admission that waits for a person.
    #[error("no answer of admission {0} waits for a decision: it was decided before, or none was held")]
    NotHeld(RecordId),
    /// No key file could have the tenant's name.
    #[error("`{0}` is not a tenant id: use 1 to 63 of a-z, 0-9, `_` and `-`, beginning with a letter or digit")]
    Tenant(String),
    /// A record or a content is above the journal's limit for one entry.
    #[error("record {record_id} has an entry of {size} bytes, above the limit of {max}: make the request smaller")]
    TooLarge {
        /// The record.
        record_id: RecordId,
        /// The entry, in bytes.
        size: usize,
        /// The limit, in bytes.
        max: usize,
    },
    /// Two samples have the same index.
    #[error("sample {0} is there twice")]
    SampleTwice(u32),
    /// The call of a tool is not known, or is over.
    #[error("call {0} is unknown, of another request, or has its result already")]
    NoSuchCall(RecordId),
    /// The call of a tool does not wait for a person.
    #[error("call {0} waits for no decision: it was decided before, it or its request has ended, or it was not held")]
    CallNotHeld(RecordId),
    /// A call of a tool was decided in a way that is for answers.
    #[error("call {0} cannot be edited, only answers can: approve or reject it")]
    CallEdited(RecordId),
    /// What was called cannot be a tool.
    #[error(
        "call {0} names no tool: take 1 to 64 letters, digits, `_`, `-` and `.`, a letter first; `unknown` where there is none"
    )]
    ToolName(RecordId),
    /// A call that waits must say until when, and no other may.
    #[error("call {call} is `{decision}`: `until` goes with calls that are held, and only with these")]
    CallUntil {
        /// The call.
        call: RecordId,
        /// What was decided on it.
        decision: &'static str,
    },
    /// A result has a state that no result has.
    #[error(
        "the result of call {call} cannot be `{state}`: take done, failed, cancelled, declined, dry_run, or error/ and a code"
    )]
    ResultState {
        /// The call.
        call: RecordId,
        /// The state.
        state: String,
    },
    /// A result says of a call what cannot be, such as that one ran which nobody allowed.
    #[error("call {call} cannot be `{state}`: {why}")]
    ResultUnfit {
        /// The call.
        call: RecordId,
        /// The state of its result.
        state: String,
        /// Why not.
        why: &'static str,
    },
}
