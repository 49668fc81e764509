//! Where an issuer's keys come from.

use std::time::Duration;

use reqwest::Url;

use crate::{
    IssuerConfig, KeySet, address,
    blocking::Blocking,
    config::Wrong,
    document::keys_address,
    file::{KeyFile, Read},
    web::Web,
};

/// How long a file may take, which may lie on another machine's disk.
const FILE_WITHIN: Duration = Duration::from_secs(5);

/// Where an issuer's keys come from.
#[derive(Debug)]
pub(crate) enum Source {
    File { file: KeyFile, reading: Blocking<Read> },
    Web { web: Web, url: Url },
    Discovery { web: Web, url: Url, issuer: String },
}

/// What a look at the source found.
pub(crate) enum Found {
    Keys(KeySet),
    /// They are what they were.
    Same,
}

impl Source {
    pub(crate) fn new(config: &IssuerConfig) -> Result<Self, Wrong> {
        let ca_file = config.ca_file.as_deref();
        match (&config.jwks_file, &config.jwks_url) {
            (Some(_), Some(_)) => Err(Wrong::new("jwks_file", "stands beside `jwks_url`; remove one of them")),
            (Some(_), None) if ca_file.is_some() => {
                Err(Wrong::new("ca_file", "is for an address with https, and keys come from a file; remove it"))
            }
            (Some(file), None) => Ok(Self::File { file: KeyFile::new(file.clone()), reading: Blocking::default() }),
            (None, Some(url)) => {
                let url = address::trusted(url).map_err(|why| Wrong::new("jwks_url", why))?;
                Ok(Self::Web { web: Web::new(&url, ca_file)?, url })
            }
            (None, None) => {
                let url = address::discovery(&config.issuer).map_err(|why| Wrong::new("issuer", why))?;
                Ok(Self::Discovery { web: Web::new(&url, ca_file)?, url, issuer: config.issuer.clone() })
            }
        }
    }

    /// Whether looking costs next to nothing.
    pub(crate) const fn is_file(&self) -> bool {
        matches!(self, Self::File { .. })
    }

    /// Where it is, for people.
    pub(crate) fn place(&self) -> String {
        match self {
            Self::File { file, .. } => file.path().display().to_string(),
            Self::Web { url, .. } | Self::Discovery { url, .. } => url.to_string(),
        }
    }

    /// Looks for keys; `anyway` reads a file that seems unchanged. The error is what went wrong.
    pub(crate) async fn look(&mut self, anyway: bool) -> Result<Found, String> {
        match self {
            Self::File { file, reading } => from_file(file, reading, anyway).await,
            Self::Web { web, url } => from_web(web, url).await,
            Self::Discovery { web, url, issuer } => {
                let document = web.get(url).await.map_err(|why| format!("{url} {why}"))?;
                from_web(web, &keys_address(&document, issuer, url)?).await
            }
        }
    }
}

async fn from_web(web: &Web, url: &Url) -> Result<Found, String> {
    let text = web.get(url).await.map_err(|why| format!("{url} {why}"))?;
    keys(url, &text)
}

async fn from_file(file: &mut KeyFile, reading: &mut Blocking<Read>, anyway: bool) -> Result<Found, String> {
    let place = file.path().display().to_string();
    let reader = file.clone();
    let read = reading.run(FILE_WITHIN, move || reader.read(anyway)).await;
    let read = read.ok_or_else(|| format!("{place} cannot be read within {} s", FILE_WITHIN.as_secs()))?;
    let Some((text, stamp)) = read.map_err(|why| format!("{place} {why}"))? else { return Ok(Found::Same) };
    let found = keys(&place, &text)?;
    file.was_good(stamp);
    Ok(found)
}

fn keys(place: &impl ToString, text: &[u8]) -> Result<Found, String> {
    KeySet::parse(text).map(Found::Keys).map_err(|error| format!("{}: {error}", place.to_string()))
}
