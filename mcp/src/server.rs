//! A server, and its tools as tools of ours.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError, Weak},
    time::Duration,
};

use async_trait::async_trait;
use forethought_tools::{Invocation, Limits, Reply, Tool, ToolError, ToolSpec};
use reqwest::Client;
use serde_json::{Map, Value};
use tokio::{runtime::Handle, time::timeout};

use crate::{
    config::{ConfigError, ServerConfig},
    connection::{Broken, Connection},
    egress::{Lookup, SystemLookup},
    http,
    lane::{Lane, State, Whose},
    listing::{Listed, Listing},
    pins::{Pins, Status, diff, status},
    signs::{Sign, signs},
};

/// Whether it is approved is asked before each call; this is what a call is told that may not be.
const CHANGED: &str = "its description has changed and waits for approval";

/// A server of the Model Context Protocol. Dropping it ends what was started, and its tools cannot be used any more.
pub struct Server(Arc<Inner>);

struct Inner {
    config: Arc<ServerConfig>,
    client: Option<Client>,
    pins: Arc<dyn Pins>,
    /// Where connections live, whoever asks for them.
    runtime: Handle,
    lanes: Mutex<BTreeMap<String, Arc<Lane>>>,
}

/// A tool that a server lists, for people who approve tools.
#[derive(Clone, Debug)]
pub struct Found {
    /// What a model would be told of it.
    pub spec: Arc<ToolSpec>,
    /// The server's own name for it.
    pub own: String,
    /// Whether it may be offered.
    pub status: Status,
    /// What may be wrong with its description.
    pub signs: Vec<Sign>,
    /// What is not as it was approved, when it has changed.
    pub diff: Option<String>,
}

/// All that a server lists.
#[derive(Clone, Debug, Default)]
pub struct Survey {
    /// Its tools, by their names in front of models.
    pub tools: Vec<Found>,
    /// Those that cannot be offered, by the server's own names, and why.
    pub unusable: Vec<(String, String)>,
}

impl Server {
    /// Whether there can be such a server. Nothing is started for it, and it needs no runtime.
    ///
    /// # Errors
    /// [`ConfigError`], the first that is found.
    pub fn check(config: &ServerConfig) -> Result<(), ConfigError> {
        client(config, Arc::new(SystemLookup)).map(drop)
    }

    /// A server that is started, or connected to, when it is first wanted. What is started lives on the runtime that is
    /// current here: it stays when the runtime of somebody who asked for it ends.
    ///
    /// # Errors
    /// [`ConfigError`] when it cannot be one.
    ///
    /// # Panics
    /// When it is made outside of a Tokio runtime. [`Handle::enter`] makes one current.
    pub fn new(config: ServerConfig, pins: Arc<dyn Pins>) -> Result<Self, ConfigError> {
        Self::with_lookup(config, pins, Arc::new(SystemLookup))
    }

    /// As [`Server::new`], with another resolver of names.
    ///
    /// # Errors
    /// As [`Server::new`].
    ///
    /// # Panics
    /// As [`Server::new`].
    pub fn with_lookup(
        config: ServerConfig,
        pins: Arc<dyn Pins>,
        lookup: Arc<dyn Lookup>,
    ) -> Result<Self, ConfigError> {
        let client = client(&config, lookup)?;
        let (config, runtime) = (Arc::new(config), Handle::current());
        Ok(Self(Arc::new(Inner { config, client, pins, runtime, lanes: Mutex::default() })))
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0.config.name
    }

    /// How it does, as far as this tenant is concerned.
    #[must_use]
    pub fn state(&self, tenant: &str) -> State {
        let lanes = self.0.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        lanes.get(self.0.key(tenant)).map_or(State::Off, |lane| lane.state())
    }

    /// How each connection does, by tenant; by an empty name where all tenants share one.
    #[must_use]
    pub fn states(&self) -> BTreeMap<String, State> {
        let lanes = self.0.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        lanes.iter().map(|(tenant, lane)| (tenant.clone(), lane.state())).collect()
    }

    /// The tools that may be offered to models, for a tenant. It starts the server if need be.
    ///
    /// # Errors
    /// [`ToolError`]: the server does not work, has no credentials for the tenant, or takes longer than it may to start.
    pub async fn tools(&self, tenant: &str) -> Result<Vec<Arc<dyn Tool>>, ToolError> {
        let listing = self.0.listing(tenant).await?;
        let approved = listing.tools.values().filter(|tool| self.0.status(tool) == Status::Approved);
        let tool = |listed: &Listed| -> Arc<dyn Tool> {
            let Listed { own, spec } = listed.clone();
            Arc::new(McpTool { own, spec, server: Arc::downgrade(&self.0) })
        };
        Ok(approved.map(tool).collect())
    }

