//! What must not pass: personal data, secrets, phrases of deny lists, hidden text.
//!
//! [`Safeguards`] hold what is looked for and what is done where it is found; a [`Guard`] reads one text, in whatever pieces
//! it comes, and lets out what may pass as soon as it is certain. Nothing here waits, reads a clock or a file.

mod automaton;
mod checks;
pub mod classifier;
mod escaped;
mod fold;
mod guard;
mod hidden;
pub mod injection;
mod kind;
pub mod language;
pub mod length;
mod patterns;
mod phrases;
mod placeholders;
mod rules;
pub mod topics;
pub mod whole;
mod words;

pub use guard::{Counted, Finding, Guard, Passed};
pub use kind::{Group, Kind};
pub use placeholders::{Placeholders, Restorer};
pub use rules::{Action, DenyList, Rules, Safeguards};
