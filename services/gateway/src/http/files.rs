//! The files of a tenant, which tools read for it: uploaded as with OpenAI's files API, listed, read back and deleted.
//!
//! That a file came, and that one went, is in the audit log, with its digest and without its name.

use std::{
    collections::BTreeMap,
    io::{self, Read},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use actix_multipart::{Field, Multipart};
use actix_web::{
    HttpRequest, HttpResponse,
    web::{Bytes, Data, Path},
};
use forethought_library::{FileId, FileInfo, Shelf, ShelfError, Upload};
use forethought_policies::{Principal, Role};
use forethought_schemas::{ApiError, ErrorKind, RequestId};
use futures::{Stream, StreamExt as _};
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, mpsc},
    time::timeout,
};
use tracing::error;

use super::{Gateway, admin, errors, routes::Endpoint};
use crate::keeper::{Deed, PolicyKeeper};

/// Pieces of a file that wait for the disk.
const PIECES: usize = 8;
/// The longest field beside the file, in bytes.
const LONGEST_FIELD: usize = 1024;

/// How long a client may take to send a piece of a form.
const PIECE_WITHIN: Duration = Duration::from_secs(30);
/// Files that a tenant may send at once: each holds a thread.
const AT_ONCE: usize = 8;

/// How many files each tenant sends now.
#[derive(Default)]
pub(super) struct Uploads(Mutex<BTreeMap<String, Arc<Semaphore>>>);

impl Uploads {
    /// Room for one more, until it is dropped.
    fn room(&self, tenant: &str) -> Result<OwnedSemaphorePermit, ApiError> {
        let mut tenants = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let room = tenants.entry(tenant.to_owned()).or_insert_with(|| Arc::new(Semaphore::new(AT_ONCE)));
        Arc::clone(room).try_acquire_owned().map_err(|_| {
            let message = format!("this tenant sends {AT_ONCE} files already; send this one when another is there");
            ApiError::new(ErrorKind::RateLimit, "too_many_uploads", message).retry_after(1)
        })
    }
}

/// What is below `/v1/files`.
pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint::get("/v1/files", list),
        Endpoint::post("/v1/files", upload),
        Endpoint::get("/v1/files/{id}", one),
        Endpoint::delete("/v1/files/{id}", delete),
        Endpoint::get("/v1/files/{id}/content", content),
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

async fn upload(gateway: Data<Gateway>, request: HttpRequest, form: Multipart) -> HttpResponse {
    let id = RequestId::generate();
    admin::respond(uploaded(&gateway, &request, form).await, &id)
}

async fn uploaded(gateway: &Gateway, request: &HttpRequest, mut form: Multipart) -> Result<Value, ApiError> {
    let (caller, shelf) = caller(gateway, request).await?;
    let room = gateway.uploads.room(caller.tenant())?;
    let mut subject = None;
    while let Some(field) = next(&mut form).await? {
        let mut field = field.map_err(|error| malformed(&error))?;
        match field.name().unwrap_or_default() {
            "file" => {
                let upload = described(&field, subject);
                let (sender, pieces) = mpsc::channel(PIECES);
                let pieces = Pieces { pieces, piece: Bytes::new() };
                let keeper = gateway.keeper.clone();
                let kept = gateway.work.spawn(async move {
                    // It has its room for as long as it holds a thread.
                    let _room = room;
                    keep(&keeper, caller, shelf, upload, pieces).await
                });
                send(&mut field, sender).await?;
                return kept.await.map_err(|_| errors::lost())?.map(|info| told(&info));
            }
            "subject" => subject = Some(text(&mut field, "subject").await?),
            // What it is for changes nothing here; clients of OpenAI's send it.
            "purpose" | "expires_after[anchor]" | "expires_after[seconds]" => drop(text(&mut field, "purpose").await?),
            other => {
                let other: String = other.chars().take(60).collect();
                let message = format!("there is no field `{other}` here; known are: file, subject, purpose");
                return Err(ApiError::invalid(other, "unknown_parameter", message));
            }
        }
    }
    let message = "`file` is missing; send it as the last part of a multipart form, behind `subject` if there is one";
    Err(ApiError::invalid("file", "missing_required_parameter", message))
}

fn described(field: &Field, subject: Option<String>) -> Upload {
    let name = field.content_disposition().and_then(|told| told.get_filename()).unwrap_or_default().to_owned();
    let media_type = field.content_type().map(ToString::to_string).filter(|kind| kind != "application/octet-stream");
    Upload { name, media_type, subject, created: Timestamp::now() }
}

/// Sends on a file piece by piece, as fast as the disk takes it. A sender that is dropped without its end leaves no file.
async fn send(field: &mut Field, sender: mpsc::Sender<Option<io::Result<Bytes>>>) -> Result<(), ApiError> {
    while let Some(piece) = next(field).await? {
        let piece = piece.map_err(|error| io::Error::other(error.to_string()));
        let broken = piece.is_err();
        // Whoever writes has ended, with an error that says why.
        if sender.send(Some(piece)).await.is_err() || broken {
            break;
        }
    }
    let _ = sender.send(None).await;
    Ok(())
}

