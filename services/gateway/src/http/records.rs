//! The audit log over HTTP: who may reads records; contents are read by auditors alone, and that is recorded before.

use actix_web::{
    HttpRequest, HttpResponse,
    web::{Data, Path, Query},
};
use forethought_actors::ReadError;
use forethought_audit::{
    ActFilter, AuditError, AuditLog, Cursor, Filter, Listed, MAX_LISTED, Page, Record, ReviewDecision, SearchError,
    Shown, Status,
};
use forethought_authorization::Action;
use forethought_policies::Principal;
use forethought_schemas::{ApiError, ErrorKind, RequestId};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Gateway, admin, caller::INSTALLATION, routes::Endpoint};
use crate::{keeper::Deed, shown::shown_json};

/// How many are listed if it is not said.
const USUAL_LIMIT: usize = 50;

/// What is below `/v1/audit`.
pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint::get("/v1/audit/records", list),
        Endpoint::get("/v1/audit/acts", acts),
        Endpoint::get("/v1/audit/records/{id}", one),
    ]
}

/// Which requests, or acts. A value is met by the very same value.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Which {
    tenant: Option<String>,
    since: Option<String>,
    until: Option<String>,
    limit: Option<String>,
    cursor: Option<String>,
    status: Option<String>,
    principal: Option<String>,
    model: Option<String>,
    rule: Option<String>,
    purpose: Option<String>,
    sector: Option<String>,
    region: Option<String>,
    data_class: Option<String>,
    review: Option<String>,
    reviewer: Option<String>,
    id: Option<String>,
    tool: Option<String>,
}

/// Which acts.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WhichActs {
    tenant: Option<String>,
    since: Option<String>,
    until: Option<String>,
    limit: Option<String>,
    cursor: Option<String>,
    what: Option<String>,
    actor: Option<String>,
    object: Option<String>,
}

async fn list(gateway: Data<Gateway>, request: HttpRequest, which: Query<Which>) -> HttpResponse {
    let id = RequestId::generate();
    let listed = async {
        let (caller, tenant) = about(&gateway, &request, which.tenant.as_deref()).await?;
        let (filter, cursor) = (filter(&which, tenant)?, cursor(which.cursor.as_deref())?);
        let Page { items, next } = page(&gateway, move |log| log.search(&filter, cursor.as_ref())).await?;
        let seen = items.iter().filter(|listed| reaches(&gateway, &caller, Action::ReadAudit, &listed.admission));
        let data: Vec<_> = seen.map(row).collect();
        Ok(json!({ "object": "list", "data": data, "next_cursor": next.map(|next| next.to_string()) }))
    };
    admin::respond(listed.await, &id)
}

async fn acts(gateway: Data<Gateway>, request: HttpRequest, which: Query<WhichActs>) -> HttpResponse {
    let id = RequestId::generate();
    let listed = async {
        let (caller, tenant) = about(&gateway, &request, which.tenant.as_deref()).await?;
        let (filter, cursor) = (act_filter(&which, tenant)?, cursor(which.cursor.as_deref())?);
        let Page { items, next } = page(&gateway, move |log| log.search_acts(&filter, cursor.as_ref())).await?;
        // What the service found in its files nobody did.
        let seen = |act: &Record| act.tenant().is_none() || reaches(&gateway, &caller, Action::ReadAudit, act);
        let data: Vec<_> = items.into_iter().filter(seen).collect();
        Ok(json!({ "object": "list", "data": data, "next_cursor": next.map(|next| next.to_string()) }))
    };
    admin::respond(listed.await, &id)
}

/// Who asks, and whose records they may see of those that they ask for; `None` for all.
async fn about(
    gateway: &Gateway,
    request: &HttpRequest,
    tenant: Option<&str>,
) -> Result<(Principal, Option<String>), ApiError> {
    let caller = gateway.principal(request).await?;
    let tenant = admin::about(tenant, &caller);
    gateway.desk.authorize(&caller, Action::ReadAudit, &tenant)?;
    Ok((caller, Some(tenant).filter(|tenant| tenant != INSTALLATION)))
}

fn filter(which: &Which, tenant: Option<String>) -> Result<Filter, ApiError> {
    let status = which
        .status
        .as_deref()
        .map(|name| name.parse::<Status>().map_err(|known| wrong("status", name, &format!("known are: {known}"))));
    let decision = |name: &str| {
        let known = ReviewDecision::ALL.into_iter().find(|decision| decision.as_str() == name);
        known.ok_or_else(|| {
            let names = ReviewDecision::ALL.map(ReviewDecision::as_str).join(", ");
            wrong("review", name, &format!("known are: {names}"))
        })
    };
    Ok(Filter {
        tenant,
        since: time("since", which.since.as_deref())?,
        until: time("until", which.until.as_deref())?,
        status: status.transpose()?,
        limit: Some(limit(which.limit.as_deref())?),
        principal: which.principal.clone(),
        model: which.model.clone(),
        rule: which.rule.clone(),
        purpose: which.purpose.clone(),
        sector: which.sector.clone(),
        region: which.region.clone(),
        data_class: which.data_class.clone(),
        review: which.review.as_deref().map(decision).transpose()?,
        reviewer: which.reviewer.clone(),
        id: which.id.clone(),
        tool: which.tool.clone(),
    })
}

