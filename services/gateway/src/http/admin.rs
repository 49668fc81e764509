//! What administrators do: `/v1/admin`. Everything that changes something is recorded before it takes effect.

mod keys;
mod policy;
mod usage;

use actix_web::{
    HttpRequest, HttpResponse,
    web::{Data, Payload},
};
use forethought_authorization::Action;
use forethought_schemas::{ApiError, ErrorKind, RequestId};
use serde_json::{Value, json};

use super::{Gateway, caller::INSTALLATION, errors, routes::Endpoint};
use crate::keeper::TakeUpError;

/// What is below `/v1/admin`, and `/v1/me`.
pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint::get("/v1/me", me),
        Endpoint::get("/v1/admin/keys", keys::list),
        Endpoint::post("/v1/admin/keys", keys::create),
        Endpoint::post("/v1/admin/keys/{id}/rotate", keys::rotate),
        Endpoint::delete("/v1/admin/keys/{id}", keys::revoke),
        Endpoint::get("/v1/admin/policy", policy::show),
        Endpoint::put("/v1/admin/policy", policy::replace),
        Endpoint::post("/v1/admin/policy/check", policy::check),
        Endpoint::get("/v1/admin/policy/versions", policy::versions),
        Endpoint::post("/v1/admin/policy/rollback", policy::roll_back),
        Endpoint::get("/v1/admin/usage", usage::show),
    ]
}

/// Who the caller is, and what they may do to their tenant's things.
async fn me(gateway: Data<Gateway>, request: HttpRequest) -> HttpResponse {
    let id = RequestId::generate();
    let told = gateway.principal(&request).await.map(|principal| {
        let may = |action: &&Action| match action {
            // What these need beside the role is known only when something is asked.
            Action::Deliberate | Action::UseTool => principal.role() == forethought_policies::Role::User,
            action => gateway.desk.authorize(&principal, **action, principal.tenant()).is_ok(),
        };
        let actions: Vec<&str> = Action::ALL.iter().filter(may).map(|action| action.as_str()).collect();
        json!({
            "principal": principal.key_id(), "tenant": principal.tenant(), "role": principal.role(),
            "teams": principal.teams(), "scope": if principal.is_everywhere() { "installation" } else { "tenant" },
            "may": actions,
        })
    });
    respond(told, &id)
}

/// The whole body as JSON, or `{}` where there is none.
pub(super) async fn body(gateway: &Gateway, body: Payload) -> Result<Value, ApiError> {
    let bytes = super::completions::read(body, gateway.max_body_bytes).await?;
    if bytes.is_empty() {
        return Ok(json!({}));
    }
    serde_json::from_slice(&bytes).map_err(|error| {
        ApiError::new(ErrorKind::InvalidRequest, "invalid_json", format!("the body is no JSON: {error}; correct it"))
    })
}

/// Refuses fields that nothing would be done with.
pub(super) fn only(body: &Value, known: &[&str]) -> Result<(), ApiError> {
    let Some(fields) = body.as_object() else {
        return Err(ApiError::new(ErrorKind::InvalidRequest, "invalid_json", "the body is no JSON object; send one"));
    };
    match fields.keys().find(|field| !known.contains(&field.as_str())) {
        None => Ok(()),
        Some(field) => {
            let message = format!("there is no field `{field}` here; known are: {}", known.join(", "));
            Err(ApiError::invalid(field.clone(), "unknown_parameter", message))
        }
    }
}

pub(super) fn text(body: &Value, field: &'static str) -> Result<Option<String>, ApiError> {
    match body.get(field) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(ApiError::invalid(field, "invalid_type", format!("`{field}` is no text; send one"))),
    }
}

pub(super) fn required(body: &Value, field: &'static str) -> Result<String, ApiError> {
    text(body, field)?
        .filter(|text| !text.is_empty())
        .ok_or_else(|| ApiError::invalid(field, "missing_required_parameter", format!("`{field}` is missing; add it")))
}

fn time(body: &Value, field: &'static str) -> Result<Option<jiff::Timestamp>, ApiError> {
    let Some(text) = text(body, field)? else { return Ok(None) };
    text.parse().map(Some).map_err(|_| {
        let message = format!("`{field}` is `{text}`; write a time as RFC 3339 has it, such as 2027-01-31T12:00:00Z");
        ApiError::invalid(field, "invalid_value", message)
    })
}

/// The tenant that a caller asks about: the one that is named, or all for who acts everywhere, or the caller's own.
pub(super) fn about(named: Option<&str>, caller: &forethought_policies::Principal) -> String {
    match named {
        Some(tenant) => tenant.to_owned(),
        None if caller.is_everywhere() => INSTALLATION.to_owned(),
        None => caller.tenant().to_owned(),
    }
}

/// Whether a caller who asks about every tenant may see this one: rules may take single ones from them.
pub(super) fn reaches(
    gateway: &Gateway,
    caller: &forethought_policies::Principal,
    action: Action,
    tenant: &str,
) -> bool {
    gateway.desk.authorize(caller, action, tenant).is_ok()
}

pub(super) fn respond(told: Result<Value, ApiError>, id: &RequestId) -> HttpResponse {
    match told {
        Ok(value) => {
            let mut response = HttpResponse::Ok();
            errors::add_headers(&mut response, id, None);
            // Keys and policies are nobody's to keep.
            response.insert_header(("cache-control", "no-store")).json(value)
        }
        Err(error) => errors::response(&error, id, None),
    }
}

/// What a caller is told when a change was not taken up.
pub(super) fn not_taken_up(error: &TakeUpError) -> ApiError {
    use forethought_policies::EditError;
    let invalid = |code, message| ApiError::new(ErrorKind::InvalidRequest, code, message);
    match error {
        TakeUpError::Denied(refusal) => refusal.clone(),
        TakeUpError::File(wrong) => invalid("invalid_policy", wrong.to_string()),
        TakeUpError::Edit(EditError::NoTenant { .. } | EditError::NoKey { .. }) | TakeUpError::History(_) => {
            ApiError::new(ErrorKind::NotFound, "not_found", error.to_string())
        }
        TakeUpError::Edit(EditError::Busy { .. } | EditError::ChangedMeanwhile { .. } | EditError::Io { .. }) => {
            ApiError::new(ErrorKind::Unavailable, "policy_unavailable", error.to_string()).retry_after(5)
        }
        TakeUpError::Edit(EditError::Stale { .. }) => invalid("policy_changed", error.to_string()),
        TakeUpError::Edit(EditError::AlreadyRevoked { .. }) => invalid("already_revoked", error.to_string()),
        TakeUpError::Edit(EditError::KeysDiffer { .. }) => {
            ApiError::new(ErrorKind::Permission, "keys_are_apart", error.to_string())
        }
        TakeUpError::Edit(wrong) => invalid("invalid_policy", wrong.to_string()),
        TakeUpError::Audit(_) => {
            ApiError::new(ErrorKind::Unavailable, "audit_unavailable", error.to_string()).retry_after(5)
        }
        TakeUpError::Lost => ApiError::new(ErrorKind::Internal, "internal", error.to_string()),
    }
}
