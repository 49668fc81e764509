//! Servers that are spoken to over HTTP: Streamable HTTP of the Model Context Protocol (2025-03-26 and later, transports).
//!
//! Redirects are not followed, no proxy of the environment is used, and connections go where the [guard](crate::egress) lets
//! them. No encoding of bodies is asked for or taken, so that what is read is as long as what was sent. The SDK has a client
//! of its own, which leaves open how much an endless stream may send.

mod events;
mod web;

use std::{collections::HashMap, fs, path::Path, sync::Arc, time::Duration};

use reqwest::{
    Certificate, Client, Url,
    header::{HeaderMap, HeaderName, HeaderValue},
    redirect::Policy,
};
use rmcp::transport::{
    StreamableHttpClientTransport,
    common::client_side_sse::ExponentialBackoff,
    streamable_http_client::{StreamableHttpClientTransportConfig, StreamableHttpError},
};

use web::WebError;

pub(crate) use web::Web;

use crate::{
    config::{HeaderSecret, HttpConfig},
    egress::{Guard, Lookup},
    end::End,
};

const CONNECT_WITHIN: Duration = Duration::from_secs(5);
/// How often a stream that broke off is taken up again, and the longest pause before it.
const TRIES: usize = 5;
const MOST_PAUSE: Duration = Duration::from_secs(30);
/// Headers that are the protocol's own.
const RESERVED: [&str; 11] = [
    "accept",
    "accept-encoding",
    "content-type",
    "content-length",
    "host",
    "connection",
    "transfer-encoding",
    "mcp-session-id",
    "mcp-protocol-version",
    "last-event-id",
    "cookie",
];

/// Checks what an operator says of a service, and makes a client that reaches it alone.
pub(crate) fn client(config: &HttpConfig, lookup: Arc<dyn Lookup>) -> Result<Client, (&'static str, String)> {
    let url = Url::parse(&config.url).map_err(|error| ("url", format!("is no address: {error}")))?;
    let guard = Guard::with_lookup(&url, config.allow_http, &config.egress.allow_private, lookup);
    let guard = guard.map_err(|refused| ("url", format!("cannot be used: {refused}")))?;
    for (name, value) in &config.headers {
        header(name, value).map_err(|why| ("headers", why))?;
    }
    for secret in config.credentials.iter().flat_map(|all| all.values()) {
        header(&secret.header, &secret.prefix).map_err(|why| ("credentials", why))?;
    }
    let client = Client::builder()
        .redirect(Policy::none())
        .no_proxy()
        .referer(false)
        .connect_timeout(CONNECT_WITHIN)
        .pool_max_idle_per_host(0)
        .dns_resolver(Arc::new(guard));
    let client = match &config.ca_file {
        Some(file) => client.tls_certs_only(certificates(file).map_err(|why| ("ca_file", why))?),
        None if url.scheme() == "https" => client,
        // Loading the system's certificates may fail, which matters only where they are used.
        None => client.tls_certs_only([]),
    };
    client.build().map_err(|error| ("http", format!("there is no client for it: {error}")))
}

/// The headers of one tenant's requests.
pub(crate) fn headers(config: &HttpConfig, secret: Option<&HeaderSecret>) -> Result<HeaderMap, String> {
    let mut headers = HeaderMap::new();
    for (name, value) in &config.headers {
        let (name, value) = header(name, value)?;
        headers.insert(name, value);
    }
    if let Some(secret) = secret {
        let value = format!("{}{}", secret.prefix, secret.value.read()?);
        let (name, mut value) = header(&secret.header, &value)?;
        value.set_sensitive(true);
        headers.insert(name, value);
    }
    Ok(headers)
}

/// The error does not tell the value.
fn header(name: &str, value: &str) -> Result<(HeaderName, HeaderValue), String> {
    let small = name.to_ascii_lowercase();
    if RESERVED.contains(&small.as_str()) {
        return Err(format!("hold `{name}`, which is for the protocol alone; remove it"));
    }
    let name = HeaderName::try_from(&small).map_err(|_| format!("hold {name:?}, which cannot be a header's name"))?;
    let value = HeaderValue::try_from(value).map_err(|_| format!("give `{name}` a value that no header can have"))?;
    Ok((name, value))
}

