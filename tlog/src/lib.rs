//! Transparency logs: Merkle trees after RFC 6962, and the formats of C2SP in which they are published, signed and witnessed.
//!
//! A log is a list of entries to which entries are only added. Its tree makes two claims provable with a few hashes: that an
//! entry is in the log (an inclusion proof), and that a later log begins with an earlier one (a consistency proof). What is
//! claimed is a [`Checkpoint`], signed by the log; witnesses that saw no other history add their [`cosignature`]s; a
//! [`Receipt`] holds all that somebody needs who has no connection to the log.
//!
//! Nothing here reads a file, a clock or a socket: tiles come from a [`TileSource`], times are arguments, and what a
//! [`witness`] answers is a value.
//!
//! | module or item | specification |
//! |---|---|
//! | [`Tree`], [`root_at`], [`inclusion_proof`], [`consistency_proof`] | RFC 6962, section 2.1 |
//! | [`verify_inclusion`], [`verify_consistency`] | RFC 9162, sections 2.1.3.2 and 2.1.4.2 |
//! | [`tile`] | c2sp.org/tlog-tiles@v0.1.0 |
//! | [`note`] | c2sp.org/signed-note@v1.0.0 |
//! | [`checkpoint`] | c2sp.org/tlog-checkpoint@v1.0.0 |
//! | [`cosignature`] | c2sp.org/tlog-cosignature@v1.0.1, Ed25519 |
//! | [`witness`] | c2sp.org/tlog-witness@v1.0.0, add-checkpoint |
//! | [`receipt`] | c2sp.org/tlog-proof@v1 |
//!
//! What is read is read strictly: every value has one spelling, so that reading and writing again gives the same bytes.

pub mod checkpoint;
pub mod cosignature;
mod hash;
mod lines;
pub mod note;
mod prove;
mod reader;
pub mod receipt;
mod source;
pub mod tile;
mod tree;
mod verify;
pub mod witness;

pub use checkpoint::{Checkpoint, SignedCheckpoint};
pub use cosignature::CosigningKey;
pub use hash::{EMPTY_ROOT, Hash, ParseHashError, leaf_hash, node_hash};
pub use note::{SignedNote, SigningKey, VerifierKey};
pub use prove::{ProofError, consistency_proof, inclusion_proof, root_at};
pub use receipt::Receipt;
pub use source::{TileReadError, TileSource};
pub use tile::{TILE_WIDTH, TilePath};
pub use tree::{FullTile, MAX_SIZE, ResumeError, Tree};
pub use verify::{VerifyError, verify_consistency, verify_inclusion};
