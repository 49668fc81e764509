//! Forgetting over HTTP: erasure of contents, and legal holds that forbid it. For privacy officers; all of it is in the log.

use std::sync::Arc;

use actix_web::{
    HttpRequest, HttpResponse,
    web::{Data, Path, Payload, Query},
};
use forethought_actors::{AuditDesk, ReadError};
use forethought_audit::{Actor, Asked, AuditLog, Erased, Hold, HoldId, MAX_SUBJECT, Owner, PolicyRef, Scope};
use forethought_authorization::Action;
use forethought_library::FileId;
use forethought_policies::Principal;
use forethought_schemas::{ApiError, ErrorKind, RequestId};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::{Duration, interval};
use tracing::{error, info};

use super::{
    Gateway, admin,
    files::{self, Gone},
    routes::Endpoint,
};
use crate::{keeper::PolicyKeeper, keys_copy::KeysCopy};

/// The longest reason, in characters.
const LONGEST_REASON: usize = 500;
/// How often it is looked for contents that may not stay.
const EXPIRE_EVERY: Duration = Duration::from_hours(6);

/// What is below `/v1/erasures` and `/v1/holds`.
pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint::post("/v1/erasures", erase),
        Endpoint::get("/v1/holds", holds),
        Endpoint::post("/v1/holds", place),
        Endpoint::delete("/v1/holds/{id}", release),
    ]
}

async fn erase(gateway: Data<Gateway>, request: HttpRequest, payload: Payload) -> HttpResponse {
    let id = RequestId::generate();
    admin::respond(erased(gateway, &request, payload).await, &id)
}

async fn erased(gateway: Data<Gateway>, request: &HttpRequest, payload: Payload) -> Result<Value, ApiError> {
    let caller = gateway.principal(request).await?;
    let body = admin::body(&gateway, payload).await?;
    admin::only(&body, &["tenant", "subject", "everything", "reason"])?;
    let tenant = admin::text(&body, "tenant")?.unwrap_or_else(|| caller.tenant().to_owned());
    gateway.desk.authorize(&caller, Action::Erase, &tenant)?;
    let scope = scope(&body, tenant)?;
    let reason = reason(&body)?;
    // A client that leaves keeps neither the files nor the copy of the keys from going.
    let done = actix_rt::spawn(async move {
        let (whose, why) = (scope.clone(), Some(reason.clone()));
        let erased =
            change(&gateway, &caller, why, move |log, asked| log.erase(&scope, &asked, Timestamp::now())).await?;
        let files = erase_files(&gateway, &caller, whose, reason).await;
        let (copy, audit) = (gateway.keys_copy.clone(), gateway.rooms.audit.clone());
        actix_rt::spawn(async move { copy.make(&audit).await });
        Ok::<_, ApiError>((erased, files?))
    });
    let (erased, files) = done.await.map_err(|_| super::errors::lost())??;
    let mut told = told(&erased);
    super::answer::add(&mut told, "files_erased", json!(files.erased));
    super::answer::add(&mut told, "files_unreadable", json!(files.unreadable));
    Ok(told)
}

/// The files of whoever is forgotten.
struct Files {
    erased: Vec<FileId>,
    /// Files of which nobody can say whom they are about; only all of a tenant's contents together, or each by itself, have them go.
    unreadable: Vec<FileId>,
}

/// Erases the files of whoever is forgotten, each once that is in the log.
async fn erase_files(gateway: &Gateway, caller: &Principal, whose: Scope, reason: String) -> Result<Files, ApiError> {
    let nothing = Files { erased: Vec::new(), unreadable: Vec::new() };
    let Some(shelf) = gateway.tools.shelf().cloned() else { return Ok(nothing) };
    let tenant = match &whose {
        Scope::Tenant(tenant) => tenant.clone(),
        Scope::Owner(owner) => owner.tenant.clone(),
    };
    let on = Arc::clone(&shelf);
    let found = files::on_disk(move || match whose {
        Scope::Tenant(tenant) => Ok(Files { erased: on.everything(&tenant)?, ..nothing }),
        Scope::Owner(Owner { tenant, subject: Some(subject), .. }) => {
            Ok(Files { erased: on.about(&tenant, &subject)?, unreadable: on.unreadable(&tenant)? })
        }
        // Of a tenant's own contents no file is one.
        Scope::Owner(_) => Ok(nothing),
    });
    let mut found = found.await.map_err(|error| not_all(&error))?;
    let mut erased = Vec::new();
    for id in found.erased {
        let gone = Gone { by: caller.clone(), tenant: tenant.clone(), reason: Some(reason.clone()) };
        match files::drop_file(&gateway.keeper, gone, &shelf, id.clone()).await {
            Ok(()) => erased.push(id),
            // Somebody else was quicker.
            Err(error) if error.kind == ErrorKind::NotFound => {}
            Err(error) => return Err(not_all(&error)),
        }
    }
    found.erased = erased;
    if !found.unreadable.is_empty() {
        error!(files = ?found.unreadable, "files that nobody can read are left: an erasure of everything, or DELETE /v1/files, has them go");
    }
    Ok(found)
}

