//! HTTP to one server: what it refuses and how it fails, in an engine's terms.

use std::{
    collections::VecDeque,
    error::Error as _,
    fs,
    path::Path,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use futures::{StreamExt, stream::BoxStream};
use reqwest::{Certificate, RequestBuilder, Response, StatusCode, Url, header::RETRY_AFTER, redirect::Policy};
use serde_json::Value;
use tokio::time::{Instant, sleep, timeout, timeout_at};

use super::{
    UpstreamConfig,
    events::{Event, Events},
    texts::TEMPLATE_OPTIONS,
};
use crate::EngineError;

/// How long a server may take to accept a connection.
const CONNECT_WITHIN: Duration = Duration::from_secs(5);
/// How long a short question, such as the number of a text's tokens, may take.
const REPLY_WITHIN: Duration = Duration::from_secs(20);
/// The longest reply to a short question, in bytes: room for the ids of a million tokens.
const MAX_REPLY: usize = 1 << 24;
/// How long the body of a refusal may take, and its longest, in bytes.
const REFUSAL: (Duration, usize) = (Duration::from_secs(3), 1 << 16);
/// How often a server that has too much to do is asked again, and the first and the longest pause before it.
const BUSY_TRIES: u32 = 4;
const BUSY_PAUSES: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(5));
/// How long the count of what was used may come behind the end of the text.
const COUNT_WITHIN: Duration = Duration::from_secs(5);

/// A question that was not answered.
#[derive(Debug)]
pub(super) struct Failure {
    /// What the server said, where it said anything.
    pub status: Option<StatusCode>,
    pub error: EngineError,
}

impl From<Failure> for EngineError {
    fn from(failure: Failure) -> Self {
        failure.error
    }
}

/// An error of a server that had begun to answer.
impl From<EngineError> for Failure {
    fn from(error: EngineError) -> Self {
        let status = matches!(error, EngineError::Request { .. }).then_some(StatusCode::BAD_REQUEST);
        Self { status, error }
    }
}

pub(super) struct Client {
    http: reqwest::Client,
    url: String,
    key: Option<String>,
    model: Mutex<String>,
    template_options: Option<Value>,
    first_token_within: Duration,
    next_token_within: Duration,
}

