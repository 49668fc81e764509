//! Keys: made, rotated, revoked and listed. A key is shown once, in the answer that makes it.

use actix_web::{
    HttpRequest, HttpResponse,
    web::{Data, Path, Payload, Query},
};
use forethought_authorization::Action;
use forethought_policies::{ApiKey, Key, NewKey, PolicyDesk, Principal, Role, Tenant};
use forethought_schemas::{ApiError, ErrorKind, RequestId};
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{about, body, not_taken_up, only, reaches, required, respond, text, time};
use crate::{http::Gateway, keeper::Deed};

/// How long a key and the one in its place are both good, if it is not said: a day.
const USUAL_OVERLAP_S: i64 = 24 * 60 * 60;
/// The longest time for which both are good: 90 days.
const LONGEST_OVERLAP_S: i64 = 90 * 24 * 60 * 60;
/// The longest note.
const LONGEST_NOTE: usize = 200;

#[derive(Deserialize)]
pub(super) struct Which {
    tenant: Option<String>,
}

pub(super) async fn list(gateway: Data<Gateway>, request: HttpRequest, which: Query<Which>) -> HttpResponse {
    let id = RequestId::generate();
    respond(listed(&gateway, &request, which.tenant.as_deref()).await, &id)
}

async fn listed(gateway: &Gateway, request: &HttpRequest, named: Option<&str>) -> Result<Value, ApiError> {
    let caller = gateway.principal(request).await?;
    let tenant = about(named, &caller);
    gateway.desk.authorize(&caller, Action::ManageKeys, &tenant)?;
    let policy = gateway.desk.policy();
    let reached = policy.tenants().into_iter().filter(|known| match tenant.as_str() {
        super::INSTALLATION => reaches(gateway, &caller, Action::ManageKeys, &known.id),
        wanted => known.id == wanted,
    });
    let keys: Vec<Value> = reached.flat_map(|tenant| tenant.keys.iter().map(|key| told(tenant, key))).collect();
    Ok(json!({ "object": "list", "data": keys }))
}

fn told(tenant: &Tenant, key: &Key) -> Value {
    let time = |time: Option<Timestamp>| time.map(|time| time.to_string());
    json!({
        "id": key.id, "tenant": tenant.id, "role": key.role, "team": key.team, "note": key.note,
        "created": key.created.to_string(), "expires": time(key.expires), "revoked": time(key.revoked),
        "good": key.refused(Timestamp::now()).is_none(),
    })
}

pub(super) async fn create(gateway: Data<Gateway>, request: HttpRequest, payload: Payload) -> HttpResponse {
    let id = RequestId::generate();
    respond(created(&gateway, &request, payload).await, &id)
}

async fn created(gateway: &Gateway, request: &HttpRequest, payload: Payload) -> Result<Value, ApiError> {
    let caller = gateway.principal(request).await?;
    let asked = body(gateway, payload).await?;
    only(&asked, &["tenant", "role", "note", "team", "expires"])?;
    let tenant = text(&asked, "tenant")?.unwrap_or_else(|| caller.tenant().to_owned());
    gateway.desk.authorize(&caller, Action::ManageKeys, &tenant)?;
    let role = role(&required(&asked, "role")?)?;
    let note = text(&asked, "note")?;
    if note.as_ref().is_some_and(|note| note.chars().count() > LONGEST_NOTE) {
        let message = format!("`note` is longer than {LONGEST_NOTE} characters; shorten it");
        return Err(ApiError::invalid("note", "invalid_value", message));
    }
    let expires = future(&asked, "expires")?;
    let new = NewKey { note, expires, team: text(&asked, "team")?, ..NewKey::new(role, Timestamp::now()) };
    let made = change(gateway, &caller, (tenant.clone(), "key.create"), {
        let tenant = tenant.clone();
        move |file| file.add_key(&tenant, &new)
    });
    let key = made.await?;
    Ok(
        json!({ "id": key.id(), "key": key.reveal(), "tenant": tenant, "role": role, "expires": expires.map(|at| at.to_string()) }),
    )
}

fn role(name: &str) -> Result<Role, ApiError> {
    Role::named(name).ok_or_else(|| {
        let known = Role::ALL.map(Role::as_str).join(", ");
        ApiError::invalid("role", "invalid_value", format!("`role` is `{name}`; known are: {known}"))
    })
}

fn future(asked: &Value, field: &'static str) -> Result<Option<Timestamp>, ApiError> {
    let at = time(asked, field)?;
    match at {
        Some(at) if at <= Timestamp::now() => {
            Err(ApiError::invalid(field, "invalid_value", format!("`{field}` lies in the past; give a later time")))
        }
        at => Ok(at),
    }
}

