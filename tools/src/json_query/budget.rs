//! What one query may do: steps are counted, so that the bound does not depend on the clock.

use std::cell::Cell;

use crate::{ToolError, blocking::Abandoned};

/// Steps of a query. A step looks at one value, or at some bytes of a text.
pub(super) const MAX_STEPS: u64 = 8_000_000;
/// Values that are held at one time.
pub(super) const MAX_VALUES: usize = 200_000;

/// How much a query has left.
pub(super) struct Budget<'a> {
    left: Cell<u64>,
    abandoned: &'a Abandoned,
}

impl<'a> Budget<'a> {
    pub(super) fn new(abandoned: &'a Abandoned) -> Self {
        Self { left: Cell::new(MAX_STEPS), abandoned }
    }

    /// Takes steps before they are gone.
    pub(super) fn take(&self, steps: usize) -> Result<(), ToolError> {
        let left = self.left.get().checked_sub(steps as u64).filter(|_| !self.abandoned.is_set());
        let left = left.ok_or_else(|| exhausted("the query takes too many steps"))?;
        self.left.set(left);
        Ok(())
    }

    /// Takes the steps of reading a text once, hashing it or comparing it.
    pub(super) fn take_text(&self, text: &str) -> Result<(), ToolError> {
        self.take(text.len() / 16)
    }
}

/// Refuses lists that are too long.
pub(super) fn holds(values: usize) -> Result<(), ToolError> {
    if values <= MAX_VALUES { Ok(()) } else { Err(exhausted("the query finds too many values")) }
}

pub(super) fn exhausted(what: &str) -> ToolError {
    ToolError::Exhausted(format!("{what}: ask for less at once, with fewer `..` and `*`"))
}
