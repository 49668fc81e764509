//! Answers, and calls of tools, that wait for a person: a reviewer sees and decides on them, who asked comes back for them, and those on which
//! nobody decides in time are not given.

use actix_web::{
    HttpRequest, HttpResponse,
    web::{Data, Path, Payload},
};
use forethought_actors::{AppendError, AuditDesk, BLOCKED, HeldAnswer};
use forethought_audit::{
    Actor, Body, Content, Held, MAX_LISTED, Outcome, Review, ReviewDecision, ReviewDraft, Shown, ToolCall,
};
use forethought_authorization::Action;
use forethought_policies::Principal;
use forethought_safeguards::Guard;
use forethought_schemas::{ApiError, ChatMessage, ErrorKind, Facts, RecordId, RequestId};
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::time::Duration;
use tracing::{error, info};

use super::{Gateway, admin, caller::INSTALLATION, records, routes::Endpoint, whole};
use crate::keeper::Deed;

/// How often it is looked whether the time of an answer that waits is over.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// The longest reason.
const LONGEST_REASON: usize = 2000;

/// What is below `/v1/reviews`.
pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint::get("/v1/reviews", list),
        Endpoint::get("/v1/reviews/{id}", one),
        Endpoint::post("/v1/reviews/{id}", decide),
    ]
}

async fn list(gateway: Data<Gateway>, request: HttpRequest) -> HttpResponse {
    let id = RequestId::generate();
    admin::respond(listed(&gateway, &request).await, &id)
}

async fn listed(gateway: &Gateway, request: &HttpRequest) -> Result<Value, ApiError> {
    let caller = gateway.principal(request).await?;
    let tenant = admin::about(None, &caller);
    gateway.desk.authorize(&caller, Action::Review, &tenant)?;
    let all = move |held: &Held| tenant == INSTALLATION || held.tenant == tenant;
    let read = gateway.rooms.audit.read(move |log| {
        let mut waiting: Vec<_> =
            log.held().filter(|(_, held)| all(held)).map(|(id, held)| (id.clone(), held.clone())).collect();
        waiting.sort_by_key(|(_, held)| held.review.until);
        // Those whose time is over first; the rest comes when these are decided.
        waiting.truncate(MAX_LISTED);
        Ok(waiting)
    });
    let mut waiting = read.await.map_err(|error| records::unreadable(&error))?;
    waiting.retain(|(_, held)| admin::reaches(gateway, &caller, Action::Review, &held.tenant));
    let row = |(id, held): &(RecordId, Held)| {
        json!({
            "id": id, "request": held.request_id, "tenant": held.tenant, "since": held.since.to_string(),
            "until": held.review.until.to_string(), "because": held.review.because,
            "tool": held.call.as_ref().map(|call| &call.tool),
        })
    };
    Ok(json!({ "object": "list", "data": waiting.iter().map(row).collect::<Vec<_>>() }))
}

async fn one(gateway: Data<Gateway>, request: HttpRequest, name: Path<String>) -> HttpResponse {
    let id = RequestId::generate();
    admin::respond(shown(&gateway, &request, &name).await, &id)
}

/// For who asked, how it stands, and the answer once it is given; for a reviewer, what waits.
async fn shown(gateway: &Gateway, request: &HttpRequest, name: &str) -> Result<Value, ApiError> {
    let caller = gateway.principal(request).await?;
    let held = find(gateway, name).await?;
    if let Some(held) = held.as_ref().filter(|held| held.call.is_none() && held.is_asked_by(&caller)) {
        return told_to_asker(gateway, held).await;
    }
    gateway.desk.authorize(&caller, Action::Review, caller.tenant())?;
    let held = held.ok_or_else(|| not_found(name))?;
    reviewer(gateway, &caller, &held, name)?;
    let waits = held.decision.is_none();
    if !waits {
        return Err(decided(name));
    }
    let deed = Deed { what: "review.read", by: Some(caller), object: Some(held.admission.to_string()), reason: None };
    gateway.keeper.record(deed).await.map_err(|error| admin::not_taken_up(&error))?;
    let contents = contents(gateway, &held.admission).await?;
    let text = |name: &str| content(&contents, name).map(|bytes| String::from_utf8_lossy(bytes).into_owned());
    let asked = text("prompt").and_then(|text| serde_json::from_str::<Value>(&text).ok());
    if let Some(call) = &held.call {
        let arguments = content_of(&contents, &call.record_id, ToolCall::ARGUMENTS);
        return Ok(json!({
            "id": call.record_id, "admission": held.admission, "tenant": held.tenant, "model": held.model,
            "until": held.until.to_string(), "because": held.because, "asked": asked, "tool": call.tool,
            "effect": call.effect, "spec": call.spec,
            "arguments": arguments.and_then(|bytes| serde_json::from_slice::<Value>(bytes).ok()),
        }));
    }
    Ok(json!({
        "id": held.admission, "tenant": held.tenant, "model": held.model, "until": held.until.to_string(),
        "because": held.because, "asked": asked, "answers": answers(&contents)?,
    }))
}

