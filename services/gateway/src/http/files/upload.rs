//! A file comes, as a part of a form: written piece by piece while it is sent.

use std::{
    io::{self, Read},
    sync::Arc,
    time::Duration,
};

use actix_multipart::{Field, Multipart};
use actix_web::{
    HttpRequest, HttpResponse,
    web::{Bytes, Data},
};
use forethought_library::{FileInfo, Shelf, Upload};
use forethought_policies::Principal;
use forethought_schemas::{ApiError, ErrorKind, RequestId};
use futures::{Stream, StreamExt as _};
use jiff::Timestamp;
use serde_json::Value;
use tokio::{sync::mpsc, time::timeout};
use tracing::error;

use super::{caller, object, on_disk, record, told};
use crate::{
    http::{Gateway, admin, errors},
    keeper::{Deed, PolicyKeeper},
};

/// Pieces of a file that wait for the disk.
const PIECES: usize = 8;
/// The longest field beside the file, in bytes.
const LONGEST_FIELD: usize = 1024;
/// How long a client may take to send a piece of a form.
const PIECE_WITHIN: Duration = Duration::from_secs(30);

pub(super) async fn upload(gateway: Data<Gateway>, request: HttpRequest, form: Multipart) -> HttpResponse {
    let id = RequestId::generate();
    admin::respond(uploaded(&gateway, &request, form).await, &id)
}

async fn uploaded(gateway: &Gateway, request: &HttpRequest, mut form: Multipart) -> Result<Value, ApiError> {
    let (caller, shelf) = caller(gateway, request).await?;
    let room = gateway.uploads.take(caller.tenant(), "sends", "too_many_uploads")?;
    let mut subject = None;
    while let Some(field) = next(&mut form).await? {
        let mut field = field.map_err(|error| malformed(&error))?;
        if field.name() != Some("file") {
            subject = beside(&mut field).await?.or(subject);
            continue;
        }
        let upload = described(&field, subject);
        let (sender, pieces) = mpsc::channel(PIECES);
        let pieces = Pieces { pieces, piece: Bytes::new() };
        let keeper = gateway.keeper.clone();
        let kept = gateway.work.spawn(async move {
            // It has its room for as long as it holds a thread.
            let _room = room;
            keep(&keeper, caller, shelf, upload, pieces).await
        });
        if send(&mut field, &sender).await? {
            drop(field);
            // Without its end it does not stay.
            let wrong = behind(&mut form).await.err();
            match wrong {
                None => drop(sender.send(None).await),
                Some(wrong) => {
                    drop(sender);
                    let _ = kept.await;
                    return Err(wrong);
                }
            }
        }
        return kept.await.map_err(|_| errors::lost())?.map(|info| told(&info));
    }
    let message = "`file` is missing; send it in a multipart form, behind `subject` if there is one";
    Err(ApiError::invalid("file", "missing_required_parameter", message))
}

/// What stands beside the file in a form; gives the subject.
async fn beside(field: &mut Field) -> Result<Option<String>, ApiError> {
    match field.name().unwrap_or_default() {
        "subject" => text(field, "subject").await.map(Some),
        // What it is for changes nothing here; clients of OpenAI's send it.
        "purpose" | "expires_after[anchor]" | "expires_after[seconds]" => text(field, "purpose").await.map(|_| None),
        other => {
            let other: String = other.chars().take(60).collect();
            let message = format!("there is no field `{other}` here; known are: file, subject, purpose");
            Err(ApiError::invalid(other, "unknown_parameter", message))
        }
    }
}

/// Reads what stands behind the file in a form: nothing that would have changed it.
async fn behind(form: &mut Multipart) -> Result<(), ApiError> {
    while let Some(field) = next(form).await? {
        let mut field = field.map_err(|error| malformed(&error))?;
        let refused = |name, message| Err(ApiError::invalid(name, "invalid_form", message));
        match field.name() {
            Some("subject") => return refused("subject", "`subject` stands behind `file`; send it before the file"),
            Some("file") => return refused("file", "a form holds one `file`; send each in a form of its own"),
            _ => drop(beside(&mut field).await?),
        }
    }
    Ok(())
}

fn described(field: &Field, subject: Option<String>) -> Upload {
    let name = field.content_disposition().and_then(|told| told.get_filename()).unwrap_or_default().to_owned();
    let media_type = field.content_type().map(ToString::to_string).filter(|kind| kind != "application/octet-stream");
    Upload { name, media_type, subject, created: Timestamp::now() }
}

/// Sends on a file piece by piece, as fast as the disk takes it, and says whether it came whole so far. A sender that is dropped
/// without its end leaves no file.
async fn send(field: &mut Field, sender: &mpsc::Sender<Option<io::Result<Bytes>>>) -> Result<bool, ApiError> {
    while let Some(piece) = next(field).await? {
        let piece = piece.map_err(|error| io::Error::other(error.to_string()));
        let broken = piece.is_err();
        // Whoever writes has ended, with an error that says why.
        if sender.send(Some(piece)).await.is_err() || broken {
            return Ok(false);
        }
    }
    Ok(true)
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
    let deed = Deed { what: "file.uploaded", by: Some(caller), object: Some(object(&info)), reason: None };
    let Err(failure) = record(keeper, deed).await else { return Ok(info) };
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

fn malformed(error: &impl std::fmt::Display) -> ApiError {
    let message = format!("the form cannot be read ({error}); send multipart/form-data with a part `file`");
    ApiError::new(ErrorKind::InvalidRequest, "invalid_form", message)
}
