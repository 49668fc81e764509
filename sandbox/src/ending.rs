//! How a run comes to its end.

use wasmtime::{Error, Trap};

/// How a run came to its end.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Ending {
    /// By itself, with this exit code.
    #[error("it ended with exit code {0}")]
    Exited(i32),
    /// It wrote more than it may.
    #[error("it wrote more than it may")]
    Flooded,
    /// It took more steps than it may. The same code takes the same steps everywhere.
    #[error("it took more steps than it may")]
    OutOfSteps,
    /// It ran longer than it may.
    #[error("it ran longer than it may")]
    OutOfTime,
    /// Nobody waits for it any more.
    #[error("it was told to stop")]
    Stopped,
    /// Calls within calls used up the stack.
    #[error("it went too deep")]
    TooDeep,
    /// It does not even begin in the memory that it may use.
    #[error("it needs more memory than it may use")]
    TooLarge,
    /// It broke off: the interpreter or the program did what no program may.
    #[error("it broke off: {0}")]
    Trapped(String),
}

impl Ending {
    /// What stopped WebAssembly; a refusal of ours is told from a trap by its type.
    pub(crate) fn of(error: &Error) -> Self {
        if let Some(ending) = error.downcast_ref::<Self>() {
            return ending.clone();
        }
        match error.downcast_ref::<Trap>() {
            Some(Trap::OutOfFuel) => Self::OutOfSteps,
            Some(Trap::StackOverflow) => Self::TooDeep,
            Some(trap) => Self::Trapped(trap.to_string()),
            None => Self::Trapped(error.to_string()),
        }
    }
}
