//! The requests of the protocol, made by our own client.

use std::{
    collections::HashMap,
    error::Error as _,
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};

use futures::{StreamExt as _, stream::BoxStream};
use reqwest::{
    Client, RequestBuilder, Response, StatusCode,
    header::{ACCEPT, ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue},
};
use rmcp::{
    ErrorData,
    model::{ClientJsonRpcMessage, ClientRequest, ServerJsonRpcMessage},
    transport::streamable_http_client::{
        SseError, StreamableHttpClient, StreamableHttpError, StreamableHttpPostResponse,
    },
};
use sse_stream::{Sse, SseStream};

use super::events::{bounded, whole};
use crate::{end::End, flow::Flow};

const JSON: &str = "application/json";
const EVENTS: &str = "text/event-stream";
const SESSION: &str = "mcp-session-id";
/// The longest id of a session, in bytes.
const MAX_SESSION: usize = 1024;
/// Streams that may be opened at once, and each second after that: a server can ask to be called again at once, for ever.
const STREAMS: (f64, f64) = (16.0, 0.5);

type Failure = StreamableHttpError<WebError>;
type Events = BoxStream<'static, Result<Sse, SseError>>;

/// A request that was not answered as it should be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct WebError(String);

/// A client of one tenant: its headers go nowhere else.
#[derive(Clone)]
pub(crate) struct Web {
    client: Client,
    headers: HeaderMap,
    end: End,
    streams: Arc<Mutex<Flow>>,
}

impl Web {
    pub(super) fn new(client: Client, headers: HeaderMap, end: End) -> Self {
        Self { client, headers, end, streams: Arc::new(Mutex::new(Flow::new(STREAMS.0, STREAMS.1))) }
    }

    /// Sends a request with what the protocol and the tenant add to it. The tenant's headers come last: no other has its way.
    async fn send(
        &self,
        request: RequestBuilder,
        accept: &str,
        session: Option<Arc<str>>,
        headers: HashMap<HeaderName, HeaderValue>,
    ) -> Result<Response, Failure> {
        let mut all: HeaderMap = headers.into_iter().collect();
        if let Some(session) = session.and_then(|session| HeaderValue::try_from(session.as_ref()).ok()) {
            all.insert(SESSION, session);
        }
        all.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        if let Ok(accept) = HeaderValue::try_from(accept) {
            all.insert(ACCEPT, accept);
        }
        all.extend(self.headers.clone());
        let response = request.headers(all).send().await.map_err(|error| failure(broken(error)))?;
        let encoded = response.headers().get(CONTENT_ENCODING).is_some_and(|encoding| encoding != "identity");
        let status = response.status();
        if status.is_redirection() {
            return Err(failure(format!("it answered {}, and redirects are not followed", status.as_u16())));
        }
        if encoded { Err(failure("it sent an encoding that was not asked for".to_owned())) } else { Ok(response) }
    }

    fn events(&self, response: Response) -> Events {
        SseStream::from_bytes_stream(Box::pin(bounded(response, self.end.clone()))).boxed()
    }
}

impl StreamableHttpClient for Web {
    type Error = WebError;

    async fn post_message(
        &self,
        uri: Arc<str>,
        message: ClientJsonRpcMessage,
        session: Option<Arc<str>>,
        _auth: Option<String>,
        headers: HashMap<HeaderName, HeaderValue>,
    ) -> Result<StreamableHttpPostResponse, Failure> {
        let request = self.client.post(uri.as_ref()).json(&message);
        let in_session = session.is_some();
        let response = self.send(request, &format!("{JSON}, {EVENTS}"), session, headers).await?;
        let status = response.status();
        if status == StatusCode::NOT_FOUND && in_session {
            return Err(StreamableHttpError::SessionExpired);
        }
        if !status.is_success() {
            return refused(&message, in_session, response).await;
        }
        let session = session_of(&response)?;
        let awaited = matches!(message, ClientJsonRpcMessage::Request(_));
        match (is(&response, JSON), is(&response, EVENTS)) {
            _ if !awaited => Ok(StreamableHttpPostResponse::Accepted),
            (true, _) => {
                Ok(StreamableHttpPostResponse::Json(parsed(&whole(response).await.map_err(failure)?)?, session))
            }
            (_, true) => Ok(StreamableHttpPostResponse::Sse(self.events(response), session)),
            _ => Err(failure(format!("it answered {} with neither JSON nor events", status.as_u16()))),
        }
    }

