//! What an operator says of a server: how it is reached, what of it is offered, and what it may use.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
};

use forethought_tools::{Effect, Limits};
use serde::{Deserialize, Serialize};

use crate::{egress, secret::Secret};

/// The longest name of a server, in bytes: its tools' names need the rest.
pub const MAX_SERVER_NAME: usize = 24;

/// One server of the Model Context Protocol. It has either `stdio` or `http`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServerConfig {
    /// Its name, which its tools' names begin with: 1 to 24 small letters, digits, `_` and `-`, a letter first.
    pub name: String,
    /// A program on this machine that is spoken to over its input and output.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stdio: Option<StdioConfig>,
    /// A service that is spoken to over HTTP.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http: Option<HttpConfig>,
    /// Which of its tools may be offered, by the server's own names for them.
    #[serde(default)]
    pub tools: Offered,
    /// What calling a tool may change, by the server's own name for it. A tool that is not named here
    /// [changes](Effect::Changes) something: what a server says of itself does not count.
    #[serde(default)]
    pub effects: BTreeMap<String, Effect>,
    /// The most that one call may use, whatever its caller would give it. `memory` does not apply.
    #[serde(default)]
    pub limits: Limits,
    /// How the conversation is opened.
    #[serde(default)]
    pub handshake: Handshake,
    /// How long it may take from its start to its list of tools, in milliseconds, from 1 to 600,000.
    #[serde(default = "start_ms")]
    pub start_ms: u64,
    /// How often in a row it is started again after it failed before it is given up.
    #[serde(default = "restarts")]
    pub restarts: u32,
    /// Most calls at once of one connection, from 1 to 1,024.
    #[serde(default = "calls")]
    pub calls: u32,
    /// Most connections at once where each tenant has its own, from 1 to 1,024.
    #[serde(default = "tenants")]
    pub tenants: u32,
    /// How long a tenant's own connection is kept without a call, in seconds, 1 at least.
    #[serde(default = "idle_s")]
    pub idle_s: u64,
}

/// A program on this machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StdioConfig {
    /// The program. Without a `/` it is looked for on this service's own `PATH`.
    pub command: PathBuf,
    /// Its arguments.
    #[serde(default)]
    pub args: Vec<String>,
    /// Its whole environment: nothing is inherited, not even `PATH`.
    #[serde(default)]
    pub env: BTreeMap<String, String>,
    /// Where it runs; where this service runs if it is not said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cwd: Option<PathBuf>,
    /// The most resident memory of it and all that it starts, in bytes. It is looked at several times a second, on Linux.
    #[serde(default = "memory_bytes")]
    pub memory_bytes: u64,
    /// The most processes that it may be, with all that it starts.
    #[serde(default = "processes")]
    pub processes: u32,
    /// Variables of its environment by tenant. With this each tenant has a process of its own, and who is not listed has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credentials: Option<BTreeMap<String, BTreeMap<String, Secret>>>,
}

/// A service that is spoken to over HTTP.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HttpConfig {
    /// Its address. Nothing but its host is ever connected to.
    pub url: String,
    /// Whether the address may be one without encryption.
    #[serde(default)]
    pub allow_http: bool,
    /// Certificates that are trusted instead of the system's, in PEM form.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_file: Option<PathBuf>,
    /// Headers for all tenants. Secrets do not belong here.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// A header by tenant. With this each tenant has a session of its own, and who is not listed has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credentials: Option<BTreeMap<String, HeaderSecret>>,
    /// What may be connected to.
    #[serde(default)]
    pub egress: EgressConfig,
}

/// A header that shows who a tenant is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HeaderSecret {
    /// Its name.
    #[serde(default = "authorization")]
    pub header: String,
    /// What stands before the secret, such as `Bearer ` with its space.
    #[serde(default)]
    pub prefix: String,
    /// The secret.
    pub value: Secret,
}

/// What may be connected to besides public addresses.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EgressConfig {
    /// Ranges such as `10.1.0.0/16` that are connected to although they are not public.
    #[serde(default)]
    pub allow_private: Vec<egress::Range>,
}

/// Which tools may be offered.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Offered {
    /// Every one that is approved.
    #[default]
    All,
    /// Of those that are approved only these, by the server's own names.
    Only(BTreeSet<String>),
}

impl Offered {
    /// Whether a tool with this name of the server's own may be offered.
    #[must_use]
    pub fn has(&self, tool: &str) -> bool {
        match self {
            Self::All => true,
            Self::Only(names) => names.contains(tool),
        }
    }
}

/// How the conversation is opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Handshake {
    /// By `server/discover`, and by `initialize` when the server does not know that.
    #[default]
    Auto,
    /// By `initialize`, as protocol versions up to 2025-11-25 have it. For a server that does not answer what it does not
    /// know: it would be waited for each time.
    Initialize,
    /// By `server/discover`, as protocol version 2026-07-28 has it.
    Discover,
}

/// What is wrong with the configuration of a server.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("server `{server}`: `{key}` {why}")]
pub struct ConfigError {
    /// Its name, as it stands there.
    pub server: String,
    /// The key.
    pub key: &'static str,
    /// What is wrong, and the mend.
    pub why: String,
}