pub(super) async fn rotate(
    gateway: Data<Gateway>,
    request: HttpRequest,
    key: Path<String>,
    payload: Payload,
) -> HttpResponse {
    let id = RequestId::generate();
    respond(rotated(&gateway, &request, key.into_inner(), payload).await, &id)
}

async fn rotated(gateway: &Gateway, request: &HttpRequest, old: String, payload: Payload) -> Result<Value, ApiError> {
    let (caller, tenant) = owner(gateway, request, &old).await?;
    let asked = body(gateway, payload).await?;
    only(&asked, &["overlap_s", "expires"])?;
    let overlap = match asked.get("overlap_s") {
        None | Some(Value::Null) => USUAL_OVERLAP_S,
        Some(number) => {
            number.as_i64().filter(|seconds| (0..=LONGEST_OVERLAP_S).contains(seconds)).ok_or_else(|| {
                let message = format!("`overlap_s` is {number}; write seconds, 0 to {LONGEST_OVERLAP_S}");
                ApiError::invalid("overlap_s", "invalid_value", message)
            })?
        }
    };
    let (now, expires) = (Timestamp::now(), future(&asked, "expires")?);
    let until = now.saturating_add(SignedDuration::from_secs(overlap)).unwrap_or(Timestamp::MAX);
    let name = old.clone();
    let key = change(gateway, &caller, (tenant, "key.rotate"), move |file| file.rotate_key(&name, until, expires, now))
        .await?;
    Ok(json!({
        "id": key.id(), "key": key.reveal(), "expires": expires.map(|at| at.to_string()),
        "replaces": { "id": old, "good_until": until.to_string() },
    }))
}

pub(super) async fn revoke(gateway: Data<Gateway>, request: HttpRequest, key: Path<String>) -> HttpResponse {
    let id = RequestId::generate();
    respond(revoked(&gateway, &request, key.into_inner()).await, &id)
}

async fn revoked(gateway: &Gateway, request: &HttpRequest, key: String) -> Result<Value, ApiError> {
    let (caller, tenant) = owner(gateway, request, &key).await?;
    let (now, name, object) = (Timestamp::now(), key.clone(), Some(key.clone()));
    let allowed = allowed(&caller, tenant);
    let deed = |&(): &()| Deed { what: "key.revoke", by: Some(caller), object, reason: None };
    let changed = gateway.keeper.change(allowed, deed, move |file| file.revoke_key(&name, now)).await;
    changed.map_err(|error| not_taken_up(&error))?;
    Ok(json!({ "id": key, "revoked": now.to_string() }))
}

/// The caller and the key's tenant, if they may manage this key. Whether a key is there is told only to who may.
async fn owner(gateway: &Gateway, request: &HttpRequest, key: &str) -> Result<(Principal, String), ApiError> {
    let caller = gateway.principal(request).await?;
    let tenant = gateway.desk.policy().key(key).map(|(tenant, _)| tenant.id.clone());
    let Some(tenant) = tenant else {
        gateway.desk.authorize(&caller, Action::ManageKeys, caller.tenant())?;
        return Err(no_key(key));
    };
    match gateway.desk.authorize(&caller, Action::ManageKeys, &tenant) {
        Err(_) if tenant != caller.tenant() => {
            gateway.desk.authorize(&caller, Action::ManageKeys, caller.tenant())?;
            Err(no_key(key))
        }
        allowed => allowed.map(|()| (caller, tenant)),
    }
}

fn no_key(key: &str) -> ApiError {
    let key: String = key.chars().take(40).collect();
    ApiError::new(ErrorKind::NotFound, "not_found", format!("there is no key `{key}`; GET /v1/admin/keys lists them"))
}

async fn change(
    gateway: &Gateway,
    caller: &Principal,
    (tenant, what): (String, &'static str),
    edit: impl FnOnce(&forethought_policies::PolicyFile) -> Result<ApiKey, forethought_policies::EditError> + Send + 'static,
) -> Result<ApiKey, ApiError> {
    let by = Some(caller.clone());
    let deed = move |key: &ApiKey| Deed { what, by, object: Some(key.id().to_owned()), reason: None };
    gateway.keeper.change(allowed(caller, tenant), deed, edit).await.map_err(|error| not_taken_up(&error))
}

/// Whether the caller may still manage the keys of a tenant when it is their turn.
fn allowed(caller: &Principal, tenant: String) -> impl FnOnce(&PolicyDesk) -> Result<(), ApiError> + Send + 'static {
    let caller = caller.clone();
    move |desk| desk.authorize(&caller, Action::ManageKeys, &tenant)
}
