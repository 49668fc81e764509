//! The audit log: what was asked, under which policy, and what came of it, as the leaves of a Merkle tree.
//!
//! Every request has two records: an [`Admission`], durable before anything is generated, and an end, durable before
//! the answer is final: an [`Outcome`], or an [`Interrupted`] that the next start writes after a crash. Between them stands what models
//! do with tools while they think: a [`ToolCall`], durable before the tool runs, and a [`ToolResult`], durable before the model reads it.
//! What is done to the service itself has one, an [`Act`], durable before it takes effect. A record holds no contents: only salted
//! commitments to them.
//!
//! # The tree
//! Each record is a leaf (RFC 6962), in the order of the journal. Whoever has the log's public key checks tiles, signed
//! checkpoints and receipts without this program. The tree shows what was changed behind a checkpoint that somebody has seen;
//! who has the log's key can write another log that is good in itself, so keep checkpoints where they cannot write.
//!
//! # The vault
//! Contents are sealed in entries beside their record, under a key of the [`Vault`] for their tenant, subject, day and retention. With the
//! key destroyed they are gone, and every proof still holds. Contents that earlier programs sealed under a tenant's key stay so.
//!
//! # Canonical bytes
//! A record's canonical bytes are the compact JSON that `serde_json` writes of [`Record`], with the fields in the order
//! in which the struct declares them. They are what the journal holds and what is hashed, and never written anew: who
//! checks the log hashes the bytes as they stand. Fields are only ever added at a struct's end.
//!
//! # Entries
//! A journal entry of kind 1 is a record, one of kind 2 a sealed content. A record is followed by its contents in the
//! order of its commitments, in the same batch, so after a crash all of them are there or none.

mod backup;
mod contents;
mod digest;
mod draft;
mod error;
mod export;
mod index;
mod keys;
mod leaves;
mod log;
mod query;
mod random;
mod reader;
mod record;
mod records;
mod seal;
mod secret;
mod signer;
mod snapshot;
pub mod store_version;
mod story;
mod tail;
#[cfg(test)]
mod tests;
mod vault;
mod verify;

pub use backup::{Backup, BackupError, BackupExtra, BackupReport, RestoreReport, check_backup, restore};
pub use contents::{ContentError, MASTER_KEY_FILE, MASTER_KEY_VARIABLE};
pub use digest::Digest;
pub use draft::{
    ActDraft, AdmissionDraft, Draft, OutcomeDraft, ReviewDraft, SampleDraft, ToolCallDraft, ToolResultDraft, VoteDraft,
};
pub use error::{AuditError, DraftError};
pub use export::{
    Annex, AnnexReport, AnnexSource, AnnexStanding, ExportError, ExportNote, ExportProgress, ExportReport, ExportScope,
    ExportStage, OnProgress, Selection, VerifyExportError, export, export_with_annex, verify_export,
};
pub use forethought_tlog::VerifierKey;
pub use index::Usage;
pub use keys::{KeyError, KeyStore, TenantKey};
pub use log::{
    Appended, Asked, AuditLog, EarlyRecord, Erased, Held, HeldCall, LogOptions, OpenReport, Preparer, Proof,
};
pub use query::{
    ActFilter, CallInFull, Content, Cursor, CursorError, ErasedBy, Filter, Listed, MAX_LISTED, Page, SearchError,
    Shown, ShownCall, ShownLeaves, ShownRecord, Status,
};
pub use reader::{AuditReader, ProveError};
pub use record::{
    Act, Actor, Admission, Body, ClassifierNote, Commitment, Erasure, ErasureCause, Interrupted, KeyTrace, LawNote,
    LostRange, Outcome, OutcomeStatus, PolicyRef, Record, RefusedKey, RetentionDays, RetentionNote, Review,
    ReviewAsked, ReviewDecision, SafeguardNote, SampleOutcome, Spent, TailCut, ToolCall, ToolDecision, ToolResult,
    ToolsSpent, VoteCount,
};
pub use records::LogRecord;
pub use secret::SecretError;
pub use signer::{LOG_KEY_FILE, LOG_KEY_VARIABLE, Signer, SignerError};
pub use snapshot::LogSnapshot;
pub use store_version::{STORE_FILE, STORE_VERSION, StoreVersionError};
pub use story::{MAX_COLUMNS, Part, Section, Story};
pub use tail::Tail;
pub use vault::{
    BackupNote, Bound, ContentKey, ContentLabel, DestroyReason, Durable, ErasurePlan, Hold, HoldId, ImportReport,
    KeyId, KeyPlace, LocalMaster, MAX_HOLD_REASON, MAX_PLAN, MAX_SUBJECT, MAX_WRAPPED, MasterError, MasterKey, Masters,
    Owner, Refusal, Retention, RewrapReport, Row, RowFilter, RowState, Rows, Scope, SealedContent, Ticket, Vault,
    VaultError, VaultOptions, VaultReader, VaultReport, seal_content,
};
pub use verify::{VerifyFailure, VerifyReport, verify, verify_containing, verify_on};
