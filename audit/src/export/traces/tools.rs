//! The spans of calls of tools, as the semantic conventions name what they have
//! (opentelemetry.io/docs/specs/semconv/gen-ai/gen-ai-agent-spans, "Execute tool span").
//!
//! A call has times of its own in the records: from when it was recorded, which is before it could run, until its result was. Where a
//! person had to decide, that time is in it.

use std::collections::BTreeMap;

use super::{
    End, Request,
    otlp::{Attributes, Kind, Span, SpanStatus, nanoseconds, span_id},
};
use crate::export::called::{CallEnd, Called};

const OPERATION: &str = "execute_tool";

/// The spans of the calls of a request, each below its sample where that has a span.
pub(super) fn spans(request: &Request, end: &End, own: &Span, samples: &BTreeMap<u32, String>) -> Vec<Span> {
    request.calls.first.iter().map(|called| span(called, end, own, samples.get(&called.call.sample))).collect()
}

/// What the request's span says of them.
pub(super) fn counted(all: &mut Attributes, request: &Request) {
    if request.calls.count > 0 {
        all.number("forethought.tools.calls", request.calls.count);
    }
    if request.calls.left_out() > 0 {
        all.number("forethought.tools.calls.without_span", request.calls.left_out());
    }
}

fn span(called: &Called, end: &End, own: &Span, sample: Option<&String>) -> Span {
    // A clock may have gone back between two records.
    let until = called.end.as_ref().map_or(end.time, |end| end.time).max(called.time);
    Span {
        trace_id: own.trace_id.clone(),
        id: span_id(called.record.as_str()),
        parent_span_id: Some(sample.unwrap_or(&own.id).clone()),
        name: format!("{OPERATION} {}", called.call.tool),
        kind: Kind::Internal,
        start_time_unix_nano: nanoseconds(called.time, 0),
        end_time_unix_nano: nanoseconds(until, 0),
        attributes: attributes(called),
        status: called.error().map(|_| SpanStatus::ERROR),
    }
}

fn attributes(called: &Called) -> Attributes {
    let call = &called.call;
    let mut all = Attributes::default();
    all.text("gen_ai.operation.name", OPERATION);
    all.text("gen_ai.tool.name", &call.tool);
    all.text("gen_ai.tool.call.id", called.record.as_str());
    all.known("error.type", called.error());
    all.number("forethought.tool.sample", call.sample.into());
    all.number("forethought.tool.round", call.round.into());
    all.number("forethought.tool.call", call.call.into());
    all.text("forethought.tool.spec", &call.spec);
    all.text("forethought.tool.effect", &call.effect);
    all.text("forethought.tool.decision", call.decision.as_str());
    if !call.because.is_empty() {
        all.texts("forethought.tool.rules", call.because.iter().map(String::as_str));
    }
    if let Some(review) = &called.review {
        all.text("forethought.review.decision", review.decision.as_str());
        all.known("forethought.review.principal", review.by.as_deref());
        all.text("forethought.review.time", review.time.to_string());
    }
    if let Some(end) = &called.end {
        came_of(&mut all, end);
    }
    all
}

fn came_of(all: &mut Attributes, CallEnd { record, result, .. }: &CallEnd) {
    all.text("forethought.tool.result.record", record.as_str());
    all.text("forethought.tool.state", &result.state);
    all.number("forethought.tool.wall_ms", result.wall_ms);
    all.number("forethought.tool.bytes", result.bytes);
    all.number("forethought.tool.left_out", result.left_out);
    all.number("forethought.tool.cost_thousandths", result.cost);
}
