//! The files of a tenant, which tools read for it: uploaded as with OpenAI's files API, listed, read back and deleted.
//!
//! That a file came, and that one went, is in the audit log, with its digest and without its name.

mod content;
mod upload;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use actix_web::{
    HttpRequest, HttpResponse,
    web::{Data, Path},
};
use forethought_library::{FileId, FileInfo, Shelf, ShelfError};
use forethought_policies::{Principal, Role};
use forethought_schemas::{ApiError, ErrorKind, RequestId};
use serde_json::{Value, json};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tracing::error;

use super::{Gateway, admin, errors, routes::Endpoint};
use crate::keeper::{Deed, PolicyKeeper};

/// How many files each tenant may send, and how many it may read, at once: each holds a thread, or a part of a file.
const AT_ONCE: usize = 8;

/// How many files each tenant sends, or reads, now.
#[derive(Default)]
pub(super) struct Rooms(Mutex<BTreeMap<String, Arc<Semaphore>>>);

impl Rooms {
    /// Room for one more, until it is dropped.
    fn take(&self, tenant: &str, doing: &str, code: &'static str) -> Result<OwnedSemaphorePermit, ApiError> {
        let mut tenants = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let room = tenants.entry(tenant.to_owned()).or_insert_with(|| Arc::new(Semaphore::new(AT_ONCE)));
        Arc::clone(room).try_acquire_owned().map_err(|_| {
            let message = format!("this tenant {doing} {AT_ONCE} files already; try again when one of them is there");
            ApiError::new(ErrorKind::RateLimit, code, message).retry_after(1)
        })
    }
}

/// What is below `/v1/files`.
pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint::get("/v1/files", list),
        Endpoint::post("/v1/files", upload::upload),
        Endpoint::get("/v1/files/{id}", one),
        Endpoint::delete("/v1/files/{id}", delete),
        Endpoint::get("/v1/files/{id}/content", content::content),
    ]
}

async fn list(gateway: Data<Gateway>, request: HttpRequest) -> HttpResponse {
    let id = RequestId::generate();
    admin::respond(listed(&gateway, &request).await, &id)
}

async fn listed(gateway: &Gateway, request: &HttpRequest) -> Result<Value, ApiError> {
    let (caller, shelf) = caller(gateway, request).await?;
    let files = on_disk(move || shelf.list(caller.tenant())).await?;
    Ok(json!({ "object": "list", "data": files.iter().map(told).collect::<Vec<_>>(), "has_more": false }))
}

async fn one(gateway: Data<Gateway>, request: HttpRequest, name: Path<String>) -> HttpResponse {
    let id = RequestId::generate();
    admin::respond(shown(&gateway, &request, &name).await, &id)
}

async fn shown(gateway: &Gateway, request: &HttpRequest, name: &str) -> Result<Value, ApiError> {
    let (caller, shelf) = caller(gateway, request).await?;
    let id = file_id(name)?;
    on_disk(move || shelf.info(caller.tenant(), &id)).await.map(|info| told(&info))
}

async fn delete(gateway: Data<Gateway>, request: HttpRequest, name: Path<String>) -> HttpResponse {
    let id = RequestId::generate();
    admin::respond(deleted(&gateway, &request, &name).await, &id)
}

async fn deleted(gateway: &Gateway, request: &HttpRequest, name: &str) -> Result<Value, ApiError> {
    let (caller, shelf) = caller(gateway, request).await?;
    let id = file_id(name)?;
    let keeper = gateway.keeper.clone();
    // It goes on when the client leaves: what is recorded is done.
    let gone = gateway.work.spawn(async move {
        let tenant = caller.tenant().to_owned();
        drop_file(&keeper, Gone { by: caller, tenant, reason: None }, &shelf, id.clone()).await.map(|()| id)
    });
    let id = gone.await.map_err(|_| errors::lost())??;
    Ok(json!({ "id": id, "object": "file", "deleted": true }))
}

