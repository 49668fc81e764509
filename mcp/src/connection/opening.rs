//! How a conversation begins.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, atomic::AtomicU32},
    time::Duration,
};

use reqwest::Client;
use rmcp::{
    Peer, RoleClient,
    model::{ProtocolVersion, SubscriptionFilter},
    service::{ClientInitializeError, ClientLifecycleMode, serve_client_with_lifecycle},
    transport::{Transport, async_rw::AsyncRwTransport},
};
use tokio::{
    sync::{Mutex as AsyncMutex, Semaphore},
    task::JoinSet,
    time::{Instant, sleep},
};

use super::{Busy, Connection};
use crate::{
    MAX_MESSAGE,
    config::{Handshake, HttpConfig, ServerConfig, StdioConfig},
    end::End,
    handler::Handler,
    http,
    lines::Lines,
    process::{self, Group},
    told,
    watched::Watched,
};

/// How often a subscription is asked for again, and the pause before it.
const SUBSCRIPTIONS: u32 = 5;
const PAUSE: Duration = Duration::from_secs(10);

/// Why a conversation did not begin.
enum Unopened {
    /// The server answered `server/discover` with something that is no answer to it, and not with an error, as one that does
    /// not know the question should.
    Odd(String),
    /// For logs and operators.
    Told(String),
}

impl From<String> for Unopened {
    fn from(why: String) -> Self {
        Self::Told(why)
    }
}

/// Starts a server, or connects to it, agrees on a version and lists its tools. The error is for logs and operators.
pub(crate) async fn open(config: &ServerConfig, tenant: &str, client: Option<&Client>) -> Result<Connection, String> {
    match Opening::new(config, config.handshake).open(tenant, client).await {
        Ok(opened) => Ok(opened),
        // It is asked again in the old way, on a connection that knows nothing of the first question.
        Err(Unopened::Odd(_)) if config.handshake == Handshake::Auto => {
            let again = Opening::new(config, Handshake::Initialize).open(tenant, client).await;
            again.map_err(|(Unopened::Odd(why) | Unopened::Told(why))| why)
        }
        Err(Unopened::Odd(why) | Unopened::Told(why)) => Err(why),
    }
}

/// A conversation that is to begin.
struct Opening<'c> {
    config: &'c ServerConfig,
    handshake: Handshake,
    end: End,
    busy: Arc<AtomicU32>,
}

impl<'c> Opening<'c> {
    fn new(config: &'c ServerConfig, handshake: Handshake) -> Self {
        Self { config, handshake, end: End::default(), busy: Arc::default() }
    }

    async fn open(self, tenant: &str, client: Option<&Client>) -> Result<Connection, Unopened> {
        let config = self.config;
        let starting = Busy::new(&self.busy);
        let opened = match (&config.stdio, &config.http, client) {
            (Some(stdio), ..) => self.stdio(stdio, tenant).await?,
            (None, Some(http), Some(client)) => self.http(http, tenant, client).await?,
            _ => return Err(Unopened::Told("nothing says how it is reached".to_owned())),
        };
        opened.listing(config).await.map_err(|error| error.to_string())?;
        drop(starting);
        Ok(opened)
    }

    async fn stdio(self, stdio: &StdioConfig, tenant: &str) -> Result<Connection, Unopened> {
        let mut secrets = BTreeMap::new();
        for (name, secret) in stdio.credentials.iter().filter_map(|all| all.get(tenant)).flatten() {
            secrets.insert(name.clone(), secret.read()?);
        }
        let started = process::start(stdio, secrets, Arc::clone(&self.busy), self.end.clone())?;
        let lines = Lines::new(started.output, self.end.clone());
        let through = AsyncRwTransport::new_client(lines, started.input).with_max_line_length(MAX_MESSAGE + 1);
        self.converse(through, Some(started.group)).await
    }

    async fn http(self, config: &HttpConfig, tenant: &str, client: &Client) -> Result<Connection, Unopened> {
        let secret = config.credentials.as_ref().and_then(|all| all.get(tenant));
        let headers = http::headers(config, secret)?;
        let web = http::web(client.clone(), headers, self.end.clone());
        let through = http::transport(&config.url, web, self.config.calls);
        self.converse(through, None).await
    }

    async fn converse<T>(self, through: T, group: Option<Group>) -> Result<Connection, Unopened>
    where
        T: Transport<RoleClient> + 'static,
    {
        let handler = Handler::default();
        let watched = Watched::new(through, self.end.clone());
        let opened = serve_client_with_lifecycle(handler.clone(), watched, mode(self.handshake)).await;
        let service = opened.map_err(|error| self.unopened(&error, group.as_ref()))?;
        let peer = service.peer().clone();
        Ok(Connection {
            _subscription: subscription(&peer, &handler),
            peer,
            service: Mutex::new(Some(service)),
            handler,
            group,
            slots: Semaphore::new(usize::try_from(self.config.calls).unwrap_or(1)),
            end: self.end,
            busy: self.busy,
            listed: AsyncMutex::default(),
            unanswered: AtomicU32::new(0),
            used: Mutex::new(Instant::now()),
        })
    }

    fn unopened(&self, error: &ClientInitializeError, group: Option<&Group>) -> Unopened {
        if let Some(group) = group {
            tracing::debug!(said = group.said(), "a tool's server did not start");
        }
        let why = format!("it does not start ({}): {}", self.end.why(), told(&error.to_string()));
        match error {
            ClientInitializeError::ExpectedInitResult(_) => Unopened::Odd(why),
            _ => Unopened::Told(why),
        }
    }
}

fn mode(handshake: Handshake) -> ClientLifecycleMode {
    let preferred_versions = vec![ProtocolVersion::LATEST];
    match handshake {
        Handshake::Initialize => ClientLifecycleMode::Initialize,
        Handshake::Discover => ClientLifecycleMode::Discover { preferred_versions },
        Handshake::Auto => ClientLifecycleMode::Auto { preferred_versions, legacy_version: None },
    }
}

/// Where versions know no `initialize`, changes of the list are told to those alone who asked for it.
fn subscription(peer: &Peer<RoleClient>, handler: &Handler) -> JoinSet<()> {
    let mut tasks = JoinSet::new();
    let modern = peer.peer_info().is_some_and(|info| {
        let tells = info.capabilities.tools.as_ref().and_then(|tools| tools.list_changed);
        !info.protocol_version.has_initialize() && tells == Some(true)
    });
    if modern {
        tasks.spawn(subscribe(peer.clone(), handler.clone()));
    }
    tasks
}

async fn subscribe(peer: Peer<RoleClient>, handler: Handler) {
    for _ in 0..SUBSCRIPTIONS {
        if let Ok(mut told) = peer.listen(SubscriptionFilter::builder().tools_list_changed().build()).await {
            while let Ok(Some(_)) = told.next().await {
                handler.note_change();
            }
        }
        // What was told in between was not heard.
        handler.note_change();
        sleep(PAUSE).await;
    }
}