fn certificates(file: &Path) -> Result<Vec<Certificate>, String> {
    let wrong = |why: &str| format!("{} {why}; name a file with certificates in PEM form", file.display());
    let bytes = fs::read(file).map_err(|error| wrong(&format!("cannot be read: {error}")))?;
    let found = Certificate::from_pem_bundle(&bytes).unwrap_or_default();
    if found.is_empty() { Err(wrong("holds no certificate")) } else { Ok(found) }
}

/// The SDK's side of the conversation. A session that has expired ends it: what is listed and approved must be looked at again.
pub(crate) fn transport(url: &str, web: Web, calls: u32) -> StreamableHttpClientTransport<Web> {
    let mut config = StreamableHttpClientTransportConfig::with_uri(url)
        .reinit_on_expired_session(false)
        .max_concurrent_requests(usize::try_from(calls).unwrap_or(1).saturating_add(2))
        .custom_headers(HashMap::new());
    let mut pauses = ExponentialBackoff::default();
    pauses.max_times = Some(TRIES);
    pauses.max_delay = Some(MOST_PAUSE);
    config.retry_config = Arc::new(pauses);
    StreamableHttpClientTransport::with_client(web, config)
}

/// Whether the server has not taken a request, as it does not know the session any more.
pub(crate) fn is_expired(error: &(dyn std::error::Error + 'static)) -> bool {
    matches!(error.downcast_ref::<StreamableHttpError<WebError>>(), Some(StreamableHttpError::SessionExpired))
}

/// A client of one tenant.
pub(crate) fn web(client: Client, headers: HeaderMap, end: End) -> Web {
    Web::new(client, headers, end)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::{ServerConfig, egress::SystemLookup, secret::Secret};

    #[test]
    fn only_what_can_be_asked_has_a_client() {
        let check = |change: &dyn Fn(&mut HttpConfig), expected: &str| {
            let mut config = ServerConfig::http("t", "https://mcp.example/mcp").http.unwrap();
            change(&mut config);
            match client(&config, Arc::new(SystemLookup)) {
                Ok(_) => assert!(expected.is_empty(), "{expected}"),
                Err((key, why)) => {
                    assert!(!expected.is_empty() && format!("{key} {why}").contains(expected), "{key} {why}");
                }
            }
        };
        check(&|_| (), "");
        check(&|config| config.url = "mcp.example".to_owned(), "url is no address");
        check(&|config| config.url = "http://mcp.example/".to_owned(), "not encrypted");
        check(&|config| (config.url, config.allow_http) = ("http://mcp.example/".to_owned(), true), "");
        check(&|config| config.url = "https://10.0.0.1/".to_owned(), "a private network");
        check(&|config| config.ca_file = Some("/no/such/file".into()), "ca_file");
        for name in ["Host", "mcp-session-id", "Cookie"] {
            check(&|config| drop(config.headers.insert(name.to_owned(), String::new())), "protocol alone");
        }
        check(&|config| drop(config.headers.insert("a b".to_owned(), String::new())), "cannot be a header's name");
        check(&|config| drop(config.headers.insert("a".to_owned(), "b\n".to_owned())), "no header can have");
    }

    #[test]
    fn a_tenant_s_headers_are_its_own_and_are_not_told() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("token");
        fs::write(&file, "s3cret\n").unwrap();
        let mut config = ServerConfig::http("t", "https://mcp.example/mcp").http.unwrap();
        config.headers = BTreeMap::from([("X-Team".to_owned(), "risk".to_owned())]);
        let (header, prefix) = ("authorization".to_owned(), "Bearer ".to_owned());
        let secret = HeaderSecret { header, prefix, value: Secret::File(file.clone()) };
        let found = headers(&config, Some(&secret)).unwrap();
        assert_eq!(
            (found["x-team"].as_bytes(), found["authorization"].as_bytes()),
            (&b"risk"[..], &b"Bearer s3cret"[..])
        );
        assert!(!format!("{found:?}").contains("s3cret"));
        assert_eq!(headers(&config, None).unwrap().len(), 1);
        fs::write(&file, "s3\u{1}cret").unwrap();
        assert!(headers(&config, Some(&secret)).is_err_and(|why| !why.contains("cret")));
    }
}
