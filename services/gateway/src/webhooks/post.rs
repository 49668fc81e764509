//! Sends one event: no redirects, bounded in time, and nothing of the answer but its status and `Retry-After` is read.

use std::{error::Error as _, time::Duration};

use forethought_webhooks::{Answer, Event, Hook, Secrets, address, retry_after};
use jiff::Timestamp;
use reqwest::{
    Response,
    header::{CONTENT_TYPE, RETRY_AFTER, USER_AGENT},
    redirect::Policy,
};
use tokio::time::timeout;

/// How long a connection may take.
const CONNECT_WITHIN: Duration = Duration::from_secs(5);
/// How long everything may take, up to the answer's headers.
const WITHIN: Duration = Duration::from_secs(15);
/// By what receivers know who sends.
const AGENT: &str = concat!("forethought/", env!("CARGO_PKG_VERSION"));

/// What came of sending an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Posted {
    /// What it means.
    pub answer: Answer,
    /// In words.
    pub told: String,
}

impl Posted {
    /// It could not even be sent.
    #[must_use]
    pub const fn away(told: String) -> Self {
        Self { answer: Answer::Away(None), told }
    }
}

/// Sends events.
#[derive(Clone, Debug)]
pub struct Client {
    /// Over https, as this machine trusts certificates.
    secure: Result<reqwest::Client, String>,
    /// Without encryption. A proxy of the environment would be somebody else than who is allowed to read along.
    plain: Result<reqwest::Client, String>,
}

impl Client {
    /// A client. One that cannot be made tells so whenever it is to send something.
    #[must_use]
    pub fn new() -> Self {
        // A connection that is kept open would be one for each receiver, for ever.
        let base = || {
            reqwest::Client::builder()
                .redirect(Policy::none())
                .connect_timeout(CONNECT_WITHIN)
                .pool_max_idle_per_host(0)
        };
        let made = |client: reqwest::ClientBuilder| client.build().map_err(|error| chain(&error));
        Self { secure: made(base()), plain: made(base().tls_certs_only([]).no_proxy()) }
    }

    /// Sends an event to a webhook, signed with its secrets.
    pub async fn post(&self, hook: &Hook, secrets: &Secrets, event: &Event) -> Posted {
        let url = match address(&hook.url, hook.allow_http) {
            Ok(url) => url,
            Err((why, _)) => return Posted::away(format!("the address {why}")),
        };
        let client = if url.scheme() == "https" { &self.secure } else { &self.plain };
        let client = match client {
            Ok(client) => client,
            Err(why) => return Posted::away(format!("there is no client for it: {why}")),
        };
        let signed = secrets.sign(&event.id, Timestamp::now().as_second(), &event.body);
        let request = client
            .post(url.as_str())
            .header(USER_AGENT, AGENT)
            .header(CONTENT_TYPE, "application/json")
            .header("webhook-id", signed.id)
            .header("webhook-timestamp", signed.timestamp)
            .header("webhook-signature", signed.signature)
            .body(event.body.clone());
        match timeout(WITHIN, request.send()).await {
            Ok(Ok(response)) => posted(&response),
            Ok(Err(error)) => Posted::away(chain(&error.without_url())),
            Err(_) => Posted::away(format!("it did not answer within {} s", WITHIN.as_secs())),
        }
    }
}

fn posted(response: &Response) -> Posted {
    let status = response.status();
    let after = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok());
    let after = after.and_then(|text| retry_after(text, Timestamp::now()));
    let more = if status.is_redirection() { ", and redirects are not followed" } else { "" };
    Posted { answer: Answer::of(status.as_u16(), after), told: format!("it answered {}{more}", status.as_u16()) }
}

/// An error with its causes.
fn chain(error: &reqwest::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text = format!("{text}: {inner}");
        cause = inner.source();
    }
    text
}
