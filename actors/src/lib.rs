//! The Actix actors of the reasoning service, and the supervision that keeps each fault in its own room.

mod supervision;

pub use supervision::{
    Backoff, BlockingError, BlockingRoom, Escalated, InvalidBackoff, KillOnDrop, KillSwitch, Life, Outcome, Panicked,
    Phase, Reason, RestartLimit, Restarts, SendError, Supervised, SupervisedAddr, Supervision, catch,
};
