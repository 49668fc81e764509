//! The calls of tools of one request, each with what was decided on it and what came of it.

use std::collections::HashMap;

use forethought_schemas::RecordId;

use super::{Content, Found, Shown};
use crate::{Body, ContentError, Digest, Record, Review, ToolCall, ToolResult};

/// A record, with what finds it in the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShownRecord {
    /// The record.
    pub record: Record,
    /// The digest of its canonical bytes.
    pub hash: Digest,
    /// Its leaf, from 0.
    pub leaf: u64,
}

impl From<Found> for ShownRecord {
    fn from(found: Found) -> Self {
        Self { hash: Digest::of(&found.entry.payload), leaf: found.leaf, record: found.record }
    }
}

/// The records of one call of a tool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShownCall {
    /// That it was called.
    pub call: ShownRecord,
    /// The decision on it, where it was held and decided.
    pub review: Option<ShownRecord>,
    /// What came of it; none where that is not known, or not yet.
    pub result: Option<ShownRecord>,
}

impl ShownCall {
    /// What it says of the call; none for a record that is none, of which there is none in [`Shown::calls`].
    #[must_use]
    pub fn body(&self) -> Option<&ToolCall> {
        if let Body::ToolCall(call) = &self.call.record.body { Some(call) } else { None }
    }

    /// What was decided on it by a person, or by time.
    #[must_use]
    pub fn decision(&self) -> Option<&Review> {
        match self.review.as_ref().map(|review| &review.record.body) {
            Some(Body::Review(review)) => Some(review),
            _ => None,
        }
    }

    /// What came of it.
    #[must_use]
    pub fn outcome(&self) -> Option<&ToolResult> {
        match self.result.as_ref().map(|result| &result.record.body) {
            Some(Body::ToolResult(result)) => Some(result),
            _ => None,
        }
    }

    /// Its records, in their order.
    pub(crate) fn records(&self) -> impl Iterator<Item = &ShownRecord> {
        std::iter::once(&self.call).chain(&self.review).chain(&self.result)
    }

    fn place(&self) -> Option<(u32, u32, u32)> {
        self.body().map(ToolCall::place)
    }
}

/// One call of a tool with its contents: all that is needed to answer it again without the tool.
#[derive(Clone, Copy, Debug)]
pub struct CallInFull<'s> {
    /// The record of the call.
    pub record_id: &'s RecordId,
    /// Who called what, and what was decided.
    pub call: &'s ToolCall,
    /// What a person, or time, decided, where it was held.
    pub decision: Option<&'s Review>,
    /// How it ended; none where that is not known, or not yet.
    pub result: Option<&'s ToolResult>,
    /// What the tool was called with, or why it cannot be read; none where contents were not asked for.
    pub arguments: Option<Result<&'s [u8], &'s ContentError>>,
    /// What the model read, to the byte; none where it has no result, or where contents were not asked for.
    pub told: Option<Result<&'s [u8], &'s ContentError>>,
}

impl Shown {
    /// The calls of tools with their contents, as [`crate::AuditLog::show`] and [`crate::AuditReader::show`] give them when contents are
    /// asked for: by sample, round and place in the round. A deliberation that is carried out again answers the call of the same place
    /// with [`CallInFull::told`] instead of calling the tool, after it has held the arguments against [`CallInFull::arguments`].
    pub fn calls_in_full(&self) -> impl Iterator<Item = CallInFull<'_>> {
        self.calls.iter().filter_map(|shown| {
            let result = shown.result.as_ref();
            Some(CallInFull {
                record_id: &shown.call.record.record_id,
                call: shown.body()?,
                decision: shown.decision(),
                result: shown.outcome(),
                arguments: self.content(&shown.call.record, ToolCall::ARGUMENTS),
                told: result.and_then(|result| self.content(&result.record, ToolResult::RESULT)),
            })
        })
    }

    /// The content of a record with this name; none where it has none, or where contents were not asked for.
    fn content(&self, record: &Record, name: &str) -> Option<Result<&[u8], &ContentError>> {
        let is = |content: &&Content| content.record_id == record.record_id.as_str() && content.name == name;
        self.contents.iter().find(is).map(|content| content.content.as_deref())
    }
}

/// The calls of these records, which stand in the order of the log: what is decided on, and what comes of a call, is behind it.
pub(super) fn put_together(records: Vec<Found>) -> Vec<ShownCall> {
    let mut calls: Vec<ShownCall> = Vec::new();
    let mut places: HashMap<RecordId, usize> = HashMap::new();
    for found in records {
        let (id, is_result) = match &found.record.body {
            Body::ToolResult(result) => (result.call.clone(), true),
            Body::Review(Review { call: Some(id), .. }) => (id.clone(), false),
            _ => {
                places.insert(found.record.record_id.clone(), calls.len());
                calls.push(ShownCall { call: found.into(), review: None, result: None });
                continue;
            }
        };
        let Some(call) = places.get(&id).and_then(|at| calls.get_mut(*at)) else { continue };
        let place = if is_result { &mut call.result } else { &mut call.review };
        *place = Some(found.into());
    }
    // Those of the same place, of which there are none unless something is wrong, stay as they stand in the log.
    calls.sort_by_key(ShownCall::place);
    calls
}