async fn decide(gateway: Data<Gateway>, request: HttpRequest, name: Path<String>, payload: Payload) -> HttpResponse {
    let id = RequestId::generate();
    admin::respond(made(&gateway, &request, &name, payload).await, &id)
}

async fn made(gateway: &Gateway, request: &HttpRequest, name: &str, payload: Payload) -> Result<Value, ApiError> {
    let caller = gateway.principal(request).await?;
    gateway.desk.authorize(&caller, Action::Review, caller.tenant())?;
    let asked = admin::body(gateway, payload).await?;
    admin::only(&asked, &["decision", "reason", "answer"])?;
    let reason = admin::required(&asked, "reason")?;
    if reason.chars().count() > LONGEST_REASON {
        let message = format!("`reason` is longer than {LONGEST_REASON} characters; shorten it");
        return Err(ApiError::invalid("reason", "invalid_value", message));
    }
    let answer = admin::text(&asked, "answer")?;
    let decision = match (admin::required(&asked, "decision")?.as_str(), &answer) {
        ("approve", None) => ReviewDecision::Approved,
        ("edit", Some(_)) => ReviewDecision::Edited,
        ("reject", None) => ReviewDecision::Rejected,
        ("edit", None) => {
            let message = "`answer` is missing: it is what is given in place of the answer that waits";
            return Err(ApiError::invalid("answer", "missing_required_parameter", message));
        }
        ("approve" | "reject", Some(_)) => {
            let message = "`answer` is only for the decision `edit`; leave it out, or edit";
            return Err(ApiError::invalid("answer", "invalid_value", message));
        }
        (other, _) => {
            let message = format!("`decision` is `{other}`; known are: approve, edit, reject");
            return Err(ApiError::invalid("decision", "invalid_value", message));
        }
    };
    let held = find(gateway, name).await?.ok_or_else(|| not_found(name))?;
    reviewer(gateway, &caller, &held, name)?;
    if held.is_asked_by(&caller) {
        let message = "who asked does not decide on what waits; another reviewer has to";
        return Err(ApiError::new(ErrorKind::Permission, "own_answer", message));
    }
    if let (Some(_), Some(_)) = (&held.call, &answer) {
        let message = "a call of a tool is approved or rejected as it is; it cannot be edited";
        return Err(ApiError::invalid("decision", "invalid_value", message));
    }
    if let Some(answer) = &answer {
        may_leave(gateway, &held, answer).await?;
    }
    if held.until <= Timestamp::now() {
        return Err(decided(name));
    }
    let by = Actor {
        tenant: caller.tenant().to_owned(),
        key_id: caller.key_id().to_owned(),
        role: caller.role().to_string(),
    };
    let draft = ReviewDraft {
        record_id: RecordId::generate(),
        time: Timestamp::now(),
        admission: held.admission.clone(),
        decision,
        by: Some(by),
        reason,
        answer: answer.map(|answer| json!([answer]).to_string().into_bytes()),
        call: held.call.as_ref().map(|call| call.record_id.clone()),
    };
    match gateway.rooms.audit.append(draft).await {
        Ok(recorded) => Ok(json!({ "id": name, "state": decision.as_str(), "record": recorded.record_id })),
        // Somebody else, or time, was faster.
        Err(AppendError::Refused(reason)) => {
            info!(%reason, "a decision was refused");
            Err(decided(name))
        }
        Err(AppendError::Unknown(failure)) => {
            error!(%failure, "it is not known whether a decision was recorded");
            let message = "it is not known whether this was decided; look at the answer again before you try again";
            Err(ApiError::new(ErrorKind::Unavailable, "audit_unavailable", message).retry_after(5))
        }
        Err(failure) => {
            error!(%failure, "a decision cannot be recorded, so it is not made");
            let message = "the audit log cannot be written, so nothing is decided; try again";
            Err(ApiError::new(ErrorKind::Unavailable, "audit_unavailable", message).retry_after(5))
        }
    }
}

/// An answer that was held.
struct Found {
    admission: RecordId,
    tenant: String,
    /// The tenant and the key that asked.
    asker: (String, String),
    model: String,
    /// What the request is about.
    facts: Facts,
    since: Timestamp,
    until: Timestamp,
    because: Vec<String>,
    decision: Option<(ReviewDecision, String)>,
    /// The call of a tool that waits, where it is one.
    call: Option<HeldCall>,
}

impl Found {
    fn is_asked_by(&self, caller: &Principal) -> bool {
        self.asker.0 == caller.tenant() && self.asker.1 == caller.key_id()
    }
}

