//! Why an expression has no result, in words that a small model can mend it by.

use std::fmt;

use crate::ToolError;

/// What kind of fault it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// It cannot be read.
    Reading,
    /// It can be read and has no value.
    Meaning,
    /// It would take too long, or too much memory.
    Size,
}

/// What is wrong with an expression, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) struct Problem {
    kind: Kind,
    what: String,
    /// The character at which it stands, from 1.
    at: Option<usize>,
}

impl fmt::Display for Problem {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.at {
            None => out.write_str(&self.what),
            Some(at) => write!(out, "at character {at}: {}", self.what),
        }
    }
}

impl Problem {
    pub(super) fn reading(what: impl Into<String>) -> Self {
        Self { kind: Kind::Reading, what: what.into(), at: None }
    }

    pub(super) fn meaning(what: impl Into<String>) -> Self {
        Self { kind: Kind::Meaning, what: what.into(), at: None }
    }

    pub(super) fn size(what: impl Into<String>) -> Self {
        Self { kind: Kind::Size, what: what.into(), at: None }
    }

    /// The same, at a character counted from 0, unless its place is known already.
    pub(super) fn at(self, place: usize) -> Self {
        Self { at: self.at.or(Some(place + 1)), ..self }
    }
}

impl From<Problem> for ToolError {
    fn from(problem: Problem) -> Self {
        let told = problem.to_string();
        match problem.kind {
            Kind::Reading => Self::Arguments(told),
            Kind::Meaning => Self::Failed(told),
            Kind::Size => Self::Exhausted(told),
        }
    }
}