/// Writes a file and records that it came. What cannot be recorded does not stay.
async fn keep(
    keeper: &PolicyKeeper,
    caller: Principal,
    shelf: Arc<Shelf>,
    upload: Upload,
    pieces: Pieces,
) -> Result<FileInfo, ApiError> {
    let tenant = caller.tenant().to_owned();
    let (whose, on) = (tenant.clone(), Arc::clone(&shelf));
    let info = on_disk(move || on.put(&whose, &upload, pieces)).await?;
    let Err(failure) = record(keeper, "file.uploaded", caller, &info).await else { return Ok(info) };
    let unrecorded = info.id.clone();
    if let Err(left) = on_disk(move || shelf.delete(&tenant, &unrecorded)).await {
        error!(file = %info.id, %left, "a file that is not in the log cannot be deleted");
    }
    Err(failure)
}

/// The next part of a form, or piece of one, in time.
async fn next<S: Stream + Unpin>(parts: &mut S) -> Result<Option<S::Item>, ApiError> {
    timeout(PIECE_WITHIN, parts.next()).await.map_err(|_| {
        let message = format!("nothing of the form came for {} s; send it again", PIECE_WITHIN.as_secs());
        ApiError::new(ErrorKind::TooSlow, "body_too_slow", message)
    })
}

/// The pieces of a file as they come. Without its end it did not come whole.
struct Pieces {
    pieces: mpsc::Receiver<Option<io::Result<Bytes>>>,
    piece: Bytes,
}

impl Read for Pieces {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.piece.is_empty() {
            match self.pieces.blocking_recv() {
                Some(Some(piece)) => self.piece = piece?,
                Some(None) => return Ok(0),
                None => return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the sender has left")),
            }
        }
        let count = buffer.len().min(self.piece.len());
        let taken = self.piece.split_to(count);
        buffer.get_mut(..count).unwrap_or_default().copy_from_slice(&taken);
        Ok(count)
    }
}

async fn text(field: &mut Field, name: &'static str) -> Result<String, ApiError> {
    let mut bytes = Vec::new();
    while let Some(piece) = next(field).await? {
        bytes.extend_from_slice(&piece.map_err(|error| malformed(&error))?);
        if bytes.len() > LONGEST_FIELD {
            let message = format!("`{name}` has more than {LONGEST_FIELD} bytes; shorten it");
            return Err(ApiError::invalid(name, "invalid_value", message));
        }
    }
    String::from_utf8(bytes)
        .map_err(|_| ApiError::invalid(name, "invalid_value", format!("`{name}` is no text in UTF-8; send it as such")))
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
    let gone = gateway.work.spawn(async move { drop_file(&keeper, caller, shelf, id).await });
    let info = gone.await.map_err(|_| errors::lost())??;
    Ok(json!({ "id": info.id, "object": "file", "deleted": true }))
}

/// Records that a file goes, and deletes it.
async fn drop_file(
    keeper: &PolicyKeeper,
    caller: Principal,
    shelf: Arc<Shelf>,
    id: FileId,
) -> Result<FileInfo, ApiError> {
    let tenant = caller.tenant().to_owned();
    let (whose, wanted, on) = (tenant.clone(), id.clone(), Arc::clone(&shelf));
    let info = on_disk(move || on.info(&whose, &wanted)).await?;
    record(keeper, "file.deleted", caller, &info).await?;
    on_disk(move || shelf.delete(&tenant, &id)).await.map(|_| info)
}

async fn content(gateway: Data<Gateway>, request: HttpRequest, name: Path<String>) -> HttpResponse {
    let id = RequestId::generate();
    match read(&gateway, &request, &name).await {
        Ok((info, bytes)) => {
            let mut response = HttpResponse::Ok();
            errors::add_headers(&mut response, &id, None);
            response.insert_header(("cache-control", "no-store")).insert_header(("x-content-type-options", "nosniff"));
            response
                .insert_header(("x-content-sha256", info.sha256))
                .content_type("application/octet-stream")
                .body(bytes)
        }
        Err(error) => errors::response(&error, &id, None),
    }
}

async fn read(gateway: &Gateway, request: &HttpRequest, name: &str) -> Result<(FileInfo, Vec<u8>), ApiError> {
    let (caller, shelf) = caller(gateway, request).await?;
    let id = file_id(name)?;
    on_disk(move || {
        let info = shelf.info(caller.tenant(), &id)?;
        let mut bytes = Vec::new();
        shelf.read(caller.tenant(), &id)?.read_to_end(&mut bytes).map_err(ShelfError::Sender)?;
        Ok((info, bytes))
    })
    .await
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

async fn record(keeper: &PolicyKeeper, what: &'static str, caller: Principal, info: &FileInfo) -> Result<(), ApiError> {
    let object = Some(format!("{} sha256:{}", info.id, info.sha256));
    let deed = Deed { what, by: Some(caller), object, reason: None };
    keeper.record(deed).await.map_err(|error| admin::not_taken_up(&error))
}

/// Does something that waits for the disk, where it holds up nobody else.
async fn on_disk<T: Send + 'static>(
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

fn malformed(error: &impl std::fmt::Display) -> ApiError {
    let message = format!("the form cannot be read ({error}); send multipart/form-data with a part `file`");
    ApiError::new(ErrorKind::InvalidRequest, "invalid_form", message)
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