/// Whether an answer that a reviewer writes may leave: it passes the safeguards that an approved one would.
async fn may_leave(gateway: &Gateway, held: &Found, answer: &str) -> Result<(), ApiError> {
    let (_, screens) = gateway.desk.judge(&held.tenant, &held.facts);
    let passed = Guard::check(&screens.released, answer);
    if !passed.stopped && passed.text == answer {
        let asked = if screens.answers.classifiers().is_empty() { Vec::new() } else { messages(gateway, held).await? };
        return whole::edit(gateway, &held.tenant, &screens.answers, &asked, answer).await;
    }
    let kinds: Vec<&str> = passed.findings.iter().map(|finding| finding.kind.as_str()).collect();
    let message = format!(
        "`answer` holds what the tenant's safeguards do not let through ({}); write it without",
        kinds.join(", ")
    );
    Err(ApiError::invalid("answer", BLOCKED, message))
}

/// The conversation that an answer is of.
async fn messages(gateway: &Gateway, held: &Found) -> Result<Vec<ChatMessage>, ApiError> {
    let contents = contents(gateway, &held.admission).await?;
    let asked = content(&contents, "prompt").and_then(|prompt| serde_json::from_slice::<Value>(prompt).ok());
    let messages = asked.and_then(|asked| serde_json::from_value(asked.get("messages")?.clone()).ok());
    messages.ok_or_else(|| {
        let message = "what was asked cannot be read any more, so nobody can judge another answer to it; reject it";
        ApiError::new(ErrorKind::NotFound, "erased", message)
    })
}

async fn find(gateway: &Gateway, name: &str) -> Result<Option<Found>, ApiError> {
    let wanted = name.to_owned();
    let shown = gateway.rooms.audit.read(move |log| log.show(&wanted, false)).await;
    let shown = shown.map_err(|error| records::unreadable(&error))?;
    Ok(shown.and_then(|shown| found_call(&shown, name).or_else(|| found(shown))))
}

/// A call of a tool that was held, of this record id.
fn found_call(shown: &Shown, name: &str) -> Option<Found> {
    let made = shown.calls.iter().find(|made| made.call.record.record_id.as_str() == name)?;
    let (Body::Admission(admission), call) = (&shown.admission.body, made.body()?) else { return None };
    let decision = made.decision().map(|review| (review.decision, review.reason.clone()));
    // Nobody decides on a call whose request has ended.
    let over = shown.end.as_ref().map(|_| (ReviewDecision::TimedOut, "its request has ended".to_owned()));
    Some(Found {
        admission: shown.admission.record_id.clone(),
        asker: (admission.tenant.clone(), admission.key_id.clone()),
        tenant: admission.tenant.clone(),
        model: admission.model.clone(),
        facts: admission.facts.clone(),
        since: made.call.record.time,
        until: call.until?,
        because: call.because.clone(),
        decision: decision.or(over),
        call: Some(HeldCall {
            record_id: made.call.record.record_id.clone(),
            tool: call.tool.clone(),
            effect: call.effect.clone(),
            spec: call.spec.clone(),
        }),
    })
}

/// A call of a tool that waits, as a reviewer is told of it.
struct HeldCall {
    record_id: RecordId,
    tool: String,
    effect: String,
    spec: String,
}

fn found(shown: Shown) -> Option<Found> {
    let since = shown.end.as_ref()?.time;
    let (Body::Admission(admission), Body::Outcome(outcome)) = (shown.admission.body, shown.end?.body) else {
        return None;
    };
    let Outcome { review: Some(asked), .. } = outcome else { return None };
    let decision = shown.review.and_then(|review| match review.body {
        Body::Review(Review { decision, reason, .. }) => Some((decision, reason)),
        _ => None,
    });
    Some(Found {
        admission: shown.admission.record_id,
        asker: (admission.tenant.clone(), admission.key_id),
        tenant: admission.tenant,
        model: admission.model,
        facts: admission.facts,
        since,
        until: asked.until,
        because: asked.because,
        decision,
        call: None,
    })
}

/// Whether the caller may decide on this answer. Whoever may not is told the same as where there is none.
fn reviewer(gateway: &Gateway, caller: &Principal, held: &Found, name: &str) -> Result<(), ApiError> {
    match gateway.desk.authorize(caller, Action::Review, &held.tenant) {
        Err(_) if held.tenant != caller.tenant() => Err(not_found(name)),
        allowed => allowed,
    }
}

