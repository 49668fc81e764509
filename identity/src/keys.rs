//! The keys of one issuer, held in memory and renewed by a task of their own.
//!
//! Only that task looks for keys, so two looks never run at once, and a client that leaves interrupts none. Who needs a
//! key that is not there rings, and waits for the look to end; who has a key that is there waits for nothing.

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::{Notify, Semaphore, watch},
    task::JoinSet,
    time::{Instant, sleep_until, timeout},
};
use tracing::{debug, info, warn};

use crate::{
    ConfigError, IssuerConfig, KeySet, SkippedKey,
    config::Wrong,
    source::{Found, Source},
    state::{State, Timing},
};

/// The longest wait for a look: two documents with 5 s each, and some room.
const WAIT_WITHIN: Duration = Duration::from_secs(11);
/// How many may wait for a look at once. More are answered without.
const MAX_WAITING: usize = 1024;

/// The keys of one issuer. The task that renews them ends when this is dropped.
#[derive(Debug)]
pub struct Keys {
    shared: Arc<Shared>,
    waiting: Semaphore,
    _renewing: JoinSet<()>,
}

/// How an issuer's keys are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeysHealth {
    /// The issuer.
    pub issuer: String,
    /// Where its keys come from.
    pub source: String,
    /// Keys that can be used; 0 means that every token is refused.
    pub usable: usize,
    /// Keys of the set that are not used, and why.
    pub skipped: Vec<SkippedKey>,
    /// Time since the keys were last seen at their source; `None` if they never were.
    pub age: Option<Duration>,
    /// Why the last look failed; `None` if it did not.
    pub trouble: Option<String>,
}

#[derive(Debug)]
struct Shared {
    issuer: String,
    place: String,
    timing: Timing,
    state: watch::Sender<State>,
    bell: Notify,
}

impl Keys {
    /// Begins to look for an issuer's keys, and goes on until it is dropped. That they cannot be had is no error: it is
    /// logged, told by [`health`](Self::health), and tried again.
    ///
    /// # Errors
    /// [`ConfigError`] tells which key of the configuration is wrong and the mend.
    ///
    /// # Panics
    /// Outside of a Tokio runtime.
    pub fn start(config: &IssuerConfig) -> Result<Self, ConfigError> {
        Self::checked(config, None).map_err(|wrong| config.error(wrong))
    }

    /// As [`start`](Self::start), with the keys that `before` holds until the first look has ended, if issuer and source
    /// are the same. So a new configuration costs no token even when the issuer is away.
    ///
    /// # Errors
    /// [`ConfigError`] tells which key of the configuration is wrong and the mend.
    ///
    /// # Panics
    /// Outside of a Tokio runtime.
    pub fn start_after(before: &Self, config: &IssuerConfig) -> Result<Self, ConfigError> {
        Self::checked(config, Some(before)).map_err(|wrong| config.error(wrong))
    }

    fn checked(config: &IssuerConfig, before: Option<&Self>) -> Result<Self, Wrong> {
        let source = Source::new(config)?;
        let timing = Timing::new(config, source.is_file())?;
        let same = before.map(|before| &before.shared).filter(|shared| shared.is_of(config, &source));
        let mut state = same.map(|shared| shared.state.borrow().inherited()).unwrap_or_default();
        state.begins(Instant::now());
        let shared = Arc::new(Shared {
            issuer: config.issuer.clone(),
            place: source.place(),
            timing,
            state: watch::Sender::new(state),
            bell: Notify::new(),
        });
        let mut renewing = JoinSet::new();
        renewing.spawn(renew(source, Arc::clone(&shared)));
        Ok(Self { shared, waiting: Semaphore::new(MAX_WAITING), _renewing: renewing })
    }

    /// The keys that are there now; `None` if none were ever found or they are too old.
    #[must_use]
    pub fn current(&self) -> Option<Arc<KeySet>> {
        self.shared.current()
    }

    /// The keys after a look that ended later than this call began. Comes back at once, with what is there, when the
    /// last look is too fresh or too many are waiting.
    pub async fn renewed(&self) -> Option<Arc<KeySet>> {
        if let Ok(_place) = self.waiting.try_acquire() {
            self.shared.wait().await;
        }
        self.current()
    }

