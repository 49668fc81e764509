//! The audit log for whoever checks it with programs of their own: signed checkpoints and tiles, as C2SP has them, and receipts.

use actix_web::{
    HttpRequest, HttpResponse,
    web::{Data, Path},
};
use forethought_actors::ReadError;
use forethought_audit::AuditError;
use forethought_authorization::Action;
use forethought_schemas::{ApiError, ErrorKind, RequestId};
use forethought_tlog::TilePath;
use serde_json::{Value, json};

use super::{Gateway, admin, caller::INSTALLATION, errors, records, routes::Endpoint};

/// What a tile never changes after.
const FOR_EVER: &str = "private, max-age=31536000, immutable";

/// What is below `/audit/log`, and what leads there.
pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint::get("/audit/log/checkpoint", checkpoint),
        Endpoint::get("/audit/log/tile/{path:.*}", tile),
        Endpoint::get("/v1/audit/log", about),
        Endpoint::get("/v1/audit/records/{id}/proof", proof),
    ]
}

async fn checkpoint(gateway: Data<Gateway>, request: HttpRequest) -> HttpResponse {
    let id = RequestId::generate();
    match signed(&gateway, &request).await {
        Ok(text) => {
            let mut response = HttpResponse::Ok();
            errors::add_headers(&mut response, &id, None);
            response.content_type("text/plain; charset=utf-8").insert_header(("cache-control", "no-store")).body(text)
        }
        Err(error) => errors::response(&error, &id, None),
    }
}

async fn signed(gateway: &Gateway, request: &HttpRequest) -> Result<String, ApiError> {
    may_read(gateway, request, None).await?;
    let signer = gateway.signer.clone();
    // What witnesses have cosigned, if there is something: it is a little older, and says more.
    let sign = move |log: &forethought_audit::AuditLog| {
        let cosigned = log.cosigned(signer.origin(), 0);
        Ok(cosigned.map_or_else(|| log.checkpoint(&signer).map_err(|error| failed(&error)), Ok))
    };
    let told = gateway.rooms.audit.read(sign).await;
    Ok(told.map_err(|error| records::unreadable(&error))??.to_string())
}

/// Everybody who reads records of their own may read hashes; entries are of all tenants.
async fn may_read(gateway: &Gateway, request: &HttpRequest, of: Option<&str>) -> Result<(), ApiError> {
    let caller = gateway.principal(request).await?;
    let tenant = of.unwrap_or_else(|| caller.tenant());
    gateway.desk.authorize(&caller, Action::ReadAudit, tenant)
}

async fn tile(gateway: Data<Gateway>, request: HttpRequest, path: Path<String>) -> HttpResponse {
    let id = RequestId::generate();
    match bytes(&gateway, &request, &path).await {
        Ok(bytes) => {
            let mut response = HttpResponse::Ok();
            errors::add_headers(&mut response, &id, None);
            response.content_type("application/octet-stream").insert_header(("cache-control", FOR_EVER)).body(bytes)
        }
        Err(error) => errors::response(&error, &id, None),
    }
}

async fn bytes(gateway: &Gateway, request: &HttpRequest, path: &str) -> Result<Vec<u8>, ApiError> {
    let named = format!("tile/{path}").parse::<TilePath>();
    let all = !matches!(named, Ok(TilePath::Tile { .. }));
    may_read(gateway, request, all.then_some(INSTALLATION)).await?;
    let named = named.map_err(|error| ApiError::new(ErrorKind::NotFound, "not_found", error.to_string()))?;
    let found = gateway.rooms.audit.read(move |log| log.tile(&named)).await;
    found.map_err(|error| records::unreadable(&error))?.ok_or_else(|| {
        let message = format!("the log is not long enough for {named}; see /audit/log/checkpoint for its size");
        ApiError::new(ErrorKind::NotFound, "not_found", message)
    })
}

async fn about(gateway: Data<Gateway>, request: HttpRequest) -> HttpResponse {
    let id = RequestId::generate();
    let told = may_read(&gateway, &request, None).await.map(|()| {
        let keys: Vec<_> = gateway.signer.verifiers().map(ToString::to_string).collect();
        json!({
            "object": "audit_log", "origin": gateway.signer.origin(), "keys": keys,
            "checkpoint": "/audit/log/checkpoint", "tiles": "/audit/log/tile/",
        })
    });
    admin::respond(told, &id)
}

async fn proof(gateway: Data<Gateway>, request: HttpRequest, name: Path<String>) -> HttpResponse {
    let id = RequestId::generate();
    admin::respond(receipts(&gateway, &request, &name).await, &id)
}

/// The receipts of a record, or of all records of a request, for whoever may see it.
async fn receipts(gateway: &Gateway, request: &HttpRequest, name: &str) -> Result<Value, ApiError> {
    records::seen(gateway, request, name, Action::ReadAudit).await?;
    let (signer, wanted) = (gateway.signer.clone(), name.to_owned());
    let found =
        gateway.rooms.audit.read(move |log| Ok(log.receipts(&wanted, &signer).map_err(|error| failed(&error)))).await;
    let found = found.map_err(|error| records::unreadable(&error))??;
    let one = |(receipt, entry): (forethought_tlog::Receipt, Vec<u8>)| json!({ "index": receipt.index(), "entry": String::from_utf8_lossy(&entry), "receipt": receipt.to_string() });
    Ok(json!({ "object": "list", "data": found.into_iter().map(one).collect::<Vec<_>>() }))
}

/// What is told where nothing can be signed.
fn failed(error: &AuditError) -> ApiError {
    let code = match error {
        AuditError::Contradicted { .. } => "audit_log_contradicted",
        _ => return records::unreadable(&ReadError::Broken(error.to_string())),
    };
    ApiError::new(ErrorKind::Unavailable, code, error.to_string())
}
