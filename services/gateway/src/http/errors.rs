//! The one place where an error becomes an HTTP response.

use actix_web::{
    HttpResponse, HttpResponseBuilder,
    http::{StatusCode, header::RETRY_AFTER},
};
use forethought_policies::RateHeaders;
use forethought_schemas::{ApiError, ErrorKind, RequestId};

/// What a client is told when the task that works for it has ended without a word.
pub(super) fn lost() -> ApiError {
    ApiError::new(ErrorKind::Internal, "internal", "the deliberation was lost; try again")
}

/// The response to a failed request.
pub(super) fn response(error: &ApiError, id: &RequestId, rate: Option<&RateHeaders>) -> HttpResponse {
    let status = StatusCode::from_u16(error.kind.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = HttpResponse::build(status);
    add_headers(&mut response, id, rate);
    if let Some(seconds) = error.retry_after {
        response.insert_header((RETRY_AFTER, seconds));
    }
    response.json(error.body())
}

/// The response to a method that a path does not take.
pub(super) fn method_not_allowed(error: &ApiError, id: &RequestId) -> HttpResponse {
    let mut response = HttpResponse::build(StatusCode::METHOD_NOT_ALLOWED);
    add_headers(&mut response, id, None);
    response.json(error.body())
}

/// The headers that every answer to a principal carries.
pub(super) fn add_headers(response: &mut HttpResponseBuilder, id: &RequestId, rate: Option<&RateHeaders>) {
    response.insert_header(("x-request-id", id.as_str()));
    for (name, value) in rate.map(RateHeaders::pairs).into_iter().flatten() {
        response.insert_header((name, value));
    }
}
