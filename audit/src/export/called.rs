//! The calls of tools of one request, as far as `records.csv` and `traces.jsonl` tell them.

use std::collections::HashMap;

use forethought_schemas::RecordId;
use jiff::Timestamp;

use super::requests::Decided;
use crate::{Body, Record, ReviewDecision, ToolCall, ToolDecision, ToolResult};

/// Calls of a request that are told one by one, and tools that are named; the rest are counted.
pub(super) const MAX_CALLS: usize = 64;

/// The calls of tools of one request.
#[derive(Debug, Default)]
pub(super) struct Calls {
    /// The first of them, in the order of the log.
    pub(super) first: Vec<Called>,
    /// All of them.
    pub(super) count: u64,
    /// The tools that were called, in the order in which they were first.
    pub(super) tools: Vec<String>,
    /// The places of those that are told and may still get more.
    places: HashMap<RecordId, usize>,
}

/// One call, as far as it is known.
#[derive(Debug)]
pub(super) struct Called {
    pub(super) record: RecordId,
    pub(super) time: Timestamp,
    pub(super) call: ToolCall,
    pub(super) review: Option<Decided>,
    pub(super) end: Option<CallEnd>,
}

/// What came of a call.
#[derive(Debug)]
pub(super) struct CallEnd {
    pub(super) record: RecordId,
    pub(super) time: Timestamp,
    pub(super) result: ToolResult,
}

impl Calls {
    /// Takes the next record about a call of this request.
    pub(super) fn take(&mut self, record: &Record) {
        match &record.body {
            Body::ToolCall(call) => self.call(record, call),
            Body::ToolResult(result) => self.end(record, result),
            Body::Review(review) => {
                let by = review.by.as_ref().map(|by| by.key_id.clone());
                let decided = Decided { decision: review.decision, by, time: record.time };
                if let Some(called) = review.call.as_ref().and_then(|call| self.told(call)) {
                    called.review = Some(decided);
                }
            }
            _ => {}
        }
    }

    fn call(&mut self, record: &Record, call: &ToolCall) {
        self.count += 1;
        if self.tools.len() < MAX_CALLS && !self.tools.contains(&call.tool) {
            self.tools.push(call.tool.clone());
        }
        if self.first.len() < MAX_CALLS {
            self.places.insert(record.record_id.clone(), self.first.len());
            let call = ToolCall { safeguards: Vec::new(), ..call.clone() };
            self.first.push(Called {
                record: record.record_id.clone(),
                time: record.time,
                call,
                review: None,
                end: None,
            });
        }
    }

    fn end(&mut self, record: &Record, result: &ToolResult) {
        if let Some(called) = self.told(&result.call) {
            let result = ToolResult { safeguards: Vec::new(), ..result.clone() };
            called.end = Some(CallEnd { record: record.record_id.clone(), time: record.time, result });
        }
    }

    fn told(&mut self, call: &RecordId) -> Option<&mut Called> {
        self.places.get(call).and_then(|at| self.first.get_mut(*at))
    }

    /// Calls that are not told one by one.
    pub(super) fn left_out(&self) -> u64 {
        self.count - self.first.len() as u64
    }
}

impl Called {
    /// What it failed with, in one word: the code of its error, why it was not carried out, or that its result is not known.
    pub(super) fn error(&self) -> Option<&str> {
        let is_declined = self.review.as_ref().is_some_and(|review| !ReviewDecision::releases(review.decision));
        match self.end.as_ref().map(|end| &end.result) {
            None if self.call.decision == ToolDecision::Refused => Some("refused"),
            None if is_declined => Some(ToolResult::DECLINED),
            None => Some("no_result"),
            Some(result) => match result.state.as_str() {
                ToolResult::FAILED => Some(ToolResult::FAILED),
                ToolResult::DECLINED => Some(ToolResult::DECLINED),
                _ if self.call.decision == ToolDecision::Refused => Some("refused"),
                _ => result.error_code(),
            },
        }
    }
}
