//! Calls of tools, each within its request, with what was decided on it.

use forethought_audit::{Record, Review, ToolCall, ToolDecision, ToolResult};
use forethought_schemas::RecordId;

use super::Collector;
use crate::{ReportError, request::Used};

/// Where a call is kept: the place of its request, and its own among the calls of that.
pub(super) type CallAt = (usize, usize);

impl Collector<'_> {
    pub(super) fn call(&mut self, leaf: u64, record: &Record, call: &ToolCall) -> Result<(), ReportError> {
        let Some(at) = self.request_at((leaf, record), &call.admission)? else { return Ok(()) };
        if self.found.requests.get(at).is_some_and(|request| request.end.is_some()) {
            return self.odd(leaf, record, "its request had its end already");
        }
        let entry = self.entry(leaf, record, call.decision.as_str())?;
        let tool = self.names.get(&call.tool);
        if let Some(request) = self.found.requests.get_mut(at) {
            self.calls.insert(record.record_id.clone(), (at, request.calls.len()));
            request.calls.push(Used { entry, tool, decision: call.decision, decided: None, has_result: false });
        }
        Ok(())
    }

    pub(super) fn call_decided(
        &mut self,
        leaf: u64,
        record: &Record,
        review: &Review,
        call: &RecordId,
    ) -> Result<(), ReportError> {
        let Some(at) = self.request_at((leaf, record), &review.admission)? else { return Ok(()) };
        match self.call_of(at, call) {
            Some(call) if call.decision == ToolDecision::Held && call.decided.is_none() && !call.has_result => {
                call.decided = Some(review.decision);
                Ok(())
            }
            _ => self.odd(leaf, record, "no such call of its request waited for a decision"),
        }
    }

    pub(super) fn call_ended(&mut self, leaf: u64, record: &Record, result: &ToolResult) -> Result<(), ReportError> {
        let Some(at) = self.request_at((leaf, record), &result.admission)? else { return Ok(()) };
        match self.call_of(at, &result.call) {
            Some(call) if !call.has_result => {
                call.has_result = true;
                Ok(())
            }
            _ => self.odd(leaf, record, "no such call of its request waited for a result"),
        }
    }

    /// A call of a request that has no end.
    fn call_of(&mut self, request: usize, call: &RecordId) -> Option<&mut Used> {
        let (of, at) = self.calls.get(call).copied().filter(|(of, _)| *of == request)?;
        let request = self.found.requests.get_mut(of).filter(|request| request.end.is_none())?;
        request.calls.get_mut(at)
    }
}