impl Client {
    pub(super) fn new(config: &UpstreamConfig, key: Option<String>) -> Result<Self, String> {
        let url = address(&config.url)?;
        let http = reqwest::Client::builder();
        let http = match &config.ca_file {
            Some(file) => http.tls_certs_only(certificates(file)?),
            None if url.starts_with("https:") => http,
            // Loading the system's certificates may fail, which matters only where they are used.
            None => http.tls_certs_only([]),
        };
        // An idle connection may have been closed by the server, which is only noticed when a request is lost on it.
        // What is sent to a server is for it alone, so it sends us nowhere else.
        let http = http.connect_timeout(CONNECT_WITHIN).pool_max_idle_per_host(0).redirect(Policy::none());
        Ok(Self {
            http: http.build().map_err(|error| format!("the HTTP client cannot be made: {error}"))?,
            url,
            key,
            model: Mutex::default(),
            template_options: config.extra_body.get(TEMPLATE_OPTIONS).cloned(),
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

    /// What the server's template is to do, by the operator's will.
    pub(super) const fn template_options(&self) -> Option<&Value> {
        self.template_options.as_ref()
    }

    /// Whether it has a key to show.
    pub(super) const fn has_key(&self) -> bool {
        self.key.is_some()
    }

    /// A short question without a body.
    pub(super) async fn get(&self, path: &str) -> Result<Value, Failure> {
        self.reply(self.http.get(format!("{}{path}", self.url))).await
    }

    /// A short question.
    pub(super) async fn post(&self, path: &str, body: &Value) -> Result<Value, Failure> {
        self.reply(self.http.post(format!("{}{path}", self.url)).json(body)).await
    }

    async fn reply(&self, request: RequestBuilder) -> Result<Value, Failure> {
        let asked = async {
            let response = self.send(request, REPLY_WITHIN).await?;
            let status = Some(response.status());
            let body = collected(response, MAX_REPLY).await.map_err(unsaid)?;
            serde_json::from_slice(&body).map_err(|_| Failure { status, error: no_json() })
        };
        timeout(REPLY_WITHIN, asked).await.map_err(|_| unsaid(hung(REPLY_WITHIN)))?
    }

    /// Starts a stream of events; the server may still be thinking about the first.
    pub(super) async fn stream(&self, path: &str, body: &Value) -> Result<Chunks, Failure> {
        let within = self.first_token_within;
        let response = self.send(self.http.post(format!("{}{path}", self.url)).json(body), within).await?;
        Ok(Chunks {
            bytes: response.bytes_stream().boxed(),
            events: Events::default(),
            ready: VecDeque::new(),
            until: Instant::now() + within,
            within,
            then_within: self.next_token_within,
        })
    }

    /// Sends it, again after a pause while the server has too much to do.
    async fn send(&self, request: RequestBuilder, within: Duration) -> Result<Response, Failure> {
        let mut request = match &self.key {
            Some(key) => request.bearer_auth(key),
            None => request,
        };
        let mut tries = 1;
        loop {
            let again = request.try_clone();
            let sent = timeout(within, request.send()).await.map_err(|_| unsaid(hung(within)))?;
            let response = sent.map_err(|error| unsaid(broken(&error)))?;
            match (response.status(), again) {
                (status, _) if status.is_success() => return Ok(response),
                (StatusCode::TOO_MANY_REQUESTS, Some(again)) if tries < BUSY_TRIES => {
                    let usual = BUSY_PAUSES.0 * 2_u32.saturating_pow(tries - 1);
                    sleep(asked_pause(&response).unwrap_or(usual).min(BUSY_PAUSES.1)).await;
                    (request, tries) = (again, tries + 1);
                }
                (status, _) => {
                    let error = refused(status, &refusal(response).await);
                    return Err(Failure { status: Some(status), error });
                }
            }
        }
    }
}

/// The address below which paths stand: without `/v1`, which they begin with.
fn address(text: &str) -> Result<String, String> {
    let wrong = |why: &str| Err(format!("`url` {why}; write it as http://host:port"));
    let Ok(url) = Url::parse(text) else { return wrong("is no address") };
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
        return wrong("is no address of a web server");
    }
    if !url.username().is_empty() || url.password().is_some() {
        return wrong("holds a user's name or password, which may get into logs; name a key with `api_key_env`");
    }
    if url.query().is_some() || url.fragment().is_some() {
        return wrong("holds a `?` or a `#`");
    }
    let text = text.trim_end_matches('/');
    Ok(text.strip_suffix("/v1").unwrap_or(text).trim_end_matches('/').to_owned())
}

/// The certificates that are trusted instead of the system's.
fn certificates(file: &Path) -> Result<Vec<Certificate>, String> {
    let wrong = |why: &str| format!("`ca_file` {} {why}", file.display());
    let bytes = fs::read(file).map_err(|error| wrong(&format!("cannot be read: {error}")))?;
    let found = Certificate::from_pem_bundle(&bytes).unwrap_or_default();
    if found.is_empty() { Err(wrong("holds no certificate in PEM form")) } else { Ok(found) }
}

/// The events of one stream.
pub(super) struct Chunks {
    bytes: BoxStream<'static, reqwest::Result<Bytes>>,
    events: Events,
    ready: VecDeque<Event>,
    /// When the server is taken for hung; only a token moves it on, not any other sign of life.
    until: Instant,
    within: Duration,
    then_within: Duration,
}

impl Chunks {
    /// The next event, or `None` at the end.
    pub(super) async fn next(&mut self) -> Result<Option<Value>, EngineError> {
        loop {
            match self.ready.pop_front() {
                Some(Event::Data(event)) => return told(&event).map(Some),
                Some(Event::Done) => return Ok(None),
                None => {}
            }
            // A server that sends fast enough would never let the timer have its turn.
            if Instant::now() >= self.until {
                return Err(hung(self.within));
            }
            let piece = timeout_at(self.until, self.bytes.next()).await.map_err(|_| hung(self.within))?;
            let Some(piece) = piece else { return Ok(None) };
            let events = self.events.push(&piece.map_err(|error| broken(&error))?);
            let long = || EngineError::Sample("the server sent an event of more than 1 MiB".to_owned());
            self.ready.extend(events.map_err(|_| long())?);
        }
    }

    /// A token came: the next one has its time.
    pub(super) fn heard(&mut self) {
        self.within = self.then_within;
        self.until = Instant::now() + self.within;
    }

    /// The text is over: what still comes is a count, for which nobody waits long.
    pub(super) fn over(&mut self) {
        self.until = self.until.min(Instant::now() + COUNT_WITHIN);
    }
}

fn told(event: &str) -> Result<Value, EngineError> {
    let event: Value = serde_json::from_str(event).map_err(|_| no_json())?;
    match event.get("error").filter(|error| !error.is_null()) {
        Some(error) => {
            let code = error.get("code").and_then(Value::as_u64).filter(|code| matches!(code, 400 | 422));
            let code = code.and_then(|code| StatusCode::from_u16(u16::try_from(code).ok()?).ok());
            Err(refused(code.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR), &event))
        }
        None => Ok(event),
    }
}

fn asked_pause(response: &Response) -> Option<Duration> {
    let seconds: f64 = response.headers().get(RETRY_AFTER)?.to_str().ok()?.parse().ok()?;
    Duration::try_from_secs_f64(seconds).ok()
}

/// What a server says to a refusal, if it says it soon and briefly.
async fn refusal(response: Response) -> Value {
    let body = timeout(REFUSAL.0, collected(response, REFUSAL.1)).await;
    let Ok(Ok(body)) = body else { return Value::Null };
    serde_json::from_slice(&body).unwrap_or_default()
}

async fn collected(response: Response, most: usize) -> Result<Vec<u8>, EngineError> {
    let (mut bytes, mut body) = (response.bytes_stream(), Vec::new());
    while let Some(piece) = bytes.next().await {
        body.extend_from_slice(&piece.map_err(|error| broken(&error))?);
        if body.len() > most {
            return Err(EngineError::Sample(format!("the server's reply is longer than {most} bytes")));
        }
    }
    Ok(body)
}

/// What servers say when a prompt does not fit: llama.cpp, vLLM, `SGLang` and others.
const TOO_LONG: [&str; 5] = [
    "maximum context length",
    "maximum model length",
    "longer than the model's context length",
    "prompt is too long",
    "exceed_context_size",
];

/// What a refusal means. Nothing of the request is quoted: servers repeat prompts in their errors.
fn refused(status: StatusCode, body: &Value) -> EngineError {
    let error = body.get("error").filter(|error| !error.is_null()).unwrap_or(body);
    let of = |key: &str| error.get(key).and_then(Value::as_str);
    let said = of("message").or_else(|| error.as_str()).or_else(|| of("detail")).unwrap_or_default();
    let text = format!("{said} {}", of("type").unwrap_or_default()).to_lowercase();
    let too_long =
        TOO_LONG.iter().any(|words| text.contains(words)) || (text.contains("context") && text.contains("exceed"));
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

fn no_json() -> EngineError {
    EngineError::Sample("the server sent no JSON".to_owned())
}

/// The server said nothing about it.
const fn unsaid(error: EngineError) -> Failure {
    Failure { status: None, error }
}

fn broken(error: &reqwest::Error) -> EngineError {
    let what = match error {
        error if distrusts(error) => {
            "the server's certificate is not trusted; name what it is signed by with `ca_file`"
        }
        error if error.is_connect() => "the server cannot be reached",
        error if error.is_timeout() => "the server took too long",
        _ => "the connection to the server broke off",
    };
    EngineError::Sample(what.to_owned())
}

fn distrusts(error: &reqwest::Error) -> bool {
    let mut cause = error.source();
    while let Some(inner) = cause {
        if inner.to_string().contains("invalid peer certificate") {
            return true;
        }
        cause = inner.source();
    }
    false
}

fn hung(within: Duration) -> EngineError {
    EngineError::Sample(format!("the server said nothing for {} ms", within.as_millis()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_address_is_taken_with_or_without_the_version() {
        let check = |text: &str, expect: Result<&str, &str>| match (address(text), expect) {
            (Ok(url), Ok(expect)) => assert_eq!(url, expect),
            (Err(why), Err(expect)) => assert!(why.contains(expect) && !why.contains("secret"), "{text}: {why}"),
            (found, _) => panic!("{text}: {found:?}"),
        };
        for text in ["http://a:1", "http://a:1/", "http://a:1/v1", "http://a:1/v1/"] {
            check(text, Ok("http://a:1"));
        }
        check("https://a/v1", Ok("https://a"));
        check("http://a/models/v1", Ok("http://a/models"));
        check("http://[::1]:80/v12", Ok("http://[::1]:80/v12"));
        check("http://me:secret@a:1", Err("password"));
        check("http://secret@a:1", Err("password"));
        check("a:1", Err("no address"));
        check("ftp://a", Err("no address"));
        check("", Err("no address"));
        check("http://a:1/?key=secret", Err("`?`"));
    }

    #[test]
    fn refusals_of_many_servers_are_understood() {
        let check = |status: u16, body: Value, expect: &str| {
            let error = refused(StatusCode::from_u16(status).unwrap(), &body);
            let found = match &error {
                EngineError::Request { code, .. } => (*code).to_owned(),
                other => other.to_string(),
            };
            assert!(found.contains(expect), "{body}: {found}");
            assert!(!error.to_string().contains("SECRET"), "{error}");
        };
        let message = |text: &str| json!({ "error": { "message": text, "code": 400 } });
        let flat = |text: &str| json!({ "object": "error", "message": text, "type": "BadRequestError", "code": 400 });
        check(400, json!({ "error": { "type": "exceed_context_size_error" } }), "context_length_exceeded");
        check(400, message("This model's maximum context length is 2048 tokens. SECRET"), "context_length_exceeded");
        check(
            400,
            message("The decoder prompt (length 9) is longer than the maximum model length of 8."),
            "context_len",
        );
        check(
            400,
            flat("The input (9 tokens) is longer than the model's context length (8 tokens)."),
            "context_length",
        );
        check(400, json!({ "error": "the request exceeds the available context size" }), "context_length_exceeded");
        check(400, flat("SECRET"), "refused_by_upstream");
        check(422, json!({ "detail": "SECRET" }), "refused_by_upstream");
        check(500, Value::Null, "answered 500");
        check(401, Value::Null, "refuses the key");
        check(429, Value::Null, "wait");
    }

    #[test]
    fn an_error_in_a_stream_is_told_from_the_lack_of_one() {
        assert!(told(r#"{"error": null, "choices": []}"#).is_ok());
        assert!(matches!(told(r#"{"error": {"message": "x"}}"#), Err(EngineError::Sample(_))));
        assert!(matches!(told(r#"{"error": {"message": "x", "code": 400}}"#), Err(EngineError::Request { .. })));
        assert!(matches!(told("<html>"), Err(EngineError::Sample(_))));
    }
}
