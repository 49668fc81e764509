//! The policy: shown, checked, replaced and rolled back. No policy that comes this way changes a key.

use actix_web::{
    HttpRequest, HttpResponse,
    http::header::IF_MATCH,
    web::{Data, Payload},
};
use forethought_authorization::Action;
use forethought_policies::{Policy, PolicyDesk, Principal};
use forethought_schemas::{ApiError, ErrorKind, RequestId};
use serde_json::{Value, json};

use super::{INSTALLATION, body, not_taken_up, only, respond, text};
use crate::{http::Gateway, keeper::Deed};

/// How a policy that comes over HTTP is named in errors.
const NAME: &str = "policy";
/// How acts are called in records.
const REPLACE: &str = "policy.replace";
const ROLL_BACK: &str = "policy.rollback";

pub(super) async fn show(gateway: Data<Gateway>, request: HttpRequest) -> HttpResponse {
    let id = RequestId::generate();
    respond(shown(&gateway, &request).await, &id)
}

/// The whole policy for who acts everywhere, else what it says of the caller's tenant.
async fn shown(gateway: &Gateway, request: &HttpRequest) -> Result<Value, ApiError> {
    let caller = gateway.principal(request).await?;
    gateway.desk.authorize(&caller, Action::ReadPolicy, caller.tenant())?;
    let policy = gateway.desk.policy();
    let mut source = policy.source().clone();
    if let Some(whole) = source.as_object_mut().filter(|_| !caller.is_everywhere()) {
        // Where the installation has itself told is no tenant's to know.
        whole.remove("webhooks");
    }
    if let Some(tenants) = source.get_mut("tenants").and_then(Value::as_array_mut) {
        tenants.retain(|tenant| {
            caller.is_everywhere() || tenant.get("id").and_then(Value::as_str) == Some(caller.tenant())
        });
        let keys = tenants.iter_mut().filter_map(|tenant| tenant.get_mut("keys")?.as_array_mut()).flatten();
        keys.filter_map(Value::as_object_mut).for_each(|key| drop(key.remove("hash")));
    }
    Ok(json!({ "version": policy.version(), "digest": policy.digest(), "policy": source }))
}

pub(super) async fn check(gateway: Data<Gateway>, request: HttpRequest, payload: Payload) -> HttpResponse {
    let id = RequestId::generate();
    let checked = async {
        gateway.may(&request, Action::ChangePolicy, INSTALLATION).await?;
        let (policy, _) = proposed(&gateway, payload).await?;
        let before = gateway.desk.policy();
        let changes: Vec<String> = before.changes_to(&policy).iter().map(ToString::to_string).collect();
        Ok(json!({ "digest": policy.digest(), "in_force": before.digest(), "changes": changes }))
    };
    respond(checked.await, &id)
}

pub(super) async fn replace(gateway: Data<Gateway>, request: HttpRequest, payload: Payload) -> HttpResponse {
    let id = RequestId::generate();
    respond(replaced(&gateway, &request, payload).await, &id)
}

async fn replaced(gateway: &Gateway, request: &HttpRequest, payload: Payload) -> Result<Value, ApiError> {
    let caller = gateway.may(request, Action::ChangePolicy, INSTALLATION).await?;
    let known = request
        .headers()
        .get(IF_MATCH)
        .and_then(|value| value.to_str().ok())
        .map(|tag| tag.trim_matches('"').to_owned());
    let known = known.ok_or_else(|| {
        let message =
            "say which policy this one is to replace: send `If-Match` with the digest that GET /v1/admin/policy told";
        ApiError::new(ErrorKind::InvalidRequest, "missing_if_match", message)
    })?;
    let told = Told { gateway, what: REPLACE, by: caller.clone() };
    let (policy, text) = proposed(gateway, payload).await.map_err(|error| told.refused(error))?;
    let (allowed, deed) =
        (allowed(&caller), move |&(): &()| Deed { what: REPLACE, by: Some(caller), object: None, reason: None });
    let changed = gateway.keeper.change(allowed, deed, move |file| file.put(&text, &known)).await;
    changed.map_err(|error| told.refused(not_taken_up(&error)))?;
    Ok(json!({ "version": gateway.desk.policy().version(), "digest": policy.digest() }))
}

/// Who is told where a policy is not taken up.
struct Told<'g> {
    gateway: &'g Gateway,
    what: &'static str,
    by: Principal,
}

impl Told<'_> {
    /// Has webhooks told of a refusal, and gives it back for the caller.
    fn refused(&self, error: ApiError) -> ApiError {
        self.gateway.webhooks.policy_refused(&self.gateway.desk, self.what, Some(&self.by), error.code);
        error
    }
}

