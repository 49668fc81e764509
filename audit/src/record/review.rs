//! What waits for a person, and what was decided on it.

use forethought_schemas::{RecordId, RequestId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Actor;

/// What was decided on an answer that was held, or on a call of a tool.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Review {
    /// The admission's record.
    pub admission: RecordId,
    /// The request.
    pub request_id: RequestId,
    /// Whose it is.
    pub tenant: String,
    /// What was decided.
    pub decision: ReviewDecision,
    /// Who decided; left out where the time was over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<Actor>,
    /// Why, in the words of who decided.
    pub reason: String,
    /// The record of the call that was decided on; left out where it was the answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub call: Option<RecordId>,
}

/// A decision on an answer that was held, or on a call of a tool.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReviewDecision {
    /// It is given as it is; of a call: it runs.
    Approved,
    /// Another one is given in its place. No call of a tool is decided so.
    Edited,
    /// It is not given.
    Rejected,
    /// Nobody decided in time, so it is not given.
    TimedOut,
}

impl ReviewDecision {
    /// Every decision.
    pub const ALL: [Self; 4] = [Self::Approved, Self::Edited, Self::Rejected, Self::TimedOut];

    /// Its name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Approved => "approved",
            Self::Edited => "edited",
            Self::Rejected => "rejected",
            Self::TimedOut => "timed_out",
        }
    }

    /// Whether the client gets an answer.
    #[must_use]
    pub const fn releases(self) -> bool {
        matches!(self, Self::Approved | Self::Edited)
    }
}

/// That an answer waits for a person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReviewAsked {
    /// Until when; then it is not given.
    pub until: Timestamp,
    /// Which rules ask for it.
    pub because: Vec<String>,
}
