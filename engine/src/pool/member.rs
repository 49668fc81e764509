//! One member of a pool: kept alive, looked at, and counted.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use tokio::{
    sync::watch,
    time::{Instant, timeout},
};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use super::{
    Build, PoolSettings,
    breaker::{Breaker, Failure, Sent},
};
use crate::{Engine, EngineError, EngineInfo, MemberInfo, MemberState};

/// First and longest pause before a member that could not be built is tried again.
const PAUSES: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(30));
/// How long a member that does too little is left before it is built anew, at first and at most: it may have been mended,
/// and it may be a model of many gigabytes.
const UNFIT: (Duration, Duration) = (Duration::from_secs(30), Duration::from_mins(8));
/// Looks in a row that must fail before what runs there is given up: one may fail under load.
const MISSES: u32 = 3;

pub(super) struct Member {
    pub name: String,
    /// Samples in a row that may fail.
    failures: u32,
    state: Mutex<State>,
    running: AtomicU32,
}

struct State {
    place: Place,
    breaker: Breaker,
    /// What went wrong last.
    why: Option<String>,
}

enum Place {
    /// It is not there, or not yet.
    Away { load_error: Option<EngineError> },
    /// It is there, but does less than the pool promises.
    Unfit,
    /// It is there, until the token is cancelled. After a look that failed it is in doubt: what runs goes on, and nothing
    /// is added.
    Up { engine: Arc<dyn Engine>, gone: CancellationToken, doubt: watch::Sender<bool> },
}

/// Why a member is to be built anew.
enum Over {
    Gone(String),
    Unfit,
}

impl Member {
    pub(super) fn new(name: String, failures: u32) -> Self {
        let place = Place::Away { load_error: None };
        let state = Mutex::new(State { place, breaker: Breaker::new(failures), why: None });
        Self { name, failures, state, running: AtomicU32::new(0) }
    }

