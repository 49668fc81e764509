//! The Actix actors of the reasoning service, and the supervision that keeps each fault in its own room.

mod audit_writer;
mod classifiers;
mod deliberation;
mod engine_keeper;
mod places;
mod root;
mod sampler;
mod supervision;
mod tools;
mod turnstile;

pub use audit_writer::{AppendError, AuditDesk, ReadError};
pub use classifiers::{Asker, ClassifierRun, Classifiers, Judged, OnRun};
pub use deliberation::{
    Acted, BLOCKED, CLASSIFIER_FAILED, CallSpent, Decided, Deliberated, Deliberation, Desks, Event, FORBIDDEN,
    HeldAnswer, Job, RecipeError, Rerun, Rerunner, ReviewPlan, SampleReport, SampleState, Thinking, WholePlan,
    instructed, job_of, program_of, refuse, with_calls,
};
pub use engine_keeper::EngineDesk;
pub use forethought_engine::{Build, Built};
pub use places::Place;
pub use root::{Model, Rooms, Root};
pub use supervision::{
    Backoff, BlockingError, BlockingRoom, Escalated, InvalidBackoff, KillOnDrop, KillSwitch, Life, Outcome, Panicked,
    Phase, Reason, RestartLimit, Restarts, SendError, Supervised, SupervisedAddr, Supervision, catch,
};
pub use tools::{
    BUILT_IN, CallAsked, CallOutcome, Caller, Judge, RecordedCall, RecordedCalls, ToolDesk, card, tool_told,
};
pub(crate) use tools::{CallMade, Live};