    /// All that the server lists for a tenant, for people who approve tools.
    ///
    /// # Errors
    /// As [`Server::tools`].
    pub async fn survey(&self, tenant: &str) -> Result<Survey, ToolError> {
        let listing = self.0.listing(tenant).await?;
        let found = |Listed { own, spec }: &Listed| {
            let status = status(self.0.pins.as_ref(), spec);
            let approved = self.0.pins.approved(spec.name()).filter(|_| status == Status::Changed);
            let diff = approved.map(|approved| diff(&approved, spec));
            Found { spec: Arc::clone(spec), own: own.clone(), status, signs: signs(spec), diff }
        };
        Ok(Survey { tools: listing.tools.values().map(found).collect(), unusable: listing.unusable.clone() })
    }

    /// Ends every connection at once. The next who wants one begins it anew, also after it was given up.
    pub fn restart(&self) {
        let lanes = std::mem::take(&mut *self.0.lanes.lock().unwrap_or_else(PoisonError::into_inner));
        for lane in lanes.values() {
            lane.kill();
        }
    }

    /// Ends every connection politely, and what was started.
    pub async fn stop(&self) {
        let lanes = std::mem::take(&mut *self.0.lanes.lock().unwrap_or_else(PoisonError::into_inner));
        futures::future::join_all(lanes.values().map(|lane| lane.stop())).await;
    }
}

/// What reaches a service, where it is one.
fn client(config: &ServerConfig, lookup: Arc<dyn Lookup>) -> Result<Option<Client>, ConfigError> {
    config.check()?;
    let client = config.http.as_ref().map(|config| http::client(config, lookup)).transpose();
    client.map_err(|(key, why)| ConfigError { server: config.name.clone(), key, why })
}

impl Drop for Server {
    fn drop(&mut self) {
        self.restart();
    }
}

impl Inner {
    /// By what a tenant's connection is kept.
    fn key<'t>(&self, tenant: &'t str) -> &'t str {
        if self.config.is_per_tenant() { tenant } else { "" }
    }

    /// The connection of a tenant. Where there is no room for another, the one that was not used for longest goes.
    fn lane(&self, tenant: &str) -> Result<Arc<Lane>, ToolError> {
        if !self.config.serves(tenant) {
            return Err(ToolError::Refused("its server has no credentials for this tenant".to_owned()));
        }
        let key = self.key(tenant);
        let mut lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        lanes.retain(|_, lane| lane.is_kept());
        if let Some(lane) = lanes.get(key) {
            return Ok(Arc::clone(lane));
        }
        if usize::try_from(self.config.tenants).is_ok_and(|most| lanes.len() >= most) {
            // One that somebody waits for has two holders.
            let free = |(key, lane): (&String, &Arc<Lane>)| {
                Some((lane.idle().filter(|_| Arc::strong_count(lane) == 1)?, key.clone()))
            };
            let Some((_, oldest)) = lanes.iter().filter_map(free).max() else {
                return Err(ToolError::Unavailable("too many tenants use its server now".to_owned()));
            };
            lanes.remove(&oldest);
        }
        let whose = Whose { config: Arc::clone(&self.config), tenant: key.to_owned(), client: self.client.clone() };
        let lane = Arc::new(Lane::new(whose, &self.runtime));
        lanes.insert(key.to_owned(), Arc::clone(&lane));
        Ok(lane)
    }

    async fn listing(&self, tenant: &str) -> Result<Arc<Listing>, ToolError> {
        let lane = self.lane(tenant)?;
        let within = Duration::from_millis(self.config.start_ms);
        let listed = timeout(within, async {
            loop {
                match lane.connection().await?.listing(&self.config).await.map_err(Broken::from) {
                    Ok(listing) => return Ok(listing),
                    Err(Broken::Expired) => {}
                    Err(Broken::Told(error)) => return Err(error),
                }
            }
        });
        listed.await.unwrap_or(Err(ToolError::TimedOut(self.config.start_ms)))
    }

    fn status(&self, tool: &Listed) -> Status {
        status(self.pins.as_ref(), &tool.spec)
    }

    /// A session that has expired, or has ended before it was this call's turn, is begun anew, once: the server has not taken
    /// the call.
    async fn call(&self, tool: &McpTool, invocation: Invocation, seen: &Seen) -> Result<Reply, ToolError> {
        let lane = self.lane(&invocation.tenant)?;
        let Value::Object(arguments) = invocation.arguments else {
            return Err(ToolError::Arguments("the arguments are no object".to_owned()));
        };
        let mut again = true;
        loop {
            let connection = lane.connection().await?;
            seen.set(&connection);
            match self.attempt(&connection, tool, arguments.clone(), invocation.limits.bytes).await {
                Ok(reply) => return Ok(reply),
                Err(Broken::Expired) if again => again = false,
                Err(Broken::Expired) => {
                    return Err(ToolError::Failed("the tool's server ends its sessions too soon".to_owned()));
                }
                Err(Broken::Told(error)) => return Err(error),
            }
        }
    }

    async fn attempt(
        &self,
        connection: &Connection,
        tool: &McpTool,
        arguments: Map<String, Value>,
        bytes: usize,
    ) -> Result<Reply, Broken> {
        self.check(tool, &*connection.listing(&self.config).await?)?;
        connection.call(&tool.own, arguments, bytes).await
    }

    /// Whether a tool is still what a model was told of it, and approved.
    fn check(&self, tool: &McpTool, listing: &Listing) -> Result<(), ToolError> {
        let unavailable = |why: &str| Err(ToolError::Unavailable(why.to_owned()));
        match listing.tools.get(tool.spec.name()) {
            None => unavailable("its server does not offer it any more"),
            Some(listed) => match self.status(listed) {
                Status::Approved if listed.spec.digest() == tool.spec.digest() => Ok(()),
                Status::Approved => unavailable("its description has changed; it must be offered anew"),
                Status::New | Status::Changed => unavailable(CHANGED),
            },
        }
    }
}

