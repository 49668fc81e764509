//! The JSON of an answer: OpenAI's fields, and what the deliberation did.

use std::collections::BTreeMap;

use forethought_actors::{Acted, CallSpent, Deliberated, Job, SampleReport, SampleState};
use forethought_audit::ReviewAsked;
use forethought_reasoning::{Call, Checked, Finish, Outcome, Status, Vote};
use forethought_safeguards::Counted;
use forethought_schemas::RequestId;
use serde_json::{Map, Number, Value, json};

/// What a client is told of an answer that waits.
pub(super) const WAITS: &str =
    "This answer waits for a person to decide on it; ask for it at the address in `usage.deliberation.review`.";

/// What every part of one answer shares.
pub(super) struct Head {
    pub id: String,
    pub created: u64,
    pub model: String,
}

impl Head {
    /// Its id without what all of them begin with.
    pub(super) fn short(&self) -> &str {
        self.id.trim_start_matches("chatcmpl-")
    }

    pub(super) fn new(id: &RequestId, model: &str) -> Self {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        Self {
            id: format!("chatcmpl-{}", id.as_str().trim_start_matches("req_")),
            created: now.map(|since| since.as_secs()).unwrap_or_default(),
            model: model.to_owned(),
        }
    }

    pub(super) fn object(&self, object: &str, choices: &Value) -> Value {
        json!({ "id": self.id, "object": object, "created": self.created, "model": self.model, "choices": choices })
    }
}

/// The whole answer.
pub(super) fn completion(head: &Head, job: &Job, done: &Deliberated, include_samples: bool) -> Value {
    let choices: Vec<Value> = chosen(done)
        .enumerate()
        .map(|(at, sample)| {
            json!({
                "index": at,
                "message": if done.held.is_some() { waiting() } else { message(head, sample) },
                "finish_reason": finish_reason(sample),
                "logprobs": null,
            })
        })
        .collect();
    let mut answer = head.object("chat.completion", &Value::Array(choices));
    add(&mut answer, "usage", usage(job, done));
    if !job.disclosures.is_null() {
        add(&mut answer, "disclosures", Value::clone(&job.disclosures));
    }
    if include_samples {
        add(&mut answer, "deliberation", json!({ "samples": samples(done) }));
    }
    answer
}

/// What stands in the place of an answer that waits for a person.
fn waiting() -> Value {
    json!({ "role": "assistant", "content": null, "refusal": WAITS })
}

fn message(head: &Head, sample: &SampleReport) -> Value {
    let mut message = said(&sample.text, tool_calls(head.short(), sample.index, &sample.calls));
    if !sample.thinking.is_empty() {
        add(&mut message, "reasoning_content", json!(sample.thinking));
    }
    message
}

/// What the model says, as OpenAI has it.
pub(super) fn said(text: &str, calls: Vec<Value>) -> Value {
    let mut message = json!({ "role": "assistant", "content": text });
    if !calls.is_empty() {
        add(&mut message, "tool_calls", Value::Array(calls));
        if text.is_empty() {
            add(&mut message, "content", Value::Null);
        }
    }
    message
}

/// The calls that whoever asked is to make, as OpenAI has them; `id` and `index` make their ids those of this answer alone.
pub(super) fn tool_calls(id: &str, index: impl std::fmt::Display, calls: &[Call]) -> Vec<Value> {
    let shown = |(place, call): (usize, &Call)| {
        let function = json!({ "name": call.tool, "arguments": call.arguments.to_string() });
        json!({ "id": format!("call_{id}_{index}_{place}"), "type": "function", "function": function })
    };
    calls.iter().enumerate().map(shown).collect()
}

/// The samples that are answers, best first.
pub(super) fn chosen(done: &Deliberated) -> impl Iterator<Item = &SampleReport> {
    done.verdict.chosen.iter().filter_map(|at| done.samples.iter().find(|sample| sample.index == *at))
}

/// OpenAI's usage, and the deliberation's own.
pub(super) fn usage(job: &Job, done: &Deliberated) -> Value {
    let completion: u32 = chosen(done).map(|sample| sample.tokens).sum();
    let count = |state| done.samples.iter().filter(|sample| sample.state == state).count();
    let generated: u64 = done.samples.iter().map(|sample| u64::from(sample.tokens)).sum();
    let sum = |of: fn(&SampleReport) -> u64| done.samples.iter().map(of).sum::<u64>();
    let cancelled = sum(|s| if s.state == SampleState::Cancelled { u64::from(s.tokens) } else { 0 });
    let thought = sum(|sample| u64::from(sample.thinking_tokens));
    let judged = sum(|sample| u64::from(sample.judge_tokens));
    let lost = sum(|sample| u64::from(sample.lost_tokens));
    let reasoning: u32 = chosen(done).map(|sample| sample.thinking_tokens).sum();
    let votes = votes(&done.verdict.votes);
    let outcome = |outcome| done.verdict.checks.iter().filter(|check| check.verification.outcome == outcome).count();
    let checks: Map<String, Value> =
        Outcome::ALL.iter().map(|kind| (kind.as_str().to_owned(), json!(outcome(*kind)))).collect();
    json!({
        "prompt_tokens": job.prompt_tokens,
        "completion_tokens": completion,
        "total_tokens": job.prompt_tokens + completion,
        "completion_tokens_details": { "reasoning_tokens": reasoning },
        "deliberation": {
            "strategy": job.strategy, "effort": job.effort, "seed": job.seed, "budget": job.budget,
            "samples": {
                "started": done.samples.len(), "finished": count(SampleState::Finished),
                "cancelled": count(SampleState::Cancelled), "failed": count(SampleState::Failed),
                "counted": done.verdict.counted.len(), "without_answer": done.verdict.without_answer,
            },
            "thinking_tokens": thought, "answer_tokens": generated.saturating_sub(thought + judged + lost), "judge_tokens": judged,
            "lost_tokens": lost,
            "generated_tokens": generated, "cancelled_tokens": cancelled,
            "prompt_tokens": sum(|sample| sample.prompt_tokens), "cached_tokens": sum(|sample| sample.cached_tokens),
            "thinking_budget": job.thinking.as_ref().map(|thinking| thinking.tokens),
            "answer": done.verdict.answer.as_ref().map(|answer| &answer.canonical),
            "status": status(done.verdict.status), "stop": done.verdict.stop.as_str(), "votes": votes,
            "checks": if job.verifiers.is_empty() { Value::Null } else { Value::Object(checks) },
            "tools": tools(job, done), "safeguards": safeguards(job, done), "review": review(done),
            "warnings": job.warnings.iter().chain(&done.verdict.warnings).collect::<Vec<_>>(), "wall_ms": done.wall_ms,
            "audit": { "admission": done.admission, "outcome": done.outcome },
        },
    })
}

