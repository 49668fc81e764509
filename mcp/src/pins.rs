//! Which tools may be offered: those whose name, description and schema somebody has approved, as they are.
//!
//! A server that is harmless when it is looked at can say something else to models later. So what a tool says of itself is
//! pinned by its [digest](ToolSpec::digest), and one that says something else waits until it is approved anew.

mod diff;
mod file;

use forethought_tools::ToolSpec;
use serde_json::Value;

pub use diff::diff;
pub use file::{Approval, PinError, PinFile};

/// What was approved.
#[derive(Clone, Debug, PartialEq)]
pub struct Approved {
    /// The digest of the tool, as [`ToolSpec::digest`] has it.
    pub digest: String,
    /// What it said of itself.
    pub description: String,
    /// The schema of its arguments.
    pub parameters: Value,
}

/// Who knows what was approved: a [`PinFile`], or a register of somebody else's.
pub trait Pins: Send + Sync {
    /// What was approved under this name. It is asked before each call, and must not wait.
    fn approved(&self, name: &str) -> Option<Approved>;
}

/// Whether a tool may be offered and called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// It is what was approved.
    Approved,
    /// Nothing was ever approved under its name.
    New,
    /// Something else was approved under its name.
    Changed,
}

/// Whether a tool is as it was approved.
#[must_use]
pub fn status(pins: &dyn Pins, spec: &ToolSpec) -> Status {
    match pins.approved(spec.name()) {
        None => Status::New,
        Some(approved) if approved.digest == spec.digest() => Status::Approved,
        Some(_) => Status::Changed,
    }
}