    /// How the keys are.
    #[must_use]
    pub fn health(&self) -> KeysHealth {
        let (state, now) = (self.shared.state.borrow().clone(), Instant::now());
        KeysHealth {
            issuer: self.shared.issuer.clone(),
            source: self.shared.place.clone(),
            usable: state.keys(now, self.shared.timing).map_or(0, |keys| keys.len()),
            skipped: state.held().map_or_else(Vec::new, |keys| keys.skipped().to_vec()),
            age: state.age(now),
            trouble: state.trouble().map(str::to_owned),
        }
    }
}

impl Shared {
    fn is_of(&self, config: &IssuerConfig, source: &Source) -> bool {
        self.issuer == config.issuer && self.place == source.place()
    }

    fn current(&self) -> Option<Arc<KeySet>> {
        self.state.borrow().keys(Instant::now(), self.timing).cloned()
    }

    async fn wait(&self) {
        let mut seen = self.state.subscribe();
        let ended = {
            let state = seen.borrow_and_update();
            if !state.worth_waiting(Instant::now(), self.timing) {
                return;
            }
            // A ring during a look would begin another one right after it.
            if !state.looking() {
                self.bell.notify_one();
            }
            state.ended()
        };
        // A look that takes longer than it may is as good as one that failed.
        let _ = timeout(WAIT_WITHIN, seen.wait_for(|state| state.ended() > ended)).await;
    }

    /// Waits until keys are to be looked for; whether somebody rang.
    async fn rest(&self) -> bool {
        loop {
            let next = self.state.borrow().next_look(self.timing).unwrap_or_else(Instant::now);
            tokio::select! {
                () = sleep_until(next) => return false,
                () = self.bell.notified() => {}
            }
            if self.state.borrow().may_look(Instant::now(), self.timing) {
                return true;
            }
        }
    }

    fn tell(&self, looked: Result<Found, String>) {
        match looked {
            Ok(Found::Same) => self.state.send_modify(|state| state.found(None)),
            Ok(Found::Keys(keys)) => {
                self.log_found(&keys);
                self.state.send_modify(|state| state.found(Some(keys)));
            }
            Err(why) => {
                self.log_failed(&why);
                self.state.send_modify(|state| state.failed(Instant::now(), why));
            }
        }
    }

    /// Says only what is new, because a file is looked at each second.
    fn log_found(&self, keys: &KeySet) {
        let state = self.state.borrow();
        let (issuer, count) = (&self.issuer, keys.len());
        if state.trouble().is_some() || state.held().is_none_or(|held| held.len() != count) {
            info!(issuer, count, "an issuer's keys are there");
        }
        if state.held().is_none_or(|held| held.skipped() != keys.skipped()) {
            for SkippedKey { place, kid, why } in keys.skipped() {
                info!(issuer, place, kid, why, "an issuer's key is not used");
            }
        }
    }

    fn log_failed(&self, why: &str) {
        let (issuer, known) = (&self.issuer, self.state.borrow().trouble() == Some(why));
        if known {
            debug!(issuer, why, "an issuer's keys are still away");
        } else {
            warn!(issuer, why, "an issuer's keys cannot be had; it is tried again");
        }
    }
}

async fn renew(mut source: Source, shared: Arc<Shared>) {
    let mut rang = false;
    loop {
        let looked = source.look(rang).await;
        shared.tell(looked);
        rang = shared.rest().await;
        shared.state.send_modify(|state| state.begins(Instant::now()));
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::sleep;

    use super::*;

    #[tokio::test]
    async fn a_ring_too_soon_after_a_look_begins_none() {
        // Nobody listens there, so a look ends at once, and the next is due in a second.
        let url = Some("http://127.0.0.1:1/jwks".to_owned());
        let config = IssuerConfig { jwks_url: url, ..IssuerConfig::new("https://id.example", "forethought") };
        let keys = Keys::start(&config).unwrap();
        let mut seen = keys.shared.state.subscribe();
        seen.wait_for(|state| state.ended() == 1).await.unwrap();
        keys.shared.bell.notify_one();
        sleep(Duration::from_millis(300)).await;
        assert_eq!(keys.shared.state.borrow().ended(), 1);
        seen.wait_for(|state| state.ended() == 2).await.unwrap();
    }
}