fn not_all(error: &ApiError) -> ApiError {
    error!(error = error.message, "files of whoever is forgotten cannot be erased");
    let message = "contents are erased, and files are not all; send the same erasure again";
    ApiError::new(ErrorKind::Unavailable, "files_unavailable", message).retry_after(5)
}

/// Whose contents are meant: one person's, or, if that is said in so many words, all of the tenant's.
fn scope(body: &Value, tenant: String) -> Result<Scope, ApiError> {
    let everything = match body.get("everything") {
        None | Some(Value::Null) => false,
        Some(Value::Bool(flag)) => *flag,
        Some(_) => return Err(ApiError::invalid("everything", "invalid_type", "`everything` is true or false")),
    };
    match (subject(body)?, everything) {
        (Some(subject), false) => Ok(Scope::Owner(Owner::subject(tenant, subject))),
        (None, true) => Ok(Scope::Tenant(tenant)),
        (Some(_), true) => Err(ApiError::invalid(
            "everything",
            "invalid_value",
            "`subject` and `everything` do not go together; leave one of them out",
        )),
        (None, false) => Err(ApiError::invalid(
            "subject",
            "missing_required_parameter",
            "say whose contents are to be erased: `subject` as their requests named it, or `everything: true` for all of the tenant's",
        )),
    }
}

fn subject(body: &Value) -> Result<Option<String>, ApiError> {
    let subject = admin::text(body, "subject")?;
    if subject.as_ref().is_some_and(|subject| subject.is_empty() || subject.len() > MAX_SUBJECT) {
        let message = format!("`subject` has 1 to {MAX_SUBJECT} bytes; write it as the requests do");
        return Err(ApiError::invalid("subject", "invalid_value", message));
    }
    Ok(subject)
}

fn reason(body: &Value) -> Result<String, ApiError> {
    let reason = admin::required(body, "reason")?;
    if reason.chars().count() > LONGEST_REASON {
        let message = format!("`reason` is longer than {LONGEST_REASON} characters; shorten it, and name nobody in it");
        return Err(ApiError::invalid("reason", "invalid_value", message));
    }
    Ok(reason)
}

fn told(erased: &Erased) -> Value {
    let records: Vec<&str> = erased.records.iter().map(|record| record.record_id.as_str()).collect();
    json!({
        "object": "erasure", "keys_destroyed": erased.keys, "keys_refused": erased.refused_count,
        "refused": erased.refused, "records": records,
    })
}

/// Does something that the log tells of, in turn with changes of the policy.
async fn change<T: Send + 'static>(
    gateway: &Gateway,
    caller: &Principal,
    reason: Option<String>,
    change: impl FnOnce(&mut AuditLog, Asked) -> Result<T, forethought_audit::AuditError> + Send + 'static,
) -> Result<T, ApiError> {
    let by = Actor {
        tenant: caller.tenant().to_owned(),
        key_id: caller.key_id().to_owned(),
        role: caller.role().to_string(),
    };
    let asked = move |policy: PolicyRef| Asked { by: Some(by), reason, policy };
    let changed = gateway.keeper.change_log(move |log, policy| change(log, asked(policy))).await;
    changed.map_err(|error| match error {
        ReadError::Busy(_) => {
            ApiError::new(ErrorKind::Unavailable, "audit_unavailable", error.to_string()).retry_after(5)
        }
        ReadError::Broken(_) => ApiError::new(ErrorKind::Internal, "not_done", error.to_string()),
    })
}

#[derive(Deserialize)]
struct Which {
    tenant: Option<String>,
}

async fn holds(gateway: Data<Gateway>, request: HttpRequest, which: Query<Which>) -> HttpResponse {
    let id = RequestId::generate();
    admin::respond(listed(&gateway, &request, which.tenant.as_deref()).await, &id)
}