const fn start_ms() -> u64 {
    30_000
}

const fn restarts() -> u32 {
    8
}

const fn calls() -> u32 {
    16
}

const fn tenants() -> u32 {
    16
}

const fn idle_s() -> u64 {
    300
}

const fn memory_bytes() -> u64 {
    512 << 20
}

const fn processes() -> u32 {
    64
}

fn authorization() -> String {
    "authorization".to_owned()
}

impl ServerConfig {
    /// A program with everything else as it is when nothing is said.
    #[must_use]
    pub fn stdio(name: &str, command: impl Into<PathBuf>, args: &[&str]) -> Self {
        let args = args.iter().map(|arg| (*arg).to_owned()).collect();
        let stdio = StdioConfig {
            command: command.into(),
            args,
            env: BTreeMap::new(),
            cwd: None,
            memory_bytes: memory_bytes(),
            processes: processes(),
            credentials: None,
        };
        Self { stdio: Some(stdio), ..Self::empty(name) }
    }

    /// A service at an address with everything else as it is when nothing is said.
    #[must_use]
    pub fn http(name: &str, url: &str) -> Self {
        let http = HttpConfig {
            url: url.to_owned(),
            allow_http: false,
            ca_file: None,
            headers: BTreeMap::new(),
            credentials: None,
            egress: EgressConfig::default(),
        };
        Self { http: Some(http), ..Self::empty(name) }
    }

    fn empty(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            stdio: None,
            http: None,
            tools: Offered::All,
            effects: BTreeMap::new(),
            limits: Limits::default(),
            handshake: Handshake::Auto,
            start_ms: start_ms(),
            restarts: restarts(),
            calls: calls(),
            tenants: tenants(),
            idle_s: idle_s(),
        }
    }

    /// Checks what can be checked without asking anybody.
    ///
    /// # Errors
    /// [`ConfigError`], the first that is found.
    pub fn check(&self) -> Result<(), ConfigError> {
        let wrong = |key, why: &str| Err(ConfigError { server: self.name.clone(), key, why: why.to_owned() });
        if !is_name(&self.name) {
            return wrong("name", "must be 1 to 24 small letters, digits, `_` and `-`, a letter first");
        }
        if self.stdio.is_some() == self.http.is_some() {
            return wrong("stdio", "or `http` must be there, and not both");
        }
        if !(1..=600_000).contains(&self.start_ms) {
            return wrong("start_ms", "must be from 1 to 600000");
        }
        if !(1..=1024).contains(&self.calls) {
            return wrong("calls", "must be from 1 to 1024");
        }
        if !(1..=1024).contains(&self.tenants) {
            return wrong("tenants", "must be from 1 to 1024");
        }
        if self.idle_s == 0 {
            return wrong("idle_s", "must be 1 at least");
        }
        if !(1..=3_600_000).contains(&self.limits.time_ms) {
            return wrong("limits", "must give `time_ms` from 1 to 3600000");
        }
        self.stdio.as_ref().map_or(Ok(()), |stdio| stdio.check().or_else(|(key, why)| wrong(key, &why)))
    }

    /// Whether each tenant has a connection of its own.
    #[must_use]
    pub fn is_per_tenant(&self) -> bool {
        self.stdio.as_ref().is_some_and(|stdio| stdio.credentials.is_some())
            || self.http.as_ref().is_some_and(|http| http.credentials.is_some())
    }

    /// Whether a tenant may use it at all.
    #[must_use]
    pub fn serves(&self, tenant: &str) -> bool {
        let listed = |stdio: &StdioConfig| stdio.credentials.as_ref().is_none_or(|all| all.contains_key(tenant));
        let shown = |http: &HttpConfig| http.credentials.as_ref().is_none_or(|all| all.contains_key(tenant));
        self.stdio.as_ref().is_none_or(listed) && self.http.as_ref().is_none_or(shown)
    }
}

impl StdioConfig {
    fn check(&self) -> Result<(), (&'static str, String)> {
        if self.command.as_os_str().is_empty() {
            return Err(("command", "is empty; name a program".to_owned()));
        }
        let mut names =
            self.env.keys().chain(self.credentials.iter().flat_map(|all| all.values().flat_map(BTreeMap::keys)));
        if let Some(name) = names.find(|name| name.is_empty() || name.contains(['=', '\0'])) {
            return Err(("env", format!("holds {name:?}, which cannot be a variable's name")));
        }
        if self.processes == 0 {
            return Err(("processes", "must be 1 at least".to_owned()));
        }
        if self.memory_bytes < 1 << 20 {
            return Err(("memory_bytes", "must be 1048576 at least".to_owned()));
        }
        Ok(())
    }
}

fn is_name(name: &str) -> bool {
    name.bytes().next().is_some_and(|first| first.is_ascii_lowercase())
        && name.len() <= MAX_SERVER_NAME
        && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_-".contains(&byte))
}

#[cfg(test)]
mod tests;
