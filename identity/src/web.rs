//! Fetches small documents: no redirects, bounded in time and size.

use std::{error::Error as _, path::Path, time::Duration};

use reqwest::{Client, Response, StatusCode, Url, header, redirect::Policy};
use tokio::time::timeout;

use crate::{certificates::certificates, config::Wrong, key_set::MAX_BYTES};

/// How long one document may take, from the connection to its last byte.
const WITHIN: Duration = Duration::from_secs(5);

/// Asks one issuer.
#[derive(Clone, Debug)]
pub(crate) struct Web {
    client: Client,
}

impl Web {
    /// For an issuer that is asked at `url` first.
    pub(crate) fn new(url: &Url, ca_file: Option<&Path>) -> Result<Self, Wrong> {
        let client = Client::builder().redirect(Policy::none()).connect_timeout(WITHIN).pool_max_idle_per_host(0);
        let secure = url.scheme() == "https";
        let client = match ca_file {
            Some(file) if secure => {
                client.tls_certs_only(certificates(file).map_err(|why| Wrong::new("ca_file", why))?)
            }
            Some(_) => {
                return Err(Wrong::new("ca_file", "is for an address with https, which this one is not; remove it"));
            }
            None if secure => client,
            // Without https only this machine is asked. A proxy of the environment would be another one.
            None => client.tls_certs_only([]).no_proxy(),
        };
        let client = client.build().map_err(|error| Wrong::new("issuer", format!("cannot be asked: {error}")))?;
        Ok(Self { client })
    }

    /// The document there; the error is what went wrong.
    pub(crate) async fn get(&self, url: &Url) -> Result<Vec<u8>, String> {
        let asked = async {
            let request = self.client.get(url.clone()).header(header::ACCEPT, "application/json");
            let response = request.send().await.map_err(|error| broken(&error))?;
            body(expected(response)?).await
        };
        timeout(WITHIN, asked).await.unwrap_or_else(|_| Err(format!("took longer than {} s", WITHIN.as_secs())))
    }
}

fn expected(response: Response) -> Result<Response, String> {
    match response.status() {
        StatusCode::OK => Ok(response),
        status if status.is_redirection() => Err(format!(
            "answered {}, and redirects are not followed; configure the address it leads to",
            status.as_u16()
        )),
        status => Err(format!("answered {}", status.as_u16())),
    }
}

async fn body(mut response: Response) -> Result<Vec<u8>, String> {
    let mut body = Vec::new();
    while let Some(piece) = response.chunk().await.map_err(|error| broken(&error))? {
        if body.len() + piece.len() > MAX_BYTES {
            return Err(format!("sent more than {MAX_BYTES} bytes"));
        }
        body.extend_from_slice(&piece);
    }
    Ok(body)
}

fn broken(error: &reqwest::Error) -> String {
    let what = match error {
        error if distrusts(error) => {
            "shows a certificate that is not trusted; name what it is signed by with `ca_file`"
        }
        error if error.is_connect() => "cannot be reached",
        _ => "broke the connection off",
    };
    what.to_owned()
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
