//! The requests of the protocol, made by our own client.

use std::{
    collections::HashMap,
    error::Error as _,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
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
/// How long the end of a session may take. It is told when the connection is over, so nothing else ends it.
const LEAVE_WITHIN: Duration = Duration::from_secs(3);

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

    /// A request with what the protocol and the tenant add to it. The tenant's headers come last: no other has its way.
    fn dressed(
        &self,
        request: RequestBuilder,
        accept: &str,
        session: Option<Arc<str>>,
        headers: HashMap<HeaderName, HeaderValue>,
    ) -> RequestBuilder {
        let mut all: HeaderMap = headers.into_iter().collect();
        if let Some(session) = session.and_then(|session| HeaderValue::try_from(session.as_ref()).ok()) {
            all.insert(SESSION, session);
        }
        all.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        if let Ok(accept) = HeaderValue::try_from(accept) {
            all.insert(ACCEPT, accept);
        }
        all.extend(self.headers.clone());
        request.headers(all)
    }

    /// What is answered before the connection is over. The SDK waits on a task that nobody ends, so the waiting ends itself.
    async fn sent(&self, request: RequestBuilder) -> Result<Response, Failure> {
        tokio::select! {
            response = request.send() => usable(response.map_err(|error| failure(broken(error)))?),
            () = self.end.told() => Err(failure(self.end.why().to_owned())),
        }
    }

    fn events(&self, response: Response) -> Events {
        SseStream::from_bytes_stream(Box::pin(bounded(response, self.end.clone()))).boxed()
    }

    /// What a refusal says. Only an error of the protocol itself goes on, so that nothing of a page gets anywhere. It goes to
    /// who asked, whatever id it has: a server that has not understood a request does not know its id, and one that does not
    /// know `server/discover` may say so by a status alone.
    async fn refused(
        &self,
        message: &ClientJsonRpcMessage,
        in_session: bool,
        response: Response,
    ) -> Result<StreamableHttpPostResponse, Failure> {
        let status = response.status();
        let said = failure(format!("it answered {}", status.as_u16()));
        if matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN | StatusCode::TOO_MANY_REQUESTS) {
            return Err(said);
        }
        let json = is(&response, JSON);
        let body = if json { whole(response, &self.end).await.unwrap_or_default() } else { Vec::new() };
        let error = match parsed(&body) {
            Ok(ServerJsonRpcMessage::Error(error)) => Some(error),
            _ => None,
        };
        let ClientJsonRpcMessage::Request(request) = message else {
            let error = error.ok_or(said)?;
            return Ok(StreamableHttpPostResponse::Json(ServerJsonRpcMessage::Error(error), None));
        };
        // Much copied servers answer so where they do not know the session.
        if in_session && status == StatusCode::BAD_REQUEST && error.as_ref().is_some_and(|error| error.id.is_none()) {
            return Err(StreamableHttpError::SessionExpired);
        }
        let discovers = !in_session && matches!(request.request, ClientRequest::DiscoverRequest(_));
        let error = match error {
            Some(error) => error.error,
            None if discovers && status.is_client_error() => {
                ErrorData::invalid_request("it does not know this question", None)
            }
            None => return Err(said),
        };
        Ok(StreamableHttpPostResponse::Json(ServerJsonRpcMessage::error(error, Some(request.id.clone())), None))
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
        let request = self.dressed(request, &format!("{JSON}, {EVENTS}"), session, headers);
        let response = self.sent(request).await?;
        let status = response.status();
        if status == StatusCode::NOT_FOUND && in_session {
            return Err(StreamableHttpError::SessionExpired);
        }
        if !status.is_success() {
            return self.refused(&message, in_session, response).await;
        }
        let session = session_of(&response)?;
        let awaited = matches!(message, ClientJsonRpcMessage::Request(_));
        match (is(&response, JSON), is(&response, EVENTS)) {
            _ if !awaited => Ok(StreamableHttpPostResponse::Accepted),
            (true, _) => {
                let body = whole(response, &self.end).await.map_err(failure)?;
                Ok(StreamableHttpPostResponse::Json(parsed(&body)?, session))
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
        let request = self.client.delete(uri.as_ref()).timeout(LEAVE_WITHIN);
        let response = self.dressed(request, JSON, Some(session), headers).send().await;
        match usable(response.map_err(|error| failure(broken(error)))?)?.status() {
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
        let request = self.dressed(self.client.get(uri.as_ref()), EVENTS, session, headers);
        let response = self.sent(request).await?;
        match response.status() {
            StatusCode::METHOD_NOT_ALLOWED | StatusCode::NOT_FOUND => Err(StreamableHttpError::ServerDoesNotSupportSse),
            status if status.is_success() && is(&response, EVENTS) => Ok(self.events(response)),
            status => Err(failure(format!("it answered {} to a request for events", status.as_u16()))),
        }
    }
}

/// An answer that leads nowhere else, and is not packed.
fn usable(response: Response) -> Result<Response, Failure> {
    let encoded = response.headers().get(CONTENT_ENCODING).is_some_and(|encoding| encoding != "identity");
    let status = response.status();
    if status.is_redirection() {
        return Err(failure(format!("it answered {}, and redirects are not followed", status.as_u16())));
    }
    if encoded { Err(failure("it sent an encoding that was not asked for".to_owned())) } else { Ok(response) }
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