    /// Builds the member, looks at it as long as it is there, and builds it again; for ever.
    pub(super) async fn keep(&self, build: Build, settings: &PoolSettings, promise: &OnceLock<EngineInfo>) {
        let (mut pause, mut patience) = (PAUSES.0, UNFIT.0);
        loop {
            match build().await {
                Ok(engine) => {
                    pause = PAUSES.0;
                    match self.watch(&engine, settings, promise, patience).await {
                        Over::Unfit => {
                            patience = (patience * 2).min(UNFIT.1);
                            continue;
                        }
                        Over::Gone(why) => {
                            patience = UNFIT.0;
                            warn!(member = self.name, why, "a member of a pool is gone");
                            self.away(why, None);
                        }
                    }
                }
                Err(error) => {
                    error!(member = self.name, %error, "a member of a pool cannot be built");
                    self.away(error.to_string(), Some(error));
                }
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(PAUSES.1);
        }
    }

    /// Takes the engine into use until it is gone, or was of no use for as long as `patience`.
    async fn watch(
        &self,
        engine: &Arc<dyn Engine>,
        settings: &PoolSettings,
        promise: &OnceLock<EngineInfo>,
        patience: Duration,
    ) -> Over {
        let every = Duration::from_millis(settings.check_every_ms.max(1));
        let within = Duration::from_millis(settings.check_within_ms.max(1));
        self.up(engine, promise.get());
        let (since, mut missed) = (Instant::now(), 0);
        loop {
            tokio::time::sleep(every).await;
            // The promise may have been made after this member came.
            if let Some(promise) = promise.get() {
                self.judge(engine.info(), promise);
            }
            if self.unfit() && since.elapsed() >= patience {
                return Over::Unfit;
            }
            let error = match timeout(within, engine.check()).await {
                Ok(Ok(())) => {
                    missed = 0;
                    self.doubt(None);
                    continue;
                }
                Ok(Err(error)) if not_there(&error) => return Over::Gone(error.to_string()),
                Ok(Err(error)) => error.to_string(),
                Err(_) => format!("it did not answer within {} ms", within.as_millis()),
            };
            missed += 1;
            if missed == MISSES {
                return Over::Gone(format!("{missed} looks in a row failed: {error}"));
            }
            self.doubt(Some(error));
        }
    }

    /// In one step with the judgement: no sample may slip in between.
    fn up(&self, engine: &Arc<dyn Engine>, promise: Option<&EngineInfo>) {
        info!(member = self.name, weights = engine.info().weights, "a member of a pool is there");
        let lack = promise.and_then(|promise| lack(engine.info(), promise));
        let mut state = self.state();
        // What failed may have been what is mended now; if not, it is soon known again.
        state.breaker = Breaker::new(self.failures);
        if let Some(why) = lack {
            self.unused(&mut state, why);
        } else {
            let (gone, doubt) = (CancellationToken::new(), watch::Sender::new(false));
            state.place = Place::Up { engine: Arc::clone(engine), gone, doubt };
        }
    }

    /// Takes it out of use when it does less than the pool promises.
    fn judge(&self, info: &EngineInfo, promise: &EngineInfo) {
        let Some(why) = lack(info, promise) else { return };
        let mut state = self.state();
        if matches!(state.place, Place::Up { .. }) {
            self.unused(&mut state, why);
        }
    }

    fn unused(&self, state: &mut State, why: String) {
        // It is built anew again and again, and the operator needs to read this once.
        if state.why.as_ref() != Some(&why) {
            error!(member = self.name, why, "a member of a pool is not used");
        }
        leave(state, Place::Unfit, why);
    }

    fn away(&self, why: String, load_error: Option<EngineError>) {
        leave(&mut self.state(), Place::Away { load_error }, why);
    }

    /// A look failed, or none did.
    fn doubt(&self, why: Option<String>) {
        let mut state = self.state();
        if let Place::Up { doubt, .. } = &state.place {
            let news = doubt.send_if_modified(|doubt| std::mem::replace(doubt, why.is_some()) != why.is_some());
            if news {
                warn!(member = self.name, why, "a member of a pool is in doubt, or no longer");
            }
            if why.is_some() {
                state.why = why;
            }
        }
    }

    fn unfit(&self) -> bool {
        matches!(self.state().place, Place::Unfit)
    }

    pub(super) fn engine(&self) -> Option<Arc<dyn Engine>> {
        match &self.state().place {
            Place::Up { engine, .. } => Some(Arc::clone(engine)),
            _ => None,
        }
    }

    /// Why it could not be built, when it was tried last.
    pub(super) fn load_error(&self) -> Option<EngineError> {
        match &self.state().place {
            Place::Away { load_error } => load_error.clone(),
            _ => None,
        }
    }

    /// Samples that it runs at once; `None` while none may be sent to it.
    pub(super) fn slots(&self, now: Instant) -> Option<u32> {
        let state = self.state();
        match &state.place {
            Place::Up { engine, .. } if state.admits(now) => Some(engine.slots()),
            _ => None,
        }
    }

    pub(super) fn running(&self) -> u32 {
        self.running.load(Ordering::Acquire)
    }

    /// A place for one sample, if one may still be sent.
    pub(super) fn sit(this: &Arc<Self>, at: usize, now: Instant) -> Option<Seat> {
        let mut state = this.state();
        if !state.admits(now) {
            return None;
        }
        let Place::Up { engine, gone, doubt } = &state.place else { return None };
        let (engine, gone, doubt) = (Arc::clone(engine), gone.clone(), doubt.subscribe());
        let sent = state.breaker.sent();
        drop(state);
        this.running.fetch_add(1, Ordering::AcqRel);
        Some(Seat { member: Arc::clone(this), at, engine, gone, doubt, sent, judged: OnceLock::new() })
    }

    pub(super) fn told(&self) -> MemberInfo {
        let state = self.state();
        let place = match &state.place {
            Place::Away { .. } => MemberState::Away,
            Place::Unfit => MemberState::Unfit,
            Place::Up { .. } if state.admits(Instant::now()) => MemberState::Up,
            Place::Up { .. } => MemberState::Resting,
        };
        let why = if place == MemberState::Up { None } else { state.why.clone() };
        MemberInfo {
            name: self.name.clone(),
            state: place,
            running: self.running(),
            failures: state.breaker.failures(),
            why,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Whether a sample may be sent.
    fn admits(&self, now: Instant) -> bool {
        matches!(&self.place, Place::Up { doubt, .. } if !*doubt.borrow()) && self.breaker.admits(now)
    }
}

fn leave(state: &mut State, place: Place, why: String) {
    if let Place::Up { gone, .. } = std::mem::replace(&mut state.place, place) {
        gone.cancel();
    }
    state.why = Some(why);
}

/// Whether a look found nobody, rather than one who is slow or in trouble.
fn not_there(error: &EngineError) -> bool {
    match error {
        EngineError::Dead(_) => true,
        // As an upstream says it.
        EngineError::Sample(what) => what.contains("cannot be reached"),
        _ => false,
    }
}

/// What a member lacks of what its pool promises, with the mend.
fn lack(info: &EngineInfo, promise: &EngineInfo) -> Option<String> {
    if info.weights != promise.weights {
        return Some(format!(
            "its weights are `{}` and the pool's are `{}`; if they are the same files, set `weights` of the upstreams to \
             the same text",
            info.weights, promise.weights
        ));
    }
    if info.context_tokens < promise.context_tokens {
        let (has, less) = (promise.context_tokens, info.context_tokens);
        return Some(format!(
            "the pool promises {has} tokens of context and it has {less}; restart the service with it up"
        ));
    }
    let (can, must) = (info.can, promise.can);
    let missing = [
        ("continues", can.continues, must.continues),
        ("logprobs", can.logprobs, must.logprobs),
        ("json_schema", can.json_schema, must.json_schema),
        ("tells_stops", can.tells_stops, must.tells_stops),
    ];
    let missing = missing.into_iter().find(|(_, can, must)| *must && !*can);
    missing.map(|(what, ..)| format!("the pool promises `{what}` and it cannot; restart the service with it up"))
}

/// A sample's place at a member, until dropped.
pub(super) struct Seat {
    member: Arc<Member>,
    at: usize,
    engine: Arc<dyn Engine>,
    gone: CancellationToken,
    doubt: watch::Receiver<bool>,
    sent: Sent,
    /// Whether its member was judged by what became of the sample.
    judged: OnceLock<()>,
}

impl Seat {
    pub(super) fn engine(&self) -> Arc<dyn Engine> {
        Arc::clone(&self.engine)
    }

    /// The member's place in the pool.
    pub(super) const fn member(&self) -> usize {
        self.at
    }

    pub(super) fn name(&self) -> &str {
        &self.member.name
    }

    /// Cancelled when the member is gone.
    pub(super) fn gone(&self) -> CancellationToken {
        self.gone.clone()
    }

    /// True while the member is in doubt.
    pub(super) fn doubt(&self) -> watch::Receiver<bool> {
        self.doubt.clone()
    }

    /// The sample came to its end.
    pub(super) fn succeeded(&self) {
        self.judge(|state, sent| state.breaker.succeeded(sent));
    }

    pub(super) fn failed(&self, error: &EngineError, failure: Failure) {
        self.judge(|state, sent| {
            state.why = Some(error.to_string());
            // Busy is not broken, but it is no place for the next sample either.
            state.breaker.failed(Instant::now(), sent, failure);
        });
    }

    fn judge(&self, judge: impl FnOnce(&mut State, Sent)) {
        if self.judged.set(()).is_ok() {
            let mut state = self.member.state();
            // What became of samples of an engine that is gone tells nothing of the one that came after it.
            if !self.gone.is_cancelled() {
                judge(&mut state, self.sent);
            }
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.member.running.fetch_sub(1, Ordering::AcqRel);
        self.judge(|state, sent| state.breaker.unknown(sent));
    }
}
