//! A file goes back to whom it belongs: read piece by piece, as fast as it is taken.

use std::io;

use actix_web::{
    HttpRequest, HttpResponse,
    body::SizedStream,
    web::{Bytes, Data, Path},
};
use forethought_library::{Reading, ShelfError};
use forethought_schemas::{ApiError, RequestId};
use futures::{Stream, stream::unfold};
use tokio::sync::OwnedSemaphorePermit;

use super::{caller, file_id, on_disk};
use crate::http::{Gateway, errors};

pub(super) async fn content(gateway: Data<Gateway>, request: HttpRequest, name: Path<String>) -> HttpResponse {
    let id = RequestId::generate();
    match begun(&gateway, &request, &name).await {
        Ok(going) => {
            let mut response = HttpResponse::Ok();
            errors::add_headers(&mut response, &id, None);
            response.insert_header(("cache-control", "no-store")).insert_header(("x-content-type-options", "nosniff"));
            let info = going.reading.info();
            response.insert_header(("x-content-sha256", info.sha256.clone())).content_type("application/octet-stream");
            response.body(SizedStream::new(info.bytes, going.pieces()))
        }
        Err(error) => errors::response(&error, &id, None),
    }
}

/// A file on its way.
struct Going {
    reading: Reading,
    /// The piece that goes next; empty at the end.
    piece: Bytes,
    room: OwnedSemaphorePermit,
}

/// Reads the first piece: what is wrong with a small file still has a status.
async fn begun(gateway: &Gateway, request: &HttpRequest, name: &str) -> Result<Going, ApiError> {
    let (caller, shelf) = caller(gateway, request).await?;
    let id = file_id(name)?;
    let room = gateway.downloads.take(caller.tenant(), "reads", "too_many_downloads")?;
    on_disk(move || {
        let (reading, piece) = next(shelf.read(caller.tenant(), &id)?)?;
        Ok(Going { reading, piece, room })
    })
    .await
}

fn next(mut reading: Reading) -> Result<(Reading, Bytes), ShelfError> {
    let piece = Bytes::copy_from_slice(&reading.piece()?);
    Ok((reading, piece))
}

impl Going {
    /// Its pieces, each read once the one before is taken. After an error the response breaks off short of its length.
    fn pieces(self) -> impl Stream<Item = io::Result<Bytes>> {
        unfold(Some(self), |going| async move {
            let Going { reading, piece, room } = going.filter(|going| !going.piece.is_empty())?;
            match on_disk(move || next(reading)).await {
                Ok((reading, following)) => Some((Ok(piece), Some(Going { reading, piece: following, room }))),
                Err(error) => Some((Err(io::Error::other(error.message)), None)),
            }
        })
    }
}
