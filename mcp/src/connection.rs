//! One conversation with a server, from its start to its end.

mod opening;

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use forethought_tools::{Reply, ToolError};
use rmcp::{
    Peer, RoleClient, ServiceError,
    model::{CallToolRequestParams, CallToolResponse, ErrorCode, JsonObject},
    service::RunningService,
};
use tokio::{
    sync::{Mutex as AsyncMutex, Semaphore},
    task::JoinSet,
    time::{Instant, sleep},
};

use crate::{
    config::ServerConfig,
    end::End,
    handler::Handler,
    http,
    listing::{Listing, Unlisted, list},
    process::Group,
    result, told,
};

pub(crate) use opening::open;

/// How long a list is believed without a word of the server that it has changed.
const BELIEVED: Duration = Duration::from_mins(5);
/// Calls in a row that were not answered in time before the server is started anew.
const UNANSWERED: u32 = 3;
/// How long the end of a conversation may take.
const CLOSE_WITHIN: Duration = Duration::from_secs(3);
/// Why a connection ends whose server lists nothing, or not in time.
const LISTS_NOTHING: &str = "it does not list its tools";

/// Why a call has no reply.
#[derive(Debug, PartialEq)]
pub(crate) enum Broken {
    /// The server has not taken it: it does not know the session any more, or the connection was over before.
    Expired,
    /// As the caller is told.
    Told(ToolError),
}

impl From<Unlisted> for Broken {
    fn from(error: Unlisted) -> Self {
        match error {
            Unlisted::Expired => Self::Expired,
            Unlisted::Told(why) => {
                tracing::warn!(why, "a tool's server does not list its tools");
                Self::Told(ToolError::Unavailable("its server does not list its tools".to_owned()))
            }
        }
    }
}

impl From<ToolError> for Broken {
    fn from(error: ToolError) -> Self {
        Self::Told(error)
    }
}

/// A conversation that has begun.
pub(crate) struct Connection {
    peer: Peer<RoleClient>,
    service: Mutex<Option<RunningService<RoleClient, Handler>>>,
    handler: Handler,
    group: Option<Group>,
    end: End,
    busy: Arc<AtomicU32>,
    slots: Semaphore,
    listed: AsyncMutex<Option<(Arc<Listing>, Instant)>>,
    unanswered: AtomicU32,
    used: Mutex<Instant>,
    _subscription: JoinSet<()>,
}

/// Counts work that was asked for.
pub(crate) struct Busy(Arc<AtomicU32>);

