//! The service that is asked, over HTTP.

use std::{cell::Cell, error::Error as _, time::Duration};

use reqwest::{Client, Response, StatusCode, header::RETRY_AFTER};
use serde_json::Value;
use tokio::time::Instant;

use crate::{EvalError, Model, outcome::Fault};

/// How long a connection may take to come about.
const CONNECT_WITHIN: Duration = Duration::from_secs(10);
/// How long an answer may take when its way names no deadline, and how much longer than its deadline else.
const ANSWER_WITHIN: Duration = Duration::from_hours(1);
const BEYOND_DEADLINE: Duration = Duration::from_mins(2);
/// First and longest wait where the service does not say how long.
const WAIT: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(30));
/// Errors that the same request would get again: they are what came of the question.
const LASTING: [&str; 5] =
    ["blocked_by_safeguard", "context_length_exceeded", "deadline_exceeded", "no_answer", "schema_not_met"];

/// How often a request is sent on which the service fails; then that is its answer.
const TRIES: u32 = 3;
/// The code with which the service says that the engine failed on every sample, which may be for good.
const ENGINE_FAILED: &str = "engine_failed";

/// Where the service is, and how it is spoken to.
#[derive(Debug)]
pub struct Service {
    client: Client,
    url: String,
    key: String,
    /// How long the service may take no request.
    patience: Duration,
    /// Nothing is sent before this time, because the service said so.
    not_before: Cell<Instant>,
    /// When it last took a request.
    taken: Cell<Instant>,
    /// Whether it was away since its model was last looked at.
    away: Cell<bool>,
}

/// What a request came to.
#[derive(Debug)]
pub(crate) enum Answered {
    /// A response, and how long it took.
    Response(Box<Value>, Duration),
    /// An error, and how long it took.
    Error {
        fault: Fault,
        time: Duration,
        /// Whether it is the question that cannot be answered, as the same request would always get it.
        lasting: bool,
    },
}

/// Something that is waited for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wait {
    /// How long.
    pub time: Duration,
    /// Why.
    pub reason: String,
}

/// One try of a request.
enum Try {
    Done(Answered),
    /// It was taken, and failed; once more it may not.
    Failed(Fault, Duration),
    /// It was not taken; later it may be.
    Later(Wait),
}

impl Service {
    /// A service at this address. When it takes no request for as long as `patience`, that ends the evaluation.
    ///
    /// # Errors
    /// [`EvalError::Service`] when no client can be made.
    pub fn new(url: &str, key: &str, patience: Duration) -> Result<Self, EvalError> {
        let client = Client::builder().connect_timeout(CONNECT_WITHIN).build();
        let client = client.map_err(|error| EvalError::Service(format!("no HTTP client can be made: {error}")))?;
        let url = url.trim_end_matches('/').to_owned();
        let now = Instant::now();
        Ok(Self {
            client,
            url,
            key: key.to_owned(),
            patience,
            not_before: Cell::new(now),
            taken: Cell::new(now),
            away: Cell::new(false),
        })
    }

    /// The model with this name, or the first that the key may use; waits until its engine is there.
    ///
    /// # Errors
    /// [`EvalError::Service`].
    pub async fn model(&self, name: Option<&str>, told: &dyn Fn(&Wait)) -> Result<Model, EvalError> {
        let until = Instant::now() + self.patience;
        loop {
            let models = self.models().await?;
            let model = match name {
                Some(name) => models.iter().find(|model| id(model) == Some(name)),
                None => models.first(),
            };
            let Some(model) = model else { return Err(no_model(name, &models)) };
            if let Some(found) = read_model(model)? {
                return Ok(found);
            }
            let wait = Wait { time: WAIT.0, reason: "the model's engine is not ready yet".to_owned() };
            if Instant::now() + wait.time > until {
                return Err(EvalError::Service(format!(
                    "{} after {:?}; see the server's log",
                    wait.reason, self.patience
                )));
            }
            told(&wait);
            tokio::time::sleep(wait.time).await;
        }
    }

