//! Keeps one connection to a server: begins it when it is wanted, and again when it has broken, later after each failure.

use std::{sync::Arc, time::Duration};

use forethought_tools::ToolError;
use futures::FutureExt as _;
use jiff::{SignedDuration, Timestamp};
use reqwest::Client;
use serde::Serialize;
use tokio::{
    runtime::Handle,
    sync::{Notify, watch},
    task::JoinSet,
    time::{Instant, sleep, timeout},
};
use tokio_util::sync::CancellationToken;

use crate::{
    config::ServerConfig,
    connection::{Connection, open},
};

/// The first and the longest pause after a failure.
const PAUSES: (Duration, Duration) = (Duration::from_millis(250), Duration::from_mins(1));
/// For how long a connection must have stood that earlier failures do not count any more.
const STABLE: Duration = Duration::from_mins(1);
/// For how long one that was given up is not tried again.
const GIVEN_UP: Duration = Duration::from_mins(1);
/// A pause that a call waits for.
const SHORT: SignedDuration = SignedDuration::from_secs(1);

/// How a server does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "state")]
pub enum State {
    /// Nobody has wanted it yet, or for a while.
    Off,
    /// It is being started, or connected to.
    Starting,
    /// It can be called.
    Up,
    /// It has failed, and is started again.
    Resting {
        /// When.
        until: Timestamp,
        /// Why it failed, for operators.
        why: String,
    },
    /// It did not start too often, and is not tried again by itself, but when somebody wants it after a while.
    Failed {
        /// Why it failed last, for operators.
        why: String,
    },
}

/// What is known of the connection now.
#[derive(Clone)]
struct Now {
    state: State,
    connection: Option<Arc<Connection>>,
    since: Instant,
}

/// One connection, whenever it is wanted. Dropping it ends it at once.
pub(crate) struct Lane {
    now: watch::Receiver<Now>,
    wanted: Arc<Notify>,
    stop: CancellationToken,
    _task: JoinSet<()>,
}

/// Whom the connection is for.
pub(crate) struct Whose {
    pub(crate) config: Arc<ServerConfig>,
    pub(crate) tenant: String,
    pub(crate) client: Option<Client>,
}

impl Lane {
    /// A connection that nobody has wanted yet, and that lives on this runtime.
    pub(crate) fn new(whose: Whose, runtime: &Handle) -> Self {
        let (told, now) = watch::channel(Now { state: State::Off, connection: None, since: Instant::now() });
        let (wanted, stop) = (Arc::new(Notify::new()), CancellationToken::new());
        let keeper = Keeper { whose, told, wanted: Arc::clone(&wanted), failures: 0, unstarted: 0 };
        let mut task = JoinSet::new();
        task.spawn_on(keeper.run(stop.clone()), runtime);
        Self { now, wanted, stop, _task: task }
    }

    /// Whether there is who keeps it: nobody is after a panic, or when its runtime has ended.
    pub(crate) fn is_kept(&self) -> bool {
        self.now.has_changed().is_ok()
    }

    /// How it does.
    pub(crate) fn state(&self) -> State {
        self.now.borrow().state.clone()
    }

    /// For how long it was not used; `None` while it is, or is being started.
    pub(crate) fn idle(&self) -> Option<Duration> {
        let now = self.now.borrow();
        match (&now.state, &now.connection) {
            (State::Starting, _) => None,
            (_, Some(connection)) => connection.idle(),
            (_, None) => Some(Duration::MAX),
        }
    }

    /// The connection, when it stands. It is waited for while it begins, and no longer than the caller waits.
    pub(crate) async fn connection(&self) -> Result<Arc<Connection>, ToolError> {
        let mut now = self.now.clone();
        loop {
            let seen = now.borrow_and_update().clone();
            match (seen.state, seen.connection) {
                (State::Up, Some(connection)) if !connection.is_over() => return Ok(connection),
                (State::Failed { .. }, _) if seen.since.elapsed() < GIVEN_UP => {
                    return Err(unavailable("its server does not work"));
                }
                (State::Resting { until, .. }, _) if until.duration_since(Timestamp::now()) > SHORT => {
                    return Err(unavailable("its server has failed and is started again"));
                }
                (State::Off | State::Failed { .. }, _) => self.wanted.notify_one(),
                _ => {}
            }
            if now.changed().await.is_err() {
                return Err(unavailable("its server was stopped"));
            }
        }
    }

