//! Calls of tools that a model makes while it thinks.

mod live;
mod recorded;
mod results;
mod review;

use async_trait::async_trait;
use forethought_reasoning::{Call, Told};
use forethought_schemas::RecordId;
use tokio::time::Instant;

use crate::KillSwitch;
pub(crate) use live::Live;
pub use live::{BUILT_IN, Judge, ToolDesk, card};
pub use recorded::{RecordedCall, RecordedCalls, tool_told};

/// A call that is to be made.
#[derive(Clone, Debug)]
pub struct CallAsked {
    /// The sample that makes it.
    pub sample: u32,
    /// The turn of the sample, from 0.
    pub round: u32,
    /// The place within the turn, from 0.
    pub place: u32,
    /// What is called.
    pub call: Call,
    /// Calls that the deliberation has made before.
    pub made: u32,
    /// Calls that the sample has made before.
    pub sample_made: u32,
    /// When the deliberation ends.
    pub deadline: Instant,
    /// Ends the call, and has that recorded.
    pub kill: KillSwitch,
}

/// What came of a call.
#[derive(Clone, Debug)]
pub struct CallOutcome {
    /// What the model is told.
    pub told: Told,
    /// The record of the call, where there is one.
    pub record: Option<RecordId>,
    /// What came of it: `done`, `failed`, `refused` and so on.
    pub state: String,
    /// How long it took, in milliseconds.
    pub wall_ms: u64,
    /// What it cost, in thousandths of a unit.
    pub cost: u64,
}

impl CallOutcome {
    /// A call that was not made.
    #[must_use]
    pub fn not_made(state: &str, why: String) -> Self {
        let told = Told { text: why, error: true, ..Told::default() };
        Self { told, record: None, state: state.to_owned(), wall_ms: 0, cost: 0 }
    }
}

/// A call of a turn and what came of it.
#[derive(Debug)]
pub(crate) struct CallMade {
    /// The place within the turn, from 0.
    pub place: u32,
    /// What was called.
    pub call: Call,
    /// What came of it.
    pub outcome: CallOutcome,
    /// Whether it was made now, and is not one of an earlier try.
    pub fresh: bool,
}

/// Makes calls: decides on each, records it, runs it within its limits, and records what came of it.
#[async_trait]
pub trait Caller: Send + Sync {
    /// Makes one call. When it is killed meanwhile it comes back soon, with the call's end recorded.
    async fn call(&self, asked: CallAsked) -> CallOutcome;
}