    async fn models(&self) -> Result<Vec<Value>, EvalError> {
        let request = self.client.get(format!("{}/v1/models", self.url)).bearer_auth(&self.key);
        let response = request.send().await.map_err(|error| self.unreachable(&error))?;
        let status = response.status();
        let body: Value = response.json().await.unwrap_or_default();
        if !status.is_success() {
            return Err(refused(status, &body));
        }
        let list = body.get("data").and_then(Value::as_array).cloned();
        list.ok_or_else(|| EvalError::Service(format!("{} lists no models; is this a forethought service?", self.url)))
    }

    /// Sends a request until it is answered, or refused for good, or no request was taken for as long as the patience since
    /// this one was first refused. What answers must be `model`.
    pub(crate) async fn ask(
        &self,
        model: &Model,
        body: &Value,
        deadline_ms: Option<u64>,
        told: &dyn Fn(&Wait),
    ) -> Result<Answered, EvalError> {
        let within = deadline_ms.map_or(ANSWER_WITHIN, |ms| Duration::from_millis(ms) + BEYOND_DEADLINE);
        let (mut usual, mut tries, mut refused) = (WAIT.0, 0, None);
        loop {
            tokio::time::sleep_until(self.not_before.get()).await;
            let outcome = match self.is_another(model, usual).await? {
                Some(wait) => Try::Later(wait),
                None => self.send(body, within, usual).await?,
            };
            if !matches!(outcome, Try::Later(_)) {
                self.taken.set(Instant::now());
                refused = None;
            }
            match outcome {
                Try::Done(answered) => return Ok(answered),
                Try::Failed(fault, time) if tries + 1 >= TRIES => {
                    return Ok(Answered::Error { fault, time, lasting: false });
                }
                Try::Failed(fault, _) => {
                    tries += 1;
                    let wait = Wait { time: usual, reason: format!("the service failed: {}", fault.code) };
                    told(&wait);
                    tokio::time::sleep(wait.time).await;
                }
                Try::Later(wait) => {
                    let since = (*refused.get_or_insert_with(Instant::now)).max(self.taken.get());
                    self.not_too_late(since, &wait)?;
                    told(&wait);
                    self.not_before.set(self.not_before.get().max(Instant::now() + wait.time));
                    usual = (usual * 2).min(WAIT.1);
                }
            }
        }
    }

    fn not_too_late(&self, since: Instant, wait: &Wait) -> Result<(), EvalError> {
        if Instant::now() + wait.time <= since + self.patience {
            return Ok(());
        }
        let Wait { time, reason } = wait;
        let patience = self.patience;
        Err(EvalError::Service(format!(
            "the service did not take a request within {patience:?}, and the next try is {time:?} away: {reason}"
        )))
    }

    /// After the service was away its model may be another one; nothing is asked before that is known.
    async fn is_another(&self, model: &Model, usual: Duration) -> Result<Option<Wait>, EvalError> {
        if !self.away.get() {
            return Ok(None);
        }
        let later = |reason: String| Ok(Some(Wait { time: usual, reason }));
        let models = match self.models().await {
            Ok(models) => models,
            Err(error) => return later(error.to_string()),
        };
        let found = models.iter().find(|found| id(found) == Some(&model.id)).map(read_model).transpose()?.flatten();
        match found {
            None => later("the model's engine is not ready yet".to_owned()),
            Some(found) if found.weights == model.weights => {
                self.away.set(false);
                Ok(None)
            }
            Some(found) => Err(EvalError::Exchanged { model: found.id, was: model.weights.clone(), is: found.weights }),
        }
    }

