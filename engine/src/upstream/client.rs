//! HTTP to one server: what it refuses and how it fails, in an engine's terms.

use std::{
    collections::VecDeque,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use futures::{StreamExt, stream::BoxStream};
use reqwest::{Response, StatusCode};
use serde_json::Value;
use tokio::time::timeout;

use super::{UpstreamConfig, events::Events};
use crate::EngineError;

/// How long a server may take to accept a connection.
const CONNECT_WITHIN: Duration = Duration::from_secs(5);
/// How long a short question, such as the number of a text's tokens, may take.
const REPLY_WITHIN: Duration = Duration::from_secs(20);

pub(super) struct Client {
    http: reqwest::Client,
    url: String,
    key: Option<String>,
    model: Mutex<String>,
    first_token_within: Duration,
    next_token_within: Duration,
}

impl Client {
    pub(super) fn new(config: &UpstreamConfig, key: Option<String>) -> Result<Self, String> {
        if !config.url.starts_with("http://") {
            return Err(format!(
                "`{}` is no address of the form http://host:port; for https, put a proxy that ends TLS beside this service",
                config.url
            ));
        }
        // An idle connection may have been closed by the server, which is only noticed when a request is lost on it.
        let http = reqwest::Client::builder().connect_timeout(CONNECT_WITHIN).pool_max_idle_per_host(0).build();
        Ok(Self {
            http: http.map_err(|error| error.to_string())?,
            url: config.url.trim_end_matches('/').to_owned(),
            key,
            model: Mutex::default(),
            first_token_within: Duration::from_millis(config.first_token_within_ms),
            next_token_within: Duration::from_millis(config.next_token_within_ms),
        })
    }

    pub(super) fn set_model(&self, model: String) {
        *self.model.lock().unwrap_or_else(PoisonError::into_inner) = model;
    }

    /// The model's name on the server.
    pub(super) fn model(&self) -> String {
        self.model.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// A short question without a body.
    pub(super) async fn get(&self, path: &str) -> Result<Value, EngineError> {
        self.reply(self.http.get(format!("{}{path}", self.url))).await
    }

    /// A short question.
    pub(super) async fn post(&self, path: &str, body: &Value) -> Result<Value, EngineError> {
        self.reply(self.http.post(format!("{}{path}", self.url)).json(body)).await
    }

    async fn reply(&self, request: reqwest::RequestBuilder) -> Result<Value, EngineError> {
        let asked = async {
            let response = accepted(self.with_key(request).send().await.map_err(|error| broken(&error))?).await?;
            response.json().await.map_err(|error| broken(&error))
        };
        timeout(REPLY_WITHIN, asked).await.map_err(|_| hung(REPLY_WITHIN))?
    }

    /// Starts a stream of events; the server may still be thinking about the first.
    pub(super) async fn stream(&self, path: &str, body: &Value) -> Result<Response, EngineError> {
        let request = self.with_key(self.http.post(format!("{}{path}", self.url)).json(body));
        let sent = timeout(self.first_token_within, request.send()).await.map_err(|_| hung(self.first_token_within))?;
        accepted(sent.map_err(|error| broken(&error))?).await
    }

    fn with_key(&self, request: reqwest::RequestBuilder) -> reqwest::RequestBuilder {
        match &self.key {
            Some(key) => request.bearer_auth(key),
            None => request,
        }
    }

    /// Reads a stream event by event.
    pub(super) fn chunks(&self, response: Response) -> Chunks {
        Chunks {
            bytes: response.bytes_stream().boxed(),
            events: Events::default(),
            ready: VecDeque::new(),
            within: self.first_token_within,
            then_within: self.next_token_within,
        }
    }
}

/// The events of one stream.
pub(super) struct Chunks {
    bytes: BoxStream<'static, reqwest::Result<Bytes>>,
    events: Events,
    ready: VecDeque<String>,
    within: Duration,
    then_within: Duration,
}

impl Chunks {
    /// The next event. That there is none is an error: a stream tells its end before it ends.
    pub(super) async fn next(&mut self) -> Result<Value, EngineError> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                self.within = self.then_within;
                let event: Value =
                    serde_json::from_str(&event).map_err(|_| EngineError::Sample("the server sent no JSON".into()))?;
                return match event.get("error") {
                    Some(error) => Err(refused(StatusCode::INTERNAL_SERVER_ERROR, error)),
                    None => Ok(event),
                };
            }
            let piece = timeout(self.within, self.bytes.next()).await.map_err(|_| hung(self.within))?;
            let Some(piece) = piece else {
                return Err(EngineError::Sample("the server ended it without an end".into()));
            };
            self.ready.extend(self.events.push(&piece.map_err(|error| broken(&error))?));
        }
    }
}

async fn accepted(response: Response) -> Result<Response, EngineError> {
    let status = response.status();
    if status.is_success() {
        return Ok(response);
    }
    let body: Value = response.json().await.unwrap_or_default();
    Err(refused(status, body.get("error").unwrap_or(&body)))
}

/// What a refusal means. Nothing of the request is quoted: servers repeat prompts in their errors.
fn refused(status: StatusCode, error: &Value) -> EngineError {
    let text = error.get("message").and_then(Value::as_str).unwrap_or_default().to_lowercase();
    let kind = error.get("type").and_then(Value::as_str).unwrap_or_default();
    let too_long = kind == "exceed_context_size_error" || (text.contains("context") && text.contains("exceed"));
    match status {
        _ if too_long => EngineError::Request {
            param: "messages",
            code: "context_length_exceeded",
            message: "the messages and the answer are longer than the model's context; shorten them".to_owned(),
        },
        StatusCode::BAD_REQUEST | StatusCode::UNPROCESSABLE_ENTITY => EngineError::Request {
            param: "model",
            code: "refused_by_upstream",
            message: "the model's server refuses this request; tell the operator, who finds the reason in its log"
                .to_owned(),
        },
        StatusCode::TOO_MANY_REQUESTS => EngineError::Overloaded { waiting: 0 },
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
            EngineError::Dead("the server refuses the key in `api_key_env`".to_owned())
        }
        status => EngineError::Sample(format!("the server answered {}", status.as_u16())),
    }
}

fn broken(error: &reqwest::Error) -> EngineError {
    let what = match error {
        error if error.is_connect() => "the server cannot be reached",
        error if error.is_timeout() => "the server took too long",
        error if error.is_decode() => "the server sent no JSON",
        _ => "the connection to the server broke off",
    };
    EngineError::Sample(what.to_owned())
}

fn hung(within: Duration) -> EngineError {
    EngineError::Sample(format!("the server said nothing for {} ms", within.as_millis()))
}