/// Whose file goes, on whose word, and why.
#[derive(Clone)]
pub(super) struct Gone {
    pub(super) by: Principal,
    pub(super) tenant: String,
    pub(super) reason: Option<String>,
}

/// Records that a file goes, and deletes it: also one that cannot be read, or whose erasure was not finished.
pub(super) async fn drop_file(
    keeper: &PolicyKeeper,
    gone: Gone,
    shelf: &Arc<Shelf>,
    id: FileId,
) -> Result<(), ApiError> {
    let Gone { by, tenant, reason } = gone;
    let (whose, wanted, on) = (tenant.clone(), id.clone(), Arc::clone(shelf));
    let info = on_disk(move || on.deletable(&whose, &wanted)).await?;
    let object = info.map_or_else(|| id.to_string(), |info| object(&info));
    record(keeper, Deed { what: "file.deleted", by: Some(by), object: Some(object), reason }).await?;
    let on = Arc::clone(shelf);
    on_disk(move || on.delete(&tenant, &id)).await.map(drop)
}

/// Who asks, and the files. Only whoever may ask a model may give it files.
async fn caller(gateway: &Gateway, request: &HttpRequest) -> Result<(Principal, Arc<Shelf>), ApiError> {
    let caller = gateway.principal(request).await?;
    if caller.role() != Role::User {
        let message = "files are for keys of the role `user`; ask an administrator for one";
        return Err(ApiError::new(ErrorKind::Permission, "not_allowed", message));
    }
    let shelf = gateway.tools.shelf().cloned().ok_or_else(|| {
        let message = "this service takes no files; its operator can let it, by `tools.files` in the configuration";
        ApiError::new(ErrorKind::NotFound, "no_files", message)
    })?;
    Ok((caller, shelf))
}

async fn record(keeper: &PolicyKeeper, deed: Deed) -> Result<(), ApiError> {
    keeper.record(deed).await.map_err(|error| admin::not_taken_up(&error))
}

/// A file as the log names it.
fn object(info: &FileInfo) -> String {
    format!("{} sha256:{}", info.id, info.sha256)
}

/// Does something that waits for the disk, where it holds up nobody else.
pub(super) async fn on_disk<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ShelfError> + Send + 'static,
) -> Result<T, ApiError> {
    tokio::task::spawn_blocking(work).await.map_err(|_| errors::lost())?.map_err(|error| refused(&error))
}

fn told(info: &FileInfo) -> Value {
    json!({
        "id": info.id, "object": "file", "filename": info.name, "bytes": info.bytes, "created_at": info.created.as_second(),
        "purpose": "user_data", "status": "processed", "kind": info.kind, "sha256": info.sha256, "subject": info.subject,
    })
}

fn file_id(name: &str) -> Result<FileId, ApiError> {
    name.parse().map_err(|_| {
        let name: String = name.chars().take(60).collect();
        ApiError::new(ErrorKind::NotFound, "not_found", format!("there is no file `{name}`; see /v1/files"))
    })
}

fn refused(error: &ShelfError) -> ApiError {
    let invalid = |code| ApiError::invalid("file", code, error.to_string());
    match error {
        ShelfError::Name { .. } | ShelfError::Kind { .. } | ShelfError::NotText { .. } | ShelfError::Sender(_) => {
            invalid("invalid_file")
        }
        ShelfError::Subject { .. } => ApiError::invalid("subject", "invalid_value", error.to_string()),
        ShelfError::FileTooLarge { .. } => ApiError::new(ErrorKind::TooLarge, "file_too_large", error.to_string()),
        ShelfError::Full { .. } | ShelfError::TooMany { .. } => invalid("no_room"),
        ShelfError::NotFound { .. } | ShelfError::Erased { .. } => {
            ApiError::new(ErrorKind::NotFound, "not_found", error.to_string())
        }
        _ => {
            error!(%error, "a file cannot be kept or read");
            let message = "the file cannot be kept or read now; try again, and tell the operator if it goes on";
            ApiError::new(ErrorKind::Unavailable, "files_unavailable", message).retry_after(5)
        }
    }
}