    async fn send(&self, body: &Value, within: Duration, usual: Duration) -> Result<Try, EvalError> {
        let start = Instant::now();
        let request = self.client.post(format!("{}/v1/chat/completions", self.url)).bearer_auth(&self.key);
        let response = match request.timeout(within).json(body).send().await {
            Ok(response) => response,
            Err(error) if error.is_builder() => return Err(self.unreachable(&error)),
            Err(error) => return Ok(self.broke_off(&error, start, usual)),
        };
        let (status, asked) = (response.status(), retry_after(&response));
        let body: Value = match response.json().await {
            Ok(body) => body,
            Err(error) if error.is_decode() && !status.is_success() => Value::Null,
            Err(error) => return Ok(self.broke_off(&error, start, usual)),
        };
        if status.is_success() {
            return Ok(Try::Done(Answered::Response(Box::new(body), start.elapsed())));
        }
        let code = body.pointer("/error/code").and_then(Value::as_str).unwrap_or_default();
        let (fault, time) = (Fault::read(code, &body), start.elapsed());
        if LASTING.contains(&code) {
            return Ok(Try::Done(Answered::Error { fault, time, lasting: true }));
        }
        if code == ENGINE_FAILED || status == StatusCode::INTERNAL_SERVER_ERROR {
            let named = if code.is_empty() { format!("status {}", status.as_u16()) } else { fault.code };
            return Ok(Try::Failed(Fault { code: named, ..fault }, time));
        }
        let later = [StatusCode::TOO_MANY_REQUESTS, StatusCode::BAD_GATEWAY, StatusCode::SERVICE_UNAVAILABLE];
        if later.contains(&status) {
            self.away.set(self.away.get() || status != StatusCode::TOO_MANY_REQUESTS);
            return Ok(Try::Later(Wait { time: asked.unwrap_or(usual), reason: refused(status, &body).to_string() }));
        }
        Err(refused(status, &body))
    }

    /// A connection that broke off says that the service is away; an answer that does not come, that it fails.
    fn broke_off(&self, error: &reqwest::Error, start: Instant, usual: Duration) -> Try {
        if error.is_timeout() && !error.is_connect() {
            return Try::Failed(Fault { code: "no answer in time".to_owned(), spent: None }, start.elapsed());
        }
        self.away.set(true);
        Try::Later(Wait { time: usual, reason: causes(error) })
    }

    fn unreachable(&self, error: &reqwest::Error) -> EvalError {
        EvalError::Service(format!("cannot reach {}: {}; is the service running there?", self.url, causes(error)))
    }
}

fn id(model: &Value) -> Option<&str> {
    model.get("id").and_then(Value::as_str)
}

fn no_model(name: Option<&str>, models: &[Value]) -> EvalError {
    let known: Vec<&str> = models.iter().filter_map(id).collect();
    EvalError::Service(match (name, known.as_slice()) {
        (_, []) => "this key may use no model; ask the operator".to_owned(),
        (name, known) => format!("there is no model `{}`; use one of: {}", name.unwrap_or_default(), known.join(", ")),
    })
}

/// `None` while the engine is not there.
fn read_model(model: &Value) -> Result<Option<Model>, EvalError> {
    let id = id(model).unwrap_or_default().to_owned();
    let Some(ours) = model.get("forethought") else {
        return Err(EvalError::Service(format!("the model `{id}` is served by something else than forethought")));
    };
    let of = |key: &str| ours.pointer(&format!("/engine/{key}"));
    let weights = of("weights").and_then(Value::as_str).map(ToOwned::to_owned);
    let repeatable = of("repeatable").and_then(Value::as_bool).unwrap_or_default();
    Ok(weights.map(|weights| Model { id, weights, repeatable }))
}

fn refused(status: StatusCode, body: &Value) -> EvalError {
    let message = body.pointer("/error/message").and_then(Value::as_str).unwrap_or("no reason was given");
    EvalError::Service(format!("the service refuses ({}): {message}", status.as_u16()))
}

/// The wait that the service asks for, in whole seconds.
fn retry_after(response: &Response) -> Option<Duration> {
    let seconds = response.headers().get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds))
}

/// What `reqwest` keeps in its causes is what people need to know.
fn causes(error: &reqwest::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests;