fn act_filter(which: &WhichActs, tenant: Option<String>) -> Result<ActFilter, ApiError> {
    Ok(ActFilter {
        what: which.what.clone(),
        tenant,
        actor: which.actor.clone(),
        object: which.object.clone(),
        since: time("since", which.since.as_deref())?,
        until: time("until", which.until.as_deref())?,
        limit: Some(limit(which.limit.as_deref())?),
    })
}

fn cursor(text: Option<&str>) -> Result<Option<Cursor>, ApiError> {
    text.map(str::parse).transpose().map_err(|error: forethought_audit::CursorError| not_searched(&error.into()))
}

/// A page of the log. A search that cannot be done is told as the caller's.
async fn page<T: Send + 'static>(
    gateway: &Gateway,
    search: impl FnOnce(&AuditLog) -> Result<Page<T>, AuditError> + Send + 'static,
) -> Result<Page<T>, ApiError> {
    let found = gateway.rooms.audit.read(move |log| match search(log) {
        Err(AuditError::Search(wrong)) => Ok(Err(wrong)),
        found => found.map(Ok),
    });
    found.await.map_err(|error| unreadable(&error))?.map_err(|wrong| not_searched(&wrong))
}

fn not_searched(error: &SearchError) -> ApiError {
    let param = if matches!(error, SearchError::Limit(_)) { "limit" } else { "cursor" };
    ApiError::invalid(param, "invalid_value", error.to_string())
}

fn time(param: &str, text: Option<&str>) -> Result<Option<Timestamp>, ApiError> {
    let read = |text: &str| {
        text.parse().map_err(|_| wrong(param, text, "write a time as RFC 3339 has it, such as 2026-11-01T00:00:00Z"))
    };
    text.map(read).transpose()
}

fn limit(text: Option<&str>) -> Result<usize, ApiError> {
    let Some(text) = text else { return Ok(USUAL_LIMIT) };
    let number = text.parse().ok().filter(|number| (1..=MAX_LISTED).contains(number));
    number.ok_or_else(|| wrong("limit", text, &format!("write 1 to {MAX_LISTED}")))
}

fn wrong(param: &str, text: &str, mend: &str) -> ApiError {
    let text: String = text.chars().take(40).collect();
    ApiError::invalid(param, "invalid_value", format!("`{param}` is `{text}`; {mend}"))
}

fn row(listed: &Listed) -> Value {
    json!({ "status": listed.status.as_str(), "admission": listed.admission, "end": listed.end })
}

#[derive(Deserialize)]
struct How {
    #[serde(default)]
    contents: bool,
}

async fn one(gateway: Data<Gateway>, request: HttpRequest, name: Path<String>, how: Query<How>) -> HttpResponse {
    let id = RequestId::generate();
    admin::respond(shown(&gateway, &request, &name, how.contents).await, &id)
}

async fn shown(gateway: &Gateway, request: &HttpRequest, name: &str, contents: bool) -> Result<Value, ApiError> {
    let action = if contents { Action::ReadContents } else { Action::ReadAudit };
    let (caller, bare) = seen(gateway, request, name, action).await?;
    if !contents {
        return Ok(shown_json(&bare));
    }
    let object = Some(bare.admission.record_id.to_string());
    let deed = Deed { what: "contents.read", by: Some(caller), object, reason: None };
    gateway.keeper.record(deed).await.map_err(|error| admin::not_taken_up(&error))?;
    let wanted = bare.admission.record_id.to_string();
    let whole =
        gateway.rooms.audit.read(move |log| log.show(&wanted, true)).await.map_err(|error| unreadable(&error))?;
    whole.as_ref().map(shown_json).ok_or_else(|| not_found(name))
}

/// Who asks, and the request without contents, if they may see it.
pub(super) async fn seen(
    gateway: &Gateway,
    request: &HttpRequest,
    name: &str,
    action: Action,
) -> Result<(Principal, Shown), ApiError> {
    let caller = gateway.principal(request).await?;
    gateway.desk.authorize(&caller, action, caller.tenant())?;
    let wanted = name.to_owned();
    let bare =
        gateway.rooms.audit.read(move |log| log.show(&wanted, false)).await.map_err(|error| unreadable(&error))?;
    // Whoever may not see it is told the same as where there is none.
    let reached = bare.filter(|shown| reaches(gateway, &caller, action, &shown.admission));
    reached.map(|shown| (caller, shown)).ok_or_else(|| not_found(name))
}

fn reaches(gateway: &Gateway, caller: &Principal, action: Action, record: &Record) -> bool {
    record.tenant().is_some_and(|tenant| gateway.desk.authorize(caller, action, tenant).is_ok())
}

fn not_found(name: &str) -> ApiError {
    let name: String = name.chars().take(60).collect();
    ApiError::new(
        ErrorKind::NotFound,
        "not_found",
        format!("there is no request or record `{name}`; see /v1/audit/records"),
    )
}

pub(super) fn unreadable(error: &ReadError) -> ApiError {
    let kind = if matches!(error, ReadError::Busy(_)) { ErrorKind::Unavailable } else { ErrorKind::Internal };
    ApiError::new(kind, "audit_unreadable", error.to_string())
}