    /// Ends it at once, also for those who are calling it.
    pub(crate) fn kill(&self) {
        self.stop.cancel();
        if let Some(connection) = &self.now.borrow().connection {
            connection.kill();
        }
    }

    /// Ends it politely.
    pub(crate) async fn stop(&self) {
        self.stop.cancel();
        let mut now = self.now.clone();
        while now.changed().await.is_ok() {}
    }
}

fn unavailable(why: &str) -> ToolError {
    ToolError::Unavailable(why.to_owned())
}

struct Keeper {
    whose: Whose,
    told: watch::Sender<Now>,
    wanted: Arc<Notify>,
    /// Failures since it last stood for a while, which pauses depend on.
    failures: u32,
    /// Those since it last stood at all, after some of which it is given up.
    unstarted: u32,
}

impl Keeper {
    async fn run(mut self, stop: CancellationToken) {
        _ = stop.run_until_cancelled(Box::pin(self.keep())).await;
        let connection = self.told.borrow().connection.clone();
        if let Some(connection) = connection {
            connection.close().await;
        }
    }

    async fn keep(&mut self) {
        loop {
            self.wanted.notified().await;
            match self.hold().await {
                None => self.tell(State::Off, None),
                Some(why) => {
                    self.tell(State::Failed { why }, None);
                    sleep(GIVEN_UP).await;
                }
            }
        }
    }

    /// Holds a connection until it was not used for a while, or has failed too often, which is told.
    async fn hold(&mut self) -> Option<String> {
        loop {
            let why = match self.once().await {
                Ok(()) => return None,
                Err(why) => why,
            };
            self.failures = self.failures.saturating_add(1);
            self.unstarted = self.unstarted.saturating_add(1);
            let Whose { config, tenant, .. } = &self.whose;
            tracing::warn!(server = config.name, tenant, failures = self.failures, why, "a tool's server has failed");
            if self.unstarted > config.restarts {
                return Some(why);
            }
            let pause = pause(self.failures);
            let until = Timestamp::now() + pause;
            self.tell(State::Resting { until, why }, None);
            sleep(pause).await;
        }
    }

    /// One connection from its beginning to its end; the error is why it ended.
    async fn once(&mut self) -> Result<(), String> {
        self.tell(State::Starting, None);
        let Whose { config, tenant, client } = &self.whose;
        let within = Duration::from_millis(config.start_ms);
        let opened = timeout(within, open(config, tenant, client.as_ref())).await;
        let connection =
            Arc::new(opened.unwrap_or_else(|_| Err(format!("it took longer than {} ms", config.start_ms)))?);
        self.tell(State::Up, Some(Arc::clone(&connection)));
        self.unstarted = 0;
        // Who wanted it has it: only who wants it later is to start it anew.
        _ = self.wanted.notified().now_or_never();
        tracing::info!(server = config.name, tenant, "a tool's server is up");
        let began = Instant::now();
        let outcome = tokio::select! {
            why = connection.over() => Err(why.to_owned()),
            () = self.unused(&connection) => Ok(()),
        };
        if outcome.is_ok() || began.elapsed() >= STABLE {
            self.failures = 0;
        }
        connection.close().await;
        outcome
    }

    /// Waits until it was not used for as long as it is kept. One that all share is kept.
    async fn unused(&self, connection: &Connection) {
        if !self.whose.config.is_per_tenant() {
            std::future::pending::<()>().await;
        }
        let most = Duration::from_secs(self.whose.config.idle_s);
        while let left = most.saturating_sub(connection.idle().unwrap_or_default())
            && !left.is_zero()
        {
            sleep(left.max(Duration::from_millis(10))).await;
        }
    }

    fn tell(&self, state: State, connection: Option<Arc<Connection>>) {
        self.told.send_replace(Now { state, connection, since: Instant::now() });
    }
}

fn pause(failures: u32) -> Duration {
    PAUSES.0.saturating_mul(2_u32.saturating_pow(failures.saturating_sub(1))).min(PAUSES.1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_up_to_a_minute() {
        let check = |failures, expected_ms| assert_eq!(pause(failures).as_millis(), expected_ms, "{failures}");
        check(1, 250);
        check(2, 500);
        check(8, 32_000);
        check(9, 60_000);
        check(u32::MAX, 60_000);
    }
}
