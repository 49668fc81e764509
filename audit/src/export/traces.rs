//! The lines of `traces.jsonl`: a finished request a line, each a trace as OpenTelemetry's collector reads it from a file.
//!
//! A line is an `ExportTraceServiceRequest` in OTLP/JSON, with one span of the request, as the semantic conventions for generative AI
//! name what it has (opentelemetry.io/docs/specs/semconv/gen-ai/gen-ai-spans, "Inference"), one span below it for each sample, and one
//! below that for each call of a tool. What they have no name for is `forethought.*`. There are no contents.
//!
//! **Samples have no times of their own** in the records: they have the request's.

mod otlp;
mod tools;

use super::requests::{End, MAX_SAMPLES, Request, Told, name_of};
use crate::{OutcomeStatus, SampleOutcome, Status};
use otlp::{
    Attributes, Export, Kind, Resource, ResourceSpans, Scope, ScopeSpans, Span, SpanStatus, nanoseconds, span_id,
    trace_id,
};

/// The version of the semantic conventions: the last in which those of generative AI stood among all others.
pub(super) const SCHEMA: &str = "https://opentelemetry.io/schemas/1.41.0";
/// The scope, and the version of our own attributes.
const SCOPE: Scope = Scope { name: "forethought.audit.export", version: "1" };
const OPERATION: &str = "chat";
const NAME: &str = "forethought";

/// The line of a request with an end, in the log of this name; none without.
pub(super) fn line(request: &Request, origin: &str) -> Option<String> {
    let export = export(request, request.end.as_ref()?, origin);
    let mut line = serde_json::to_string(&export).ok()?;
    line.push('\n');
    Some(line)
}

fn export(request: &Request, end: &End, origin: &str) -> Export {
    let mut resource = Attributes::default();
    resource.text("service.name", NAME);
    resource.text("forethought.log.origin", origin);
    let samples = request.outcome().map(|told| told.samples.as_slice()).unwrap_or_default();
    let own = span(request, end);
    let below = samples.iter().take(MAX_SAMPLES).map(|sample| of_sample(sample, &own, end));
    let below: Vec<Span> = below.collect();
    let ids = samples.iter().zip(&below).map(|(sample, span)| (sample.index, span.id.clone())).collect();
    let calls = tools::spans(request, end, &own, &ids);
    let spans = std::iter::once(own).chain(below).chain(calls).collect();
    let scope_spans = [ScopeSpans { scope: SCOPE, spans, schema_url: SCHEMA }];
    Export {
        resource_spans: [ResourceSpans {
            resource: Resource { attributes: resource },
            scope_spans,
            schema_url: SCHEMA,
        }],
    }
}

/// The span of the request: from its admission until its answer was there, without the time that a person took to decide on it.
fn span(request: &Request, end: &End) -> Span {
    let admission = &request.admission;
    let until = match &end.outcome {
        Some(told) => nanoseconds(request.since, told.spent.wall_ms),
        None => nanoseconds(end.time, 0),
    };
    Span {
        trace_id: trace_id(admission.request_id.as_str()),
        id: span_id(request.records.first().map_or("", |(id, _)| id.as_str())),
        parent_span_id: None,
        name: format!("{OPERATION} {}", admission.model),
        kind: Kind::Client,
        start_time_unix_nano: nanoseconds(request.since, 0),
        end_time_unix_nano: until,
        attributes: attributes(request),
        status: error_of(request).map(|_| SpanStatus::ERROR),
    }
}

/// What the request failed with: its error's code, or how it stands.
fn error_of(request: &Request) -> Option<String> {
    let code = request.outcome().and_then(|told| told.error_code.clone());
    let failed =
        matches!(request.status, Status::Interrupted | Status::Ended(OutcomeStatus::Failed | OutcomeStatus::Deadline));
    code.or_else(|| failed.then(|| request.status.to_string()))
}

fn attributes(request: &Request) -> Attributes {
    let mut all = Attributes::default();
    conventional(&mut all, request);
    asked(&mut all, request);
    if let Some(told) = request.outcome() {
        spent(&mut all, told);
    }
    tools::counted(&mut all, request);
    recorded(&mut all, request);
    all
}