async fn told_to_asker(gateway: &Gateway, held: &Found) -> Result<Value, ApiError> {
    let state = match &held.decision {
        None => "pending",
        Some((decision, _)) => decision.as_str(),
    };
    let mut told =
        json!({ "id": held.admission, "state": state, "until": held.until.to_string(), "because": held.because });
    let Some((decision, reason)) = &held.decision else { return Ok(told) };
    super::answer::add(&mut told, "reason", json!(reason));
    if decision.releases() {
        let contents = contents(gateway, &held.admission).await?;
        let mut given = completion(held, &answers(&contents)?);
        // What a law asks for goes with the answer, and not only with the word that it waits.
        if let Some(disclosures) = content(&contents, "disclosures").and_then(|told| serde_json::from_slice(told).ok())
        {
            super::answer::add(&mut given, "disclosures", disclosures);
        }
        super::answer::add(&mut told, "completion", given);
    }
    Ok(told)
}

/// The answer as `/v1/chat/completions` would have given it.
fn completion(held: &Found, answers: &[HeldAnswer]) -> Value {
    let id = held.admission.as_str().trim_start_matches("rec_");
    let choice = |(at, answer): (usize, &HeldAnswer)| {
        let (text, calls) = match answer {
            HeldAnswer::Text(text) => (text, &[][..]),
            HeldAnswer::Calls { text, calls } => (text, calls.as_slice()),
        };
        let finish = if calls.is_empty() { "stop" } else { "tool_calls" };
        let message = super::answer::said(text, super::answer::tool_calls(id, at, calls));
        json!({ "index": at, "message": message, "finish_reason": finish, "logprobs": null })
    };
    let choices: Vec<Value> = answers.iter().enumerate().map(choice).collect();
    json!({
        "id": format!("chatcmpl-{id}"), "object": "chat.completion",
        "created": held.since.as_second(), "model": held.model, "choices": choices,
    })
}

async fn contents(gateway: &Gateway, admission: &RecordId) -> Result<Vec<Content>, ApiError> {
    let wanted = admission.to_string();
    let shown = gateway.rooms.audit.read(move |log| log.show(&wanted, true)).await;
    let shown = shown.map_err(|error| records::unreadable(&error))?;
    Ok(shown.map(|shown| shown.contents).unwrap_or_default())
}

/// The last content with a name: what a reviewer wrote stands behind what the model did.
fn content<'c>(contents: &'c [Content], name: &str) -> Option<&'c [u8]> {
    let found = contents.iter().rev().find(|content| content.name == name)?;
    found.content.as_deref().ok()
}

/// The content of one record.
fn content_of<'c>(contents: &'c [Content], record: &RecordId, name: &str) -> Option<&'c [u8]> {
    let found = contents.iter().find(|content| content.record_id == record.as_str() && content.name == name)?;
    found.content.as_deref().ok()
}

fn answers(contents: &[Content]) -> Result<Vec<HeldAnswer>, ApiError> {
    let read = content(contents, "answer").and_then(|bytes| serde_json::from_slice(bytes).ok());
    read.ok_or_else(|| {
        ApiError::new(ErrorKind::NotFound, "erased", "the answer cannot be read any more; its key may have been erased")
    })
}

fn not_found(name: &str) -> ApiError {
    let name: String = name.chars().take(60).collect();
    ApiError::new(ErrorKind::NotFound, "not_found", format!("there is no answer `{name}` that waits for a person"))
}

fn decided(name: &str) -> ApiError {
    let name: String = name.chars().take(60).collect();
    ApiError::new(
        ErrorKind::NotFound,
        "decided",
        format!("the answer `{name}` waits no more: it was decided on, or its time is over"),
    )
}

/// Gives up answers on which nobody decided in time, for as long as it is polled.
pub async fn give_up_late(audit: AuditDesk) {
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        let now = Timestamp::now();
        let late = audit.read(move |log| {
            let late = log.held().filter(|(_, held)| held.review.until <= now);
            let call = |held: &Held| held.call.as_ref().map(|call| call.record_id.clone());
            Ok(late.map(|(_, held)| (held.admission.clone(), call(held))).collect::<Vec<_>>())
        });
        for (admission, call) in late.await.unwrap_or_default() {
            give_up(&audit, admission, call).await;
        }
    }
}

async fn give_up(audit: &AuditDesk, admission: RecordId, call: Option<RecordId>) {
    let draft = ReviewDraft {
        record_id: RecordId::generate(),
        time: Timestamp::now(),
        admission: admission.clone(),
        decision: ReviewDecision::TimedOut,
        by: None,
        reason: "nobody decided in time".to_owned(),
        answer: None,
        call,
    };
    match audit.append(draft).await {
        Ok(_) => info!(%admission, "nobody decided on an answer in time; it is not given"),
        // Somebody decided meanwhile.
        Err(AppendError::Refused(_)) => {}
        Err(failure) => {
            error!(%failure, %admission, "that an answer is given up cannot be recorded; it is tried again");
        }
    }
}
