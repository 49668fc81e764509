//! Panics as values: a task's panic becomes an error of that task and of nothing else.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use futures::FutureExt;

/// Characters of a panic's text that are kept, so that a panic that prints its input cannot fill a log or a record.
const MESSAGE_CHARS: usize = 256;

/// Something panicked and was caught.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("panicked: {message}")]
pub struct Panicked {
    /// The panic's own text, at most 256 characters. It may quote data that the code was working on: keep it from clients.
    pub message: String,
}

/// Runs `future` and turns a panic into an error, also one from its destructor after a panic.
///
/// The future's own state is dropped before this returns. State that it *shares* may be half changed: share through
/// messages or locks that notice (`std::sync::Mutex` is poisoned), not through cells.
///
/// # Errors
/// [`Panicked`] with the panic's text when polling `future` panicked.
pub async fn catch<F: Future>(future: F) -> Result<F::Output, Panicked> {
    let mut future = Box::pin(future);
    let result = AssertUnwindSafe(future.as_mut()).catch_unwind().await;
    // A destructor that panics after its future did must not reach the caller as a panic.
    let dropped = caught(move || drop(future));
    if let (Ok(_), Err(panic)) = (&result, dropped) {
        tracing::warn!(%panic, "a finished future's destructor panicked");
    }
    result.map_err(|payload| Panicked::from_payload(payload.as_ref()))
}

/// Runs `work` and turns a panic into an error.
pub(super) fn caught<T>(work: impl FnOnce() -> T) -> Result<T, Panicked> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|payload| Panicked::from_payload(payload.as_ref()))
}

impl Panicked {
    /// Reads the text of a panic's payload: `panic!` leaves a `&str` or a `String`, `panic_any` may leave anything.
    pub(super) fn from_payload(payload: &(dyn Any + Send)) -> Self {
        let text = payload
            .downcast_ref::<&str>()
            .copied()
            .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
            .unwrap_or("a value that is not text");
        Self { message: text.chars().take(MESSAGE_CHARS).collect() }
    }
}