/// What the semantic conventions have names for.
fn conventional(all: &mut Attributes, request: &Request) {
    let admission = &request.admission;
    all.text("gen_ai.operation.name", OPERATION);
    all.text("gen_ai.provider.name", NAME);
    all.text("gen_ai.request.model", &admission.model);
    all.number("gen_ai.request.seed", admission.seed);
    if admission.n != 1 {
        all.number("gen_ai.request.choice.count", admission.n.into());
    }
    all.number("gen_ai.request.max_tokens", admission.budget.total_tokens.into());
    all.text("gen_ai.response.id", admission.request_id.as_str());
    if let Some(told) = request.outcome() {
        if let Some(reason) = &told.finish_reason {
            all.texts("gen_ai.response.finish_reasons", std::iter::once(reason.as_str()));
        }
        all.number("gen_ai.usage.input_tokens", told.spent.prompt_tokens);
        all.number("gen_ai.usage.output_tokens", told.spent.generated_tokens);
        if told.thinking > 0 {
            all.number("gen_ai.usage.reasoning.output_tokens", told.thinking);
        }
    }
    all.known("error.type", error_of(request).as_deref());
}

/// Who asked for what, and under which policy.
fn asked(all: &mut Attributes, request: &Request) {
    let admission = &request.admission;
    all.text("forethought.tenant", &admission.tenant);
    all.text("forethought.principal", &admission.key_id);
    all.text("forethought.strategy", name_of(&admission.strategy));
    all.text("forethought.effort", name_of(&admission.effort));
    all.number("forethought.budget.max_samples", admission.budget.max_samples.into());
    all.number("forethought.budget.total_tokens", admission.budget.total_tokens.into());
    all.number("forethought.budget.sample_tokens", admission.budget.sample_tokens.into());
    all.number("forethought.budget.deadline_ms", admission.budget.deadline_ms);
    all.text("forethought.seed", admission.seed.to_string());
    all.text("forethought.weights.digest", &admission.weights_digest);
    all.text("forethought.policy.version", &admission.policy.version);
    all.text("forethought.policy.digest", &admission.policy.digest);
}

/// What the outcome says.
fn spent(all: &mut Attributes, told: &Told) {
    all.number("forethought.samples", told.spent.samples.into());
    if told.left_out > 0 {
        all.number("forethought.samples.without_span", told.left_out);
    }
    all.number("forethought.votes.answers", told.votes.answers);
    if told.votes.all > 0 {
        all.ratio("forethought.votes.agreement", ratio(told.votes.most, told.votes.all));
    }
    all.number("forethought.wall_ms", told.spent.wall_ms);
    all.number("forethought.cost_thousandths", told.cost);
}

/// How it stands, and where its records are.
fn recorded(all: &mut Attributes, request: &Request) {
    all.text("forethought.status", request.status.as_str());
    if !request.rules.is_empty() {
        all.texts("forethought.rules", request.rules.iter().map(String::as_str));
    }
    if let Some(review) = &request.review {
        all.text("forethought.review.decision", review.decision.as_str());
        all.known("forethought.review.principal", review.by.as_deref());
        all.text("forethought.review.time", review.time.to_string());
    }
    all.texts("forethought.record.ids", request.records.iter().map(|(id, _)| id.as_str()));
    all.numbers("forethought.record.leaves", request.records.iter().map(|(_, leaf)| *leaf));
}

/// The span of a sample. It has nothing that the conventions name: who adds up tokens by these names would count them twice.
fn of_sample(sample: &SampleOutcome, above: &Span, end: &End) -> Span {
    let mut all = Attributes::default();
    all.number("forethought.sample.index", sample.index.into());
    all.text("forethought.sample.seed", sample.seed.to_string());
    all.number("forethought.sample.tokens", sample.tokens.into());
    all.number("forethought.sample.thinking_tokens", sample.thinking_tokens.into());
    all.known("forethought.sample.finish_reason", sample.finish_reason.as_deref());
    all.flag("forethought.sample.counted", sample.counted);
    all.flag("forethought.sample.cancelled", sample.cancelled);
    all.known("forethought.sample.check", sample.check.as_deref());
    Span {
        trace_id: above.trace_id.clone(),
        id: span_id(&format!("{}/{}", end.record, sample.index)),
        parent_span_id: Some(above.id.clone()),
        name: "sample".to_owned(),
        kind: Kind::Internal,
        start_time_unix_nano: above.start_time_unix_nano.clone(),
        end_time_unix_nano: above.end_time_unix_nano.clone(),
        attributes: all,
        status: None,
    }
}

#[expect(clippy::cast_precision_loss, reason = "a ratio of counts below 2^53")]
fn ratio(some: u64, all: u64) -> f64 {
    some as f64 / all as f64
}
