//! Where connections may go: to the host of one address, and there only to addresses that are public or that the operator lists.
//!
//! A name is resolved here, every address that it has is judged, and the connection is made to those that were judged: who
//! answers for the name cannot answer otherwise in between. [`Guard`] is a resolver for `reqwest`. A client that uses it must
//! neither follow redirects nor use a proxy, which would resolve names itself.

mod judge;
mod range;

use std::{
    fmt,
    net::{IpAddr, SocketAddr},
    pin::Pin,
    sync::Arc,
    time::Duration,
};

use reqwest::{
    Url,
    dns::{Addrs, Name, Resolve, Resolving},
};

pub use judge::{Why, judge};
pub use range::{MalformedRange, Range};

/// How long names may take to be resolved.
const RESOLVE_WITHIN: Duration = Duration::from_secs(5);
/// More addresses than a host needs.
const MOST_ADDRESSES: usize = 64;

/// A connection that was not made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// It is no address of a web server.
    #[error("`{0}` is no address that can be connected to; write one that begins with `https://`")]
    Address(String),
    /// It is not encrypted.
    #[error("`{0}` is not encrypted; use https, or allow http where the network is trusted")]
    Plain(String),
    /// It holds a secret that would get into logs.
    #[error("the address of `{0}` holds a user's name or password; remove it")]
    Password(String),
    /// It is another host than the one that is configured.
    #[error("`{0}` is not the host that is configured")]
    Host(String),
    /// The name has an address that may not be connected to.
    #[error("`{host}` leads to {address}, which is {why}; list its range in `egress.allow_private` if that is right")]
    Range {
        /// The host.
        host: String,
        /// What it leads to.
        address: IpAddr,
        /// What that is.
        why: Why,
    },
    /// The name has no address.
    #[error("`{0}` cannot be resolved: {1}")]
    Unresolved(String, String),
}

/// What a name is resolved by.
pub trait Lookup: Send + Sync {
    /// All addresses of a name.
    fn lookup(&self, host: String) -> Pin<Box<dyn Future<Output = std::io::Result<Vec<IpAddr>>> + Send>>;
}

/// The system's resolver.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemLookup;

impl Lookup for SystemLookup {
    fn lookup(&self, host: String) -> Pin<Box<dyn Future<Output = std::io::Result<Vec<IpAddr>>> + Send>> {
        Box::pin(async move {
            let found = tokio::net::lookup_host((host.as_str(), 0)).await?;
            Ok(found.map(|address| address.ip()).take(MOST_ADDRESSES + 1).collect())
        })
    }
}

/// Lets connections go to one host, where that is no place that nobody may reach.
#[derive(Clone)]
pub struct Guard {
    host: Arc<str>,
    allowed: Arc<[Range]>,
    lookup: Arc<dyn Lookup>,
}

impl fmt::Debug for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guard").field("host", &self.host).field("allowed", &self.allowed).finish_non_exhaustive()
    }
}

impl Guard {
    /// For the host of `url` alone. `allowed` are ranges that may be connected to although they are not public.
    ///
    /// # Errors
    /// [`Refused`] when the address cannot be used, or when its host is a number that may not be connected to: such a one is
    /// never resolved.
    pub fn new(url: &Url, allow_http: bool, allowed: &[Range]) -> Result<Self, Refused> {
        Self::with_lookup(url, allow_http, allowed, Arc::new(SystemLookup))
    }

    /// As [`Guard::new`], with another resolver.
    ///
    /// # Errors
    /// As [`Guard::new`].
    pub fn with_lookup(
        url: &Url,
        allow_http: bool,
        allowed: &[Range],
        lookup: Arc<dyn Lookup>,
    ) -> Result<Self, Refused> {
        let host = url.host_str().unwrap_or_default();
        match url.scheme() {
            _ if host.is_empty() => return Err(Refused::Address(url.to_string())),
            "https" => {}
            "http" if allow_http => {}
            "http" => return Err(Refused::Plain(url.to_string())),
            _ => return Err(Refused::Address(url.to_string())),
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(Refused::Password(host.to_owned()));
        }
        let guard = Self { host: host.to_ascii_lowercase().into(), allowed: allowed.into(), lookup };
        if let Some(address) = number(host) {
            guard.passes(address)?;
        }
        Ok(guard)
    }

    /// The addresses of a host that may be connected to: all that it has.
    ///
    /// # Errors
    /// [`Refused`] when it is another host, cannot be resolved, or has one address that may not be connected to.
    pub async fn resolve(&self, host: &str) -> Result<Vec<IpAddr>, Refused> {
        if !host.eq_ignore_ascii_case(&self.host) {
            return Err(Refused::Host(host.to_owned()));
        }
        let unresolved = |why: String| Refused::Unresolved(host.to_owned(), why);
        let asked = tokio::time::timeout(RESOLVE_WITHIN, self.lookup.lookup(host.to_owned())).await;
        let found = asked.map_err(|_| unresolved("it took too long".to_owned()))?;
        let found = found.map_err(|error| unresolved(error.to_string()))?;
        if found.is_empty() || found.len() > MOST_ADDRESSES {
            return Err(unresolved(format!("it has {} addresses", found.len())));
        }
        found.iter().try_for_each(|address| self.passes(*address))?;
        Ok(found)
    }

    fn passes(&self, address: IpAddr) -> Result<(), Refused> {
        judge(address, &self.allowed).map_err(|why| Refused::Range { host: self.host.to_string(), address, why })
    }
}

impl Resolve for Guard {
    fn resolve(&self, name: Name) -> Resolving {
        let guard = self.clone();
        Box::pin(async move {
            let found = Guard::resolve(&guard, name.as_str()).await?;
            let addresses: Addrs = Box::new(found.into_iter().map(|address| SocketAddr::new(address, 0)));
            Ok(addresses)
        })
    }
}

/// A host that is a number. `Url` has already read such as `127.1` and `0x7f000001` as what they are.
fn number(host: &str) -> Option<IpAddr> {
    host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host).parse().ok()
}

#[cfg(test)]
mod tests;
