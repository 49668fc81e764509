//! Supervision: what keeps one actor's fault in its own room.
//!
//! [`Supervision`] starts an actor from a factory and keeps it alive: after a panic, a failure or an unexpected stop a *new*
//! value is built, after an exponential backoff, until a restart limit says that trying again is no mend. Callers hold a
//! [`SupervisedAddr`], which survives restarts. A [`KillSwitch`] tree ends what depends on an ended parent, [`catch`] turns
//! a task's panic into an error, and [`BlockingRoom`] bounds what waits for the blocking pool.
//!
//! # Why not `actix::Supervisor` and `actix::Addr`
//! All of this was read from actix 0.13.5's source, and `tests/actix_facts.rs` fails when it stops being so.
//! - `actix::Supervisor` calls `restarting()` on the *same* value, at once and without end, and a panic ends it too.
//! - A panic in a handler ends the actor's task; tokio catches it, so its arbiter and siblings live on. While the stack
//!   unwinds, the context's destructor polls the actor once more and calls `stopping` and `stopped` on the value that has
//!   just panicked: a second panic there aborts the process.
//! - A mailbox's bound counts per `Addr` clone: each clone owns a free slot, and `Addr::send` clones the address when it
//!   is full. `addr.send(m).await` is therefore as unbounded as `do_send`.
//! - When an actor ends, every message in its mailbox is lost, also those that it never saw.
//!
//! So messages wait in a bounded channel of ours that outlives the actor, and a future inside the actor's context hands them
//! to its ordinary [`actix::Handler`]s. Only the message that was being handled is lost by a panic, and its sender is told.

mod addr;
mod backoff;
mod blocking;
mod incarnation;
mod keeper;
mod kill_switch;
mod life;
mod mailbox;
mod panics;
mod restarts;
mod settings;
mod state;
mod supervised;
#[cfg(test)]
mod tests;

pub use self::addr::{SendError, SupervisedAddr};
pub use self::backoff::{Backoff, InvalidBackoff};
pub use self::blocking::{BlockingError, BlockingRoom};
pub use self::kill_switch::{KillOnDrop, KillSwitch};
pub use self::life::Life;
pub use self::panics::{Panicked, catch};
pub use self::restarts::{Reason, RestartLimit, Restarts};
pub use self::settings::Supervision;
pub use self::state::{Escalated, Outcome, Phase};
pub use self::supervised::Supervised;

#[cfg(not(panic = "unwind"))]
compile_error!("supervision turns panics into restarts, which needs panic = \"unwind\"");