/// The policy in a body, if it may take the place of the one in force.
async fn proposed(gateway: &Gateway, payload: Payload) -> Result<(Policy, String), ApiError> {
    let bytes = crate::http::completions::read(payload, gateway.max_body_bytes).await?;
    // Packs that are named by paths lie beside the policy file.
    let name = gateway.keeper.file().path().with_file_name(NAME);
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let (path, known) = (name.clone(), gateway.desk.policy());
    let keeper = gateway.keeper.clone();
    let parse = move || {
        let policy = Policy::parse_beside(&path, &bytes, &known)?;
        keeper.check(&policy, &path).map(|()| policy)
    };
    let parsed = tokio::task::spawn_blocking(parse).await;
    let policy = parsed.map_err(|_| crate::http::errors::lost())?.map_err(|wrong| {
        // Where the file lies is the operator's to know.
        let told = wrong.to_string().replace(&name.display().to_string(), NAME);
        ApiError::new(ErrorKind::InvalidRequest, "invalid_policy", told)
    })?;
    if let Some(changed) = gateway.desk.policy().reach_changed_by(&policy) {
        return Err(keys_are_apart(&changed));
    }
    Ok((policy, text))
}

fn keys_are_apart(changed: &str) -> ApiError {
    let message = format!(
        "the policy changes {changed}; keys are an admin's, by /v1/admin/keys, and scopes are set in the file: leave them as they \
         are"
    );
    ApiError::new(ErrorKind::Permission, "keys_are_apart", message)
}

pub(super) async fn versions(gateway: Data<Gateway>, request: HttpRequest) -> HttpResponse {
    let id = RequestId::generate();
    let told = async {
        gateway.may(&request, Action::ReadPolicy, INSTALLATION).await?;
        let history = gateway.keeper.history().clone();
        let listed =
            tokio::task::spawn_blocking(move || history.versions()).await.map_err(|_| crate::http::errors::lost())?;
        let versions =
            listed.map_err(|error| ApiError::new(ErrorKind::Internal, "history_unavailable", error.to_string()))?;
        Ok(json!({ "in_force": gateway.desk.policy().version(), "versions": versions }))
    };
    respond(told.await, &id)
}

pub(super) async fn roll_back(gateway: Data<Gateway>, request: HttpRequest, payload: Payload) -> HttpResponse {
    let id = RequestId::generate();
    respond(rolled_back(&gateway, &request, payload).await, &id)
}

async fn rolled_back(gateway: &Gateway, request: &HttpRequest, payload: Payload) -> Result<Value, ApiError> {
    let caller = gateway.may(request, Action::ChangePolicy, INSTALLATION).await?;
    let asked = body(gateway, payload).await?;
    only(&asked, &["version", "reason"])?;
    let version = asked.get("version").and_then(Value::as_u64).ok_or_else(|| {
        ApiError::invalid(
            "version",
            "missing_required_parameter",
            "`version` is missing; GET /v1/admin/policy/versions lists them",
        )
    })?;
    let history = gateway.keeper.history().clone();
    let read =
        tokio::task::spawn_blocking(move || history.read(version)).await.map_err(|_| crate::http::errors::lost())?;
    let old = read.map_err(|error| ApiError::new(ErrorKind::NotFound, "not_found", error.to_string()))?;
    let fit = gateway.keeper.check(&old, std::path::Path::new(NAME));
    fit.map_err(|wrong| ApiError::new(ErrorKind::InvalidRequest, "invalid_policy", wrong.to_string()))?;
    let (allowed, reason) = (allowed(&caller), text(&asked, "reason")?);
    let object = Some(version.to_string());
    let told = Told { gateway, what: ROLL_BACK, by: caller.clone() };
    let deed = move |&(): &()| Deed { what: ROLL_BACK, by: Some(caller), object, reason };
    let old_text = old.text().to_owned();
    let changed = gateway.keeper.change(allowed, deed, move |file| file.roll_back(&old_text)).await;
    changed.map_err(|error| told.refused(not_taken_up(&error)))?;
    let policy = gateway.desk.policy();
    Ok(json!({ "version": policy.version(), "digest": policy.digest(), "as": version }))
}

/// Whether the caller may still change the policy when it is their turn.
fn allowed(caller: &Principal) -> impl FnOnce(&PolicyDesk) -> Result<(), ApiError> + Send + 'static {
    let caller = caller.clone();
    move |desk| desk.authorize(&caller, Action::ChangePolicy, INSTALLATION)
}