/// What was done with tools of the service; null where there were none.
fn tools(job: &Job, done: &Deliberated) -> Value {
    if !job.tools.as_ref().is_some_and(|tools| tools.has_server()) {
        return Value::Null;
    }
    let mut states: BTreeMap<&str, u64> = BTreeMap::new();
    for call in &done.calls {
        *states.entry(&call.state).or_default() += 1;
    }
    let sum = |of: fn(&CallSpent) -> u64| done.calls.iter().map(of).sum::<u64>();
    json!({
        "calls": done.calls.len(), "states": states,
        "wall_ms": sum(|call| call.wall_ms), "cost": sum(|call| call.cost),
    })
}

/// One call of a tool of the service, without what it was called with and what it said: these are in the audit log.
fn acted(act: &Acted) -> Value {
    json!({
        "round": act.round, "place": act.place, "tool": act.call.tool, "state": act.state, "wall_ms": act.wall_ms,
        "record": act.record,
    })
}

/// Where an answer that waits for a person can be asked for.
fn review(done: &Deliberated) -> Value {
    let told = |held: &ReviewAsked| {
        json!({
            "state": "pending", "until": held.until.to_string(), "because": held.because,
            "url": format!("/v1/reviews/{}", done.admission),
        })
    };
    done.held.as_ref().map_or(Value::Null, told)
}

/// What safeguards found in what was asked and in the answers.
fn safeguards(job: &Job, done: &Deliberated) -> Vec<Value> {
    let told = |stage: &'static str, found: &[Counted]| -> Vec<Value> {
        let one = |one: &Counted| json!({ "stage": stage, "kind": one.kind, "list": one.list, "action": one.action, "count": one.count });
        found.iter().map(one).collect()
    };
    [told("input", &job.asked), told("input", &done.asked), told("output", &done.found)].concat()
}

/// The votes for each answer. What they weigh is told in whole votes.
pub(super) fn votes(votes: &[Vote]) -> Vec<Value> {
    let weight =
        |vote: &Vote| Number::from_f64(format!("{}.{:03}", vote.weight / 1000, vote.weight % 1000).parse().ok()?);
    votes.iter().map(|vote| json!({ "answer": vote.canonical, "count": vote.count, "weight": weight(vote) })).collect()
}

/// What verifiers say of a sample.
fn check(done: &Deliberated, index: u32) -> Value {
    let check = done.verdict.checks.iter().find(|check| check.index == index);
    check.map_or(Value::Null, |Checked { verification, .. }| {
        json!({
            "outcome": verification.outcome.as_str(), "score": verification.score, "findings": verification.findings,
        })
    })
}

/// Every sample, with its text.
pub(super) fn samples(done: &Deliberated) -> Vec<Value> {
    done.samples
        .iter()
        .map(|sample| {
            json!({
                "index": sample.index, "seed": sample.seed, "text": sample.text, "answer": sample.answer,
                "thinking": sample.thinking, "tokens": sample.tokens, "thinking_tokens": sample.thinking_tokens,
                "prompt_tokens": sample.prompt_tokens, "cached_tokens": sample.cached_tokens, "state": state(sample.state), "finish_reason": finish_reason(sample),
                "tools": sample.acts.iter().map(acted).collect::<Vec<_>>(),
                "check": check(done, sample.index), "weak": sample.finish == Some(Finish::Weak), "counted": done.verdict.counted.contains(&sample.index),
            })
        })
        .collect()
}

/// OpenAI's name for how a sample ended.
pub(super) fn finish_reason(sample: &SampleReport) -> Option<&'static str> {
    match sample.finish {
        _ if sample.withheld => Some("content_filter"),
        Some(_) if !sample.calls.is_empty() => Some("tool_calls"),
        Some(Finish::Stop | Finish::Matched) => Some("stop"),
        // OpenAI knows no other word for an answer that was cut.
        Some(Finish::Length | Finish::Weak) => Some("length"),
        None => None,
    }
}

const fn status(status: Status) -> &'static str {
    match status {
        Status::Answered => "answered",
        Status::Unextracted => "unextracted",
        Status::NoAnswer => "no_answer",
    }
}

const fn state(state: SampleState) -> &'static str {
    match state {
        SampleState::Running => "running",
        SampleState::Finished => "finished",
        SampleState::Failed => "failed",
        SampleState::Cancelled => "cancelled",
    }
}

/// Adds a field to an object.
pub(super) fn add(object: &mut Value, key: &str, value: Value) {
    if let Value::Object(fields) = object {
        fields.insert(key.to_owned(), value);
    }
}
