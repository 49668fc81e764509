//! The crate from outside: against RFC 6962 word for word, against the vectors of others, and against whatever is wrong.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests may panic, and read better so")]
#![allow(clippy::cast_possible_truncation, reason = "sizes of tests are small")]
#![allow(clippy::needless_pass_by_value, reason = "what is expected is written where it is checked")]

mod checkpoints;
mod golden;
mod log;
mod notes;
mod proofs;
mod receipts;
mod rfc;
mod rfc6962;
mod trees;
mod witnessing;
