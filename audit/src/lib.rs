//! The audit log: what was asked, under which policy, and what came of it, in a chain of digests.
//!
//! The chain has no key. It shows a change by whoever does not write everything after it anew; who can write the whole
//! log can also make it good in itself again. That shows only against a digest that was noted where they cannot write:
//! [`verify_containing`] looks for it.
//!
//! Every request has two records: an [`Admission`], durable before anything is generated, and an end, durable before
//! the answer is final: an [`Outcome`], or an [`Interrupted`] that the next start writes after a crash. What is done to the
//! service itself has one, an [`Act`], durable before it takes effect. A record holds
//! no contents. They are sealed under a key of the tenant's own, in entries beside the record, which holds only salted
//! commitments to them: with the key gone they are gone too, and the chain still holds.
//!
//! # The vault
//! One key per tenant cannot forget one person. [`Vault`] has one for each tenant, subject, day and retention, which can be
//! destroyed on its own. Contents that earlier programs sealed under a tenant's key stay so.
//!
//! # Canonical bytes
//! A record's canonical bytes are the compact JSON that `serde_json` writes of [`Record`], with the fields in the order
//! in which the struct declares them. They are what the journal holds and what is hashed, and never written anew: who
//! checks the chain hashes the bytes as they stand. Fields are only ever added at a struct's end.
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
mod reader;
mod record;
mod seal;
mod secret;
mod signer;
mod snapshot;
pub mod store_version;
mod tail;
#[cfg(test)]
mod tests;
mod vault;
mod verify;

pub use backup::{Backup, BackupError, BackupExtra, BackupReport, RestoreReport, check_backup, restore};
pub use contents::{ContentError, MASTER_KEY_FILE, MASTER_KEY_VARIABLE};
pub use digest::Digest;
pub use draft::{ActDraft, AdmissionDraft, Draft, OutcomeDraft, ReviewDraft, SampleDraft, VoteDraft};
pub use error::{AuditError, DraftError};
pub use export::{
    ExportError, ExportNote, ExportProgress, ExportReport, ExportScope, ExportStage, OnProgress, Selection,
    VerifyExportError, export, verify_export,
};
pub use forethought_tlog::VerifierKey;
pub use index::Usage;
pub use keys::{KeyError, KeyStore, TenantKey};
pub use log::{Appended, Asked, AuditLog, Erased, Held, LogOptions, OpenReport, Proof};
pub use query::{Content, Filter, Listed, MAX_LISTED, Shown, Status};
pub use reader::AuditReader;
pub use record::{
    Act, Actor, Admission, Body, ClassifierNote, Commitment, Erasure, ErasureCause, Interrupted, KeyTrace, LawNote,
    LostRange, Outcome, OutcomeStatus, PolicyRef, Record, RefusedKey, RetentionDays, RetentionNote, Review,
    ReviewAsked, ReviewDecision, SafeguardNote, SampleOutcome, Spent, TailCut, VoteCount,
};
pub use secret::SecretError;
pub use signer::{LOG_KEY_FILE, LOG_KEY_VARIABLE, Signer, SignerError};
pub use snapshot::LogSnapshot;
pub use store_version::{STORE_FILE, STORE_VERSION, StoreVersionError};
pub use tail::Tail;
pub use vault::{
    BackupNote, Bound, ContentKey, ContentLabel, DestroyReason, Durable, ErasurePlan, Hold, HoldId, ImportReport,
    KeyId, KeyPlace, LocalMaster, MAX_HOLD_REASON, MAX_PLAN, MAX_SUBJECT, MAX_WRAPPED, MasterError, MasterKey, Masters,
    Owner, Refusal, Retention, RewrapReport, Row, RowFilter, RowState, Rows, Scope, SealedContent, Ticket, Vault,
    VaultError, VaultOptions, VaultReader, VaultReport, seal_content,
};
pub use verify::{VerifyFailure, VerifyReport, verify, verify_containing, verify_on};