    async fn delete_session(
        &self,
        uri: Arc<str>,
        session: Arc<str>,
        _auth: Option<String>,
        headers: HashMap<HeaderName, HeaderValue>,
    ) -> Result<(), Failure> {
        let response = self.send(self.client.delete(uri.as_ref()), JSON, Some(session), headers).await?;
        match response.status() {
            StatusCode::METHOD_NOT_ALLOWED => Err(StreamableHttpError::ServerDoesNotSupportDeleteSession),
            _ => Ok(()),
        }
    }

    async fn get_stream(
        &self,
        uri: Arc<str>,
        session: Option<Arc<str>>,
        last_event: Option<String>,
        _auth: Option<String>,
        mut headers: HashMap<HeaderName, HeaderValue>,
    ) -> Result<Events, Failure> {
        if !self.streams.lock().unwrap_or_else(PoisonError::into_inner).take(1.0, Instant::now()) {
            return Err(StreamableHttpError::ServerDoesNotSupportSse);
        }
        if let Some(last) = last_event.and_then(|last| HeaderValue::try_from(last).ok()) {
            headers.insert(HeaderName::from_static("last-event-id"), last);
        }
        let response = self.send(self.client.get(uri.as_ref()), EVENTS, session, headers).await?;
        match response.status() {
            StatusCode::METHOD_NOT_ALLOWED | StatusCode::NOT_FOUND => Err(StreamableHttpError::ServerDoesNotSupportSse),
            status if status.is_success() && is(&response, EVENTS) => Ok(self.events(response)),
            status => Err(failure(format!("it answered {} to a request for events", status.as_u16()))),
        }
    }
}

/// What a refusal says. Only an error of the protocol itself goes on, so that nothing of a page gets anywhere; a server that
/// does not know `server/discover` may say so by a status alone, and without the id of the question.
async fn refused(
    message: &ClientJsonRpcMessage,
    in_session: bool,
    response: Response,
) -> Result<StreamableHttpPostResponse, Failure> {
    let status = response.status();
    let said = failure(format!("it answered {}", status.as_u16()));
    if matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN | StatusCode::TOO_MANY_REQUESTS) {
        return Err(said);
    }
    let body = if is(&response, JSON) { whole(response).await.unwrap_or_default() } else { Vec::new() };
    let error = match parsed(&body) {
        Ok(ServerJsonRpcMessage::Error(error)) => Some(error),
        _ => None,
    };
    match (message, error) {
        (ClientJsonRpcMessage::Request(request), error)
            if !in_session
                && status.is_client_error()
                && matches!(request.request, ClientRequest::DiscoverRequest(_)) =>
        {
            let unknown = || ErrorData::invalid_request("it does not know this question", None);
            let error = error.map_or_else(unknown, |error| error.error);
            Ok(StreamableHttpPostResponse::Json(ServerJsonRpcMessage::error(error, Some(request.id.clone())), None))
        }
        (_, Some(error)) => Ok(StreamableHttpPostResponse::Json(ServerJsonRpcMessage::Error(error), None)),
        (_, None) => Err(said),
    }
}

fn parsed(body: &[u8]) -> Result<ServerJsonRpcMessage, Failure> {
    serde_json::from_slice(body).map_err(|_| failure("it sent something else than a message".to_owned()))
}

fn session_of(response: &Response) -> Result<Option<String>, Failure> {
    let Some(session) = response.headers().get(SESSION) else { return Ok(None) };
    // Visible ASCII (2025-03-26, transports, session management).
    match session.to_str() {
        Ok(id) if id.len() <= MAX_SESSION && id.bytes().all(|byte| byte.is_ascii_graphic()) => Ok(Some(id.to_owned())),
        _ => Err(failure("it gave its session an id that cannot be one".to_owned())),
    }
}

fn is(response: &Response, expected: &str) -> bool {
    let kind = response.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    kind.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case(expected)
}

fn failure(why: String) -> Failure {
    StreamableHttpError::Client(WebError(why))
}

/// An error with its causes, and without the address.
pub(super) fn broken(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text = format!("{text}: {inner}");
        cause = inner.source();
    }
    text
}