/// The connection that a call is on, so that it can be told when the call takes too long.
#[derive(Default)]
struct Seen(Mutex<Option<Arc<Connection>>>);

impl Seen {
    fn set(&self, connection: &Arc<Connection>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(connection));
    }

    fn note_unanswered(&self) {
        if let Some(connection) = self.0.lock().unwrap_or_else(PoisonError::into_inner).take() {
            connection.note_unanswered();
        }
    }
}

/// A tool of a server.
struct McpTool {
    own: String,
    spec: Arc<ToolSpec>,
    server: Weak<Inner>,
}

#[async_trait]
impl Tool for McpTool {
    fn spec(&self) -> &ToolSpec {
        &self.spec
    }

    async fn call(&self, mut invocation: Invocation) -> Result<Reply, ToolError> {
        let Some(server) = self.server.upgrade() else {
            return Err(ToolError::Unavailable("its server was stopped".to_owned()));
        };
        let limits = least(invocation.limits, server.config.limits);
        invocation.limits = limits;
        let seen = Seen::default();
        let outcome = timeout(limits.time(), server.call(self, invocation, &seen)).await;
        outcome.unwrap_or_else(|_| {
            seen.note_unanswered();
            Err(ToolError::TimedOut(limits.time_ms))
        })
    }
}

fn least(one: Limits, other: Limits) -> Limits {
    Limits {
        time_ms: one.time_ms.min(other.time_ms),
        bytes: one.bytes.min(other.bytes),
        memory: one.memory.min(other.memory),
    }
}

#[cfg(test)]
mod tests {
    use tokio::runtime::Runtime;

    use super::*;
    use crate::pins::Approved;

    struct Nothing;

    impl Pins for Nothing {
        fn approved(&self, _: &str) -> Option<Approved> {
            None
        }
    }

    #[test]
    fn a_connection_that_nobody_keeps_any_more_is_replaced() {
        let (home, gone) = (Runtime::new().unwrap(), Runtime::new().unwrap());
        let lost = gone.handle().clone();
        drop(gone);
        let _home = home.enter();
        let server = Server::new(ServerConfig::stdio("t", "/bin/cat", &[]), Arc::new(Nothing)).unwrap();
        let server = &server.0;
        let whose = Whose { config: Arc::clone(&server.config), tenant: String::new(), client: None };
        let orphan = Arc::new(Lane::new(whose, &lost));
        assert!(!orphan.is_kept());
        server.lanes.lock().unwrap().insert(String::new(), Arc::clone(&orphan));
        let lane = server.lane("acme").unwrap();
        assert!(lane.is_kept() && !Arc::ptr_eq(&lane, &orphan));
        assert!(Arc::ptr_eq(&lane, &server.lane("acme").unwrap()));
    }

    #[test]
    fn what_cannot_be_a_server_is_told_without_a_runtime() {
        assert!(Server::check(&ServerConfig::stdio("t", "/bin/cat", &[])).is_ok());
        let wrong = Server::check(&ServerConfig::http("t", "https://10.0.0.1/")).unwrap_err();
        assert!(wrong.key == "url" && wrong.why.contains("a private network"), "{wrong}");
    }
}
