//! The crate from outside: against RFC 6962 word for word, against the vectors of others, and against whatever is wrong.

mod log;
mod proofs;
mod rfc;
mod rfc6962;
mod trees;