async fn listed(gateway: &Gateway, request: &HttpRequest, named: Option<&str>) -> Result<Value, ApiError> {
    let caller = gateway.principal(request).await?;
    let tenant = admin::about(named, &caller);
    gateway.desk.authorize(&caller, Action::Erase, &tenant)?;
    let all = gateway.rooms.audit.read(|log| Ok(log.holds().to_vec())).await;
    let all = all.map_err(|error| super::records::unreadable(&error))?;
    let seen = |hold: &&Hold| {
        (tenant == super::caller::INSTALLATION || hold.tenant == tenant)
            && admin::reaches(gateway, &caller, Action::Erase, &hold.tenant)
    };
    let one = |hold: &Hold| {
        json!({
            "id": hold.id.to_string(), "tenant": hold.tenant, "subject": hold.subject, "since": hold.since.to_string(),
            "reason": hold.reason,
        })
    };
    Ok(json!({ "object": "list", "data": all.iter().filter(seen).map(one).collect::<Vec<_>>() }))
}

async fn place(gateway: Data<Gateway>, request: HttpRequest, payload: Payload) -> HttpResponse {
    let id = RequestId::generate();
    admin::respond(placed(&gateway, &request, payload).await, &id)
}

async fn placed(gateway: &Gateway, request: &HttpRequest, payload: Payload) -> Result<Value, ApiError> {
    let caller = gateway.principal(request).await?;
    let body = admin::body(gateway, payload).await?;
    admin::only(&body, &["tenant", "subject", "reason"])?;
    let tenant = admin::text(&body, "tenant")?.unwrap_or_else(|| caller.tenant().to_owned());
    gateway.desk.authorize(&caller, Action::Erase, &tenant)?;
    let (subject, reason) = (subject(&body)?, reason(&body)?);
    let placed = change(gateway, &caller, Some(reason), move |log, asked| {
        log.place_hold(&tenant, subject.as_deref(), &asked, Timestamp::now())
    });
    let (id, appended) = placed.await?;
    Ok(json!({ "object": "hold", "id": id.to_string(), "record": appended.record_id }))
}

#[derive(Deserialize)]
struct Why {
    reason: Option<String>,
}

async fn release(gateway: Data<Gateway>, request: HttpRequest, name: Path<String>, why: Query<Why>) -> HttpResponse {
    let id = RequestId::generate();
    admin::respond(released(&gateway, &request, &name, why.into_inner().reason).await, &id)
}

async fn released(
    gateway: &Gateway,
    request: &HttpRequest,
    name: &str,
    why: Option<String>,
) -> Result<Value, ApiError> {
    let caller = gateway.principal(request).await?;
    gateway.desk.authorize(&caller, Action::Erase, caller.tenant())?;
    let not_found = || {
        let name: String = name.chars().take(60).collect();
        ApiError::new(ErrorKind::NotFound, "not_found", format!("there is no hold `{name}`; see /v1/holds"))
    };
    let id: HoldId = name.parse().map_err(|_| not_found())?;
    let all = gateway.rooms.audit.read(|log| Ok(log.holds().to_vec())).await;
    let all = all.map_err(|error| super::records::unreadable(&error))?;
    let reached = |hold: &&Hold| hold.id == id && admin::reaches(gateway, &caller, Action::Erase, &hold.tenant);
    all.iter().find(reached).ok_or_else(not_found)?;
    let reason = reason(&json!({ "reason": why }))?;
    let appended =
        change(gateway, &caller, Some(reason), move |log, asked| log.release_hold(id, &asked, Timestamp::now()))
            .await?;
    Ok(json!({ "object": "hold", "id": id.to_string(), "released": true, "record": appended.record_id }))
}

/// Has contents go that have been there as long as they may, and copies the key table, now and again and again.
pub async fn expire(keeper: PolicyKeeper, copy: KeysCopy, audit: AuditDesk) {
    let mut every = interval(EXPIRE_EVERY);
    loop {
        every.tick().await;
        match keeper.change_log(|log, policy| log.expire(policy, Timestamp::now())).await {
            Ok(erased) if erased.keys > 0 => info!(keys = erased.keys, "contents have gone whose time was over"),
            Ok(_) => {}
            Err(error) => error!(%error, "it cannot be looked for contents whose time is over"),
        }
        copy.make(&audit).await;
    }
}
