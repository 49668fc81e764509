//! What tenants have left of their limits and quotas.

use actix_web::{
    HttpRequest, HttpResponse,
    web::{Data, Query},
};
use forethought_authorization::Action;
use forethought_schemas::{ApiError, ErrorKind, RequestId};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{INSTALLATION, about, reaches, respond};
use crate::http::Gateway;

#[derive(Deserialize)]
pub(super) struct Which {
    tenant: Option<String>,
}

pub(super) async fn show(gateway: Data<Gateway>, request: HttpRequest, which: Query<Which>) -> HttpResponse {
    let id = RequestId::generate();
    respond(shown(&gateway, &request, which.tenant.as_deref()).await, &id)
}

async fn shown(gateway: &Gateway, request: &HttpRequest, named: Option<&str>) -> Result<Value, ApiError> {
    let caller = gateway.principal(request).await?;
    let wanted = about(named, &caller);
    gateway.desk.authorize(&caller, Action::ReadUsage, &wanted)?;
    let policy = gateway.desk.policy();
    let reached = policy.tenants().into_iter().filter(|tenant| match wanted.as_str() {
        INSTALLATION => reaches(gateway, &caller, Action::ReadUsage, &tenant.id),
        wanted => tenant.id == wanted,
    });
    let one = |id: &str| {
        let rate = gateway.desk.rate_of(id)?;
        let left: Map<String, Value> =
            rate.pairs().into_iter().map(|(name, value)| (name.to_owned(), json!(value))).collect();
        Some(json!({ "tenant": id, "running": gateway.desk.running(id), "limits": left }))
    };
    let told: Vec<Value> = reached.filter_map(|tenant| one(&tenant.id)).collect();
    if told.is_empty() && wanted != INSTALLATION {
        return Err(ApiError::new(ErrorKind::NotFound, "not_found", format!("there is no tenant `{wanted}`")));
    }
    Ok(json!({ "object": "list", "data": told }))
}