impl Busy {
    fn new(count: &Arc<AtomicU32>) -> Self {
        count.fetch_add(1, Ordering::AcqRel);
        Self(Arc::clone(count))
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Connection {
    /// Its tools, as it lists them now: again after it said that they changed, or when it has said nothing for a while. A
    /// server that takes longer than half of its time to start is ended, unless it has calls to make, which it may make one after
    /// the other: who waits for it shall see it start anew.
    pub(crate) async fn listing(&self, config: &ServerConfig) -> Result<Arc<Listing>, Unlisted> {
        let mut listed = self.listed.lock().await;
        let changed = self.handler.take_changed();
        if let Some((listing, at)) = listed.as_ref().filter(|_| !changed)
            && at.elapsed() < BELIEVED
        {
            return Ok(Arc::clone(listing));
        }
        // Before the question, which may be given up.
        *listed = None;
        let busy = Busy::new(&self.busy);
        let found = tokio::select! {
            found = list(&self.peer, config) => found,
            () = self.end.told() => Err(Unlisted::Told(self.end.why().to_owned())),
            () = sleep(Duration::from_millis(config.start_ms) / 2) => {
                // Nobody else lists, so whatever else is asked of it is a call.
                if self.busy.load(Ordering::Acquire) == 1 {
                    self.end.tell(LISTS_NOTHING);
                }
                Err(Unlisted::Told(LISTS_NOTHING.to_owned()))
            }
        };
        if matches!(found, Err(Unlisted::Expired)) {
            self.end.tell("its session has expired");
        }
        let found = Arc::new(found?);
        drop(busy);
        *listed = Some((Arc::clone(&found), Instant::now()));
        Ok(found)
    }

    /// Calls a tool by the server's own name for it.
    pub(crate) async fn call(&self, own: &str, arguments: JsonObject, bytes: usize) -> Result<Reply, Broken> {
        *self.used.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
        let _busy = Busy::new(&self.busy);
        let _slot = self.slots.acquire().await.map_err(|_| self.end.error())?;
        // Nothing was sent, so it may be called on another connection.
        if self.end.is_told() {
            return Err(Broken::Expired);
        }
        let params = CallToolRequestParams::new(own.to_owned()).with_arguments(arguments);
        let outcome = tokio::select! {
            biased;
            outcome = self.peer.call_tool_once(params) => outcome,
            () = self.end.told() => return Err(self.end.error().into()),
        };
        self.unanswered.store(0, Ordering::Release);
        match outcome {
            Ok(CallToolResponse::Complete(found)) => Ok(result::reply(&found, bytes)),
            Ok(CallToolResponse::InputRequired(_)) => Err(failed("the tool asks for what it is not given here")),
            Ok(_) => Err(failed("the tool wants to answer later, and is not waited for")),
            Err(error) => Err(self.broken(&error)),
        }
    }

    fn broken(&self, error: &ServiceError) -> Broken {
        match error {
            ServiceError::McpError(said) if said.code == ErrorCode::INVALID_PARAMS => {
                ToolError::Arguments(format!("the tool's server refuses the call: {}", told(&said.message))).into()
            }
            ServiceError::McpError(said) => {
                failed(&format!("the tool's server refuses the call: {}", told(&said.message)))
            }
            ServiceError::TransportSend(error) if http::is_expired(error.error.as_ref()) => {
                self.end.tell("its session has expired");
                Broken::Expired
            }
            // What it says may hold addresses of ours.
            error => {
                tracing::debug!(%error, "a tool's server gave no answer");
                if self.end.is_told() { self.end.error().into() } else { failed("the tool's server gave no answer") }
            }
        }
    }

    /// Notes that a call was not answered in time. A server that answers none is ended.
    pub(crate) fn note_unanswered(&self) {
        if self.unanswered.fetch_add(1, Ordering::AcqRel) + 1 >= UNANSWERED {
            self.end.tell("it does not answer");
        }
    }

    /// Whether it is over.
    pub(crate) fn is_over(&self) -> bool {
        self.end.is_told()
    }

    /// Waits until it is over.
    pub(crate) async fn over(&self) -> &str {
        self.end.told().await;
        self.end.why()
    }

    /// For how long it was not used; `None` while it is.
    pub(crate) fn idle(&self) -> Option<Duration> {
        let used = *self.used.lock().unwrap_or_else(PoisonError::into_inner);
        (self.busy.load(Ordering::Acquire) == 0).then(|| used.elapsed())
    }

    /// Ends it at once.
    pub(crate) fn kill(&self) {
        self.end.tell("it was ended");
        if let Some(group) = &self.group {
            group.kill();
        }
    }

    /// Ends it: politely where it still listens.
    pub(crate) async fn close(&self) {
        let misbehaved = self.end.is_told();
        self.end.tell("it was ended");
        if misbehaved && let Some(group) = &self.group {
            group.kill();
        }
        let service = self.service.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(mut service) = service {
            _ = service.close_with_timeout(CLOSE_WITHIN).await;
        }
        if let Some(group) = &self.group {
            group.stop().await;
            tracing::debug!(said = group.said(), "a tool's server has ended");
        }
    }
}

fn failed(why: &str) -> Broken {
    Broken::Told(ToolError::Failed(why.to_owned()))
}
